//! The nearest other points of every point, found with the k-d tree. Exact.
#![expect(
    clippy::indexing_slicing,
    reason = "all lists have the same length, at least 1, and a position is below the number of points"
)]

use rayon::prelude::*;

use super::kd_tree::{FANOUT, KdTree, LEAF, Pending, Visitor, least};

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
                    nearest.seek_others(tree, leaf * LEAF + lane);
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
    sides: Vec<(f64, f64)>,
    pending: Pending,
}

impl Nearest {
    /// Room for `count` points, at least 1.
    pub fn new(count: usize) -> Self {
        let (positions, squared) = (vec![0; count], vec![f64::INFINITY; count]);
        Self { positions, squared, query: Vec::new(), sides: Vec::new(), pending: Vec::new() }
    }

    /// Finds the points nearest to the one at `position`, without that one.
    pub fn seek_others(&mut self, tree: &KdTree, position: usize) {
        let mut query = std::mem::take(&mut self.query);
        tree.coordinates_into(position, &mut query);
        self.run(tree, &query, position);
        self.query = query;
    }

    /// Finds the points nearest to `query`.
    pub fn seek(&mut self, tree: &KdTree, query: &[f64]) {
        self.run(tree, query, usize::MAX);
    }

    fn run(&mut self, tree: &KdTree, query: &[f64], excluded: usize) {
        self.squared.fill(f64::INFINITY);
        self.sides.clear();
        self.sides.extend(query.iter().map(|&x| (x, x)));
        let Self { positions, squared, sides, pending, .. } = self;
        tree.search(sides, pending, &mut Seek { tree, query, excluded, positions, squared });
    }
}

/// One search. The lists are full from the start, with entries at infinity, so the last one is always the bound.
struct Seek<'a> {
    tree: &'a KdTree,
    query: &'a [f64],
    /// The position that is left out.
    excluded: usize,
    positions: &'a mut [u32],
    squared: &'a mut [f64],
}

impl Visitor for Seek<'_> {
    #[inline(always)]
    fn bound(&self) -> f64 {
        self.squared[self.squared.len() - 1]
    }

    #[inline(always)]
    fn weigh(&self, _: usize, _: usize, _: &mut [f64; FANOUT]) {}

    #[inline(always)]
    fn meet(&mut self, _: &[(f64, f64)], leaf: usize) {
        let squared = self.tree.squared_distances(leaf, self.query);
        if least(&squared) >= self.bound() {
            return;
        }
        for (lane, squared) in squared.into_iter().enumerate() {
            let position = leaf * LEAF + lane;
            if squared < self.bound() && position != self.excluded {
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
}
