//! Ways out of a line: other queues, numbers, messages, keys, callbacks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Names, check_time, number_within, time};
use crate::config::fault::Faults;
use crate::config::reader::Element;
use crate::config::scalars::time_text;
use crate::config::written;
use crate::ids::QueueId;
use crate::queue::{CallbackFirst, CallbackRules, Exit};
use crate::sip::{MAX_DIALLED, is_dialable};

const CALLBACKS: usize = 100;
const CALLBACKS_LIMITS: (usize, usize) = (1, 100_000);
const CALLBACK_RING: Duration = Duration::from_secs(30);
const CALLBACK_RING_LIMITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));
const ATTEMPTS: u8 = 3;
/// More would be a nuisance.
const ATTEMPTS_LIMITS: (u8, u8) = (1, 10);
const FIRST_AFTER: Duration = Duration::from_secs(10);
const FIRST_AFTER_LIMITS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(600));
const RETRY: Duration = Duration::from_secs(300);
const RETRY_LIMITS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(24 * 3600));
const EXPIRES: Duration = Duration::from_secs(4 * 3600);
const EXPIRES_LIMITS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(7 * 24 * 3600));

type Queue<'a> = Element<'a, written::Queue>;

/// Reads the exit under `path`. `None`: none is written, or it is wrong.
pub fn exit(
    queue: &Queue<'_>,
    path: &[&str],
    written: &Option<written::Exit>,
    queues: &Names,
    faults: &mut Faults,
) -> Option<Exit> {
    let to = match written.as_ref()? {
        written::Exit::To(to) => to,
        written::Exit::Word(word) if word == "message" => return Some(Exit::Message),
        written::Exit::Word(word) => {
            let meant = match word.as_str() {
                "callback" => "callers choose that themselves: [[queue.key]] with `callback = true`".into(),
                name if queues.is_there(name) => format!("{{ queue = {name:?} }} is meant"),
                _ => "{ queue = \"…\" }, { number = \"…\" } or \"message\" is meant".into(),
            };
            queue.fault_at(faults, path, format!("found {word:?}; {meant}"));
            return None;
        }
    };
    let at = |key| [path, &[key]].concat();
    match (&to.queue, &to.number) {
        (Some(name), None) => to_queue(queue, &at("queue"), name, queues, faults),
        (None, Some(number)) => to_number(queue, &at("number"), number, faults),
        _ => {
            queue.fault_at(faults, path, "exactly one of `queue` and `number` is meant");
            None
        }
    }
}

fn to_queue(queue: &Queue<'_>, path: &[&str], name: &str, queues: &Names, faults: &mut Faults) -> Option<Exit> {
    if !queues.contains(name) {
        queue.fault_at(faults, path, queues.unknown("queue", name));
        return None;
    }
    if name == queue.written.id {
        queue.fault_at(faults, path, format!("found {name:?}, this queue itself: another is meant"));
        return None;
    }
    Some(Exit::Queue(QueueId::from(queues.now_called(queue, path, name, faults))))
}

fn to_number(queue: &Queue<'_>, path: &[&str], number: &str, faults: &mut Faults) -> Option<Exit> {
    check_number(queue, path, number, faults).map(|()| Exit::Number(number.to_string()))
}

/// Whether a number can be dialled over a trunk.
pub fn check_number<T>(element: &Element<'_, T>, path: &[&str], number: &str, faults: &mut Faults) -> Option<()> {
    if !is_dialable(number) {
        let what = format!(
            "found {number:?}; up to {MAX_DIALLED} digits, perhaps after a plus, are meant, e.g. \"01065139999\""
        );
        element.fault_at(faults, path, what);
        return None;
    }
    Some(())
}

/// The keys that lead out of the line.
pub fn keys(queue: &Queue<'_>, queues: &Names, faults: &mut Faults) -> BTreeMap<char, Exit> {
    let mut keys = BTreeMap::new();
    for (index, written) in queue.written.key.iter().enumerate() {
        let index = index.to_string();
        let path = ["key", index.as_str()];
        let at = |key| [&path[..], &[key]].concat();
        let mut letters = written.key.chars();
        let pressed =
            letters.next().filter(|key| letters.next().is_none() && (key.is_ascii_digit() || matches!(key, '*' | '#')));
        let Some(pressed) = pressed else {
            let what = format!("found {:?}; one key is meant, \"0\" to \"9\", \"*\" or \"#\"", written.key);
            queue.fault_at(faults, &at("key"), what);
            continue;
        };
        let (message, callback) = (written.message.unwrap_or(false), written.callback.unwrap_or(false));
        let exit = match (&written.queue, &written.number, message, callback) {
            (Some(name), None, false, false) => to_queue(queue, &at("queue"), name, queues, faults),
            (None, Some(number), false, false) => to_number(queue, &at("number"), number, faults),
            (None, None, true, false) => Some(Exit::Message),
            (None, None, false, true) => {
                if queue.written.callback.is_none() {
                    let what = "the queue calls nobody back: it has no `callback`; `callback = {}` takes the defaults";
                    queue.fault_at(faults, &at("callback"), what);
                }
                Some(Exit::Callback)
            }
            _ => {
                let what = "exactly one of queue, number, message = true, callback = true is meant";
                queue.fault_at(faults, &path, what);
                None
            }
        };
        if keys.contains_key(&pressed) {
            queue.fault_at(faults, &at("key"), format!("key {pressed:?} is there twice"));
        }
        keys.extend(exit.map(|exit| (pressed, exit)));
    }
    keys
}

pub fn callback(queue: &Queue<'_>, faults: &mut Faults) -> Option<CallbackRules> {
    let written = queue.written.callback.as_ref()?;
    let at = |key| ["callback", key];
    let first = match written.first.as_deref() {
        None | Some("customer") => CallbackFirst::Customer,
        Some("operator") => CallbackFirst::Operator,
        Some(other) => {
            queue.fault_at(faults, &at("first"), format!("found {other:?}; \"customer\" and \"operator\" are allowed"));
            CallbackFirst::Customer
        }
    };
    let mut within = |key, written, default, limits| {
        let time = time(written, default);
        check_time(queue, &at(key), time, limits, faults);
        time
    };
    let ring = within("ring", &written.ring, CALLBACK_RING, CALLBACK_RING_LIMITS);
    let first_after = within("first_after", &written.first_after, FIRST_AFTER, FIRST_AFTER_LIMITS);
    let retry = within("retry", &written.retry, RETRY, RETRY_LIMITS);
    let expires = within("expires", &written.expires, EXPIRES, EXPIRES_LIMITS);
    let attempts = number_within(queue, &at("attempts"), written.attempts.unwrap_or(ATTEMPTS), ATTEMPTS_LIMITS, faults);
    if attempts > 1 && retry >= expires {
        let what = format!(
            "found {}; the callback is given up after {}, before a second try",
            time_text(retry),
            time_text(expires)
        );
        queue.fault_at(faults, &at("retry"), what);
    }
    let max_waiting = written.max_waiting.unwrap_or(CALLBACKS);
    let max_waiting = number_within(queue, &at("max_waiting"), max_waiting, CALLBACKS_LIMITS, faults);
    Some(CallbackRules { first, max_waiting, ring, first_after, attempts, retry, expires })
}
