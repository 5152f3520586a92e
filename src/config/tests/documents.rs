//! What is said of the keys is true: defaults, bounds, and what the shipped files show.

use std::fs;

use toml_edit::{DocumentMut, Item, TableLike, Value};

use super::*;
use crate::config::reference::{self, Key};

/// Keys that can be tried only beside others: the key, and what has to be written with it.
const COMPANIONS: &[(&str, &[(&str, &str)])] = &[
    ("queue.handle_time", &[("queue.calls_per_hour", "60")]),
    ("trunk.expires", &[("trunk.register", "true"), ("trunk.username", "\"u\""), ("trunk.secret", "\"s\"")]),
    ("trunk.prefix", &[("trunk.country", "\"86\"")]),
    ("trunk.dials", &[("trunk.country", "\"86\"")]),
    ("trunk.callers", &[("trunk.country", "\"86\"")]),
    // Whoever is tried once is not tried again too late.
    ("queue.callback.retry", &[("queue.callback.attempts", "1")]),
];

fn base() -> PathBuf {
    root().join("tests/config-reference")
}

/// The house with these keys written, and everything that is said of it.
fn with(written: &[(&str, &str)]) -> Checked {
    let dir = tempfile::tempdir().unwrap();
    copy(&base(), dir.path());
    for (key, value) in written {
        let file = reference::keys().into_iter().find(|known| known.key == *key).unwrap().file;
        let path = dir.path().join(&file);
        let mut document: DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        let value: Value = value.parse().unwrap_or_else(|error| panic!("{key}: {value}: {error}"));
        let steps: Vec<&str> = key.split('.').collect();
        let (last, way) = steps.split_last().unwrap();
        let mut set = |table: &mut dyn TableLike| drop(table.insert(last, Item::Value(value.clone())));
        let is_there = enter(document.as_table_mut(), way, &mut set);
        assert!(is_there, "{key}: write a table that it can stand in into tests/config-reference/{file}");
        fs::write(&path, document.to_string()).unwrap();
    }
    let prompts = root().join("prompts").display().to_string();
    check_with(dir.path(), environment(&[("HOTLINE__MEDIA__PROMPTS", &prompts)]))
}

/// Goes into the first table of each list on the way.
fn enter(table: &mut dyn TableLike, way: &[&str], work: &mut dyn FnMut(&mut dyn TableLike)) -> bool {
    let Some((step, rest)) = way.split_first() else {
        work(table);
        return true;
    };
    match table.get_mut(step) {
        Some(Item::Table(table)) => enter(table, rest, work),
        Some(Item::ArrayOfTables(tables)) => tables.get_mut(0).is_some_and(|table| enter(table, rest, work)),
        Some(Item::Value(Value::InlineTable(table))) => enter(table, rest, work),
        Some(Item::Value(Value::Array(tables))) => {
            let first = tables.get_mut(0).and_then(Value::as_inline_table_mut);
            first.is_some_and(|table| enter(table, rest, work))
        }
        _ => false,
    }
}

fn written<'a>(key: &'a Key, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let beside = COMPANIONS.iter().find(|(name, _)| *name == key.key).map_or(&[][..], |(_, beside)| beside);
    let mut written = beside.to_vec();
    written.push((&key.key, value));
    written
}

fn faults_of<'a>(checked: &'a Checked, key: &Key) -> Vec<&'a Fault> {
    checked.faults.iter().filter(|fault| fault.severity == Severity::Fault && fault.key == key.key).collect()
}

#[test]
fn a_default_that_is_written_out_changes_nothing() {
    let mut tried = 0;
    for key in reference::keys() {
        let Some(default) = &key.default else { continue };
        let all = written(&key, default);
        let (without, explicit) = (with(&all[..all.len() - 1]), with(&all));
        let house = |checked: &Checked| match &checked.house {
            Some(house) => format!("{house:#?}"),
            None => panic!("{}: {}", key.key, told(&checked.faults, &base())),
        };
        let (without, explicit) = (house(&without), house(&explicit));
        let differs = without.lines().zip(explicit.lines()).find(|(without, explicit)| without != explicit);
        assert!(without == explicit, "{}: the default is not {default}: {differs:?}", key.key);
        tried += 1;
    }
    assert!(tried >= 35, "{tried} defaults were tried");
}

#[test]
fn bounds_are_where_they_are_said_to_be() {
    let mut tried = 0;
    for key in reference::keys() {
        let Some((least, most)) = &key.bounds else { continue };
        if key.kind.contains("table") || key.kind.contains("list") {
            continue;
        }
        for end in [least, most] {
            let checked = with(&written(&key, end));
            let faults = faults_of(&checked, &key);
            assert!(faults.is_empty(), "{} = {end} is within the bounds: {faults:?}", key.key);
        }
        for outside in [before(least), after(most)].into_iter().flatten() {
            let checked = with(&written(&key, &outside));
            assert!(!faults_of(&checked, &key).is_empty(), "{} = {outside} is out of bounds", key.key);
        }
        tried += 1;
    }
    assert!(tried >= 25, "{tried} bounds were tried");
}

/// Just below; of a time of 0 there is nothing below.
fn before(least: &str) -> Option<String> {
    match least.parse::<i64>() {
        Ok(number) => Some((number - 1).to_string()),
        Err(_) => {
            let time = time_of(least).checked_sub(Duration::from_millis(1))?;
            Some(format!("\"{}ms\"", time.as_millis()))
        }
    }
}

fn after(most: &str) -> Option<String> {
    match most.parse::<i64>() {
        Ok(number) => Some((number + 1).to_string()),
        Err(_) => Some(format!("\"{}ms\"", time_of(most).as_millis() + 1)),
    }
}

fn time_of(text: &str) -> Duration {
    parse_time(text.trim_matches('"')).unwrap()
}

/// What a line of a shipped file sets, also where it is commented out.
fn setting(line: &str) -> Option<(&str, Value)> {
    let line = line.trim_start_matches("# ");
    let (key, value) = line.split_once(" = ")?;
    let plain = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    Some((key, plain.then(|| value.parse().ok())??))
}

#[test]
fn the_shipped_files_name_every_key_and_show_true_defaults() {
    let keys = reference::keys();
    let mut shown = 0;
    for (name, _) in schemas() {
        let name = name.replace(".json", ".toml");
        let text = fs::read_to_string(root().join("sip-config").join(&name)).unwrap();
        let is_named = |word: &str| {
            text.match_indices(word).any(|(at, _)| {
                let letter = |c: char| c.is_alphanumeric() || c == '_';
                !text[..at].ends_with(letter) && !text[at + word.len()..].starts_with(letter)
            })
        };
        for key in keys.iter().filter(|key| key.file == name) {
            let word = key.key.rsplit('.').next().unwrap();
            assert!(is_named(word), "sip-config/{name} does not name {}", key.key);
        }
        // A table that is commented out as a whole is an example, and so is what is called one.
        let (mut table, mut example) = (String::new(), false);
        for (number, line) in text.lines().enumerate() {
            let bare = line.trim_start_matches("# ");
            if bare.starts_with('[') && bare.ends_with(']') {
                (table, example) =
                    (format!("{}.", bare.trim_matches(['[', ']'])), line.starts_with('#') || bare.contains("expect"));
                continue;
            }
            let Some((key, value)) = setting(line) else { continue };
            // In hotline.toml every key is shown as it is without it.
            let is_default = (line.starts_with('#') || name == "hotline.toml") && !example;
            let mut all = vec![(format!("{table}{key}"), value)];
            while let Some((key, value)) = all.pop() {
                if let Value::InlineTable(inside) = &value {
                    all.extend(inside.iter().map(|(inner, value)| (format!("{key}.{inner}"), value.clone())));
                }
                let default = keys.iter().find(|known| known.key == key).and_then(|known| known.default.clone());
                let Some(default) = default.filter(|_| is_default) else { continue };
                let plain = |value: &str| value.split_whitespace().collect::<String>();
                let value = value.to_string();
                assert_eq!(plain(&value), plain(&default), "sip-config/{name}:{}: the default of {key}", number + 1);
                shown += 1;
            }
        }
    }
    assert!(shown >= 25, "{shown} defaults are shown");
}

#[test]
fn the_examples_of_the_shipped_menu_work_as_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    copy(&root().join("sip-config"), dir.path());
    let change = |name: &str, change: &dyn Fn(String) -> String| {
        let path = dir.path().join(name);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    };
    change("menu.toml", &|text| {
        let (before, rest) = text.split_once("# Examples.").unwrap();
        let (examples, after) = rest.split_once("# End of the examples.").unwrap();
        let is_prose = |line: &str| {
            line.starts_with(char::is_uppercase) || line.starts_with("this one") || line.starts_with("to go on")
        };
        let plain = examples.lines().skip(1).map(|line| line.strip_prefix("# ").unwrap_or_default());
        let plain: Vec<&str> = plain.filter(|line| !is_prose(line)).collect();
        format!("{before}{}\n{after}", plain.join("\n"))
    });
    // What the examples lead to: a trunk that goes out, a queue that calls back.
    change("hotline.toml", &|text| text.replace("# to = \"sip:", "to = \"sip:"));
    change("queues.toml", &|text| {
        text.replacen(
            "id = \"citizen\"\n",
            "id = \"citizen\"\ncallback = {}\nkey = [{ key = \"1\", callback = true }]\n",
            1,
        )
    });
    let prompts = root().join("prompts").display().to_string();
    let checked = check_with(dir.path(), environment(&[("HOTLINE__MEDIA__PROMPTS", &prompts)]));
    assert!(checked.faults.is_empty(), "{}", told(&checked.faults, dir.path()));
    assert!(checked.house.unwrap().ivr.menus.nodes.len() >= 7);
}
