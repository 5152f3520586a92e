//! hotline.toml: `[names]`.

use std::collections::{BTreeMap, BTreeSet};

use super::{MAX_NAME, unknown};
use crate::config::fault::Faults;
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written::{NamesTable, PageName};
use crate::config::{Called, Names};

type Ids<'a> = BTreeSet<&'a str>;

/// The ids that there are, by kind.
pub struct Known<'a> {
    pub queues: Ids<'a>,
    pub schedules: Ids<'a>,
    pub nodes: Ids<'a>,
    pub skills: Ids<'a>,
    pub reasons: Ids<'a>,
    pub emergencies: Ids<'a>,
}

/// `known`: all that there is, if the files are sound so far.
pub fn read(files: &Files, known: Option<&Known<'_>>, faults: &mut Faults) -> Option<Names> {
    let table = reader::table::<NamesTable>(&files.hotline, "names", faults)?;
    let known = |of: for<'k> fn(&'k Known<'_>) -> &'k Ids<'k>| known.map(of);
    let NamesTable { queue, schedule, choice, skill, reason, emergency } = &table.written;
    Some(Names {
        queues: named(&table, "queue", queue, known(|known| &known.queues), faults),
        schedules: named(&table, "schedule", schedule, known(|known| &known.schedules), faults),
        choices: named(&table, "choice", choice, known(|known| &known.nodes), faults),
        skills: named(&table, "skill", skill, known(|known| &known.skills), faults),
        reasons: named(&table, "reason", reason, known(|known| &known.reasons), faults),
        emergencies: named(&table, "emergency", emergency, known(|known| &known.emergencies), faults),
    })
}

fn named(
    table: &Element<'_, NamesTable>,
    kind: &str,
    written: &BTreeMap<String, PageName>,
    known: Option<&Ids<'_>>,
    faults: &mut Faults,
) -> BTreeMap<String, Called> {
    let mut names = BTreeMap::new();
    for (id, name) in written {
        let path = [kind, id.as_str()];
        if let Some(known) = known.filter(|known| !known.contains(id.as_str())) {
            let what = unknown(if kind == "choice" { "part of the menus" } else { kind }, id, known.iter().copied());
            faults.warning(&table.place_of(&path), table.key_of(&path), format!("it names nothing: {what}"));
        }
        let (zh, en) = match name {
            PageName::Everywhere(name) => (Some(name), Some(name)),
            PageName::Each(each) => (each.zh.as_ref(), each.en.as_ref()),
        };
        for name in [zh, en].into_iter().flatten() {
            let letters = name.chars().count();
            if name.trim().is_empty() || letters > MAX_NAME || name.chars().any(char::is_control) {
                table.fault_at(faults, &path, format!("found {name:?}; a name has 1 to {MAX_NAME} letters"));
            }
        }
        match (zh.or(en), en.or(zh)) {
            (Some(zh), Some(en)) => drop(names.insert(id.clone(), Called { zh: zh.clone(), en: en.clone() })),
            _ => table.fault_at(faults, &path, "no name: e.g. { zh = \"综合诉求\", en = \"General enquiries\" }"),
        }
    }
    names
}
