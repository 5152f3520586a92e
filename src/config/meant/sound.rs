//! hotline.toml: `[media]`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::signalling::Signalling;
use super::{time, time_within};
use crate::config::fault::{Faults, Place};
use crate::config::reader;
use crate::config::source::Files;
use crate::config::written;
use crate::media::{Codec, Prompts, Settings, ports};

const DEAD_AFTER: Duration = Duration::from_secs(30);
/// A phone that is silent sends RTCP every five seconds or so.
const LEAST_DEAD_AFTER: Duration = Duration::from_secs(10);
const HELD_AT_MOST: Duration = Duration::from_secs(3600);
/// Nobody holds a citizen for a day; less than a minute would cut calls that are only being asked about.
const HELD_LIMITS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));
const MOST_WORKERS: usize = 256;

pub struct Sound {
    pub settings: Settings,
    /// Where the folder of the prompts is named.
    pub prompts: Place,
    /// Where the ports are.
    ports: Place,
}

pub fn read(dir: &Path, files: &Files, faults: &mut Faults) -> Option<Sound> {
    let media = reader::table::<written::Media>(&files.hotline, "media", faults)?;
    let written = &media.written;
    let mut codecs = Vec::new();
    for name in written.codecs.clone().unwrap_or_else(|| vec!["pcma".into(), "pcmu".into()]) {
        match name.as_str() {
            "pcma" => codecs.push(Codec::Pcma),
            "pcmu" => codecs.push(Codec::Pcmu),
            _ => media.fault(faults, "codecs", format!("found {name:?}; \"pcma\" and \"pcmu\" are spoken")),
        }
    }
    codecs.dedup();
    if codecs.is_empty() {
        media.fault(faults, "codecs", "no codec: nobody could be heard; e.g. [\"pcma\", \"pcmu\"]");
    }
    let dead_after = time(&written.dead_after, DEAD_AFTER);
    if !dead_after.is_zero() && dead_after < LEAST_DEAD_AFTER {
        media.fault(
            faults,
            "dead_after",
            format!("found {dead_after:?}; \"0s\" (never) or at least {LEAST_DEAD_AFTER:?} is allowed"),
        );
    }
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
        held_at_most,
        workers,
        prompts: Prompts { folder: prompts(dir, written.prompts.as_deref()), ..Prompts::default() },
    };
    Some(Sound { settings, prompts: media.place("prompts"), ports: media.place("ports") })
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

fn prompts(dir: &Path, written: Option<&str>) -> PathBuf {
    match written {
        Some(folder) => dir.join(folder),
        None => {
            let beside = dir.join("../prompts");
            if beside.is_dir() { beside } else { PathBuf::from("prompts") }
        }
    }
}
