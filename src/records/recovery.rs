//! What a former process left: its open calls are closed, everything else is handed on.

use rusqlite::{Connection, OptionalExtension};

use super::words::{EndedBy, Outcome, Record};
use super::writer;
use crate::ids::{CallId, SeatId};
use crate::moment::Moment;

#[derive(Debug)]
pub struct Recovered {
    /// Calls that were open when the process ended.
    pub closed: Vec<CallId>,
    /// The latest call ever written; 0 if none.
    pub last_call: CallId,
    pub checkpoint: Option<Checkpoint>,
    /// Inputs after the checkpoint, in order: number, moment, JSON.
    pub inputs: Vec<(u64, Moment, String)>,
    /// Registered phones, as JSON.
    pub bindings: Vec<(SeatId, String)>,
}

/// The engine's state after input `seq`.
#[derive(Debug)]
pub struct Checkpoint {
    pub seq: u64,
    pub at: Moment,
    pub state: String,
}

pub(super) fn recover(db: &mut Connection, now: Moment) -> rusqlite::Result<Recovered> {
    let transaction = db.transaction()?;
    let closed = close_open_calls(&transaction, now)?;
    transaction.commit()?;
    let moment = |micros: u64| Moment::from_micros(micros);
    let checkpoint = db
        .query_row("SELECT seq, at, state FROM checkpoints ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok(Checkpoint { seq: row.get(0)?, at: moment(row.get(1)?), state: row.get(2)? })
        })
        .optional()?;
    let from = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.seq);
    let inputs = db
        .prepare("SELECT seq, at, input FROM inputs WHERE seq > ?1 ORDER BY seq")?
        .query_map([from], |row| Ok((row.get(0)?, moment(row.get(1)?), row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let bindings = db
        .prepare("SELECT seat, binding FROM bindings ORDER BY seat")?
        .query_map([], |row| Ok((SeatId::from(row.get::<_, String>(0)?), row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let last: Option<u64> = db.query_row("SELECT max(call_id) FROM calls", [], |row| row.get(0))?;
    Ok(Recovered { closed, last_call: CallId(last.unwrap_or(0)), checkpoint, inputs, bindings })
}

fn close_open_calls(db: &Connection, now: Moment) -> rusqlite::Result<Vec<CallId>> {
    let heartbeat: Option<u64> = db.query_row("SELECT at FROM heartbeat", [], |row| row.get(0)).optional()?;
    let alive_at = Moment::from_micros(heartbeat.unwrap_or(0));
    let mut open = db.prepare("SELECT call_id, record FROM calls WHERE ended_at IS NULL ORDER BY call_id")?;
    let rows: Vec<(u64, String)> =
        open.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut closed = Vec::new();
    for (id, text) in rows {
        let record = serde_json::from_str(&text);
        let mut record: Record = record
            .map_err(|e| rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(e)))?;
        end(&mut record, alive_at, now);
        writer::close(db, &record)?;
        closed.push(CallId(id));
    }
    Ok(closed)
}

/// The call ended with the process: no earlier than anything known of it, no later than now.
fn end(record: &mut Record, alive_at: Moment, now: Moment) {
    let known = [Some(record.arrived_at), record.answered_at, record.queued_at, record.connected_at];
    let ended_at = known.into_iter().flatten().chain([alive_at]).max().unwrap_or(now).min(now.max(record.arrived_at));
    record.ended_at = Some(ended_at);
    record.outcome = Some(Outcome::SystemRestart);
    record.ended_by = Some(EndedBy::System);
    let millis = |from: Moment, to: Moment| u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX);
    if let Some(queued_at) = record.queued_at {
        record.wait_ms = millis(queued_at, record.connected_at.unwrap_or(ended_at));
        record.within_service_level = Some(record.within_service_level.unwrap_or(false));
    }
    if let Some(connected_at) = record.connected_at {
        record.talk_ms = millis(connected_at, ended_at);
    }
}
