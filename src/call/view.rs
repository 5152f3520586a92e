//! A call as those who look on see it, and which calls look otherwise than before.

use super::caller::{Call, State};
use super::offering::Progress;
use super::order::{Supervision, Whom};
use super::others::{Other, Role};
use crate::ids::{OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::records::Record;

/// One open call.
pub struct View<'a> {
    pub stage: Stage,
    /// Since when it is in this stage.
    pub since: Moment,
    /// As it is so far.
    pub record: &'a Record,
    /// Its place in the line as it was told last, from 1.
    pub place: Option<usize>,
    /// Whose seats ring for it.
    pub rings: Vec<(OperatorId, SeatId)>,
    /// Who has it: talks in it, or has answered for it; whoever gave it on has it no longer.
    pub operator: Option<(OperatorId, SeatId)>,
    pub consulting: Option<Consulted>,
    pub supervisors: Vec<Supervisor>,
    pub emergency: Option<Target>,
    /// The caller hung up; operator and the far end of an emergency talk on.
    pub caller_gone: bool,
    /// `None`: it is not recorded.
    pub recorded: Option<Recorded>,
}

/// How far the recording has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// It begins when caller and operator talk and the caller has heard of it.
    Soon,
    On,
    /// The operator asked for silence, or somebody outside is rung.
    Paused,
}

/// What a call is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Arriving,
    Menu,
    /// In the line.
    Waiting,
    /// In the line, and a seat rings.
    Ringing,
    Talking,
    /// The caller is on hold.
    Holding,
    /// The operator is with somebody else; the caller hears music.
    Consulting,
    /// Caller, operator and consulted hear each other.
    Conference,
    /// The operator's phone is lost; the caller hears music.
    Lost,
    /// The operator left the caller to the far end of an emergency.
    HandedOff,
    /// The caller rings, or talks, somewhere else: sent on by a menu, a rule or an operator.
    Onward,
    Message,
    Survey,
    /// A last announcement, or a number that only plays.
    Announcement,
    /// The citizen is rung for a callback.
    Dialling,
    /// The last figures are awaited.
    Over,
}

impl Stage {
    /// Each once, in the order above.
    pub const ALL: [Stage; 16] = [
        Stage::Arriving,
        Stage::Menu,
        Stage::Waiting,
        Stage::Ringing,
        Stage::Talking,
        Stage::Holding,
        Stage::Consulting,
        Stage::Conference,
        Stage::Lost,
        Stage::HandedOff,
        Stage::Onward,
        Stage::Message,
        Stage::Survey,
        Stage::Announcement,
        Stage::Dialling,
        Stage::Over,
    ];

    /// As it is written in records, and as the pages call it, which tell fewer apart.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Stage::Arriving => ("arriving", "menu"),
            Stage::Menu => ("menu", "menu"),
            Stage::Waiting => ("waiting", "waiting"),
            Stage::Ringing => ("ringing", "ringing"),
            Stage::Talking => ("talking", "talking"),
            Stage::Holding => ("holding", "holding"),
            Stage::Consulting => ("consulting", "consulting"),
            Stage::Conference => ("conference", "conference"),
            Stage::Lost => ("lost", "lost"),
            Stage::HandedOff => ("handed_off", "onward"),
            Stage::Onward => ("onward", "onward"),
            Stage::Message => ("message", "message"),
            Stage::Survey => ("survey", "survey"),
            Stage::Announcement => ("announcement", "menu"),
            Stage::Dialling => ("dialling", "callback"),
            Stage::Over => ("over", "ending"),
        }
    }

    /// As it is written in records.
    pub const fn recorded(self) -> &'static str {
        self.words().0
    }

    /// As the pages call it.
    pub const fn shown(self) -> &'static str {
        self.words().1
    }
}

/// How far a leg beside the talk has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    Ringing,
    Talking,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consulted {
    pub to: Whom,
    /// Who sits where it rings.
    pub operator: Option<OperatorId>,
    pub stage: Reached,
    /// The caller hears them.
    pub caller_hears: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supervisor {
    pub operator: OperatorId,
    pub mode: Supervision,
    pub stage: Reached,
}

/// Of an emergency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub id: String,
    pub stage: Reached,
    /// They said that they have the matter: nobody takes them out any more.
    pub confirmed: bool,
}

/// What tells one look of a call from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    stage: Stage,
    queue: Option<QueueId>,
    operator: Option<(OperatorId, SeatId)>,
    place: Option<usize>,
    rings: Vec<(OperatorId, SeatId)>,
    consulting: Option<Consulted>,
    supervisors: Vec<Supervisor>,
    emergency: Option<Target>,
    caller_gone: bool,
    answered: bool,
    /// Of what is only added to: how much there is.
    counts: [usize; 6],
    notes: u32,
    recorded: Option<Recorded>,
}

impl Call {
    pub fn view(&self) -> View<'_> {
        View {
            stage: self.stage(),
            since: self.stage_since,
            record: &self.record,
            place: self.places.map(|(_, now)| now).filter(|_| self.in_line),
            rings: self.rings(),
            operator: self.operator_there(),
            consulting: self.consulted(),
            supervisors: self.supervisors(),
            emergency: self.emergency(),
            caller_gone: self.is_caller_gone(),
            recorded: self.recorded_now(),
        }
    }

    pub fn look(&self) -> Look {
        let record = &self.record;
        Look {
            stage: self.stage(),
            queue: record.queue.clone(),
            operator: self.operator_there(),
            place: self.places.map(|(_, now)| now).filter(|_| self.in_line),
            rings: self.rings(),
            consulting: self.consulted(),
            supervisors: self.supervisors(),
            emergency: self.emergency(),
            caller_gone: self.is_caller_gone(),
            answered: record.answered_at.is_some(),
            counts: [
                record.choices.len(),
                record.digits.len(),
                record.menu_path.len(),
                record.offers.len(),
                record.transfers.len(),
                record.one_way.len(),
            ],
            notes: self.notes,
            recorded: self.recorded_now(),
        }
    }

    /// Remembers how it looks now; `true`: otherwise than before.
    pub fn looks_otherwise(&mut self, now: Moment) -> bool {
        let look = self.look();
        let Some(before) = self.last_look.as_ref() else {
            (self.stage_since, self.last_look) = (now, Some(look));
            return true;
        };
        if before.stage != look.stage {
            self.stage_since = now;
        }
        let otherwise = *before != look;
        if otherwise {
            self.last_look = Some(look);
        }
        otherwise
    }

    fn ringing_seats(&self) -> impl Iterator<Item = &super::offering::SeatLeg> {
        self.seats.iter().filter(|seat| seat.progress != Progress::Joined)
    }

    fn rings(&self) -> Vec<(OperatorId, SeatId)> {
        match &self.state {
            State::Onward(onward) if !onward.is_joined() => onward.operator().into_iter().collect(),
            // They have answered, and hear the citizen's phone ring.
            State::Dialling(_) | State::Reached => Vec::new(),
            _ => self.ringing_seats().map(|seat| (seat.operator.clone(), seat.seat.clone())).collect(),
        }
    }

    fn operator_there(&self) -> Option<(OperatorId, SeatId)> {
        let has_it = match &self.state {
            State::Onward(onward) => return onward.operator().filter(|_| onward.is_joined()),
            State::Dialling(_) | State::Reached => Progress::Accepted,
            _ => Progress::Joined,
        };
        let seat = self.seats.iter().find(|seat| seat.progress == has_it)?;
        Some((seat.operator.clone(), seat.seat.clone()))
    }

    pub fn stage(&self) -> Stage {
        match &self.state {
            State::Opening { .. } | State::Unacknowledged { .. } => Stage::Arriving,
            State::Menu => Stage::Menu,
            State::Line(_) if self.ringing_seats().next().is_some() => Stage::Ringing,
            State::Line(_) | State::Reached => Stage::Waiting,
            State::Talking(talk) => talk.stage(),
            State::LastWords { .. } | State::Sounding => Stage::Announcement,
            State::Recruiting => Stage::Ringing,
            State::Dialling(_) => Stage::Dialling,
            State::Onward(_) => Stage::Onward,
            State::Message(_) => Stage::Message,
            State::HandedOff(_) => Stage::HandedOff,
            State::Survey(_) => Stage::Survey,
            State::Ended { .. } => Stage::Over,
        }
    }

    fn emergency(&self) -> Option<Target> {
        let handoff = self.handoff()?;
        let stage = if handoff.is_joined() { Reached::Talking } else { Reached::Ringing };
        Some(Target { id: handoff.target_id().to_string(), stage, confirmed: handoff.is_confirmed() })
    }

    fn is_caller_gone(&self) -> bool {
        self.talk().is_some_and(|talk| talk.caller_gone)
    }

    fn consulted(&self) -> Option<Consulted> {
        let other = self.talk()?.consulted()?;
        let Role::Consulted { to } = &other.role else { return None };
        let caller_hears = other.is_joined() && self.caller_hears(other.leg);
        Some(Consulted { to: to.clone(), operator: other.busy.clone(), stage: other.reached(), caller_hears })
    }

    fn supervisors(&self) -> Vec<Supervisor> {
        let others = self.talk().into_iter().flat_map(|talk| &talk.others);
        let supervisor = |other: &Other| match &other.role {
            Role::Supervisor { operator, mode, .. } => {
                Some(Supervisor { operator: operator.clone(), mode: *mode, stage: other.reached() })
            }
            _ => None,
        };
        others.filter_map(supervisor).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_among_all_of_them() {
        assert!(Stage::ALL.iter().enumerate().all(|(place, stage)| *stage as usize == place));
        assert_eq!(Stage::ALL.len(), Stage::Over as usize + 1);
    }
}
