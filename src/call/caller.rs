//! One call: its states, its caller's leg, and which event goes where.

use std::time::Duration;

use tracing::{Span, debug, info_span};

use super::calls::House;
use super::ledger;
use super::offering::SeatLeg;
use super::talking::Talk;
use crate::ids::{CallId, Language, LegId, Prompt};
use crate::ivr::{MenuMachine, Told, WaitingMachine};
use crate::media::{self, Direction};
use crate::moment::Moment;
use crate::queue::Output;
use crate::records::{EndedBy, Outcome, Record};
use crate::sip::{self, Body};

/// A call is closed without its leg's last figures if sound does not tell them within this.
const FIGURES_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct Call {
    pub id: CallId,
    pub record: Record,
    pub caller: LegId,
    pub shown: sip::Party,
    pub state: State,
    /// Spoken to the caller; the menu's default until a choice was made.
    pub language: Language,
    /// The caller's leg has ports.
    pub sound: Sound,
    /// Our 200 was sent.
    pub accepted: bool,
    /// What the caller's last description lets flow.
    pub direction: Direction,
    /// What we described to the caller last: repeated in the 200 after early media.
    pub described: Option<Vec<u8>>,
    /// The INVITE came without an offer: ours is in the 200.
    pub late: bool,
    /// A re-INVITE of the caller's waits for our description.
    pub reoffered: bool,
    /// The engine was asked to let the call into a line, and did not say yet that it is in none.
    pub in_line: bool,
    /// In the line: told first, told last.
    pub places: Option<(usize, usize)>,
    /// The seat that rings, or talks.
    pub seat: Option<SeatLeg>,
    plays: u64,
    playing: Option<(u64, u64)>,
    closed: bool,
    span: Span,
}

/// What the caller is in.
pub(super) enum State {
    /// The opening entry is on its way to the disk, the description on its way from sound.
    Opening {
        durable: bool,
    },
    /// Our offer went out in the 200; the ACK answers it.
    LateAnswer,
    Menu(MenuMachine),
    /// In the line: music and announcements; perhaps a seat rings.
    Line(WaitingMachine),
    Talking(Talk),
    /// Last words; then the house hangs up.
    LastWords {
        token: u64,
    },
    /// A number that only plays, or only is silent.
    Sounding,
    /// Waiting for the last figures and for the engine to let go.
    Ended {
        give_up: Moment,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    None,
    Open,
    Closing,
}

impl Call {
    pub fn new(id: CallId, now: Moment, incoming: &sip::Incoming) -> Self {
        let span = info_span!("call", id = %id, from = %incoming.caller.number, to = %incoming.number);
        Self {
            id,
            record: ledger::open(id, now, incoming),
            caller: incoming.leg,
            shown: incoming.caller.clone(),
            state: State::Opening { durable: false },
            language: Language::Zh,
            sound: Sound::None,
            accepted: false,
            direction: Direction::Both,
            described: None,
            late: false,
            reoffered: false,
            in_line: false,
            places: None,
            seat: None,
            plays: 0,
            playing: None,
            closed: false,
            span,
        }
    }

    pub fn span(&self) -> Span {
        self.span.clone()
    }

    pub fn legs(&self) -> impl Iterator<Item = LegId> {
        std::iter::once(self.caller).chain(self.seat.as_ref().map(|seat| seat.leg))
    }

    pub fn is_over(&self) -> bool {
        self.closed
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        let own = match &self.state {
            State::Menu(menu) => menu.next_deadline(),
            State::Line(line) => line.next_deadline(),
            State::Ended { give_up } => Some(*give_up),
            _ => None,
        };
        let seat = self.seat.as_ref().and_then(SeatLeg::next_deadline);
        own.into_iter().chain(seat).min()
    }

    pub fn on_deadline(&mut self, house: &mut House) {
        match &mut self.state {
            State::Menu(menu) => menu.handle_deadline(house.now),
            State::Line(line) => line.handle_deadline(house.now),
            State::Ended { give_up } if *give_up <= house.now => {
                self.sound = Sound::None;
                self.in_line = false;
            }
            _ => {}
        }
        self.check_ringing(house);
    }

    pub fn on_sip(&mut self, house: &mut House, event: sip::Event) {
        use sip::Event as E;
        match event {
            E::Acked { leg, answer: Some(body) } => self.take_answer(house, leg, body),
            E::Answered { leg, body } => self.seat_answered(house, leg, body),
            E::Ringing { leg } | E::Progress { leg, .. } => self.seat_rings(house, leg),
            E::Refused { leg, status } => self.seat_refused(house, leg, status),
            E::Reoffer { leg, body } => self.reoffer(house, leg, body),
            E::Ended { leg, why } => self.leg_ended(house, leg, why),
            other => debug!(?other, "nothing to do"),
        }
    }

    pub fn on_media(&mut self, house: &mut House, event: media::Event) {
        use media::Event as E;
        match event {
            E::Described { leg, sdp, direction } if leg == self.caller => self.caller_described(house, sdp, direction),
            E::Described { leg, sdp, direction } => self.seat_described(house, leg, sdp, direction),
            E::Agreed { leg, direction } => self.agreed(house, leg, direction),
            E::Unacceptable { leg, why, malformed } => self.unacceptable(house, leg, &why, malformed),
            E::Exhausted { leg } => self.no_ports(house, leg),
            E::Played { leg, token } if leg == self.caller => self.played(house, token),
            E::Key { leg, key } if leg == self.caller => {
                if let State::Menu(menu) = &mut self.state {
                    menu.key(house.now, key);
                }
            }
            E::Dead { leg } => self.leg_dead(house, leg),
            E::Closed { leg, quality } if leg == self.caller => self.figures(quality),
            _ => {}
        }
    }

    pub fn on_queue(&mut self, house: &mut House, output: Output) {
        match output {
            Output::Joined { queue, .. } => self.joined(house, queue),
            Output::Refused { why, .. } => self.join_refused(house, why),
            Output::Offer { offer, operator, seat, .. } => self.offered(house, offer, operator, seat),
            Output::Withdraw { offer, .. } => self.withdrawn(house, offer),
            Output::OfferEnded { operator, seat, outcome, at, ms, .. } => {
                self.offer_ended(house, operator, seat, outcome, at, ms);
            }
            Output::Connected { operator, seat, .. } => self.connected(house, operator, seat),
            Output::Left { why, .. } => self.left_line(house, why),
            Output::Operator { .. } | Output::Decided { .. } | Output::Ignored { .. } => {}
        }
    }

    pub fn on_place(&mut self, house: &mut House, told: Told) {
        let first = self.places.map_or(told.number, |(first, _)| first);
        self.places = Some((first, told.number));
        if let State::Line(line) = &mut self.state {
            line.tell(house.now, told);
        }
    }

    /// Plays on the caller's leg; `token` comes back by [`Call::played`].
    pub fn play(&mut self, house: &mut House, token: u64, prompts: Vec<Prompt>, looped: Option<Prompt>) {
        self.plays += 1;
        self.playing = Some((self.plays, token));
        house.media(media::Command::Play { leg: self.caller, token: self.plays, prompts, looped });
    }

    fn played(&mut self, house: &mut House, token: u64) {
        // A token of something that was replaced meanwhile says nothing about what plays now.
        let Some((current, own)) = self.playing.take_if(|(current, _)| *current == token) else { return };
        debug!(current, "played");
        match &mut self.state {
            State::Menu(menu) => menu.played(house.now, own),
            State::Line(line) => line.played(house.now, own),
            State::LastWords { token } if *token == own => self.say_goodbye(house),
            _ => {}
        }
    }

    fn take_answer(&mut self, house: &mut House, leg: LegId, body: Body) {
        house.media(media::Command::TakeAnswer { leg, sdp: body.bytes });
    }

    fn agreed(&mut self, house: &mut House, leg: LegId, direction: Direction) {
        if leg != self.caller {
            return self.seat_agreed(house, leg, direction);
        }
        self.direction = direction;
        match self.state {
            State::LateAnswer => self.begin(house),
            _ => self.hold_changed(house, leg, direction),
        }
    }

    fn unacceptable(&mut self, house: &mut House, leg: LegId, why: &str, malformed: bool) {
        debug!(%leg, why, "description refused");
        if leg != self.caller {
            return self.seat_unacceptable(house, leg);
        }
        let status = if malformed { 400 } else { 488 };
        if std::mem::take(&mut self.reoffered) {
            house.sip(sip::Command::RefuseReoffer { leg, status });
        } else if self.accepted {
            self.end_by_house_with(house, Outcome::Failed, "SIP;cause=488;text=\"Not Acceptable Here\"");
        } else {
            self.refuse(house, status, Outcome::Failed);
        }
    }

    fn no_ports(&mut self, house: &mut House, leg: LegId) {
        if leg == self.caller {
            self.refuse(house, 503, Outcome::RefusedBusy)
        } else {
            self.no_ports_for_seat(house, leg)
        }
    }

    fn leg_ended(&mut self, house: &mut House, leg: LegId, why: sip::Ended) {
        if leg != self.caller {
            return self.seat_ended(house, leg);
        }
        let by = match why {
            sip::Ended::Bye | sip::Ended::Cancelled => EndedBy::Caller,
            sip::Ended::NoAck | sip::Ended::Lost => EndedBy::System,
        };
        if why == sip::Ended::Cancelled {
            self.record.sip_status = Some(487);
        }
        self.caller_left(house, by);
    }

    fn leg_dead(&mut self, house: &mut House, leg: LegId) {
        debug!(%leg, "nothing is heard any more");
        let seat_is_dead = leg != self.caller;
        if seat_is_dead && self.seat.as_ref().is_none_or(|seat| seat.leg != leg) {
            return;
        }
        let outcome = self.abandoned();
        self.end_by_house_with(house, outcome, "SIP;cause=408;text=\"No media\"");
    }

    /// What it is called when the call ends here without more being said.
    pub fn abandoned(&self) -> Outcome {
        match &self.state {
            State::Talking(_) | State::Sounding => Outcome::Answered,
            State::Line(_) => Outcome::AbandonedInQueue,
            State::Opening { .. } | State::LateAnswer | State::Menu(_) => Outcome::AbandonedInMenu,
            State::LastWords { .. } | State::Ended { .. } => self.record.outcome.unwrap_or(Outcome::Failed),
        }
    }

    fn figures(&mut self, quality: Option<media::Quality>) {
        self.sound = Sound::None;
        self.record.quality =
            quality.map(|q| crate::records::Quality { mos: q.mos, loss: q.loss, jitter_ms: q.jitter_ms });
    }

    /// After each event: what the machines want, and whether the call can be closed.
    pub fn settle(&mut self, house: &mut House) {
        self.drain_machines(house);
        if let State::Ended { .. } = self.state
            && self.sound == Sound::None
            && !self.in_line
            && !self.closed
        {
            self.closed = true;
            self.write_closed(house);
        }
    }

    pub fn enter_ended(&mut self, house: &mut House) {
        if self.sound == Sound::Open {
            self.sound = Sound::Closing;
            house.media(media::Command::Close { leg: self.caller });
        }
        self.playing = None;
        self.state = State::Ended { give_up: house.now + FIGURES_WITHIN };
    }
}
