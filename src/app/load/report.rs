//! What came of a load: what callers and phones saw, the sound, and whether the records say the same.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::caller::{Met, Seen};
use super::delays::Delays;
use super::seat::Rung;
use super::sound::Heard;
use crate::moment::Moment;
use crate::records::{Outcome, Range, ReadFault, Record, read};
use crate::sip::message::reason_phrase;

/// Times of the caller and of the record differ by no more than this.
const TOLERANCE: Duration = Duration::from_secs(1);
/// Differences that are told one by one.
const TOLD: usize = 20;
/// The time in which a caller should have an operator, for the report's own share.
const AIM: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    calls: u64,
    /// With an operator, or what they met instead.
    operator: u64,
    gave_up: u64,
    sent_away: u64,
    left_early: u64,
    vanished: u64,
    /// By status.
    refused: BTreeMap<u16, u64>,
    /// Of callers and phones; none is expected.
    faults: BTreeMap<String, u64>,
    offers: u64,
    answered: u64,
    declined: u64,
    withdrawn: u64,
    phones_vanished: u64,
    /// Times are `None` where there was nothing to measure.
    set_up_ms: Option<Spread>,
    operator_after_ms: Option<Spread>,
    operator_within_15s: Option<f64>,
    talk_ms: Option<Spread>,
    packets_due: u64,
    packets_lost: u64,
    delay_ms: Option<Spread>,
    /// `None`: they were not read.
    records: Option<Records>,
    #[serde(skip)]
    heard: Heard,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Records {
    agreed: u64,
    missing: u64,
    differ: u64,
    /// The first of them, in words.
    differences: Vec<String>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Spread {
    p50: f64,
    p95: f64,
    p99: f64,
    longest: f64,
}

impl Spread {
    /// `None`: nothing was measured.
    fn of(delays: &Delays) -> Option<Spread> {
        let ms = |time: Duration| (time.as_secs_f64() * 100_000.0).round() / 100.0;
        (!delays.is_empty()).then(|| Spread {
            p50: ms(delays.within(0.5)),
            p95: ms(delays.within(0.95)),
            p99: ms(delays.within(0.99)),
            longest: ms(delays.longest()),
        })
    }

    fn line(spread: Option<Spread>, name: &str) -> String {
        match spread {
            Some(Spread { p50, p95, p99, longest }) => {
                format!("{name:<24} half within {p50} ms, 95 % {p95} ms, 99 % {p99} ms, longest {longest} ms")
            }
            None => format!("{name:<24} –"),
        }
    }
}

impl Report {
    pub fn new(seen: &[Seen], rung: Rung, delays: Delays) -> Report {
        let mut report = Report {
            calls: seen.len() as u64,
            offers: rung.offers,
            answered: rung.answered,
            declined: rung.declined,
            withdrawn: rung.withdrawn,
            phones_vanished: rung.vanished,
            faults: rung.faults,
            delay_ms: Spread::of(&delays),
            ..Report::default()
        };
        let (mut set_up, mut waited, mut talked) = (Delays::default(), Delays::default(), Delays::default());
        for seen in seen {
            match &seen.met {
                Met::Operator => report.operator += 1,
                Met::GaveUp => report.gave_up += 1,
                Met::SentAway => report.sent_away += 1,
                Met::LeftEarly => report.left_early += 1,
                Met::Vanished => report.vanished += 1,
                Met::Refused(status) => *report.refused.entry(*status).or_default() += 1,
                Met::Failed(why) => *report.faults.entry(why.clone()).or_default() += 1,
            }
            for (time, delays) in [(seen.set_up, &mut set_up), (seen.waited, &mut waited), (seen.talked, &mut talked)] {
                time.into_iter().for_each(|time| delays.add(time));
            }
            report.heard.add(seen.heard);
        }
        report.set_up_ms = Spread::of(&set_up);
        report.operator_after_ms = Spread::of(&waited);
        report.operator_within_15s = waited.share_within(AIM);
        report.talk_ms = Spread::of(&talked);
        report
    }

    /// Reads the records of calls since then and holds each against what its caller saw.
    pub fn compare(&mut self, data: &Path, since: Moment, seen: &[Seen]) -> Result<(), ReadFault> {
        let mut found: HashMap<String, Vec<Record>> = HashMap::new();
        read(data, Range { since: Some(since), until: None }, |record| {
            found.entry(record.sip_call_id.clone()).or_default().push(record);
            Ok(())
        })?;
        let mut records = Records::default();
        for seen in seen {
            let of_it = found.get(&seen.sip_call_id).map(Vec::as_slice).unwrap_or_default();
            match (difference(seen, of_it), of_it) {
                (None, _) => records.agreed += 1,
                (Some(difference), []) => records.note(difference, |records| &mut records.missing),
                (Some(difference), _) => records.note(difference, |records| &mut records.differ),
            }
        }
        self.records = Some(records);
        Ok(())
    }

    /// Records that are not there yet.
    pub fn missing(&self) -> u64 {
        self.records.as_ref().map_or(0, |records| records.missing)
    }

    /// Nothing was found that should not be.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.records.as_ref().is_none_or(|records| records.missing + records.differ == 0)
    }

    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} calls", self.calls)];
        let refused: u64 = self.refused.values().sum();
        for (count, what) in [
            (self.operator, "talked with an operator"),
            (self.gave_up, "gave up waiting"),
            (self.sent_away, "were sent away before an operator came"),
            (self.left_early, "left early, as meant"),
            (self.vanished, "vanished, as meant"),
            (refused, "were refused"),
        ] {
            if count > 0 {
                lines.push(format!("  {count:>7} {what}"));
            }
        }
        lines.extend(self.refused.iter().map(|(status, count)| {
            format!("          {count} with {status} {}{}", reason_phrase(*status), hint(*status))
        }));
        let Report { offers, answered, declined, withdrawn, phones_vanished, .. } = self;
        lines.push(format!(
            "{offers} offers: {answered} answered, {declined} declined as meant, {withdrawn} withdrawn; \
             {phones_vanished} phones vanished in a talk as meant"
        ));
        lines.push(Spread::line(self.set_up_ms, "INVITE to 200"));
        lines.push(Spread::line(self.operator_after_ms, "200 to operator's voice"));
        if let Some(share) = self.operator_within_15s {
            lines.push(format!("{:<24} {:.1} % of those who had one within 15 s", "", share * 100.0));
        }
        lines.push(Spread::line(self.talk_ms, "talks"));
        let (due, lost) = self.lost();
        lines.push(match due {
            0 => format!("{:<24} –", "sound"),
            _ => {
                let share = 100.0 * lost as f64 / due as f64;
                format!("{:<24} {lost} of {due} packets lost ({share:.3} %), of those in talks", "sound")
            }
        });
        lines.push(Spread::line(self.delay_ms, "one way"));
        if let Some(Records { agreed, missing, differ, differences }) = &self.records {
            lines.push(format!("records                  {agreed} agree, {differ} differ, {missing} missing"));
            lines.extend(differences.iter().map(|difference| format!("  {difference}")));
        }
        lines.extend(self.faults.iter().map(|(fault, count)| format!("fault: {fault} ({count} times)")));
        lines
    }

    /// Counts the packets once everybody's are summed.
    pub fn count_packets(&mut self, heard: Heard) {
        self.heard.add(heard);
        (self.packets_due, self.packets_lost) = self.lost();
    }

    fn lost(&self) -> (u64, u64) {
        (self.heard.due, self.heard.due.saturating_sub(self.heard.came))
    }
}

impl Records {
    fn note(&mut self, difference: String, count: impl Fn(&mut Self) -> &mut u64) {
        *count(self) += 1;
        if self.differences.len() < TOLD {
            self.differences.push(difference);
        }
    }
}

/// What to set where callers are refused so.
fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 | 407 => ": callers have no password; `from` of a [[trunk]] has to name this machine's address",
        404 => ": `number` in the scenario is no [[number]] of the hotline",
        486 => ": mostly the `channels` of the trunk, or a queue that is full",
        503 => ": mostly the `max_calls` of the house, the `calls_per_second` of the trunk, or a drain",
        _ => "",
    }
}

/// What the record says otherwise than the caller; `None`: nothing.
fn difference(seen: &Seen, records: &[Record]) -> Option<String> {
    let id = &seen.sip_call_id;
    let answered = seen.set_up.is_some();
    let record = match records {
        [] if !answered => return None,
        [] => return Some(format!("{id}: answered, and there is no record")),
        [record] => record,
        more => return Some(format!("{id}: {} records", more.len())),
    };
    if record.answered_at.is_some() != answered && seen.met != Met::LeftEarly {
        let says = if answered { "answered" } else { "never answered" };
        return Some(format!("{id}: {says}, the record has answered_at {:?}", record.answered_at));
    }
    let outcome = record.outcome;
    // An operator came to the phone while the caller was about to leave.
    let answered_meanwhile = outcome == Some(Outcome::Answered) && record.talk_ms < TOLERANCE.as_millis() as u64;
    // Their operator's phone was lost, and they hung up in the line before another had them.
    let left_again = outcome == Some(Outcome::AbandonedInQueue) && !record.lost.is_empty() && record.lines.len() > 1;
    let fits = match &seen.met {
        Met::Operator => outcome == Some(Outcome::Answered) || left_again,
        Met::GaveUp => {
            matches!(outcome, Some(Outcome::AbandonedInQueue | Outcome::AbandonedInMenu)) || answered_meanwhile
        }
        Met::LeftEarly => !matches!(outcome, Some(Outcome::Answered) | None) || answered_meanwhile,
        Met::Refused(status) => record.sip_status == Some(*status),
        Met::SentAway | Met::Vanished | Met::Failed(_) => outcome.is_some(),
    };
    if !fits {
        return Some(format!("{id}: {:?}, the record says {outcome:?}", seen.met));
    }
    let talked = seen.talked.filter(|_| seen.met == Met::Operator)?;
    // Whose operator's phone was lost waits in the line again, before another operator has them.
    let again: u64 = record.lines.iter().skip(1).map(|line| line.wait_ms).sum();
    let written = Duration::from_millis(record.talk_ms + again);
    // A phone that was lost before it said anything was not heard: the talk is that with whoever came later.
    let later = record.lines.iter().skip(1).filter_map(|line| Some(record.ended_at?.since(line.left_at?)));
    let fits = std::iter::once(written).chain(later).any(|written| talked.abs_diff(written) <= TOLERANCE);
    (!fits).then(|| format!("{id}: talked {talked:.1?}, the record says {written:.1?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(met: Met, answered: bool, talked: Option<u64>) -> Seen {
        Seen {
            sip_call_id: "load-1".into(),
            met,
            set_up: answered.then_some(Duration::from_millis(5)),
            waited: None,
            talked: talked.map(Duration::from_millis),
            ended_by_caller: true,
            heard: Heard::default(),
        }
    }

    fn record(outcome: Outcome, answered: bool, talk_ms: u64, sip_status: u16) -> Record {
        let at = Moment::from_micros(1_000_000);
        let mut record: Record = serde_json::from_value(serde_json::json!({
            "call_id": crate::ids::CallId(1), "sip_call_id": "load-1", "from": "1", "to": "2", "trunk": null, "arrived_at": at,
            "answered_at": null, "queued_at": null, "connected_at": null, "ended_at": at, "language": null,
            "choices": "", "queue": null, "need": null, "operator": null, "seat": null, "offers": [],
            "outcome": null, "ended_by": null, "wait_ms": 0, "talk_ms": talk_ms, "hold_ms": 0,
            "within_service_level": null, "recording": null, "quality": null, "survey": null,
            "sip_status": sip_status,
        }))
        .unwrap();
        (record.outcome, record.answered_at) = (Some(outcome), answered.then_some(at));
        record
    }

    /// Their operator's phone was lost, and another operator had them after so long.
    fn had_again(talk_ms: u64, wait_ms: u64) -> Record {
        let visit = |wait_ms: u64| {
            let at = Moment::from_micros(1_000_000);
            serde_json::json!({ "queue": "q", "joined_at": at, "left_at": at, "outcome": "answered", "wait_ms": wait_ms })
        };
        let lines = serde_json::from_value(serde_json::json!([visit(700), visit(wait_ms)])).unwrap();
        Record { lines, ..record(Outcome::Answered, true, talk_ms, 200) }
    }

    /// Their operator's phone was lost, and they hung up after so long in the line.
    fn left_again(talk_ms: u64, wait_ms: u64) -> Record {
        let lost = serde_json::json!([{ "operator": "1", "seat": "1", "at": Moment::from_micros(0), "back_at": null }]);
        let record = Record { outcome: Some(Outcome::AbandonedInQueue), ..had_again(talk_ms, wait_ms) };
        Record { lost: serde_json::from_value(lost).unwrap(), ..record }
    }

    /// At this second; whoever had the caller again did since the first.
    fn ended(record: Record, second: u64) -> Record {
        Record { ended_at: Some(Moment::from_micros(second * 1_000_000)), ..record }
    }

    #[test]
    fn what_was_not_measured_is_no_zero_and_a_refusal_says_what_to_set() {
        let all = [seen(Met::Refused(401), false, None), seen(Met::Refused(401), false, None)];
        let lines = Report::new(&all, Rung::default(), Delays::default()).lines().join("\n");
        assert!(lines.contains("2 with 401 Unauthorized: callers have no password; `from` of a [[trunk]]"), "{lines}");
        for name in ["INVITE to 200", "200 to operator's voice", "talks", "sound", "one way"] {
            assert!(lines.contains(&format!("{name:<24} –\n")) || lines.ends_with(&format!("{name:<24} –")), "{lines}");
        }
        let told = seen(Met::Operator, true, Some(2_000));
        let lines = Report::new(&[told], Rung::default(), Delays::default()).lines().join("\n");
        assert!(
            lines.contains("talks                    half within") && !lines.contains("INVITE to 200            –")
        );
    }

    #[test]
    fn a_record_that_says_otherwise_than_the_caller_is_told() {
        use Outcome as O;
        let talk = || seen(Met::Operator, true, Some(8_000));
        let table = [
            ("as it was", talk(), vec![record(O::Answered, true, 8_900, 200)], None),
            ("no record", talk(), vec![], Some("no record")),
            ("two records", talk(), vec![record(O::Answered, true, 8_000, 200); 2], Some("2 records")),
            ("another outcome", talk(), vec![record(O::AbandonedInQueue, true, 8_000, 200)], Some("AbandonedInQueue")),
            ("another length", talk(), vec![record(O::Answered, true, 9_100, 200)], Some("talked 8.0s")),
            ("in the line again", talk(), vec![had_again(5_000, 3_000)], None),
            ("in the line for longer", talk(), vec![had_again(5_000, 4_100)], Some("talked 8.0s")),
            ("they left the line again", talk(), vec![left_again(7_000, 1_035)], None),
            (
                "they talked for longer",
                talk(),
                vec![left_again(3_000, 1_035)],
                Some("talked 8.0s, the record says 4.0s"),
            ),
            ("the first phone was lost unheard", talk(), vec![ended(had_again(38_000, 1_000), 9)], None),
            ("it was heard", talk(), vec![ended(had_again(38_000, 1_000), 39)], Some("talked 8.0s")),
            ("never answered", talk(), vec![record(O::Answered, false, 8_000, 200)], Some("answered_at")),
            ("gave up", seen(Met::GaveUp, true, None), vec![record(O::AbandonedInQueue, true, 0, 200)], None),
            (
                "answered while they left",
                seen(Met::LeftEarly, true, None),
                vec![record(O::Answered, true, 900, 200)],
                None,
            ),
            (
                "left early, and talked",
                seen(Met::LeftEarly, true, None),
                vec![record(O::Answered, true, 1_100, 200)],
                Some("LeftEarly"),
            ),
            ("was busy", seen(Met::Refused(503), false, None), vec![record(O::RefusedBusy, false, 0, 503)], None),
            (
                "status",
                seen(Met::Refused(503), false, None),
                vec![record(O::Failed, false, 0, 488)],
                Some("Refused(503)"),
            ),
            ("turned away at the door", seen(Met::Refused(503), false, None), vec![], None),
        ];
        for (name, seen, records, told) in table {
            let difference = difference(&seen, &records);
            assert_eq!(difference.is_some(), told.is_some(), "{name}: {difference:?}");
            assert!(difference.unwrap_or_default().contains(told.unwrap_or_default()), "{name}");
        }
    }
}
