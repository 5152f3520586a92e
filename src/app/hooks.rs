//! Programs elsewhere that menus ask: a POST of JSON over HTTP or HTTPS, on a few threads of their own.
//!
//! The switchboard never waits for them. What is not answered in time, or not sensibly, is no answer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::clock::Clock;
use crate::ids::{CallId, Language};
use crate::ivr::menu::{Reply, Request, Utterance, Visitor};
use crate::moment::Moment;

/// So many are asked at once; the timeouts are short, and each thread mostly waits.
const THREADS: usize = 16;
/// So many more wait for a thread; beyond that there is no answer.
const WAITING: usize = 256;
/// An answer says a few words: what is larger is none.
const MAX_ANSWER: u64 = 64 * 1024;
/// Things that one answer may have said.
const MAX_SAID: usize = 32;

/// What came of a question: the call, its number, and the answer.
pub type Replied = (CallId, u64, Option<Reply>);

pub struct Hooks {
    clock: Clock,
    questions: SyncSender<Question>,
    /// Calls that wait, and whether they still do.
    open: BTreeMap<CallId, (u64, Arc<AtomicBool>)>,
}

struct Question {
    call: CallId,
    visitor: Visitor,
    request: Request,
    asked_at: Moment,
    is_wanted: Arc<AtomicBool>,
}

impl Hooks {
    /// Starts the threads; answers come out of the receiver. They end with the hooks.
    pub fn start(clock: Clock) -> std::io::Result<(Hooks, mpsc::Receiver<Replied>)> {
        // A second one in the process says so, and all is well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (questions, asked) = sync_channel::<Question>(WAITING);
        let (tell, replies) = mpsc::channel(WAITING + THREADS);
        let asked = Arc::new(Mutex::new(asked));
        for number in 0..THREADS {
            let (asked, tell) = (Arc::clone(&asked), tell.clone());
            std::thread::Builder::new().name(format!("hook{number}")).spawn(move || work(clock, &asked, &tell))?;
        }
        Ok((Hooks { clock, questions, open: BTreeMap::new() }, replies))
    }

    /// `false`: too many are waiting already.
    pub fn ask(&mut self, call: CallId, visitor: Visitor, request: Request) -> bool {
        let is_wanted = Arc::new(AtomicBool::new(true));
        self.open.insert(call, (request.number, Arc::clone(&is_wanted)));
        let question = Question { call, visitor, request, asked_at: self.clock.now(), is_wanted };
        let taken = self.questions.try_send(question).is_ok();
        if !taken {
            warn!(%call, "too many questions elsewhere are open");
            self.open.remove(&call);
        }
        taken
    }

    /// The call is over: its answer is awaited by nobody.
    pub fn forget(&mut self, call: CallId) {
        if let Some((_, is_wanted)) = self.open.remove(&call) {
            is_wanted.store(false, Ordering::Relaxed);
        }
    }

    /// An answer has arrived.
    pub fn answered(&mut self, call: CallId, number: u64) {
        if self.open.get(&call).is_some_and(|(of, _)| *of == number) {
            self.open.remove(&call);
        }
    }
}

/// As whom the house asks other programs.
const USER_AGENT: &str = concat!("hotline/", env!("CARGO_PKG_VERSION"));

/// Who asks over HTTP and HTTPS: follows no other address than the one that is written.
pub fn agent() -> ureq::Agent {
    use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
    let tls = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::PlatformVerifier).build();
    let config =
        ureq::Agent::config_builder().tls_config(tls).user_agent(USER_AGENT).max_redirects(0).proxy(None).build();
    ureq::Agent::new_with_config(config)
}

fn work(clock: Clock, asked: &Mutex<Receiver<Question>>, tell: &mpsc::Sender<Replied>) {
    let agent = agent();
    loop {
        let next = asked.lock().map(|asked| asked.recv());
        let Ok(Ok(question)) = next else { return };
        if !question.is_wanted.load(Ordering::Relaxed) {
            continue;
        }
        let (call, number, hook) = (question.call, question.request.number, question.request.hook.clone());
        let left = question.request.timeout.saturating_sub(clock.now().since(question.asked_at));
        let reply = ask(&agent, question, left);
        if let Err(error) = &reply {
            warn!(%call, %hook, error, "no answer from elsewhere");
        }
        if tell.blocking_send((call, number, reply.ok())).is_err() {
            return;
        }
    }
}

/// What is sent.
#[derive(Serialize)]
struct Sent<'a> {
    call: CallId,
    hook: &'a str,
    from: &'a str,
    to: &'a str,
    language: Language,
    digits: &'a BTreeMap<String, String>,
}

/// What may come back.
#[derive(Deserialize)]
struct Came {
    #[serde(default)]
    say: Vec<Said>,
    case: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Prompt(String),
    Digits { digits: String },
    Number { number: usize },
}

fn ask(agent: &ureq::Agent, question: Question, left: Duration) -> Result<Reply, String> {
    if left.is_zero() {
        return Err("no thread was free in time".into());
    }
    let (request, visitor) = (&question.request, &question.visitor);
    let sent = Sent {
        call: question.call,
        hook: request.hook.as_str(),
        from: &visitor.from,
        to: &visitor.to,
        language: request.language,
        digits: &request.digits,
    };
    let body = serde_json::to_vec(&sent).map_err(|error| error.to_string())?;
    let post = agent.post(&request.url).config().timeout_global(Some(left)).build();
    let mut response = post.content_type("application/json").send(&body[..]).map_err(|error| error.to_string())?;
    let text = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(|error| error.to_string())?;
    debug!(bytes = text.len(), "answer");
    let came: Came = serde_json::from_slice(&text).map_err(|error| {
        // Its own words would quote what came, which may be a secret.
        format!(
            "the answer is not understood: {:?} at line {}, column {}",
            error.classify(),
            error.line(),
            error.column()
        )
    })?;
    let say = came.say.into_iter().take(MAX_SAID).map(|said| match said {
        Said::Prompt(name) => Utterance::Prompt(name),
        Said::Digits { digits } => Utterance::Digits(digits),
        Said::Number { number } => Utterance::Number(number),
    });
    Ok(Reply { say: say.collect(), case: came.case })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server that takes one request, waits, and answers this.
    fn server(answer: &'static str, after: Duration) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/case", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut bytes = [0; 4096];
            while !String::from_utf8_lossy(&request).contains("}}") {
                match stream.read(&mut bytes).unwrap() {
                    0 => break,
                    read => request.extend_from_slice(&bytes[..read]),
                }
            }
            std::thread::sleep(after);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            let _ = stream.write_all(format!("{head}{answer}").as_bytes());
            String::from_utf8_lossy(&request).into_owned()
        });
        (url, thread)
    }

    fn reply(url: &str, timeout: Duration) -> Option<Reply> {
        let (mut hooks, mut replies) = Hooks::start(Clock::start()).unwrap();
        let digits = BTreeMap::from([("case".to_string(), "12345".to_string())]);
        let language = Language::ZH;
        let request = Request { number: 7, hook: "ask".into(), url: url.into(), timeout, language, digits };
        let visitor = Visitor { from: "13800000000".into(), to: "12345".into() };
        assert!(hooks.ask(CallId(1), visitor, request));
        let (call, number, reply) = replies.blocking_recv().unwrap();
        assert_eq!((call, number), (CallId(1), 7));
        reply
    }

    #[test]
    fn what_a_program_answers_is_said() {
        let answer = r#"{"say": ["case_open", {"digits": "42"}, {"number": 3}], "case": "open", "more": 1}"#;
        let (url, server) = server(answer, Duration::ZERO);
        let say = vec![Utterance::Prompt("case_open".into()), Utterance::Digits("42".into()), Utterance::Number(3)];
        assert_eq!(reply(&url, Duration::from_secs(20)), Some(Reply { say, case: Some("open".into()) }));
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /case HTTP/1.1\r\n"), "{request}");
        for part in [r#""from":"13800000000""#, r#""to":"12345""#, r#""language":"zh""#, r#""digits":{"case":"12345"}"#]
        {
            assert!(request.contains(part), "{part} is not in {request}");
        }
    }

    #[test]
    fn a_program_that_is_late_dead_or_talks_nonsense_answers_nothing() {
        let (url, _server) = server("{}", Duration::from_secs(5));
        let clock = Clock::start();
        let began = clock.now();
        assert_eq!(reply(&url, Duration::from_millis(300)), None);
        assert!(clock.now().since(began) < Duration::from_secs(4));
        let (url, _server) = server("not JSON", Duration::ZERO);
        assert_eq!(reply(&url, Duration::from_secs(20)), None);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert_eq!(reply(&format!("http://127.0.0.1:{port}/"), Duration::from_secs(20)), None);
    }
}
