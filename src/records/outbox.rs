//! Messages to programs that wait to be sent, and how often each was tried: beside the sessions in the file of those
//! who may come in, so that no call waits for a program. Does not know what the messages say, nor how they are sent.

use rusqlite::params;

use super::access::{Access, Done};

/// Messages that are kept for one program.
pub const KEPT_MESSAGES: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptMessage {
    pub number: i64,
    pub text: String,
    /// Tries that were made.
    pub tries: u32,
}

impl Access {
    /// The number of the message. `None`: too many wait for this program already; it is not kept.
    pub fn keep_message(&self, program: &str, text: &str) -> Done<Option<i64>> {
        let sql = "INSERT INTO messages (program, text, tries) SELECT ?1, ?2, 0
                   WHERE (SELECT count(*) FROM messages WHERE program = ?1) < ?3";
        self.run(|db| {
            let kept = db.prepare_cached(sql)?.execute(params![program, text, KEPT_MESSAGES])? > 0;
            Ok(kept.then(|| db.last_insert_rowid()))
        })
    }

    pub fn message_tried(&self, number: i64, tries: u32) -> Done<()> {
        let sql = "UPDATE messages SET tries = ?2 WHERE number = ?1";
        self.run(|db| db.prepare_cached(sql)?.execute(params![number, tries]).map(drop))
    }

    /// It was taken, or is given up.
    pub fn forget_message(&self, number: i64) -> Done<()> {
        self.run(|db| db.prepare_cached("DELETE FROM messages WHERE number = ?1")?.execute([number]).map(drop))
    }

    /// What waits for a program, the oldest first.
    pub fn messages(&self, program: &str) -> Done<Vec<KeptMessage>> {
        let sql = "SELECT number, text, tries FROM messages WHERE program = ?1 ORDER BY number";
        self.run(|db| {
            let mut all = db.prepare_cached(sql)?;
            let message = all.query_map([program], |row| {
                Ok(KeptMessage { number: row.get(0)?, text: row.get(1)?, tries: row.get(2)? })
            })?;
            message.collect()
        })
    }

    /// What waits for any other program is forgotten → how many messages that were.
    pub fn forget_messages_but_for(&self, programs: &[String]) -> Done<usize> {
        self.run(|db| {
            let mut all = db.prepare_cached("SELECT DISTINCT program FROM messages")?;
            let found: Vec<String> = all.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            let mut forgotten = 0;
            for program in found.iter().filter(|program| !programs.contains(program)) {
                forgotten += db.execute("DELETE FROM messages WHERE program = ?1", [program])?;
            }
            Ok(forgotten)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_program_outlasts_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        let keep = |program: &str, text: &str| access.keep_message(program, text).unwrap().unwrap();
        let (first, second, third) = (keep("crm", "one"), keep("crm", "two"), keep("wiki", "three"));
        access.message_tried(second, 3).unwrap();
        access.forget_message(first).unwrap();
        drop(access);
        let access = Access::open(dir.path()).unwrap();
        let waits = |number, text: &str, tries| KeptMessage { number, text: text.into(), tries };
        assert_eq!(access.messages("crm").unwrap(), [waits(second, "two", 3)]);
        assert_eq!(access.forget_messages_but_for(&["wiki".into()]).unwrap(), 1);
        assert!(access.messages("crm").unwrap().is_empty());
        assert_eq!(access.messages("wiki").unwrap(), [waits(third, "three", 0)]);
    }

    #[test]
    fn a_program_that_takes_nothing_fills_its_own_share_only() {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path()).unwrap();
        let mut last = None;
        for number in 0..KEPT_MESSAGES {
            last = access.keep_message("silent", &number.to_string()).unwrap();
            assert!(last.is_some(), "{number}");
        }
        assert_eq!(access.keep_message("silent", "too many").unwrap(), None);
        assert!(access.keep_message("other", "its first").unwrap().is_some());
        access.forget_message(last.unwrap()).unwrap();
        assert!(access.keep_message("silent", "room again").unwrap().is_some());
        assert_eq!(access.messages("silent").unwrap().len(), KEPT_MESSAGES);
    }
}
