//! The exact neighbour search: a bounded list of candidates for each query.
//!
//! All points are measured in `f32`, eight in the lanes at a time and four queries against sixteen points together.
//! Each query keeps candidates below a limit, which falls as nearer points are found, so nearly every point costs one
//! comparison of eight lanes. A binary heap would do the same with one update for each candidate; a list that is cut to
//! the nearest `k` whenever it has doubled is cheaper.
//!
//! Invariant: no point that belongs to the result is dropped. The limit lies above the `k`-th distance by all that
//! rounding in `f32` can be wrong by. The candidates that are left in the end are measured again in `f64` by
//! [`Points::measure`], which alone decides.
#![expect(clippy::indexing_slicing, reason = "lists, queries and lanes are counted from the arrays they index")]

use super::points::{Points, TILE, key_distance, order_key};
use super::simd::{Kernel, Lanes};

/// Queries that are measured together.
const QUERIES: usize = 4;
/// Bytes of points that all queries are compared with before the next: they should stay in a core's second-level cache.
const PANEL_BYTES: usize = 256 << 10;

/// The buffers of a thread's searches.
#[derive(Default)]
pub(super) struct Search {
    /// One list for each query.
    lists: Vec<Candidates>,
    /// The coordinates of each group of queries, `[feature][query]`.
    groups: Vec<Vec<[f32; QUERIES]>>,
}

impl Search {
    /// Finds the `k` points nearest to each of `queries`, and calls `found` with the number of each query and the
    /// [`order_key`]s of its nearest, nearest first.
    pub(super) fn nearest<'a>(
        &mut self,
        points: &Points,
        queries: impl Iterator<Item = &'a [f32]> + Clone,
        k: usize,
        mut found: impl FnMut(usize, &[u64]),
    ) {
        self.collect(points, queries.clone(), |_| Limit::Nearest(k));
        for (number, (query, list)) in queries.zip(&mut self.lists).enumerate() {
            list.tighten();
            points.measure(query, &mut list.keys);
            if k < list.keys.len() {
                list.keys.select_nth_unstable(k);
                list.keys.truncate(k);
            }
            list.keys.sort_unstable();
            found(number, &list.keys);
        }
    }

    /// Calls `found` with the number of each of `queries` and the [`order_key`]s of all points whose squared distance
    /// from it is at most its entry of `limits`, nearest first. Some points a little farther away may follow.
    pub(super) fn within<'a>(
        &mut self,
        points: &Points,
        queries: impl Iterator<Item = &'a [f32]> + Clone,
        limits: &[f32],
        mut found: impl FnMut(usize, &[u64]),
    ) {
        self.collect(points, queries.clone(), |query| Limit::Within(limits[query]));
        for (number, (query, list)) in queries.zip(&mut self.lists).enumerate() {
            points.measure(query, &mut list.keys);
            list.keys.sort_unstable();
            found(number, &list.keys);
        }
    }

    /// Fills the list of each query with its candidates.
    fn collect<'a>(
        &mut self,
        points: &Points,
        queries: impl Iterator<Item = &'a [f32]>,
        limit: impl Fn(usize) -> Limit,
    ) {
        let queries: Vec<&[f32]> = queries.collect();
        let whole = queries.len() / QUERIES;
        self.lists.resize_with(queries.len(), Candidates::default);
        self.lists.iter_mut().enumerate().for_each(|(query, list)| list.start(limit(query), points.n_features()));
        self.groups.resize_with(whole, Vec::new);
        for (group, queries) in self.groups.iter_mut().zip(queries.chunks_exact(QUERIES)) {
            group.clear();
            group
                .extend((0..points.n_features()).map(|f| [queries[0][f], queries[1][f], queries[2][f], queries[3][f]]));
        }
        let panel = (PANEL_BYTES / (size_of::<f32>() * points.n_features().max(1))).next_multiple_of(2 * TILE);
        for first in (0..points.len()).step_by(panel) {
            let n_points = points.len() - first;
            let tiles = points.tiles(first, first + panel);
            let panel = Panel { tiles, n_features: points.n_features(), first, n_points };
            let (grouped, rest) = self.lists.split_at_mut(whole * QUERIES);
            for (queries, lists) in self.groups.iter().zip(grouped.chunks_exact_mut(QUERIES)) {
                points.simd.run(MeasurePanel::<QUERIES> { panel, queries, lists });
            }
            for (query, list) in queries[whole * QUERIES..].iter().zip(rest) {
                let queries = query.as_chunks::<1>().0;
                points.simd.run(MeasurePanel::<1> { panel, queries, lists: std::slice::from_mut(list) });
            }
        }
    }
}

/// What is looked for: so many of the nearest, or all within a squared distance.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Nearest(usize),
    Within(f32),
}

/// The points that may be among a query's nearest.
#[derive(Debug, Default)]
struct Candidates {
    /// Points up to this squared distance are taken.
    limit: f32,
    /// The number of points that are wanted.
    k: usize,
    /// The list is cut, and the limit lowered, when it has this many entries.
    capacity: usize,
    /// The factor by which two measurements of one squared distance can differ.
    slack: f32,
    /// [`order_key`]s of distances in `f32`.
    keys: Vec<u64>,
}

impl Candidates {
    fn start(&mut self, limit: Limit, n_features: usize) {
        // A sum of n rounded squares is wrong by at most n + 1 units in the last place (Higham 2002, section 3.1),
        // above or below, and so is the sum it is compared with.
        self.slack = 1.0 + 4.0 * (n_features as f32 + 2.0) * f32::EPSILON;
        self.keys.clear();
        (self.k, self.capacity, self.limit) = match limit {
            Limit::Nearest(k) => (k, 2 * k.max(16), f32::INFINITY),
            Limit::Within(squared) => (usize::MAX, usize::MAX, self.widened(squared)),
        };
    }

    /// A limit that keeps every point whose distance could measure as `squared`.
    fn widened(&self, squared: f32) -> f32 {
        // Squares below the normal numbers lose digits, so the least normal number is added.
        squared * self.slack + f32::MIN_POSITIVE
    }

    fn offer(&mut self, squared: f32, index: usize) {
        self.keys.push(order_key(squared, index as u32));
        if self.keys.len() >= self.capacity {
            self.tighten();
            // Any number of points can be equally far.
            self.capacity = self.capacity.max(2 * self.keys.len());
        }
    }

    /// Drops the points that are certainly not among the `k` nearest.
    fn tighten(&mut self) {
        if self.k < self.keys.len() {
            let (_, &mut last, _) = self.keys.select_nth_unstable(self.k.saturating_sub(1));
            self.limit = self.limit.min(self.widened(key_distance(last)));
            let limit = self.limit;
            self.keys.retain(|&key| key_distance(key) <= limit);
        }
    }
}

/// A part of the points.
#[derive(Clone, Copy)]
struct Panel<'a> {
    /// Coordinates, `[tile][feature][lane]`, flat: `n_features` entries for each tile.
    tiles: &'a [[f32; TILE]],
    n_features: usize,
    /// Index of the panel's first point.
    first: usize,
    /// Points from the first on. Lanes beyond hold none.
    n_points: usize,
}

/// Measures a panel's points for `Q` queries, and offers the near ones to their lists.
struct MeasurePanel<'a, const Q: usize> {
    panel: Panel<'a>,
    /// Coordinates, `[feature][query]`.
    queries: &'a [[f32; Q]],
    /// One list for each query.
    lists: &'a mut [Candidates],
}

impl<const Q: usize> Kernel for MeasurePanel<'_, Q> {
    type Output = ();

    /// Two tiles at a time: `2 * Q` sums of eight lanes stay in registers, and each coordinate is read once for `Q`
    /// queries.
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { panel, queries, lists } = self;
        let n_features = panel.n_features.max(1);
        for (number, tiles) in panel.tiles.chunks(2 * n_features).enumerate() {
            let (a, b) = tiles.split_at(n_features);
            let mut sums = [[L::splat(0.0); 2]; Q];
            if b.is_empty() {
                for (query, a) in queries.iter().zip(a) {
                    let a = L::load(a);
                    for (sums, x) in sums.iter_mut().zip(query) {
                        let difference = L::splat(*x).sub(a);
                        sums[0] = difference.mul_add(difference, sums[0]);
                    }
                }
            } else {
                for ((query, a), b) in queries.iter().zip(a).zip(b) {
                    let (a, b) = (L::load(a), L::load(b));
                    for (sums, x) in sums.iter_mut().zip(query) {
                        let x = L::splat(*x);
                        let differences = [x.sub(a), x.sub(b)];
                        sums[0] = differences[0].mul_add(differences[0], sums[0]);
                        sums[1] = differences[1].mul_add(differences[1], sums[1]);
                    }
                }
            }
            for (list, sums) in lists.iter_mut().zip(sums) {
                for (half, sums) in sums.into_iter().enumerate().take(tiles.len() / n_features) {
                    let near = sums.at_most(L::splat(list.limit));
                    if near != 0 {
                        let before = (number * 2 + half) * TILE;
                        let exist = panel.n_points.saturating_sub(before).min(TILE);
                        admit(list, &sums.store(), near & ((1 << exist) - 1), panel.first + before);
                    }
                }
            }
        }
    }
}

/// Offers the lanes whose bit is set in `near` to `list`. `first` is the index of lane 0.
#[cold]
fn admit(list: &mut Candidates, squared: &[f32; TILE], mut near: u32, first: usize) {
    while near != 0 {
        let lane = near.trailing_zeros() as usize;
        near &= near - 1;
        // The limit may have fallen since the lanes were compared.
        if squared[lane] <= list.limit {
            list.offer(squared[lane], first + lane);
        }
    }
}
