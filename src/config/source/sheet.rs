//! Tables that a spreadsheet saves: operators.csv and seats.csv, one row each, as if they were written in TOML.
//!
//! What Excel and WPS do to a file is undone: their encodings and separators, full-width digits, stray spaces,
//! `5.0` for 5. What a value means is read where TOML is read.

use std::path::Path;
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use encoding_rs::{Encoding, GBK, UTF_8};

use super::text::{self, Ruler, Text};
use super::{File, Span, Spot, layers};
use crate::config::fault::{Faults, Place};
use crate::config::reader;
use crate::queue::{Need, parse_need};

/// A kind of table: its file is `NAME.csv`, with `NAME.d/*.csv`.
pub struct Sheet {
    pub name: &'static str,
    /// To which TOML file it belongs, and as which tables.
    pub of: &'static str,
    pub table: &'static str,
    pub columns: &'static [Column],
    /// Any other column is a skill.
    pub skills: bool,
}

/// A column: the key it stands for, further names, and how a cell is read.
pub struct Column {
    pub key: &'static str,
    pub also: &'static [&'static str],
    pub cell: Cell,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// A name that Excel may take for a number: 8001.0 is 8001.
    Name,
    Text,
    Number,
    YesNo,
}

impl Column {
    /// As it is called in a table.
    fn name(&self) -> &'static str {
        self.key.rsplit('.').next().unwrap_or(self.key)
    }
}

const fn column(key: &'static str, also: &'static [&'static str], cell: Cell) -> Column {
    Column { key, also, cell }
}

pub const SHEETS: &[Sheet] = &[
    Sheet {
        name: "operators",
        of: "operators",
        table: "operator",
        columns: &[
            column("id", &["工号", "编号"], Cell::Name),
            column("name", &["姓名"], Cell::Text),
            column("seat", &["席位", "座席"], Cell::Name),
            column("weight", &["权重"], Cell::Number),
            column("supervisor", &["班长"], Cell::YesNo),
        ],
        skills: true,
    },
    Sheet {
        name: "seats",
        of: "operators",
        table: "seat",
        columns: &[
            column("id", &["席位", "座席"], Cell::Name),
            column("secret", &["密码"], Cell::Text),
            column("secret.md5", &["md5"], Cell::Text),
            column("secret.sha256", &["sha256"], Cell::Text),
            column("secret_file", &["密码文件"], Cell::Text),
            column("secret_env", &["密码变量"], Cell::Text),
            column("contact", &["地址"], Cell::Text),
            column("auto_answer", &["自动接听"], Cell::YesNo),
            column("srtp", &["加密"], Cell::Text),
        ],
        skills: false,
    },
];

/// Reads a sheet and adds its rows to the tables that are there.
pub fn add(file: &mut File, path: &Path, sheet: &Sheet, faults: &mut Faults) {
    let whole = Place { file: path.display().to_string().into(), ..Place::default() };
    let read = text::bytes(path).and_then(|bytes| decode(&bytes));
    let text = match read {
        Ok((text, None)) => text,
        Ok((text, Some(encoding))) => {
            let what = format!("is in {encoding}; save it as \"CSV UTF-8\", which every program reads alike");
            faults.warning(&whole, "", what);
            text
        }
        Err(what) => {
            file.unreadable = true;
            return faults.fault(&whole, "", what);
        }
    };
    let (skipped, separator) = separator(&text);
    let rows = rows(&text[skipped..], separator, skipped);
    let Some((head, rows)) = rows.split_first() else {
        return faults.warning(&whole, "", "is empty");
    };
    let headers = head.iter().map(|cell| tidy(&cell.text)).collect();
    let text = Arc::new(Text::new(whole.file, text.clone()).with_headers(headers));
    file.texts.push(text.clone());
    let mut reading = Reading { number: file.texts.len() - 1, file, text: &text, ruler: Ruler::new(&text), sheet };
    let Some(columns) = reading.columns(head, faults) else {
        file.unreadable = true;
        return;
    };
    let tables: Vec<Value> = rows.iter().filter_map(|row| reading.row(row, &columns, faults)).collect();
    if tables.is_empty() {
        return;
    }
    let tables = Value::new(None, ValueKind::Array(tables));
    let root = Map::from_iter([(sheet.table.to_string(), tables)]);
    layers::add(file, Value::new(None, ValueKind::Table(root)), faults);
}

/// The text, and the encoding it was in where that is not the one that is meant.
fn decode(bytes: &[u8]) -> Result<(String, Option<&'static str>), String> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, wrong) = encoding.decode_without_bom_handling(&bytes[mark..]);
        let found = (encoding != UTF_8).then(|| encoding.name());
        return if wrong { Err(format!("is not {} throughout", encoding.name())) } else { Ok((text.into(), found)) };
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok((text.to_string(), None));
    }
    match GBK.decode_without_bom_handling(bytes) {
        (text, false) => Ok((text.into(), Some("GBK"))),
        _ => Err("is neither UTF-8 nor GBK; save it as \"CSV UTF-8\"".into()),
    }
}

/// Where the table begins, and what stands between its cells: Excel may say it in a line of its own, `sep=;`.
fn separator(text: &str) -> (usize, u8) {
    let first = text.lines().next().unwrap_or_default();
    if let Some(&[separator]) = first.trim_end().strip_prefix("sep=").map(str::as_bytes) {
        return (text.find('\n').map_or(text.len(), |at| at + 1), separator);
    }
    let count = |separator: u8| {
        let mut quoted = false;
        let of = |byte: u8| {
            quoted ^= byte == b'"';
            !quoted && byte == separator
        };
        first.bytes().map(of).filter(|found| *found).count()
    };
    // Of equals the last: a comma is what most write.
    (0, [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b','))
}

/// What is in a cell, and where it stands in the file.
struct Found {
    text: String,
    range: std::ops::Range<usize>,
}

type Row = Vec<Found>;

/// All rows but empty ones. `offset`: where the text begins in the file.
fn rows(text: &str, separator: u8, offset: usize) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while let Ok(true) = reader.read_record(&mut record) {
        let from = record.position().and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(0);
        let places = places(text, from, separator);
        let last = places.last().cloned().unwrap_or(from..from);
        let found = |(index, cell): (usize, &str)| {
            let range = places.get(index).cloned().unwrap_or_else(|| last.clone());
            Found { text: cell.to_string(), range: range.start + offset..range.end + offset }
        };
        let row: Row = record.iter().enumerate().map(found).collect();
        let remark = row.first().is_some_and(|cell| cell.text.starts_with('#'));
        if !remark && row.iter().any(|cell| !tidy(&cell.text).is_empty()) {
            rows.push(row);
        }
    }
    rows
}

/// Where the cells of the row stand that begins after the line breaks at `from`.
fn places(text: &str, from: usize, separator: u8) -> Vec<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    while matches!(bytes.get(at), Some(b'\r' | b'\n')) {
        at += 1;
    }
    let (mut places, mut start, mut quoted) = (Vec::new(), at, false);
    loop {
        match bytes.get(at) {
            Some(b'"') => quoted = !quoted,
            Some(byte) if !quoted && *byte == separator => {
                places.push(start..at);
                start = at + 1;
            }
            Some(b'\r' | b'\n') if !quoted => break,
            Some(_) => {}
            None => break,
        }
        at += 1;
    }
    places.push(start..at);
    places
}

/// Without what cannot matter: spaces around, full-width letters and digits, Excel's `="8001"`.
fn tidy(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        '\u{3000}' | '\u{a0}' => ' ',
        other => other,
    };
    let text: String = text.chars().filter(|c| *c != '\u{feff}').map(narrow).collect();
    let text = text.trim();
    let quoted = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    quoted.unwrap_or(text).trim().to_string()
}

/// What a cell says; `None`: nothing.
fn meaning(text: &str, cell: Cell) -> Option<ValueKind> {
    let tidied = tidy(text);
    if tidied.is_empty() {
        return None;
    }
    let whole = tidied.split_once('.').filter(|(whole, rest)| {
        !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit()) && rest.bytes().all(|b| b == b'0')
    });
    let whole = whole.map_or(tidied.as_str(), |(whole, _)| whole);
    Some(match cell {
        Cell::Text => ValueKind::String(text.trim().to_string()),
        Cell::Name => ValueKind::String(whole.to_string()),
        Cell::Number => whole.parse().map_or(ValueKind::String(tidied), ValueKind::I64),
        Cell::YesNo => match tidied.to_lowercase().as_str() {
            "true" | "yes" | "y" | "x" | "1" | "1.0" | "是" | "√" | "✓" | "✔" => ValueKind::Boolean(true),
            "false" | "no" | "n" | "-" | "0" | "0.0" | "否" | "×" => ValueKind::Boolean(false),
            _ => ValueKind::String(tidied),
        },
    })
}

/// A column of the file: what it stands for, and its header.
struct Meant {
    path: Vec<String>,
    cell: Cell,
    header: Span,
}

struct Reading<'a> {
    number: usize,
    file: &'a mut File,
    text: &'a Arc<Text>,
    ruler: Ruler<'a>,
    sheet: &'a Sheet,
}

impl Reading<'_> {
    fn place(&self, span: Span, cell: usize) -> Place {
        let Span { line, column, end } = span;
        Place { file: self.text.name.clone(), line, column, end, text: Some(self.text.clone()), cell: Some(cell) }
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.sheet.table)
    }

    /// `None`: the table cannot be understood. A column that means nothing is no column.
    fn columns(&mut self, head: &[Found], faults: &mut Faults) -> Option<Vec<Option<Meant>>> {
        let known = || self.sheet.columns.iter();
        let names = known().map(Column::name).collect::<Vec<_>>().join(", ");
        let others = if self.sheet.skills { " and one for each skill" } else { "" };
        let mut columns: Vec<Option<Meant>> = Vec::new();
        for (index, found) in head.iter().enumerate() {
            let header = self.ruler.span(found.range.clone());
            let place = self.place(header, index);
            let name = tidy(&found.text);
            let lower = name.to_lowercase();
            let column = known().find(|column| column.key == lower || column.also.contains(&lower.as_str()));
            let meant = match column {
                Some(column) => Some((column.key.split('.').map(str::to_string).collect(), column.cell)),
                None if name.is_empty() => None,
                None if !self.sheet.skills => {
                    let hint = reader::did_you_mean(&lower, known().map(|column| column.key));
                    faults.fault(&place, self.sheet.table, format!("unknown{hint} (known: {names})"));
                    None
                }
                None if parse_need(&name) != Ok(Need::AtLeast(name.as_str().into(), 1)) => {
                    let what = format!(
                        "no skill can have this name: one word is meant, as it is written in a need \
                                        (other columns are {names})"
                    );
                    faults.fault(&place, self.key("skills"), what);
                    None
                }
                None => {
                    let near = known().find(|column| strsim::damerau_levenshtein(column.key, &lower) == 1);
                    if let Some(near) = near {
                        let what = format!("is taken for a skill; did you mean `{}`?", near.key);
                        faults.warning(&place, self.key("skills"), what);
                    }
                    Some((vec!["skills".to_string(), name], Cell::Number))
                }
            };
            let meant = meant.map(|(path, cell)| Meant { path, cell, header });
            let first =
                columns.iter().flatten().find(|other| meant.as_ref().is_some_and(|meant| meant.path == other.path));
            if let (Some(first), Some(meant)) = (first, &meant) {
                let what = format!("is there already, in line {}, column {}", first.header.line, first.header.column);
                faults.fault(&place, self.key(&meant.path.join(".")), what);
            }
            columns.push(meant);
        }
        if columns.iter().flatten().any(|meant| meant.path == ["id"]) {
            return Some(columns);
        }
        let line = Span { end: self.text.line(1).map_or(1, |line| line.chars().count() + 1), ..self.ruler.span(0..0) };
        let place = Place { cell: None, ..self.place(line, 0) };
        let what = format!("the column `id` is missing: the first line names the columns, {names}{others}");
        faults.fault(&place, self.sheet.table, what);
        None
    }

    /// A row as a table.
    fn row(&mut self, row: &[Found], columns: &[Option<Meant>], faults: &mut Faults) -> Option<Value> {
        let mut entries: Map<String, Value> = Map::new();
        for (index, found) in row.iter().enumerate() {
            let value = self.ruler.span(found.range.clone());
            let Some(meant) = columns.get(index).and_then(Option::as_ref) else {
                if !tidy(&found.text).is_empty() && columns.get(index).is_none() {
                    let what = "is beyond the last column: is a cell with a separator in it without quotes?";
                    faults.fault(&self.place(value, index), self.sheet.table, what);
                }
                continue;
            };
            let Some(kind) = meaning(&found.text, meant.cell) else { continue };
            // Somebody who cannot do a thing at all has not the skill.
            let is_skill = meant.path.len() == 2 && meant.path[0] == "skills";
            let none = matches!(&kind, ValueKind::I64(0)) || matches!(&kind, ValueKind::String(text) if text == "-");
            if is_skill && none {
                continue;
            }
            let spot = Spot { text: self.number, value, key: meant.header, cell: Some(index) };
            let value = self.file.value(spot, kind);
            match &meant.path[..] {
                [outer, inner] => {
                    let there = entries.entry(outer.clone());
                    let there = there.or_insert_with(|| self.file.value(spot, ValueKind::Table(Map::new())));
                    if let ValueKind::Table(inside) = &mut there.kind {
                        inside.insert(inner.clone(), value);
                    }
                }
                path => drop(path.first().map(|key| entries.insert(key.clone(), value))),
            }
        }
        let (first, last) = (row.first()?, row.last()?);
        let value = self.ruler.span(first.range.start..last.range.end);
        let spot = Spot { text: self.number, value, key: value, cell: None };
        Some(self.file.value(spot, ValueKind::Table(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_do_to_cells_is_undone() {
        for (text, tidied) in [("　５ ", "5"), ("=\"8001\"", "8001"), (" ｍandarin\u{a0}", "mandarin"), ("  ", "")] {
            assert_eq!(tidy(text), tidied);
        }
        let table = [
            ("8001.0", Cell::Name, Some(ValueKind::String("8001".into()))),
            ("8001.5", Cell::Name, Some(ValueKind::String("8001.5".into()))),
            ("５.0", Cell::Number, Some(ValueKind::I64(5))),
            ("five", Cell::Number, Some(ValueKind::String("five".into()))),
            (" 是", Cell::YesNo, Some(ValueKind::Boolean(true))),
            ("perhaps", Cell::YesNo, Some(ValueKind::String("perhaps".into()))),
            (" ", Cell::YesNo, None),
            (" 王　芳 ", Cell::Text, Some(ValueKind::String("王　芳".into()))),
        ];
        for (text, cell, meant) in table {
            assert_eq!(meaning(text, cell), meant, "{text}");
        }
    }

    #[test]
    fn separators_are_recognised() {
        let table: [(&str, (usize, u8)); 6] = [
            ("id,name\n", (0, b',')),
            ("id;name;\"a,b,c\"\n", (0, b';')),
            ("id\tname\n", (0, b'\t')),
            ("sep=;\r\nid;name", (7, b';')),
            ("id\n", (0, b',')),
            ("", (0, b',')),
        ];
        for (text, expected) in table {
            assert_eq!(separator(text), expected, "{text:?}");
        }
    }

    #[test]
    fn cells_know_their_places() {
        let text = "id,name\r\n\r\n1,\"a, \"\"b\"\"\nc\",x\r\n";
        let rows = rows(text, b',', 0);
        let told: Vec<Vec<(&str, &str)>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| (cell.text.as_str(), &text[cell.range.clone()])).collect())
            .collect();
        assert_eq!(told[0], [("id", "id"), ("name", "name")]);
        assert_eq!(told[1], [("1", "1"), ("a, \"b\"\nc", "\"a, \"\"b\"\"\nc\""), ("x", "x")]);
    }
}
