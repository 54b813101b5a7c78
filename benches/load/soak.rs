//! Mixed load for half an hour: memory, descriptors, threads and tasks must not grow after the warm-up.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::draws::Draws;
use crate::report::{Outcomes, Verdict, number};
use crate::service::{SAMPLE, Service, Setup};
use crate::upstream::{self, Faults};
use crate::wire::{self, Connection};

/// Clients in parallel.
const CALLERS: u64 = 8;
const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// Share of failing model calls, in every tenth minute.
const FAULTS_OF_A_HUNDRED: u64 = 30;
const MAX_SLOPE_MB: f64 = 1.0;

/// The expected statuses of each kind of request; 0 means no answer.
const EXPECTED: [(&str, &[u16]); 11] = [
    ("text", &[200, 502, 503, 504]),
    ("both", &[200, 502, 503, 504]),
    ("upload", &[200]),
    ("sample", &[200]),
    ("events", &[200]),
    ("export", &[200, 422]),
    ("export csv", &[200, 422]),
    ("picture", &[200, 404]),
    ("health", &[200]),
    ("bad", &[400, 403, 404, 415, 422]),
    ("left", &[0]),
];

/// The server at one moment.
struct Moment {
    hours: f64,
    values: [f64; 4],
}

const MEASURED: [&str; 4] = ["resident MB", "descriptors", "threads", "tasks"];

/// `SOAK_MINUTES` at `REQUESTS_A_SECOND`, after `WARM_UP_MINUTES` with three times the clients at four times that rate:
/// an allocator keeps the most that it ever needed, so the peak has to come first.
pub async fn run() -> Vec<Verdict> {
    let minutes = number("SOAK_MINUTES", 2.0);
    let warm_up = Duration::from_secs_f64(60.0 * number("WARM_UP_MINUTES", minutes / 6.0));
    let pause = Duration::from_secs_f64(CALLERS as f64 / number("REQUESTS_A_SECOND", 20.0));
    let warm = Instant::now() + warm_up;
    let until = warm + Duration::from_secs_f64(60.0 * minutes);
    let (upstream, faults) = upstream::start().await;
    let service = Arc::new(Setup::new().written_by(upstream).with("RUST_LOG", "info").start());
    let outcomes = Arc::new(Mutex::new(Outcomes::default()));
    let early = (CALLERS..4 * CALLERS).map(|n| (n, pause, warm));
    let callers: Vec<_> = (0..CALLERS)
        .map(|n| (n, pause, until))
        .chain(early)
        .map(|(n, pause, until)| tokio::spawn(call(service.clone(), n, pause, until, outcomes.clone())))
        .collect();
    let moments = watch(&service, &faults, warm_up, until).await;
    for caller in callers {
        caller.await.unwrap();
    }
    println!("{}", outcomes.lock().unwrap());
    let mut verdicts = vec![outcomes.lock().unwrap().verdict(&EXPECTED)];
    for (index, name) in MEASURED.iter().enumerate() {
        let line = Line::through(&by_minute(&moments, index));
        println!("  {name}: {line}");
        // A slope within its error counts as flat.
        let is_flat = line.slope - 2.0 * line.slope_error <= if index == 0 { MAX_SLOPE_MB } else { 0.0 };
        verdicts.push(Verdict::new(format!("{name} are flat"), is_flat, line.to_string()));
    }
    verdicts
}

async fn watch(service: &Service, faults: &Faults, warm_up: Duration, until: Instant) -> Vec<Moment> {
    let (started, mut moments) = (Instant::now(), Vec::new());
    let mut n_looks = 0;
    while Instant::now() < until {
        tokio::time::sleep(SAMPLE_EVERY).await;
        let minute = started.elapsed().as_secs() / 60;
        faults.set(if minute % 10 == 9 { FAULTS_OF_A_HUNDRED } else { 1 });
        let now = service.footprint();
        let values =
            [now.resident_kb as f64 / 1024.0, now.descriptors as f64, now.threads as f64, tasks(service).await];
        if n_looks % 12 == 0 {
            println!("  minute {minute:2}: {values:.1?}, peak {} MB", now.peak_kb >> 10);
        }
        n_looks += 1;
        if started.elapsed() >= warm_up {
            moments.push(Moment { hours: started.elapsed().as_secs_f64() / 3600.0, values });
        }
    }
    moments
}

/// The server's own count of its tasks; 0 if it reports none.
async fn tasks(service: &Service) -> f64 {
    let answer = Connection::to(service.address).ask(&wire::get("/metrics")).await;
    let text = answer.map_or(String::new(), |answer| String::from_utf8_lossy(&answer.body).into_owned());
    let line = text.lines().find_map(|line| line.strip_prefix("content_portal_tasks "));
    line.and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// One client's requests, each of a random kind.
async fn call(service: Arc<Service>, seed: u64, pause: Duration, until: Instant, outcomes: Arc<Mutex<Outcomes>>) {
    let (mut draws, mut connection) = (Draws::new(seed), Connection::to(service.address));
    let sample = std::fs::read(SAMPLE).unwrap();
    let (mut kept, mut picture) = (json!(null), "/images/none.png".to_owned());
    let mut beats = tokio::time::interval(pause);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while Instant::now() < until {
        beats.tick().await;
        let from = draws.caller();
        let (kind, request) = match draws.below(100) {
            0..35 => ("text", wire::post("/generate-promo", &from, &draws.form("Text"))),
            35..45 => ("both", wire::post("/generate-promo", &from, &draws.form("Both"))),
            45..55 => {
                let n_rows = 50 + draws.below(500);
                ("upload", wire::upload(&from, "drawn.csv", &draws.sheet(n_rows)))
            }
            55..58 => ("sample", wire::upload(&from, "customers.xlsx", &sample)),
            58..60 => ("events", wire::as_events(&wire::upload(&from, "customers.xlsx", &sample))),
            60..64 => ("export", wire::post("/segments/export?format=xlsx", &from, &kept)),
            64..68 => ("export csv", wire::post("/segments/export?format=csv", &from, &kept)),
            68..72 => ("picture", wire::get(&picture)),
            72..78 => ("health", wire::get(["/healthz", "/readyz", "/metrics"][draws.below(3)])),
            78..88 => ("bad", bad(&mut draws, &from)),
            _ => {
                let left = leave(&service, &mut draws, &from, &sample).await;
                outcomes.lock().unwrap().count("left", left.map(|()| 0));
                continue;
            }
        };
        let answer = connection.ask(&request).await;
        if let Ok(answer) = &answer
            && ["upload", "both"].contains(&kind)
        {
            let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if let Some((_, name)) = said["image_url"].as_str().and_then(|url| url.split_once("/images/")) {
                picture = format!("/images/{name}");
            } else if kind == "upload" {
                kept = said;
            }
        }
        outcomes.lock().unwrap().count(kind, answer.map(|answer| answer.status));
    }
}

/// A request that must be rejected.
fn bad(draws: &mut Draws, from: &str) -> Vec<u8> {
    let noise: Vec<u8> = (0..2_000).map(|_| draws.next() as u8).collect();
    match draws.below(7) {
        0 => wire::request("POST", "/generate-promo", "application/json", from, b"{\"objective\": "),
        1 => wire::post("/generate-promo", from, &json!({"platform": "MySpace", "num_variants": 77})),
        2 => wire::get(&format!("/no-such-route/{}", draws.next())),
        3 => wire::upload(from, "letter.pdf", b"Dear team"),
        4 => wire::upload(from, "noise.xlsx", &noise),
        5 => wire::upload(from, "half.xlsx", &[&b"PK\x03\x04"[..], &noise].concat()),
        _ => wire::post("/api/proxy-download", from, &json!({"url": "http://127.0.0.1:1/a.png", "name": "a"})),
    }
}

/// A client that disconnects: in a head, in a body, before the answer, or in an event stream.
async fn leave(service: &Service, draws: &mut Draws, from: &str, sample: &[u8]) -> io::Result<()> {
    let upload = wire::upload(from, "customers.xlsx", sample);
    let asks = wire::post("/generate-promo", from, &draws.form("Both"));
    let mut stream = wire::connect(service.address).await?;
    match draws.below(4) {
        0 => stream.write_all(&asks[..30]).await?,
        1 => stream.write_all(&upload[..upload.len() / 2]).await?,
        2 => stream.write_all(&asks).await?,
        _ => {
            stream.write_all(&wire::as_events(&upload)).await?;
            let mut some = vec![0; 4096];
            // What arrives before the disconnect varies.
            for _ in 0..draws.below(4) {
                let _ = stream.read(&mut some).await?;
            }
        }
    }
    Ok(())
}

/// The mean of each minute. Samples a few seconds apart are correlated and would understate the error.
fn by_minute(moments: &[Moment], index: usize) -> Vec<(f64, f64)> {
    let n = (60 / SAMPLE_EVERY.as_secs()) as usize;
    let mean =
        |of: &dyn Fn(&Moment) -> f64, minute: &[Moment]| minute.iter().map(of).sum::<f64>() / minute.len() as f64;
    let point = |minute| (mean(&|moment| moment.hours, minute), mean(&|moment| moment.values[index], minute));
    moments.chunks(n).map(point).collect()
}

/// A straight line by least squares.
struct Line {
    n: usize,
    mean: f64,
    slope: f64,
    slope_error: f64,
}

impl Line {
    fn through(points: &[(f64, f64)]) -> Self {
        let n = points.len() as f64;
        let (mean_x, mean) =
            (points.iter().map(|(x, _)| x).sum::<f64>() / n, points.iter().map(|(_, y)| y).sum::<f64>() / n);
        let squares: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let slope = points.iter().map(|(x, y)| (x - mean_x) * (y - mean)).sum::<f64>() / squares;
        let left: f64 = points.iter().map(|(x, y)| (y - mean - slope * (x - mean_x)).powi(2)).sum();
        Self { n: points.len(), mean, slope, slope_error: (left / (n - 2.0) / squares).sqrt() }
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { n, mean, slope, slope_error } = self;
        write!(f, "mean {mean:.1}, slope {slope:+.2} an hour (standard error {slope_error:.2}, {n} minutes)")
    }
}
