//! Callbacks: the visit that asked for one is over, the engine keeps its place. Each try is a call of its own, with a
//! record of its own: either the citizen is rung while an operator is kept free, or an operator's phone is rung first
//! and its operator hears it ring outside.

use std::collections::BTreeMap;

use tracing::{info, info_span};

use super::caller::{Call, Sound, State};
use super::calls::House;
use super::offering::Progress;
use crate::ids::{CallId, Language, LegId, Prompt, QueueId, TrunkId};
use crate::ivr::{CALLBACK_GREETING, RINGBACK};
use crate::media;
use crate::queue::{Input, NotReached};
use crate::records::{self, EndedBy, OfferRecord, Outcome, Record};
use crate::sip::{self, Body, Party, Target};

/// What is known of callbacks beside what the engine knows. The engine bounds their number.
#[derive(Default)]
pub(super) struct Callbacks {
    by_contact: BTreeMap<CallId, Callback>,
}

#[derive(Default)]
struct Callback {
    /// Of the visit; after a restart it is not known any more.
    visit: Option<Visit>,
    /// Phones that rang in vain before the citizen was rung.
    offers: Vec<OfferRecord>,
    /// The try that is under way.
    call: Option<CallId>,
}

#[derive(Clone)]
pub(super) struct Visit {
    pub queue: QueueId,
    /// The number of ours that was dialled.
    pub dialled: String,
    pub language: Language,
}

impl Callbacks {
    pub fn taken(&mut self, contact: CallId, visit: Visit) {
        self.by_contact.entry(contact).or_default().visit = Some(visit);
    }

    pub fn visit(&self, contact: CallId) -> Option<&Visit> {
        self.by_contact.get(&contact)?.visit.as_ref()
    }

    /// The call that tries to reach the citizen now.
    pub fn call_of(&self, contact: CallId) -> Option<CallId> {
        self.by_contact.get(&contact)?.call
    }

    pub fn begins(&mut self, contact: CallId, call: CallId) -> Vec<OfferRecord> {
        let callback = self.by_contact.entry(contact).or_default();
        callback.call = Some(call);
        std::mem::take(&mut callback.offers)
    }

    /// The try is over. Offers that are in no record yet are kept for the next one.
    pub fn ended(&mut self, call: &Call) {
        let Some(callback) = self.by_contact.get_mut(&call.contact).filter(|callback| callback.call == Some(call.id))
        else {
            return;
        };
        callback.call = None;
        if !call.opened {
            callback.offers.clone_from(&call.record.offers);
        }
    }

    /// The queues of the visits.
    pub fn queues(&mut self) -> impl Iterator<Item = &mut QueueId> {
        self.by_contact.values_mut().filter_map(|callback| Some(&mut callback.visit.as_mut()?.queue))
    }

    pub fn forget(&mut self, contact: CallId) {
        self.by_contact.remove(&contact);
    }
}

/// The citizen is being rung.
#[derive(Default)]
pub(super) struct Dialling {
    /// The opening entry is on disk.
    pub durable: bool,
    /// The visit that asked for it is over: before, their phone is busy with us.
    visit_over: bool,
    invited: bool,
    /// The engine knows that it failed.
    pub told: bool,
}

impl Call {
    /// A try that nothing has been done for yet. Its record's `from` is the number of ours that is shown.
    pub fn outward(record: Record, leg: LegId, language: Language) -> Self {
        let Record { call_id, from, to, .. } = &record;
        let contact = record.callback_of.unwrap_or(record.call_id);
        let span = info_span!("call", id = %call_id, from, to, callback_of = %contact);
        let shown = Party { number: to.clone(), display: None };
        let mut call = Self::with(record, leg, shown, State::Recruiting, language, span);
        call.outward = true;
        call
    }

    /// The engine wants the citizen rung. An operator may be on the line already, and hears it ring.
    pub fn dial(&mut self, house: &mut House, queue: &QueueId, attempt: u8, visit_over: bool) {
        self.waits_in(house, queue);
        self.record.arrived_at = house.now;
        self.record.attempt = Some(attempt);
        self.record.language = Some(self.language.code().to_string());
        self.record.trunk.clone_from(&house.settings.way_out);
        self.opened = true;
        house.write(records::Entry::Opened(Box::new(self.record.clone())));
        self.state = State::Dialling(Dialling { visit_over, ..Dialling::default() });
        // Also what was promised by former rules.
        if self.record.trunk.is_none() || !house.settings.outward.calls_back(&self.record.to) {
            info!("cannot be called back: no trunk goes out, or the number may not be dialled");
            return self.not_reached(house, 404);
        }
        info!(attempt, "calling back");
        let operator_hears = self.seats.iter().find(|seat| seat.progress == Progress::Accepted).map(|seat| seat.leg);
        if let Some(leg) = operator_hears {
            /// A tone has no end, so its token never comes back.
            const TONE: u64 = u64::MAX;
            let looped = Some(Prompt::plain(RINGBACK));
            house.media(media::Command::Watch { leg });
            house.media(media::Command::Play { leg, token: TONE, prompts: Vec::new(), looped });
        }
        self.sound = Sound::Open;
        house.media(media::Command::Open {
            leg: self.caller,
            call: self.id,
            second: operator_hears.is_some(),
            kind: media::LegKind::Phone,
            srtp: house.settings.srtp_over(self.record.trunk.as_ref()),
        });
        if house.settings.tones_over(self.record.trunk.as_ref()) {
            house.media(media::Command::HearKeys { leg: self.caller });
        }
        self.offer_outside(house, self.caller, None, operator_hears);
    }

    pub fn visit_over(&mut self, house: &mut House) {
        if let State::Dialling(dialling) = &mut self.state {
            dialling.visit_over = true;
            self.dial_when_ready(house);
        }
    }

    /// Nothing leaves before the opening entry is on disk.
    pub fn dial_when_ready(&mut self, house: &mut House) {
        let (State::Dialling(dialling), Some(sdp)) = (&mut self.state, self.described.clone()) else { return };
        if !dialling.durable || !dialling.visit_over || dialling.invited {
            return;
        }
        dialling.invited = true;
        let over = self.over(self.caller);
        house.sip(sip::Command::Invite(sip::Invite {
            leg: self.caller,
            to: Target::Trunk { trunk: None, number: self.record.to.clone() },
            caller: Party { number: self.record.from.clone(), display: None },
            hops: sip::HOPS,
            auto_answer: false,
            call: None,
            urgent: false,
            on_behalf_of: None,
            sip_call_id: Some(self.record.sip_call_id.clone()),
            body: Some(Body::sdp(sdp)),
            over,
        }));
    }

    /// By another trunk than the first, it may be.
    pub fn goes_over(&mut self, house: &mut House, trunk: TrunkId) {
        if self.record.trunk.as_ref() != Some(&trunk) {
            if house.settings.tones_over(Some(&trunk)) {
                house.media(media::Command::HearKeys { leg: self.caller });
            }
            self.record.trunk = Some(trunk);
            house.write(records::Entry::Changed(Box::new(self.record.clone())));
        }
    }

    /// The citizen took the receiver off; the operator's turn comes when their sound is agreed.
    pub fn citizen_answered(&mut self, house: &mut House, body: Option<Body>) {
        if !matches!(self.state, State::Dialling(_)) {
            return;
        }
        (self.accepted, self.acknowledged) = (true, true);
        self.record.answered_at = Some(house.now);
        self.record.sip_status = Some(200);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        match body {
            Some(body) => house.media(media::Command::TakeAnswer { leg: self.caller, sdp: body.bytes }),
            None => self.not_reached(house, 488),
        }
    }

    pub fn reached(&mut self, house: &mut House) {
        if !self.accepted {
            return;
        }
        info!("reached");
        house.media(media::Command::Watch { leg: self.caller });
        house.queue(Input::Reached { contact: self.contact, call: self.id });
        self.state = State::Reached;
        self.in_line = true;
    }

    /// The engine has put the call at the callback's place.
    pub fn begins_to_wait(&mut self, house: &House, queue: &QueueId) {
        if matches!(self.state, State::Reached) {
            self.contact = self.id;
            self.state = State::Line(house.line_of(queue, self.language));
        }
    }

    /// What is heard first in the line: who is called, who calls; who is recorded, that they are.
    pub fn say_first(&mut self, house: &House) {
        let greeting = self.outward.then(|| CALLBACK_GREETING.into());
        let notice = self.notice_due(house);
        if let (State::Line(line), true) = (&mut self.state, greeting.is_some() || notice.is_some()) {
            line.say_first(!self.outward, greeting.into_iter().chain(notice));
        }
    }

    /// The citizen's phone was busy, refused, or could not be rung or talked to.
    pub fn not_reached(&mut self, house: &mut House, status: u16) {
        let State::Dialling(dialling) = &mut self.state else { return };
        dialling.told = true;
        let why = match status {
            486 | 600 => NotReached::Busy,
            // What carriers say when nobody comes to the phone, RFC 3398 §7.2.4.1.
            408 | 480 => NotReached::NoAnswer,
            403 | 433 | 603 | 607 => NotReached::Rejected,
            _ => NotReached::Failed,
        };
        info!(status, ?why, "not reached");
        house.queue(Input::NotReached { contact: self.contact, why });
        let by = match why {
            NotReached::Busy | NotReached::Rejected => EndedBy::Caller,
            NotReached::NoAnswer | NotReached::Failed | NotReached::Withdrawn => EndedBy::System,
        };
        self.give_up(house, status, by);
    }

    /// The engine's time for it is over, or the callback is.
    pub fn stop_dialling(&mut self, house: &mut House) {
        match &mut self.state {
            State::Dialling(dialling) => dialling.told = true,
            // Their answer crossed it: the engine does not know this call.
            State::Reached => self.in_line = false,
            _ => return,
        }
        self.give_up(house, 487, EndedBy::System);
    }

    /// The operator who took the callback hung up while it rang outside.
    pub fn operator_gave_up(&mut self, house: &mut House) {
        info!("operator hung up before the citizen answered");
        self.give_up(house, 487, EndedBy::Operator);
    }

    fn give_up(&mut self, house: &mut House, status: u16, by: EndedBy) {
        if !self.accepted {
            self.record.sip_status = Some(status);
        }
        self.finish(house, Outcome::Failed, by);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        self.drop_seats_but(house, None);
        self.enter_ended(house);
    }
}
