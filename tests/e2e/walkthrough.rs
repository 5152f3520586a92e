//! The changes of `sip-config/README.md`, done as they stand there on a hotline that runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::house::{Files, hotline};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Each `sh` block with the lines of the `text` blocks behind it.
fn steps(page: &str) -> Vec<(String, Vec<String>)> {
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let mut block = || lines.by_ref().take_while(|line| *line != "```").map(String::from).collect::<Vec<_>>();
        match (line, steps.last_mut()) {
            ("```sh", _) => steps.push((block().join("\n"), Vec::new())),
            ("```text", Some((_, expected))) => expected.extend(block()),
            _ => {}
        }
    }
    steps
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("copies");
        }
    }
}

#[test]
fn each_of_the_ten_changes_does_what_is_said() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let here = dir.path().to_path_buf();
    for folder in ["sip-config", "prompts"] {
        copy(&root.join(folder), &here.join(folder));
    }
    // The program by its name, and a port range that no other test has.
    fs::create_dir(here.join("bin")).expect("a folder");
    std::os::unix::fs::symlink(hotline().get_program(), here.join("bin/hotline")).expect("a link");
    let files = Files::new(None).hotline;
    let ports = files.lines().find(|line| line.starts_with("ports")).and_then(|line| line.split('"').nth(1));
    let path = format!("{}:{}", here.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let environment = [
        ("PATH", path.as_str()),
        ("HOTLINE__SIP__LISTEN", "udp:127.0.0.1:0"),
        ("HOTLINE__MEDIA__PORTS", ports.expect("ports")),
        ("HOTLINE__SIP__MAX_CALLS", "10"),
    ];
    let mut server = hotline();
    server.args(["serve", "--log", "warn"]).current_dir(&here).envs(environment);
    let _server = Server(server.spawn().expect("starts"));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !here.join("data").exists() || hotline_says(&here, &environment, "hotline reload --dry-run").0 != Some(0) {
        assert!(std::time::Instant::now() < until, "the hotline does not open");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let page = fs::read_to_string(root.join("sip-config/README.md")).expect("the page");
    let steps = steps(&page);
    assert_eq!(steps.len(), 10);
    let mut wrong = Vec::new();
    for (script, expected) in &steps {
        let (code, told) = hotline_says(&here, &environment, script);
        assert!(!expected.is_empty(), "nothing is said of {script}");
        let untold: Vec<&String> = expected.iter().filter(|line| !told.contains(line.as_str())).collect();
        if code != Some(0) || !untold.is_empty() {
            wrong.push(format!("{code:?}, {untold:?} is not told by\n{script}\nbut\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn hotline_says(here: &Path, environment: &[(&str, &str)], script: &str) -> (Option<i32>, String) {
    let script = format!("set -e\n{script}");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(here).envs(environment.iter().copied());
    let out = command.output().expect("bash is there");
    (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}
