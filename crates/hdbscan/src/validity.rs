//! DBCV, the validity of density-based clusters (Moulavi, Jaskowiak, Campello, Zimek, Sander 2014).
#![expect(clippy::indexing_slicing, reason = "members, cores and edges of a cluster have the length of its columns")]

use std::cmp::Ordering;

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use super::distances::Columns;
use super::errors::HdbscanError;

/// DBCV is exact up to this number of points in clusters. Of more, every cluster is thinned out evenly.
const MAX_COMPARED: usize = 10_000;

/// The DBCV of a clustering, −1 to 1: how much denser clusters are inside than the gaps between them. `None` with fewer
/// than two clusters.
///
/// `points` are `(n_points, n_features)`, `labels` (below 0: noise) and `weights` `(n_points)`. As in
/// `HdbscanValidParams::fit`, densities count points and sizes count weight. In a cluster of n points with D features
///
/// ```text
/// core(p)  = (Σ_{q ≠ p} d(p, q)^−D / (n − 1))^(−1/D)     0 if another point has the same coordinates
/// sparse   = the longest inner edge of the minimum spanning tree of mutual reachability
/// separate = the least mutual reachability from its inner points to those of another cluster
/// valid    = (separate − sparse) / max(separate, sparse)
/// ```
///
/// and DBCV is the sum of `valid` × the cluster's share of the total weight, noise included. Inner points have two
/// edges or more, and inner edges connect inner points. If there are none, all count, as in the authors' program. A
/// cluster of one point has core distance and sparseness 0. With all weights 1 this is the plain DBCV.
///
/// Core distances make many edges equally long, and the choice among them decides which points are inner. Of equal
/// edges the one with the densest end is taken, so that sparse points hang on the core of their cluster; then the
/// shortest. The order of the points never decides.
///
/// Exact up to 10,000 points in clusters, in O(n²) time. Of more, evenly spaced points of each cluster are compared.
///
/// # Errors
/// [`HdbscanError::WeightsLength`] unless there are as many labels and weights as points;
/// [`HdbscanError::NonFinite`] and [`HdbscanError::CoordinateTooLarge`] for points without distances.
pub fn dbcv(points: ArrayView2<'_, f64>, labels: &[i32], weights: &[u32]) -> Result<Option<f64>, HdbscanError> {
    for n in [labels.len(), weights.len()] {
        if n != points.nrows() {
            return Err(HdbscanError::WeightsLength { points: points.nrows(), weights: n });
        }
    }
    let n_clusters = labels.iter().max().map_or(0, |&label| usize::try_from(label + 1).unwrap_or(0));
    let mut members = vec![Vec::new(); n_clusters];
    let mut cluster_weights = vec![0.0; n_clusters];
    for (point, (&label, &weight)) in labels.iter().zip(weights).enumerate() {
        if let Ok(cluster) = usize::try_from(label) {
            members[cluster].push(point);
            cluster_weights[cluster] += f64::from(weight);
        }
    }
    let step = members.iter().map(Vec::len).sum::<usize>().div_ceil(MAX_COMPARED).max(1);
    let clusters: Vec<(Vec<usize>, f64)> = members
        .into_iter()
        .map(|members| members.into_iter().step_by(step).collect())
        .zip(cluster_weights)
        .filter(|(members, _): &(Vec<usize>, f64)| !members.is_empty())
        .collect();
    if clusters.len() < 2 {
        return Ok(None);
    }
    let insides: Vec<Inside> =
        clusters.par_iter().map(|(members, _)| Inside::of(points, members)).collect::<Result<_, _>>()?;
    let separations = squared_separations(points, &insides)?;
    let valid = insides.iter().zip(separations).map(|(inside, squared)| {
        let (sparse, separate): (f64, f64) = (inside.sparseness, squared.sqrt());
        let larger = separate.max(sparse);
        if larger > 0.0 { (separate - sparse) / larger } else { 0.0 }
    });
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    Ok(Some(valid.zip(&clusters).map(|(valid, (_, weight))| valid * weight / total).sum()))
}

/// What DBCV needs to know about one cluster.
struct Inside {
    /// The inner points, by their rows.
    points: Vec<usize>,
    /// Their core distances, squared.
    squared_core: Vec<f64>,
    sparseness: f64,
}

impl Inside {
    fn of(points: ArrayView2<'_, f64>, members: &[usize]) -> Result<Self, HdbscanError> {
        let members = by_coordinates(points, members);
        let columns = Columns::new(points.select(Axis(0), &members).view())?;
        let squared_core = squared_all_points_cores(&columns);
        let edges = canonical_tree(&columns, &squared_core);
        let mut degrees = vec![0_usize; members.len()];
        for edge in &edges {
            degrees[edge.ends.0] += 1;
            degrees[edge.ends.1] += 1;
        }
        let has_inner_point = degrees.iter().any(|&degree| degree > 1);
        let is_inner = |edge: &&Edge| degrees[edge.ends.0] > 1 && degrees[edge.ends.1] > 1;
        let longest = |inner_alone: bool| {
            let edges = edges.iter().filter(|edge| !inner_alone || is_inner(edge));
            edges.map(|edge| edge.squared_reachability).reduce(f64::max)
        };
        let inner = (0..members.len()).filter(|&member| !has_inner_point || degrees[member] > 1);
        let (kept, squared_core) = inner.map(|member| (members[member], squared_core[member])).unzip();
        let sparseness = longest(true).or_else(|| longest(false)).unwrap_or(0.0).sqrt();
        Ok(Self { points: kept, squared_core, sparseness })
    }
}

/// The members in the order of their coordinates: whatever is left to the order of the points is left to this one.
fn by_coordinates(points: ArrayView2<'_, f64>, members: &[usize]) -> Vec<usize> {
    let mut members = members.to_vec();
    members.sort_by(|&a, &b| {
        let pairs = points.row(a).into_iter().zip(points.row(b));
        pairs.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    members
}

/// An edge of a cluster's tree. Its ends are counted within the cluster.
struct Edge {
    ends: (usize, usize),
    squared_reachability: f64,
}

/// How early an edge is taken: its squared reachability, the squared core distance of its denser end, and its squared
/// length. The same from either end.
type Rank = (f64, f64, f64);

/// The minimum spanning tree of mutual reachability by the order of [`Rank`], by Prim's algorithm in O(n²) time.
fn canonical_tree(columns: &Columns, squared_core: &[f64]) -> Vec<Edge> {
    let n = columns.n_points();
    let mut outside: Vec<usize> = (1..n).collect();
    let never: Rank = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let mut best = vec![(never, 0); n];
    let mut squared = vec![0.0; n];
    let mut edges = Vec::with_capacity(outside.len());
    let mut joined = 0;
    while !outside.is_empty() {
        columns.squared_distances(&columns.point(joined).collect::<Vec<_>>(), &mut squared);
        let mut nearest = 0;
        for (index, &point) in outside.iter().enumerate() {
            let (core, other_core) = (squared_core[point], squared_core[joined]);
            let rank = (squared[point].max(core).max(other_core), core.min(other_core), squared[point]);
            if rank < best[point].0 {
                best[point] = (rank, joined);
            }
            if best[point].0 < best[outside[nearest]].0 {
                nearest = index;
            }
        }
        let point = outside.swap_remove(nearest);
        let ((squared_reachability, ..), source) = best[point];
        edges.push(Edge { ends: (source, point), squared_reachability });
        joined = point;
    }
    edges
}

/// The squared all-points core distance of every point (definition 1 of the paper).
fn squared_all_points_cores(columns: &Columns) -> Vec<f64> {
    let (n, dimensions) = (columns.n_points(), columns.n_features());
    let one = |point: usize, squared: &mut Vec<f64>| {
        squared.resize(n, 0.0);
        columns.squared_distances(&columns.point(point).collect::<Vec<_>>(), squared);
        squared[point] = f64::INFINITY;
        let nearest = squared.iter().copied().fold(f64::INFINITY, f64::min);
        if nearest == 0.0 || n < 2 {
            return 0.0;
        }
        // In units of the least distance, so that the powers do not overflow and do not all underflow.
        let sum: f64 = squared.iter().map(|&squared| half_power(nearest / squared, dimensions)).sum();
        nearest * (sum / (n - 1) as f64).powf(-2.0 / dimensions as f64)
    };
    (0..n).into_par_iter().map_init(Vec::new, |squared, point| one(point, squared)).collect()
}

/// `ratio^(exponent / 2)`.
fn half_power(ratio: f64, exponent: usize) -> f64 {
    let whole = ratio.powi(i32::try_from(exponent / 2).unwrap_or(i32::MAX));
    if exponent.is_multiple_of(2) { whole } else { whole * ratio.sqrt() }
}

/// For each cluster the least squared mutual reachability between its inner points and those of any other cluster.
fn squared_separations(points: ArrayView2<'_, f64>, insides: &[Inside]) -> Result<Vec<f64>, HdbscanError> {
    let rows: Vec<usize> = insides.iter().flat_map(|inside| inside.points.iter().copied()).collect();
    let cores: Vec<f64> = insides.iter().flat_map(|inside| inside.squared_core.iter().copied()).collect();
    let columns = Columns::new(points.select(Axis(0), &rows).view())?;
    let least_of = |own: &std::ops::Range<usize>, point: usize, squared: &mut Vec<f64>| {
        squared.resize(rows.len(), 0.0);
        columns.squared_distances(&columns.point(point).collect::<Vec<_>>(), squared);
        let others = squared.iter().zip(&cores).enumerate().filter(|(other, _)| !own.contains(other));
        others.map(|(_, (&squared, &core))| squared.max(core).max(cores[point])).fold(f64::INFINITY, f64::min)
    };
    let mut start = 0;
    let separations = insides.iter().map(|inside| {
        let own = start..start + inside.points.len();
        start = own.end;
        let least = own.clone().into_par_iter().map_init(Vec::new, |squared, point| least_of(&own, point, squared));
        least.reduce(|| f64::INFINITY, f64::min)
    });
    Ok(separations.collect())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_lines_of_points_have_the_value_worked_out_by_hand() {
        // In one dimension core(p) is the harmonic mean of the distances: of 0, 1, 2 that is 4/3, 1, 4/3. Both edges of
        // the tree have length 4/3, and no edge lies between inner points, so all count. Only the middle point is
        // inner.
        let points = array![[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]];
        let score = dbcv(points.view(), &[0, 0, 0, 1, 1, 1], &[1; 6]).unwrap().unwrap();
        assert!((score - (10.0 - 4.0 / 3.0) / 10.0).abs() < 1e-12, "{score}");
    }

    #[test]
    fn noise_lowers_the_score_by_its_share_of_the_weight() {
        let points = array![[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [500.0]];
        let labels = [0, 0, 0, 1, 1, 1, -1];
        let score = dbcv(points.view(), &labels, &[1, 1, 1, 1, 1, 1, 6]).unwrap().unwrap();
        assert!((score - 0.5 * (10.0 - 4.0 / 3.0) / 10.0).abs() < 1e-12, "{score}");
    }

    #[test]
    fn clusters_that_run_through_one_another_score_below_zero() {
        let points = Array2::from_shape_fn((40, 1), |(row, _)| row as f64);
        let labels: Vec<i32> = (0..40).map(|row| row % 2).collect();
        assert!(dbcv(points.view(), &labels, &[1; 40]).unwrap().unwrap() < 0.0);
    }

    /// Two bells of points that touch, the second `gap` to the right.
    fn bells(gap: f64, n: usize) -> (Array2<f64>, Vec<i32>) {
        let mut state = 7_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let mut normal = || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        let points = Array2::from_shape_fn((n, 2), |(i, j)| normal() + if j == 0 { gap * (i % 2) as f64 } else { 0.0 });
        (points, (0..n as i32).map(|i| i % 2).collect())
    }

    #[test]
    fn sparse_points_hang_on_the_core_of_their_cluster_and_are_not_inner() {
        // By the shortest of equal edges outlying points are inner ones, and the same clusters score below zero.
        let (points, labels) = bells(6.0, 400);
        let score = dbcv(points.view(), &labels, &[1; 400]).unwrap().unwrap();
        assert!(score > 0.05, "{score}");
    }

    #[test]
    fn the_order_of_the_points_does_not_change_the_score() {
        // A lattice: nearly all distances and densities are equal.
        let at = |i: usize| [(i % 7) as f64, (i / 7 % 7) as f64 + if i >= 49 { 20.0 } else { 0.0 }];
        let scores = [1_usize, 3, 5, 11, 47].map(|step| {
            let order: Vec<usize> = (0..98).map(|i| i * step % 98).collect();
            let points = Array2::from_shape_fn((98, 2), |(i, j)| at(order[i])[j]);
            let labels: Vec<i32> = order.iter().map(|&i| i32::from(i >= 49)).collect();
            dbcv(points.view(), &labels, &[1; 98]).unwrap().unwrap().to_bits()
        });
        assert!(scores.iter().all(|score| *score == scores[0]), "{scores:?}");
    }

    #[test]
    fn single_and_coincident_points_have_finite_scores_and_one_cluster_has_none() {
        let points = array![[0.0, 0.0], [5.0, 5.0], [5.0, 5.0]];
        assert_eq!(dbcv(points.view(), &[0, 1, 1], &[9, 1, 1]).unwrap(), Some(1.0));
        assert_eq!(dbcv(points.view(), &[0, 0, -1], &[1; 3]).unwrap(), None);
        assert_eq!(dbcv(points.view(), &[-1; 3], &[1; 3]).unwrap(), None);
        let wrong = HdbscanError::WeightsLength { points: 3, weights: 2 };
        assert_eq!(dbcv(points.view(), &[0, 1], &[1; 3]).unwrap_err(), wrong);
    }

    /// The paper's definitions, one after the other, without weights.
    fn by_definition(points: &Array2<f64>, labels: &[i32]) -> f64 {
        let d = |i: usize, j: usize| (&points.row(i) - &points.row(j)).mapv(|x| x * x).sum().sqrt();
        let n_clusters = labels.iter().max().unwrap() + 1;
        let dimensions = points.ncols() as f64;
        let members = |label: i32| (0..labels.len()).filter(move |&i| labels[i] == label).collect::<Vec<_>>();
        let core = |i: usize| {
            let others: Vec<usize> = members(labels[i]).into_iter().filter(|&j| j != i).collect();
            let sum: f64 = others.iter().map(|&j| (1.0 / d(i, j)).powf(dimensions)).sum();
            (sum / others.len() as f64).powf(-1.0 / dimensions)
        };
        let reach = |i: usize, j: usize| d(i, j).max(core(i)).max(core(j));
        let inside: Vec<(Vec<usize>, f64)> = (0..n_clusters)
            .map(|label| {
                // Kruskal, unlike the program under test.
                let all = members(label);
                let mut edges: Vec<(f64, usize, usize)> = all
                    .iter()
                    .flat_map(|&i| all.iter().filter(move |&&j| i < j).map(move |&j| (reach(i, j), i, j)))
                    .collect();
                let rank = |&(reach, i, j): &(f64, usize, usize)| (reach, core(i).min(core(j)), d(i, j));
                edges.sort_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap());
                let mut root: Vec<usize> = (0..labels.len()).collect();
                let find = |root: &[usize], mut i: usize| {
                    while root[i] != i {
                        i = root[i];
                    }
                    i
                };
                let mut tree = Vec::new();
                for edge in edges {
                    let (a, b) = (find(&root, edge.1), find(&root, edge.2));
                    if a != b {
                        root[a] = b;
                        tree.push(edge);
                    }
                }
                let degree = |i: usize| tree.iter().filter(|edge| edge.1 == i || edge.2 == i).count();
                let inner: Vec<usize> = all.iter().copied().filter(|&i| degree(i) > 1).collect();
                let is_inner = |edge: &&(f64, usize, usize)| degree(edge.1) > 1 && degree(edge.2) > 1;
                let longest = tree.iter().filter(is_inner).map(|edge| edge.0).reduce(f64::max);
                let longest = longest.or_else(|| tree.iter().map(|edge| edge.0).reduce(f64::max)).unwrap();
                (if inner.is_empty() { all } else { inner }, longest)
            })
            .collect();
        let valid = |label: i32| {
            let (own, sparse) = &inside[label as usize];
            let others = inside.iter().enumerate().filter(|&(other, _)| other != label as usize);
            let separate = others
                .flat_map(|(_, (other, _))| own.iter().flat_map(move |&i| other.iter().map(move |&j| reach(i, j))))
                .fold(f64::INFINITY, f64::min);
            (separate - sparse) / separate.max(*sparse) * members(label).len() as f64 / labels.len() as f64
        };
        (0..n_clusters).map(valid).sum()
    }

    proptest! {
        #[test]
        fn the_score_is_that_of_the_definitions(
            rows in prop::collection::vec((prop::array::uniform3(-1.0f64..1.0), 0i32..3), 12..40),
        ) {
            let mut points = Array2::from_shape_fn((rows.len(), 3), |(i, j)| rows[i].0[j]);
            let labels: Vec<i32> = (0..).zip(&rows).map(|(i, row)| if i < 9 { i % 3 } else { row.1 }).collect();
            for (mut point, &label) in points.rows_mut().into_iter().zip(&labels) {
                point[0] += f64::from(label) * 1.5;
            }
            let score = dbcv(points.view(), &labels, &vec![1; labels.len()]).unwrap().unwrap();
            let expected = by_definition(&points, &labels);
            prop_assert!((score - expected).abs() < 1e-9, "{} for {}", score, expected);
        }
    }
}
