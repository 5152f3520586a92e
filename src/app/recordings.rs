//! Recordings beside the calls: what a killed process left is completed, what is complete is made small, what is too
//! old is deleted, and one can be copied out in the clear.

use std::collections::VecDeque;
use std::fs::{File, read_dir, remove_dir, remove_file};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use arc_swap::ArcSwap;
use clap::Args;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::auditing;
use super::clock::Clock;
use super::switchboard::Order;
use crate::config;
use crate::http::Settings;
use crate::ids::CallId;
use crate::moment::Moment;
use crate::records::{
    Access, Entry, Record, RecordingChange, read_call, rfc3339, unfinished_recordings, wav_recordings,
};
use crate::tape::{Format, Place, Reader, repair, to_opus};

/// Calls whose recordings are complete and wait to be looked at; of further ones the store is asked later.
pub const WAITING: usize = 20_000;
/// How often is looked for what is too old, and for what was not made small.
const EVERY: Duration = Duration::from_secs(3600);
/// What a process left is looked for among the calls of so long ago: nobody talks for longer.
const LEFT_SINCE: Duration = Duration::from_secs(48 * 3600);
/// How often, and how long apart, the store is asked for a record that is on its way to the disk.
const RECORD_TRIES: usize = 100;
const RECORD_PAUSE: Duration = Duration::from_millis(50);
/// Everybody else comes first, most of all the sound of those who talk; on a busy machine it goes on all the same.
const LOW_PRIORITY: i32 = 15;
/// In the data folder.
const MESSAGES: &str = "messages";
/// What the names of recordings end with.
const ENDINGS: [&str; 3] = ["wav", "opus", "part"];
const CUT: &str = "the house stopped in the middle of it";

/// Sees to the recordings of a running house.
pub struct Janitor {
    pub data: PathBuf,
    pub clock: Clock,
    /// The folder, the keys, the format, and how long is kept; changed with the files.
    pub settings: Arc<ArcSwap<Settings>>,
    pub orders: mpsc::Sender<Order>,
    /// Calls that are over and whose recordings are complete.
    pub recorded: Receiver<CallId>,
}

/// The call that is over and whose recording is complete with this.
pub fn completes(entry: &Entry) -> Option<CallId> {
    match entry {
        Entry::Closed(record) => is_complete(record).then_some(record.call_id),
        Entry::Recording { call, change, .. } => (change.sha256.is_some() && change.file.is_none()).then_some(*call),
        _ => None,
    }
}

fn is_complete(record: &Record) -> bool {
    record.recording.as_ref().is_some_and(|recording| recording.file.is_some() && recording.sha256.is_some())
}

impl Janitor {
    /// A thread of its own: disks are slow, and one recording after the other is made small.
    pub fn start(self) -> io::Result<()> {
        std::thread::Builder::new().name("recordings".into()).spawn(move || self.run()).map(drop)
    }

    fn run(self) {
        let this_thread = rustix::thread::gettid();
        if let Err(error) = rustix::process::setpriority_process(Some(this_thread), LOW_PRIORITY) {
            warn!(%error, "what is done to recordings takes its turn with everything else");
        }
        self.complete();
        let (mut left, mut look_at) = (VecDeque::new(), self.clock.now());
        loop {
            let now = self.clock.now();
            if look_at <= now {
                look_at = now + EVERY;
                self.sweep();
                left = self.left();
            }
            let next = match left.pop_front() {
                Some(call) => Ok(call),
                None => self.recorded.recv_timeout(look_at.since(now)),
            };
            match next {
                Ok(call) => {
                    if let Err(error) = self.make_small(call) {
                        warn!(%call, error, "a recording stays WAV until the next try");
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The house closes.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn tell(&self, call: CallId, of: Option<String>, change: RecordingChange) {
        // A house that closes has it done at its next start.
        let _ = self.orders.blocking_send(Order::Recording { call, of, change });
    }

    /// What was not made small when it was complete: the house was stopped, or the disk was full.
    fn left(&self) -> VecDeque<CallId> {
        let place = self.settings.load().recordings.clone();
        let since = self.clock.now() - LEFT_SINCE;
        self.clear(&place, since);
        if place.format == Format::Wav {
            return VecDeque::new();
        }
        wav_recordings(&self.data, since).map(VecDeque::from).unwrap_or_else(|error| {
            warn!(%error, "recordings that are WAV still are not made small");
            VecDeque::new()
        })
    }

    /// Deletes what is of no use any more because the house was stopped just then: half a file, and the WAV of which
    /// the record names the small one.
    fn clear(&self, place: &Place, since: Moment) {
        let first_day = day_of(since);
        let days = entries(&place.calls(&self.data)).into_iter();
        let days = days.filter(|day| day.file_name().is_some_and(|name| *name.to_string_lossy() >= *first_day));
        for path in days.chain([self.data.join(MESSAGES)]).flat_map(|folder| entries(&folder)) {
            let useless = match path.extension().and_then(|ending| ending.to_str()) {
                Some("part") => call_of(&path).is_some(),
                Some("wav") if path.with_extension("opus").exists() => {
                    let record = call_of(&path).and_then(|call| read_call(&self.data, call).ok().flatten());
                    let file = record.and_then(|record| record.recording?.file);
                    file.is_some_and(|file| file.ends_with(".opus"))
                }
                _ => false,
            };
            if useless {
                let _ = remove_file(&path);
            }
        }
    }

    /// The WAV goes only when the other file, and the record that names it, are on the disk.
    fn make_small(&self, call: CallId) -> Result<(), String> {
        let place = self.settings.load().recordings.clone();
        if place.format == Format::Wav {
            return Ok(());
        }
        let record = self.record(call, |record| record.ended_at.is_some() && is_complete(record))?;
        let recording = record.recording.filter(|recording| recording.deleted_at.is_none());
        let file = recording.and_then(|recording| recording.file);
        let Some((file, name)) = file.and_then(|file| Some((file.clone(), file.strip_suffix(".wav")?.to_string())))
        else {
            return Ok(());
        };
        let small = format!("{name}.{}", place.format.word());
        let path = |file: &str| place.path(&self.data, file).ok_or("its name leads elsewhere");
        let (from, to) = (path(&file)?, path(&small)?);
        let written = to_opus(&from, &to, &place.keys)?;
        let change = RecordingChange {
            file: Some(small.clone()),
            sha256: Some(written.sha256),
            length_ms: u64::try_from(written.length.as_millis()).ok(),
            bytes: Some(written.bytes),
            encrypted: Some(written.encrypted),
            ..RecordingChange::default()
        };
        self.tell(call, Some(file), change);
        self.record(call, |record| {
            record.recording.as_ref().is_some_and(|recording| recording.file.as_ref() == Some(&small))
        })?;
        remove_file(&from).map_err(|error| format!("{}: {error}", from.display()))?;
        info!(%call, bytes = written.bytes, length = ?written.length, "a recording is Opus now");
        Ok(())
    }

    /// A record as it lies on the disk, as soon as it is as expected.
    fn record(&self, call: CallId, is_so: impl Fn(&Record) -> bool) -> Result<Record, String> {
        for _ in 0..RECORD_TRIES {
            let found = read_call(&self.data, call).map_err(|error| error.to_string())?;
            if let Some(record) = found.filter(&is_so) {
                return Ok(record);
            }
            std::thread::sleep(RECORD_PAUSE);
        }
        Err("its record is not on the disk".into())
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
            self.tell(call, Some(file), change);
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
            self.tell(call, None, RecordingChange { deleted_at: Some(now), ..RecordingChange::default() });
        }
    }
}

/// Deletes recordings and messages of calls that came before; of a folder of each day only those are looked into that
/// can have such.
fn sweep(place: &Place, data: &Path, before: Moment) -> Vec<CallId> {
    let last_day = day_of(before);
    let mut deleted = Vec::new();
    for day in entries(&place.calls(data)) {
        let name = day.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.len() == last_day.len() && *name <= *last_day {
            sweep_folder(&day, before, &mut deleted);
            // One that is not empty stays.
            let _ = remove_dir(&day);
        }
    }
    sweep_folder(&data.join(MESSAGES), before, &mut deleted);
    deleted
}

/// As the folders of days are named.
fn day_of(at: Moment) -> String {
    rfc3339(at, &jiff::tz::TimeZone::UTC).chars().take(10).collect()
}

/// Whose file it is, by its name.
fn call_of(path: &Path) -> Option<CallId> {
    path.file_stem().and_then(|name| name.to_str()).and_then(CallId::parse)
}

fn sweep_folder(folder: &Path, before: Moment, deleted: &mut Vec<CallId>) {
    for path in entries(folder) {
        let is_sound = path.extension().is_some_and(|ending| ENDINGS.iter().any(|sound| ending == *sound));
        // An id says when its call arrived.
        let Some(call) =
            call_of(&path).filter(|call| is_sound && (call.0 >> 20).saturating_mul(1000) < before.as_micros())
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
    /// Where it is written: WAV, or Ogg/Opus as the name of its file tells; default: to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Copies a recording out in the clear, and who did is written down before.
pub fn recording(config: &Path, data: &Path, args: &RecordingArgs) -> Result<ExitCode, String> {
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
    let access = Access::open(data).map_err(|fault| fault.to_string())?;
    auditing::write(&access, &format!("hotline recording {call}"), "200")?;
    copy_out(&reader, args.output.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Nothing is written, nor a file made or emptied, unless all of it can be read.
fn copy_out(reader: &Reader, output: Option<&Path>) -> Result<(), String> {
    const STEP: usize = 1 << 20;
    // It may grow meanwhile.
    let length = reader.length();
    let each_piece = |take: &mut dyn FnMut(&[u8]) -> Result<(), String>| {
        let mut at = 0;
        while at < length {
            let bytes = reader.read(at, STEP.min((length - at) as usize)).map_err(|why| why.to_string())?;
            at += bytes.len() as u64;
            take(&bytes)?;
        }
        Ok::<(), String>(())
    };
    each_piece(&mut |_| Ok(()))?;
    let mut out: Box<dyn Write> = match output {
        Some(path) => Box::new(File::create(path).map_err(|error| format!("{}: {error}", path.display()))?),
        None => Box::new(io::stdout()),
    };
    each_piece(&mut |bytes| out.write_all(bytes).map_err(|error| error.to_string()))?;
    out.flush().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::{Keys, Tape};

    #[test]
    fn of_what_was_changed_nothing_is_copied_out() {
        let folder = tempfile::tempdir().unwrap();
        let [key, tape, copy] = ["key", "1.wav", "copy.wav"].map(|name| folder.path().join(name));
        std::fs::write(&key, "a5".repeat(32)).unwrap();
        let keys = Keys::read(&key).unwrap();
        // More than is read at once.
        let mut recorded = Tape::create(&tape, 2, &keys).unwrap();
        (0..150).for_each(|_| recorded.append(&[0x55; 16_000]).unwrap());
        recorded.finish().unwrap();
        copy_out(&Reader::open(&tape, &keys).unwrap(), Some(&copy)).unwrap();
        let whole = std::fs::read(&copy).unwrap();
        assert_eq!(whole.len(), 58 + 150 * 16_000);
        let mut bytes = std::fs::read(&tape).unwrap();
        bytes[1_500_000] ^= 1;
        std::fs::write(&tape, bytes).unwrap();
        let changed = Reader::open(&tape, &keys).unwrap();
        assert!(copy_out(&changed, Some(&copy)).is_err());
        assert!(std::fs::read(&copy).unwrap() == whole, "what was there stays");
        std::fs::remove_file(&copy).unwrap();
        assert!(copy_out(&changed, Some(&copy)).is_err() && !copy.exists());
    }

    #[test]
    fn what_is_too_old_is_deleted_and_nothing_else() {
        let data = tempfile::tempdir().unwrap();
        let day = 24 * 3600 * 1000_u64;
        let write_as = |folder: &str, millis: u64, ending: &str| {
            let call = CallId::next(CallId(0), millis);
            let path = data.path().join(folder).join(format!("{call}.{ending}"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "sound").unwrap();
            (call, path)
        };
        let write = |folder: &str, millis: u64| write_as(folder, millis, "wav");
        // 2025-11-24T00:00Z is day 20416.
        let midnight = 20_416 * day;
        let old = write("recordings/2025-11-23", midnight - 1);
        let on_the_day = write("recordings/2025-11-24", midnight + 1_000);
        let later = write("recordings/2025-11-24", midnight + 7_200_000);
        let young = write("recordings/2025-11-25", midnight + day);
        let message = write("messages", midnight - day);
        let small = write_as("recordings/2025-11-23", midnight - 2, "opus");
        let other = data.path().join("recordings/2025-11-23/notes.txt");
        std::fs::write(&other, "not ours").unwrap();
        let before = Moment::from_micros((midnight + 3_600_000) * 1000);
        let mut deleted = sweep(&Place::default(), data.path(), before);
        deleted.sort();
        let mut expected = vec![old.0, on_the_day.0, message.0, small.0];
        expected.sort();
        assert_eq!(deleted, expected);
        assert!(later.1.exists() && young.1.exists() && other.exists() && !old.1.exists());
        let apart = Place { folder: Some(data.path().join("elsewhere")), ..Place::default() };
        assert_eq!(sweep(&apart, data.path(), before), Vec::new());
    }
}
