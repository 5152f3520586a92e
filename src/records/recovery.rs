//! What a former process left: its open calls are closed, everything else is handed on.

use std::time::Duration;

use rusqlite::{Connection, params};
use tracing::error;

use super::course::{ReleaseOutcome, TransferKind};
use super::words::{EndedBy, LineOutcome, Outcome, QueueEvent, Record, Version};
use super::{former, versions, writer};
use crate::ids::{CallId, Door, OperatorId, SeatId};
use crate::moment::Moment;

#[derive(Debug)]
pub struct Recovered {
    /// Calls that were open when the process ended.
    pub closed: Vec<CallId>,
    /// When the process was seen last: what was open lasted until then.
    pub alive_at: Moment,
    /// The latest call ever written; 0 if none.
    pub last_call: CallId,
    /// Latest first. A damaged one costs a longer replay, not the state.
    pub checkpoints: Vec<Checkpoint>,
    /// Inputs after the earliest checkpoint, in order: number, moment, JSON.
    pub inputs: Vec<(u64, Moment, String)>,
    /// The highest number ever given to an input; 0 if none.
    pub last_input: u64,
    /// Registered phones, as JSON.
    pub bindings: Vec<(SeatId, String)>,
    /// The latest flip of each switch, as JSON.
    pub switches: Vec<(Door, String)>,
    /// The configuration that was in force last.
    pub version: Option<Version>,
}

/// The engine's state after input `seq`.
#[derive(Debug)]
pub struct Checkpoint {
    pub seq: u64,
    pub at: Moment,
    pub state: String,
}

/// When the process was there last: it said so, was told something, or decided something.
pub(super) const ALIVE_AT: &str = "SELECT max(
    coalesce((SELECT at FROM heartbeat), 0),
    coalesce((SELECT at FROM inputs ORDER BY seq DESC LIMIT 1), 0),
    coalesce((SELECT at FROM decisions ORDER BY id DESC LIMIT 1), 0))";

pub(super) fn recover(db: &mut Connection, now: Moment) -> rusqlite::Result<Recovered> {
    let transaction = db.transaction()?;
    let alive_at = Moment::from_micros(transaction.query_row(ALIVE_AT, [], |row| row.get(0))?);
    let closed = close_open_calls(&transaction, alive_at, now)?;
    begin_queue_log(&transaction, alive_at, now)?;
    transaction.commit()?;
    let moment = |micros: u64| Moment::from_micros(micros);
    let checkpoints: Vec<Checkpoint> = db
        .prepare("SELECT seq, at, state FROM checkpoints ORDER BY seq DESC LIMIT 2")?
        .query_map([], |row| Ok(Checkpoint { seq: row.get(0)?, at: moment(row.get(1)?), state: row.get(2)? }))?
        .collect::<Result<_, _>>()?;
    let from = checkpoints.last().map_or(0, |checkpoint| checkpoint.seq);
    let inputs: Vec<(u64, Moment, String)> = db
        .prepare("SELECT seq, at, input FROM inputs WHERE seq > ?1 ORDER BY seq")?
        .query_map([from], |row| Ok((row.get(0)?, moment(row.get(1)?), row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let bindings = db
        .prepare("SELECT seat, binding FROM bindings ORDER BY seat")?
        .query_map([], |row| Ok((SeatId::from(row.get::<_, String>(0)?), row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let switches = db
        .prepare("SELECT door, flip FROM switches WHERE id IN (SELECT max(id) FROM switches GROUP BY door)")?
        .query_map([], |row| Ok((Door::from(row.get::<_, String>(0)?), row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let last: Option<u64> = db.query_row("SELECT max(call_id) FROM calls", [], |row| row.get(0))?;
    let last_input = checkpoints.first().map(|checkpoint| checkpoint.seq).max(inputs.last().map(|(seq, ..)| *seq));
    let (last_call, last_input) = (CallId(last.unwrap_or(0)), last_input.unwrap_or(0));
    let version = versions::last(db)?;
    Ok(Recovered { closed, alive_at, last_call, checkpoints, inputs, last_input, bindings, switches, version })
}

fn close_open_calls(db: &Connection, alive_at: Moment, now: Moment) -> rusqlite::Result<Vec<CallId>> {
    let mut open = db.prepare("SELECT call_id, record FROM calls WHERE ended_at IS NULL ORDER BY call_id")?;
    let rows: Vec<(u64, String)> =
        open.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut closed = Vec::new();
    for (id, text) in rows {
        let mut record = match former::read(&text) {
            Ok(record) => record,
            // One damaged record does not keep the house closed.
            Err(error) => {
                error!(call = %CallId(id), %error, "the record of a call that was open cannot be read; it is closed as it is");
                // The indexes of closed calls want JSON.
                let sql = "UPDATE calls SET ended_at = ?2, outcome = 'system_restart',
                    record = iif(json_valid(record), record, json_object('damaged', record)) WHERE call_id = ?1";
                db.execute(sql, params![id, alive_at.min(now).as_micros()])?;
                continue;
            }
        };
        // Whom the carriers put together talks on; that they left the house was told then.
        let released_at = released_at(&record);
        end(&mut record, released_at.unwrap_or(alive_at), now);
        writer::close(db, &record)?;
        if let Some(event) = ending(&record).filter(|_| released_at.is_none()) {
            writer::event(db, &event)?;
        }
        closed.push(CallId(id));
    }
    Ok(closed)
}

/// From when on they talked without us, where that was known and only our legs were left.
fn released_at(record: &Record) -> Option<Moment> {
    let release = record.release.as_ref().filter(|release| release.outcome == ReleaseOutcome::Released)?;
    release.ended_at.filter(|_| record.ended_by == Some(EndedBy::Released))
}

/// The call ended with the process: no earlier than anything known of it, no later than now.
fn end(record: &mut Record, alive_at: Moment, now: Moment) {
    let known = [Some(record.arrived_at), record.answered_at, record.queued_at, record.connected_at];
    let ended_at = known.into_iter().flatten().chain([alive_at]).max().unwrap_or(now).min(now.max(record.arrived_at));
    record.ended_at = Some(ended_at);
    if released_at(record).is_none() {
        record.outcome = Some(Outcome::SystemRestart);
        record.ended_by = Some(EndedBy::System);
    }
    let millis = |from: Moment, to: Moment| u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX);
    if let Some(line) = record.lines.last_mut().filter(|line| line.waits()) {
        line.leaves(ended_at, LineOutcome::Restarted);
    }
    (record.wait_ms, record.within_service_level) = record.sum_of_lines();
    record.cut_at(ended_at);
    for supervised in &mut record.supervised {
        supervised.ended_at.get_or_insert(ended_at);
    }
    match (record.talking_since.take(), record.connected_at) {
        (Some(since), _) => {
            record.talk_ms += millis(since, ended_at);
            let on_hold = held(record, since, ended_at);
            record.hold_ms += on_hold;
        }
        // Of a former version, or at somebody whom no line led to.
        (None, Some(connected_at)) if record.talk_ms == 0 => record.talk_ms = millis(connected_at, ended_at),
        _ => {}
    }
    for hold in &mut record.holds {
        hold.ended_at.get_or_insert(ended_at);
    }
}

/// How long the caller was on hold in the talk that began at `since`: somebody held, or the operator spoke with
/// another. Times that overlap count once.
fn held(record: &Record, since: Moment, until: Moment) -> u64 {
    let holds = record.holds.iter().map(|hold| (hold.at, hold.ended_at.unwrap_or(until)));
    let asked = record.transfers.iter().filter(|of| matches!(of.kind, TransferKind::Consult | TransferKind::Attended));
    let asked = asked.map(|of| (of.at, of.conference_at.or(of.ended_at).unwrap_or(until)));
    let mut times: Vec<(Moment, Moment)> = holds.chain(asked).collect();
    times.sort();
    let (mut sum, mut counted) = (Duration::ZERO, since);
    for (from, to) in times {
        let to = to.min(until);
        sum += to.since(from.max(counted));
        counted = counted.max(to);
    }
    u64::try_from(sum.as_millis()).unwrap_or(u64::MAX)
}

/// How a call that was in a line left it, as for calls that end by themselves. Its place is not known any more.
fn ending(record: &Record) -> Option<QueueEvent> {
    const PLACE: &str = "1";
    let (line, ended_at) = (record.line()?, record.ended_at?);
    let seconds = |from: Moment, to: Moment| to.since(from).as_secs().to_string();
    let (event, data) = match line.left_at.filter(|_| line.operator.is_some()) {
        Some(connected) => {
            ("COMPLETECALLER", vec![seconds(line.joined_at, connected), seconds(connected, ended_at), PLACE.into()])
        }
        None => ("ABANDON", vec![PLACE.into(), PLACE.into(), seconds(line.joined_at, ended_at)]),
    };
    Some(QueueEvent {
        at: ended_at,
        call: Some(record.call_id),
        queue: record.queue.clone(),
        operator: record.connected_at.and(record.operator.clone()),
        event,
        data,
    })
}

/// The queue log begins anew: who was signed in when the last process ended is signed out in it, and signed in
/// again by this one.
fn begin_queue_log(db: &Connection, alive_at: Moment, now: Moment) -> rusqlite::Result<()> {
    let signed_in = "
        SELECT operator, data FROM events WHERE event = 'AGENTLOGIN' AND id IN (
            SELECT max(id) FROM events
            WHERE id > coalesce((SELECT id FROM events WHERE event = 'QUEUESTART' ORDER BY id DESC LIMIT 1), 0)
              AND event IN ('AGENTLOGIN', 'AGENTLOGOFF')
            GROUP BY operator)
        ORDER BY operator";
    let signed_in: Vec<(String, String)> =
        db.prepare(signed_in)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let last: Option<u64> = db.query_row("SELECT max(at) FROM events", [], |row| row.get(0))?;
    let ended_at = alive_at.max(Moment::from_micros(last.unwrap_or(0)));
    let say = |at, operator, event, data| {
        writer::event(db, &QueueEvent { at, call: None, queue: None, operator, event, data })
    };
    for (operator, data) in signed_in {
        let data: Vec<String> = serde_json::from_str(&data).unwrap_or_default();
        say(ended_at, Some(OperatorId::from(operator.as_str())), "AGENTLOGOFF", data)?;
    }
    say(now.max(ended_at), None, "QUEUESTART", Vec::new())
}
