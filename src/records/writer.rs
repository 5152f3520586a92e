//! The thread that writes: many entries to a commit, in their order but for openings of calls, which may go first.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tracing::{error, warn};

use super::store::{Shared, Ticket, Written};
use super::words::{Entry, QueueEvent, Record};
use super::{cleaning, former, versions};
use crate::ids::CallId;
use crate::moment::Moment;

/// What nobody waits for may lie so long; twice as long where openings come close behind each other.
const PATIENCE: Duration = Duration::from_millis(100);
/// So many are written within some milliseconds, and no opening waits longer behind what was put off before it.
pub(super) const LATER: usize = 256;
/// Entries to a commit.
const BATCH: usize = 2_000;
/// After a commit that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// The engine's log is kept for so long: a week can be explained, replayed and simulated again.
const KEEP_LOG: Duration = Duration::from_secs(8 * 24 * 3600);
/// Beside the two latest checkpoints the first of each day is kept, to begin a replay of that day with; and the last
/// before all that, for in a house with few calls days go by without one.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// What is too old goes in steps, so that no commit takes long.
const PRUNE_STEP: usize = 2_000;

pub(super) struct Writer {
    db: Connection,
    entries: Receiver<(Ticket, Entry)>,
    shared: Arc<Shared>,
    written: Box<dyn Fn(Written) + Send>,
    last: Written,
    /// What nobody waits for, and since when, by the arrival of calls, it lies: each commit of an opening alone is small,
    /// and most pages of the file are written once for many calls.
    later: Vec<(Ticket, Entry)>,
    since: Moment,
    /// No more entries can come.
    closed: bool,
    /// Inputs up to this number, and decisions before it, can go.
    prune_to: u64,
    /// When it is looked again whether something is too old.
    clean_at: Moment,
    given_up: bool,
}

impl Writer {
    pub fn new(
        db: Connection,
        entries: Receiver<(Ticket, Entry)>,
        shared: Arc<Shared>,
        written: Box<dyn Fn(Written) + Send>,
    ) -> Self {
        Self {
            db,
            entries,
            shared,
            written,
            last: Written::default(),
            later: Vec::new(),
            since: Moment::default(),
            closed: false,
            prune_to: 0,
            clean_at: Moment::default(),
            given_up: false,
        }
    }

    pub fn run(mut self) {
        while let Some(batch) = self.gather() {
            self.commit(&batch);
            self.clean(&batch);
        }
        if let Err(error) = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            warn!(%error, "the write-ahead log stays until the next start");
        }
    }

    /// The next entries to be written together; `None` when the store is closed.
    fn gather(&mut self) -> Option<Vec<(Ticket, Entry)>> {
        let shared = self.shared.clone();
        let mut batch = std::mem::take(&mut self.later);
        let mut open = self.drain(&mut batch);
        loop {
            if open && batch.len() < BATCH && !is_due(&batch, shared.due()) {
                shared.bell.nap(PATIENCE, || {
                    // What was left before it was said to be due is there.
                    let due = shared.due();
                    open = self.drain(&mut batch);
                    !open || batch.len() >= BATCH || is_due(&batch, due)
                });
                open = open && self.drain(&mut batch);
            }
            if !open || !batch.is_empty() {
                break;
            }
            shared.bell.sleep(|| {
                open = self.drain(&mut batch);
                !open || !batch.is_empty()
            });
            open = open && self.drain(&mut batch);
        }
        self.closed = !open;
        self.put_off(&mut batch);
        (!batch.is_empty()).then_some(batch)
    }

    /// Where openings alone are waited for, the rest of a batch may lie for a while.
    fn put_off(&mut self, batch: &mut Vec<(Ticket, Entry)>) {
        let due = self.shared.due();
        let all = batch.first().is_some_and(|(ticket, _)| *ticket <= due.all);
        let arrived = batch.iter().rev().find_map(|(_, entry)| match entry {
            Entry::Opened(record) => Some(record.arrived_at),
            _ => None,
        });
        let Some(arrived) = arrived.filter(|_| !all && !self.closed && batch.len() < LATER) else { return };
        if self.since > arrived || arrived.since(self.since) >= PATIENCE {
            // It is written now; what comes after this batch may lie from here on.
            self.since = arrived;
            return;
        }
        (*batch, self.later) = std::mem::take(batch).into_iter().partition(|(_, entry)| entry.is_opening());
    }

    /// Takes what is there; `false` when no more can come.
    fn drain(&mut self, batch: &mut Vec<(Ticket, Entry)>) -> bool {
        while batch.len() < BATCH {
            match self.entries.try_recv() {
                Ok(entry) => batch.push(entry),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    /// After a batch for which nobody waited, what is too old goes; a full disk is told of by the batches.
    fn clean(&mut self, batch: &[(Ticket, Entry)]) {
        let now = batch.iter().rev().find_map(|(_, entry)| match entry {
            Entry::Heartbeat { at } => Some(*at),
            _ => None,
        });
        let Some(now) = now.filter(|now| *now >= self.clean_at && !awaited(batch)) else { return };
        match cleaning::clean(&self.db, now, cleaning::KEPT) {
            Ok(true) => {}
            Ok(false) => self.clean_at = now + cleaning::EVERY,
            Err(error) => {
                warn!(%error, "what is too old could not be deleted; it is tried again in an hour");
                self.clean_at = now + cleaning::EVERY;
            }
        }
    }

    /// Writes a batch, again and again until it works: nothing is lost while there is memory.
    fn commit(&mut self, batch: &[(Ticket, Entry)]) {
        let mut tries = 0_usize;
        while let Err(error) = self.try_commit(batch) {
            tries += 1;
            // Before it is said that it fails.
            *self.shared.why.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
            if !self.shared.failing.swap(true, Ordering::Relaxed) {
                error!(%error, "records cannot be written; trying again every second");
            }
            (self.written)(self.last);
            if self.gives_up(tries) {
                error!(entries = batch.len(), %error, "records are lost: the store was closed while the disk failed");
                return;
            }
            std::thread::sleep(AGAIN);
        }
        self.shared.failing.store(false, Ordering::Relaxed);
        self.shared.backlog.fetch_sub(batch.len(), Ordering::Relaxed);
        self.shared.taken.fetch_add(1, Ordering::Relaxed);
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            error!(dropped, "entries were dropped while the disk did not keep up; calls were kept before explanations");
        }
        let calls = batch.last().map_or(self.last.calls, |(ticket, _)| self.last.calls.max(*ticket));
        let all = self.later.first().map_or(calls, |(ticket, _)| Ticket(ticket.0 - 1));
        self.last = Written { calls, all };
        // Whoever is woken by the second finds what was said to the first.
        (self.written)(self.last);
        self.shared.tell_written(calls);
    }

    /// A store that is being closed tries a few times more, not for ever.
    fn gives_up(&mut self, tries: usize) -> bool {
        const LAST_TRIES: usize = 3;
        // What failed for one batch is not tried as often for each that follows.
        self.given_up |= tries >= LAST_TRIES && self.shared.closing.load(Ordering::Relaxed);
        self.given_up
    }

    fn try_commit(&mut self, batch: &[(Ticket, Entry)]) -> rusqlite::Result<()> {
        let transaction = self.db.transaction()?;
        let mut prune_to = self.prune_to;
        for (_, entry) in batch {
            write(&transaction, entry, &mut prune_to)?;
        }
        if prune_to > 0 && self.later.is_empty() {
            let step = "DELETE FROM inputs WHERE seq IN (SELECT seq FROM inputs WHERE seq <= ?1 ORDER BY seq LIMIT ?2)";
            let inputs = transaction.prepare_cached(step)?.execute(params![prune_to, PRUNE_STEP])?;
            let step = "DELETE FROM decisions WHERE id IN (
                SELECT id FROM decisions WHERE seq < ?1 ORDER BY seq LIMIT ?2)";
            let decisions = transaction.prepare_cached(step)?.execute(params![prune_to, PRUNE_STEP])?;
            if inputs < PRUNE_STEP && decisions < PRUNE_STEP {
                prune_to = 0;
            }
        }
        transaction.commit()?;
        self.prune_to = prune_to;
        Ok(())
    }
}

/// Whether something is to be written now.
pub(super) fn is_due(batch: &[(Ticket, Entry)], due: Written) -> bool {
    batch.first().is_some_and(|(ticket, _)| *ticket <= due.all)
        || batch.iter().any(|(ticket, entry)| *ticket <= due.calls && entry.is_opening())
}

/// Whether a call waits for one of them to be on the disk.
fn awaited(batch: &[(Ticket, Entry)]) -> bool {
    batch.iter().any(|(_, entry)| entry.is_awaited())
}

fn write(db: &Connection, entry: &Entry, prune_to: &mut u64) -> rusqlite::Result<()> {
    match entry {
        Entry::Opened(record) => {
            let sql =
                "INSERT INTO calls (call_id, arrived_at, record) VALUES (?1, ?2, ?3) ON CONFLICT (call_id) DO NOTHING";
            let text = json(record)?;
            db.prepare_cached(sql)?.execute(params![record.call_id.0, record.arrived_at.as_micros(), text])?;
        }
        Entry::Changed(record) => {
            let sql = "UPDATE calls SET record = ?2 WHERE call_id = ?1 AND ended_at IS NULL";
            db.prepare_cached(sql)?.execute(params![record.call_id.0, json(record)?])?;
        }
        Entry::Closed(record) => close(db, record)?,
        Entry::Noted { call, by, at, text } => noted(db, *call, |record| record.set_note(by, *at, text))?,
        // A fault that names no file is not that of a recording that is complete.
        Entry::Recording { call, of, change } => {
            let sql = "UPDATE calls SET record = json_patch(record, json_object('recording', json(?2)))
                WHERE call_id = ?1 AND json_type(record, '$.recording') = 'object'
                AND (?3 IS NULL OR json_extract(record, '$.recording.file') = ?3)
                AND (?3 IS NOT NULL OR json_extract(?2, '$.why') IS NULL
                    OR json_extract(record, '$.recording.sha256') IS NULL)";
            db.prepare_cached(sql)?.execute(params![call.0, json(change)?, of])?;
        }
        Entry::Input { seq, at, input } => {
            let sql = "INSERT OR REPLACE INTO inputs (seq, at, input) VALUES (?1, ?2, ?3)";
            db.prepare_cached(sql)?.execute(params![seq, at.as_micros(), input])?;
        }
        Entry::Checkpoint { seq, at, state } => {
            db.execute(
                "INSERT OR REPLACE INTO checkpoints (seq, at, state) VALUES (?1, ?2, ?3)",
                params![seq, at.as_micros(), state],
            )?;
            // Two, so that a damaged one costs a longer replay, not the state.
            let unneeded = "DELETE FROM checkpoints WHERE
                seq NOT IN (SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT 2)
                AND seq NOT IN (SELECT min(seq) FROM checkpoints WHERE at >= ?1 GROUP BY at / ?2)
                AND seq NOT IN (SELECT seq FROM checkpoints WHERE at <= ?1 ORDER BY seq DESC LIMIT 1)";
            let day = u64::try_from(DAY.as_micros()).unwrap_or(u64::MAX);
            db.execute(unneeded, params![(*at - KEEP_LOG).as_micros(), day])?;
            *prune_to = db.query_row("SELECT min(seq) FROM checkpoints", [], |row| row.get(0))?;
        }
        Entry::Restored { checkpoint, last } => {
            db.execute("DELETE FROM checkpoints WHERE seq > ?1", [checkpoint])?;
            db.execute("DELETE FROM inputs WHERE seq > ?1", [last])?;
        }
        Entry::Decision { seq, at, call, output } => {
            let sql = "INSERT INTO decisions (seq, at, call_id, output) VALUES (?1, ?2, ?3, ?4)";
            db.prepare_cached(sql)?.execute(params![seq, at.as_micros(), call.map(|call| call.0), output])?;
        }
        Entry::Event(queue_event) => event(db, queue_event)?,
        Entry::Binding { seat, binding: Some(binding) } => {
            db.prepare_cached("INSERT OR REPLACE INTO bindings (seat, binding) VALUES (?1, ?2)")?
                .execute(params![seat.as_str(), binding])?;
        }
        Entry::Binding { seat, binding: None } => {
            db.prepare_cached("DELETE FROM bindings WHERE seat = ?1")?.execute([seat.as_str()])?;
        }
        Entry::Switch { at, door, flip } => {
            db.execute(
                "INSERT INTO switches (at, door, flip) VALUES (?1, ?2, ?3)",
                params![at.as_micros(), door.to_string(), flip],
            )?;
        }
        Entry::Heartbeat { at } => {
            db.prepare_cached("INSERT OR REPLACE INTO heartbeat (id, at) VALUES (1, ?1)")?.execute([at.as_micros()])?;
        }
        Entry::Version(version) => versions::write(db, version)?,
    }
    Ok(())
}

/// Changes the record of a call as it was written last.
fn noted(db: &Connection, call: CallId, note: impl FnOnce(&mut Record) -> bool) -> rusqlite::Result<()> {
    let sql = "SELECT record FROM calls WHERE call_id = ?1";
    let text: Option<String> = db.prepare_cached(sql)?.query_row([call.0], |row| row.get(0)).optional()?;
    let Some(text) = text else { return Ok(()) };
    match former::read(&text) {
        Ok(mut record) => {
            if note(&mut record) {
                let sql = "UPDATE calls SET record = ?2 WHERE call_id = ?1";
                db.prepare_cached(sql)?.execute(params![call.0, json(&record)?])?;
            }
        }
        // Trying again would not help, and would keep everything else from the disk.
        Err(error) => error!(%call, %error, "a note is lost: the record of its call cannot be read"),
    }
    Ok(())
}

pub(super) fn event(db: &Connection, event: &QueueEvent) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (at, call_id, queue, operator, event, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    db.prepare_cached(sql)?.execute(params![
        event.at.as_micros(),
        event.call.map(|call| call.0),
        event.queue.as_ref().map(|queue| queue.as_str()),
        event.operator.as_ref().map(|operator| operator.as_str()),
        event.event,
        json(&event.data)?,
    ])?;
    Ok(())
}

/// Writes a call's last record. A call is closed once; its opening may have been spared.
pub(super) fn close(db: &Connection, record: &Record) -> rusqlite::Result<()> {
    let outcome = json(&record.outcome)?;
    let ended_at = record.ended_at.unwrap_or(record.arrived_at).as_micros();
    let sql = "
        INSERT INTO calls (call_id, arrived_at, ended_at, outcome, record) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (call_id) DO UPDATE SET ended_at = ?3, outcome = ?4, record = ?5 WHERE ended_at IS NULL";
    let id = record.call_id;
    let text = json(record)?;
    let written = db.prepare_cached(sql)?.execute(params![
        id.0,
        record.arrived_at.as_micros(),
        ended_at,
        outcome.trim_matches('"'),
        text
    ])?;
    if written == 0 {
        error!(call = %id, "closed twice; the first record stays");
        return Ok(());
    }
    let sql = "INSERT OR IGNORE INTO calls_of_operators (operator, call_id) VALUES (?1, ?2)";
    for operator in record.operators() {
        db.prepare_cached(sql)?.execute(params![operator.as_str(), id.0])?;
    }
    let sql = "INSERT OR IGNORE INTO calls_of_queues (queue, call_id) VALUES (?1, ?2)";
    for queue in record.queues() {
        db.prepare_cached(sql)?.execute(params![queue.as_str(), id.0])?;
    }
    Ok(())
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
