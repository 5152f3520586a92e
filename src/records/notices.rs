//! What supervisors have to say to everybody: beside the sessions in the file of those who may come in, until it is
//! taken away or its time is over. Does not know what a notice says.

use rusqlite::params;

use super::access::{Access, Done};
use crate::moment::Moment;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptNotice {
    pub id: String,
    pub ends_at: Moment,
    /// As it is told.
    pub text: String,
}

impl Access {
    /// Those that are over by `now` go.
    pub fn keep_notice(&self, notice: &KeptNotice, now: Moment) -> Done<()> {
        let KeptNotice { id, ends_at, text } = notice;
        self.run(|db| {
            db.prepare_cached("DELETE FROM notices WHERE ends_at <= ?1")?.execute([now.as_micros()])?;
            let sql = "INSERT OR REPLACE INTO notices (id, ends_at, notice) VALUES (?1, ?2, ?3)";
            db.prepare_cached(sql)?.execute(params![id, ends_at.as_micros(), text]).map(drop)
        })
    }

    pub fn forget_notice(&self, id: &str) -> Done<()> {
        self.run(|db| db.prepare_cached("DELETE FROM notices WHERE id = ?1")?.execute([id]).map(drop))
    }

    /// Those that are not over by `now`.
    pub fn notices(&self, now: Moment) -> Done<Vec<KeptNotice>> {
        let sql = "SELECT id, ends_at, notice FROM notices WHERE ends_at > ?1 ORDER BY id";
        self.read(|db| {
            let mut all = db.prepare_cached(sql)?;
            let notices = all.query_map([now.as_micros()], |row| {
                Ok(KeptNotice { id: row.get(0)?, ends_at: Moment::from_micros(row.get(1)?), text: row.get(2)? })
            })?;
            notices.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(id: &str, ends: u64) -> KeptNotice {
        KeptNotice { id: id.into(), ends_at: at(ends), text: format!("{{\"id\":\"{id}\"}}") }
    }

    fn at(second: u64) -> Moment {
        Moment::from_micros(second * 1_000_000)
    }

    #[test]
    fn a_notice_outlasts_the_process_until_it_is_taken_away_or_its_time_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        for (id, ends) in [("long", 90), ("short", 20), ("gone", 90)] {
            access.keep_notice(&notice(id, ends), at(10)).unwrap();
        }
        access.forget_notice("gone").unwrap();
        drop(access);
        let access = Access::open(dir.path()).unwrap();
        assert_eq!(access.notices(at(19)).unwrap(), [notice("long", 90), notice("short", 20)]);
        assert_eq!(access.notices(at(20)).unwrap(), [notice("long", 90)]);
        // What is over takes no room for ever.
        access.keep_notice(&notice("new", 99), at(30)).unwrap();
        assert_eq!(access.notices(at(0)).unwrap(), [notice("long", 90), notice("new", 99)]);
    }
}
