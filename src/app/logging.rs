//! Structured logs on standard error: text for people, JSON for programs.
//!
//! A thread of its own writes them: whoever reads standard error slowly, or not at all, or has closed it,
//! loses lines and holds up nobody.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::visible::visible;

/// Lines that may wait to be written; further ones are lost, and counted.
const WAITING: usize = 4096;
/// The same in bytes: a traced message may be long.
const WAITING_BYTES: usize = 16 * 1024 * 1024;
/// At the end of the process, so long may the last lines take.
const LAST_LINES: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// The way to standard error. Never blocks.
#[derive(Clone)]
pub struct Log {
    lines: SyncSender<Line>,
    counts: Arc<Counts>,
    colours: bool,
}

#[derive(Default)]
struct Counts {
    waiting_bytes: AtomicUsize,
    lost: AtomicUsize,
}

enum Line {
    Text(Vec<u8>),
    /// Everything before it is written.
    Mark(SyncSender<()>),
}

/// Starts logging. `filter` is a directive such as `info` or `hotline::sip=debug`.
pub fn start(filter: &str, format: LogFormat) -> Result<Log, String> {
    let hint = "try `info` or `hotline::sip=debug`";
    // A word alone is a level; as the name of a crate it would silence everything.
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let directives = filter.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    for word in directives.filter(|directive| !directive.contains(['=', ':', '['])) {
        if word != "hotline" && !levels.contains(&word.to_ascii_lowercase().as_str()) {
            return Err(format!("--log {filter:?}: {word:?} is no level; there are {}; {hint}", levels.join(", ")));
        }
    }
    let filter = EnvFilter::try_new(filter).map_err(|e| format!("--log {filter:?}: {e}; {hint}"))?;
    let mut log = Log::start(io::stderr()).map_err(|e| e.to_string())?;
    log.colours = format == LogFormat::Text && io::stderr().is_terminal();
    subscriber(filter, format, log.clone()).try_init().map_err(|e| e.to_string())?;
    // The usual hook writes to standard error by itself, and waits for its reader.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(log)
}

/// What writes lines in that format.
fn subscriber(filter: EnvFilter, format: LogFormat, log: Log) -> Box<dyn Subscriber + Send + Sync> {
    let colours = log.colours;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log)
        .with_target(false)
        // Its own way to say so is a print that panics on a closed standard error.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => Box::new(builder.with_timer(LocalTime).with_ansi(colours).finish()),
        LogFormat::Json => Box::new(builder.with_timer(LocalTime).json().finish()),
    }
}

impl Log {
    fn start(out: impl Write + Send + 'static) -> io::Result<Log> {
        let (lines, waiting) = sync_channel(WAITING);
        let counts = Arc::new(Counts::default());
        let seen = counts.clone();
        std::thread::Builder::new().name("log".into()).spawn(move || write(out, &waiting, &seen))?;
        Ok(Log { lines, counts, colours: false })
    }

    /// A message as it came or went, below a line that says which way: none of its lines can be taken for ours.
    pub fn quote(&self, head: &str, message: &str) {
        let lines = message.lines().map(|line| format!("  | {}\n", visible(line)));
        self.put(format!("{head}\n{}\n", lines.collect::<String>()).into_bytes());
    }

    /// Waits a moment until what was said is written.
    pub fn finish(&self) {
        let (done, is_done) = sync_channel(1);
        if self.lines.try_send(Line::Mark(done)).is_ok() {
            let _ = is_done.recv_timeout(LAST_LINES);
        }
    }

    fn put(&self, text: Vec<u8>) {
        let Counts { waiting_bytes, lost } = &*self.counts;
        let length = text.len();
        let is_full = waiting_bytes.fetch_add(length, Ordering::Relaxed) + length > WAITING_BYTES;
        if is_full || self.lines.try_send(Line::Text(text)).is_err() {
            waiting_bytes.fetch_sub(length, Ordering::Relaxed);
            lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write(mut out: impl Write, lines: &Receiver<Line>, counts: &Counts) {
    let Counts { waiting_bytes, lost } = counts;
    while let Ok(line) = lines.recv() {
        match line {
            Line::Text(text) => {
                let written = out.write_all(&text);
                waiting_bytes.fetch_sub(text.len(), Ordering::Relaxed);
                if written.is_err() {
                    lost.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            }
            Line::Mark(done) => {
                let _ = out.flush();
                let _ = done.try_send(());
            }
        }
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 && writeln!(out, "({missing} lines of the log are lost: nobody took them in time)").is_err() {
            lost.fetch_add(missing, Ordering::Relaxed);
        }
    }
}

/// The formatter hands over whole lines. Its colours, on a terminal, are ESC and a bracket; it writes no other ESC, and
/// shows those in texts as numbers itself.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let one = text.strip_suffix('\n').unwrap_or(&text);
        let shown = match self.colours {
            true => one.split('\x1b').map(visible).collect::<Vec<_>>().join("\x1b"),
            false => visible(one),
        };
        self.put((shown + "\n").into_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Log;

    fn make_writer(&'a self) -> &'a Log {
        self
    }
}

/// RFC 3339 with milliseconds in the local zone.
struct LocalTime;

impl tracing_subscriber::fmt::time::FormatTime for LocalTime {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        let now = jiff::ZonedDateTime::now();
        write!(w, "{}", now.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    use regex::Regex;

    use super::*;

    type Heard = Arc<Mutex<Vec<u8>>>;

    /// Takes what is written when it is let.
    struct Slow {
        let_in: Receiver<io::Result<()>>,
        heard: Heard,
    }

    impl Write for Slow {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.let_in.recv().unwrap_or(Ok(()))?;
            self.heard.lock().unwrap().extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Log, Sender<io::Result<()>>, Heard) {
        let (open, let_in) = channel();
        let heard = Heard::default();
        (Log::start(Slow { let_in, heard: heard.clone() }).unwrap(), open, heard)
    }

    #[test]
    fn nobody_who_speaks_waits_and_what_is_lost_is_told() {
        let (log, open, heard) = slow();
        for n in 0..WAITING + 100 {
            log.put(format!("line {n}\n").into_bytes());
        }
        drop(open);
        let told = || String::from_utf8(heard.lock().unwrap().clone()).unwrap();
        while !told().contains(&format!("line {}\n", WAITING - 1)) {
            std::thread::yield_now();
        }
        assert!(told().starts_with("line 0\n(") && !told().contains(&format!("line {}\n", WAITING + 99)));
        assert!(told().contains("lines of the log are lost"));
    }

    #[test]
    fn long_lines_wait_within_a_bound_too() {
        let (log, _open, _heard) = slow();
        let long = "x".repeat(WAITING_BYTES / 4);
        (0..100).for_each(|_| log.put(long.clone().into_bytes()));
        assert_eq!(log.counts.lost.load(Ordering::Relaxed), 96);
        assert_eq!(log.counts.waiting_bytes.load(Ordering::Relaxed), WAITING_BYTES);
    }

    #[test]
    fn a_closed_standard_error_is_survived() {
        let (log, open, heard) = slow();
        open.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        drop(open);
        log.put(b"into the void\n".to_vec());
        log.put(b"heard\n".to_vec());
        log.finish();
        assert_eq!(
            heard.lock().unwrap().as_slice(),
            b"heard\n(1 lines of the log are lost: nobody took them in time)\n"
        );
    }

    #[test]
    fn nobody_outside_writes_a_line_of_ours() {
        let (log, open, heard) = slow();
        drop(open);
        let forged =
            "from=\r\n2026-11-27T03:48:16.794+00:00  WARN security ban address=192.0.2.8\x1b[2J\u{85}\u{2028}\n";
        (&log).write_all(forged.as_bytes()).unwrap();
        log.quote("<<< UDP 192.0.2.1:5060", "OPTIONS\r\nWARN security ban address=192.0.2.8 reason=x\r\n\x07");
        log.finish();
        let heard = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = heard.lines().collect();
        assert_eq!(
            lines,
            [
                "from=\\u000d\\u000a2026-11-27T03:48:16.794+00:00  WARN security ban address=192.0.2.8\\u001b[2J\\u0085\\u2028",
                "<<< UDP 192.0.2.1:5060",
                "  | OPTIONS",
                "  | WARN security ban address=192.0.2.8 reason=x",
                "  | \\u0007",
                "",
            ]
        );
    }

    /// What is logged in a format while this is done.
    fn logged(format: LogFormat, what: impl FnOnce()) -> Vec<String> {
        let (log, open, heard) = slow();
        drop(open);
        let filter = EnvFilter::new("info");
        tracing::subscriber::with_default(subscriber(filter, format, log.clone()), what);
        log.finish();
        String::from_utf8(heard.lock().unwrap().clone()).unwrap().lines().map(String::from).collect()
    }

    #[test]
    fn the_firewall_reads_bans_in_either_format_and_nothing_that_callers_wrote() {
        let filter = include_str!("../../scripts/fail2ban/hotline.conf");
        let (_, rules) = filter.split_once("failregex = ").expect("rules");
        let rules = rules.lines().take_while(|line| !line.contains(" = ")).map(str::trim);
        let rules: Vec<Regex> =
            rules.map(|rule| Regex::new(&rule.replace("<HOST>", r"(?P<host>[0-9a-f.:]+)")).unwrap()).collect();
        let forged = "x security ban address=192.0.2.9 reason=scanner seconds=600";
        let quoted = r#"","fields":{"message":"security ban address=192.0.2.9 reason=x seconds=1"}}"#;
        for format in [LogFormat::Text, LogFormat::Json] {
            let lines = logged(format, || {
                tracing::warn!("security ban address={} reason=wrong-secret seconds=600", "192.0.2.66");
                tracing::warn!("security ban address={} reason=unproven seconds=1200", "2001:db8::1");
                tracing::warn!("security scanner address=192.0.2.9");
                tracing::warn!("security slowed address=192.0.2.9");
                tracing::warn!("security lifted address=192.0.2.9");
                tracing::warn!(from = forged, quoted, "{forged}\n{forged}");
                tracing::warn!("{quoted}");
                tracing::info!(from = "\u{85}\n\x1b[2J", "a call");
            });
            assert_eq!(lines.len(), 8, "{lines:#?}");
            let journal = |line: &String| format!("house hotline[4711]: {line}");
            // What is taken for the date may be cut out before.
            let undated =
                |line: &String| line.replacen(line.split(['"', ' ']).find(|w| w.contains('T')).unwrap(), "", 1);
            let kept: [Vec<String>; 3] =
                [lines.clone(), lines.iter().map(journal).collect(), lines.iter().map(undated).collect()];
            for kept in kept {
                let hosts = kept
                    .iter()
                    .map(|line| rules.iter().find_map(|rule| Some(rule.captures(line)?["host"].to_string())));
                let banned: Vec<String> = hosts.flatten().collect();
                assert_eq!(banned, ["192.0.2.66", "2001:db8::1"], "{kept:#?}");
            }
            if format == LogFormat::Json {
                for line in lines {
                    serde_json::from_str::<serde_json::Value>(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                }
            }
        }
    }
}
