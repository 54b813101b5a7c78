//! The nearest other points of every point, by the k-d tree.
#![expect(
    clippy::indexing_slicing,
    reason = "lists have one length, at least 1, and a place is below the number of points"
)]

use rayon::prelude::*;

use super::kd_tree::{FANOUT, KdTree, LEAF, Pending, Visitor, least};

/// The nearest others of each place of a tree.
pub(super) struct Neighbours {
    /// Entries of a list.
    pub n_listed: usize,
    /// Their places, `(n_points, n_listed)`, nearest first.
    pub places: Vec<u32>,
    /// Their squared distances.
    pub squared: Vec<f64>,
    /// The squared core distance of each place.
    pub squared_core: Vec<f64>,
}

impl Neighbours {
    /// Lists the `n_listed` nearest others of each place and takes the `rank`-th for its core distance. Both are at least
    /// 1 and below the number of points.
    pub fn of(tree: &KdTree, n_listed: usize, rank: usize) -> Self {
        let n_points = tree.n_points();
        let mut found = Self {
            n_listed,
            places: vec![0; n_points * n_listed],
            squared: vec![0.0; n_points * n_listed],
            squared_core: vec![0.0; n_points],
        };
        let lists = found.places.par_chunks_mut(LEAF * n_listed).zip(found.squared.par_chunks_mut(LEAF * n_listed));
        let leaves = lists.zip(found.squared_core.par_chunks_mut(LEAF)).enumerate();
        leaves.for_each_init(
            || Nearest::new(n_listed.max(rank)),
            |nearest, (leaf, ((places, squared), cores))| {
                let lists = places.chunks_exact_mut(n_listed).zip(squared.chunks_exact_mut(n_listed));
                for (lane, ((places, squared), core)) in lists.zip(cores).enumerate() {
                    nearest.seek_others(tree, leaf * LEAF + lane);
                    places.copy_from_slice(&nearest.places[..n_listed]);
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

/// The points nearest to one, and what is kept from one search to the next.
pub(super) struct Nearest {
    /// The nearest in order, by place and squared distance; infinitely far where there are too few.
    pub places: Vec<u32>,
    pub squared: Vec<f64>,
    query: Vec<f64>,
    sides: Vec<(f64, f64)>,
    pending: Pending,
}

impl Nearest {
    /// Room for `count` points, at least 1.
    pub fn new(count: usize) -> Self {
        let (places, squared) = (vec![0; count], vec![f64::INFINITY; count]);
        Self { places, squared, query: Vec::new(), sides: Vec::new(), pending: Vec::new() }
    }

    /// Finds the points nearest to the one at `place`, itself left out.
    pub fn seek_others(&mut self, tree: &KdTree, place: usize) {
        let mut query = std::mem::take(&mut self.query);
        tree.coordinates_into(place, &mut query);
        self.run(tree, &query, place);
        self.query = query;
    }

    /// Finds the points nearest to `query`.
    pub fn seek(&mut self, tree: &KdTree, query: &[f64]) {
        self.run(tree, query, usize::MAX);
    }

    fn run(&mut self, tree: &KdTree, query: &[f64], but: usize) {
        self.squared.fill(f64::INFINITY);
        self.sides.clear();
        self.sides.extend(query.iter().map(|&x| (x, x)));
        let Self { places, squared, sides, pending, .. } = self;
        tree.search(sides, pending, &mut Seek { tree, query, but, places, squared });
    }
}

/// One search.
struct Seek<'a> {
    tree: &'a KdTree,
    query: &'a [f64],
    /// The place that is left out.
    but: usize,
    places: &'a mut [u32],
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
            let place = leaf * LEAF + lane;
            if squared < self.bound() && place != self.but {
                let mut entry = self.squared.len() - 1;
                while entry > 0 && self.squared[entry - 1] > squared {
                    self.squared[entry] = self.squared[entry - 1];
                    self.places[entry] = self.places[entry - 1];
                    entry -= 1;
                }
                self.squared[entry] = squared;
                self.places[entry] = place as u32;
            }
        }
    }
}
