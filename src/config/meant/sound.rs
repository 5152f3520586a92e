//! hotline.toml: `[media]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::secrets::{IS_A_MASK, MASK};
use super::signalling::Signalling;
use super::{number_within, time, time_within};
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::media::{Browser, Codec, IceServer, Loudness, OPUS_AT_ONCE, Prompts, Settings, Srtp, ports};
use crate::sip::Listen;

const DEAD_AFTER: Duration = Duration::from_secs(30);
/// A phone that is silent sends RTCP every five seconds or so.
const LEAST_DEAD_AFTER: Duration = Duration::from_secs(10);
/// Longer than people listen without a word; shorter than they wonder whether anybody is there.
const ONE_WAY_AFTER: Duration = Duration::from_secs(10);
const ONE_WAY_LIMITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// Expedited forwarding, RFC 3246.
const EF: u8 = 46;
const HELD_AT_MOST: Duration = Duration::from_secs(3600);
/// Nobody holds a citizen for a day; less than a minute would cut calls that are only being asked about.
const HELD_LIMITS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));
/// In dB below full scale: a little louder than people on the telephone, who speak at about -26 dB.
const LOUDNESS: f64 = -20.0;
const LOUDNESS_LIMITS: (f64, f64) = (-40.0, -6.0);
/// In dB above speech.
const MUSIC: f64 = -6.0;
const MUSIC_LIMITS: (f64, f64) = (-30.0, 0.0);
const CODECS: [(&str, Codec); 4] =
    [("pcma", Codec::Pcma), ("pcmu", Codec::Pcmu), ("g722", Codec::G722), ("opus", Codec::Opus)];
/// What is spoken where nothing is written, in this order.
const USUAL: [&str; 3] = ["pcma", "pcmu", "g722"];
const MOST_WORKERS: usize = 256;
const MOST_OPUS: usize = 10_000;

pub struct Sound {
    pub settings: Settings,
    /// Where the folder of the prompts is named.
    pub prompts: Place,
    /// Where the ports are.
    ports: Place,
    srtp: Place,
}

pub fn read(dir: &Path, files: &Files, faults: &mut Faults) -> Option<Sound> {
    let media = reader::table::<written::Media>(&files.hotline, "media", faults)?;
    let written = &media.written;
    let mut codecs = Vec::new();
    for name in written.codecs.clone().unwrap_or_else(|| USUAL.map(str::to_string).to_vec()) {
        match CODECS.iter().find(|(known, _)| *known == name) {
            Some((_, codec)) if codecs.contains(codec) => {}
            Some((_, codec)) => codecs.push(*codec),
            None => {
                let what = format!("found {name:?}; \"pcma\", \"pcmu\", \"g722\" and \"opus\" are spoken");
                media.fault(faults, "codecs", what);
            }
        }
    }
    if codecs.is_empty() {
        media.fault(faults, "codecs", "no codec: nobody could be heard; e.g. [\"pcma\", \"pcmu\"]");
    }
    if codecs == [Codec::Opus] {
        let what = "only \"opus\": nobody could be heard beyond media.browser.opus_at_once; e.g. [\"opus\", \"pcma\"]";
        media.fault(faults, "codecs", what);
    }
    let dead_after = time(&written.dead_after, DEAD_AFTER);
    if !dead_after.is_zero() && dead_after < LEAST_DEAD_AFTER {
        media.fault(
            faults,
            "dead_after",
            format!("found {dead_after:?}; \"0s\" (never) or at least {LEAST_DEAD_AFTER:?} is allowed"),
        );
    }
    let one_way_after = match &written.one_way_after {
        Some(written) if written.0.is_zero() => Duration::ZERO,
        written => time_within(&media, "one_way_after", written, ONE_WAY_AFTER, ONE_WAY_LIMITS, faults),
    };
    let held_at_most = time_within(&media, "held_at_most", &written.held_at_most, HELD_AT_MOST, HELD_LIMITS, faults);
    let workers = written.workers.unwrap_or(0);
    if workers > MOST_WORKERS {
        media.fault(faults, "workers", format!("found {workers}; at most {MOST_WORKERS} are allowed"));
    }
    let bind = written.bind.as_ref().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.0);
    let advertise = written.advertise.as_ref().map(|address| address.0);
    if bind.is_unspecified() && advertise.is_none() {
        media.fault(faults, "bind", format!("{bind} can be told to no phone: media.advertise must name an address"));
    }
    let settings = Settings {
        bind,
        advertise,
        ports: written.ports.as_ref().map_or(20_000..=29_999, |ports| ports.0.clone()),
        codecs,
        reserve: 0,
        urgent: 0,
        dead_after,
        one_way_after,
        dscp: dscp(&media, written.dscp.as_deref(), EF, faults),
        held_at_most,
        workers,
        prompts: Prompts {
            folder: prompts(dir, written.prompts.as_deref()),
            loudness: loudness(&media, faults),
            ..Prompts::default()
        },
        browser: browser(&media, bind, advertise, faults),
        recordings: Default::default(),
        srtp: srtp(&media, written.srtp.as_deref(), faults).unwrap_or_default(),
    };
    Some(Sound { settings, prompts: media.place("prompts"), ports: media.place("ports"), srtp: media.place("srtp") })
}

/// How packets are marked, RFC 2474: six bits, by name or number.
pub fn dscp<T>(element: &Element<'_, T>, written: Option<&str>, default: u8, faults: &mut Faults) -> u8 {
    let Some(written) = written else { return default };
    let digits: Option<Vec<u8>> =
        written.get(2..).map(|rest| rest.bytes().map(|byte| byte.wrapping_sub(b'0')).collect());
    let known = match (written.get(..2), digits.as_deref()) {
        _ if written == "off" => Some(0),
        _ if written == "ef" => Some(EF),
        // RFC 2474 §4.2.2, RFC 2597 §6.
        (Some("cs"), Some([class @ 0..=7])) => Some(class * 8),
        (Some("af"), Some([class @ 1..=4, drop @ 1..=3])) => Some(class * 8 + drop * 2),
        _ => written.parse().ok().filter(|number| *number < 64),
    };
    known.unwrap_or_else(|| {
        let what =
            format!("found {written:?}; \"ef\", \"cs3\", \"af31\", \"off\" or a number from \"0\" to \"63\" is meant");
        element.fault(faults, "dscp", what);
        default
    })
}

/// How a table wants its sound encrypted, if it says so.
pub fn srtp<T>(element: &Element<'_, T>, written: Option<&str>, faults: &mut Faults) -> Option<Srtp> {
    let written = written?;
    let srtp = Srtp::of_word(written);
    if srtp.is_none() {
        let what = format!("found {written:?}; \"off\", \"if-offered\" and \"required\" are allowed");
        element.fault(faults, "srtp", what);
    }
    srtp
}

fn browser(
    media: &Element<'_, written::Media>,
    bind: IpAddr,
    advertise: Option<IpAddr>,
    faults: &mut Faults,
) -> Browser {
    let written = media.written.browser.clone().unwrap_or_default();
    let listen = written.listen.map_or(SocketAddr::new(bind, 0), |listen| listen.0);
    let own = written.advertise.map(|address| address.0);
    // The address that phones are told is no use where browsers are received elsewhere.
    let shared = advertise.filter(|_| listen.ip() == bind || listen.ip().is_unspecified());
    let advertise = own.or(shared);
    if listen.ip().is_unspecified() && advertise.is_none() && media.written.browser.is_some() {
        let what = format!("{listen} can be told to no browser: media.browser.advertise must name an address");
        media.fault_at(faults, &["browser", "listen"], what);
    }
    if advertise.is_some_and(|address| address.is_ipv4() != listen.is_ipv4()) {
        media.fault_at(faults, &["browser", "advertise"], format!("is not of the family of {listen}"));
    }
    let opus_at_once = written.opus_at_once.unwrap_or(OPUS_AT_ONCE);
    number_within(media, &["browser", "opus_at_once"], opus_at_once, (0, MOST_OPUS), faults);
    let mut ice_servers = Vec::new();
    for server in written.ice_servers.unwrap_or_default() {
        let urls: Vec<String> = server.urls.texts().map(str::to_string).collect();
        let turns = |url: &str| url.starts_with("turn:") || url.starts_with("turns:");
        let known = |url: &str| turns(url) || url.starts_with("stun:") || url.starts_with("stuns:");
        let what = if let Some(url) = urls.iter().find(|url| !known(url)) {
            Some(format!(
                "found {url:?}; an address like \"stun:stun.example.org\" or \"turn:turn.example.org\" is meant"
            ))
        } else if let Some(url) = urls.iter().find(|url| turns(url))
            && (server.username.is_none() || server.credential.is_none())
        {
            Some(format!("{url:?} needs a `username` and a `credential`: browsers refuse it without"))
        } else if server.credential.as_ref().is_some_and(|credential| credential.starts_with(MASK)) {
            Some(IS_A_MASK.to_string())
        } else {
            None
        };
        if let Some(what) = what {
            media.fault_at(faults, &["browser", "ice_servers"], what);
        }
        ice_servers.push(IceServer { urls, username: server.username, credential: server.credential });
    }
    Browser { listen, advertise, opus_at_once, ice_servers }
}

fn loudness(media: &Element<'_, written::Media>, faults: &mut Faults) -> Option<Loudness> {
    let music = media.written.music.as_ref().map_or(MUSIC, |music| music.0);
    let music = number_within(media, &["music"], music, MUSIC_LIMITS, faults);
    let speech = media.written.loudness.as_ref().map_or(Some(LOUDNESS), |level| level.0)?;
    let speech = number_within(media, &["loudness"], speech, LOUDNESS_LIMITS, faults);
    Some(Loudness { speech, music: speech + music })
}

/// Keeps a pair for each seat, so that callers alone cannot take them all.
pub fn reserve(sound: &mut Sound, sip: &Signalling, faults: &mut Faults) {
    let (pairs, seats, calls) =
        (ports::pairs(&sound.settings.ports).len(), sip.settings.seats.len(), sip.settings.max_calls);
    // Where there are few, callers still need as many as their operators.
    sound.settings.reserve = seats.min(pairs / 2);
    if pairs < calls + seats {
        faults.warning(
            &sound.ports,
            "media.ports",
            format!(
                "{pairs} pairs of ports are fewer than sip.max_calls ({calls}) and a pair for each seat ({seats}): \
                 callers may be refused for want of ports"
            ),
        );
    }
}

/// Keys that are told in the clear keep nothing secret. `somewhere`: where trunks and seats require them.
pub fn check_keys(sound: &Sound, somewhere: &[(Place, String)], listen: &[Listen], faults: &mut Faults) {
    let everywhere = (sound.settings.srtp == Srtp::Required).then(|| (sound.srtp.clone(), "media.srtp".to_string()));
    let first = everywhere.iter().chain(somewhere).next();
    if let Some((place, key)) = first
        && !listen.iter().any(|listener| listener.transport.is_secure())
    {
        let what = "srtp is required, but sip.listen has no tls: the keys are told in the clear, so that whoever reads the \
                    signalling can listen";
        faults.warning(place, key.clone(), what);
    }
}

fn prompts(dir: &Path, written: Option<&str>) -> PathBuf {
    match written {
        Some(folder) => dir.join(folder),
        None => {
            let beside = dir.join("../prompts");
            if beside.is_dir() { beside } else { PathBuf::from("prompts") }
        }
    }
}
