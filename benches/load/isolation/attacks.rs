//! What the other caller does, row by row.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::draws::Draws;
use crate::report::{Outcomes, Verdict};
use crate::service::Setup;
use crate::wire::{self, Connection};

const FROM: &str = "198.51.100.7";
/// An address of this machine that no proxy is trusted at.
const OTHER_ADDRESS: &str = "127.0.0.2:0";
/// A picture's name; its bytes do not matter.
const PICTURE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.png";
const PICTURE_BYTES: usize = 4 << 20;
/// As large as an upload may be (`MAX_UPLOAD_MB`), with some room for the form.
const SLOW_BYTES: usize = 49 << 20;
/// Longer than a reader may take (`READER_TIMEOUT_S`).
const LONGER_THAN_A_READING: Duration = Duration::from_secs(12);

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Forms whose preamble or part head has 40 MB.
    Forms,
    /// Many uploads of 20,000 rows whose answers are read at 35 KB/s, and 300 slow readers of a picture of 4 MB.
    Readers,
    /// Two callers with 16 forms each, at 15 KB/s in all.
    Senders,
    /// 16 files at a time that work the reader for as long as it may.
    Processor,
    /// Pictures in a loop.
    Pictures,
    /// JSON of 580,000 keys, and exports of large answers as CSV.
    Bodies,
    /// 1,500 connections of one address, of 500.
    Connections,
}

impl Attack {
    pub const ALL: [Self; 7] =
        [Self::Forms, Self::Readers, Self::Senders, Self::Processor, Self::Pictures, Self::Bodies, Self::Connections];

    pub fn name(self) -> &'static str {
        match self {
            Self::Forms => "forms",
            Self::Readers => "readers",
            Self::Senders => "senders",
            Self::Processor => "processor",
            Self::Pictures => "pictures",
            Self::Bodies => "bodies",
            Self::Connections => "connections",
        }
    }

    pub fn what(self) -> &'static str {
        match self {
            Self::Forms => "16 forms at a time whose preamble or part head has 40 MB",
            Self::Readers => "uploads of 20,000 rows read at 35 KB/s, and 300 slow readers of a picture of 4 MB",
            Self::Senders => "two callers with 16 forms each at 15 KB/s in all",
            Self::Processor => "16 files of 49 MB at a time that work the reader for all of its time",
            Self::Pictures => "pictures in a loop by 8 connections, each asked for and fetched",
            Self::Bodies => "JSON of 580,000 keys, and CSV exports of large answers, 8 at a time",
            Self::Connections => "1,500 connections of one address, of 500",
        }
    }

    pub fn prepare(self, setup: Setup) -> Setup {
        match self {
            Self::Connections => setup.with("MAX_CONNECTIONS", "500").with("TRUSTED_PROXIES", ""),
            _ => setup,
        }
    }

    /// Puts into the server's folder what the attack asks for.
    pub fn lay_out(self, folder: &Path) {
        if self == Self::Readers {
            fs::create_dir_all(folder.join("images")).unwrap();
            fs::write(folder.join("images").join(PICTURE), vec![7; PICTURE_BYTES]).unwrap();
        }
    }

    /// How long the row takes: files that use up the reader's time must have the time to.
    pub fn takes(self, seconds: Duration) -> Duration {
        if self == Self::Processor { seconds.max(LONGER_THAN_A_READING) } else { seconds }
    }

    /// Whether a file works the reader until its time is up, also while nothing else is to be done; how long that took.
    /// `None` for an attack that does not claim it.
    pub async fn try_out(self, address: SocketAddr) -> Option<Verdict> {
        if self != Self::Processor {
            return None;
        }
        let started = Instant::now();
        let answer = Connection::to(address).ask(&slow_upload()).await.unwrap();
        let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_out_of_time = problem["code"] == "takes_too_much_time";
        let measured = format!("{} after {:.1?}, sending it included", answer.status, started.elapsed());
        Some(Verdict::new("processor: one file takes all of the reader's time", is_out_of_time, measured))
    }

    /// Attacks until then; the answers, as they were counted.
    pub async fn run(self, address: SocketAddr, until: Instant) -> String {
        let outcomes = Arc::new(Mutex::new(Outcomes::default()));
        let tasks: Vec<_> = match self {
            Self::Forms => forms(address, until, &outcomes),
            Self::Readers => readers(address, until, &outcomes),
            Self::Senders => senders(address, until, &outcomes),
            Self::Processor => processor(address, until, &outcomes),
            Self::Pictures => pictures(address, until, &outcomes),
            Self::Bodies => bodies(address, until, &outcomes),
            Self::Connections => connections(address, until, &outcomes),
        };
        for task in tasks {
            // What still goes on when the time is up ends with the server.
            let left = until.saturating_duration_since(Instant::now());
            let _ = tokio::time::timeout(left, task).await;
        }
        let outcomes = outcomes.lock().unwrap();
        outcomes.to_string().lines().map(|line| format!("  {line}\n")).collect()
    }
}

type Shared = Arc<Mutex<Outcomes>>;
type Tasks = Vec<tokio::task::JoinHandle<()>>;

/// `n` tasks that each do `once` again and again.
fn repeat<F>(
    n: usize,
    until: Instant,
    outcomes: &Shared,
    once: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> Tasks
where
    F: Future<Output = (&'static str, io::Result<u16>)> + Send + 'static,
{
    let task = |n: usize| {
        let (once, outcomes) = (once.clone(), outcomes.clone());
        tokio::spawn(async move {
            while Instant::now() < until {
                let (kind, outcome) = once(n).await;
                outcomes.lock().unwrap().count(kind, outcome);
                // As fast as it can, but for a server that closes at once.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    (0..n).map(task).collect()
}

/// Sends a request in one go, and gives the status of its answer.
async fn sent(address: SocketAddr, request: Arc<Vec<u8>>) -> io::Result<u16> {
    Connection::to(address).ask(&request).await.map(|answer| answer.status)
}

fn forms(address: SocketAddr, until: Instant, outcomes: &Shared) -> Tasks {
    let long = |start: &str, piece: &str| {
        let body = start.to_owned() + &piece.repeat((40 << 20) / piece.len());
        Arc::new(wire::request("POST", "/upload-excel", "multipart/form-data; boundary=edge", FROM, body.as_bytes()))
    };
    let all = [long("", "--"), long("", "\r\n--"), long("--edge\r\nX: ", "a")];
    repeat(16, until, outcomes, move |n| {
        let request = all[n % all.len()].clone();
        async move { ("form", sent(address, request).await) }
    })
}

/// Sends a request and reads the answer at this rate.
async fn read_slowly(address: SocketAddr, request: Arc<Vec<u8>>, bytes_a_second: usize) -> io::Result<u16> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(16 << 10)?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(&request).await?;
    let mut piece = vec![0; bytes_a_second.div_ceil(10)];
    let mut status = None;
    loop {
        let n_bytes = stream.read(&mut piece).await?;
        if status.is_none() {
            status = std::str::from_utf8(piece.get(9..12).unwrap_or_default()).ok().and_then(|text| text.parse().ok());
        }
        if n_bytes == 0 {
            return status.ok_or(io::ErrorKind::UnexpectedEof.into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn readers(address: SocketAddr, until: Instant, outcomes: &Shared) -> Tasks {
    let upload = Arc::new(wire::upload(FROM, "a.csv", &Draws::new(1).sheet(20_000)));
    let picture = Arc::new(wire::get(&format!("/images/{PICTURE}")));
    let mut tasks = repeat(400, until, outcomes, move |_| {
        let upload = upload.clone();
        async move { ("upload", read_slowly(address, upload, 35 << 10).await) }
    });
    tasks.extend(repeat(300, until, outcomes, move |_| {
        let picture = picture.clone();
        async move { ("picture", read_slowly(address, picture, 20 << 10).await) }
    }));
    tasks
}

/// Sends a form so that all of them together send 15 KB a second.
async fn send_slowly(address: SocketAddr, request: Arc<Vec<u8>>) -> io::Result<u16> {
    const PIECE_BYTES: usize = (15 << 10) / 32;
    let mut stream = TcpStream::connect(address).await?;
    let mut answer = vec![0; 1 << 10];
    for piece in request.chunks(PIECE_BYTES) {
        stream.write_all(piece).await?;
        tokio::select! {
            read = stream.read(&mut answer) => {
                read?;
                let status = std::str::from_utf8(&answer[9..12]).ok().and_then(|text| text.parse().ok());
                return status.ok_or(io::ErrorKind::InvalidData.into());
            }
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn senders(address: SocketAddr, until: Instant, outcomes: &Shared) -> Tasks {
    let sheet = Draws::new(2).sheet(20_000);
    let uploads = ["198.51.100.7", "198.51.100.8"].map(|from| Arc::new(wire::upload(from, "a.csv", &sheet)));
    repeat(32, until, outcomes, move |n| {
        let upload = uploads[n % 2].clone();
        async move { ("form", send_slowly(address, upload).await) }
    })
}

/// A file that takes the reader longer than it may take.
fn slow_upload() -> Vec<u8> {
    wire::upload(FROM, "a.csv", &Draws::new(3).mixed_sheet(SLOW_BYTES))
}

fn processor(address: SocketAddr, until: Instant, outcomes: &Shared) -> Tasks {
    let upload = Arc::new(slow_upload());
    repeat(16, until, outcomes, move |_| {
        let upload = upload.clone();
        async move { ("upload", sent(address, upload).await) }
    })
}

fn pictures(address: SocketAddr, until: Instant, outcomes: &Shared) -> Tasks {
    repeat(8, until, outcomes, move |n| async move {
        let mut connection = Connection::to(address);
        let objective = format!("More visits {n} {:?}", Instant::now());
        let mut form = Draws::new(n as u64).form("Image");
        form["objective"] = json!(objective);
        let asked = connection.ask(&wire::post("/generate-promo", FROM, &form)).await;
        let answer = match asked {
            Ok(answer) if answer.status == 200 => answer,
            other => return ("picture", other.map(|answer| answer.status)),
        };
        let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let url = answer["image_url"].as_str().unwrap_or_default();
        let path = url.find("/images/").and_then(|at| url.get(at..)).unwrap_or("/images/none");
        ("picture", connection.ask(&wire::get(path)).await.map(|answer| answer.status))
    })
}

fn bodies(address: SocketAddr, until: Instant, outcomes: &Shared) -> Tasks {
    let keys: String = (0..580_000).map(|n| format!("\"{n:x}\":1,")).collect();
    let keys =
        wire::request("POST", "/generate-promo", "application/json", FROM, format!("{{{keys}\"x\":1}}").as_bytes());
    let member = json!({"Location": "Bedok", "Loyalty Tier": "Gold", "cluster_id": 0, "strength": 1.0});
    let members: Vec<_> = vec![member; 100_000];
    let cluster = json!({"cluster_id": 0, "persona_summary": "Gold tier", "size": 1, "members": members});
    let kept = json!({"format": "csv", "clusters": [cluster]});
    let export = wire::post("/segments/export", FROM, &kept);
    let all = [Arc::new(keys), Arc::new(export)];
    repeat(8, until, outcomes, move |n| {
        let request = all[n % 2].clone();
        async move { (["keys", "export"][n % 2], sent(address, request).await) }
    })
}

fn connections(address: SocketAddr, until: Instant, outcomes: &Shared) -> Tasks {
    repeat(1_500, until, outcomes, move |_| async move {
        let held = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(OTHER_ADDRESS.parse().unwrap())?;
            let mut stream = socket.connect(address).await?;
            stream.write_all(b"GET /healthz HTTP/1.1\r\n").await?;
            let mut answer = [0; 64];
            let n_bytes = stream.read(&mut answer).await?;
            let status = answer.get(9..12).filter(|_| n_bytes > 0).and_then(|text| std::str::from_utf8(text).ok());
            // Closed after the time for a head, without an answer.
            Ok(status.and_then(|text| text.parse().ok()).unwrap_or(0))
        };
        ("connection", held.await)
    })
}
