//! What was taken over, what was approximated and how, and what has no equivalent; each with its line.

use std::fmt;
use std::rc::Rc;

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: Rc<str>,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Taken,
    /// It will do something like it: the note says what.
    Approximated,
    Missing,
    /// The line itself cannot be read.
    Broken,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    pub kind: Kind,
    pub at: Place,
    pub what: String,
}

/// All notes, in the order of files and lines.
#[derive(Clone, Debug, Default)]
pub struct Report(Vec<Note>);

impl Report {
    pub fn taken(&mut self, at: &Place, what: impl Into<String>) {
        self.note(Kind::Taken, at, what);
    }

    pub fn approximated(&mut self, at: &Place, what: impl Into<String>) {
        self.note(Kind::Approximated, at, what);
    }

    pub fn missing(&mut self, at: &Place, what: impl Into<String>) {
        self.note(Kind::Missing, at, what);
    }

    pub fn broken(&mut self, at: &Place, what: impl Into<String>) {
        self.note(Kind::Broken, at, what);
    }

    fn note(&mut self, kind: Kind, at: &Place, what: impl Into<String>) {
        let note = Note { kind, at: at.clone(), what: what.into() };
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    pub fn of(&self, kind: Kind) -> Vec<&Note> {
        let mut notes: Vec<&Note> = self.0.iter().filter(|note| note.kind == kind).collect();
        notes.sort();
        notes
    }

    /// For people, as Markdown.
    pub fn markdown(&self, wanted: &[super::Wanted]) -> String {
        let mut text = String::from("# What was imported\n");
        let chapters = [
            (Kind::Missing, "No equivalent", "Nothing in the files written does this."),
            (Kind::Approximated, "Approximated", "Something like it is there; read whether it will do."),
            (Kind::Broken, "Not understood", "These lines were passed over."),
            (Kind::Taken, "Taken over", ""),
        ];
        if !wanted.is_empty() {
            text.push_str(
                "\n## To be recorded\nEach as a WAV file, 8 or 16 kHz; `prompts.toml` is to hold what each says.\n\n",
            );
            for super::Wanted { language, name, from, at } in wanted {
                text.push_str(&format!("- `{language}/{name}.wav`, in the place of `{from}` ({at})\n"));
            }
        }
        for (kind, title, about) in chapters {
            let notes = self.of(kind);
            if notes.is_empty() {
                continue;
            }
            text.push_str(&format!("\n## {title}\n{about}{}\n", if about.is_empty() { "" } else { "\n" }));
            notes.iter().for_each(|note| text.push_str(&format!("- {}: {}\n", note.at, note.what)));
        }
        text
    }
}
