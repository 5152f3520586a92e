//! Recordings beside the calls: what a killed process left is completed, what is too old is deleted, and one can be
//! copied out in the clear.

use std::fs::{File, read_dir, remove_dir, remove_file};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use clap::Args;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::clock::Clock;
use super::switchboard::Order;
use crate::config;
use crate::http::Settings;
use crate::ids::CallId;
use crate::moment::Moment;
use crate::records::{RecordingChange, read_call, rfc3339, unfinished_recordings};
use crate::tape::{Place, Reader, repair};

/// How often is looked for what is too old.
const EVERY: Duration = Duration::from_secs(3600);
/// What a process left is looked for among the calls of so long ago: nobody talks for longer.
const LEFT_SINCE: Duration = Duration::from_secs(48 * 3600);
const CUT: &str = "the house stopped in the middle of it";

/// Sees to the recordings of a running house.
pub struct Janitor {
    pub data: PathBuf,
    pub clock: Clock,
    /// The folder, the keys, and how long is kept; changed with the files.
    pub settings: Arc<ArcSwap<Settings>>,
    pub orders: mpsc::Sender<Order>,
}

impl Janitor {
    /// A thread of its own: disks are slow.
    pub fn start(self) -> io::Result<()> {
        let work = move || {
            self.complete();
            loop {
                self.sweep();
                std::thread::sleep(EVERY);
            }
        };
        std::thread::Builder::new().name("recordings".into()).spawn(work).map(drop)
    }

    fn tell(&self, call: CallId, change: RecordingChange) {
        // A house that closes has it done at its next start.
        let _ = self.orders.blocking_send(Order::Recording { call, change });
    }

    /// Files of calls that the last process did not close.
    fn complete(&self) {
        let place = self.settings.load().recordings.clone();
        let left = match unfinished_recordings(&self.data, self.clock.now() - LEFT_SINCE) {
            Ok(left) => left,
            Err(error) => return warn!(%error, "recordings that were cut are not completed"),
        };
        for (call, file) in left {
            let Some(path) = place.path(&self.data, &file) else { continue };
            let change = match repair(&path, &place.keys) {
                Ok(written) => {
                    info!(%call, length = ?written.length, "a recording that was cut is complete up to there");
                    RecordingChange {
                        sha256: Some(written.sha256),
                        length_ms: u64::try_from(written.length.as_millis()).ok(),
                        bytes: Some(written.bytes),
                        encrypted: Some(written.encrypted),
                        why: Some(CUT.into()),
                        ..RecordingChange::default()
                    }
                }
                Err(error) => {
                    error!(%call, path = %path.display(), %error, "a recording that was cut cannot be completed");
                    RecordingChange { why: Some(format!("{CUT}: {error}")), ..RecordingChange::default() }
                }
            };
            self.tell(call, change);
        }
    }

    /// Deletes what is too old.
    fn sweep(&self) {
        let place = self.settings.load().recordings.clone();
        let now = self.clock.now();
        let Some(keep) = place.keep else { return };
        let deleted = sweep(&place, &self.data, now - keep);
        if !deleted.is_empty() {
            info!(recordings = deleted.len(), ?keep, "deleted: their time was over");
        }
        for call in deleted {
            self.tell(call, RecordingChange { deleted_at: Some(now), ..RecordingChange::default() });
        }
    }
}

/// Deletes recordings and messages of calls that came before; of a folder of each day only those are looked into that
/// can have such.
fn sweep(place: &Place, data: &Path, before: Moment) -> Vec<CallId> {
    let last_day = rfc3339(before, &jiff::tz::TimeZone::UTC).chars().take(10).collect::<String>();
    let mut deleted = Vec::new();
    for day in entries(&place.calls(data)) {
        let name = day.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.len() == last_day.len() && *name <= *last_day {
            sweep_folder(&day, before, &mut deleted);
            // One that is not empty stays.
            let _ = remove_dir(&day);
        }
    }
    sweep_folder(&data.join("messages"), before, &mut deleted);
    deleted
}

fn sweep_folder(folder: &Path, before: Moment, deleted: &mut Vec<CallId>) {
    for path in entries(folder) {
        let call = path.file_stem().and_then(|name| name.to_str()).and_then(CallId::parse);
        let is_sound = path.extension().is_some_and(|ending| ending == "wav");
        // An id says when its call arrived.
        let Some(call) = call.filter(|call| is_sound && (call.0 >> 20).saturating_mul(1000) < before.as_micros())
        else {
            continue;
        };
        match remove_file(&path) {
            Ok(()) => deleted.push(call),
            Err(error) => warn!(path = %path.display(), %error, "a recording whose time is over cannot be deleted"),
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

#[derive(Args, Debug)]
pub struct RecordingArgs {
    /// The call, as `hotline records` prints it in call_id
    call: String,
    /// Where the WAV file is written; default: to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Copies a recording out in the clear.
pub fn recording(config: &Path, data: &Path, args: &RecordingArgs) -> Result<ExitCode, String> {
    const STEP: usize = 1 << 20;
    let call = CallId::parse(&args.call).ok_or_else(|| format!("{} is no call id", args.call))?;
    let record = read_call(data, call).map_err(|error| error.to_string())?;
    let recording = record.ok_or("there is no such call")?.recording.ok_or("this call was not recorded")?;
    if recording.deleted_at.is_some() {
        return Err("its time was over: it was deleted".into());
    }
    let file = recording.file.ok_or_else(|| format!("there is none: {}", recording.why.unwrap_or_default()))?;
    let house = config::load_unrecorded(config).map_err(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        format!("the files say where recordings are, and cannot be read: {first}")
    })?;
    let place = house.media.recordings;
    let path = place.path(data, &file).ok_or("its name leads elsewhere")?;
    let reader = Reader::open(&path, &place.keys).map_err(|why| format!("{}: {why}", path.display()))?;
    let mut out: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(File::create(path).map_err(|error| format!("{}: {error}", path.display()))?),
        None => Box::new(io::stdout()),
    };
    let mut at = 0;
    while at < reader.length() {
        let bytes = reader.read(at, STEP).map_err(|why| why.to_string())?;
        at += bytes.len() as u64;
        out.write_all(&bytes).map_err(|error| error.to_string())?;
    }
    out.flush().map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_is_deleted_and_nothing_else() {
        let data = tempfile::tempdir().unwrap();
        let day = 24 * 3600 * 1000_u64;
        let write = |folder: &str, millis: u64| {
            let call = CallId::next(CallId(0), millis);
            let path = data.path().join(folder).join(format!("{call}.wav"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "sound").unwrap();
            (call, path)
        };
        // 2025-11-24T00:00Z is day 20416.
        let midnight = 20_416 * day;
        let old = write("recordings/2025-11-23", midnight - 1);
        let on_the_day = write("recordings/2025-11-24", midnight + 1_000);
        let later = write("recordings/2025-11-24", midnight + 7_200_000);
        let young = write("recordings/2025-11-25", midnight + day);
        let message = write("messages", midnight - day);
        let other = data.path().join("recordings/2025-11-23/notes.txt");
        std::fs::write(&other, "not ours").unwrap();
        let before = Moment::from_micros((midnight + 3_600_000) * 1000);
        let mut deleted = sweep(&Place::default(), data.path(), before);
        deleted.sort();
        let mut expected = vec![old.0, on_the_day.0, message.0];
        expected.sort();
        assert_eq!(deleted, expected);
        assert!(later.1.exists() && young.1.exists() && other.exists() && !old.1.exists());
        let apart = Place { folder: Some(data.path().join("elsewhere")), ..Place::default() };
        assert_eq!(sweep(&apart, data.path(), before), Vec::new());
    }
}
