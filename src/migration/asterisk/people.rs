//! Phones and people: pjsip.conf, sip.conf, agents.conf.

use std::collections::BTreeMap;

use super::conf::{Conf, Section};
use crate::migration::{Place, Report};

/// A phone, or the way to another exchange.
#[derive(Clone, Debug)]
pub struct Phone {
    pub name: String,
    pub at: Place,
    pub password: Option<String>,
    /// A fixed address, e.g. `10.0.0.5:5060`.
    pub address: Option<String>,
    /// Addresses that calls come from without a password: it is a trunk.
    pub from: Vec<String>,
    /// Where its calls begin in extensions.conf.
    pub context: Option<String>,
    /// The name for people.
    pub person: Option<String>,
}

impl Phone {
    pub fn is_trunk(&self) -> bool {
        !self.from.is_empty()
    }
}

/// Every phone and trunk, by name.
pub fn phones(pjsip: Option<&Conf>, sip: Option<&Conf>, report: &mut Report) -> BTreeMap<String, Phone> {
    let mut phones = BTreeMap::new();
    if let Some(conf) = sip {
        phones.extend(conf.named().filter_map(|section| Some((section.name.clone(), chan_sip(section)?))));
    }
    if let Some(conf) = pjsip {
        for section in conf.sections.iter().filter(|s| !s.template && s.value("type") == Some("endpoint")) {
            phones.insert(section.name.clone(), endpoint(conf, section, report));
        }
    }
    phones
}

fn chan_sip(section: &Section) -> Option<Phone> {
    if section.name == "authentication" || section.value("type").is_none() {
        return None;
    }
    let host = section.value("host").filter(|host| *host != "dynamic");
    let address = host.map(|host| match section.value("port") {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    });
    let password = section.value("secret").or(section.value("remotesecret")).map(str::to_string);
    // Who may call without a password from a fixed address is another exchange.
    let insecure = section.value("insecure").is_some_and(|value| value.contains("invite"));
    let from = match (host, insecure || password.is_none()) {
        (Some(host), true) => vec![host.to_string()],
        _ => Vec::new(),
    };
    Some(Phone {
        name: section.name.clone(),
        at: section.at.clone(),
        password,
        address,
        from,
        context: section.value("context").map(str::to_string),
        person: person(section.value("callerid")),
    })
}

fn endpoint(conf: &Conf, section: &Section, report: &mut Report) -> Phone {
    let of_type = |name: &str, kind: &str| {
        conf.sections.iter().find(|s| !s.template && s.name == name && s.value("type") == Some(kind))
    };
    let auth = section.value("auth").and_then(|name| of_type(name, "auth"));
    if let Some(entry) = auth.and_then(|auth| auth.get("md5_cred")) {
        report.missing(&entry.at, "a password that is hashed for another realm: set a new one with `hotline secret`");
    }
    let aors = section.value("aors").map(|aors| aors.split(',').map(str::trim).next().unwrap_or_default());
    let contact = aors.and_then(|name| of_type(name, "aor")).and_then(|aor| aor.value("contact"));
    let identified = conf.sections.iter().filter(|s| {
        !s.template && s.value("type") == Some("identify") && s.value("endpoint") == Some(section.name.as_str())
    });
    let from = identified.flat_map(|s| s.all("match")).flat_map(|entry| entry.value.split(',')).map(str::trim);
    Phone {
        name: section.name.clone(),
        at: section.at.clone(),
        password: auth.and_then(|auth| auth.value("password")).map(str::to_string),
        address: contact.map(|uri| address(uri).to_string()),
        from: from.map(str::to_string).collect(),
        context: section.value("context").map(str::to_string),
        person: person(section.value("callerid")),
    }
}

/// `10.0.0.5:5060` of `sip:8001@10.0.0.5:5060;transport=udp`.
fn address(uri: &str) -> &str {
    let host = uri.strip_prefix("sip:").unwrap_or(uri);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    host.split([';', '?']).next().unwrap_or(host)
}

/// `Anna` of `"Anna" <8001>`.
fn person(callerid: Option<&str>) -> Option<String> {
    let name = callerid?.split('<').next()?.trim().trim_matches('"').trim();
    (!name.is_empty()).then(|| name.to_string())
}

/// Agents of agents.conf: number and name.
pub fn agents(conf: &Conf, report: &mut Report) -> BTreeMap<String, Option<String>> {
    let mut agents = BTreeMap::new();
    for section in &conf.sections {
        for entry in section.all("agent") {
            let mut parts = entry.value.split(',').map(str::trim);
            let number = parts.next().unwrap_or_default().to_string();
            let name = parts.nth(1).filter(|name| !name.is_empty()).map(str::to_string);
            report.approximated(
                &entry.at,
                format!("agent {number} signs in by *11{number} at a seat, without a password of their own"),
            );
            agents.insert(number, name);
        }
        let is_agent = !section.template && !matches!(section.name.as_str(), "general" | "agents");
        if is_agent {
            agents.insert(section.name.clone(), section.value("fullname").map(str::to_string));
        }
    }
    agents
}
