//! What signalling says to the rest of the house, and is told by it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::guard;
pub use super::session::reason::Reason;
pub use super::trunks::words::{
    Host, Located, NextHop, NoRoom, Password, Place, Trunk, TrunkAccount, TrunkState, TrunkView,
};
pub use super::ways::{Hop, Listen, Transport};
use crate::ids::{CallId, LegId, SeatId, TrunkId};
use crate::moment::Moment;

// ---------------------------------------------------------------------------------------------
// Settings

/// Signalling as the admin meant it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where requests are accepted; never empty. Requests of ours leave by
    /// the one that is nearest to where they go.
    pub listen: Vec<Listen>,
    /// The addresses written into Contact and Via where a listener is bound to a wildcard address: one of each
    /// family that has such a listener.
    pub advertise: Vec<IpAddr>,
    /// Digest realm, RFC 3261 §22.1.
    pub realm: String,
    /// Sources whose calls are accepted without a challenge.
    pub trunks: Vec<Trunk>,
    /// The numbers of ours that may be dialled.
    pub numbers: BTreeSet<String>,
    /// Who is asked where the names of trunks lead. Empty: whom the system asks.
    pub name_servers: Vec<SocketAddr>,
    pub seats: BTreeMap<SeatId, SeatAccount>,
    /// Lifetime of a registration: the least that is granted (shorter asks get 423), and the most.
    pub register_min: Duration,
    pub register_max: Duration,
    /// How long a digest nonce is good; an older one is answered `stale=true`.
    pub nonce_lifetime: Duration,
    /// How long a talk stands whose browser lost its connection.
    pub flow_grace: Duration,
    /// Session timers, RFC 4028: a session that nobody refreshes for so long is over; zero: we ask for none. And the
    /// least that is agreed on, 90 s or more.
    pub session_expires: Duration,
    pub min_se: Duration,
    /// Where a seat's phone may send its calls on (3xx); elsewhere that is a refusal.
    pub redirects: Vec<IpNet>,
    /// INVITE server transactions at once, above which new calls get 503 with Retry-After.
    pub max_calls: usize,
    /// What strangers may send. `None`: nobody is a stranger, as to a softphone.
    pub guard: Option<guard::Limits>,
    /// The marking of signalling for networks, six bits (RFC 2474).
    pub dscp: u8,
    /// RFC 3261 §17.1.1.1 T1, T2, T4; T1 = 500 ms, T2 = 4 s, T4 = 5 s unless a test says otherwise.
    pub timers: Timers,
}

impl Settings {
    /// The trunk by which calls of ours go out when all is well: with the least priority, of those alike the first.
    pub fn way_out(&self) -> Option<&Trunk> {
        self.trunks.iter().filter(|trunk| !trunk.to.is_empty()).min_by_key(|trunk| trunk.priority)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    pub t1: Duration,
    pub t2: Duration,
    pub t4: Duration,
    /// An INVITE of which nothing was said within this is answered 100. RFC 3261 §17.2.1 has 200 ms, of which the
    /// switchboard may rest twice. Zero: at once.
    pub trying: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self { t1: ms(500), t2: ms(4_000), t4: ms(5_000), trying: ms(125) }
    }
}

/// The least that a session lasts without being refreshed, and what is meant where nothing is said, RFC 4028 §5.
pub const LEAST_SESSION: Duration = Duration::from_secs(90);

/// Longest number that is dialled outside: 15 digits (E.164) and a prefix.
pub const MAX_DIALLED: usize = 20;

/// Whether a number may be dialled over a trunk: digits, perhaps after a plus, and no more of them than a
/// number has. Everything else (names, codes, parameters) is no number and goes nowhere.
pub fn is_dialable(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    (1..=MAX_DIALLED).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A seat's account. A seat with neither secret nor contact cannot be reached.
#[derive(Clone, Debug, Default)]
pub struct SeatAccount {
    /// What the phone must prove to register.
    pub secret: Option<Secret>,
    /// A desk phone that never registers: always reachable there, e.g. `sip:8001@10.0.0.5:5060`. An IP address,
    /// over UDP or TCP.
    pub contact: Option<String>,
    /// The phone is asked to answer by itself, as [`Invite::auto_answer`] does for one call.
    pub auto_answer: bool,
}

/// A secret as it is kept: HA1 = H(seat ":" realm ":" password), lower-case hex, RFC 8760 §2.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub ha1_md5: String,
    pub ha1_sha256: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

// ---------------------------------------------------------------------------------------------
// The network, as the endpoint sees it

/// Index into [`Settings::listen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub usize);

impl ListenerId {
    /// No listener of signalling's own: the web server took the connection and handed it in.
    pub const GATE: ListenerId = ListenerId(usize::MAX);
}

/// One connection (TCP, TLS, WebSocket), numbered by the shell that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Where bytes came from, and the way an answer goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    pub listener: ListenerId,
    pub transport: Transport,
    pub remote: SocketAddr,
    /// `None` for UDP, for TCP when no connection is open yet (the shell opens one), and for a phone whose
    /// connection is gone.
    pub connection: Option<ConnectionId>,
}

/// Bytes to send. The shell reports a failure with `Endpoint::unsent`.
#[derive(Clone, Debug)]
pub struct Transmit {
    pub flow: Flow,
    pub bytes: Vec<u8>,
    /// To somebody who was let in: a connection of theirs may be idle for long.
    pub known: bool,
    /// There is another way: a connection that is not there soon is not waited for.
    pub hurried: bool,
}

// ---------------------------------------------------------------------------------------------
// Sessions: commands from the call, events to it

/// A body with its type, e.g. `application/sdp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub content_type: String,
    pub bytes: Vec<u8>,
}

impl Body {
    pub fn sdp(bytes: Vec<u8>) -> Self {
        Self { content_type: "application/sdp".into(), bytes }
    }
}

/// Somebody as shown on a phone: user part of the URI and display name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Party {
    pub number: String,
    pub display: Option<String>,
}

/// A call that somebody sent on to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diverted {
    /// What was dialled first.
    pub number: String,
    /// Why it was sent on from there, in the words of RFC 5806, e.g. `no-answer`. `None`: nobody says.
    pub reason: Option<&'static str>,
}

/// Whose call it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Trunk(TrunkId),
    /// Proved by digest, or by the address of its fixed contact.
    Seat(SeatId),
}

/// Why a phone rings no more whose call another answered: so it does not list it as missed, RFC 3326 §2.
pub const ANSWERED_ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// Max-Forwards of what begins here, RFC 3261 §8.1.1.6.
pub const HOPS: u8 = 70;

/// An INVITE that was admitted. `100 Trying` is sent where nothing else is soon.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub leg: LegId,
    pub sip_call_id: String,
    /// What was dialled: as the house writes it, if it is a number of ours.
    pub number: String,
    pub caller: Party,
    /// Where a trusted trunk says that the call was sent on to us.
    pub diverted: Option<Diverted>,
    pub source: Source,
    pub remote: SocketAddr,
    /// Anybody may have sent it: a datagram, and nothing in it shows that its sender is where it seems to come from.
    pub forgeable: bool,
    /// They acknowledge what is described to them before the answer, RFC 3262: [`Event::Acked`].
    pub reliable: bool,
    /// Max-Forwards, at least 1.
    pub hops: u8,
    /// `None`: a late offer; our 200 makes it and the ACK answers, RFC 3261 §13.2.1.
    pub offer: Option<Body>,
    /// Whose place it takes.
    pub replaces: Option<Replaced>,
}

/// What a call takes the place of, RFC 3891.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// A talk of the same seat.
    Talk(LegId),
    /// Our INVITE that rings at a seat's phone, whichever: whether it may be taken from there the call says.
    Ring(LegId),
}

impl Replaced {
    pub fn talk(self) -> Option<LegId> {
        if let Replaced::Talk(leg) = self { Some(leg) } else { None }
    }
}

/// Where a phone's user sends whom they talk with, RFC 3515.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferTo {
    /// User part of the Refer-To: a number or a name.
    Number(String),
    /// To whom the same seat talks on this leg, RFC 5589 §7.
    Leg(LegId),
}

#[derive(Clone, Debug)]
pub struct Invite {
    pub leg: LegId,
    pub to: Target,
    /// Shown to the callee as From.
    pub caller: Party,
    /// The leg of whoever calls, where a call is passed on: what its carrier asserted of them goes on to carriers that are
    /// trusted with it. `None`: the house calls, under a number of its own.
    pub on_behalf_of: Option<LegId>,
    /// Call-ID; `None`: one is drawn.
    pub sip_call_id: Option<String>,
    /// Max-Forwards: of a call that is passed on, one less than it came with, RFC 7332 §4; else [`HOPS`].
    pub hops: u8,
    /// The phone is asked to answer by itself, as whoever sits there wants this call: `Answer-Mode` (RFC 5373),
    /// and what phones listened to before it.
    pub auto_answer: bool,
    /// Told as `X-Hotline-Call`, by which a page finds its call on the board. Not for outside.
    pub call: Option<CallId>,
    /// No limit of a trunk holds it up.
    pub urgent: bool,
    pub body: Option<Body>,
    /// What these trunks are sent in its place.
    pub over: BTreeMap<TrunkId, Body>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Seat(SeatId),
    /// A number outside, for which [`is_dialable`] holds; others are refused with 403. Over this trunk, or over
    /// whichever is best.
    Trunk {
        trunk: Option<TrunkId>,
        number: String,
    },
    Uri(String),
}

/// What the call wants of signalling.
#[derive(Clone, Debug)]
pub enum Command {
    /// 180 on a caller's leg.
    Ring { leg: LegId },
    /// 183 with a body: early media.
    Progress { leg: LegId, body: Body },
    /// 200 to the caller's INVITE. The body is an answer, or an offer after a late offer. After
    /// [`Command::Progress`] it repeats the same answer.
    Accept { leg: LegId, body: Body },
    /// A final refusal of the caller's INVITE.
    Refuse { leg: LegId, status: u16 },
    /// What a 488 of ours on that leg says of their description, in a Warning (RFC 3261 §20.43).
    Warn { leg: LegId, code: u16, why: String },
    /// A new leg of ours.
    Invite(Invite),
    /// Ends a leg, whatever its state: CANCEL, BYE, or 480 to an INVITE that is still open.
    /// `reason` goes into a Reason header (RFC 3326), e.g. [`ANSWERED_ELSEWHERE`].
    Hangup { leg: LegId, reason: Option<String> },
    /// re-INVITE of ours with a new offer.
    Reoffer { leg: LegId, body: Body },
    /// One that did not go out yet, because something of theirs is open, is not sent any more: what answers theirs is
    /// newer.
    DropReoffer { leg: LegId },
    /// Their sound comes to us no longer, or does again: then silence tells nobody that they are gone.
    Unheard { leg: LegId, unheard: bool },
    /// 200 to a re-INVITE, UPDATE or PRACK of theirs.
    AcceptReoffer { leg: LegId, body: Body },
    /// 488 (or another) to any of them; the session goes on as it was.
    RefuseReoffer { leg: LegId, status: u16 },
    /// Whoever sits there may take what rings at others, or may not any more: the lamps of their phone tell how it is
    /// asked for, [`Replaced::Ring`].
    MayPickUp { seat: SeatId, may: bool },
    /// How far that which [`Event::Refer`] asked for has come, as a status of SIP; a final one is the last.
    Referred { leg: LegId, status: u16 },
    /// Whoever is on this leg is sent to whom we talk with on the other, to talk with them in our place: REFER with
    /// Replaces, RFC 5589 §7. Both legs stay as they are; what becomes of it is told by [`Event::Release`].
    Release { leg: LegId, to: LegId },
}

/// What is known of a REFER of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseNews {
    /// They have the REFER; what becomes of it is told later.
    Taken,
    /// They talk with each other without us.
    Done,
    /// It was taken, and nobody will say what becomes of it, RFC 4488 §4.
    Untold,
    /// They said no, to the REFER or later.
    Refused { status: u16 },
    /// Nobody answered, or said within the time what became of it, or they ended the subscription before they had.
    Silent,
    /// By what they said of themselves they know no REFER, or one of both knows no Replaces: nothing was sent.
    NotKnown,
    /// Whom they would be sent to names an address that is not known to be their carrier's, or a number that nobody
    /// dialled: nothing was sent.
    Untrusted,
}

/// What signalling tells the call.
#[derive(Clone, Debug)]
pub enum Event {
    Incoming(Incoming),
    /// The ACK for a 200 of ours, or the PRACK for what described our sound before it. `answer`: to our offer in it; none
    /// to one within a session leaves that as it was.
    Acked {
        leg: LegId,
        answer: Option<Body>,
    },
    /// An INVITE of ours is on its way over this trunk; told again when it goes over another.
    GoesOver {
        leg: LegId,
        trunk: TrunkId,
    },
    /// 180 on a leg of ours.
    Ringing {
        leg: LegId,
    },
    /// 183 with a body on a leg of ours.
    Progress {
        leg: LegId,
        body: Body,
    },
    /// 200 to our INVITE; the ACK has been sent. `body` answers our offer.
    Answered {
        leg: LegId,
        body: Option<Body>,
    },
    /// Our INVITE was refused, or ran out (408), or there was no way to send it (503). The leg is gone.
    Refused {
        leg: LegId,
        status: u16,
    },
    /// re-INVITE, UPDATE or PRACK of theirs; `None` asks us for an offer. Wants
    /// [`Command::AcceptReoffer`] or [`Command::RefuseReoffer`].
    Reoffer {
        leg: LegId,
        body: Option<Body>,
    },
    /// Our re-INVITE was answered (200 with a body), or refused.
    ReofferAnswered {
        leg: LegId,
        result: Result<Option<Body>, u16>,
    },
    /// An INFO body, already answered 200.
    Info {
        leg: LegId,
        body: Body,
    },
    /// A seat's phone sends the other side of its talk elsewhere; already accepted (202). Wants
    /// [`Command::Referred`], also when the leg is gone meanwhile.
    Refer {
        leg: LegId,
        to: ReferTo,
    },
    /// What became of [`Command::Release`], told once, also when the other side has ended the leg meanwhile; before that
    /// perhaps [`ReleaseNews::Taken`].
    Release {
        leg: LegId,
        news: ReleaseNews,
    },
    /// Our 200 waited for their PRACK (RFC 3262 §5) and is not sent: this is what the INVITE was answered with.
    NotAccepted {
        leg: LegId,
        status: u16,
    },
    /// Why the leg ends or is refused that is told of next, as the message says that ends it; or as ours does, where
    /// nobody is there any more ([`Ended::Lost`]).
    Because {
        leg: LegId,
        reason: Reason,
    },
    /// The other side ended the leg, or it was lost. The leg is gone.
    Ended {
        leg: LegId,
        why: Ended,
    },
    /// A browser's connection under the dialog is gone; the leg stands. What is asked of it waits: until the phone
    /// is back over another connection ([`Event::FlowFound`]), or the call lets go.
    FlowLost {
        leg: LegId,
    },
    /// The same phone is back: it registered, or sent a request within the dialog, over another connection. A page
    /// that begins anew is not the same, and knows nothing of the dialog.
    FlowFound {
        leg: LegId,
    },
    /// The seat's phone can be reached (registered, or fixed), or no longer can. Told again when the phone is of
    /// another kind than the one before.
    SeatReachable {
        seat: SeatId,
        /// Registered over a WebSocket: its legs are a browser's.
        browser: bool,
    },
    SeatUnreachable {
        seat: SeatId,
    },
    /// The phone of this connection registered over another: unless it speaks again it is of no more use.
    LeftBehind {
        connection: ConnectionId,
    },
    /// The account of a softphone of ours is registered, or was refused.
    AccountRegistered,
    AccountRefused {
        status: u16,
    },
    /// For the store: so that registrations survive a restart. `None`: gone.
    Binding {
        seat: SeatId,
        binding: Option<Binding>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Bye,
    /// CANCEL before our 200, or the time was over that the INVITE named, RFC 3261 §13.3.1. 487 has been sent.
    Cancelled,
    /// No ACK for our 200 within 64 × T1, RFC 3261 §13.3.1.4; BYE has been sent.
    NoAck,
    /// We offered first, and the ACK did not answer, RFC 3261 §13.2.1; BYE has been sent.
    NoAnswer,
    /// A request of ours within the dialog got 408 or 481 or could not be sent, RFC 3261 §12.2.1.2; what had to be
    /// acknowledged or refreshed was not, RFC 3262 §3, RFC 4028 §10.
    Lost,
}

/// Where a registered phone is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The Contact URI as registered.
    pub contact: String,
    /// Where the REGISTER came from: requests go back there (symmetric, RFC 5626 in spirit).
    pub remote: SocketAddr,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    pub transport: String,
    /// The proxies between, as they were told in its Path (RFC 3327); not known of registrations of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// The address of ours that it came to; not known of registrations of older versions.
    #[serde(default)]
    pub listener: Option<SocketAddr>,
    pub expires_at: Moment,
}
