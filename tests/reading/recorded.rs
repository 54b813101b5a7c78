//! Tables that one process has read and another takes over.

use std::fs::File;
use std::io::Write;

use content_portal::customer::KeyedTable;
use content_portal::disk::Keeper;
use content_portal::workbook::{Bounds, Limits, ReadRequest, Reader, Recorder, WorkbookError};

use super::apart::{file_of, reader, request};
use super::sheets::{small_csv, small_xlsx};

/// The tables of these workbooks, and what a recorder wrote of them.
fn recorded(workbooks: &[&[u8]]) -> (Vec<KeyedTable>, Option<File>) {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(folder.path(), &Keeper::new(0)).unwrap();
    let read = |bytes: &&[u8]| reader().read_recorded(file_of(bytes), &request(), &mut recorder).unwrap();
    (workbooks.iter().map(read).collect(), recorder.finish())
}

/// Reads with what another process wrote, and without a program to start.
fn taken_over(written: File, bytes: &[u8], request: &ReadRequest) -> Result<KeyedTable, WorkbookError> {
    let reader = Reader::new("/no/such/program", Limits::default(), Bounds::default()).with_recorded(written);
    reader.read_keyed(file_of(bytes), request)
}

#[test]
fn a_table_that_another_process_has_read_is_taken_over_and_its_workbook_not_read_again() {
    let (xlsx, csv) = (small_xlsx(), small_csv(",").into_bytes());
    let (tables, written) = recorded(&[&xlsx, &csv]);
    let written = written.unwrap();
    for (bytes, table) in [(&csv, &tables[1]), (&xlsx, &tables[0])] {
        assert_eq!(taken_over(written.try_clone().unwrap(), bytes, &request()).unwrap(), *table);
    }
}

#[test]
fn where_the_disk_has_no_room_to_spare_nothing_is_handed_over_and_the_workbook_is_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(folder.path(), &Keeper::new(u64::MAX)).unwrap();
    let table = reader().read_recorded(file_of(small_csv(",").as_bytes()), &request(), &mut recorder).unwrap();
    assert!(table.table().n_rows() > 0 && recorder.finish().is_none());
}

#[test]
fn another_workbook_or_another_order_is_read_and_so_is_what_was_not_written_whole() {
    let csv = small_csv(",").into_bytes();
    let written = || recorded(&[&csv]).1.unwrap();
    let is_read = |written, bytes: &[u8], request: &ReadRequest| {
        matches!(taken_over(written, bytes, request), Err(WorkbookError::NoReader(_)))
    };
    assert!(!is_read(written(), &csv, &request()));
    assert!(is_read(written(), &[&csv[..], b"\n"].concat(), &request()));
    let tomorrow = ReadRequest { today: request().today.tomorrow().unwrap(), ..request() };
    assert!(is_read(written(), &csv, &tomorrow));
    let length = written().metadata().unwrap().len();
    for end in [length - 1, length / 2, 40, 1, 0] {
        let cut = written();
        cut.set_len(end).unwrap();
        assert!(is_read(cut, &csv, &request()), "{end} bytes of {length}");
    }
    assert!(is_read(file_of(&[0xff; 4_096]), &csv, &request()));
}

#[test]
fn a_recorder_that_met_a_workbook_that_cannot_be_read_hands_nothing_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(folder.path(), &Keeper::new(0)).unwrap();
    assert!(reader().read_recorded(file_of(b"no workbook"), &request(), &mut recorder).is_err());
    assert!(recorder.finish().is_none());
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"x").unwrap();
    assert!(reader().with_recorded(file).read_keyed(file_of(&small_xlsx()), &request()).is_ok());
}
