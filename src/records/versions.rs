//! The versions of the configuration that took effect, with their files; the same content is kept once.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::HEXLOWER;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::reader::{ReadFault, Reader};
use super::words::Version;
use super::writer::json;
use crate::moment::Moment;

/// Versions that are kept; with each new one the oldest goes.
pub const KEPT_VERSIONS: u64 = 200;

const COLUMNS: &str = "SELECT number, at, author, note, changes, meaning FROM versions";
const FILES: &str = "SELECT name, content FROM version_files JOIN contents USING (sha256) WHERE number = ?1";

/// The same number again replaces what was there.
pub(super) fn write(db: &Connection, version: &Version) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO versions (number, at, author, note, changes, meaning)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let Version { number, at, author, note, changes, meaning, files } = version;
    db.execute(sql, params![number, at.as_micros(), author, note, json(changes)?, meaning])?;
    db.execute("DELETE FROM version_files WHERE number = ?1", [number])?;
    for (name, content) in files {
        let sha256 = HEXLOWER.encode(&Sha256::digest(content));
        db.execute("INSERT OR IGNORE INTO contents (sha256, content) VALUES (?1, ?2)", params![sha256, content])?;
        db.execute(
            "INSERT INTO version_files (number, name, sha256) VALUES (?1, ?2, ?3)",
            params![number, name, sha256],
        )?;
    }
    let oldest = number.saturating_sub(KEPT_VERSIONS - 1);
    db.execute("DELETE FROM versions WHERE number < ?1", [oldest])?;
    db.execute("DELETE FROM version_files WHERE number < ?1", [oldest])?;
    db.execute("DELETE FROM contents WHERE sha256 NOT IN (SELECT sha256 FROM version_files)", [])?;
    Ok(())
}

/// The newest.
pub(super) fn last(db: &Connection) -> rusqlite::Result<Option<Version>> {
    let sql = format!("{COLUMNS} ORDER BY number DESC LIMIT 1");
    let Some(mut version) = db.query_row(&sql, [], version).optional()? else { return Ok(None) };
    version.files = db
        .prepare(FILES)?
        .query_map([version.number], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<BTreeMap<_, _>>>()?;
    Ok(Some(version))
}

fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    let changes: String = row.get(4)?;
    Ok(Version {
        number: row.get(0)?,
        at: Moment::from_micros(row.get(1)?),
        author: row.get(2)?,
        note: row.get(3)?,
        changes: serde_json::from_str(&changes).unwrap_or_default(),
        meaning: row.get(5)?,
        files: BTreeMap::new(),
    })
}

/// What is kept, also while the hotline runs.
pub struct Versions(Reader);

impl Versions {
    pub fn open(dir: &Path) -> Result<Versions, ReadFault> {
        Reader::open(dir).map(Versions)
    }

    /// Oldest first, without their files.
    pub fn all(&self) -> Result<Vec<Version>, ReadFault> {
        // A store that no newer hotline has opened yet keeps none.
        let table = "SELECT count(*) FROM sqlite_master WHERE name = 'versions'";
        let there: Vec<u64> = self.0.page(table, [], |row| row.get(0))?;
        if there.first() != Some(&1) {
            return Ok(Vec::new());
        }
        self.0.page(&format!("{COLUMNS} ORDER BY number"), [], version)
    }

    pub fn files(&self, number: u64) -> Result<BTreeMap<String, Vec<u8>>, ReadFault> {
        let rows: Vec<(String, Vec<u8>)> = self.0.page(FILES, [number], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().collect())
    }
}
