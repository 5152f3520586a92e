//! One seat's phone, or all of them where none registers: rings, answers, and misbehaves now and then.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::sound::Voice;
use super::{Crowd, caller, phone_settings};
use crate::app::softphone::Line;
use crate::ids::LegId;
use crate::media::Codec;
use crate::media::negotiation::{Agreement, Local, Negotiation};
use crate::moment::Moment;
use crate::sip::account::{Account, Holder};
use crate::sip::message::SipUri;
use crate::sip::{self, Body, Event, Incoming, Transport};

/// A registration has to be granted within this.
const REGISTERED_WITHIN: Duration = Duration::from_secs(30);
const EXPIRES: Duration = Duration::from_secs(300);

/// What the phones of a load did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rung {
    pub offers: u64,
    pub answered: u64,
    /// Left to ring, refused or told busy, as meant.
    pub declined: u64,
    pub vanished: u64,
    /// The hotline stopped ringing: the caller was gone, or another phone was quicker.
    pub withdrawn: u64,
    /// What should not be.
    pub faults: BTreeMap<String, u64>,
}

impl Rung {
    pub fn add(&mut self, other: Rung) {
        self.offers += other.offers;
        self.answered += other.answered;
        self.declined += other.declined;
        self.vanished += other.vanished;
        self.withdrawn += other.withdrawn;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }

    fn fault(&mut self, fault: impl Into<String>) {
        *self.faults.entry(fault.into()).or_default() += 1;
    }
}

/// Ringing or talking.
struct Leg {
    voice: Voice,
    due: Option<(Moment, Due)>,
    answer: Vec<u8>,
    agreement: Agreement,
    negotiation: Negotiation,
    talking: bool,
    /// How long they are to talk, and whether the operator ends it.
    talk: Option<(Duration, bool)>,
    /// The caller vanishes, and the hotline finds out when it does.
    alone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Answer,
    HangUp,
    Vanish,
}

pub struct Phone {
    line: Line,
    legs: HashMap<LegId, Leg>,
    rung: Rung,
    rng: StdRng,
    /// Odd numbers: callers have the even ones.
    next_voice: u32,
}

impl Phone {
    /// A registered seat, or, without one, all that have the fixed contact.
    pub async fn open(crowd: &Crowd, index: u32, seat: Option<&str>) -> Result<Phone, String> {
        let mut rng = StdRng::seed_from_u64(crowd.seed.rotate_left(17) ^ u64::from(index));
        let fixed = seat.is_none().then_some(crowd.scenario.seats.fixed).flatten();
        let line = Line::open(
            crowd.clock,
            phone_settings(crowd.server, crowd.sound.address.ip(), fixed),
            StdRng::from_rng(&mut rng),
        )
        .await?;
        // Each phone has room for as many talks as any day brings.
        let next_voice = (index + 1) << 18 | 1;
        let mut phone = Phone { line, legs: HashMap::new(), rung: Rung::default(), rng, next_voice };
        if let Some(seat) = seat {
            phone.register(crowd, seat).await?;
        }
        Ok(phone)
    }

    async fn register(&mut self, crowd: &Crowd, seat: &str) -> Result<(), String> {
        let server = crowd.server;
        let account = Account {
            aor: SipUri::new(Some(seat), &server.ip().to_string(), Some(server.port())),
            registrar: server,
            transport: Transport::Udp,
            username: seat.into(),
            password: crowd.scenario.seats.secret_of(seat),
            expires: EXPIRES,
            holder: Holder::Softphone,
        };
        let now = crowd.clock.now();
        self.line.sip.register(now, account);
        loop {
            match self.line.next(Some(now + REGISTERED_WITHIN)).await {
                Some(Event::AccountRegistered) => return Ok(()),
                Some(Event::AccountRefused { status }) => {
                    let reason = sip::message::reason_phrase(status);
                    return Err(format!("seat {seat} cannot register: {status} {reason}"));
                }
                Some(_) => {}
                None => return Err(format!("seat {seat}: no answer to its registration within {REGISTERED_WITHIN:?}")),
            }
        }
    }

    /// Works until `over` is told; then what it did.
    pub async fn work(mut self, crowd: &Crowd, mut over: tokio::sync::watch::Receiver<bool>) -> Rung {
        loop {
            let next = self.legs.iter().filter_map(|(id, leg)| leg.due.map(|(at, due)| (at, *id, due)));
            let next = next.min_by_key(|(at, id, _)| (*at, *id));
            tokio::select! {
                event = self.line.next(next.map(|(at, ..)| at)) => match (event, next) {
                    (Some(event), _) => self.take(crowd, event).await,
                    (None, Some((_, id, due))) => self.due(crowd, id, due).await,
                    (None, None) => {}
                },
                _ = over.wait_for(|over| *over) => break,
            }
        }
        let open: Vec<(LegId, bool)> = self.legs.iter().map(|(id, leg)| (*id, leg.alone)).collect();
        for (leg, alone) in open {
            if !alone {
                self.rung.fault("a call was still there at the end");
            }
            self.end(crowd, leg, true).await;
        }
        self.line.sip.unregister(crowd.clock.now());
        self.line.close().await;
        self.rung
    }

    async fn take(&mut self, crowd: &Crowd, event: Event) {
        match event {
            Event::Incoming(incoming) => self.ring(crowd, incoming),
            Event::Reoffer { leg, body: Some(body) } => {
                let Some(known) = self.legs.get_mut(&leg) else { return };
                self.line.command(match known.negotiation.take_offer(&body.bytes) {
                    Ok((answer, _)) => sip::Command::AcceptReoffer { leg, body: Body::sdp(answer) },
                    Err(_) => sip::Command::RefuseReoffer { leg, status: 488 },
                });
            }
            Event::Reoffer { leg, body: None } => {
                self.line.command(sip::Command::RefuseReoffer { leg, status: 488 });
            }
            Event::Ended { leg, why } => {
                match (self.legs.get(&leg), why) {
                    (Some(known), sip::Ended::Cancelled) if !known.talking => self.rung.withdrawn += 1,
                    (Some(_), sip::Ended::Bye) | (None, _) => {}
                    (Some(_), why) => self.rung.fault(format!("a talk was lost: {why:?}")),
                }
                self.end(crowd, leg, false).await;
            }
            _ => {}
        }
    }

    fn ring(&mut self, crowd: &Crowd, incoming: Incoming) {
        let (leg, seats, now) = (incoming.leg, &crowd.scenario.seats, crowd.clock.now());
        self.rung.offers += 1;
        let refuse = |status| sip::Command::Refuse { leg, status };
        let Some(offer) = incoming.offer else {
            self.rung.fault("an offer came without a description");
            return self.line.command(refuse(488));
        };
        let dice: f64 = self.rng.random();
        if dice < seats.busy + seats.reject {
            self.rung.declined += 1;
            return self.line.command(refuse(if dice < seats.busy { 486 } else { 603 }));
        }
        let caller = crowd.caller_of(&incoming.caller.number);
        let talk = caller.map(|caller| crowd.talk_of(caller));
        let alone = caller.is_some_and(|caller| caller::vanishes(crowd, caller));
        let voice = Voice(self.next_voice);
        self.next_voice += 2;
        let address = crowd.sound.address;
        let local = Local { address: address.ip(), rtp_port: address.port(), session_id: u64::from(voice.0) };
        let mut negotiation = Negotiation::new(local, &[Codec::Pcma]);
        let (answer, agreement) = match negotiation.take_offer(&offer.bytes) {
            Ok(taken) => taken,
            Err(unacceptable) => {
                self.rung.fault(format!("an offer cannot be used: {}", unacceptable.why));
                return self.line.command(refuse(488));
            }
        };
        self.line.command(sip::Command::Ring { leg });
        let ignores = dice < seats.busy + seats.reject + seats.no_answer;
        if ignores {
            self.rung.declined += 1;
        }
        let due = (!ignores).then(|| (now + seats.answer.draw(&mut self.rng), Due::Answer));
        self.legs.insert(leg, Leg { voice, due, answer, agreement, negotiation, talking: false, talk, alone });
    }

    async fn due(&mut self, crowd: &Crowd, id: LegId, due: Due) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.due = None;
        match due {
            Due::Answer => {
                self.rung.answered += 1;
                leg.talking = true;
                self.line.command(sip::Command::Accept { leg: id, body: Body::sdp(leg.answer.clone()) });
                // The first voice heard is of no interest here: the caller says when they hear ours.
                drop(crowd.sound.open(leg.voice, leg.agreement.remote, leg.agreement.key_payload_type));
                let now = crowd.clock.now();
                let (talk, ends) = leg.talk.unwrap_or_default();
                leg.due = match self.rng.random_bool(crowd.scenario.seats.vanish) {
                    true => Some((now + talk.mul_f64(self.rng.random()), Due::Vanish)),
                    false => ends.then_some((now + talk, Due::HangUp)),
                };
            }
            Due::HangUp => self.end(crowd, id, true).await,
            Due::Vanish => {
                self.rung.vanished += 1;
                crowd.sound.mute(leg.voice);
            }
        }
    }

    async fn end(&mut self, crowd: &Crowd, id: LegId, by_us: bool) {
        let Some(leg) = self.legs.remove(&id) else { return };
        if by_us {
            self.line.command(sip::Command::Hangup { leg: id, reason: None });
        }
        let heard = crowd.sound.close(leg.voice).await;
        crowd.heard(heard.unwrap_or_default());
    }
}
