//! The walls of `src/ARCHITECTURE.md`, read from the source.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this holds more than one idea.
const MAX_LINES: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, ending, found);
        } else if entry.extension().is_some_and(|e| e == ending) {
            found.push(entry);
        }
    }
}

/// Every source file: its path below `src/`, its room, and its lines without comments and tests.
fn sources() -> Vec<(String, String, Vec<String>)> {
    let src = root().join("src");
    let mut paths = Vec::new();
    files(&src, "rs", &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&src).unwrap().display().to_string();
        let room = name.split('/').next().unwrap().trim_end_matches(".rs").to_string();
        let text = fs::read_to_string(path).unwrap();
        let is_test = name.contains("/tests") || name.ends_with("tests.rs");
        let code = if is_test { "" } else { text.split("#[cfg(test)]\nmod tests {").next().unwrap() };
        let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default().to_string()).collect();
        (name, room, lines)
    };
    paths.iter().map(read).collect()
}

fn check(rule: &str, breaks: impl Fn(&str, &str, &str) -> bool) {
    let mut broken = Vec::new();
    for (name, room, lines) in sources() {
        for (number, line) in lines.iter().enumerate() {
            if breaks(&name, &room, line) {
                broken.push(format!("src/{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

/// Which rooms a line names: `crate::media::…`, and every one of `use crate::{media, sip}`.
fn names(line: &str, room: &str) -> bool {
    let list = line
        .trim()
        .strip_prefix("use crate::{")
        .is_some_and(|list| list.split([',', '{', '}', ';', ' ']).any(|word| word.split("::").next() == Some(room)));
    list || line.contains(&format!("crate::{room}::"))
        || line.contains(&format!("crate::{room};"))
        || line.contains(&format!("crate::{room} "))
}

#[test]
fn machines_do_no_io_and_read_no_clock() {
    let banned = [
        "tokio",
        "async ",
        ".await",
        "Instant",
        "SystemTime",
        "std::net",
        "std::fs",
        "std::thread",
        "HashMap",
        "HashSet",
        "rand::rng(",
        "rand::rng;",
        "println!",
    ];
    check("queue, ivr, call and forecast are pure", |_, room, line| {
        matches!(room, "queue" | "ivr" | "call" | "forecast") && banned.iter().any(|word| line.contains(word))
    });
}

#[test]
fn rooms_know_only_whom_they_may_know() {
    let may: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("ids", &[][..]),
        ("moment", &[]),
        ("erlang", &[]),
        ("visible", &[]),
        ("tls", &[]),
        ("peers", &[]),
        ("tape", &[]),
        ("peers", &[]),
        ("queue", &[]),
        ("ivr", &[]),
        ("sip", &[]),
        ("media", &["tape"]),
        ("records", &[]),
        ("call", &["ivr", "media", "queue", "records", "sip", "tape"]),
        ("config", &["ivr", "media", "queue", "sip", "tape"]),
        ("migration", &[]),
        ("http", &["records", "tape"]),
        ("forecast", &["config", "queue", "records"]),
    ]);
    let rooms =
        ["queue", "ivr", "call", "sip", "media", "records", "config", "forecast", "migration", "http", "app", "tape"];
    check("a room names a room it must not know", |_, room, line| {
        let Some(may) = may.get(room) else { return false };
        rooms.iter().any(|other| *other != room && !may.contains(other) && names(line, other))
    });
}

#[test]
fn a_call_sees_only_the_words_of_others() {
    let inside = [
        "sip::message",
        "sip::endpoint",
        "sip::transport",
        "media::desk",
        "media::worker",
        "queue::Engine",
        "records::Store",
        "media::sdp",
    ];
    check("call looks into another room", |_, room, line| {
        room == "call" && inside.iter().any(|path| line.contains(path))
    });
}

#[test]
fn what_is_said_to_nobody_is_no_panic() {
    check("lines for people are said by `say!`, which survives a closed standard output", |_, _, line| {
        line.replace("eprintln!(", "").contains("println!(")
    });
}

#[test]
fn each_crate_has_one_door() {
    let doors = [
        ("rsip::", "sip"),
        ("rtp::", "media"),
        ("hound::", "media"),
        ("ring::", "tape tls"),
        ("opus_pure::", "media tape"),
        ("rusqlite::", "records"),
        ("toml_edit::", "config"),
        ("csv::", "records config"),
        ("encoding_rs::", "config"),
        ("clap::", "app"),
        ("ureq::", "app"),
        ("axum::", "http"),
        ("hyper::", "http"),
        ("hyper_util::", "http"),
        ("tower_http::", "http"),
        ("utoipa::", "http"),
        ("utoipa_axum::", "http"),
        ("rust_embed::", "http"),
        ("dashmap::", "http"),
        ("argon2::", "http"),
        ("metrics_exporter_prometheus::", "http"),
        ("rustls::", "app tls"),
        ("tokio_rustls::", "tls"),
        ("tokio_tungstenite::", "sip"),
        ("hickory_resolver::", "sip"),
        ("webpki::", "tls"),
        ("x509_parser::", "tls"),
        ("rustls_native_certs::", "tls"),
        ("indicatif::", "app"),
        ("anstyle::", "app"),
        ("socket2::", "sip media"),
    ];
    check("a crate is used behind another door", |_, room, line| {
        let used = |krate: &str| {
            line.match_indices(krate)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
        };
        doors.iter().any(|(krate, door)| !door.split(' ').any(|door| door == room) && used(krate))
    });
}

#[test]
fn nothing_from_outside_is_unwrapped() {
    check("unwrap, expect or todo in the program", |_, _, line| {
        [".unwrap()", "todo!(", "unimplemented!(", "dbg!("].iter().any(|word| line.contains(word))
    });
}

#[test]
fn files_are_of_a_readable_length_and_say_what_they_are() {
    let mut paths = Vec::new();
    for folder in ["src", "tests"] {
        files(&root().join(folder), "rs", &mut paths);
    }
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
        let is_list_of_modules = path.ends_with("tests/mod.rs");
        assert!(text.starts_with("//!") || is_list_of_modules, "{} does not say what it is", path.display());
    }
}

#[test]
fn the_map_names_what_is_there() {
    let map = fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap();
    for word in map.split('`').filter(|word| (word.ends_with(".rs") || word.ends_with('/')) && !word.contains(' ')) {
        let exists = ["", "src", "sip-config"].iter().any(|base| root().join(base).join(word).exists());
        assert!(exists, "the map names {word}, which is not there");
    }
    for folder in
        fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        let name = format!("`{}/`", folder.file_name().unwrap().to_string_lossy());
        assert!(map.contains(&name), "the map does not name {name}");
    }
}

#[test]
fn every_command_in_the_readme_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert_eq!(&commands[..2], ["scripts/first-run", "scripts/test"], "the first two commands of the README");
    for command in commands {
        for word in command.split_whitespace().filter(|word| word.starts_with("scripts/")) {
            assert!(root().join(word).exists(), "{word}");
        }
    }
}
