//! Lamps of desk phones: what seats subscribe to (RFC 6665) – the calls of other seats (dialog event package, RFC
//! 4235), whether they can be reached (RFC 3856), and what waits for the house (RFC 3842).
//!
//! No seat has a mailbox. What waits for those at the desks are people who want to be called back: while there are any
//! the lamp for messages is lit, everywhere alike. Messages that callers left are files that nobody marks as heard, and
//! would keep it lit for ever. It is told only when it changes, so that a burst of callbacks is no burst of NOTIFYs.
//!
//! A lamp tells that somebody is rung or talks, not with whom. What asks for the call that rings there (Call-ID and
//! tags, RFC 4235 §4.1.2, for a Replaces, RFC 3891 §7.1) is told only to phones of those who may pick up; whether they
//! may have this one is asked once more when they do. Does not know calls, queues or who sits where.

mod content;

use std::time::Duration;

use crate::ids::{LegId, SeatId};
use crate::moment::Moment;
use crate::sip::admission::{ALLOW, accepts};
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::{Endpoint, Owner, Purpose, dialog_key};
use crate::sip::message::{Method, Request, Response, SipUri};
use crate::sip::outbound::is_gone;
use crate::sip::session::{Admitted, Leg, State, TransactionId};
use crate::sip::stateless::Origin;
use crate::sip::words::{ConnectionId, Flow, Source};
use content::VERSION;

/// Of one seat's phone: more than the keys of the largest side panels.
const MOST_OF_SEAT: usize = 200;
/// Of all.
const MOST: usize = 20_000;
/// Shorter ones are refused with 423, longer ones shortened: a phone that is gone is noticed within the second.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

/// What is told, RFC 6665 §7.2.
pub(in crate::sip) const PACKAGES: &str = "dialog, presence, message-summary, refer";

pub(in crate::sip) type WatchId = u64;

pub(in crate::sip) struct Watch {
    watcher: SeatId,
    /// Which phone there, if it came by a flow that is registered.
    phone: Option<String>,
    seat: SeatId,
    package: Package,
    /// As it was asked for, with its id.
    event: String,
    dialog: Dialog,
    expires_at: Moment,
    version: u32,
    /// A NOTIFY that is not answered yet: one at a time.
    open: Option<TransactionId>,
    /// What the phone knows.
    told: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Package {
    Dialog,
    Presence,
    Messages,
}

impl Package {
    fn named(event: &str) -> Option<Package> {
        match event.split(';').next()?.trim() {
            "dialog" => Some(Package::Dialog),
            "presence" => Some(Package::Presence),
            "message-summary" => Some(Package::Messages),
            _ => None,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Package::Dialog => "application/dialog-info+xml",
            Package::Presence => "application/pidf+xml",
            Package::Messages => "application/simple-message-summary",
        }
    }
}

/// What a leg looks like to whoever watches its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Lamp {
    Dark,
    /// Not answered, and nothing in it that could be picked up.
    Dials,
    /// A phone rings whose tag is known.
    Rings,
    Talks,
}

impl Leg {
    fn lamp(&self) -> Lamp {
        match &self.state {
            State::Held(_) | State::Hanging | State::Ending => Lamp::Dark,
            State::Calling(calling) if !calling.rings.is_empty() => Lamp::Rings,
            State::Calling(_) | State::Incoming { .. } => Lamp::Dials,
            State::Talking => Lamp::Talks,
        }
    }
}

impl Endpoint {
    /// SUBSCRIBE outside a leg's dialog: a new one, or one that is known.
    pub(in crate::sip) fn subscription(&mut self, now: Moment, origin: Origin, key: String, request: Request) {
        let tag = request.headers.to_tag().map(|tag| tag.into_owned());
        let known = tag.and_then(|tag| {
            let id = *self.watch_dialogs.get(&dialog_key(request.headers.call_id().ok()?, &tag))?;
            let remote = request.headers.from_tag().map(|tag| tag.into_owned());
            let watch = self.watches.get(&id)?;
            let same = watch.dialog.remote_tag() == remote.as_deref()
                && watch.dialog.flow.remote.ip().to_canonical() == origin.flow.remote.ip().to_canonical();
            same.then_some(id)
        });
        match known {
            Some(id) => self.subscribed_again(now, origin, key, &request, id),
            None if request.headers.to_tag().is_some() => self.refuse_once(now, origin, &request, 481),
            None => self.subscribe(now, origin, key, request),
        }
    }

    fn subscribe(&mut self, now: Moment, origin: Origin, key: String, request: Request) {
        let tag = self.fixed_tag(&request.headers);
        let watcher = match self.admit(now, origin.flow, &request) {
            Ok(Admitted { source: Source::Seat(seat), .. }) => seat,
            Ok(_) => return self.refuse_once(now, origin, &request, 403),
            Err(response) => return self.answer_once(now, origin, *response),
        };
        let flow = origin.flow;
        let Some(id) = self.open_server(origin, key, &request, false) else { return };
        let (package, seat, expires) = match self.wanted(&request, &watcher) {
            Ok(wanted) => wanted,
            Err(mut response) => {
                response.tag_to(&tag);
                self.respond(now, id, *response);
                return;
            }
        };
        let own = self.token();
        let Some(dialog) = Dialog::of_callee(&request, &own, origin.flow, true) else {
            return self.simply(now, id, &request, 400);
        };
        if !self.has_room_to_watch(now, &watcher) {
            return self.simply(now, id, &request, 503);
        }
        let mut response = request.respond(200, Some(&own));
        request.copy_record_routes(&mut response);
        response.headers.push("Contact", self.contact_in(&dialog));
        response.headers.push("Expires", expires.as_secs().to_string());
        self.respond(now, id, response);
        let watch_id = self.count();
        self.watch_dialogs.insert(dialog_key(&dialog.call_id, &own), watch_id);
        self.watches_of.insert(watcher.clone(), watch_id);
        self.watchers.insert(seat.clone(), watch_id);
        self.watch_connections.insert_if(flow.connection, watch_id);
        let event = request.headers.get("Event").unwrap_or_default().trim().to_string();
        let expires_at = now + expires;
        let phone = self.registrar.phone_by(&watcher, flow);
        let watch =
            Watch { watcher, phone, seat, package, event, dialog, expires_at, version: 0, open: None, told: None };
        self.watches.insert(watch_id, watch);
        // Without a duration it is asked for once, RFC 6665 §4.4.3.
        if expires.is_zero() {
            return self.stop_watching(now, watch_id, Some("timeout"));
        }
        self.agenda.set(Owner::Watch(watch_id), Some(expires_at));
        self.notify(now, watch_id);
    }

    /// Those that wait for their phone make room: it may have begun anew, and subscribe to all that it watches.
    fn has_room_to_watch(&mut self, now: Moment, watcher: &SeatId) -> bool {
        if self.watches_of.of(watcher).count() < MOST_OF_SEAT && self.watches.len() < MOST {
            return true;
        }
        let waits = |id: &&WatchId| self.watches.get(id).is_some_and(|watch| is_gone(watch.dialog.flow));
        let oldest = self.watches_of.of(watcher).find(waits).copied();
        oldest.into_iter().for_each(|oldest| self.stop_watching(now, oldest, None));
        oldest.is_some()
    }

    /// What a SUBSCRIBE asks for; `Err`: why it is not told.
    fn wanted(&self, request: &Request, watcher: &SeatId) -> Result<(Package, SeatId, Duration), Box<Response>> {
        let refuse = |status| Box::new(request.respond(status, None));
        let Some(package) = request.headers.get("Event").and_then(Package::named) else {
            let mut response = refuse(489);
            response.headers.push("Allow-Events", PACKAGES);
            return Err(response);
        };
        let expires = self.taken_for(request, package)?;
        let seat = SeatId::from(request.uri.sip().map(SipUri::number).unwrap_or_default());
        if !self.settings.seats.contains_key(&seat) {
            return Err(refuse(404));
        }
        // Messages are their own.
        if package == Package::Messages && seat != *watcher {
            return Err(refuse(403));
        }
        Ok((package, seat, expires))
    }

    /// For how long, of what is told in a form that they take.
    fn taken_for(&self, request: &Request, package: Package) -> Result<Duration, Box<Response>> {
        if !accepts(&request.headers, package.content_type()) {
            let mut response = Box::new(request.respond(406, None));
            response.headers.push("Accept", package.content_type());
            return Err(response);
        }
        let expires = request.headers.expires().map_or(LONGEST, |seconds| Duration::from_secs(seconds.into()));
        if !expires.is_zero() && expires < SHORTEST {
            let mut response = Box::new(request.respond(423, None));
            response.headers.push("Min-Expires", SHORTEST.as_secs().to_string());
            return Err(response);
        }
        Ok(expires.min(LONGEST))
    }

    /// RFC 6665 §4.2.1: longer, or not any more.
    fn subscribed_again(&mut self, now: Moment, origin: Origin, key: String, request: &Request, watch_id: WatchId) {
        let Some(id) = self.open_server(origin, key, request, true) else { return };
        let seq = request.headers.cseq().map_or(0, |cseq| cseq.seq);
        let Some(watch) = self.watches.get_mut(&watch_id) else { return };
        if !watch.dialog.takes(seq) {
            return self.simply(now, id, request, 500);
        }
        let package = watch.package;
        let expires = match self.taken_for(request, package) {
            Ok(expires) => expires,
            Err(response) => return drop(self.respond(now, id, *response)),
        };
        let mut response = request.respond(200, None);
        response.headers.push("Contact", self.contact_for(&request.uri, origin.flow));
        response.headers.push("Expires", expires.as_secs().to_string());
        self.respond(now, id, response);
        let Some(watch) = self.watches.get_mut(&watch_id) else { return };
        watch.dialog.refresh(&request.headers);
        watch.phone = self.registrar.phone_by(&watch.watcher, origin.flow).or(watch.phone.take());
        let before = std::mem::replace(&mut watch.dialog.flow, origin.flow);
        if let Some(connection) = before.connection {
            self.watch_connections.remove(&connection, &watch_id);
        }
        self.watch_connections.insert_if(origin.flow.connection, watch_id);
        watch.expires_at = now + expires;
        // §4.2.1.4: each is followed by a NOTIFY, whatever is known already.
        watch.told = None;
        if expires.is_zero() {
            return self.stop_watching(now, watch_id, Some("timeout"));
        }
        self.agenda.set(Owner::Watch(watch_id), Some(now + expires));
        self.notify(now, watch_id);
    }

    pub(in crate::sip) fn watch_due(&mut self, now: Moment, watch_id: WatchId) {
        self.stop_watching(now, watch_id, Some("timeout"));
    }

    /// `reason`: said in a last NOTIFY. `None`: there is nobody to say it to.
    fn stop_watching(&mut self, now: Moment, watch_id: WatchId, reason: Option<&str>) {
        let Some(mut watch) = self.watches.remove(&watch_id) else { return };
        self.agenda.set(Owner::Watch(watch_id), None);
        self.watch_dialogs.remove(&dialog_key(&watch.dialog.call_id, watch.dialog.local_tag()));
        self.watches_of.remove(&watch.watcher, &watch_id);
        self.watchers.remove(&watch.seat, &watch_id);
        if let Some(connection) = watch.dialog.flow.connection {
            self.watch_connections.remove(&connection, &watch_id);
        }
        if let Some(reason) = reason.filter(|_| !is_gone(watch.dialog.flow)) {
            let state = format!("terminated;reason={reason}");
            let content = self.content(&watch);
            self.send_notify(now, &mut watch, &state, content, Purpose::Courtesy);
        }
    }

    /// Whoever cannot be reached any more needs no lamps, but for a phone whose connection was cut: it may be back.
    pub(in crate::sip) fn stop_watching_of(&mut self, now: Moment, seat: &SeatId) {
        for id in self.watches_of.of(seat).copied().collect::<Vec<_>>() {
            if !self.watches.get(&id).is_some_and(|watch| is_gone(watch.dialog.flow)) {
                self.stop_watching(now, id, None);
            }
        }
    }

    /// Seats that are in the files no more are told nothing, and of them only that there is nothing to tell.
    pub(in crate::sip) fn stop_watching_others(&mut self, now: Moment) {
        let is_known = |seat| self.settings.seats.contains_key(seat);
        let all = self.watches.iter().map(|(id, watch)| (*id, is_known(&watch.watcher), is_known(&watch.seat)));
        let others: Vec<(WatchId, bool)> =
            all.filter(|(_, watcher, seat)| !watcher || !seat).map(|(id, watcher, _)| (id, watcher)).collect();
        for (id, is_told) in others {
            self.stop_watching(now, id, is_told.then_some("noresource"));
        }
    }

    /// A phone is back: what it watches is told there.
    pub(in crate::sip) fn watch_on(&mut self, now: Moment, seat: &SeatId, flow: Flow) {
        let waits = |id: &&WatchId| {
            let watch = self.watches.get(id).filter(|watch| is_gone(watch.dialog.flow));
            let phone = watch.and_then(|watch| watch.phone.as_ref());
            phone.is_some_and(|phone| self.registrar.has_phone(seat, phone))
        };
        for id in self.watches_of.of(seat).filter(waits).copied().collect::<Vec<_>>() {
            self.watch_by(now, id, flow);
            self.notify(now, id);
        }
    }

    /// Their connection is gone: those of a phone that has another flow are told by that, those of a phone that may be
    /// back wait for it. Another phone at the seat knows nothing of them.
    pub(in crate::sip) fn watch_elsewhere(&mut self, now: Moment, connection: ConnectionId) {
        for id in self.watch_connections.take(&connection) {
            let Some(watch) = self.watches.get_mut(&id) else { continue };
            let same_phone = watch.phone.as_ref().is_some_and(|phone| self.registrar.has_phone(&watch.watcher, phone));
            match self.registrar.phone(&watch.watcher).filter(|phone| !is_gone(phone.flow)) {
                Some(phone) if same_phone => self.watch_by(now, id, phone.flow),
                None if watch.phone.is_some() => self.watch_later(id),
                _ => self.stop_watching(now, id, None),
            }
        }
    }

    /// Until the phone is back, or its time is over. What it knows by then is not certain.
    fn watch_later(&mut self, id: WatchId) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        watch.dialog.flow.connection = None;
        watch.told = None;
        let open = watch.open.take().and_then(|open| self.clients.get_mut(&open));
        if let Some(client) = open {
            client.purpose = Purpose::Courtesy;
        }
    }

    /// From here on by this flow. What was not answered may be lost, and is told anew there.
    fn watch_by(&mut self, now: Moment, id: WatchId, flow: Flow) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        watch.dialog.flow = flow;
        self.watch_connections.insert_if(flow.connection, id);
        let Some(open) = watch.open.take() else { return };
        watch.told = None;
        if let Some(client) = self.clients.get_mut(&open) {
            client.purpose = Purpose::Courtesy;
        }
        self.notify(now, id);
    }

    /// Nobody answers by the flow of a phone that has another.
    fn watches_by_another_flow(&mut self, now: Moment, id: WatchId) -> bool {
        let Some(watch) = self.watches.get(&id) else { return false };
        let (seat, failed) = (watch.watcher.clone(), watch.dialog.flow);
        let same_phone = watch.phone.as_ref().is_some_and(|phone| self.registrar.has_phone(&seat, phone));
        if !same_phone || !self.registrar.goes_by(&seat, failed) || !self.registrar.has_other_flow(&seat, failed) {
            return false;
        }
        let Some(phone) = self.registrar.flow_failed(&seat, failed).filter(|phone| !is_gone(phone.flow)) else {
            return false;
        };
        if let Some(connection) = failed.connection {
            self.watch_connections.remove(&connection, &id);
        }
        self.watch_by(now, id, phone.flow);
        self.go_on_by_another_flow(now, &seat);
        true
    }

    /// Something changed at a seat; whoever watches it is told when the endpoint comes to rest.
    pub(in crate::sip) fn touch(&mut self, seat: &SeatId) {
        self.touched.extend(self.watchers.of(seat));
    }

    /// What a leg looks like from outside may have changed.
    pub(in crate::sip) fn touch_leg(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let lamp = leg.lamp();
        let Some(seat) = leg.seat.clone().filter(|_| std::mem::replace(&mut leg.shown, lamp) != lamp) else { return };
        self.touch(&seat);
    }

    /// Whoever sits there may take what rings at others, or may not any more: their lamps of those where something rings
    /// tell it otherwise.
    pub(in crate::sip) fn may_pick_up(&mut self, seat: SeatId, may: bool) {
        let rings = |id: &&WatchId| {
            let watch = self.watches.get(id).filter(|watch| watch.package == Package::Dialog);
            let legs = watch.into_iter().flat_map(|watch| self.seat_legs.of(&watch.seat));
            legs.filter_map(|id| self.legs.get(id)).any(|leg| leg.shown == Lamp::Rings)
        };
        let told: Vec<WatchId> = self.watches_of.of(&seat).filter(rings).copied().collect();
        self.touched.extend(told);
        match may {
            true => _ = self.pickers.insert(seat),
            false => _ = self.pickers.remove(&seat),
        }
    }

    /// Whether somebody waits to be called back.
    pub fn set_waiting(&mut self, now: Moment, is_awaited: bool) {
        if std::mem::replace(&mut self.is_awaited, is_awaited) == is_awaited {
            return;
        }
        let told = self.watches.iter().filter(|(_, watch)| watch.package == Package::Messages);
        self.touched.extend(told.map(|(id, _)| *id));
        self.after(now);
    }

    pub(in crate::sip) fn tell_watchers(&mut self, now: Moment) {
        for id in std::mem::take(&mut self.touched) {
            self.notify(now, id);
        }
    }

    /// Tells what changed, if anything did, and nothing is on its way.
    fn notify(&mut self, now: Moment, watch_id: WatchId) {
        let can_be_told = |watch: &&Watch| watch.open.is_none() && !is_gone(watch.dialog.flow);
        let Some(watch) = self.watches.get(&watch_id).filter(can_be_told) else { return };
        let content = self.content(watch);
        #[cfg(test)]
        {
            self.looked += 1;
        }
        if watch.told.as_ref() == Some(&content) {
            return;
        }
        let Some(mut watch) = self.watches.remove(&watch_id) else { return };
        let state = format!("active;expires={}", watch.expires_at.since(now).as_secs());
        watch.open = self.send_notify(now, &mut watch, &state, content.clone(), Purpose::Notify(watch_id));
        watch.told = Some(content);
        let sent = watch.open.is_some();
        self.watches.insert(watch_id, watch);
        if !sent {
            self.stop_watching(now, watch_id, None);
        }
    }

    fn send_notify(
        &mut self,
        now: Moment,
        watch: &mut Watch,
        state: &str,
        content: String,
        purpose: Purpose,
    ) -> Option<TransactionId> {
        watch.dialog.local_seq += 1;
        let mut notify = watch.dialog.request(Method::NOTIFY, watch.dialog.local_seq);
        notify.headers.push("Contact", self.contact_in(&watch.dialog));
        notify.headers.push("Event", watch.event.clone());
        notify.headers.push("Subscription-State", state);
        notify.headers.push("Allow", ALLOW);
        notify.headers.push("Content-Type", watch.package.content_type());
        notify.body = content.replace(VERSION, &watch.version.to_string()).into_bytes();
        watch.version = watch.version.wrapping_add(1);
        self.send(now, notify, watch.dialog.next_hop(), purpose)
    }

    /// `None`: nobody answered.
    pub(in crate::sip) fn notify_answered(&mut self, now: Moment, watch_id: WatchId, status: Option<u16>) {
        let Some(watch) = self.watches.get_mut(&watch_id) else { return };
        match status {
            Some(..200) => return,
            Some(200..300) => watch.open = None,
            None | Some(408 | 430) if self.watches_by_another_flow(now, watch_id) => return,
            // RFC 6665 §4.2.2: they do not want to know.
            _ => return self.stop_watching(now, watch_id, None),
        }
        self.notify(now, watch_id);
    }
}
