//! The command line: help that teaches, exit statuses, faults with their place.

use crate::house::{Files, hotline, write_files};

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let out = hotline().args(args).output().unwrap();
    (
        out.status.code(),
        String::from_utf8_lossy(&out.stdout).to_string(),
        String::from_utf8_lossy(&out.stderr).to_string(),
    )
}

#[test]
fn help_teaches_and_wrong_usage_is_2() {
    for command in ["serve", "check", "records", "call", "seat", "secret"] {
        let (code, told, _) = run(&[command, "--help"]);
        assert!(code == Some(0) && told.contains("Usage: hotline") && told.len() > 300, "{command}: {told}");
        assert!(!told.contains('\u{1b}'), "colours that nobody sees");
    }
    assert!(run(&["--help"]).1.contains("Examples:"));
    for wrong in [
        &["serv"][..],
        &["serve", "--colour"],
        &["records", "--since", "yesteryear"],
        &["call"],
        &["call", "12345"],
        &["seat", "8001", "--answer-after", "5"],
        &[],
    ] {
        let (code, _, told) = run(wrong);
        assert!(code == Some(2) || (wrong == ["call", "12345"] && code == Some(1)), "{wrong:?}: {code:?} {told}");
        assert!(!told.is_empty());
    }
}

#[test]
fn a_fault_in_the_files_is_told_with_its_place_and_nothing_starts() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Files::new(None);
    files.queues = files.queues.replace("ring = \"4s\"", "rign = \"4s\"");
    files.operators += "[[seat]]\nid = \"8001\"\nsecret = \"again\"\n";
    write_files(dir.path(), &files);
    let config = dir.path().join("config").display().to_string();
    let data = dir.path().join("data").display().to_string();
    for command in ["check", "serve"] {
        let (code, out, err) = run(&["--config", &config, "--data", &data, command]);
        let told = format!("{out}{err}");
        assert_eq!(code, Some(1), "{told}");
        assert!(
            told.contains("queues.toml:6:1: fault: queue.rign: unknown key; did you mean `ring`?"),
            "{command}: {told}"
        );
        assert!(told.contains("is there already"), "{command}: {told}");
    }
    assert!(!dir.path().join("data").exists(), "something was started");
    let (code, out, _) = run(&["--config", &config, "check", "--format", "json"]);
    assert_eq!(code, Some(1));
    for line in out.lines() {
        let fault: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(fault["line"].as_u64().unwrap() > 0 && fault["what"].is_string());
    }
}

#[test]
fn the_shipped_files_are_sound() {
    let root = env!("CARGO_MANIFEST_DIR");
    for config in ["sip-config", "scripts/bench-config"] {
        let (code, out, err) = run(&["--config", &format!("{root}/{config}"), "check"]);
        assert!(code == Some(0) && out.contains("no faults"), "{out}{err}");
    }
}

#[test]
fn records_without_a_store_say_what_to_do() {
    let (code, _, err) = run(&["--data", "/nonexistent/data", "records"]);
    assert!(code == Some(1) && err.contains("there are no records yet"), "{err}");
}

#[test]
fn a_secret_is_hashed_for_the_file() {
    use std::io::Write;
    let root = env!("CARGO_MANIFEST_DIR");
    let mut child = hotline()
        .args(["--config", &format!("{root}/sip-config"), "secret", "8001"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"hotline-8001\n").unwrap();
    let told = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let shipped = std::fs::read_to_string(format!("{root}/sip-config/operators.toml")).unwrap();
    assert!(shipped.contains(told.trim()), "{told} is not what is shipped");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_fault() {
    let commands = [
        "hotline check | head -n 0",
        "hotline call sip:12345@127.0.0.1:1 | true",
        "hotline check --format json | true",
    ];
    for command in commands {
        let program = format!("exec {}", env!("CARGO_BIN_EXE_hotline"));
        let script = format!(
            "set -o pipefail; {}",
            command.replacen("hotline", &format!("( {program}"), 1).replacen(" |", " ) |", 1)
        );
        let out = std::process::Command::new("bash")
            .args(["-c", &script])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("bash is there");
        let told = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() != Some(101) && !told.contains("panicked"), "{command}: {told}");
    }
}

#[test]
fn a_fault_that_nobody_reads_is_the_exit_status_alone() {
    let (reader, unread) = std::io::pipe().unwrap();
    drop(reader);
    let status = hotline().args(["--config", "/nowhere", "serve"]).stderr(unread).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_softphone_says_at_once_why_it_cannot_call() {
    let nobody = crate::ports::free_port();
    let cases = [
        (vec!["call".into(), format!("sip:12345@localhost:{nobody}")], "nothing listens at 127.0.0.1"),
        (vec!["call".into(), format!("sip:12345@127.0.0.1:{nobody};transport=tcp")], "is `hotline serve` running?"),
        (vec!["call".into(), "sip:12345@127.0.0.1;transport=tls".into()], "udp and tcp"),
        (vec!["call".into(), "sip:12345@127.0.0.1".into(), "--press".into(), "1x".into()], "'x' is no key"),
        (vec!["seat".into(), "8001".into(), "--server".into(), format!("127.0.0.1:{nobody}")], "nothing listens"),
        (vec!["--log".into(), "debugg".into(), "check".into()], "\"debugg\" is no level"),
    ];
    for (args, told) in cases {
        let out = crate::house::hotline().args(&args).output().expect("runs");
        let said = String::from_utf8_lossy(&out.stderr).to_string();
        assert!(!out.status.success() && said.contains(told), "{args:?}: {said}");
    }
}

#[test]
fn whoever_is_in_another_folder_or_gives_what_cannot_be_is_told_that_alone() {
    for (args, told) in [
        (&["switch", "--config", "/nowhere/sip-config"][..], "there is no folder /nowhere/sip-config; --config says"),
        (
            &["secret", "8001", "--config", "/nowhere/sip-config"],
            "there is no folder /nowhere/sip-config; --config says",
        ),
        (&["staff", "--calls-per-hour", "-3", "--handle-time", "60s"], "--calls-per-hour is more than 0"),
    ] {
        let out = crate::house::hotline().args(args).stdin(std::process::Stdio::null()).output().expect("runs");
        let said = String::from_utf8_lossy(&out.stderr).to_string();
        assert!(!out.status.success() && said.contains(told) && said.lines().count() == 1, "{args:?}: {said}");
    }
}

#[test]
fn keys_are_told_and_operators_exported() {
    let root = env!("CARGO_MANIFEST_DIR");
    let config = format!("{root}/sip-config");
    let (code, out, _) = run(&["config", "reference", "queue.ring"]);
    assert!(code == Some(0) && out.contains("default \"20s\"") && out.contains("HOTLINE__QUEUE__ID__RING"), "{out}");
    let (code, _, err) = run(&["config", "reference", "queue.rnig"]);
    assert!(code == Some(1) && err.contains("did you mean `queue.ring`?"), "{err}");
    let (_, out, _) = run(&["config", "reference", "--format", "json"]);
    assert!(
        out.lines().count() > 80 && out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok())
    );
    let dir = tempfile::tempdir().unwrap();
    let (code, out, _) = run(&["config", "schema", &dir.path().display().to_string()]);
    assert!(code == Some(0) && out.lines().count() >= 5, "{out}");
    let shipped = std::fs::read_to_string(format!("{config}/schema/queues.json")).unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("queues.json")).unwrap(), shipped);
    let (code, out, err) = run(&["--config", &config, "operators", "export"]);
    assert!(code == Some(0) && out.starts_with("\u{feff}id,name,seat") && out.lines().count() == 11, "{out}{err}");
}

#[test]
fn prompts_that_cannot_be_read_are_told_with_the_other_faults() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Files::new(None);
    files.queues = files.queues.replace("ring = \"4s\"", "rign = \"4s\"");
    std::fs::create_dir(dir.path().join("voices")).unwrap();
    std::fs::write(dir.path().join("voices/music.wav"), "not sound").unwrap();
    write_files(dir.path(), &files);
    let config = dir.path().join("config");
    let prompts = dir.path().join("voices").display().to_string();
    let out = hotline()
        .args(["--config", &config.display().to_string(), "check"])
        .env("HOTLINE__MEDIA__PROMPTS", prompts)
        .output()
        .unwrap();
    let told = String::from_utf8(out.stdout).unwrap();
    assert!(told.contains("queue.rign: unknown key") && told.contains("music.wav: fault: "), "{told}");
    assert!(out.status.code() == Some(1) && !told.contains('\u{1b}'), "{told}");
}
