//! The nearest other points of every point, found with the k-d tree. Exact.
//!
//! Most of the time goes into the points of leaves, so a search among the tree's own points measures them in single
//! precision first (`single_precision`).
#![expect(
    clippy::indexing_slicing,
    reason = "all lists have the same length, at least 1, and a position is below the number of points"
)]

use rayon::prelude::*;

use super::kd_tree::{FANOUT, KdTree, LEAF, Pending, Visitor, least};
use super::single_precision::SinglePrecision;

/// Where more points of a leaf than this are within the limit of single precision, the whole leaf is measured: that
/// costs as much as so many points one by one.
const ONE_BY_ONE: u32 = 8;

/// The nearest other points of each position of a tree.
pub(super) struct Neighbours {
    /// Entries of each list.
    pub n_listed: usize,
    /// The neighbours' positions, `(n_points, n_listed)` row by row, nearest first.
    pub positions: Vec<u32>,
    /// Their squared distances, in the same shape.
    pub squared: Vec<f64>,
    /// The squared core distance of each position, `(n_points)`.
    pub squared_core: Vec<f64>,
}

impl Neighbours {
    /// Lists the `n_listed` nearest other points of each position, and takes the distance to the `rank`-th as its core
    /// distance. Both numbers are at least 1 and below the number of points.
    pub fn of(tree: &KdTree, n_listed: usize, rank: usize) -> Self {
        let n_points = tree.n_points();
        let rounded = SinglePrecision::of(tree);
        let mut found = Self {
            n_listed,
            positions: vec![0; n_points * n_listed],
            squared: vec![0.0; n_points * n_listed],
            squared_core: vec![0.0; n_points],
        };
        let lists = found.positions.par_chunks_mut(LEAF * n_listed).zip(found.squared.par_chunks_mut(LEAF * n_listed));
        let leaves = lists.zip(found.squared_core.par_chunks_mut(LEAF)).enumerate();
        leaves.for_each_init(
            || Nearest::new(n_listed.max(rank)),
            |nearest, (leaf, ((positions, squared), cores))| {
                let lists = positions.chunks_exact_mut(n_listed).zip(squared.chunks_exact_mut(n_listed));
                for (lane, ((positions, squared), core)) in lists.zip(cores).enumerate() {
                    nearest.seek_others(tree, &rounded, leaf * LEAF + lane);
                    positions.copy_from_slice(&nearest.positions[..n_listed]);
                    squared.copy_from_slice(&nearest.squared[..n_listed]);
                    *core = nearest.squared[rank - 1];
                }
            },
        );
        found
    }

    /// The squared core distances in the order of the points, `(n_points)`.
    pub fn core_of_points(&self, tree: &KdTree) -> Vec<f64> {
        let mut cores = vec![0.0; self.squared_core.len()];
        for (&point, &core) in tree.points().iter().zip(&self.squared_core) {
            cores[point as usize] = core;
        }
        cores
    }
}

/// The nearest points of one query, and the buffers that are kept from one search to the next.
pub(super) struct Nearest {
    /// Positions of the nearest points, nearest first.
    pub positions: Vec<u32>,
    /// Their squared distances, ascending; infinite where there are fewer points than asked for.
    pub squared: Vec<f64>,
    query: Vec<f64>,
    rounded_query: Vec<f32>,
    sides: Vec<(f64, f64)>,
    pending: Pending,
}

impl Nearest {
    /// Room for `count` points, at least 1.
    pub fn new(count: usize) -> Self {
        let (positions, squared) = (vec![0; count], vec![f64::INFINITY; count]);
        let (query, rounded_query) = (Vec::new(), Vec::new());
        Self { positions, squared, query, rounded_query, sides: Vec::new(), pending: Vec::new() }
    }

    /// Finds the points nearest to the one at `position`, without that one. `rounded` are the points of `tree`.
    pub fn seek_others(&mut self, tree: &KdTree, rounded: &SinglePrecision, position: usize) {
        tree.coordinates_into(position, &mut self.query);
        rounded.coordinates_into(position, &mut self.rounded_query);
        let Self { positions, squared, query, rounded_query, sides, pending } = self;
        let seek = Seek::start(tree, query, sides, (positions, squared));
        let mut seek = SeekOthers { seek, rounded, rounded_query, position, limit: f32::INFINITY };
        tree.search(sides, pending, &mut seek);
    }

    /// Finds the points nearest to `query`.
    pub fn seek(&mut self, tree: &KdTree, query: &[f64]) {
        let Self { positions, squared, sides, pending, .. } = self;
        let mut seek = Seek::start(tree, query, sides, (positions, squared));
        tree.search(sides, pending, &mut seek);
    }
}

/// One search. The lists are full from the start, with entries at infinity, so the last one is always the bound.
struct Seek<'a> {
    tree: &'a KdTree,
    query: &'a [f64],
    positions: &'a mut [u32],
    squared: &'a mut [f64],
}

impl<'a> Seek<'a> {
    /// A search for the points nearest to `query`. Writes the box around it into `sides`.
    fn start(
        tree: &'a KdTree,
        query: &'a [f64],
        sides: &mut Vec<(f64, f64)>,
        (positions, squared): (&'a mut [u32], &'a mut [f64]),
    ) -> Self {
        squared.fill(f64::INFINITY);
        sides.clear();
        sides.extend(query.iter().map(|&x| (x, x)));
        Self { tree, query, positions, squared }
    }

    /// The squared distance of the last entry.
    #[inline(always)]
    fn last(&self) -> f64 {
        self.squared[self.squared.len() - 1]
    }

    /// Takes the point at `position` into the list if it is nearer than the last entry.
    #[inline(always)]
    fn offer(&mut self, position: usize, squared: f64) {
        if squared < self.last() {
            // Insertion: entries farther than the new one move down by one, the last one drops out.
            let mut entry = self.squared.len() - 1;
            while entry > 0 && self.squared[entry - 1] > squared {
                self.squared[entry] = self.squared[entry - 1];
                self.positions[entry] = self.positions[entry - 1];
                entry -= 1;
            }
            self.squared[entry] = squared;
            self.positions[entry] = position as u32;
        }
    }
}

impl Visitor for Seek<'_> {
    #[inline(always)]
    fn bound(&self) -> f64 {
        self.last()
    }

    #[inline(always)]
    fn weigh(&self, _: usize, _: usize, _: &mut [f64; FANOUT]) {}

    #[inline(always)]
    fn meet(&mut self, _: &[(f64, f64)], leaf: usize) {
        let squared = self.tree.squared_distances(leaf, self.query);
        if least(&squared) < self.last() {
            squared.into_iter().enumerate().for_each(|(lane, squared)| self.offer(leaf * LEAF + lane, squared));
        }
    }
}

/// A search for the neighbours of one of the tree's points.
struct SeekOthers<'a> {
    seek: Seek<'a>,
    rounded: &'a SinglePrecision,
    rounded_query: &'a [f32],
    /// The point, which is left out.
    position: usize,
    /// What is measured above this in single precision is not nearer than the last entry.
    limit: f32,
}

impl Visitor for SeekOthers<'_> {
    #[inline(always)]
    fn bound(&self) -> f64 {
        self.seek.last()
    }

    #[inline(always)]
    fn weigh(&self, _: usize, _: usize, _: &mut [f64; FANOUT]) {}

    #[inline(always)]
    fn meet(&mut self, _: &[(f64, f64)], leaf: usize) {
        let mut within = self.rounded.within(leaf, self.rounded_query, self.limit);
        if leaf == self.position / LEAF {
            within &= !(1 << (self.position % LEAF));
        }
        if within == 0 {
            return;
        }
        let Seek { tree, query, .. } = self.seek;
        let as_a_whole = (within.count_ones() > ONE_BY_ONE).then(|| tree.squared_distances(leaf, query));
        while within != 0 {
            let lane = within.trailing_zeros() as usize;
            within &= within - 1;
            let squared = as_a_whole.map_or_else(|| tree.squared_distance(leaf, lane, query), |squared| squared[lane]);
            self.seek.offer(leaf * LEAF + lane, squared);
        }
        self.limit = self.rounded.limit(self.seek.last());
    }
}
