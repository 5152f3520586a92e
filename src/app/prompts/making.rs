//! `hotline prompts make`: espeak-ng speaks, we bring it into form; nothing that a person recorded is overwritten.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::super::say::say;
use super::super::side_by_side::{self, Progress};
use super::inspection::{is_spoken, says};
use crate::config::House;
use crate::ids::Prompt;
use crate::ivr::required_prompts;
use crate::media::prompts::{Maker, Spoken, in_form, maker};

const SPEAKER: &str = "espeak-ng";

/// One prompt to be spoken.
struct Job<'a> {
    file: PathBuf,
    spoken: Spoken<'a>,
}

pub fn make(house: &House, all: bool, names: &[String]) -> Result<ExitCode, Vec<String>> {
    let wanted = wanted(house, names)?;
    let (mut jobs, mut left) = (Vec::new(), 0);
    for prompt in wanted {
        let Some(spoken) = says(house, prompt) else { continue };
        let file = house.media.prompts.file(prompt);
        let speak = match file.exists().then(|| maker(&file, Some(spoken))) {
            None | Some(Maker::MachineOtherwise) => true,
            Some(Maker::Machine) => all || !names.is_empty(),
            Some(Maker::Person) => {
                left += 1;
                if !names.is_empty() {
                    say!("{}: somebody recorded it; it is left as it is", file.display());
                }
                false
            }
        };
        if speak {
            jobs.push(Job { file, spoken });
        }
    }
    let faults = speak(&jobs)?;
    for job in jobs.iter().filter(|job| !faults.iter().any(|(file, _)| *file == job.file)) {
        say!("{}: {}", job.file.display(), job.spoken.text);
    }
    let made = jobs.len() - faults.len();
    say!("{made} prompts made, {left} left as somebody recorded them");
    let mut told: Vec<String> = faults.into_iter().map(|(file, what)| format!("{}: {what}", file.display())).collect();
    if names.is_empty() {
        told.extend(still_missing(house));
    }
    if told.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(told) }
}

/// Those that have a text and go by these names; all if there are none.
fn wanted<'a>(house: &'a House, names: &[String]) -> Result<Vec<&'a Prompt>, Vec<String>> {
    let known = || house.texts.iter().map(|(prompt, _)| prompt).filter(|prompt| is_spoken(house, prompt));
    let goes_by = |prompt: &Prompt, name: &str| prompt.name.as_str() == name || prompt.to_string() == name;
    let unknown: Vec<String> = names
        .iter()
        .filter(|name| !known().any(|prompt| goes_by(prompt, name)))
        .map(|name| format!("hotline prompts: no prompts.toml has a text for {name:?}"))
        .collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let named = |prompt: &&Prompt| names.is_empty() || names.iter().any(|name| goes_by(prompt, name));
    Ok(known().filter(named).collect())
}

/// What callers come to hear and nobody can say.
fn still_missing(house: &House) -> Vec<String> {
    let prompts = &house.media.prompts;
    let is_there = |prompt: &Prompt| {
        let fallbacks = prompt.language.map_or(&[][..], |language| house.ivr.languages.fallbacks(language));
        let others = fallbacks.iter().map(|language| Prompt::spoken(*language, prompt.name.clone()));
        prompts.file(prompt).is_file() || others.into_iter().any(|other| prompts.file(&other).is_file())
    };
    let missing = required_prompts(&house.ivr).into_iter().filter(|prompt| !is_there(prompt));
    let told = |prompt: Prompt| match prompt.language {
        Some(_) if house.texts.get(&prompt).is_some() => None,
        Some(_) => Some(format!("{prompt}: there is neither a recording nor a text; write {} in prompts.toml", {
            prompt.language.map(|language| format!("{}.{language} = \"…\"", prompt.name)).unwrap_or_default()
        })),
        None => Some(format!("{prompt}: is no speech; put a recording in {}", prompts.file(&prompt).display())),
    };
    missing.filter_map(told).collect()
}

/// Speaks them side by side. Those that went wrong, and why; or why nothing can be spoken.
fn speak(jobs: &[Job<'_>]) -> Result<Vec<(PathBuf, String)>, Vec<String>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let there = Command::new(SPEAKER).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if let Err(error) = there {
        let why = match error.kind() {
            ErrorKind::NotFound => format!("{SPEAKER} is missing, which speaks the prompts"),
            _ => format!("{SPEAKER}, which speaks the prompts, cannot be started: {error}"),
        };
        return Err(vec![format!("hotline prompts: {why}; on Debian: sudo apt-get install {SPEAKER}")]);
    }
    let progress = Progress::new("speaking", jobs.len());
    let results = side_by_side::run(jobs, &progress, |job, done| {
        let result = speak_one(job);
        done(1.0);
        result
    });
    progress.done();
    let faults = jobs.iter().zip(results).filter_map(|(job, result)| Some((job.file.clone(), result.err()?)));
    Ok(faults.collect())
}

/// The file is there wholly or not at all.
fn speak_one(job: &Job<'_>) -> Result<(), String> {
    let folder = job.file.parent().unwrap_or(Path::new("."));
    let name = job.file.file_name().unwrap_or_default().to_string_lossy();
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let hidden = |what: &str| folder.join(format!(".{name}.{}.{what}", std::process::id()));
    let (raw, new) = (hidden("raw"), hidden("new"));
    let result = speak_into(job, &raw, &new);
    for left in [raw, new] {
        // The second is only left if something failed.
        let _ = fs::remove_file(left);
    }
    result
}

fn speak_into(job: &Job<'_>, raw: &Path, new: &Path) -> Result<(), String> {
    let Spoken { voice, speed, text } = job.spoken;
    let output = Command::new(SPEAKER)
        .args(["-v", voice, "-s", &speed.to_string(), "-w"])
        .arg(raw)
        .args(["--", text])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{SPEAKER}: {error}"))?;
    if !output.status.success() || !raw.exists() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{SPEAKER} cannot speak it with the voice {voice:?}: {}", said.trim()));
    }
    let bytes = in_form(raw, job.spoken).map_err(|fault| format!("what {SPEAKER} wrote {}", fault.what))?;
    let write = || {
        let mut file = File::create(new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(new, &job.file)
    };
    write().map_err(|error| error.to_string())
}
