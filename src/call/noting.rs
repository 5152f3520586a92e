//! Notes: who may write one, and until when. They outlast the call: operators write them in wrap-up.

use std::time::Duration;

use super::caller::Call;
use super::calls::{Calls, House};
use super::order::{LONGEST_NOTE, NotDone};
use super::words::Settings;
use crate::ids::OperatorId;
use crate::moment::Moment;
use crate::records::{Entry, Record};

/// After a call's end operators may note something on it for so long; supervisors for ever.
const NOTED_WITHIN: Duration = Duration::from_secs(24 * 3600);

impl Call {
    pub fn note(&mut self, house: &mut House, by: &OperatorId, text: String) -> Result<(), NotDone> {
        may_note(&self.record, house.settings, by, &text, house.now)?;
        if !self.record.set_note(by, house.now, &text) {
            return Err(NotDone::TooManyNotes);
        }
        self.notes += 1;
        house.write(Entry::Changed(Box::new(self.record.clone())));
        Ok(())
    }
}

impl Calls {
    /// The same on a call that is over, whose record the store has: what is to be written.
    pub fn note_afterwards(
        &self,
        now: Moment,
        record: &Record,
        by: OperatorId,
        text: String,
    ) -> Result<Entry, NotDone> {
        may_note(record, self.settings(), &by, &text, now)?;
        if !record.clone().set_note(&by, now, &text) {
            return Err(NotDone::TooManyNotes);
        }
        Ok(Entry::Noted { call: record.call_id, by, at: now, text })
    }
}

/// Whoever has the caller or had them, and supervisors: each has a note of their own.
fn may_note(record: &Record, settings: &Settings, by: &OperatorId, text: &str, now: Moment) -> Result<(), NotDone> {
    if text.chars().count() > LONGEST_NOTE {
        return Err(NotDone::TooLong);
    }
    if settings.supervisors.contains(by) {
        return Ok(());
    }
    if !record.was_with(by) {
        return Err(NotDone::NotYours);
    }
    if record.ended_at.is_some_and(|ended| ended + NOTED_WITHIN < now) {
        return Err(NotDone::TooLate);
    }
    Ok(())
}
