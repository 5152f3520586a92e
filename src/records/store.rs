//! The store as the switchboard holds it: write and go on.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::bell::Bell;
use super::recovery::{self, Recovered};
use super::schema::{self, FILE};
use super::words::Entry;
use super::writer::Writer;
use crate::moment::Moment;

const LOCK: &str = "hotline.lock";
/// A reader that holds the database for longer than this makes a commit be tried again.
const BUSY: Duration = Duration::from_secs(2);

/// A disk that takes nothing for so long while something waits for it hangs, though it says nothing: callers have been
/// answered without it by then.
const STALLED: Duration = Duration::from_secs(5);
/// So often it is looked, while something waits.
const LOOK: Duration = Duration::from_secs(1);
/// One that hung is well again when nothing waits, or when it did not hang for so long.
const STEADY: Duration = Duration::from_secs(30);

/// What waits to be written when the disk does not keep up. Above each limit less is kept, so that memory
/// stays bounded while the calls themselves are still written down; every loss is counted and logged.
const SPARE_EXPLANATIONS: usize = 100_000;
const SPARE_THE_LOG: usize = 400_000;
const SPARE_NOTHING_MORE: usize = 1_000_000;

/// Number of an entry: 1, 2, 3 …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ticket(pub u64);

/// What is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Written {
    /// The openings of calls up to this one.
    pub calls: Ticket,
    /// Everything up to this one.
    pub all: Ticket,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    #[error("{0}: another hotline writes here; stop it, or choose another folder with --data")]
    InUse(PathBuf),
    #[error("{path}: {error}; the data folder must be writable")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path}: {error}{}", advice(.error))]
    Database { path: PathBuf, error: rusqlite::Error },
    #[error("{path}: was written by a newer hotline (its form is {found})")]
    TooNew { path: PathBuf, found: usize },
}

impl StoreFault {
    pub fn is_full_disk(&self) -> bool {
        matches!(self, Self::Database { error, .. } if error.sqlite_error_code() == Some(ErrorCode::DiskFull))
    }
}

/// What helps. Only a file that is damaged is to be moved away: what is in it is lost with that.
fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; make room on that disk",
        Some(ErrorCode::SystemIoFailure) => "; the disk failed, or is full: see the machine's own log",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "; the file and its folder must be writable"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "; another program holds the file: try again when it is done"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "; move the file away to begin anew, or restore a copy of it"
        }
        _ => "",
    }
}

/// Seen by both sides of the channel.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub bell: Bell,
    /// The openings up to the first, and everything up to the second, is to be written now.
    due: [AtomicU64; 2],
    /// The openings up to this one are on the disk; whoever waits for more is told.
    calls: Mutex<Ticket>,
    more: Condvar,
    pub backlog: AtomicUsize,
    /// Batches that were written.
    pub taken: AtomicUsize,
    pub failing: AtomicBool,
    /// Why, as long as it fails.
    pub why: Mutex<String>,
    pub dropped: AtomicUsize,
    pub closing: AtomicBool,
}

impl Shared {
    // Sequentially consistent, as the bell is: either the writer sees the number, or the bell that it sleeps.

    /// What is to be written now.
    pub fn due(&self) -> Written {
        let [calls, all] = self.due.each_ref().map(|due| Ticket(due.load(Ordering::SeqCst)));
        Written { calls, all }
    }

    fn hand_over(&self, due: Written) {
        self.due[0].store(due.calls.0, Ordering::SeqCst);
        self.due[1].store(due.all.0, Ordering::SeqCst);
        self.bell.ring(true);
    }

    pub fn tell_written(&self, calls: Ticket) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner) = calls;
        self.more.notify_all();
    }

    fn wait_for(&self, calls: Ticket, patience: Duration) -> Ticket {
        let written = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.more.wait_timeout_while(written, patience, |written| *written < calls);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

pub struct Store {
    entries: Option<Sender<(Ticket, Entry)>>,
    last: Ticket,
    /// What somebody waits for, and whether the writer knows.
    due: Written,
    is_told: bool,
    shared: Arc<Shared>,
    progress: Progress,
    writer: Option<JoinHandle<()>>,
    _lock: File,
}

/// Whether the disk takes what it is given.
#[derive(Debug, Default)]
struct Progress {
    taken: usize,
    /// It has taken nothing since, though something waits.
    since: Moment,
    looked: Moment,
    hangs: bool,
    /// It hung then, and is not well again.
    hung: Option<Moment>,
}

impl Store {
    /// Opens or creates the database in `dir`, recovers what a former process left open, and starts the
    /// writer thread. `written` is called there after each commit with what is on the disk, and after
    /// each commit that failed with what was before.
    pub fn open(
        dir: &Path,
        now: Moment,
        written: Box<dyn Fn(Written) + Send>,
    ) -> Result<(Store, Recovered), StoreFault> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |error| StoreFault::Io { path, error }
        };
        make_folder(dir).map_err(io(dir))?;
        let lock_path = dir.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(io(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreFault::InUse(dir.to_path_buf())),
            Err(TryLockError::Error(error)) => return Err(StoreFault::Io { path: lock_path, error }),
        }
        let path = dir.join(FILE);
        let database = |error| StoreFault::Database { path: path.clone(), error };
        keep_from_others(&path).map_err(io(&path))?;
        let mut db = connect(&path).map_err(database)?;
        if let Err(found) = schema::migrate(&mut db).map_err(database)? {
            return Err(StoreFault::TooNew { path, found });
        }
        let recovered = recovery::recover(&mut db, now).map_err(database)?;
        let shared = Arc::new(Shared::default());
        let (entries, received) = channel();
        let writer = Writer::new(db, received, shared.clone(), written);
        let thread = std::thread::Builder::new().name("records".into()).spawn(move || writer.run());
        let thread = thread.map_err(io(dir))?;
        shared.bell.belongs_to(thread.thread().clone());
        let writer = Some(thread);
        let (last, progress) = (Ticket(0), Progress::default());
        Ok((
            Store {
                entries: Some(entries),
                last,
                due: Written::default(),
                is_told: true,
                shared,
                progress,
                writer,
                _lock: lock,
            },
            recovered,
        ))
    }

    /// Leaves an entry for the writer, who takes it when there are more: see [`Self::hand_over`]. Never blocks.
    pub fn write(&mut self, entry: Entry) -> Ticket {
        self.last = Ticket(self.last.0 + 1);
        let backlog = self.shared.backlog.load(Ordering::Relaxed);
        if backlog >= SPARE_EXPLANATIONS && is_spared(&entry, backlog) {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return self.last;
        }
        self.shared.backlog.fetch_add(1, Ordering::Relaxed);
        let (is_awaited, is_opening) = (entry.is_awaited(), entry.is_opening());
        if self.entries.as_ref().is_none_or(|entries| entries.send((self.last, entry)).is_err()) {
            self.shared.failing.store(true, Ordering::Relaxed);
        }
        self.shared.bell.ring(false);
        if is_opening {
            (self.due.calls, self.is_told) = (self.last, false);
        } else if is_awaited {
            self.want_all();
        }
        self.last
    }

    /// Somebody waits for all that was left so far → the last of it.
    pub fn want_all(&mut self) -> Ticket {
        (self.due.all, self.is_told) = (self.last, false);
        self.last
    }

    /// What was left and is waited for is to be written now, all of it with one wait for the disk.
    pub fn hand_over(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.shared.hand_over(self.due);
        }
    }

    /// Hands over, and stands still for so long at most until the openings up to `last` are on the disk → those that are.
    pub fn wait_for_openings(&mut self, last: Ticket, patience: Duration) -> Ticket {
        self.hand_over();
        self.shared.wait_for(last, patience)
    }

    /// Entries that are not on the disk yet.
    pub fn backlog(&self) -> usize {
        self.shared.backlog.load(Ordering::Relaxed)
    }

    /// Sees whether the disk takes anything; to be called whenever something has happened, and at
    /// [`Self::next_deadline`].
    pub fn look(&mut self, now: Moment) {
        let (taken, former) = (self.shared.taken.load(Ordering::Relaxed), &self.progress);
        let takes = self.backlog() == 0 || taken != former.taken;
        // Who did not look stood still, and the writer perhaps with it.
        let stood_still = now.since(former.looked) > 2 * LOOK;
        let since = if takes || stood_still { now } else { former.since };
        let hangs = now.since(since) >= STALLED;
        let before = former.hung.filter(|at| self.backlog() > 0 && now.since(*at) < STEADY);
        let hung = if hangs { Some(now) } else { before };
        self.progress = Progress { taken, since, looked: now, hangs, hung };
    }

    /// When it is to be looked again at the latest.
    pub fn next_deadline(&self) -> Option<Moment> {
        (self.backlog() > 0).then(|| self.progress.looked + LOOK)
    }

    /// Whether it is worth waiting for the disk: the last commit worked, and it does not hang.
    pub fn takes(&self) -> bool {
        !self.shared.failing.load(Ordering::Relaxed) && !self.progress.hangs
    }

    /// Why nothing is written, or not all that was to be written while it hung.
    pub fn fault(&self) -> Option<String> {
        let why = || self.shared.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failing = self.shared.failing.load(Ordering::Relaxed).then(why);
        failing.or_else(|| self.progress.hung.map(|_| "the disk hangs, or is not well again yet".into()))
    }

    /// Writes what is left and lets go of the folder; on a disk that fails, only what a few tries can.
    pub fn close(mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        self.end();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }

    fn end(&mut self) {
        self.entries = None;
        self.shared.bell.ring(true);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.end();
    }
}

/// A `Closed` says all that the `Changed` before it said.
fn is_spared(entry: &Entry, backlog: usize) -> bool {
    match entry {
        Entry::Decision { .. } | Entry::Changed(_) | Entry::Heartbeat { .. } | Entry::Checkpoint { .. } => true,
        Entry::Input { .. } | Entry::Event(_) | Entry::Binding { .. } => backlog >= SPARE_THE_LOG,
        Entry::Opened(_)
        | Entry::Closed(_)
        | Entry::Noted { .. }
        | Entry::Recording { .. }
        | Entry::Restored { .. }
        | Entry::Switch { .. }
        | Entry::Version(_) => backlog >= SPARE_NOTHING_MORE,
    }
}

pub(super) fn make_folder(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(dir)
}

/// What is kept holds callers' numbers, and the files with the secrets that stand in them: others on this machine
/// do not read it. SQLite gives the files beside it the same mode.
pub(super) fn keep_from_others(path: &Path) -> io::Result<()> {
    // One that is there is not opened: closing it would let go of what SQLite, in this process, has locked of it.
    if !path.exists() {
        File::options().create(true).append(true).mode(0o640).open(path)?;
    }
    let beside = ["-wal", "-shm"].map(|ending| PathBuf::from(format!("{}{ending}", path.display())));
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o007 != 0 {
        for path in std::iter::once(path).chain(beside.iter().map(PathBuf::as_path)).filter(|path| path.exists()) {
            std::fs::set_permissions(path, Permissions::from_mode(0o640))?;
        }
    }
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    // The write-ahead log is on the disk when a commit returns.
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "temp_store", "memory")?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn only_a_damaged_file_is_to_be_moved_away() {
        let check = |code, advice: &str, is_full| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let fault = StoreFault::Database { path: "access.db".into(), error };
            let told = fault.to_string();
            assert!(told.starts_with("access.db: ") && told.ends_with(advice), "{told}");
            assert_eq!(told.contains("move the file away"), advice.contains("begin anew"), "{told}");
            assert_eq!(fault.is_full_disk(), is_full, "{told}");
        };
        check(ffi::SQLITE_CORRUPT, "move the file away to begin anew, or restore a copy of it", false);
        check(ffi::SQLITE_NOTADB, "move the file away to begin anew, or restore a copy of it", false);
        check(ffi::SQLITE_FULL, "is full; make room on that disk", true);
        check(ffi::SQLITE_IOERR_WRITE, "see the machine's own log", false);
        check(ffi::SQLITE_READONLY, "must be writable", false);
        check(ffi::SQLITE_CANTOPEN, "must be writable", false);
        check(ffi::SQLITE_BUSY, "try again when it is done", false);
        check(ffi::SQLITE_ERROR, "", false);
    }
}
