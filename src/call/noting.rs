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
        self.record.note = Some(text).filter(|text| !text.is_empty());
        self.record.note_by = Some(by.clone());
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
        Ok(Entry::Noted { call: record.call_id, note: Some(text).filter(|text| !text.is_empty()), by })
    }
}

/// Whoever has the call, or had it last; whoever had it before, unless another has noted something since; supervisors.
fn may_note(record: &Record, settings: &Settings, by: &OperatorId, text: &str, now: Moment) -> Result<(), NotDone> {
    if text.chars().count() > LONGEST_NOTE {
        return Err(NotDone::TooLong);
    }
    if settings.supervisors.contains(by) {
        return Ok(());
    }
    let gave_it_on = record.transfers.iter().any(|transfer| transfer.by == *by);
    let lost_it = record.lost.iter().any(|lost| lost.operator == *by);
    let is_last = record.operator.as_ref() == Some(by) && record.connected_at.is_some();
    let untouched = record.note_by.as_ref().is_none_or(|noted| noted == by);
    if !is_last && !((gave_it_on || lost_it) && untouched) {
        return Err(NotDone::NotYours);
    }
    if record.ended_at.is_some_and(|ended| ended + NOTED_WITHIN < now) {
        return Err(NotDone::TooLate);
    }
    Ok(())
}
