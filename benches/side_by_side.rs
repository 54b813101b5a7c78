//! Runs one piece of the library on data from a file, for `benches/peers/compare.py`; prints one line of JSON.
//!
//! ```text
//! side_by_side umap POINTS.npy N_NEIGHBORS EMBEDDING.npy    fit of (n, d) f32; writes the (n, 10) f32 embedding
//! side_by_side transform POINTS.npy NEW.npy                 NEW placed into the map of POINTS, together and one by one
//! side_by_side hdbscan POINTS.npy LABELS.npy                fit of (n, d) f64; writes the (n) i32 labels
//! side_by_side latent ROWS.npy CLASSES                      fit of (n, columns) u32 codes; nats of all rows
//! side_by_side cells SHEET.xlsx                             calamine's bare cell stream over the first sheet
//! ```
//!
//! Only the call itself is timed, not the start or the reading of the file, as in the peers' scripts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench that cannot run should say so loudly"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::time::Instant;

use calamine::{Reader, Xlsx};
use hdbscan::{HdbscanParams, MinClusterSize};
use latent_classes::LatentClassParams;
use linfa::ParamGuard;
use ndarray::{Array1, Array2, Axis};
use ndarray_npy::{ReadNpyExt, ReadableElement, WriteNpyExt};
use serde_json::{Value, json};
use umap::{UmapModel, UmapParams};

/// How often a call of milliseconds is repeated; the median counts.
const REPEATS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = match arguments[..] {
        ["umap", points, n_neighbors, out] => umap(points, n_neighbors.parse().unwrap(), out),
        ["transform", points, new] => transform(points, new),
        ["hdbscan", points, out] => hdbscan(points, out),
        ["latent", rows, n_classes] => latent(rows, n_classes.parse().unwrap()),
        ["cells", sheet] => cells(sheet),
        // `cargo bench` starts it without data.
        [] => return,
        _ => panic!("unknown arguments: {arguments:?}"),
    };
    println!("{said}");
}

fn array<A: ReadableElement>(path: &str) -> Array2<A> {
    Array2::read_npy(BufReader::new(File::open(path).unwrap())).unwrap()
}

fn seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let done = black_box(work());
    (done, started.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}

fn fit(points: &Array2<f32>, n_neighbors: usize) -> UmapModel {
    let params = UmapParams::default().n_neighbors(n_neighbors).check().unwrap();
    params.fit(points.view(), &|_, _| {}).unwrap()
}

fn umap(points: &str, n_neighbors: usize, out: &str) -> Value {
    let points = array::<f32>(points);
    let (model, fit_s) = seconds(|| fit(&points, n_neighbors));
    model.embedding().write_npy(File::create(out).unwrap()).unwrap();
    json!({ "rows": points.nrows(), "fit_s": fit_s })
}

fn transform(points: &str, new: &str) -> Value {
    let (points, new) = (array::<f32>(points), array::<f32>(new));
    let model = fit(&points, UmapParams::default().check().unwrap().n_neighbors());
    let together = (0..REPEATS).map(|_| seconds(|| model.transform(new.view()).unwrap()).1).collect();
    let mut alone: Vec<f64> =
        new.axis_chunks_iter(Axis(0), 1).map(|row| seconds(|| model.transform(row).unwrap()).1).collect();
    alone.sort_by(f64::total_cmp);
    json!({
        "rows": new.nrows(),
        "together_s": median(together),
        "alone_s": alone.get(alone.len() / 2),
        "slowest_alone_s": alone.last(),
    })
}

fn hdbscan(points: &str, out: &str) -> Value {
    let points = array::<f64>(points);
    let params = HdbscanParams::new().min_cluster_size(MinClusterSize::Count(50)).min_samples(5).check().unwrap();
    let weights = vec![1; points.nrows()];
    let (model, fit_s) = seconds(|| params.fit(points.view(), &weights).unwrap());
    Array1::from(model.labels().to_vec()).write_npy(File::create(out).unwrap()).unwrap();
    json!({ "rows": points.nrows(), "fit_s": fit_s, "clusters": model.n_clusters() })
}

/// With the settings of the peer: no prior, ten starts, and steps until one gains less than 10⁻⁷ nats a row.
fn latent(rows: &str, n_classes: usize) -> Value {
    let rows = array::<u32>(rows);
    let params = LatentClassParams::new().classes(n_classes, n_classes).prior(0.0).n_starts(10).tolerance(1e-7);
    let params = params.check().unwrap();
    let weights = vec![1; rows.nrows()];
    let (model, fit_s) = seconds(|| params.fit(rows.view(), &weights).unwrap());
    let nats: f64 = model.log_likelihoods(rows.view()).unwrap().iter().sum();
    json!({ "rows": rows.nrows(), "fit_s": fit_s, "log_likelihood": nats })
}

fn cells(sheet: &str) -> Value {
    let stream = || {
        let mut workbook: Xlsx<_> = Xlsx::new(BufReader::new(File::open(sheet).unwrap())).unwrap();
        let name = workbook.sheet_names().into_iter().next().unwrap();
        let mut cells = workbook.worksheet_cells_reader(&name).unwrap();
        let mut count = 0_u64;
        while let Some(cell) = cells.next_cell().unwrap() {
            black_box(&cell);
            count += 1;
        }
        count
    };
    let cells = stream();
    json!({ "cells": cells, "read_s": median((0..REPEATS).map(|_| seconds(stream).1).collect()) })
}
