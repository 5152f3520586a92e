//! Programs that are told of calls: a signed POST of JSON, tried again until it is taken. A thread of its own for each;
//! nothing waits for it.

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
        let id = format!("{}-{name}-{}", record.call_id, at.as_millis());
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

fn work(clock: Clock, webhook: &Webhook, waiting: &Receiver<String>, wanted: &AtomicBool) {
    let agent = super::hooks::agent();
    loop {
        let message = match waiting.recv_timeout(LONGEST_PAUSE) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        ::metrics::gauge!("hotline_webhooks_waiting").decrement(1.0);
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=TRIES {
            match post(clock, &agent, webhook, &message) {
                Ok(()) => {
                    http::counter("hotline_webhooks_total", &[("result", "ok")]);
                    break;
                }
                Err(error) if attempt == TRIES || !wanted.load(Ordering::Relaxed) => {
                    warn!(url = webhook.url, error, "a message to a webhook is given up");
                    http::counter("hotline_webhooks_total", &[("result", "given_up")]);
                    break;
                }
                Err(error) => {
                    debug!(url = webhook.url, error, attempt, "a webhook did not take its message");
                    http::counter("hotline_webhooks_total", &[("result", "again")]);
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

fn post(clock: Clock, agent: &ureq::Agent, webhook: &Webhook, message: &str) -> Result<(), String> {
    let seconds = clock.now().as_millis() / 1000;
    let signature = signature(&webhook.secret, seconds, message);
    let post = agent.post(&webhook.url).config().timeout_global(Some(PATIENCE)).build();
    let post = post.header("X-Hotline-Signature", signature).content_type("application/json");
    post.send(message).map(drop).map_err(|error| error.to_string())
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
}
