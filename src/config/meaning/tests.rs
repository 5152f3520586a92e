//! Whatever an admin changes in the shipped files is told of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Meaning;
use crate::config::{Surroundings, check_with, difference};

const FILES: [&str; 5] = ["hotline.toml", "menu.toml", "queues.toml", "operators.toml", "schedules.toml"];
/// Tables that only `check` reads: they change nothing.
const CHECK_ONLY: [&str; 2] = ["[[queue.expect]]", "skills ="];

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-config")
}

/// The files of the folder as they are meant; `None` if there is a fault.
fn meant(folder: &Path) -> Option<Meaning> {
    let now = "2026-11-25T12:00:00Z".parse().unwrap();
    let house = check_with(folder, Surroundings { variables: BTreeMap::new(), now, recorded: false }).house?;
    Some(Meaning::of(&house, &BTreeMap::new()))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(shipped().join(name)).unwrap()
}

/// Other values that may be allowed in the place of this one.
fn others(value: &str) -> Vec<String> {
    let inner = value.trim_matches('"');
    let is_time = inner.trim_end_matches(char::is_alphabetic).parse::<u64>().is_ok()
        && !inner.ends_with(|c: char| c.is_ascii_digit());
    let quoted = |texts: &[&str]| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>();
    match (value, value.parse::<u64>()) {
        ("true", _) => vec!["false".into()],
        ("false", _) => vec!["true".into()],
        (_, Ok(number)) => vec![(number + 1).to_string(), number.saturating_sub(1).to_string()],
        _ if value.starts_with('"') && is_time => quoted(&["7s", "61s", "11m", "2h"]),
        _ if value.starts_with(['[', '{']) => {
            // The first value within that can be another.
            let words: Vec<&str> =
                value.split([' ', ',', '[', ']', '{', '}', '=']).filter(|word| !word.is_empty()).collect();
            let within = words
                .into_iter()
                .filter(|word| word.starts_with('"') || word.parse::<u64>().is_ok() || *word == "true");
            within.flat_map(|word| others(word).into_iter().map(move |other| value.replacen(word, &other, 1))).collect()
        }
        _ => quoted(&[
            "english >= 2",
            "english",
            "citizen",
            "en",
            "zh",
            "fewest-calls",
            "on-connect",
            "127.0.0.2",
            "127.0.0.1:8081",
            "udp:127.0.0.1:5061",
            "tcp:127.0.0.1:5061",
            "30000-39999",
            "pcmu",
            "zh/greeting",
            "en/greeting",
            "music",
            "busy",
            "closed",
            "message",
            "Asia/Tokyo",
            "elsewhere",
            "somebody",
            "8",
            "12399",
            "mon-fri 09:00-17:00",
            "01012345678",
            "sip:127.0.0.1:5099",
            "10.0.0.0/8",
            "operator",
            "8009",
            "1009",
            "skill",
        ]),
    }
}

#[test]
fn every_key_of_the_shipped_files_is_told_of_when_it_changes() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("sip-config");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(shipped().join("../prompts"), home.path().join("prompts")).unwrap();
    let lay = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    FILES.iter().for_each(|name| lay(name, &read(name)));
    let base = meant(&folder).expect("the shipped files are sound");
    assert_eq!(difference(&base, &base), []);
    let (mut told, mut never) = (Vec::new(), Vec::new());
    for name in FILES {
        let text = read(name);
        let lines: Vec<&str> = text.lines().collect();
        let mut table = "";
        let mut seen = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            if line.starts_with('[') {
                table = line;
            }
            // Keys that are commented out show a default or an example.
            let (key, value) = match line.trim_start_matches("# ").split_once(" = ") {
                Some((key, value)) if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') => (key, value),
                _ => continue,
            };
            if CHECK_ONLY.iter().any(|what| table == *what || line.contains(what)) || seen.contains(&(table, key)) {
                continue;
            }
            seen.push((table, key));
            let changed = std::iter::once(value.to_string()).filter(|_| line.starts_with('#')).chain(others(value));
            let differs = |value: String| {
                let other = format!("{key} = {value}");
                let text = lines.iter().enumerate().map(|(at, line)| if at == number { &other } else { *line });
                lay(name, &text.collect::<Vec<_>>().join("\n"));
                let meaning = meant(&folder)?;
                let changes = difference(&base, &meaning);
                // A default that is written out is no change.
                (!changes.is_empty() || !line.starts_with(&other)).then_some(changes)
            };
            let (mut taken, mut words) = (0, None);
            for changes in changed.filter_map(differs) {
                taken += 1;
                if let Some(first) = changes.into_iter().next() {
                    words = Some(first.words);
                    break;
                }
            }
            match words {
                Some(words) => told.push(format!("{name}: {table} {key}: {words}")),
                None if taken == 0 => never.push(format!("{name}: {table} {key}")),
                None if taken == 1 && line.starts_with('#') => never.push(format!("{name}: {table} {key}")),
                None => panic!("{name}:{}: {line}: other values were taken, and nothing is told of them", number + 1),
            }
        }
        lay(name, &text);
    }
    // Some values stand alone in their files: any other is a fault.
    assert!(told.len() >= 40 && never.len() < told.len(), "not changed: {never:#?}\nchanged: {told:#?}");
}

/// Changes are compared by their words.
fn words(from: &Meaning, to: &Meaning) -> Vec<String> {
    difference(from, to).into_iter().map(|change| change.words).collect()
}

fn meaning(things: &[(&str, &[(&str, &str)])]) -> Meaning {
    let mut meaning = Meaning::default();
    for (thing, facts) in things {
        for (key, value) in *facts {
            match key.strip_prefix('?') {
                Some(key) => meaning.fact(thing, key, super::Fact::hidden(value)),
                None => meaning.say(thing, key, value),
            }
        }
    }
    meaning
}

#[test]
fn differences_are_told_in_the_admins_words() {
    let before = meaning(&[
        ("", &[("sip.listen", "udp:127.0.0.1:5060"), ("sip.max_calls", "4000")]),
        ("operator 1001", &[("skill english", "3"), ("skill mandarin", "5")]),
        ("operator 1002", &[("skill english", "3")]),
        ("prompt zh/greeting", &[("?", "a")]),
        ("queue citizen", &[("ring", "15s")]),
        ("queue old", &[("ring", "15s")]),
        ("seat 8001", &[("?secret", "a")]),
    ]);
    let after = meaning(&[
        ("", &[("sip.listen", "udp:127.0.0.1:5070"), ("sip.max_calls", "5000")]),
        ("operator 1001", &[("skill english", "5"), ("skill law", "2")]),
        ("operator 1042", &[("skill english", "3")]),
        ("prompt zh/greeting", &[("?", "b")]),
        ("queue citizen", &[("ring", "20s")]),
        ("seat 8001", &[("?secret", "b")]),
    ]);
    let expected = [
        "sip.listen udp:127.0.0.1:5060 → udp:127.0.0.1:5070",
        "sip.max_calls 4000 → 5000",
        "operator 1001: english 3 → 5",
        "operator 1001: law 2 added",
        "operator 1001: mandarin 5 removed",
        "operator 1002 removed",
        "operator 1042 added",
        "prompt zh/greeting replaced",
        "queue citizen: ring 15s → 20s",
        "queue old removed",
        "seat 8001: secret changed",
    ];
    assert_eq!(words(&before, &after), expected);
    let changes = difference(&before, &after);
    let restart: Vec<bool> = changes.iter().map(|change| change.needs_restart).collect();
    assert_eq!(restart.iter().filter(|needs| **needs).count(), 1);
    assert!(restart[0], "only the listener waits for a restart");
    assert_eq!(changes[9].gone, Some("old".into()));
    let later = after.clone().until_restart(&before);
    assert_eq!(words(&later, &after), expected[..1], "all but the listener holds, and the listener is still told of");
}

#[test]
fn a_table_that_comes_or_goes_is_told_of_in_one_line() {
    let without = meaning(&[("", &[("survey", "none"), ("surveyor", "none"), ("list", "none"), ("ring", "15s")])]);
    let keys = [("survey question", "a"), ("survey answers 1 score", "4"), ("surveyor", "mei"), ("ring", "20s")];
    let with = meaning(&[("", &[&keys[..], &[("list 1 name", "x")]].concat())]);
    let shared = ["ring 15s → 20s", "surveyor none → mei"];
    let lines = |from, to| words(from, to).into_iter().collect::<BTreeSet<String>>();
    let expected = |more: &[&str]| shared.iter().chain(more).map(|line| line.to_string()).collect::<BTreeSet<_>>();
    assert_eq!(lines(&without, &with), expected(&["survey added", "list none removed", "list 1 name x added"]));
    let back: BTreeSet<String> = words(&with, &without).into_iter().collect();
    assert!(back.contains("survey removed") && !back.iter().any(|line| line.contains("question")), "{back:?}");
    let other = meaning(&[("", &[("survey question", "b"), ("survey answers 1 score", "4")])]);
    let same = meaning(&[("", &[("survey question", "a"), ("survey answers 1 score", "4")])]);
    assert_eq!(words(&same, &other), ["survey question a → b"], "what changes within it is told by its key");
}

#[test]
fn a_queue_that_goes_on_under_another_name_is_told_of_as_that() {
    let before = meaning(&[("queue old", &[("ring", "15s")]), ("queue there", &[("ring", "1s")])]);
    let renamed =
        meaning(&[("queue new", &[("ring", "20s"), ("formerly", "old")]), ("queue there", &[("ring", "1s")])]);
    assert_eq!(
        words(&before, &renamed),
        [
            "queue old renamed: it is queue new now, and whoever waits there keeps the place",
            "queue new: ring 15s → 20s"
        ]
    );
    let merged = meaning(&[("queue there", &[("ring", "1s"), ("formerly", "old")])]);
    assert_eq!(
        words(&before, &merged),
        ["queue old removed: whoever waits there goes on in queue there", "queue there: formerly old added"]
    );
}

#[test]
fn where_a_new_choice_leads_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut menu = read("menu.toml");
    let first = menu.find("\n[[menu.choice]]").unwrap();
    menu.insert_str(first, "\n[[menu.choice]]\nkey = \"7\"\nqueue = \"english\"\nlanguage = \"en\"\n");
    for name in FILES {
        let text = if name == "menu.toml" { menu.clone() } else { read(name) };
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let told = words(&meant(&shipped()).unwrap(), &meant(folder.path()).unwrap());
    assert!(told.contains(&"menu welcome: choices 7 to queue english added".to_string()), "{told:#?}");
    assert!(!told.iter().any(|line| line.contains("to to")), "{told:#?}");
}
