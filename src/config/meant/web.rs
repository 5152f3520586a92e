//! hotline.toml: `[web]`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::{number_within, secrets, time_within};
use crate::config::fault::Faults;
use crate::config::reader::{self, Element};
use crate::config::scalars::Url;
use crate::config::source::Files;
use crate::config::{Web, WebPerson, WebRole, Webhook, WebhookEvent, written};
use crate::ids::{Language, OperatorId};
use crate::queue::OperatorRules;

const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
const SESSION_IDLE_LIMITS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));
const SESSION_LONGEST: Duration = Duration::from_secs(12 * 3600);
const SESSION_LONGEST_LIMITS: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(168 * 3600));
const SIGN_IN_TRIES: u32 = 10;
const SIGN_IN_TRIES_LIMITS: (u32, u32) = (1, 1000);
const GOAL: u8 = 95;
const ALARM_WAIT: Duration = Duration::from_secs(60);
const ALARM_WAIT_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
/// A shorter secret can be tried out.
const SHORTEST_SECRET: usize = 16;

type Written<'a> = Element<'a, written::Web>;

pub fn read(
    dir: &Path,
    files: &Files,
    operators: &BTreeMap<OperatorId, OperatorRules>,
    faults: &mut Faults,
) -> Option<Web> {
    let web = reader::table::<written::Web>(&files.hotline, "web", faults)?;
    let written = &web.written;
    let listen = match &written.listen {
        Some(listen) => listen.0.clone(),
        None => vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
    };
    if listen.is_empty() {
        web.fault(faults, "listen", "no address: nobody could reach the pages; e.g. \"127.0.0.1:8080\"");
    }
    let https = written.https.unwrap_or(false);
    let proxy = written.proxy.unwrap_or(false);
    let public = listen.iter().find(|listen| !listen.ip().is_loopback());
    if let Some(public) = public.filter(|_| !https && !proxy) {
        let what = format!(
            "{public} can be reached from outside, and passwords would travel unencrypted: say web.https = true, \
             with a certificate in [tls], or web.proxy = true if a proxy before it speaks HTTPS"
        );
        web.fault(faults, "listen", what);
    }
    let idle = &written.session_idle;
    let longest = &written.session_longest;
    let tries = written.sign_in_tries.unwrap_or(SIGN_IN_TRIES);
    let wait = &written.alarm_wait;
    Some(Web {
        https,
        proxy,
        session_idle: time_within(&web, "session_idle", idle, SESSION_IDLE, SESSION_IDLE_LIMITS, faults),
        session_longest: time_within(&web, "session_longest", longest, SESSION_LONGEST, SESSION_LONGEST_LIMITS, faults),
        sign_in_tries: number_within(&web, &["sign_in_tries"], tries, SIGN_IN_TRIES_LIMITS, faults),
        goal: number_within(&web, &["goal"], written.goal.unwrap_or(GOAL), (1, 100), faults),
        alarm_wait: time_within(&web, "alarm_wait", wait, ALARM_WAIT, ALARM_WAIT_LIMITS, faults),
        people: people(&web, operators, faults),
        webhooks: webhooks(dir, &web, faults),
        origins: origins(&web, faults),
        listen,
    })
}

fn people(
    web: &Written<'_>,
    operators: &BTreeMap<OperatorId, OperatorRules>,
    faults: &mut Faults,
) -> BTreeMap<String, WebPerson> {
    let mut people = BTreeMap::new();
    for (index, person) in web.written.person.iter().enumerate() {
        let place = index.to_string();
        let at = |key| ["person", &place, key];
        let id = &person.id;
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.chars().count() > super::MAX_NAME || !id.chars().all(allowed) {
            let what = format!("found {id:?}; a name has 1 to {} letters, digits, or - _ .", super::MAX_NAME);
            web.fault_at(faults, &at("id"), what);
        } else if operators.contains_key(id.as_str()) {
            web.fault_at(faults, &at("id"), format!("{id:?} is an operator, who signs in as that"));
        } else if people.contains_key(id) {
            web.fault_at(faults, &at("id"), format!("{id:?} is there already"));
        }
        let mut roles = BTreeSet::new();
        for role in &person.roles {
            match role.as_str() {
                "supervisor" => drop(roles.insert(WebRole::Supervisor)),
                "admin" => drop(roles.insert(WebRole::Admin)),
                "wall" => drop(roles.insert(WebRole::Wall)),
                other => {
                    let what = format!("found {other:?}; \"supervisor\", \"admin\" and \"wall\" are allowed");
                    web.fault_at(faults, &at("roles"), what);
                }
            }
        }
        if person.roles.is_empty() {
            web.fault_at(faults, &at("roles"), "no role: they could do nothing; e.g. [\"supervisor\"]");
        }
        let language = match person.language.as_deref() {
            None => None,
            Some("zh") => Some(Language::ZH),
            Some("en") => Some(Language::EN),
            Some(other) => {
                let what = format!("found {other:?}; the pages speak \"zh\" and \"en\"");
                web.fault_at(faults, &at("language"), what);
                None
            }
        };
        let name = person.name.clone().unwrap_or_else(|| id.clone());
        people.entry(id.clone()).or_insert(WebPerson { name, roles, language });
    }
    people
}

fn webhooks(dir: &Path, web: &Written<'_>, faults: &mut Faults) -> Vec<Webhook> {
    let all = BTreeSet::from([WebhookEvent::Ringing, WebhookEvent::Connected, WebhookEvent::Closed]);
    let mut webhooks = Vec::new();
    for (index, hook) in web.written.webhook.iter().enumerate() {
        let place = index.to_string();
        let at = |key| ["webhook", &place, key];
        if let Err(what) = Url::try_from(hook.url.clone()) {
            web.fault_at(faults, &at("url"), what);
        }
        let mut events = BTreeSet::new();
        for event in hook.events.iter().flatten() {
            match event.as_str() {
                "ringing" => drop(events.insert(WebhookEvent::Ringing)),
                "connected" => drop(events.insert(WebhookEvent::Connected)),
                "closed" => drop(events.insert(WebhookEvent::Closed)),
                other => {
                    let what = format!("found {other:?}; \"ringing\", \"connected\" and \"closed\" are allowed");
                    web.fault_at(faults, &at("events"), what);
                }
            }
        }
        let (key, secret) = match (&hook.secret, &hook.secret_file) {
            (Some(secret), None) => ("secret", Ok(secret.clone())),
            (None, Some(file)) => ("secret_file", first_line(&dir.join(file))),
            _ => ("url", Err("one of secret and secret_file is needed: nobody could tell who sent it".to_string())),
        };
        match secret {
            Ok(secret) if secret.starts_with(secrets::MASK) => web.fault_at(faults, &at(key), secrets::IS_A_MASK),
            Ok(secret) if secret.chars().count() < SHORTEST_SECRET => {
                let what = format!("the secret is too short; at least {SHORTEST_SECRET} letters are needed");
                web.fault_at(faults, &at(key), what);
            }
            Ok(secret) => {
                let events = if hook.events.is_none() { all.clone() } else { events };
                webhooks.push(Webhook { url: hook.url.clone(), events, secret });
            }
            Err(what) => web.fault_at(faults, &at(key), what),
        }
    }
    webhooks
}

fn first_line(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_string())
}

/// As browsers tell them, RFC 6454 §6.2: scheme, host, and the port unless it is the scheme's own.
fn origins(web: &Written<'_>, faults: &mut Faults) -> Vec<String> {
    let origins = web.written.origins.clone().unwrap_or_default();
    for (index, origin) in origins.iter().enumerate() {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(is_host) {
            let what = format!("found {origin:?}; an origin is meant, e.g. \"https://desk.example\"");
            web.fault_at(faults, &["origins", &index.to_string()], what);
        }
    }
    origins
}
