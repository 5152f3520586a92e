//! The text of one file, to be quoted, and its lines and columns.

use std::cell::Cell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Span;

/// A configuration file is typed by hand: a larger one is a mistake.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// What was read, under its name for people.
#[derive(Debug)]
pub struct Text {
    pub name: Arc<str>,
    text: String,
    /// Offset of each line's first byte.
    lines: Vec<usize>,
    /// Of a table, what stands above its columns.
    headers: Vec<String>,
}

/// Reads a file, or says why it cannot be read.
pub fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_FILE => {
            Err(format!("has {} bytes; at most {MAX_FILE} are read", metadata.len()))
        }
        _ => std::fs::read(path).map_err(|error| format!("cannot be read: {error}")),
    }
}

impl Text {
    pub fn new(name: Arc<str>, text: String) -> Text {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Text { name, text, lines, headers: Vec::new() }
    }

    pub fn with_headers(self, headers: Vec<String>) -> Text {
        Text { headers, ..self }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A line, from 1. What is not in lines, a variable of the environment, is all in line 0.
    pub fn line(&self, number: usize) -> Option<&str> {
        if number == 0 {
            return (!self.text.is_empty() && self.lines.len() == 1).then_some(&self.text);
        }
        let start = *self.lines.get(number - 1)?;
        let end = self.lines.get(number).map_or(self.text.len(), |next| next - 1);
        self.text.get(start..end).map(|line| line.trim_end_matches('\r'))
    }

    /// What stands above a column of a table.
    pub fn header(&self, cell: usize) -> Option<&str> {
        self.headers.get(cell).map(String::as_str)
    }
}

/// Turns byte offsets into lines and columns. Asked for offsets that go upwards it reads each line once.
pub struct Ruler<'a> {
    text: &'a Text,
    /// Start of a line, and an offset in it with its column: counting goes on from there.
    last: Cell<(usize, usize, usize)>,
}

impl<'a> Ruler<'a> {
    pub fn new(text: &'a Text) -> Self {
        Ruler { text, last: Cell::new((0, 0, 1)) }
    }

    /// What goes on after the end of its line ends there.
    pub fn span(&self, range: Range<usize>) -> Span {
        let line = self.text.lines.partition_point(|start| *start <= range.start);
        let start = self.text.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.column(start, range.start);
        let break_at = self.text.lines.get(line).map_or(self.text.text.len(), |next| next - 1);
        let within = self.text.text.get(range.start..range.end.min(break_at)).unwrap_or_default();
        Span { line, column, end: column + within.trim_end().chars().count().max(1) }
    }

    /// From 1, in characters.
    fn column(&self, line: usize, at: usize) -> usize {
        let (last_line, last_at, last_column) = self.last.get();
        let (from, before) = if last_line == line && last_at <= at { (last_at, last_column) } else { (line, 1) };
        let column = before + self.text.text.get(from..at).map_or(0, |between| between.chars().count());
        self.last.set((line, at, column));
        column
    }
}
