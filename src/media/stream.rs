//! What our descriptions say of our one stream of sound, RFC 8866 §5.14 and §6.6. Pure.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::opus::conversion::Events;
use super::sdp::{Flow, Media};
use super::srtp::sdes::Crypto;
use super::words::Codec;

/// The usual number of Opus, which has a dynamic one.
const OPUS: u8 = 111;
/// What we take: mono and stereo of any length come anyway. RFC 7587 §6.1.
pub const OPUS_PARAMETERS: &str = "minptime=20;useinbandfec=1";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Sound,
    Refused(String),
}

/// What we say of our stream.
pub struct Stream<'a> {
    pub proto: &'a str,
    pub types: &'a [(u8, Codec)],
    pub keys: &'a [Events],
    pub noise: Option<u8>,
    pub flow: Flow,
    pub mux: bool,
    /// Where it is not the next port of the same host, RFC 3605.
    pub rtcp: Option<SocketAddr>,
    pub crypto: &'a [Crypto],
}

/// Everything from the first `t=` on.
pub fn body(layout: &[Line], port: u16, stream: &Stream<'_>) -> String {
    let Stream { proto, types, keys, noise, flow, mux, rtcp, crypto } = stream;
    let mut body = String::from("t=0 0\r\n");
    for line in layout {
        match line {
            Line::Refused(line) => {
                let _ = write!(body, "{line}\r\n");
            }
            Line::Sound => {
                let keys_numbers = keys.iter().map(|keys| keys.payload_type);
                let numbers = types.iter().map(|(payload_type, _)| *payload_type).chain(*noise).chain(keys_numbers);
                let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
                let _ = write!(body, "m=audio {port} {proto} {}\r\n", numbers.join(" "));
                for line in *crypto {
                    let _ = write!(body, "{}\r\n", line.write());
                }
                for (payload_type, codec) in *types {
                    let (name, rate) = encoding(*codec);
                    let _ = write!(body, "a=rtpmap:{payload_type} {name}/{rate}\r\n");
                    if *codec == Codec::Opus {
                        let _ = write!(body, "a=fmtp:{payload_type} {OPUS_PARAMETERS}\r\n");
                    }
                }
                if let Some(noise) = noise {
                    let _ = write!(body, "a=rtpmap:{noise} CN/8000\r\n");
                }
                for Events { payload_type: keys, rate } in *keys {
                    let _ = write!(body, "a=rtpmap:{keys} telephone-event/{rate}\r\na=fmtp:{keys} 0-15\r\n");
                }
                let _ = write!(body, "a=ptime:20\r\na={}\r\n", flow.attribute());
                if *mux {
                    body.push_str("a=rtcp-mux\r\n");
                }
                if let Some(rtcp) = rtcp {
                    let _ = write!(body, "a=rtcp:{} IN {} {}\r\n", rtcp.port(), family(rtcp.ip()), rtcp.ip());
                }
            }
        }
    }
    body
}

/// RFC 8866 §5.7.
pub fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IP4" } else { "IP6" }
}

/// RFC 3551 §6.
pub fn static_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
        Codec::G722 => 9,
        Codec::Opus => OPUS,
    }
}

/// Name, clock rate and, where they are told, channels.
pub fn encoding(codec: Codec) -> (&'static str, &'static str) {
    match codec {
        Codec::Pcma => ("PCMA", "8000"),
        Codec::Pcmu => ("PCMU", "8000"),
        Codec::G722 => ("G722", "8000"),
        Codec::Opus => ("opus", "48000/2"),
    }
}

/// RFC 3264 §6: a refused stream is repeated with port 0.
pub fn refused(media: &Media) -> String {
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let formats: Vec<String> = media.formats.iter().map(|format| clean(format)).collect();
    format!(
        "m={} 0 {} {}",
        clean(&media.kind),
        clean(&media.proto),
        if formats.is_empty() { "0".into() } else { formats.join(" ") }
    )
}
