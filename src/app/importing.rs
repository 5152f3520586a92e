//! `hotline import asterisk`: reads a folder of another exchange, and writes one of ours beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use rand::distr::{Alphanumeric, SampleString};

use super::checking;
use super::say::say;
use crate::config;
use crate::migration::{Import, Kind, asterisk};
use crate::sip::digest;

/// A configuration is written by hand: larger files, more of them or deeper ones are something else.
const MAX_FILE: u64 = 4 * 1024 * 1024;
const MAX_FILES: usize = 2000;
const MAX_DEPTH: usize = 4;
/// Of `sip.realm` where nothing else is said.
const REALM: &str = "hotline";
/// Letters and digits of a password that nobody knows.
const UNKNOWN: usize = 40;

#[derive(Subcommand, Debug)]
pub enum ImportCommand {
    /// Queues, members, penalties and the dialplan of an Asterisk, as files of ours
    Asterisk(AsteriskArgs),
}

#[derive(Args, Debug)]
pub struct AsteriskArgs {
    /// Folder with queues.conf, extensions.conf …, e.g. /etc/asterisk
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Folder to write
    #[arg(long, value_name = "DIR", default_value = "sip-config.imported")]
    to: PathBuf,
    /// Also into a folder that has files: those of the same names are overwritten
    #[arg(long)]
    force: bool,
}

pub fn import(args: &AsteriskArgs) -> Result<ExitCode, Vec<String>> {
    let told = |what: String| vec![format!("hotline import: {what}")];
    let has_files = std::fs::read_dir(&args.to).is_ok_and(|mut entries| entries.next().is_some());
    if has_files && !args.force {
        return Err(told(format!(
            "{}: there are files; another folder is chosen with --to, --force overwrites",
            args.to.display()
        )));
    }
    if !args.from.is_dir() {
        let from = args.from.display();
        return Err(told(format!("{from}: there is no such folder; the one with extensions.conf is meant")));
    }
    let texts = texts(&args.from).map_err(told)?;
    let mut rng = rand::rng();
    let mut hash = |seat: &str, password: Option<&str>| {
        let secret = match password {
            Some(password) => digest::secret(seat, REALM, password),
            None => digest::secret(seat, REALM, &Alphanumeric.sample_string(&mut rng, UNKNOWN)),
        };
        format!("{{ md5 = \"{}\", sha256 = \"{}\" }}", secret.ha1_md5, secret.ha1_sha256)
    };
    let import =
        asterisk::import(&texts, &mut hash).map_err(|what| told(format!("{}: {what}", args.from.display())))?;
    write(&args.to, &import).map_err(told)?;
    say_report(&import, &args.to);
    let to = args.to.display();
    match config::load(&args.to) {
        Ok((_, warnings)) => {
            warnings.iter().for_each(|warning| say!("{warning}"));
            say!("{to} is sound; look at it, then: hotline serve --config {to}");
        }
        Err(faults) => {
            checking::told(&faults).iter().for_each(|told| say!("{told}"));
            say!(
                "{to} is written; what is left to do is above and in {to}/IMPORT.md, then: hotline check --config {to}"
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say_report(import: &Import, to: &Path) {
    let chapters =
        [(Kind::Missing, "no equivalent"), (Kind::Approximated, "approximated"), (Kind::Broken, "not understood")];
    for (kind, title) in chapters {
        for note in import.report.of(kind) {
            say!("{}: {title}: {}", note.at, note.what);
        }
    }
    for wanted in &import.prompts {
        say!("{}: to be recorded: {}/{}.wav, in the place of {}", wanted.at, wanted.language, wanted.name, wanted.from);
    }
    let count = |kind| import.report.of(kind).len();
    say!(
        "{} taken over, {} approximated, {} without equivalent, {} not understood; all of it is in {}/IMPORT.md",
        count(Kind::Taken),
        count(Kind::Approximated),
        count(Kind::Missing),
        count(Kind::Broken),
        to.display()
    );
}

/// Every file of a folder that could be a configuration, by its name seen from there.
fn texts(dir: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut texts = BTreeMap::new();
    let mut folders = vec![(dir.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(metadata) = path.metadata() else { continue };
            if metadata.is_dir() && depth < MAX_DEPTH {
                folders.push((path, depth + 1));
            } else if metadata.is_file() && metadata.len() <= MAX_FILE && texts.len() < MAX_FILES {
                let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let name = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
                texts.insert(name, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    Ok(texts)
}

fn write(to: &Path, import: &Import) -> Result<(), String> {
    let schema = to.join("schema");
    std::fs::create_dir_all(&schema).map_err(|error| format!("{}: {error}", schema.display()))?;
    let ours = import.files.iter().map(|(name, text)| (to.join(name), text.clone()));
    let schemas = config::schemas().into_iter().map(|(name, text)| (schema.join(name), text));
    for (path, text) in ours.chain(schemas) {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_told_of_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("none"), dir.path().join("to"));
        let told = import(&AsteriskArgs { from, to: to.clone(), force: false }).unwrap_err();
        assert!(told[0].ends_with("none: there is no such folder; the one with extensions.conf is meant"), "{told:?}");
        assert!(!to.exists());
    }
}
