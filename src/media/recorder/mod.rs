//! Recordings that go into records. A worker hands what it hears to a ring and never waits; one thread puts the pieces
//! into their order and writes them, and tells when a file is complete.

mod tap;
mod timeline;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

pub use tap::{Channel, Tap};

use super::words::Sides;
use super::worker::{Clock, Tell};
use crate::ids::{CallId, LegId};
use crate::moment::Moment;
use crate::tape::Place;
use tap::WAITING;
use writer::{Job, Writer};

/// Recordings at once, each with a ring and an open file: more than one machine has calls.
const AT_ONCE: usize = 8_000;

pub struct Recorder {
    /// `None`: nothing is recorded here.
    data: Option<PathBuf>,
    place: Place,
    jobs: Option<Sender<Job>>,
    running: Arc<()>,
    thread: Option<JoinHandle<()>>,
    clock: Arc<Clock>,
    tell: Arc<Tell>,
}

/// What is to be recorded.
pub struct Wanted {
    pub leg: LegId,
    pub call: CallId,
    pub file: String,
    pub sides: Sides,
    pub began: Moment,
}

impl Recorder {
    pub fn new(clock: Arc<Clock>, tell: Arc<Tell>) -> Self {
        let (place, jobs, running, thread) = (Place::default(), None, Arc::new(()), None);
        Self { data: None, place, jobs, running, thread, clock, tell }
    }

    /// The data folder, in which messages are, and recordings if they have no folder of their own.
    pub fn keep_in(&mut self, data: PathBuf) {
        self.data = Some(data);
    }

    /// For what begins from here on.
    pub fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    /// The tap for the worker. Nothing here waits for the disk: folder and file are made by the thread. `Err`: why
    /// there will be no recording.
    pub fn begin(&mut self, wanted: Wanted) -> Result<Tap, &'static str> {
        let Wanted { leg, call, file, sides, began } = wanted;
        let refused = |why| {
            tracing::error!(%call, why, "there is no recording");
            why
        };
        let Some(data) = self.data.clone() else { return Err(refused("nothing is recorded here")) };
        if Arc::strong_count(&self.running) > AT_ONCE {
            return Err(refused("too many recordings at once"));
        }
        let Some(jobs) = self.jobs() else { return Err(refused("there is no thread for recordings")) };
        let (tap, pieces) = Tap::new(sides, WAITING);
        let Some(path) = self.place.path(&data, &file) else { return Err(refused("its name leads elsewhere")) };
        let keys = self.place.keys.clone();
        let running = self.running.clone();
        let job = Job { leg, call, file, path, keys, sides, began, pieces, lost: tap.lost.clone(), _running: running };
        jobs.send(job).map_err(|_| refused("the thread for recordings is gone"))?;
        Ok(tap)
    }

    fn jobs(&mut self) -> Option<Sender<Job>> {
        if self.jobs.is_none() {
            let (jobs, received) = channel();
            let writer = Writer::new(received, self.clock.clone(), self.tell.clone());
            let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || writer.run()).ok()?;
            (self.jobs, self.thread) = (Some(jobs), Some(thread));
        }
        self.jobs.clone()
    }

    /// Files are complete afterwards, if the workers have ended.
    pub fn stop(mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
