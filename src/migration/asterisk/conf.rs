//! The syntax of Asterisk's files: sections, templates, appended sections, includes, comments.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::migration::{Place, Report};

/// Files that are included, each time counted.
const MAX_INCLUDES: usize = 1000;

/// One file with all that it includes.
#[derive(Clone, Debug, Default)]
pub struct Conf {
    pub sections: Vec<Section>,
}

#[derive(Clone, Debug)]
pub struct Section {
    pub name: String,
    pub at: Place,
    /// Only others are made of it.
    pub template: bool,
    /// Those of its templates first.
    pub entries: Vec<Entry>,
}

/// `key = value` or `key => value`.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub value: String,
    pub at: Place,
}

impl Conf {
    /// Sections that are no templates, but for `[general]`.
    pub fn named(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| !section.template && section.name != "general")
    }

    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name.eq_ignore_ascii_case(name) && !section.template)
    }
}

impl Section {
    /// The last value of a key: it counts.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.key.eq_ignore_ascii_case(key))
    }

    pub fn value(&self, key: &str) -> Option<&str> {
        self.get(key).map(|entry| entry.value.as_str())
    }

    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.key.eq_ignore_ascii_case(key))
    }
}

/// Reads a file out of all those there are, by name. `None`: it is not there.
pub fn read(name: &str, texts: &BTreeMap<String, String>, report: &mut Report) -> Option<Conf> {
    let text = texts.get(name)?;
    let mut reader = Reader {
        texts,
        report,
        conf: Conf::default(),
        current: None,
        in_comment: false,
        open: Vec::new(),
        included: 0,
    };
    reader.file(name, text);
    Some(reader.conf)
}

struct Reader<'a> {
    texts: &'a BTreeMap<String, String>,
    report: &'a mut Report,
    conf: Conf,
    /// The section that lines belong to.
    current: Option<usize>,
    /// Within `;-- … --;`.
    in_comment: bool,
    /// Files that are being read, the outermost first.
    open: Vec<String>,
    included: usize,
}

impl Reader<'_> {
    fn file(&mut self, name: &str, text: &str) {
        self.open.push(name.to_string());
        let file: Rc<str> = name.into();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let at = Place { file: file.clone(), line: index + 1 };
            let line = self.uncommented(line);
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if let Some(rest) = line.strip_prefix('#') {
                self.directive(rest, &at);
            } else if let Some(rest) = line.strip_prefix('[') {
                self.begin(rest, &at);
            } else {
                self.entry(line, &at);
            }
        }
        self.in_comment = false;
        self.open.pop();
    }

    /// What is left of a line without comments; `\;` is a semicolon.
    fn uncommented(&mut self, line: &str) -> String {
        let mut kept = String::new();
        let mut rest = line;
        while !rest.is_empty() {
            if self.in_comment {
                let Some(end) = rest.find("--;") else { return kept };
                self.in_comment = false;
                rest = &rest[end + 3..];
                continue;
            }
            let Some(at) = rest.find(';') else {
                kept.push_str(rest);
                return kept;
            };
            let (before, after) = (&rest[..at], &rest[at + 1..]);
            if let Some(before) = before.strip_suffix('\\') {
                kept.push_str(before);
                kept.push(';');
                rest = after;
                continue;
            }
            kept.push_str(before);
            match after.strip_prefix("--") {
                Some(inside) if !inside.starts_with('-') => {
                    self.in_comment = true;
                    rest = inside;
                }
                _ => return kept,
            }
        }
        kept
    }

    fn directive(&mut self, text: &str, at: &Place) {
        let (verb, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let name = name.trim().trim_matches(['"', '<', '>']);
        match verb {
            "include" | "tryinclude" => self.include(name, at, verb == "include"),
            "exec" => self.report.missing(at, format!("#exec {name}: what a program would write is not known here")),
            _ => self.report.broken(at, format!("#{verb} is no directive")),
        }
    }

    fn include(&mut self, name: &str, at: &Place, needed: bool) {
        let wanted = name.trim_start_matches("./");
        let wanted = wanted.strip_prefix("/etc/asterisk/").unwrap_or(wanted);
        let found: Vec<(&String, &String)> = self.texts.iter().filter(|(name, _)| matches(wanted, name)).collect();
        if found.is_empty() && needed {
            self.report.broken(at, format!("{name} is not there, or not in the folder"));
        }
        for (name, text) in found {
            self.included += 1;
            if self.open.contains(name) || self.included > MAX_INCLUDES {
                self.report.broken(at, format!("{name} is included within itself, or too often"));
                continue;
            }
            self.file(name, text);
        }
    }

    /// `name](!,template,+)`.
    fn begin(&mut self, text: &str, at: &Place) {
        let Some((name, options)) = text.split_once(']') else {
            return self.report.broken(at, "a section's name ends with ]");
        };
        let options = options.trim().trim_start_matches('(').trim_end_matches(')');
        let mut section = Section { name: name.trim().into(), at: at.clone(), template: false, entries: Vec::new() };
        for option in options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            if option == "!" {
                section.template = true;
            } else if option.starts_with('+') {
                // What follows is added to the section of that name.
                self.current = self.conf.sections.iter().rposition(|earlier| earlier.name == section.name);
                match self.current {
                    Some(_) => return,
                    None => self.report.broken(at, format!("there is no section [{}] to be added to", section.name)),
                }
            } else {
                match self.conf.sections.iter().rev().find(|earlier| earlier.name == option) {
                    Some(template) => section.entries.extend(template.entries.iter().cloned()),
                    None => self.report.broken(at, format!("there is no template [{option}] above")),
                }
            }
        }
        self.current = Some(self.conf.sections.len());
        self.conf.sections.push(section);
    }

    fn entry(&mut self, line: &str, at: &Place) {
        let Some((key, value)) = line.split_once('=') else {
            return self.report.broken(at, format!("found {line:?}; `key = value` is meant"));
        };
        let Some(section) = self.current.and_then(|current| self.conf.sections.get_mut(current)) else {
            return self.report.broken(at, "a line above the first section");
        };
        let value = value.strip_prefix('>').unwrap_or(value).trim();
        let (key, appended) = match key.trim().strip_suffix('+') {
            Some(key) => (key.trim(), true),
            None => (key.trim(), false),
        };
        let earlier = section.entries.iter_mut().rev().find(|entry| entry.key.eq_ignore_ascii_case(key));
        match earlier {
            Some(earlier) if appended => earlier.value.push_str(value),
            _ => section.entries.push(Entry { key: key.into(), value: value.into(), at: at.clone() }),
        }
    }
}

/// A file's name, or a pattern with `*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => {
            let Some(rest) = name.strip_prefix(before) else { return false };
            // A star stands for no part of another folder.
            let ends: Vec<usize> = rest.char_indices().map(|(at, _)| at).chain([rest.len()]).collect();
            ends.into_iter().take_while(|at| !rest[..*at].contains('/')).any(|at| matches(after, &rest[at..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::Kind;

    /// Each entry as `section/key=value@file:line`.
    fn told(files: &[(&str, &str)]) -> (Vec<String>, Report) {
        let texts = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let mut report = Report::default();
        let conf = read(files[0].0, &texts, &mut report).unwrap();
        let mut told = Vec::new();
        for section in conf.sections.iter().filter(|section| !section.template) {
            let entry = |entry: &Entry| format!("{}/{}={}@{}", section.name, entry.key, entry.value, entry.at);
            told.extend(section.entries.iter().map(entry));
        }
        (told, report)
    }

    #[test]
    fn sections_templates_and_comments() {
        let text = "\
; a comment
[base](!)   ; a template
timeout=15
[line](base)
timeout => 20 ; better
announce = hello\\;world
;-- all
[not](!)
of this --;retry = 5
;--- a comment of one line
[other](base,missing)
context = a
context += ,b
[line](+)
maxlen=7
nonsense
";
        let (told, report) = told(&[("queues.conf", text)]);
        assert_eq!(
            told,
            [
                "line/timeout=15@queues.conf:3",
                "line/timeout=20@queues.conf:5",
                "line/announce=hello;world@queues.conf:6",
                "line/retry=5@queues.conf:9",
                "line/maxlen=7@queues.conf:15",
                "other/timeout=15@queues.conf:3",
                "other/context=a,b@queues.conf:12",
            ]
        );
        let broken: Vec<String> = report.of(Kind::Broken).iter().map(|n| format!("{} {}", n.at, n.what)).collect();
        assert_eq!(
            broken,
            [
                "queues.conf:11 there is no template [missing] above",
                "queues.conf:16 found \"nonsense\"; `key = value` is meant",
            ]
        );
    }

    #[test]
    fn files_within_files() {
        let files = [
            (
                "queues.conf",
                "[a]\nx=1\n#include \"queues.d/*.conf\"\n#tryinclude none.conf\n#include gone.conf\n#exec date\n",
            ),
            ("queues.d/b.conf", "[b]\ny=2\n#include /etc/asterisk/queues.conf\n"),
            ("queues.d/deeper/c.conf", "[c]\nz=3\n"),
        ];
        let (told, report) = told(&files);
        assert_eq!(told[..2], ["a/x=1@queues.conf:2", "b/y=2@queues.d/b.conf:2"]);
        assert!(!told.iter().any(|entry| entry.starts_with("c/")), "a star is no slash");
        let broken: Vec<&str> = report.of(Kind::Broken).iter().map(|note| note.what.as_str()).collect();
        assert!(broken.iter().any(|what| what.contains("within itself")), "{broken:?}");
        assert!(broken.iter().any(|what| what.contains("gone.conf is not there")), "{broken:?}");
        assert_eq!(report.of(Kind::Missing).len(), 1);
    }
}
