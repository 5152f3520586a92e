//! hotline.toml: `[sip]`, with the trunks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::{sound, time, time_within, trunks};
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::scalars::time_text;
use crate::config::source::Files;
use crate::config::{Surroundings, written};
use crate::ids::TrunkId;
use crate::ivr::AnswerWhen;
use crate::media::Srtp;
use crate::sip::{LEAST_SESSION, Listen, Settings, Timers, Transport};

/// Signalling, RFC 4594 §2.3 of old; many networks know no CS5.
const CS3: u8 = 24;
const REALM: &str = "hotline";
const REGISTER_MIN: Duration = Duration::from_secs(60);
const REGISTER_MAX: Duration = Duration::from_secs(3600);
const REGISTER_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7 * 24 * 3600));
const NONCE_LIFETIME: Duration = Duration::from_secs(300);
const FLOW_GRACE: Duration = Duration::from_secs(15);
const FLOW_GRACE_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
const SESSION_EXPIRES: Duration = Duration::from_secs(30 * 60);
const SESSION_LIMITS: (Duration, Duration) = (LEAST_SESSION, Duration::from_secs(24 * 3600));
/// The shipped 5,000 pairs of ports are enough for so many callers and 1,000 seats.
const MAX_CALLS: usize = 4_000;
/// Each call has two legs with two sockets each, and a record: more would not fit one process.
const MOST_CALLS: usize = 100_000;

pub struct Signalling {
    /// Without seats and guard.
    pub settings: Settings,
    pub answer: AnswerWhen,
    /// Where `listen` is written, if a listener can be reached from outside.
    pub public: Option<Place>,
    /// How trunks want their sound encrypted that say so.
    pub srtp: BTreeMap<TrunkId, Srtp>,
    /// Where it is required.
    pub srtp_required: Vec<(Place, String)>,
    pub tones: BTreeSet<TrunkId>,
    pub direct: BTreeSet<TrunkId>,
}

pub fn read(dir: &Path, files: &Files, surroundings: &Surroundings, faults: &mut Faults) -> Option<Signalling> {
    let sip = reader::table::<written::Sip>(&files.hotline, "sip", faults)?;
    let written = &sip.written;
    let listen: Vec<Listen> = match &written.listen {
        Some(listen) => listen.iter().map(|listener| listener.0).collect(),
        None => [Transport::Udp, Transport::Tcp]
            .map(|transport| Listen { transport, addr: ([127, 0, 0, 1], 5060).into() })
            .to_vec(),
    };
    if listen.is_empty() {
        sip.fault(faults, "listen", "no listener: no call could arrive; e.g. [\"udp:127.0.0.1:5060\"]");
    }
    let (trunks, trunks::OfSound { srtp, srtp_required, tones, direct }) =
        trunks::read(dir, files, surroundings, &listen, faults);
    for (index, listener) in listen.iter().enumerate().filter(|(_, listener)| listener.addr.port() != 0) {
        if listen[..index].contains(listener) {
            sip.fault(faults, "listen", format!("{} is there twice", listener.addr));
        }
    }
    let advertise = advertise(&sip, &listen, faults);
    let answer = match written.answer.as_deref() {
        None | Some("at-once") => AnswerWhen::AtOnce,
        Some("on-connect") => AnswerWhen::OnConnect,
        Some(other) => {
            sip.fault(faults, "answer", format!("found {other:?}; \"at-once\" and \"on-connect\" are allowed"));
            AnswerWhen::AtOnce
        }
    };
    let register_min = time_within(&sip, "register_min", &written.register_min, REGISTER_MIN, REGISTER_LIMITS, faults);
    let register_max = time_within(&sip, "register_max", &written.register_max, REGISTER_MAX, REGISTER_LIMITS, faults);
    if register_min > register_max {
        sip.fault(
            faults,
            "register_min",
            format!("{} is longer than register_max, {}", time_text(register_min), time_text(register_max)),
        );
    }
    let flow_grace = time_within(&sip, "flow_grace", &written.flow_grace, FLOW_GRACE, FLOW_GRACE_LIMITS, faults);
    let session_expires = match &written.session_expires {
        Some(written) if written.0.is_zero() => Duration::ZERO,
        _ => time_within(&sip, "session_expires", &written.session_expires, SESSION_EXPIRES, SESSION_LIMITS, faults),
    };
    let min_se = time_within(&sip, "min_se", &written.min_se, LEAST_SESSION, SESSION_LIMITS, faults);
    let max_calls = written.max_calls.unwrap_or(MAX_CALLS);
    if max_calls == 0 || max_calls > MOST_CALLS {
        sip.fault(faults, "max_calls", format!("found {max_calls}; from 1 to {MOST_CALLS} is allowed"));
    }
    let realm = written.realm.clone().unwrap_or_else(|| REALM.into());
    if realm.is_empty() || realm.contains(['"', '\\', ':']) || realm.chars().any(char::is_control) {
        sip.fault(
            faults,
            "realm",
            format!("found {realm:?}; a realm is a text without quotes, colons and backslashes"),
        );
    }
    let public = listen.iter().any(|listener| !listener.addr.ip().is_loopback()).then(|| sip.place("listen"));
    let settings = Settings {
        listen,
        advertise,
        realm,
        trunks,
        numbers: Default::default(),
        name_servers: written.name_servers.iter().flat_map(|servers| servers.0.clone()).collect(),
        seats: Default::default(),
        register_min,
        register_max,
        nonce_lifetime: time(&written.nonce_lifetime, NONCE_LIFETIME),
        flow_grace,
        session_expires,
        min_se,
        redirects: written.redirects.iter().flatten().map(|network| network.0).collect(),
        max_calls,
        guard: None,
        dscp: sound::dscp(&sip, written.dscp.as_deref(), CS3, faults),
        timers: Timers::default(),
    };
    Some(Signalling { settings, answer, public, srtp, srtp_required, tones, direct })
}

/// 0.0.0.0 and [::] can be told to no phone: each needs an address of its family in its place.
fn advertise(sip: &Element<'_, written::Sip>, listen: &[Listen], faults: &mut Faults) -> Vec<IpAddr> {
    let advertise = sip.written.advertise.as_ref().map(|addresses| addresses.0.clone()).unwrap_or_default();
    for v4 in [true, false] {
        let family = if v4 { "IPv4" } else { "IPv6" };
        let told: Vec<&IpAddr> = advertise.iter().filter(|ip| ip.is_ipv4() == v4).collect();
        let nameless = listen.iter().find(|l| l.addr.ip().is_unspecified() && l.addr.is_ipv4() == v4);
        match (told.as_slice(), nameless) {
            ([], Some(listener)) => {
                let ip = listener.addr.ip();
                let what = format!("{ip} can be told to no phone: sip.advertise must name an {family} address");
                sip.fault(faults, "listen", what);
            }
            ([ip], _) if ip.is_unspecified() => {
                sip.fault(faults, "advertise", format!("found {ip}; an address that others reach is meant"));
            }
            ([], None) | ([_], _) => {}
            (many, _) => {
                let what = format!("there are {} {family} addresses; one of each family can be told", many.len());
                sip.fault(faults, "advertise", what);
            }
        }
    }
    advertise
}
