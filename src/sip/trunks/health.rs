//! Whether anybody is there at a trunk's addresses: asked now and then by OPTIONS (RFC 3261 §11), and seen by what
//! becomes of calls.

use std::time::Duration;

use rand::Rng;
use tracing::{info, warn};

use super::registering::RECONNECT;
use super::{Standing, TrunkNo};
use crate::moment::Moment;
use crate::sip::account::retry_after;
use crate::sip::endpoint::{Endpoint, Purpose};
use crate::sip::message::{Method, NameAddr, Request, Response, Uri};
use crate::sip::session::TransactionId;
use crate::sip::session::invite::trunk_uri;
use crate::sip::words::{Flow, Hop};

/// An address at which a call found nobody is tried last for so long, where it is not asked for.
const RESTS: Duration = Duration::from_secs(30);

/// What is known of one address.
#[derive(Clone, Debug)]
pub(super) struct Health {
    pub hop: Hop,
    /// `None`: nothing came back yet, and nothing failed.
    up: Option<bool>,
    /// It asked for a rest (503 with Retry-After) until then.
    rests_until: Option<Moment>,
    /// A call found nobody there; until then others are better.
    shunned_until: Option<Moment>,
    check_at: Option<Moment>,
    /// The OPTIONS that is under way, and until when it may be answered.
    asked: Option<(TransactionId, Moment)>,
}

impl Health {
    pub fn new(hop: Hop, check_at: Option<Moment>) -> Self {
        Self { hop, up: None, rests_until: None, shunned_until: None, check_at, asked: None }
    }

    pub fn up(&self) -> Option<bool> {
        self.up
    }

    /// Until when it asked for a rest, if that is not over.
    pub fn rests_until(&self, now: Moment) -> Option<Moment> {
        self.rests_until.filter(|until| now < *until)
    }

    /// Nothing keeps a call from trying it.
    fn is_usable(&self, now: Moment) -> bool {
        let is_shunned = self.shunned_until.is_some_and(|until| now < until);
        self.up != Some(false) && self.rests_until(now).is_none() && !is_shunned
    }

    fn next_deadline(&self) -> Option<Moment> {
        self.check_at.into_iter().chain(self.asked.map(|(_, until)| until)).min()
    }
}

impl Standing {
    /// Whether a call may well get through there.
    pub fn is_usable(&self, now: Moment, hop: Hop) -> bool {
        let there = self.health.iter().find(|health| health.hop == hop);
        // Who is not registered is mostly refused.
        there.is_none_or(|health| health.is_usable(now)) && !matches!(self.registered_now(now), Some(Err(_)))
    }

    /// Nobody answered there when it was asked last.
    pub fn is_down(&self, hop: Hop) -> bool {
        self.health.iter().any(|known| known.hop == hop && known.up() == Some(false))
    }

    /// Nobody answered at any of its addresses when they were asked last.
    pub(super) fn is_away(&self) -> bool {
        !self.health.is_empty() && self.health.iter().all(|health| health.up == Some(false))
    }

    pub(super) fn health_deadline(&self) -> Option<Moment> {
        self.health.iter().filter_map(Health::next_deadline).min()
    }

    /// Something was heard from there, or not; told where it is news. `true`: somebody is there again.
    fn found(&mut self, now: Moment, hop: Hop, up: bool, rest: Option<Duration>, why: &str) -> bool {
        let checked = !self.trunk.check.is_zero();
        let Some(health) = self.health.iter_mut().find(|health| health.hop == hop) else { return false };
        let was = health.up.replace(up);
        health.rests_until = rest.map(|rest| now + rest).or(health.rests_until);
        health.shunned_until = (!up && !checked).then(|| now + RESTS);
        if !up && !checked {
            // Nobody would find out that it is back: after its rest it is as good as any.
            health.up = None;
        }
        let trunk = &self.trunk.id;
        match (up, was) {
            (true, Some(false)) => info!(%trunk, at = %hop.addr, "the carrier is there again"),
            (true, None) if checked => info!(%trunk, at = %hop.addr, "the carrier is there"),
            (false, Some(true) | None) => warn!(%trunk, at = %hop.addr, why, "the carrier is not there"),
            _ => {}
        }
        (up, was) == (true, Some(false))
    }
}

impl Endpoint {
    /// Something was heard from there, or not. Who was away may know us no longer: they are told again where we are.
    pub(in crate::sip) fn found(
        &mut self,
        now: Moment,
        no: TrunkNo,
        hop: Hop,
        up: bool,
        rest: Option<Duration>,
        why: &str,
    ) {
        let spread = RECONNECT.mul_f64(self.rng.random());
        let Some(standing) = self.trunks.get_mut(no) else { return };
        if standing.found(now, hop, up, rest, why) {
            standing.enrol_soon(now + spread, hop);
            self.schedule_trunk(no);
        }
    }

    /// Sends the OPTIONS that are due, and gives up those that nobody answered.
    pub(super) fn check_trunk(&mut self, now: Moment, no: TrunkNo) {
        let Some(standing) = self.trunks.get(no) else { return };
        let (patience, every) = (standing.trunk.patience, standing.trunk.check);
        for health in standing.health.clone() {
            if let Some((id, _)) = health.asked.filter(|(_, until)| *until <= now) {
                self.forget_client(id);
                self.checked(now, no, health.hop, None);
            }
            if health.check_at.is_none_or(|at| at > now) {
                continue;
            }
            let asked = self.ask_whether_there(now, no, health.hop).map(|id| (id, now + patience));
            let spread = every.mul_f64(0.9 + self.rng.random::<f64>() / 5.0);
            let Some(standing) = self.trunks.get_mut(no) else { return };
            if let Some(health) = standing.health.iter_mut().find(|known| known.hop == health.hop) {
                health.check_at = Some(now + spread);
                health.asked = asked.or(health.asked);
            }
            if asked.is_none() {
                self.checked(now, no, health.hop, None);
            }
        }
    }

    fn ask_whether_there(&mut self, now: Moment, no: TrunkNo, hop: Hop) -> Option<TransactionId> {
        let Hop { addr: remote, transport } = hop;
        let flow = Flow { listener: self.listener_to(transport, remote)?, transport, remote, connection: None };
        let uri = trunk_uri(&self.trunks.get(no)?.trunk, None, hop);
        let mut from = NameAddr::sip(self.own_name("hotline", flow));
        from.params.set("tag", Some(&self.token()));
        let mut request = Request::new(Method::OPTIONS, Uri::Sip(uri.clone()));
        request.headers.push("Max-Forwards", "70");
        request.headers.push("From", from.to_string());
        request.headers.push("To", NameAddr::sip(uri.named()).to_string());
        request.headers.push("Call-ID", self.token());
        request.headers.push("CSeq", "1 OPTIONS");
        request.headers.push("Contact", self.contact(flow));
        request.headers.push("Accept", "application/sdp");
        self.send_proved(now, request, flow, Some(no), Purpose::Check(no, hop))
    }

    /// Whatever came back, somebody is there, unless they say that they cannot.
    pub(in crate::sip) fn checked(&mut self, now: Moment, no: TrunkNo, hop: Hop, response: Option<&Response>) {
        let Some(standing) = self.trunks.get_mut(no) else { return };
        if let Some(health) = standing.health.iter_mut().find(|health| health.hop == hop) {
            health.asked = None;
        }
        match response {
            None => self.found(now, no, hop, false, None, "no answer to OPTIONS"),
            Some(response) => {
                let up = !matches!(response.status, 408 | 500 | 502..=504);
                let rest = retry_after(&response.headers).filter(|_| response.status == 503);
                self.found(now, no, hop, up, rest, &format!("{} to OPTIONS", response.status));
            }
        }
        self.enrol_elsewhere(now, no, hop);
        self.schedule_trunk(no);
    }
}
