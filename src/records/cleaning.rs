//! What grows as long as the house is open and that nothing goes on from: the queue log's events, and the flips of
//! switches. The oldest go in small steps, when nobody waits for the disk.

use std::time::Duration;

use rusqlite::{Connection, params};

use crate::moment::Moment;

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// A year can be compared with the one before.
    pub age: Duration,
    /// Lines of the queue log: some ten gigabytes.
    pub events: u64,
    /// Flips of each switch; the last one is in force, and stays however old it is.
    pub flips: u64,
}

pub(super) const KEPT: Kept = Kept { age: Duration::from_secs(400 * 24 * 3600), events: 50_000_000, flips: 1_000 };

/// So often it is looked whether something can go.
pub(super) const EVERY: Duration = Duration::from_secs(3600);
/// What goes at once: whoever begins to wait for the disk meanwhile waits some milliseconds.
const STEP: usize = 500;

/// Takes one step. `true`: there may be more to go.
pub(super) fn clean(db: &Connection, now: Moment, kept: Kept) -> rusqlite::Result<bool> {
    let before = (now - kept.age).as_micros();
    let old = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 ORDER BY at LIMIT ?2)";
    let old = db.prepare_cached(old)?.execute(params![before, STEP])?;
    let many = "DELETE FROM events WHERE id IN (
        SELECT id FROM events WHERE id <= (SELECT max(id) FROM events) - ?1 ORDER BY id LIMIT ?2)";
    let many = db.prepare_cached(many)?.execute(params![kept.events, STEP])?;
    let flips = "DELETE FROM switches WHERE id IN (
        SELECT id FROM (SELECT id, at, row_number() OVER (PARTITION BY door ORDER BY id DESC) AS place FROM switches)
        WHERE place > ?1 OR (place > 1 AND at < ?2) LIMIT ?3)";
    let flips = db.prepare_cached(flips)?.execute(params![kept.flips, before, STEP])?;
    Ok([old, many, flips].contains(&STEP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::schema;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn day(number: u32) -> Moment {
        Moment::default() + DAY * number
    }

    fn house() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap().unwrap();
        db
    }

    fn event(db: &Connection, at: Moment) {
        let sql = "INSERT INTO events (at, event, data) VALUES (?1, 'CONNECT', '[]')";
        db.execute(sql, [at.as_micros()]).unwrap();
    }

    fn flip(db: &Connection, at: Moment, door: &str) {
        let sql = "INSERT INTO switches (at, door, flip) VALUES (?1, ?2, '{}')";
        db.execute(sql, params![at.as_micros(), door]).unwrap();
    }

    fn left(db: &Connection, what: &str) -> Vec<u64> {
        let mut days = db.prepare(&format!("SELECT at FROM {what} ORDER BY id")).unwrap();
        let days = days.query_map([], |row| row.get::<_, u64>(0)).unwrap();
        days.map(|at| at.unwrap() / u64::try_from(DAY.as_micros()).unwrap()).collect()
    }

    #[test]
    fn what_is_too_old_goes_step_by_step() {
        let db = house();
        for _ in 0..STEP + 3 {
            event(&db, day(9));
        }
        event(&db, day(10));
        event(&db, day(30));
        let kept = Kept { age: DAY * 20, ..KEPT };
        assert!(clean(&db, day(30), kept).unwrap(), "more than one step");
        assert_eq!(left(&db, "events").len(), 5);
        assert!(!clean(&db, day(30), kept).unwrap());
        assert_eq!(left(&db, "events"), [10, 30]);
    }

    #[test]
    fn of_too_many_the_latest_stay() {
        let db = house();
        (0..10).for_each(|number| event(&db, day(number)));
        clean(&db, day(10), Kept { events: 3, ..KEPT }).unwrap();
        assert_eq!(left(&db, "events"), [7, 8, 9]);
    }

    #[test]
    fn the_last_flip_of_each_switch_stays_however_old() {
        let db = house();
        for (at, door) in [(1, "a"), (2, "a"), (3, "b"), (40, "c"), (41, "c"), (42, "c")] {
            flip(&db, day(at), door);
        }
        clean(&db, day(50), Kept { age: DAY * 20, flips: 2, ..KEPT }).unwrap();
        assert_eq!(left(&db, "switches"), [2, 3, 41, 42]);
    }
}
