//! The commands: `serve` (the default), `retrain`, `segment FILE`, `models`, `settings`, `check` and `health`.

mod commands;

use std::process::ExitCode;

use clap::Parser;

/// The system's allocator gives each thread a pool that grows to the most that any work needs, and takes longer the more
/// callers there are. Beside 9,000 callers on one processor this one lets half as many answers more through.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match commands::run(commands::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            commands::output::complain(format_args!("error: {error:#}\n"));
            commands::exit_code(&error)
        }
    }
}
