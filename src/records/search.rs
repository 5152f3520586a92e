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
    /// The number that they dialled begins or ends so, with or without `+86` before it.
    pub to: Option<String>,
    /// Had the caller, at any time in the call.
    pub operator: Option<String>,
    /// Its line was visited, at any time in the call.
    pub queue: Option<String>,
    pub outcome: Option<Outcome>,
    pub language: Option<String>,
    /// Calls by which we called somebody back.
    pub callbacks: bool,
    /// Calls by which we called this number back, as it is written.
    pub called_back: Option<String>,
    /// Somewhere in the record; of the letters A to Z small ones and capitals are the same.
    pub text: Option<String>,
    /// Only calls before this one: where the page before ended.
    pub before: Option<CallId>,
}

/// The latest closed calls that fit, at most `limit`.
pub fn search(dir: &Path, filter: &Filter, limit: usize) -> Result<Vec<Record>, ReadFault> {
    let reader = Reader::open(dir)?;
    let (mut sql, mut values) = filter.sql(0);
    sql.push_str(" ORDER BY id DESC LIMIT ?");
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
    let (mut next, mut count) = (0, 0);
    loop {
        let (mut sql, mut values) = filter.sql(next);
        sql.push_str(" ORDER BY id LIMIT ?");
        values.push(number(PAGE as u64));
        let rows = page(&reader, &sql, values)?;
        let Some((last, _)) = rows.last() else { return Ok(count) };
        next = last + 1;
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
    /// What selects the rows of calls from the id `next` on, and the values of its question marks. Where an operator or a
    /// queue is asked for, their calls lead to the records: only what fits is read.
    fn sql(&self, next: u64) -> (String, Vec<Value>) {
        let (since, until) = Range { since: self.since, until: self.until }.bounds();
        let mut tables = Vec::new();
        let mut fits = String::from("ended_at IS NOT NULL");
        let mut values = Vec::new();
        for (table, column, value) in
            [("calls_of_operators", "operator", &self.operator), ("calls_of_queues", "queue", &self.queue)]
        {
            if let Some(value) = value {
                tables.push(table);
                fits.push_str(&format!(" AND {table}.{column} = ?"));
                values.push(Value::Text(value.clone()));
            }
        }
        tables.push("calls");
        let first = tables.first().copied().unwrap_or("calls");
        for next in tables.iter().skip(1) {
            fits.push_str(&format!(" AND {next}.call_id = {first}.call_id"));
        }
        fits.push_str(&format!(
            " AND arrived_at >= ? AND arrived_at < ? AND {first}.call_id >= ? AND {first}.call_id < ?"
        ));
        // An id begins with its call's time of arrival.
        let earliest = next.max((since / 1000) << 20);
        let before = self.before.map_or(u64::MAX, |id| id.0);
        values.extend([number(since), number(until), number(earliest), number(before)]);
        for (field, value) in [("from", &self.from), ("language", &self.language)] {
            if let Some(value) = value {
                fits.push_str(&format!(" AND json_extract(record, '$.{field}') = ?"));
                values.push(Value::Text(value.clone()));
            }
        }
        for (field, part) in [("from", &self.caller), ("to", &self.to)] {
            if let Some(part) = part {
                let whole = format!("json_extract(record, '$.{field}')");
                fits.push_str(&format!(
                    " AND (instr({whole}, ?) = 1 OR instr({whole}, '{CHINA}' || ?) = 1 OR substr({whole}, -length(?)) = ?)"
                ));
                values.extend(std::iter::repeat_n(Value::Text(national(part).to_string()), 4));
            }
        }
        if let Some(outcome) = self.outcome.and_then(|outcome| serde_json::to_value(outcome).ok()) {
            fits.push_str(" AND outcome = ?");
            values.push(Value::Text(outcome.as_str().unwrap_or_default().to_string()));
        }
        if self.callbacks || self.called_back.is_some() {
            fits.push_str(" AND json_extract(record, '$.callback_of') IS NOT NULL");
        }
        if let Some(number) = &self.called_back {
            fits.push_str(" AND json_extract(record, '$.to') = ?");
            values.push(Value::Text(number.clone()));
        }
        if let Some(text) = &self.text {
            fits.push_str(" AND record LIKE ? ESCAPE '\\'");
            values.push(Value::Text(format!("%{}%", literal(text))));
        }
        // CROSS JOIN: in this order.
        (format!("SELECT {first}.call_id AS id, record FROM {} WHERE {fits}", tables.join(" CROSS JOIN ")), values)
    }
}

/// For LIKE, with nothing in it that stands for something else.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut pattern, letter| {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
        pattern
    })
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

/// The last calls with a citizen but for one, the latest first: their own, and those by which they were called back.
/// Those who say no number (`anonymous`) are not one citizen.
pub fn caller(dir: &Path, number: &str, but: CallId, limit: usize) -> Result<Vec<Record>, ReadFault> {
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return Ok(Vec::new());
    }
    let theirs = Filter { from: Some(number.to_string()), ..Filter::default() };
    let ours = Filter { called_back: Some(number.to_string()), ..Filter::default() };
    let mut found = search(dir, &theirs, limit + 1)?;
    found.extend(search(dir, &ours, limit + 1)?);
    found.retain(|record| record.call_id != but);
    found.sort_by_key(|record| std::cmp::Reverse(record.call_id));
    found.truncate(limit);
    Ok(found)
}
