//! Recordings that go into records: written by threads of their own, hashed when they are whole, and told then.

use std::fs::{File, create_dir_all};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::capture::Capture;
use super::words::{Event, Recording};
use super::worker::Tell;
use crate::ids::LegId;

/// Recordings at once: each is a thread and an open file. Who comes later is told that it does not work.
const AT_ONCE: usize = 500;
/// How often the switchboard is asked to take what it had no room for, and the pause between.
const TELL_TRIES: usize = 100;
const TELL_PAUSE: Duration = Duration::from_millis(50);

pub struct Recordings {
    /// `None`: nothing is recorded here.
    folder: Option<PathBuf>,
    running: Arc<AtomicUsize>,
}

impl Recordings {
    pub fn new() -> Self {
        Self { folder: None, running: Arc::default() }
    }

    pub fn keep_in(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }

    /// Begins `file`. Nothing here waits for the disk: the thread makes folder and file, and tells what became of
    /// them. `None`: told at once, there will be no recording.
    pub fn begin(&self, leg: LegId, file: String, tell: Arc<Tell>) -> Option<(Capture, std::thread::JoinHandle<()>)> {
        let path = self.folder.as_ref()?.join(&file);
        if self.running.fetch_add(1, Ordering::Relaxed) >= AT_ONCE {
            self.running.fetch_sub(1, Ordering::Relaxed);
            tracing::error!(AT_ONCE, "too many recordings at once");
            return None;
        }
        let running = self.running.clone();
        let begun = Capture::begin(path.clone(), move |written| {
            running.fetch_sub(1, Ordering::Relaxed);
            let sha256 = written.and_then(|()| hash(&path).map_err(hound::Error::IoError));
            let recording = match sha256 {
                Ok(sha256) => Some(Recording { file, sha256 }),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "a recording could not be written");
                    None
                }
            };
            tell_patiently(&*tell, Event::Recorded { leg, recording });
        });
        begun
            .map_err(|error| {
                self.running.fetch_sub(1, Ordering::Relaxed);
                tracing::error!(%error, "no thread for a recording");
            })
            .ok()
    }
}

/// Makes the folder of a file.
pub(super) fn make_room(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), create_dir_all)
}

fn hash(path: &Path) -> io::Result<String> {
    let (mut file, mut sha256, mut piece) = (File::open(path)?, Sha256::new(), [0; 8192]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(HEXLOWER.encode(&sha256.finalize())),
            length => sha256.update(&piece[..length]),
        }
    }
}

fn tell_patiently(tell: &Tell, event: Event) {
    let mut events = vec![event];
    for _ in 0..TELL_TRIES {
        match tell(events) {
            Ok(()) => return,
            Err(back) => events = back,
        }
        sleep(TELL_PAUSE);
    }
    tracing::error!("the switchboard does not take the end of a recording; its record is without it");
}
