//! What admins ask of the files: those in force, versions, checks of files that are not there yet, and a day played
//! with them.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;
use serde_json::json;

use super::masks;
use super::obeying::Office;
use crate::app::versions::{diff::by_line, meaning};
use crate::app::{checking, forecasts, reading};
use crate::config::{self, Meaning, Severity, difference, texts};
use crate::http::{Answer, NotDone};
use crate::records::{Version, Versions, rfc3339};

/// Bytes of one file.
const LARGEST: usize = 4 * 1024 * 1024;
/// What files that were sent in are called where a day is played with them.
const WITH_THEM: &str = "with these files";

fn broken(error: impl std::fmt::Display) -> NotDone {
    NotDone::Unavailable(error.to_string())
}

pub fn in_force(office: &Office) -> Answer {
    let number = office.board.facts().version;
    let files = Versions::open(&office.data).and_then(|all| all.files(number)).map_err(broken)?;
    let files = masks::masked(number, &files);
    Ok(json!({ "version": number, "folder": office.config_dir.display().to_string(), "files": files }))
}

pub fn versions(office: &Office) -> Answer {
    let all = Versions::open(&office.data).and_then(|all| all.all()).map_err(broken)?;
    let one = |version: &Version| {
        json!({
            "version": version.number,
            "at": rfc3339(version.at, &office.zone),
            "author": version.author,
            "note": version.note,
            "changes": version.changes,
        })
    };
    Ok(all.iter().rev().map(one).collect())
}

pub fn diff(office: &Office, from: u64, to: u64) -> Answer {
    let versions = Versions::open(&office.data).map_err(broken)?;
    let all = versions.all().map_err(broken)?;
    let find = |number: u64| {
        let found = all.iter().find(|version| version.number == number);
        found.ok_or_else(|| NotDone::Unknown(format!("there is no version {number}")))
    };
    let (before, after) = (find(from)?, find(to)?);
    let changes = difference(&meaning(before).map_err(broken)?, &meaning(after).map_err(broken)?);
    let changes: Vec<String> = changes.into_iter().map(|change| change.words).collect();
    let files = |number: u64| versions.files(number).map(masks::blank).map_err(broken);
    let lines = by_line((from, &files(from)?), (to, &files(to)?));
    Ok(json!({ "from": from, "to": to, "changes": changes, "lines": lines }))
}

/// What was sent in, with the secrets that its masks stand for.
fn unmasked(office: &Office, files: BTreeMap<String, String>) -> Result<masks::Unmasked, NotDone> {
    masks::unmasked(files, |version| Versions::open(&office.data).and_then(|all| all.files(version)).map_err(broken))
}

pub fn check(office: &Office, files: BTreeMap<String, String>) -> Answer {
    let sent = unmasked(office, files)?;
    let folder = Beside::lay_out(&office.config_dir, sent.files.clone())?;
    let (beside, config) = (folder.0.display().to_string(), office.config_dir.display().to_string());
    let own = |text: String| sent.hidden(&text.replace(&beside, &config));
    let faults = checking::faults(&folder.0);
    let sound = !faults.iter().any(|fault| fault.severity == Severity::Fault);
    let report = own(format!("{}\n{}", config::report(&faults, false), config::count(&faults)));
    let changes = if sound { changes(&office.config_dir, &folder)? } else { Vec::new() };
    let (bad, odd): (Vec<_>, Vec<_>) = faults.iter().partition(|fault| fault.severity == Severity::Fault);
    let lines = |faults: Vec<&config::Fault>| -> Vec<String> {
        faults.into_iter().map(|fault| own(fault.to_string())).collect()
    };
    let (faults, warnings) = (lines(bad), lines(odd));
    let changes: Vec<String> = changes.iter().map(|change| sent.hidden(change)).collect();
    Ok(json!({ "ok": sound, "faults": faults, "warnings": warnings, "report": report, "changes": changes }))
}

/// What the files that were laid out mean otherwise than those in force.
fn changes(config: &Path, laid_out: &Beside) -> Result<Vec<String>, NotDone> {
    // Both are read by paths that are whole, and the ones are said to lie where the others do.
    let config = config.canonicalize().map_err(broken)?;
    let (Ok(before), Ok(after)) = (reading::read(&config), reading::read(&laid_out.0)) else { return Ok(Vec::new()) };
    let after = serde_json::to_string(&after.meaning).map_err(broken)?;
    let after = after.replace(&laid_out.0.display().to_string(), &config.display().to_string());
    let after: Meaning = serde_json::from_str(&after).map_err(broken)?;
    Ok(difference(&before.meaning, &after).into_iter().map(|change| change.words).collect())
}

pub fn simulate(office: &Office, files: BTreeMap<String, String>, recorded: Option<Date>) -> Answer {
    let sent = unmasked(office, files)?;
    let folder = Beside::lay_out(&office.config_dir, sent.files.clone())?;
    let own = |text: String| sent.hidden(&text.replace(&folder.0.display().to_string(), WITH_THEM));
    let played = forecasts::beside((&office.config_dir, "in force"), (&folder.0, WITH_THEM), &office.data, recorded);
    played.map(|answer| sent.hidden_in(answer)).map_err(|lines| NotDone::Nonsense(own(lines.join("\n"))))
}

/// The files of a folder with others in the place of some, beside it, so that what they name relative to it is found.
/// Gone when it is dropped.
struct Beside(PathBuf);

impl Beside {
    fn lay_out(config: &Path, files: BTreeMap<String, String>) -> Result<Beside, NotDone> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        for (name, text) in &files {
            let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            let known = [".toml", ".csv"].iter().any(|ending| name.ends_with(ending));
            if name.is_empty() || !plain || !known || name.contains('\0') || name.len() > 200 {
                let what = format!("files: found {name:?}; a name like queues.toml or queues.d/night.toml is meant");
                return Err(NotDone::Nonsense(what));
            }
            if text.len() > LARGEST {
                return Err(NotDone::Nonsense(format!("files: {name} has more than {LARGEST} bytes")));
            }
        }
        let absolute = config.canonicalize().map_err(broken)?;
        let parent = absolute.parent().unwrap_or(&absolute);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = Beside(parent.join(format!(".hotline-check-{}-{number}", std::process::id())));
        folder.fill(&absolute, files).map_err(|error| broken(format!("{}: {error}", folder.0.display())))?;
        Ok(folder)
    }

    fn fill(&self, config: &Path, files: BTreeMap<String, String>) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let make = |path: &Path| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        make(&self.0)?;
        let mut all = texts(config)?;
        all.extend(files.into_iter().map(|(name, text)| (name, text.into_bytes())));
        // Certificates, files with secrets and the like are where they are.
        for entry in std::fs::read_dir(config)? {
            let name = entry?.file_name();
            let laid_out = name.to_str().is_some_and(|name| {
                all.contains_key(name) || all.keys().any(|text| text.starts_with(&format!("{name}/")))
            });
            if !laid_out {
                symlink(config.join(&name), self.0.join(&name))?;
            }
        }
        for (name, content) in all {
            let path = self.0.join(&name);
            if let Some(folder) = path.parent() {
                make(folder)?;
            }
            std::fs::write(path, content)?;
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_files_are_laid_out_is_no_change() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("config");
        std::fs::create_dir(&config).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
        symlink(shipped.join("prompts"), home.path().join("prompts")).unwrap();
        for (name, text) in texts(&shipped.join("sip-config")).unwrap() {
            std::fs::write(config.join(name), text).unwrap();
        }
        let of = |files: &[(&str, String)]| {
            let files = files.iter().map(|(name, text)| (name.to_string(), text.clone())).collect();
            changes(&config.join("../config"), &Beside::lay_out(&config, files).unwrap()).unwrap()
        };
        assert_eq!(of(&[]), Vec::<String>::new());
        let queues = std::fs::read_to_string(config.join("queues.toml")).unwrap();
        let longer = queues.replacen("max_waiting = 500", "max_waiting = 501", 1);
        let told = of(&[("queues.toml", longer)]);
        assert!(told.len() == 1 && told[0].starts_with("queue citizen: max_waiting"), "{told:?}");
    }

    #[test]
    fn files_are_laid_out_beside_those_in_force_and_gone_again() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config");
        std::fs::create_dir(&config).unwrap();
        std::fs::write(config.join("menu.toml"), "a").unwrap();
        std::fs::write(config.join("key.pem"), "k").unwrap();
        let files = BTreeMap::from([("queues.d/night.toml".to_string(), "b".to_string())]);
        let beside = Beside::lay_out(&config, files).unwrap();
        let read = |name: &str| std::fs::read_to_string(beside.0.join(name)).unwrap();
        assert_eq!(
            (read("menu.toml"), read("key.pem"), read("queues.d/night.toml")),
            ("a".into(), "k".into(), "b".into())
        );
        let path = beside.0.clone();
        drop(beside);
        assert!(!path.exists() && config.join("key.pem").exists());
        for wrong in ["../x.toml", "/etc/x.toml", "x.sh", "", "a/../../x.toml"] {
            let files = BTreeMap::from([(wrong.to_string(), String::new())]);
            assert!(matches!(Beside::lay_out(&config, files), Err(NotDone::Nonsense(_))), "{wrong}");
        }
    }
}
