//! REFER from a seat's phone (RFC 3515, RFC 5589): its user sends the other side elsewhere. What becomes of that is told
//! by NOTIFYs with a fragment of SIP, until a final one ends the subscription that the REFER made.

use std::time::Duration;

use super::{State, TransactionId};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::{Endpoint, Owner, Purpose, dialog_key};
use crate::sip::message::uri::unescape;
use crate::sip::message::{Method, NameAddr, Request, SipUri, Uri, reason_phrase};
use crate::sip::words::{Event, ReferTo};

/// Nobody is told any more after this: longer than anything rings.
const TOLD_FOR: Duration = Duration::from_secs(180);

/// A REFER whose end is to be told.
pub(in crate::sip) struct Referral {
    /// `id` of the event, §2.4.6: the number of the REFER, unless it is the dialog's first.
    id: Option<u32>,
    pub until: Moment,
    /// When the leg is gone: the subscription outlives it, RFC 6665 §4.5.1.
    pub dialog: Option<Dialog>,
}

/// Which dialog is meant, as whoever has it with the reader sees it, RFC 3891 §3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct Replaces {
    call_id: String,
    to_tag: String,
    from_tag: String,
    pub early_only: bool,
}

impl Replaces {
    pub fn parse(text: &str) -> Option<Replaces> {
        let mut parts = text.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| !id.is_empty())?.to_string();
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            match part.split_once('=').map_or((part, ""), |(name, value)| (name.trim(), value.trim())) {
                (name, value) if name.eq_ignore_ascii_case("to-tag") => to_tag = Some(value.to_string()),
                (name, value) if name.eq_ignore_ascii_case("from-tag") => from_tag = Some(value.to_string()),
                (name, _) if name.eq_ignore_ascii_case("early-only") => early_only = true,
                _ => {}
            }
        }
        Some(Replaces { call_id, to_tag: to_tag?, from_tag: from_tag?, early_only })
    }

    /// `?Replaces=…` of a URI; `Some(None)`: it cannot be read.
    fn of(uri: &SipUri) -> Option<Option<Replaces>> {
        let headers = uri.headers.as_deref()?;
        let value = headers.split('&').find_map(|header| {
            let (name, value) = header.split_once('=')?;
            name.eq_ignore_ascii_case("Replaces").then_some(value)
        })?;
        Some(Replaces::parse(&unescape(value)))
    }
}

impl Endpoint {
    pub(in crate::sip) fn refer(&mut self, now: Moment, leg_id: LegId, id: TransactionId, request: &Request) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        // Nobody but those who sit at a seat sends calls about.
        if leg.seat.is_none() {
            return self.simply(now, id, request, 403);
        }
        if leg.let_go || !matches!(leg.state, State::Talking) {
            return self.simply(now, id, request, 481);
        }
        if self.referrals.contains_key(&leg_id) {
            return self.simply(now, id, request, 491);
        }
        let to = match self.refer_to(leg_id, request) {
            Ok(to) => to,
            Err(status) => return self.simply(now, id, request, status),
        };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let seq = request.headers.cseq().map_or(0, |cseq| cseq.seq);
        let referral = Referral {
            id: std::mem::replace(&mut leg.referred, true).then_some(seq),
            until: now + TOLD_FOR,
            dialog: None,
        };
        self.agenda.set(Owner::Referral(leg_id), Some(referral.until));
        self.referrals.insert(leg_id, referral);
        let mut response = request.respond(202, None);
        response.headers.push("Contact", self.contact_of(leg_id));
        self.respond(now, id, response);
        self.referred(now, leg_id, 100);
        self.tell(Event::Refer { leg: leg_id, to });
    }

    /// SUBSCRIBE for what a REFER made, §2.4.3: it lasts as long as it lasts, or is not wanted any more.
    pub(in crate::sip) fn referral_subscription(
        &mut self,
        now: Moment,
        leg_id: LegId,
        id: TransactionId,
        request: &Request,
    ) {
        let event = request.headers.get("Event").unwrap_or_default();
        if event.split(';').next().is_none_or(|event| event.trim() != "refer") {
            return self.simply(now, id, request, 489);
        }
        let Some(until) = self.referrals.get(&leg_id).map(|referral| referral.until) else {
            return self.simply(now, id, request, 481);
        };
        let unwanted = request.headers.expires() == Some(0);
        let left = if unwanted { 0 } else { until.since(now).as_secs() };
        let mut response = request.respond(200, None);
        response.headers.push("Contact", self.contact_of(leg_id));
        response.headers.push("Expires", left.to_string());
        self.respond(now, id, response);
        if unwanted {
            self.referrals.remove(&leg_id);
            self.agenda.set(Owner::Referral(leg_id), None);
        }
    }

    /// §2.1: exactly one Refer-To. RFC 5589 §7: with Replaces it is another talk of the same seat.
    fn refer_to(&self, leg_id: LegId, request: &Request) -> Result<ReferTo, u16> {
        let mut all = request.headers.all("Refer-To");
        let (Some(to), None) = (all.next().and_then(NameAddr::parse), all.next()) else { return Err(400) };
        let number = self.number_in(&to.uri);
        // RFC 3966: a number, wherever that is, unless it is said to be one only there.
        let domain = to.uri.context().filter(|context| !context.starts_with('+'));
        let is_elsewhere = domain.is_some_and(|domain| !self.is_here(leg_id, request, &domain));
        let uri = match to.uri {
            Uri::Sip(uri) if is_elsewhere && Replaces::of(&uri).is_none() => return Err(403),
            Uri::Sip(uri) => uri,
            _ if number.is_some() && is_elsewhere => return Err(403),
            _ => return Ok(ReferTo::Number(self.dialled_at_seat(&number.ok_or(416u16)?))),
        };
        if uri.params.get("method").is_some_and(|method| !method.eq_ignore_ascii_case("INVITE")) {
            return Err(403);
        }
        match Replaces::of(&uri) {
            // Nobody else's numbers are ours.
            None if number.is_some() && !self.is_here(leg_id, request, &uri.host) => Err(403),
            None => Ok(ReferTo::Number(self.dialled_at_seat(&number.ok_or(400u16)?))),
            Some(None) => Err(400),
            Some(Some(replaces)) => {
                let other = self.replaced(&replaces).filter(|other| *other != leg_id).ok_or(481u16)?;
                let seat = |leg: LegId| self.legs.get(&leg).and_then(|leg| leg.seat.as_ref());
                if seat(other) == seat(leg_id) { Ok(ReferTo::Leg(other)) } else { Err(403) }
            }
        }
    }

    /// Whether a phone means this house by a host: by one of ours, by how it calls us in its REGISTERs, or by that of its
    /// own address (Referred-By, RFC 3892). Of one that never registers it is not known how it calls us.
    fn is_here(&self, leg: LegId, request: &Request, host: &str) -> bool {
        let referrer = request.headers.get("Referred-By").and_then(NameAddr::parse);
        let is_home = |by: NameAddr| by.uri.sip().is_some_and(|uri| uri.host.eq_ignore_ascii_case(host));
        let seat = self.legs.get(&leg).and_then(|leg| leg.seat.as_ref());
        self.is_house(host)
            || referrer.is_some_and(is_home)
            || seat.and_then(|seat| self.registrar.calls_us(seat, host)).unwrap_or(true)
    }

    /// The leg of that dialog: its to-tag is ours, its from-tag theirs, RFC 3891 §3.
    pub(in crate::sip) fn replaced(&self, replaces: &Replaces) -> Option<LegId> {
        let leg = *self.dialogs.get(&dialog_key(&replaces.call_id, &replaces.to_tag))?;
        let dialog = self.legs.get(&leg)?.dialog.as_ref()?;
        (dialog.remote_tag() == Some(replaces.from_tag.as_str())).then_some(leg)
    }

    /// The INVITE of ours that a phone rings with, as it is in that phone's dialog: to-tag and from-tag as above.
    pub(in crate::sip) fn ringing(&self, replaces: &Replaces) -> Option<LegId> {
        let leg = *self.dialogs.get(&dialog_key(&replaces.call_id, &replaces.to_tag))?;
        let State::Calling(calling) = &self.legs.get(&leg)?.state else { return None };
        calling.rings.contains(&replaces.from_tag).then_some(leg)
    }

    /// How far the REFER of this leg has come, §2.4.5; a final status ends it.
    pub(in crate::sip) fn referred(&mut self, now: Moment, leg_id: LegId, status: u16) {
        let over = status >= 200;
        let referral = match over {
            true => self.referrals.remove(&leg_id),
            false => None,
        };
        let kept = referral.as_ref().or_else(|| self.referrals.get(&leg_id));
        let Some((id, until)) = kept.map(|referral| (referral.id, referral.until)) else { return };
        if over {
            self.agenda.set(Owner::Referral(leg_id), None);
        }
        let mut own = referral.and_then(|referral| referral.dialog);
        let dialog = match self.legs.get_mut(&leg_id).and_then(|leg| leg.dialog.as_mut()) {
            Some(dialog) => Some(dialog),
            None => own.as_mut().or_else(|| self.referrals.get_mut(&leg_id).and_then(|kept| kept.dialog.as_mut())),
        };
        let Some(dialog) = dialog else { return };
        if dialog.is_stranded() {
            return;
        }
        dialog.local_seq += 1;
        let mut notify = dialog.request(Method::NOTIFY, dialog.local_seq);
        let (flow, dialog) = (dialog.next_hop(), dialog.clone());
        notify.headers.push("Contact", self.contact_in(&dialog));
        notify.headers.push("Event", id.map_or("refer".into(), |id| format!("refer;id={id}")));
        let state = match over {
            true => "terminated;reason=noresource".to_string(),
            false => format!("active;expires={}", until.since(now).as_secs()),
        };
        notify.headers.push("Subscription-State", state);
        notify.headers.push("Content-Type", "message/sipfrag;version=2.0");
        notify.body = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status)).into_bytes();
        self.send(now, notify, flow, Purpose::Courtesy);
    }

    /// The leg is gone; what became of its REFER is still told.
    pub(in crate::sip) fn keep_referral(&mut self, leg_id: LegId, dialog: &Dialog) {
        if let Some(referral) = self.referrals.get_mut(&leg_id) {
            referral.dialog = Some(dialog.clone());
        }
    }
}
