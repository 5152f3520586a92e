//! operators.toml: seats and operators.

use std::collections::BTreeMap;
use std::path::Path;

use super::queues::Queues;
use super::signalling::Signalling;
use super::{Names, list};
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written::{self, Hashes};
use crate::ids::{OperatorId, SeatId, Skill};
use crate::queue::OperatorRules;
use crate::queue::need::MAX_LEVEL;
use crate::sip::addressing::way_to;
use crate::sip::dialog::literal;
use crate::sip::message::Uri;
use crate::sip::{Listen, SeatAccount, Secret, digest};

pub struct People {
    pub seats: BTreeMap<SeatId, SeatAccount>,
    pub operators: BTreeMap<OperatorId, OperatorRules>,
}

pub fn read(
    dir: &Path,
    files: &Files,
    sip: Option<&Signalling>,
    queues: Option<&Queues>,
    faults: &mut Faults,
) -> Option<People> {
    let mut seat_names = Names::default();
    let mut seats = BTreeMap::new();
    let realm = sip.map_or("hotline", |sip| sip.settings.realm.as_str());
    let mut plain: Option<Place> = None;
    let tables = reader::array::<written::Seat>(&files.operators, "seat", "id", faults);
    for seat in tables.good {
        let named = seat_names.take(&seat, "id", &seat.written.id, faults);
        if matches!(seat.written.secret, Some(written::Secret::Plain(_))) && plain.is_none() {
            plain = Some(seat.place("secret"));
        }
        if let Some(account) = account(dir, &seat, realm, sip, faults)
            && named
        {
            check_shipped(&seat, &account, realm, sip, faults);
            seats.insert(SeatId::from(seat.written.id.as_str()), account);
        }
    }
    if let Some(place) = plain {
        faults.warning(
            &place,
            "seat.secret",
            "secrets are in plain text here; `hotline secret SEAT` prints their hashes",
        );
    }
    seat_names.also(tables.broken);
    if tables.is_empty {
        faults.fault(&files.operators.whole(), "seat", "there is no seat: at least one [[seat]] is needed");
    }
    let operators = operators(files, &seat_names, faults);
    if let Some(queues) = queues {
        check_needs(queues, &operators, faults);
    }
    Some(People { seats, operators })
}

fn account(
    dir: &Path,
    seat: &Element<'_, written::Seat>,
    realm: &str,
    sip: Option<&Signalling>,
    faults: &mut Faults,
) -> Option<SeatAccount> {
    let written = &seat.written;
    let hash = |password: &str| digest::secret(&written.id, realm, password);
    let listen = sip.map(|sip| sip.settings.listen.as_slice());
    let secret = match (&written.secret, &written.secret_file) {
        (Some(_), Some(_)) => {
            seat.fault(faults, "secret_file", "there is a `secret` too; one of them is meant");
            return None;
        }
        (Some(written::Secret::Plain(password)), None) if password.is_empty() => {
            seat.fault(faults, "secret", "is empty");
            return None;
        }
        (Some(written::Secret::Plain(password)), None) => Some(hash(password)),
        (Some(written::Secret::Hashed(hashes)), None) => Some(hashed(seat, hashes, faults)?),
        (None, Some(file)) => {
            let path = dir.join(file);
            match std::fs::read_to_string(&path) {
                Ok(text) => Some(hash(text.lines().next().unwrap_or_default())),
                Err(error) => {
                    seat.fault(faults, "secret_file", format!("{} cannot be read: {error}", path.display()));
                    return None;
                }
            }
        }
        (None, None) => None,
    };
    if let Some(contact) = &written.contact
        && let Err(what) = check_contact(contact, listen)
    {
        seat.fault(faults, "contact", format!("found {contact:?}; {what}"));
        return None;
    }
    if secret.is_none() && written.contact.is_none() {
        faults.fault(
            &seat.at(),
            "seat",
            format!("seat {} has neither `secret` nor `contact`: it could never be reached", written.id),
        );
        return None;
    }
    Some(SeatAccount { secret, contact: written.contact.clone() })
}

/// A fixed contact has to be dialled as it stands: names are not looked up, and only UDP and TCP are spoken.
fn check_contact(contact: &str, listen: Option<&[Listen]>) -> Result<(), &'static str> {
    let Some(Uri::Sip(uri)) = Uri::parse(contact).filter(|uri| uri.sip().is_some_and(|uri| !uri.secure)) else {
        return Err("a SIP address is meant, e.g. \"sip:8001@10.0.0.5:5060\"");
    };
    if literal(&uri).is_none() {
        return Err("an IP address and udp or tcp are meant, e.g. \"sip:8001@10.0.0.5:5060;transport=tcp\"");
    }
    match listen {
        Some(listen) if way_to(listen, &uri).is_none() => {
            Err("sip.listen has no listener of its transport and family, so there is no way to it")
        }
        _ => Ok(()),
    }
}

fn hashed(seat: &Element<'_, written::Seat>, hashes: &Hashes, faults: &mut Faults) -> Option<Secret> {
    let mut good = true;
    for (name, text, length) in [("md5", &hashes.md5, 32), ("sha256", &hashes.sha256, 64)] {
        if text.len() != length || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            let place = seat.place_of(&["secret", name]);
            faults.fault(
                &place,
                format!("seat.secret.{name}"),
                format!("{length} hexadecimal digits are meant, as `hotline secret {}` prints them", seat.written.id),
            );
            good = false;
        }
    }
    good.then(|| Secret { ha1_md5: hashes.md5.to_ascii_lowercase(), ha1_sha256: hashes.sha256.to_ascii_lowercase() })
}

/// A shipped password is known to everybody: it is good for the loopback only.
fn check_shipped(
    seat: &Element<'_, written::Seat>,
    account: &SeatAccount,
    realm: &str,
    sip: Option<&Signalling>,
    faults: &mut Faults,
) {
    let id = &seat.written.id;
    let shipped = digest::secret(id, realm, &format!("hotline-{id}"));
    if let Some(listen) = sip.and_then(|sip| sip.public.as_ref())
        && account.secret.as_ref() == Some(&shipped)
    {
        let key = if seat.written.secret.is_some() { "secret" } else { "secret_file" };
        seat.fault(
            faults,
            key,
            format!("is the shipped password, and sip.listen ({listen}) can be reached from outside; choose another"),
        );
    }
}

fn operators(files: &Files, seats: &Names, faults: &mut Faults) -> BTreeMap<OperatorId, OperatorRules> {
    let mut names = Names::default();
    let mut operators = BTreeMap::new();
    let mut owners: BTreeMap<String, Place> = BTreeMap::new();
    for operator in reader::array::<written::Operator>(&files.operators, "operator", "id", faults).good {
        let written = &operator.written;
        let named = names.take(&operator, "id", &written.id, faults);
        for (skill, level) in &written.skills {
            if !(1..=MAX_LEVEL).contains(level) {
                let place = operator.place_of(&["skills", skill]);
                faults.fault(
                    &place,
                    format!("operator.skills.{skill}"),
                    format!("found {level}; a level from 1 to {MAX_LEVEL} is allowed"),
                );
            }
        }
        if let Some(seat) = &written.seat {
            if !seats.contains(seat) {
                operator.fault(faults, "seat", format!("there is no seat {seat:?}; there are {}", seats.list()));
            } else if let Some(first) = owners.get(seat) {
                operator.fault(faults, "seat", format!("seat {seat:?} is somebody's already, at {first}"));
            }
            owners.entry(seat.clone()).or_insert_with(|| operator.place("seat"));
        }
        if named {
            let skills = written.skills.iter().map(|(skill, level)| (Skill::from(skill.as_str()), *level)).collect();
            let name = written.name.clone().unwrap_or_else(|| written.id.clone());
            let rules = OperatorRules {
                name,
                skills,
                seat: written.seat.as_deref().map(SeatId::from),
                ..OperatorRules::default()
            };
            operators.insert(OperatorId::from(written.id.as_str()), rules);
        }
    }
    operators
}

/// Skills that nobody has, and queues that nobody can serve, are usually typing mistakes.
fn check_needs(queues: &Queues, operators: &BTreeMap<OperatorId, OperatorRules>, faults: &mut Faults) {
    let known: Vec<&str> = operators.values().flat_map(|operator| operator.skills.keys().map(Skill::as_str)).collect();
    for (queue, place) in &queues.needs {
        let Some(rules) = queues.rules.queues.get(queue) else { continue };
        let unknown = rules.need.skills().into_iter().find(|skill| !known.contains(&skill.as_str()));
        if let Some(skill) = unknown {
            faults.warning(
                place,
                "queue.need",
                format!("no operator has the skill {skill}; there are {}", list(known.iter().copied())),
            );
        } else if !operators.values().any(|operator| rules.need.is_met_by(&operator.skills)) {
            faults.warning(place, "queue.need", format!("no operator can ever serve the queue {queue}"));
        }
    }
}
