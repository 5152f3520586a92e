//! What sound says to the rest of the house, and is told by it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{CallId, Language, LegId, Prompt, PromptName};
use crate::moment::Moment;
use crate::tape::{Place, Written};

/// Sound as the admin meant it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address that RTP sockets are bound to.
    pub bind: IpAddr,
    /// Address written into SDP, if it differs from `bind`.
    pub advertise: Option<IpAddr>,
    /// RTP takes the even port of a pair, RTCP the odd one.
    pub ports: RangeInclusive<u16>,
    /// Pairs that only legs which will be joined to another may take: a call that was let in can be answered.
    pub reserve: usize,
    /// Pairs that only emergencies may take.
    pub urgent: usize,
    /// Codecs in order of preference when we offer.
    pub codecs: Vec<Codec>,
    /// A leg that should send and from which nothing (RTP or RTCP) came for so long is dead.
    /// Zero: never.
    pub dead_after: Duration,
    /// In a talk a leg from which no sound came for so long, or which reported for so long that nothing arrives, while
    /// the other side speaks, is told of. Zero: never.
    pub one_way_after: Duration,
    /// The marking of sound for networks, six bits (RFC 2474).
    pub dscp: u8,
    /// A leg from which nothing is expected (hold, inactive) and nothing came for so long is dead.
    pub held_at_most: Duration,
    /// Worker threads; 0: one per core.
    pub workers: usize,
    pub prompts: Prompts,
    pub browser: Browser,
    /// For what begins from here on.
    pub recordings: Place,
    /// Of legs that have no rule of their own.
    pub srtp: Srtp,
}

/// Whether a phone's sound is encrypted, with keys from the descriptions (RFC 4568).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Srtp {
    /// Never.
    Off,
    /// Where they offer it; our offers are in the clear.
    #[default]
    IfOffered,
    /// Always: our offers have nothing else, and theirs are refused without it.
    Required,
}

impl Srtp {
    /// Whether our offers are.
    pub fn is_encrypted(self) -> bool {
        self == Srtp::Required
    }

    /// As it is written in the files.
    pub fn of_word(word: &str) -> Option<Srtp> {
        [Srtp::Off, Srtp::IfOffered, Srtp::Required].into_iter().find(|srtp| srtp.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Srtp::Off => "off",
            Srtp::IfOffered => "if-offered",
            Srtp::Required => "required",
        }
    }
}

/// Legs of browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    /// The one UDP port of all browser legs; port 0: any that is free.
    pub listen: SocketAddr,
    /// Address told to browsers, if it differs from that of `listen`.
    pub advertise: Option<IpAddr>,
    /// Legs, of phones too, that may speak Opus at once, each of which is decoded and encoded; further ones are spoken
    /// with in G.711.
    pub opus_at_once: usize,
    /// For the browser's side only: ours has a port that can be reached.
    pub ice_servers: Vec<IceServer>,
}

impl Browser {
    /// Any free port of an address; Opus as the settings have it where nothing else is written.
    pub fn on(address: IpAddr) -> Self {
        let listen = SocketAddr::new(address, 0);
        Self { listen, advertise: None, opus_at_once: OPUS_AT_ONCE, ice_servers: Vec::new() }
    }
}

/// Half of two cores: a leg in Opus costs 1 % of one, and a browser's 2 % with all that it needs.
pub const OPUS_AT_ONCE: usize = 50;

/// A STUN or TURN server that browsers may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:…`, `turn:…`, `turns:…` (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    pub username: Option<String>,
    pub credential: Option<String>,
}

/// The recordings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompts {
    /// Where they are: `DIR/zh/greeting.wav`, `DIR/en/greeting.wav`, `DIR/music.wav`.
    pub folder: PathBuf,
    /// Every language, and those whose recordings are played where it has none, the nearest first.
    pub fallbacks: BTreeMap<Language, Vec<Language>>,
    /// How loud they are played; `None`: as they were recorded.
    pub loudness: Option<Loudness>,
    /// Those that are played as music.
    pub music: BTreeSet<Prompt>,
    /// That the call is recorded; its end is told.
    pub notice: Option<PromptName>,
}

/// Levels of what is heard, in dB below full scale: the active speech level of ITU-T P.56.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    pub speech: f64,
    pub music: f64,
}

impl Prompts {
    /// Where a prompt's own recording is.
    pub fn file(&self, prompt: &Prompt) -> PathBuf {
        self.folder.join(format!("{prompt}.wav"))
    }

    /// How loud a prompt is to be.
    pub fn target(&self, prompt: &Prompt) -> Option<f64> {
        let loudness = self.loudness?;
        Some(if self.music.contains(prompt) { loudness.music } else { loudness.speech })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.722, static payload type 9. Its clock counts 8000 a second, though it has 16000 samples (RFC 3551 §4.5.2).
    G722,
    /// RFC 7587, a dynamic payload type. A leg that speaks it speaks G.711 or G.722 with the worker, or hands it on as it is.
    Opus,
}

impl Codec {
    pub const ALL: [Codec; 4] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];

    /// It carries sound up to 7 kHz and more.
    pub fn is_wide(self) -> bool {
        matches!(self, Codec::G722 | Codec::Opus)
    }

    /// In which it is decoded for those who mix or record it, and a prompt is mixed into it: G.711 as it is.
    pub fn law(self) -> Codec {
        match self {
            Codec::Pcma | Codec::Pcmu => self,
            Codec::G722 | Codec::Opus => Codec::Pcma,
        }
    }
}

/// What is at the other end of a leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LegKind {
    /// Plain RTP. A leg whose offer turns out to be a browser's becomes one.
    #[default]
    Phone,
    /// ICE and DTLS-SRTP.
    Browser,
}

/// What the call wants of sound. Commands on a leg that is gone are ignored.
#[derive(Clone, Debug)]
pub enum Command {
    /// Takes a port pair, unless it is a browser's. Legs of one call share a worker. `second`: to be joined to one
    /// that is open; it may have a pair of the reserve.
    /// `srtp`: a rule of its own.
    Open {
        leg: LegId,
        call: CallId,
        second: bool,
        kind: LegKind,
        srtp: Option<Srtp>,
    },
    /// The same for an emergency: the last pairs are kept for these.
    OpenUrgent {
        leg: LegId,
        call: CallId,
        srtp: Option<Srtp>,
    },
    /// Its next descriptions are as this rule wants them. Of two offers that were made under different rules, the one
    /// made under the last that was said is answered.
    Encrypt {
        leg: LegId,
        srtp: Srtp,
    },
    /// Makes an offer that names the leg `to` in our place, as that described itself → [`Event::Described`], or
    /// [`Event::Unacceptable`] where both do not take the same, in the clear. Until an offer or answer names us again, or
    /// [`Command::Watch`] says that it was refused, nothing is expected of the leg. An answer that has another address or
    /// codec is [`Event::Unacceptable`]; an offer that says nothing new is answered as it was before.
    OfferDirect {
        leg: LegId,
        to: LegId,
    },
    /// Asks whether the leg's sound comes from where it says that it receives → [`Event::Located`] as soon as it does.
    Locate {
        leg: LegId,
    },
    /// Makes our offer → [`Event::Described`]; it prefers the codec of the leg `like`, so that joining them
    /// converts nothing.
    MakeOffer {
        leg: LegId,
        like: Option<LegId>,
    },
    /// Applies their offer → [`Event::Described`] with our answer, or [`Event::Unacceptable`].
    TakeOffer {
        leg: LegId,
        sdp: Vec<u8>,
    },
    /// Applies their answer to our offer → [`Event::Agreed`] or [`Event::Unacceptable`].
    TakeAnswer {
        leg: LegId,
        sdp: Vec<u8>,
    },
    /// Plays the prompts in turn, then `looped` over and over (music). Replaces what was playing.
    /// → [`Event::Played`] with the same `token` when the last prompt ends, unless replaced before.
    Play {
        leg: LegId,
        token: u64,
        prompts: Vec<Prompt>,
        looped: Option<Prompt>,
    },
    /// Silence (nothing is sent) until told otherwise.
    Silence {
        leg: LegId,
    },
    /// Joins two legs of the same call: each hears the other. Ends what was playing on both.
    Join {
        a: LegId,
        b: LegId,
    },
    /// Several legs of one call: each hears the sum of those whom the pairs (ear, mouth) name for it, and nobody else.
    /// Said again, it is a new table; legs that are not named stay as they are. What played on legs that come into a
    /// mix is over; what is played afterwards is heard beside the others.
    Mix {
        legs: Vec<LegId>,
        hears: Vec<(LegId, LegId)>,
    },
    /// From now on keys pressed on this leg are told, and whoever hears it does not hear them …
    KeepKeys {
        leg: LegId,
    },
    /// … until they are passed on: each is pressed on whoever hears the leg by then. Keys that are not kept need none.
    PassKeys {
        leg: LegId,
        keys: String,
    },
    /// From now on keys are also heard in the sound of this leg, where its description has no RTP events.
    HearKeys {
        leg: LegId,
    },
    /// Parts a leg from the one it was joined with, or takes it out of its mix.
    Part {
        leg: LegId,
    },
    /// A key pressed inside an INFO; told as [`Event::Key`], and pressed on whoever hears the leg, unless the same
    /// key just came as RTP event.
    InfoKey {
        leg: LegId,
        key: char,
        duration_ms: u32,
    },
    /// Its phone hung up: nothing goes to it or is taken from it any more. What the leg hears is recorded still.
    HungUp {
        leg: LegId,
    },
    /// The call stands: from now on a leg that falls silent is told as [`Event::Dead`]. Before its 200 a phone
    /// owes us no sound.
    Watch {
        leg: LegId,
    },
    /// Records to a file in the place of recordings → [`Event::Recorded`] when it is complete: after
    /// [`Command::StopRecording`] or [`Command::Close`]. `began` is its beginning.
    Record {
        leg: LegId,
        call: CallId,
        file: String,
        sides: Sides,
        began: Moment,
    },
    /// Silence is recorded, or sound again.
    PauseRecording {
        leg: LegId,
        paused: bool,
    },
    StopRecording {
        leg: LegId,
    },
    /// Ends the leg's sound → [`Event::Closed`].
    Close {
        leg: LegId,
    },
}

#[derive(Clone, Debug)]
pub enum Event {
    /// Our offer, or our answer to theirs.
    Described {
        leg: LegId,
        sdp: Vec<u8>,
        direction: Direction,
    },
    /// Their answer was taken.
    Agreed {
        leg: LegId,
        direction: Direction,
    },
    /// Nothing in common, or not readable: 488 (or 400 when `malformed`).
    Unacceptable {
        leg: LegId,
        why: String,
        /// What a Warning calls it, RFC 3261 §20.43.
        code: u16,
        malformed: bool,
    },
    /// A leg that sent to another had something new to say, and was answered with our own description.
    CameHome {
        leg: LegId,
    },
    Located {
        leg: LegId,
    },
    /// No port pair is free: 503.
    Exhausted {
        leg: LegId,
    },
    Played {
        leg: LegId,
        token: u64,
    },
    /// One key press: `0`–`9`, `*`, `#`, `A`–`D`. Each exactly once.
    Key {
        leg: LegId,
        key: char,
    },
    /// Nothing was heard for `dead_after`, or while on hold for `held_at_most`.
    Dead {
        leg: LegId,
    },
    /// What the leg sends and hears is encrypted from here on, or no longer; a leg begins in the clear.
    Encrypted {
        leg: LegId,
        encrypted: bool,
    },
    /// In a talk sound goes one way only: that of this leg is missing, or what is said to it.
    OneWay {
        leg: LegId,
        what: OneWay,
    },
    Closed {
        leg: LegId,
        quality: Option<Quality>,
    },
    /// The notice that the call is recorded was heard on the leg to its end.
    Noticed {
        leg: LegId,
    },
    /// The recording of a leg, which may be gone, is complete on disk. `Err`: there is none, and why.
    Recorded {
        leg: LegId,
        call: CallId,
        recording: Result<Recording, String>,
    },
}

/// Which way there is no sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OneWay {
    /// Nothing comes from there.
    NothingComes,
    /// They report that nothing arrives there.
    NothingArrives,
}

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// All that the leg says: a message.
    CallerAlone,
    /// The leg on the left, and those whom it hears on the right; while it hears nobody, silence.
    Both,
}

/// A file of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// As it was asked for, e.g. `messages/06b7x3tm00000.wav`.
    pub file: String,
    pub written: Written,
    /// Sound that is not in it, because the disk did not keep up.
    pub lost: Duration,
    /// Why it ends before it was told to.
    pub fault: Option<String>,
}

/// What their description lets flow, seen from us, after RFC 3264 §6.1 and §8.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Both,
    /// They hold us: they only send (or sendonly), we must not expect to be heard.
    TheyHold,
    /// They only listen.
    TheyListen,
    /// Nothing flows.
    Neither,
}

impl Direction {
    /// The other side put the call on hold: sendonly, inactive, or `c=0.0.0.0` (RFC 3264 §8.4).
    pub fn is_hold(self) -> bool {
        matches!(self, Direction::TheyHold | Direction::Neither)
    }
}

/// How the sound of one leg was, from what we received.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Estimated mean opinion score, 1.0–4.5, of codec, loss and delay (ITU-T G.107, G.107.1).
    pub mos: f64,
    /// On which `mos` is.
    pub scale: Scale,
    /// Share of packets lost, 0.0–1.0; one that came twice came once.
    pub loss: f64,
    /// RFC 3550 §6.4.1, milliseconds; the mean over the call.
    pub jitter_ms: f64,
    /// What they reported of ours. `None`: nothing.
    pub far: Option<FarEnd>,
}

/// What a mean opinion score is measured against: 4.41 is the best of the telephone's band for who expects no more, and
/// would be 3.7 for who knows the wider one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// G.107: sound of 300 to 3400 Hz.
    Narrowband,
    /// G.107.1: sound of 50 to 7000 Hz.
    Wideband,
}

/// How our sound arrived there, as they reported it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FarEnd {
    pub loss: f64,
    pub jitter_ms: f64,
    /// The mean, RFC 3550 §6.4.1.
    pub round_trip_ms: Option<f64>,
}
