//! Looks closed calls up by what is known of them, the latest first, page by page.

use std::path::Path;

use rusqlite::types::Value;

use super::reader::{Range, ReadFault, Reader};
use super::words::{Outcome, Record};
use crate::ids::CallId;
use crate::moment::Moment;

/// What is looked for; nothing: every call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub since: Option<Moment>,
    pub until: Option<Moment>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub operator: Option<String>,
    pub queue: Option<String>,
    pub outcome: Option<Outcome>,
    pub language: Option<String>,
    /// Calls by which we called somebody back.
    pub callbacks: bool,
    /// Somewhere in the record.
    pub text: Option<String>,
    /// Only calls before this one: where the page before ended.
    pub before: Option<CallId>,
}

/// The latest closed calls that fit, at most `limit`.
pub fn search(dir: &Path, filter: &Filter, limit: usize) -> Result<Vec<Record>, ReadFault> {
    let reader = Reader::open(dir)?;
    let (since, until) = Range { since: filter.since, until: filter.until }.bounds();
    let mut sql = String::from(
        "SELECT call_id, record FROM calls WHERE ended_at IS NOT NULL AND arrived_at >= ? AND arrived_at < ? \
         AND call_id >= ? AND call_id < ?",
    );
    let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    // An id begins with its call's time of arrival.
    let first = (since / 1000) << 20;
    let mut values =
        vec![number(since), number(until), number(first), number(filter.before.map_or(u64::MAX, |id| id.0))];
    let fields = [
        ("from", &filter.from),
        ("to", &filter.to),
        ("operator", &filter.operator),
        ("queue", &filter.queue),
        ("language", &filter.language),
    ];
    for (field, value) in fields {
        if let Some(value) = value {
            sql.push_str(&format!(" AND json_extract(record, '$.{field}') = ?"));
            values.push(Value::Text(value.clone()));
        }
    }
    if let Some(outcome) = filter.outcome.and_then(|outcome| serde_json::to_value(outcome).ok()) {
        sql.push_str(" AND outcome = ?");
        values.push(Value::Text(outcome.as_str().unwrap_or_default().to_string()));
    }
    if filter.callbacks {
        sql.push_str(" AND json_extract(record, '$.callback_of') IS NOT NULL");
    }
    if let Some(text) = &filter.text {
        sql.push_str(" AND instr(record, ?) > 0");
        values.push(Value::Text(text.clone()));
    }
    sql.push_str(" ORDER BY call_id DESC LIMIT ?");
    values.push(number(limit as u64));
    let rows: Vec<(u64, String)> =
        reader.page(&sql, rusqlite::params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let parse = |(id, text): (u64, String)| {
        serde_json::from_str(&text).map_err(|error| ReadFault::Record { call: CallId(id), error })
    };
    rows.into_iter().map(parse).collect()
}

/// The last calls of a caller, but for one: the latest first.
pub fn caller(dir: &Path, number: &str, but: CallId, limit: usize) -> Result<Vec<Record>, ReadFault> {
    if number.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter { from: Some(number.to_string()), ..Filter::default() };
    let mut found = search(dir, &filter, limit + 1)?;
    found.retain(|record| record.call_id != but);
    found.truncate(limit);
    Ok(found)
}
