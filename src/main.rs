//! The commands: `serve` (the default), `retrain`, `segment FILE` and `models`.

mod commands;

use std::process::ExitCode;

use clap::Parser;

#[expect(clippy::print_stderr, reason = "why a command failed is for whoever ran it")]
fn main() -> ExitCode {
    match commands::run(commands::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
