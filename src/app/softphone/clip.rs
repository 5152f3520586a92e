//! A WAV of the user's as a clip to play.

use std::path::Path;
use std::sync::Arc;

use crate::media::prompts::{Clip, load_clip};

pub(super) fn load(path: &Path) -> Result<Arc<Clip>, String> {
    load_clip(path).map(Arc::new).map_err(|fault| fault.to_string())
}
