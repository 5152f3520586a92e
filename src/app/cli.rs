//! The commands: what can be asked, and with which exit status it ends.
//!
//! 0: done. 1: a fault was found, or something failed. 2: wrong usage.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use super::forecasts::{self, SimulateArgs};
use super::load::{self, LoadArgs};
use super::logging::{self, Log, LogFormat};
use super::menus::{self, MenuCommand};
use super::prompts::{self, PromptsArgs};
use super::say::say;
use super::softphone::{self, CallArgs, SeatArgs};
use super::staffing::{self, StaffArgs};
use super::statistics::{self, Format, StatisticsArgs};
use super::{
    access, bans, checking, explain, files, importing, orders, recordings, reports, schedules, serve, switching,
    trunks, versions,
};
use crate::config;

const EXAMPLES: &str = "\
Examples:
  hotline check                                 are the files in sip-config/ sound?
  hotline serve                                 open the hotline
  hotline seat 8001 --answer-after 2s           an operator without a phone (in a second terminal)
  hotline call sip:12345@127.0.0.1 --press 1    a caller without a phone (in a third)
  hotline records --since today                 what was written down
  hotline simulate --day scripts/days/beijing.toml        how would such a day go?
  hotline staff --calls-per-hour 7000 --handle-time 300s  how many operators does it take?";

const DEFAULT_CONFIG: &str = "sip-config";
const DEFAULT_DATA: &str = "data";

/// The telephone exchange of a citizen hotline
#[derive(Parser, Debug)]
#[command(name = "hotline", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    /// Folder with the configuration
    #[arg(long, global = true, value_name = "DIR", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Folder with the records and the state
    #[arg(long, global = true, value_name = "DIR", default_value = DEFAULT_DATA)]
    data: PathBuf,
    /// What is logged, e.g. `info` or `hotline::sip=debug`
    #[arg(long, global = true, value_name = "FILTER", env = "HOTLINE_LOG")]
    log: Option<String>,
    /// How it is logged
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Open the hotline: accept calls until SIGTERM or Ctrl-C, then let running calls finish
    Serve {
        /// Print every SIP message, secrets masked
        #[arg(long)]
        trace_sip: bool,
    },
    /// Read the configuration and report all its faults and what is unlikely to be meant, each with its line
    Check {
        /// For people, or one JSON object a fault
        #[arg(long, value_enum, default_value = "text")]
        format: checking::CheckFormat,
    },
    /// What can be written in the files
    #[command(subcommand)]
    Config(files::ConfigCommand),
    /// The operators of the files
    #[command(subcommand)]
    Operators(files::OperatorsCommand),
    /// Why did this caller wait? Every decision about a call, in words
    Explain {
        /// The call, as `hotline records` prints it in call_id
        call: String,
        /// For people, or one JSON object
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Count the log: service level, waits, occupancy, and why the aim was missed
    Statistics(StatisticsArgs),
    /// Play the dispatcher's log again and compare every decision with the logged one, byte for byte
    Replay {
        /// From when on; default: as far as the log goes back
        #[arg(long, value_name = "TIME", value_parser = reports::time)]
        since: Option<reports::WrittenTime>,
        /// For people, or one JSON object
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// What the schedules mean, day by day
    #[command(subcommand)]
    Schedule(schedules::ScheduleCommand),
    /// The switches of schedules and queues: what holds now, what comes next, and who flipped it
    Switch(switching::SwitchArgs),
    /// Let the running hotline read its files again: calls go on, nobody is signed out
    Reload(versions::ReloadArgs),
    /// Put back the files of an earlier version, and let them take effect
    Rollback(versions::RollbackArgs),
    /// The configurations that took effect: when, by whom, why, and what was different
    Versions(versions::VersionsArgs),
    /// Print call records; works while the hotline is open
    Records(reports::RecordsArgs),
    /// Copy a call's recording out in the clear, as it is kept: WAV, or Ogg/Opus
    Recording(recordings::RecordingArgs),
    /// List the prompts: what they say, how long and loud they are, and what is wrong; make those that are missing
    Prompts(PromptsArgs),
    /// Play a day against the dispatcher in virtual time, with one or two configurations
    Simulate(SimulateArgs),
    /// How many operators a load takes, by Erlang C and A and by playing it
    Staff(StaffArgs),
    /// Draw the menus, or walk through them without a phone
    #[command(subcommand)]
    Menu(MenuCommand),
    /// Call a hotline without a phone: real SIP, real sound
    Call(CallArgs),
    /// Take over the configuration of another exchange
    #[command(subcommand)]
    Import(importing::ImportCommand),
    /// List the open calls: id, what they are in, caller, queue, operator
    Calls,
    /// List the trunks: whether the carriers are there and know us, and how many calls they carry
    Trunks(trunks::TrunksArgs),
    /// Ask something of an open call, as the operator's or the supervisor's page does
    Order(orders::OrderArgs),
    /// Which strangers are not heard, since when, until when and why, and how one is heard again
    Bans(bans::BansArgs),
    /// Be an operator without a phone: register at a seat, answer every call
    Seat(SeatArgs),
    /// Call a hotline and staff its seats by the hundred, with sound, and hold the records against what was seen
    Load(LoadArgs),
    /// Set somebody's password for the pages: asks twice, or reads it from standard input
    Password(access::PasswordArgs),
    /// Tokens by which programs use the API
    #[command(subcommand)]
    Token(access::TokenCommand),
    /// Hash a seat's secret for operators.toml: reads it from standard input, prints the line to paste
    Secret {
        /// The seat it is for, e.g. `8001`
        seat: String,
    },
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let filter = cli.log.clone().unwrap_or_else(|| default_filter(&cli.command).into());
    let log = match logging::start(&filter, cli.log_format) {
        Ok(log) => log,
        Err(error) => {
            complain(&format!("hotline: {error}"));
            return ExitCode::from(2);
        }
    };
    let result = dispatch(cli, &log);
    log.finish();
    match result {
        Ok(code) => code,
        Err(faults) => {
            faults.iter().for_each(|fault| complain(fault));
            ExitCode::FAILURE
        }
    }
}

/// On standard error; where nobody reads that, the exit status says it alone.
fn complain(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

fn default_filter(command: &Command) -> &'static str {
    match command {
        // What the connections of browsers say of themselves is for who looks into them: strangers can make them talk.
        Command::Serve { .. } => "info,webrtc=off,rtc=off",
        _ => "warn",
    }
}

fn dispatch(cli: Cli, log: &Log) -> Result<ExitCode, Vec<String>> {
    let done = |()| ExitCode::SUCCESS;
    match cli.command {
        Command::Serve { trace_sip } => serve::serve(&cli.config, &cli.data, trace_sip.then(|| log.clone())).map(done),
        Command::Check { format } => Ok(checking::check(&cli.config, format)),
        Command::Config(command) => files::config(&cli.config, command).map(done),
        Command::Operators(command) => files::operators(&cli.config, command).map(done),
        Command::Explain { call, format } => {
            let zone = config::time_zone(&cli.config);
            let told = explain::explain(&cli.data, &call, &zone, format == Format::Json);
            told.map(|text| say!("{text}")).map(done).map_err(|e| vec![format!("hotline explain: {e}")])
        }
        Command::Statistics(args) => {
            let told = statistics::statistics(&cli.data, &cli.config, &args);
            told.map(|lines| say!("{}", lines.join("\n")))
                .map(done)
                .map_err(|e| vec![format!("hotline statistics: {e}")])
        }
        Command::Replay { since, format } => {
            let told = statistics::replay(&cli.data, &cli.config, since, format);
            let (alike, text) = told.map_err(|e| vec![format!("hotline replay: {e}")])?;
            say!("{text}");
            Ok(if alike { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Schedule(schedules::ScheduleCommand::Show(args)) => schedules::show(&cli.config, &args).map(done),
        Command::Switch(args) => switching::switch(&cli.config, &cli.data, args),
        Command::Reload(args) => {
            // What nobody named is whatever folder the running hotline has.
            let config = Some(&*cli.config).filter(|config| *config != Path::new(DEFAULT_CONFIG));
            versions::reload(config, &cli.data, args)
        }
        Command::Rollback(args) => versions::rollback(&cli.config, &cli.data, args),
        Command::Versions(args) => versions::versions(&cli.config, &cli.data, &args)
            .map(done)
            .map_err(|e| vec![format!("hotline versions: {e}")]),
        Command::Records(args) => {
            reports::records(&cli.data, &cli.config, &args).map(done).map_err(|e| vec![format!("hotline records: {e}")])
        }
        Command::Recording(args) => {
            recordings::recording(&cli.config, &cli.data, &args).map_err(|e| vec![format!("hotline recording: {e}")])
        }
        Command::Prompts(args) => prompts::prompts(&cli.config, &args),
        Command::Simulate(args) => forecasts::simulate(&cli.config, &cli.data, &args),
        Command::Staff(args) => staffing::staff(&args).map_err(|e| vec![format!("hotline staff: {e}")]),
        Command::Menu(command) => menus::run(&cli.config, &command),
        Command::Call(args) => phone("call", softphone::call(args)),
        Command::Import(importing::ImportCommand::Asterisk(args)) => importing::import(&args),
        Command::Calls => orders::calls(&cli.data),
        Command::Trunks(args) => trunks::trunks(&cli.config, &cli.data, &args),
        Command::Order(args) => orders::order(&cli.data, args),
        Command::Bans(args) => bans::bans(&cli.config, &cli.data, &args),
        Command::Seat(args) => phone("seat", softphone::seat(args)),
        Command::Load(args) => load::run(&cli.data, args),
        Command::Password(args) => access::password(&cli.config, &cli.data, &args)
            .map(done)
            .map_err(|e| vec![format!("hotline password: {e}")]),
        Command::Token(command) => {
            access::token(&cli.config, &cli.data, &command).map(done).map_err(|e| vec![format!("hotline token: {e}")])
        }
        Command::Secret { seat } => {
            secret(&cli.config, &seat).map(done).map_err(|e| vec![format!("hotline secret: {e}")])
        }
    }
}

fn phone(name: &str, work: impl Future<Output = Result<(), String>>) -> Result<ExitCode, Vec<String>> {
    let told = |error: String| vec![format!("hotline {name}: {error}")];
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| told(e.to_string()))?;
    runtime.block_on(work).map(|()| ExitCode::SUCCESS).map_err(told)
}

fn secret(config: &Path, seat: &str) -> Result<(), String> {
    checking::is_there(config)?;
    let (house, _) =
        crate::config::load(config).map_err(|faults| faults.first().map(ToString::to_string).unwrap_or_default())?;
    let mut password = String::new();
    std::io::stdin().read_line(&mut password).map_err(|e| e.to_string())?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err("nothing came from standard input; try: printf 'the secret' | hotline secret 8001".into());
    }
    let secret = crate::sip::digest::secret(seat, &house.sip.realm, password);
    say!("secret = {{ md5 = \"{}\", sha256 = \"{}\" }}", secret.ha1_md5, secret.ha1_sha256);
    Ok(())
}

/// A time with its unit: `20s`, `500ms`, `2m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    crate::config::parse_time(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_first_line_of_help_says_what_the_program_is() {
        let help = Cli::command().render_help().to_string();
        assert!(help.starts_with("The telephone exchange of a citizen hotline\n\nUsage: hotline"), "{help}");
    }
}
