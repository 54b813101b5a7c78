//! The audit log: who asked for what, from where, and what became of it; one JSON line a request.
//!
//! It is a file of its own (`AUDIT_LOG`), rotated by size, of which a bounded number is kept. A request never waits for
//! it: lines go through a bounded queue to a thread that writes them. What cannot be written, because the disk is full
//! or slow, is lost, counted, and reported in the log and the metrics; requests go on. It knows no HTTP.

mod keyless;
mod rotation;
mod settings;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

pub use settings::AuditSettings;

use keyless::{Keyless, NotNoted};
use rotation::Rotated;

/// Lines that wait for the disk: about two megabytes.
const MAX_WAITING: usize = 8_192;
/// How often lost lines are reported.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// How long a process that ends waits for its last lines.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(2);

/// One request.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    /// When it ended.
    pub time: Timestamp,
    /// Its request id, as in the answer and in the log.
    pub request_id: &'a str,
    /// The name of the key; none without a known one.
    pub key: Option<&'a str>,
    /// `good`, `expired`, `wrong` or `none`.
    pub key_state: &'a str,
    /// The client's address, or its network.
    pub address: IpAddr,
    /// The method.
    pub method: &'a str,
    /// The route's pattern.
    pub route: &'a str,
    /// What the pattern stands for, where it has a part that varies and not everybody may call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    /// The id of the upload that the request brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<&'a str>,
    /// The status of the answer; 499 where the client left before it.
    pub status: u16,
    /// The model version that the answer was made with.
    pub model_version: Option<&'a str>,
    /// How long it took.
    pub took_ms: f64,
}

/// The audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditLog {
    sender: SyncSender<Message>,
    n_lost: Arc<AtomicU64>,
    keyless: Arc<Mutex<Keyless>>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Answered once every line before it is written.
    Done(SyncSender<()>),
}

impl AuditLog {
    /// Opens the file that the settings name, and starts the thread that writes; `None` where they name none. Blocking.
    ///
    /// # Errors
    /// When the file cannot be opened for writing.
    pub fn open(settings: &AuditSettings) -> io::Result<Option<Self>> {
        let Some(path) = &settings.path else { return Ok(None) };
        let file = Rotated::open(path, settings.max_bytes, settings.max_files)?;
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let keyless = Arc::new(Mutex::new(Keyless::new(Instant::now())));
        let n_lost = Arc::new(AtomicU64::new(0));
        let mut writer =
            Writer { file, n_lost: n_lost.clone(), loss: LossReport::default(), rotation: RotationReport::default() };
        let counted = keyless.clone();
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.write_all(&receiver, &counted))?;
        Ok(Some(Self { sender, n_lost, keyless }))
    }

    /// Notes one request without a good key, or counts it where its network has had its lines of this minute.
    pub fn note_keyless(&self, entry: &Entry<'_>, network: IpAddr) {
        let is_noted = lock(&self.keyless).is_noted(network, entry.address);
        if is_noted {
            self.note(entry);
        }
    }

    /// Notes one request. Never waits: beyond the lines that the disk can take it is lost and counted.
    pub fn note(&self, entry: &Entry<'_>) {
        let Ok(mut line) = serde_json::to_vec(entry) else {
            self.n_lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        line.push(b'\n');
        if self.sender.try_send(Message::Line(line)).is_err() {
            self.n_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that were lost since the start.
    pub fn n_lost(&self) -> u64 {
        self.n_lost.load(Ordering::Relaxed)
    }

    /// Waits until the lines so far are written, for two seconds at the most. Blocking.
    pub fn flush(&self) {
        let (waiting, done) = sync_channel(1);
        let until = Instant::now() + LAST_LINES_WITHIN;
        let mut message = Message::Done(waiting);
        while let Err(std::sync::mpsc::TrySendError::Full(unsent)) = self.sender.try_send(message) {
            if Instant::now() >= until {
                return;
            }
            message = unsent;
            std::thread::sleep(Duration::from_millis(5));
        }
        // Too late or closed, there is nothing left to wait for.
        let _ = done.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// What the thread that writes has.
struct Writer {
    file: Rotated,
    n_lost: Arc<AtomicU64>,
    loss: LossReport,
    rotation: RotationReport,
}

impl Writer {
    /// Writes lines until nobody can send any more, and reports those that are lost.
    fn write_all(&mut self, messages: &Receiver<Message>, keyless: &Mutex<Keyless>) {
        loop {
            match messages.recv_timeout(REPORT_EVERY) {
                Ok(Message::Line(line)) => self.write(&line),
                Ok(Message::Done(waiting)) => {
                    let counted = lock(keyless).take(Instant::now());
                    self.write_counted(&counted);
                    drop(waiting);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let counted = lock(keyless).take_over(Instant::now());
            self.write_counted(&counted);
            self.loss.say(self.n_lost.load(Ordering::Relaxed));
        }
    }

    fn write_counted(&mut self, counted: &[NotNoted]) {
        for line in counted {
            if let Ok(mut line) = serde_json::to_vec(line) {
                line.push(b'\n');
                self.write(&line);
            }
        }
    }

    fn write(&mut self, line: &[u8]) {
        if let Err(error) = self.file.write(line) {
            self.n_lost.fetch_add(1, Ordering::Relaxed);
            self.loss.cause = Some(error);
        }
        if let Some(error) = self.file.take_fault() {
            self.rotation.say(&error);
        }
    }
}

fn lock(keyless: &Mutex<Keyless>) -> MutexGuard<'_, Keyless> {
    keyless.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that the file cannot be put aside, the first time at once and then every ten seconds.
#[derive(Default)]
struct RotationReport {
    last: Option<Instant>,
}

impl RotationReport {
    fn say(&mut self, error: &io::Error) {
        if self.last.is_none_or(|last| last.elapsed() >= REPORT_EVERY) {
            tracing::error!(
                event = "audit_log_not_rotated",
                %error,
                "the audit log is larger than AUDIT_LOG_MAX_MB and cannot be put aside: it grows on"
            );
            self.last = Some(Instant::now());
        }
    }
}

/// Says that lines are lost, the first time at once and then every ten seconds.
#[derive(Default)]
struct LossReport {
    n_said: u64,
    last: Option<Instant>,
    cause: Option<io::Error>,
}

impl LossReport {
    fn say(&mut self, n_lost: u64) {
        if n_lost == self.n_said || self.last.is_some_and(|last| last.elapsed() < REPORT_EVERY) {
            return;
        }
        let n_lines = n_lost - self.n_said;
        let cause = self.cause.take().map_or_else(|| "the queue was full".to_owned(), |error| error.to_string());
        tracing::error!(
            event = "audit_lines_lost",
            n_lines,
            cause,
            "{n_lines} lines of the audit log could not be written: {cause}; requests go on"
        );
        (self.n_said, self.last) = (n_lost, Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::path::Path;

    use super::*;

    fn open(path: &Path, max_bytes: u64, max_files: usize) -> AuditLog {
        let settings = AuditSettings { path: Some(path.to_owned()), max_bytes, max_files };
        AuditLog::open(&settings).unwrap().unwrap()
    }

    fn note(log: &AuditLog, request_id: &str) {
        log.note(&Entry {
            time: Timestamp::UNIX_EPOCH,
            request_id,
            key: Some("portal"),
            key_state: "good",
            address: Ipv4Addr::LOCALHOST.into(),
            method: "GET",
            route: "/models/{version}/report",
            path: Some("/models/\"\n/report"),
            upload: None,
            status: 200,
            model_version: None,
            took_ms: 1.5,
        });
    }

    #[test]
    fn each_request_is_one_line_of_json_whatever_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let log = open(&path, 1 << 20, 3);
        note(&log, "one");
        note(&log, "two");
        log.flush();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.iter().map(|line| &line["request_id"]).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!((&lines[0]["key"], &lines[0]["path"]), (&"portal".into(), &"/models/\"\n/report".into()));
        assert_eq!(log.n_lost(), 0);
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_nobody_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        let log = open(&path, 1 << 20, 3);
        drop(reader);
        for _ in 0..20 {
            note(&log, "lost");
        }
        log.flush();
        assert_eq!(log.n_lost(), 20);
    }
}
