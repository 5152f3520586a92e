//! The board of the running house: the switchboard says what happens, a thread of its own writes it down for the
//! pages, counts the day, and sees to alarms and webhooks. The switchboard never waits for it.

mod alarms;
mod callbacks;
mod calls;
mod category;
mod contacts;
mod day;
mod former;
mod keeper;
mod looks;
mod meters;
mod parts;
mod shown;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use tracing::{error, warn};

pub use keeper::{Keeper, Parts};
pub use looks::Look;

use crate::call::{Consulted, Recorded, Stage, Supervisor, Target, View};
use crate::http;
use crate::ids::{CallId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::queue::{Input, Output, Rules, Said};
use crate::records::{Entry, Record};

/// News that wait for the board; beyond that the board reads what it needs anew.
const WAITING: usize = 50_000;

/// What the board is told.
pub enum News {
    /// The engine is given rules by the input of this number.
    Rules(u64, Arc<Rules>),
    Said(Said),
    Call(Box<Seen>),
    /// A call is over: its record.
    Closed(Box<Record>),
    /// It is looked at no more.
    Over(CallId),
    /// Somebody waits until the board shows what is now: they are told then.
    Show(SyncSender<()>),
    /// Another configuration is in force.
    House(Box<crate::config::House>, u64),
}

/// A call as the switchboard sees it.
pub struct Seen {
    pub id: CallId,
    pub stage: Stage,
    pub since: Moment,
    pub record: Record,
    pub rings: Vec<(OperatorId, SeatId)>,
    /// Who has it now.
    pub operator: Option<(OperatorId, SeatId)>,
    pub consulting: Option<Consulted>,
    pub supervisors: Vec<Supervisor>,
    pub emergency: Option<Target>,
    pub caller_gone: bool,
    /// `None`: it is not recorded.
    pub recorded: Option<Recorded>,
}

impl Seen {
    pub fn new(id: CallId, view: View<'_>) -> Seen {
        Seen {
            id,
            stage: view.stage,
            since: view.since,
            record: view.record.clone(),
            rings: view.rings,
            operator: view.operator,
            consulting: view.consulting,
            supervisors: view.supervisors,
            emergency: view.emergency,
            caller_gone: view.caller_gone,
            recorded: view.recorded,
        }
    }
}

/// The switchboard's end.
pub struct Watch {
    news: SyncSender<News>,
    /// News that found room.
    count: u64,
    /// Some news found no room: the board is to begin anew.
    lost: bool,
}

impl Watch {
    /// The two ends.
    pub fn new() -> (Watch, std::sync::mpsc::Receiver<News>) {
        let (news, heard) = sync_channel(WAITING);
        (Watch { news, count: 0, lost: false }, heard)
    }

    /// The engine is about to be told this.
    pub fn told(&mut self, seq: u64, input: &Input) {
        if let Input::Rules { rules } = input {
            self.tell(News::Rules(seq, rules.clone()));
        }
    }

    pub fn said(&mut self, said: &Said) {
        if matters(&said.output) {
            self.tell(News::Said(said.clone()));
        }
    }

    pub fn wrote(&mut self, entry: &Entry) {
        if let Entry::Closed(record) = entry {
            self.tell(News::Closed(record.clone()));
        }
    }

    /// `None`: it is over.
    pub fn saw(&mut self, id: CallId, view: Option<View<'_>>) {
        self.tell(match view {
            Some(view) => News::Call(Box::new(Seen::new(id, view))),
            None => News::Over(id),
        });
    }

    pub fn tell(&mut self, news: News) {
        match self.news.try_send(news) {
            Ok(()) => self.count += 1,
            Err(TrySendError::Full(_)) => {
                if !std::mem::replace(&mut self.lost, true) {
                    warn!("the board does not keep up; it will begin anew");
                }
            }
            Err(TrySendError::Disconnected(_)) => {
                if !std::mem::replace(&mut self.lost, true) {
                    error!("the board is written no more; calls go on");
                }
            }
        }
    }

    /// How many news there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether news were lost since this was asked last.
    pub fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }
}

/// A call is over, for the metrics.
pub fn count_closed(record: &Record) {
    let outcome = serde_json::to_value(record.outcome).unwrap_or_default();
    let queue = record.queue.as_ref().map_or("", QueueId::as_str);
    http::counter("hotline_calls_total", &[("outcome", outcome.as_str().unwrap_or("none")), ("queue", queue)]);
}

/// What changes something on the board.
fn matters(output: &Output) -> bool {
    !matches!(output, Output::Ignored { .. } | Output::StopDialling { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call of which nothing is known but its stage.
    pub(super) fn seen(stage: Stage) -> Seen {
        let record = serde_json::json!({
            "call_id": CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": null,
            "arrived_at": Moment::default(), "choices": "", "menu_path": [], "queue": null,
            "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
        });
        Seen {
            id: CallId(1),
            stage,
            since: Moment::default(),
            record: serde_json::from_value(record).unwrap(),
            rings: Vec::new(),
            operator: None,
            consulting: None,
            supervisors: Vec::new(),
            emergency: None,
            caller_gone: false,
            recorded: None,
        }
    }
}
