//! Looks closed calls up by what is known of them, the latest first, page by page.

use std::collections::VecDeque;
use std::path::Path;

use rusqlite::types::Value;

use super::former;
use super::reader::{PAGE, Range, ReadFault, Reader};
use super::words::{Outcome, Record};
use crate::ids::{CallId, OperatorId};
use crate::moment::Moment;

/// Before numbers of China, from abroad.
const CHINA: &str = "+86";

/// What is looked for; nothing: every call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub since: Option<Moment>,
    pub until: Option<Moment>,
    /// The caller's number, as it is written.
    pub from: Option<String>,
    /// The caller's number begins or ends so, with or without `+86` before it.
    pub caller: Option<String>,
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
    let (mut sql, mut values) = filter.sql();
    sql.push_str(" ORDER BY call_id DESC LIMIT ?");
    values.push(number(limit as u64));
    let rows = page(&reader, &sql, values)?;
    Ok(rows.into_iter().filter_map(|(id, text)| former::readable(CallId(id), &text)).collect())
}

/// Hands each closed call that fits to `each`, in order of arrival; one page is in memory.
pub fn each(
    dir: &Path,
    filter: &Filter,
    mut each: impl FnMut(Record) -> Result<(), ReadFault>,
) -> Result<usize, ReadFault> {
    let reader = Reader::open(dir)?;
    let (mut sql, fixed) = filter.sql();
    sql.push_str(" AND call_id > ? ORDER BY call_id LIMIT ?");
    let (mut last, mut count) = (0, 0);
    loop {
        let mut values = fixed.clone();
        values.extend([number(last), number(PAGE as u64)]);
        let rows = page(&reader, &sql, values)?;
        let Some((end, _)) = rows.last() else { return Ok(count) };
        last = *end;
        for (id, text) in rows {
            if let Some(record) = former::readable(CallId(id), &text) {
                each(record)?;
                count += 1;
            }
        }
    }
}

fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn page(reader: &Reader, sql: &str, values: Vec<Value>) -> Result<Vec<(u64, String)>, ReadFault> {
    reader.page(sql, rusqlite::params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))
}

impl Filter {
    /// What selects the rows, and the values of its question marks.
    fn sql(&self) -> (String, Vec<Value>) {
        let (since, until) = Range { since: self.since, until: self.until }.bounds();
        let mut sql = String::from(
            "SELECT call_id, record FROM calls WHERE ended_at IS NOT NULL AND arrived_at >= ? AND arrived_at < ? \
             AND call_id >= ? AND call_id < ?",
        );
        // An id begins with its call's time of arrival.
        let first = (since / 1000) << 20;
        let before = self.before.map_or(u64::MAX, |id| id.0);
        let mut values = vec![number(since), number(until), number(first), number(before)];
        let fields = [
            ("from", &self.from),
            ("to", &self.to),
            ("operator", &self.operator),
            ("queue", &self.queue),
            ("language", &self.language),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                sql.push_str(&format!(" AND json_extract(record, '$.{field}') = ?"));
                values.push(Value::Text(value.clone()));
            }
        }
        if let Some(part) = &self.caller {
            let from = "json_extract(record, '$.from')";
            sql.push_str(&format!(
                " AND (instr({from}, ?) = 1 OR instr({from}, '{CHINA}' || ?) = 1 OR substr({from}, -length(?)) = ?)"
            ));
            values.extend(std::iter::repeat_n(Value::Text(national(part).to_string()), 4));
        }
        if let Some(outcome) = self.outcome.and_then(|outcome| serde_json::to_value(outcome).ok()) {
            sql.push_str(" AND outcome = ?");
            values.push(Value::Text(outcome.as_str().unwrap_or_default().to_string()));
        }
        if self.callbacks {
            sql.push_str(" AND json_extract(record, '$.callback_of') IS NOT NULL");
        }
        if let Some(text) = &self.text {
            sql.push_str(" AND instr(record, ?) > 0");
            values.push(Value::Text(text.clone()));
        }
        (sql, values)
    }
}

/// The latest calls by which an operator called somebody back, also those that they passed on: at most `limit`.
pub fn called_back_by(
    dir: &Path,
    operator: &OperatorId,
    since: Moment,
    limit: usize,
) -> Result<Vec<Record>, ReadFault> {
    // Whoever had a call is named somewhere in its record.
    let filter = Filter { since: Some(since), callbacks: true, text: Some(operator.to_string()), ..Filter::default() };
    let mut found = VecDeque::new();
    each(dir, &filter, |record| {
        if record.operator.as_ref() == Some(operator) || record.was_with(operator) {
            found.push_front(record);
            found.truncate(limit);
        }
        Ok(())
    })?;
    Ok(found.into())
}

/// A number without the prefix of China, however that is written.
fn national(number: &str) -> &str {
    let bare = number.strip_prefix(CHINA).or_else(|| number.strip_prefix("0086")).unwrap_or(number);
    if bare.is_empty() { number } else { bare }
}

/// The last calls of a caller, but for one: the latest first. The call in which a callback was asked for is no other
/// than the callback. Those who say no number (`anonymous`) are not one caller.
pub fn caller(dir: &Path, number: &str, but: &Record, limit: usize) -> Result<Vec<Record>, ReadFault> {
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return Ok(Vec::new());
    }
    let filter = Filter { from: Some(number.to_string()), ..Filter::default() };
    let mut found = search(dir, &filter, limit + 2)?;
    found.retain(|record| record.call_id != but.call_id && Some(record.call_id) != but.callback_of);
    found.truncate(limit);
    Ok(found)
}
