//! Programs that are told of calls: a signed POST of JSON, tried again until it is taken or refused for good. A thread of
//! its own for each; nothing waits for it, and no message for one that has to be tried again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tracing::{debug, warn};

use super::clock::Clock;
use crate::config::{House, Webhook, WebhookEvent};
use crate::http;
use crate::ids::{OperatorId, SeatId};
use crate::moment::Moment;
use crate::records::{Record, printed, rfc3339};

/// Messages that wait for one program; further ones are lost, which the metrics tell.
const WAITING: usize = 1_000;
/// One try.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries: twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A message that was tried so often is given up: a screen that pops up then helps nobody.
const TRIES: u32 = 8;
/// The block of SHA-256.
const BLOCK: usize = 64;

pub struct Webhooks {
    clock: Clock,
    programs: Vec<Program>,
}

struct Program {
    webhook: Webhook,
    messages: SyncSender<String>,
    /// It is in the files still.
    wanted: Arc<AtomicBool>,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::Relaxed);
    }
}

impl Webhooks {
    pub fn new(clock: Clock, webhooks: &[Webhook]) -> Webhooks {
        let mut all = Webhooks { clock, programs: Vec::new() };
        all.set(webhooks);
        all
    }

    /// Those of the files as they are now; what waits for one that stays is not lost.
    pub fn set(&mut self, webhooks: &[Webhook]) {
        self.programs.retain(|program| webhooks.contains(&program.webhook));
        for webhook in webhooks {
            if !self.programs.iter().any(|program| program.webhook == *webhook) {
                match Program::start(self.clock, webhook.clone()) {
                    Ok(program) => self.programs.push(program),
                    Err(error) => warn!(url = webhook.url, %error, "no thread for a webhook"),
                }
            }
        }
    }

    /// A phone rings for a call.
    pub fn ringing(&self, record: &Record, operator: &OperatorId, seat: &SeatId, at: Moment, house: &House) {
        self.tell(WebhookEvent::Ringing, "ringing", record, Some((operator, seat)), at, house);
    }

    pub fn connected(&self, record: &Record, operator: &OperatorId, seat: &SeatId, at: Moment, house: &House) {
        self.tell(WebhookEvent::Connected, "connected", record, Some((operator, seat)), at, house);
    }

    pub fn closed(&self, record: &Record, house: &House) {
        let at = record.ended_at.unwrap_or(record.arrived_at);
        self.tell(WebhookEvent::Closed, "closed", record, None, at, house);
    }

    fn tell(
        &self,
        event: WebhookEvent,
        name: &str,
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
        // Several phones may ring at once.
        let whose = at_seat.map(|(operator, _)| format!("-{operator}")).unwrap_or_default();
        let id = format!("{}-{name}{whose}-{}", record.call_id, at.as_millis());
        let mut message = json!({ "id": id, "event": name, "at": rfc3339(at, zone), "call": call });
        if let (Some((operator, seat)), Value::Object(fields)) = (at_seat, &mut message) {
            fields.insert("operator".into(), json!(operator));
            fields.insert("seat".into(), json!(seat));
        }
        let text = message.to_string();
        for program in programs {
            match program.messages.try_send(text.clone()) {
                Ok(()) => ::metrics::gauge!("hotline_webhooks_waiting").increment(1.0),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    http::counter("hotline_webhooks_total", &[("result", "lost")]);
                }
            }
        }
    }
}

impl Program {
    fn start(clock: Clock, webhook: Webhook) -> std::io::Result<Program> {
        let (messages, waiting) = sync_channel(WAITING);
        let wanted = Arc::new(AtomicBool::new(true));
        let (of, still) = (webhook.clone(), wanted.clone());
        std::thread::Builder::new().name("webhook".into()).spawn(move || work(clock, &of, &waiting, &still))?;
        Ok(Program { webhook, messages, wanted })
    }
}

/// A message that waits for its next try.
struct Waiting {
    message: String,
    /// Tries that were made.
    tries: u32,
}

fn work(clock: Clock, webhook: &Webhook, coming: &Receiver<String>, wanted: &AtomicBool) {
    let agent = super::hooks::agent();
    // By the time of their next try, and in the order in which they came.
    let mut again: BTreeMap<(Moment, u64), Waiting> = BTreeMap::new();
    let mut number = 0;
    loop {
        let now = clock.now();
        let due = again.first_key_value().map(|((at, _), _)| *at);
        let waiting = match due.filter(|due| *due <= now).and_then(|_| again.pop_first()) {
            Some((_, waiting)) => waiting,
            None => {
                let pause = due.map_or(LONGEST_PAUSE, |due| due.since(now)).min(LONGEST_PAUSE);
                match coming.recv_timeout(pause) {
                    Ok(message) => Waiting { message, tries: 0 },
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return give_up(again.len()),
                }
            }
        };
        if !wanted.load(Ordering::Relaxed) {
            return give_up(again.len() + 1);
        }
        let tries = waiting.tries + 1;
        match post(clock, &agent, webhook, &waiting.message) {
            Ok(()) => over("ok"),
            Err(Failed { why, for_good }) if for_good || tries == TRIES => {
                warn!(url = webhook.url, why, "a message to a webhook is given up");
                over("given_up");
            }
            // Those that come do not wait behind it, unless too many are to be tried again.
            Err(Failed { why, .. }) if again.len() < WAITING => {
                debug!(url = webhook.url, why, tries, "a webhook did not take its message");
                http::counter("hotline_webhooks_total", &[("result", "again")]);
                number += 1;
                let pause = (FIRST_PAUSE * 2_u32.saturating_pow(waiting.tries)).min(LONGEST_PAUSE);
                again.insert((clock.now() + pause, number), Waiting { tries, ..waiting });
            }
            Err(_) => over("lost"),
        }
    }
}

/// A message waits no more.
fn over(result: &str) {
    ::metrics::gauge!("hotline_webhooks_waiting").decrement(1.0);
    http::counter("hotline_webhooks_total", &[("result", result)]);
}

fn give_up(many: usize) {
    (0..many).for_each(|_| over("given_up"));
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
    use super::*;

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
