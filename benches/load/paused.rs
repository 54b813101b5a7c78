//! A model API that is down: once calls to it are paused, requests fail at once.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::draws::Draws;
use crate::report::{Verdict, number, percentile};
use crate::service::Setup;
use crate::wire::{self, Connection};

const MOST: Duration = Duration::from_millis(10);
/// Requests within which calls must be paused.
const SOON: usize = 20;

/// `PAUSED_REQUESTS`, one after the other.
pub async fn run() -> Vec<Verdict> {
    let n_requests = number("PAUSED_REQUESTS", 1_000.0) as usize;
    // The port was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let service = Setup::new().written_by(nobody).quiet().start();
    let (mut draws, mut connection) = (Draws::new(1), Connection::to(service.address));
    let mut ask = async || {
        let started = Instant::now();
        let answer = connection.ask(&wire::post("/generate-promo", "203.0.113.1", &draws.form("Text"))).await.unwrap();
        let code = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["code"].to_string();
        (started.elapsed(), format!("{} {code} {}", answer.status, answer.retry_after.is_some()))
    };
    let paused = "503 \"writer_paused\" true";
    let mut n_before = 0;
    while ask().await.1 != paused {
        n_before += 1;
        assert!(n_before < SOON, "the upstream is never left alone");
    }
    let (mut times, mut others) = (Vec::new(), Vec::new());
    for _ in 0..n_requests {
        let (time, answer) = ask().await;
        times.push(time);
        others.extend(Some(answer).filter(|answer| answer != paused));
    }
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| percentile(&mut times, share));
    let measured = format!("p50 {p50:.2?}, p99 {p99:.2?}, at most {most:.2?}; paused after {n_before} answers");
    others.dedup();
    vec![
        Verdict::new(
            format!("{n_requests} answers while the upstream is left alone, within 10 ms"),
            p99 <= MOST,
            measured,
        ),
        Verdict::new("each is 503 writer_paused with Retry-After", others.is_empty(), format!("others: {others:?}")),
    ]
}
