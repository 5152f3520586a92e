//! `hotline prompts`: what is recorded, what is wrong with it, and making what is missing.

mod inspection;
mod making;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use inspection::Row;

use super::checking;
use super::say::say;
use super::statistics::Format;
use crate::config::{self, House, Severity};

#[derive(clap::Args, Debug)]
pub struct PromptsArgs {
    /// For people, or one JSON object a prompt
    #[arg(long, value_enum, default_value = "text", global = true)]
    format: Format,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Tell only what is wrong
    Check,
    /// Speak what has no recording yet, and what was spoken before if its text was changed; needs espeak-ng
    Make {
        /// Speak everything anew that was made like this before; what people recorded is left as it is
        #[arg(long)]
        all: bool,
        /// Only these, e.g. `zh/greeting`, or `greeting` in every language
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

pub fn prompts(config_dir: &Path, args: &PromptsArgs) -> Result<ExitCode, Vec<String>> {
    let house = config::load_unrecorded(config_dir).map_err(|faults| checking::told(&faults))?;
    match &args.what {
        None => Ok(list(&house, args.format, false)),
        Some(What::Check) => Ok(list(&house, args.format, true)),
        Some(What::Make { all, names }) => making::make(&house, *all, names),
    }
}

fn list(house: &House, format: Format, only_wrong: bool) -> ExitCode {
    let rows = inspection::inspect(house);
    match format {
        Format::Json => {
            let shown = rows.iter().filter(|row| !only_wrong || !row.remarks.is_empty());
            shown.for_each(|row| say!("{}", serde_json::json!(row)));
        }
        Format::Text => {
            if !only_wrong {
                table(&rows);
                say!();
            }
            for row in &rows {
                for remark in &row.remarks {
                    say!("{}: {}: {}", row.file.display(), remark.severity.word(), remark.what);
                }
            }
            say!("{}", sum(&rows));
        }
    }
    let faults = rows.iter().flat_map(|row| &row.remarks).any(|remark| remark.severity == Severity::Fault);
    if faults { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn table(rows: &[Row]) {
    let width = rows.iter().map(|row| row.prompt.chars().count()).max().unwrap_or(0).max(6);
    say!(
        "{:width$}  {:>7}  {:>8}  {:>8}  {:13}  {:12}  text",
        "prompt",
        "length",
        "level",
        "played",
        "state",
        "heard in"
    );
    for row in rows {
        let decibels = |level: Option<f64>| level.map_or("–".into(), |level| format!("{level:.1} dB"));
        let length =
            row.length_ms.map_or("–".into(), |ms| format!("{:.2} s", Duration::from_millis(ms).as_secs_f64()));
        let gain = row.gain_db.map_or("–".into(), |gain| format!("{gain:+.1} dB"));
        let text = row.text.as_deref().unwrap_or("");
        let line = format!(
            "{:width$}  {length:>7}  {:>8}  {gain:>8}  {:13}  {:12}  {text}",
            row.prompt,
            decibels(row.level_db),
            row.state(),
            row.used.iter().map(|part| part.word()).collect::<Vec<_>>().join(", "),
        );
        say!("{}", line.trim_end());
    }
}

fn sum(rows: &[Row]) -> String {
    let count =
        |severity| rows.iter().flat_map(|row| &row.remarks).filter(|remark| remark.severity == severity).count();
    let recorded = rows.iter().filter(|row| row.length_ms.is_some()).count();
    format!("{recorded} recordings: {} faults, {} warnings", count(Severity::Fault), count(Severity::Warning))
}
