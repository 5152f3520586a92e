//! Our INVITE over a trunk: by which way, and by which other where one fails before anything was heard, RFC 3263 §4.3.

use std::collections::VecDeque;
use std::time::Duration;

use tracing::info;

use super::invite::trunk_uri;
use super::{Calling, Cancel, Leg, State, TransactionId};
use crate::ids::{LegId, TrunkId};
use crate::moment::Moment;
use crate::sip::account::retry_after;
use crate::sip::endpoint::{Endpoint, Purpose, dialog_key};
use crate::sip::message::{Request, Response};
use crate::sip::transaction::patience;
use crate::sip::trunks::identity::{self, ANONYMOUS};
use crate::sip::trunks::{TrunkNo, Way};
use crate::sip::words::{ANSWERED_ELSEWHERE, Event, Flow, Invite, Party, Trunk, is_dialable};

/// After a 100 a carrier has said more within this, or another way is tried: of calls abroad 95 % ring within 11 s,
/// ITU-T E.721.
const SAYS_MORE_WITHIN: Duration = Duration::from_secs(20);

/// What is left to be tried of a call over a trunk.
pub(in crate::sip) struct Outward {
    invite: Invite,
    number: String,
    /// Of all INVITEs of this leg, over whatever trunk.
    call_id: String,
    tag: String,
    /// Those that were not tried yet.
    ways: VecDeque<Way>,
    /// The one that is tried.
    way: Way,
    /// Another is tried then, if nothing came back at all, or no more than a 100.
    pub move_on_at: Option<Moment>,
    /// More than a 100 came.
    heard: bool,
}

/// An INVITE that is on its way.
struct Sent {
    transaction: TransactionId,
    request: Request,
    flow: Flow,
    way: Way,
    patience: Duration,
}

/// What its INVITEs have in common.
struct Asked<'a> {
    invite: &'a Invite,
    number: &'a str,
    call_id: &'a str,
    tag: &'a str,
    seq: u32,
}

impl Endpoint {
    /// A number outside, over this trunk, or over whichever is best.
    pub(super) fn invite_outward(&mut self, now: Moment, invite: Invite, trunk: Option<TrunkId>, number: String) {
        let leg_id = invite.leg;
        if !is_dialable(&number) {
            return self.tell(Event::Refused { leg: leg_id, status: 403 });
        }
        let mut ways = self.trunks.ways(now, trunk.as_ref(), &mut self.rng);
        let call_id = invite.sip_call_id.clone().unwrap_or_else(|| self.token());
        let tag = self.token();
        let asked = Asked { invite: &invite, number: &number, call_id: &call_id, tag: &tag, seq: 1 };
        let Some(sent) = self.send_by_the_first(now, asked, &mut ways) else {
            // As nobody said no.
            return self.tell(Event::Refused { leg: leg_id, status: 503 });
        };
        self.dialogs.insert(dialog_key(&call_id, &tag), leg_id);
        let Sent { transaction, request, flow, way, patience } = sent;
        let move_on_at = self.waits_for(way, &ways, patience).map(|time| now + time);
        let outward = Outward { invite, number, call_id, tag, ways, way, move_on_at, heard: false };
        let mut calling = Calling::new(transaction, request, flow, false);
        calling.outward = Some(Box::new(outward));
        self.open_leg(leg_id, Leg::new(State::Calling(Box::new(calling))), None);
        self.goes_over(now, leg_id, way.trunk);
        self.schedule_leg(leg_id);
    }

    /// The first way that has room, and that a listener leads to.
    fn send_by_the_first(&mut self, now: Moment, asked: Asked<'_>, ways: &mut VecDeque<Way>) -> Option<Sent> {
        while let Some(way) = ways.pop_front() {
            let Some(standing) = self.trunks.get_mut(way.trunk) else { continue };
            // No limit holds up an emergency.
            if !asked.invite.urgent && standing.ask_for_room(now).is_err() {
                continue;
            }
            let Some(standing) = self.trunks.get(way.trunk) else { continue };
            let (trunk, patience) = (&standing.trunk, standing.trunk.patience);
            let (transport, remote) = (way.hop.transport, way.hop.addr);
            let Some(listener) = self.listener_to(transport, remote) else { continue };
            let flow = Flow { listener, transport, remote, connection: None };
            let dialled = trunk.numbering.as_ref().map(|numbering| numbering.dialled(asked.number));
            let uri = trunk_uri(trunk, Some(dialled.as_deref().unwrap_or(asked.number)), way.hop);
            let caller = self.told_of(trunk, asked.invite);
            let local = self.shown_to(trunk, &caller, asked.tag, flow);
            let mut request =
                self.invite_request(asked.invite, uri, &local, flow, (asked.call_id, asked.seq), Some(&trunk.id));
            if trunk.trusted {
                let identity = trunk.shows.clone().or_else(|| self.asserted_of(asked.invite, &caller));
                let uri =
                    identity.filter(|number| is_dialable(number)).map(|number| self.told_to(trunk, &number, flow));
                let is_withheld = trunk.shows.is_none() && caller.number == ANONYMOUS;
                identity::assert(&mut request.headers, uri, is_withheld);
            }
            let purpose = Purpose::Invite(asked.invite.leg);
            let sent = self.send_proved(now, request.clone(), flow, Some(way.trunk), purpose);
            let Some(transaction) = sent else { continue };
            return Some(Sent { transaction, request, flow, way, patience });
        }
        None
    }

    /// Who calls, as it may be told outside: a seat is nothing that could be called back, and nobody's business. In its
    /// place stands a number of the trunk's (that of its account), else the first of the house's, else nobody.
    fn told_of(&self, trunk: &Trunk, invite: &Invite) -> Party {
        let (caller, numbers) = (&invite.caller, &self.settings.numbers);
        let of_leg = invite.on_behalf_of.and_then(|leg| self.legs.get(&leg));
        // Extensions of another exchange may be called like seats of ours.
        let is_called_so = || self.settings.seats.contains_key(caller.number.as_str());
        let is_seat = of_leg.map_or_else(is_called_so, |leg| leg.seat.is_some());
        if !is_seat || caller.number == ANONYMOUS {
            return caller.clone();
        }
        let own = Some(&caller.number).filter(|number| numbers.contains(*number));
        let of_account = trunk.account.as_ref().map(|account| &account.username);
        let number = own.into_iter().chain(of_account).chain(numbers).find(|number| is_dialable(number));
        Party { number: number.map_or_else(|| ANONYMOUS.into(), Clone::clone), display: None }
    }

    /// The number of whoever calls, as far as we can vouch for it, RFC 3325 §5: our own, and what a trunk that is trusted
    /// asserted. From alone says nothing: whoever calls wrote it.
    fn asserted_of(&self, invite: &Invite, caller: &Party) -> Option<String> {
        let ours = || Some(caller.number.clone());
        let Some(leg) = invite.on_behalf_of else { return ours() };
        let leg = self.legs.get(&leg)?;
        if leg.trunk.is_some() { leg.asserted.clone() } else { ours() }
    }

    /// It is one of this trunk's calls from here on, and of no other's.
    fn goes_over(&mut self, now: Moment, leg_id: LegId, no: TrunkNo) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let before = leg.trunk.replace(no);
        if let Some(before) = before.and_then(|before| self.trunks.get_mut(before)) {
            before.leave();
        }
        let Some(standing) = self.trunks.get_mut(no) else { return };
        standing.enter(now);
        let trunk = standing.trunk.id.clone();
        self.tell(Event::GoesOver { leg: leg_id, trunk });
    }

    /// A provisional or final answer of the carrier's.
    pub(super) fn carrier_answered(&mut self, now: Moment, leg_id: LegId, status: u16) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let State::Calling(calling) = &mut leg.state else { return };
        calling.other_flow_at = None;
        let Some(outward) = &mut calling.outward else { return self.schedule_leg(leg_id) };
        outward.heard |= (101..300).contains(&status);
        outward.move_on_at = match (status, calling.provisional) {
            (100, false) => (!outward.ways.is_empty()).then(|| now + SAYS_MORE_WITHIN),
            (100, true) => outward.move_on_at,
            _ => None,
        };
        let way = outward.way;
        // Refusals may be of the carrier's edge, which did not look at the password, and 100 is.
        if let (101..300, Some(standing)) = (status, self.trunks.get_mut(way.trunk)) {
            let sent = self.clients.get(&calling.transaction).map(|client| &client.request.headers);
            if sent.is_some_and(|sent| sent.get("Authorization").or(sent.get("Proxy-Authorization")).is_some()) {
                standing.is_shown(true);
            }
            standing.goes_through();
        }
        if !may_pass(status) {
            self.found(now, way.trunk, way.hop, true, None, "");
        }
        self.schedule_leg(leg_id);
    }

    /// Nothing came back for long, or no more than a 100: another way may be better.
    pub(super) fn move_on(&mut self, now: Moment, leg_id: LegId) {
        let Some(State::Calling(calling)) = self.legs.get_mut(&leg_id).map(|leg| &mut leg.state) else { return };
        let (before, cancelled) = (calling.transaction, calling.provisional);
        let way = calling.outward.as_mut().map(|outward| {
            outward.move_on_at = None;
            outward.way
        });
        let nobody_was_there =
            way.and_then(|way| Some(self.trunks.get(way.trunk)?.is_down(way.hop))).unwrap_or_default();
        if !self.goes_another_way(now, leg_id, 408, None) {
            if !nobody_was_there {
                // The others have no room: it has all the time there is.
                return self.schedule_leg(leg_id);
            }
            self.invite_failed(now, leg_id, 408);
        }
        self.let_go_of(before, cancelled);
        if cancelled {
            self.limit_client(before, now + patience(&self.settings.timers));
            self.send_cancel(now, before, Some("SIP;cause=408;text=\"Request Timeout\"".into()), true);
        }
    }

    /// How long it waits there for any answer: where nobody was a moment ago no longer than where there is another way.
    /// `None`: as long as a request may, RFC 3261 §17.1.1.2.
    fn waits_for(&self, way: Way, others: &VecDeque<Way>, patience: Duration) -> Option<Duration> {
        let is_down = || self.trunks.get(way.trunk).is_some_and(|standing| standing.is_down(way.hop));
        (!others.is_empty() || is_down()).then_some(patience)
    }

    /// Refused in a way that may be better elsewhere, or not answered: the next way, if there is one and nobody heard
    /// anything yet.
    pub(in crate::sip) fn goes_another_way(
        &mut self,
        now: Moment,
        leg_id: LegId,
        status: u16,
        response: Option<&Response>,
    ) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id).filter(|leg| !leg.let_go) else { return false };
        let State::Calling(calling) = &mut leg.state else { return false };
        let seq = calling.request.headers.cseq().map_or(1, |cseq| cseq.seq) + 1;
        let (is_over, is_there) = (calling.cancel != Cancel::No, calling.provisional);
        let Some(mut outward) = calling.outward.take() else { return false };
        let way = outward.way;
        if may_pass(status) {
            match response {
                None if is_there => {}
                None => self.found(now, way.trunk, way.hop, false, None, "no answer to INVITE"),
                Some(response) if status == 503 && response.headers.get("Retry-After").is_some() => {
                    self.found(now, way.trunk, way.hop, true, retry_after(&response.headers), "");
                }
                Some(_) => {}
            }
        }
        let mut sent = None;
        // Nor is a password that is not taken what the called say.
        if (may_pass(status) || matches!(status, 401 | 407)) && !outward.heard && !is_over {
            let Outward { invite, number, call_id, tag, ways, .. } = &mut *outward;
            let asked = Asked { invite, number, call_id, tag, seq };
            sent = self.send_by_the_first(now, asked, ways);
        }
        let waits = sent.as_ref().and_then(|sent| self.waits_for(sent.way, &outward.ways, sent.patience));
        let Some(State::Calling(calling)) = self.legs.get_mut(&leg_id).map(|leg| &mut leg.state) else { return false };
        let Some(Sent { transaction, request, flow, way, .. }) = sent else {
            calling.outward = Some(outward);
            return false;
        };
        let failed = outward.way;
        outward.way = way;
        outward.move_on_at = waits.map(|time| now + time);
        let call = outward.call_id.clone();
        **calling = Calling { outward: Some(outward), ..Calling::new(transaction, request, flow, false) };
        self.tell_another_way((leg_id, &call), status, failed, way);
        self.goes_over(now, leg_id, way.trunk);
        self.schedule_leg(leg_id);
        true
    }

    fn tell_another_way(&self, (leg, call): (LegId, &str), status: u16, failed: Way, next: Way) {
        let name = |way: Way| self.trunks.get(way.trunk).map(|standing| standing.trunk.id.to_string());
        let (trunk, to) = (name(failed).unwrap_or_default(), name(next).unwrap_or_default());
        let (at, to_at) = (failed.hop.addr, next.hop.addr);
        info!(%leg, call, trunk, %at, status, to, %to_at, "refused or not answered: it goes by another way");
    }

    /// Nobody waits any more for who answers an INVITE of ours. Before a provisional response it cannot be cancelled (RFC
    /// 3261 §9.1): it is sent no more, so that it rings nowhere where it has not come yet.
    pub(in crate::sip) fn let_go_of(&mut self, id: TransactionId, cancelled: bool) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.purpose = Purpose::GivenUp { cancelled };
        client.transaction.stop_resending();
        self.schedule_client(id);
    }

    /// Why an INVITE of ours to a phone is over, RFC 3326 §1: its call talks by another. It is no call that was missed.
    pub(super) fn taken_elsewhere(&self, id: TransactionId) -> Option<String> {
        let headers = &self.clients.get(&id).filter(|client| client.trunk.is_none())?.request.headers;
        let leg = self.dialogs.get(&dialog_key(headers.call_id().ok()?, &headers.from_tag()?))?;
        let talks = matches!(self.legs.get(leg)?.state, State::Talking);
        talks.then(|| ANSWERED_ELSEWHERE.into())
    }

    /// Somebody whom nobody waits for any more answered after all.
    pub(in crate::sip) fn given_up_answered(&mut self, now: Moment, id: TransactionId, response: &Response) {
        let reason = self.taken_elsewhere(id);
        let Some(client) = self.clients.get_mut(&id) else { return };
        let to_carrier = client.trunk.is_some();
        match (response.status, &mut client.purpose) {
            (..200, Purpose::GivenUp { cancelled: cancelled @ false }) => {
                *cancelled = true;
                self.limit_client(id, now + patience(&self.settings.timers));
                self.send_cancel(now, id, reason, to_carrier);
            }
            (200..300, _) => {
                let invite = client.request.clone();
                self.end_fork(now, &invite, response, id);
            }
            _ => {}
        }
    }
}

/// What is no word of whom was called: a carrier in trouble.
fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 500..=599)
}
