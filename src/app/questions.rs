//! What the branches of the menus ask of the house.

use std::time::Duration;

use super::switchboard::Switchboard;
use crate::ivr::menu::{Answer, LineState, Question};
use crate::moment::Moment;

impl Switchboard {
    /// What a branch of the menus asks.
    pub fn answer(&self, now: Moment, question: Question) -> Answer {
        match question {
            Question::Schedule(schedule) => {
                let open = self.calls.is_open(&schedule);
                Answer::Schedule { schedule, open }
            }
            Question::Queue(queue) => {
                // A call may have begun in the menus before the queue got another name; it asked by the old one.
                let line = self.queue.line_now(now, &self.queue.rules().now_called(queue.clone()));
                let line =
                    line.map_or(LineState { waiting: 0, expected_wait: None, open: false, staffed: false }, |line| {
                        let expected_wait = line.expected.map(|wait| Duration::from_millis(wait.median_ms));
                        LineState { waiting: line.waiting, expected_wait, open: line.open, staffed: line.served }
                    });
                Answer::Queue { queue, line }
            }
        }
    }
}
