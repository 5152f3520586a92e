//! What a load is made of: a small file. What it does not say is as for ten seats and a call every two seconds.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{self, Fault, OneFile, Time};
use crate::forecast::draws::{Law, WrittenTime};

/// More than this is a mistake in the file, or wants several machines.
const MOST_SEATS: usize = 10_000;
const MOST_RATE: f64 = 1_000.0;
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The file as written. Unknown keys are faults.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct LoadFile {
    /// The number that is called.
    number: Option<String>,
    /// How long callers arrive; calls that stand then are talked to their end.
    lasts: Option<Time>,
    /// Calls a second; they come by chance (Poisson).
    rate: Option<f64>,
    /// Calls that may stand at once; further callers do not come.
    at_once: Option<usize>,
    /// Keys that every caller presses, and how long after the answer.
    press: Option<String>,
    press_after: Option<Time>,
    /// How long callers wait for an operator's voice before they give up.
    patience: Option<WrittenTime>,
    /// How long they talk.
    talk: Option<WrittenTime>,
    /// Share of talks that the operator ends.
    operator_ends: Option<f64>,
    callers: Option<WrittenCallers>,
    seats: Option<WrittenSeats>,
}

/// Shares of callers who do what they should not.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenCallers {
    /// Give up before they are answered.
    cancel: Option<f64>,
    /// Hang up within the first second.
    hang_up_at_once: Option<f64>,
    /// Are gone without a BYE, and silent, in the middle of everything.
    vanish: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenSeats {
    /// The first seat's number; the others follow.
    first: Option<u32>,
    count: Option<usize>,
    /// `{seat}` stands for the number.
    secret: Option<String>,
    /// Where all seats are, for seats with a fixed contact: none registers.
    fixed: Option<String>,
    /// How long a phone rings until it is answered.
    answer: Option<WrittenTime>,
    /// Share of offers that are left to ring, refused (603), or told busy (486).
    no_answer: Option<f64>,
    reject: Option<f64>,
    busy: Option<f64>,
    /// Share of talks in which the phone is gone without a BYE, and silent.
    vanish: Option<f64>,
}

/// The load as meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub number: String,
    pub lasts: Duration,
    pub rate: f64,
    pub at_once: usize,
    pub press: String,
    pub press_after: Duration,
    pub patience: Law,
    pub talk: Law,
    pub operator_ends: f64,
    pub callers: Callers,
    pub seats: Seats,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Callers {
    pub cancel: f64,
    pub hang_up_at_once: f64,
    pub vanish: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Seats {
    pub first: u32,
    pub count: usize,
    pub secret: String,
    pub fixed: Option<SocketAddr>,
    pub answer: Law,
    pub no_answer: f64,
    pub reject: f64,
    pub busy: f64,
    pub vanish: f64,
}

impl Default for Scenario {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Scenario {
            number: "12345".into(),
            lasts: seconds(30),
            rate: 0.5,
            at_once: 2_000,
            press: "1".into(),
            press_after: seconds(1),
            patience: Law::Exponential(seconds(180)),
            talk: Law::LogNormal { mean: seconds(10), cv: 0.5 },
            operator_ends: 0.3,
            callers: Callers::default(),
            seats: Seats {
                first: 8001,
                count: 10,
                secret: "hotline-{seat}".into(),
                fixed: None,
                answer: Law::LogNormal { mean: seconds(2), cv: 0.5 },
                no_answer: 0.0,
                reject: 0.0,
                busy: 0.0,
                vanish: 0.0,
            },
        }
    }
}

impl Seats {
    pub fn numbers(&self) -> impl Iterator<Item = String> {
        (self.first..).take(self.count).map(|seat| seat.to_string())
    }

    pub fn secret_of(&self, seat: &str) -> String {
        self.secret.replace("{seat}", seat)
    }
}

impl Scenario {
    /// Reads a file; what it does not say is as in [`Scenario::default`].
    pub fn read(path: &Path) -> Result<Scenario, Vec<Fault>> {
        let file = config::read_file::<LoadFile>(path)?;
        let mut faults = Vec::new();
        let scenario = meant(&file, &mut faults);
        if faults.is_empty() { Ok(scenario) } else { Err(faults) }
    }
}

fn meant(file: &OneFile<LoadFile>, faults: &mut Vec<Fault>) -> Scenario {
    let written = &file.written;
    let mut load = Scenario::default();
    let callers = written.callers.clone().unwrap_or_default();
    let seats = written.seats.clone().unwrap_or_default();
    if let Some(number) = &written.number {
        load.number = number.clone();
    }
    if let Some(rate) = written.rate {
        match (0.001..=MOST_RATE).contains(&rate) {
            true => load.rate = rate,
            false => faults.push(file.fault(&["rate"], format!("found {rate}; a rate is from 0.001 to {MOST_RATE}"))),
        }
    }
    if let Some(keys) = &written.press {
        match keys.chars().find(|key| !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')) {
            Some(key) => faults.push(file.fault(&["press"], format!("{key:?} is no key; 0 to 9, *, # and A to D are"))),
            None => load.press = keys.clone(),
        }
    }
    for (key, written, into) in
        [("lasts", &written.lasts, &mut load.lasts), ("press_after", &written.press_after, &mut load.press_after)]
    {
        match written {
            Some(time) if time.0 > LONGEST => faults.push(file.fault(&[key], "at most 24h")),
            Some(time) => *into = time.0,
            None => {}
        }
    }
    load.at_once = written.at_once.unwrap_or(load.at_once);
    let mut law = |path: &[&str], written: &Option<WrittenTime>, into: &mut Law| {
        if let Some(written) = written {
            *into = written.law();
            faults.extend(written.faults().map(|fault| file.fault(&[path, &["cv"]].concat(), fault)));
        }
    };
    law(&["patience"], &written.patience, &mut load.patience);
    law(&["talk"], &written.talk, &mut load.talk);
    law(&["seats", "answer"], &seats.answer, &mut load.seats.answer);
    let mut share = |path: &[&str], written: Option<f64>, into: &mut f64| match written {
        None => {}
        Some(share) if (0.0..=1.0).contains(&share) => *into = share,
        Some(share) => faults.push(file.fault(path, format!("found {share}; a share is from 0 to 1"))),
    };
    share(&["operator_ends"], written.operator_ends, &mut load.operator_ends);
    share(&["callers", "cancel"], callers.cancel, &mut load.callers.cancel);
    share(&["callers", "hang_up_at_once"], callers.hang_up_at_once, &mut load.callers.hang_up_at_once);
    share(&["callers", "vanish"], callers.vanish, &mut load.callers.vanish);
    share(&["seats", "no_answer"], seats.no_answer, &mut load.seats.no_answer);
    share(&["seats", "reject"], seats.reject, &mut load.seats.reject);
    share(&["seats", "busy"], seats.busy, &mut load.seats.busy);
    share(&["seats", "vanish"], seats.vanish, &mut load.seats.vanish);
    load.seats.first = seats.first.unwrap_or(load.seats.first);
    load.seats.secret = seats.secret.unwrap_or(load.seats.secret);
    if let Some(count) = seats.count {
        match count <= MOST_SEATS {
            true => load.seats.count = count,
            false => faults.push(file.fault(&["seats", "count"], format!("at most {MOST_SEATS}"))),
        }
    }
    if let Some(fixed) = &seats.fixed {
        match fixed.parse() {
            Ok(addr) => load.seats.fixed = Some(addr),
            Err(_) => {
                let what = format!("found {fixed:?}; an address looks like 127.0.0.1:6000");
                faults.push(file.fault(&["seats", "fixed"], what));
            }
        }
    }
    load
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_loads_are_sound_and_say_the_defaults() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/loads");
        let mut names = Vec::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            Scenario::read(&path).unwrap_or_else(|faults| panic!("{}: {faults:?}", path.display()));
            names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
        names.sort();
        assert_eq!(names, ["desk", "hall", "soak"]);
        let desk = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/loads/desk.toml");
        let (desk, default) = (Scenario::read(&desk).unwrap(), Scenario::default());
        assert_eq!((desk.lasts, desk.rate, desk.at_once), (default.lasts, default.rate, default.at_once));
        assert_eq!((&desk.press, desk.press_after), (&default.press, default.press_after));
        assert_eq!(
            (desk.seats.first, desk.seats.count, &desk.seats.secret),
            (default.seats.first, default.seats.count, &default.seats.secret)
        );
    }

    #[test]
    fn what_no_load_can_be_made_of_is_told_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("load.toml");
        std::fs::write(&path, "rate = 0\npress = \"1x\"\n[callers]\nvanish = 2\n[seats]\nfixed = \"here\"\n").unwrap();
        let faults = Scenario::read(&path).unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:#?}");
        for (line, what) in [(1, "a rate is"), (2, "'x' is no key"), (4, "a share is"), (6, "looks like")] {
            let place = format!("load.toml:{line}:");
            assert!(
                told.iter().any(|fault| fault.contains(&place) && fault.contains(what)),
                "{place} {what}: {told:#?}"
            );
        }
    }

    #[test]
    fn each_wrong_key_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("load.toml");
        std::fs::write(&path, "rat = 2.0\n[seats]\ncounts = 3\n[callers]\nvanishes = 0.1\n").unwrap();
        let faults: Vec<String> = Scenario::read(&path).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 3, "{faults:#?}");
        for told in ["rat: unknown key", "counts: unknown key", "vanishes: unknown key"] {
            assert!(faults.iter().any(|fault| fault.contains(told)), "{told}: {faults:#?}");
        }
    }
}
