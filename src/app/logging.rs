//! Structured logs on standard error: text for people, JSON for programs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Starts logging. `filter` is a directive such as `info` or `hotline::sip=debug`.
pub fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(filter).map_err(|e| format!("--log {filter:?}: {e}; try `info` or `hotline::sip=debug`"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => builder.with_timer(LocalTime).with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.with_timer(LocalTime).json().try_init(),
    }
    .map_err(|e| e.to_string())
}

/// RFC 3339 with milliseconds in the local zone.
struct LocalTime;

impl tracing_subscriber::fmt::time::FormatTime for LocalTime {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        let now = jiff::ZonedDateTime::now();
        write!(w, "{}", now.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z"))
    }
}
