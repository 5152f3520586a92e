//! Asterisk: queues.conf, queuerules.conf, extensions.conf, pjsip.conf, sip.conf, agents.conf.

mod conf;
mod dialplan;
mod ends;
mod leads;
mod levels;
mod lines;
mod menus;
mod numbers;
mod people;
mod queues;
mod seats;
#[cfg(test)]
mod tests;
mod times;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use super::{Import, Report, Wanted};
use dialplan::Dialplan;
use leads::{Use, plain_name};
use people::Phone;
use queues::{Member, Queue, Rules};

/// Makes the value of `secret` for a seat of its password; of `None` one that nobody knows.
pub type Hash<'a> = &'a mut dyn FnMut(&str, Option<&str>) -> String;

/// Files whose contents are looked at.
const FILES: [&str; 6] = ["queues.conf", "queuerules.conf", "extensions.conf", "pjsip.conf", "sip.conf", "agents.conf"];

/// All that was read there.
struct House {
    queues: Vec<Queue>,
    rules: Rules,
    phones: BTreeMap<String, Phone>,
    agents: BTreeMap<String, Option<String>>,
    plan: Dialplan,
}

/// Somebody who answers calls, whatever they are called there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Answerer {
    operator: String,
    /// None: they sign in wherever they sit.
    seat: Option<String>,
}

/// Ours of theirs. `texts`: the files of a folder by name, folders within it with a slash.
pub fn import(texts: &BTreeMap<String, String>, hash: Hash<'_>) -> Result<Import, String> {
    if !texts.contains_key("queues.conf") && !texts.contains_key("extensions.conf") {
        return Err(format!("neither queues.conf nor extensions.conf is there; looked at are {}", FILES.join(", ")));
    }
    let mut report = Report::default();
    let house = read(texts, &mut report);
    let (answerers, numbers) = (seats::answerers(&house, &mut report), numbers::walk(&house, &mut report));
    let menus = menus::menus(&numbers, &mut report);
    let played = menus.prompts();
    let is_played = |wanted: &&Wanted| played.contains(&format!("{}/{}", wanted.language, wanted.name));
    let prompts: Vec<Wanted> = numbers.prompts.iter().filter(is_played).cloned().collect();
    let files = [
        ("queues.toml", lines::queues(&house, &numbers.uses, &menus.hours, &mut report)),
        ("operators.toml", seats::operators(&house, &answerers, hash, &mut report)),
        ("menu.toml", numbers::menu(&house, &menus, &mut report)),
        ("schedules.toml", numbers::schedules(&numbers, &menus)),
        ("hotline.toml", seats::hotline(&house, &mut report)),
        ("prompts.toml", numbers::manifest(&prompts)),
    ];
    let mut import = Import { prompts, ..Import::default() };
    import.files.extend(files.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.into(), text)));
    import.files.insert("IMPORT.md".into(), report.markdown(&import.prompts));
    import.report = report;
    Ok(import)
}

fn read(texts: &BTreeMap<String, String>, report: &mut Report) -> House {
    let file = |name: &str, report: &mut Report| conf::read(name, texts, report);
    let queues_conf = file("queues.conf", report).unwrap_or_default();
    let rules_conf = file("queuerules.conf", report).unwrap_or_default();
    let extensions = file("extensions.conf", report).unwrap_or_default();
    let (pjsip, sip) = (file("pjsip.conf", report), file("sip.conf", report));
    let agents = file("agents.conf", report).unwrap_or_default();
    if let Some(general) = queues_conf.section("general") {
        lines::general(general, report);
    }
    House {
        queues: queues::queues(&queues_conf, report),
        rules: queues::rules(&rules_conf, report),
        phones: people::phones(pjsip.as_ref(), sip.as_ref(), report),
        agents: people::agents(&agents, report),
        plan: dialplan::read(&extensions, report),
    }
}

impl House {
    fn queue_names(&self) -> BTreeSet<String> {
        self.queues.iter().map(|queue| queue.name.clone()).collect()
    }

    fn seats(&self) -> BTreeSet<String> {
        self.phones.values().filter(|phone| !phone.is_trunk()).map(|phone| phone.name.clone()).collect()
    }

    fn trunks(&self) -> BTreeSet<String> {
        self.phones.values().filter(|phone| phone.is_trunk()).map(|phone| phone.name.clone()).collect()
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' => "\\\"".into(),
            '\\' => "\\\\".into(),
            c if c.is_control() => " ".to_string(),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// `90` seconds as `1m30s`, within bounds.
fn seconds(count: u64) -> String {
    format!("{count}s")
}
