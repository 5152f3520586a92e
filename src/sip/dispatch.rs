//! To which transaction a message belongs, and what becomes of it: RFC 3261 §17 between the wire and the
//! transaction users.

use super::addressing::{sent_by, stamp};
use super::endpoint::{Client, Endpoint, Owner, Purpose, Server, dialog_key};
use super::large::Datagram;
use super::message::{Headers, Method, Request, Response, Via};
use super::session::{Calling, State, TransactionId};
use super::stateless::Origin;
use super::transaction::Due;
use super::transaction::client::{ClientTransaction, News};
use super::transaction::server::ServerTransaction;
use super::words::Flow;
use crate::ids::LegId;
use crate::moment::Moment;

/// Server transactions at once and the bytes they hold: beyond either, what comes anew is dropped unread.
/// Only those who were let in have any (strangers are answered without one), so this is a trunk gone mad.
const MAX_SERVER_TRANSACTIONS: usize = 100_000;
const MAX_HELD: usize = 128 * 1024 * 1024;
/// What belongs to a dialog of ours has as much again: a BYE gets through when nothing new does.
const FOR_DIALOGS: usize = 2;

impl Endpoint {
    // -----------------------------------------------------------------------------------------
    // Requests of theirs

    pub(super) fn request(&mut self, now: Moment, flow: Flow, mut request: Request, size: usize) {
        let Ok(mut via) = request.headers.top_via() else { return };
        self.note_alias(&via, flow);
        let reply = stamp(&mut via, flow);
        request.headers.replace_top_via(&via);
        let key = server_key(&request, &via);
        if request.method == Method::ACK {
            return match self.server_keys.get(&key).copied() {
                Some(id) => self.refusal_acknowledged(now, id, &request),
                None => self.acknowledged(now, &request),
            };
        }
        if let Some(id) = self.server_keys.get(&key) {
            // A copy: the last answer again, if there is one, §17.2.
            if let Some(server) = self.servers.get(id)
                && let Some(last) = server.transaction.last()
            {
                let (flow, bytes) = (server.transaction.flow, last.to_vec());
                self.transmit(flow, bytes);
            }
            return;
        }
        let origin = Origin { flow, reply, back: sent_by(&via, flow), size, shown: self.shown(now, flow, &request) };
        if request.method == Method::CANCEL {
            return match self.invite_of(&request, &via, flow) {
                Some(invite) => self.cancelled(now, origin, key, &request, invite),
                None => self.refuse_once(now, origin, &request, 481),
            };
        }
        match self.dialog_of(&request) {
            Some(leg) => self.inside(now, origin, key, leg, request),
            None if self.is_scanner(now, origin, &request) => {}
            None => self.outside(now, origin, key, request),
        }
    }

    /// Whether a request is of a dialog, a copy of one that was taken, or takes one back.
    pub(super) fn is_of_dialog(&self, request: &Request) -> bool {
        let Ok(via) = request.headers.top_via() else { return false };
        let as_invite = Request { method: Method::INVITE, ..request.clone() };
        let known = |request| self.server_keys.contains_key(&server_key(request, &via));
        self.dialog_of(request).is_some() || known(request) || (request.method == Method::CANCEL && known(&as_invite))
    }

    /// Whether a request of ours waits for this answer.
    pub(super) fn awaits(&self, response: &Response) -> bool {
        let (Ok(via), Ok(cseq)) = (response.headers.top_via(), response.headers.cseq()) else { return false };
        self.client_keys.contains_key(&format!("{}|{}", via.branch().unwrap_or_default(), cseq.method))
    }

    /// The leg of the dialog that a request belongs to, §12.2.2: Call-ID and both tags.
    fn dialog_of(&self, request: &Request) -> Option<LegId> {
        if request.method == Method::REGISTER {
            return None;
        }
        let (to, from) = (request.headers.to_tag()?, request.headers.from_tag());
        let id = *self.dialogs.get(&dialog_key(request.headers.call_id().ok()?, &to))?;
        let leg = self.legs.get(&id)?;
        let of_fork =
            |calling: &Calling| calling.early.iter().any(|early| early.dialog.remote_tag() == from.as_deref());
        let known = match (&leg.dialog, &leg.state) {
            (Some(dialog), _) => dialog.remote_tag() == from.as_deref(),
            (None, State::Calling(calling)) => of_fork(calling),
            (None, _) => false,
        };
        known.then_some(id)
    }

    /// A transaction for a request of somebody who was let in; `None` if there is no room for it.
    pub(super) fn open_server(
        &mut self,
        origin: Origin,
        key: String,
        request: &Request,
        of_dialog: bool,
    ) -> Option<TransactionId> {
        let share = if of_dialog { FOR_DIALOGS } else { 1 };
        if self.servers.len() >= share * MAX_SERVER_TRANSACTIONS || self.held >= share * MAX_HELD {
            return None;
        }
        let id = self.count();
        let transaction = ServerTransaction::new(origin.reply, request.method == Method::INVITE);
        let Origin { flow: from, back, size, .. } = origin;
        let server = Server { transaction, key: key.clone(), identity: identity(request), from, back, size, leg: None };
        self.held += size;
        if let Some(connection) = from.connection {
            self.server_connections.insert(connection, id);
        }
        self.servers.insert(id, Box::new(server));
        self.server_keys.insert(key, id);
        Some(id)
    }

    fn forget_server(&mut self, id: TransactionId) {
        let Some(server) = self.servers.remove(&id) else { return };
        self.held -= server.size + server.transaction.bytes().len();
        self.server_keys.remove(&server.key);
        if let Some(connection) = server.from.connection {
            self.server_connections.remove(&connection, &id);
        }
        if self.merges.get(&server.identity) == Some(&id) {
            self.merges.remove(&server.identity);
        }
    }

    fn refusal_acknowledged(&mut self, now: Moment, id: TransactionId, request: &Request) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        if server.transaction.last().is_none() {
            // RFC 2543 phones acknowledge a 2xx within the same transaction.
            return self.acknowledged(now, request);
        }
        server.transaction.acknowledged(now, &self.settings.timers);
        self.schedule_server(id);
    }

    /// The transaction of the INVITE that a CANCEL is about, §9.2. It comes by the same way as the INVITE, with
    /// its Call-ID, From-tag and number (§9.1): a branch that somebody else got to know is not enough.
    fn invite_of(&self, cancel: &Request, via: &Via, flow: Flow) -> Option<TransactionId> {
        let as_invite = Request { method: Method::INVITE, ..cancel.clone() };
        let id = *self.server_keys.get(&server_key(&as_invite, via))?;
        let invite = self.servers.get(&id)?;
        let same_way = invite.from.connection == flow.connection
            && invite.from.remote.ip().to_canonical() == flow.remote.ip().to_canonical();
        (same_way && invite.identity == identity(cancel)).then_some(id)
    }

    /// Sends a response and lets the transaction keep it.
    pub(super) fn respond(&mut self, now: Moment, id: TransactionId, response: Response) -> Vec<u8> {
        let (status, bytes) = (response.status, signed(response));
        let timers = self.settings.timers;
        let kept = bytes.clone();
        if let Some(flow) = self.keep(id, |transaction| transaction.respond(now, &timers, status, kept)) {
            self.transmit(flow, bytes.clone());
        }
        bytes
    }

    /// 100 to an INVITE, where nothing else is said soon: what comes at once is said in one message.
    pub(super) fn try_soon(&mut self, now: Moment, id: TransactionId, request: &Request) {
        let (response, soon) = (request.respond(100, None), self.settings.timers.trying);
        if soon.is_zero() {
            self.respond(now, id, response);
        } else {
            self.keep(id, |transaction| transaction.try_at(now + soon, signed(response)));
        }
    }

    /// What the transaction keeps is another answer then, and what it waits for. The way of the answer.
    fn keep(&mut self, id: TransactionId, answer: impl FnOnce(&mut ServerTransaction)) -> Option<Flow> {
        let server = self.servers.get_mut(&id)?;
        self.held -= server.transaction.bytes().len();
        answer(&mut server.transaction);
        self.held += server.transaction.bytes().len();
        let flow = server.transaction.flow;
        self.schedule_server(id);
        Some(flow)
    }

    pub(super) fn server_due(&mut self, now: Moment, id: TransactionId) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        match server.transaction.handle_deadline(now, &self.settings.timers) {
            Due::Resend => {
                let (flow, bytes) = (server.transaction.flow, server.transaction.bytes().to_vec());
                self.transmit(flow, bytes);
            }
            Due::TimedOut | Due::Over => self.forget_server(id),
            Due::Nothing | Due::Silent => {}
        }
        self.schedule_server(id);
    }

    fn schedule_server(&mut self, id: TransactionId) {
        let at = self.servers.get(&id).and_then(|server| server.transaction.next_deadline());
        self.agenda.set(Owner::Server(id), at);
    }

    // -----------------------------------------------------------------------------------------
    // Requests of ours

    /// Sends a request (made without Via) in a transaction of its own. `None` if no listener fits.
    pub(super) fn send(
        &mut self,
        now: Moment,
        mut request: Request,
        flow: Flow,
        purpose: Purpose,
    ) -> Option<TransactionId> {
        let flow = self.fit(flow)?;
        let branch = format!("z9hG4bK{}", self.token());
        request.headers.push_front("Via", self.via(flow, &branch));
        request.headers.push("User-Agent", "hotline");
        let key = format!("{branch}|{}", request.method);
        let bytes = request.to_bytes();
        let Some(stream) = self.stream_for(now, flow, bytes.len()) else {
            let id = self.open_client(now, request, bytes.clone(), flow, key, purpose);
            self.transmit(flow, bytes);
            return Some(id);
        };
        request.headers.replace_first("Via", self.via(stream, &branch));
        let bytes = request.to_bytes();
        let id = self.open_client(now, request, bytes.clone(), stream, key, purpose);
        self.transmit_soon(stream, bytes);
        if let Some(client) = self.clients.get_mut(&id) {
            client.datagram = Some(Datagram::new(now, &self.settings.timers, flow));
        }
        self.schedule_client(id);
        Some(id)
    }

    /// CANCEL has the branch of its INVITE, §9.1.
    pub(super) fn send_in_branch(&mut self, now: Moment, request: Request, flow: Flow) {
        let Ok(via) = request.headers.top_via() else { return };
        let key = format!("{}|{}", via.branch().unwrap_or_default(), request.method);
        let bytes = request.to_bytes();
        self.open_client(now, request, bytes.clone(), flow, key, Purpose::Courtesy);
        self.transmit(flow, bytes);
    }

    fn open_client(
        &mut self,
        now: Moment,
        request: Request,
        bytes: Vec<u8>,
        flow: Flow,
        key: String,
        purpose: Purpose,
    ) -> TransactionId {
        let id = self.count();
        let is_invite = request.method == Method::INVITE;
        let transaction = ClientTransaction::new(now, &self.settings.timers, flow, is_invite, bytes);
        self.client_keys.insert(key.clone(), id);
        self.client_flows.insert(flow, id);
        let client = Client { transaction, key, purpose, request, datagram: None, trunk: None, challenged: 0 };
        self.clients.insert(id, Box::new(client));
        self.schedule_client(id);
        id
    }

    pub(super) fn response(&mut self, now: Moment, flow: Flow, response: &Response) {
        let (Ok(via), Ok(cseq)) = (response.headers.top_via(), response.headers.cseq()) else { return };
        let key = format!("{}|{}", via.branch().unwrap_or_default(), cseq.method);
        let Some(id) = self.client_keys.get(&key).copied() else { return };
        self.follow(id, flow);
        let Some(client) = self.clients.get_mut(&id) else { return };
        let news = client.transaction.received(now, &self.settings.timers, response.status);
        if news != News::Old && client.transaction.is_invite() && response.status >= 300 {
            let (flow, ack) = (client.transaction.flow, refusal_ack(&client.request, &response.headers));
            self.transmit(flow, ack.to_bytes());
        }
        self.schedule_client(id);
        if news == News::Tell {
            self.answered(now, id, flow, response);
        }
    }

    /// A browser that lost its connection while it rang may answer before it has registered again.
    fn follow(&mut self, id: TransactionId, flow: Flow) {
        let Some(client) = self.clients.get(&id) else { return };
        let before = client.transaction.flow;
        if before.transport.is_web() && flow.transport.is_web() && before.connection != flow.connection {
            self.move_client(id, flow);
        }
    }

    fn answered(&mut self, now: Moment, id: TransactionId, flow: Flow, response: &Response) {
        if matches!(response.status, 401 | 407) && self.challenged(now, id, response) {
            return;
        }
        let Some(client) = self.clients.get(&id) else { return };
        if let Purpose::Enrol(trunk) = client.purpose {
            self.enrolled_over(trunk, flow.connection);
        }
        let Some(client) = self.clients.get(&id) else { return };
        match client.purpose {
            Purpose::Invite(leg) => self.invite_answered(now, leg, id, response),
            Purpose::Reinvite(leg) => self.reoffer_answered(now, leg, id, response),
            Purpose::Update(leg) => self.update_answered(now, leg, id, response),
            Purpose::Bye(leg) if response.status >= 200 => self.forget_leg(now, leg),
            Purpose::Refer(leg) if response.status >= 200 => self.refer_answered(now, leg, response),
            Purpose::Notify(watch) => self.notify_answered(now, watch, Some(response.status)),
            Purpose::Register if response.status >= 200 => self.register_answered(now, Some(response)),
            Purpose::Enrol(trunk) if response.status >= 200 => self.enrolled(now, trunk, Some(response)),
            Purpose::Parting(number) if response.status >= 200 => self.parted(now, number, Some(response)),
            Purpose::Check(trunk, hop) if response.status >= 200 => self.checked(now, trunk, hop, Some(response)),
            Purpose::GivenUp { .. } => self.given_up_answered(now, id, response),
            _ => {}
        }
    }

    pub(super) fn client_due(&mut self, now: Moment, id: TransactionId) {
        let is_in_vain = |client: &Client| client.datagram_at().is_some_and(|at| at <= now);
        if self.clients.get(&id).is_some_and(|client| is_in_vain(client)) && self.goes_by_datagram(now, id) {
            return;
        }
        let Some(client) = self.clients.get_mut(&id) else { return };
        match client.transaction.handle_deadline(now, &self.settings.timers) {
            Due::Resend => {
                let (flow, bytes) = (client.transaction.flow, client.transaction.bytes().to_vec());
                self.transmit(flow, bytes);
            }
            Due::TimedOut => return self.client_failed(now, id, 408),
            Due::Silent => return self.is_said_in_vain(now, id),
            Due::Over => self.forget_client(id),
            Due::Nothing => {}
        }
        self.schedule_client(id);
    }

    /// Nobody answered (408), or it could not be sent (503).
    pub(super) fn client_failed(&mut self, now: Moment, id: TransactionId, status: u16) {
        let Some(purpose) = self.clients.get(&id).map(|client| client.purpose) else { return };
        let goes_on = self.is_said_by_another_flow(now, id);
        self.forget_client(id);
        match purpose {
            _ if goes_on => {}
            Purpose::Invite(leg) if self.goes_another_way(now, leg, status, None) => {}
            Purpose::Invite(leg) if self.goes_by_another_flow(now, leg) => {}
            Purpose::Invite(leg) => self.invite_failed(now, leg, status),
            Purpose::Reinvite(leg) | Purpose::Update(leg) if self.is_open(leg, id) => self.lost(now, leg, status),
            Purpose::Reinvite(_) | Purpose::Update(_) => {}
            Purpose::Bye(leg) => self.forget_leg(now, leg),
            Purpose::Register => self.register_answered(now, None),
            Purpose::Enrol(trunk) => self.enrolled(now, trunk, None),
            Purpose::Parting(number) => self.parted(now, number, None),
            Purpose::Check(trunk, hop) => self.checked(now, trunk, hop, None),
            Purpose::Refer(leg) => self.refer_unanswered(leg),
            Purpose::Notify(watch) => self.notify_answered(now, watch, None),
            Purpose::Courtesy | Purpose::GivenUp { .. } => {}
        }
    }

    pub(super) fn forget_client(&mut self, id: TransactionId) {
        if let Some(client) = self.clients.remove(&id) {
            self.client_keys.remove(&client.key);
            self.client_flows.remove(&client.transaction.flow, &id);
        }
        self.agenda.set(Owner::Client(id), None);
    }

    pub(super) fn limit_client(&mut self, id: TransactionId, at: Moment) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.transaction.give_up_at(at);
        }
        self.schedule_client(id);
    }

    pub(super) fn schedule_client(&mut self, id: TransactionId) {
        let client = self.clients.get(&id);
        let at =
            client.and_then(|client| client.transaction.next_deadline().into_iter().chain(client.datagram_at()).min());
        self.agenda.set(Owner::Client(id), at);
    }
}

fn signed(mut response: Response) -> Vec<u8> {
    response.headers.push("Server", "hotline");
    response.to_bytes()
}

/// What tells transactions apart, §17.2.3: branch, sent-by and method; for RFC 2543 phones, and for a
/// branch that is nothing but the cookie, everything that tells requests apart.
fn server_key(request: &Request, via: &Via) -> String {
    let method = if request.method == Method::ACK { Method::INVITE } else { request.method.clone() };
    let sent_by = format!("{}:{}", via.host.to_ascii_lowercase(), via.port.unwrap_or(5060));
    match via.branch() {
        Some(branch) if branch.len() > 7 && branch.starts_with("z9hG4bK") => format!("{branch}|{sent_by}|{method}"),
        _ => {
            let headers = &request.headers;
            let from = headers.from_tag().unwrap_or_default();
            let (call_id, seq) = (headers.call_id().unwrap_or_default(), headers.cseq().map_or(0, |cseq| cseq.seq));
            format!("2543|{call_id}|{seq}|{from}|{}|{sent_by}|{method}", request.uri)
        }
    }
}

/// What tells requests apart whatever way they came, §8.2.2.2: From-tag, Call-ID and number.
pub(super) fn identity(request: &Request) -> String {
    let headers = &request.headers;
    let from = headers.from_tag().unwrap_or_default();
    let seq = headers.cseq().map_or(0, |cseq| cseq.seq);
    format!("{from}|{}|{seq}", headers.call_id().unwrap_or_default())
}

/// The ACK of a refusal belongs to the INVITE's transaction, §17.1.1.3.
fn refusal_ack(invite: &Request, response: &Headers) -> Request {
    let mut ack = Request::new(Method::ACK, invite.uri.clone());
    for name in ["Via", "Route", "From", "Call-ID", "Max-Forwards"] {
        let values = invite.headers.all(name).take(if name == "Via" { 1 } else { usize::MAX });
        for value in values {
            ack.headers.push(name, value);
        }
    }
    ack.headers.push("To", response.get("To").unwrap_or_default());
    ack.headers.push("CSeq", format!("{} ACK", invite.headers.cseq().map_or(1, |cseq| cseq.seq)));
    ack
}
