//! `hotline config` and `hotline operators`: what can be written in the files, and what is in them.

use std::path::{Path, PathBuf};

use super::checking;
use super::say::{self, say};
use crate::config::{self, reference};

#[derive(clap::Subcommand, Debug)]
pub enum ConfigCommand {
    /// Every key: what it means, what is allowed, its default, and the variable that stands for it
    Reference {
        /// One key or table, e.g. `queue.ring`; without it all are told
        key: Option<String>,
        /// For people, as a page, or one JSON object a key
        #[arg(long, value_enum, default_value = "text")]
        format: ReferenceFormat,
    },
    /// Write the JSON Schemas by which editors complete and check the files
    Schema {
        /// Where to; default: the folder `schema` of the configuration
        dir: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReferenceFormat {
    Text,
    Markdown,
    Json,
}

#[derive(clap::Subcommand, Debug)]
pub enum OperatorsCommand {
    /// Print the operators as a table that spreadsheets edit and `operators.csv` may be
    Export {
        /// Comma-separated, as Excel and WPS read it
        #[arg(long, value_enum, default_value = "csv")]
        format: ExportFormat,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    Csv,
}

pub fn config(config_dir: &Path, command: ConfigCommand) -> Result<(), Vec<String>> {
    match command {
        ConfigCommand::Reference { key, format } => {
            let keys = match key {
                None => reference::keys(),
                Some(key) => reference::find(&key).map_err(|what| vec![format!("hotline config: {what}")])?,
            };
            match format {
                ReferenceFormat::Text => say!("{}", reference::text(&keys)),
                ReferenceFormat::Markdown => say!("{}", reference::markdown(&keys)),
                ReferenceFormat::Json => keys.iter().for_each(|key| say!("{}", serde_json::json!(key))),
            }
            Ok(())
        }
        ConfigCommand::Schema { dir } => {
            let dir = dir.unwrap_or_else(|| config_dir.join("schema"));
            let told =
                |path: &Path, error: std::io::Error| vec![format!("hotline config: {}: {error}", path.display())];
            std::fs::create_dir_all(&dir).map_err(|error| told(&dir, error))?;
            for (name, text) in config::schemas() {
                let path = dir.join(name);
                std::fs::write(&path, text).map_err(|error| told(&path, error))?;
                say!("{}", path.display());
            }
            Ok(())
        }
    }
}

pub fn operators(config_dir: &Path, command: OperatorsCommand) -> Result<(), Vec<String>> {
    let OperatorsCommand::Export { format: ExportFormat::Csv } = command;
    let (house, _) = config::load(config_dir).map_err(|faults| checking::told(&faults))?;
    say::as_it_is(config::operators_csv(&house).trim_end_matches("\r\n"));
    Ok(())
}
