//! How long clustering, labelling and scoring take, on the recorded embedding and on continuous blobs, and by which
//! power of the number of points it grows.
//!
//! `CLUSTERED_POINTS=1000000` adds a fit of so many points to the sizes that are timed once.
//!
//! `cargo bench -p hdbscan --bench hdbscan -- stages` prints the wall and processor time of each stage on one thread
//! and on two instead, for 50,000 points or `CLUSTERED_POINTS`. `CLUSTERED_THREADS` (such as `1,2,4`) changes the
//! numbers of threads.
#![allow(missing_docs, reason = "criterion's macros make items without any")]
#![allow(clippy::indexing_slicing, reason = "arrays have the shapes they are made with a few lines above")]
#![allow(clippy::print_stdout, reason = "what a bench has to say")]
#![allow(clippy::unwrap_used, reason = "a broken fixture should end the bench loudly")]

#[path = "../../umap/benches/clock/mod.rs"]
mod clock;

use std::collections::HashSet;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hdbscan::{HdbscanModel, HdbscanParams, MinClusterSize, Stage, dbcv, silhouette};

use clock::{Clock, Spent};
use criterion::{Criterion, criterion_group};
use linfa::ParamGuard;
use ndarray::{Array2, Axis, s};
use ndarray_npy::{NpzReader, ReadableElement};

fn recorded<A: ReadableElement>(file: &str, name: &str) -> Array2<A> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/reference").join(file);
    NpzReader::new(File::open(path).unwrap()).unwrap().by_name(&format!("{name}.npy")).unwrap()
}

/// One position of the recorded embedding for each distinct row of features.
fn embedded_rows() -> Array2<f64> {
    let features: Array2<f64> = recorded("reference.npz", "train_features");
    let embedding: Array2<f32> = recorded("reference.npz", "train_embedding");
    let mut seen = HashSet::new();
    let bits = |row: usize| features.row(row).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let first: Vec<usize> = (0..features.nrows()).filter(|&row| seen.insert(bits(row))).collect();
    embedding.select(Axis(0), &first).mapv(f64::from)
}

/// Numbers that a seed decides: SplitMix64.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// `n_points` × 10: seven blobs of standard deviation 1 with centres in ±10, and a sixth of the points noise in ±12, as
/// `benches/peers/peers/hdbscan_blobs.py` draws them.
fn blobs_and_noise(n_points: usize) -> Array2<f64> {
    let mut random = Random(3);
    let centres = Array2::from_shape_simple_fn((7, 10), || random.between(-10.0, 10.0));
    let in_blobs = n_points - n_points / 6;
    Array2::from_shape_fn((n_points, 10), |(row, feature)| match row < in_blobs {
        true => centres[(row % 7, feature)] + random.normal(),
        false => random.between(-12.0, 12.0),
    })
}

fn fit(points: &Array2<f64>, share: f64) -> HdbscanModel {
    fit_by(points, MinClusterSize::Share(share))
}

fn fit_by(points: &Array2<f64>, size: MinClusterSize) -> HdbscanModel {
    let params = HdbscanParams::new().min_cluster_size(size).min_samples(5).check().unwrap();
    params.fit(points.view(), &vec![1; points.nrows()]).unwrap()
}

/// Times each step once for each size, and prints the power of the number of points by which it grows from one size to
/// the next: 1 for work that doubles with the points, 2 for comparing all pairs.
fn growth() {
    const STEPS: [&str; 6] = ["fit", "from_parts", "first place", "10,000 places", "silhouette", "DBCV"];
    let larger = std::env::var("CLUSTERED_POINTS").ok().map(|points| points.parse().unwrap());
    let mut before: Option<(usize, [Duration; 6])> = None;
    for n_points in [10_000, 50_000, 200_000].into_iter().chain(larger) {
        let points = blobs_and_noise(n_points);
        let (model, fit) = timed(|| fit_by(&points, MinClusterSize::Count(50)));
        let parts = model.to_parts();
        let (read, from_parts) = timed(|| HdbscanModel::from_parts(parts).unwrap());
        let asked = points.slice(s![..10_000, ..]).mapv(|x| x + 0.01);
        let (_, first) = timed(|| read.predict(asked.slice(s![..1, ..])).unwrap());
        let (_, places) = timed(|| read.nearest_clusters(asked.view()).unwrap());
        let weights = vec![1; n_points];
        let (_, silhouette) = timed(|| silhouette(points.view(), model.labels(), &weights).unwrap());
        let (_, dbcv) = timed(|| dbcv(points.view(), model.labels(), &weights).unwrap());
        let took = [fit, from_parts, first, places, silhouette, dbcv];
        for (step, (name, took)) in STEPS.iter().zip(took).enumerate() {
            let power = before.map(|(n_before, before)| {
                (took.as_secs_f64() / before[step].as_secs_f64()).ln() / (n_points as f64 / n_before as f64).ln()
            });
            let power = power.map(|power| format!(", n^{power:.2}")).unwrap_or_default();
            println!("{n_points} x 10  {name:<14} {:>8.3} s{power}", took.as_secs_f64());
        }
        before = Some((n_points, took));
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = black_box(work());
    (done, start.elapsed())
}

fn bench(criterion: &mut Criterion) {
    let embedded = embedded_rows();
    let blobs: Array2<f64> = recorded("blobs.npz", "points");
    let new_points: Array2<f64> = recorded::<f32>("reference.npz", "new_embedding").mapv(f64::from);
    let mut group = criterion.benchmark_group("hdbscan");
    group.sample_size(20);
    group.bench_function(format!("fit {} embedded rows", embedded.nrows()), |bencher| {
        bencher.iter(|| fit(black_box(&embedded), 0.08));
    });
    group.bench_function(format!("fit {} blob points", blobs.nrows()), |bencher| {
        bencher.iter(|| fit(black_box(&blobs), 0.016));
    });
    let model = fit(&embedded, 0.08);
    for count in [500, 1_000] {
        let asked = new_points.slice(s![..count, ..]);
        group.bench_function(format!("predict {count}"), |bencher| bencher.iter(|| model.predict(black_box(asked))));
    }
    let asked = new_points.slice(s![..500, ..]);
    group.bench_function("membership of 500", |bencher| bencher.iter(|| model.membership_vectors(black_box(asked))));
    let weights = vec![1; embedded.nrows()];
    group.bench_function("silhouette of the embedded rows", |bencher| {
        bencher.iter(|| silhouette(black_box(embedded.view()), model.labels(), &weights));
    });
    group.sample_size(10);
    for n_points in [50_000, 200_000] {
        let points = blobs_and_noise(n_points);
        group.bench_function(format!("fit {n_points} x 10"), |bencher| {
            bencher.iter(|| fit_by(black_box(&points), MinClusterSize::Count(50)));
        });
    }
    group.finish();
    // Not where criterion is asked for something by name.
    if std::env::args().skip(1).all(|argument| argument.starts_with("--")) {
        growth();
    }
}

criterion_group!(benches, bench);

const PROFILED: [&str; 8] = [
    "core distances",
    "spanning tree",
    "condensing",
    "describing",
    "whole fit",
    "membership of 10,000",
    "silhouette",
    "DBCV",
];

/// What each of [`PROFILED`] takes on the threads of `pool`.
fn profile(points: &Array2<f64>, pool: &rayon::ThreadPool) -> [Spent; 8] {
    let size = MinClusterSize::Count(50);
    let params = HdbscanParams::new().min_cluster_size(size).min_samples(5).check().unwrap();
    let weights = vec![1; points.nrows()];
    let begin = Clock::now();
    let ends = Mutex::new([begin; 4]);
    let heard = |stage: Stage| ends.lock().unwrap()[stage as usize] = Clock::now();
    let model = pool.install(|| params.fit_with_progress(points.view(), &weights, &heard).unwrap());
    let fit = Clock::now();
    let [cores, tree, condensed, described] = *ends.lock().unwrap();
    let asked = points.slice(s![..10_000.min(points.nrows()), ..]).mapv(|x| x + 0.01);
    // The first question builds an index.
    pool.install(|| model.predict(asked.slice(s![..1, ..])).unwrap());
    let spent = |work: &(dyn Fn() + Sync)| {
        let begin = Clock::now();
        pool.install(work);
        begin.until(Clock::now())
    };
    [
        begin.until(cores),
        cores.until(tree),
        tree.until(condensed),
        condensed.until(described),
        begin.until(fit),
        spent(&|| drop(black_box(model.membership_vectors(asked.view()).unwrap()))),
        spent(&|| {
            black_box(silhouette(points.view(), model.labels(), &weights).unwrap());
        }),
        spent(&|| {
            black_box(dbcv(points.view(), model.labels(), &weights).unwrap());
        }),
    ]
}

fn stages() {
    let n_points = std::env::var("CLUSTERED_POINTS").map_or(50_000, |points| points.parse().unwrap());
    let points = blobs_and_noise(n_points);
    clock::compare(&format!("{n_points} x 10"), &PROFILED, "CLUSTERED_THREADS", |pool| profile(&points, pool).to_vec());
}

fn main() {
    if std::env::args().any(|argument| argument == "stages") {
        stages();
    } else {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
