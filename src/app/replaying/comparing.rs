//! `hotline replay`: each logged decision beside the one that is made when the log is played again, byte for byte.
//!
//! Where a process ended without warning its last decisions may not be on the disk; and what was due before the next one
//! began was decided by both. Around a restart decisions may therefore be missing, or be there twice.

use std::collections::{BTreeSet, VecDeque};

use super::{Replay, Step};
use crate::moment::Moment;
use crate::queue::Input;
use crate::records::{Log, ReadFault};

/// A decision that was logged and not made again, or otherwise; or the other way round.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of the input after which it is.
    pub seq: u64,
    pub logged: Option<String>,
    pub replayed: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Comparison {
    pub inputs: u64,
    /// Logged decisions that were made again.
    pub decisions: u64,
    /// The first.
    pub difference: Option<Difference>,
}

impl Replay {
    pub fn compare(mut self) -> Result<Comparison, ReadFault> {
        let first = self.seq;
        // What is written down while this is read is not compared.
        let last = self.log.last_decision()?;
        let (mut replayed, mut known, mut openings, mut gaps) = (VecDeque::new(), first, BTreeSet::new(), Vec::new());
        let inputs = self.play(Moment::from_micros(u64::MAX), |engine, step| match step {
            Step::Told(_, input) => {
                let before = engine.seq();
                if matches!(input, Input::Restarted | Input::RestartedAfter { .. }) {
                    openings.insert(before);
                    gaps.push((known, before));
                }
                known = before + 1;
            }
            Step::Said(said) if said.seq > first && said.output.is_decision() => {
                if let Ok(text) = serde_json::to_string(&said.output) {
                    replayed.push_back((said.seq, text));
                }
            }
            Step::Said(_) => {}
        })?;
        let mut logged = Logged { log: &self.log, first, last, read: 0, page: VecDeque::new() };
        let mut decisions = 0;
        while let Some(next) = logged.next_seq()? {
            let seq = replayed.front().map_or(next, |(seq, _)| next.min(*seq));
            let (of_log, of_replay) = (logged.take(seq)?, take(&mut replayed, seq));
            // Inputs that were of no use after a crash cannot be played again, nor what was due between them.
            if gaps.iter().any(|(known, opening)| known < opening && (*known..=*opening).contains(&seq)) {
                continue;
            }
            let at_an_end = openings.contains(&seq) || logged.next_seq()?.is_none();
            if of_log != of_replay && !(at_an_end && is_of_two(&of_log, &of_replay)) {
                let alike = of_log.iter().zip(&of_replay).take_while(|(one, other)| one == other).count();
                let (logged, replayed) = (of_log.get(alike).cloned(), of_replay.get(alike).cloned());
                let difference = Some(Difference { seq, logged, replayed });
                return Ok(Comparison { inputs, decisions: decisions + alike as u64, difference });
            }
            decisions += of_log.len() as u64;
        }
        Ok(Comparison { inputs, decisions, difference: None })
    }
}

/// The decisions after one input, of which one process wrote down the first and the next one the last.
fn is_of_two(logged: &[String], replayed: &[String]) -> bool {
    (0..=logged.len()).any(|part| {
        let (by_one, by_the_next) = logged.split_at(part);
        replayed.starts_with(by_one) && replayed.ends_with(by_the_next)
    })
}

fn take(decisions: &mut VecDeque<(u64, String)>, seq: u64) -> Vec<String> {
    std::iter::from_fn(|| decisions.pop_front_if(|(of, _)| *of == seq)).map(|(_, text)| text).collect()
}

/// Logged decisions in their order, a page at a time.
struct Logged<'a> {
    log: &'a Log,
    /// Those after this input, up to decision number `last`.
    first: u64,
    last: u64,
    read: u64,
    page: VecDeque<(u64, String)>,
}

impl Logged<'_> {
    fn next_seq(&mut self) -> Result<Option<u64>, ReadFault> {
        if self.page.is_empty() && self.read < self.last {
            let page = self.log.decisions(self.first, self.read)?;
            self.read = page.last().map_or(self.last, |(number, _)| *number);
            let until = page.into_iter().take_while(|(number, _)| *number <= self.last);
            self.page.extend(until.map(|(_, logged)| (logged.seq, logged.text)));
        }
        Ok(self.page.front().map(|(seq, _)| *seq))
    }

    fn take(&mut self, seq: u64) -> Result<Vec<String>, ReadFault> {
        let mut taken = Vec::new();
        while self.next_seq()? == Some(seq) {
            taken.extend(take(&mut self.page, seq));
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::app::recovery;
    use crate::ids::CallId;
    use crate::queue::{Engine, QueueRules, Rules, parse_need};
    use crate::records::{Entry, Store};

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000)
    }

    /// What is written down of a decision.
    type Written = fn(String) -> Option<String>;

    /// The engine with its log, as the switchboard keeps them.
    struct House {
        engine: Engine,
        store: Store,
    }

    impl House {
        fn open(dir: &Path, now: Moment) -> House {
            let (store, recovered) = Store::open(dir, now, Box::new(|_| {})).unwrap();
            let (engine, _) = recovery::engine(&recovered);
            let mut house = House { engine, store };
            house.tell(now, Input::RestartedAfter { alive_at: recovered.alive_at });
            house.tell(now, Input::Rules { rules: Arc::new(rules()) });
            house
        }

        fn tell(&mut self, now: Moment, input: Input) {
            self.tell_but(now, input, Some);
        }

        /// What is decided is written down otherwise, or not at all.
        fn tell_but(&mut self, now: Moment, input: Input, written: Written) {
            let text = serde_json::to_string(&input).unwrap();
            let seq = self.engine.handle(now, input);
            self.store.write(Entry::Input { seq, at: now, input: text });
            self.write_down(written);
        }

        fn pass(&mut self, now: Moment) {
            self.engine.handle_deadline(now);
            self.write_down(Some);
        }

        fn write_down(&mut self, written: Written) {
            while let Some(said) = self.engine.poll_said() {
                let text = said.output.is_decision().then(|| serde_json::to_string(&said.output).unwrap());
                if let Some(output) = text.and_then(written) {
                    let call = said.output.contact();
                    self.store.write(Entry::Decision { seq: said.seq, at: said.at, call, output });
                }
            }
        }
    }

    /// Nobody is there, and it is tried in vain with others after 10 s; in the one queue whoever is not answered in no time
    /// at all is late.
    fn rules() -> Rules {
        let step = crate::queue::Step {
            after: Some(Duration::from_secs(10)),
            expected_wait: None,
            nobody: false,
            need: parse_need("anyone").unwrap(),
            prefer: None,
        };
        let plain = || QueueRules::plain(parse_need("skill >= 1").unwrap());
        let stepwise = QueueRules { steps: vec![step], ..plain() };
        let at_once = QueueRules { answer_within: Duration::ZERO, ..plain() };
        Rules { queues: [("a".into(), stepwise), ("b".into(), at_once)].into(), ..Rules::default() }
    }

    fn join(contact: u64) -> Input {
        join_in("a", contact)
    }

    fn join_in(queue: &str, contact: u64) -> Input {
        Input::Join { contact: CallId(contact), queue: queue.into(), caller: None, arrived_at: at(0) }
    }

    fn compare(dir: &Path) -> Comparison {
        Replay::open(dir, at(0)).unwrap().compare().unwrap()
    }

    /// All that happens is on the disk when the house is closed; then it is compared.
    fn check(happens: impl FnOnce(&Path)) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        happens(dir.path());
        let found = compare(dir.path());
        assert_eq!(found.difference, None);
        found.decisions
    }

    #[test]
    fn what_was_due_after_the_last_input_is_compared_too() {
        let decisions = check(|dir| {
            let mut house = House::open(dir, at(1));
            house.tell(at(10), join(1));
            house.pass(at(60));
            house.store.close();
        });
        assert!(decisions >= 3, "nobody is there, the step, too late: {decisions}");
    }

    #[test]
    fn what_is_due_at_the_very_moment_of_the_last_input_is_decided_once() {
        let decisions = check(|dir| {
            let mut house = House::open(dir, at(1));
            house.tell(at(30), join_in("b", 1));
            house.pass(at(30));
            house.store.close();
        });
        assert_eq!(decisions, 2, "nobody is there, and it is late");
    }

    #[test]
    fn what_two_processes_decided_around_a_kill_is_no_difference() {
        check(|dir| {
            let mut house = House::open(dir, at(1));
            house.tell(at(10), join(1));
            // The one decides it, and the other again when it begins.
            house.pass(at(22));
            house.store.close();
            let mut house = House::open(dir, at(40));
            house.tell(at(50), join(2));
            house.pass(at(61));
            house.store.close();
        });
    }

    #[test]
    fn what_a_kill_kept_from_the_disk_is_no_difference() {
        let ways: [Written; 2] = [Some, |_| None];
        for written in ways {
            check(|dir| {
                let mut house = House::open(dir, at(1));
                house.tell(at(10), join(1));
                house.tell_but(at(12), join(2), written);
                house.store.close();
                let mut house = House::open(dir, at(40));
                house.tell(at(50), join(3));
                house.store.close();
            });
        }
    }

    #[test]
    fn a_decision_that_is_missing_or_is_another_is_a_difference() {
        let another = |text: String| Some(text.replace("\"a\"", "\"b\""));
        let written: [(Written, bool); 3] = [(Some, true), (|_| None, false), (another, false)];
        for (written, alike) in written {
            let dir = tempfile::tempdir().unwrap();
            let mut house = House::open(dir.path(), at(1));
            house.tell(at(10), join(1));
            house.tell_but(at(11), join(2), written);
            house.tell(at(12), join(3));
            house.store.close();
            let found = compare(dir.path()).difference.map(|difference| difference.seq);
            assert_eq!(found, (!alike).then_some(4));
        }
    }
}
