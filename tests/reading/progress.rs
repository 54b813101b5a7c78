//! How far a reading is, as another thread sees it.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use content_portal::customer::TableBuilder;
use content_portal::workbook::{self, Limits};

use super::sheets::{TODAY, fixture, schema};

/// A file that notes how many rows were shown whenever a piece of it is fetched.
struct Watched {
    file: Cursor<Vec<u8>>,
    rows_so_far: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<usize>>>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.seen.lock().unwrap().push(self.rows_so_far.load(Ordering::Relaxed));
        // Small pieces, so that there are many to note at.
        let size = buffer.len().min(4096);
        self.file.read(&mut buffer[..size])
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

/// The counts that were seen while the file was read, and the one after it.
fn watch(bytes: Vec<u8>) -> (Vec<usize>, usize) {
    let (rows_so_far, seen): (_, Arc<Mutex<_>>) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::default());
    let mut builder = TableBuilder::new(schema(), TODAY);
    builder.show_rows_in(rows_so_far.clone());
    let file = Watched { file: Cursor::new(bytes), rows_so_far: rows_so_far.clone(), seen: Arc::clone(&seen) };
    workbook::read_into(file, &mut builder, &Limits::default()).unwrap();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (seen, rows_so_far.load(Ordering::Relaxed))
}

fn csv_of(n_rows: usize) -> Vec<u8> {
    let rows = (0..n_rows).map(|n| format!("A{n},2023-08-11,Tampines,Female,Gold\n"));
    std::iter::once("id,date joined,location,gender,loyalty tier\n".to_owned()).chain(rows).collect::<String>().into()
}

#[test]
fn the_rows_of_a_streamed_file_are_counted_while_it_is_read() {
    for (bytes, n_rows) in [(fixture("tests/fixtures/upload_2000.xlsx"), 2_000), (csv_of(20_000), 20_000)] {
        let (seen, at_end) = watch(bytes);
        assert_eq!((seen[0], at_end), (0, n_rows));
        assert!(seen.is_sorted());
        let under_way = seen.iter().filter(|&&rows| 0 < rows && rows < n_rows).count();
        assert!(under_way > 3, "{seen:?}");
    }
}

#[test]
fn the_rows_of_an_old_workbook_are_counted_too() {
    // Its format cannot be streamed: nothing is fetched once the first row is there.
    assert_eq!(watch(fixture("tests/fixtures/customers_300.xls")).1, 300);
}

#[test]
fn dropped_rows_and_the_rows_of_earlier_files_count() {
    let rows_so_far = Arc::new(AtomicUsize::new(0));
    let mut builder = TableBuilder::new(schema(), TODAY);
    workbook::read_into(Cursor::new(csv_of(3)), &mut builder, &Limits::default()).unwrap();
    builder.show_rows_in(rows_so_far.clone());
    assert_eq!(rows_so_far.load(Ordering::Relaxed), 3);
    workbook::read_into(Cursor::new(csv_of(5)), &mut builder, &Limits::default()).unwrap();
    assert_eq!(rows_so_far.load(Ordering::Relaxed), 8);
    assert_eq!(builder.finish().n_rows(), 5);
}
