//! The line is released: a caller and whom they were put through to outside talk over trunks whose carriers put both
//! together without us (REFER with Replaces, RFC 5589 §7), and two channels of ours are free. Until the carrier says that
//! it is done both talk by us, and they go on doing so whatever else it says.

use std::time::Duration;

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::onward::Onward;
use crate::ids::LegId;
use crate::moment::Moment;
use crate::records::{self, EndedBy, ReleaseOutcome, ReleaseRecord};
use crate::sip::{self, ReleaseNews};

/// Who hangs up while it is not known yet what became of it may have been taken over: the news is waited for so long.
/// Over UDP it may be lost three times (RFC 3261 §17.1.2.2: after 0.5, 1.5 and 3.5 s it is sent again).
const NEWS_WITHIN: Duration = Duration::from_secs(4);
/// When it is done the carriers hang up our legs within this, or we do, RFC 5589 §7.
const PARTING: Duration = Duration::from_secs(2);

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Releasing {
    /// It was not asked for.
    #[default]
    No,
    /// Both talk by us, and nobody has said that the carrier has it.
    Asked,
    /// It has, and did not say yet what becomes of it.
    Taken,
    /// It will not say, RFC 4488: whom it takes over hangs up by then.
    Untold { until: Moment },
    /// Somebody hung up before it said. `there`: legs of both that are left.
    Parted { first: Gone, there: usize, until: Moment },
    /// It is done; the legs that are left are hung up by then.
    Done { there: usize, until: Moment },
    /// It came to nothing: we stay between them.
    Stays,
}

/// Who hung up first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gone {
    leg: LegId,
    why: sip::Ended,
    because: Option<sip::Reason>,
}

impl Releasing {
    pub fn next_deadline(self) -> Option<Moment> {
        match self {
            Releasing::Untold { until } | Releasing::Parted { until, .. } | Releasing::Done { until, .. } => {
                Some(until)
            }
            Releasing::No | Releasing::Asked | Releasing::Taken | Releasing::Stays => None,
        }
    }
}

impl Call {
    /// After each event: asks for it as soon as nobody and nothing of the house is between them any more. Once: what a
    /// carrier refuses it refuses again.
    pub fn see_to_release(&mut self, house: &mut House) {
        let State::Onward(onward) = &self.state else { return };
        if onward.releasing != Releasing::No || !self.may_be_released(house, onward) {
            return;
        }
        let to = onward.leg;
        info!("nobody of the house is between both any more: the carrier is to put them together");
        self.record.release = Some(ReleaseRecord::new(house.now));
        // Who speaks in the clear would not understand the other.
        if house.legs.is_encrypted(self.caller) != house.legs.is_encrypted(to) {
            return self.stays(house, ReleaseOutcome::OneEncrypted, None);
        }
        self.set_releasing(Releasing::Asked);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        house.sip(sip::Command::Release { leg: self.caller, to });
    }

    fn may_be_released(&self, house: &House, onward: &Onward) -> bool {
        let is_free = |leg: LegId| house.legs.trunk_of(leg).is_some_and(|trunk| house.settings.refers.contains(trunk));
        let holds = onward.holds() || self.direction.is_hold();
        let describes = onward.reoffered || self.reoffered;
        onward.is_left_outside(house) && [self.caller, onward.leg].into_iter().all(is_free) && !holds && !describes
    }

    /// Takes what concerns it; gives back the rest.
    pub fn release_sip(&mut self, house: &mut House, event: sip::Event) -> Option<sip::Event> {
        let State::Onward(Onward { leg: far, releasing, .. }) = &self.state else { return Some(event) };
        let (far, releasing) = (*far, *releasing);
        match (event, releasing) {
            (sip::Event::Release { news, .. }, _) => self.release_told(house, news),
            // Nobody takes over before they have been asked.
            (sip::Event::Ended { leg, why }, Releasing::Asked) => {
                self.hung_up(house, Gone { leg, why, because: self.because });
            }
            (sip::Event::Ended { leg, why }, Releasing::Taken) => {
                let first = Gone { leg, why, because: self.because };
                self.set_releasing(Releasing::Parted { first, there: 1, until: house.now + NEWS_WITHIN });
            }
            (sip::Event::Ended { leg, .. }, Releasing::Untold { .. }) if leg == far => self.released(house, 1),
            (sip::Event::Ended { .. }, Releasing::Parted { first, until, .. }) => {
                self.set_releasing(Releasing::Parted { first, there: 0, until });
            }
            (sip::Event::Ended { .. }, Releasing::Done { there, until }) => match there.saturating_sub(1) {
                0 => self.part(house),
                there => self.set_releasing(Releasing::Done { there, until }),
            },
            (event, _) => return Some(event),
        }
        None
    }

    pub fn release_deadline(&mut self, house: &mut House) {
        let State::Onward(Onward { releasing, .. }) = &self.state else { return };
        match *releasing {
            releasing if releasing.next_deadline().is_none_or(|until| until > house.now) => {}
            Releasing::Untold { .. } => self.stays(house, ReleaseOutcome::NoAnswer, None),
            Releasing::Parted { first, .. } => self.hung_up(house, first),
            _ => self.part(house),
        }
    }

    fn release_told(&mut self, house: &mut House, news: ReleaseNews) {
        let State::Onward(Onward { releasing, .. }) = &self.state else { return };
        match (news, *releasing) {
            (_, Releasing::No | Releasing::Untold { .. } | Releasing::Done { .. } | Releasing::Stays) => {}
            (ReleaseNews::Taken, Releasing::Asked) => self.set_releasing(Releasing::Taken),
            (ReleaseNews::Taken, _) => {}
            (ReleaseNews::Done, Releasing::Parted { there, .. }) => self.released(house, there),
            (ReleaseNews::Done, _) => self.released(house, 2),
            (ReleaseNews::Untold, Releasing::Asked) => {
                self.set_releasing(Releasing::Untold { until: house.now + NEWS_WITHIN });
            }
            (ReleaseNews::Untold, _) => {}
            (ReleaseNews::Refused { status }, _) => self.stays(house, ReleaseOutcome::Refused, Some(status)),
            (ReleaseNews::Silent, _) => self.stays(house, ReleaseOutcome::NoAnswer, None),
            (ReleaseNews::NotKnown, _) => self.stays(house, ReleaseOutcome::NotKnown, None),
            (ReleaseNews::Untrusted, _) => self.stays(house, ReleaseOutcome::Untrusted, None),
        }
    }

    /// Both talk without us.
    fn released(&mut self, house: &mut House, there: usize) {
        info!("both talk without us; the line is free");
        self.because = None;
        self.release_over(house, ReleaseOutcome::Released, None);
        self.sent_on_over(house);
        // Whatever becomes of the house, their talk is over here.
        (self.record.outcome, self.record.ended_by) = (Some(self.abandoned()), Some(EndedBy::Released));
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        match there {
            0 => self.part(house),
            there => self.set_releasing(Releasing::Done { there, until: house.now + PARTING }),
        }
    }

    /// Both talk without us, and our legs are not over yet.
    pub fn is_released(&self) -> bool {
        matches!(&self.state, State::Onward(Onward { releasing: Releasing::Done { .. }, .. }))
    }

    /// What is left of our legs is hung up.
    pub fn part(&mut self, house: &mut House) {
        let outcome = self.abandoned();
        self.finish(house, outcome, EndedBy::Released);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        self.enter_ended(house);
    }

    /// It came to nothing. Who hung up meanwhile did so.
    fn stays(&mut self, house: &mut House, outcome: ReleaseOutcome, status: Option<u16>) {
        info!(%outcome, status, "we stay between them");
        self.release_over(house, outcome, status);
        let State::Onward(Onward { releasing, .. }) = &self.state else { return };
        if let Releasing::Parted { first, .. } = *releasing {
            return self.hung_up(house, first);
        }
        self.set_releasing(Releasing::Stays);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
    }

    fn hung_up(&mut self, house: &mut House, first: Gone) {
        self.because = first.because;
        self.leg_ended(house, first.leg, first.why);
        self.because = None;
        if first.leg == self.caller {
            // Signalling need not hear any more what became of it.
            house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        }
    }

    /// The record says what became of it, once.
    pub fn release_over(&mut self, house: &House, outcome: ReleaseOutcome, status: Option<u16>) {
        if let Some(entry) = self.record.release.as_mut().filter(|entry| entry.ended_at.is_none()) {
            (entry.ended_at, entry.outcome, entry.sip_status) = (Some(house.now), outcome, status);
        }
    }

    fn set_releasing(&mut self, to: Releasing) {
        if let State::Onward(onward) = &mut self.state {
            onward.releasing = to;
        }
    }
}
