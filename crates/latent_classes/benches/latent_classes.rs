//! Fits and predictions on rows like a customer base's: 27 towns, 2 genders, 3 tiers, 12 months, three planted classes.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench that cannot run should say so")]

#[path = "../tests/planted/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod planted;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use latent_classes::LatentClassParams;
use linfa::ParamGuard;

fn bench(criterion: &mut Criterion) {
    let params = LatentClassParams::new().check().unwrap();
    let mut group = criterion.benchmark_group("latent_classes");
    group.sample_size(10);
    for n_rows in [5_000, 50_000] {
        let (rows, weights) = (planted::independent(n_rows, 1), vec![1; n_rows]);
        group.bench_function(format!("fit {n_rows} independent rows"), |bencher| {
            bencher.iter(|| params.fit(black_box(rows.view()), &weights).unwrap());
        });
        let rows = planted::planted(n_rows).0;
        group.bench_function(format!("fit {n_rows} rows of three classes"), |bencher| {
            bencher.iter(|| params.fit(black_box(rows.view()), &weights).unwrap());
        });
    }
    let rows = planted::planted(5_000).0;
    let model = params.fit(rows.view(), &[1; 5_000]).unwrap();
    group.bench_function("predict 5000", |bencher| bencher.iter(|| model.predict(black_box(rows.view())).unwrap()));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
