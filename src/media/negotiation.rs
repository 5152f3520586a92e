//! Offer and answer of one leg, RFC 3264: one stream of sound, and key presses beside it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::opus::conversion::{AT_LEG, Events, OPUS_RATE, Spoken, Types};
use super::receives::Receives;
use super::sdp::{self, Address, Description, Flow, Media};
use super::srtp::sdes::{Crypto, Secrets};
use super::srtp::terms::Terms;
use super::stream::{self, Stream, encoding, family};
pub(super) use super::stream::{Line, refused, static_type};
use super::words::{Codec, Direction, Srtp};

/// RFC 4733 and RFC 7587, in offers of ours; keys beside Opus go by its clock.
const KEYS: u8 = 101;
const KEYS_BESIDE_OPUS: u8 = 110;
const KEYS_RATE: u32 = 8_000;

/// Comfort noise, RFC 3389 §5.
const NOISE: u8 = 13;

/// RFC 3551 §6: numbers below are taken, three of them by codecs of ours.
pub(super) const FIRST_DYNAMIC: u8 = 96;
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
    /// Opus is spoken with them: `heard`, `codec` and the numbers above are those of what it becomes.
    pub opus: Option<Spoken>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unacceptable {
    pub why: String,
    /// What a Warning calls it, RFC 3261 §20.43.
    pub code: u16,
    /// It could not be read at all: 400 rather than 488.
    pub malformed: bool,
}

/// RFC 3261 §20.43: an address of another family, no sound, no codec in common, and whatever has no code of its own.
const OTHER_ADDRESS: u16 = 301;
const NO_SUCH_MEDIA: u16 = 304;
const NO_SUCH_FORMAT: u16 = 305;
pub(super) const MISCELLANEOUS: u16 = 399;

pub(super) fn unacceptable(why: impl Into<String>) -> Unacceptable {
    Unacceptable { why: why.into(), code: MISCELLANEOUS, malformed: false }
}

#[derive(Clone, Debug)]
pub struct Negotiation {
    local: Local,
    codecs: Vec<Codec>,
    version: u64,
    /// What we described last, from `c=` on.
    described: String,
    /// The `m=` lines agreed so far; a new offer keeps their number and order, RFC 3264 §8.
    layout: Vec<Line>,
    numbers: Numbers,
    /// Whether our offers have comfort noise.
    noise: bool,
    opus: Opus,
    /// What our last offer described but for Opus, and whether it had that.
    offered: Receives,
    offered_opus: bool,
    terms: Terms,
}

/// Dynamic numbers of ours, or theirs where they named them first: those of a session never change, RFC 3264 §8.3.2.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    keys: u8,
    opus: u8,
    keys_beside_opus: u8,
}

impl Numbers {
    /// Each is another.
    fn apart(self) -> Self {
        let Self { keys, opus, keys_beside_opus } = self;
        let free = |wanted: u8, taken: &[u8]| {
            std::iter::once(wanted).chain(FIRST_DYNAMIC..128).find(|number| !taken.contains(number)).unwrap_or(wanted)
        };
        let opus = free(opus, &[keys]);
        Self { keys, opus, keys_beside_opus: free(keys_beside_opus, &[keys, opus]) }
    }
}

/// Whether Opus may be spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opus {
    #[default]
    Never,
    /// Where our codecs have it: where it is the first of them, or there is nothing else.
    AsListed,
    /// The same, and before all others: whoever this leg is joined with speaks it.
    Liked,
}

/// What we found acceptable in one of their `m=` lines.
struct Match {
    index: usize,
    codec: Codec,
    payload_type: u8,
    keys: Option<Events>,
    noise: Option<u8>,
    crypto: Option<Crypto>,
}

impl Negotiation {
    pub fn new(local: Local, codecs: &[Codec]) -> Self {
        Self {
            local,
            codecs: codecs.to_vec(),
            version: 0,
            described: String::new(),
            layout: vec![Line::Sound],
            numbers: Numbers { keys: KEYS, opus: static_type(Codec::Opus), keys_beside_opus: KEYS_BESIDE_OPUS },
            noise: false,
            opus: Opus::Never,
            offered: Receives::default(),
            offered_opus: false,
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

    /// Descriptions from now on may have Opus.
    pub fn may_speak_opus(&mut self, opus: Opus) {
        self.opus = opus;
    }

    pub fn knows(&self, codec: Codec) -> bool {
        self.codecs.contains(&codec)
    }

    /// What packets are encrypted with, as agreed last. `None`: they are in the clear.
    pub fn encryption(&self) -> Option<Secrets> {
        self.terms.secrets()
    }

    /// Our offer: every codec, `first` before the others, and next to it, if it has the wider band, who has that too; key
    /// presses, both ways.
    pub fn make_offer(&mut self, first: Option<Codec>) -> Vec<u8> {
        self.numbers = self.numbers.apart();
        let Numbers { keys, opus, keys_beside_opus } = self.numbers;
        let number = |codec| if codec == Codec::Opus { opus } else { static_type(codec) };
        let mut types: Vec<(u8, Codec)> = self.may().map(|codec| (number(codec), codec)).collect();
        let wide = first.is_some_and(Codec::is_wide);
        types.sort_by_key(|(_, codec)| (Some(*codec) != first, wide && !codec.is_wide()));
        let plain: Vec<(u8, Codec)> = types.iter().copied().filter(|(_, codec)| *codec != Codec::Opus).collect();
        self.offered = Receives::new(&plain, Some(keys));
        self.offered_opus = plain.len() < types.len();
        let keys = [Events { payload_type: keys, rate: KEYS_RATE }, beside_opus(keys_beside_opus)];
        let keys = if self.offered_opus { &keys[..] } else { &keys[..1] };
        let (proto, crypto) = self.terms.offer();
        let noise = self.noise.then_some(NOISE);
        let stream = Stream { proto, types: &types, keys, noise, flow: Flow::SendRecv, mux: false, rtcp: None, crypto };
        let body = stream::body(&self.layout, self.local.rtp_port, &stream);
        self.describe(self.local.address, body)
    }

    /// Takes their offer; returns our answer.
    pub fn take_offer(&mut self, sdp: &[u8]) -> Result<(Vec<u8>, Agreement), Unacceptable> {
        let theirs = read(sdp)?;
        let found = self.choose(&theirs, |media| self.terms.choose(media), |known| self.pick(known))?;
        let media = &theirs.media[found.index];
        let (heard, sends) = match found.codec {
            Codec::Opus => {
                let types = Types { opus: found.payload_type, keys: [found.keys, None] };
                let law = self.law();
                (Receives::of_opus(&[], law, found.keys.is_some()), Some(types))
            }
            codec => (Receives::new(&[(found.payload_type, codec)], found.keys.map(|keys| keys.payload_type)), None),
        };
        let agreement = self.agree(media, &found, heard, sends)?;
        self.layout = theirs
            .media
            .iter()
            .enumerate()
            .map(|(index, media)| if index == found.index { Line::Sound } else { Line::Refused(refused(media)) })
            .collect();
        self.remember(&found);
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
            keys: found.keys.as_slice(),
            noise: found.noise,
            flow,
            mux: agreement.rtcp_mux,
            rtcp: None,
            crypto: crypto.as_slice(),
        };
        let body = stream::body(&self.layout, self.local.rtp_port, &stream);
        Ok((self.describe(self.local.address, body), agreement))
    }

    /// Takes their answer to our offer.
    pub fn take_answer(&mut self, sdp: &[u8]) -> Result<Agreement, Unacceptable> {
        let theirs = read(sdp)?;
        let found = self.choose(&theirs, |media| self.terms.choose_answered(media), |known| known.first().copied())?;
        // Who does not answer with keys sends none.
        let keys = found.keys.and(self.offered.keys);
        let (heard, sends) = match found.codec {
            Codec::Opus => {
                let Numbers { opus, keys_beside_opus, .. } = self.numbers;
                let plain = keys.map(|payload_type| Events { payload_type, rate: KEYS_RATE });
                let types = Types { opus, keys: [keys.map(|_| beside_opus(keys_beside_opus)), plain] };
                let others: Vec<(u8, Codec)> = self.offered.types().collect();
                (Receives::of_opus(&others, self.law(), keys.is_some()), Some(types))
            }
            _ => (self.offered.with_keys(keys), None),
        };
        let agreement = self.agree(&theirs.media[found.index], &found, heard, sends)?;
        self.terms.take_answer(found.crypto);
        Ok(agreement)
    }

    /// Our offer that names another in our place, with the one codec, and the numbers, that it takes.
    pub(super) fn offer_another(&mut self, other: &Agreement) -> Vec<u8> {
        let keys = other.key_payload_type.map(|payload_type| Events { payload_type, rate: KEYS_RATE });
        let port = other.remote.port();
        let next = SocketAddr::new(other.remote.ip(), port.saturating_add(1));
        let rtcp = Some(other.remote_rtcp).filter(|rtcp| *rtcp != next);
        let types = [(other.payload_type, other.codec)];
        let (keys, noise, flow) = (keys.as_slice(), other.noise, Flow::SendRecv);
        let stream = Stream { proto: "RTP/AVP", types: &types, keys, noise, flow, mux: false, rtcp, crypto: &[] };
        let body = stream::body(&self.layout, port, &stream);
        self.describe(other.remote.ip(), body)
    }

    /// What they describe of a stream in the clear and in this codec. Nothing is taken of it.
    pub(super) fn look_at(&self, sdp: &[u8], codec: Codec) -> Result<Agreement, Unacceptable> {
        let theirs = read(sdp)?;
        let plain = |media: &Media| match media.proto == "RTP/AVP" && media.crypto.is_empty() {
            true => Ok(None),
            false => Err(format!("{} is no sound in the clear", media.proto)),
        };
        let found = self.choose(&theirs, plain, |known| known.iter().find(|(_, known)| *known == codec).copied())?;
        if theirs.media.len() != self.layout.len() || self.layout[found.index] != Line::Sound {
            return Err(unacceptable("other streams than before"));
        }
        self.agree(&theirs.media[found.index], &found, Receives::default(), None)
    }

    /// Codecs that may be spoken as of now.
    fn may(&self) -> impl Iterator<Item = Codec> + '_ {
        self.codecs.iter().copied().filter(|codec| *codec != Codec::Opus || self.opus != Opus::Never)
    }

    /// What Opus becomes.
    fn law(&self) -> Codec {
        self.codecs.iter().copied().find(|codec| codec.law() == *codec).unwrap_or(Codec::Pcma)
    }

    /// The first of what they offer. Opus, which may have to be decoded and encoded, is not taken for being the first
    /// of theirs alone.
    fn pick(&self, known: &[(u8, Codec)]) -> Option<(u8, Codec)> {
        let is_opus = |known: &&(u8, Codec)| known.1 == Codec::Opus;
        let first = if self.opus == Opus::Liked {
            known.iter().find(is_opus)
        } else if self.codecs.first() == Some(&Codec::Opus) {
            None
        } else {
            known.iter().find(|known| !is_opus(known))
        };
        first.or(known.first()).copied()
    }

    /// The first `m=` line with sound that we can do, and which codec `pick` takes of those of theirs that we know.
    /// `terms`: the line it is encrypted by, if it is, or why it is not spoken.
    fn choose(
        &self,
        theirs: &Description,
        terms: impl Fn(&Media) -> Result<Option<Crypto>, String>,
        pick: impl Fn(&[(u8, Codec)]) -> Option<(u8, Codec)>,
    ) -> Result<Match, Unacceptable> {
        let (mut why, mut code) = ("no m=audio line with a port".to_string(), NO_SUCH_MEDIA);
        for (index, media) in theirs.media.iter().enumerate() {
            if media.kind != "audio" || media.port == 0 {
                continue;
            }
            let crypto = match terms(media) {
                Ok(crypto) => crypto,
                Err(reason) => {
                    (why, code) = (reason, MISCELLANEOUS);
                    continue;
                }
            };
            let types = media.formats.iter().filter_map(|format| format.parse::<u8>().ok());
            let known = types.clone().filter_map(|payload_type| Some((payload_type, self.codec(media, payload_type)?)));
            let Some((payload_type, codec)) = pick(&known.collect::<Vec<_>>()) else {
                let ours: Vec<&str> = self.may().map(|codec| encoding(codec).0).collect();
                why = format!("no codec in common: they have {}, we {}", media.formats.join(" "), ours.join(" and "));
                code = NO_SUCH_FORMAT;
                continue;
            };
            let keys = |rate| {
                let is_keys = |payload_type: &u8| {
                    media.maps.iter().any(|(t, name, r)| t == payload_type && name == "telephone-event" && *r == rate)
                };
                types.clone().find(is_keys).map(|payload_type| Events { payload_type, rate })
            };
            let keys = match codec {
                Codec::Opus => keys(OPUS_RATE).or_else(|| keys(KEYS_RATE)),
                _ => keys(KEYS_RATE),
            };
            let is_noise = |payload_type: &u8| match media.maps.iter().find(|(mapped, ..)| mapped == payload_type) {
                Some((_, name, rate)) => name == "cn" && *rate == 8000,
                None => *payload_type == NOISE,
            };
            let noise = types.clone().find(is_noise).filter(|_| codec != Codec::Opus);
            return Ok(Match { index, codec, payload_type, keys, noise, crypto });
        }
        Err(Unacceptable { code, ..unacceptable(why) })
    }

    fn codec(&self, media: &Media, payload_type: u8) -> Option<Codec> {
        let codec = match media.maps.iter().find(|(mapped, _, _)| *mapped == payload_type) {
            Some((_, name, 8000)) if name == "pcma" => Codec::Pcma,
            Some((_, name, 8000)) if name == "pcmu" => Codec::Pcmu,
            Some((_, name, 8000)) if name == "g722" => Codec::G722,
            Some((_, name, OPUS_RATE)) if name == "opus" => Codec::Opus,
            Some(_) => return None,
            // RFC 3551 §6: the static types need no map.
            None => *KNOWN.iter().find(|codec| static_type(**codec) == payload_type)?,
        };
        self.may().any(|known| known == codec).then_some(codec)
    }

    /// `sends`: how they number Opus that they send.
    fn agree(
        &self,
        media: &Media,
        found: &Match,
        heard: Receives,
        sends: Option<Types>,
    ) -> Result<Agreement, Unacceptable> {
        let ip = self.host(media.address.as_ref().ok_or_else(|| unacceptable("no c= line"))?)?;
        // The old way to hold, RFC 3264 §8.4.
        let silent = ip.is_unspecified();
        let direction = match (media.flow, silent) {
            (Flow::SendRecv, false) => Direction::Both,
            (Flow::RecvOnly, false) => Direction::TheyListen,
            (Flow::SendRecv | Flow::SendOnly, _) => Direction::TheyHold,
            (Flow::RecvOnly | Flow::Inactive, _) => Direction::Neither,
        };
        let remote = SocketAddr::new(ip, media.port);
        let remote_rtcp = match &media.rtcp {
            _ if media.rtcp_mux => remote,
            Some((port, address)) => SocketAddr::new(self.control_host(address.as_ref()).unwrap_or(ip), *port),
            None => SocketAddr::new(ip, media.port.saturating_add(1)),
        };
        let takes = Types { opus: found.payload_type, keys: [found.keys, None] };
        let said = |name| parameter(media, found.payload_type, name);
        let most_bitrate = said("maxaveragebitrate").and_then(|value| value.parse().ok());
        let uses_fec = said("useinbandfec") == Some("1");
        let opus = sends.map(|sends| Spoken { sends, takes, most_bitrate, uses_fec });
        let codec = if opus.is_some() { self.law() } else { found.codec };
        Ok(Agreement {
            heard,
            codec,
            payload_type: if opus.is_some() { static_type(codec) } else { found.payload_type },
            key_payload_type: found.keys.map(|keys| if opus.is_some() { AT_LEG.keys } else { keys.payload_type }),
            noise: found.noise,
            remote,
            remote_rtcp,
            rtcp_mux: media.rtcp_mux,
            direction,
            opus,
        })
    }

    /// Whom packets may be sent to: a single host that can be reached, or nobody, which is told in IPv4 whatever the family
    /// of the stream.
    fn host(&self, address: &Address) -> Result<IpAddr, Unacceptable> {
        let ip = match address {
            Address::Ip(ip) => *ip,
            Address::Name(name) => return Err(unacceptable(format!("the host name {name} in c= is not looked up"))),
        };
        if !ip.is_unspecified() && ip.is_ipv4() != self.local.address.is_ipv4() {
            let why = unacceptable(format!("{ip} cannot be reached from {}", self.local.address));
            return Err(Unacceptable { code: OTHER_ADDRESS, ..why });
        }
        if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err(unacceptable(format!("{ip} is no single host")));
        }
        Ok(ip)
    }

    /// The same of reports; for one that will not do no call is refused.
    fn control_host(&self, address: Option<&Address>) -> Option<IpAddr> {
        address.and_then(|address| self.host(address).ok()).filter(|ip| !ip.is_unspecified())
    }

    /// Numbers that they have named are ours too.
    fn remember(&mut self, found: &Match) {
        let Numbers { keys, opus, keys_beside_opus } = &mut self.numbers;
        if found.codec == Codec::Opus {
            *opus = found.payload_type;
        }
        if let Some(Events { payload_type, rate }) = found.keys.filter(|keys| keys.payload_type >= FIRST_DYNAMIC) {
            *(if rate == OPUS_RATE { keys_beside_opus } else { keys }) = payload_type;
        }
    }

    /// The version grows only when something changed, RFC 3264 §8.
    fn describe(&mut self, receiver: IpAddr, body: String) -> Vec<u8> {
        let body = format!("c=IN {} {receiver}\r\n{body}", family(receiver));
        if self.described != body {
            self.version += 1;
            self.described = body;
        }
        self.again()
    }

    /// What we described last.
    pub(super) fn again(&self) -> Vec<u8> {
        let (Local { address, session_id, .. }, version) = (self.local, self.version);
        let head = format!("v=0\r\no=- {session_id} {version} IN {} {address}\r\ns=-\r\n", family(address));
        format!("{head}{}", self.described).into_bytes()
    }
}

pub(super) fn read(sdp: &[u8]) -> Result<Description, Unacceptable> {
    sdp::read(sdp).map_err(|why| Unacceptable { malformed: true, ..unacceptable(why) })
}

/// What they say of Opus that says how it is to be sent; all else says what they send, or may play.
fn parameter<'a>(media: &'a Media, payload_type: u8, wanted: &str) -> Option<&'a str> {
    let (_, parameters) = media.parameters.iter().find(|(number, _)| *number == payload_type)?;
    let value = |parameter: &'a str| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
    };
    parameters.split(';').find_map(value)
}

fn beside_opus(payload_type: u8) -> Events {
    Events { payload_type, rate: OPUS_RATE }
}
