//! The log: text on a terminal, JSON lines elsewhere, written to standard error by a thread of its own.
//!
//! A request never waits for the log's reader: its lines go through a queue. Lines that find the queue full are dropped
//! and counted. A process that is killed loses the lines in the queue.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::config::Config;
use super::misconfigured::Misconfigured;

/// Lines that wait at the most: about a megabyte.
const MAX_WAITING: usize = 4_096;
/// How long a process that ends waits for its last lines to be taken.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(1);

/// Writes the lines that wait before it is gone.
#[must_use]
pub struct Log(Queue);

/// The way into the queue.
#[derive(Clone)]
struct Queue {
    sender: SyncSender<Message>,
    n_lost: Arc<AtomicU64>,
}

enum Message {
    Line(Vec<u8>),
    /// Answered once every line before it is written.
    Done(SyncSender<()>),
}

/// Starts the log.
///
/// # Errors
/// When `RUST_LOG` is not a filter.
pub fn start(config: &Config, default_filter: &str) -> anyhow::Result<Log> {
    let filter = config.log_filter.as_deref().unwrap_or(default_filter);
    if let Some(word) = unknown_level(filter) {
        return Err(Misconfigured::LogLevel(word.to_owned()).into());
    }
    let mut filter = EnvFilter::try_new(filter).map_err(Misconfigured::LogFilter)?;
    // Its lines name no event; what becomes of a call is logged where the call was made.
    if let Ok(silence) = "object_store=off".parse()
        && !filter.to_string().contains("object_store")
    {
        filter = filter.add_directive(silence);
    }
    let (sender, receiver) = sync_channel(MAX_WAITING);
    let queue = Queue { sender, n_lost: Arc::default() };
    let n_lost = queue.n_lost.clone();
    std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&receiver, &n_lost))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue.clone());
    if io::stderr().is_terminal() {
        log.with_target(false).init();
    } else {
        log.json().flatten_event(true).with_ansi(false).init();
    }
    Ok(Log(queue))
}

/// A word of a filter that stands alone, as levels do, and is none, such as `warning`. The filter would take it for the
/// name of a module, and log nothing else.
fn unknown_level(filter: &str) -> Option<&str> {
    let words = filter.split(',').map(str::trim).filter(|word| !word.is_empty());
    let mut alone = words.filter(|word| !word.contains(['=', ':', '[']) && *word != "content_portal");
    alone.find(|word| word.parse::<LevelFilter>().is_err())
}

fn write(messages: &Receiver<Message>, n_lost: &AtomicU64) {
    while let Ok(message) = messages.recv() {
        match message {
            Message::Line(line) => {
                // A log that cannot be written must not stop the server.
                let _ = io::stderr().lock().write_all(&line);
                let n_lines = n_lost.swap(0, Ordering::Relaxed);
                if n_lines > 0 {
                    tracing::warn!(
                        event = "log_lines_lost",
                        n_lines,
                        "log lines were dropped: nobody read them in time"
                    );
                }
            }
            Message::Done(waiting) => drop(waiting),
        }
    }
}

/// The terminal that the log is shown on.
pub struct Terminal(Queue);

impl Log {
    /// The terminal that the log is shown on; `None` where it goes elsewhere.
    pub fn terminal(&self) -> Option<Terminal> {
        io::stderr().is_terminal().then(|| Terminal(self.0.clone()))
    }
}

impl Terminal {
    /// Shows a line after those that the log was given before, whatever the filter.
    pub fn show(mut self, line: &str) {
        // Where nobody takes the lines in time this one is lost as others are.
        let _ = self.0.write(format!("{line}\n").as_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (waiting, done) = sync_channel(1);
        let until = Instant::now() + LAST_LINES_WITHIN;
        let mut message = Message::Done(waiting);
        while let Err(TrySendError::Full(unsent)) = self.0.sender.try_send(message) {
            if Instant::now() >= until {
                return;
            }
            message = unsent;
            std::thread::sleep(Duration::from_millis(5));
        }
        // Closed or too late, there is nothing left to wait for.
        let _ = done.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Message::Line(line.to_vec())).is_err() {
            self.n_lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
