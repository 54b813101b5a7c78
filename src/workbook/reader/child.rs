//! The reader process: enters its sandbox, takes its order, reads, answers, ends.
//!
//! Standard input is the workbook, standard output a socket to the parent. Nothing here reads a setting or writes to a
//! file. A large workbook is read by several threads: all of them are there, and confined, before the first byte is
//! read.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::num::NonZero;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};

use super::CellsFound;
use super::confined::confine;
use super::wire::{
    Kind, MAX_ORDER_BYTES, Order, PIECE_ROWS, PIECE_VALUES, code_bytes, read_frame, write_codes, write_frame,
};
use crate::customer::{CellSearch, Identifiers, KeyedTable, Origins, SearchFindings, TableBuilder, Value};
use crate::workbook::ahead::Helpers;
use crate::workbook::{Limits, WorkbookError, read_by};

/// A smaller file is read by one thread, in bytes: it would be read before the others have started.
const MIN_SHARED_BYTES: u64 = 1 << 20;
/// With less memory there is one thread, in bytes: each further one takes address space for its stack and its heap.
const MIN_SHARED_MEMORY_BYTES: u64 = 512 << 20;
/// Threads that read one workbook at most. One at a time unpacks, and one puts the rows together.
const MAX_THREADS: usize = 4;
/// How much lower the priority of reading is than that of the server, which answers others beside it (nice(2)). Without
/// another's work the reader has the whole processor.
const NICENESS: i32 = 5;
/// Files that may be open at once: the three there are, and their doubles.
const MAX_FILES: u64 = 16;
/// How much of the file is read at a time, in bytes.
const READ_BYTES: usize = 64 << 10;
/// The row count is reported at most this often.
const REPORT_EVERY: Duration = Duration::from_millis(50);

/// Reads the workbook on standard input and answers on standard output; the reader process's whole life. It may have
/// `memory_bytes` and so many seconds of the processor's time.
///
/// # Errors
/// [`io::Error`] when a limit of the sandbox cannot be set, or the parent is gone. A workbook that cannot be read is an
/// answer.
pub fn run_reader(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    close_inherited()?;
    // Where the system does not let it, it reads all the same.
    let _ = rustix::process::nice(NICENESS);
    let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let helpers = enter_sandbox(memory_bytes, cpu_seconds, n_threads(&file, memory_bytes))?;
    let mut parent = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut payload = Vec::new();
    if read_frame(&mut parent, &mut payload, MAX_ORDER_BYTES)? != Kind::Order {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let order: Order = serde_json::from_slice(&payload)?;
    let mut answer = BufWriter::with_capacity(64 << 10, parent.try_clone()?);
    let read = match &order.sought {
        Some(sought) => search(&order, sought, file).map(|found| write_found(&mut answer, &found)),
        None => read_order(&order, file, parent, helpers.as_ref())
            .and_then(|table| check_names(table, &order.limits))
            .map(|table| write_table(&mut answer, &table)),
    };
    match read {
        Ok(written) => written?,
        Err(error) => write_frame(&mut answer, Kind::Refused, &[&serde_json::to_vec(&error)?])?,
    }
    answer.flush()
}

/// Closes descriptors inherited from the process that started the server. Those of the server close on exec.
fn close_inherited() -> io::Result<()> {
    // Without /proc there is nothing to go by, and nothing is passed on by the server.
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return Ok(()) };
    let open: Vec<i32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|&descriptor| descriptor > 2) {
        match nix::unistd::close(descriptor) {
            // It was the listed folder's own, and is closed already.
            Ok(()) | Err(Errno::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// How many threads read a file of this size.
fn n_threads(file: &File, memory_bytes: u64) -> usize {
    let is_shared = memory_bytes >= MIN_SHARED_MEMORY_BYTES
        && file.metadata().is_ok_and(|metadata| metadata.len() >= MIN_SHARED_BYTES);
    if is_shared { thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS) } else { 1 }
}

/// Confines this process for good, and all the threads that it will ever have: those that help this one.
fn enter_sandbox(memory_bytes: u64, cpu_seconds: u64, n_threads: usize) -> io::Result<Option<Helpers>> {
    limit(memory_bytes, cpu_seconds)?;
    // A kernel without Landlock or seccomp goes on with the limits alone; `content-portal check` says so. Each thread
    // confines itself: not every kernel can do it for all.
    let helpers = (n_threads > 1).then(|| Helpers::start(n_threads - 1, || drop(confine())));
    // Where the system gives no threads, one does.
    let helpers = helpers.and_then(Result::ok);
    #[cfg(target_os = "linux")]
    setrlimit(Resource::RLIMIT_NPROC, 0, 0)?;
    drop(confine());
    Ok(helpers)
}

/// No more memory and time than this, no file, no new rights, and no life beyond the parent's.
fn limit(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    setrlimit(Resource::RLIMIT_AS, memory_bytes, memory_bytes)?;
    // At the soft limit the process ends by a signal that says why.
    setrlimit(Resource::RLIMIT_CPU, cpu_seconds, cpu_seconds.saturating_add(1))?;
    for (resource, most) in
        [(Resource::RLIMIT_CORE, 0), (Resource::RLIMIT_FSIZE, 0), (Resource::RLIMIT_NOFILE, MAX_FILES)]
    {
        setrlimit(resource, most, most)?;
    }
    #[cfg(target_os = "linux")]
    {
        use nix::sys::{prctl, signal::Signal};
        prctl::set_no_new_privs()?;
        // It holds customers' data: nobody else is to look into it.
        prctl::set_dumpable(false)?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
    }
    Ok(())
}

fn read_order(
    order: &Order,
    file: File,
    parent: UnixStream,
    helpers: Option<&Helpers>,
) -> Result<KeyedTable, WorkbookError> {
    let rows_so_far = Arc::new(AtomicUsize::new(0));
    let new = if order.keyed { TableBuilder::keyed } else { TableBuilder::new };
    let mut builder = new(order.schema.clone(), order.today).keeping(order.keep);
    if order.every_sheet {
        builder = builder.of_every_sheet();
    }
    builder.show_rows_in(rows_so_far.clone());
    let source = ProgressReader { file, parent, rows_so_far, reported: (0, Instant::now()) };
    read_by(BufReader::with_capacity(READ_BYTES, source), &mut builder, &order.limits, helpers)?;
    Ok(builder.finish_keyed())
}

/// Looks for the identifier in every cell of the file. One word for nothing is in none.
fn search(order: &Order, sought: &str, file: File) -> Result<CellsFound, WorkbookError> {
    let Some(search) = CellSearch::new(sought, &order.schema) else { return Ok(CellsFound::default()) };
    let mut builder = TableBuilder::new(order.schema.clone(), order.today).searching(search);
    read_by(BufReader::with_capacity(READ_BYTES, file), &mut builder, &order.limits, None)?;
    let (SearchFindings { cells, has_identifiers, sheets_without }, unread) = builder.finish_search();
    Ok(CellsFound { cells, has_identifiers, sheets_without, unread })
}

fn write_found(answer: &mut impl Write, found: &CellsFound) -> io::Result<()> {
    for cells in found.cells.chunks(PIECE_VALUES) {
        write_frame(answer, Kind::Found, &[&serde_json::to_vec(cells)?])?;
    }
    let CellsFound { has_identifiers, sheets_without, unread, .. } = found;
    write_frame(answer, Kind::Searched, &[&serde_json::to_vec(&(has_identifiers, sheets_without, unread))?])
}

/// A category with more names than this is none; training would make a feature of each, and the parent keep them all.
/// So it is with identifiers.
fn check_names(table: KeyedTable, limits: &Limits) -> Result<KeyedTable, WorkbookError> {
    let read = table.table();
    for (column, rules) in read.columns().iter().zip(&read.schema().columns) {
        if column.values.len() > limits.max_names && matches!(column.values.first(), Some(Value::Text(_))) {
            return Err(WorkbookError::TooManyValues { column: rules.title.clone(), limit: limits.max_names });
        }
    }
    let n_bytes = read.origins().and_then(Origins::identifiers).map_or(0, Identifiers::n_bytes);
    if n_bytes > Identifiers::MAX_BYTES {
        return Err(WorkbookError::IdentifiersTooLong { limit_bytes: Identifiers::MAX_BYTES });
    }
    Ok(table)
}

pub(super) fn write_table(answer: &mut impl Write, keyed: &KeyedTable) -> io::Result<()> {
    let table = keyed.table();
    for (index, column) in (0_u16..).zip(table.columns()) {
        let index = index.to_le_bytes();
        for values in column.values.chunks(PIECE_VALUES) {
            write_frame(answer, Kind::Values, &[&index, &serde_json::to_vec(values)?])?;
        }
        let n_bytes = code_bytes(column.values.len());
        for codes in column.codes.chunks(PIECE_ROWS) {
            write_frame(answer, Kind::Codes, &[&index, &[n_bytes], &write_codes(codes, n_bytes)])?;
        }
    }
    for keys in keyed.keys().chunks(PIECE_ROWS) {
        let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_bytes()).collect();
        write_frame(answer, Kind::Keys, &[&bytes])?;
    }
    if let Some(origins) = table.origins() {
        write_origins(answer, origins)?;
    }
    write_frame(answer, Kind::Done, &[&serde_json::to_vec(table.cleaning())?])
}

fn write_origins(answer: &mut impl Write, origins: &Origins) -> io::Result<()> {
    for rows in origins.rows().chunks(PIECE_ROWS) {
        let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        write_frame(answer, Kind::Places, &[&bytes])?;
    }
    write_frame(answer, Kind::Sheets, &[&serde_json::to_vec(origins.sheets())?])?;
    let Some(identifiers) = origins.identifiers() else { return Ok(()) };
    for first in (0..identifiers.len()).step_by(PIECE_VALUES) {
        let piece = first..identifiers.len().min(first + PIECE_VALUES);
        let piece: Vec<&str> = piece.map(|row| identifiers.get(row)).collect();
        write_frame(answer, Kind::Identifiers, &[&serde_json::to_vec(&piece)?])?;
    }
    Ok(())
}

/// A reader that reports the row count to the parent on every read.
struct ProgressReader {
    file: File,
    parent: UnixStream,
    rows_so_far: Arc<AtomicUsize>,
    /// What was reported last, and when.
    reported: (usize, Instant),
}

impl Read for ProgressReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rows = self.rows_so_far.load(Ordering::Relaxed);
        if rows != self.reported.0 && self.reported.1.elapsed() >= REPORT_EVERY {
            self.reported = (rows, Instant::now());
            write_frame(&mut self.parent, Kind::Rows, &[&(rows as u64).to_le_bytes()])?;
        }
        self.file.read(buffer)
    }
}

impl Seek for ProgressReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn each_thread_that_helps_is_confined_before_it_does_anything() {
        let helpers = Helpers::start(3, || drop(confine())).unwrap();
        let opened = helpers.on_each(|| File::open("/proc/self/status").map_err(|error| error.kind()).err());
        assert_eq!(opened, [Some(io::ErrorKind::PermissionDenied); 3]);
        let spawned = helpers.on_each(|| thread::Builder::new().spawn(|| ()).is_err());
        assert_eq!(spawned, [true; 3]);
        assert!(File::open("/proc/self/status").is_ok(), "the other threads go on as before");
    }

    #[test]
    fn small_files_and_small_memories_have_one_thread() {
        let file = |n_bytes| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&vec![0; n_bytes]).unwrap();
            file
        };
        assert_eq!(n_threads(&file(500_000), 1 << 30), 1);
        assert_eq!(n_threads(&file(2_000_000), 128 << 20), 1);
        let processors = thread::available_parallelism().unwrap().get();
        assert_eq!(n_threads(&file(2_000_000), 1 << 30), processors.min(MAX_THREADS));
    }
}
