//! TOML as a tree, and its syntax errors in people's words.

use std::path::Path;
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use toml_edit::{Document, Item, TableLike};

use super::text::{self, Ruler, Text};
use super::{File, Span, Spot, layers};
use crate::config::fault::{Faults, Place};
use crate::config::words;

/// Of a file with more syntax errors the rest is told next time.
const MOST_ERRORS: usize = 20;

/// Reads a file and adds it to what is there.
pub fn add(file: &mut File, path: &Path, faults: &mut Faults) {
    let name: Arc<str> = path.display().to_string().into();
    let whole = Place { file: name.clone(), ..Place::default() };
    let read = text::bytes(path).and_then(|bytes| {
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
            format!("cannot be read: line {} is not UTF-8; save the file as UTF-8", line + 1)
        })?;
        // What some editors write before the first character means nothing.
        Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
    });
    let text = match read {
        Ok(text) => Arc::new(Text::new(name, text)),
        Err(what) => {
            file.unreadable = true;
            return faults.fault(&whole, "", what);
        }
    };
    match Document::parse(text.as_str()) {
        Ok(document) => {
            let number = file.texts.len();
            file.texts.push(text.clone());
            let mut tree = Tree { file, text: number, ruler: Ruler::new(&text) };
            let root = tree.table(document.as_table(), None, None);
            layers::add(file, root, faults);
        }
        Err(_) => {
            file.unreadable = true;
            for (span, what) in errors(&text) {
                let Span { line, column, end } = span;
                let place = Place { file: text.name.clone(), line, column, end, text: Some(text.clone()), cell: None };
                faults.fault(&place, "", what);
            }
        }
    }
}

/// All syntax errors: a line that has one is left out, and the rest is read again.
fn errors(text: &Text) -> Vec<(Span, String)> {
    let ruler = Ruler::new(text);
    let mut rest = text.as_str().to_string();
    let mut errors: Vec<(Span, String)> = Vec::new();
    while errors.len() < MOST_ERRORS {
        let Err(error) = Document::parse(rest.as_str()) else { break };
        let range = error.span().unwrap_or(0..0);
        let start = range.start.min(rest.len());
        // What an unfinished text or list begins on is where the error is, not where the file ends.
        let span = ruler.span(start..range.end.clamp(start, rest.len()));
        // Where a table's name was left out its keys seem to be those of the table before.
        let follows = error.message().starts_with("duplicate key") && !errors.is_empty();
        if !follows {
            errors.push((span, words::syntax(error.message(), text.line(span.line).unwrap_or_default())));
        }
        let from = rest[..start].rfind('\n').map_or(0, |at| at + 1);
        let to = rest[start..].find('\n').map_or(rest.len(), |at| start + at);
        if rest[from..to].trim().is_empty() {
            break;
        }
        rest.replace_range(from..to, &" ".repeat(to - from));
    }
    errors
}

struct Tree<'a> {
    file: &'a mut File,
    text: usize,
    ruler: Ruler<'a>,
}

type Range = std::ops::Range<usize>;

impl Tree<'_> {
    fn made(&mut self, at: Option<Range>, key: Option<Range>, kind: ValueKind) -> Value {
        let Some(value) = at.or_else(|| key.clone()) else { return Value::new(None, kind) };
        // A key stands before its value.
        let key = self.ruler.span(key.unwrap_or_else(|| value.clone()));
        let value = self.ruler.span(value);
        let spot = Spot { text: self.text, value, key, cell: None };
        self.file.value(spot, kind)
    }

    fn table(&mut self, table: &dyn TableLike, at: Option<Range>, key: Option<Range>) -> Value {
        let mut entries = Map::new();
        for (name, item) in table.iter() {
            let key = table.get_key_value(name).and_then(|(key, _)| key.span());
            entries.insert(name.to_string(), self.item(item, key));
        }
        self.made(at, key, ValueKind::Table(entries))
    }

    fn item(&mut self, item: &Item, key: Option<Range>) -> Value {
        match item {
            Item::None => Value::new(None, ValueKind::Nil),
            Item::Table(table) => self.table(table, item.span(), key),
            Item::ArrayOfTables(tables) => {
                let each = tables.iter().map(|table| self.table(table, table.span(), key.clone())).collect();
                self.made(item.span(), key, ValueKind::Array(each))
            }
            Item::Value(value) => self.value(value, key),
        }
    }

    fn value(&mut self, value: &toml_edit::Value, key: Option<Range>) -> Value {
        use toml_edit::Value as Toml;
        let kind = match value {
            Toml::String(text) => ValueKind::String(text.value().clone()),
            Toml::Integer(number) => ValueKind::I64(*number.value()),
            Toml::Float(number) => ValueKind::Float(*number.value()),
            Toml::Boolean(yes) => ValueKind::Boolean(*yes.value()),
            Toml::Datetime(time) => ValueKind::String(time.value().to_string()),
            Toml::Array(array) => ValueKind::Array(array.iter().map(|value| self.value(value, None)).collect()),
            Toml::InlineTable(table) => return self.table(table, value.span(), key),
        };
        self.made(value.span(), key, kind)
    }
}

/// One value as it is written after a `=`; its places are not kept.
pub fn value(text: &str) -> Result<ValueKind, String> {
    let read: toml_edit::Value =
        text.parse().map_err(|error: toml_edit::TomlError| words::syntax(error.message(), text))?;
    let mut file = File::empty(Path::new(""));
    let nothing = Text::new("".into(), text.to_string());
    let mut tree = Tree { file: &mut file, text: 0, ruler: Ruler::new(&nothing) };
    Ok(tree.value(&read, None).kind)
}
