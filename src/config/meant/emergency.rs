//! hotline.toml: `[[emergency]]`.

use std::time::Duration;

use super::signalling::Signalling;
use super::sound::Sound;
use super::{Names, time_within, unknown};
use crate::config::Emergency;
use crate::config::fault::Faults;
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written::{self, OneOrMany};
use crate::ids::TrunkId;
use crate::sip::{self, is_dialable};

const RING: Duration = Duration::from_secs(60);
/// Proxies give up after three minutes (RFC 3261 §16.6, timer C).
const RING_LIMITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));
/// More keys are no quick hand-off.
const LONGEST_CODE: usize = 4;
/// Pairs of ports that nobody else may take: so many hand-offs begin even when all others are in use.
const PAIRS: usize = 8;

type Written<'a> = Element<'a, written::Emergency>;

pub fn read(files: &Files, sip: Option<&Signalling>, faults: &mut Faults) -> Vec<Emergency> {
    let mut names = Names::default();
    let tables = reader::array::<written::Emergency>(&files.hotline, "emergency", "id", faults).good;
    let mut meant: Vec<Emergency> = Vec::new();
    for target in &tables {
        let named = names.take(target, "id", &target.written.id, faults);
        let (ways, code) = (ways(target, sip, faults), code(target, &meant, faults));
        let confirm = confirm(target, faults);
        let ring = time_within(target, "ring", &target.written.ring, RING, RING_LIMITS, faults);
        if let (true, Some(ways), Some(code)) = (named, ways, code) {
            let written = &target.written;
            let (id, name) = (written.id.clone(), written.name.clone().unwrap_or_else(|| written.id.clone()));
            meant.push(Emergency { id, name, ways, code, confirm, ring });
        }
    }
    meant
}

/// As many pairs as are kept for them.
pub fn reserve(sound: &mut Sound, emergencies: &[Emergency]) {
    sound.settings.urgent = if emergencies.is_empty() { 0 } else { PAIRS };
}

/// Each number over each trunk, in the order written.
fn ways(target: &Written<'_>, sip: Option<&Signalling>, faults: &mut Faults) -> Option<Vec<(Option<TrunkId>, String)>> {
    let written = &target.written;
    let many = |one: &Option<OneOrMany>| match one {
        None => Vec::new(),
        Some(OneOrMany::One(one)) => vec![one.clone()],
        Some(OneOrMany::Many(many)) => many.clone(),
    };
    let mut numbers = many(&written.number);
    if numbers.is_empty() {
        numbers.push(written.id.clone());
    }
    let key = if written.number.is_some() { "number" } else { "id" };
    for number in numbers.iter().filter(|number| !is_dialable(number)) {
        let what = format!("found {number:?}; up to 20 digits, perhaps after a plus, are meant, e.g. \"110\"");
        target.fault(faults, key, what);
    }
    let trunks = trunks(target, &many(&written.trunk), &sip?.settings.trunks, faults)?;
    let over = |number: &String| trunks.iter().map(|trunk| (trunk.clone(), number.clone())).collect::<Vec<_>>();
    numbers.iter().all(|number| is_dialable(number)).then(|| numbers.iter().flat_map(over).collect())
}

fn trunks(
    target: &Written<'_>,
    names: &[String],
    known: &[sip::Trunk],
    faults: &mut Faults,
) -> Option<Vec<Option<TrunkId>>> {
    if names.is_empty() {
        if known.iter().all(|trunk| trunk.to.is_empty()) {
            faults.fault(&target.at(), "emergency", "no [[trunk]] has `to`: nothing can be dialled");
            return None;
        }
        return Some(vec![None]);
    }
    let mut trunks = Vec::new();
    for name in names {
        match known.iter().find(|trunk| trunk.id.as_str() == name) {
            None => target.fault(faults, "trunk", unknown("trunk", name, known.iter().map(|trunk| trunk.id.as_str()))),
            Some(trunk) if trunk.to.is_empty() => {
                target.fault(faults, "trunk", format!("calls only come in by {name:?}: it has no `to`"));
            }
            Some(trunk) => trunks.push(Some(trunk.id.clone())),
        }
    }
    (trunks.len() == names.len()).then_some(trunks)
}

fn code(target: &Written<'_>, others: &[Emergency], faults: &mut Faults) -> Option<String> {
    let code = &target.written.key;
    let is_code =
        (1..=LONGEST_CODE).contains(&code.len()) && code.chars().all(|key| reader::one_key(&key.to_string()).is_some());
    if !is_code {
        let what = format!("found {code:?}; 1 to {LONGEST_CODE} keys are meant, \"0\" to \"9\", \"*\" and \"#\"");
        target.fault(faults, "key", what);
        return None;
    }
    let clashes = |other: &&Emergency| code.starts_with(&other.code) || other.code.starts_with(code.as_str());
    if let Some(other) = others.iter().find(clashes) {
        let what = format!("found {code:?}; it cannot be told from {:?}, the key of {}", other.code, other.id);
        target.fault(faults, "key", what);
        return None;
    }
    Some(code.clone())
}

fn confirm(target: &Written<'_>, faults: &mut Faults) -> Option<char> {
    let written = target.written.confirm.as_ref()?;
    let key = reader::one_key(written);
    if key.is_none() {
        let what = format!("found {written:?}; one key is meant, \"0\" to \"9\", \"*\" or \"#\"");
        target.fault(faults, "confirm", what);
    }
    key
}
