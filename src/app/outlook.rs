//! The expected wait: while somebody waits, a thread of its own runs the dispatcher ahead from a copy of the live
//! state every few seconds; what it finds comes back as one logged input of the engine.

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::sync::mpsc;

use crate::forecast::{LOOK_EVERY, Phones, RUNS, look_ahead};
use crate::ids::QueueId;
use crate::moment::Moment;
use crate::queue::{Engine, ExpectedWaits, Output};

pub type Waits = BTreeMap<QueueId, ExpectedWaits>;

pub struct Outlook {
    phones: Phones,
    states: SyncSender<(Engine, Phones, u64)>,
    asked_at: Moment,
    /// A look is under way.
    asked: bool,
}

impl Outlook {
    /// Starts the thread; what it finds comes out of the receiver. It ends with the outlook.
    pub fn start() -> std::io::Result<(Outlook, mpsc::Receiver<Waits>)> {
        let (states, received) = sync_channel::<(Engine, Phones, u64)>(1);
        let (found, waits) = mpsc::channel(1);
        std::thread::Builder::new().name("outlook".into()).spawn(move || {
            while let Ok((engine, phones, seed)) = received.recv() {
                if found.blocking_send(look_ahead(&engine, &phones, seed, RUNS)).is_err() {
                    break;
                }
            }
        })?;
        Ok((Outlook { phones: Phones::default(), states, asked_at: Moment::default(), asked: false }, waits))
    }

    /// How phones are answered is learned from what the engine says.
    pub fn saw(&mut self, output: &Output) {
        self.phones.saw(output);
    }

    pub fn next_deadline(&self, engine: &Engine) -> Option<Moment> {
        (!self.asked && engine.waiting_in_all() > 0).then_some(self.asked_at + LOOK_EVERY)
    }

    pub fn handle_deadline(&mut self, now: Moment, engine: &Engine) {
        if self.next_deadline(engine).is_some_and(|at| at <= now) {
            self.asked_at = now;
            // The moment is the seed: the input that comes of it is logged, so nothing needs to be repeated.
            let state = (engine.clone(), self.phones.clone(), now.as_micros());
            self.asked = self.states.try_send(state).is_ok();
        }
    }

    /// What was found has arrived.
    pub fn answered(&mut self) {
        self.asked = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::CallId;
    use crate::queue::{Input, OperatorRules, QueueRules, Rules, parse_need};

    #[test]
    fn while_somebody_waits_the_wait_is_foreseen() {
        let rules = Rules {
            queues: [("q".into(), QueueRules::plain(parse_need("skill").unwrap()))].into(),
            operators: [(
                "anna".into(),
                OperatorRules { skills: [("skill".into(), 5)].into(), seat: Some("1".into()), ..Default::default() },
            )]
            .into(),
            seats: ["1".into()].into(),
            ..Rules::default()
        };
        let now = Moment::from_micros(1_000_000_000);
        let mut engine = Engine::new();
        engine.handle(now, Input::Rules { rules: Arc::new(rules) });
        engine.handle(now, Input::SeatReachable { seat: "1".into(), reachable: true });
        let (mut outlook, mut waits) = Outlook::start().unwrap();
        outlook.handle_deadline(now, &engine);
        assert_eq!(outlook.next_deadline(&engine), None, "nobody waits");
        for contact in 1..=3 {
            let queue = "q".into();
            engine.handle(now, Input::Join { contact: CallId(contact), queue, caller: None, arrived_at: now });
        }
        assert_eq!(outlook.next_deadline(&engine), Some(Moment::default() + LOOK_EVERY));
        outlook.handle_deadline(now, &engine);
        assert_eq!(outlook.next_deadline(&engine), None, "one look at a time");
        let found = waits.blocking_recv().unwrap();
        outlook.answered();
        assert_eq!(outlook.next_deadline(&engine), Some(now + LOOK_EVERY));
        let third = found["q"].at(3).unwrap();
        assert!(third.median_ms > found["q"].at(1).unwrap().median_ms && third.p80_ms >= third.median_ms, "{found:?}");
        engine.handle(now, Input::Expected { lines: found });
        assert_eq!(engine.place(now, CallId(3)).unwrap().expected, Some(third));
    }
}
