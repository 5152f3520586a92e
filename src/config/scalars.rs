//! Values that are more than text: times, addresses, ranges, networks.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::sip::message::Uri;
use crate::sip::{Host, Listen, NextHop, Transport};

/// A time with its unit.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(format!("found {text}; a time needs a unit, e.g. \"20s\", \"500ms\" or \"2m\""));
    }
    let wrong = |_| format!("found {text:?}; a time looks like \"20s\", \"500ms\", \"2m\" or \"1h\"");
    let time: jiff::SignedDuration = text.parse().map_err(wrong)?;
    Duration::try_from(time).map_err(|_| format!("found {text:?}; a time cannot be negative"))
}

/// A time as an admin would write it.
pub fn time_text(time: Duration) -> String {
    let (seconds, millis) = (time.as_secs(), time.as_millis());
    match (millis % 1000, seconds % 60, seconds % 3600) {
        (0, 0, 0) if seconds > 0 => format!("{}h", seconds / 3600),
        (0, 0, _) if seconds > 0 => format!("{}m", seconds / 60),
        (0, ..) => format!("{seconds}s"),
        _ => format!("{millis}ms"),
    }
}

/// A type that is written as text: `$read` makes it, or says what is wrong.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident($inner:ty), $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(try_from = "String")]
        #[schemars(with = "String")]
        pub struct $name(pub $inner);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let read: fn(&str) -> Result<$inner, String> = $read;
                read(text.trim()).map($name)
            }
        }
    };
}

text!(
    /// A time with its unit: `20s`, `500ms`, `2m`, `1h`.
    Time(Duration), parse_time
);
text!(
    /// A day: `2026-10-01`.
    CalendarDate(jiff::civil::Date), |text| text.parse().map_err(|_| format!("found {text:?}; a date is meant, e.g. \"2026-10-01\""))
);
text!(
    /// A difference of loudness: `-6 dB`.
    Decibels(f64), decibels
);
text!(
    /// A level below full scale, or none: `-20 dB`, `off`.
    Level(Option<f64>), |text| if text == "off" { Ok(None) } else { decibels(text).map(Some) }
);
text!(
    /// Where to listen: `udp:127.0.0.1:5060`, `tcp:[::1]:5060`.
    Listener(Listen), listener
);
text!(
    /// First and last port: `20000-29999`.
    PortRange(RangeInclusive<u16>), port_range
);
text!(
    /// An address, or a network: `10.0.0.5`, `10.0.0.0/8`, `::1`.
    Network(IpNet), network
);
text!(
    /// An IP address.
    Address(IpAddr), |text| text.parse().map_err(|_| format!("found {text:?}; an IP address is meant, e.g. \"192.0.2.5\""))
);
text!(
    /// An address with a port: `127.0.0.1:8080`.
    Endpoint(SocketAddr), |text| text.parse().map_err(|_| format!("found {text:?}; an address with a port is meant, e.g. \"127.0.0.1:8080\""))
);

text!(
    /// Where a program is asked over HTTP: `http://10.0.0.7:8000/case`, `https://cases.example/hook`.
    Url(String), url
);

fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_url = rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().is_ok_and(|port| port > 0)),
            _ => (host, true),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
        port && !name.is_empty() && name.chars().all(is_name) && rest.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let wrong = || format!("found {text:?}; a URL is meant, e.g. \"http://10.0.0.7:8000/case\"");
    is_url.then(|| text.to_string()).ok_or_else(wrong)
}

fn next_hop(text: &str) -> Result<NextHop, String> {
    let wrong = || {
        format!(
            "found {text:?}; a SIP address without a user is meant, e.g. \"sip:192.0.2.5:5060\", \
             \"sip:carrier.example\", \"sips:carrier.example\" or \"sip:192.0.2.5:5060;transport=tcp\""
        )
    };
    // As listeners are written: tls:192.0.2.5:5061.
    let short = [Transport::Udp, Transport::Tcp, Transport::Tls].into_iter().find_map(|transport| {
        let rest = text.strip_prefix(transport.uri_name().unwrap_or("udp"))?.strip_prefix(':')?;
        Some(format!("sip:{rest};transport={}", transport.via_name().to_lowercase()))
    });
    let Some(Uri::Sip(uri)) = Uri::parse(short.as_deref().unwrap_or(text)) else { return Err(wrong()) };
    let transport = match uri.params.get("transport") {
        None => None,
        Some(name) => Some(Transport::of_name(name).filter(|transport| !transport.is_web()).ok_or_else(wrong)?),
    };
    let is_plain =
        uri.user.is_none() && uri.headers.is_none() && uri.params.0.iter().all(|(name, _)| name == "transport");
    if !is_plain || (uri.secure && transport.is_some_and(|transport| transport != Transport::Tls)) {
        return Err(wrong());
    }
    let host = match uri.host.parse() {
        Ok(ip) => Host::Address(ip),
        Err(_) if is_host(&uri.host) => Host::Name(uri.host.to_ascii_lowercase()),
        Err(_) => return Err(wrong()),
    };
    Ok(NextHop { host, port: uri.port, transport, secure: uri.secure })
}

/// A name as it is looked up: letters, digits and hyphens between dots; numbers alone would be an address gone wrong.
pub fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(is_label) && name.bytes().any(|b| b.is_ascii_alphabetic())
}

/// An IP address, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "OneOrMany")]
#[schemars(with = "OneOrMany")]
pub struct Addresses(pub Vec<IpAddr>);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "an address or a list of addresses is meant")]
#[schemars(inline)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Addresses {
    type Error = String;

    fn try_from(written: OneOrMany) -> Result<Self, String> {
        let texts = match written {
            // In the environment a list is written with commas.
            OneOrMany::One(text) => text.split(',').map(str::to_string).collect(),
            OneOrMany::Many(texts) => texts,
        };
        texts
            .into_iter()
            .map(|text| Address::try_from(text).map(|address| address.0))
            .collect::<Result<_, _>>()
            .map(Addresses)
    }
}

/// Where requests are sent, `sip:192.0.2.5:5060`, `sips:carrier.example` or `tls:192.0.2.5:5061`, or a list of such.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "OneOrMany")]
#[schemars(with = "OneOrMany")]
pub struct NextHops(pub Vec<NextHop>);

impl TryFrom<OneOrMany> for NextHops {
    type Error = String;

    fn try_from(written: OneOrMany) -> Result<Self, String> {
        let texts = match written {
            OneOrMany::One(text) => text.split(',').map(str::to_string).collect(),
            OneOrMany::Many(texts) => texts,
        };
        texts.iter().map(|text| next_hop(text.trim())).collect::<Result<_, _>>().map(NextHops)
    }
}

/// One address with a port, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "OneOrMany")]
#[schemars(with = "OneOrMany")]
pub struct Endpoints(pub Vec<SocketAddr>);

impl TryFrom<OneOrMany> for Endpoints {
    type Error = String;

    fn try_from(written: OneOrMany) -> Result<Self, String> {
        let texts = match written {
            OneOrMany::One(text) => text.split(',').map(str::to_string).collect(),
            OneOrMany::Many(texts) => texts,
        };
        let all = texts.into_iter().map(|text| Endpoint::try_from(text).map(|endpoint| endpoint.0));
        all.collect::<Result<_, _>>().map(Endpoints)
    }
}

fn decibels(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("dB").and_then(|number| number.trim_end().parse::<f64>().ok());
    number
        .filter(|number| number.is_finite())
        .ok_or_else(|| format!("found {text:?}; decibels are meant, e.g. \"-20 dB\""))
}

fn listener(text: &str) -> Result<Listen, String> {
    let wrong = || format!("found {text:?}; a listener looks like \"udp:127.0.0.1:5060\" or \"tcp:[::1]:5060\"");
    let (name, addr) = text.split_once(':').ok_or_else(wrong)?;
    let transport = Transport::of_name(name).filter(|_| name.bytes().all(|byte| byte.is_ascii_lowercase()));
    let transport =
        transport.ok_or_else(|| format!("found transport {name:?}; udp, tcp, tls, ws and wss are spoken"))?;
    Ok(Listen { transport, addr: addr.parse().map_err(|_| wrong())? })
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("found {text:?}; a range looks like \"20000-29999\"");
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let (first, last): (u16, u16) =
        (first.trim().parse().map_err(|_| wrong())?, last.trim().parse().map_err(|_| wrong())?);
    if first < 1024 {
        return Err(format!("begins at {first}; ports from 1024 on are free for sound"));
    }
    if last <= first + first % 2 {
        return Err(format!("found {text:?}; at least one pair of ports (an even one and the next) is needed"));
    }
    Ok(first..=last)
}

fn network(text: &str) -> Result<IpNet, String> {
    let alone = text.parse::<IpAddr>().map(IpNet::from);
    alone
        .or_else(|_| text.parse())
        .map_err(|_| format!("found {text:?}; an address (\"10.0.0.5\") or a network (\"10.0.0.0/8\") is meant"))
}
