//! Records for programs: JSON Lines, and Asterisk's `queue_log`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::params;
use serde::Serialize;

use super::reader::{PAGE, Range, ReadFault, Reader};
use super::search::{Filter, each};
use super::words::{
    EndedBy, HandoffOutcome, Holder, IndexEntry, LineOutcome, Missing, OfferOutcome, Outcome, Quality, Record,
    Recording, ReleaseOutcome, SentBy, Side, Supervision, TransferKind, TransferOutcome,
};
use crate::ids::{CallId, MenuId, OperatorId, QueueId, SeatId, TrunkId};
use crate::moment::Moment;
use crate::visible::visible;

/// One record as outsiders read it: times are RFC 3339 with milliseconds, in the given zone.
#[derive(Serialize)]
pub(super) struct Printed<'a> {
    call_id: CallId,
    sip_call_id: &'a str,
    from: &'a str,
    to: &'a str,
    trunk: &'a Option<TrunkId>,
    arrived_at: String,
    answered_at: Option<String>,
    queued_at: Option<String>,
    connected_at: Option<String>,
    ended_at: Option<String>,
    language: &'a Option<String>,
    choices: &'a str,
    queue: &'a Option<QueueId>,
    need: &'a Option<String>,
    operator: &'a Option<OperatorId>,
    seat: &'a Option<SeatId>,
    offers: Vec<PrintedOffer<'a>>,
    lines: Vec<PrintedLine<'a>>,
    outcome: Option<Outcome>,
    ended_by: Option<EndedBy>,
    wait_ms: u64,
    talk_ms: u64,
    hold_ms: u64,
    within_service_level: Option<bool>,
    recording: Option<PrintedRecording<'a>>,
    quality: Option<Quality>,
    survey: Option<u8>,
    sip_status: Option<u16>,
    callback_of: Option<CallId>,
    attempt: Option<u8>,
    expected_wait_ms: Option<u64>,
    handoff: Vec<PrintedHandoff<'a>>,
    pub digits: &'a BTreeMap<String, String>,
    pub menu_path: &'a [MenuId],
    transfers: Vec<PrintedTransfer<'a>>,
    supervised: Vec<PrintedSupervision<'a>>,
    lost: Vec<PrintedLost<'a>>,
    holds: Vec<PrintedHold>,
    pub notes: Vec<PrintedNote<'a>>,
    operator_quality: Option<Quality>,
    one_way: Vec<PrintedOneWay>,
    first_dialled: &'a Option<String>,
    diverted_because: &'a Option<String>,
    reason: &'a Option<String>,
    survey_at: Option<String>,
    message_at: Option<String>,
    release: Option<PrintedRelease>,
    direct: Vec<PrintedDirect>,
    sent_on: Vec<PrintedSentOn<'a>>,
}

#[derive(Serialize)]
struct PrintedSentOn<'a> {
    by: SentBy,
    to: &'a str,
    trunk: &'a Option<TrunkId>,
    operator: &'a Option<OperatorId>,
    at: String,
    answered_at: Option<String>,
    ended_at: Option<String>,
    outcome: TransferOutcome,
}

#[derive(Serialize)]
struct PrintedDirect {
    at: String,
    ended_at: Option<String>,
}

#[derive(Serialize)]
struct PrintedRelease {
    at: String,
    ended_at: Option<String>,
    outcome: ReleaseOutcome,
    sip_status: Option<u16>,
}

#[derive(Serialize)]
struct PrintedLine<'a> {
    queue: &'a QueueId,
    joined_at: String,
    left_at: Option<String>,
    outcome: LineOutcome,
    operator: &'a Option<OperatorId>,
    wait_ms: u64,
    within_service_level: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct PrintedNote<'a> {
    pub by: &'a OperatorId,
    pub at: Option<String>,
    pub text: &'a str,
}

#[derive(Serialize)]
struct PrintedHold {
    by: Holder,
    at: String,
    ended_at: Option<String>,
}

#[derive(Serialize)]
struct PrintedOneWay {
    side: Side,
    what: Missing,
    at: String,
}

#[derive(Serialize)]
struct PrintedTransfer<'a> {
    kind: TransferKind,
    by: &'a OperatorId,
    from: &'a Option<OperatorId>,
    to: &'a str,
    operator: &'a Option<OperatorId>,
    at: String,
    answered_at: Option<String>,
    conference_at: Option<String>,
    ended_at: Option<String>,
    outcome: TransferOutcome,
}

#[derive(Serialize)]
struct PrintedSupervision<'a> {
    operator: &'a OperatorId,
    mode: Supervision,
    at: String,
    ended_at: Option<String>,
}

#[derive(Serialize)]
struct PrintedLost<'a> {
    operator: &'a OperatorId,
    seat: &'a SeatId,
    at: String,
    back_at: Option<String>,
}

#[derive(Serialize)]
struct PrintedHandoff<'a> {
    target: &'a str,
    number: &'a str,
    at: String,
    answered_at: Option<String>,
    confirmed_at: Option<String>,
    left_at: Option<String>,
    ended_at: Option<String>,
    outcome: HandoffOutcome,
}

#[derive(Serialize)]
struct PrintedRecording<'a> {
    file: &'a Option<String>,
    began_at: Option<String>,
    sha256: &'a Option<String>,
    length_ms: Option<u64>,
    bytes: Option<u64>,
    encrypted: bool,
    lost_ms: u64,
    index: &'a [IndexEntry],
    why: &'a Option<String>,
    deleted_at: Option<String>,
}

impl<'a> PrintedRecording<'a> {
    fn new(of: &'a Recording, zone: &TimeZone) -> Self {
        let Recording { file, began_at, sha256, length_ms, bytes, encrypted, lost_ms, index, why, deleted_at } = of;
        let (length_ms, bytes, encrypted, lost_ms) = (*length_ms, *bytes, *encrypted, *lost_ms);
        let time = |at: &Option<Moment>| at.map(|at| rfc3339(at, zone));
        let (began_at, deleted_at) = (time(began_at), time(deleted_at));
        Self { file, began_at, sha256, length_ms, bytes, encrypted, lost_ms, index, why, deleted_at }
    }
}

#[derive(Serialize)]
struct PrintedOffer<'a> {
    operator: &'a OperatorId,
    seat: &'a SeatId,
    at: String,
    outcome: OfferOutcome,
    ms: u64,
}

impl<'a> Printed<'a> {
    pub fn new(record: &'a Record, zone: &TimeZone) -> Self {
        let time = |at: Option<Moment>| at.map(|at| rfc3339(at, zone));
        let offers = record.offers.iter().map(|offer| PrintedOffer {
            operator: &offer.operator,
            seat: &offer.seat,
            at: rfc3339(offer.at, zone),
            outcome: offer.outcome,
            ms: offer.ms,
        });
        let lines = record.lines.iter().map(|line| PrintedLine {
            queue: &line.queue,
            joined_at: rfc3339(line.joined_at, zone),
            left_at: time(line.left_at),
            outcome: line.outcome,
            operator: &line.operator,
            wait_ms: line.wait_ms,
            within_service_level: line.within_service_level,
        });
        let handoff = record.handoff.iter().map(|handoff| PrintedHandoff {
            target: &handoff.target,
            number: &handoff.number,
            at: rfc3339(handoff.at, zone),
            answered_at: time(handoff.answered_at),
            confirmed_at: time(handoff.confirmed_at),
            left_at: time(handoff.left_at),
            ended_at: time(handoff.ended_at),
            outcome: handoff.outcome,
        });
        let transfers = record.transfers.iter().map(|transfer| PrintedTransfer {
            kind: transfer.kind,
            by: &transfer.by,
            from: &transfer.from,
            to: &transfer.to,
            operator: &transfer.operator,
            at: rfc3339(transfer.at, zone),
            answered_at: time(transfer.answered_at),
            conference_at: time(transfer.conference_at),
            ended_at: time(transfer.ended_at),
            outcome: transfer.outcome,
        });
        let supervised = record.supervised.iter().map(|supervised| PrintedSupervision {
            operator: &supervised.operator,
            mode: supervised.mode,
            at: rfc3339(supervised.at, zone),
            ended_at: time(supervised.ended_at),
        });
        let lost = record.lost.iter().map(|lost| PrintedLost {
            operator: &lost.operator,
            seat: &lost.seat,
            at: rfc3339(lost.at, zone),
            back_at: time(lost.back_at),
        });
        let holds = record.holds.iter().map(|hold| PrintedHold {
            by: hold.by,
            at: rfc3339(hold.at, zone),
            ended_at: time(hold.ended_at),
        });
        let direct = record.direct.iter();
        let direct = direct.map(|one| PrintedDirect { at: rfc3339(one.at, zone), ended_at: time(one.ended_at) });
        let sent_on = record.sent_on.iter().map(|sent| PrintedSentOn {
            by: sent.by,
            to: &sent.to,
            trunk: &sent.trunk,
            operator: &sent.operator,
            at: rfc3339(sent.at, zone),
            answered_at: time(sent.answered_at),
            ended_at: time(sent.ended_at),
            outcome: sent.outcome,
        });
        let notes = record.notes.iter().map(|note| PrintedNote { by: &note.by, at: time(note.at), text: &note.text });
        let one_way = record.one_way.iter().map(|one| PrintedOneWay {
            side: one.side,
            what: one.what,
            at: rfc3339(one.at, zone),
        });
        Printed {
            call_id: record.call_id,
            sip_call_id: &record.sip_call_id,
            from: &record.from,
            to: &record.to,
            trunk: &record.trunk,
            arrived_at: rfc3339(record.arrived_at, zone),
            answered_at: time(record.answered_at),
            queued_at: time(record.queued_at),
            connected_at: time(record.connected_at),
            ended_at: time(record.ended_at),
            language: &record.language,
            choices: &record.choices,
            queue: &record.queue,
            need: &record.need,
            operator: &record.operator,
            seat: &record.seat,
            offers: offers.collect(),
            lines: lines.collect(),
            outcome: record.outcome,
            ended_by: record.ended_by,
            wait_ms: record.wait_ms,
            talk_ms: record.talk_ms,
            hold_ms: record.hold_ms,
            within_service_level: record.within_service_level,
            recording: record.recording.as_ref().map(|recording| PrintedRecording::new(recording, zone)),
            quality: record.quality,
            survey: record.survey,
            sip_status: record.sip_status,
            callback_of: record.callback_of,
            attempt: record.attempt,
            expected_wait_ms: record.expected_wait_ms,
            handoff: handoff.collect(),
            digits: &record.digits,
            menu_path: &record.menu_path,
            transfers: transfers.collect(),
            supervised: supervised.collect(),
            lost: lost.collect(),
            holds: holds.collect(),
            notes: notes.collect(),
            operator_quality: record.operator_quality,
            one_way: one_way.collect(),
            first_dialled: &record.first_dialled,
            diverted_because: &record.diverted_because,
            reason: &record.reason,
            survey_at: time(record.survey_at),
            message_at: time(record.message_at),
            release: record.release.as_ref().map(|release| PrintedRelease {
                at: rfc3339(release.at, zone),
                ended_at: time(release.ended_at),
                outcome: release.outcome,
                sip_status: release.sip_status,
            }),
            direct: direct.collect(),
            sent_on: sent_on.collect(),
        }
    }
}

/// A record as outsiders read it, for what is printed beside it.
pub fn printed(record: &Record, zone: &TimeZone) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(Printed::new(record, zone))
}

/// RFC 3339 with milliseconds, in the given zone.
pub fn rfc3339(at: Moment, zone: &TimeZone) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let at = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX).to_zoned_datetime(zone.clone());
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// One JSON object a line.
pub fn write_jsonl(dir: &Path, filter: &Filter, zone: &TimeZone, mut out: impl Write) -> Result<usize, ReadFault> {
    let count = each(dir, filter, |record| {
        let line = serde_json::to_string(&Printed::new(&record, zone)).map_err(|e| ReadFault::Output(e.into()))?;
        writeln!(out, "{}", visible(&line)).map_err(ReadFault::Output)
    })?;
    out.flush().map_err(ReadFault::Output)?;
    Ok(count)
}

/// `epoch|callid|queue|agent|event|data1|data2…`, as Asterisk writes it; what is not there is `NONE`.
pub fn write_queue_log(dir: &Path, range: Range, mut out: impl Write) -> Result<usize, ReadFault> {
    let reader = Reader::open(dir)?;
    let (since, until) = range.bounds();
    let sql = "SELECT at, call_id, queue, operator, event, data, id FROM events
               WHERE (at, id) > (?1, ?2) AND at < ?3 ORDER BY at, id LIMIT ?4";
    let mut after = (since, 0);
    let mut count = 0;
    loop {
        let lines: Vec<((u64, u64), String)> = reader.page(sql, params![after.0, after.1, until, PAGE], |row| {
            Ok(((row.get(0)?, row.get(6)?), queue_log_line(row)?))
        })?;
        let Some((last, _)) = lines.last() else { break };
        after = *last;
        for (_, line) in lines {
            writeln!(out, "{line}").map_err(ReadFault::Output)?;
            count += 1;
        }
    }
    out.flush().map_err(ReadFault::Output)?;
    Ok(count)
}

fn queue_log_line(row: &rusqlite::Row<'_>) -> rusqlite::Result<String> {
    let (at, call): (u64, Option<u64>) = (row.get(0)?, row.get(1)?);
    let (queue, operator): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
    let (event, data): (String, String) = (row.get(4)?, row.get(5)?);
    let data: Vec<String> = serde_json::from_str(&data).unwrap_or_default();
    let call = call.map(|call| CallId(call).to_string());
    let name = |name: Option<String>| plain(&name.unwrap_or_else(|| "NONE".into()));
    let mut fields = vec![(at / 1_000_000).to_string(), name(call), name(queue), name(operator), event];
    fields.extend(data.iter().map(|field| plain(field)));
    Ok(fields.join("|"))
}

fn plain(text: &str) -> String {
    visible(&text.replace(['|', '\r', '\n'], " "))
}
