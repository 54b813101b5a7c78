//! UMAP held against umap-learn: neighbourhoods are kept as well. And promises that need no recording.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken fixture should fail its test loudly")]

#[path = "../../../tests/oracle/fixtures.rs"]
mod fixtures;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use linfa::ParamGuard;
use ndarray::{Array0, Array1, Array2, ArrayView1, ArrayView2, Axis, array, concatenate, s};
use proptest::prelude::*;
use umap::{Stage, UmapError, UmapModel, UmapParams, UmapParts, trustworthiness};

use fixtures::Recorded;

fn features(name: &str) -> Array2<f32> {
    Recorded::open("reference.npz").array::<f64, _>(name).mapv(|x: f64| x as f32)
}

fn bits(rows: ArrayView2<'_, f32>) -> Vec<u32> {
    rows.iter().map(|x| x.to_bits()).collect()
}

/// The 2,684 distinct rows of the recorded one-hot features, in the order of their first occurrence.
fn distinct_rows() -> Array2<f32> {
    let rows = features("train_features");
    let mut seen = BTreeSet::new();
    let first: Vec<usize> = rows
        .outer_iter()
        .enumerate()
        .filter(|(_, row)| seen.insert(row.mapv(f32::to_bits).to_vec()))
        .map(|(i, _)| i)
        .collect();
    rows.select(Axis(0), &first)
}

fn fit(params: UmapParams, points: ArrayView2<'_, f32>) -> Result<UmapModel, UmapError> {
    params.check()?.fit(points, &|_, _| {})
}

/// Runs `work` on so many threads.
fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// The model of the distinct rows with the default parameters, which several tests use.
fn shared_model() -> &'static UmapModel {
    static MODEL: OnceLock<UmapModel> = OnceLock::new();
    MODEL.get_or_init(|| on_threads(2, || fit(UmapParams::default(), distinct_rows().view()).unwrap()))
}

/// Leave-one-out accuracy of the majority among the `k` nearest.
fn neighbour_accuracy(positions: ArrayView2<'_, f32>, classes: &[i64], k: usize) -> f64 {
    let right = positions.outer_iter().enumerate().filter(|(i, position)| {
        let mut others: Vec<(f32, usize)> = positions
            .outer_iter()
            .enumerate()
            .filter(|(j, _)| j != i)
            .map(|(j, other)| (squared_distance(*position, other), j))
            .collect();
        others.select_nth_unstable_by(k, |a, b| a.partial_cmp(b).unwrap());
        let mut votes = BTreeMap::new();
        others[..k].iter().for_each(|&(_, j)| *votes.entry(classes[j]).or_insert(0) += 1);
        votes.into_iter().max_by_key(|&(class, votes)| (votes, -class)).unwrap().0 == classes[*i]
    });
    right.count() as f64 / classes.len() as f64
}

fn squared_distance(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum()
}

#[test]
fn digits_keep_their_neighbours_and_their_classes() {
    let mut recorded = Recorded::open("digits.npz");
    let points = recorded.array::<f64, _>("points").mapv(|x: f64| x as f32);
    let classes: Array1<i64> = recorded.array("classes");
    let model = fit(UmapParams::default().n_neighbors(15).n_components(2), points.view()).unwrap();
    let trust = trustworthiness(points.view(), model.embedding(), 15);
    let accuracy = neighbour_accuracy(model.embedding(), classes.as_slice().unwrap(), 15);
    assert!(trust >= 0.985, "trustworthiness {trust}");
    assert!(accuracy >= 0.965, "accuracy {accuracy}");
}

#[test]
fn our_trustworthiness_of_the_recorded_digits_is_the_recorded_one() {
    let mut recorded = Recorded::open("digits.npz");
    let points = recorded.array::<f64, _>("points").mapv(|x: f64| x as f32);
    let embedding: Array2<f32> = recorded.array("embedding");
    // `digits_trustworthiness_k15` of reference.json.
    assert!((trustworthiness(points.view(), embedding.view(), 15) - 0.987_612_637_622_895_2).abs() < 1e-5);
}

#[test]
fn one_hot_rows_keep_their_neighbours() {
    let points = distinct_rows();
    assert_eq!(points.dim(), (2684, 50));
    let trust = trustworthiness(points.view(), shared_model().embedding(), 15);
    assert!(trust >= 0.996, "trustworthiness {trust}");
}

#[test]
fn a_fit_has_the_same_bits_on_one_thread_and_two_and_on_every_run() {
    let one = on_threads(1, || fit(UmapParams::default(), distinct_rows().view()).unwrap());
    assert_eq!(bits(one.embedding()), bits(shared_model().embedding()));
    // More threads than cores, and several fits beside each other in one pool: threads wait for others without a core.
    let many = |threads| on_threads(threads, || fit(UmapParams::default().n_epochs(Some(60)), distinct_rows().view()));
    let (one, [a, b, c]) = (
        many(1).unwrap(),
        std::thread::scope(|scope| {
            [3, 7, 16].map(|threads| scope.spawn(move || many(threads).unwrap())).map(|fitted| fitted.join().unwrap())
        }),
    );
    assert!([a, b, c].iter().all(|other| bits(other.embedding()) == bits(one.embedding())));
    let small = || fit(UmapParams::default().n_epochs(Some(20)), distinct_rows().view()).unwrap();
    assert_eq!(bits(small().embedding()), bits(small().embedding()));
}

/// Twenty round clusters of standard deviation 1 in ten dimensions, with centres in ±10: more points than are compared
/// all with all, and than are laid out in their own order.
fn many_points() -> Array2<f32> {
    let mut state = 7_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let centres = Array2::from_shape_simple_fn((20, 10), || 20.0 * uniform());
    Array2::from_shape_fn((20_200, 10), |(i, d)| centres[[i % 20, d]] + (0..12).map(|_| uniform()).sum::<f32>())
}

#[test]
fn a_map_of_many_points_has_the_same_bits_on_any_number_of_threads_and_keeps_neighbours() {
    let points = many_points();
    let params = || UmapParams::default().n_neighbors(15).n_components(2).n_epochs(Some(60));
    let on = |threads| on_threads(threads, || fit(params(), points.view()).unwrap());
    let once = on(1);
    for threads in [2, 3, 7] {
        assert_eq!(bits(on(threads).embedding()), bits(once.embedding()));
    }
    let trust = trustworthiness(points.view(), once.embedding(), 15);
    assert!(trust >= 0.97, "trustworthiness {trust}");
}

#[test]
fn another_seed_gives_another_embedding() {
    let points = distinct_rows();
    let with = |seed| fit(UmapParams::default().n_epochs(Some(20)).seed(seed), points.slice(s![..300, ..])).unwrap();
    assert_ne!(bits(with(1).embedding()), bits(with(2).embedding()));
}

#[test]
fn the_curve_is_the_recorded_one() {
    let mut recorded = Recorded::open("reference.npz");
    let (a, b): (Array0<f64>, Array0<f64>) = (recorded.array("umap_a"), recorded.array("umap_b"));
    let parts = shared_model().to_parts();
    assert!((f64::from(parts.a) - a.into_scalar()).abs() < 1e-5, "{}", parts.a);
    assert!((f64::from(parts.b) - b.into_scalar()).abs() < 1e-5, "{}", parts.b);
}

#[test]
fn new_rows_land_among_the_training_rows_of_their_group() {
    let (points, rows) = (distinct_rows(), features("new_features"));
    let model = shared_model();
    let placed = model.transform(rows.view()).unwrap();
    // Four of the last columns are one categorical feature, one-hot.
    let group = |row: ArrayView1<'_, f32>| row.slice(s![45..49]).iter().position(|&x| x == 1.0).unwrap();
    let right = placed.outer_iter().zip(rows.outer_iter()).filter(|(place, row)| {
        let nearest = model
            .embedding()
            .outer_iter()
            .map(|position| squared_distance(*place, position))
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap()
            .0;
        group(points.row(nearest)) == group(*row)
    });
    let share = right.count() as f64 / rows.nrows() as f64;
    assert!(share >= 0.95, "{share}");
}

#[test]
fn a_training_row_lands_next_to_its_own_position() {
    let model = shared_model();
    let placed = model.transform(distinct_rows().view()).unwrap();
    let mut shifts: Vec<f32> =
        placed.outer_iter().zip(model.embedding().outer_iter()).map(|(a, b)| squared_distance(a, b).sqrt()).collect();
    shifts.sort_by(f32::total_cmp);
    // The start is a cube with an edge of 10.
    assert!(shifts[shifts.len() / 2] < 0.5 && shifts[shifts.len() * 95 / 100] < 1.0, "{:?}", &shifts[2500..]);
}

#[test]
fn a_training_row_that_is_left_out_is_placed_by_the_others_whatever_else_is_in_the_batch() {
    let (model, all) = (shared_model(), distinct_rows());
    let rows = all.slice(s![..40, ..]);
    let own: Vec<Vec<u32>> = (0..40).map(|row| vec![row]).collect();
    let placed = model.transform(rows).unwrap();
    let without = model.transform_without(rows, &own).unwrap();
    let moved = placed.outer_iter().zip(without.outer_iter()).filter(|(a, b)| squared_distance(*a, *b) > 0.0);
    assert!(moved.count() > 35);
    // Alone, and with more left out for another row.
    let alone = model.transform_without(rows.slice(s![3..4, ..]), &own[3..4]).unwrap();
    assert_eq!(bits(alone.view()), bits(without.slice(s![3..4, ..])));
    let mut more = own.clone();
    more[0].extend(100..130);
    let others = model.transform_without(rows, &more).unwrap();
    assert_eq!(bits(others.slice(s![1.., ..])), bits(without.slice(s![1.., ..])));
    // Where nobody would be left all are neighbours.
    let everybody: Vec<Vec<u32>> = vec![(0..u32::try_from(all.nrows()).unwrap()).collect(); 40];
    assert_eq!(bits(model.transform_without(rows, &everybody).unwrap().view()), bits(placed.view()));
}

#[test]
fn a_restored_model_places_rows_where_the_original_does() {
    let (model, rows) = (shared_model(), features("new_features"));
    let restored = UmapModel::from_parts(model.to_parts()).unwrap();
    let rows = rows.slice(s![..50, ..]);
    assert_eq!(bits(restored.transform(rows).unwrap().view()), bits(model.transform(rows).unwrap().view()));
    assert_eq!(restored.to_parts(), model.to_parts());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn shuffling_or_splitting_a_batch_changes_no_bit(
        order in Just((0..60_usize).collect::<Vec<_>>()).prop_shuffle(),
        cut in 0..60_usize,
        threads in 1..3_usize,
    ) {
        static WHOLE: OnceLock<(Array2<f32>, Array2<f32>)> = OnceLock::new();
        let (rows, whole) = WHOLE.get_or_init(|| {
            let rows = features("new_features").slice(s![..60, ..]).to_owned();
            let placed = shared_model().transform(rows.view()).unwrap();
            (rows, placed)
        });
        let shuffled = rows.select(Axis(0), &order);
        let (head, tail) = shuffled.view().split_at(Axis(0), cut);
        let place = |rows| on_threads(threads, || shared_model().transform(rows).unwrap());
        let placed = concatenate![Axis(0), place(head), place(tail)];
        prop_assert_eq!(bits(placed.view()), bits(whole.select(Axis(0), &order).view()));
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_batches_of_every_small_size() {
    let rows = features("new_features").slice(s![..20, ..]).to_owned();
    let alone: Vec<Vec<u32>> =
        rows.outer_iter().map(|row| bits(shared_model().transform(row.insert_axis(Axis(0))).unwrap().view())).collect();
    for size in 2..=20 {
        let batch = shared_model().transform(rows.slice(s![..size, ..])).unwrap();
        assert_eq!(bits(batch.view()), alone[..size].concat(), "{size} rows");
    }
}

#[test]
fn two_far_groups_stay_two_groups() {
    let points =
        Array2::from_shape_fn((120, 4), |(i, d)| (i / 60) as f32 * 1000.0 + ((i * (d + 3) * 7 + d) % 31) as f32 * 0.1);
    let model = fit(UmapParams::default().n_neighbors(10).n_components(2), points.view()).unwrap();
    let nearest_is_of_the_same_group = |i: usize| {
        let all = model.embedding();
        let others = (0..120).filter(|&j| j != i);
        let distance = |j: &usize| squared_distance(all.row(i), all.row(*j));
        others.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap() / 60 == i / 60
    };
    assert!(model.embedding().iter().all(|x| x.is_finite()));
    assert!((0..120).all(nearest_is_of_the_same_group));
}

#[test]
fn many_far_groups_get_a_finite_embedding() {
    let points = Array2::from_shape_fn((90, 2), |(i, d)| (i / 3 * (d + 1)) as f32 * 1e4 + (i % 3) as f32);
    let model = fit(UmapParams::default().n_neighbors(3).n_components(2), points.view()).unwrap();
    assert!(model.embedding().iter().all(|x| x.is_finite()));
    assert!(model.transform(points.view()).unwrap().iter().all(|x| x.is_finite()));
}

#[test]
fn tiny_and_constant_data_are_embedded_without_a_nan() {
    for n in [2, 3, 5, 30] {
        for constant in [false, true] {
            for n_components in [1, 2, 10] {
                let points = Array2::from_shape_fn((n, 3), |(i, d)| if constant { 7.0 } else { (i * (d + 1)) as f32 });
                let model = fit(UmapParams::default().n_components(n_components), points.view()).unwrap();
                assert_eq!(model.embedding().dim(), (n, n_components));
                assert!(model.embedding().iter().all(|x| x.is_finite()), "{n} {constant} {n_components}");
                let placed = model.transform(points.view()).unwrap();
                assert!(placed.iter().all(|x| x.is_finite()), "{n} {constant} {n_components}");
            }
        }
    }
}

#[test]
fn many_copies_of_a_few_points_are_embedded_without_a_nan() {
    let points = Array2::from_shape_fn((200, 2), |(i, d)| (i % 4 * (d + 1)) as f32);
    let model = fit(UmapParams::default().n_neighbors(15).n_components(2), points.view()).unwrap();
    assert!(model.embedding().iter().all(|x| x.is_finite()));
}

#[test]
fn every_number_of_components_has_its_layout() {
    let points = distinct_rows();
    for n_components in [1, 2, 3, 5, 11, 16] {
        let params = UmapParams::default().n_components(n_components).n_neighbors(20).n_epochs(Some(12));
        let model = fit(params, points.slice(s![..200, ..])).unwrap();
        assert_eq!(model.embedding().dim(), (200, n_components));
        let columns = model.embedding().columns().into_iter().all(|column| column.iter().any(|&x| x != column[0]));
        assert!(columns, "{n_components}");
    }
}

#[test]
fn values_at_the_end_of_their_range_give_finite_places_or_a_typed_error() {
    let points = array![[f32::MAX, 0.0], [-f32::MAX, 0.0], [0.0, f32::MIN_POSITIVE], [1.0, 1.0], [2.0, -3.0]];
    let model = fit(UmapParams::default().n_components(2), points.view()).unwrap();
    assert!(model.embedding().iter().all(|x| x.is_finite()));
    assert!(model.transform(points.view()).unwrap().iter().all(|x| x.is_finite()));
    let params = UmapParams::default().n_components(2);
    for wild in [params.clone().learning_rate(f32::MAX), params.repulsion_strength(f32::MAX).learning_rate(f32::MAX)] {
        match fit(wild, points.view()) {
            Ok(model) => assert!(model.embedding().iter().all(|x| x.is_finite())),
            Err(error) => assert_eq!(error, UmapError::Diverged),
        }
    }
}

#[test]
fn progress_goes_through_the_stages_in_order_and_ends_at_one() {
    let heard = std::sync::Mutex::new(Vec::new());
    let params = UmapParams::default().n_epochs(Some(30)).check().unwrap();
    let points = distinct_rows();
    params.fit(points.slice(s![..200, ..]), &|stage, share| heard.lock().unwrap().push((stage, share))).unwrap();
    let heard = heard.into_inner().unwrap();
    assert!(heard.iter().all(|(_, share)| (0.0..=1.0).contains(share)));
    let mut stages: Vec<Stage> = heard.iter().map(|(stage, _)| *stage).collect();
    stages.dedup();
    assert_eq!(stages, [Stage::Neighbours, Stage::Graph, Stage::Start, Stage::Layout]);
    assert_eq!(heard.last(), Some(&(Stage::Layout, 1.0)));
}

#[test]
fn points_that_cannot_be_embedded_are_typed_errors() {
    let refused = |points: Array2<f32>| fit(UmapParams::default(), points.view()).unwrap_err();
    assert_eq!(refused(Array2::zeros((0, 3))), UmapError::TooFewPoints(0));
    assert_eq!(refused(Array2::zeros((1, 3))), UmapError::TooFewPoints(1));
    assert_eq!(refused(Array2::zeros((4, 0))), UmapError::NoFeatures);
    assert_eq!(refused(array![[0.0, 1.0], [2.0, f32::NAN]]), UmapError::NotFinite { row: 1, column: 1 });
    assert_eq!(refused(array![[0.0, f32::INFINITY], [2.0, 3.0]]), UmapError::NotFinite { row: 0, column: 1 });
}

#[test]
fn rows_that_cannot_be_placed_are_typed_errors() {
    let model = fit(UmapParams::default().n_components(2), array![[0.0, 1.0], [2.0, 3.0], [5.0, 5.0]].view()).unwrap();
    let refused = |rows: Array2<f32>| model.transform(rows.view()).unwrap_err();
    assert_eq!(refused(Array2::zeros((2, 3))), UmapError::WrongFeatures { expected: 2, found: 3 });
    assert_eq!(refused(array![[f32::NAN, 0.0]]), UmapError::NotFinite { row: 0, column: 0 });
    assert_eq!(model.transform(Array2::zeros((0, 2)).view()).unwrap().dim(), (0, 2));
}

#[test]
fn damaged_parts_are_refused() {
    let points = array![[0.0, 1.0], [2.0, 3.0], [5.0, 5.0]];
    let whole = fit(UmapParams::default().n_components(2), points.view()).unwrap().to_parts();
    let refused = |damage: &dyn Fn(&mut UmapParts)| {
        let mut parts = whole.clone();
        damage(&mut parts);
        UmapModel::from_parts(parts).unwrap_err()
    };
    let shape = |points, rows, columns| UmapError::WrongEmbeddingShape { points, rows, columns, n_components: 2 };
    assert_eq!(refused(&|p| p.embedding = Array2::zeros((2, 2))), shape(3, 2, 2));
    assert_eq!(refused(&|p| p.embedding = Array2::zeros((3, 3))), shape(3, 3, 3));
    assert_eq!(refused(&|p| p.points = Array2::zeros((4, 2))), shape(4, 3, 2));
    assert_eq!(refused(&|p| p.points = Array2::zeros((1, 2))), UmapError::TooFewPoints(1));
    assert_eq!(refused(&|p| p.points = Array2::zeros((3, 0))), UmapError::NoFeatures);
    assert_eq!(refused(&|p| p.points[[2, 1]] = f32::NAN), UmapError::NotFinite { row: 2, column: 1 });
    assert_eq!(refused(&|p| p.embedding[[1, 0]] = f32::NAN), UmapError::EmbeddingNotFinite { row: 1, column: 0 });
    assert!(matches!(refused(&|p| p.a = f32::NAN), UmapError::BadCurve { .. }));
    assert!(matches!(refused(&|p| p.b = -1.0), UmapError::BadCurve { .. }));
    assert_eq!(refused(&|p| p.params = p.params.clone().n_neighbors(0)), UmapError::TooFewNeighbors(0));
    assert!(UmapModel::from_parts(whole.clone()).is_ok());
}
