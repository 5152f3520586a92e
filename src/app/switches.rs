//! What supervisors have switched: a schedule or a queue that is open or closed whatever its hours say, for a time or for
//! good.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::hours::{moment, timestamp};
use crate::call::SwitchTo;
use crate::config::Schedule;
use crate::ids::Door;
use crate::moment::Moment;
use crate::records::Entry;

/// One flip of a switch; kept as JSON in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    pub to: SwitchTo,
    pub at: Moment,
    /// From then on it goes by its hours again. `None`: only when somebody flips it back.
    pub until: Option<Moment>,
    /// The supervisor, or who gave the command.
    pub by: String,
    /// Why; empty: not said.
    pub note: String,
}

impl Flip {
    /// Open or closed by the switch; `None`: by the hours.
    pub fn holds(&self, now: Moment) -> Option<bool> {
        if self.until.is_some_and(|until| until <= now) {
            return None;
        }
        match self.to {
            SwitchTo::Auto => None,
            SwitchTo::Open => Some(true),
            SwitchTo::Closed => Some(false),
        }
    }

    pub fn entry(&self, door: &Door) -> Entry {
        let flip = serde_json::to_string(self).unwrap_or_default();
        Entry::Switch { at: self.at, door: door.clone(), flip }
    }
}

/// The latest flip of each switch, as the store kept them. One that cannot be read is as if it had not been.
pub fn restored(kept: &[(Door, String)]) -> BTreeMap<Door, Flip> {
    let read = |(door, flip): &(Door, String)| Some((door.clone(), serde_json::from_str(flip).ok()?));
    kept.iter().filter_map(read).collect()
}

/// The next time that a clock in the schedule's zone shows this minute of the day.
pub fn next_time(schedule: &Schedule, now: Moment, minute: u16) -> Option<Moment> {
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    let time = Time::new(hour, minute, 0, 0).ok()?;
    let here = timestamp(now);
    let at = |days: i32| -> Option<Timestamp> {
        let date = schedule.date(here).checked_add(days.days()).ok()?;
        Some(date.to_datetime(time).to_zoned_datetime(schedule.zone.clone()).ok()?.timestamp())
    };
    [0, 1, 2].into_iter().filter_map(at).find(|at| *at > here).map(moment)
}
