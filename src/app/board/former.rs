//! The days before, by the quarter of an hour: read from the engine's log by a thread of its own, for a busy day takes
//! its time, and today is to be shown at once.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing::error;

use super::day::{Quarters, midnight, quarters};
use crate::app::replaying::Replay;
use crate::moment::Moment;
use crate::queue::Statistics;
use crate::records::ReadFault;

/// Who joined a line before midnight is answered, or gone, by so long after it.
const AFTERWARDS: Duration = Duration::from_secs(3600);

/// What was counted for the day that begins then.
pub struct Former {
    pub of: Moment,
    pub yesterday: Quarters,
    pub last_week: Quarters,
}

/// Where it comes from, once; then it is silent.
pub struct Awaited(Option<Receiver<Former>>);

impl Awaited {
    pub fn nothing() -> Awaited {
        Awaited(None)
    }

    /// Begins to read what was before the day that begins at `of`.
    pub fn begin(data: &Path, of: Moment, now: Moment, zone: TimeZone) -> Awaited {
        let (tell, told) = sync_channel(1);
        let data = data.to_path_buf();
        let read = move || read(data, of, now, &zone, &tell);
        match std::thread::Builder::new().name("former-days".into()).spawn(read) {
            Ok(_) => Awaited(Some(told)),
            Err(error) => {
                error!(%error, "the days before are not read");
                Awaited(None)
            }
        }
    }

    pub fn take(&mut self) -> Option<Former> {
        match self.0.as_ref()?.try_recv() {
            Ok(former) => Some(former),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.0 = None;
                None
            }
        }
    }
}

fn read(data: PathBuf, of: Moment, now: Moment, zone: &TimeZone, tell: &SyncSender<Former>) {
    let day = |days_ago: i64| {
        let (begins, ends) = (midnight(of, zone, days_ago), midnight(of, zone, days_ago - 1));
        count(&data, begins, ends, now, zone).unwrap_or_else(|fault| {
            error!(%fault, days_ago, "the log of that day cannot be read; its curve is not shown");
            Quarters::new()
        })
    };
    let _ = tell.send(Former { of, yesterday: day(1), last_week: day(7) });
}

fn count(data: &Path, begins: Moment, ends: Moment, now: Moment, zone: &TimeZone) -> Result<Quarters, ReadFault> {
    let mut statistics = Statistics::running(begins);
    let mut replay = Replay::open(data, begins)?;
    // The log does not go back so far.
    if replay.engine.now() < ends {
        replay.count(&mut statistics, (ends + AFTERWARDS).min(now))?;
    }
    Ok(quarters(&statistics, begins, ends, zone))
}
