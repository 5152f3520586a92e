//! Operators, seats and trunks, written as ours.

use std::collections::{BTreeMap, BTreeSet};

use super::levels::Levels;
use super::{Answerer, Hash, House, Member, list, plain_name, quoted};
use crate::migration::Report;

/// Everybody who answers calls: by the interface as it is written there.
pub fn answerers(house: &House, report: &mut Report) -> BTreeMap<String, Answerer> {
    let mut found = BTreeMap::new();
    for member in house.queues.iter().flat_map(|queue| &queue.members) {
        if !found.contains_key(&member.interface) {
            let answerer = answerer(house, member, report);
            found.insert(member.interface.clone(), answerer);
        }
    }
    found
}

fn answerer(house: &House, member: &Member, report: &mut Report) -> Answerer {
    let (technology, device) = member.interface.split_once('/').unwrap_or(("", &member.interface));
    let device = device.split(['@', '/']).next().unwrap_or(device);
    let name = plain_name(device);
    match technology.to_ascii_lowercase().as_str() {
        "agent" => Answerer { operator: name, seat: None },
        "local" => {
            // Local/8001@agents rings what its extension dials.
            let context = member.interface.split_once('@').map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
            let steps = context.and_then(|context| house.plan.find(context, device)).map(|(_, steps)| steps);
            let dialled = steps.into_iter().flatten().find(|step| step.is("Dial")).and_then(|step| step.argument(0));
            let seat = dialled.and_then(|dialled| {
                dialled.replace("${EXTEN}", device).split_once('/').map(|(_, seat)| seat.to_string())
            });
            let seat = seat
                .filter(|seat| house.phones.contains_key(seat))
                .or_else(|| house.phones.contains_key(device).then(|| device.to_string()));
            if seat.is_none() {
                report.missing(
                    &member.at,
                    format!(
                        "{}: what it rings is no phone here; the operator signs in by *11{name} at a seat",
                        member.interface
                    ),
                );
            }
            Answerer { operator: name, seat }
        }
        "pjsip" | "sip" => {
            if !house.phones.contains_key(device) {
                report.approximated(&member.at, format!("{}: no such phone in pjsip.conf or sip.conf; the seat has a password that nobody knows: set one with `hotline secret {name}`", member.interface));
            }
            Answerer { operator: name.clone(), seat: Some(name) }
        }
        _ => {
            report.missing(
                &member.at,
                format!("{}: only SIP phones are rung; the operator signs in by *11{name} at a seat", member.interface),
            );
            Answerer { operator: name, seat: None }
        }
    }
}

/// operators.toml.
pub fn operators(house: &House, answerers: &BTreeMap<String, Answerer>, hash: Hash<'_>, report: &mut Report) -> String {
    let mut text =
        String::from("#:schema schema/operators.json\n# Imported; passwords are kept as their hashes alone.\n");
    let skills: Vec<String> = house.queues.iter().map(|queue| plain_name(&queue.name)).collect();
    text.push_str(&format!("skills = {}\n", list(&skills)));
    let mut seats: BTreeMap<String, Option<&super::people::Phone>> = BTreeMap::new();
    seats
        .extend(house.phones.values().filter(|phone| !phone.is_trunk()).map(|phone| (phone.name.clone(), Some(phone))));
    for seat in answerers.values().filter_map(|answerer| answerer.seat.clone()) {
        seats.entry(seat).or_insert(None);
    }
    for (seat, phone) in &seats {
        let at = phone.map(|phone| format!(" # {}", phone.at)).unwrap_or_default();
        text.push_str(&format!("\n[[seat]]{at}\nid = {}\n", quoted(&plain_name(seat))));
        let fixed = phone.and_then(|phone| phone.address.as_deref()).filter(|address| is_ip(address));
        match (phone, fixed) {
            (Some(phone), Some(address)) if phone.password.is_none() => {
                text.push_str(&format!("contact = {}\n", quoted(&format!("sip:{seat}@{address}"))));
            }
            _ => text.push_str(&format!(
                "secret = {}\n",
                hash(&plain_name(seat), phone.and_then(|phone| phone.password.as_deref()))
            )),
        }
        if let Some(phone) = phone {
            match (&phone.password, fixed) {
                (None, None) => report.approximated(
                    &phone.at,
                    format!("seat {seat} has no password here: set one with `hotline secret {seat}`"),
                ),
                _ => report.taken(&phone.at, format!("seat {seat}")),
            }
        }
    }
    if seats.is_empty() {
        text.push_str(&format!(
            "\n# There was no phone there; the house needs one.\n[[seat]]\nid = \"8001\"\nsecret = {}\n",
            hash("8001", None)
        ));
    }
    let mut written = BTreeSet::new();
    for member in house.queues.iter().flat_map(|queue| &queue.members) {
        let Some(answerer) = answerers.get(&member.interface) else { continue };
        if !written.insert(answerer.operator.clone()) {
            continue;
        }
        let name = member.name.clone().or_else(|| house.agents.get(&answerer.operator).cloned().flatten());
        let name = name.or_else(|| house.phones.get(&answerer.operator)?.person.clone());
        let skills = skills_of(house, answerers, &answerer.operator);
        text.push_str(&format!("\n[[operator]] # {}\nid = {}\n", member.at, quoted(&answerer.operator)));
        if let Some(name) = name {
            text.push_str(&format!("name = {}\n", quoted(&name)));
        }
        text.push_str(&format!("skills = {{ {} }}\n", skills.join(", ")));
        if let Some(seat) = &answerer.seat {
            text.push_str(&format!("seat = {}\n", quoted(seat)));
        }
    }
    text
}

/// A skill for each queue, its level from the penalty there.
fn skills_of(house: &House, answerers: &BTreeMap<String, Answerer>, operator: &str) -> Vec<String> {
    let mut skills = BTreeMap::new();
    for queue in &house.queues {
        let levels = Levels::of(queue.members.iter().map(|member| member.penalty));
        let own = queue.members.iter().filter(|m| answerers.get(&m.interface).is_some_and(|a| a.operator == operator));
        for member in own {
            skills.entry(plain_name(&queue.name)).or_insert(levels.level(member.penalty));
        }
    }
    skills.into_iter().map(|(skill, level)| format!("{} = {level}", quoted(&skill))).collect()
}

/// An address, perhaps with the length of a prefix.
fn is_network(text: &str) -> bool {
    match text.split_once('/') {
        Some((address, length)) => address.parse::<std::net::IpAddr>().is_ok() && length.parse::<u8>().is_ok(),
        None => is_ip(text),
    }
}

fn is_ip(address: &str) -> bool {
    address.parse::<std::net::SocketAddr>().is_ok() || address.parse::<std::net::IpAddr>().is_ok()
}

/// hotline.toml: the trunks; everything else as it is shipped.
pub fn hotline(house: &House, report: &mut Report) -> String {
    let mut text =
        String::from("#:schema schema/hotline.json\n# Imported: the trunks. Every other key has its default.\n");
    for phone in house.phones.values().filter(|phone| phone.is_trunk()) {
        let (good, names): (Vec<&String>, Vec<&String>) = phone.from.iter().partition(|from| is_network(from));
        for name in names {
            report.missing(&phone.at, format!("{name}: a trunk is known by its addresses, not by a name"));
        }
        if good.is_empty() {
            continue;
        }
        let from: Vec<String> = good.into_iter().cloned().collect();
        text.push_str(&format!(
            "\n[[trunk]] # {}\nid = {}\nfrom = {}\n",
            phone.at,
            quoted(&plain_name(&phone.name)),
            list(&from)
        ));
        let to = phone
            .address
            .clone()
            .filter(|address| is_ip(address))
            .or_else(|| from.first().filter(|from| is_ip(from)).cloned());
        if let Some(to) = to {
            text.push_str(&format!("to = {}\n", quoted(&format!("sip:{to}"))));
        }
        report.taken(&phone.at, format!("trunk {}; passwords towards other exchanges are not kept", phone.name));
    }
    text
}
