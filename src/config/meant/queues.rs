//! queues.toml.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Names, time, time_within};
use crate::config::fault::Faults;
use crate::config::hours::Hours;
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written::{self, OneOrMany};
use crate::ids::{QueueId, Reason};
use crate::queue::{QueueRules, Rules, parse_need};

const EXCLUDE_FOR: Duration = Duration::from_secs(30);
const RING: Duration = Duration::from_secs(20);
/// A shorter ring cannot be answered, a longer one is not what a caller should wait for.
const RING_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
const WRAP_UP: Duration = Duration::from_secs(10);
const WRAP_UP_LIMITS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(3600));
const MAX_WAITING: usize = 1000;
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Reasons have one digit in their feature code.
const MAX_REASONS: usize = 9;

pub struct Queues {
    /// Without operators and seats.
    pub rules: Rules,
    pub open: BTreeMap<QueueId, Hours>,
    pub names: Names,
    /// Where each need is written, to be compared with what operators can do.
    pub needs: Vec<(QueueId, crate::config::fault::Place)>,
}

pub fn read(files: &Files, faults: &mut Faults) -> Option<Queues> {
    let top = reader::top::<written::QueuesTop>(&files.queues, &["queue"], faults);
    let mut queues =
        Queues { rules: Rules::default(), open: BTreeMap::new(), names: Names::default(), needs: Vec::new() };
    let tables = reader::array::<written::Queue>(&files.queues, "queue", "id", faults);
    for queue in &tables.good {
        read_queue(&mut queues, queue, faults);
    }
    queues.names.also(tables.broken);
    if tables.is_empty {
        faults.fault(
            &files.queues.whole(),
            "queue",
            "there is no queue: at least one [[queue]] with id and need is needed",
        );
    }
    let top = top?;
    queues.rules.exclude_for = time(&top.written.exclude_for, EXCLUDE_FOR);
    queues.rules.phone_grace = Duration::from_secs(60);
    queues.rules.redial_within = Duration::from_secs(60);
    let reasons =
        top.written.reasons.clone().unwrap_or_else(|| ["break", "meal", "training"].map(String::from).to_vec());
    if reasons.len() > MAX_REASONS {
        top.fault(faults, "reasons", format!("found {}; at most {MAX_REASONS} can be dialled", reasons.len()));
    }
    queues.rules.reasons = reasons.into_iter().map(Reason::from).collect();
    Some(queues)
}

fn read_queue(queues: &mut Queues, queue: &Element<'_, written::Queue>, faults: &mut Faults) {
    let written = &queue.written;
    // The name counts even if the rest is wrong: those who refer to it are not at fault.
    let named = queues.names.take(queue, "id", &written.id, faults);
    let need = match parse_need(&written.need) {
        Ok(need) => need,
        Err(fault) => {
            let mut place = queue.place("need");
            // Into the quoted text.
            place.column += 1 + written.need.get(..fault.at).map_or(0, |before| before.chars().count());
            return faults.fault(
                &place,
                queue.key("need"),
                format!("found {}; {} is meant", fault.found, fault.allowed),
            );
        }
    };
    let hours = match &written.hours {
        None => Ok(Hours::default()),
        Some(OneOrMany::One(text)) => Hours::parse([text.as_str()]),
        Some(OneOrMany::Many(texts)) => Hours::parse(texts.iter().map(String::as_str)),
    };
    let hours = match hours {
        Ok(hours) => hours,
        Err(what) => return queue.fault(faults, "hours", what),
    };
    let max_waiting = written.max_waiting.unwrap_or(MAX_WAITING);
    if max_waiting == 0 {
        queue.fault(faults, "max_waiting", "found 0; nobody could ever wait");
    }
    let rules = QueueRules {
        ring: time_within(queue, "ring", &written.ring, RING, RING_LIMITS, faults),
        wrap_up: time_within(queue, "wrap_up", &written.wrap_up, WRAP_UP, WRAP_UP_LIMITS, faults),
        max_waiting,
        max_wait: written.max_wait.as_ref().map(|time| time.0),
        answer_within: time(&written.answer_within, ANSWER_WITHIN),
        ..QueueRules::plain(need)
    };
    if named {
        let id = QueueId::from(written.id.as_str());
        queues.needs.push((id.clone(), queue.place("need")));
        queues.open.insert(id.clone(), hours);
        queues.rules.queues.insert(id, rules);
    }
}
