//! The shipped files, the contract's minimum, the environment, and every kind of fault with its report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod documents;
mod tables;

use super::*;
use crate::ids::{Language, SeatId};
use crate::ivr::menu::{Choice, Destination, Node, To};
use crate::ivr::{AnswerWhen, Counting, Entry, Grammar};
use crate::sip::{Transport, digest};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The cases are read on the day they were written for.
fn today() -> jiff::Timestamp {
    "2026-11-25T12:00:00+08:00".parse().unwrap()
}

/// As `hotline check` prints it, without the folder.
fn told(faults: &[Fault], dir: &Path) -> String {
    let root = format!("{}/", root().display());
    let dir = format!("{}/", dir.display());
    // Wherever the project lies, as much is underlined.
    let mut longer = 0;
    let line = |line: &str| {
        let line = line.replacen(&"^".repeat(longer), "", usize::from(longer > 0));
        longer = line.matches(&root).count() * root.len();
        line.replace(&dir, "").replace(&root, "") + "\n"
    };
    let report: String = report(faults, false).lines().map(line).collect();
    format!("{report}{}\n", count(faults))
}

fn environment(variables: &[(&str, &str)]) -> Surroundings {
    let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Surroundings { variables, now: today(), recorded: true }
}

fn good(dir: &Path, variables: &[(&str, &str)]) -> (House, Vec<Fault>) {
    let checked = check_with(dir, environment(variables));
    let house = checked.house.unwrap_or_else(|| panic!("{}", told(&checked.faults, dir)));
    (house, checked.faults)
}

fn bad(dir: &Path, variables: &[(&str, &str)]) -> String {
    let checked = check_with(dir, environment(variables));
    assert!(checked.house.is_none(), "a fault");
    told(&checked.faults, dir)
}

#[test]
fn the_shipped_files_mean_what_the_contract_says() {
    let (house, warnings) = good(&root().join("sip-config"), &[]);
    assert_eq!(told(&warnings, &root()), "no faults\n");
    let listen: Vec<String> =
        house.sip.listen.iter().map(|l| format!("{}:{}", l.transport.via_name(), l.addr)).collect();
    assert_eq!(listen, ["UDP:127.0.0.1:5060", "TCP:127.0.0.1:5060"]);
    assert_eq!((house.media.ports.clone(), house.ivr.answer), (20_000..=29_999, AnswerWhen::AtOnce));
    let Some(Entry::To(Destination { to: To::Node(menu), .. })) = house.ivr.numbers.get("12345") else {
        panic!("12345 leads to no menu")
    };
    let Node::Menu(menu) = &house.ivr.menus.nodes[menu] else { panic!("{menu} is no menu") };
    let general = Destination::queue("citizen", Some(Language::ZH));
    assert_eq!((&menu.default, &menu.choices[&'1']), (&general, &Choice::To(general.clone())));
    assert_eq!(menu.choices[&'2'], Choice::To(Destination::queue("english", Some(Language::EN))));
    assert_eq!(house.sip.seats.len(), 10);
    for n in 1..=10 {
        let (seat, operator) = (format!("80{n:02}"), format!("10{n:02}"));
        assert_eq!(
            house.sip.seats[seat.as_str()].secret,
            Some(digest::secret(&seat, "hotline", &format!("hotline-{seat}")))
        );
        assert_eq!(house.queue.operators[operator.as_str()].seat, Some(SeatId::from(seat)));
    }
}

#[test]
fn the_bench_has_750_seats() {
    let (house, warnings) = good(&root().join("scripts/bench-config"), &[]);
    assert_eq!(told(&warnings, &root()), "no faults\n");
    assert_eq!((house.sip.seats.len(), house.queue.operators.len()), (750, 750));
    assert_eq!(house.sip.seats["seat750"].contact.as_deref(), Some("sip:seat750@127.0.0.1:6000"));
    let numbers: Vec<&str> = house.ivr.numbers.keys().map(String::as_str).collect();
    assert_eq!(numbers, ["100", "200", "301", "302"]);
    assert_eq!(house.queue.queues["bench"].wrap_up, Duration::ZERO);
}

#[test]
fn a_minimum_is_enough() {
    let dir = root().join("tests/config-problems/minimum");
    let (house, warnings) = good(&dir, &[]);
    assert_eq!(told(&warnings, &dir), "no faults\n");
    assert_eq!(house.sip.seats["8001"].secret, Some(digest::secret("8001", "hotline", "s3cret")));
    assert_eq!(house.queue.queues["line"].ring, Duration::from_secs(20));
}

#[test]
fn a_folder_that_is_not_there_is_one_fault() {
    let dir = tempfile::tempdir().unwrap().path().join("nowhere");
    let faults = load(&dir).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].to_string().contains("there is no such folder"), "{}", faults[0]);
}

/// A house in Chinese whose Cantonese lacks one number prompt; whose Uyghur has its ten digits; and Tibetan, that
/// has nothing.
#[test]
fn numbers_are_said_wholly_in_the_words_of_one_language() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["operators.toml", "queues.toml"] {
        std::fs::copy(root().join("tests/config-problems/minimum").join(file), dir.path().join(file)).unwrap();
    }
    let languages = "[[language]]\nid = \"zh\"\n[[language]]\nid = \"yue\"\nfallback = \"zh\"\n\
                     [[language]]\nid = \"ug\"\nfallback = \"zh\"\nnumbers = \"digits\"\n\
                     [[language]]\nid = \"bo\"\nfallback = \"ug\"\n\
                     [[number]]\nnumber = \"12345\"\nqueue = \"line\"\n";
    std::fs::write(dir.path().join("menu.toml"), languages).unwrap();
    let prompts = dir.path().join("prompts");
    std::fs::create_dir(&prompts).unwrap();
    for (from, to) in [("zh", "zh"), ("zh", "yue"), ("en", "ug")] {
        std::fs::create_dir(prompts.join(to)).unwrap();
        for entry in std::fs::read_dir(root().join("prompts").join(from)).unwrap() {
            std::fs::copy(entry.as_ref().unwrap().path(), prompts.join(to).join(entry.unwrap().file_name())).unwrap();
        }
    }
    for tone in ["music.wav", "beep.wav", "ringback.wav"] {
        std::fs::copy(root().join("prompts").join(tone), prompts.join(tone)).unwrap();
    }
    std::fs::remove_file(prompts.join("yue/1000.wav")).unwrap();
    let (house, _) = good(dir.path(), &[("HOTLINE__MEDIA__PROMPTS", &prompts.display().to_string())]);
    let [yue, ug, bo] = ["yue", "ug", "bo"].map(|code| Language::parse(code).unwrap());
    let digits = Counting { language: ug, grammar: Grammar::Digits };
    let counting = [Language::ZH, yue, ug, bo].map(|language| house.ivr.languages.counting(language));
    assert_eq!(counting, [Counting::ZH, Counting::ZH, digits, digits]);
    assert_eq!(house.media.prompts.fallbacks[&bo], [ug, Language::ZH]);
    assert_eq!(house.ivr.numbers["12345"], Entry::To(Destination::queue("line", None)));
}

#[test]
fn the_environment_goes_above_the_files() {
    let dir = root().join("sip-config");
    let (house, _) = good(
        &dir,
        &[
            ("HOTLINE__SIP__LISTEN", "udp:127.0.0.1:0,tcp:[::1]:5080"),
            ("HOTLINE__MEDIA__PORTS", "40000-40999"),
            ("HOTLINE__MEDIA__WORKERS", "3"),
            ("HOTLINE__HOUSE__DRAIN", "2s"),
            ("HOTLINE__MEDIA__CODECS", "pcmu"),
        ],
    );
    let listen: Vec<String> = house.sip.listen.iter().map(|l| l.addr.to_string()).collect();
    assert_eq!(listen, ["127.0.0.1:0", "[::1]:5080"]);
    assert_eq!(house.sip.listen[1].transport, Transport::Tcp);
    assert_eq!(
        (house.media.ports.clone(), house.media.workers, house.app.drain),
        (40_000..=40_999, 3, Duration::from_secs(2))
    );
    assert_eq!(house.media.codecs.len(), 1);
    let told = bad(&dir, &[("HOTLINE__HOUSE__DRAIN", "60")]);
    assert_eq!(
        told,
        "HOTLINE__HOUSE__DRAIN: fault: house.drain: found 60; a time needs a unit, e.g. \"20s\", \"500ms\" or \"2m\"\n      \
         | HOTLINE__HOUSE__DRAIN=60\n      \
         |                       ^^\n1 fault\n"
    );
    assert!(
        bad(&dir, &[("HOTLINE__SIP__LISTEN", "sctp:127.0.0.1:1")])
            .contains("\"sctp\"; udp, tcp, tls, ws and wss are spoken")
    );
}

#[test]
fn a_shipped_password_is_not_for_the_public() {
    let public = [("HOTLINE__SIP__LISTEN", "udp:0.0.0.0:5060"), ("HOTLINE__SIP__ADVERTISE", "192.0.2.10,2001:db8::10")];
    let told = bad(&root().join("sip-config"), &public);
    assert_eq!(told.lines().filter(|line| line.contains("is the shipped password")).count(), 10, "{told}");
    assert!(told.starts_with("operators.toml:18:10: fault: seat.secret: is the shipped password"), "{told}");
}

/// Copies what belongs to a configuration.
fn copy(from: &Path, to: &Path) {
    for path in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(&there).unwrap();
            copy(&path, &there);
        } else if path.file_name().is_some_and(|name| name != "expected.txt" && name != "environment") {
            std::fs::copy(&path, &there).unwrap();
            // Whoever took the files from their history may have kept them to themselves.
            let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            std::fs::set_permissions(&there, everybody).unwrap();
        }
    }
}

/// `NAME=value` in the lines of a case's `environment`.
fn variables(case: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(case.join("environment")).unwrap_or_default();
    text.lines().map(|line| line.split_once('=').unwrap()).map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

/// Each folder of `tests/config-problems` with an `expected.txt`: files on top of a sound minimum.
#[test]
fn every_fault_is_reported_with_its_place() {
    let cases = root().join("tests/config-problems");
    let mut names: Vec<PathBuf> = std::fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut checked = 0;
    for case in names.iter().filter(|case| case.file_name().is_some_and(|name| name != "minimum")) {
        let dir = tempfile::tempdir().unwrap();
        for folder in [&cases.join("minimum"), case] {
            copy(folder, dir.path());
        }
        let mut variables = variables(case);
        if case.join("without-prompts").exists() {
            std::os::unix::fs::symlink(root().join("prompts"), dir.path().join("voices")).unwrap();
        } else {
            // Seen from the case, so that its reports are the same wherever the project lies.
            std::os::unix::fs::symlink(root().join("prompts"), dir.path().join("prompts")).unwrap();
            variables.insert("HOTLINE__MEDIA__PROMPTS".into(), "prompts".into());
        }
        let told =
            told(&check_with(dir.path(), Surroundings { variables, now: today(), recorded: true }).faults, dir.path());
        let expected = case.join("expected.txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &told).unwrap();
        }
        assert_eq!(told, std::fs::read_to_string(&expected).unwrap_or_default(), "{}", case.display());
        checked += 1;
    }
    assert!(checked >= 50, "{checked} cases");
}

#[test]
fn files_that_are_not_there_or_not_readable() {
    let dir = tempfile::tempdir().unwrap();
    let told = bad(dir.path(), &[]);
    for name in ["menu.toml", "queues.toml", "operators.toml"] {
        assert!(told.contains(&format!("{name}: fault: cannot be read")), "{told}");
    }
    std::fs::create_dir(dir.path().join("hotline.toml")).unwrap();
    std::fs::write(dir.path().join("menu.toml"), b"# \xE4\xB8\xAD\n# \xFF\n").unwrap();
    let told = bad(dir.path(), &[]);
    assert!(
        told.contains("hotline.toml: fault: cannot be read")
            && told.contains("menu.toml: fault: cannot be read: line 2 "),
        "{told}"
    );
}

#[test]
fn the_schemas_are_those_of_the_types() {
    for (name, text) in schemas() {
        let path = root().join("sip-config/schema").join(&name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "{name}: UPDATE=1 writes it anew");
    }
}
