//! Who hears whom in a talk, what those hear who hear nobody, and what the operator is told beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::caller::{Call, State};
use super::calls::House;
use super::order::Supervision;
use super::others::{Other, Role};
use crate::ids::{LegId, Prompt};
use crate::ivr::RINGBACK;
use crate::media;

/// What plays on legs of a talk. These tokens come back to nobody but [`Call::played_in_talk`].
pub(super) const TONE: u64 = u64::MAX;
pub(super) const REFUSAL: u64 = u64::MAX - 1;

/// What was asked of sound last, so that music goes on when somebody comes or goes.
#[derive(Default)]
pub(super) struct Heard {
    mixed: BTreeSet<LegId>,
    alone: BTreeMap<LegId, Alone>,
}

/// What somebody hears who hears nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    Music,
    Ringback,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Caller,
    Operator,
    /// Consulted, or the far end of an emergency.
    Guest,
    Supervisor(Supervision),
    /// The leg of a caller who hung up.
    Recorded,
}

/// One leg of the talk.
#[derive(Clone, Copy, Debug)]
struct Ear {
    leg: LegId,
    part: Part,
    /// Speaks with those who do as well.
    talks: bool,
    alone: Alone,
}

impl Ear {
    fn hears(&self, mouth: &Ear) -> bool {
        if self.leg == mouth.leg {
            return false;
        }
        match (self.part, mouth.part) {
            (Part::Operator, Part::Supervisor(Supervision::Whisper)) => self.talks,
            (_, Part::Supervisor(mode)) if mode != Supervision::Barge => false,
            (Part::Supervisor(_) | Part::Recorded, _) => mouth.talks,
            _ => self.talks && mouth.talks,
        }
    }
}

impl Call {
    /// Who hears whom, as it is now. Two who talk are joined; more, or somebody who only listens, need a mix.
    pub fn hear_each_other(&mut self, house: &mut House) {
        let Some(ears) = self.ears() else { return };
        let State::Talking(talk) = &mut self.state else { return };
        let beside = ears.iter().any(|ear| matches!(ear.part, Part::Supervisor(_)));
        let guests = ears.iter().filter(|ear| ear.talks).count() > 2;
        let mut heard = std::mem::take(&mut talk.heard);
        if talk.handoff.is_some() || talk.refusal_plays || talk.notice_plays || beside || guests {
            self.mix(house, &ears, &mut heard);
        } else {
            self.unmix(house, &ears);
            heard = Heard::default();
        }
        if let State::Talking(talk) = &mut self.state {
            talk.heard = heard;
        }
    }

    /// Everybody who is there.
    fn ears(&self) -> Option<Vec<Ear>> {
        let (talk, seat) = (self.talk()?, self.seats.first()?);
        let lost = talk.lost_until.is_some();
        let rings = talk.consulting && talk.consulted().is_some_and(|other| !other.is_heard());
        let operator = Ear {
            leg: seat.leg,
            part: Part::Operator,
            talks: !talk.operator_holds && !lost,
            alone: match () {
                () if talk.operator_holds || lost => Alone::Nothing,
                () if rings => Alone::Ringback,
                () if talk.caller_holds && !talk.is_aside() => Alone::Music,
                () => Alone::Nothing,
            },
        };
        let caller = Ear {
            leg: self.caller,
            part: Part::Caller,
            talks: !talk.caller_holds && !talk.is_aside(),
            alone: if talk.caller_holds { Alone::Nothing } else { Alone::Music },
        };
        let other = |other: &Other| {
            let part = match other.role {
                Role::Consulted { .. } if other.is_heard() => Part::Guest,
                Role::Supervisor { mode, .. } if other.is_joined() => Part::Supervisor(mode),
                _ => return None,
            };
            let alone = if other.is_consulted() && !other.holds { Alone::Music } else { Alone::Nothing };
            Some(Ear { leg: other.leg, part, talks: !other.holds, alone })
        };
        let far = talk.handoff.as_ref().filter(|handoff| handoff.is_heard());
        let far = far.map(|far| Ear { leg: far.leg, part: Part::Guest, talks: true, alone: Alone::Nothing });
        // Nobody is there any more, but what the others say is recorded as if somebody listened.
        let recorded = Ear { part: Part::Recorded, talks: false, alone: Alone::Nothing, ..caller };
        let caller = match talk.caller_gone {
            false => Some(caller),
            true => self.is_being_recorded().then_some(recorded),
        };
        Some(caller.into_iter().chain([operator]).chain(talk.others.iter().filter_map(other)).chain(far).collect())
    }

    /// Whether the caller hears this leg.
    pub fn caller_hears(&self, leg: LegId) -> bool {
        let ears = self.ears().unwrap_or_default();
        let of = |leg: LegId| ears.iter().find(|ear| ear.leg == leg);
        of(self.caller).zip(of(leg)).is_some_and(|(caller, mouth)| caller.hears(mouth))
    }

    fn mix(&self, house: &mut House, ears: &[Ear], heard: &mut Heard) {
        let pairs = ears.iter().flat_map(|ear| {
            let mouths = ears.iter().filter(move |mouth| ear.hears(mouth));
            mouths.map(move |mouth| (ear.leg, mouth.leg))
        });
        let hears: Vec<(LegId, LegId)> = pairs.collect();
        let legs: BTreeSet<LegId> = ears.iter().map(|ear| ear.leg).collect();
        // What played on those who come into the mix is over by itself.
        heard.alone.retain(|leg, _| heard.mixed.contains(leg));
        house.media(media::Command::Mix { legs: ears.iter().map(|ear| ear.leg).collect(), hears: hears.clone() });
        let told = self.talk().filter(|talk| talk.notice_plays).map(|_| self.caller);
        for ear in ears {
            // What they hear alone comes after the notice.
            if Some(ear.leg) == told {
                heard.alone.remove(&ear.leg);
                continue;
            }
            let listens = hears.iter().any(|(of, _)| *of == ear.leg);
            let alone = if listens { Alone::Nothing } else { ear.alone };
            let before = heard.alone.insert(ear.leg, alone).unwrap_or(Alone::Nothing);
            if before != alone {
                self.hears_alone(house, ear.leg, alone);
            }
        }
        heard.mixed = legs;
    }

    /// At most two talk: they are joined, and everybody else hears something alone.
    fn unmix(&self, house: &mut House, ears: &[Ear]) {
        let talk: Vec<&Ear> = ears.iter().filter(|ear| ear.talks).collect();
        let joined: &[&Ear] = if let [one, other] = talk[..] {
            house.media(media::Command::Join { a: one.leg, b: other.leg });
            &talk
        } else {
            &[]
        };
        for ear in ears.iter().filter(|ear| !joined.iter().any(|of| of.leg == ear.leg)) {
            match ear.alone {
                Alone::Nothing => house.media(media::Command::Silence { leg: ear.leg }),
                alone => {
                    house.media(media::Command::Part { leg: ear.leg });
                    self.hears_alone(house, ear.leg, alone);
                }
            }
        }
    }

    fn hears_alone(&self, house: &mut House, leg: LegId, alone: Alone) {
        let looped = match alone {
            Alone::Nothing => None,
            Alone::Music => Some(house.settings.ivr.waiting.music.clone()),
            Alone::Ringback => Some(Prompt::plain(RINGBACK)),
        };
        house.media(media::Command::Play { leg, token: TONE, prompts: Vec::new(), looped });
    }

    /// Whoever waits for the far end hears our tone, beside each other where there are two.
    pub fn hear_it_ring(&mut self, house: &mut House) {
        if matches!(self.state, State::Talking(_)) {
            // First the mix: what plays on others is not heard beside anybody.
            self.hear_each_other(house);
            return self.tone(house, true);
        }
        house.media(media::Command::Part { leg: self.caller });
        self.play(house, TONE, Vec::new(), Some(Prompt::plain(RINGBACK)));
    }

    pub fn tone(&mut self, house: &mut House, rings: bool) {
        let State::Talking(talk) = &mut self.state else { return };
        // Whatever they heard alone is over.
        talk.heard.alone.clear();
        let caller = (!talk.caller_gone && !talk.notice_plays).then_some(self.caller);
        let legs: Vec<LegId> = caller.into_iter().chain(self.seats.first().map(|seat| seat.leg)).collect();
        for leg in legs {
            let looped = rings.then(|| Prompt::plain(RINGBACK));
            house.media(media::Command::Play { leg, token: TONE, prompts: Vec::new(), looped });
        }
    }

    pub fn tell_operator(&self, house: &mut House, token: u64, what: &str) {
        if let (State::Talking(_), Some(seat)) = (&self.state, self.seats.first()) {
            let prompts = vec![Prompt::spoken(house.settings.ivr.languages.own, what)];
            house.media(media::Command::Play { leg: seat.leg, token, prompts, looped: None });
        }
    }

    /// The operator has heard that it is not possible: two who talk need no mixing.
    pub fn played_in_talk(&mut self, house: &mut House, token: u64) {
        if let State::Talking(talk) = &mut self.state
            && token == REFUSAL
            && std::mem::take(&mut talk.refusal_plays)
            && talk.handoff.is_none()
        {
            self.hear_each_other(house);
        }
    }
}
