//! `hotline explain CALL`: why did this caller wait? Told from the engine's log, played again.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

use super::course::{course, ended, sent_on, without_a_line};
use super::replaying::{Replay, Step};
use crate::ids::{CallId, OperatorId};
use crate::moment::Moment;
use crate::queue::{
    Candidate, Choose, Decision, Engine, Fit, LateCause, LeftLine, OfferOutcome, Output, PassedBecause, RelaxedBy, Said,
};
use crate::records::{self, LineOutcome, LineRecord, Record, SentBy, printed, read_call, rfc3339};
use crate::visible::visible;

/// Of those who could not be asked so many are named in the text; JSON names all.
const NAMED: usize = 5;

/// Everything that happened to one contact in the lines.
struct Story {
    record: Record,
    events: Vec<Event>,
    /// Others who came later and were asked for first.
    passed_by: Vec<PassedBy>,
    /// The log does not go back to the beginning of the call.
    incomplete: bool,
}

struct Event {
    said: Said,
    /// At a decision: everybody who was signed in, and whether they could be asked.
    candidates: Vec<Candidate>,
    text: Option<String>,
}

struct PassedBy {
    contact: CallId,
    at: Moment,
    operator: Option<OperatorId>,
    why: PassedBecause,
}

pub fn explain(data: &Path, call: &str, zone: &TimeZone, json: bool) -> Result<String, String> {
    let id = CallId::parse(call).ok_or_else(|| {
        format!("{call:?} is no call: an id has 13 letters, as `hotline records` prints it in call_id")
    })?;
    let record = read_call(data, id).map_err(|e| e.to_string())?;
    let record = record.ok_or_else(|| format!("there is no call {id} in {}", data.display()))?;
    let story = story(data, record).map_err(|e| e.to_string())?;
    if json {
        return story.json(zone).and_then(|story| serde_json::to_string_pretty(&story)).map_err(|e| e.to_string());
    }
    Ok(story.text(zone))
}

fn story(data: &Path, record: Record) -> Result<Story, crate::records::ReadFault> {
    let id = record.call_id;
    let until = record.ended_at.unwrap_or(Moment::from_micros(u64::MAX));
    let mut replay = Replay::open(data, record.arrived_at)?;
    let incomplete = replay.seq > 0 && replay.engine.now() > record.arrived_at;
    let (mut events, mut passed_by) = (Vec::new(), Vec::new());
    replay.play(until, |engine, step| {
        let Step::Said(said) = step else { return };
        if said.output.contact() == Some(id) {
            let decided = matches!(said.output, Output::Decided(_));
            let candidates = if decided { engine.candidates(id) } else { Vec::new() };
            let text = sentence(engine, said, &candidates);
            events.push(Event { said: said.clone(), candidates, text });
        } else if let Output::Decided(decision) = &said.output
            && let Some(passed) = decision.passed.filter(|passed| passed.contact == id)
        {
            let operator = decision.chosen.as_ref().map(|chosen| chosen.operator.clone());
            passed_by.push(PassedBy { contact: decision.contact, at: said.at, operator, why: passed.why });
        }
    })?;
    Ok(Story { record, events, passed_by, incomplete })
}

impl Story {
    fn json(&self, zone: &TimeZone) -> serde_json::Result<Value> {
        let event = |event: &Event| {
            let mut value = serde_json::to_value(&event.said.output)?;
            let more = [
                ("seq", json!(event.said.seq)),
                ("at", json!(rfc3339(event.said.at, zone))),
                ("candidates", json!(event.candidates)),
                ("text", json!(event.text)),
            ];
            if let Value::Object(fields) = &mut value {
                fields.extend(more.map(|(key, value)| (key.to_string(), value)));
            }
            Ok(value)
        };
        let passed = |passed: &PassedBy| {
            json!({
                "contact": passed.contact,
                "at": rfc3339(passed.at, zone),
                "operator": passed.operator,
                "why": passed.why,
            })
        };
        Ok(json!({
            "record": printed(&self.record, zone)?,
            "events": self.events.iter().map(event).collect::<serde_json::Result<Vec<Value>>>()?,
            "passed_by": self.passed_by.iter().map(passed).collect::<Vec<Value>>(),
            "incomplete": self.incomplete,
        }))
    }

    fn text(&self, zone: &TimeZone) -> String {
        let mut lines = vec![self.head(zone)];
        if self.incomplete {
            lines.push("The log does not go back to this call's beginning; what is older is not told.".into());
        }
        lines.extend(self.diverted());
        // Of a call that is not over the record has its line a moment later than the log.
        let has_joined = |event: &Event| matches!(event.said.output, Output::Joined { .. });
        let joins = self.record.ended_at.is_none() && self.events.iter().any(has_joined);
        let joined = joins || !self.record.lines.is_empty();
        lines.extend(self.verdict().or((!joined).then(|| "It joined no line.".into())));
        lines.extend(self.rings());
        lines.push(String::new());
        let decided = self.events.iter().filter_map(|event| Some((event.said.at, event.text.clone()?)));
        let passed = self.passed_by.iter().map(|passed| {
            let who = passed.operator.as_ref().map_or("an operator", OperatorId::as_str);
            let why = because(passed.why);
            (passed.at, format!("{} came later and {who} was asked for it first: {why}", passed.contact))
        });
        let came = if joined { Vec::new() } else { without_a_line(&self.record) };
        let end = self.record.ended_at.map(|at| (at, ended(&self.record)));
        // Of what happened at one moment, the talk is first: what the engine did came of it.
        let led = [SentBy::Menu, SentBy::Operator].into_iter().flat_map(|by| sent_on(&self.record, by));
        let course = came.into_iter().chain(led).chain(course(&self.record));
        // Where a rule leads, it leads once the line was left.
        let by_rules = sent_on(&self.record, SentBy::Line);
        let mut told: Vec<(Moment, String)> = course.chain(decided).chain(passed).chain(by_rules).chain(end).collect();
        told.sort_by_key(|(at, _)| *at);
        lines.extend(told.iter().map(|(at, text)| format!("  {}  {text}", clock(*at, zone))));
        if joined && self.events.is_empty() {
            lines.push("  The log of that day is gone (it is kept for eight days).".into());
        }
        // None of what others wrote begins a line.
        lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n")
    }

    fn head(&self, zone: &TimeZone) -> String {
        let record = &self.record;
        let outcome = record.outcome.map_or("is not over".into(), |outcome| word(&outcome));
        format!(
            "Call {} from {} to {}, {}: {outcome}",
            record.call_id,
            if record.from.is_empty() { "an unknown number" } else { &record.from },
            record.to,
            date(record.arrived_at, zone),
        )
    }

    /// Where it was dialled first, if somebody sent it on to us.
    fn diverted(&self) -> Option<String> {
        let first = self.record.first_dialled.as_ref()?;
        let why = self.record.diverted_because.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        Some(format!("It was dialled as {first} first, and sent on from there{why}."))
    }

    /// How long it waited in each line, and the one cause if that was too long.
    fn verdict(&self) -> Option<String> {
        let record = &self.record;
        // A line from which it was moved is told of with the one in which the wait went on.
        let visits = record.lines.iter().filter(|line| line.outcome != LineOutcome::Moved);
        let visits: Vec<String> = visits.map(waited).collect();
        let waited = if visits.is_empty() { return None } else { visits.join(", then ") };
        let late = self.events.iter().find_map(|event| match event.said.output {
            Output::Late { cause, .. } => Some(cause),
            _ => None,
        });
        let aim = aim(record, late).map_or(String::new(), |aim| format!(" {aim}"));
        let is_in_vain = |offer: &&records::OfferRecord| offer.outcome != records::OfferOutcome::Answered;
        let in_vain: u64 = record.offers.iter().filter(is_in_vain).map(|offer| offer.ms).sum();
        let rang = match in_vain {
            0 => String::new(),
            ms => format!(" Phones rang in vain for {}.", lasted(std::time::Duration::from_millis(ms))),
        };
        Some(format!("It {waited}.{aim}{rang}"))
    }

    /// Whose phones ring for it at this moment.
    fn rings(&self) -> Option<String> {
        let mut open: Vec<&OperatorId> = Vec::new();
        for event in self.events.iter().filter(|_| self.record.ended_at.is_none()) {
            match &event.said.output {
                Output::Offer { operator, .. } => open.push(operator),
                Output::OfferEnded { operator, .. } => open.retain(|of| *of != operator),
                _ => {}
            }
        }
        let names: Vec<&str> = open.into_iter().map(OperatorId::as_str).collect();
        (!names.is_empty()).then(|| format!("It rings at {}.", names.join(", ")))
    }
}

/// Whether it was answered in time, and the one cause if it was not. The log tells the cause; where it is gone, the record
/// tells the rest still. `None`: it waits still, or nobody counts it.
fn aim(record: &Record, late: Option<LateCause>) -> Option<String> {
    if record.line().is_some_and(|line| line.outcome == LineOutcome::Withdrawn) {
        return None;
    }
    // What a start says of those whom the end before it cut off comes after the record's end.
    let cut = record.lines.last().is_some_and(|line| line.outcome == LineOutcome::Restarted);
    if let Some(cause) = late.or(cut.then_some(LateCause::Restarted)) {
        return Some(format!("The aim was missed: {}.", cause_text(cause)));
    }
    let offered = record.lines.iter().filter(|line| line.is_offered());
    let in_time: Vec<Option<bool>> = offered.map(|line| line.within_service_level).collect();
    match in_time.contains(&Some(false)) {
        true => Some("The aim was missed.".into()),
        false => (!in_time.is_empty() && !in_time.contains(&None)).then(|| "That was within the aim.".into()),
    }
}

fn waited(line: &LineRecord) -> String {
    let LineRecord { queue, wait_ms, .. } = line;
    match line.waits() {
        true => format!("waits still in the line {queue}"),
        false => format!("waited {} in the line {queue}", lasted(std::time::Duration::from_millis(*wait_ms))),
    }
}

/// What one output means to a reader; `None` where another line says it already.
fn sentence(engine: &Engine, said: &Said, candidates: &[Candidate]) -> Option<String> {
    let name = |operator: &OperatorId| match engine.rules().operators.get(operator) {
        Some(of) if !of.name.is_empty() && of.name != operator.as_str() => format!("{operator} ({})", of.name),
        _ => operator.to_string(),
    };
    Some(match &said.output {
        Output::Joined { queue, since, expected, instead_of, .. } => {
            let instead = instead_of.as_ref().map_or(String::new(), |asked| format!(" instead of {asked}"));
            let kept = match said.at.since(*since) {
                time if time.is_zero() => String::new(),
                time => format!(", in the place it had {} ago", lasted(time)),
            };
            let foreseen = expected.map_or(String::new(), |wait| {
                let millis = std::time::Duration::from_millis;
                format!(
                    "; foreseen: {}, four of five within {}",
                    lasted(millis(wait.median_ms)),
                    lasted(millis(wait.p80_ms))
                )
            });
            format!("joined the line {queue}{instead}{kept}{foreseen}")
        }
        Output::Refused { queue, why, .. } => format!("was not let into the line {queue}: {}", word(why)),
        Output::Moved { from, to, why, .. } => format!("moved from {from} to {to}, its place kept: {}", left(*why)),
        Output::Relaxed { step, why, queue, .. } => {
            let need = engine.rules().queues.get(queue).map_or(String::new(), |q| format!(": {}", q.at_step(*step).0));
            let why = match why {
                RelaxedBy::Waited => "it waited long enough",
                RelaxedBy::ExpectedWait => "the wait foreseen was too long",
                RelaxedBy::Nobody => "nobody signed in could ever have served it",
            };
            format!("its need was relaxed to step {step}{need}; {why}")
        }
        Output::Decided(decision) => decided(decision, candidates, &name),
        Output::OfferEnded { operator, outcome, ms, .. } => {
            let rang = lasted(std::time::Duration::from_millis(*ms));
            match outcome {
                OfferOutcome::Answered => format!("{} answered after {rang}", name(operator)),
                OfferOutcome::NoAnswer => format!("{} did not answer for {rang} and was set not ready", name(operator)),
                OfferOutcome::Rejected => format!("{} refused after {rang}", name(operator)),
                OfferOutcome::Busy => format!("{}'s phone was busy", name(operator)),
                OfferOutcome::Unreachable => format!("{}'s phone could not be reached", name(operator)),
                OfferOutcome::CallerGone => format!("the phone of {} stopped ringing after {rang}", name(operator)),
                OfferOutcome::AnsweredElsewhere => format!("{}'s phone stopped: another was answered", name(operator)),
            }
        }
        Output::Connected { operator, seat, .. } => format!("was connected to {} at seat {seat}", name(operator)),
        Output::HandedOver { from, operator, seat, .. } => {
            let from = from.as_ref().map_or(String::new(), |from| format!(" by {}", name(from)));
            format!("was handed over{from} to {} at seat {seat}", name(operator))
        }
        Output::Ended { talk_ms, .. } => {
            format!("the talk ended after {}", lasted(std::time::Duration::from_millis(*talk_ms)))
        }
        Output::Left { queue, why, .. } => format!("left the line {queue}: {}", left(*why)),
        Output::Late { cause, .. } => format!("missed the aim: {}", cause_text(*cause)),
        Output::CallbackTaken { number, .. } => format!("will be called back at {number}, its place kept"),
        Output::CallbackRenewed { number, .. } => {
            format!(
                "will be called again at {number}, its place kept: the house was cut off while they were on the line"
            )
        }
        Output::CallbackRefused { why, .. } => format!("could not be called back: {}", word(why)),
        Output::Dial { number, attempt, .. } => format!("{number} was rung, try {attempt}"),
        Output::CallbackEnded { result, .. } => format!("the callback ended: {}", word(result)),
        Output::Offer { .. } | Output::Withdraw { .. } | Output::StopDialling { .. } => return None,
        Output::PickUpRefused { operator, .. } => format!("{} may not pick it up", name(operator)),
        Output::Operator { .. } | Output::Ignored { .. } => return None,
    })
}

fn decided(decision: &Decision, candidates: &[Candidate], name: &impl Fn(&OperatorId) -> String) -> String {
    let rules = format!("rules {}, step {}", decision.rules, decision.step);
    let Some(chosen) = &decision.chosen else {
        let awaits = decision.awaits.as_ref().map_or(String::new(), |who| format!(", waiting for {}", name(who)));
        let who = |fit: Fit| {
            let of: Vec<String> = candidates.iter().filter(|c| c.fit == fit).map(|c| name(&c.operator)).collect();
            let more = if of.len() > NAMED { format!(" and {} more", of.len() - NAMED) } else { String::new() };
            (!of.is_empty()).then(|| format!("; {}: {}{more}", word(&fit), of[..of.len().min(NAMED)].join(", ")))
        };
        let named = [Fit::Excluded, Fit::Resting, Fit::NotReady, Fit::Unreachable];
        let named: String = named.into_iter().filter_map(who).collect();
        return format!("nobody could be asked{awaits}: {}{named} [{rules}]", decision.tally);
    };
    let by = match chosen.by {
        Choose::LongestIdle => "idle longest".to_string(),
        Choose::LeastOccupied => format!("least occupied, {:.1} %", chosen.figure as f64 / 10_000.0),
        Choose::MostSkilled => format!("most skilled, {}", chosen.figure),
        Choose::LeastSkilled => format!("least skilled that suffices, {}", chosen.figure),
        Choose::RoundRobin => "next in turn".to_string(),
        Choose::FewestCalls => format!("fewest calls, {}", chosen.figure),
        Choose::Weighted => format!("fewest calls by weight, {:.1}", chosen.figure as f64 / 1000.0),
    };
    let preference = if chosen.preference == 0 { String::new() } else { format!(", preference {}", chosen.preference) };
    let preferred = if chosen.preferred { ", the last who spoke with this caller" } else { "" };
    let passed = decision
        .passed
        .map_or(String::new(), |passed| format!("; {} waited longer: {}", passed.contact, because(passed.why)));
    format!(
        "{} was asked: {by}{preference}{preferred}, of {}{passed} [{rules}]",
        name(&chosen.operator),
        decision.tally
    )
}

fn because(why: PassedBecause) -> &'static str {
    match why {
        PassedBecause::Emergency => "an emergency",
        PassedBecause::HeadStart => "its head start (priority, ageing or having been put back)",
        PassedBecause::Excluded => "the operator had failed to take the earlier one",
        PassedBecause::Preferred => "the earlier one waited for another operator",
        PassedBecause::Unexplained => "for no reason: a fault of the dispatcher",
    }
}

fn cause_text(cause: LateCause) -> &'static str {
    match cause {
        LateCause::GaveUp => "the caller gave up before the time was up",
        LateCause::LeftEarly => "it left the line before the time was up",
        LateCause::Restarted => "the house was stopped or cut off while it waited",
        LateCause::SlowAnswer => "a phone was ringing and was not answered in time",
        LateCause::FailedOffers => "phones rang in vain",
        LateCause::Preferred => "it waited for the last operator the caller spoke with",
        LateCause::NobodySignedIn => "nobody was signed in who has the skills",
        LateCause::Unreachable => "the phones of those who could have served it were not reachable",
        LateCause::NotReady => "those who could have served it were not ready",
        LateCause::Overtaken => "others with a head start were served first",
        LateCause::AllBusy => "everybody with the skills was busy",
    }
}

fn left(why: LeftLine) -> String {
    match why {
        // The end says whether they hung up.
        LeftLine::CallerGone => "the caller was gone".into(),
        LeftLine::TooLong => "the longest wait was over".into(),
        LeftLine::Nobody => "nobody was signed in any more who could serve it".into(),
        LeftLine::Key(key) => format!("the caller pressed {key}"),
        LeftLine::Supervisor => "a supervisor moved it".into(),
        LeftLine::Withdrawn => "the operator who waited there beside a talk did so no longer".into(),
        LeftLine::Restarted => "the hotline was stopped, or cut off".into(),
    }
}

fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().map_or_else(|| json.to_string(), |text| text.replace('_', " "))
}

fn zoned(at: Moment, zone: &TimeZone) -> jiff::ZonedDateTime {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX).to_zoned_datetime(zone.clone())
}

fn clock(at: Moment, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%H:%M:%S%.1f").to_string()
}

fn date(at: Moment, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `850 ms`, `12.3 s`, `4 min 3 s`.
fn lasted(time: std::time::Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests;
