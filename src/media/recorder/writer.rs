//! The thread that writes recordings: looks at every ring ten times a second, and writes about once a second. What a
//! disk does to it is told, and never to the sound.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread::sleep;
use std::time::Duration;

use super::tap::Piece;
use super::timeline::Timeline;
use crate::ids::{CallId, LegId};
use crate::media::words::{Event, Recording, Sides};
use crate::media::worker::{Clock, Tell};
use crate::moment::Moment;
use crate::tape::{Keys, SAMPLE_RATE, Tape};

const EVERY: Duration = Duration::from_millis(100);
/// Sound that is written at once, in bytes of each channel: a second.
const STEP: usize = SAMPLE_RATE as usize;
/// How often the switchboard is asked to take what it had no room for, and the pause between.
const TELL_TRIES: usize = 100;
const TELL_PAUSE: Duration = Duration::from_millis(50);

pub struct Job {
    pub leg: LegId,
    pub call: CallId,
    pub file: String,
    pub path: PathBuf,
    pub keys: Arc<Keys>,
    pub sides: Sides,
    pub began: Moment,
    pub pieces: Receiver<Piece>,
    pub lost: Arc<AtomicU64>,
    /// Counts those that run, by being there.
    pub _running: Arc<()>,
}

pub struct Writer {
    jobs: Receiver<Job>,
    clock: Arc<Clock>,
    tell: Arc<Tell>,
    running: Vec<Running>,
}

struct Running {
    job: Job,
    tape: Tape,
    timeline: Timeline,
    sound: Vec<u8>,
}

/// Whether a recording goes on.
enum Next {
    GoesOn,
    Ended,
    Failed(String),
}

impl Writer {
    pub fn new(jobs: Receiver<Job>, clock: Arc<Clock>, tell: Arc<Tell>) -> Self {
        Self { jobs, clock, tell, running: Vec::new() }
    }

    pub fn run(mut self) {
        let mut open = true;
        while open || !self.running.is_empty() {
            if open {
                open = self.take_jobs();
            } else {
                sleep(EVERY);
            }
            self.look();
        }
    }

    /// `false`: there will be no more.
    fn take_jobs(&mut self) -> bool {
        let first = if self.running.is_empty() {
            self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            self.jobs.recv_timeout(EVERY)
        };
        match first {
            Ok(job) => self.begin(job),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        while let Ok(job) = self.jobs.try_recv() {
            self.begin(job);
        }
        // Not at once again: it is no use to look at rings more often.
        sleep(EVERY);
        true
    }

    fn begin(&mut self, job: Job) {
        let channels = if job.sides == Sides::Both { 2 } else { 1 };
        match Tape::create(&job.path, channels, &job.keys) {
            Ok(tape) => {
                let timeline = Timeline::new(job.began, usize::from(channels));
                self.running.push(Running { job, tape, timeline, sound: Vec::new() });
            }
            Err(error) => {
                tracing::error!(call = %job.call, path = %job.path.display(), %error, "there is no recording");
                let (leg, call) = (job.leg, job.call);
                self.tell(Event::Recorded { leg, call, recording: Err(error.to_string()) });
            }
        }
    }

    fn look(&mut self) {
        let mut at = 0;
        while at < self.running.len() {
            let now = (self.clock)();
            match self.running[at].look(now) {
                Next::GoesOn => at += 1,
                Next::Ended => self.finish(at, None),
                Next::Failed(why) => self.finish(at, Some(why)),
            }
        }
    }

    fn finish(&mut self, at: usize, fault: Option<String>) {
        let Running { job, tape, timeline, .. } = self.running.swap_remove(at);
        let Job { leg, call, file, path, lost, pieces, .. } = job;
        drop(pieces);
        let lost = timeline.late + lost.load(Ordering::Relaxed);
        let lost = Duration::from_millis(lost * 1000 / u64::from(SAMPLE_RATE));
        if let Some(why) = &fault {
            tracing::error!(%call, path = %path.display(), why, "a recording stops");
        }
        if !lost.is_zero() {
            tracing::warn!(%call, ?lost, "sound that is not in the recording: the disk did not keep up");
        }
        let recording = match tape.finish() {
            Ok(written) => Ok(Recording { file, written, lost, fault }),
            Err(error) => {
                tracing::error!(%call, path = %path.display(), %error, "a recording could not be completed");
                Err(fault.unwrap_or_else(|| error.to_string()))
            }
        };
        self.tell(Event::Recorded { leg, call, recording });
    }

    fn tell(&self, event: Event) {
        let mut events = vec![event];
        for _ in 0..TELL_TRIES {
            match (self.tell)(events) {
                Ok(()) => return,
                Err(back) => events = back,
            }
            sleep(TELL_PAUSE);
        }
        tracing::error!("the switchboard does not take the end of a recording; the next start completes its record");
    }
}

impl Running {
    fn look(&mut self, now: Moment) -> Next {
        let ended = loop {
            match self.job.pieces.try_recv() {
                Ok(piece) => self.timeline.put(&piece),
                Err(TryRecvError::Empty) => break false,
                Err(TryRecvError::Disconnected) => break true,
            }
        };
        if ended {
            self.timeline.take_all(now, &mut self.sound);
        } else {
            self.timeline.take(now, &mut self.sound);
        }
        let channels = if self.job.sides == Sides::Both { 2 } else { 1 };
        if self.sound.len() >= STEP * channels || ended {
            let written = self.tape.append(&self.sound);
            self.sound.clear();
            if let Err(error) = written {
                return Next::Failed(error.to_string());
            }
        }
        if ended { Next::Ended } else { Next::GoesOn }
    }
}
