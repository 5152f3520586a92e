//! The board: what everything is now. `app` writes it, pages read it; each change is an event of the stream.
//!
//! The map is written before the event is told: whoever reads the offset and then the board misses nothing. What is
//! read is cloned out; no guard of a map is held across another call or an await.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use dashmap::mapref::multiple::RefMulti;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use super::facts::Facts;
use super::seeing::whose;
use super::stream::{Event, KEPT, Offset, Stream};
use super::words::{Alarm, CallNow, CallbackNow, Figures, Notice, OperatorNow, QueueNow, ScheduleNow, Today};
use crate::moment::Moment;

pub struct Board {
    pub stream: Stream,
    queues: DashMap<String, QueueNow>,
    operators: DashMap<String, OperatorNow>,
    calls: DashMap<String, CallNow>,
    callbacks: DashMap<String, CallbackNow>,
    today: DashMap<String, Today>,
    alarms: DashMap<String, Alarm>,
    /// Each with when it is over.
    notices: DashMap<String, (Notice, Moment)>,
    schedules: DashMap<String, ScheduleNow>,
    figures: ArcSwap<Figures>,
    facts: ArcSwap<Facts>,
    /// Whether what was read from the store is on it.
    reading: watch::Sender<Reading>,
}

/// How what was there before comes onto the board.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Goes,
    Done,
    /// The board is as it is.
    BrokenOff,
}

impl Board {
    /// `epoch`: different in each process.
    pub fn new(epoch: String) -> Board {
        Board {
            stream: Stream::new(epoch, KEPT),
            queues: DashMap::new(),
            operators: DashMap::new(),
            calls: DashMap::new(),
            callbacks: DashMap::new(),
            today: DashMap::new(),
            alarms: DashMap::new(),
            notices: DashMap::new(),
            schedules: DashMap::new(),
            figures: ArcSwap::default(),
            facts: ArcSwap::default(),
            reading: watch::Sender::new(Reading::Goes),
        }
    }

    pub fn set_ready(&self) {
        self.end_reading(Reading::Done);
    }

    /// Nobody writes it any more: whoever waits for it goes on with what is there.
    pub fn break_off(&self) {
        self.end_reading(Reading::BrokenOff);
    }

    fn end_reading(&self, end: Reading) {
        self.reading.send_if_modified(|reading| {
            let goes = *reading == Reading::Goes;
            *reading = if goes { end } else { *reading };
            goes
        });
    }

    pub fn is_ready(&self) -> bool {
        *self.reading.borrow() == Reading::Done
    }

    /// Waits until it is, or will not be.
    pub async fn wait_read(&self) {
        let _ = self.reading.subscribe().wait_for(|reading| *reading != Reading::Goes).await;
    }

    pub fn put_queue(&self, at: &str, queue: QueueNow) {
        let id = queue.id.clone();
        if changes(&self.queues, &id, &queue) {
            self.queues.insert(id.clone(), queue.clone());
            self.tell(at, "queue", &id, &queue);
        }
    }

    /// A queue that is gone from the files; whoever shows it reads `/directory` anew.
    pub fn remove_queue(&self, id: &str) {
        self.queues.remove(id);
    }

    pub fn put_operator(&self, at: &str, operator: OperatorNow) {
        let id = operator.id.clone();
        if changes(&self.operators, &id, &operator) {
            let (data, wall) = (text(&operator), text(&operator.for_the_wall()));
            let (kind, whose) = ("operator", Vec::new());
            let event = Event { number: 0, at: at.into(), kind, id: id.as_str().into(), whose, data, wall: Some(wall) };
            self.operators.insert(id, operator);
            self.stream.push(event);
        }
    }

    pub fn remove_operator(&self, id: &str) {
        self.operators.remove(id);
        self.today.remove(id);
    }

    /// What an operator did today; of that there are no events.
    pub fn put_today(&self, id: &str, today: Today) {
        self.today.insert(id.to_string(), today);
    }

    pub fn put_call(&self, at: &str, call: CallNow) {
        let id = call.id.clone();
        if !changes(&self.calls, &id, &call) {
            return;
        }
        let (data, wall) = (text(&call), text(&call.for_the_wall()));
        let whose = whose(&call).into_iter().map(Arc::from).collect();
        let id_text = Arc::from(id.as_str());
        let event = Event { number: 0, at: at.into(), kind: "call", id: id_text, whose, data, wall: Some(wall) };
        self.calls.insert(id, call);
        self.stream.push(event);
    }

    pub fn end_call(&self, at: &str, id: &str) {
        if self.calls.remove(id).is_some() {
            self.tell(at, "call_over", id, &json!({ "id": id }));
        }
    }

    pub fn put_callback(&self, at: &str, callback: CallbackNow) {
        let id = callback.id.clone();
        if changes(&self.callbacks, &id, &callback) {
            self.callbacks.insert(id.clone(), callback.clone());
            self.tell(at, "callback", &id, &callback);
        }
    }

    pub fn end_callback(&self, at: &str, id: &str) {
        if self.callbacks.remove(id).is_some() {
            self.tell(at, "callback_over", id, &json!({ "id": id }));
        }
    }

    pub fn put_figures(&self, at: &str, figures: Figures) {
        let former = self.figures.load_full();
        if *former == figures {
            return;
        }
        // The days before change at midnight alone; whoever hangs in a hall for weeks is told of them then.
        let other_days = former.yesterday != figures.yesterday || former.last_week != figures.last_week;
        let told = match other_days {
            true => figures.clone(),
            false => Figures { yesterday: None, last_week: None, ..figures.clone() },
        };
        self.figures.store(Arc::new(figures));
        self.tell(at, "figures", "", &told);
    }

    pub fn put_alarm(&self, at: &str, alarm: Alarm) {
        let id = alarm.id.clone();
        if changes(&self.alarms, &id, &alarm) {
            self.alarms.insert(id.clone(), alarm.clone());
            self.tell(at, "alarm", &id, &alarm);
        }
    }

    pub fn end_alarm(&self, at: &str, id: &str) {
        if self.alarms.remove(id).is_some() {
            self.tell(at, "alarm_over", id, &json!({ "id": id }));
        }
    }

    pub fn put_notice(&self, at: &str, notice: Notice, ends: Moment) {
        let id = notice.id.clone();
        self.notices.insert(id.clone(), (notice.clone(), ends));
        self.tell(at, "notice", &id, &notice);
    }

    /// `false`: there is none.
    pub fn end_notice(&self, at: &str, id: &str) -> bool {
        let there = self.notices.remove(id).is_some();
        if there {
            self.tell(at, "notice_over", id, &json!({ "id": id }));
        }
        there
    }

    /// Those whose time is over go.
    pub fn end_notices(&self, at: &str, now: Moment) {
        let over = |notice: &RefMulti<'_, String, (Notice, Moment)>| notice.1 <= now;
        let over: Vec<String> = self.notices.iter().filter(over).map(|notice| notice.key().clone()).collect();
        for id in over {
            self.end_notice(at, &id);
        }
    }

    pub fn put_schedule(&self, at: &str, schedule: ScheduleNow) {
        let id = schedule.id.clone();
        if changes(&self.schedules, &id, &schedule) {
            self.schedules.insert(id.clone(), schedule.clone());
            self.tell(at, "schedule", &id, &schedule);
        }
    }

    pub fn remove_schedule(&self, id: &str) {
        self.schedules.remove(id);
    }

    /// Another version of the files is in force.
    pub fn put_facts(&self, at: &str, facts: Facts) {
        let version = facts.version;
        self.facts.store(Arc::new(facts));
        self.tell(at, "config", "", &json!({ "version": version }));
    }

    fn tell(&self, at: &str, kind: &'static str, id: &str, data: &impl Serialize) {
        let (data, id) = (text(data), Arc::from(id));
        self.stream.push(Event { number: 0, at: at.into(), kind, id, whose: Vec::new(), data, wall: None });
    }

    // -----------------------------------------------------------------------------------------
    // What readers see

    /// The place in the stream from which on nothing is missing in what is read after this.
    pub fn offset(&self) -> Offset {
        self.stream.now()
    }

    pub fn queues(&self) -> Vec<QueueNow> {
        sorted(&self.queues)
    }

    /// Whether somebody is signed in there.
    pub fn is_taken(&self, seat: &str) -> bool {
        self.operators.iter().any(|operator| operator.seat.as_deref() == Some(seat))
    }

    pub fn operators(&self) -> Vec<OperatorNow> {
        sorted(&self.operators)
    }

    pub fn operator(&self, id: &str) -> Option<OperatorNow> {
        self.operators.get(id).map(|found| found.clone())
    }

    pub fn today(&self, id: &str) -> Today {
        self.today.get(id).map(|found| found.clone()).unwrap_or_default()
    }

    pub fn calls(&self) -> Vec<CallNow> {
        sorted(&self.calls)
    }

    pub fn callbacks(&self) -> Vec<CallbackNow> {
        sorted(&self.callbacks)
    }

    pub fn call(&self, id: &str) -> Option<CallNow> {
        self.calls.get(id).map(|found| found.clone())
    }

    /// Those whose an open call is, see [`whose`].
    pub fn whose_call(&self, id: &str) -> Vec<String> {
        self.calls.get(id).map(|call| whose(&call).into_iter().map(String::from).collect()).unwrap_or_default()
    }

    pub fn alarms(&self) -> Vec<Alarm> {
        sorted(&self.alarms)
    }

    pub fn notices(&self) -> Vec<Notice> {
        sorted(&self.notices).into_iter().map(|(notice, _)| notice).collect()
    }

    pub fn schedules(&self) -> Vec<ScheduleNow> {
        sorted(&self.schedules)
    }

    pub fn figures(&self) -> Arc<Figures> {
        self.figures.load_full()
    }

    pub fn facts(&self) -> Arc<Facts> {
        self.facts.load_full()
    }
}

fn changes<T: PartialEq>(map: &DashMap<String, T>, id: &str, new: &T) -> bool {
    map.get(id).is_none_or(|former| *former != *new)
}

fn sorted<T: Clone>(map: &DashMap<String, T>) -> Vec<T> {
    let all: BTreeMap<String, T> = map.iter().map(|entry| (entry.key().clone(), entry.value().clone())).collect();
    all.into_values().collect()
}

fn text(value: &impl Serialize) -> Arc<str> {
    serde_json::to_string(value).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::asks::Whom;
    use crate::http::words::{Consulting, Note};

    fn call(stage: &str) -> CallNow {
        let digits = BTreeMap::from([("case".to_string(), "42".to_string())]);
        CallNow { id: "c1".into(), stage: stage.into(), from: Some("138".into()), digits, ..CallNow::default() }
    }

    #[test]
    fn only_what_changes_is_told_and_what_is_read_goes_with_its_offset() {
        let board = Board::new("e".into());
        board.put_call("t1", call("menu"));
        board.put_call("t2", call("menu"));
        let offset = board.offset();
        assert_eq!((board.calls().len(), offset), (1, Offset(1)), "said again it is no event");
        board.put_call("t3", call("waiting"));
        board.end_call("t4", "c1");
        board.end_call("t5", "c1");
        let kinds: Vec<&str> = board.stream.after(offset, 9).unwrap().iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["call", "call_over"]);
        assert!(board.call("c1").is_none());
    }

    #[test]
    fn former_days_are_told_when_they_become_others() {
        let board = Board::new("e".into());
        let of = |offered: u64, yesterday: u64| {
            let quarters = vec![crate::http::words::Quarter { offered: yesterday, ..Default::default() }];
            Figures { offered, yesterday: Some(quarters), last_week: Some(Vec::new()), ..Figures::default() }
        };
        for (offered, yesterday) in [(1, 7), (2, 7), (0, 9), (1, 9)] {
            board.put_figures("t", of(offered, yesterday));
        }
        let told = board.stream.after(Offset(0), 9).unwrap();
        let with: Vec<bool> = told.iter().map(|event| event.data.contains("yesterday")).collect();
        assert_eq!(with, [true, false, true, false]);
    }

    #[test]
    fn the_wall_is_told_no_number_of_a_caller() {
        let board = Board::new("e".into());
        board.put_call("t1", call("menu"));
        let event = &board.stream.after(Offset(0), 9).unwrap()[0];
        assert!(event.data.contains("138") && event.data.contains("42"));
        let wall = event.wall.as_ref().unwrap();
        assert!(!wall.contains("138") && !wall.contains("42"), "{wall}");
        // Whom the house calls back is a citizen, too.
        let back = CallNow { to: "139".into(), callback_of: Some("c0".into()), ..call("callback") };
        board.put_call("t2", CallNow { notes: vec![Note { text: "of 139".into(), ..Note::default() }], ..back });
        let event = &board.stream.after(Offset(1), 9).unwrap()[0];
        assert!(event.data.contains("139") && !event.wall.as_ref().unwrap().contains("139"));
        // Nor whom an operator calls beside them.
        let whom = Whom::Number("137".into());
        let consults =
            Consulting { to: "137".into(), whom, operator: None, stage: "talking".into(), caller_hears: false };
        board.put_operator("t3", OperatorNow { id: "1001".into(), consults: Some(consults), ..OperatorNow::default() });
        let event = &board.stream.after(Offset(2), 9).unwrap()[0];
        assert!(event.data.contains("137") && !event.wall.as_ref().unwrap().contains("137"));
    }
}
