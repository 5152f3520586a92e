//! Lists of callers' numbers, in menu.toml or in files beside it.

use std::collections::BTreeMap;
use std::path::Path;

use super::menus::Known;
use crate::config::fault::{Faults, Place};
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::ids::ListId;
use crate::ivr::menu::Numbers;

/// Looked through at every call; a larger one is a database.
const MAX_FILE: u64 = 16 * 1024 * 1024;

pub fn read(dir: &Path, files: &Files, known: &mut Known<'_>, faults: &mut Faults) -> BTreeMap<ListId, Numbers> {
    let tables = reader::array::<written::List>(&files.menu, "list", "id", faults);
    let mut lists = BTreeMap::new();
    for list in &tables.good {
        let named = known.lists.take(list, "id", &list.written.id, faults);
        let numbers = numbers(dir, list, faults);
        if named {
            lists.insert(ListId::from(list.written.id.as_str()), numbers);
        }
    }
    known.lists.also(tables.broken);
    lists
}

fn numbers(dir: &Path, list: &Element<'_, written::List>, faults: &mut Faults) -> Numbers {
    let mut numbers = Numbers::default();
    for (index, number) in list.written.numbers.iter().enumerate() {
        if !numbers.add(number) {
            list.fault_at(faults, &["numbers", &index.to_string()], wrong(number));
        }
    }
    let Some(file) = &list.written.file else { return numbers };
    let path = dir.join(file);
    let text = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() > MAX_FILE => {
            let what = format!("{} has {} bytes; at most {MAX_FILE} are read", path.display(), metadata.len());
            list.fault(faults, "file", what);
            return numbers;
        }
        _ => std::fs::read_to_string(&path),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            list.fault(faults, "file", format!("{} cannot be read: {error}", path.display()));
            return numbers;
        }
    };
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = line.split('#').next().unwrap_or_default().trim();
        if !number.is_empty() && !numbers.add(number) {
            let place =
                Place { file: path.display().to_string().into(), line: index + 1, column: 1, ..Place::default() };
            faults.fault(&place, "list", wrong(number));
        }
    }
    numbers
}

fn wrong(found: &str) -> String {
    format!("found {found:?}; a number is meant, e.g. \"13800000000\", or how numbers begin, e.g. \"138*\"")
}
