//! Every key of the files, from the doc comment on its field: for `hotline config reference`, and for the tests that
//! hold the comments to what they say.

use std::fmt::Write;

use serde::Serialize;

use super::forms::Forms;
use super::source::environment::{IDS, in_capitals};
use super::{reader, source};

/// Tables within tables: what lies deeper is a mistake.
const DEEPEST: usize = 8;

/// One key.
#[derive(Clone, Debug, Serialize)]
pub struct Key {
    /// Its full name, e.g. `queue.callback.ring`.
    pub key: String,
    /// In which file it is written.
    pub file: String,
    /// What may be written, e.g. `text`, `whole number`, `list of texts`, `tables`.
    pub kind: String,
    /// The texts that are allowed, where they are listed.
    pub words: Vec<String>,
    pub required: bool,
    /// As one would write it, where there is one value.
    pub default: Option<String>,
    /// The least and the most, as one would write them.
    pub bounds: Option<(String, String)>,
    /// The variable of the environment that stands for it.
    pub variable: String,
    /// Meaning, unit, bounds and default.
    pub meaning: String,
}

/// All keys, file by file.
pub fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    for (name, schema) in source::schemas() {
        let forms = Forms::of(schema.as_value());
        let mut walk = Walk { file: format!("{name}.toml"), keys: &mut keys };
        walk.inside(&forms, &["", "HOTLINE"], 0);
    }
    keys
}

/// The key of this name with all that are inside it, or those near to it.
pub fn find(name: &str) -> Result<Vec<Key>, String> {
    let keys = keys();
    let inside = format!("{name}.");
    let found: Vec<Key> = keys.iter().filter(|key| key.key == name || key.key.starts_with(&inside)).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    // Somebody may know the last word only.
    let last = |key: &Key| key.key.rsplit('.').next() == Some(name);
    let alike: Vec<Key> = keys.iter().filter(|key| last(key)).cloned().collect();
    if !alike.is_empty() {
        return Ok(alike);
    }
    Err(match reader::did_you_mean(name, keys.iter().map(|key| key.key.as_str())) {
        hint if hint.is_empty() => format!("there is no key `{name}`; `hotline config reference` tells all"),
        hint => format!("there is no key `{name}`{hint}"),
    })
}

/// For people on a terminal.
pub fn text(keys: &[Key]) -> String {
    let mut text = String::new();
    let mut file = "";
    for key in keys {
        if key.file != file {
            file = &key.file;
            let _ = writeln!(text, "{}# {file}\n", if text.is_empty() { "" } else { "\n" });
        }
        let _ = writeln!(text, "{}  ({})", key.key, key.facts());
        for line in folded(&key.meaning, 96) {
            let _ = writeln!(text, "    {line}");
        }
        if !key.is_table() {
            let _ = writeln!(text, "    {}", key.variable);
        }
        text.push('\n');
    }
    text.trim_end().to_string()
}

/// A page for a book.
pub fn markdown(keys: &[Key]) -> String {
    let mut text = String::from("# Reference\n");
    let mut file = "";
    for key in keys {
        if key.file != file {
            file = &key.file;
            let _ = writeln!(text, "\n## {file}\n\n| key | | meaning |\n|---|---|---|");
        }
        let meaning = key.meaning.replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {} | {} |", key.key, key.facts(), meaning);
    }
    text
}

impl Key {
    fn is_table(&self) -> bool {
        self.kind.starts_with("table")
    }

    fn facts(&self) -> String {
        let mut facts = vec![self.kind.clone()];
        if !self.words.is_empty() {
            facts.push(format!("one of {}", self.words.join(", ")));
        }
        if self.required {
            facts.push("required".into());
        }
        facts.extend(self.default.as_ref().map(|default| format!("default {default}")));
        facts.join("; ")
    }
}

struct Walk<'a> {
    file: String,
    keys: &'a mut Vec<Key>,
}

impl Walk<'_> {
    /// `[name, variable]` of the table.
    fn inside(&mut self, forms: &Forms<'_>, of: &[&str; 2], depth: usize) {
        let [prefix, variable] = of;
        let required: Vec<&str> = forms.required().collect();
        for (key, form) in forms.properties() {
            let name = if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
            let inner = forms.key(key);
            let list = inner.items().properties().next().is_some();
            let mut variable = format!("{variable}__{}", in_capitals(key));
            if list {
                // What has no name goes by its place.
                let named = inner.items().properties().any(|(key, _)| IDS.contains(&key));
                variable.push_str(if named { "__ID" } else { "__1" });
            }
            let said = form.get("description").and_then(|text| text.as_str()).map(joined);
            let said = said.or_else(|| inner.description().or_else(|| inner.items().description()).map(joined));
            let meaning = said.unwrap_or_default();
            let kind = kind(&inner);
            // `2 to 8 letters` bounds no value.
            let bounds = bounds(&meaning).filter(|(least, _)| least.starts_with('"') || kind.contains("number"));
            self.keys.push(Key {
                key: name.clone(),
                file: self.file.clone(),
                kind,
                words: inner.words().into_iter().map(str::to_string).collect(),
                required: required.contains(&key),
                default: default(&meaning),
                bounds,
                variable: variable.clone(),
                meaning,
            });
            // One that is in one of its own kind is as that.
            if !prefix.ends_with(&format!(".{key}")) && depth < DEEPEST {
                let inside = if list { inner.items() } else { inner };
                self.inside(&inside, &[&name, &variable], depth + 1);
            }
        }
    }
}

fn kind(forms: &Forms<'_>) -> String {
    let items = forms.items();
    let of_items = if items.is_empty() { "values".to_string() } else { format!("{}s", kind(&items)) };
    let kinds = [
        ("string", "text".to_string()),
        ("integer", "whole number".into()),
        ("number", "number".into()),
        ("boolean", "true or false".into()),
        ("array", if items.properties().next().is_some() { "tables".into() } else { format!("list of {of_items}") }),
        ("object", "table".into()),
    ];
    let kinds: Vec<String> = kinds.into_iter().filter(|(kind, _)| forms.may_be(kind)).map(|(_, told)| told).collect();
    kinds.join(" or ")
}

fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The value after `Default`, if one is written there.
fn default(meaning: &str) -> Option<String> {
    let rest = &meaning[meaning.rfind("Default ")? + "Default ".len()..];
    let value = match rest.chars().next()? {
        '"' => &rest[..rest[1..].find('"')? + 2],
        '[' | '{' => {
            let mut depth = 0;
            let end = rest.char_indices().find(|(_, c)| {
                depth += match c {
                    '[' | '{' => 1,
                    ']' | '}' => -1,
                    _ => 0,
                };
                depth == 0
            });
            &rest[..=end?.0]
        }
        _ => rest.split([' ', ':', ';', ',']).next()?.trim_end_matches('.'),
    };
    let known = value.starts_with(['"', '[', '{', '-']) || matches!(value, "true" | "false");
    (known || value.starts_with(|c: char| c.is_ascii_digit())).then(|| value.to_string())
}

/// `"1s" to "5m"`, `1 to 8`.
fn bounds(meaning: &str) -> Option<(String, String)> {
    let words: Vec<&str> = meaning.split_whitespace().collect();
    let value = |word: &str| {
        let word = word.trim_end_matches(['.', ',', ';', ':', ')']).trim_start_matches('(');
        let quoted = word.strip_prefix('"').and_then(|word| word.strip_suffix('"'));
        let good = match quoted {
            Some(time) => time.starts_with(|c: char| c.is_ascii_digit()) && super::parse_time(time).is_ok(),
            None => word.parse::<f64>().is_ok(),
        };
        good.then(|| word.to_string())
    };
    words.windows(3).filter(|words| words[1] == "to").find_map(|words| value(words[0]).zip(value(words[2])))
}

/// Lines of at most so many characters, broken between words.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_bounds_are_read_from_the_comment() {
        let table = [
            ("How long. \"1s\" to \"5m\". Default \"20s\".", Some("\"20s\""), Some(("\"1s\"", "\"5m\""))),
            ("\"0s\" to \"1h\". Default \"0s\": everybody counts.", Some("\"0s\""), Some(("\"0s\"", "\"1h\""))),
            ("-1000 to 1000. Default 1.", Some("1"), Some(("-1000", "1000"))),
            ("Default [\"udp:127.0.0.1:5060\", \"b\"].", Some("[\"udp:127.0.0.1:5060\", \"b\"]"), None),
            ("Default false.", Some("false"), None),
            ("Default: none.", None, None),
            ("Default both.", None, None),
            ("`wrap_up` to \"1h\". From here to there.", None, None),
        ];
        for (meaning, expected, ends) in table {
            assert_eq!(default(meaning).as_deref(), expected, "{meaning}");
            let ends = ends.map(|(least, most): (&str, &str)| (least.to_string(), most.to_string()));
            assert_eq!(bounds(meaning), ends, "{meaning}");
        }
    }

    #[test]
    fn a_key_is_found_by_its_name_and_by_its_last_word() {
        let told = |name: &str| find(name).unwrap().into_iter().map(|key| key.key).collect::<Vec<_>>();
        assert_eq!(told("queue.ring"), ["queue.ring"]);
        assert!(told("queue.callback").contains(&"queue.callback.attempts".to_string()));
        assert_eq!(told("max_calls"), ["sip.max_calls"]);
        let unknown = find("queue.rnig").unwrap_err();
        assert!(unknown.contains("did you mean `queue.ring`?"), "{unknown}");
        let all = text(&keys());
        assert!(all.contains("HOTLINE__QUEUE__ID__RING") && all.contains("HOTLINE__SIP__LISTEN"), "{all}");
        for by_place in ["HOTLINE__WEB__WEBHOOK__1__URL", "HOTLINE__QUEUE__ID__STEP__1__AFTER"] {
            assert!(all.contains(by_place), "{by_place}: {all}");
        }
        assert!(markdown(&keys()).contains("| `sip.max_calls` |"));
    }

    #[test]
    fn every_key_says_what_it_means() {
        let silent: Vec<String> = keys().into_iter().filter(|key| key.meaning.is_empty()).map(|key| key.key).collect();
        assert!(silent.is_empty(), "keys without a doc comment: {silent:?}");
    }
}
