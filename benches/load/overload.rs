//! Ten times more requests than the server can answer: it goes on answering nearly as many, and turns the others away.
//!
//! The server has processor 0 and the load processor 1, so that the one takes nothing from the other. The most that can
//! be answered is measured with callers that wait for each answer, before and after; then requests come at ten times
//! that rate for `OVERLOAD_SECONDS`, whether or not earlier ones are answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::draws::Draws;
use crate::report::{Verdict, number, percentile};
use crate::service::{SAMPLE, Setup};
use crate::wire::{self, Answer, Connection};

const TIMES: f64 = 10.0;
const MIN_SHARE: f64 = 0.8;
/// Callers that wait for each answer.
const WAITING: [usize; 3] = [4, 16, 64];
/// Connections of the load that does not wait.
const CONNECTIONS: usize = 2_000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Upload,
}

/// What came of requests.
#[derive(Debug, Default)]
struct Tally {
    answers: BTreeMap<String, usize>,
    served: Vec<Duration>,
}

type Shared = Arc<Mutex<Tally>>;

pub async fn run() -> Vec<Verdict> {
    let seconds = Duration::from_secs_f64(number("OVERLOAD_SECONDS", 60.0));
    // The driver's threads stay where the server is not.
    let _ = Command::new("taskset").args(["-apc", "1", &std::process::id().to_string()]).output();
    let mut verdicts = Vec::new();
    for kind in [Kind::Text, Kind::Upload] {
        let service = Setup::new().quiet().on_processor(0).start();
        let before = peak(service.address, kind, seconds / 12).await;
        let tally = Shared::default();
        let n_sent = offer(service.address, kind, TIMES * before, seconds, &tally).await;
        let after = peak(service.address, kind, seconds / 12).await;
        let mut tally = std::mem::take(&mut *tally.lock().unwrap());
        let peak = (before + after) / 2.0;
        let (rate, offered) =
            (tally.served.len() as f64 / seconds.as_secs_f64(), n_sent as f64 / seconds.as_secs_f64());
        let [p50, p99] = [0.5, 0.99].map(|share| percentile(&mut tally.served, share));
        println!(
            "  {kind:?}: at most {before:.1} a second before and {after:.1} after; offered {offered:.0} a second,"
        );
        println!("    answered {rate:.1} (p50 {p50:.1?}, p99 {p99:.1?}); {:?}", tally.answers);
        println!("    the server then: {:?}", service.footprint());
        let measured = format!("{:.0} % at {:.1} times its peak", 100.0 * rate / peak, offered / peak);
        verdicts.push(Verdict::new(format!("{kind:?}: 80 % of its peak"), rate >= MIN_SHARE * peak, measured));
        let allowed = ["200", "429 with Retry-After", "503 with Retry-After"];
        let others: Vec<_> = tally.answers.iter().filter(|(name, _)| !allowed.contains(&name.as_str())).collect();
        let what = format!("{kind:?}: besides 429 and 503 alone, with Retry-After");
        verdicts.push(Verdict::new(what, others.is_empty(), format!("others: {others:?}")));
    }
    verdicts
}

/// The most answers a second to callers that wait for each.
async fn peak(address: SocketAddr, kind: Kind, each: Duration) -> f64 {
    let mut most = 0.0_f64;
    for n_callers in WAITING {
        let tally = Shared::default();
        let until = Instant::now() + each;
        let callers: Vec<_> = (0..n_callers)
            .map(|n| {
                let tally = tally.clone();
                tokio::spawn(async move {
                    let (mut requests, mut connection) = (Requests::new(kind, n), Connection::to(address));
                    while Instant::now() < until {
                        ask(&mut connection, &requests.next(), &tally).await;
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        most = most.max(tally.lock().unwrap().served.len() as f64 / each.as_secs_f64());
    }
    most
}

/// Sends requests at this rate; how many.
async fn offer(address: SocketAddr, kind: Kind, rate: f64, time: Duration, tally: &Shared) -> usize {
    let (due, work) = mpsc::channel::<()>(CONNECTIONS);
    let work = Arc::new(tokio::sync::Mutex::new(work));
    for n in 0..CONNECTIONS {
        let (work, tally) = (work.clone(), tally.clone());
        tokio::spawn(async move {
            let (mut requests, mut connection) = (Requests::new(kind, n), Connection::to(address));
            while work.lock().await.recv().await.is_some() {
                ask(&mut connection, &requests.next(), &tally).await;
            }
        });
    }
    let started = Instant::now();
    let mut n_sent = 0;
    while started.elapsed() < time {
        let n_due = (started.elapsed().as_secs_f64() * rate) as usize;
        while n_sent < n_due {
            // Where every connection is waiting for an answer, so does the load.
            let room = due.reserve().await.unwrap();
            room.send(());
            n_sent += 1;
            if started.elapsed() >= time {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    n_sent
}

async fn ask(connection: &mut Connection, request: &[u8], tally: &Shared) {
    let started = Instant::now();
    let outcome = connection.ask(request).await;
    let mut tally = tally.lock().unwrap();
    let name = match outcome {
        Ok(Answer { status: 200, .. }) => {
            tally.served.push(started.elapsed());
            "200".to_owned()
        }
        Ok(Answer { status, retry_after, .. }) => {
            format!("{status} {} Retry-After", if retry_after.is_some() { "with" } else { "without" })
        }
        Err(error) => format!("{:?}", error.kind()),
    };
    *tally.answers.entry(name).or_default() += 1;
}

/// One caller's requests.
struct Requests {
    draws: Draws,
    from: String,
    upload: Option<Vec<u8>>,
}

impl Requests {
    fn new(kind: Kind, n: usize) -> Self {
        let mut draws = Draws::new(n as u64);
        let from = draws.caller();
        let upload =
            (kind == Kind::Upload).then(|| wire::upload(&from, "customers.xlsx", &std::fs::read(SAMPLE).unwrap()));
        Self { draws, from, upload }
    }

    fn next(&mut self) -> Vec<u8> {
        let form = self.draws.form("Text");
        self.upload.clone().unwrap_or_else(|| wire::post("/generate-promo", &self.from, &form))
    }
}
