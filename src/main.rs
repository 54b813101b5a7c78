//! The commands: `serve` (the default), `retrain`, `segment FILE` and `models`.

mod commands;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::run(commands::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            commands::output::complain(format_args!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}
