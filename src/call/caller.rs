//! One call: its states, its caller's leg, and which event goes where.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{Span, debug, info_span};

use super::callback::Dialling;
use super::calls::House;
use super::consulting::Passing;
use super::direct::Direct;
use super::handoff::Handoff;
use super::ledger;
use super::offering::SeatLeg;
use super::onward::Onward;
use super::picking::Picking;
use super::recording::Tape;
use super::referring::{Beside, Referral};
use super::secured::Twofold;
use super::talking::Talk;
use super::view::Look;
use crate::ids::{CallId, Language, LegId, OperatorId, Prompt};
use crate::ivr::{MessageMachine, SurveyMachine, Told, WaitingMachine, Walker};
use crate::media::{self, Direction};
use crate::moment::Moment;
use crate::queue::Output;
use crate::records::{Outcome, Record};
use crate::sip;

/// A call is closed without its leg's last figures if sound does not tell them within this.
const FIGURES_WITHIN: Duration = Duration::from_secs(2);
/// A file that the disk does not complete within this is told of in the record later.
const COMPLETE_WITHIN: Duration = Duration::from_secs(10);

pub(super) struct Call {
    pub id: CallId,
    /// What the engine knows it as: itself, or while the citizen is rung for a callback, the visit in which they
    /// asked for it.
    pub contact: CallId,
    pub record: Record,
    /// The citizen's leg.
    pub caller: LegId,
    /// We call the citizen: the INVITE of their leg is ours.
    pub outward: bool,
    /// The opening entry was written.
    pub opened: bool,
    pub shown: sip::Party,
    /// How many hops the caller's INVITE had left; all of them where the call is ours.
    pub hops: u8,
    pub state: State,
    /// Spoken to the caller; the menu's default until a choice was made.
    pub language: Language,
    /// The caller's leg has ports.
    pub sound: Sound,
    /// Our 200 was sent.
    pub accepted: bool,
    /// Its ACK came, or theirs was acknowledged by us.
    pub acknowledged: bool,
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
    /// When it left the line for something else than an operator.
    pub left_at: Option<Moment>,
    /// The seats that ring, or the one that talks.
    pub seats: Vec<SeatLeg>,
    /// Offers that the engine did not end yet.
    pub open_offers: usize,
    /// The operator whose own call this is: busy meanwhile.
    pub busy: Option<OperatorId>,
    /// With operators who let go of the caller already.
    pub talked: Duration,
    /// The way through the menus, also while it waits whether somebody is reached.
    pub walker: Option<Box<Walker>>,
    /// A program elsewhere is being asked.
    pub asked_elsewhere: bool,
    /// Chose in the menus to be called back, and is not in the line yet.
    pub asks_callback: bool,
    /// Files that are being written: of the talk, or a message.
    pub recordings: usize,
    pub tape: Tape,
    /// What is said in it is to be recorded, as the rules are.
    pub to_be_recorded: bool,
    /// The caller heard that the call is recorded.
    pub noticed: bool,
    plays: u64,
    playing: Option<(u64, u64)>,
    closed: bool,
    span: Span,
    /// A supervisor dialled themselves into this call.
    pub part_of: Option<CallId>,
    /// The caller's leg is another call's now.
    pub gave_leg: bool,
    /// In `queue_log` its end was told already.
    pub end_told: bool,
    /// Sent to another line, of which the engine has not said yet whether it lets it in.
    pub passing: Option<Passing>,
    /// The call at a colleague that an operator wants to take by it.
    pub picks_up: Option<CallId>,
    /// Who takes this one from a colleague's phone, until the engine has answered.
    pub picking: Option<Picking>,
    /// Legs to outside by ways that want their sound otherwise.
    pub twofold: BTreeMap<LegId, Twofold>,
    /// An operator dialled it beside a talk.
    pub beside: Option<Beside>,
    /// Its phone says what it takes the place of: then it is that, whatever number was dialled.
    pub replaces: Option<sip::Replaced>,
    /// The talk of another phone of the same seat whose place it takes.
    pub takes_over: Option<CallId>,
    /// The operator's phone that sent the caller on, until it was told what became of it.
    pub referral: Option<Referral>,
    /// What the message says of the reason that ends a leg, until that end was seen to.
    pub because: Option<sip::Reason>,
    /// Whether the sound passes us.
    pub direct: Direct,
    /// How often something was noted.
    pub notes: u32,
    /// How those who look on saw it last, and since when it is in this stage.
    pub last_look: Option<Look>,
    pub stage_since: Moment,
}

/// What the caller is in.
pub(super) enum State {
    /// The opening entry is on its way to the disk, the description on its way from sound.
    Opening {
        durable: bool,
        /// Whoever called may know nothing of it.
        forgeable: bool,
        /// What is told of our sound before the answer is acknowledged.
        reliable: bool,
    },
    /// The ACK, or a PRACK, is awaited: it answers our offer, or shows that the caller is where the sound would go.
    Unacknowledged {
        give_up: Moment,
    },
    /// In the menus: the walker says what is heard.
    Menu,
    /// In the line: music and announcements; perhaps a seat rings.
    Line(WaitingMachine),
    Talking(Talk),
    /// Last words; then the house hangs up.
    LastWords {
        token: u64,
    },
    /// A number that only plays, or only is silent.
    Sounding,
    /// A callback that operators are rung for first: nobody outside is, and nothing is written yet.
    Recruiting,
    /// A callback: the citizen is rung.
    Dialling(Dialling),
    /// They answered, and the engine was told.
    Reached,
    /// Sent on to a number outside.
    Onward(Onward),
    /// Leaves a message.
    Message(MessageMachine),
    /// The operator left the caller to the far end of an emergency.
    HandedOff(Handoff),
    /// The operator hung up: the caller is asked how it was.
    Survey(SurveyMachine),
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
    pub fn new(id: CallId, now: Moment, incoming: &sip::Incoming, language: Language) -> Self {
        let span = info_span!("call", id = %id, from = %incoming.caller.number, to = %incoming.number);
        let record = ledger::open(id, now, incoming);
        let shown = incoming.caller.clone();
        let state = State::Opening { durable: false, forgeable: incoming.forgeable, reliable: incoming.reliable };
        let mut call = Self::with(record, incoming.leg, shown, state, language, span);
        call.hops = incoming.hops;
        call.replaces = incoming.replaces;
        call
    }

    /// `language`: until the caller chose.
    pub(super) fn with(
        record: Record,
        caller: LegId,
        shown: sip::Party,
        state: State,
        language: Language,
        span: Span,
    ) -> Self {
        Self {
            id: record.call_id,
            contact: record.callback_of.unwrap_or(record.call_id),
            record,
            caller,
            outward: false,
            opened: false,
            shown,
            hops: sip::HOPS,
            state,
            language,
            sound: Sound::None,
            accepted: false,
            acknowledged: false,
            direction: Direction::Both,
            described: None,
            late: false,
            reoffered: false,
            in_line: false,
            places: None,
            left_at: None,
            seats: Vec::new(),
            open_offers: 0,
            busy: None,
            talked: Duration::ZERO,
            walker: None,
            asked_elsewhere: false,
            asks_callback: false,
            recordings: 0,
            tape: Tape::None,
            to_be_recorded: false,
            noticed: false,
            plays: 0,
            playing: None,
            closed: false,
            span,
            part_of: None,
            gave_leg: false,
            end_told: false,
            passing: None,
            picks_up: None,
            picking: None,
            twofold: BTreeMap::new(),
            beside: None,
            replaces: None,
            takes_over: None,
            referral: None,
            because: None,
            direct: Direct::default(),
            notes: 0,
            last_look: None,
            stage_since: Moment::default(),
        }
    }

    pub fn span(&self) -> Span {
        self.span.clone()
    }

    pub fn legs(&self) -> impl Iterator<Item = LegId> {
        let onward = match &self.state {
            State::Onward(onward) => Some(onward.leg),
            _ => None,
        };
        let far = self.handoff().map(|handoff| handoff.leg);
        let others = self.talk().into_iter().flat_map(|talk| talk.others.iter().map(|other| other.leg));
        let caller = (!self.gave_leg).then_some(self.caller);
        let picking = self.picking.as_ref().map(|picking| picking.leg);
        caller
            .into_iter()
            .chain(picking)
            .chain(others)
            .chain(self.seats.iter().map(|seat| seat.leg))
            .chain(onward)
            .chain(far)
    }

    pub fn is_over(&self) -> bool {
        self.closed
    }

    /// Nothing more can come of it.
    pub fn is_ended(&self) -> bool {
        self.closed || matches!(self.state, State::Ended { .. })
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        let own = match &self.state {
            State::Menu => self.walker.as_ref().and_then(|walker| walker.next_deadline()),
            State::Line(line) => line.next_deadline(),
            State::Message(message) => message.next_deadline(),
            State::Survey(survey) => survey.next_deadline(),
            State::Onward(onward) => onward.next_deadline(),
            State::Unacknowledged { give_up } | State::Ended { give_up } => Some(*give_up),
            State::Talking(talk) => talk.next_deadline(),
            _ => self.handoff().and_then(Handoff::next_deadline),
        };
        let seats = self.seats.iter().filter_map(SeatLeg::next_deadline);
        own.into_iter().chain(seats).chain(self.direct.next_deadline()).min()
    }

    pub fn on_deadline(&mut self, house: &mut House) {
        match &mut self.state {
            State::Menu => self.in_menu(|walker| walker.handle_deadline(house.now)),
            State::Line(line) => line.handle_deadline(house.now),
            State::Message(message) => message.handle_deadline(house.now),
            State::Survey(survey) => survey.handle_deadline(house.now),
            State::Onward(_) => self.onward_deadline(house),
            State::Unacknowledged { give_up } if *give_up <= house.now => {
                let missing = if self.acknowledged { "answer to the offer" } else { "ACK" };
                self.give_up_on_caller(house, Outcome::Failed, 408, missing);
            }
            State::Ended { give_up } if *give_up <= house.now => {
                self.sound = Sound::None;
                self.in_line = false;
                self.recordings = 0;
            }
            _ => {
                self.handoff_deadline(house);
                self.others_deadline(house);
                self.lost_deadline(house);
            }
        }
        self.check_ringing(house);
    }

    pub fn on_sip(&mut self, house: &mut House, event: sip::Event) {
        if let sip::Event::Because { reason, .. } = event {
            self.because = Some(reason);
            return;
        }
        self.happened(house, event);
        self.because = None;
    }

    fn happened(&mut self, house: &mut House, event: sip::Event) {
        use sip::Event as E;
        if let E::Ringing { leg } | E::Progress { leg, .. } = &event {
            self.tell_ringing(house, *leg);
        }
        self.twofold_sip(house, &event);
        let Some(event) = self.direct_sip(house, event) else { return };
        let Some(event) = self.release_sip(house, event) else { return };
        let Some(event) = self.others_sip(house, event) else { return };
        let Some(event) = self.handoff_sip(house, event) else { return };
        match event {
            E::Acked { leg, answer } => self.acknowledged(house, leg, answer),
            E::NotAccepted { leg, status } if leg == self.caller => self.not_accepted(status),
            E::GoesOver { leg, trunk } if leg == self.caller => self.goes_over(house, trunk),
            E::GoesOver { leg, trunk } if self.is_onward(leg) => self.sent_on_goes_over(house, trunk),
            E::Answered { leg, body } if leg == self.caller => self.citizen_answered(house, body),
            E::Answered { leg, body } if self.is_onward(leg) => self.onward_answered(house, body),
            E::Answered { leg, body } => self.seat_answered(house, leg, body),
            E::Progress { leg, body } if self.is_onward(leg) => self.onward_progresses(house, body),
            E::Ringing { leg } | E::Progress { leg, .. } => self.seat_rings(house, leg),
            E::Refused { leg, status } if leg == self.caller => self.not_reached(house, status),
            E::Refused { leg, status } if self.is_onward(leg) => self.onward_failed(house, status),
            E::Refused { leg, status } => self.seat_refused(house, leg, status),
            E::Reoffer { leg, body } => self.reoffer(house, leg, body),
            E::Ended { leg, why } => self.leg_ended(house, leg, why),
            E::FlowLost { leg } => self.flow_lost(house, leg),
            E::FlowFound { leg } => self.flow_found(house, leg),
            other => debug!(?other, "nothing to do"),
        }
    }

    pub fn on_media(&mut self, house: &mut House, event: media::Event) {
        use media::Event as E;
        let Some(event) = self.twofold_media(house, event) else { return };
        let Some(event) = self.direct_media(house, event) else { return };
        let Some(event) = self.others_media(house, event) else { return };
        let Some(event) = self.handoff_media(house, event) else { return };
        match event {
            E::Described { leg, sdp, direction } if leg == self.caller => self.caller_described(house, sdp, direction),
            E::Described { leg, sdp, direction } if self.is_onward(leg) => self.onward_described(house, sdp, direction),
            E::Described { leg, sdp, direction } => self.seat_described(house, leg, sdp, direction),
            E::Agreed { leg, direction } => self.agreed(house, leg, direction),
            E::Unacceptable { leg, why, code, malformed } => {
                if !malformed {
                    house.sip(sip::Command::Warn { leg, code, why: why.clone() });
                }
                self.unacceptable(house, leg, &why, malformed);
            }
            E::Exhausted { leg } => self.no_ports(house, leg),
            E::Played { leg, token } if leg == self.caller => self.played(house, token),
            E::Key { leg, key } if leg == self.caller => self.key(house, key),
            E::Recorded { recording, .. } => self.recorded(house, recording),
            E::Noticed { leg } => self.noticed(house, leg),
            E::Dead { leg } => self.leg_dead(house, leg),
            E::Closed { leg, quality } if leg == self.caller => self.figures(quality),
            E::OneWay { leg, what } => self.one_way(house, leg, what),
            _ => {}
        }
    }

    pub fn on_queue(&mut self, house: &mut House, output: Output) {
        match output {
            Output::Joined { queue, expected, .. } => self.joined(house, queue, expected),
            Output::Refused { why, exit, .. } => self.join_refused(house, why, exit),
            Output::Moved { to, why, .. } => self.moved(house, to, why),
            Output::Offer { offer, operator, seat, .. } => self.offered(house, offer, operator, seat),
            Output::Withdraw { offer, why, .. } => self.withdrawn(house, offer, why),
            Output::OfferEnded { operator, seat, outcome, at, ms, .. } => {
                self.offer_ended(house, operator, seat, outcome, at, ms);
            }
            Output::Connected { operator, seat, .. } => self.connected(house, operator, seat),
            Output::Left { why, exit, .. } => self.left_line(house, why, exit),
            Output::CallbackTaken { .. } => self.callback_taken(house),
            Output::CallbackRefused { .. } => self.callback_refused(),
            Output::StopDialling { .. } => self.stop_dialling(house),
            Output::PickUpRefused { .. } => self.drop_picking(house),
            _ => {}
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
            State::Menu => self.in_menu(|walker| walker.played(house.now, own)),
            State::Line(line) => line.played(house.now, own),
            State::Message(message) => message.played(house.now, own),
            State::Survey(survey) => survey.played(house.now, own),
            State::LastWords { token } if *token == own => self.say_goodbye(house),
            _ => {}
        }
    }

    fn key(&mut self, house: &mut House, key: char) {
        match &mut self.state {
            State::Menu => self.in_menu(|walker| walker.key(house.now, key)),
            State::Message(message) => message.key(house.now, key),
            State::Survey(survey) => survey.key(house.now, key),
            State::Line(_) => self.key_in_line(house, key),
            _ => {}
        }
    }

    fn in_menu(&mut self, act: impl FnOnce(&mut Walker)) {
        self.walker.as_deref_mut().map(act);
    }

    /// After each event: what the machines want, and whether the call can be closed.
    pub fn settle(&mut self, house: &mut House) {
        self.drain_machines(house);
        self.tell_referrer(house);
        self.see_to_recording(house);
        self.see_to_release(house);
        self.see_to_direct(house);
        if let State::Ended { .. } = self.state
            && self.sound == Sound::None
            && !self.in_line
            && self.recordings == 0
            && !self.closed
        {
            self.closed = true;
            self.write_closed(house);
        }
        let nobody_rings = self.seats.is_empty() && self.open_offers == 0 && self.picking.is_none();
        if matches!(self.state, State::Recruiting) && nobody_rings {
            self.closed = true;
        }
    }

    /// It ends before there is anything to tell of it.
    pub fn never_was(&mut self, house: &mut House) {
        self.drop_picking(house);
        self.drop_seats_but(house, None);
        self.closed = true;
    }

    pub fn enter_ended(&mut self, house: &mut House) {
        if self.sound == Sound::Open {
            self.sound = Sound::Closing;
            house.media(media::Command::Close { leg: self.caller });
        }
        self.playing = None;
        let patience = if self.recordings > 0 { COMPLETE_WITHIN } else { FIGURES_WITHIN };
        self.state = State::Ended { give_up: house.now + patience };
    }
}
