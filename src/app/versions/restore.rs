//! Puts back the files of a kept version. What lay there and is in no version is copied aside first; files that the
//! version did not have are moved aside. Each file is replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::config::{Meaning, Texts, texts};
use crate::moment::Moment;
use crate::records::Versions;

/// In the data folder.
const ASIDE: &str = "set-aside";
/// Of a file that was not there: it may hold secrets.
const MODE: u32 = 0o640;

/// Which version is meant.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// `None`: the one before.
    pub number: Option<u64>,
    /// The present version; `None`: the newest that is kept.
    pub before: Option<u64>,
}

/// What was done.
pub struct Restored {
    pub number: u64,
    /// Where files of no version are now.
    aside: Option<PathBuf>,
    /// The files as they were.
    before: Texts,
    changed: bool,
    /// The SHA-256 of the prompts then.
    prompts: BTreeMap<String, String>,
}

pub fn restore(config: &Path, data: &Path, target: Target, now: Moment) -> Result<Restored, String> {
    let versions = Versions::open(data).map_err(|error| error.to_string())?;
    let all = versions.all().map_err(|error| error.to_string())?;
    let numbers: Vec<u64> = all.iter().map(|version| version.number).collect();
    let number = find(&numbers, target)?;
    let files = |number| versions.files(number).map_err(|error| error.to_string());
    let wanted = files(number)?;
    if wanted.is_empty() {
        return Err(format!("version {number} has no files"));
    }
    let told = |error: io::Error| format!("{}: {error}; the files are as they were", config.display());
    let before = match config.is_dir() {
        true => texts(config).map_err(told)?,
        false => Texts::new(),
    };
    let meaning = all.iter().find(|version| version.number == number).map(|version| version.meaning.as_str());
    let meaning: Meaning = meaning.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let changed = before != wanted;
    let mut restored = Restored { number, aside: None, changed, before, prompts: meaning.prompts() };
    if !restored.changed {
        return Ok(restored);
    }
    let mut is_kept = restored.before.is_empty();
    for number in numbers.into_iter().rev() {
        is_kept = is_kept || files(number)? == restored.before;
    }
    let touched = restored.before.iter().filter(|(name, content)| wanted.get(*name) != Some(content));
    let touched: Texts = touched.map(|(name, content)| (name.clone(), content.clone())).collect();
    if !is_kept {
        restored.aside = Some(set_aside(data, &touched, now).map_err(told)?);
    }
    if let Err(error) = lay_out(config, &restored.before, &wanted) {
        let rest = restored.put_back(config);
        return Err([vec![format!("{}: {error}", config.display())], rest].concat().join("\n"));
    }
    Ok(restored)
}

fn find(numbers: &[u64], target: Target) -> Result<u64, String> {
    let Some(newest) = numbers.last().copied() else {
        return Err("no version is kept yet: `hotline serve` keeps what it begins with".into());
    };
    match target.number {
        Some(number) if numbers.contains(&number) => Ok(number),
        Some(number) => Err(format!("there is no version {number}; `hotline versions` lists those that are kept")),
        None => {
            let present = target.before.unwrap_or(newest);
            numbers.iter().copied().rev().find(|number| *number < present).ok_or_else(|| {
                format!("there is no version before {present}; `hotline versions` lists those that are kept")
            })
        }
    }
}

/// Copies into a folder named after the time.
fn set_aside(data: &Path, files: &Texts, now: Moment) -> io::Result<PathBuf> {
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    let time = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H-%M-%S%.3fZ");
    let aside = data.join(ASIDE).join(time.to_string());
    for (name, content) in files {
        let path = aside.join(name);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap_or(&aside))?;
        write(&path, content)?;
    }
    Ok(aside)
}

/// Makes the folder hold `wanted` where it held `before`.
fn lay_out(config: &Path, before: &Texts, wanted: &Texts) -> io::Result<()> {
    for (name, content) in wanted.iter().filter(|(name, content)| before.get(*name) != Some(content)) {
        let path = config.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        write(&path, content)?;
    }
    for name in before.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(config.join(name))?;
    }
    Ok(())
}

/// Whole or not at all; the mode of a file that is there stays, and so does a link to it.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mode = fs::metadata(&path).map_or(MODE, |metadata| metadata.permissions().mode() & 0o777);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let coming = path.with_file_name(format!(".{name}.coming"));
    let _ = fs::remove_file(&coming);
    let mut file = File::options().write(true).create_new(true).mode(mode).open(&coming)?;
    file.write_all(content)?;
    file.sync_all()?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    fs::rename(&coming, &path)
}

impl Restored {
    /// For people.
    pub fn lines(&self, config: &Path) -> Vec<String> {
        let config = config.display();
        let mut lines = vec![match self.changed {
            true => format!("{config}: the files of version {} are back", self.number),
            false => format!("{config}: the files are those of version {} already", self.number),
        }];
        if let Some(aside) = &self.aside {
            lines.push(format!("what was there and is in no version is in {}", aside.display()));
        }
        lines
    }

    /// The sound of a version is not kept, only its SHA-256: which prompts are not what they were, for people.
    pub fn other_prompts(&self, now: &BTreeMap<String, String>) -> Vec<String> {
        let names: BTreeSet<&String> = self.prompts.keys().chain(now.keys()).collect();
        let other = names.into_iter().filter(|name| self.prompts.get(*name) != now.get(*name));
        other.map(|name| format!("prompt {name} is not as in version {}: sound is not kept", self.number)).collect()
    }

    /// Puts back what was there; what goes wrong, as lines for people.
    pub fn put_back(&self, config: &Path) -> Vec<String> {
        let now = texts(config).unwrap_or_default();
        match lay_out(config, &now, &self.before) {
            Ok(()) => vec![format!("{}: the files are as they were before the rollback", config.display())],
            Err(error) => vec![format!("{}: what was there cannot be put back: {error}", config.display())],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_version_is_meant() {
        let target = |number, before| Target { number, before };
        assert_eq!(find(&[1, 2, 5], target(None, None)), Ok(2));
        assert_eq!(find(&[1, 2, 5], target(None, Some(6))), Ok(5));
        assert_eq!(find(&[1, 2, 5], target(Some(1), Some(5))), Ok(1));
        assert!(find(&[1, 2, 5], target(Some(3), Some(5))).is_err_and(|why| why.contains("no version 3")));
        assert!(find(&[5], target(None, None)).is_err_and(|why| why.contains("before 5")));
        assert!(find(&[], target(None, None)).is_err());
    }
}
