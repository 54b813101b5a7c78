//! UMAP on the sample's distinct profiles: a fit with the default parameters, and rows placed in bulk and alone.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench without its fixture has nothing to say")]

use std::collections::BTreeSet;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use content_portal::pipeline::umap::UmapParams;
use criterion::{Criterion, criterion_group, criterion_main};
use linfa::ParamGuard;
use ndarray::{Array2, Axis, concatenate, s};
use ndarray_npy::NpzReader;

fn features(name: &str) -> Array2<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/reference.npz");
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
    let profiles = distinct(&features("train_features.npy"));
    let params = UmapParams::default().check().unwrap();
    let fit = || params.fit(profiles.view(), &|_, _| {}).unwrap();
    let new = features("new_features.npy");
    let thousand = concatenate![Axis(0), new, new, new, new].slice_move(s![..1000, ..]);
    let model = fit();

    let mut group = criterion.benchmark_group("umap");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    group.bench_function("fit 2684 profiles", |bencher| bencher.iter(fit));
    group.bench_function("transform 1000 rows", |bencher| bencher.iter(|| model.transform(black_box(thousand.view()))));
    group.measurement_time(Duration::from_secs(5));
    let one = thousand.slice(s![..1, ..]);
    group.bench_function("transform 1 row", |bencher| bencher.iter(|| model.transform(black_box(one))));
    group.finish();
}

criterion_group!(benches, umap);
criterion_main!(benches);
