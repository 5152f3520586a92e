//! Where recordings are kept, for how long, and what they are sealed with.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::keys::Keys;

/// What recorded calls are named by in records.
pub const RECORDINGS: &str = "recordings/";

/// What a recording is when it is complete. While it is written it is WAV, which plays when it is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Wav,
    /// Ogg/Opus, RFC 7845.
    Opus,
}

impl Format {
    /// As it is written in the files, and what the names of files end with.
    pub fn word(self) -> &'static str {
        match self {
            Format::Wav => "wav",
            Format::Opus => "opus",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Of recorded calls. `None`: `recordings` in the data folder.
    pub folder: Option<PathBuf>,
    /// Without one they lie in the clear.
    pub keys: Arc<Keys>,
    /// `None`: for ever.
    pub keep: Option<Duration>,
    pub format: Format,
}

impl Place {
    /// Where a file lies that a record names; `None`: no record names such a one.
    pub fn path(&self, data: &Path, file: &str) -> Option<PathBuf> {
        let inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        let path = match (&self.folder, file.strip_prefix(RECORDINGS)) {
            (Some(folder), Some(below)) => folder.join(below),
            _ => data.join(file),
        };
        inside.then_some(path)
    }

    /// The folder of recorded calls.
    pub fn calls(&self, data: &Path) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| data.join(RECORDINGS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_in_the_folder_they_are_for_and_nowhere_else() {
        let data = Path::new("/data");
        let usual = Place::default();
        let apart = Place { folder: Some("/srv/sound".into()), ..Place::default() };
        let at = |place: &Place, file: &str| place.path(data, file).map(|path| path.display().to_string());
        assert_eq!(at(&usual, "recordings/2026-11-26/1.wav").as_deref(), Some("/data/recordings/2026-11-26/1.wav"));
        assert_eq!(at(&apart, "recordings/2026-11-26/1.wav").as_deref(), Some("/srv/sound/2026-11-26/1.wav"));
        assert_eq!(at(&apart, "messages/1.wav").as_deref(), Some("/data/messages/1.wav"));
        for file in ["../secret", "/etc/passwd", "recordings/../../secret", "recordings//etc/../../x"] {
            assert_eq!(at(&apart, file), None, "{file}");
        }
    }
}
