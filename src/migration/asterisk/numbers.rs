//! Dialled numbers, menus and schedules, written as ours.

use std::collections::{BTreeMap, BTreeSet};

use super::leads::{Lead, Node, Spot, Use, plain_name};
use super::menus::{Entry, Line, Menus};
use super::walk::{KEYS, Walk};
use super::{House, list, quoted, seconds};
use crate::migration::{Place, Report, Wanted};

/// Contexts that the library of peers' examples begins calls in, where no trunk says one.
const USUAL: [&str; 3] = ["from-trunk", "from-pstn", "default"];

/// All that extensions.conf leads to.
pub struct Numbers {
    pub numbers: Vec<(String, Lead, Place)>,
    pub nodes: Vec<(String, Place, Node)>,
    pub schedules: BTreeMap<String, (String, Place)>,
    pub uses: BTreeMap<String, Use>,
    pub prompts: BTreeSet<Wanted>,
}

/// Follows every number that can be dialled.
pub fn walk(house: &House, report: &mut Report) -> Numbers {
    let (queues, seats, trunks) = (house.queue_names(), house.seats(), house.trunks());
    let entries = entries(house);
    let mut walk = Walk::new(&house.plan, &queues, &seats, &trunks, report);
    let mut numbers: Vec<(String, Lead, Place)> = Vec::new();
    let mut others = Vec::new();
    for (context, is_entry) in &entries {
        let Some(found) = house.plan.contexts.get(context) else { continue };
        for extension in &found.order {
            let Some(at) = found.extensions.get(extension).and_then(|steps| steps.first()).map(|step| step.at.clone())
            else {
                continue;
            };
            match extension.as_str() {
                name if name.starts_with('_') => {
                    if *is_entry {
                        walk.report.missing(
                            &at,
                            format!("{name}: a pattern; each number that can be dialled is a [[number]]"),
                        );
                    }
                }
                "s" if *is_entry => {
                    walk.report
                        .missing(&at, "s: calls without a dialled number; write the [[number]] that your trunk sends");
                }
                name if name.len() < 2 || !name.bytes().all(|b| b.is_ascii_digit() || b == b'+') => {}
                name => {
                    let spot = Spot { context: context.clone(), extension: name.into(), index: 0, language: None };
                    // Whoever dials a phone from another phone is no caller of the hotline.
                    let (simple, _) = walk.simply(&spot);
                    let serves = !matches!(simple, Lead::HangUp | Lead::Number(_) | Lead::Seat(_) | Lead::Busy);
                    if numbers.iter().any(|(number, ..)| number == name) {
                        walk.report.missing(&at, format!("{name} in [{context}]: the number is there already"));
                    } else if serves || (*is_entry && matches!(simple, Lead::Seat(_))) {
                        let lead = walk.from(&spot);
                        numbers.push((name.into(), lead, at));
                    } else {
                        others.push((name.to_string(), at));
                    }
                }
            }
        }
    }
    for (name, at) in others {
        walk.report.missing(&at, format!("{name}: leads to no queue or menu"));
    }
    for queue in &house.queues {
        let Some(context) = queue.section.get("context") else { continue };
        for key in KEYS.chars() {
            let extension = key.to_string();
            let Some((_, steps)) = house.plan.find(&context.value, &extension) else { continue };
            let Some(at) = steps.first().map(|step| step.at.clone()) else { continue };
            let (lead, _) = walk.simply(&Spot { context: context.value.clone(), extension, index: 0, language: None });
            walk.uses.entry(plain_name(&queue.name)).or_default().keys.push((key, lead, at));
        }
    }
    let Walk { nodes, schedules, uses, prompts, .. } = walk;
    Numbers { numbers, nodes, schedules, uses, prompts }
}

/// Contexts with numbers, those that trunks lead to first; whether they are such.
fn entries(house: &House) -> Vec<(String, bool)> {
    let of_trunks = house.phones.values().filter(|phone| phone.is_trunk()).filter_map(|phone| phone.context.as_deref());
    let mut first: Vec<&str> = of_trunks.flat_map(|context| house.plan.with_includes(context)).collect();
    if first.is_empty() {
        first = USUAL.into_iter().filter(|context| house.plan.contexts.contains_key(*context)).collect();
        first = first.into_iter().flat_map(|context| house.plan.with_includes(context)).collect();
    }
    let all = first
        .iter()
        .map(|context| (*context, true))
        .chain(house.plan.order.iter().map(|context| (context.as_str(), false)));
    let mut entries: Vec<(String, bool)> = Vec::new();
    for (context, is_entry) in all {
        if !entries.iter().any(|(there, _)| there == context) {
            entries.push((context.into(), is_entry));
        }
    }
    entries
}

/// menu.toml.
pub fn menu(house: &House, menus: &Menus, report: &mut Report) -> String {
    let mut text = String::from("#:schema schema/menu.json\n# Imported from extensions.conf.\n");
    for (number, entry, at) in &menus.numbers {
        let to = match entry {
            Entry::Menu(id) => format!("menu = {}", quoted(id)),
            Entry::Line(line) => line_keys(line),
        };
        text.push_str(&format!("\n[[number]] # {at}\nnumber = {}\n{to}\n", quoted(number)));
        report.taken(at, format!("number {number}"));
    }
    if menus.numbers.is_empty() {
        let queue = house.queues.first().map_or("main".into(), |queue| plain_name(&queue.name));
        let number = "\n# No number was found there; the house needs one.\n[[number]]\nnumber = \"12345\"\n";
        text.push_str(&format!("{number}queue = {}\n", quoted(&queue)));
    }
    for menu in &menus.menus {
        text.push_str(&format!(
            "\n[[menu]] # {}\nid = {}\nprompts = {}\ntimeout = {}\nretries = {}\ndefault = {{ {} }}\n",
            menu.at,
            quoted(&menu.id),
            list(&menu.prompts),
            quoted(&seconds(menu.timeout_s.min(60))),
            menu.retries,
            line_keys(&menu.default).replace('\n', ", ")
        ));
        for (key, line, at) in &menu.choices {
            text.push_str(&format!(
                "[[menu.choice]] # {at}\nkey = {}\n{}\n",
                quoted(&key.to_string()),
                line_keys(line)
            ));
        }
        report.taken(&menu.at, format!("menu {}", menu.id));
    }
    text.push_str(&waiting(house));
    text
}

fn line_keys(line: &Line) -> String {
    match &line.language {
        None => format!("queue = {}", quoted(&line.queue)),
        Some(language) => format!("queue = {}\nlanguage = {}", quoted(&line.queue), quoted(language)),
    }
}

/// What is told in the line, one for all queues: the shortest interval of theirs.
fn waiting(house: &House) -> String {
    let every = house.queues.iter().filter_map(|queue| {
        let entry = queue.section.get("announce-frequency")?;
        Some((entry.value.parse::<u64>().ok().filter(|every| *every > 0)?, entry.at.clone()))
    });
    let mut text = String::new();
    if let Some((every, at)) = every.min() {
        text.push_str(&format!("announce_every = {} # {at}\n", quoted(&seconds(every.clamp(10, 3600)))));
    }
    let silent = house.queues.iter().find_map(|queue| {
        queue.section.get("announce-holdtime").filter(|entry| entry.value.eq_ignore_ascii_case("no"))
    });
    if let Some(entry) = silent {
        text.push_str(&format!("announce_wait = false # {}\n", entry.at));
    }
    if text.is_empty() { text } else { format!("\n[waiting]\n{text}") }
}

/// schedules.toml; empty if nothing goes by the time.
pub fn schedules(numbers: &Numbers, menus: &Menus) -> String {
    let used = |name: &String| menus.hours.values().any(|hours| hours.schedule == *name);
    let mut text = String::new();
    for (name, (hours, at)) in numbers.schedules.iter().filter(|(name, _)| used(name)) {
        text.push_str(&format!("\n[[schedule]] # {at}\nid = {}\nhours = {}\n", quoted(name), quoted(hours)));
    }
    let head = "#:schema schema/schedules.json\n# Imported from GotoIfTime; add the calendar with the holidays.\n";
    if text.is_empty() { text } else { format!("{head}{text}") }
}

/// What is to be recorded, to be filled with what each says.
pub fn manifest(wanted: &[Wanted]) -> String {
    if wanted.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "# What is to be recorded, beside what the shipped prompts have. Write what each says, without the # before it:\n\
         # `hotline prompts make` speaks those that nobody recorded.\n\n",
    );
    for Wanted { language, name, from, at } in wanted {
        text.push_str(&format!("# {from} ({at})\n# {name}.{language} = \"\"\n"));
    }
    text
}
