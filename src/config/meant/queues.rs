//! queues.toml.

use std::collections::BTreeMap;
use std::time::Duration;

use super::needs::{self, WrittenNeed};
use super::schedules::Schedules;
use super::{Names, check_time, choose, exits, number_within, time_within};
use crate::config::fault::Faults;
use crate::config::hours::Hours;
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::config::{Opening, Schedule};
use crate::erlang::Load;
use crate::ids::{QueueId, Reason};
use crate::queue::{Ageing, Choose, MAX_RING_AT_ONCE, MOST_BUSY, QueueRules, Rules};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const UP_TO_AN_HOUR: (Duration, Duration) = (Duration::ZERO, HOUR);
/// What a caller waits, and what counts as if it had been waited: nobody waits longer than a day.
const WAITS: (Duration, Duration) = (SECOND, DAY);
const HEAD_STARTS: (Duration, Duration) = (Duration::ZERO, DAY);

const EXCLUDE_FOR: Duration = Duration::from_secs(30);
const PHONE_GRACE: Duration = MINUTE;
const REDIAL_WITHIN: Duration = MINUTE;
/// A shorter ring cannot be answered, a longer one is not what a caller should wait for.
const RING_LIMITS: (Duration, Duration) = (SECOND, Duration::from_secs(300));
/// For one operator while others are free: longer than that is nobody's preference.
const PREFERRED_LIMITS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(600));
const ANSWER_LIMITS: (Duration, Duration) = (SECOND, HOUR);
/// The largest line the engine is measured with.
const MAX_WAITING_LIMITS: (usize, usize) = (1, 1_000_000);
const MAX_CALLS_PER_HOUR: f64 = 1_000_000.0;
/// Reasons have one digit in their feature code.
const MAX_REASONS: usize = 9;
/// Rules count up from here with each change while the house is open.
const FIRST_VERSION: u64 = 1;

pub struct Queues<'a> {
    /// Without operators and seats.
    pub rules: Rules,
    pub open: BTreeMap<QueueId, Opening>,
    pub load: BTreeMap<QueueId, Load>,
    pub names: Names,
    /// To be compared with what operators can do.
    pub needs: Vec<WrittenNeed>,
    /// As they are written, to say where something is.
    pub elements: BTreeMap<QueueId, Element<'a, written::Queue>>,
    /// All could be read, and nothing in it is wrong.
    pub sound: bool,
}

/// What could be read; the faults say what could not.
pub fn read<'a>(files: &'a Files, schedules: &Schedules<'_>, faults: &mut Faults) -> Queues<'a> {
    let top = reader::top::<written::QueuesTop>(&files.queues, &["queue"], faults);
    let mut queues = Queues {
        rules: Rules { version: FIRST_VERSION, most_busy: MOST_BUSY, ..Rules::default() },
        open: BTreeMap::new(),
        load: BTreeMap::new(),
        names: Names::default(),
        needs: Vec::new(),
        elements: BTreeMap::new(),
        sound: false,
    };
    let tables = reader::array::<written::Queue>(&files.queues, "queue", "id", faults);
    // Names count even if the rest is wrong: those who refer to them are not at fault.
    let named: Vec<bool> =
        tables.good.iter().map(|queue| queues.names.take(queue, "id", &queue.written.id, faults)).collect();
    queues.names.also(tables.broken);
    for queue in &tables.good {
        formerly(&mut queues, queue, faults);
    }
    for (queue, named) in tables.good.into_iter().zip(named) {
        let rules = rules(&mut queues, &queue, faults);
        let (open, load) = (opening(&queue, schedules, faults), load(&queue, faults));
        if named {
            let id = QueueId::from(queue.written.id.as_str());
            queues.rules.queues.extend(rules.map(|rules| (id.clone(), rules)));
            queues.open.extend(open.map(|open| (id.clone(), open)));
            queues.load.extend(load.map(|load| (id.clone(), load)));
            queues.elements.insert(id, queue);
        }
    }
    if tables.is_empty {
        let what = "there is no queue: at least one [[queue]] with id and need is needed";
        faults.fault(&files.queues.whole(), "queue", what);
    }
    if let Some(top) = top {
        read_top(&mut queues.rules, &top, faults);
    }
    queues
}

fn read_top(rules: &mut Rules, top: &Element<'_, written::QueuesTop>, faults: &mut Faults) {
    let written = &top.written;
    let mut within = |key, written, default| time_within(top, key, written, default, UP_TO_AN_HOUR, faults);
    rules.exclude_for = within("exclude_for", &written.exclude_for, EXCLUDE_FOR);
    rules.phone_grace = within("phone_grace", &written.phone_grace, PHONE_GRACE);
    rules.redial_within = within("redial_within", &written.redial_within, REDIAL_WITHIN);
    let reasons = written.reasons.clone().unwrap_or_else(|| ["break", "meal", "training"].map(String::from).to_vec());
    if reasons.len() > MAX_REASONS {
        top.fault(faults, "reasons", format!("found {}; at most {MAX_REASONS} can be dialled", reasons.len()));
    }
    rules.reasons = reasons.into_iter().map(Reason::from).collect();
}

/// `None`: something is wrong without which the queue means nothing.
fn rules(queues: &mut Queues<'_>, queue: &Element<'_, written::Queue>, faults: &mut Faults) -> Option<QueueRules> {
    let written = &queue.written;
    let max_wait = written.max_wait.as_ref().map(|limit| limit.0);
    let need = needs::read(queue, &["need"], &written.need, &mut queues.needs, faults);
    let prefer = needs::preferences(queue, &["prefer"], &written.prefer, &mut queues.needs, faults);
    let steps = needs::steps(queue, max_wait, &mut queues.needs, faults);
    // Where a need is broken the rest is looked at all the same, with anybody in its place.
    let complete = need.is_some() && prefer.is_some() && steps.is_some();
    let usual = QueueRules::plain(need.unwrap_or(crate::queue::Need::Anyone));
    let mut time = |key, written, default, limits| time_within(queue, key, written, default, limits, faults);
    let wrap_up = time("wrap_up", &written.wrap_up, usual.wrap_up, UP_TO_AN_HOUR);
    let rules = QueueRules {
        ring: time("ring", &written.ring, usual.ring, RING_LIMITS),
        wrap_up,
        wrap_up_max: time(
            "wrap_up_max",
            &written.wrap_up_max,
            usual.wrap_up_max.max(wrap_up),
            (wrap_up, HOUR.max(wrap_up)),
        ),
        priority: time("priority", &written.priority, usual.priority, HEAD_STARTS),
        put_back_boost: time("put_back_boost", &written.put_back_boost, usual.put_back_boost, HEAD_STARTS),
        preferred_for: time("preferred_for", &written.preferred_for, usual.preferred_for, PREFERRED_LIMITS),
        answer_within: time("answer_within", &written.answer_within, usual.answer_within, ANSWER_LIMITS),
        short_abandon: time("short_abandon", &written.short_abandon, usual.short_abandon, UP_TO_AN_HOUR),
        prefer: prefer.unwrap_or_default(),
        steps: steps.unwrap_or_default(),
        choose: how_to_choose(queue, faults),
        ring_at_once: number_within(
            queue,
            &["ring_at_once"],
            written.ring_at_once.unwrap_or(usual.ring_at_once),
            (1, MAX_RING_AT_ONCE),
            faults,
        ),
        emergency: written.emergency.unwrap_or(usual.emergency),
        ageing: ageing(queue, faults),
        max_waiting: number_within(
            queue,
            &["max_waiting"],
            written.max_waiting.unwrap_or(usual.max_waiting),
            MAX_WAITING_LIMITS,
            faults,
        ),
        max_wait,
        if_too_long: exits::exit(queue, &["if_too_long"], &written.if_too_long, &queues.names, faults),
        if_full: exits::exit(queue, &["if_full"], &written.if_full, &queues.names, faults),
        if_closed: exits::exit(queue, &["if_closed"], &written.if_closed, &queues.names, faults),
        if_nobody: exits::exit(queue, &["if_nobody"], &written.if_nobody, &queues.names, faults),
        keys: exits::keys(queue, &queues.names, faults),
        callback: exits::callback(queue, faults),
        ..usual
    };
    if let Some(max_wait) = max_wait {
        check_time(queue, &["max_wait"], max_wait, WAITS, faults);
    }
    if complete {
        needs::check_changes(queue, &rules, faults);
    }
    complete.then_some(rules)
}

/// What the queue was called before.
fn formerly(queues: &mut Queues<'_>, queue: &Element<'_, written::Queue>, faults: &mut Faults) {
    let id = &queue.written.id;
    let Some(former) = &queue.written.formerly else { return };
    for name in former.texts() {
        if queues.names.places.contains_key(name) {
            queue.fault(
                faults,
                "formerly",
                format!("found {name:?}, a queue that is there; the id it had before is meant"),
            );
        } else if let Some(other) = queues.names.former.get(name).filter(|other| *other != id) {
            queue.fault(faults, "formerly", format!("found {name:?}; queue {other:?} was called that already"));
        } else {
            queues.names.former.insert(name.to_string(), id.clone());
            queues.rules.formerly.insert(QueueId::from(name), QueueId::from(id.as_str()));
        }
    }
}

fn how_to_choose(queue: &Element<'_, written::Queue>, faults: &mut Faults) -> Choose {
    let Some(written) = &queue.written.choose else { return Choose::LongestIdle };
    choose::read(written).unwrap_or_else(|what| {
        queue.fault(faults, "choose", what);
        Choose::LongestIdle
    })
}

fn ageing(queue: &Element<'_, written::Queue>, faults: &mut Faults) -> Option<Ageing> {
    let ageing = queue.written.ageing.as_ref()?;
    check_time(queue, &["ageing", "every"], ageing.every.0, WAITS, faults);
    check_time(queue, &["ageing", "boost"], ageing.boost.0, WAITS, faults);
    Some(Ageing { every: ageing.every.0, boost: ageing.boost.0 })
}

fn opening(queue: &Element<'_, written::Queue>, schedules: &Schedules<'_>, faults: &mut Faults) -> Option<Opening> {
    let written = &queue.written;
    if let Some(name) = &written.schedule {
        if written.hours.is_some() {
            let what = "`hours` are there too: one of the two says when the queue is open";
            queue.fault(faults, "schedule", what);
        }
        return schedules.named(queue, &["schedule"], name, faults).map(Opening::Schedule);
    }
    let hours = match &written.hours {
        None => Hours::always(),
        Some(hours) => Hours::parse_or_closed(hours.texts()).map_err(|what| queue.fault(faults, "hours", what)).ok()?,
    };
    if let Some(overlap) = hours.overlap() {
        faults.warning(&queue.place("hours"), queue.key("hours"), overlap);
    }
    Some(Opening::Hours(Box::new(Schedule::plain(hours, schedules.zone.clone()))))
}

fn load(queue: &Element<'_, written::Queue>, faults: &mut Faults) -> Option<Load> {
    let written = &queue.written;
    let (calls_per_hour, handle_time) = match (written.calls_per_hour, &written.handle_time) {
        (None, None) => return None,
        (Some(calls), Some(time)) => (calls, time.0),
        (Some(_), None) => {
            queue.fault(faults, "calls_per_hour", "`handle_time` is missing: how long one call keeps an operator busy");
            return None;
        }
        (None, Some(_)) => {
            queue.fault(faults, "handle_time", "`calls_per_hour` is missing: how many calls are expected");
            return None;
        }
    };
    check_time(queue, &["handle_time"], handle_time, WAITS, faults);
    if !(calls_per_hour > 0.0 && calls_per_hour <= MAX_CALLS_PER_HOUR) {
        let what = format!("found {calls_per_hour}; more than 0 and up to {MAX_CALLS_PER_HOUR} is allowed");
        queue.fault(faults, "calls_per_hour", what);
        return None;
    }
    Some(Load { calls_per_hour, handle_time })
}
