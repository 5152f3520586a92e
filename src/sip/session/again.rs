//! Requests of ours that are sent once more because their answer asks for it: a challenge (RFC 3261 §22), an interval
//! that is too short (RFC 4028 §7.3), another address (RFC 3261 §8.1.3.4).

use super::timer::min_se;
use super::{Cancel, State, TransactionId};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::account::{MAX_CHALLENGES, Shown, are_distrusted, are_refused};
use crate::sip::addressing::way_to;
use crate::sip::endpoint::{Endpoint, Purpose, dialog_key};
use crate::sip::message::{Method, NameAddr, Request, Response, SipUri, Uri};
use crate::sip::trunks::TrunkNo;
use crate::sip::words::Flow;

/// So often is one INVITE sent to another address, or with another interval.
const MOST_TURNS: u8 = 5;

impl Endpoint {
    /// Another INVITE of the same leg takes the place of the one that was answered.
    pub(in crate::sip) fn invite_again(
        &mut self,
        now: Moment,
        leg_id: LegId,
        mut request: Request,
        flow: Flow,
        pinned: bool,
    ) -> bool {
        let seq = request.headers.cseq().map_or(1, |cseq| cseq.seq) + 1;
        request.headers.set("CSeq", format!("{seq} INVITE"));
        let (trunk, purpose) = (self.legs.get(&leg_id).and_then(|leg| leg.trunk), Purpose::Invite(leg_id));
        let Some(transaction) = self.send_proved(now, request.clone(), flow, trunk, purpose) else { return false };
        if let Some(State::Calling(calling)) = self.legs.get_mut(&leg_id).map(|leg| &mut leg.state) {
            (calling.transaction, calling.request, calling.flow, calling.pinned) = (transaction, request, flow, pinned);
            (calling.provisional, calling.rang) = (false, false);
            calling.early.clear();
            calling.rings.clear();
        }
        self.touch_leg(leg_id);
        true
    }

    /// What was sent, and where, if it may be sent again.
    fn turn(&mut self, leg_id: LegId) -> Option<(Request, Flow, bool)> {
        let leg = self.legs.get_mut(&leg_id).filter(|leg| !leg.let_go)?;
        let State::Calling(calling) = &mut leg.state else { return None };
        if calling.turns == MOST_TURNS || calling.cancel != Cancel::No {
            return None;
        }
        calling.turns += 1;
        Some((calling.request.clone(), calling.flow, calling.pinned))
    }

    /// A challenge is answered only where an account of ours belongs: secrets go to nobody else.
    pub(in crate::sip) fn try_again_with_credentials(
        &mut self,
        now: Moment,
        leg_id: LegId,
        response: &Response,
    ) -> bool {
        let Some(leg) = self.legs.get(&leg_id).filter(|leg| !leg.let_go) else { return false };
        let State::Calling(calling) = &leg.state else { return false };
        let (request, flow, pinned, trunk) = (calling.request.clone(), calling.flow, calling.pinned, leg.trunk);
        let client = self.clients.get(&calling.transaction);
        let before = client.map_or(0, |client| client.challenged);
        let is_refused = client.is_some_and(|client| are_refused(&client.request, response));
        let is_distrusted = client.is_some_and(|client| are_distrusted(&client.request, response));
        if is_distrusted
            && (is_refused || before >= MAX_CHALLENGES)
            && let Some(standing) = trunk.and_then(|trunk| self.trunks.get_mut(trunk))
        {
            standing.is_shown(false);
        }
        if is_refused || before >= MAX_CHALLENGES || !self.learn(trunk, flow, response, Shown::Ours) {
            return false;
        }
        let sent = self.invite_again(now, leg_id, request, flow, pinned);
        self.count_challenges(leg_id, before + 1);
        sent
    }

    fn count_challenges(&mut self, leg_id: LegId, challenged: u32) {
        let Some(State::Calling(calling)) = self.legs.get(&leg_id).map(|leg| &leg.state) else { return };
        if let Some(client) = self.clients.get_mut(&calling.transaction) {
            client.challenged = challenged;
        }
    }

    fn learn(&mut self, trunk: Option<TrunkNo>, flow: Flow, response: &Response, shown: Shown<'_>) -> bool {
        let is_learned = self.account(trunk, flow).is_some_and(|registration| registration.learn(response, shown));
        if let Some(standing) = trunk.and_then(|trunk| self.trunks.get_mut(trunk)) {
            standing.tell_realms();
        }
        is_learned
    }

    /// RFC 4028 §7.3: 422 says how long the interval has to be.
    pub(in crate::sip) fn try_longer(&mut self, now: Moment, leg_id: LegId, response: &Response) -> bool {
        let Some((mut request, flow, pinned)) = self.turn(leg_id) else { return false };
        let least = min_se(&response.headers);
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.their_least = leg.their_least.max(least);
        }
        let least = least.as_secs().to_string();
        request.headers.set("Session-Expires", least.clone());
        request.headers.set("Min-SE", least);
        self.invite_again(now, leg_id, request, flow, pinned)
    }

    /// A seat's phone sends its calls on. Whom it names is rung only where the admin allows it; else it is a refusal.
    pub(in crate::sip) fn ring_elsewhere(&mut self, now: Moment, leg_id: LegId, response: &Response) -> bool {
        if self.legs.get(&leg_id).is_none_or(|leg| leg.seat.is_none()) {
            return false;
        }
        let Some((uri, flow)) = self.redirected(response) else { return false };
        let Some((mut request, _, _)) = self.turn(leg_id) else { return false };
        request.uri = Uri::Sip(uri);
        // The proxies before the phone that was rung (RFC 3327) are not before this one.
        request.headers.remove("Route");
        request.headers.set("Contact", self.contact_for(&request.uri, flow));
        self.invite_again(now, leg_id, request, flow, false)
    }

    /// The first address that is allowed, the one with the highest q before others.
    fn redirected(&self, response: &Response) -> Option<(SipUri, Flow)> {
        let q = |contact: &NameAddr| contact.params.get("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        let mut contacts = response.headers.contacts().ok()?;
        contacts.sort_by(|a, b| q(b).total_cmp(&q(a)));
        contacts.into_iter().find_map(|contact| {
            let Uri::Sip(uri) = contact.uri else { return None };
            let uri = SipUri { headers: None, ..uri };
            let flow = way_to(&self.settings.listen, &uri)?;
            let allowed = self.settings.redirects.iter().any(|net| net.contains(&flow.remote.ip().to_canonical()));
            allowed.then_some((uri, flow))
        })
    }

    /// A request within a dialog was challenged, before the call was answered or since: it is sent once more with the
    /// credentials, §22.2. `false`: it is not, and its answer stands.
    pub(in crate::sip) fn challenged(&mut self, now: Moment, id: TransactionId, response: &Response) -> bool {
        let Some(client) = self.clients.get(&id) else { return false };
        let (purpose, trunk) = (client.purpose, client.trunk);
        let flow = client.datagram.map_or(client.transaction.flow, |datagram| datagram.flow);
        let challenged = client.challenged;
        let is_of_dialog = match purpose {
            Purpose::Reinvite(_) | Purpose::Update(_) | Purpose::Bye(_) | Purpose::Refer(_) => true,
            // §22.1: a CANCEL cannot be sent once more.
            Purpose::Courtesy => client.request.method != Method::CANCEL,
            Purpose::Invite(_) | Purpose::Register | Purpose::Enrol(_) | Purpose::Parting(_) => false,
            // At phones we have no account.
            Purpose::Check(..) | Purpose::GivenUp { .. } | Purpose::Notify(_) => false,
        };
        let request = client.request.clone();
        let is_refused = are_refused(&request, response);
        // Whose dialog it was is not known any more, and nothing in it matters.
        let is_over = purpose.leg().is_some_and(|leg| !self.legs.contains_key(&leg));
        let theirs = self.within_theirs(&request, purpose);
        let shown = Shown::within(theirs.as_deref());
        if !is_of_dialog
            || is_over
            || is_refused
            || challenged >= MAX_CHALLENGES
            || !self.learn(trunk, flow, response, shown)
        {
            return false;
        }
        let Some(again) = self.say_again(now, id, request, flow) else { return false };
        if let Some(client) = self.clients.get_mut(&again) {
            client.challenged = challenged + 1;
        }
        true
    }

    /// A request within a dialog takes the place of the one that is `id`, with a number of its own.
    pub(in crate::sip) fn say_again(
        &mut self,
        now: Moment,
        id: TransactionId,
        mut request: Request,
        flow: Flow,
    ) -> Option<TransactionId> {
        let client = self.clients.get(&id)?;
        let (purpose, trunk) = (client.purpose, client.trunk);
        let (seq, method) = (self.next_number(&request), request.method.clone());
        request.headers.set("CSeq", format!("{seq} {method}"));
        // The one of the former request; another is added when it is sent.
        request.headers.remove_first("Via");
        request.headers.remove("User-Agent");
        let again = self.send_proved(now, request, flow, trunk, purpose)?;
        if let Purpose::Refer(leg) = purpose {
            self.releases_with(leg, seq);
        }
        if let Purpose::Reinvite(leg) | Purpose::Update(leg) = purpose
            && let Some(leg) = self.legs.get_mut(&leg)
        {
            for open in [&mut leg.our_reoffer, &mut leg.refreshing] {
                *open = open.map(|open| if open == id { again } else { open });
            }
        }
        Some(again)
    }

    /// The number of the next request of ours in the dialog of this one, §12.2.1.1.
    fn next_number(&mut self, request: &Request) -> u32 {
        let headers = &request.headers;
        let (call_id, own) = (headers.call_id().unwrap_or_default(), headers.from_tag().unwrap_or_default());
        let leg = self.dialogs.get(&dialog_key(call_id, &own)).and_then(|leg| self.legs.get_mut(leg));
        match leg.and_then(|leg| leg.dialog_with(headers.to_tag().as_deref())) {
            Some(dialog) => {
                dialog.local_seq += 1;
                dialog.local_seq
            }
            // Of a fork that is ended: nothing else is said in it.
            None => headers.cseq().map_or(1, |cseq| cseq.seq) + 1,
        }
    }
}
