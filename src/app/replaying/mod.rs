//! The engine's log, played again: `hotline replay`, and what `explain` and `statistics` look at.

mod comparing;

use std::path::Path;

pub use comparing::Comparison;

use crate::moment::Moment;
use crate::queue::{Engine, Input, LeftLine, Output, Said, Statistics};
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
    Told(Moment, &'a Input),
    Said(&'a Said),
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

    /// Until when the house was there, as far as it is written.
    pub fn alive_at(&self) -> Result<Moment, ReadFault> {
        self.log.alive_at()
    }

    /// Plays the inputs up to `until` and then what is due by then; `each` sees the engine after every step. Without an
    /// end it is the last moment of which the log tells: what lies beyond did not happen yet.
    pub fn play(&mut self, until: Moment, mut each: impl FnMut(&Engine, Step<'_>)) -> Result<u64, ReadFault> {
        // Asked for before the inputs are read: by then all of them are written that happened before it.
        let told = self.log.alive_at()?;
        let (engine, mut count) = (&mut self.engine, 0);
        self.log.inputs(self.seq, until, |logged| {
            let fault = |error| ReadFault::Log { what: "input", seq: logged.seq, error };
            let input: Input = serde_json::from_str(&logged.text).map_err(fault)?;
            // Numbers have gaps where inputs were of no use after a crash.
            engine.number_from(logged.seq.saturating_sub(1));
            run_until(engine, input.due_by(logged.at), &mut each);
            each(engine, Step::Told(logged.at, &input));
            engine.handle(logged.at, input);
            tell(engine, &mut each);
            count += 1;
            Ok(())
        })?;
        let end = if until == Moment::from_micros(u64::MAX) { told } else { until };
        run_until(engine, end, &mut each);
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
            Step::Told(at, input) => statistics.told(at, input),
            Step::Said(said) => statistics.saw(said.at, &said.output),
        })?;
        Ok(())
    }

    /// Counts the same of a house that is not open: no later than when it was there last, and then what it will say
    /// when it opens again, so that nobody waits or talks any more.
    pub fn count_to_the_end(&mut self, statistics: &mut Statistics, until: Moment) -> Result<Closed, ReadFault> {
        let alive_at = self.log.alive_at()?;
        self.count(statistics, until.min(alive_at))?;
        let mut closed = Closed { alive_at, waited: 0, talked: 0 };
        if until < alive_at {
            return Ok(closed);
        }
        self.engine.handle(alive_at.max(self.engine.now()), Input::RestartedAfter { alive_at });
        while let Some(said) = self.engine.poll_said() {
            match said.output {
                Output::Left { why: LeftLine::Restarted, .. } => closed.waited += 1,
                Output::Ended { .. } => closed.talked += 1,
                _ => {}
            }
            statistics.saw(said.at, &said.output);
        }
        Ok(closed)
    }
}

/// How a house stood when it was there last.
pub struct Closed {
    pub alive_at: Moment,
    /// Whom its end cut off in a line, and in a talk.
    pub waited: u64,
    pub talked: u64,
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
