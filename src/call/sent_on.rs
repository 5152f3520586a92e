//! What the record says of a caller whom a menu or the rules of a line sent on, and of an operator's second line: to whom,
//! over which trunk, and what became of it. Of whom operators send callers to, `consulting` tells.

use super::caller::Call;
use super::calls::House;
use super::ledger;
use super::onward::Whom;
use crate::ids::{OperatorId, TrunkId};
use crate::records::{self, SentBy, SentOnRecord, TransferOutcome};

impl Call {
    pub fn sent_on_begins(&mut self, house: &mut House, by: SentBy, to: &Whom, operator: Option<&OperatorId>) {
        let sent = SentOnRecord {
            by,
            to: to.to_string(),
            trunk: None,
            operator: operator.cloned(),
            at: house.now,
            answered_at: None,
            ended_at: None,
            outcome: TransferOutcome::GoesOn,
        };
        ledger::add(&mut self.record.sent_on, sent);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
    }

    /// Told again when the next trunk is tried.
    pub fn sent_on_goes_over(&mut self, house: &mut House, trunk: TrunkId) {
        let Some(sent) = self.sent_on_now() else { return };
        sent.trunk = Some(trunk);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
    }

    pub fn sent_on_answered(&mut self, house: &House) {
        if let Some(sent) = self.sent_on_now() {
            sent.answered_at = Some(house.now);
        }
    }

    /// Nobody was reached.
    pub fn sent_on_failed(&mut self, house: &House, why: TransferOutcome) {
        if let Some(sent) = self.sent_on_now() {
            (sent.ended_at, sent.outcome) = (Some(house.now), why);
        }
    }

    /// They have the caller no longer, or the caller waited no longer for an answer.
    pub fn sent_on_over(&mut self, house: &House) {
        if let Some(sent) = self.sent_on_now() {
            let answered = sent.answered_at.is_some();
            sent.ended_at = Some(house.now);
            sent.outcome = if answered { TransferOutcome::Transferred } else { TransferOutcome::Ended };
        }
    }

    fn sent_on_now(&mut self) -> Option<&mut SentOnRecord> {
        self.record.sent_on.last_mut().filter(|sent| sent.ended_at.is_none())
    }
}
