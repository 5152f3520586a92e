//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    hotline::app::cli::run()
}
