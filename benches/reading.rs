//! What reading the 5,000-row sample costs, beside calamine's bare cell stream of the same bytes and beside cleaning
//! alone: the ratio of the first two is the target, absolute times differ by machine.

#![allow(missing_docs, reason = "criterion's macros make public functions without a doc")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a bench on a file of this repository has nothing to recover from"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use calamine::{DataRef, Reader as _, Xlsx};
use content_portal::customer::{Cell, Schema, TableBuilder};
use content_portal::workbook::{self, Bounds, Limits, ReadRequest, Reader, Watch};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::civil::date;

const SAMPLE: &[u8] = include_bytes!("../base_data/2026-01-01/customers.xlsx");

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

fn prepared() -> Vec<Vec<Prepared>> {
    let mut book = Xlsx::new(Cursor::new(SAMPLE)).unwrap();
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

fn bare_cells() -> usize {
    let mut book = Xlsx::new(Cursor::new(SAMPLE)).unwrap();
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
    let mut group = criterion.benchmark_group("reading");
    group.throughput(Throughput::Elements(5_000));
    group.bench_function("bare_cell_stream", |b| b.iter(bare_cells));
    group.bench_function("whole_workbook", |b| {
        b.iter(|| workbook::read(Cursor::new(SAMPLE), Arc::clone(&schema), today, &Limits::default()).unwrap());
    });
    let reader = Reader::new(env!("CARGO_BIN_EXE_content-portal"), Limits::default(), Bounds::default());
    group.bench_function("whole_workbook_in_a_process_of_its_own", |b| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/base_data/2026-01-01/customers.xlsx");
        let request = ReadRequest { schema: Arc::clone(&schema), today, watch: Watch::default() };
        b.iter(|| reader.read(File::open(path).unwrap(), &request).unwrap());
    });
    let rows = prepared();
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
