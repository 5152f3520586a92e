//! The engine as it was: last checkpoint, then the inputs logged after it.

use tracing::{info, warn};

use crate::moment::Moment;
use crate::queue::{Engine, Input};
use crate::records::Recovered;

/// Replays what the store kept. An input that cannot be read ends the replay there: the engine is
/// then as it was before it, and says so in the log.
pub fn engine(recovered: &Recovered) -> Engine {
    let mut engine = match &recovered.checkpoint {
        None => Engine::new(),
        Some(checkpoint) => serde_json::from_str(&checkpoint.state).unwrap_or_else(|error| {
            warn!(%error, "the checkpoint cannot be read; nobody is signed in");
            Engine::new()
        }),
    };
    for (seq, at, text) in &recovered.inputs {
        match serde_json::from_str::<Input>(text) {
            Ok(input) => {
                engine.handle(*at, input);
                while engine.poll().is_some() {}
            }
            Err(error) => {
                warn!(seq, %error, "a logged input cannot be read; the replay ends before it");
                break;
            }
        }
    }
    if !recovered.inputs.is_empty() {
        info!(inputs = recovered.inputs.len(), "replayed");
    }
    engine
}

/// The latest moment that the store knows: the clock begins after it.
pub fn latest(recovered: &Recovered) -> Moment {
    let checkpoint = recovered.checkpoint.as_ref().map(|checkpoint| checkpoint.at);
    let input = recovered.inputs.last().map(|(_, at, _)| *at);
    let call = Moment::from_micros((recovered.last_call.0 >> 20) * 1000);
    checkpoint.into_iter().chain(input).chain([call]).max().unwrap_or_default()
}
