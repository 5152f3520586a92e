//! Legs beside the talk of caller and operator: a colleague or a number that is consulted, a supervisor, the operator's
//! phone that is rung anew. Rung and answered alike; what follows is in `consulting`, `supervising` and `losing`.

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::onward;
use super::order::{Supervision, Whom};
use super::ringing::{Ringing, reason};
use super::talking::Talk;
use super::view::Reached;
use crate::ids::{CallId, LegId, OperatorId};
use crate::media::{self, Direction};
use crate::moment::Moment;
use crate::queue::Input;
use crate::records::TransferOutcome;
use crate::sip::{self, Body};

/// Somebody beside caller and operator.
pub(super) struct Other {
    pub leg: LegId,
    pub role: Role,
    pub at: onward::Whom,
    /// Whoever sits there: kept from being offered anything meanwhile.
    pub busy: Option<OperatorId>,
    pub progress: Ringing,
    pub holds: bool,
    /// A re-INVITE of theirs waits for our description.
    pub reoffered: bool,
    /// Its connection is gone.
    pub lost: bool,
    /// The talk that they have until they get this caller: with the operator, who asked for them in it.
    pub instead_of: Option<CallId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Consulted {
        to: Whom,
    },
    /// `takes_over`: as soon as the phone is answered.
    Supervisor {
        operator: OperatorId,
        mode: Supervision,
        takes_over: bool,
    },
    /// The phone of the operator, or of somebody beside the talk, rung anew.
    Reclaimed,
}

impl Other {
    /// A leg that called us: it is there already.
    pub fn brought_in(leg: LegId, role: Role, at: onward::Whom, operator: OperatorId) -> Self {
        let (progress, busy) = (Ringing::Joined, Some(operator));
        Self { leg, role, at, busy, progress, holds: false, reoffered: false, lost: false, instead_of: None }
    }

    /// Our tone is heard instead of them until something of theirs is.
    pub fn is_heard(&self) -> bool {
        !matches!(self.progress, Ringing::Rings { .. })
    }

    pub fn is_joined(&self) -> bool {
        self.progress == Ringing::Joined
    }

    pub fn reached(&self) -> Reached {
        if self.is_joined() { Reached::Talking } else { Reached::Ringing }
    }

    pub fn is_consulted(&self) -> bool {
        matches!(self.role, Role::Consulted { .. })
    }

    /// They take part in the talk, and are not only rung for it.
    pub fn has_part(&self) -> bool {
        self.is_joined() && self.role != Role::Reclaimed
    }
}

impl Talk {
    pub fn other(&self, leg: LegId) -> Option<&Other> {
        self.others.iter().find(|other| other.leg == leg)
    }

    pub fn consulted(&self) -> Option<&Other> {
        self.others.iter().find(|other| other.is_consulted())
    }

    /// Of somebody beside the talk, also while their phone still rings for it.
    pub fn part_of(&self, by: &OperatorId) -> Option<&Other> {
        self.others.iter().find(|other| other.role != Role::Reclaimed && other.busy.as_ref() == Some(by))
    }

    pub fn take_other(&mut self, is: impl Fn(&Other) -> bool) -> Option<Other> {
        self.others.iter().position(is).map(|index| self.others.remove(index))
    }
}

impl Call {
    pub fn talk(&self) -> Option<&Talk> {
        if let State::Talking(talk) = &self.state { Some(talk) } else { None }
    }

    pub fn other(&self, leg: LegId) -> Option<&Other> {
        self.talk()?.other(leg)
    }

    fn other_mut(&mut self, leg: LegId) -> Option<&mut Other> {
        let State::Talking(talk) = &mut self.state else { return None };
        talk.others.iter_mut().find(|other| other.leg == leg)
    }

    /// Rings somebody beside the talk.
    pub fn ring_other(
        &mut self,
        house: &mut House,
        role: Role,
        at: onward::Whom,
        busy: Option<OperatorId>,
        until: Moment,
    ) {
        info!(to = %at, ?role, "rung beside the talk");
        let leg = house.legs.make(self.id);
        self.keep_busy(house, busy.as_ref());
        self.open_leg(house, leg, &at);
        let like = match role {
            Role::Consulted { .. } => self.seats.first().map(|seat| seat.leg),
            _ => Some(self.caller),
        };
        let is_outside = matches!(at, onward::Whom::Number(_));
        let progress = Ringing::Rings { until };
        if let State::Talking(talk) = &mut self.state {
            let (holds, reoffered, lost, instead_of) = (false, false, false, None);
            talk.others.push(Other { leg, role, at, busy, progress, holds, reoffered, lost, instead_of });
        }
        self.offer_to(house, leg, is_outside, like);
    }

    pub fn keep_busy(&self, house: &mut House, operator: Option<&OperatorId>) {
        if let Some(operator) = operator.cloned() {
            house.queue(Input::Outbound { operator, busy: true });
        }
    }

    /// Takes what concerns such a leg; gives back the rest.
    pub fn others_sip(&mut self, house: &mut House, event: sip::Event) -> Option<sip::Event> {
        use sip::Event as E;
        let leg = match &event {
            E::Answered { leg, .. }
            | E::Progress { leg, .. }
            | E::Ringing { leg }
            | E::Refused { leg, .. }
            | E::Ended { leg, .. }
            | E::FlowLost { leg }
            | E::Reoffer { leg, .. } => *leg,
            _ => return Some(event),
        };
        if self.other(leg).is_none() {
            return Some(event);
        }
        match event {
            E::Answered { body, .. } => self.other_answered(house, leg, body),
            E::Progress { body, .. } => self.other_progresses(house, leg, body),
            E::Refused { status, .. } => self.other_failed(house, leg, status),
            E::Ended { .. } => self.other_left(house, leg),
            E::FlowLost { .. } => {
                if let Some(other) = self.other_mut(leg) {
                    other.lost = true;
                }
            }
            E::Reoffer { body, .. } => {
                if let Some(other) = self.other_mut(leg) {
                    other.reoffered = true;
                }
                house.media(match body {
                    Some(body) => media::Command::TakeOffer { leg, sdp: body.bytes },
                    None => media::Command::MakeOffer { leg, like: None },
                });
            }
            _ => {}
        }
        None
    }

    pub fn others_media(&mut self, house: &mut House, event: media::Event) -> Option<media::Event> {
        use media::Event as E;
        let leg = match &event {
            E::Described { leg, .. }
            | E::Agreed { leg, .. }
            | E::Unacceptable { leg, .. }
            | E::Exhausted { leg }
            | E::Key { leg, .. }
            | E::Dead { leg } => *leg,
            _ => return Some(event),
        };
        if self.other(leg).is_none() {
            return Some(event);
        }
        match event {
            E::Described { sdp, direction, .. } => self.other_described(house, leg, sdp, direction),
            E::Agreed { direction, .. } => self.other_agreed(house, leg, direction),
            E::Unacceptable { .. } => self.other_unacceptable(house, leg),
            E::Exhausted { .. } => self.other_failed(house, leg, 503),
            E::Dead { .. } => {
                house.sip(sip::Command::Hangup { leg, reason: None });
                self.other_left(house, leg);
            }
            _ => {}
        }
        None
    }

    fn other_described(&mut self, house: &mut House, leg: LegId, sdp: Vec<u8>, direction: Direction) {
        let Some(other) = self.other_mut(leg) else { return };
        if std::mem::take(&mut other.reoffered) {
            other.holds = direction.is_hold();
            house.sip(sip::Command::AcceptReoffer { leg, body: Body::sdp(sdp) });
            return self.hear_each_other(house);
        }
        // Whoever is there already is not invited again.
        if matches!(other.progress, Ringing::Rings { .. }) {
            let (at, auto_answer) = (other.at.clone(), !other.is_consulted());
            self.invite(house, leg, &at, sdp, auto_answer);
        }
    }

    /// 183 with a description: the operator hears what they say instead of our tone.
    fn other_progresses(&mut self, house: &mut House, leg: LegId, body: Body) {
        let Some(other) = self.other_mut(leg) else { return };
        if let (Ringing::Rings { until }, true) = (other.progress, other.is_consulted()) {
            other.progress = Ringing::Early { until };
            house.media(media::Command::TakeAnswer { leg, sdp: body.bytes });
        }
    }

    fn other_answered(&mut self, house: &mut House, leg: LegId, body: Option<Body>) {
        let Some(other) = self.other_mut(leg) else { return };
        let early = matches!(other.progress, Ringing::Early { .. });
        other.progress = Ringing::answered(house.now);
        match body {
            Some(body) => house.media(media::Command::TakeAnswer { leg, sdp: body.bytes }),
            // Their 183 answered our offer already.
            None if early => self.other_agreed(house, leg, Direction::Both),
            None => self.other_unacceptable(house, leg),
        }
    }

    fn other_agreed(&mut self, house: &mut House, leg: LegId, direction: Direction) {
        let Some(other) = self.other_mut(leg) else { return };
        other.holds = direction.is_hold();
        if !matches!(other.progress, Ringing::Answered { .. }) {
            return self.hear_each_other(house);
        }
        other.progress = Ringing::Joined;
        info!(at = %other.at, "answered");
        house.media(media::Command::Watch { leg });
        match other.role.clone() {
            Role::Consulted { .. } => self.consulted_answered(house),
            Role::Supervisor { takes_over: true, .. } => self.take_over_with(house, leg),
            Role::Supervisor { operator, mode, .. } => self.supervision_begins(house, operator, mode),
            Role::Reclaimed => self.reclaimed(house, leg),
        }
    }

    /// Nothing in common, or no answer in their 200. A re-INVITE of theirs is refused, and all is as it was.
    fn other_unacceptable(&mut self, house: &mut House, leg: LegId) {
        let Some(other) = self.other_mut(leg) else { return };
        if std::mem::take(&mut other.reoffered) {
            return house.sip(sip::Command::RefuseReoffer { leg, status: 488 });
        }
        if !other.is_joined() {
            self.other_failed(house, leg, 488);
        }
    }

    fn other_failed(&mut self, house: &mut House, leg: LegId, status: u16) {
        let Some(other) = self.take_other(|other| other.leg == leg) else { return };
        info!(at = %other.at, status, "rung in vain beside the talk");
        self.drop_other_because(house, &other, reason(status));
        if other.is_consulted() {
            self.consulted_failed(house, status);
        }
    }

    /// They hung up, or were lost.
    pub fn other_left(&mut self, house: &mut House, leg: LegId) {
        if self.other(leg).is_some_and(|other| !other.is_joined()) {
            return self.other_failed(house, leg, 487);
        }
        let Some(other) = self.take_other(|other| other.leg == leg) else { return };
        info!(at = %other.at, "left the talk");
        self.drop_other(house, &other);
        match &other.role {
            Role::Consulted { .. } => self.consultation_over(house, TransferOutcome::Ended),
            Role::Supervisor { operator, .. } => self.supervision_over(house, &operator.clone()),
            Role::Reclaimed => {}
        }
        self.reclaim_no_longer(house);
        self.hear_each_other(house);
    }

    pub fn take_other(&mut self, is: impl Fn(&Other) -> bool) -> Option<Other> {
        if let State::Talking(talk) = &mut self.state { talk.take_other(is) } else { None }
    }

    pub fn drop_other(&self, house: &mut House, other: &Other) {
        self.drop_other_because(house, other, None);
    }

    fn drop_other_because(&self, house: &mut House, other: &Other, reason: Option<String>) {
        let leg = other.leg;
        match (other.instead_of, other.busy.clone()) {
            (Some(contact), _) => house.queue(Input::TalkEnded { contact }),
            (None, Some(operator)) => house.queue(Input::Outbound { operator, busy: false }),
            (None, None) => {}
        }
        house.sip(sip::Command::Hangup { leg, reason });
        house.media(media::Command::Close { leg });
        house.legs.remove(leg);
    }

    /// The talk is over: so is everybody's part in it.
    pub fn drop_others(&mut self, house: &mut House) {
        while let Some(other) = self.take_other(|_| true) {
            self.drop_other(house, &other);
            match &other.role {
                Role::Consulted { .. } => {
                    let outcome = if other.is_joined() { TransferOutcome::Ended } else { TransferOutcome::NoAnswer };
                    self.transfer_ended(house, outcome);
                }
                Role::Supervisor { operator, .. } => self.supervision_over(house, &operator.clone()),
                Role::Reclaimed => {}
            }
        }
    }

    /// Whoever has rung long enough.
    pub fn others_deadline(&mut self, house: &mut House) {
        let now = house.now;
        let due = |other: &Other| other.progress.next_deadline().is_some_and(|at| at <= now);
        while let Some(leg) = self.talk().and_then(|talk| talk.others.iter().find(|other| due(other))).map(|o| o.leg) {
            self.other_failed(house, leg, 408);
        }
    }
}
