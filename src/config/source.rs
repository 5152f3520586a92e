//! The files as trees in which every value knows its place, and the environment above them.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Config, ConfigError, Environment, Map, Source, Value, ValueKind};
use toml_edit::{Document, Item, TableLike};

use super::fault::{Faults, Place};

/// Keys whose values in the environment are lists, separated by commas.
const LISTS: [&str; 2] = ["sip.listen", "media.codecs"];
const ENVIRONMENT: &str = "the environment";
/// A configuration file is typed by hand: a larger one is a mistake.
const MAX_FILE: u64 = 16 * 1024 * 1024;

pub struct Files {
    pub hotline: File,
    pub menu: File,
    pub queues: File,
    pub operators: File,
    pub schedules: File,
}

/// One file: its name for people, and what is in it.
pub struct File {
    pub name: String,
    pub root: Value,
    /// The same without the environment.
    pub written: Value,
    /// Nothing is known of what the file was meant to say.
    pub unreadable: bool,
}

impl Files {
    pub fn read(dir: &Path, environment: BTreeMap<String, String>, faults: &mut Faults) -> Files {
        let mut hotline = File::read(dir, "hotline.toml", false, faults);
        hotline.overlay(environment, faults);
        Files {
            hotline,
            menu: File::read(dir, "menu.toml", true, faults),
            queues: File::read(dir, "queues.toml", true, faults),
            operators: File::read(dir, "operators.toml", true, faults),
            schedules: File::read(dir, "schedules.toml", false, faults),
        }
    }
}

impl File {
    fn read(dir: &Path, name: &str, required: bool, faults: &mut Faults) -> File {
        let path = dir.join(name);
        if !required && !path.exists() {
            let nothing = Value::new(None, ValueKind::Table(Map::new()));
            return File {
                name: path.display().to_string(),
                root: nothing.clone(),
                written: nothing,
                unreadable: false,
            };
        }
        File::open(&path, faults)
    }

    /// Reads a file that must be there.
    pub fn open(path: &Path, faults: &mut Faults) -> File {
        let nothing = Value::new(None, ValueKind::Table(Map::new()));
        let mut file =
            File { name: path.display().to_string(), root: nothing.clone(), written: nothing, unreadable: true };
        let text = match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() > MAX_FILE => {
                faults.fault(&file.whole(), "", format!("has {} bytes; at most {MAX_FILE} are read", metadata.len()));
                return file;
            }
            _ => match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) => {
                    faults.fault(&file.whole(), "", format!("cannot be read: {error}"));
                    return file;
                }
            },
        };
        match Document::parse(text.as_str()) {
            Ok(document) => {
                file.root = Places::of(&text).table(document.as_table(), None, None);
                file.written = file.root.clone();
                file.unreadable = false;
            }
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                let (line, column) = Places::of(&text).line_and_column(at);
                let place = Place { file: file.name.clone(), line, column };
                faults.fault(&place, "", error.message().replace('\n', "; "));
            }
        }
        file
    }

    /// `HOTLINE__SIP__LISTEN=…` goes above `sip.listen`.
    fn overlay(&mut self, environment: BTreeMap<String, String>, faults: &mut Faults) {
        let mut above = Environment::with_prefix("HOTLINE")
            .prefix_separator("__")
            .separator("__")
            .list_separator(",")
            .try_parsing(true)
            .source(Some(environment.into_iter().collect()));
        for list in LISTS {
            above = above.with_list_parse_key(list);
        }
        let layered = Config::builder().add_source(Tree(self.root.clone())).add_source(above).build();
        match layered {
            Ok(config) => self.root = config.cache,
            Err(error) => faults.fault(&self.whole(), "", format!("the environment cannot be laid over it: {error}")),
        }
    }

    /// The file as a whole.
    pub fn whole(&self) -> Place {
        Place { file: self.name.clone(), line: 0, column: 0 }
    }

    /// Where a value is written.
    pub fn place(&self, value: &Value) -> Place {
        self.numbers(value, 0)
    }

    /// Where its key is written.
    pub fn key_place(&self, value: &Value) -> Place {
        self.numbers(value, 2)
    }

    fn numbers(&self, value: &Value, first: usize) -> Place {
        let Some(origin) = value.origin() else { return self.whole() };
        let mut numbers = origin.split(':').skip(first).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(line)), Some(Ok(column))) => Place { file: self.name.clone(), line, column },
            _ => Place { file: ENVIRONMENT.into(), line: 0, column: 0 },
        }
    }
}

#[derive(Clone, Debug)]
struct Tree(Value);

impl Source for Tree {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        self.0.clone().into_table()
    }
}

/// Turns byte offsets into lines and columns; a value's origin is `line:column:line of key:column of key`.
struct Places<'a> {
    text: &'a str,
    /// Offset of each line's first byte.
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(breaks).collect() }
    }

    /// Both from 1; columns count characters.
    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(1, |before| before.chars().count() + 1);
        (line, column)
    }

    fn origin(&self, value: Option<usize>, key: Option<usize>) -> Option<String> {
        let value = value.or(key)?;
        let ((line, column), (key_line, key_column)) =
            (self.line_and_column(value), self.line_and_column(key.unwrap_or(value)));
        Some(format!("{line}:{column}:{key_line}:{key_column}"))
    }

    fn table(&self, table: &dyn TableLike, at: Option<usize>, key: Option<usize>) -> Value {
        let mut entries = Map::new();
        for (name, item) in table.iter() {
            let key = table.get_key_value(name).and_then(|(key, _)| key.span()).map(|span| span.start);
            entries.insert(name.to_string(), self.item(item, key));
        }
        Value::new(self.origin(at, key).as_ref(), ValueKind::Table(entries))
    }

    fn item(&self, item: &Item, key: Option<usize>) -> Value {
        let at = item.span().map(|span| span.start);
        match item {
            Item::None => Value::new(None, ValueKind::Nil),
            Item::Table(table) => self.table(table, at, key),
            Item::ArrayOfTables(tables) => {
                let each = tables.iter().map(|table| self.table(table, table.span().map(|span| span.start), key));
                Value::new(self.origin(at, key).as_ref(), ValueKind::Array(each.collect()))
            }
            Item::Value(value) => self.value(value, key),
        }
    }

    fn value(&self, value: &toml_edit::Value, key: Option<usize>) -> Value {
        use toml_edit::Value as Toml;
        let at = value.span().map(|span| span.start);
        let kind = match value {
            Toml::String(text) => ValueKind::String(text.value().clone()),
            Toml::Integer(number) => ValueKind::I64(*number.value()),
            Toml::Float(number) => ValueKind::Float(*number.value()),
            Toml::Boolean(yes) => ValueKind::Boolean(*yes.value()),
            Toml::Datetime(time) => ValueKind::String(time.value().to_string()),
            Toml::Array(array) => ValueKind::Array(array.iter().map(|value| self.value(value, None)).collect()),
            Toml::InlineTable(table) => return self.table(table, at, key),
        };
        Value::new(self.origin(at, key).as_ref(), kind)
    }
}
