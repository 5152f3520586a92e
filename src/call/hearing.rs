//! Who hears whom in a talk of three, the tone while the third is rung, and what the operator is told beside it.

use super::caller::{Call, State};
use super::calls::House;
use crate::ids::{LegId, Prompt};
use crate::ivr::RINGBACK;
use crate::media;

/// What plays on legs of a talk. These tokens come back to nobody but [`Call::played_in_talk`].
pub(super) const TONE: u64 = u64::MAX;
pub(super) const REFUSAL: u64 = u64::MAX - 1;

impl Call {
    /// Everybody hears everybody but who holds; `false`: two do, and need no mixing.
    pub fn mix_talk(&self, house: &mut House) -> bool {
        let (State::Talking(talk), Some(seat)) = (&self.state, self.seats.first()) else { return false };
        if talk.handoff.is_none() && !talk.refusal_plays {
            return false;
        }
        let caller = (!talk.caller_gone).then_some((self.caller, talk.caller_holds));
        let far = talk.handoff.as_ref().filter(|handoff| handoff.is_heard()).map(|handoff| (handoff.leg, false));
        let all: Vec<(LegId, bool)> = caller.into_iter().chain([(seat.leg, talk.operator_away())]).chain(far).collect();
        let there = || all.iter().filter(|(_, holds)| !holds).map(|(leg, _)| *leg);
        let hears = there().flat_map(|ear| there().filter(move |mouth| *mouth != ear).map(move |mouth| (ear, mouth)));
        let (legs, hears) = (all.iter().map(|(leg, _)| *leg).collect(), hears.collect());
        house.media(media::Command::Mix { legs, hears });
        true
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

    pub fn tone(&self, house: &mut House, rings: bool) {
        let State::Talking(talk) = &self.state else { return };
        let caller = (!talk.caller_gone).then_some(self.caller);
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
