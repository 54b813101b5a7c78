//! The approximate neighbour search for very many points: nearest-neighbour descent (Dong, Moses, Li 2011), started
//! from the leaves of random-projection trees as `pynndescent` does.
//!
//! A neighbour of a neighbour is likely a neighbour. In each round a point looks at the points *around* the points
//! around it, as far as one of the two steps is new since the last round. In the published algorithm a point introduces
//! its neighbours to each other, which writes to the lists of both. Here each point reads the lists of the last round
//! and writes only its own. That measures each pair from both ends, and gives the same result on any number of threads.
//!
//! Lists hold [`order_key`](super::points::order_key)s, `(n_points, k)` row by row, ascending: the squared distance
//! above, the index below. Distances are in `f32` until [`in_order`] measures them again in `f64`.
#![expect(clippy::indexing_slicing, reason = "lists have the same length, one for each point that indexes them")]

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::forest::{Rows, Tree};
use super::neighbours::Neighbours;
use super::points::{Points, key_distance};
use super::random::mix64;
use super::reverse::Reversed;

/// Trees whose leaves the lists start from.
const TREES: usize = 8;
/// The least size of a leaf. A leaf has more than twice `k` points, so that it fills a list.
const LEAF: usize = 64;
/// How many points of a point's own list count as around it: the nearest.
const MAX_OWN: usize = 20;
/// How many of the points that have it on their lists count as around it: the nearest. In many dimensions most points
/// are on few lists, and some on very many.
const MAX_REVERSE: usize = 40;
const MAX_ROUNDS: usize = 10;
/// The search ends when a round changes a smaller share of the list entries.
const SETTLED: f64 = 0.002;
/// Points that one thread takes at a time.
const POINTS_A_TASK: usize = 128;
/// Marks a point that was not around another in the last round. Indices are below.
const NEW: u32 = 1 << 31;
/// Spreads indices over slots: 2³² over the golden ratio, odd.
const SCATTER: u32 = 0x9e37_79b9;
/// Fills up rows of `around`.
const NO_POINT: u32 = u32::MAX;

/// The nearest `k` of `points` to each of themselves, nearly all of them. `key` is for the random numbers of the trees.
pub(super) fn search(points: &Points, k: usize, key: u64, progress: &(dyn Fn(f32) + Sync)) -> Neighbours {
    let k = k.min(points.len());
    let leaf_size = LEAF.max(2 * k + 1);
    let first = Tree::grow(&Rows::new(points.rows(), 0..points.len()), leaf_size, key);
    // From here on points are numbered by the leaves of the first tree: what is near in space is near in memory.
    let original = first.order;
    let rows = Rows::new(points.rows(), original.iter().map(|&i| i as usize));
    let trees: Vec<Tree> =
        (0..TREES as u64).into_par_iter().map(|tree| Tree::grow(&rows, leaf_size, mix64(key ^ (tree + 1)))).collect();
    progress(0.3);
    let mut lists = from_leaves(&rows, &trees, k);
    drop(trees);
    progress(0.5);
    let mut around = vec![NO_POINT; points.len() * (MAX_OWN.min(k) + MAX_REVERSE)];
    for round in 0..MAX_ROUNDS {
        around = points_around(&lists, k, &around);
        let changed = explore(&rows, &around, k, &mut lists);
        progress(0.5 + 0.05 * (round + 1) as f32);
        if (changed as f64) < SETTLED * lists.len() as f64 {
            break;
        }
    }
    drop(around);
    in_order(points, &original, &lists, k)
}

/// The buffers of a thread. They hold the points that one point has seen.
struct Scratch {
    /// A set of points by open addressing. A slot holds stamp and point; it is free if it is below the present stamp,
    /// so the set is emptied by raising the stamp.
    slots: Vec<u64>,
    stamp: u64,
    /// The points to measure, each once.
    seen: Vec<u32>,
    keys: Vec<u64>,
}

impl Scratch {
    /// Buffers for at most `most_seen` points. At least half of the slots stay free.
    fn new(most_seen: usize) -> Self {
        Self { slots: vec![0; 2 * most_seen.next_power_of_two()], stamp: 0, seen: Vec::new(), keys: Vec::new() }
    }

    fn start(&mut self) {
        self.stamp += 1 << 32;
        self.seen.clear();
        self.keys.clear();
    }

    /// Puts `i` into the set; tells whether it was not in it.
    fn is_new(&mut self, i: u32) -> bool {
        let stamped = self.stamp | u64::from(i);
        let mask = self.slots.len() - 1;
        let mut slot = i.wrapping_mul(SCATTER).rotate_left(16) as usize & mask;
        while self.slots[slot] >= self.stamp {
            if self.slots[slot] == stamped {
                return false;
            }
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = stamped;
        true
    }

    fn see(&mut self, i: u32) {
        if self.is_new(i) {
            self.seen.push(i);
        }
    }
}

/// The first lists: of the points that share a leaf with it in any tree, each point's `k` nearest, itself among them.
fn from_leaves(rows: &Rows, trees: &[Tree], k: usize) -> Vec<u64> {
    let mut lists = vec![u64::MAX; rows.len() * k];
    let scratch = || Scratch::new(trees.iter().map(Tree::largest_leaf).sum());
    lists.par_chunks_mut(POINTS_A_TASK * k).enumerate().for_each_init(scratch, |scratch, (task, lists)| {
        for (list, i) in lists.chunks_exact_mut(k).zip(task * POINTS_A_TASK..) {
            scratch.start();
            trees.iter().flat_map(|tree| tree.leaf(i)).for_each(|&other| scratch.see(other));
            rows.measure(i as u32, &scratch.seen, u64::MAX, &mut scratch.keys);
            if k < scratch.keys.len() {
                scratch.keys.select_nth_unstable(k);
                scratch.keys.truncate(k);
            }
            scratch.keys.sort_unstable();
            list.iter_mut().zip(&scratch.keys).for_each(|(to, &key)| *to = key);
        }
    });
    lists
}

/// The points around each point, `(n_points, width)` row by row: the nearest on its list, then the nearest of those
/// that have it on theirs. Rows end with [`NO_POINT`]; points that are not in the row of `before` are marked [`NEW`].
fn points_around(lists: &[u64], k: usize, before: &[u32]) -> Vec<u32> {
    let (width, n) = (MAX_OWN.min(k) + MAX_REVERSE, lists.len() / k);
    let keys = |i: usize| lists[i * k..(i + 1) * k].iter().map(|&key| (key as u32, (key >> 32) as u32));
    let reversed = Reversed::new(n, keys);
    let mut around = vec![NO_POINT; before.len()];
    let rows = reversed.targets_at_once() * width;
    let parts = around.par_chunks_mut(rows).zip(before.par_chunks(rows)).enumerate();
    parts.for_each_init(Vec::new, |nearest, (part, (around, before))| {
        let part = reversed.part(part);
        let points = around.chunks_exact_mut(width).zip(before.chunks_exact(width)).zip(part.targets());
        for ((around, before), i) in points {
            let list = &lists[i * k..(i + 1) * k];
            let own = list.iter().map(|&key| key as u32).filter(|&j| j != i as u32).take(MAX_OWN);
            nearest.clear();
            // A distance has the same bits from both ends, so a point that is on the list has the same key there.
            let others =
                part.sources(i).iter().map(|&(source, distance)| u64::from(distance) << 32 | u64::from(source));
            nearest.extend(others.filter(|key| list.binary_search(key).is_err()));
            if MAX_REVERSE < nearest.len() {
                nearest.select_nth_unstable(MAX_REVERSE);
                nearest.truncate(MAX_REVERSE);
            }
            nearest.sort_unstable();
            for (to, j) in around.iter_mut().zip(own.chain(nearest.iter().map(|&key| key as u32))) {
                let known = before.iter().any(|&known| known != NO_POINT && known & !NEW == j);
                *to = if known { j } else { j | NEW };
            }
        }
    });
    around
}

/// One round: each point measures the points around the points around it, and keeps the nearest. Returns how many list
/// entries have changed.
fn explore(rows: &Rows, around: &[u32], k: usize, lists: &mut [u64]) -> usize {
    let width = around.len() / rows.len();
    let changed = AtomicUsize::new(0);
    let buffers = || (Scratch::new(width * width + k + 1), Vec::with_capacity(k));
    lists.par_chunks_mut(POINTS_A_TASK * k).enumerate().for_each_init(buffers, |(scratch, merged), (task, lists)| {
        let mut here = 0;
        for (list, i) in lists.chunks_exact_mut(k).zip(task * POINTS_A_TASK..) {
            scratch.start();
            // The point and its list are in the set, but not to be measured.
            scratch.is_new(i as u32);
            for &key in list.iter() {
                scratch.is_new(key as u32);
            }
            for &near in around[i * width..(i + 1) * width].iter().take_while(|&&near| near != NO_POINT) {
                let further = &around[(near & !NEW) as usize * width..][..width];
                for &other in further.iter().take_while(|&&other| other != NO_POINT) {
                    if (near | other) & NEW != 0 {
                        scratch.see(other & !NEW);
                    }
                }
            }
            let worst = list[k - 1];
            rows.measure(i as u32, &scratch.seen, worst, &mut scratch.keys);
            if !scratch.keys.is_empty() {
                scratch.keys.sort_unstable();
                here += merge(list, &scratch.keys, merged);
            }
        }
        changed.fetch_add(here, Ordering::Relaxed);
    });
    changed.into_inner()
}

/// Replaces `list` by the smallest keys of `list` and `others`, and returns how many are of `others`. Both are
/// ascending, and no key is in both.
fn merge(list: &mut [u64], others: &[u64], merged: &mut Vec<u64>) -> usize {
    merged.clear();
    let mut taken = 0;
    let mut own = 0;
    while merged.len() < list.len() {
        match others.get(taken) {
            Some(&other) if other < list[own] => {
                merged.push(other);
                taken += 1;
            }
            _ => {
                merged.push(list[own]);
                own += 1;
            }
        }
    }
    list.copy_from_slice(merged);
    taken
}

/// The lists in the points' own numbers, measured in `f64` and sorted again. `original` is the point of each number.
fn in_order(points: &Points, original: &[u32], lists: &[u64], k: usize) -> Neighbours {
    let n = points.len();
    let mut number = vec![0; n];
    for (new, &old) in (0_u32..).zip(original) {
        number[old as usize] = new;
    }
    let (mut indices, mut distances) = (vec![0; n * k], vec![0.0; n * k]);
    let rows = indices.par_chunks_mut(k).zip(distances.par_chunks_mut(k)).enumerate();
    rows.for_each_init(Vec::new, |keys, (i, (indices, distances))| {
        keys.clear();
        let found = &lists[number[i] as usize * k..][..k];
        keys.extend(found.iter().map(|&key| u64::from(original[key as u32 as usize])));
        points.measure(points.row(i), keys);
        keys.sort_unstable();
        for ((key, index), distance) in keys.iter().zip(indices).zip(distances) {
            (*index, *distance) = (*key as u32, key_distance(*key).sqrt());
        }
    });
    Neighbours { k, indices, distances }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::random::{normal, symmetric};
    use super::*;

    const N: usize = 3000;

    fn found(points: &Array2<f32>, k: usize) -> Neighbours {
        search(&Points::new(points.view()), k, 42, &|_| {})
    }

    /// The share of the nearest points that were found. A point as near as the last of them counts, too.
    fn recall(points: &Array2<f32>, k: usize) -> f64 {
        let (found, exact) = (found(points, k), Neighbours::of(&Points::new(points.view()), points.view(), k));
        let rows = found.distances.chunks_exact(k).zip(exact.distances.chunks_exact(k));
        let near: usize = rows.map(|(found, exact)| found.iter().filter(|&&d| d <= exact[k - 1]).count()).sum();
        near as f64 / exact.distances.len() as f64
    }

    fn uniform(n: usize, dimensions: usize) -> Array2<f32> {
        Array2::from_shape_fn((n, dimensions), |(i, j)| symmetric(1, (i * dimensions + j) as u64) as f32)
    }

    /// Twenty round clusters of standard deviation 1, with centres in ±`extent`.
    fn blobs(dimensions: usize, extent: f64) -> Array2<f32> {
        let at = |i: usize, j: usize| {
            let centre = extent * symmetric(2, (i % 20 * dimensions + j) as u64);
            (centre + normal(3, (i * dimensions + j) as u64)) as f32
        };
        Array2::from_shape_fn((N, dimensions), |(i, j)| at(i, j))
    }

    #[test]
    fn nearly_all_neighbours_are_found() {
        for (points, least) in
            [(uniform(N, 2), 0.99), (uniform(N, 10), 0.98), (blobs(10, 3.0), 0.98), (blobs(64, 3.0), 0.97)]
        {
            let recall = recall(&points, 15);
            assert!(recall >= least, "{:?}: {recall}", points.dim());
        }
    }

    #[test]
    fn neighbours_are_found_in_clusters_far_apart_and_among_copies_and_equal_distances() {
        let one_hot = Array2::from_shape_fn((N, 31), |(i, j)| {
            f32::from(u8::from(j == i % 12 || j == 12 + i / 12 % 10 || j == 22 + i / 120 % 9))
        });
        let copies = uniform(N / 20, 5).select(ndarray::Axis(0), &(0..N).map(|i| i % (N / 20)).collect::<Vec<_>>());
        for points in [blobs(10, 1e6), one_hot, copies, Array2::ones((N, 3))] {
            let recall = recall(&points, 15);
            assert!(recall >= 0.95, "{:?}: {recall}", points.dim());
        }
    }

    #[test]
    fn a_list_holds_each_point_once_nearest_first_and_the_point_itself_before_all() {
        for (n, k) in [(2, 2), (3, 2), (20, 19), (200, 15), (200, 199), (700, 120)] {
            let points = uniform(n, 4);
            let found = found(&points, k);
            for (i, (indices, distances)) in found.indices.chunks(k).zip(found.distances.chunks(k)).enumerate() {
                assert!(indices[0] as usize == i && distances[0] == 0.0, "{n} {k} {i}");
                assert!(distances.windows(2).all(|pair| pair[0] <= pair[1]), "{n} {k} {i}");
                let mut once = indices.to_vec();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), k);
            }
        }
    }

    #[test]
    fn the_same_neighbours_are_found_on_any_number_of_threads() {
        let points = uniform(N, 10);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| found(&points, 15));
            (found.indices, found.distances)
        };
        assert!(on(1) == on(2) && on(2) == on(3));
    }

    #[test]
    fn coordinates_at_the_end_of_their_range_have_finite_distances() {
        let points = Array2::from_shape_fn((300, 3), |(i, j)| if (i + j) % 2 == 0 { f32::MAX } else { -f32::MAX });
        assert!(found(&points, 10).distances.iter().all(|d| d.is_finite()));
    }
}
