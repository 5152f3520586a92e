//! Session timers, RFC 4028: one side refreshes the session by a request now and then; where none comes the session is
//! over. Both roles.

use std::time::Duration;

use tracing::info;

use super::{Leg, State, TransactionId};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::account::retry_after;
use crate::sip::admission::supports;
use crate::sip::endpoint::{Endpoint, Purpose};
use crate::sip::message::{Headers, Method, Request, Response};
use crate::sip::words::LEAST_SESSION as LEAST;

/// The option of §4.
pub(in crate::sip) const TIMER: &str = "timer";
/// §10: whoever waits for a refresh, or for its 2xx, ends the session so long before it runs out, or a third of it.
const BEFORE_THE_END: Duration = Duration::from_secs(32);
/// Nobody is asked to refresh less often: seconds of a day.
const MOST: Duration = Duration::from_secs(24 * 3600);
/// Where something else is open, or the phone's connection is gone, a refresh of ours waits so long; one that was refused
/// waits no less, and is tried for the last time so long before the end.
const LATER: Duration = Duration::from_secs(5);

/// What was agreed on.
#[derive(Clone, Copy, Debug)]
pub(in crate::sip) struct Timer {
    /// The interval, as we ask for it.
    expires: Duration,
    /// We refresh.
    ours: bool,
    /// Our refresh is due, or theirs has not come.
    pub due: Moment,
    /// Without a refresh it is ended then, or where one of ours is on its way when its time is over.
    ends_at: Moment,
    over_at: Moment,
}

impl Timer {
    fn new(now: Moment, expires: Duration, ours: bool) -> Timer {
        let over_at = now + expires;
        let ends_at = over_at - BEFORE_THE_END.min(expires / 3);
        // §10: at half the interval; theirs is missed shortly before its end.
        Timer { expires, ours, due: if ours { now + expires / 2 } else { ends_at }, ends_at, over_at }
    }

    /// When a refresh that was refused is tried again, §10: after what they ask for, or when half of what is left is
    /// over, so that nobody is asked again and again. After the last try the session only ends.
    fn again_at(&self, now: Moment, after: Option<Duration>) -> Moment {
        let last_try = self.ends_at - LATER;
        if now + LATER / 2 > last_try {
            return self.ends_at;
        }
        let left = last_try.since(now);
        now + after.unwrap_or(left / 2).max(LATER).min(left)
    }
}

impl Leg {
    /// A refresh of ours is made anew.
    pub(in crate::sip) fn refresh_at(&mut self, now: Moment) {
        if let Some(timer) = self.timer.as_mut().filter(|timer| timer.ours) {
            timer.due = now;
        }
    }

    /// The other side knows of no timers. Where nothing else tells that it is gone we refresh all the same: a re-INVITE that
    /// changes nothing is answered by everybody, RFC 3261 §14.2.
    fn not_agreed(&self, now: Moment, wanted: Duration) -> Option<Timer> {
        (self.unheard && !wanted.is_zero()).then(|| Timer::new(now, wanted.max(LEAST), true))
    }

    /// A request of ours was refused with 422, which says how long the interval has to be (§7.3): whether it may go again.
    pub(in crate::sip) fn lengthens_timer(&mut self, headers: &Headers) -> bool {
        let least = min_se(headers);
        self.their_least = self.their_least.max(least);
        let Some(timer) = self.timer.as_mut().filter(|timer| timer.expires < least) else { return false };
        timer.expires = least;
        true
    }
}

/// Session-Expires, §4.
struct Asked {
    expires: Duration,
    /// Whoever sends the request refreshes, or whoever answers it.
    by_sender: Option<bool>,
}

impl Endpoint {
    /// In the request of ours that begins a session.
    pub(in crate::sip) fn ask_for_timer(&self, headers: &mut Headers) {
        self.write_timer(headers, self.settings.session_expires, Duration::ZERO, None);
    }

    fn write_timer(&self, headers: &mut Headers, expires: Duration, theirs: Duration, refresher: Option<&str>) {
        if expires.is_zero() {
            return;
        }
        let least = self.settings.min_se.max(LEAST).max(theirs);
        let by = refresher.map(|by| format!(";refresher={by}")).unwrap_or_default();
        headers.push("Session-Expires", format!("{}{by}", expires.max(least).as_secs()));
        if least > LEAST {
            headers.push("Min-SE", least.as_secs().to_string());
        }
    }

    /// §9: an interval too short is refused, if whoever sends it understands why.
    pub(in crate::sip) fn too_brief(&self, request: &Request) -> Option<Response> {
        let asked = asked(&request.headers)?;
        let least = self.settings.min_se.max(LEAST);
        if asked.expires >= least || !supports(&request.headers, TIMER) {
            return None;
        }
        let mut response = request.respond(422, None);
        response.headers.push("Min-SE", least.as_secs().to_string());
        Some(response)
    }

    /// What a 2xx of ours says of the interval, §9. The session goes by it from here on.
    pub(in crate::sip) fn agree_on_timer(
        &mut self,
        now: Moment,
        leg_id: LegId,
        request: &Request,
        response: &mut Response,
    ) {
        let wanted = self.settings.session_expires;
        let least = self.settings.min_se.max(min_se(&request.headers)).max(LEAST);
        let theirs = asked(&request.headers);
        let supported = supports(&request.headers, TIMER);
        // §9: what they ask for is never made longer. Who does not know of timers was not told that it is too short (422):
        // then it is as short as it is, and where it is shorter than any may be, there is none.
        let least = theirs.as_ref().map_or(least, |asked| least.min(asked.expires));
        let expires = match &theirs {
            Some(asked) if asked.expires < LEAST => Duration::ZERO,
            Some(asked) if wanted.is_zero() => asked.expires,
            Some(asked) => asked.expires.min(wanted),
            None if supported => wanted,
            None => Duration::ZERO,
        };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if expires.is_zero() {
            leg.timer = leg.not_agreed(now, wanted);
            return;
        }
        let expires = expires.clamp(least, MOST.max(least));
        // §9, table 2: whoever does not know of timers cannot refresh. Else as they wish, or we.
        let by_sender = supported && theirs.and_then(|asked| asked.by_sender).unwrap_or(false);
        leg.timer = Some(Timer::new(now, expires, !by_sender));
        let refresher = if by_sender { "uac" } else { "uas" };
        response.headers.push("Session-Expires", format!("{};refresher={refresher}", expires.as_secs()));
        if by_sender {
            response.headers.push("Require", TIMER);
        }
    }

    /// In requests of ours within a session: the same interval, and the same side refreshes, §7.4. A 2xx that does not say
    /// so ends what was agreed on.
    pub(in crate::sip) fn keep_timer(&self, headers: &mut Headers, leg: LegId) {
        if let Some(leg) = self.legs.get(&leg)
            && let Some(timer) = leg.timer
        {
            // §7.4: whoever was refused once says so in every request of the call.
            let refresher = if timer.ours { "uac" } else { "uas" };
            self.write_timer(headers, timer.expires, leg.their_least, Some(refresher));
        }
    }

    /// What their 2xx says of it, §7.2.
    pub(in crate::sip) fn take_timer(&mut self, now: Moment, leg_id: LegId, headers: &Headers) {
        let agreed = asked(headers).filter(|asked| !asked.expires.is_zero()).map(|asked| {
            let expires = asked.expires.clamp(LEAST, MOST);
            Timer::new(now, expires, asked.by_sender.unwrap_or(true))
        });
        let wanted = self.settings.session_expires;
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.timer = agreed.or_else(|| leg.not_agreed(now, wanted));
        }
        self.schedule_leg(leg_id);
    }

    /// Whose sound comes to us no longer is asked now and then whether they are there.
    pub(in crate::sip) fn unheard(&mut self, now: Moment, leg_id: LegId, unheard: bool) {
        let wanted = self.settings.session_expires;
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.unheard = unheard;
        leg.timer = leg.timer.or_else(|| leg.not_agreed(now, wanted));
        self.schedule_leg(leg_id);
    }

    pub(in crate::sip) fn timer_due(&mut self, now: Moment, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if leg.let_go || !matches!(leg.state, State::Talking) {
            return;
        }
        let Some(timer) = leg.timer.as_mut().filter(|timer| timer.due <= now) else { return };
        let end = if leg.refreshing.is_some() { timer.over_at } else { timer.ends_at };
        if !timer.ours || end <= now {
            info!(leg = %leg_id, by_us = timer.ours, "the session was not refreshed in time");
            leg.timer = None;
            return self.lost_because(now, leg_id, 408, "Session expired");
        }
        let gone = leg.dialog.as_ref().is_none_or(|dialog| dialog.is_stranded());
        if gone || leg.our_reoffer.is_some() || leg.their_reoffer.is_some() || leg.unacked.is_some() {
            timer.due = end.min(now + LATER);
            return;
        }
        timer.due = timer.over_at;
        self.refresh(now, leg_id);
    }

    /// §7.4: UPDATE where they understand it, else a re-INVITE that describes what holds.
    fn refresh(&mut self, now: Moment, leg_id: LegId) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if !leg.updates {
            let described = leg.described.clone();
            if !described.is_empty() {
                self.reinvite(now, leg_id, described, true);
            }
            return;
        }
        let trunk = leg.trunk;
        let Some(dialog) = leg.dialog.as_mut() else { return };
        dialog.local_seq += 1;
        let mut request = dialog.request(Method::UPDATE, dialog.local_seq);
        let flow = dialog.next_hop();
        request.headers.push("Contact", self.contact_of(leg_id));
        request.headers.push("Supported", TIMER);
        self.keep_timer(&mut request.headers, leg_id);
        let id = self.send_proved(now, request, flow, trunk, Purpose::Update(leg_id));
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.refreshing = id;
        }
    }

    /// The answer to an UPDATE of ours.
    pub(in crate::sip) fn update_answered(
        &mut self,
        now: Moment,
        leg_id: LegId,
        id: TransactionId,
        response: &Response,
    ) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        if response.status < 200 || leg.refreshing != Some(id) {
            return;
        }
        leg.refreshing = None;
        // RFC 3311 §5.1: it says where they are from here on, as the 2xx to a re-INVITE does.
        if let (200..300, Some(dialog)) = (response.status, leg.dialog.as_mut()) {
            dialog.refresh(&response.headers);
        }
        match response.status {
            405 | 501 => {
                // They said that they know it, and do not.
                leg.updates = false;
                leg.refresh_at(now);
                self.timer_due(now, leg_id);
                self.schedule_leg(leg_id);
            }
            status => self.refreshed(now, leg_id, status, &response.headers),
        }
    }

    /// What became of a refresh of ours, §10. A refusal does not end the session before its time is over: whoever
    /// answers at all is there.
    pub(in crate::sip) fn refreshed(&mut self, now: Moment, leg_id: LegId, status: u16, headers: &Headers) {
        match status {
            200..300 => return self.take_timer(now, leg_id, headers),
            408 | 481 => return self.lost(now, leg_id, status),
            _ => {}
        }
        let after_theirs = self.wait_for_theirs(leg_id);
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        // They may have made it theirs since we asked.
        if leg.timer.is_none_or(|timer| !timer.ours) {
            return;
        }
        let is_longer = status == 422 && leg.lengthens_timer(headers);
        let Some(timer) = leg.timer.as_mut() else { return };
        timer.due = match status {
            422 if is_longer => now,
            491 => now + after_theirs,
            _ => timer.again_at(now, retry_after(headers)),
        };
        self.schedule_leg(leg_id);
    }
}

fn asked(headers: &Headers) -> Option<Asked> {
    let value = headers.get("Session-Expires")?;
    let mut parts = value.split(';').map(str::trim);
    let expires = Duration::from_secs(parts.next()?.parse::<u32>().ok()?.into());
    let refresher = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("refresher").then(|| value.trim().to_ascii_lowercase())
    });
    let by_sender = match refresher.as_deref() {
        Some("uac") => Some(true),
        Some("uas") => Some(false),
        _ => None,
    };
    Some(Asked { expires, by_sender })
}

/// Min-SE, §5; the least where there is none.
pub(in crate::sip) fn min_se(headers: &Headers) -> Duration {
    let written = headers.get("Min-SE").and_then(|text| text.split(';').next()?.trim().parse::<u32>().ok());
    Duration::from_secs(written.unwrap_or(0).into()).clamp(LEAST, MOST)
}
