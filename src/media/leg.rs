//! One leg's sound: from whom it is taken, what is sent, and what was heard. Owned by one worker.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rtp::header::Header;

use super::capture::Capture;
use super::dtmf::Keys;
use super::ear::Ear;
use super::far::Far;
use super::g711;
use super::g722;
use super::mixing::{self, Mixed};
use super::negotiation::{Agreement, FIRST_DYNAMIC};
use super::opus::{conversion::AT_LEG, interpreter::Interpreter};
pub use super::outcome::{Found, Heard, Played, What};
use super::outgoing::{HEADER, Outgoing};
use super::packet::{parse, write_header};
use super::player::Player;
use super::pressing::Pressing;
use super::quality::Reception;
use super::recorder::Tap;
use super::rtcp::{self, Cname, LastReport, Sender};
use super::silence::Silence;
use super::socket::{Ground, Socket};
use super::source::{Source, Verdict};
use super::srtp::sdes::Secrets;
use super::srtp::{CryptoError, Sealed};
use super::tones::Tones;
use super::words::{Codec, Direction, Quality};
use crate::ids::LegId;
use crate::moment::Moment;

/// RFC 3550 §6.2: the mean interval of reports.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// RFC 3389 §4: many send it without saying so.
const COMFORT_NOISE: u8 = 13;

/// Silence comes at the pace of sound for so long, three packets, so that the way is open though some are lost …
const FILL_WHOLLY: Duration = Duration::from_millis(40);
/// … and then a packet at a time, as RFC 6263 §4.6 keeps a way open, but as often as phones look for sound.
const FILL_EVERY: Duration = Duration::from_secs(1);

/// Silence in the place of somebody who was not heard yet.
pub(super) struct Filling {
    began: Moment,
    next: Moment,
}

pub struct Leg {
    pub id: LegId,
    pub ground: Ground,
    pub agreement: Option<Agreement>,
    /// Its packets are encrypted, both ways.
    pub(super) sealed: Option<Box<Sealed>>,
    /// Slot of the leg that hears this one, and is heard by it.
    pub joined: Option<usize>,
    pub player: Option<Player>,
    /// Its part in a mix; then it is joined with nobody.
    pub mixed: Option<Box<Mixed>>,
    /// Keys may be in its sound.
    pub(super) tones: Option<Box<Tones>>,
    /// Keys pressed here are told, and the leg it is joined with does not hear them.
    pub keeps_keys: bool,
    /// Joined, and nothing came from the other leg yet: silence is sent meanwhile, so that the way through
    /// NATs is open and no phone takes the call for dead.
    pub(super) filling: Option<Filling>,
    pub(super) source: Option<Source>,
    /// While it speaks G.722 and somebody wants that decoded.
    pub(super) ear: Option<Box<Ear>>,
    /// Whether the leg it is joined with does.
    pub wanted_decoded: bool,
    /// While it is spoken to in G.722: what is not G.722 already becomes it.
    pub(super) mouth: Option<Box<g722::Encoder>>,
    /// While Opus is spoken with its phone.
    pub(super) interpreter: Option<Box<Interpreter>>,
    pub(super) outgoing: Outgoing,
    cname: Cname,
    pub(super) reception: Reception,
    pub(super) keys: Keys,
    pub(super) pressing: Pressing,
    pub(super) far: Far,
    pub silence: Silence,
    pub locate: bool,
    pub(super) report_at: Moment,
    /// Packets that had gone at each of the last two reports, the last first.
    pub(super) reported: [Option<u32>; 2],
    pub(super) last_report: Option<LastReport>,
    pub capture: Option<Capture>,
    /// It is recorded: a message of theirs, or with those whom it hears.
    pub tap: Option<Box<Tap>>,
}

impl Leg {
    pub fn new(id: LegId, ground: Ground, now: Moment, rng: &mut StdRng) -> Self {
        let mut outgoing = Outgoing::new(rng);
        let report_at = now + REPORT_EVERY.mul_f64(rng.random_range(0.5..1.5));
        let own = Sender { ssrc: outgoing.ssrc, cname: Cname::random(rng) };
        let Sender { ssrc, cname } = ground.sender.unwrap_or(own);
        outgoing.ssrc = ssrc;
        Self {
            id,
            ground,
            agreement: None,
            sealed: None,
            joined: None,
            player: None,
            mixed: None,
            tones: None,
            keeps_keys: false,
            filling: None,
            source: None,
            ear: None,
            wanted_decoded: false,
            mouth: None,
            interpreter: None,
            outgoing,
            cname,
            reception: Reception::default(),
            keys: Keys::new(),
            pressing: Pressing::default(),
            far: Far::default(),
            silence: Silence::new(now),
            locate: false,
            report_at,
            reported: [None; 2],
            last_report: None,
            capture: None,
            tap: None,
        }
    }

    pub fn sender(&self) -> Sender {
        Sender { ssrc: self.outgoing.ssrc, cname: self.cname }
    }

    /// It stands elsewhere from now on; returns where it stood.
    pub fn move_to(&mut self, ground: Ground) -> Ground {
        let Sender { ssrc, cname } = ground.sender.unwrap_or(self.sender());
        (self.outgoing.ssrc, self.cname) = (ssrc, cname);
        (self.source, self.agreement, self.sealed, self.interpreter) = (None, None, None, None);
        std::mem::replace(&mut self.ground, ground)
    }

    /// A description was agreed, first or anew; `secrets`: what packets are encrypted with.
    pub fn agree(&mut self, now: Moment, agreement: Agreement, secrets: Option<&Secrets>) {
        if let Err(error) = self.seal_with(secrets) {
            tracing::error!(leg = %self.id, %error, "the sound of this leg cannot be encrypted; it is given up");
            return self.give_up();
        }
        if !self.interpret(&agreement) {
            tracing::error!(leg = %self.id, "Opus cannot be had; the sound of this leg is given up");
            return self.give_up();
        }
        match &mut self.source {
            None => self.source = Some(Source::new(agreement.remote)),
            Some(source) => {
                if source.rename(now, agreement.remote) {
                    self.ground.rtp.disconnect();
                }
            }
        }
        self.agreement = Some(agreement);
        let mouth = self.mouth.take().filter(|_| agreement.codec == Codec::G722);
        self.mouth = mouth.or_else(|| (agreement.codec == Codec::G722).then(|| Box::new(g722::Encoder::new())));
        self.silence.agreed(now);
        self.far.begin_anew();
    }

    fn seal_with(&mut self, secrets: Option<&Secrets>) -> Result<(), CryptoError> {
        match (&mut self.sealed, secrets) {
            (Some(sealed), Some(secrets)) => sealed.change(*secrets)?,
            (None, Some(secrets)) => self.sealed = Some(Box::new(Sealed::new(*secrets)?)),
            (_, None) => self.sealed = None,
        }
        Ok(())
    }

    pub(super) fn sends(&self) -> Option<&Agreement> {
        let open = |agreement: &&Agreement| {
            matches!(agreement.direction, Direction::Both | Direction::TheyListen)
                && !agreement.remote.ip().is_unspecified()
        };
        self.agreement.as_ref().filter(open)
    }

    /// From now on this leg hears `peer`.
    pub fn join(&mut self, now: Moment, peer: usize) {
        self.silence.joined(now);
        self.far.begin_anew();
        self.joined = Some(peer);
        self.player = None;
        self.filling = (!self.silence.is_elsewhere()).then_some(Filling { began: now, next: now });
    }

    /// No longer; returns whom it heard.
    pub fn part(&mut self) -> Option<usize> {
        self.filling = None;
        self.joined.take()
    }

    /// Its part in a mix from now on. What played is over; what is played afterwards is heard beside the others.
    pub fn enter_mix(&mut self) -> &mut Mixed {
        if self.mixed.is_none() {
            (self.player, self.filling) = (None, None);
        }
        self.mixed.get_or_insert_with(|| Box::new(Mixed::new()))
    }

    /// Its phone is gone, and nobody comes in its place.
    pub fn hung_up(&mut self) {
        self.source = None;
        self.silence.unwatch();
    }

    /// Neither heard nor sent to from here on: what it holds may be half changed.
    pub fn give_up(&mut self) {
        (self.agreement, self.player, self.capture, self.mixed, self.tap) = (None, None, None, None, None);
        (self.pressing, self.interpreter) = (Pressing::default(), None);
    }

    /// One packet from the RTP port.
    pub fn receive(&mut self, now: Moment, from: SocketAddr, packet: &mut [u8]) -> Heard {
        if rtcp::is_rtcp(packet) {
            self.control(now, from, packet);
            return Heard::Nothing;
        }
        let (Some(agreement), Some(source)) = (&self.agreement, &mut self.source) else { return Heard::Nothing };
        let opened = self.sealed.as_mut().map_or(Some(packet.len()), |sealed| sealed.open(packet));
        let Some(packet) = opened.and_then(|length| packet.get(..length)) else { return Heard::Nothing };
        let Some((header, payload)) = parse(packet) else { return Heard::Nothing };
        let number = header.payload_type;
        let is_opus = self.interpreter.as_ref().is_some_and(|interpreter| interpreter.hears(number));
        let is_plain = self.interpreter.is_none() || number < FIRST_DYNAMIC;
        if !(is_opus || is_plain && what(agreement, number).is_some()) {
            return Heard::Nothing;
        }
        match source.judge(now, from, header.ssrc, header.sequence_number, self.sealed.is_some()) {
            Verdict::Stranger => return Heard::Nothing,
            // From now on the kernel keeps strangers out, and sending is cheaper; whoever was named must still come in.
            Verdict::Locked if source.is_certain() => self.ground.rtp.connect(from),
            Verdict::Locked | Verdict::Accepted => {}
        }
        self.silence.sound(now);
        let heard = match &mut self.interpreter {
            Some(interpreter) if is_opus => interpreter.hear(now, &header, &packet[payload.clone()]),
            _ => Some(header),
        };
        heard.map_or(Heard::Nothing, |header| self.hear(now, header, packet, payload))
    }

    /// One packet of the leg's own: `packet[payload]`, which has come from whom it should.
    pub fn hear(&mut self, now: Moment, header: Header, packet: &[u8], payload: std::ops::Range<usize>) -> Heard {
        let Some(agreement) = &self.agreement else { return Heard::Nothing };
        let Some(what) = what(agreement, header.payload_type) else { return Heard::Nothing };
        let (codec, is_key) = (if let What::Sound(codec) = what { Some(codec) } else { None }, what == What::Key);
        // All packets of a key have the time of its beginning: they say nothing about jitter.
        let timestamp = (!is_key).then_some(header.timestamp);
        if !agreement.heard.is_made_up(header.payload_type) {
            let spoken = what.spoken(&agreement.heard);
            self.reception.packet(now, header.ssrc, header.sequence_number, timestamp, spoken);
        }
        let key = match codec {
            _ if is_key => self.keys.rtp_event(now, header.timestamp, &packet[payload.clone()]),
            Some(codec) if codec != Codec::G722 => self.listen(now, &header, codec, &packet[payload.clone()]),
            _ => None,
        };
        self.decode(&header, codec, &packet[payload.clone()]);
        if is_key && key.is_some() && (self.keeps_keys || self.mixed.is_some()) {
            self.keys.keep(header.timestamp);
        }
        let passes = self.joined.filter(|_| !is_key || self.keys.passes(header.timestamp));
        match (passes, key) {
            (Some(_), key) => Heard::Pass { header, payload, what, key },
            (None, Some(key)) if is_key && !self.keeps_keys => Heard::Pressed(key),
            (None, Some(key)) => Heard::Key(key),
            (None, None) => Heard::Nothing,
        }
    }

    pub fn info_key(&mut self, now: Moment, key: char) -> Option<char> {
        self.keys.info(now, key)
    }

    /// Sends on what another leg received: `packet[payload]`, rewritten in place.
    pub fn pass_on(
        &mut self,
        now: Moment,
        packet: &mut [u8],
        payload: std::ops::Range<usize>,
        header: &Header,
        what: What,
    ) {
        let (takes_wide, Some(agreement)) = (self.takes_wide(), self.sends()) else { return };
        let payload_type = match what {
            What::Sound(Codec::G722) if takes_wide && agreement.codec != Codec::G722 => Some(AT_LEG.wide),
            What::Sound(_) => Some(agreement.payload_type),
            What::Opus => agreement.heard.opus,
            What::Key => agreement.key_payload_type,
            What::Noise => agreement.noise,
        };
        let (Some(payload_type), codec) = (payload_type, agreement.codec) else { return };
        // A key of ours is pressed in the place of sound.
        if what != What::Key && self.pressing.is_down() {
            return;
        }
        match (what, &mut self.mouth) {
            (What::Sound(Codec::G722), _) if takes_wide => {}
            // It comes decoded as well, and then in its order.
            (What::Sound(Codec::G722), _) => return,
            (What::Sound(from), Some(mouth)) => {
                packet[payload.clone()].iter_mut().for_each(|byte| *byte = mouth.encode(g711::to_linear(from, *byte)));
            }
            (What::Sound(from), None) => g711::convert(&mut packet[payload.clone()], from, codec),
            _ => {}
        }
        self.filling = None;
        let numbers = self.outgoing.relayed(now, header, payload.len());
        let start = payload.start - HEADER;
        write_header(&mut packet[start..payload.start], payload_type, numbers, self.outgoing.ssrc);
        self.send(now, &packet[start..payload.end]);
    }

    /// 20 ms have passed: the next frame of what plays.
    pub fn tick(&mut self, now: Moment) -> Played {
        if self.press(now) {
            return Played::default();
        }
        let Some(codec) = self.agreement.as_ref().map(|agreement| agreement.codec) else { return Played::default() };
        let sends = self.sends().map(|agreement| agreement.payload_type);
        let mut packet = [0; HEADER + g711::FRAME];
        if let Some(filling) = &mut self.filling {
            if let (true, Some(payload_type)) = (now >= filling.next, sends) {
                let first = filling.next == filling.began;
                filling.next = now + if now.since(filling.began) < FILL_WHOLLY { Duration::ZERO } else { FILL_EVERY };
                packet[HEADER..].fill(silence(codec));
                let numbers = self.outgoing.own(now, first);
                write_header(&mut packet[..HEADER], payload_type, numbers, self.outgoing.ssrc);
                self.send(now, &packet);
            }
            return Played::default();
        }
        let Some(player) = self.player.as_mut() else { return Played::default() };
        let frame = player.next(codec);
        let playing = frame.is_some();
        if let (Some(frame), Some(payload_type)) = (frame, sends) {
            packet[HEADER..].copy_from_slice(frame.payload);
            let numbers = self.outgoing.own(now, frame.fresh);
            write_header(&mut packet[..HEADER], payload_type, numbers, self.outgoing.ssrc);
            self.send(now, &packet);
        }
        let ended = self.player.as_mut().map(Played::of).unwrap_or_default();
        if !playing {
            self.player = None;
        }
        ended
    }

    /// 20 ms in a mix: this leg hears `sum`, and what plays on it.
    pub fn tick_mixed(&mut self, now: Moment, sum: &mut [i32; g711::FRAME]) -> Played {
        let pressed = self.press(now);
        let mut ended = Played::default();
        let Some(codec) = self.agreement.as_ref().map(|agreement| agreement.codec) else { return ended };
        if let Some(player) = &mut self.player {
            let frame = player.next(codec.law());
            let playing = frame.is_some();
            for (sum, byte) in sum.iter_mut().zip(frame.iter().flat_map(|frame| frame.payload)) {
                *sum += i32::from(g711::to_linear(codec.law(), *byte));
            }
            ended = Played::of(player);
            if !playing {
                self.player = None;
            }
        }
        if !pressed {
            self.say(now, sum);
        }
        ended
    }

    /// 20 ms that are mixed already.
    pub fn say(&mut self, now: Moment, sum: &[i32; g711::FRAME]) {
        let Some((codec, payload_type)) = self.sends().map(|agreement| (agreement.codec, agreement.payload_type))
        else {
            return;
        };
        let mut packet = [0; HEADER + g711::FRAME];
        match &mut self.mouth {
            Some(mouth) => {
                for (byte, sample) in packet[HEADER..].iter_mut().zip(sum.iter()) {
                    *byte = mouth.encode(mixing::cut(*sample));
                }
            }
            None => mixing::encode(sum, codec, &mut packet[HEADER..]),
        }
        let numbers = self.outgoing.own(now, false);
        write_header(&mut packet[..HEADER], payload_type, numbers, self.outgoing.ssrc);
        self.send(now, &packet);
    }

    /// Whether the tick has anything to do.
    pub fn is_playing(&self, now: Moment) -> bool {
        let fills = self.filling.as_ref().is_some_and(|filling| filling.next <= now);
        (self.player.is_some() || fills || !self.pressing.is_idle()) && self.mixed.is_none()
    }

    /// Once a second: what has just been found of it, and its report if one is due. `answered`: in a talk, whether the
    /// other side speaks.
    pub fn look_after(&mut self, now: Moment, answered: bool, rng: &mut StdRng) -> Found {
        if self.report_at <= now && !self.silence.is_elsewhere() {
            self.report_at = now + REPORT_EVERY.mul_f64(rng.random_range(0.5..1.5));
            self.report(now, false);
        }
        // Its phone may go on from elsewhere.
        if self.source.as_mut().is_some_and(|source| source.falls_silent(now)) {
            self.ground.rtp.disconnect();
        }
        let expects = self.agreement.is_some_and(|agreement| agreement.direction == Direction::Both);
        let dead = self.silence.dies(now, expects);
        let in_talk = expects && answered && self.joined.is_some();
        Found { dead, one_way: if in_talk { self.silence.one_way(now, &self.far) } else { None } }
    }

    /// Says goodbye; the figures of what was received, and the port that is free.
    pub fn close(mut self, now: Moment) -> (Option<Quality>, Option<u16>) {
        self.report(now, true);
        (self.reception.quality(self.far.figures()), self.ground.port)
    }

    pub(super) fn send(&mut self, now: Moment, packet: &[u8]) {
        let Self { source: Some(source), interpreter, sealed, ground, .. } = self else { return };
        let mut out = |packet: &[u8]| seal_and_send(ground, source, sealed, packet);
        match interpreter {
            None => out(packet),
            Some(interpreter) => interpreter.say(now, packet, &mut out),
        }
    }
}

pub(super) fn seal_and_send(ground: &Ground, source: &Source, sealed: &mut Option<Box<Sealed>>, packet: &[u8]) {
    match sealed {
        None => send(&ground.rtp, source, packet),
        Some(sealed) => sealed.seal(packet).into_iter().for_each(|sealed| send(&ground.rtp, source, sealed)),
    }
}

/// What a packet of the leg's own is.
fn what(agreement: &Agreement, payload_type: u8) -> Option<What> {
    let heard = &agreement.heard;
    match heard.codec(payload_type) {
        Some(codec) => Some(What::Sound(codec)),
        None if heard.keys == Some(payload_type) => Some(What::Key),
        None if heard.opus == Some(payload_type) => Some(What::Opus),
        None if payload_type == COMFORT_NOISE => Some(What::Noise),
        None => None,
    }
}

/// The byte of silence.
fn silence(codec: Codec) -> u8 {
    if codec == Codec::G722 { g722::SILENCE } else { g711::of_linear(codec, 0) }
}

/// A full buffer or a closed port of theirs loses a packet, as networks do.
pub(super) fn send(rtp: &Socket, source: &Source, packet: &[u8]) {
    let _: io::Result<usize> =
        if source.is_certain() { rtp.send(packet) } else { rtp.send_to(packet, source.target()) };
}
