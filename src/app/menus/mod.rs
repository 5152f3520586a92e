//! `hotline menu`: the menus drawn, and walked without a phone.

mod chart;
mod trying;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::say::say;
use crate::config;

#[derive(Subcommand, Debug)]
pub enum MenuCommand {
    /// Draw what callers can be led through
    Show {
        /// Only what this number leads to
        number: Option<String>,
        /// A tree as text, for graphviz, or as a picture
        #[arg(long, value_enum, default_value = "text")]
        format: ChartFormat,
    },
    /// Walk through the menus on the terminal: the very machine that serves callers
    Try(TryArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChartFormat {
    Text,
    Dot,
    Svg,
}

#[derive(Args, Debug)]
pub struct TryArgs {
    /// The number that is dialled; default: the first of menu.toml
    pub number: Option<String>,
    /// The caller's number
    #[arg(long, value_name = "NUMBER", default_value = "13800000000")]
    pub from: String,
    /// When, e.g. `2026-11-25T20:00`; default: now
    #[arg(long, value_name = "TIME", value_parser = super::reports::time)]
    pub at: Option<super::reports::WrittenTime>,
    /// Keys instead of asking for them: what is pressed at each menu in turn, e.g. `1,,12345#`; nothing is no key
    #[arg(long, value_name = "KEYS")]
    pub press: Option<String>,
    /// How a queue's line is: callers waiting, expected wait, closed, nobody, e.g. `citizen=20,5m`
    #[arg(long, value_name = "QUEUE=STATE")]
    pub line: Vec<String>,
    /// What a hook answers: its case, e.g. `ask=open`; without, it answers nothing
    #[arg(long, value_name = "HOOK=CASE")]
    pub answer: Vec<String>,
    /// Nobody is reached at numbers and seats
    #[arg(long)]
    pub nobody: bool,
}

pub fn run(config_dir: &Path, command: &MenuCommand) -> Result<ExitCode, Vec<String>> {
    let (house, _) =
        config::load(config_dir).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let wrong = |what: String| vec![format!("hotline menu: {what}")];
    match command {
        MenuCommand::Show { number, format } => {
            let chart = chart::draw(&house.ivr, number.as_deref(), *format).map_err(wrong)?;
            say!("{chart}");
        }
        MenuCommand::Try(args) => trying::walk(&house, args).map_err(wrong)?,
    }
    Ok(ExitCode::SUCCESS)
}
