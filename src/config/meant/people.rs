//! operators.toml: seats and operators.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::signalling::Signalling;
use super::{Names, number_within, secrets, sound, unknown};
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::{Surroundings, written};
use crate::ids::{OperatorId, SeatId, Skill};
use crate::media::Srtp;
use crate::queue::need::MAX_LEVEL;
use crate::queue::{Need, OperatorRules, Rules, parse_need};
use crate::sip::addressing::way_to;
use crate::sip::dialog::literal;
use crate::sip::message::Uri;
use crate::sip::{Listen, SeatAccount, digest};

/// An operator with twice the weight takes twice the calls; a thousand times is enough.
const WEIGHT_LIMITS: (u32, u32) = (1, 1000);

pub struct People<'a> {
    pub seats: BTreeMap<SeatId, SeatAccount>,
    pub operators: BTreeMap<OperatorId, OperatorRules>,
    /// As they are written, to say where something is.
    pub top: Option<Element<'a, written::OperatorsTop>>,
    pub elements: BTreeMap<OperatorId, Element<'a, written::Operator>>,
    /// Where each seat begins that has a name of its own.
    pub desks: BTreeMap<SeatId, Place>,
    /// How seats want their sound encrypted that say so.
    pub srtp: BTreeMap<SeatId, Srtp>,
    /// Where it is required.
    pub srtp_required: Vec<(Place, String)>,
    /// All could be read, and nothing in it is wrong.
    pub sound: bool,
    /// Somebody's skills could not be read.
    broken: bool,
}

impl People<'_> {
    /// The skills that there are: as declared, else whatever the operators of the rules have. `None`: that is not
    /// known, as not all could be read, or there is nobody yet.
    pub fn skills<'s>(&'s self, rules: &'s Rules) -> Option<BTreeSet<&'s str>> {
        if let Some(declared) = &self.top.as_ref()?.written.skills {
            return Some(declared.iter().map(String::as_str).collect());
        }
        let held = rules.operators.values().flat_map(|operator| operator.skills.keys().map(Skill::as_str));
        (!self.broken && !rules.operators.is_empty()).then(|| held.collect())
    }
}

pub fn read<'a>(
    dir: &Path,
    files: &'a Files,
    surroundings: &Surroundings,
    sip: Option<&Signalling>,
    faults: &mut Faults,
) -> People<'a> {
    let top = reader::top::<written::OperatorsTop>(&files.operators, &["seat", "operator"], faults);
    let mut seat_names = Names::default();
    let (mut seats, mut srtp, mut srtp_required) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut desks = BTreeMap::new();
    let realm = sip.map_or("hotline", |sip| sip.settings.realm.as_str());
    let mut plain: Option<Place> = None;
    let tables = reader::array::<written::Seat>(&files.operators, "seat", "id", faults);
    for seat in tables.good {
        let named = seat_names.take(&seat, "id", &seat.written.id, faults);
        if matches!(seat.written.secret, Some(written::Secret::Plain(_))) && plain.is_none() {
            // The environment is where a password may be.
            plain = Some(seat.place("secret")).filter(|place| place.line > 0);
        }
        let wanted = sound::srtp(&seat, seat.written.srtp.as_deref(), faults);
        srtp_required.extend((wanted == Some(Srtp::Required)).then(|| (seat.place("srtp"), seat.key("srtp"))));
        srtp.extend(wanted.map(|wanted| (SeatId::from(seat.written.id.as_str()), wanted)));
        if named {
            desks.insert(SeatId::from(seat.written.id.as_str()), seat.at());
        }
        if let Some(account) = account(dir, surroundings, &seat, realm, sip, faults)
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
    let mut people = People {
        seats,
        operators: BTreeMap::new(),
        top,
        elements: BTreeMap::new(),
        desks,
        srtp,
        srtp_required,
        sound: false,
        broken: false,
    };
    operators(&mut people, files, &seat_names, faults);
    if let Some(top) = &people.top {
        check_declared(top, &people, faults);
    }
    people
}

fn account(
    dir: &Path,
    surroundings: &Surroundings,
    seat: &Element<'_, written::Seat>,
    realm: &str,
    sip: Option<&Signalling>,
    faults: &mut Faults,
) -> Option<SeatAccount> {
    let written = &seat.written;
    let listen = sip.map(|sip| sip.settings.listen.as_slice());
    let secret = secrets::read(dir, surroundings, seat, realm, faults).ok()?;
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
    let auto_answer = written.auto_answer.unwrap_or(false);
    Some(SeatAccount { secret, contact: written.contact.clone(), auto_answer })
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
        let key = secrets::key(&seat.written);
        seat.fault(
            faults,
            key,
            format!("is the shipped password, and sip.listen ({listen}) can be reached from outside; choose another"),
        );
    }
}

fn operators<'a>(people: &mut People<'a>, files: &'a Files, seats: &Names, faults: &mut Faults) {
    let mut names = Names::default();
    let mut owners: BTreeMap<String, Place> = BTreeMap::new();
    let tables = reader::array::<written::Operator>(&files.operators, "operator", "id", faults);
    people.broken |= !tables.broken.is_empty();
    for operator in tables.good {
        let written = &operator.written;
        let named = names.take(&operator, "id", &written.id, faults);
        for (skill, level) in &written.skills {
            number_within(&operator, &["skills", skill], *level, (1, MAX_LEVEL), faults);
        }
        if let Some(seat) = &written.seat {
            if !seats.contains(seat) {
                operator.fault(faults, "seat", seats.unknown("seat", seat));
            } else if let Some(first) = owners.get(seat) {
                operator.fault(faults, "seat", format!("seat {seat:?} is somebody's already, at {first}"));
            }
            owners.entry(seat.clone()).or_insert_with(|| operator.place("seat"));
        }
        let rules = OperatorRules {
            name: written.name.clone().unwrap_or_else(|| written.id.clone()),
            skills: written.skills.iter().map(|(skill, level)| (Skill::from(skill.as_str()), *level)).collect(),
            seat: written.seat.as_deref().map(SeatId::from),
            weight: number_within(&operator, &["weight"], written.weight.unwrap_or(1), WEIGHT_LIMITS, faults),
            supervisor: written.supervisor.unwrap_or(false),
        };
        if named {
            let id = OperatorId::from(written.id.as_str());
            people.operators.insert(id.clone(), rules);
            people.elements.insert(id, operator);
        }
    }
}

/// Where skills are declared, each one is, and can be written in a need.
fn check_declared(top: &Element<'_, written::OperatorsTop>, people: &People<'_>, faults: &mut Faults) {
    let Some(declared) = &top.written.skills else { return };
    for (index, skill) in declared.iter().enumerate() {
        let path = ["skills", &index.to_string()];
        if parse_need(skill) != Ok(Need::AtLeast(skill.as_str().into(), 1)) {
            top.fault_at(faults, &path, format!("found {skill:?}; one word is meant, as it is written in a need"));
        } else if declared[..index].contains(skill) {
            top.fault_at(faults, &path, format!("{skill:?} is there twice"));
        }
    }
    for operator in people.elements.values() {
        for skill in operator.written.skills.keys().filter(|skill| !declared.contains(skill)) {
            let what = unknown("skill", skill, declared.iter().map(String::as_str));
            operator.fault_of_name(faults, &["skills", skill], what);
        }
    }
}
