//! REFER of ours (RFC 3515): whoever is on a leg is sent to whom we talk with on another, to take our place there
//! (Replaces, RFC 3891), as the transferor of an attended transfer does, RFC 5589 §7. What becomes of it they tell by
//! NOTIFYs with a fragment of SIP; both legs stay as they are all the while, and are not ended here.

use std::time::Duration;

use tracing::info;

use super::{Leg, State, TransactionId};
use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::endpoint::{Endpoint, Owner, Purpose, dialog_key};
use crate::sip::message::uri::escape_value;
use crate::sip::message::{Method, NameAddr, Request, Response, SipUri, Uri};
use crate::sip::stateless::Origin;
use crate::sip::words::{Event, ReleaseNews};

/// What becomes of a REFER that was taken is told within this: a phone that talks already need not ring.
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// Characters of what they say that are logged.
const LONGEST_SAID: usize = 80;
/// One of the legs is no talk any more.
const GONE: ReleaseNews = ReleaseNews::Refused { status: 481 };

/// A REFER of ours, by its leg; it outlives the leg's dialog, RFC 6665 §4.5.1.
pub(in crate::sip) struct Releasing {
    phase: Phase,
    /// The number of the REFER: the `id` in the Event of its NOTIFYs, where they have one, §2.4.6.
    seq: u32,
    /// The dialog: as [`Endpoint::dialogs`] knows it, and their tag.
    dialog: String,
    remote_tag: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It waits for the ACK of our 200.
    Held { to: LegId },
    /// It is on its way.
    Asked,
    /// They have it: it was answered, or a NOTIFY came before its answer, §2.4.4.
    Taken,
    /// What became of it is known. NOTIFYs are answered until they end the subscription.
    Told,
}

impl Endpoint {
    pub(in crate::sip) fn release(&mut self, now: Moment, leg_id: LegId, to: LegId) {
        match self.can_be_released(leg_id, to) {
            Err(news) => self.tell(Event::Release { leg: leg_id, news }),
            Ok(releasing) => {
                self.releasing.insert(leg_id, releasing);
                self.release_if_possible(now, leg_id);
            }
        }
    }

    fn can_be_released(&self, leg_id: LegId, to: LegId) -> Result<Releasing, ReleaseNews> {
        let talks = |id: LegId| {
            let leg = self.legs.get(&id).filter(|leg| matches!(leg.state, State::Talking) && !leg.let_go)?;
            Some((leg, leg.dialog.as_ref()?))
        };
        let is_new = leg_id != to && !self.releasing.contains_key(&leg_id);
        let (Some((leg, dialog)), Some((other, _)), true) = (talks(leg_id), talks(to), is_new) else {
            return Err(GONE);
        };
        // RFC 5589 §7.3: one has to ask for it, the other to take it. Who only drops the header rings the number anew.
        if !leg.takes_refer || !leg.takes_replaces || !other.takes_replaces {
            return Err(ReleaseNews::NotKnown);
        }
        let remote_tag = dialog.remote_tag().map(Into::into);
        let dialog = dialog_key(&dialog.call_id, dialog.local_tag());
        Ok(Releasing { phase: Phase::Held { to }, seq: 0, dialog, remote_tag })
    }

    /// Nothing is asked of whoever may not know yet that we answered.
    pub(in crate::sip) fn release_if_possible(&mut self, now: Moment, leg_id: LegId) {
        let Some(Phase::Held { to }) = self.releasing.get(&leg_id).map(|releasing| releasing.phase) else { return };
        let waits = |leg: &Leg| !matches!(leg.state, State::Talking) || leg.unacked.is_some();
        if self.legs.get(&leg_id).is_none_or(|leg| waits(leg)) {
            return;
        }
        let target = match self.in_place_of_us(to) {
            Ok(target) => target,
            Err(news) => return self.release_over(leg_id, news),
        };
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let Some(dialog) = leg.dialog.as_mut() else { return self.release_over(leg_id, GONE) };
        dialog.local_seq += 1;
        let seq = dialog.local_seq;
        let mut request = dialog.request(Method::REFER, seq);
        let (flow, dialog, trunk) = (dialog.next_hop(), dialog.clone(), leg.trunk);
        request.headers.push("Contact", self.contact_in(&dialog));
        request.headers.push("Refer-To", NameAddr::sip(target).to_string());
        // RFC 3892: who sends them.
        request.headers.push("Referred-By", NameAddr::new(dialog.local.uri.clone()).to_string());
        if let Some(releasing) = self.releasing.get_mut(&leg_id) {
            (releasing.phase, releasing.seq) = (Phase::Asked, seq);
        }
        if self.send_proved(now, request, flow, trunk, Purpose::Refer(leg_id)).is_none() {
            self.release_over(leg_id, ReleaseNews::Silent);
        }
    }

    /// Where whom we talk with on this leg is asked to talk with somebody else in our place. Its tags are as they have
    /// them, RFC 3891 §3: to-tag is theirs, from-tag ours.
    fn in_place_of_us(&self, leg_id: LegId) -> Result<SipUri, ReleaseNews> {
        let leg = self.legs.get(&leg_id).ok_or(GONE)?;
        let dialog = leg.dialog.as_ref().ok_or(GONE)?;
        let (Uri::Sip(target), Some(theirs)) = (&dialog.target, dialog.remote_tag()) else { return Err(GONE) };
        let standing = leg.trunk.and_then(|trunk| self.trunks.get(trunk));
        let Some(target) = standing.and_then(|of| of.vouches_for(target, leg.dialled.as_deref())) else {
            let (trunk, contact) = (standing.map(|of| of.trunk.id.as_str()), shortened(&target.to_string()));
            info!(leg = %leg_id, trunk, ?contact, "who answered names an address that is not known to be this trunk's");
            return Err(ReleaseNews::Untrusted);
        };
        let ours = dialog.local_tag();
        let replaces = escape_value(&format!("{};to-tag={theirs};from-tag={ours}", dialog.call_id));
        // Whoever does not know it refuses then, and does not ring anew.
        Ok(SipUri { headers: Some(format!("Replaces={replaces}&Require=replaces")), ..target })
    }

    /// It was challenged, and is sent once more with this number.
    pub(super) fn releases_with(&mut self, leg_id: LegId, seq: u32) {
        if let Some(releasing) = self.releasing.get_mut(&leg_id) {
            releasing.seq = seq;
        }
    }

    pub(in crate::sip) fn refer_answered(&mut self, now: Moment, leg_id: LegId, response: &Response) {
        let phase = self.releasing.get(&leg_id).map(|releasing| releasing.phase);
        let Some(Phase::Asked | Phase::Taken) = phase else { return };
        let unsubscribed = || response.headers.get("Refer-Sub").is_some_and(is_false);
        match response.status {
            200..300 if phase == Some(Phase::Asked) && unsubscribed() => self.release_over(leg_id, ReleaseNews::Untold),
            200..300 => self.taken(now, leg_id),
            status => {
                let news = ReleaseNews::Refused { status };
                log(leg_id, news, Some(&format!("{status} {}", response.reason)));
                self.release_over(leg_id, news);
                // RFC 3261 §12.2.1.2: nobody is there any more.
                if matches!(status, 408 | 481) {
                    self.lost(now, leg_id, status);
                }
            }
        }
    }

    /// Nobody answered. Whoever tells of it has it all the same.
    pub(in crate::sip) fn refer_unanswered(&mut self, leg_id: LegId) {
        if self.releasing.get(&leg_id).is_some_and(|releasing| releasing.phase == Phase::Asked) {
            self.release_over(leg_id, ReleaseNews::Silent);
        }
    }

    /// What becomes of it will be told.
    fn taken(&mut self, now: Moment, leg_id: LegId) {
        let Some(releasing) = self.releasing.get_mut(&leg_id).filter(|of| of.phase == Phase::Asked) else { return };
        releasing.phase = Phase::Taken;
        self.agenda.set(Owner::Releasing(leg_id), Some(now + TOLD_WITHIN));
        self.tell(Event::Release { leg: leg_id, news: ReleaseNews::Taken });
    }

    /// NOTIFY of what became of it, §2.4.4; of what nobody asked for: 489, of a REFER that is none of ours: 481.
    pub(in crate::sip) fn notified(&mut self, now: Moment, leg_id: LegId, id: TransactionId, request: &Request) {
        let mut event = request.headers.get("Event").unwrap_or_default().split(';').map(str::trim);
        if event.next() != Some("refer") {
            return self.simply(now, id, request, 489);
        }
        let its_id = event.find_map(|param| param.strip_prefix("id="));
        let is_of = |of: &&Releasing| its_id.is_none_or(|id| id.parse() == Ok(of.seq));
        let releasing = self.releasing.get(&leg_id).filter(is_of).map(|releasing| releasing.phase);
        let Some(phase @ (Phase::Asked | Phase::Taken | Phase::Told)) = releasing else {
            return self.simply(now, id, request, 481);
        };
        self.simply(now, id, request, 200);
        let state = request.headers.get("Subscription-State").unwrap_or_default();
        let is_last = state.split(';').next().is_some_and(|state| state.trim().eq_ignore_ascii_case("terminated"));
        if phase == Phase::Told {
            if is_last {
                self.stop_releasing(leg_id);
            }
            return;
        }
        let said = status_line(request);
        let news = match said.map(|(status, _)| status) {
            Some(200..300) => ReleaseNews::Done,
            Some(status @ 300..) => ReleaseNews::Refused { status },
            _ if is_last => ReleaseNews::Silent,
            _ => return self.taken(now, leg_id),
        };
        log(leg_id, news, said.map(|(_, line)| line));
        match is_last {
            true => self.release_over(leg_id, news),
            false => {
                if let Some(releasing) = self.releasing.get_mut(&leg_id) {
                    releasing.phase = Phase::Told;
                }
                self.agenda.set(Owner::Releasing(leg_id), Some(now + TOLD_WITHIN));
                self.tell(Event::Release { leg: leg_id, news });
            }
        }
    }

    /// The leg of whose dialog a request is that asked us nothing but to be told: the talk may be over.
    pub(in crate::sip) fn released_in(&self, request: &Request) -> Option<LegId> {
        let (to, from) = (request.headers.to_tag()?, request.headers.from_tag());
        let leg = *self.dialogs.get(&dialog_key(request.headers.call_id().ok()?, &to))?;
        let releasing = self.releasing.get(&leg)?;
        (releasing.remote_tag.as_deref() == from.as_deref()).then_some(leg)
    }

    /// They hung up, and say then what became of it.
    pub(in crate::sip) fn notified_after_the_end(
        &mut self,
        now: Moment,
        origin: Origin,
        key: String,
        request: &Request,
    ) {
        let Some(leg) = self.released_in(request) else { return };
        let Some(id) = self.open_server(origin, key, request, true) else { return };
        self.notified(now, leg, id, request);
    }

    /// Nobody said within the time what became of it, or ended the subscription when it was known.
    pub(in crate::sip) fn release_due(&mut self, leg_id: LegId) {
        match self.releasing.get(&leg_id).map(|releasing| releasing.phase) {
            Some(Phase::Told) => self.stop_releasing(leg_id),
            Some(_) => self.release_over(leg_id, ReleaseNews::Silent),
            None => {}
        }
    }

    fn release_over(&mut self, leg_id: LegId, news: ReleaseNews) {
        self.stop_releasing(leg_id);
        self.tell(Event::Release { leg: leg_id, news });
    }

    /// What is said of it from here on is nobody's.
    pub(in crate::sip) fn stop_releasing(&mut self, leg_id: LegId) {
        let Some(releasing) = self.releasing.remove(&leg_id) else { return };
        self.agenda.set(Owner::Releasing(leg_id), None);
        if !self.legs.contains_key(&leg_id) {
            self.dialogs.remove(&releasing.dialog);
        }
    }

    /// The leg is gone. `true`: what becomes of its REFER may still be told in its dialog.
    pub(in crate::sip) fn is_releasing_on(&mut self, leg_id: LegId) -> bool {
        if matches!(self.releasing.get(&leg_id), Some(Releasing { phase: Phase::Held { .. }, .. })) {
            self.stop_releasing(leg_id);
        }
        self.releasing.contains_key(&leg_id)
    }
}

/// Status and first line of a fragment of SIP, RFC 3420.
pub(in crate::sip) fn status_line(request: &Request) -> Option<(u16, &str)> {
    let content_type = request.headers.get("Content-Type")?.split(';').next()?;
    if !content_type.trim().eq_ignore_ascii_case("message/sipfrag") {
        return None;
    }
    let line = std::str::from_utf8(&request.body).ok()?.lines().next()?;
    let status = line.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    (100..700).contains(&status).then_some((status, line))
}

/// What a carrier says that does not do it is its own business; whoever pays for two channels wants to know.
fn log(leg: LegId, news: ReleaseNews, said: Option<&str>) {
    if news != ReleaseNews::Done {
        let said = said.map(shortened);
        info!(%leg, ?said, "a REFER of ours came to nothing");
    }
}

fn shortened(said: &str) -> String {
    said.chars().take(LONGEST_SAID).collect()
}

fn is_false(text: &str) -> bool {
    text.split(';').next().is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
}
