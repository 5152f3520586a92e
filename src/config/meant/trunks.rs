//! hotline.toml: `[[trunk]]`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::secrets::{self, Given};
use super::{Names, carriers, number_within, sound, time_within};
use crate::config::Surroundings;
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::ids::TrunkId;
use crate::media::Srtp;
use crate::sip::addressing::listener_to;
use crate::sip::{Form, Host, Listen, NextHop, Numbering, Password, Trunk, TrunkAccount, is_dialable};

const EXPIRES: Duration = Duration::from_secs(3600);
const EXPIRES_LIMITS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));

const PATIENCE: Duration = Duration::from_secs(4);
const PATIENCE_LIMITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(32));
const CHECK: Duration = Duration::from_secs(30);
const CHECK_LIMITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));
const PRIORITIES: (u16, u16) = (1, 100);
const WEIGHTS: (u16, u16) = (0, 1000);
const CHANNELS: (usize, usize) = (1, 100_000);
const PACES: (u32, u32) = (1, 10_000);

pub(super) type Written<'a> = Element<'a, written::Trunk>;

/// What trunks say of their sound.
#[derive(Default)]
pub struct OfSound {
    /// How those want it encrypted that say so.
    pub srtp: BTreeMap<TrunkId, Srtp>,
    /// Where it is required.
    pub srtp_required: Vec<(Place, String)>,
    /// Those whose keys are heard in it.
    pub tones: BTreeSet<TrunkId>,
    /// Those whose sound need not pass us.
    pub direct: BTreeSet<TrunkId>,
}

/// The trunks, and what they say of their sound.
pub fn read(
    dir: &Path,
    files: &Files,
    surroundings: &Surroundings,
    listen: &[Listen],
    faults: &mut Faults,
) -> (Vec<Trunk>, OfSound) {
    let mut names = Names::default();
    let (mut trunks, mut sound) = (Vec::new(), OfSound::default());
    let tables = reader::array::<written::Trunk>(&files.hotline, "trunk", "id", faults).good;
    for trunk in &tables {
        let written = &trunk.written;
        let to: Vec<NextHop> = written.to.iter().flat_map(|hops| hops.0.clone()).collect();
        let from = match &written.from {
            Some(networks) => networks.iter().map(|network| network.0).collect(),
            None => to.iter().filter_map(|to| Some(to.literal()?.addr.ip().into())).collect::<Vec<_>>(),
        };
        // Where its names lead is known later.
        let from_to = written.from.is_none() && to.iter().any(|to| to.literal().is_none());
        let certified = carriers::certified(trunk, faults);
        if from.is_empty() && !from_to && certified.is_empty() {
            let what = "nobody calls from there; an address or a network is needed, e.g. \"192.0.2.5\"";
            trunk.fault(faults, "from", what);
        }
        if to.iter().any(|to| !leads_there(listen, to)) {
            let what = "sip.listen has no listener of its transport and family, so there is no way to it";
            trunk.fault(faults, "to", what);
        }
        let (domain, account) = (domain(trunk, &to, faults), account(dir, surroundings, trunk, faults));
        let peer = carriers::peer(dir, surroundings.now, trunk, (&to, domain.as_deref(), &certified), faults);
        let limits = limits(trunk, faults);
        let (shows, numbering) = (shows(trunk, faults), numbering(trunk, faults));
        let (trusted, refer) = (written.trusted.unwrap_or(false), written.refer.unwrap_or(false));
        if names.take(trunk, "id", &written.id, faults) {
            let id = TrunkId::from(written.id.as_str());
            let wanted = sound::srtp(trunk, written.srtp.as_deref(), faults);
            let is_required = wanted == Some(Srtp::Required);
            sound.srtp_required.extend(is_required.then(|| (trunk.place("srtp"), trunk.key("srtp"))));
            sound.srtp.extend(wanted.map(|wanted| (id.clone(), wanted)));
            if hears_tones(trunk, faults) {
                sound.tones.insert(id.clone());
            }
            if is_direct(trunk, faults) {
                sound.direct.insert(id.clone());
            }
            let known = Trunk { from, from_to, certified, to, peer, ..limits };
            trunks.push(Trunk { domain, account, id, trusted, shows, numbering, refer, ..known });
        }
    }
    let leads_out = |id: &TrunkId| trunks.iter().any(|trunk| trunk.id == *id && !trunk.to.is_empty());
    if !sound.direct.iter().any(leads_out) {
        for trunk in tables.iter().filter(|trunk| trunk.written.direct_media == Some(true)) {
            let what = "never takes effect: no trunk that has it leads outside (`to`)";
            faults.warning(&trunk.place("direct_media"), trunk.key("direct_media"), what);
        }
    }
    (trunks, sound)
}

/// Whether its sound may go another way than by us.
fn is_direct(trunk: &Written<'_>, faults: &mut Faults) -> bool {
    let is_direct = trunk.written.direct_media == Some(true);
    if is_direct && trunk.written.srtp.as_deref() == Some("required") {
        let what = "never takes effect: what is encrypted (`srtp`) always passes us";
        faults.warning(&trunk.place("direct_media"), trunk.key("direct_media"), what);
    }
    is_direct
}

/// How callers say keys.
fn hears_tones(trunk: &Written<'_>, faults: &mut Faults) -> bool {
    match trunk.written.dtmf.as_deref() {
        None | Some("events") => false,
        Some("inband") => true,
        Some(other) => {
            trunk.fault(faults, "dtmf", format!("found {other:?}; \"events\" and \"inband\" are allowed"));
            false
        }
    }
}

/// What bounds and steers the calls: priorities, times, and how many there may be.
fn limits(trunk: &Written<'_>, faults: &mut Faults) -> Trunk {
    let written = &trunk.written;
    let priority = number_within(trunk, &["priority"], written.priority.unwrap_or(1), PRIORITIES, faults);
    let weight = number_within(trunk, &["weight"], written.weight.unwrap_or(0), WEIGHTS, faults);
    let patience = time_within(trunk, "patience", &written.patience, PATIENCE, PATIENCE_LIMITS, faults);
    let check = match &written.check {
        Some(written) if written.0.is_zero() => Duration::ZERO,
        written => time_within(trunk, "check", written, CHECK, CHECK_LIMITS, faults),
    };
    let channels = written.channels.map(|most| number_within(trunk, &["channels"], most, CHANNELS, faults));
    let pace = written.calls_per_second;
    let calls_per_second = pace.map(|most| number_within(trunk, &["calls_per_second"], most, PACES, faults));
    let limits = Trunk::new("", Vec::new(), None);
    Trunk { priority, weight, patience, check, channels, calls_per_second, ..limits }
}

fn shows(trunk: &Written<'_>, faults: &mut Faults) -> Option<String> {
    let shows = trunk.written.shows.as_ref()?;
    if !is_dialable(shows) {
        trunk.fault(faults, "shows", format!("found {shows:?}; a number is meant, e.g. \"01012345\""));
    }
    Some(shows.clone())
}

fn numbering(trunk: &Written<'_>, faults: &mut Faults) -> Option<Numbering> {
    let written = &trunk.written;
    let mut form = |key: &str, name: &Option<String>, default: Form| {
        let Some(name) = name else { return default };
        if written.country.is_none() {
            trunk.fault(faults, key, "it needs `country`: whose numbers these are");
        }
        let named = Form::NAMED.iter().find(|(known, _)| known == name);
        named.map_or_else(
            || {
                let known = Form::NAMED.map(|(name, _)| format!("{name:?}")).join(", ");
                trunk.fault(faults, key, format!("found {name:?}; {known} are allowed"));
                default
            },
            |(_, form)| *form,
        )
    };
    let dials = form("dials", &written.dials, Form::AsWritten);
    let callers = form("callers", &written.callers, Form::National);
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = |text: &str| text.len() <= 3 && are_digits(text);
    let prefix = written.prefix.clone().unwrap_or_else(|| "0".into());
    if let (Some(_), None) = (&written.prefix, &written.country) {
        trunk.fault(faults, "prefix", "it needs `country`: whose numbers these are");
    } else if !digits(&prefix) {
        trunk.fault(faults, "prefix", format!("found {prefix:?}; up to 3 digits are meant"));
    }
    let area = written.area.clone();
    if let Some(area) = &area {
        if written.country.is_none() {
            trunk.fault(faults, "area", "it needs `country`: whose numbers these are");
        } else if !(1..=5).contains(&area.len()) || area.starts_with('0') || !are_digits(area) {
            let what = format!("found {area:?}; 1 to 5 digits without the prefix are meant, e.g. \"10\"");
            trunk.fault(faults, "area", what);
        }
    }
    let country = written.country.clone()?;
    if country.is_empty() || country.starts_with('0') || !digits(&country) {
        trunk.fault(faults, "country", format!("found {country:?}; 1 to 3 digits are meant, e.g. \"86\""));
        return None;
    }
    Some(Numbering { country, prefix, area, dials, callers })
}

/// Of a name it is only known whether its transport is spoken at all.
fn leads_there(listen: &[Listen], to: &NextHop) -> bool {
    let speaks = |transport| listen.iter().any(|listener| listener.transport == transport);
    match (to.literal(), to.transport, to.secure) {
        (Some(hop), ..) => listener_to(listen, hop.transport, hop.addr).is_some(),
        (None, None, false) => true,
        (None, ..) => speaks(to.transport()),
    }
}

fn domain(trunk: &Written<'_>, to: &[NextHop], faults: &mut Faults) -> Option<String> {
    let name = || {
        let mut names = to.iter().filter_map(|to| if let Host::Name(name) = &to.host { Some(name) } else { None });
        names.next().cloned()
    };
    let Some(domain) = &trunk.written.domain else { return name() };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if domain.is_empty() || !domain.chars().all(is_name) {
        trunk.fault(faults, "domain", format!("found {domain:?}; a name is meant, e.g. \"carrier.example\""));
        return None;
    }
    Some(domain.clone())
}

fn account(dir: &Path, surroundings: &Surroundings, trunk: &Written<'_>, faults: &mut Faults) -> Option<TrunkAccount> {
    let written = &trunk.written;
    let registers = written.register.unwrap_or(false);
    let expires = match (registers, &written.expires) {
        (false, Some(_)) => {
            trunk.fault(faults, "expires", "it is for a trunk with `register = true`");
            EXPIRES
        }
        (_, expires) => time_within(trunk, "expires", expires, EXPIRES, EXPIRES_LIMITS, faults),
    };
    if let (Some(_), None) = (&written.realm, &written.username) {
        trunk.fault(faults, "realm", "it is for a trunk with a `username`");
    }
    let given = Given {
        secret: written.secret.as_deref(),
        file: written.secret_file.as_deref(),
        variable: written.secret_env.as_deref(),
    };
    let password = secrets::password(dir, surroundings, trunk, given, faults).ok()?;
    let key = ["secret", "secret_file", "secret_env"]
        .into_iter()
        .zip([given.secret, given.file, given.variable])
        .find_map(|(key, given)| given.map(|_| key));
    if let (Some(key), true) = (if registers { Some("register") } else { key }, written.to.is_none()) {
        trunk.fault(faults, key, "it needs `to`: where the carrier is");
        return None;
    }
    match (&written.username, password) {
        (None, None) if registers => {
            trunk.fault(faults, "register", "it needs a `username`, and a `secret` or where that is");
            None
        }
        (None, None) => None,
        (None, Some(_)) => {
            trunk.fault(faults, key.unwrap_or("secret"), "whose it is is not said: `username` is missing");
            None
        }
        (Some(_), None) => {
            trunk.fault(faults, "username", "its password is missing: `secret`, `secret_file` or `secret_env`");
            None
        }
        (Some(username), Some(password)) => {
            if username.is_empty() || username.contains(['"', '\\', ':']) || username.chars().any(char::is_control) {
                let what = format!("found {username:?}; a text without quotes, colons and backslashes is meant");
                trunk.fault(faults, "username", what);
            }
            if !registers && written.realm.is_none() {
                let what = "`realm` is missing: whose challenges are answered. A challenge may come from behind the \
                            carrier, and with an answer the password can be guessed";
                trunk.fault(faults, "username", what);
            }
            let (username, realm) = (username.clone(), written.realm.clone());
            Some(TrunkAccount { username, password: Password(password), realm, register: registers.then_some(expires) })
        }
    }
}
