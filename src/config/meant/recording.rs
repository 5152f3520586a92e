//! hotline.toml: `[recording]`, and which queues have it otherwise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::number_within;
use super::queues::Queues;
use super::secrets::is_open;
use crate::config::Recording;
use crate::config::fault::Faults;
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::ids::PromptName;
use crate::ivr;
use crate::ivr::menu::Saying;
use crate::tape::{Format, Keys, Place};

const NOTICE: &str = "notice";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A hundred years.
const MOST_DAYS: u32 = 36_500;

pub struct Meant {
    pub recording: Recording,
    pub place: Place,
    /// Said before anything is recorded. `None`: nothing is.
    pub notice: Option<PromptName>,
}

pub fn read(dir: &Path, files: &Files, queues: &Queues<'_>, faults: &mut Faults) -> Option<Meant> {
    let table = reader::table::<written::Recording>(&files.hotline, "recording", faults)?;
    let written = &table.written;
    let calls = written.calls.unwrap_or(false);
    let record = |(id, queue): (&_, &Element<'_, written::Queue>)| Some((Clone::clone(id), queue.written.record?));
    let queues: BTreeMap<_, _> = queues.elements.iter().filter_map(record).collect();
    let days = number_within(&table, &["keep_days"], written.keep_days.unwrap_or(0), (0, MOST_DAYS), faults);
    let recording = Recording { calls, queues };
    let beside = |key: &str, name: &str| -> PathBuf {
        let place = table.place(key);
        Path::new(&*place.file).parent().filter(|_| place.line > 0).unwrap_or(dir).join(name)
    };
    let keys = match &written.key_file {
        None => Keys::default(),
        Some(name) => {
            let path = beside("key_file", name);
            let keys = Keys::read(&path).unwrap_or_else(|fault| {
                table.fault(faults, "key_file", format!("{}: {fault}", path.display()));
                Keys::default()
            });
            if is_open(&path) {
                let what = format!("{} can be read by everybody on this machine: chmod o= {0}", path.display());
                faults.warning(&table.place("key_file"), table.key("key_file"), what);
            }
            keys
        }
    };
    let format = match written.format.as_deref() {
        None | Some("wav") => Format::Wav,
        Some("opus") => Format::Opus,
        Some(other) => {
            table.fault(faults, "format", format!("found {other:?}; \"wav\" and \"opus\" are allowed"));
            Format::default()
        }
    };
    let folder = written.folder.as_ref().map(|name| beside("folder", name));
    let name = written.notice.as_deref().unwrap_or(NOTICE);
    let is_name = !name.is_empty() && !name.contains(['/', '*']);
    if !is_name {
        let what = format!("found {name:?}; the name of a prompt without its language is meant, e.g. \"notice\"");
        table.fault(faults, "notice", what);
    }
    let notice = (recording.is_on() && is_name).then(|| PromptName::from(name));
    Some(Meant {
        recording,
        place: Place { folder, keys: Arc::new(keys), keep: (days > 0).then(|| DAY * days), format },
        notice,
    })
}

/// Callers who are told nothing before the line wait there for the notice, or hear it beside the operator.
pub fn check_notice(files: &Files, notice: &PromptName, ivr: &ivr::Settings, faults: &mut Faults) {
    let is_notice = |said: &Saying| match said {
        Saying::Fixed(prompt) => prompt.name == *notice,
        Saying::Own(name) => name == notice,
    };
    if !ivr.menus.nodes.values().any(|node| node.says().into_iter().any(is_notice)) {
        let place = reader::place_within(&files.hotline, &["recording", "notice"]);
        let what = format!(
            "calls are recorded, and no menu says {:?}: callers hear it only in the line, or beside the operator",
            notice.as_str()
        );
        faults.warning(&place, "recording.notice", what);
    }
}
