//! Load tests of the release binary: `cargo bench --bench load -- dawdlers | isolation | overload | paused | soak`.
//!
//! Each run prints what it measured and fails if a promise does not hold. The load shares the machine with the server.
//! Sizes come from the environment, as each module says. `load upstream PORT` serves the mock model API alone, for
//! other benches.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench that cannot run should say so loudly"
)]

mod dawdlers;
mod draws;
mod isolation;
mod overload;
mod paused;
mod report;
mod service;
mod soak;
mod upstream;
mod wire;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let wanted: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [name, port] = &wanted[..]
        && name == "upstream"
    {
        upstream::serve_on(port.parse().unwrap()).await;
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let mut is_all_well = true;
    for name in ["dawdlers", "isolation", "overload", "paused", "soak"] {
        if !is_wanted(name) {
            continue;
        }
        println!("{name}");
        let verdicts = match name {
            "dawdlers" => dawdlers::run().await,
            "isolation" => isolation::run().await,
            "overload" => overload::run().await,
            "paused" => paused::run().await,
            _ => soak::run().await,
        };
        for verdict in verdicts {
            println!("  {verdict}");
            is_all_well &= verdict.holds();
        }
    }
    if is_all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
