//! Ten times more requests than the server can answer: throughput stays nearly the same, and the rest is rejected.
//!
//! The server has processor 0 and the load processor 1. The highest throughput is measured before and after, with
//! clients that wait for each answer. In between, requests arrive at ten times that rate for `OVERLOAD_SECONDS`,
//! whether or not earlier ones are answered. The number of connections is limited; a request without a free one is
//! dropped.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::draws::Draws;
use crate::report::{Verdict, number, percentile};
use crate::service::{SAMPLE, Setup, allow_descriptors, stay_on_processor};
use crate::wire::{self, Answer, Connection};

const TIMES: f64 = 10.0;
const MIN_SHARE: f64 = 0.8;
/// Clients that wait for each answer.
const WAITING: [usize; 3] = [4, 16, 64];
/// How long the last answers may take.
const LAST_WITHIN: Duration = Duration::from_secs(60);

/// The kind of request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Upload,
}

impl Kind {
    /// Connections of the open load: nearly as many as the server accepts; for uploads, as many as the memory of both
    /// sides allows for buffered files.
    fn n_connections(self) -> usize {
        match self {
            Self::Text => 9_000,
            Self::Upload => 2_000,
        }
    }
}

/// Counts of answers by outcome.
#[derive(Debug, Default)]
struct Tally {
    answers: BTreeMap<String, usize>,
    served: Vec<Duration>,
}

type Shared = Arc<Mutex<Tally>>;

pub async fn run() -> Vec<Verdict> {
    let seconds = Duration::from_secs_f64(number("OVERLOAD_SECONDS", 60.0));
    stay_on_processor(1);
    allow_descriptors(Kind::Text.n_connections() + 200);
    let mut verdicts = Vec::new();
    for kind in [Kind::Text, Kind::Upload] {
        let service = Setup::new().quiet().on_processor(0).start();
        let before = peak(service.address, kind, seconds / 12).await;
        let offered = offer(service.address, kind, TIMES * before, seconds).await;
        let after = peak(service.address, kind, seconds / 12).await;
        let Offered { n_callers, n_without_connection, n_served, mut tally } = offered;
        let peak = (before + after) / 2.0;
        let [callers, rate] = [n_callers, n_served].map(|n| n as f64 / seconds.as_secs_f64());
        let [p50, p99] = [0.5, 0.99].map(|share| percentile(&mut tally.served, share));
        println!(
            "  {kind:?}: at most {before:.1} a second before and {after:.1} after; {callers:.0} callers a second,"
        );
        println!("    {n_without_connection} of {n_callers} found none of {} connections free,", kind.n_connections());
        println!("    answered {rate:.1} a second (p50 {p50:.1?}, p99 {p99:.1?}); in all {:?}", tally.answers);
        println!("    the server then: {:?}", service.footprint());
        let measured = format!("{:.0} % at {:.1} times its peak", 100.0 * rate / peak, callers / peak);
        verdicts.push(Verdict::new(format!("{kind:?}: 80 % of its peak"), rate >= MIN_SHARE * peak, measured));
        let allowed = ["200", "429 with Retry-After", "503 with Retry-After"];
        let others: Vec<_> = tally.answers.iter().filter(|(name, _)| !allowed.contains(&name.as_str())).collect();
        let what = format!("{kind:?}: besides 429 and 503 alone, with Retry-After");
        verdicts.push(Verdict::new(what, others.is_empty(), format!("others: {others:?}")));
    }
    verdicts
}

/// The highest throughput, with clients that wait for each answer.
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
                    // Answers after the end do not count.
                    let asking = async {
                        loop {
                            ask(&mut connection, &requests.next(), &tally).await;
                        }
                    };
                    let _ = tokio::time::timeout_at(until.into(), asking).await;
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

/// Requests at a fixed rate, and their outcomes.
struct Offered {
    n_callers: usize,
    n_without_connection: usize,
    /// Answered while requests arrived.
    n_served: usize,
    /// Of all that had a connection.
    tally: Tally,
}

/// Sends requests at this rate.
async fn offer(address: SocketAddr, kind: Kind, rate: f64, time: Duration) -> Offered {
    let n_connections = kind.n_connections();
    let idle = (0..n_connections).map(|n| (Requests::new(kind, n), Connection::to(address))).collect::<Vec<_>>();
    let (idle, tally) = (Arc::new(Mutex::new(idle)), Shared::default());
    let started = Instant::now();
    let (mut n_callers, mut n_without_connection) = (0, 0);
    while started.elapsed() < time {
        let n_due = (started.elapsed().as_secs_f64() * rate) as usize;
        for _ in n_callers..n_due {
            let Some((mut requests, mut connection)) = idle.lock().unwrap().pop() else {
                n_without_connection += 1;
                continue;
            };
            let (idle, tally) = (idle.clone(), tally.clone());
            tokio::spawn(async move {
                ask(&mut connection, &requests.next(), &tally).await;
                idle.lock().unwrap().push((requests, connection));
            });
        }
        n_callers = n_due;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let n_served = tally.lock().unwrap().served.len();
    let all_are_back = async {
        while idle.lock().unwrap().len() < n_connections {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LAST_WITHIN, all_are_back).await.unwrap();
    let tally = std::mem::take(&mut *tally.lock().unwrap());
    Offered { n_callers, n_without_connection, n_served, tally }
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

/// One client's requests.
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

    fn next(&mut self) -> Cow<'_, [u8]> {
        match &self.upload {
            Some(upload) => upload.into(),
            None => wire::post("/generate-promo", &self.from, &self.draws.form("Text")).into(),
        }
    }
}
