//! Offer and answer with a browser: one stream of sound over ICE and DTLS-SRTP (RFC 8829, RFC 5763). Pure.
//!
//! We are an ICE-lite agent with one address (RFC 8445 §2.5), and one codec is answered. Their credentials and
//! fingerprint are read here; ours are filled in by whoever holds the connection.

use std::fmt::Write;
use std::net::SocketAddr;

use crate::media::negotiation::{Line, Unacceptable, read, refused, static_type, unacceptable};
use crate::media::rtcp::Sender;
use crate::media::sdp::{Description, Flow, Media, Secure};
use crate::media::words::{Codec, Direction};

/// RFC 3551 §6: dynamic numbers, in offers of ours.
const OPUS: u8 = 111;
const KEYS: u8 = 101;
const KEYS_BESIDE_OPUS: u8 = 110;
/// RFC 8445 §5.3: lengths of user fragment and password.
const UFRAG: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD: std::ops::RangeInclusive<usize> = 22..=256;
const LONGEST_MID: usize = 32;
/// The hash of a certificate that every browser names (RFC 8122 §5), and its octets.
const HASH: (&str, usize) = ("sha-256", 32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    G711(Codec),
    Opus,
}

/// How a browser is spoken with: numbers are those of the packets it sends and gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talk {
    pub voice: Voice,
    pub payload_type: u8,
    pub keys: Option<u8>,
    /// The other law of G.711, where they may send that too: whoever answers with both sends either at any time,
    /// RFC 3264 §7.
    pub other: Option<(u8, Codec)>,
}

/// Who begins the DTLS handshake, RFC 4145 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    Active,
    Passive,
    Either,
}

/// Their side of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    pub ufrag: String,
    pub password: String,
    /// `sha-256 AB:CD:…`
    pub fingerprint: String,
    pub setup: Setup,
    /// The source they will send from, where they say it.
    pub ssrc: Option<u32>,
}

/// What was found in their description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub theirs: Theirs,
    pub talk: Talk,
    pub direction: Direction,
}

/// Our side of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    pub ufrag: String,
    pub password: String,
    pub fingerprint: String,
    pub address: SocketAddr,
    pub sender: Sender,
}

/// A description of ours that lacks our side of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    session_id: u64,
    version: u64,
    lines: Vec<Line>,
    mid: Option<String>,
    bundled: bool,
    types: Vec<Talk>,
    flow: Flow,
    setup: &'static str,
}

#[derive(Clone, Debug)]
pub struct Negotiation {
    session_id: u64,
    version: u64,
    codecs: Vec<Codec>,
    /// The `m=` lines agreed so far; a new offer keeps their number and order, RFC 3264 §8.
    layout: Vec<Line>,
    mid: Option<String>,
    bundled: bool,
    offered: Vec<Talk>,
    /// We answered this certificate as the one who waits for the handshake, or the one who begins it: that stays,
    /// RFC 8842 §5.5.
    setup: Option<(String, &'static str)>,
}

/// Whether an offer is meant for a browser's leg: it has no sound in the clear, and some over DTLS.
pub fn is_for_browsers(sdp: &[u8]) -> bool {
    let sound = |media: &&Media| media.kind == "audio" && media.port != 0;
    // Most phones name no secure profile at all: their offers are not read twice.
    let names_one = sdp.windows(b"/SAVP".len()).any(|at| at == b"/SAVP");
    names_one
        && read(sdp).is_ok_and(|theirs| {
            let mut sound = theirs.media.iter().filter(sound).peekable();
            sound.peek().is_some() && sound.all(is_secure)
        })
}

/// RTP/SAVPF with keys in the clear is a phone's.
fn is_secure(media: &Media) -> bool {
    match media.proto.as_str() {
        "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP" => true,
        "RTP/SAVPF" => media.crypto.is_empty(),
        _ => false,
    }
}

impl Negotiation {
    pub fn new(session_id: u64, codecs: &[Codec]) -> Self {
        Self {
            session_id,
            version: 0,
            codecs: laws(codecs),
            layout: vec![Line::Sound],
            mid: Some("0".into()),
            bundled: true,
            offered: Vec::new(),
            setup: None,
        }
    }

    /// What is spoken where nothing else is wanted.
    pub fn preferred(&self) -> Codec {
        self.codecs.first().copied().unwrap_or(Codec::Pcma)
    }

    /// Our offer: G.711 and, if it may be, Opus behind it; but `first` before all others.
    pub fn make_offer(&mut self, first: Option<Voice>, opus: bool) -> Draft {
        let talk = |voice, payload_type, keys| Talk { voice, payload_type, keys: Some(keys), other: None };
        let plain = |codec| talk(Voice::G711(codec), static_type(codec), KEYS);
        self.offered = self.codecs.iter().copied().map(plain).collect();
        if opus {
            self.offered.push(talk(Voice::Opus, OPUS, KEYS_BESIDE_OPUS));
        }
        self.offered.sort_by_key(|talk| Some(talk.voice) != first);
        self.draft(self.offered.clone(), Flow::SendRecv, "actpass")
    }

    /// Takes their offer, of which one codec is answered: `first` where it can be had, or else G.711 before Opus.
    pub fn take_offer(&mut self, sdp: &[u8], first: Option<Voice>, opus: bool) -> Result<(Draft, Found), Unacceptable> {
        let theirs = read(sdp)?;
        let rank = |talk: &&Talk| match talk.voice {
            voice if Some(voice) == first => 0,
            Voice::G711(codec) => 1 + self.codecs.iter().take_while(|ours| **ours != codec).count(),
            Voice::Opus => usize::MAX,
        };
        let may = |talk: &&Talk| opus || talk.voice != Voice::Opus;
        let (index, found) = choose(&theirs, |media| {
            let had = if opus { "PCMA, PCMU and Opus" } else { "PCMA and PCMU (no more Opus at once)" };
            self.talks(media).iter().filter(may).min_by_key(rank).copied().ok_or(had)
        })?;
        let media = &theirs.media[index];
        let line = |(at, media): (usize, &Media)| match at == index {
            true => Line::Sound,
            false => Line::Refused(refused_with_mid(media)),
        };
        self.layout = theirs.media.iter().enumerate().map(line).collect();
        self.mid = mid(media);
        self.bundled = self.mid.as_ref().is_some_and(|mid| theirs.bundle.contains(mid));
        let flow = match media.flow {
            Flow::SendRecv => Flow::SendRecv,
            Flow::SendOnly => Flow::RecvOnly,
            Flow::RecvOnly => Flow::SendOnly,
            Flow::Inactive => Flow::Inactive,
        };
        let setup = match (found.theirs.setup, &self.setup) {
            (Setup::Either, Some((fingerprint, before))) if *fingerprint == found.theirs.fingerprint => before,
            (Setup::Passive, _) => "active",
            _ => "passive",
        };
        self.setup = Some((found.theirs.fingerprint.clone(), setup));
        Ok((self.draft(vec![found.talk], flow, setup), found))
    }

    /// Takes their answer to our offer.
    pub fn take_answer(&mut self, sdp: &[u8]) -> Result<Found, Unacceptable> {
        let theirs = read(sdp)?;
        let (_, found) = choose(&theirs, |media| {
            // They send by our numbers and get by theirs, which are the same: RFC 3264 §6.1 has them repeat ours.
            let offered = |talk: Talk| {
                let ours = self.offered.iter().find(|offered| offered.voice == talk.voice)?;
                Some(Talk { keys: talk.keys.and(ours.keys), ..*ours })
            };
            let mut talks = self.talks(media).into_iter().filter_map(offered);
            let talk = talks.next().ok_or("what was offered")?;
            let other = talks.find_map(|other| match (talk.voice, other.voice) {
                (Voice::G711(law), Voice::G711(other_law)) if law != other_law => Some((other.payload_type, other_law)),
                _ => None,
            });
            Ok(Talk { other, ..talk })
        })?;
        if found.theirs.setup == Setup::Either {
            return Err(unacceptable("a=setup:actpass is no answer"));
        }
        // An offer of ours keeps the connection, whose other end is the one that was spoken with.
        if self.setup.as_ref().is_some_and(|(before, _)| *before != found.theirs.fingerprint) {
            return Err(unacceptable("another browser answers than the one that was spoken with"));
        }
        let setup = if found.theirs.setup == Setup::Passive { "active" } else { "passive" };
        self.setup = Some((found.theirs.fingerprint.clone(), setup));
        Ok(found)
    }

    /// Their sound that we know, in their order.
    fn talks(&self, media: &Media) -> Vec<Talk> {
        let types = || media.formats.iter().filter_map(|format| format.parse().ok()).filter(|number| *number < 128);
        let name = |number: u8| match media.maps.iter().find(|(mapped, ..)| *mapped == number) {
            Some((_, name, rate)) => (name.as_str(), *rate),
            None if number == static_type(Codec::Pcma) => ("pcma", 8_000),
            None if number == static_type(Codec::Pcmu) => ("pcmu", 8_000),
            None => ("", 0),
        };
        // Keys go by the clock of the sound beside them, RFC 4733 §2.1.
        let keys = |rate| types().find(|number| name(*number) == ("telephone-event", rate));
        let talk = |payload_type| {
            let (voice, rate) = match name(payload_type) {
                ("pcma", 8_000) => (Voice::G711(Codec::Pcma), 8_000),
                ("pcmu", 8_000) => (Voice::G711(Codec::Pcmu), 8_000),
                ("opus", 48_000) => (Voice::Opus, 48_000),
                _ => return None,
            };
            let known = |codec| self.codecs.contains(&codec);
            let spoken = if let Voice::G711(codec) = voice { known(codec) } else { true };
            spoken.then(|| Talk { voice, payload_type, keys: keys(rate), other: None })
        };
        types().filter_map(talk).collect()
    }

    fn draft(&mut self, types: Vec<Talk>, flow: Flow, setup: &'static str) -> Draft {
        self.version += 1;
        Draft {
            session_id: self.session_id,
            version: self.version,
            lines: self.layout.clone(),
            mid: self.mid.clone(),
            bundled: self.bundled,
            types,
            flow,
            setup,
        }
    }
}

/// Browsers are spoken with in G.711 and Opus, whatever else phones are spoken with.
fn laws(codecs: &[Codec]) -> Vec<Codec> {
    let mut laws: Vec<Codec> = codecs.iter().copied().filter(|codec| codec.law() == *codec).collect();
    if laws.is_empty() {
        laws = vec![Codec::Pcma, Codec::Pcmu];
    }
    laws
}

/// The first `m=` line with sound that we can do. `pick`: how it is spoken, or else what we have.
fn choose(
    theirs: &Description,
    pick: impl Fn(&Media) -> Result<Talk, &'static str>,
) -> Result<(usize, Found), Unacceptable> {
    let mut why = unacceptable("no m=audio line with a port");
    for (index, media) in theirs.media.iter().enumerate() {
        if media.kind != "audio" || media.port == 0 {
            continue;
        }
        match find(theirs, media, &pick) {
            Ok(found) => return Ok((index, found)),
            Err(fault) => why = fault,
        }
    }
    Err(why)
}

fn find(
    description: &Description,
    media: &Media,
    pick: impl Fn(&Media) -> Result<Talk, &'static str>,
) -> Result<Found, Unacceptable> {
    if !is_secure(media) {
        return Err(unacceptable(format!("{} is not what a browser speaks", media.proto)));
    }
    if !media.rtcp_mux {
        return Err(unacceptable("without a=rtcp-mux there is no way for RTCP here"));
    }
    let theirs = connection(&description.secure, media)?;
    let none = |had| unacceptable(format!("no codec in common: they have {}, we {had}", media.formats.join(" ")));
    let talk = pick(media).map_err(none)?;
    let direction = match media.flow {
        Flow::SendRecv => Direction::Both,
        Flow::RecvOnly => Direction::TheyListen,
        Flow::SendOnly => Direction::TheyHold,
        Flow::Inactive => Direction::Neither,
    };
    Ok(Found { theirs, talk, direction })
}

/// Their half of ICE and DTLS, from the stream or else from the session.
fn connection(session: &Secure, media: &Media) -> Result<Theirs, Unacceptable> {
    let own = &media.secure;
    let ice = |text: &Option<String>, session: &Option<String>, length: &std::ops::RangeInclusive<usize>| {
        let text = text.clone().or_else(|| session.clone())?;
        let is_ice = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        (length.contains(&text.len()) && text.bytes().all(is_ice)).then_some(text)
    };
    let ufrag =
        ice(&own.ufrag, &session.ufrag, &UFRAG).ok_or_else(|| unacceptable("no a=ice-ufrag that can be used"))?;
    let password = ice(&own.password, &session.password, &PASSWORD)
        .ok_or_else(|| unacceptable("no a=ice-pwd that can be used"))?;
    let fingerprints = if own.fingerprints.is_empty() { &session.fingerprints } else { &own.fingerprints };
    let fingerprint = fingerprints
        .iter()
        .find_map(|text| fingerprint(text))
        .ok_or_else(|| unacceptable("no a=fingerprint with SHA-256"))?;
    let setup = match own.setup.as_deref().or(session.setup.as_deref()) {
        Some("active") => Setup::Active,
        Some("passive") => Setup::Passive,
        // RFC 4145 §4: active is the default, and what an offerer without it can do at least.
        Some("actpass") => Setup::Either,
        None => Setup::Active,
        Some(other) => return Err(unacceptable(format!("a=setup:{other} cannot be answered"))),
    };
    Ok(Theirs { ufrag, password, fingerprint, setup, ssrc: media.ssrc })
}

/// As it is compared: the hash in lower case, the octets in capitals.
fn fingerprint(text: &str) -> Option<String> {
    let (hash, octets) = text.trim().split_once(' ')?;
    let (hash, octets) = (hash.to_ascii_lowercase(), octets.trim().to_ascii_uppercase());
    if hash != HASH.0 {
        return None;
    }
    let is_octet = |octet: &str| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
    (octets.split(':').count() == HASH.1 && octets.split(':').all(is_octet)).then(|| format!("{hash} {octets}"))
}

/// The stream's name, if it is one that can be repeated.
fn mid(media: &Media) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'(' | b')' | b',' | b'/' | b':');
    media.mid.clone().filter(|mid| !mid.is_empty() && mid.len() <= LONGEST_MID && mid.bytes().all(is_token))
}

/// Browsers want the names of refused streams repeated too.
fn refused_with_mid(media: &Media) -> String {
    let line = refused(media);
    match mid(media) {
        Some(mid) => format!("{line}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=inactive"),
        None => line,
    }
}

impl Draft {
    pub fn write(&self, ours: &Ours) -> Vec<u8> {
        let Ours { ufrag, password, fingerprint, address, sender: Sender { ssrc, cname } } = ours;
        let (family, ip, port) = (if address.is_ipv4() { "IP4" } else { "IP6" }, address.ip(), address.port());
        let mut text = format!(
            "v=0\r\no=- {} {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n",
            self.session_id, self.version
        );
        if let Some(mid) = self.mid.as_ref().filter(|_| self.bundled) {
            let _ = write!(text, "a=group:BUNDLE {mid}\r\n");
        }
        text.push_str("a=ice-lite\r\n");
        for line in &self.lines {
            if let Line::Refused(line) = line {
                let _ = write!(text, "{line}\r\n");
                continue;
            }
            let numbers: Vec<String> = self.numbers().iter().map(|(number, ..)| number.to_string()).collect();
            let _ = write!(text, "m=audio {port} UDP/TLS/RTP/SAVPF {}\r\n", numbers.join(" "));
            if let Some(mid) = &self.mid {
                let _ = write!(text, "a=mid:{mid}\r\n");
            }
            let _ = write!(
                text,
                "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:{fingerprint}\r\na=setup:{}\r\na=rtcp-mux\r\n",
                self.setup
            );
            for (number, name, parameters) in self.numbers() {
                let _ = write!(text, "a=rtpmap:{number} {name}\r\n");
                if !parameters.is_empty() {
                    let _ = write!(text, "a=fmtp:{number} {parameters}\r\n");
                }
            }
            let _ = write!(text, "a=ptime:20\r\na={}\r\n", self.flow.attribute());
            if matches!(self.flow, Flow::SendRecv | Flow::SendOnly) {
                let _ = write!(text, "a=msid:hotline sound\r\na=ssrc:{ssrc} cname:{cname}\r\n");
            }
            // RFC 8445 §5.1.2.1: a host's, as preferred as can be.
            let _ = write!(text, "a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\na=end-of-candidates\r\n");
        }
        text.into_bytes()
    }

    /// The numbers of the stream, each once: sound first, then keys.
    fn numbers(&self) -> Vec<(u8, &'static str, &'static str)> {
        let sound = self.types.iter().map(|talk| match talk.voice {
            Voice::G711(Codec::Pcmu) => (talk.payload_type, "PCMU/8000", ""),
            Voice::G711(_) => (talk.payload_type, "PCMA/8000", ""),
            Voice::Opus => (talk.payload_type, "opus/48000/2", "minptime=20;useinbandfec=1"),
        });
        let keys = self.types.iter().filter_map(|talk| match talk.voice {
            Voice::G711(_) => Some((talk.keys?, "telephone-event/8000", "0-15")),
            Voice::Opus => Some((talk.keys?, "telephone-event/48000", "0-15")),
        });
        let mut numbers: Vec<_> = sound.chain(keys).collect();
        let mut seen = [false; 128];
        numbers.retain(|(number, ..)| !std::mem::replace(&mut seen[usize::from(*number & 0x7F)], true));
        numbers
    }

    pub fn types(&self) -> &[Talk] {
        &self.types
    }
}
