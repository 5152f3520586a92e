//! The engine as it was: last checkpoint, then the inputs logged after it.

use tracing::{info, warn};

use crate::config::{Meaning, Texts, difference};
use crate::moment::Moment;
use crate::queue::{Engine, Input};
use crate::records::{Checkpoint, Entry, Recovered, Version};

/// The author of a version that was there when the house opened.
const AT_THE_START: &str = "start";

/// Replays what the store kept: from the latest checkpoint that can be read. An input that cannot be read ends
/// the replay there: the engine is then as it was before it, and says so in the log. The entry says what was
/// of no use, if anything.
pub fn engine(recovered: &Recovered) -> (Engine, Option<Entry>) {
    let read = |checkpoint: &Checkpoint| match serde_json::from_str(&checkpoint.state) {
        Ok(engine) => Some((engine, checkpoint.seq)),
        Err(error) => {
            warn!(seq = checkpoint.seq, %error, "a checkpoint cannot be read");
            None
        }
    };
    let found = recovered.checkpoints.iter().find_map(read);
    let lost = found.is_none() && !recovered.checkpoints.is_empty();
    let (mut engine, checkpoint): (Engine, u64) = found.unwrap_or_default();
    let mut last = checkpoint;
    let mut replayed = 0;
    // On an engine that lost its beginning, what came after means nothing.
    let inputs = if lost { &[][..] } else { &recovered.inputs[..] };
    for (seq, at, text) in inputs.iter().filter(|(seq, ..)| *seq > checkpoint) {
        match serde_json::from_str::<Input>(text) {
            Ok(input) => {
                engine.handle(*at, input);
                while engine.poll().is_some() {}
                (last, replayed) = (*seq, replayed + 1);
            }
            Err(error) => {
                warn!(seq, %error, "a logged input cannot be read; the replay ends before it");
                break;
            }
        }
    }
    if lost {
        warn!("no checkpoint can be read; nobody is signed in");
    }
    if replayed > 0 {
        info!(inputs = replayed, "replayed");
    }
    engine.number_from(recovered.last_input);
    let unused = last < recovered.last_input || recovered.checkpoints.first().is_some_and(|c| c.seq > checkpoint);
    (engine, unused.then_some(Entry::Restored { checkpoint, last }))
}

/// The version that a house begins with: the last one, if the files still mean the same, else a new one. `true`: it
/// is to be written down. `rules`: the version that the engine knows.
pub fn version(recovered: &Recovered, rules: u64, meaning: &Meaning, files: Texts, at: Moment) -> (Version, bool) {
    let text = serde_json::to_string(meaning).unwrap_or_default();
    let last = recovered.version.as_ref();
    if let Some(last) = last.filter(|last| last.meaning == text) {
        let is_new = last.files != files;
        return (Version { files, ..last.clone() }, is_new);
    }
    let former = last.and_then(|last| serde_json::from_str::<Meaning>(&last.meaning).ok());
    let changes = match former {
        Some(former) => difference(&former, meaning).into_iter().map(|change| change.words).collect(),
        None => vec!["the first that is kept".to_string()],
    };
    let number = last.map_or(0, |last| last.number).max(rules) + 1;
    (Version { number, at, author: AT_THE_START.into(), note: String::new(), changes, meaning: text, files }, true)
}

/// The latest moment that the store knows: the clock begins after it.
pub fn latest(recovered: &Recovered) -> Moment {
    let checkpoint = recovered.checkpoints.first().map(|checkpoint| checkpoint.at);
    let input = recovered.inputs.last().map(|(_, at, _)| *at);
    let call = Moment::from_micros((recovered.last_call.0 >> 20) * 1000);
    checkpoint.into_iter().chain(input).chain([call]).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CallId;

    fn at(seq: u64) -> Moment {
        Moment::from_micros(seq * 1_000_000)
    }

    fn input(seq: u64) -> (u64, Moment, String) {
        let input = Input::SeatReachable { seat: format!("{seq}").as_str().into(), reachable: true };
        (seq, at(seq), serde_json::to_string(&input).unwrap())
    }

    /// An engine that took the inputs up to `seq`.
    fn engine_at(seq: u64) -> Engine {
        let mut engine = Engine::new();
        for (_, at, text) in (1..=seq).map(input) {
            engine.handle(at, serde_json::from_str(&text).unwrap());
        }
        while engine.poll().is_some() {}
        engine
    }

    /// Checkpoints after 20 and 10, inputs from 11 to 25.
    fn recovered() -> Recovered {
        let checkpoint = |seq| Checkpoint { seq, at: at(seq), state: serde_json::to_string(&engine_at(seq)).unwrap() };
        Recovered {
            closed: Vec::new(),
            alive_at: Moment::default(),
            last_call: CallId(0),
            checkpoints: vec![checkpoint(20), checkpoint(10)],
            inputs: (11..=25).map(input).collect(),
            last_input: 25,
            bindings: Vec::new(),
            switches: Vec::new(),
            version: None,
        }
    }

    fn check(damage: impl Fn(&mut Recovered), state_after: u64, unused: Option<(u64, u64)>) {
        let mut recovered = recovered();
        damage(&mut recovered);
        let (engine, entry) = engine(&recovered);
        let mut expected = engine_at(state_after);
        expected.number_from(25);
        assert_eq!(engine, expected, "the state after {state_after}, numbered on after 25");
        let entry = entry.map(|entry| match entry {
            Entry::Restored { checkpoint, last } => (checkpoint, last),
            other => panic!("{other:?}"),
        });
        assert_eq!(entry, unused);
    }

    #[test]
    fn damage_costs_what_is_damaged_and_the_numbers_go_on() {
        let broken = || "{}}".to_string();
        check(|_| {}, 25, None);
        check(|r| r.checkpoints[0].state = broken(), 25, Some((10, 25)));
        check(|r| r.inputs[12].2 = broken(), 22, Some((20, 22)));
        check(|r| (r.checkpoints[0].state, r.inputs[7].2) = (broken(), broken()), 17, Some((10, 17)));
        check(|r| r.checkpoints.iter_mut().for_each(|c| c.state = broken()), 0, Some((0, 0)));
    }
}
