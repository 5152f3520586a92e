//! The sound of a caller and of whom they were put through to outside goes directly between both, as long as nobody and
//! nothing of the house needs it: third-party call control, RFC 3725. The caller's phone is told first, and whom it says
//! then is who the other is told; both talk by us until they do, and if one of them refuses, they go on doing so.

use std::time::Duration;

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::recording::Tape;
use super::releasing::Releasing;
use crate::ids::LegId;
use crate::media::{self, Direction};
use crate::moment::Moment;
use crate::records::{self, DirectRecord};
use crate::sip::{self, Body};

/// So often in a call, for each may hold and come back, and a phone that answers every description with one of its own
/// would never come to rest.
const MOST_TRIES: u8 = 8;
/// A phone that refuses our own description is asked again after so long, and so often.
const RETURN_EVERY: Duration = Duration::from_secs(2);
const MOST_RETURNS: u8 = 3;

/// How far it has come.
#[derive(Default)]
pub(super) struct Direct {
    /// The caller, and whom they talk with. `None`: all passes us.
    ends: Option<[End; 2]>,
    /// It is needed here again.
    comes_home: bool,
    tries: u8,
    /// It came to nothing: it is not tried again.
    refused: bool,
    /// Our offer in a 200 to this leg waits for the answer in its ACK.
    asked: Option<LegId>,
}

struct End {
    leg: LegId,
    at: At,
    returns: u8,
}

/// Where an end sends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    /// To us. `located`: from where it says that it receives.
    Here {
        located: bool,
    },
    Leaving(Step),
    There,
    Returning(Step),
    /// It refused to return, and is asked again then.
    Refused {
        again: Moment,
    },
}

/// How far a new description has come.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Described,
    Offered,
    /// They asked for it themselves, and answer it in their ACK.
    Asked,
    Answered,
}

const HERE: At = At::Here { located: false };
const LOCATED: At = At::Here { located: true };

impl Direct {
    pub fn next_deadline(&self) -> Option<Moment> {
        let again = |end: &End| if let At::Refused { again } = end.at { Some(again) } else { None };
        self.ends.iter().flatten().filter_map(again).min()
    }

    fn end(&mut self, leg: LegId) -> Option<&mut End> {
        self.ends.iter_mut().flatten().find(|end| end.leg == leg)
    }

    fn at(&self) -> Option<[At; 2]> {
        self.ends.as_ref().map(|ends| [ends[0].at, ends[1].at])
    }

    fn set(&mut self, leg: LegId, at: At) {
        if let Some(end) = self.end(leg) {
            end.at = at;
        }
    }

    fn refuse(&mut self) {
        (self.refused, self.comes_home) = (true, true);
    }
}

impl Call {
    /// After each event: what has to be described anew, and to whom.
    pub fn see_to_direct(&mut self, house: &mut House) {
        let wanted = self.needs_no_sound(house);
        if let Some(ends) = &self.direct.ends {
            self.direct.comes_home |= wanted != Some([ends[0].leg, ends[1].leg]);
            match self.direct.comes_home {
                true => self.come_home(house),
                false => self.leave(house),
            }
        }
        if let (None, Some(legs)) = (&self.direct.ends, wanted.filter(|_| self.may_be_tried())) {
            self.direct.ends = Some(legs.map(|leg| End { leg, at: HERE, returns: 0 }));
            legs.into_iter().for_each(|leg| house.media(media::Command::Locate { leg }));
        }
        self.tell_direct(house);
    }

    /// Caller and whom they talk with outside, where nobody and nothing of the house hears them or is heard.
    fn needs_no_sound(&self, house: &House) -> Option<[LegId; 2]> {
        let State::Onward(onward) = &self.state else { return None };
        let legs = [self.caller, onward.leg];
        let is_allowed = |leg: &LegId| {
            let trunk = house.legs.trunk_of(*leg);
            trunk.is_some_and(|trunk| house.settings.direct.contains(trunk)) && !house.legs.is_encrypted(*leg)
        };
        let talk = self.direction == Direction::Both && !onward.holds() && onward.is_left_outside(house);
        (talk && !matches!(self.tape, Tape::Runs { .. }) && legs.iter().all(is_allowed)).then_some(legs)
    }

    fn may_be_tried(&self) -> bool {
        self.may_leave() && !self.direct.refused && self.direct.tries < MOST_TRIES
    }

    /// Nobody describes anything else just now, and no carrier is to put both together.
    fn may_leave(&self) -> bool {
        let State::Onward(onward) = &self.state else { return false };
        let is_free = matches!(onward.releasing, Releasing::No | Releasing::Stays);
        is_free && !onward.reoffered && !self.reoffered && self.direct.asked.is_none()
    }

    /// The caller's phone first: an answer shows that they are who called.
    fn leave(&mut self, house: &mut House) {
        let Some([caller, far]) = &self.direct.ends else { return };
        let (leg, to) = match (caller.at, far.at) {
            (LOCATED, LOCATED) => (caller.leg, far.leg),
            (At::There, At::Here { .. }) => (far.leg, caller.leg),
            _ => return,
        };
        if !self.may_leave() {
            return;
        }
        if leg == self.caller {
            self.direct.tries += 1;
        }
        self.direct.set(leg, At::Leaving(Step::Described));
        house.media(media::Command::OfferDirect { leg, to });
    }

    /// Both that are still ours are told our own descriptions again.
    fn come_home(&mut self, house: &mut House) {
        let ours: Vec<LegId> = if self.is_ended() { Vec::new() } else { self.legs().collect() };
        let mut all_here = true;
        for end in self.direct.ends.iter_mut().flatten() {
            let is_due = match end.at {
                At::There => true,
                At::Refused { again } => again <= house.now,
                _ => false,
            };
            if !ours.contains(&end.leg) {
                end.at = HERE;
            } else if is_due {
                end.at = At::Returning(Step::Described);
                house.media(media::Command::MakeOffer { leg: end.leg, like: None });
            }
            all_here &= matches!(end.at, At::Here { .. });
        }
        if all_here {
            (self.direct.ends, self.direct.comes_home) = (None, false);
        }
    }

    /// The record says when it was so.
    fn tell_direct(&mut self, house: &mut House) {
        let is_direct = self.direct.at() == Some([At::There; 2]) && !self.direct.comes_home;
        let open = self.record.direct.iter_mut().find(|one| one.ended_at.is_none());
        match (open, is_direct) {
            (None, true) => {
                info!("the sound goes directly between both");
                self.record.direct.push(DirectRecord { at: house.now, ended_at: None });
            }
            (Some(open), false) => {
                info!("the sound comes by us again");
                open.ended_at = Some(house.now);
            }
            _ => return,
        }
        for leg in self.legs() {
            house.sip(sip::Command::Unheard { leg, unheard: is_direct });
        }
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
    }

    /// Takes answers to re-INVITEs of ours; gives back the rest.
    pub fn direct_sip(&mut self, house: &mut House, event: sip::Event) -> Option<sip::Event> {
        match event {
            sip::Event::ReofferAnswered { leg, result } => {
                self.reoffer_answered(house, leg, result);
                None
            }
            sip::Event::Reoffer { leg, body: None } => {
                self.description_asked(house, leg);
                Some(event)
            }
            sip::Event::Acked { leg, ref answer } => {
                self.direct.asked.take_if(|asked| *asked == leg);
                if self.direct.end(leg).is_some_and(|end| end.at == At::Returning(Step::Asked)) {
                    match answer {
                        Some(_) => self.direct.set(leg, At::Returning(Step::Answered)),
                        None => self.return_refused(house, leg),
                    }
                }
                Some(event)
            }
            event => Some(event),
        }
    }

    /// Our own description is all that we can offer.
    fn description_asked(&mut self, house: &mut House, leg: LegId) {
        self.direct.asked = Some(leg);
        match self.direct.end(leg).map(|end| end.at) {
            Some(At::There) => {}
            Some(At::Returning(Step::Offered)) => house.sip(sip::Command::DropReoffer { leg }),
            _ => return,
        }
        self.direct.set(leg, At::Returning(Step::Asked));
        self.direct.comes_home = true;
    }

    fn reoffer_answered(&mut self, house: &mut House, leg: LegId, result: Result<Option<Body>, u16>) {
        let Some(end) = self.direct.end(leg) else { return };
        match (end.at, result) {
            (At::Leaving(_), Ok(Some(body))) => {
                end.at = At::Leaving(Step::Answered);
                house.media(media::Command::TakeAnswer { leg, sdp: body.bytes });
            }
            (At::Leaving(_), Ok(None)) => {
                end.at = At::There;
                self.direct.refuse();
            }
            (At::Leaving(_), Err(status)) => {
                info!(status, "the sound stays with us: refused");
                end.at = HERE;
                self.direct.refuse();
                house.media(media::Command::Watch { leg });
            }
            (At::Returning(_), Ok(Some(body))) => {
                end.at = At::Returning(Step::Answered);
                house.media(media::Command::TakeAnswer { leg, sdp: body.bytes });
            }
            (At::Returning(_), _) => self.return_refused(house, leg),
            _ => {}
        }
    }

    /// Whoever refuses again and again is heard again if they send to us, or is found dead.
    fn return_refused(&mut self, house: &mut House, leg: LegId) {
        let Some(end) = self.direct.end(leg) else { return };
        end.returns += 1;
        if end.returns < MOST_RETURNS {
            end.at = At::Refused { again: house.now + RETURN_EVERY };
        } else {
            end.at = HERE;
            self.direct.refuse();
            house.media(media::Command::Watch { leg });
        }
    }

    /// Takes what concerns descriptions of its own; gives back the rest.
    pub fn direct_media(&mut self, house: &mut House, event: media::Event) -> Option<media::Event> {
        use Step::{Answered, Described, Offered};
        use media::Event as E;
        let (E::Located { leg }
        | E::CameHome { leg }
        | E::Described { leg, .. }
        | E::Agreed { leg, .. }
        | E::Unacceptable { leg, .. }) = &event
        else {
            return Some(event);
        };
        let leg = *leg;
        let Some(at) = self.direct.end(leg).map(|end| end.at) else { return Some(event) };
        match (event, at) {
            (E::Located { .. }, At::Here { .. }) => self.direct.set(leg, LOCATED),
            (E::CameHome { .. }, At::There) => self.came_home(leg),
            (E::Described { sdp, .. }, At::Leaving(Described)) => {
                self.direct.set(leg, At::Leaving(Offered));
                house.sip(sip::Command::Reoffer { leg, body: Body::sdp(sdp) });
            }
            (E::Described { sdp, .. }, At::Returning(Described)) => {
                self.direct.set(leg, At::Returning(Offered));
                house.sip(sip::Command::Reoffer { leg, body: Body::sdp(sdp) });
            }
            // Theirs came first, and is answered with our own.
            (event @ E::Described { .. }, At::Leaving(Offered) | At::Returning(Offered)) => {
                house.sip(sip::Command::DropReoffer { leg });
                self.came_home(leg);
                return Some(event);
            }
            (E::Agreed { .. }, At::Leaving(Answered)) => self.direct.set(leg, At::There),
            (event @ E::Agreed { .. }, At::Returning(Answered)) => {
                self.direct.set(leg, HERE);
                return Some(event);
            }
            (E::Unacceptable { why, .. }, At::Leaving(step @ (Described | Answered))) => {
                info!(why, "the sound stays with us");
                self.direct.set(leg, if step == Answered { At::There } else { HERE });
                self.direct.refuse();
            }
            (E::Unacceptable { .. }, At::Returning(Answered)) => self.return_refused(house, leg),
            (E::Located { .. } | E::CameHome { .. }, _) => {}
            (event, _) => return Some(event),
        }
        None
    }

    /// An offer of theirs was answered with our own description.
    fn came_home(&mut self, leg: LegId) {
        self.direct.set(leg, HERE);
        self.direct.comes_home = true;
    }
}
