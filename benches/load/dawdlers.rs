//! Thousands of idle or very slow connections: the server closes them soon, and they do not slow others down.
//!
//! `IDLE` and `SLOW` connections at a time for `DAWDLE_SECONDS`; a closed one reconnects. The server has processor 0
//! and they have processor 1, so that only their cost to the server is measured.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::draws::Draws;
use crate::report::{Outcomes, Verdict, number, percentile};
use crate::service::{Setup, allow_descriptors, stay_on_processor};
use crate::wire::{self, Connection};

const CLOSED_WITHIN: Duration = Duration::from_secs(15);
/// Ordinary clients beside the dawdlers, and how long each pauses between two requests.
const OTHERS: u64 = 4;
const PAUSE: Duration = Duration::from_millis(20);
/// A shell's usual limit.
const SOFT_LIMIT: usize = 1024;

/// More than the megabyte that any client may send.
const LONG_ANSWER: &str = "/docs/swagger-ui-bundle.js";

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Nothing at all.
    Silent,
    /// One request, then nothing.
    Resting,
    /// A head, a byte a second.
    Head,
    /// A JSON body, a byte a second.
    Json,
    /// An upload, a byte a second.
    Upload,
    /// A long answer, taken a byte a second.
    Reader,
}

/// For how long connections of one kind lasted.
type Lasted = Arc<Mutex<Vec<(Kind, Duration)>>>;

pub async fn run() -> Vec<Verdict> {
    let (n_idle, n_slow) = (number("IDLE", 5_000.0) as usize, number("SLOW", 1_000.0) as usize);
    let seconds = Duration::from_secs_f64(number("DAWDLE_SECONDS", 45.0));
    allow_descriptors(n_idle + n_slow + 200);
    stay_on_processor(1);
    let service = Setup::new().with_a_soft_limit(SOFT_LIMIT).on_processor(0).start();
    let address = service.address;
    // The first requests after a start are slower.
    others(address, seconds / 5).await;
    let before = others(address, seconds / 2).await;

    let (lasted, until) = (Lasted::default(), Instant::now() + seconds);
    let kinds = (0..n_idle).map(|n| [Kind::Silent, Kind::Resting][n % 2]);
    let slow = (0..n_slow).map(|n| [Kind::Head, Kind::Json, Kind::Upload, Kind::Reader][n % 4]);
    let dawdlers: Vec<_> =
        kinds.chain(slow).map(|kind| tokio::spawn(dawdle(kind, address, until, lasted.clone()))).collect();
    let during = others(address, seconds).await;
    let footprint = service.footprint();
    for dawdler in dawdlers {
        dawdler.await.unwrap();
    }
    let after = others(address, seconds / 2).await;
    println!("  {n_idle} idle and {n_slow} slow connections; the server then: {footprint:?}");

    let mut verdicts = Vec::new();
    for kind in [Kind::Silent, Kind::Resting, Kind::Head, Kind::Json, Kind::Upload, Kind::Reader] {
        let lasted = lasted.lock().unwrap();
        let mut times: Vec<_> = lasted.iter().filter(|(one, _)| *one == kind).map(|(_, time)| *time).collect();
        let most = percentile(&mut times, 1.0);
        let measured =
            format!("{} closed, median {:.1?}, at most {most:.1?}", times.len(), percentile(&mut times, 0.5));
        verdicts.push(Verdict::new(format!("{kind:?} connections last 15 s at most"), most <= CLOSED_WITHIN, measured));
    }
    let [quiet, beset] = [before.p99.max(after.p99), during.p99];
    for (name, others) in [("before", &before), ("with them", &during), ("after", &after)] {
        println!("  others {name}: p50 {:.2?}, p99 {:.2?}, {}", others.p50, others.p99, others.verdict);
    }
    let measured = format!("{beset:.2?} after {quiet:.2?}");
    verdicts.push(Verdict::new("others' p99 at most doubles", beset <= 2 * quiet, measured));
    verdicts.extend([before.verdict, during.verdict, after.verdict]);
    verdicts
}

/// The latency of the ordinary clients.
struct Others {
    p50: Duration,
    p99: Duration,
    verdict: Verdict,
}

/// They run on a thread of their own, so that they never wait for the dawdlers' tasks.
async fn others(address: SocketAddr, time: Duration) -> Others {
    let calling = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(call_for(address, time))
    };
    tokio::task::spawn_blocking(calling).await.unwrap()
}

async fn call_for(address: SocketAddr, time: Duration) -> Others {
    let until = Instant::now() + time;
    let callers: Vec<_> = (0..OTHERS).map(|n| tokio::spawn(call(address, n, until))).collect();
    let (mut all, mut outcomes) = (Vec::new(), Outcomes::default());
    for caller in callers {
        for (time, status) in caller.await.unwrap() {
            all.push(time);
            outcomes.count("other", status);
        }
    }
    let [p50, p99] = [0.5, 0.99].map(|share| percentile(&mut all, share));
    Others { p50, p99, verdict: outcomes.verdict(&[("other", &[200])]) }
}

async fn call(address: SocketAddr, seed: u64, until: Instant) -> Vec<(Duration, io::Result<u16>)> {
    let (mut draws, mut connection, mut calls) = (Draws::new(seed), Connection::to(address), Vec::new());
    let from = format!("203.0.113.{seed}");
    while Instant::now() < until {
        tokio::time::sleep(PAUSE).await;
        let request = match draws.below(10) {
            0 => wire::get("/healthz"),
            _ => wire::post("/generate-promo", &from, &draws.form("Text")),
        };
        let started = Instant::now();
        let outcome = connection.ask(&request).await;
        calls.push((started.elapsed(), outcome.map(|answer| answer.status)));
    }
    calls
}

async fn dawdle(kind: Kind, address: SocketAddr, until: Instant, lasted: Lasted) {
    let mut draws = Draws::new(address.port().into());
    while Instant::now() < until {
        // Spread over time.
        tokio::time::sleep(Duration::from_millis(draws.next() % 1_000)).await;
        let started = Instant::now();
        // A rejected one reconnects.
        match tokio::time::timeout(4 * CLOSED_WITHIN, dawdle_once(kind, address)).await {
            Ok(Err(_)) => {}
            Ok(Ok(())) | Err(_) => lasted.lock().unwrap().push((kind, started.elapsed())),
        }
    }
}

/// One connection, from its opening until the server has closed it.
async fn dawdle_once(kind: Kind, address: SocketAddr) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    if kind == Kind::Reader {
        socket.set_recv_buffer_size(4 << 10)?;
    }
    let mut stream = socket.connect(address).await?;
    let from = "198.51.100.7";
    let body = [b' '; 4 << 10];
    match kind {
        Kind::Silent => {}
        Kind::Resting => stream.write_all(&wire::get("/healthz")).await?,
        Kind::Head => return say_slowly(stream, &wire::get("/healthz"), 0).await,
        Kind::Json => {
            let request = wire::request("POST", "/generate-promo", "application/json", from, &body);
            return say_slowly(stream, &request, request.len() - body.len()).await;
        }
        Kind::Upload => {
            let request = wire::upload(from, "a.csv", &body);
            return say_slowly(stream, &request, request.len() - body.len()).await;
        }
        Kind::Reader => {
            stream.write_all(&wire::get(LONG_ANSWER)).await?;
        }
    }
    read_to_end(stream, if kind == Kind::Reader { Some(Duration::from_secs(1)) } else { None }).await
}

/// Sends the rest from `at` on, a byte a second, until the server closes.
async fn say_slowly(mut stream: TcpStream, request: &[u8], at: usize) -> io::Result<()> {
    stream.write_all(&request[..at]).await?;
    let mut answer = [0; 4 << 10];
    for byte in &request[at..] {
        tokio::select! {
            read = stream.read(&mut answer) => match read {
                Ok(n) if n > 0 => {}
                // Closed or reset, it is over.
                Ok(_) | Err(_) => return Ok(()),
            },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        if stream.write_all(&[*byte]).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads until the server closes, with a pause after each byte. What came before a reset would still be read: it is
/// asked for.
async fn read_to_end(mut stream: TcpStream, pause: Option<Duration>) -> io::Result<()> {
    let mut all = vec![0; if pause.is_some() { 1 } else { 4 << 10 }];
    while !matches!(stream.read(&mut all).await, Ok(0) | Err(_)) {
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
            if stream.take_error()?.is_some() {
                return Ok(());
            }
        }
    }
    Ok(())
}
