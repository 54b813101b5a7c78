//! Placing customers: whole tables of known profiles, and profiles that training never met.
//!
//! A model is trained once on the sample in `base_data/`; the tables are the sample itself (5,000 rows, every profile
//! known) and forms of one customer.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench without its sample should stop")]

use std::fs;
use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use content_portal::customer::{CustomerTable, Schema, read_form};
use content_portal::pipeline::{FitParams, Model, fit};
use content_portal::workbook;
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::civil::{Date, date};

const TODAY: Date = date(2026, 1, 1);

fn sample(schema: &Arc<Schema>) -> CustomerTable {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("base_data/2026-01-01/customers.xlsx");
    let bytes = fs::read(path).unwrap();
    workbook::read(Cursor::new(bytes), schema.clone(), TODAY, &workbook::Limits::default()).unwrap()
}

fn customer(schema: &Arc<Schema>, year: &str) -> CustomerTable {
    let fields = [("location", "Bedok"), ("loyalty_tier", "Gold"), ("join_year", year), ("join_month", "5")];
    read_form(schema, fields, TODAY).unwrap().table
}

fn assigning(criterion: &mut Criterion) {
    let schema = Arc::new(Schema::built_in().unwrap());
    let table = sample(&schema);
    let model: Model = fit(&table, &FitParams::default(), &|_, _| {}).unwrap().model;
    let (known, new) = (customer(&schema, "2024"), customer(&schema, "2031"));
    let mut group = criterion.benchmark_group("assign");
    group.bench_function("5,000 rows, every profile known: intern, encode, look up", |b| {
        b.iter(|| model.assign(black_box(&table)).unwrap());
    });
    group.bench_function("one customer without a gender", |b| b.iter(|| model.assign(black_box(&known)).unwrap()));
    group.bench_function("one new profile", |b| b.iter(|| model.assign(black_box(&new)).unwrap()));
    group.finish();
    criterion.benchmark_group("fit").sample_size(10).bench_function("the sample, from table to model", |b| {
        b.iter(|| fit(black_box(&table), &FitParams::default(), &|_, _| {}).unwrap());
    });
}

criterion_group!(benches, assigning);
criterion_main!(benches);
