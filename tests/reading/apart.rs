//! The reader process: it reads as this process does, and whatever becomes of it is an error of its own.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use content_portal::customer::{CustomerTable, Keep, KeyedTable, NewestStands};
use content_portal::workbook::{
    Bounds, Limits, READER_COMMAND, ReadRequest, Reader, ReaderFault, Watch, WorkbookError,
};

use super::impostor::Impostor;
use super::sheets::{TODAY, fixture, read, schema, small_csv, small_xlsx};

/// How long a condition may take to come true: far longer than it ever does.
const PATIENCE: Duration = Duration::from_secs(60);

/// The real reader process, with time to spare on a busy machine.
pub fn reader() -> Reader {
    let bounds = Bounds { time: PATIENCE, ..Bounds::default() };
    Reader::new(env!("CARGO_BIN_EXE_content-portal"), Limits::default(), bounds)
}

pub fn request() -> ReadRequest {
    ReadRequest { schema: schema(), today: TODAY, keep: Keep::default(), watch: Watch::default() }
}

/// A file of these bytes, open and without a name.
pub fn file_of(bytes: &[u8]) -> fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

pub fn read_apart(bytes: &[u8]) -> Result<CustomerTable, WorkbookError> {
    reader().read(file_of(bytes), &request())
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "{what} never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_workbook_reads_the_same_in_a_process_of_its_own() {
    for path in ["tests/fixtures/dirty.xlsx", "tests/fixtures/customers_300.xls", "tests/fixtures/upload_2000.xlsx"] {
        let bytes = fixture(path);
        assert_eq!(read_apart(&bytes).unwrap(), read(&bytes).unwrap(), "{path}");
    }
    let csv = small_csv(";");
    assert_eq!(read_apart(csv.as_bytes()).unwrap(), read(csv.as_bytes()).unwrap());
}

#[test]
fn what_a_process_computed_is_counted_however_it_ended() {
    let good = fixture("tests/fixtures/upload_2000.xlsx");
    for bytes in [good.as_slice(), b"PK\x03\x04 and no workbook"] {
        let request = request();
        let _ = reader().read(file_of(bytes), &request);
        assert_ne!(request.watch.take_processor_beyond_clock_us(), 0);
        assert_eq!(request.watch.take_processor_beyond_clock_us(), 0, "it is taken once");
    }
}

#[test]
fn where_rows_stand_and_their_identifiers_come_along_where_they_are_asked_for() {
    let rows = (0..70_000).map(|n| format!("A{n},2023-08-11,Town {},Female,Gold\n\n", n % 3_000));
    let csv: String = std::iter::once("id,date joined,location,gender,tier\n".to_owned()).chain(rows).collect();
    let keep = Keep { row: true, identifier: true };
    let table = reader().read(file_of(csv.as_bytes()), &ReadRequest { keep, ..request() }).unwrap();
    assert!(!format!("{table:?}").contains("A69999"), "an identifier in a debug print");
    assert!(!serde_json::to_string(&table).unwrap().contains("A69999"), "an identifier that is written down");
    let origins = table.origins().unwrap();
    assert_eq!((origins.rows().len(), origins.sheets().len()), (70_000, 1));
    for row in [0, 1, 255, 256, 1_024, 69_999] {
        assert_eq!(origins.identifiers().unwrap().get(row), format!("A{row}"));
        assert_eq!(origins.rows()[row] as usize, 2 + 2 * row);
    }
    for path in ["tests/fixtures/customers_300.xls", "tests/fixtures/upload_2000.xlsx"] {
        let table = reader().read(file_of(&fixture(path)), &ReadRequest { keep, ..request() }).unwrap();
        let origins = table.origins().unwrap();
        assert!(origins.rows().iter().is_sorted() && origins.rows()[0] == 2, "{path}");
        assert!((0..table.n_rows()).all(|row| !origins.identifiers().unwrap().get(row).is_empty()), "{path}");
    }
}

#[test]
fn a_workbook_of_many_pieces_arrives_whole_and_its_rows_are_counted_on_the_way() {
    let towns = (0..70_000).map(|n| format!("A{n},2023-08-11,Town {},Female,Gold\n", n % 3_000));
    let csv: String = std::iter::once("id,date joined,location,gender,tier\n".to_owned()).chain(towns).collect();
    let request = request();
    let table = reader().read(file_of(csv.as_bytes()), &request).unwrap();
    assert_eq!(table, read(csv.as_bytes()).unwrap());
    assert_eq!((table.n_rows(), request.watch.rows()), (70_000, 70_000));
}

#[test]
fn a_refusal_says_the_same_from_a_process_of_its_own() {
    let whole = small_xlsx();
    let files: [&[u8]; 7] = [
        b"",
        b"%PDF-1.7",
        b"Dear team,\nplease find the list below.\n",
        b"Cust ID,Town,Joined Date,Tier\nA1,Bedok,2020-01-01,Gold\n",
        &whole[..whole.len() / 2],
        b"id,\0\x01\x02\xffdate",
        &b"date,location,tier\n".repeat(40),
    ];
    for bytes in files {
        match (read_apart(bytes), read(bytes)) {
            (Err(apart), Err(here)) => {
                assert_eq!(apart.to_string(), here.to_string());
                assert_eq!(std::mem::discriminant(&apart), std::mem::discriminant(&here));
            }
            (apart, here) => assert_eq!(apart.unwrap(), here.unwrap()),
        }
    }
}

#[test]
fn several_files_of_one_customer_are_told_apart_after_their_processes_have_ended() {
    let older = "id,date,location,tier\nA1,2023-01-01,Bedok,Gold\nA2,2023-01-02,Bedok,Gold\nA1,2023-01-01,Bedok,Gold\n";
    let newer = "tier,location,date,id\nSilver,Yishun,2023-01-01,A1\n";
    let mut all = NewestStands::new(schema());
    for (label, csv) in [("older.csv", older), ("newer.csv", newer)] {
        let file: KeyedTable = reader().read_keyed(file_of(csv.as_bytes()), &request()).unwrap();
        all.add(label, &file).unwrap();
    }
    let table = all.finish();
    assert_eq!(super::sheets::rows(&table), ["Bedok | · | 2023-01-02 | #1", "Yishun | · | 2023-01-01 | #0"]);
    let dropped: Vec<_> = table.cleaning().dropped.iter().map(|(why, rows)| (why.to_string(), *rows)).collect();
    let replaced = "replaced by a newer row of the same customer".to_owned();
    assert_eq!(dropped, [("an exact copy of an earlier row".to_owned(), 1), (replaced, 1)]);
    let first = &table.cleaning().first_dropped.values().next().unwrap()[0];
    assert_eq!((first.source.as_str(), first.row), ("older.csv", 4));
}

#[test]
fn a_workbook_that_needs_more_memory_than_it_may_have_is_told_so() {
    let bytes = super::strangers::far_cell_in(&fixture("tests/fixtures/customers_300.xls"));
    let bounds = Bounds { memory_bytes: 128 << 20, time: PATIENCE };
    let reader = Reader::new(env!("CARGO_BIN_EXE_content-portal"), Limits::default(), bounds);
    let error = reader.read(file_of(&bytes), &request()).unwrap_err();
    assert!(matches!(error, WorkbookError::TooMuchMemory { limit_bytes } if limit_bytes == 128 << 20), "{error:?}");
}

#[test]
fn a_column_of_names_that_hardly_repeat_is_refused_by_its_title() {
    let rows = (0..30).map(|n| format!("A{n},2023-08-11,Town {n},Female,Gold\n"));
    let csv: String = std::iter::once("id,date,location,gender,tier\n".to_owned()).chain(rows).collect();
    let limits = Limits { max_names: 29, ..Limits::default() };
    let reader = Reader::new(env!("CARGO_BIN_EXE_content-portal"), limits, Bounds::default());
    let error = reader.read(file_of(csv.as_bytes()), &request()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the column \"Location\" holds more than 29 different values: use a column whose values repeat"
    );
}

fn read_by(impostor: &Impostor, bounds: Bounds, request: &ReadRequest) -> WorkbookError {
    Reader::new(impostor.program(), Limits::default(), bounds).read(file_of(b"a file"), request).unwrap_err()
}

#[test]
fn whatever_a_reader_process_dies_of_is_an_error_of_its_own() {
    let bounds = Bounds { time: PATIENCE, ..Bounds::default() };
    let end = |script: &str| {
        let impostor = Impostor::new(script);
        let error = read_by(&impostor, bounds, &request());
        assert!(impostor.is_gone(), "{script}");
        error
    };
    for script in ["exit 0", "exit 101", "kill -SEGV $$", "kill -ABRT $$"] {
        let error = end(script);
        assert!(matches!(error, WorkbookError::BrokeReader(ReaderFault::Ended(_))), "{script}: {error:?}");
    }
    let out_of_memory = "echo 'memory allocation of 80530636800 bytes failed' >&2; kill -ABRT $$";
    for script in [out_of_memory, "kill -KILL $$"] {
        let error = end(script);
        assert!(matches!(error, WorkbookError::TooMuchMemory { .. }), "{script}: {error:?}");
    }
    assert!(matches!(end("kill -XCPU $$"), WorkbookError::TooMuchTime { .. }));
    for script in ["echo Hello, here is your table", r"printf 'b\377\377\377\377'", r"printf 'b\1\0\0\0x'"] {
        let error = end(script);
        assert!(matches!(error, WorkbookError::BrokeReader(ReaderFault::BrokenAnswer(_))), "{script}: {error:?}");
    }
}

#[test]
fn a_process_that_never_answers_is_ended_when_its_time_is_over() {
    let impostor = Impostor::new("exec sleep 1000");
    let bounds = Bounds { time: Duration::from_millis(300), ..Bounds::default() };
    assert!(matches!(read_by(&impostor, bounds, &request()), WorkbookError::TooMuchTime { .. }));
    // On a busy machine its time may be over before its first line was reached.
    assert!(!impostor.has_started() || impostor.is_gone());
}

#[test]
fn a_process_that_answers_for_ever_is_ended_when_its_time_is_over() {
    // Row counts without an end: a frame of 8 bytes.
    let impostor = Impostor::new(r"while :; do printf 'b\10\0\0\0\1\0\0\0\0\0\0\0'; done");
    let bounds = Bounds { time: Duration::from_secs(1), ..Bounds::default() };
    assert!(matches!(read_by(&impostor, bounds, &request()), WorkbookError::TooMuchTime { .. }));
    assert!(impostor.is_gone());
}

#[test]
fn a_reading_that_nobody_wants_any_more_is_ended() {
    let impostor = Impostor::new("exec sleep 1000");
    let request = request();
    let error = std::thread::scope(|scope| {
        let reading = scope.spawn(|| read_by(&impostor, Bounds { time: PATIENCE, ..Bounds::default() }, &request));
        until("the process's start", || impostor.has_started());
        request.watch.stop();
        reading.join().unwrap()
    });
    assert!(matches!(error, WorkbookError::Stopped), "{error:?}");
    assert!(impostor.is_gone());
}

#[test]
fn a_program_that_is_not_there_is_no_fault_of_the_file() {
    let reader = Reader::new("/no/such/program", Limits::default(), Bounds::default());
    let error = reader.read(file_of(b"a file"), &request()).unwrap_err();
    assert!(matches!(error, WorkbookError::NoReader(_)), "{error:?}");
}

/// Ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_process_is_tied_down_before_it_hears_what_to_read() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let binary = env!("CARGO_BIN_EXE_content-portal");
    // The server may inherit an open file; the reader must not have it.
    let script = format!("exec 7</dev/null 9>/dev/null; exec {binary} {READER_COMMAND} 268435456 5");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).stdin(Stdio::null()).stdout(OwnedFd::from(theirs)).stderr(Stdio::null());
    let process = Running(command.spawn().unwrap());
    let proc = PathBuf::from(format!("/proc/{}", process.0.id()));
    let is_limited = |limit: &str| {
        let limits = fs::read_to_string(proc.join("limits")).unwrap();
        limits.lines().any(|line| line.split_whitespace().eq(limit.split(' ')))
    };
    for limit in [
        "Max address space 268435456 268435456 bytes",
        "Max cpu time 5 6 seconds",
        "Max core file size 0 0 bytes",
        "Max file size 0 0 bytes",
        "Max open files 16 16 files",
        "Max processes 0 0 processes",
    ] {
        until(limit, || is_limited(limit));
    }
    // The last of all: it waits for its order after this.
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        until(line, || fs::read_to_string(proc.join("status")).unwrap().lines().any(|said| said == line));
    }
    // A process that nobody may look into hides its files from all but root.
    if let Ok(open) = fs::read_dir(proc.join("fd")) {
        let open: Vec<String> = open.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert!(!open.iter().any(|name| name == "7" || name == "9"), "{open:?}");
    }
    drop(ours);
}
