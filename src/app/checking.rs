//! `hotline check`: every fault and every warning of the files, with the line it is in.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use super::say::{self, say};
use crate::config::{self, Fault, Severity};
use crate::media::prompts::PromptBank;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckFormat {
    Text,
    Json,
}

pub fn check(config_dir: &Path, format: CheckFormat) -> ExitCode {
    let faults = faults(config_dir);
    match format {
        CheckFormat::Json => faults.iter().for_each(|fault| say!("{}", serde_json::json!(fault))),
        CheckFormat::Text => {
            let colours = std::io::stdout().is_terminal() && wants_colours();
            let report = config::report(&faults, colours);
            if !report.is_empty() {
                say::as_it_is(&report);
            }
            say!("{}: {}", config_dir.display(), config::count(&faults));
        }
    }
    let any = faults.iter().any(|fault| fault.severity == Severity::Fault);
    if any { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Everything there is to say: of the files, and of the prompts they name.
pub fn faults(config_dir: &Path) -> Vec<Fault> {
    let checked = config::check(config_dir);
    let mut faults = checked.faults;
    if let Some(prompts) = checked.prompts.filter(|prompts| prompts.folder.is_dir())
        && let Err(unreadable) = PromptBank::load(&prompts)
    {
        faults.extend(unreadable.iter().map(|fault| Fault::of_file(&fault.path, &fault.what)));
        faults.sort();
    }
    faults
}

/// Whoever sets NO_COLOR to anything wants none.
fn wants_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whoever is in another folder is told that, not what every file lacks.
pub fn is_there(config_dir: &Path) -> Result<(), String> {
    let what = || format!("there is no folder {}; --config says where the files are", config_dir.display());
    if config_dir.exists() { Ok(()) } else { Err(what()) }
}

/// A report for standard error, e.g. of a command that does not begin because of it.
pub fn told(faults: &[Fault]) -> Vec<String> {
    let colours = std::io::stderr().is_terminal() && wants_colours();
    vec![format!("{}\n{}", config::report(faults, colours), config::count(faults))]
}
