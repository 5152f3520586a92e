//! Programs that are told of calls: a signed POST of JSON, tried again until it is taken or refused for good, by the
//! next process where this one ends before. A thread of its own for each; nothing waits for it, and no message for one
//! that has to be tried again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tracing::{debug, warn};

use super::clock::Clock;
use super::outbox::{Message, Outbox, finish, set_aside};
use crate::config::{House, Webhook, WebhookEvent};
use crate::http;
use crate::ids::{CallId, OperatorId, SeatId};
use crate::moment::Moment;
use crate::records::{Access, KEPT_MESSAGES, Record, printed, rfc3339};

/// One try.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries: twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A message that was tried so often is given up: a screen that pops up then helps nobody.
const TRIES: u32 = 8;
/// A call that something happened to is seen within this.
const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// The block of SHA-256.
const BLOCK: usize = 64;

pub struct Webhooks {
    clock: Clock,
    /// More than [`KEPT_MESSAGES`] for one program are lost, which the metrics tell.
    outbox: Outbox,
    programs: Vec<Program>,
    /// What is told as soon as its call is seen as it is since then.
    coming: Vec<Coming>,
}

/// What happened to a call at a seat.
struct Coming {
    event: WebhookEvent,
    /// The call; of somebody who is called back the visit in which they asked for it.
    contact: CallId,
    called_back: bool,
    operator: OperatorId,
    seat: SeatId,
    at: Moment,
}

struct Program {
    webhook: Webhook,
    messages: SyncSender<Message>,
    /// It is in the files still.
    wanted: Arc<AtomicBool>,
}

impl Coming {
    /// Of a callback it is the call that tries to reach them, not the visit, which may still be open.
    fn is_of(&self, record: &Record) -> bool {
        record.callback_of == Some(self.contact) || (record.call_id == self.contact && !self.called_back)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Relaxed);
    }
}

impl Webhooks {
    /// What a former process could not send is sent on.
    pub fn start(clock: Clock, access: Access, webhooks: &[Webhook]) -> std::io::Result<Webhooks> {
        let mut all = Webhooks { clock, outbox: Outbox::start(access)?, programs: Vec::new(), coming: Vec::new() };
        all.set(webhooks);
        Ok(all)
    }

    /// Those of the files as they are now; what waits for one that stays is not lost, nor for one with another secret.
    pub fn set(&mut self, webhooks: &[Webhook]) {
        self.programs.retain(|program| webhooks.contains(&program.webhook));
        let mut new = Vec::new();
        for webhook in webhooks {
            if !self.programs.iter().any(|program| program.webhook == *webhook) {
                match Program::start(self.clock, webhook.clone(), self.outbox.access()) {
                    Ok(program) => {
                        new.push((kept_as(webhook), program.messages.clone()));
                        self.programs.push(program);
                    }
                    Err(error) => warn!(url = webhook.url, %error, "no thread for a webhook"),
                }
            }
        }
        self.outbox.serve(webhooks.iter().map(kept_as).collect(), new);
    }

    /// A phone rings for a contact, or an operator has it; `called_back`: it is a callback.
    pub fn comes(
        &mut self,
        event: WebhookEvent,
        (contact, called_back): (CallId, bool),
        operator: OperatorId,
        seat: SeatId,
        at: Moment,
    ) {
        self.coming.retain(|former| at.since(former.at) < SEEN_WITHIN);
        if !self.programs.is_empty() && self.coming.len() < KEPT_MESSAGES {
            self.coming.push(Coming { event, contact, called_back, operator, seat, at });
        }
    }

    /// A call as it is now: whoever is told of it is told of it so.
    pub fn saw(&mut self, record: &Record, house: &House) {
        let all = std::mem::take(&mut self.coming).into_iter();
        let (seen, coming): (Vec<Coming>, Vec<Coming>) = all.partition(|one| one.is_of(record));
        self.coming = coming;
        for Coming { event, operator, seat, at, .. } in seen {
            self.tell(event, record, Some((&operator, &seat)), at, house);
        }
    }

    pub fn closed(&mut self, record: &Record, house: &House) {
        self.saw(record, house);
        let at = record.ended_at.unwrap_or(record.arrived_at);
        self.tell(WebhookEvent::Closed, record, None, at, house);
    }

    fn tell(
        &self,
        event: WebhookEvent,
        record: &Record,
        at_seat: Option<(&OperatorId, &SeatId)>,
        at: Moment,
        house: &House,
    ) {
        let mut programs = self.programs.iter().filter(|program| program.webhook.events.contains(&event)).peekable();
        if programs.peek().is_none() {
            return;
        }
        let zone = &house.app.time_zone;
        let Ok(call) = printed(record, zone) else { return };
        let name = name(&event);
        // Several phones may ring at once.
        let whose = at_seat.map(|(operator, _)| format!("-{operator}")).unwrap_or_default();
        let id = format!("{}-{name}{whose}-{}", record.call_id, at.as_millis());
        let mut message = json!({ "id": id, "event": name, "at": rfc3339(at, zone), "call": call });
        if let (Some((operator, seat)), Value::Object(fields)) = (at_seat, &mut message) {
            fields.insert("operator".into(), json!(operator));
            fields.insert("seat".into(), json!(seat));
        }
        let text = message.to_string();
        programs.for_each(|program| self.outbox.keep(&kept_as(&program.webhook), &text, &program.messages));
    }
}

/// Under which name its messages stand in the data folder.
fn kept_as(webhook: &Webhook) -> String {
    let events: Vec<&str> = webhook.events.iter().map(name).collect();
    format!("{} {}", events.join("+"), webhook.url)
}

fn name(event: &WebhookEvent) -> &'static str {
    match event {
        WebhookEvent::Ringing => "ringing",
        WebhookEvent::Connected => "connected",
        WebhookEvent::Closed => "closed",
    }
}

impl Program {
    fn start(clock: Clock, webhook: Webhook, access: Arc<Access>) -> std::io::Result<Program> {
        let (messages, waiting) = sync_channel(KEPT_MESSAGES);
        let wanted = Arc::new(AtomicBool::new(true));
        let (of, still) = (webhook.clone(), wanted.clone());
        let work = move || work(clock, &of, &access, &waiting, &still);
        std::thread::Builder::new().name("webhook".into()).spawn(work)?;
        Ok(Program { webhook, messages, wanted })
    }
}

fn work(clock: Clock, webhook: &Webhook, access: &Access, coming: &Receiver<Message>, wanted: &AtomicBool) {
    let agent = super::hooks::agent();
    // By the time of their next try, and in the order in which they came.
    let mut again: BTreeMap<(Moment, u64), Message> = BTreeMap::new();
    let mut number = 0;
    loop {
        let now = clock.now();
        let due = again.first_key_value().map(|((at, _), _)| *at);
        let message = match due.filter(|due| *due <= now).and_then(|_| again.pop_first()) {
            Some((_, message)) => message,
            None => {
                let pause = due.map_or(LONGEST_PAUSE, |due| due.since(now)).min(LONGEST_PAUSE);
                match coming.recv_timeout(pause) {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return set_aside(again.into_values()),
                }
            }
        };
        if !wanted.load(Ordering::Relaxed) {
            return set_aside(again.into_values().chain([message]).chain(coming.try_iter()));
        }
        let tries = message.tries + 1;
        match post(clock, &agent, webhook, &message.text) {
            Ok(()) => finish(access, &message, "ok"),
            Err(Failed { why, for_good }) if for_good || tries >= TRIES => {
                warn!(url = webhook.url, why, "a message to a webhook is given up");
                finish(access, &message, "given_up");
            }
            // Those that come do not wait behind it, unless too many are to be tried again.
            Err(Failed { why, .. }) if again.len() < KEPT_MESSAGES => {
                debug!(url = webhook.url, why, tries, "a webhook did not take its message");
                http::counter("hotline_webhooks_total", &[("result", "again")]);
                if let Some(Err(fault)) = message.number.map(|number| access.message_tried(number, tries)) {
                    warn!(%fault, "how often a message to a webhook was tried cannot be kept");
                }
                number += 1;
                let pause = (FIRST_PAUSE * 2_u32.saturating_pow(message.tries)).min(LONGEST_PAUSE);
                again.insert((clock.now() + pause, number), Message { tries, ..message });
            }
            Err(_) => finish(access, &message, "lost"),
        }
    }
}

struct Failed {
    why: String,
    /// The same message will be refused again.
    for_good: bool,
}

fn post(clock: Clock, agent: &ureq::Agent, webhook: &Webhook, message: &str) -> Result<(), Failed> {
    let seconds = clock.now().as_millis() / 1000;
    let signature = signature(&webhook.secret, seconds, message);
    let post = agent.post(&webhook.url).config().timeout_global(Some(PATIENCE)).build();
    let post = post.header("X-Hotline-Signature", signature).content_type("application/json");
    let status = match post.send(message) {
        Ok(answer) if answer.status().is_success() => return Ok(()),
        Ok(answer) => answer.status().as_u16(),
        Err(ureq::Error::StatusCode(status)) => status,
        Err(error) => return Err(Failed { why: error.to_string(), for_good: false }),
    };
    Err(Failed { why: format!("it answered {status}"), for_good: is_for_good(status) })
}

/// Whether whoever answers with this status will do so again.
fn is_for_good(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 425 | 429)
}

/// `t=SECONDS,v1=HMAC-SHA256 of "SECONDS.BODY"`: whoever has the secret sees that it is ours, and not an old one.
fn signature(secret: &str, seconds: u64, body: &str) -> String {
    let mac = hmac_sha256(secret.as_bytes(), format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", HEXLOWER.encode(&mac))
}

/// RFC 2104.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    match key.len() > BLOCK {
        true => block[..32].copy_from_slice(&Sha256::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let with = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(with(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Takes one message and answers it → its body.
    fn answer(listener: &TcpListener, status: u16) -> String {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let said = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(said.as_bytes()).unwrap();
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn what_a_program_did_not_take_is_sent_on_by_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let webhook =
            |secret: &str| Webhook { url: url.clone(), events: [WebhookEvent::Closed].into(), secret: secret.into() };
        let first = webhook("a secret of sixteen");
        let kept = Access::open(dir.path()).unwrap();
        let wait_for = |tries: Option<u32>| {
            let is_so = || kept.messages(&kept_as(&first)).unwrap().first().map(|message| message.tries) == tries;
            (0..1_000).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                is_so()
            })
        };
        let start = |of: &Webhook| {
            Webhooks::start(Clock::start(), Access::open(dir.path()).unwrap(), std::slice::from_ref(of)).unwrap()
        };
        let webhooks = start(&first);
        webhooks.outbox.keep(&kept_as(&first), r#"{"id":"7"}"#, &webhooks.programs[0].messages);
        assert_eq!(answer(&listener, 503), r#"{"id":"7"}"#);
        assert!(wait_for(Some(1)), "how often it was tried is kept");
        drop(webhooks);
        // With another secret it is the same program.
        let webhooks = start(&webhook("another secret of more"));
        assert_eq!(answer(&listener, 200), r#"{"id":"7"}"#);
        assert!(wait_for(None), "what was taken is forgotten");
        drop(webhooks);
        // What waits for a program that is in the files no more is forgotten.
        kept.keep_message(&kept_as(&first), "{}").unwrap();
        drop(Webhooks::start(Clock::start(), Access::open(dir.path()).unwrap(), &[]).unwrap());
        assert!(wait_for(None));
    }

    /// 7 asked to be called back, and 9 is the call that does it.
    #[test]
    fn what_happens_to_a_callback_is_told_of_the_call_and_not_of_the_visit() {
        let record = |number: u64, callback_of: Option<u64>| -> Record {
            let blank = json!({
                "call_id": CallId(number), "sip_call_id": "", "from": "", "to": "", "trunk": null,
                "arrived_at": Moment::default(), "choices": "", "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
                "callback_of": callback_of.map(CallId),
            });
            serde_json::from_value(blank).unwrap()
        };
        let coming = |called_back: bool| Coming {
            event: WebhookEvent::Ringing,
            contact: CallId(7),
            called_back,
            operator: "1001".into(),
            seat: "8001".into(),
            at: Moment::default(),
        };
        let (visit, back, other) = (record(7, None), record(9, Some(7)), record(8, None));
        assert_eq!([&visit, &back, &other].map(|record| coming(true).is_of(record)), [false, true, false]);
        // Who handed it over does not tell that it is one; the visit is over by then.
        assert_eq!([&visit, &back, &other].map(|record| coming(false).is_of(record)), [true, true, false]);
    }

    /// RFC 4231, cases 1, 2 and 6.
    #[test]
    fn the_signature_is_hmac_sha256() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, mac) in cases {
            assert_eq!(HEXLOWER.encode(&hmac_sha256(key, message)), mac);
        }
        assert!(signature("0123456789abcdef", 7, "{}").starts_with("t=7,v1="));
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        let again = [408, 425, 429, 500, 502, 503, 301].map(is_for_good);
        assert_eq!(again, [false; 7]);
        assert_eq!([400, 401, 404, 410, 413, 422].map(is_for_good), [true; 6]);
    }
}
