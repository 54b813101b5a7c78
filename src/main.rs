//! The commands: `serve` (the default), `retrain`, `segment FILE` and `models`.

mod commands;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    commands::run(commands::Cli::parse())
}
