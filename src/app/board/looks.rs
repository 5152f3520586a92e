//! What the board asks of the switchboard, again and again: how the lines are, who is signed in, what is switched.

use std::collections::BTreeMap;

use crate::app::board::Seen;
use crate::app::switchboard::Switchboard;
use crate::app::switches::Flip;
use crate::ids::{CallId, OperatorId, QueueId, ScheduleId, SeatId};
use crate::moment::Moment;
use crate::queue::{CallbackNow, CallbackStage, LineNow, Next, OperatorState, Unasked};
use crate::sip::{TrunkView, guard};

/// Places of a line that are told one by one.
pub(super) const PLACES: usize = 500;

/// The house at one moment.
#[derive(Default)]
pub struct Look {
    pub lines: BTreeMap<QueueId, Line>,
    pub schedules: Vec<(ScheduleId, bool, Option<Flip>)>,
    /// The queues that are switched themselves.
    pub switched: BTreeMap<QueueId, Flip>,
    pub trunks: Vec<TrunkView>,
    pub backlog: usize,
    /// Why records cannot be written.
    pub store_fault: Option<String>,
    /// Until when calls may go on, when the house is about to close.
    pub draining: Option<Moment>,
    pub guard: guard::Counts,
    /// Everything, because the board just began or missed something.
    pub whole: Option<Whole>,
}

pub struct Line {
    pub now: LineNow,
    /// In order of place; with the whole, all of them.
    pub waiting: Vec<CallId>,
    /// Of these, for whom nobody is asked, and how those stand whose skills will do.
    pub unasked: Vec<(CallId, Unasked)>,
    pub callbacks: Vec<Callback>,
}

/// A citizen who is to be called back, see [`CallbackNow`].
pub struct Callback {
    pub contact: CallId,
    pub number: String,
    pub since: Moment,
    pub stage: CallbackStage,
    pub tries: u8,
    pub most_tries: u8,
    pub operator: Option<OperatorId>,
    pub expires_at: Moment,
}

impl From<CallbackNow<'_>> for Callback {
    fn from(of: CallbackNow<'_>) -> Callback {
        let CallbackNow { contact, number, since, stage, tries, most_tries, operator, expires_at } = of;
        let (number, operator) = (number.to_string(), operator.cloned());
        Callback { contact, number, since, stage, tries, most_tries, operator, expires_at }
    }
}

pub struct Whole {
    /// The news that it follows.
    pub told: u64,
    /// Some were lost before it.
    pub lost: bool,
    /// When it was like that, and the number of the engine's last input by then.
    pub at: Moment,
    pub seq: u64,
    pub operators: Vec<(OperatorId, Option<SeatId>, OperatorState, Option<Next>)>,
    pub calls: Vec<Seen>,
}

impl Switchboard {
    /// `whole`: the board asks for everything.
    pub fn look(&mut self, now: Moment, whole: bool) -> Look {
        let lost = self.watch.take_lost();
        let whole = whole || lost;
        let queues: Vec<QueueId> = self.queue.rules().queues.keys().cloned().collect();
        let places = if whole { usize::MAX } else { PLACES };
        let line = |id: &QueueId| {
            let line = self.queue.line_now(now, id)?;
            let waiting: Vec<CallId> = self.queue.in_line(id).take(places).collect();
            let unasked = waiting.iter().take(PLACES).filter_map(|id| Some((*id, self.queue.unasked(*id)?))).collect();
            let callbacks = self.queue.callbacks(id).take(PLACES).map(Callback::from).collect();
            Some((id.clone(), Line { now: line, waiting, unasked, callbacks }))
        };
        let lines = queues.iter().filter_map(line).collect();
        let whole = whole.then(|| {
            let operator = |view: crate::queue::OperatorView<'_>| {
                (view.operator.clone(), view.seat.cloned(), view.state, view.next.cloned())
            };
            let ids: Vec<CallId> = self.calls.ids().collect();
            let seen = |id: CallId| Some(Seen::new(id, self.calls.view(id)?));
            Whole {
                told: self.watch.count(),
                lost,
                at: now,
                seq: self.queue.seq(),
                operators: self.queue.operators().map(operator).collect(),
                calls: ids.into_iter().filter_map(seen).collect(),
            }
        });
        Look {
            lines,
            schedules: self.doors.standing(),
            switched: self.doors.switched_queues(),
            trunks: self.sip.trunks(now),
            backlog: self.store.backlog(),
            store_fault: self.store.fault(),
            draining: self.draining(),
            guard: self.sip.counts().guard,
            whole,
        }
    }
}
