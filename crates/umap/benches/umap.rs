//! UMAP on the distinct rows of one-hot data: a fit with the default parameters, and transforms of many rows and of
//! one.
//!
//! `cargo bench -p umap --bench umap -- growth` fits 10,000, 50,000 and 200,000 points instead, once each, and prints
//! by which power of the number of points the time of each stage grows. `-- stages` prints the wall and processor time
//! of each stage on one thread and on two. `MAPPED_POINTS`, `MAPPED_FEATURES` and `MAPPED_NEIGHBOURS` change the 50,000
//! × 10 points and the 120 neighbours of that, `MAPPED_THREADS` (such as `1,2,4`) the numbers of threads, `MAPPED_SEED`
//! the seed.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench without its fixture has nothing to say")]
#![allow(clippy::indexing_slicing, reason = "centres, stages and their times are counted by constants")]
#![allow(clippy::print_stdout, reason = "criterion has no word for a power")]

mod clock;

use std::collections::BTreeSet;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clock::{Clock, Spent};
use criterion::{Criterion, criterion_group};
use linfa::ParamGuard;
use ndarray::{Array2, Axis, concatenate, s};
use ndarray_npy::NpzReader;
use umap::{Stage, UmapParams, trustworthiness};

fn features(name: &str) -> Array2<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/reference/reference.npz");
    let features: Array2<f64> = NpzReader::new(File::open(path).unwrap()).unwrap().by_name(name).unwrap();
    features.mapv(|x| x as f32)
}

fn distinct(rows: &Array2<f32>) -> Array2<f32> {
    let mut seen = BTreeSet::new();
    let mut is_new = |i: &usize| seen.insert(rows.row(*i).mapv(f32::to_bits).to_vec());
    let first: Vec<usize> = (0..rows.nrows()).filter(|i| is_new(i)).collect();
    rows.select(Axis(0), &first)
}

fn umap(criterion: &mut Criterion) {
    let rows = distinct(&features("train_features.npy"));
    let params = UmapParams::default().check().unwrap();
    let fit = || params.fit(rows.view(), &|_, _| {}).unwrap();
    let new = features("new_features.npy");
    let thousand = concatenate![Axis(0), new, new, new, new].slice_move(s![..1000, ..]);
    let model = fit();

    let mut group = criterion.benchmark_group("umap");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    group.bench_function("fit 2684 one-hot rows", |bencher| bencher.iter(fit));
    group.bench_function("transform 1000 rows", |bencher| bencher.iter(|| model.transform(black_box(thousand.view()))));
    group.measurement_time(Duration::from_secs(5));
    let one = thousand.slice(s![..1, ..]);
    group.bench_function("transform 1 row", |bencher| bencher.iter(|| model.transform(black_box(one))));
    group.finish();
}

criterion_group!(benches, umap);

/// Twenty round clusters, as a schema of numbers could have them.
fn blobs(n_points: usize, n_features: usize) -> Array2<f32> {
    let mut state = 7_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let centres = Array2::from_shape_simple_fn((20, n_features), || 20.0 * uniform());
    // The sum of twelve uniforms has deviation 1.
    Array2::from_shape_fn((n_points, n_features), |(i, d)| {
        centres[[i % 20, d]] + 3.0 * (0..12).map(|_| uniform()).sum::<f32>()
    })
}

const STAGES: [&str; 5] = ["neighbours and graph", "start", "layout", "whole fit", "trustworthiness"];

/// Seconds of each of [`STAGES`].
fn seconds(n_points: usize) -> [f64; 5] {
    let points = blobs(n_points, 10);
    let params = UmapParams::default().n_neighbors(15).n_epochs(Some(200)).check().unwrap();
    let ends = Mutex::new([0.0; 4]);
    let begin = Instant::now();
    let heard = |stage: Stage, share: f32| {
        if share >= 1.0 {
            ends.lock().unwrap()[stage as usize] = begin.elapsed().as_secs_f64();
        }
    };
    let model = params.fit(points.view(), &heard).unwrap();
    let fit = begin.elapsed().as_secs_f64();
    let [_, graph, start, layout] = *ends.lock().unwrap();
    let begin = Instant::now();
    black_box(trustworthiness(points.view(), model.embedding(), 15));
    [graph, start - graph, layout - start, fit, begin.elapsed().as_secs_f64()]
}

fn growth() {
    let sizes = [10_000, 50_000, 200_000];
    let times = sizes.map(seconds);
    let logs = sizes.map(|n| f64::from(n as u32).ln());
    let mean = logs.iter().sum::<f64>() / 3.0;
    println!("{:>22} {:>9} {:>9} {:>9}  power", "seconds", sizes[0], sizes[1], sizes[2]);
    for (stage, name) in STAGES.iter().enumerate() {
        let [a, b, c] = times.map(|times| times[stage]);
        let slope = |(sum, squares): (f64, f64), (x, y): (f64, f64)| (sum + x * y, squares + x * x);
        let (sum, squares) = logs.iter().map(|x| x - mean).zip([a.ln(), b.ln(), c.ln()]).fold((0.0, 0.0), slope);
        println!("{name:>22} {a:>9.2} {b:>9.2} {c:>9.2}  {:.2}", sum / squares);
    }
}

/// The number that the environment gives for `name`.
fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

const PROFILED: [&str; 6] = ["neighbours", "graph", "start", "layout", "whole fit", "trustworthiness"];

/// What each of [`PROFILED`] takes on the threads of `pool`.
fn profile(points: &Array2<f32>, n_neighbors: usize, pool: &rayon::ThreadPool) -> [Spent; 6] {
    let seed = setting("MAPPED_SEED", 42) as u64;
    let params = UmapParams::default().n_neighbors(n_neighbors).seed(seed).check().unwrap();
    let begin = Clock::now();
    let ends = Mutex::new([begin; 4]);
    let heard = |stage: Stage, share: f32| {
        if share >= 1.0 {
            ends.lock().unwrap()[stage as usize] = Clock::now();
        }
    };
    let model = pool.install(|| params.fit(points.view(), &heard).unwrap());
    let fit = Clock::now();
    let [neighbours, graph, start, layout] = *ends.lock().unwrap();
    let scored = Clock::now();
    let trust = pool.install(|| trustworthiness(points.view(), model.embedding(), 15));
    let end = Clock::now();
    println!("{} threads, seed {seed}: trustworthiness {trust:.5}", pool.current_num_threads());
    [
        begin.until(neighbours),
        neighbours.until(graph),
        graph.until(start),
        start.until(layout),
        begin.until(fit),
        scored.until(end),
    ]
}

fn stages() {
    let (n_points, n_neighbors) = (setting("MAPPED_POINTS", 50_000), setting("MAPPED_NEIGHBOURS", 120));
    let n_features = setting("MAPPED_FEATURES", 10);
    let points = blobs(n_points, n_features);
    clock::compare(
        &format!("{n_points} x {n_features}, {n_neighbors} neighbours"),
        &PROFILED,
        "MAPPED_THREADS",
        |pool| profile(&points, n_neighbors, pool).to_vec(),
    );
}

fn main() {
    if std::env::args().any(|argument| argument == "growth") {
        growth();
    } else if std::env::args().any(|argument| argument == "stages") {
        stages();
    } else {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
