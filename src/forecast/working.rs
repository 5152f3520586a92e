//! Operators at work: they come and find a seat, take breaks, come back, go home; and how long they were busy.

use std::time::Duration;

use super::figures::Time;
use super::world::{Happens, World};
use crate::ids::OperatorId;
use crate::moment::Moment;
use crate::queue::{By, Input, OperatorState};

/// Why the engine makes an operator not ready who let the phone ring.
const RONA: &str = "rona";

#[derive(Clone, Debug, Default)]
pub(super) struct Operator {
    /// The shift they work in, and the seat they sit at.
    pub at_work: Option<(usize, usize)>,
    standing: Standing,
    since: Moment,
    time: Time,
    /// Changes with each absence, so that nobody returns from one that is over.
    pub stamp: u32,
    /// A break that was asked for and has not begun.
    break_asked: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    #[default]
    Away,
    Ready,
    Busy,
}

impl World<'_> {
    pub(super) fn comes_to_work(&mut self, now: Moment, shift: usize) {
        match self.free_seats.pop_first() {
            Some(seat) => self.sits_down(now, shift, seat),
            None => {
                self.figures.seatless += u64::from(now >= self.day.counts_from);
                self.seekers.push_back(shift);
            }
        }
    }

    fn sits_down(&mut self, now: Moment, shift: usize, seat: usize) {
        let place = self.day.shifts[shift].operator;
        let operator = &mut self.operators[place];
        operator.at_work = Some((shift, seat));
        operator.stamp += 1;
        operator.break_asked = None;
        let (operator, seat) = (self.staff.roster[place].clone(), self.staff.seats[seat].clone());
        self.input(now, Input::SignIn { operator: operator.clone(), seat });
        self.input(now, Input::Ready { operator, by: By::Themselves });
    }

    pub(super) fn goes_home(&mut self, now: Moment, shift: usize) {
        self.seekers.retain(|seeker| *seeker != shift);
        let place = self.day.shifts[shift].operator;
        if self.operators[place].at_work.is_some_and(|(at, _)| at == shift) {
            let operator = self.staff.roster[place].clone();
            self.input(now, Input::SignOut { operator, by: By::Themselves });
        }
    }

    pub(super) fn wants_a_break(&mut self, now: Moment, shift: usize, index: usize) {
        let of = &self.day.shifts[shift];
        let rest = &of.breaks[index];
        if self.operators[of.operator].at_work.is_some_and(|(at, _)| at == shift) {
            self.operators[of.operator].break_asked = Some(rest.lasts);
            let operator = self.staff.roster[of.operator].clone();
            self.input(now, Input::NotReady { operator, reason: rest.reason.clone(), by: By::Themselves });
        }
    }

    pub(super) fn stands(&mut self, now: Moment, id: &OperatorId, state: &OperatorState) {
        let Some(place) = self.places.get(id).copied() else { return };
        self.count_time(now, place);
        self.operators[place].standing = match state {
            OperatorState::Ready => Standing::Ready,
            OperatorState::SignedOut | OperatorState::NotReady { .. } | OperatorState::Unreachable { .. } => {
                Standing::Away
            }
            _ => Standing::Busy,
        };
        match state {
            OperatorState::NotReady { reason } => {
                self.operators[place].stamp += 1;
                let lasts = match self.operators[place].break_asked {
                    _ if reason.as_str() == RONA => Some(self.day.habits.away.draw(&mut self.rng)),
                    Some(_) => self.operators[place].break_asked.take(),
                    None => None,
                };
                if let Some(lasts) = lasts {
                    self.foresee(now + lasts, Happens::Returns(place, self.operators[place].stamp));
                }
            }
            OperatorState::SignedOut => {
                if let Some((_, seat)) = self.operators[place].at_work.take() {
                    match self.seekers.pop_front() {
                        Some(shift) => self.sits_down(now, shift, seat),
                        None => drop(self.free_seats.insert(seat)),
                    }
                }
            }
            _ => {}
        }
    }

    /// The standing that an operator had lasted until now.
    fn count_time(&mut self, now: Moment, place: usize) {
        let operator = &mut self.operators[place];
        let lasted = u64::try_from(now.since(operator.since.max(self.day.counts_from)).as_micros()).unwrap_or(0);
        operator.since = now;
        if operator.standing == Standing::Busy {
            operator.time.busy += lasted;
        }
        if operator.standing != Standing::Away {
            operator.time.staffed += lasted;
        }
    }

    /// Adds up everybody's time, until the end of the day.
    pub(super) fn count_work(&mut self) {
        let until = self.day.until;
        for (place, id) in self.staff.roster.iter().enumerate() {
            self.count_time(until, place);
            let time = self.operators[place].time;
            add(&mut self.figures.time, time);
            for skill in self.staff.rules.operators.get(id).into_iter().flat_map(|operator| operator.skills.keys()) {
                add(self.figures.skills.entry(skill.clone()).or_default(), time);
            }
        }
    }
}

fn add(to: &mut Time, time: Time) {
    to.busy += time.busy;
    to.staffed += time.staffed;
}
