//! Offer and answer of one leg, RFC 3264: one stream of sound, and key presses beside it.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::sdp::{self, Address, Description, Flow, Media};
use super::srtp::sdes::{Crypto, Secrets};
use super::srtp::terms::Terms;
use super::words::{Codec, Direction, Srtp};

/// RFC 4733, in offers of ours.
const KEYS: u8 = 101;

/// Comfort noise, RFC 3389 §5.
const NOISE: u8 = 13;

/// RFC 3551 §6: numbers below are taken, three of them by codecs of ours.
const FIRST_DYNAMIC: u8 = 96;
const KNOWN: [Codec; 3] = [Codec::Pcma, Codec::Pcmu, Codec::G722];

/// Our side of the stream; RTCP is on the next port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    pub address: IpAddr,
    pub rtp_port: u16,
    pub session_id: u64,
}

/// What both sides agreed on. Each side numbers what it receives: `heard` holds our numbers, the others are
/// theirs (RFC 3264 §5.1, §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub heard: Receives,
    /// What we send.
    pub codec: Codec,
    pub payload_type: u8,
    pub key_payload_type: Option<u8>,
    /// Comfort noise, where they take it, RFC 3389.
    pub noise: Option<u8>,
    /// Where they say they receive. An unspecified address: nowhere.
    pub remote: SocketAddr,
    pub remote_rtcp: SocketAddr,
    pub rtcp_mux: bool,
    pub direction: Direction,
}

/// What may arrive: every codec we described, in any packet, RFC 3264 §7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receives {
    codecs: [Option<(u8, Codec)>; 3],
    pub keys: Option<u8>,
    /// Sound that was made up in place of what was lost: it is heard, and counts as lost.
    pub concealed: Option<u8>,
    /// Opus as a browser sent it, between legs that both take it; it is neither decoded nor encoded.
    pub opus: Option<u8>,
}

impl Receives {
    pub(super) fn new(types: &[(u8, Codec)], keys: Option<u8>) -> Self {
        let mut types = types.iter().copied();
        Self { codecs: [types.next(), types.next(), types.next()], keys, concealed: None, opus: None }
    }

    /// One codec that Opus becomes, what is made up in it under a number of its own, and Opus as it is.
    pub(super) fn of_opus(codec: (u8, Codec), concealed: u8, opus: u8, keys: Option<u8>) -> Self {
        let codecs = [Some(codec), Some((concealed, codec.1)), None];
        Self { codecs, keys, concealed: Some(concealed), opus: Some(opus) }
    }

    pub fn has(&self, codec: Codec) -> bool {
        self.codecs.iter().flatten().any(|(_, heard)| *heard == codec)
    }

    pub fn codec(&self, payload_type: u8) -> Option<Codec> {
        self.codecs.iter().flatten().find(|(number, _)| *number == payload_type).map(|(_, codec)| *codec)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unacceptable {
    pub why: String,
    /// It could not be read at all: 400 rather than 488.
    pub malformed: bool,
}

pub(super) fn unacceptable(why: impl Into<String>) -> Unacceptable {
    Unacceptable { why: why.into(), malformed: false }
}

#[derive(Clone, Debug)]
pub struct Negotiation {
    local: Local,
    codecs: Vec<Codec>,
    version: u64,
    /// What we described last, without its version.
    described: String,
    /// The `m=` lines agreed so far; a new offer keeps their number and order, RFC 3264 §8.
    layout: Vec<Line>,
    keys: u8,
    /// Whether our offers have comfort noise.
    noise: bool,
    /// What our last offer described.
    offered: Receives,
    terms: Terms,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Sound,
    Refused(String),
}

/// What we found acceptable in one of their `m=` lines.
struct Match {
    index: usize,
    codec: Codec,
    payload_type: u8,
    keys: Option<u8>,
    noise: Option<u8>,
    crypto: Option<Crypto>,
}

/// What we say of our stream.
struct Stream<'a> {
    proto: &'a str,
    types: &'a [(u8, Codec)],
    keys: Option<u8>,
    noise: Option<u8>,
    flow: Flow,
    mux: bool,
    crypto: &'a [Crypto],
}

impl Negotiation {
    pub fn new(local: Local, codecs: &[Codec]) -> Self {
        Self {
            local,
            codecs: codecs.to_vec(),
            version: 0,
            described: String::new(),
            layout: vec![Line::Sound],
            keys: KEYS,
            noise: false,
            offered: Receives::default(),
            terms: Terms::default(),
        }
    }

    /// It may be encrypted, as the terms say.
    pub fn with_terms(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// By another rule from now on.
    pub fn encrypt(&mut self, srtp: Srtp) {
        self.terms.want(srtp);
    }

    /// Our offers have comfort noise from now on, for the leg that this one is joined with may send it.
    pub fn offer_noise(&mut self, noise: bool) {
        self.noise = noise;
    }

    /// What packets are encrypted with, as agreed last. `None`: they are in the clear.
    pub fn encryption(&self) -> Option<Secrets> {
        self.terms.secrets()
    }

    /// Our offer: every codec, `first` before the others; key presses, both ways.
    pub fn make_offer(&mut self, first: Option<Codec>) -> Vec<u8> {
        let mut types: Vec<(u8, Codec)> = self.codecs.iter().map(|codec| (static_type(*codec), *codec)).collect();
        types.sort_by_key(|(_, codec)| Some(*codec) != first);
        self.offered = Receives::new(&types, Some(self.keys));
        let (proto, crypto) = self.terms.offer();
        let (keys, noise) = (Some(self.keys), self.noise.then_some(NOISE));
        let stream = Stream { proto, types: &types, keys, noise, flow: Flow::SendRecv, mux: false, crypto };
        let body = body(&self.layout, self.local.rtp_port, &stream);
        self.describe(body)
    }

    /// Takes their offer; returns our answer.
    pub fn take_offer(&mut self, sdp: &[u8]) -> Result<(Vec<u8>, Agreement), Unacceptable> {
        let theirs = read(sdp)?;
        let found = self.choose(&theirs, |media| self.terms.choose(media))?;
        let media = &theirs.media[found.index];
        let heard = Receives::new(&[(found.payload_type, found.codec)], found.keys);
        let agreement = self.agree(media, &found, heard)?;
        self.layout = theirs
            .media
            .iter()
            .enumerate()
            .map(|(index, media)| if index == found.index { Line::Sound } else { Line::Refused(refused(media)) })
            .collect();
        if let Some(keys) = found.keys.filter(|keys| *keys >= FIRST_DYNAMIC) {
            self.keys = keys;
        }
        let flow = match (media.flow, agreement.direction) {
            (Flow::SendRecv, Direction::TheyHold) | (Flow::SendOnly, _) => Flow::RecvOnly,
            (Flow::SendRecv, _) => Flow::SendRecv,
            (Flow::RecvOnly, Direction::Neither) | (Flow::Inactive, _) => Flow::Inactive,
            (Flow::RecvOnly, _) => Flow::SendOnly,
        };
        let crypto = self.terms.take_offer(found.crypto);
        let stream = Stream {
            proto: if crypto.is_some() { &media.proto } else { "RTP/AVP" },
            types: &[(found.payload_type, found.codec)],
            keys: found.keys,
            noise: found.noise,
            flow,
            mux: agreement.rtcp_mux,
            crypto: crypto.as_slice(),
        };
        let body = body(&self.layout, self.local.rtp_port, &stream);
        Ok((self.describe(body), agreement))
    }

    /// Takes their answer to our offer.
    pub fn take_answer(&mut self, sdp: &[u8]) -> Result<Agreement, Unacceptable> {
        let theirs = read(sdp)?;
        let found = self.choose(&theirs, |media| self.terms.choose_answered(media))?;
        // Who does not answer with keys sends none.
        let heard = Receives { keys: found.keys.and(self.offered.keys), ..self.offered };
        let agreement = self.agree(&theirs.media[found.index], &found, heard)?;
        self.terms.take_answer(found.crypto);
        Ok(agreement)
    }

    /// The first `m=` line with sound that we can do, and the first codec of theirs that we know. `terms`: the line it
    /// is encrypted by, if it is, or why it is not spoken.
    fn choose(
        &self,
        theirs: &Description,
        terms: impl Fn(&Media) -> Result<Option<Crypto>, String>,
    ) -> Result<Match, Unacceptable> {
        let mut why = "no m=audio line with a port".to_string();
        for (index, media) in theirs.media.iter().enumerate() {
            if media.kind != "audio" || media.port == 0 {
                continue;
            }
            let crypto = match terms(media) {
                Ok(crypto) => crypto,
                Err(reason) => {
                    why = reason;
                    continue;
                }
            };
            let types = media.formats.iter().filter_map(|format| format.parse::<u8>().ok());
            let known = types.clone().find_map(|payload_type| Some((payload_type, self.codec(media, payload_type)?)));
            let Some((payload_type, codec)) = known else {
                let ours: Vec<&str> = self.codecs.iter().map(|codec| encoding(*codec)).collect();
                why = format!("no codec in common: they have {}, we {}", media.formats.join(" "), ours.join(" and "));
                continue;
            };
            let is_keys = |payload_type: &u8| {
                media.maps.iter().any(|(t, name, rate)| t == payload_type && name == "telephone-event" && *rate == 8000)
            };
            let keys = types.clone().find(is_keys);
            let is_noise = |payload_type: &u8| match media.maps.iter().find(|(mapped, ..)| mapped == payload_type) {
                Some((_, name, rate)) => name == "cn" && *rate == 8000,
                None => *payload_type == NOISE,
            };
            let noise = types.clone().find(is_noise);
            return Ok(Match { index, codec, payload_type, keys, noise, crypto });
        }
        Err(unacceptable(why))
    }

    fn codec(&self, media: &Media, payload_type: u8) -> Option<Codec> {
        let codec = match media.maps.iter().find(|(mapped, _, _)| *mapped == payload_type) {
            Some((_, name, 8000)) if name == "pcma" => Codec::Pcma,
            Some((_, name, 8000)) if name == "pcmu" => Codec::Pcmu,
            Some((_, name, 8000)) if name == "g722" => Codec::G722,
            Some(_) => return None,
            // RFC 3551 §6: the static types need no map.
            None => *KNOWN.iter().find(|codec| static_type(**codec) == payload_type)?,
        };
        self.codecs.contains(&codec).then_some(codec)
    }

    fn agree(&self, media: &Media, found: &Match, heard: Receives) -> Result<Agreement, Unacceptable> {
        let ip = match &media.address {
            Some(Address::Ip(ip)) => *ip,
            Some(Address::Name(name)) => {
                return Err(unacceptable(format!("the host name {name} in c= is not looked up")));
            }
            None => return Err(unacceptable("no c= line")),
        };
        // The old way to hold, RFC 3264 §8.4; in IPv4 whatever the family of the stream.
        let silent = ip.is_unspecified();
        if !silent && ip.is_ipv4() != self.local.address.is_ipv4() {
            return Err(unacceptable(format!("{ip} cannot be reached from {}", self.local.address)));
        }
        if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err(unacceptable(format!("{ip} is no single host")));
        }
        let direction = match (media.flow, silent) {
            (Flow::SendRecv, false) => Direction::Both,
            (Flow::RecvOnly, false) => Direction::TheyListen,
            (Flow::SendRecv | Flow::SendOnly, _) => Direction::TheyHold,
            (Flow::RecvOnly | Flow::Inactive, _) => Direction::Neither,
        };
        let rtcp = if media.rtcp_mux { media.port } else { media.rtcp_port.unwrap_or(media.port.saturating_add(1)) };
        Ok(Agreement {
            heard,
            codec: found.codec,
            payload_type: found.payload_type,
            key_payload_type: found.keys,
            noise: found.noise,
            remote: SocketAddr::new(ip, media.port),
            remote_rtcp: SocketAddr::new(ip, rtcp),
            rtcp_mux: media.rtcp_mux,
            direction,
        })
    }

    /// The version grows only when something changed, RFC 3264 §8.
    fn describe(&mut self, body: String) -> Vec<u8> {
        if self.described != body {
            self.version += 1;
            self.described = body;
        }
        let family = if self.local.address.is_ipv4() { "IP4" } else { "IP6" };
        let Local { address, session_id, .. } = self.local;
        let head = format!(
            "v=0\r\no=- {session_id} {} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\n",
            self.version
        );
        format!("{head}{}", self.described).into_bytes()
    }
}

/// Everything from the first `t=` on.
fn body(layout: &[Line], port: u16, stream: &Stream<'_>) -> String {
    let Stream { proto, types, keys, noise, flow, mux, crypto } = stream;
    let mut body = String::from("t=0 0\r\n");
    for line in layout {
        match line {
            Line::Refused(line) => {
                let _ = write!(body, "{line}\r\n");
            }
            Line::Sound => {
                let numbers = types.iter().map(|(payload_type, _)| *payload_type).chain(*noise).chain(*keys);
                let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
                let _ = write!(body, "m=audio {port} {proto} {}\r\n", numbers.join(" "));
                for line in *crypto {
                    let _ = write!(body, "{}\r\n", line.write());
                }
                for (payload_type, codec) in *types {
                    let _ = write!(body, "a=rtpmap:{payload_type} {}/8000\r\n", encoding(*codec));
                }
                if let Some(noise) = noise {
                    let _ = write!(body, "a=rtpmap:{noise} CN/8000\r\n");
                }
                if let Some(keys) = keys {
                    let _ = write!(body, "a=rtpmap:{keys} telephone-event/8000\r\na=fmtp:{keys} 0-15\r\n");
                }
                let _ = write!(body, "a=ptime:20\r\na={}\r\n", flow.attribute());
                if *mux {
                    body.push_str("a=rtcp-mux\r\n");
                }
            }
        }
    }
    body
}

pub(super) fn read(sdp: &[u8]) -> Result<Description, Unacceptable> {
    sdp::read(sdp).map_err(|why| Unacceptable { why, malformed: true })
}

pub(super) fn static_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
        Codec::G722 => 9,
    }
}

fn encoding(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcma => "PCMA",
        Codec::Pcmu => "PCMU",
        Codec::G722 => "G722",
    }
}

/// RFC 3264 §6: a refused stream is repeated with port 0.
pub(super) fn refused(media: &Media) -> String {
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let formats: Vec<String> = media.formats.iter().map(|format| clean(format)).collect();
    format!(
        "m={} 0 {} {}",
        clean(&media.kind),
        clean(&media.proto),
        if formats.is_empty() { "0".into() } else { formats.join(" ") }
    )
}
