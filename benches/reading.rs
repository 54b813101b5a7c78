//! What reading the 5,000-row sample costs: calamine's bare cell stream of the same bytes, the whole reading where
//! calamine has to read the cells, the usual reading, the same in the reader process, and cleaning alone. Compare the
//! ratios; absolute times differ by machine.
//!
//! For another workbook, such as a million rows:
//!
//! ```sh
//! python3 benches/peers/data.py 1000000 million.xlsx --slim
//! WORKBOOK=million.xlsx cargo bench --bench reading -- --sample-size 10
//! ```

#![allow(missing_docs, reason = "criterion's macros make public functions without a doc")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a bench on a file of this repository has nothing to recover from"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::{Cursor, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use calamine::{DataRef, Reader as _, Xlsx};
use content_portal::customer::{Cell, Keep, Schema, TableBuilder};
use content_portal::workbook::{self, Bounds, Limits, ReadRequest, Reader, Watch};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::civil::date;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// The workbook that is read: `WORKBOOK`, or the sample.
fn path() -> PathBuf {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/base_data/2026-01-01/customers.xlsx");
    std::env::var_os("WORKBOOK").unwrap_or_else(|| sample.into()).into()
}

/// The same workbook with a comment before its first row, which no program writes: calamine reads all of its cells.
fn unusual(workbook: &[u8]) -> Vec<u8> {
    let mut source = ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut target = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..source.len() {
        let mut part = source.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        if name.starts_with("xl/worksheets/") {
            let text = String::from_utf8(content).unwrap();
            content = text.replacen("<sheetData>", "<sheetData><!-- rows -->", 1).into_bytes();
        }
        target.start_file(name, SimpleFileOptions::default()).unwrap();
        target.write_all(&content).unwrap();
    }
    target.finish().unwrap().into_inner()
}

/// A cell that owns its text, so that cleaning can be measured apart from parsing.
enum Prepared {
    Text(String),
    Number(f64),
    Date(f64),
}

impl Prepared {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Text(text) => Cell::Text(text),
            Self::Number(number) => Cell::Number(*number),
            Self::Date(serial_days) => Cell::DateTime { serial_days: *serial_days, is_1904: false },
        }
    }
}

fn prepared(workbook: &[u8]) -> Vec<Vec<Prepared>> {
    let mut book = Xlsx::new(Cursor::new(workbook)).unwrap();
    let name = book.sheet_names()[0].clone();
    let mut cells = book.worksheet_cells_reader(&name).unwrap();
    let mut rows: Vec<Vec<Prepared>> = Vec::new();
    while let Some(cell) = cells.next_cell().unwrap() {
        rows.resize_with(cell.get_position().0 as usize + 1, Vec::new);
        rows.last_mut().unwrap().push(match cell.get_value() {
            DataRef::SharedString(text) => Prepared::Text((*text).to_owned()),
            DataRef::Float(number) => Prepared::Number(*number),
            DataRef::DateTime(day) => Prepared::Date(day.as_f64()),
            other => unreachable!("the sample holds no {other:?}"),
        });
    }
    rows
}

fn bare_cells(workbook: &[u8]) -> usize {
    let mut book = Xlsx::new(Cursor::new(workbook)).unwrap();
    let name = book.sheet_names()[0].clone();
    let mut cells = book.worksheet_cells_reader(&name).unwrap();
    let mut n_cells = 0;
    while let Some(cell) = cells.next_cell().unwrap() {
        black_box(&cell);
        n_cells += 1;
    }
    n_cells
}

fn reading(criterion: &mut Criterion) {
    let schema = Arc::new(Schema::built_in().unwrap());
    let today = date(2026, 3, 1);
    let path = path();
    let plain = std::fs::read(&path).unwrap();
    let unusual = unusual(&plain);
    let rows = prepared(&plain);
    let mut group = criterion.benchmark_group("reading");
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function("bare_cell_stream_of_calamine", |b| b.iter(|| bare_cells(&plain)));
    for (name, workbook) in [("whole_workbook_by_calamine", &unusual), ("whole_workbook", &plain)] {
        group.bench_function(name, |b| {
            b.iter(|| workbook::read(Cursor::new(workbook), Arc::clone(&schema), today, &Limits::default()).unwrap());
        });
    }
    let bounds = Bounds { time: Duration::from_secs(60), ..Bounds::default() };
    let reader = Reader::new(env!("CARGO_BIN_EXE_content-portal"), Limits::default(), bounds);
    group.bench_function("whole_workbook_in_a_process_of_its_own", |b| {
        let request =
            ReadRequest { schema: Arc::clone(&schema), today, keep: Keep::default(), watch: Watch::default() };
        b.iter(|| reader.read(File::open(&path).unwrap(), &request).unwrap());
    });
    let cells: Vec<Vec<Cell<'_>>> = rows.iter().map(|row| row.iter().map(Prepared::cell).collect()).collect();
    group.bench_function("cleaning_alone", |b| {
        b.iter_batched(
            || TableBuilder::new(Arc::clone(&schema), today),
            |mut builder| {
                for row in &cells {
                    builder.push_row(row).unwrap();
                }
                builder.finish()
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
