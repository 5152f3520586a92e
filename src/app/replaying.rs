//! The engine's log, played again: `hotline replay`, and what `explain` and `statistics` look at.

use std::path::Path;

use crate::moment::Moment;
use crate::queue::{Engine, Input, Output, Said, Statistics};
use crate::records::{Log, ReadFault};

/// The engine as it was, and the log from there on.
pub struct Replay {
    pub engine: Engine,
    log: Log,
    /// Number of the last input before.
    pub seq: u64,
}

/// What happens in a replay, in order.
pub enum Step<'a> {
    Told(&'a Input),
    Said(&'a Said),
}

/// A logged decision that the replay did not make, or made otherwise.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    pub seq: u64,
    pub logged: Option<String>,
    pub replayed: Option<String>,
}

impl Replay {
    /// The state at the last checkpoint before `at`, or where the log begins.
    pub fn open(data: &Path, at: Moment) -> Result<Replay, ReadFault> {
        let log = Log::open(data)?;
        let (engine, seq) = match log.checkpoint(at)? {
            None => (Engine::new(), 0),
            Some(checkpoint) => {
                let fault = |error| ReadFault::Log { what: "checkpoint", seq: checkpoint.seq, error };
                (serde_json::from_str(&checkpoint.state).map_err(fault)?, checkpoint.seq)
            }
        };
        Ok(Replay { engine, log, seq })
    }

    /// Plays the inputs up to `until` and then what is due by then; `each` sees the engine after every step.
    pub fn play(&mut self, until: Moment, mut each: impl FnMut(&Engine, Step<'_>)) -> Result<u64, ReadFault> {
        let (engine, mut count) = (&mut self.engine, 0);
        // Asked for before the inputs are read: by then all of them are written that happened before it.
        let alive_at = self.log.alive_at()?;
        self.log.inputs(self.seq, until, |logged| {
            let fault = |error| ReadFault::Log { what: "input", seq: logged.seq, error };
            let input: Input = serde_json::from_str(&logged.text).map_err(fault)?;
            run_until(engine, logged.at, &mut each);
            // Numbers have gaps where inputs were of no use after a crash.
            engine.number_from(logged.seq.saturating_sub(1));
            each(engine, Step::Told(&input));
            engine.handle(logged.at, input);
            tell(engine, &mut each);
            count += 1;
            Ok(())
        })?;
        // What the process did not live to see did not happen yet.
        let until = if until < Moment::from_micros(u64::MAX) { until } else { alive_at };
        run_until(engine, until, &mut each);
        Ok(count)
    }

    /// Counts what the log says up to `until`: what `hotline statistics` prints, and the board begins with.
    pub fn count(&mut self, statistics: &mut Statistics, until: Moment) -> Result<(), ReadFault> {
        statistics.new_rules(self.engine.rules());
        let begin = self.engine.now();
        for view in self.engine.operators() {
            let (operator, seat) = (view.operator.clone(), view.seat.cloned());
            let output = Output::Operator { operator, seat, state: view.state.clone(), next: view.next.cloned() };
            statistics.saw(begin, &output);
        }
        self.play(until, |_, step| match step {
            Step::Told(input) => statistics.told(input),
            Step::Said(said) => statistics.saw(said.at, &said.output),
        })?;
        Ok(())
    }

    /// Plays everything and compares each decision with the logged one, byte for byte. Returns how many inputs and
    /// decisions there were, and the first difference.
    pub fn compare(mut self) -> Result<(u64, u64, Option<Difference>), ReadFault> {
        let (first, mut replayed) = (self.seq, Vec::new());
        let inputs = self.play(Moment::from_micros(u64::MAX), |_, step| {
            if let Step::Said(said) = step
                && said.seq > first
                && said.output.is_decision()
                && let Ok(text) = serde_json::to_string(&said.output)
            {
                replayed.push((said.seq, text));
            }
        })?;
        let mut replayed = replayed.into_iter();
        let (mut last, mut count) = (0, 0);
        loop {
            let page = self.log.decisions(first, last)?;
            if page.is_empty() {
                break;
            }
            for (id, logged) in page {
                last = id;
                match replayed.next() {
                    Some((seq, text)) if (seq, &text) == (logged.seq, &logged.text) => count += 1,
                    other => {
                        let replayed = other.map(|(_, text)| text);
                        let difference = Difference { seq: logged.seq, logged: Some(logged.text), replayed };
                        return Ok((inputs, count, Some(difference)));
                    }
                }
            }
        }
        // The process may have ended before the last decisions were written down: those are no difference.
        Ok((inputs, count, None))
    }
}

/// Runs what is due by `at`, each deadline by itself.
fn run_until(engine: &mut Engine, at: Moment, each: &mut impl FnMut(&Engine, Step<'_>)) {
    while let Some((due, _)) = engine.next_deadline().filter(|(due, _)| *due <= at) {
        engine.handle_deadline(due);
        tell(engine, each);
    }
}

fn tell(engine: &mut Engine, each: &mut impl FnMut(&Engine, Step<'_>)) {
    while let Some(said) = engine.poll_said() {
        each(engine, Step::Said(&said));
    }
}
