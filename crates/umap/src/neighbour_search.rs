//! Chooses between the two searches for the points' own neighbours.

use super::descent;
use super::neighbours::Neighbours;
use super::points::Points;
use super::random::{self, Purpose};

/// Up to this number of points each is compared with all others. The approximate search is faster from some 10,000
/// points on, at first by little.
pub const MAX_EXACT: usize = 20_000;

/// The nearest `k` of `points` to each of themselves. A point is among its own neighbours, at distance 0.
///
/// For more than [`MAX_EXACT`] points nearly all of the nearest are found; `seed` is for that search. `progress` hears
/// the share that is done, 0 to 1.
pub(super) fn among(points: &Points, k: usize, seed: u64, progress: &(dyn Fn(f32) + Sync)) -> Neighbours {
    if points.len() > MAX_EXACT {
        descent::search(points, k, random::key(seed, Purpose::Trees), progress)
    } else {
        Neighbours::among(points, k, progress)
    }
}
