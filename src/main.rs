//! The command line.

use std::process::ExitCode;

/// Gives memory back after a busy hour, which the system's allocator does not.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hotline::app::cli::run()
}
