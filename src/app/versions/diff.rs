//! Two versions' files, compared line by line.

use std::collections::BTreeSet;

use similar::TextDiff;

use crate::config::Texts;

/// Unchanged lines around a change.
const AROUND: usize = 3;

/// As `diff -u` prints it.
pub fn by_line((from, before): (u64, &Texts), (to, after): (u64, &Texts)) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let text = |texts: &Texts, name: &str| {
        texts.get(name).map_or(String::new(), |content| String::from_utf8_lossy(content).into_owned())
    };
    let mut lines = Vec::new();
    for name in names {
        let (before, after) = (text(before, name), text(after, name));
        if before != after {
            let compared = TextDiff::from_lines(&before, &after);
            let mut unified = compared.unified_diff();
            unified.context_radius(AROUND).header(&format!("version {from}: {name}"), &format!("version {to}: {name}"));
            lines.extend(unified.to_string().lines().map(String::from));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_new_and_missing_files_are_compared() {
        let texts = |files: &[(&str, &str)]| -> Texts {
            files.iter().map(|(name, text)| (name.to_string(), text.as_bytes().to_vec())).collect()
        };
        let before = texts(&[("a.toml", "x = 1\ny = 2\n"), ("gone.toml", "z = 1\n"), ("same.toml", "s\n")]);
        let after = texts(&[("a.toml", "x = 1\ny = 3\n"), ("new.toml", "n = 1\n"), ("same.toml", "s\n")]);
        let lines = by_line((3, &before), (4, &after));
        let changed: Vec<&String> = lines.iter().filter(|line| !line.starts_with([' ', '@'])).collect();
        let expected = [
            "--- version 3: a.toml",
            "+++ version 4: a.toml",
            "-y = 2",
            "+y = 3",
            "--- version 3: gone.toml",
            "+++ version 4: gone.toml",
            "-z = 1",
            "--- version 3: new.toml",
            "+++ version 4: new.toml",
            "+n = 1",
        ];
        assert_eq!(changed, expected);
    }
}
