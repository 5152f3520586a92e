//! Secrets in the texts of the files: a mask is shown in the place of each, and stands for it when it is sent back.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use crate::config::MASK;
use crate::http::NotDone;

/// The files of a version, by their names.
pub type Kept = BTreeMap<String, Vec<u8>>;

/// Keys whose values are not for the eyes of everybody who may look at the files.
const KEYS: [&str; 4] = ["secret", "md5", "sha256", "credential"];
/// In tables of spreadsheets nothing is told from a secret.
const TABLE: &str = "(not shown: it holds secrets)";
/// Versions whose masks are sent in at once.
const VERSIONS: usize = 8;
/// What is shorter is a part of many words.
const SHORTEST: usize = 4;

/// A secret in a text, its quotes included.
struct Place {
    key: &'static str,
    range: Range<usize>,
}

/// The texts of a version. A mask says of which version it is and which secret, so that it stands for that one alone,
/// also where its line moves to another place or another file.
pub fn masked(version: u64, files: &Kept) -> BTreeMap<String, String> {
    let mut number = 0;
    let mut shown = BTreeMap::new();
    for (name, content) in files {
        let text = shown_with(name, content, || {
            number += 1;
            format!("\"{MASK}{version}.{number}\"")
        });
        shown.insert(name.clone(), text);
    }
    shown
}

/// The same with masks that stand for nothing: to be compared.
pub fn blank(files: Kept) -> Kept {
    let one = |(name, content): (String, Vec<u8>)| {
        let text = shown_with(&name, &content, || format!("\"{MASK}\""));
        (name, text.into_bytes())
    };
    files.into_iter().map(one).collect()
}

fn shown_with(name: &str, content: &[u8], mut mask: impl FnMut() -> String) -> String {
    if is_secret_table(name) {
        return format!("{TABLE}\n");
    }
    let text = String::from_utf8_lossy(content);
    let (mut shown, mut from) = (String::with_capacity(text.len()), 0);
    for Place { range, .. } in places(&text) {
        shown.push_str(&text[from..range.start]);
        shown.push_str(&mask());
        from = range.end;
    }
    shown.push_str(&text[from..]);
    shown
}

/// What masks stood for.
#[derive(Debug)]
pub struct Unmasked {
    pub files: BTreeMap<String, String>,
    secrets: Vec<String>,
}

/// Files that were sent in, with what their masks stand for. `kept` reads the files of a version.
pub fn unmasked(
    files: BTreeMap<String, String>,
    mut kept: impl FnMut(u64) -> Result<Kept, NotDone>,
) -> Result<Unmasked, NotDone> {
    let mut known: BTreeMap<u64, Vec<(&'static str, String)>> = BTreeMap::new();
    let mut done = Unmasked { files: BTreeMap::new(), secrets: Vec::new() };
    for (name, text) in files {
        if is_secret_table(&name) && text.contains(TABLE) {
            if text.trim() != TABLE {
                let what = format!("files: {name} holds secrets that are not shown: it is sent as it was, or whole");
                return Err(NotDone::Nonsense(what));
            }
            // It is as it is in force.
            continue;
        }
        let (mut whole, mut from) = (String::with_capacity(text.len()), 0);
        for Place { key, range } in places(&text) {
            let Some(mask) = text[range.clone()].trim_matches(['"', '\'']).strip_prefix(MASK) else { continue };
            let for_nothing = || {
                let line = text[..range.start].matches('\n').count() + 1;
                NotDone::Nonsense(format!(
                    "files: {name}:{line}: this mask of `{key}` stands for nothing; GET /config has those that are in \
                     force"
                ))
            };
            let (version, number) = mask.split_once('.').ok_or_else(for_nothing)?;
            let version: u64 = version.parse().map_err(|_| for_nothing())?;
            let number: usize = number.parse().map_err(|_| for_nothing())?;
            let is_new = !known.contains_key(&version);
            if is_new && known.len() >= VERSIONS {
                return Err(NotDone::Nonsense(format!("files: masks of more than {VERSIONS} versions")));
            }
            if is_new {
                known.insert(version, secrets(&kept(version)?));
            }
            let found = known.get(&version).and_then(|all| all.get(number.checked_sub(1)?));
            let (_, secret) = found.filter(|(of, _)| *of == key).ok_or_else(for_nothing)?;
            whole.push_str(&text[from..range.start]);
            whole.push_str(secret);
            from = range.end;
            let bare = secret.trim_matches(['"', '\'']);
            if bare.len() >= SHORTEST {
                done.secrets.push(bare.to_string());
            }
        }
        whole.push_str(&text[from..]);
        done.files.insert(name, whole);
    }
    // A longer one first: it may hold another.
    done.secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    done.secrets.dedup();
    Ok(done)
}

impl Unmasked {
    /// A text that quotes the files, without the secrets that were put back.
    pub fn hidden(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_string(), |text, secret| text.replace(secret, MASK))
    }

    /// The same in all texts of an answer.
    pub fn hidden_in(&self, answer: Value) -> Value {
        match answer {
            Value::String(text) => Value::String(self.hidden(&text)),
            Value::Array(all) => all.into_iter().map(|one| self.hidden_in(one)).collect(),
            Value::Object(all) => all.into_iter().map(|(key, one)| (key, self.hidden_in(one))).collect(),
            other => other,
        }
    }
}

/// All secrets of a version in the order of their masks, with their quotes.
fn secrets(files: &Kept) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for (_, content) in files.iter().filter(|(name, _)| !is_secret_table(name)) {
        let text = String::from_utf8_lossy(content);
        all.extend(places(&text).into_iter().map(|Place { key, range }| (key, text[range].to_string())));
    }
    all
}

fn is_secret_table(name: &str) -> bool {
    name.ends_with(".csv") && name.contains("seats")
}

/// The secrets of a text, also those that are commented out.
fn places(text: &str) -> Vec<Place> {
    let mut keys: Vec<(usize, &'static str)> =
        KEYS.into_iter().flat_map(|key| text.match_indices(key).map(move |(at, _)| (at, key))).collect();
    keys.sort_unstable();
    let mut found: Vec<Place> = Vec::new();
    for (at, key) in keys {
        let within = found.last().is_some_and(|last| at < last.range.end);
        let longer = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if within || longer {
            continue;
        }
        found.extend(value(text, at + key.len()).map(|range| Place { key, range }));
    }
    found
}

/// The string that is the value of a key which ends here.
fn value(text: &str, key_ends: usize) -> Option<Range<usize>> {
    let blank = [' ', '\t'];
    let rest = text[key_ends..].trim_start_matches(['"', '\'']).trim_start_matches(blank);
    let rest = rest.strip_prefix('=')?.trim_start_matches(blank);
    let begin = text.len() - rest.len();
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| rest.starts_with(*quote))?;
    let inside = begin + quote.len();
    Some(begin..inside + length(&text[inside..], quote))
}

/// Bytes until a string is over, its last quote included.
fn length(inside: &str, quote: &str) -> usize {
    let (escapes, lines) = (quote.starts_with('"'), quote.len() > 1);
    let mut escaped = false;
    for (at, letter) in inside.char_indices() {
        if letter == '\n' && !lines {
            return at;
        }
        if escaped {
            escaped = false;
        } else if letter == '\\' && escapes {
            escaped = true;
        } else if inside[at..].starts_with(quote) {
            return at + quote.len();
        }
    }
    inside.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &str)]) -> Kept {
        files.iter().map(|(name, text)| (name.to_string(), text.as_bytes().to_vec())).collect()
    }

    fn one(text: &str) -> String {
        masked(7, &kept(&[("a.toml", text)])).remove("a.toml").unwrap()
    }

    #[test]
    fn secrets_are_not_shown_and_nothing_else_is_hidden() {
        for (text, shown) in [
            ("secret = \"hotline-8001\"", "secret = \"****************7.1\""),
            (
                "secret = { md5 = \"ab\", sha256 = \"cd\" }",
                "secret = { md5 = \"****************7.1\", sha256 = \"****************7.2\" }",
            ),
            ("credential = 'x' # so", "credential = \"****************7.1\" # so"),
            ("{ username = \"u\", credential = \"c\" }", "{ username = \"u\", credential = \"****************7.1\" }"),
            ("secret = \"a\\\"b\"\nid = \"1\"", "secret = \"****************7.1\"\nid = \"1\""),
            ("secret = \"\"\"a\nb\"\"\"\nid = 1", "secret = \"****************7.1\"\nid = 1"),
            ("\"secret\"=\"x\"", "\"secret\"=\"****************7.1\""),
            ("# secret = \"x\" or secret_file = \"y\"", "# secret = \"****************7.1\" or secret_file = \"y\""),
        ] {
            assert_eq!(one(text), shown);
        }
        for same in ["id = \"8001\"", "# a secret is kept here", "secret_file = \"f\"", "secret = true\nid = \"x\""] {
            assert_eq!(one(same), same);
        }
        let table = masked(7, &kept(&[("seats.csv", "id,secret\n8001,sesame\n")]));
        assert!(!table["seats.csv"].contains("sesame"));
    }

    fn back(files: &[(&str, &str)], of: &Kept) -> Result<Unmasked, NotDone> {
        let files = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        unmasked(files, |version| Ok(if version == 7 { of.clone() } else { Kept::new() }))
    }

    #[test]
    fn what_was_shown_and_is_sent_back_means_what_is_in_force() {
        let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-config");
        let files = crate::config::texts(&shipped).unwrap();
        let shown = masked(3, &files);
        assert!(shown["operators.toml"].contains(MASK));
        let back = unmasked(shown, |version| {
            assert_eq!(version, 3);
            Ok(files.clone())
        });
        let back: Kept = back.unwrap().files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
        assert!(back == files);
    }

    #[test]
    fn a_mask_stands_for_its_secret_wherever_its_line_goes() {
        let files = kept(&[("a.toml", "secret = 'one'\nsecret = \"two\"\n"), ("b.toml", "secret = \"three\"")]);
        let mask = |number: u32| format!("id = 1\nsecret = '{MASK}7.{number}'\n");
        let text = mask(2) + &mask(1);
        let done = back(&[("b.toml", &text), ("new.toml", &mask(3))], &files).unwrap();
        assert_eq!(done.files["b.toml"], "id = 1\nsecret = \"two\"\nid = 1\nsecret = 'one'\n");
        assert_eq!(done.files["new.toml"], "id = 1\nsecret = \"three\"\n");
        assert_eq!(done.hidden("name = \"three\""), format!("name = \"{MASK}\""));
        let answer = done.hidden_in(serde_json::json!({ "three": ["a three", 3] }));
        assert_eq!(answer, serde_json::json!({ "three": [format!("a {MASK}"), 3] }));
    }

    #[test]
    fn a_mask_that_stands_for_nothing_is_no_secret() {
        let files = kept(&[("a.toml", "secret = \"one\"")]);
        for (key, mask) in
            [("secret", ""), ("secret", "7.0"), ("secret", "7.2"), ("secret", "8.1"), ("secret", "x"), ("md5", "7.1")]
        {
            let text = format!("\n{key} = \"{MASK}{mask}\"");
            let told = back(&[("a.toml", &text)], &files).unwrap_err();
            assert!(matches!(&told, NotDone::Nonsense(what) if what.contains("a.toml:2: ")), "{mask}: {told:?}");
        }
        assert!(back(&[("a.toml", "secret = \"another\"")], &files).is_ok());
    }

    #[test]
    fn a_table_that_is_not_shown_is_as_it_was_or_sent_whole() {
        let none = Kept::new();
        assert!(back(&[("seats.csv", "(not shown: it holds secrets)\n")], &none).unwrap().files.is_empty());
        assert!(back(&[("seats.csv", "(not shown: it holds secrets)\n8009,x\n")], &none).is_err());
        assert_eq!(back(&[("seats.csv", "id,secret\n8009,x\n")], &none).unwrap().files.len(), 1);
    }
}
