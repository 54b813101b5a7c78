//! How long clustering and labelling take, on the recorded embedding and on continuous blobs.
#![allow(missing_docs, reason = "criterion's macros make items without any")]
#![allow(clippy::unwrap_used, reason = "a broken fixture should end the bench loudly")]

use std::collections::HashSet;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;

use content_portal::pipeline::hdbscan::{HdbscanModel, HdbscanParams, MinClusterSize};
use content_portal::pipeline::scores::silhouette;
use criterion::{Criterion, criterion_group, criterion_main};
use linfa::ParamGuard;
use ndarray::{Array2, Axis, s};
use ndarray_npy::{NpzReader, ReadableElement};

fn recorded<A: ReadableElement>(file: &str, name: &str) -> Array2<A> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference").join(file);
    NpzReader::new(File::open(path).unwrap()).unwrap().by_name(&format!("{name}.npy")).unwrap()
}

/// One embedded customer for each distinct row of features: as many points as a fit on profiles has.
fn embedded_profiles() -> Array2<f64> {
    let features: Array2<f64> = recorded("reference.npz", "train_features");
    let embedding: Array2<f32> = recorded("reference.npz", "train_embedding");
    let mut seen = HashSet::new();
    let bits = |row: usize| features.row(row).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let first: Vec<usize> = (0..features.nrows()).filter(|&row| seen.insert(bits(row))).collect();
    embedding.select(Axis(0), &first).mapv(f64::from)
}

fn fit(points: &Array2<f64>, share: f64) -> HdbscanModel {
    let params = HdbscanParams::new().min_cluster_size(MinClusterSize::Share(share)).check().unwrap();
    params.fit(points.view(), &vec![1; points.nrows()]).unwrap()
}

fn bench(criterion: &mut Criterion) {
    let profiles = embedded_profiles();
    let blobs: Array2<f64> = recorded("blobs.npz", "points");
    let new_points: Array2<f64> = recorded::<f32>("reference.npz", "new_embedding").mapv(f64::from);
    let mut group = criterion.benchmark_group("hdbscan");
    group.sample_size(20);
    group.bench_function(format!("fit {} embedded profiles", profiles.nrows()), |bencher| {
        bencher.iter(|| fit(black_box(&profiles), 0.08));
    });
    group.bench_function(format!("fit {} blob points", blobs.nrows()), |bencher| {
        bencher.iter(|| fit(black_box(&blobs), 0.016));
    });
    let model = fit(&profiles, 0.08);
    for count in [500, 1_000] {
        let asked = new_points.slice(s![..count, ..]);
        group.bench_function(format!("predict {count}"), |bencher| bencher.iter(|| model.predict(black_box(asked))));
    }
    let asked = new_points.slice(s![..500, ..]);
    group.bench_function("membership of 500", |bencher| bencher.iter(|| model.membership_vectors(black_box(asked))));
    let weights = vec![1; profiles.nrows()];
    group.bench_function("silhouette of the profiles", |bencher| {
        bencher.iter(|| silhouette(black_box(profiles.view()), model.labels(), &weights));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
