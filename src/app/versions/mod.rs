//! `hotline reload`, `hotline rollback` and `hotline versions`: the commands.

pub mod diff;
mod restore;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

pub use restore::{Target, restore};

use super::auditing;
use super::checking;
use super::clock::Clock;
use super::control::{self, Reply, Request};
use super::hours::timestamp;
use super::reading;
use super::say::say;
use super::statistics::Format;
use crate::config::{Meaning, difference, in_one_line, time_zone};
use crate::moment::Moment;
use crate::records::{Access, Version, Versions, rfc3339};

/// Differences that a line of the list names.
const NAMED: usize = 3;

#[derive(Args, Debug)]
pub struct ReloadArgs {
    /// Why; kept with the version
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Who; default: the user of this machine who asks
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Only check the files and tell what would change
    #[arg(long)]
    dry_run: bool,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Args, Debug)]
pub struct RollbackArgs {
    /// The version, as `hotline versions` lists it; default: the one before the present one
    version: Option<u64>,
    /// Why; kept with the version
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Who; default: the user of this machine who asks
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Args, Debug)]
pub struct VersionsArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// For people, or one JSON object a version
    #[arg(long, value_enum, default_value = "text", global = true)]
    format: Format,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Everything about one version; --files prints its files too
    Show {
        /// As the list names it
        version: u64,
        /// With the text of its files
        #[arg(long)]
        files: bool,
    },
    /// What is different between two versions, in words; --files compares the files line by line
    Diff {
        /// As the list names it
        from: u64,
        /// Default: the newest
        to: Option<u64>,
        /// Line by line; secrets in the files are shown as they are
        #[arg(long)]
        files: bool,
    },
}

/// `config`: the folder that is meant; another than that of the running hotline is refused.
pub fn reload(config: Option<&Path>, data: &Path, args: ReloadArgs) -> Result<ExitCode, Vec<String>> {
    let author = args.author.unwrap_or_else(os_user);
    let told = |why: String| vec![format!("hotline reload: {why}")];
    let whole = |config: &Path| config.canonicalize().map_err(|error| told(format!("{}: {error}", config.display())));
    let folder = config.map(whole).transpose()?;
    let request = Request::Reload { author, note: args.note, dry_run: args.dry_run, folder };
    match control::ask(data, &request).map_err(told)? {
        Some(reply) => answer("reload", reply, args.format),
        None => Err(told(format!(
            "no hotline runs on {}; the files take effect when `hotline serve` starts, --data says which hotline is \
             meant, and `hotline check` says whether the files are sound",
            data.display()
        ))),
    }
}

pub fn rollback(config: &Path, data: &Path, args: RollbackArgs) -> Result<ExitCode, Vec<String>> {
    let author = args.author.unwrap_or_else(os_user);
    let request = Request::Rollback { to: args.version, author, note: args.note };
    let told = |why: String| vec![format!("hotline rollback: {why}")];
    if let Some(reply) = control::ask(data, &request).map_err(told)? {
        return answer("rollback", reply, args.format);
    }
    let target = Target { number: args.version, before: None };
    let restored = restore(config, data, target, Clock::start().now()).map_err(told)?;
    let read = match reading::read(config) {
        Ok(read) => read,
        Err(faults) => return Err([checking::told(&faults), restored.put_back(config)].concat()),
    };
    let what = format!("hotline rollback {{\"to\":{}}}", restored.number);
    Access::open(data)
        .map_err(|fault| fault.to_string())
        .and_then(|access| auditing::write(&access, &what, "200"))
        .map_err(told)?;
    let mut lines = restored.lines(config);
    lines.extend(restored.other_prompts(&read.prompts.sha256));
    lines.push(format!("no hotline runs on {}: they take effect when `hotline serve` starts", data.display()));
    match args.format {
        Format::Text => say!("{}", lines.join("\n")),
        Format::Json => say!("{}", json!({ "reply": "restored", "version": restored.number, "notes": lines })),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what a running hotline answered.
pub fn answer(command: &str, reply: Reply, format: Format) -> Result<ExitCode, Vec<String>> {
    let code = match reply {
        Reply::Faults { .. } | Reply::Refused { .. } => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    };
    if format == Format::Json {
        say!("{}", serde_json::to_string(&reply).unwrap_or_default());
        return Ok(code);
    }
    match reply {
        Reply::Reloaded(told) => {
            told.lines().iter().for_each(|line| say!("{line}"));
            Ok(code)
        }
        Reply::Faults { report, notes, .. } => {
            let verdict = format!("hotline {command}: the files have faults; what is in force stays in force");
            Err([vec![report], notes, vec![verdict]].concat())
        }
        Reply::Switched { .. } | Reply::Calls { .. } | Reply::Trunks { .. } | Reply::Bans { .. } | Reply::Done => {
            Ok(code)
        }
        Reply::Refused { why } => Err(vec![format!("hotline {command}: {why}")]),
    }
}

pub fn versions(config: &Path, data: &Path, args: &VersionsArgs) -> Result<(), String> {
    let zone = time_zone(config);
    let versions = Versions::open(data).map_err(|error| error.to_string())?;
    let all = versions.all().map_err(|error| error.to_string())?;
    let find = |number: u64| {
        let found = all.iter().find(|version| version.number == number);
        found.ok_or_else(|| format!("there is no version {number}; `hotline versions` lists those that are kept"))
    };
    let files = |number: u64| versions.files(number).map_err(|error| error.to_string());
    match &args.what {
        None => list(&all, args.format, &zone),
        Some(What::Show { version, files: with_files }) => {
            let mut version = find(*version)?.clone();
            version.files = files(version.number)?;
            show(&version, *with_files, args.format, &zone);
        }
        Some(What::Diff { from, to, files: line_by_line }) => {
            let newest = all.last().map_or(*from, |version| version.number);
            let (from, to) = (find(*from)?, find(to.unwrap_or(newest))?);
            if *line_by_line {
                let (before, after) = (files(from.number)?, files(to.number)?);
                let lines = diff::by_line((from.number, &before), (to.number, &after));
                lines.iter().for_each(|line| say!("{line}"));
                return Ok(());
            }
            let words: Vec<String> =
                difference(&meaning(from)?, &meaning(to)?).into_iter().map(|change| change.words).collect();
            match args.format {
                Format::Text if words.is_empty() => say!("nothing is different in meaning"),
                Format::Text => words.iter().for_each(|line| say!("{line}")),
                Format::Json => say!("{}", json!({ "from": from.number, "to": to.number, "changes": words })),
            }
        }
    }
    Ok(())
}

pub fn meaning(version: &Version) -> Result<Meaning, String> {
    serde_json::from_str(&version.meaning)
        .map_err(|error| format!("version {}: what it means cannot be read: {error}", version.number))
}

fn list(all: &[Version], format: Format, zone: &TimeZone) {
    if format == Format::Json {
        return all.iter().for_each(|version| say!("{}", json(version, zone)));
    }
    if all.is_empty() {
        return say!("no version is kept yet: `hotline serve` keeps what it begins with");
    }
    for version in all.iter().rev() {
        let note = if version.note.is_empty() { String::new() } else { format!(" \"{}\"", version.note) };
        let what = in_one_line(&version.changes, NAMED);
        say!("{:>4}  {}  {}{note}: {what}", version.number, date(version.at, zone), version.author);
    }
}

fn show(version: &Version, with_files: bool, format: Format, zone: &TimeZone) {
    if format == Format::Json {
        let mut value = json(version, zone);
        if with_files && let Value::Object(fields) = &mut value {
            let text = |content: &Vec<u8>| String::from_utf8_lossy(content).into_owned();
            let files: serde_json::Map<String, Value> =
                version.files.iter().map(|(name, content)| (name.clone(), json!(text(content)))).collect();
            fields.insert("files".into(), Value::Object(files));
        }
        return say!("{value}");
    }
    say!("version {} of {} by {}", version.number, date(version.at, zone), version.author);
    if !version.note.is_empty() {
        say!("note: {}", version.note);
    }
    version.changes.iter().for_each(|change| say!("  {change}"));
    for (name, content) in &version.files {
        say!("{name}: {} bytes", content.len());
        if with_files {
            say!("{}", String::from_utf8_lossy(content));
        }
    }
}

fn json(version: &Version, zone: &TimeZone) -> Value {
    let prompts = serde_json::from_str::<Meaning>(&version.meaning).map(|meaning| meaning.prompts());
    json!({
        "version": version.number,
        "at": rfc3339(version.at, zone),
        "author": version.author,
        "note": version.note,
        "changes": version.changes,
        "prompts": prompts.unwrap_or_default(),
    })
}

/// As lists show it.
pub(super) fn date(at: Moment, zone: &TimeZone) -> String {
    timestamp(at).to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Whoever asks; behind sudo, whoever called it.
/// Who asks.
pub fn os_user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| user(rustix::process::getuid().as_raw()))
}

/// What a user of this machine is called.
pub fn user(uid: u32) -> String {
    let all = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    user_in(&all, uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// In passwd(5).
fn user_in(all: &str, uid: u32) -> Option<String> {
    all.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse::<u32>() == Ok(uid) && !name.is_empty()).then(|| name.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_house_wherever_the_machine_is() {
        let at = Moment::from_micros(1_763_955_000_000_000);
        for (hours, shown, whole) in [
            (8, "2025-11-24 11:30:00", "2025-11-24T11:30:00.000+08:00"),
            (-9, "2025-11-23 18:30:00", "2025-11-23T18:30:00.000-09:00"),
        ] {
            let zone = TimeZone::fixed(jiff::tz::offset(hours));
            assert_eq!(date(at, &zone), shown);
            let version = Version {
                number: 1,
                at,
                author: "mei".into(),
                note: String::new(),
                changes: Vec::new(),
                meaning: "{}".into(),
                files: Default::default(),
            };
            assert_eq!(json(&version, &zone)["at"], whole);
        }
    }

    #[test]
    fn users_of_the_machine_have_names() {
        let all = "root:x:0:0:root:/root:/bin/bash\n\nbroken\nhotline:x:998:998::/srv:/bin/false\n:x:7:7::/:\n";
        let told = [0, 998, 7, 99].map(|uid| user_in(all, uid));
        assert_eq!(told, [Some("root".into()), Some("hotline".into()), None, None]);
    }
}
