//! Our registration at carriers, RFC 3261 §10.2: begun, refreshed, taken to the next address where one fails.

use std::time::Duration;

use rand::Rng;
use tracing::{info, warn};

use super::{Standing, TrunkNo};
use crate::moment::Moment;
use crate::sip::account::{Account, Holder, Outcome, Registration, Unanswered};
use crate::sip::endpoint::{Endpoint, Owner, Purpose};
use crate::sip::message::uri::escape_user;
use crate::sip::message::{Response, SipUri, reason_phrase};
use crate::sip::session::TransactionId;
use crate::sip::session::invite::trunk_uri;
use crate::sip::words::{ConnectionId, Flow, Hop, Transport, Trunk};
use crate::visible::visible;

/// Letters of what somebody outside wrote that are told.
const LONGEST: usize = 100;

/// When a connection is gone that many registered over, or a carrier is there again, not all come back at once.
pub(super) const RECONNECT: Duration = Duration::from_secs(2);

impl Endpoint {
    /// Takes up the trunks of the settings; what is known of those that stay is kept.
    pub(in crate::sip) fn set_trunks(&mut self, now: Moment) {
        let mut before = std::mem::take(&mut self.trunks.all);
        for trunk in self.settings.trunks.clone() {
            let place = before.iter().position(|standing| standing.trunk.id == trunk.id);
            let mut standing = match place {
                Some(place) => before.remove(place),
                None => {
                    self.trunks.last += 1;
                    Standing::new(TrunkNo(self.trunks.last), trunk.clone())
                }
            };
            let same_place = place.is_some() && standing.trunk.to == trunk.to;
            let same = same_place && standing.trunk.account == trunk.account && standing.trunk.domain == trunk.domain;
            let checked_anew = standing.trunk.check != trunk.check;
            if !registers_alike(&standing.trunk, &trunk) {
                self.take_leave(now, &mut standing);
            }
            standing.trunk = trunk;
            if checked_anew {
                standing.health.clear();
            }
            if !same_place {
                standing.begin_anew();
            }
            standing.check_places(now);
            if !same {
                self.open_account(now, &mut standing);
            }
            self.trunks.all.push(standing);
        }
        for mut gone in before {
            self.agenda.set(Owner::Trunk(gone.no), None);
            self.take_leave(now, &mut gone);
        }
        for no in self.trunks.numbers() {
            self.schedule_trunk(no);
        }
    }

    pub(super) fn open_account(&mut self, now: Moment, standing: &mut Standing) {
        (standing.registered, standing.asked, standing.failed, standing.enrolled_over) = (None, 0, 0, None);
        (standing.enrolling, standing.answers, standing.unanswered) = (None, None, None);
        standing.distrusts = false;
        let (call_id, tag) = (self.token(), self.token());
        let (trunk, first) = (&standing.trunk, standing.hops().first().copied());
        standing.registration = trunk.account.as_ref().zip(first).map(|(own, to)| {
            let aor = trunk_uri(trunk, Some(&escape_user(&own.username)), to);
            let account = Account {
                aor: SipUri { params: Default::default(), ..aor },
                registrar: to.addr,
                transport: to.transport,
                username: own.username.clone(),
                password: own.password.0.clone(),
                expires: own.register.unwrap_or_default(),
                holder: Holder::Trunk { realm: own.realm.clone() },
            };
            let registers = own.register.is_some() && !self.draining;
            Registration::new(now, account, registers, call_id, tag)
        });
    }

    pub(in crate::sip) fn trunk_due(&mut self, now: Moment, no: TrunkNo) {
        self.enrol_in_vain(now, no);
        self.enrol(now, no);
        self.check_trunk(now, no);
        self.schedule_trunk(no);
    }

    pub(in crate::sip) fn schedule_trunk(&mut self, no: TrunkNo) {
        let at = self.trunks.get(no).and_then(Standing::next_deadline);
        self.agenda.set(Owner::Trunk(no), at);
    }

    /// Sends the REGISTER that is due.
    fn enrol(&mut self, now: Moment, no: TrunkNo) {
        let Some(standing) = self.trunks.get_mut(no) else { return };
        let due = standing.registration.as_ref().and_then(Registration::next_deadline);
        if due.is_none_or(|at| at > now) {
            return;
        }
        standing.turn_to_who_is_there();
        let Some(account) = standing.registration.as_ref().map(|r| r.account.clone()) else { return };
        let (transport, remote) = (account.transport, account.registrar);
        let Some(listener) = self.listener_to(transport, remote) else {
            return self.enrolled(now, no, None);
        };
        let flow = Flow { listener, transport, remote, connection: None };
        let (contact, cnonce) = (self.enrolled_as(&account, flow), self.token());
        let registration = self.trunks.get_mut(no).and_then(|standing| standing.registration.as_mut());
        let Some(request) = registration.and_then(|r| r.next_request(now, &contact, &cnonce)) else { return };
        let sent = self.send(now, request, flow, Purpose::Enrol(no));
        if let Some(standing) = self.trunks.get_mut(no) {
            let until = standing.has_another().then(|| now + standing.trunk.patience);
            standing.enrolling = sent.map(|sent| (sent, until));
        }
        if sent.is_none() {
            self.enrolled(now, no, None);
        }
    }

    /// Nobody answered our REGISTER within the patience: as if the address had failed, RFC 3263 §4.3.
    fn enrol_in_vain(&mut self, now: Moment, no: TrunkNo) {
        let Some(standing) = self.trunks.get_mut(no) else { return };
        let is_over = |(_, until): &mut (TransactionId, Option<Moment>)| until.is_some_and(|until| until <= now);
        let Some((given_up, _)) = standing.enrolling.take_if(is_over) else { return };
        self.forget_client(given_up);
        self.enrolled(now, no, None);
    }

    /// OPTIONS found an address as it is: a REGISTER that waits for an answer where nobody is is given up, and another
    /// address is asked at once.
    pub(super) fn enrol_elsewhere(&mut self, now: Moment, no: TrunkNo, hop: Hop) {
        let Some(standing) = self.trunks.get_mut(no) else { return };
        let account = standing.registration.as_ref().map(|registration| &registration.account);
        let is_asked = account.is_some_and(|of| of.registrar == hop.addr && of.transport == hop.transport);
        if !is_asked || standing.enrolling.is_none() || !standing.turn_to_who_is_there() {
            return;
        }
        let given_up = standing.enrolling.take();
        if let Some(registration) = standing.registration.as_mut() {
            registration.try_at(now);
        }
        if let Some((given_up, _)) = given_up {
            self.forget_client(given_up);
        }
        self.enrol(now, no);
    }

    /// Where a carrier is told that we are.
    pub(super) fn enrolled_as(&self, account: &Account, flow: Flow) -> SipUri {
        let contact = self.own_uri(&escape_user(&account.username), flow);
        match account.transport {
            Transport::Udp => SipUri { params: Default::default(), ..contact },
            _ => contact,
        }
    }

    /// The carrier answered our REGISTER over this connection: it may call back over it.
    pub(in crate::sip) fn enrolled_over(&mut self, no: TrunkNo, connection: Option<ConnectionId>) {
        if let Some(standing) = self.trunks.get_mut(no) {
            standing.enrolled_over = connection;
            // Somebody is there, though it may be a while before they say more.
            if let Some((_, until)) = &mut standing.enrolling {
                *until = None;
            }
        }
    }

    /// A carrier that we were registered at over it may not find us any more: it is told again, over another.
    pub(in crate::sip) fn enrol_again(&mut self, now: Moment, connection: ConnectionId) {
        for no in self.trunks.numbers() {
            let spread = RECONNECT.mul_f64(self.rng.random());
            let Some(standing) = self.trunks.get_mut(no) else { continue };
            if standing.enrolled_over.take_if(|over| *over == connection).is_none() {
                continue;
            }
            if let (Some(Ok(())), Some(registration)) = (standing.registered, standing.registration.as_mut()) {
                registration.try_at(now + spread);
                self.schedule_trunk(no);
            }
        }
    }

    pub(in crate::sip) fn enrolled(&mut self, now: Moment, no: TrunkNo, response: Option<&Response>) {
        let chance = self.rng.random();
        let Some(standing) = self.trunks.get_mut(no) else { return };
        standing.enrolling = None;
        let Some(registration) = standing.registration.as_mut() else { return };
        let outcome = registration.answered(now, response, chance);
        standing.tell_realms();
        match outcome {
            Outcome::Again => return self.trunk_due(now, no),
            Outcome::Registered => standing.is_registered(Ok(())),
            Outcome::Unregistered => standing.registered = None,
            Outcome::Refused(status) => {
                standing.is_registered(Err(status));
                standing.ask_the_next(now);
            }
        }
        self.schedule_trunk(no);
    }
}

/// What somebody outside wrote, as it is shown.
pub(super) fn told(text: &str) -> String {
    visible(text).chars().take(LONGEST).collect()
}

/// What the carrier knows of us stays true: it is not told that we go, as that might reach it after what is new.
fn registers_alike(a: &Trunk, b: &Trunk) -> bool {
    let name = |trunk: &Trunk| {
        let account = trunk.account.as_ref().filter(|account| account.register.is_some());
        account.map(|account| account.username.clone())
    };
    a.to == b.to && a.domain == b.domain && name(a) == name(b)
}

impl Standing {
    fn next_deadline(&self) -> Option<Moment> {
        let registration = self.registration.as_ref().and_then(Registration::next_deadline);
        let enrolling = self.enrolling.and_then(|(_, until)| until);
        registration.into_iter().chain(enrolling).chain(self.health_deadline()).min()
    }

    /// Whose challenges are answered, where that has changed, and whose are not: told where it is news.
    pub(in crate::sip) fn tell_realms(&mut self) {
        let Some(registration) = self.registration.as_ref() else { return };
        let (trunk, answered) = (&self.trunk.id, registration.realm().map(visible));
        if self.answers.is_some() && self.answers != answered {
            let (realm, before) =
                (answered.as_deref().unwrap_or_default(), self.answers.as_deref().unwrap_or_default());
            warn!(%trunk, realm, before, "the carrier's registrar asks for another realm; the key realm would hold it to one");
        }
        self.answers = answered;
        let unanswered = registration.unanswered();
        if unanswered != self.unanswered.as_ref() {
            match unanswered {
                Some(Unanswered::Realm(asked)) => {
                    let (asked, answered) = (told(asked), self.answers.as_deref().unwrap_or("none yet"));
                    warn!(%trunk, asked, answered, "asked for the password of another realm, which is not answered: if it is the carrier's, the trunk's key realm has to say so");
                }
                Some(Unanswered::Way(asked)) => {
                    warn!(%trunk, asked = told(asked), "asked for the password in a way that is not known");
                }
                None => {}
            }
            self.unanswered = unanswered.cloned();
        }
    }

    /// A call goes through: what somebody behind it asked for is of no more interest.
    pub(in crate::sip) fn goes_through(&mut self) {
        if let Some(registration) = self.registration.as_mut().filter(|of| of.unanswered().is_some()) {
            registration.forget_unanswered();
            self.tell_realms();
        }
    }

    /// It was shown our password with a call, and takes it or does not; told where it is news.
    pub(in crate::sip) fn is_shown(&mut self, is_taken: bool) {
        let trunk = &self.trunk.id;
        match (self.distrusts, is_taken) {
            (false, false) => {
                warn!(%trunk, "the carrier refuses our password for calls: its username or its secret is wrong")
            }
            (true, true) => info!(%trunk, "the carrier takes our password for calls"),
            _ => {}
        }
        self.distrusts = !is_taken;
    }

    /// How we are registered: what was granted and is over counts as not answered, though the refresh may wait still.
    pub(super) fn registered_now(&self, now: Moment) -> Option<Result<(), u16>> {
        let lapsed = || self.registration.as_ref().is_some_and(|registration| registration.has_lapsed(now));
        match self.registered {
            Some(Ok(())) if lapsed() => Some(Err(408)),
            registered => registered,
        }
    }

    /// Told where it is news.
    fn is_registered(&mut self, result: Result<(), u16>) {
        let was = self.registered.replace(result);
        let (trunk, account) = (&self.trunk.id, self.registration.as_ref().map(|r| &r.account));
        let at = account.map(|account| account.registrar.to_string()).unwrap_or_default();
        match result {
            Ok(()) => {
                self.failed = 0;
                if was != Some(Ok(())) {
                    info!(%trunk, at, "registered at the carrier");
                }
            }
            Err(status) if was != Some(result) => {
                warn!(%trunk, at, status, "not registered at the carrier: {}", reason_phrase(status));
            }
            Err(_) => {}
        }
    }

    /// Where nobody is at the address that is asked to register us, the next at which somebody may be; `true`: there is
    /// one.
    fn turn_to_who_is_there(&mut self) -> bool {
        let hops = self.hops();
        let down: Vec<bool> = hops.iter().map(|hop| self.is_down(*hop)).collect();
        let Some(registration) = self.registration.as_mut() else { return false };
        let account = &mut registration.account;
        let here = hops.iter().position(|hop| hop.addr == account.registrar && hop.transport == account.transport);
        let Some(here) = here.filter(|at| down[*at]) else { return false };
        let next = (1..hops.len()).map(|more| (here + more) % hops.len()).find(|at| !down[*at]);
        let Some(next) = next else { return false };
        self.asked = next;
        (account.registrar, account.transport) = (hops[next].addr, hops[next].transport);
        true
    }

    /// Somebody is there again: if it is who registered us, or nobody did, they are asked at that moment, and not only
    /// when it would be due.
    pub(super) fn enrol_soon(&mut self, at: Moment, hop: Hop) {
        let is_registered = self.registered == Some(Ok(()));
        let Some(registration) = self.registration.as_mut().filter(|of| of.is_active() && !of.is_ending()) else {
            return;
        };
        let account = &registration.account;
        let is_registrar = account.registrar == hop.addr && account.transport == hop.transport;
        let is_sooner = registration.next_deadline().is_none_or(|due| at < due);
        if self.enrolling.is_none() && is_sooner && (is_registrar || !is_registered) {
            registration.try_at(at);
        }
    }

    /// Where this one fails another address is asked at once.
    fn has_another(&self) -> bool {
        !(self.failed + 1).is_multiple_of(self.places.len())
    }

    /// The next address, at once unless all have failed.
    fn ask_the_next(&mut self, now: Moment) {
        let (hops, at_once) = (self.hops(), self.has_another());
        self.failed += 1;
        self.asked = (self.asked + 1) % hops.len().max(1);
        let (Some(hop), Some(registration)) = (hops.get(self.asked), self.registration.as_mut()) else { return };
        (registration.account.registrar, registration.account.transport) = (hop.addr, hop.transport);
        if at_once {
            registration.try_at(now);
        }
    }
}
