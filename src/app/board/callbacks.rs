//! Citizens who are to be called back, as supervisors see them.

use std::collections::BTreeSet;

use super::keeper::Keeper;
use super::looks::Callback;
use crate::http::CallbackNow;
use crate::ids::QueueId;
use crate::moment::Moment;
use crate::queue::CallbackStage;

impl Keeper {
    /// As the lines are now; those that are over are told so.
    pub(super) fn write_callbacks(&self, now: Moment) {
        let at = self.time(now);
        let mut there = BTreeSet::new();
        for (queue, line) in &self.lines {
            for callback in &line.callbacks {
                there.insert(callback.contact.to_string());
                self.board.put_callback(&at, self.callback(queue, callback));
            }
        }
        for former in self.board.callbacks().into_iter().filter(|former| !there.contains(&former.id)) {
            self.board.end_callback(&at, &former.id);
        }
    }

    fn callback(&self, queue: &QueueId, of: &Callback) -> CallbackNow {
        let (stage, next_at) = match of.stage {
            CallbackStage::Waiting => ("waiting", None),
            CallbackStage::Later(until) => ("later", Some(self.time(until))),
            CallbackStage::Dialling => ("dialling", None),
        };
        CallbackNow {
            id: of.contact.to_string(),
            queue: queue.to_string(),
            number: of.number.clone(),
            since: self.time(of.since),
            stage: stage.into(),
            next_at,
            tries: of.tries,
            most_tries: of.most_tries,
            place: self.places.get(&of.contact).copied(),
            operator: of.operator.as_ref().map(ToString::to_string),
            expires_at: self.time(of.expires_at),
        }
    }
}
