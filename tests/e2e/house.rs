//! One hotline for one test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ports;

/// Nothing that is waited for may take longer on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(45);

/// The files of one house; change what a test needs before it opens.
pub struct Files {
    pub hotline: String,
    pub menu: String,
    pub queues: String,
    pub operators: String,
    /// Empty: the file is not there.
    pub schedules: String,
}

/// A contact of `8002` that the test's own peer answers.
pub const DESK_PHONE: &str = "8002";

impl Files {
    /// One number with a menu and a short wait for keys, two queues, seat 8001 with the secret
    /// `open-sesame`, operators who sit at their seats, and an optional desk phone without registration.
    pub fn new(desk_phone: Option<u16>) -> Files {
        let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
        let desk = match desk_phone {
            Some(port) => format!(
                "[[seat]]\nid = \"{DESK_PHONE}\"\ncontact = \"sip:{DESK_PHONE}@127.0.0.1:{port}\"\n\
                 [[operator]]\nid = \"1002\"\nname = \"Boris\"\nskills = {{ mandarin = 5 }}\nseat = \"{DESK_PHONE}\"\n"
            ),
            None => String::new(),
        };
        Files {
            hotline: format!(
                "[sip]\nlisten = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]\n\
                 [[trunk]]\nid = \"test\"\nfrom = [\"127.0.0.1\"]\n\
                 [media]\nports = \"{}\"\nprompts = \"{}\"\nworkers = 1\n[house]\ndrain = \"5s\"\n",
                format_args!("{}-{}", ports::of_sound().start(), ports::of_sound().end()),
                prompts.display()
            ),
            menu: "[[number]]\nnumber = \"12345\"\nmenu = \"welcome\"\n\
                   [[number]]\nnumber = \"12346\"\nqueue = \"citizen\"\nlanguage = \"zh\"\n\
                   [[number]]\nnumber = \"12347\"\nqueue = \"english\"\nlanguage = \"en\"\n\
                   [[menu]]\nid = \"welcome\"\nprompts = [\"zh/greeting\"]\ntimeout = \"2s\"\nretries = 1\n\
                   default = { queue = \"citizen\", language = \"zh\" }\n\
                   [[menu.choice]]\nkey = \"1\"\nqueue = \"citizen\"\nlanguage = \"zh\"\n\
                   [[menu.choice]]\nkey = \"2\"\nqueue = \"english\"\nlanguage = \"en\"\n"
                .into(),
            queues: "exclude_for = \"30s\"\nreasons = [\"break\", \"meal\"]\n\
                     [[queue]]\nid = \"citizen\"\nneed = \"mandarin >= 1\"\nring = \"4s\"\nwrap_up = \"1s\"\n\
                     [[queue]]\nid = \"english\"\nneed = \"english >= 1\"\nring = \"4s\"\nwrap_up = \"1s\"\n"
                .into(),
            operators: format!(
                "[[seat]]\nid = \"8001\"\nsecret = \"open-sesame\"\n\
                 [[operator]]\nid = \"1001\"\nname = \"Anna\"\nskills = {{ mandarin = 5, english = 3 }}\nseat = \"8001\"\n{desk}"
            ),
            schedules: String::new(),
        }
    }
}

/// A running hotline.
pub struct House {
    child: Child,
    dir: tempfile::TempDir,
    /// Where it says that it listens.
    places: String,
    /// What it keeps is in a file system that nobody else sees.
    keeps_apart: bool,
    pub udp: u16,
    pub tcp: u16,
}

impl House {
    pub fn open(files: &Files) -> House {
        House::open_in(tempfile::tempdir().expect("a temporary folder"), files)
    }

    /// In a folder in which something lies already.
    pub fn open_in(dir: tempfile::TempDir, files: &Files) -> House {
        write_files(dir.path(), files);
        let (child, places) = start(dir.path(), &[]);
        House::on(child, dir, places)
    }

    /// Whether this machine lets a test have a file system of its own: some containers do not.
    pub fn may_have_little_room() -> bool {
        let mut tried = Command::new("unshare");
        tried.args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
        tried.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// With a folder of its own, `data` or one below `config`, that has so much room.
    pub fn open_with_little_room(dir: tempfile::TempDir, files: &Files, folder: &str, size: &str) -> House {
        write_files(dir.path(), files);
        let keeps_apart = folder == "data";
        let folder = dir.path().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        // Nobody but the program sees it, and it is gone with it.
        let script = "mount -t tmpfs -o size=$0 tmpfs \"$1\" && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script, size]).arg(folder);
        let log = fs::OpenOptions::new().create(true).append(true).open(dir.path().join("log")).expect("a log file");
        let (child, places) = start_as(Some(command), dir.path(), &[], &["--log", "info"], log.into());
        let mut house = House::on(child, dir, places);
        house.keeps_apart = keeps_apart;
        house
    }

    /// A house that says all it can to `stderr`.
    pub fn open_talkative(files: &Files, stderr: Stdio) -> House {
        let dir = tempfile::tempdir().expect("a temporary folder");
        write_files(dir.path(), files);
        let (child, places) = start_with(dir.path(), &[], &["--log", "debug", "--trace-sip"], stderr);
        House::on(child, dir, places)
    }

    fn on(child: Child, dir: tempfile::TempDir, places: String) -> House {
        let port = |kind| port_of(&places, kind).expect("it was looked for");
        House { udp: port("udp"), tcp: port("tcp"), child, dir, places, keeps_apart: false }
    }

    /// `127.0.0.1:PORT` where it speaks `tcp`, `ws`, `http`, ….
    pub fn at(&self, kind: &str) -> String {
        format!("127.0.0.1:{}", port_of(&self.places, kind).expect("it says where it listens"))
    }

    /// `127.0.0.1:PORT` for UDP.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.udp)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Kills the process as a power cut would, and starts it again on the same ports and data.
    pub fn crash_and_restart(&mut self) {
        self.kill();
        self.start_again();
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        let _ = self.child.wait();
    }

    /// Ends it as who shuts the machine down does, and starts it again on the same ports and data.
    pub fn close_and_restart(&mut self) {
        self.signal("TERM");
        assert!(self.wait_end().success());
        self.start_again();
    }

    pub fn start_again(&mut self) {
        let ports = format!("udp:127.0.0.1:{},tcp:127.0.0.1:{}", self.udp, self.tcp);
        let (child, places) = start(self.dir.path(), &[("HOTLINE__SIP__LISTEN", &ports)]);
        assert_eq!((port_of(&places, "udp"), port_of(&places, "tcp")), (Some(self.udp), Some(self.tcp)));
        (self.child, self.places) = (child, places);
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.expect("kill is there").success());
    }

    /// Waits until the process ends by itself.
    pub fn wait_end(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                return status;
            }
            assert!(Instant::now() < until, "the hotline does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All closed records, as `hotline records` prints them while the house is open.
    pub fn records(&self) -> Vec<Value> {
        let text = self.records_as("jsonl");
        text.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
    }

    pub fn records_as(&self, format: &str) -> String {
        let out =
            self.command().args(["records", "--format", format, "--data"]).arg(self.data()).output().expect("runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("records are UTF-8")
    }

    /// Waits for `count` closed records of citizens; operators' feature codes are left out.
    pub fn wait_records(&self, count: usize) -> Vec<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut records = self.records();
            records.retain(|record| !record["to"].as_str().is_some_and(|to| to.starts_with('*')));
            if records.len() >= count {
                assert_eq!(records.len(), count, "one record a call: {records:#?}");
                return records;
            }
            assert!(Instant::now() < until, "no {count} records, but {records:#?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the log has a line with all these words.
    pub fn wait_log(&self, words: &[&str]) {
        let until = Instant::now() + PATIENCE;
        while !self.log().lines().any(|line| words.iter().all(|word| line.contains(word))) {
            assert!(Instant::now() < until, "no line with {words:?} in the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the log has so many lines with these words.
    pub fn wait_log_lines(&self, count: usize, words: &str) {
        let until = Instant::now() + PATIENCE;
        while self.log().matches(words).count() < count {
            assert!(Instant::now() < until, "no {count} times {words:?} in the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The program as a command on the machine where the house is open.
    pub fn command(&self) -> Command {
        let pid = self.pid().to_string();
        if !self.keeps_apart {
            return hotline();
        }
        let mut command = Command::new("nsenter");
        command.args(["--target", &pid, "--user", "--mount", "--preserve-credentials"]);
        run_through(command, &hotline())
    }

    /// What the process finds at this path: it may have a file system of its own.
    pub fn as_it_sees(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.pid(), path.display()))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the hotline's log ---\n{}", self.log());
        }
    }
}

pub fn hotline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hotline"));
    command.env_remove("HOTLINE_LOG");
    // Whatever the files say: many houses are open at once.
    command.env("HOTLINE__WEB__LISTEN", "127.0.0.1:0");
    command
}

pub fn write_files(dir: &Path, files: &Files) {
    let config = dir.join("config");
    fs::create_dir_all(&config).expect("a folder for the files");
    let all = [
        ("hotline.toml", &files.hotline),
        ("menu.toml", &files.menu),
        ("queues.toml", &files.queues),
        ("operators.toml", &files.operators),
        ("schedules.toml", &files.schedules),
    ];
    for (name, text) in all.into_iter().filter(|(name, text)| *name != "schedules.toml" || !text.is_empty()) {
        fs::write(config.join(name), text).expect("the file can be written");
    }
}

/// Starts the program and reads from its first line where it listens.
fn start(dir: &Path, env: &[(&str, &str)]) -> (Child, String) {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).expect("a log file");
    start_with(dir, env, &["--log", "info"], log.into())
}

fn start_with(dir: &Path, env: &[(&str, &str)], args: &[&str], stderr: Stdio) -> (Child, String) {
    start_as(None, dir, env, args, stderr)
}

/// `through`: a program that becomes the one it is given.
fn run_through(mut through: Command, own: &Command) -> Command {
    through.arg(own.get_program());
    own.get_envs().for_each(|(name, value)| match value {
        Some(value) => drop(through.env(name, value)),
        None => drop(through.env_remove(name)),
    });
    through
}

/// `through`: as above.
fn start_as(
    through: Option<Command>,
    dir: &Path,
    env: &[(&str, &str)],
    args: &[&str],
    stderr: Stdio,
) -> (Child, String) {
    let own = hotline();
    let mut command = match through {
        None => own,
        Some(through) => run_through(through, &own),
    };
    let mut child = command
        .arg("serve")
        .args(args)
        .arg("--config")
        .arg(dir.join("config"))
        .arg("--data")
        .arg(dir.join("data"))
        .envs(env.iter().copied())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .expect("the program starts");
    let stdout = child.stdout.take().expect("piped");
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines();
        let _ = tell.send(lines.next().and_then(Result::ok).unwrap_or_default());
        lines.for_each(drop);
    });
    let line = told.recv_timeout(PATIENCE).unwrap_or_default();
    if ["udp", "tcp"].iter().all(|kind| port_of(&line, kind).is_some()) {
        return (child, line);
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("the hotline did not come up: {line:?}\n{}", fs::read_to_string(dir.join("log")).unwrap_or_default());
}

fn port_of(places: &str, kind: &str) -> Option<u16> {
    let mut all = places.split([' ', ',']);
    all.find_map(|place| place.strip_prefix(kind)?.strip_prefix(":127.0.0.1:")?.parse().ok())
}
