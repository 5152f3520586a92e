//! The files as trees in which every value knows its place: each with what its folder adds, the environment above.

pub mod environment;
mod layers;
pub mod sheet;
mod text;
mod toml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use config::{Map, Value, ValueKind};

use super::fault::{Faults, Place};
use super::written;
pub use text::Text;

/// Whether the house can do without a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Optional,
    Required,
}

/// The table of all files: each is `NAME.toml` with `NAME.d/*.toml`, and its written form gives the schema. Tables
/// that spreadsheets save are in `sheet.rs`.
macro_rules! files {
    ($($name:ident: $need:ident, $written:ty;)*) => {
        /// All files of a folder.
        pub struct Files {
            $(pub $name: File,)*
        }

        impl Files {
            pub fn read(dir: &Path, environment: &BTreeMap<String, String>, faults: &mut Faults) -> Files {
                let mut files = Files { $($name: File::read(dir, stringify!($name), Need::$need, faults),)* };
                let schemas = schemas();
                for (file, (_, schema)) in [$(&mut files.$name,)*].into_iter().zip(schemas) {
                    layers::check_top(file, schema, faults);
                }
                environment::lay(&mut [$(&mut files.$name,)*], schemas, environment, faults);
                files
            }
        }

        /// The schema of each file; made once.
        pub fn schemas() -> &'static [(&'static str, schemars::Schema)] {
            static MADE: LazyLock<Vec<(&'static str, schemars::Schema)>> =
                LazyLock::new(|| vec![$((stringify!($name), schemars::schema_for!($written)),)*]);
            &MADE
        }
    };
}

files! {
    hotline: Optional, written::HotlineFile;
    menu: Required, written::MenuFile;
    queues: Required, written::QueuesFile;
    operators: Required, written::OperatorsFile;
    schedules: Optional, written::SchedulesFile;
}

/// One file with what is added to it.
pub struct File {
    /// Its name for people.
    pub name: Arc<str>,
    pub root: Value,
    /// Something of it could not be read: what is not in the tree may still be meant.
    pub unreadable: bool,
    /// Tables that are probably there under a wrong name: who refers to them is not at fault.
    pub misspelt: Vec<String>,
    texts: Vec<Arc<Text>>,
    spots: Vec<Spot>,
}

/// Where a value stands, and where its key; a value's origin is its number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spot {
    text: usize,
    value: Span,
    key: Span,
    /// In a table, the column it stands in.
    cell: Option<usize>,
}

/// A line and the columns from the first character to the one after the last; all from 1, 0 as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    line: usize,
    column: usize,
    end: usize,
}

impl File {
    fn read(dir: &Path, name: &str, need: Need, faults: &mut Faults) -> File {
        let path = dir.join(format!("{name}.toml"));
        let mut file = File::empty(&path);
        let more = added(&dir.join(format!("{name}.d")), "toml", &mut file, faults);
        let mut sheets = Vec::new();
        for sheet in sheet::SHEETS.iter().filter(|sheet| sheet.of == name) {
            let alone = dir.join(format!("{}.csv", sheet.name));
            sheets.extend(alone.exists().then_some((sheet, alone)));
            let more = added(&dir.join(format!("{}.d", sheet.name)), "csv", &mut file, faults);
            sheets.extend(more.into_iter().map(|path| (sheet, path)));
        }
        if path.exists() || need == Need::Required && more.is_empty() && sheets.is_empty() {
            toml::add(&mut file, &path, faults);
        }
        for path in more {
            toml::add(&mut file, &path, faults);
        }
        for (sheet, path) in sheets {
            sheet::add(&mut file, &path, sheet, faults);
        }
        file
    }

    /// Reads one file that must be there.
    pub fn open(path: &Path, faults: &mut Faults) -> File {
        let mut file = File::empty(path);
        toml::add(&mut file, path, faults);
        file
    }

    fn empty(path: &Path) -> File {
        File {
            name: path.display().to_string().into(),
            root: Value::new(None, ValueKind::Table(Map::new())),
            unreadable: false,
            misspelt: Vec::new(),
            texts: Vec::new(),
            spots: Vec::new(),
        }
    }

    /// Whether everything that was written could be read.
    pub fn is_complete(&self) -> bool {
        !self.unreadable && self.misspelt.is_empty()
    }

    /// The file as a whole.
    pub fn whole(&self) -> Place {
        Place { file: self.name.clone(), ..Place::default() }
    }

    /// Where a value is written.
    pub fn place(&self, value: &Value) -> Place {
        self.spot(value).map_or_else(|| self.whole(), |spot| self.place_of(spot, spot.value))
    }

    /// Where its key is written.
    pub fn key_place(&self, value: &Value) -> Place {
        self.spot(value).map_or_else(|| self.whole(), |spot| self.place_of(spot, spot.key))
    }

    fn place_of(&self, spot: &Spot, span: Span) -> Place {
        let text = self.texts.get(spot.text);
        Place {
            file: text.map_or_else(|| self.name.clone(), |text| text.name.clone()),
            line: span.line,
            column: span.column,
            end: span.end,
            text: text.cloned(),
            cell: spot.cell,
        }
    }

    fn spot(&self, value: &Value) -> Option<&Spot> {
        self.spots.get(value.origin()?.parse::<usize>().ok()?)
    }

    /// A value that stands there.
    fn value(&mut self, spot: Spot, kind: ValueKind) -> Value {
        self.spots.push(spot);
        Value::new(Some(&(self.spots.len() - 1).to_string()), kind)
    }
}

/// The files in a folder beside a file, in the order of their names; those that editors leave are not meant.
fn added(folder: &Path, ending: &str, file: &mut File, faults: &mut Faults) -> Vec<PathBuf> {
    if !folder.exists() {
        return Vec::new();
    }
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            paths.retain(|path| !hidden(path) && path.extension().is_some_and(|found| found == ending));
            paths.sort();
            paths
        }
        Err(error) => {
            file.unreadable = true;
            let place = Place { file: folder.display().to_string().into(), ..Place::default() };
            faults.fault(&place, "", format!("cannot be read: {error}"));
            Vec::new()
        }
    }
}
