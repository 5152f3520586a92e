//! Taking leave of carriers: of those whose trunk is gone or is another by now, and of all when the house drains.

use super::Standing;
use crate::moment::Moment;
use crate::sip::account::{Outcome, Registration};
use crate::sip::endpoint::{Endpoint, Purpose};
use crate::sip::message::Response;
use crate::sip::session::TransactionId;
use crate::sip::words::Flow;

/// Carriers that are being told; a reload that takes away more of them tells only so many.
const MOST: usize = 64;

impl Endpoint {
    /// It is told that we are here no longer, RFC 3261 §10.2.2; what it carries goes on.
    pub(super) fn take_leave(&mut self, now: Moment, standing: &mut Standing) {
        let Some(mut registration) = standing.registration.take() else { return };
        standing.registered = None;
        self.forget_enrolling(standing.enrolling.take());
        if registration.unregister(now) && self.partings.len() < MOST {
            let number = self.count();
            self.part(now, number, registration);
        }
    }

    /// Tells the carriers that we are here no longer: their calls need not wait for our refusal. Their accounts are
    /// known still, to the calls that go on.
    pub(in crate::sip) fn leave_carriers(&mut self, now: Moment) {
        for no in self.trunks.numbers() {
            let Some(standing) = self.trunks.get_mut(no) else { continue };
            let Some(registration) = standing.registration.as_mut() else { continue };
            registration.unregister(now);
            let enrolling = standing.enrolling.take();
            self.forget_enrolling(enrolling);
            self.trunk_due(now, no);
        }
    }

    /// Its answer is not the answer to our goodbye.
    fn forget_enrolling(&mut self, enrolling: Option<(TransactionId, Option<Moment>)>) {
        if let Some((sent, _)) = enrolling {
            self.forget_client(sent);
        }
    }

    /// A carrier, or the registrar of this softphone, has not answered yet that we go.
    pub fn is_taking_leave(&self) -> bool {
        let softphone = self.registration.as_ref().is_some_and(Registration::is_leaving);
        let leaves = |standing: &Standing| {
            standing.enrolling.is_some() && standing.registration.as_ref().is_some_and(Registration::is_ending)
        };
        softphone || !self.partings.is_empty() || self.trunks.all.iter().any(leaves)
    }

    fn part(&mut self, now: Moment, number: u64, mut registration: Registration) {
        let (transport, remote) = (registration.account.transport, registration.account.registrar);
        let Some(listener) = self.listener_to(transport, remote) else { return };
        let flow = Flow { listener, transport, remote, connection: None };
        let (contact, cnonce) = (self.enrolled_as(&registration.account, flow), self.token());
        let Some(request) = registration.next_request(now, &contact, &cnonce) else { return };
        if self.send(now, request, flow, Purpose::Parting(number)).is_some() {
            self.partings.insert(number, registration);
        }
    }

    pub(in crate::sip) fn parted(&mut self, now: Moment, number: u64, response: Option<&Response>) {
        let Some(mut registration) = self.partings.remove(&number) else { return };
        // Another challenge is answered, and nothing else tried.
        if response.is_some() && registration.answered(now, response, 0.0) == Outcome::Again {
            self.part(now, number, registration);
        }
    }
}
