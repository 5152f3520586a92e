//! A session description as it comes, RFC 8866, read leniently: order, line ends and unknown lines do not
//! matter, limits do.

use std::net::IpAddr;

use super::srtp::sdes::Crypto;

/// A larger body is nobody's offer of sound.
const MAX_BODY: usize = 64 * 1024;
const MAX_LINES: usize = 512;
const MAX_MEDIA: usize = 64;
/// Keys of one stream: a suite more than anybody has is worth nothing.
const MAX_CRYPTO: usize = 16;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    pub media: Vec<Media>,
    /// What the session says for streams that do not say it themselves.
    pub secure: Secure,
    /// Names of streams that are to share a connection, RFC 9143.
    pub bundle: Vec<String>,
}

/// One half of ICE (RFC 8839 §5.4) and DTLS (RFC 8122 §5, RFC 4145 §4), as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secure {
    pub ufrag: Option<String>,
    pub password: Option<String>,
    pub fingerprints: Vec<String>,
    pub setup: Option<String>,
}

/// One `m=` line with what belongs to it; what the session says is filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    pub kind: String,
    pub port: u16,
    pub proto: String,
    pub formats: Vec<String>,
    pub address: Option<Address>,
    /// Payload type, encoding name in lower case, clock rate.
    pub maps: Vec<(u8, String, u32)>,
    /// Payload type, format parameters (RFC 8866 §6.15) as written.
    pub parameters: Vec<(u8, String)>,
    pub flow: Flow,
    /// Where reports go, RFC 3605; without an address where the sound goes.
    pub rtcp: Option<(u16, Option<Address>)>,
    pub rtcp_mux: bool,
    pub mid: Option<String>,
    pub secure: Secure,
    /// The first source that is named, RFC 5576.
    pub ssrc: Option<u32>,
    /// Keys that can be used, in their order.
    pub crypto: Vec<Crypto>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Ip(IpAddr),
    /// A host name, which is not looked up.
    Name(String),
}

/// What the other side means to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Flow {
    pub fn attribute(self) -> &'static str {
        match self {
            Flow::SendRecv => "sendrecv",
            Flow::SendOnly => "sendonly",
            Flow::RecvOnly => "recvonly",
            Flow::Inactive => "inactive",
        }
    }

    fn read(attribute: &str) -> Option<Flow> {
        [Flow::SendRecv, Flow::SendOnly, Flow::RecvOnly, Flow::Inactive]
            .into_iter()
            .find(|flow| flow.attribute() == attribute)
    }
}

/// Reads a description; `Err` says what makes it unreadable.
pub fn read(body: &[u8]) -> Result<Description, String> {
    if body.len() > MAX_BODY {
        return Err(format!("{} bytes; at most {MAX_BODY} are read", body.len()));
    }
    let text = String::from_utf8_lossy(body);
    let mut description = Description::default();
    let (mut address, mut flow) = (None, Flow::default());
    for (number, line) in text.lines().enumerate() {
        if number >= MAX_LINES {
            return Err(format!("more than {MAX_LINES} lines"));
        }
        let Some((kind, value)) = line.trim().split_once('=') else { continue };
        let media = description.media.last_mut();
        match (kind.trim(), media) {
            ("m", _) => {
                if description.media.len() >= MAX_MEDIA {
                    return Err(format!("more than {MAX_MEDIA} m= lines"));
                }
                let media = media_line(value).ok_or_else(|| format!("m={value} cannot be read"))?;
                description.media.push(Media { address: address.clone(), flow, ..media });
            }
            ("c", Some(media)) => media.address = connection(value).or(media.address.take()),
            ("c", None) => address = connection(value),
            ("a", Some(media)) => attribute(media, value),
            ("a", None) => {
                flow = Flow::read(value.trim()).unwrap_or(flow);
                if let Some(names) = value.trim().strip_prefix("group:BUNDLE") {
                    description.bundle = names.split_ascii_whitespace().map(str::to_string).collect();
                }
                secure(&mut description.secure, value);
            }
            _ => {}
        }
    }
    if description.media.is_empty() {
        return Err("no m= line".into());
    }
    Ok(description)
}

fn media_line(value: &str) -> Option<Media> {
    let mut words = value.split_ascii_whitespace();
    let kind = words.next()?.to_ascii_lowercase();
    // `49170/2` asks for two port pairs; the first is taken.
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let proto = words.next()?.to_ascii_uppercase();
    Some(Media { kind, port, proto, formats: words.map(str::to_string).collect(), ..Media::default() })
}

fn connection(value: &str) -> Option<Address> {
    let mut words = value.split_ascii_whitespace();
    let (network, _family) = (words.next()?, words.next()?);
    if !network.eq_ignore_ascii_case("IN") {
        return None;
    }
    let host = words.next()?.split('/').next()?;
    Some(host.parse().map_or_else(|_| Address::Name(host.to_string()), Address::Ip))
}

fn attribute(media: &mut Media, value: &str) {
    let (name, rest) = value.split_once(':').unwrap_or((value, ""));
    match name.trim() {
        "rtpmap" => {
            if let Some((payload_type, encoding)) = rest.trim().split_once(char::is_whitespace)
                && let Ok(payload_type) = payload_type.parse()
            {
                let mut parts = encoding.trim().split('/');
                let name = parts.next().unwrap_or_default().to_ascii_lowercase();
                let rate = parts.next().and_then(|rate| rate.trim().parse().ok()).unwrap_or(8000);
                media.maps.push((payload_type, name, rate));
            }
        }
        "fmtp" => {
            if let Some((payload_type, parameters)) = rest.trim().split_once(char::is_whitespace)
                && let Ok(payload_type) = payload_type.parse()
            {
                media.parameters.push((payload_type, parameters.trim().to_string()));
            }
        }
        "rtcp" => {
            let (port, address) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
            media.rtcp = port.parse().ok().map(|port| (port, connection(address)));
        }
        "rtcp-mux" => media.rtcp_mux = true,
        "mid" => media.mid = Some(rest.trim().to_string()),
        "ssrc" => {
            let named = || rest.split_ascii_whitespace().next()?.parse().ok();
            media.ssrc = media.ssrc.or_else(named);
        }
        "crypto" if media.crypto.len() < MAX_CRYPTO => media.crypto.extend(Crypto::read(rest)),
        "ice-ufrag" | "ice-pwd" | "fingerprint" | "setup" => secure(&mut media.secure, value),
        other => media.flow = Flow::read(other).unwrap_or(media.flow),
    }
}

fn secure(secure: &mut Secure, value: &str) {
    let Some((name, rest)) = value.split_once(':') else { return };
    let rest = rest.trim().to_string();
    match name.trim() {
        "ice-ufrag" => secure.ufrag = Some(rest),
        "ice-pwd" => secure.password = Some(rest),
        "fingerprint" => secure.fingerprints.push(rest),
        "setup" => secure.setup = Some(rest.to_ascii_lowercase()),
        _ => {}
    }
}
