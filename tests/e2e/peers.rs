//! The peers: sipp, baresip, and our own softphones as processes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::house::{House, PATIENCE, hotline};
use crate::ports::{free_port, free_ports};

/// One run of a sipp scenario from `tests/sipp/`.
pub struct Sipp {
    child: Child,
    name: String,
    dir: tempfile::TempDir,
}

impl Sipp {
    /// A caller: dials `number` at the house.
    pub fn caller(house: &House, scenario: &str, number: &str) -> Sipp {
        Sipp::start(scenario, &[&house.addr(), "-s", number, "-p", &free_port().to_string()])
    }

    /// Callers, as the arguments say.
    pub fn callers(house: &House, scenario: &str, number: &str, args: &[&str]) -> Sipp {
        let (addr, port) = (house.addr(), free_port().to_string());
        Sipp::start(scenario, &[&[addr.as_str(), "-s", number, "-p", &port][..], args].concat())
    }

    /// A phone that answers at `port`.
    pub fn phone(scenario: &str, port: u16) -> Sipp {
        Sipp::start(scenario, &["-p", &port.to_string()])
    }

    pub fn start(scenario: &str, args: &[&str]) -> Sipp {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp");
        let file = folder.join(format!("{scenario}.xml"));
        for played in ["key_2.pcap", "tone_2.pcap"] {
            fs::copy(folder.join(played), dir.path().join(played)).expect("copies");
        }
        let log = fs::File::create(dir.path().join("out")).expect("a log file");
        let child = Command::new("sipp")
            .arg("-sf")
            .arg(file)
            .args(["-i", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "60", "-timeout_error", "-trace_err"])
            .args(["-mp", &free_port().to_string(), "-trace_msg", "-message_file", "messages", "-error_file", "errors"])
            // sipp takes the last of the same option.
            .args(["-p", &free_port().to_string()])
            .args(args)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("sipp is installed: scripts/setup test");
        Sipp { child, name: scenario.into(), dir }
    }

    /// Waits for the end; the scenario must have gone as written.
    pub fn succeed(mut self) {
        let until = Instant::now() + PATIENCE + PATIENCE;
        loop {
            match self.child.try_wait().expect("sipp can be waited for") {
                Some(status) if status.success() => return,
                Some(status) => panic!("sipp {}: {status}\n{}", self.name, self.told()),
                None => assert!(Instant::now() < until, "sipp {} does not end\n{}", self.name, self.told()),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// When a message that begins so was `sent` or `received`, counted from 1970; waits for it.
    pub fn moment_of(&self, way: &str, start: &str) -> Duration {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(self.dir.path().join("messages")).unwrap_or_default();
            // "-----… 2026-11-25 07:16:42.123456", "UDP message sent (381 bytes):", an empty line, the message.
            let found = text.split("-----------------------------------------------").find_map(|entry| {
                let (head, message) = entry.split_once(":\n\n")?;
                let (time, what) = head.trim().split_once('\n')?;
                (what.contains(&format!("message {way}")) && message.starts_with(start))
                    .then(|| time.trim().to_string())
            });
            if let Some(time) = found {
                let time: jiff::civil::DateTime = time.parse().expect("a time of sipp's");
                let timestamp = jiff::tz::TimeZone::system().to_timestamp(time).expect("a time");
                return Duration::try_from(timestamp.as_duration()).expect("after 1970");
            }
            assert!(Instant::now() < until, "sipp {} never {way} {start:?}\n{}", self.name, self.told());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn told(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        format!("{}\n{}", read("errors"), read("messages"))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `hotline call` or `hotline seat` as a process whose lines can be waited for.
pub struct Softphone {
    child: Child,
    lines: mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Softphone {
    pub fn seat(house: &House, seat: &str, secret: &str, args: &[&str]) -> Softphone {
        let mut command = hotline();
        command.args(["seat", seat, "--server", &house.addr()]).args(args).env("HOTLINE_SEAT_SECRET", secret);
        let mut phone = Softphone::start(command);
        phone.wait("is registered");
        phone
    }

    pub fn call(house: &House, number: &str, args: &[&str]) -> Softphone {
        let mut command = hotline();
        command.args(["call", &format!("sip:{number}@{}", house.addr())]).args(args);
        Softphone::start(command)
    }

    pub fn start(mut command: Command) -> Softphone {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("piped");
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Softphone { child, lines, said: Vec::new() }
    }

    /// Waits for a line with this text.
    pub fn wait(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.said.push(line);
                    if self.said.last().is_some_and(|line| line.contains(text)) {
                        return;
                    }
                }
                Err(_) => panic!("no {text:?} but {:#?}", self.said),
            }
        }
    }

    /// Waits for the end; whether it was a success.
    pub fn end(mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("can be waited for") {
                return status.success();
            }
            assert!(Instant::now() < until, "the softphone does not end: {:#?}", self.said);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Softphone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// For what one baresip hears and says: four calls, two ports each, found by trying.
const SOUND_PORTS: u16 = 20;

/// A baresip that registers, answers by itself, says a tone and writes down what it hears.
pub struct Baresip {
    child: Child,
    control: u16,
    dir: tempfile::TempDir,
}

impl Baresip {
    pub fn register(house: &House, seat: &str, secret: &str, tone_hz: u32) -> Baresip {
        Baresip::register_at(house, &house.addr(), seat, secret, tone_hz, None)
    }

    /// The same at this address, e.g. `127.0.0.1:5061;transport=tls`, where this certificate must be shown.
    pub fn register_at(
        house: &House,
        server: &str,
        seat: &str,
        secret: &str,
        tone_hz: u32,
        trusted: Option<&Path>,
    ) -> Baresip {
        let trust = trusted.map(|file| format!("sip_cafile {}\nsip_verify_server yes\n", file.display()));
        let account = format!("<sip:{seat}@{server}>;auth_user={seat};auth_pass={secret};regint=60;answermode=auto");
        let phone = Baresip::start(&format!("{account};audio_codecs=pcmu/8000/1"), &trust.unwrap_or_default(), tone_hz);
        house.wait_log(&["seat reachable", seat]);
        phone
    }

    /// A seat's phone with more in its account, e.g. `mediaenc=srtp-mand`.
    pub fn register_with(house: &House, seat: &str, secret: &str, tone_hz: u32, more: &str) -> Baresip {
        let at = house.addr();
        let account = format!("<sip:{seat}@{at}>;auth_user={seat};auth_pass={secret};regint=60;answermode=auto;{more}");
        let phone = Baresip::start(&account, "", tone_hz);
        house.wait_log(&["seat reachable", seat]);
        phone
    }

    /// A caller, who dials when it is told to.
    pub fn caller(house: &House, tone_hz: u32, more: &str) -> Baresip {
        let phone = Baresip::start(&format!("<sip:citizen@{}>;regint=0;{more}", house.addr()), "", tone_hz);
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", phone.control)).is_err() {
            assert!(Instant::now() < until, "baresip does not come up: {}", phone.log());
            std::thread::sleep(Duration::from_millis(100));
        }
        phone
    }

    fn start(account: &str, more: &str, tone_hz: u32) -> Baresip {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (sip, rtp, control) = (free_port(), free_ports(SOUND_PORTS), free_port());
        // It reads files at the rate of its codec alone. Without G.722, whoever names no codecs offers G.711.
        let (form, wideband) = match account {
            _ if account.contains("g722") => ((16_000, 1), "module g722.so\n"),
            _ if account.contains("opus") => {
                ((48_000, 2), "module opus.so\nmodule dtls_srtp.so\nmodule ice.so\nrtcp_mux yes\n")
            }
            _ => ((8_000, 1), ""),
        };
        crate::sound::write_tone_as(&dir.path().join("tone.wav"), tone_hz, 60, form);
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{sip}\ncall_max_calls 4\naudio_player aubridge,nil\n\
             audio_source aufile,{0}/tone.wav\naudio_alert aubridge,nil\naudio_srate 8000-48000\naudio_channels 1-2\n\
             audio_level no\nrtp_ports {rtp}-{1}\nrtp_stats yes\njitter_buffer_delay 5-10\nnet_interface 127.0.0.1\n\
             module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule srtp.so\nmodule aufile.so\nmodule aubridge.so\n\
             module sndfile.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             ctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {0}\n",
            dir.path().display(),
            rtp + SOUND_PORTS - 1
        );
        fs::write(dir.path().join("config"), config + more + wideband).expect("writes");
        fs::write(dir.path().join("accounts"), format!("{account}\n")).expect("writes");
        let log = fs::File::create(dir.path().join("out")).expect("a log file");
        let child = Command::new("baresip")
            .arg("-f")
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("baresip is installed: scripts/setup test");
        Baresip { child, control, dir }
    }

    /// A command of baresip's own, e.g. `hangup`, `hold`, `resume`.
    pub fn command(&self, command: &str) {
        self.command_with(command, "");
    }

    pub fn command_with(&self, command: &str, params: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control)).expect("baresip's control port");
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{params}\"}}");
        write!(stream, "{}:{json},", json.len()).expect("writes");
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let _ = stream.read(&mut [0; 4096]);
    }

    /// The WAV of what it heard last.
    pub fn heard(&self) -> Option<PathBuf> {
        self.all_heard().into_iter().max()
    }

    /// A WAV for each description: it begins anew when it comes back from hold.
    pub fn all_heard(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.dir.path()).into_iter().flatten().filter_map(Result::ok);
        files.map(|entry| entry.path()).filter(|p| p.to_string_lossy().ends_with("-dec.wav")).collect()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("out")).unwrap_or_default()
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
