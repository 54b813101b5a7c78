//! The reader process, seen from the server.
//!
//! A hostile workbook can make its parser ask for gigabytes, run for minutes or abort. So the server starts its own
//! binary once more as a hidden command ([`run_reader`]), which enters its sandbox before it reads a byte: bounded
//! memory and time, no file but the workbook, no descriptor but that, a socket and a pipe. Its answer is untrusted
//! input, too. However the process ends, the server gets a table or a [`WorkbookError`].

mod answer;
mod child;
mod confined;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod recorded;
mod wire;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use nix::sys::signal::Signal;

use super::{Limits, ReaderFault, WorkbookError};
use crate::config;
use crate::customer::{CustomerTable, FoundCell, Keep, KeyedTable, Schema, SheetReport};

pub use child::run_reader;
pub use confined::Confinement;
pub use recorded::Recorder;

use answer::{NoTable, receive, receive_found};
use recorded::Recorded;
use wire::{Kind, Order, write_frame};

/// The hidden command under which the binary is the reader process, followed by the bytes of memory and the seconds of
/// processor time it may have.
pub const READER_COMMAND: &str = "read-workbook";

/// As many times as long as a reading a search may take: it compares every cell in each way that it may be written.
const SEARCH_TIMES: u32 = 4;
/// How often a reading looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How much of what a broken process said last is looked at, in bytes.
const MAX_LAST_WORDS: u64 = 4 << 10;

/// Has workbooks read by a process of its own, one for each.
#[derive(Debug, Clone)]
pub struct Reader {
    program: PathBuf,
    limits: Limits,
    bounds: Bounds,
    recorded: Option<Recorded>,
}

/// What one reader process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// `READER_MEMORY_MB`, its address space, its code included; 1,024.
    pub memory_bytes: u64,
    /// `READER_TIMEOUT_S`, seconds by the clock, and once more by the processor; 8.
    pub time: Duration,
}

/// By what a workbook is read, and for whom.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The columns to look for.
    pub schema: Arc<Schema>,
    /// Dates after this day are in the future.
    pub today: Date,
    /// What to keep of the rows beside the schema's columns.
    pub keep: Keep,
    /// How far it is, and whether it is still wanted.
    pub watch: Watch,
}

/// What is read of a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The sheets of customers, without copies of rows.
    Rows,
    /// The sheets of customers, with copies of rows, and a key for each row.
    KeyedRows,
    /// The same of every sheet with the required columns.
    EverySheet,
}

/// What a search found in a file.
#[derive(Debug, Default)]
pub struct CellsFound {
    /// One cell of each row that says the identifier; the last one is one too many where there are more than
    /// [`MAX_FOUND`](crate::customer::MAX_FOUND).
    pub cells: Vec<FoundCell>,
    /// Whether a sheet of the file has a header of identifiers.
    pub has_identifiers: bool,
    /// The sheets with rows and without such a header.
    pub sheets_without: Vec<String>,
    /// The sheets that could not be read to their end.
    pub unread: Vec<SheetReport>,
}

/// A reading as another thread sees it.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    rows: Arc<AtomicUsize>,
    is_stopped: Arc<AtomicBool>,
    processor_beyond_clock_us: Arc<AtomicI64>,
}

impl Bounds {
    /// The program alone takes up some of the memory; less would refuse every workbook.
    const MIN_MB: u32 = 128;

    /// Reads the bounds from the settings.
    pub fn read(read: &mut config::Reader<'_>) -> Self {
        let memory_bytes = read.megabytes("READER_MEMORY_MB", Self::MIN_MB, 1_024);
        Self { memory_bytes, time: read.seconds("READER_TIMEOUT_S", 8) }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        config::defaults(Self::read)
    }
}

impl Watch {
    /// Rows read so far.
    pub fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }

    /// By how many microseconds the reader processes have used the processors for longer than they took, since this was
    /// asked last: more than 0 where several threads read, less where a process waited for its turn.
    pub fn take_processor_beyond_clock_us(&self) -> i64 {
        self.processor_beyond_clock_us.swap(0, Ordering::Relaxed)
    }

    fn count(&self, processor: Option<Duration>, clock: Duration) {
        let microseconds = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let Some(processor) = processor else { return };
        let beyond = microseconds(processor).saturating_sub(microseconds(clock));
        self.processor_beyond_clock_us.fetch_add(beyond, Ordering::Relaxed);
    }

    /// Ends the reading within a moment.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

impl Reader {
    /// `program` is the path of a binary whose [`READER_COMMAND`] is [`run_reader`].
    pub fn new(program: impl Into<PathBuf>, limits: Limits, bounds: Bounds) -> Self {
        Self { program: program.into(), limits, bounds, recorded: None }
    }

    /// One that takes tables over which another process wrote down by a [`Recorder`]; their workbooks are not read
    /// again.
    pub fn with_recorded(self, file: File) -> Self {
        Self { recorded: Some(Recorded::new(file)), ..self }
    }

    /// Reads a workbook as [`read`](super::read) does. Blocking.
    ///
    /// # Errors
    /// Those of [`read`](super::read); [`WorkbookError::TooManyValues`] and [`WorkbookError::IdentifiersTooLong`]; and
    /// where the process did not come to its end [`WorkbookError::TooMuchMemory`], [`WorkbookError::TooMuchTime`],
    /// [`WorkbookError::BrokeReader`], [`WorkbookError::NoReader`] or [`WorkbookError::Stopped`].
    pub fn read(&self, file: File, request: &ReadRequest) -> Result<CustomerTable, WorkbookError> {
        self.run(file, request, Wanted::Rows, None).map(KeyedTable::into_table)
    }

    /// As [`Reader::read`], for one of several files: copies stay, and every row has a key.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read_keyed(&self, file: File, request: &ReadRequest) -> Result<KeyedTable, WorkbookError> {
        self.run(file, request, Wanted::KeyedRows, None)
    }

    /// As [`Reader::read_keyed`], of every sheet whose header has the schema's required columns, hidden ones and sums
    /// included: to search a workbook, and not to learn from it.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read_every_sheet(&self, file: File, request: &ReadRequest) -> Result<KeyedTable, WorkbookError> {
        self.run(file, request, Wanted::EverySheet, None)
    }

    /// As [`Reader::read_keyed`]; the table is written down for another process.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read_recorded(
        &self,
        file: File,
        request: &ReadRequest,
        recorder: &mut Recorder,
    ) -> Result<KeyedTable, WorkbookError> {
        self.run(file, request, Wanted::KeyedRows, Some(recorder))
    }

    /// Looks for an identifier in every cell of every sheet, hidden ones included, whatever the headers say. A file
    /// that was read in time must be searched in time, too, so a search has four times as long as a reading.
    ///
    /// # Errors
    /// As [`Reader::read`], but for a missing header.
    pub fn search(&self, file: File, request: &ReadRequest, identifier: &str) -> Result<CellsFound, WorkbookError> {
        let order = Order { sought: Some(identifier.to_owned()), ..self.order(request, Wanted::Rows) };
        let bounds = Bounds { time: self.bounds.time * SEARCH_TIMES, ..self.bounds };
        let patient = Self { bounds, ..self.clone() };
        patient.ask(file, &order, &request.watch, None, |answer| receive_found(answer, &order.limits))
    }

    fn order(&self, request: &ReadRequest, wanted: Wanted) -> Order {
        Order {
            schema: request.schema.clone(),
            today: request.today,
            limits: self.limits,
            keyed: wanted != Wanted::Rows,
            every_sheet: wanted == Wanted::EverySheet,
            keep: request.keep,
            sought: None,
        }
    }

    fn run(
        &self,
        mut file: File,
        request: &ReadRequest,
        wanted: Wanted,
        mut recorder: Option<&mut Recorder>,
    ) -> Result<KeyedTable, WorkbookError> {
        let order = self.order(request, wanted);
        let recorded = self.recorded.as_ref().and_then(|known| known.find(&mut file, &order, &request.watch.rows));
        if let Some(table) = recorded {
            return Ok(table);
        }
        if let Some(recorder) = &mut recorder {
            recorder.begin(recorded::key(&mut file, &order).ok());
        }
        self.ask(file, &order, &request.watch, recorder, |answer| receive(answer, &order, &request.watch.rows))
    }

    /// Has a process read the file, and takes its answer in by `receive`.
    fn ask<'w, T>(
        &self,
        file: File,
        order: &Order,
        watch: &'w Watch,
        recorder: Option<&'w mut Recorder>,
        receive: impl FnOnce(&mut BufReader<Patient<'w>>) -> Result<T, NoTable>,
    ) -> Result<T, WorkbookError> {
        let started = Instant::now();
        let deadline = started + self.bounds.time;
        let (mut process, mut socket) = Process::start(self, file).map_err(WorkbookError::NoReader)?;
        let order_json = serde_json::to_vec(order).map_err(|e| WorkbookError::NoReader(e.into()))?;
        // A process that ended at once takes no order; its exit status says why.
        let _ = socket
            .set_write_timeout(Some(self.bounds.time))
            .and_then(|()| write_frame(&mut socket, Kind::Order, &[&order_json]));
        let patient = Patient { socket, deadline, is_stopped: &watch.is_stopped, recorder };
        let mut answer = BufReader::new(patient);
        let received = receive(&mut answer);
        watch.count(process.processor_time(), started.elapsed());
        if let Some(recorder) = answer.into_inner().recorder {
            recorder.end(received.is_ok());
        }
        match received {
            Ok(received) => Ok(received),
            Err(NoTable::Refused(error)) => Err(error),
            Err(NoTable::Broken(fault)) => Err(WorkbookError::BrokeReader(fault)),
            Err(NoTable::CutOff(_)) if watch.is_stopped.load(Ordering::Relaxed) => Err(WorkbookError::Stopped),
            Err(NoTable::CutOff(error)) if error.kind() == io::ErrorKind::TimedOut => Err(self.too_late()),
            Err(NoTable::CutOff(_)) => Err(match process.ended(deadline) {
                Some(status) => self.why(status, &process.last_words()),
                None => self.too_late(),
            }),
        }
    }

    fn too_late(&self) -> WorkbookError {
        WorkbookError::TooMuchTime { limit: self.bounds.time }
    }

    /// What a process died of that ended without an answer.
    fn why(&self, status: ExitStatus, last_words: &str) -> WorkbookError {
        let is = |signal: Signal| status.signal() == Some(signal as i32);
        // Rust's standard library says so before it aborts. SIGKILL is how the system ends a process where memory is
        // short: it was not this process that sent it.
        let is_out_of_memory =
            (is(Signal::SIGABRT) && last_words.contains("memory allocation of")) || is(Signal::SIGKILL);
        if is(Signal::SIGXCPU) {
            self.too_late()
        } else if is_out_of_memory {
            WorkbookError::TooMuchMemory { limit_bytes: self.bounds.memory_bytes }
        } else {
            WorkbookError::BrokeReader(ReaderFault::Ended(status.to_string()))
        }
    }
}

/// A running reader process; dropped, it is ended and gone.
struct Process(Child);

impl Process {
    /// Starts a process on `file`, with the socket to talk to it.
    fn start(reader: &Reader, file: File) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let Bounds { memory_bytes, time } = reader.bounds;
        let cpu_seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let child = Command::new(&reader.program)
            .args([READER_COMMAND, &memory_bytes.to_string(), &cpu_seconds.to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(file)
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::piped())
            .spawn()?;
        Ok((Self(child), ours))
    }

    /// How long its threads have used the processors, also once it has ended, until it is waited for. By the system's
    /// count: what a hostile workbook may make of the process has no say in it. `None` where the system does not tell.
    #[cfg(target_os = "linux")]
    fn processor_time(&self) -> Option<Duration> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).ok()?);
        let clock = nix::time::clock_getcpuclockid(pid).ok()?;
        nix::time::clock_gettime(clock).ok().map(Duration::from)
    }

    #[cfg(not(target_os = "linux"))]
    fn processor_time(&self) -> Option<Duration> {
        None
    }

    /// How the process ended; `None` when it has not by `deadline`.
    fn ended(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// What a process that ended said last, for this module alone: it may quote the workbook.
    fn last_words(&mut self) -> String {
        let mut words = Vec::new();
        if let Some(stderr) = self.0.stderr.take() {
            // Without them the process broke down for no known reason.
            let _ = stderr.take(MAX_LAST_WORDS).read_to_end(&mut words);
        }
        String::from_utf8_lossy(&words).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it must not stay behind as a zombie.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A socket that is waited for until the deadline, or until nobody wants the answer any more; what comes may be
/// recorded.
struct Patient<'a> {
    socket: UnixStream,
    deadline: Instant,
    is_stopped: &'a AtomicBool,
    recorder: Option<&'a mut Recorder>,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_stopped.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.socket.set_read_timeout(Some(left.min(LOOK_EVERY)))?;
            match self.socket.read(buffer) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                result => {
                    if let (Ok(n_bytes), Some(recorder)) = (&result, &mut self.recorder) {
                        recorder.write(buffer.get(..*n_bytes).unwrap_or_default());
                    }
                    return result;
                }
            }
        }
    }
}
