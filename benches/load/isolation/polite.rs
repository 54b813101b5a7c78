//! The polite caller: a text, a small upload and a health check, each after the answer to the one before.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::draws::Draws;
use crate::report::{Outcomes, percentile};
use crate::wire::{self, Connection};

const FROM: &str = "203.0.113.1";
/// Rows of an upload.
const ROWS: usize = 200;
const PAUSE: Duration = Duration::from_millis(30);

/// What the polite caller got.
#[derive(Default)]
pub struct Polite {
    texts: Vec<Duration>,
    uploads: Vec<Duration>,
    health: Vec<Duration>,
    n_refused: usize,
    outcomes: Outcomes,
}

impl Polite {
    pub fn n_refused(&self) -> usize {
        self.n_refused
    }

    pub fn texts_p99(&self) -> Duration {
        percentile(&mut self.texts.clone(), 0.99)
    }

    pub fn uploads_p99(&self) -> Duration {
        percentile(&mut self.uploads.clone(), 0.99)
    }

    pub fn health_p99(&self) -> Duration {
        percentile(&mut self.health.clone(), 0.99)
    }
}

impl fmt::Display for Polite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, times) in [("texts", &self.texts), ("uploads", &self.uploads), ("/healthz", &self.health)] {
            let [p50, p99] = [0.5, 0.99].map(|share| percentile(&mut times.clone(), share));
            write!(f, "{name} {} × p50 {p50:.1?} p99 {p99:.1?}; ", times.len())?;
        }
        write!(f, "{} refused", self.n_refused)?;
        if self.n_refused > 0 {
            write!(f, "\n{}", self.outcomes)?;
        }
        Ok(())
    }
}

/// Calls for so long, on a thread of its own, so that it never waits for the other caller's tasks.
pub async fn call_for(address: SocketAddr, time: Duration) -> Polite {
    let calling = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let until = Instant::now() + time;
            let (texts, uploads, health) = tokio::join!(
                ask(address, Kind::Text, until),
                ask(address, Kind::Upload, until),
                ask(address, Kind::Health, until)
            );
            let mut polite = Polite::default();
            for (kind, calls) in [(Kind::Text, texts), (Kind::Upload, uploads), (Kind::Health, health)] {
                polite.count(kind, calls);
            }
            polite
        })
    };
    tokio::task::spawn_blocking(calling).await.unwrap()
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Upload,
    Health,
}

type Call = (Duration, std::io::Result<u16>);

impl Polite {
    fn count(&mut self, kind: Kind, calls: Vec<Call>) {
        let (name, times) = match kind {
            Kind::Text => ("text", &mut self.texts),
            Kind::Upload => ("upload", &mut self.uploads),
            Kind::Health => ("health", &mut self.health),
        };
        for (time, outcome) in calls {
            self.n_refused += usize::from(!matches!(outcome, Ok(200)));
            times.push(time);
            self.outcomes.count(name, outcome);
        }
    }
}

async fn ask(address: SocketAddr, kind: Kind, until: Instant) -> Vec<Call> {
    let (mut draws, mut connection, mut calls) = (Draws::new(kind as u64), Connection::to(address), Vec::new());
    while Instant::now() < until {
        tokio::time::sleep(PAUSE).await;
        let request = match kind {
            Kind::Text => wire::post("/generate-promo", FROM, &draws.form("Text")),
            Kind::Upload => wire::upload(FROM, "a.csv", &draws.sheet(ROWS)),
            Kind::Health => wire::get("/healthz"),
        };
        let started = Instant::now();
        let outcome = connection.ask(&request).await;
        calls.push((started.elapsed(), outcome.map(|answer| answer.status)));
    }
    calls
}
