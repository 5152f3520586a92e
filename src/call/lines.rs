//! What the record says of the lines in which the call waited: a visit begins when the engine says that it joined, and
//! ends when an operator has it, or when it leaves without one.

use super::caller::Call;
use super::calls::House;
use super::ledger;
use crate::ids::{OperatorId, QueueId};
use crate::moment::Moment;
use crate::queue::LeftLine;
use crate::records::{LineOutcome, LineRecord};

impl Call {
    pub fn visit_begins(&mut self, queue: QueueId, joined_at: Moment) {
        let visit = LineRecord {
            queue,
            joined_at,
            left_at: None,
            outcome: LineOutcome::Waits,
            operator: None,
            wait_ms: 0,
            within_service_level: None,
        };
        ledger::add(&mut self.record.lines, visit);
    }

    /// A rule or a supervisor put it elsewhere: it waits on there.
    pub fn visit_moves(&mut self, now: Moment, to: QueueId) {
        let Some(line) = self.waits_in_line() else { return };
        let joined_at = line.joined_at;
        line.leaves(now, LineOutcome::Moved);
        self.visit_begins(to, joined_at);
    }

    pub fn visit_answered(&mut self, house: &House, operator: OperatorId) {
        let now = house.now;
        let was_late = self.was_late_before(house);
        let Some(line) = self.waits_in_line() else { return };
        line.leaves(now, LineOutcome::Answered);
        line.operator = Some(operator);
        line.within_service_level = Some(!was_late && is_in_time(house, line, now));
        (self.record.wait_ms, self.record.within_service_level) = self.record.sum_of_lines();
    }

    pub fn visit_ends(&mut self, house: &House, why: LeftLine) {
        let now = house.now;
        let Some(line) = self.waits_in_line() else { return };
        let promise = house.settings.queues.get(&house.settings.now_called(&line.queue)).map(|facts| facts.promise);
        let short = promise.is_some_and(|promise| promise.is_short(now.since(line.joined_at)));
        line.leaves(
            now,
            match why {
                LeftLine::CallerGone if short => LineOutcome::ShortAbandoned,
                LeftLine::CallerGone => LineOutcome::Abandoned,
                LeftLine::Key(_) => LineOutcome::LeftByKey,
                LeftLine::Restarted => LineOutcome::Restarted,
                LeftLine::Withdrawn => LineOutcome::Withdrawn,
                LeftLine::TooLong | LeftLine::Nobody | LeftLine::Supervisor => LineOutcome::Overflowed,
            },
        );
    }

    pub fn visit_becomes_callback(&mut self, now: Moment) {
        if let Some(line) = self.waits_in_line() {
            line.leaves(now, LineOutcome::Callback);
        }
    }

    /// Who was late in a line from which they were moved is late, whatever the next one promises.
    fn was_late_before(&self, house: &House) -> bool {
        let mut moved = self.record.lines.iter().rev().skip(1).take_while(|line| line.outcome == LineOutcome::Moved);
        moved.any(|line| line.left_at.is_some_and(|left| !is_in_time(house, line, left)))
    }

    fn waits_in_line(&mut self) -> Option<&mut LineRecord> {
        self.record.lines.last_mut().filter(|line| line.waits())
    }
}

/// Whether an answer at that moment keeps what the line promises.
fn is_in_time(house: &House, line: &LineRecord, at: Moment) -> bool {
    let promise = house.settings.queues.get(&house.settings.now_called(&line.queue)).map(|facts| facts.promise);
    promise.is_none_or(|promise| promise.is_kept_after(at.since(line.joined_at)))
}
