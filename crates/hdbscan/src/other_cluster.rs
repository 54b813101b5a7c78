//! The search for the lightest edge that leads out of a component: Borůvka's inner step.
//!
//! All points of one leaf that need an answer search together. The tree is walked once, starting from the box around
//! them, and a point that the walk reaches is compared with that box before it is compared with each of them. Most
//! points fall at the first comparison, because a component's own points lie all around, and because boxes overlap
//! nearly everywhere in ten dimensions. For 32 points that costs one row of point-to-box distances in place of 32 rows
//! of point-to-point distances.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays by position reach to the end of the last leaf, arrays by node to a whole level"
)]

use std::mem::take;

use rayon::prelude::*;

use super::kd_tree::{FANOUT, KdTree, LEAF, Pending, Visitor, larger, least};

/// Stands for the component of a node whose points are in several.
const SEVERAL: u32 = u32::MAX;
/// Stands for the component of searching points that are in several, so that no node is skipped as their own.
const NONE_IN_COMMON: u32 = u32::MAX - 1;

/// An edge out of a component: its squared weight and the position it leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outgoing {
    pub squared: f64,
    pub position: u32,
}

impl Outgoing {
    pub const NONE: Self = Self { squared: f64::INFINITY, position: u32::MAX };
}

/// What a search reads of the forest. Arrays by position reach to the end of the last leaf.
pub(super) struct Forest<'a> {
    pub tree: &'a KdTree,
    /// Squared core distances by position, infinite where there is no point.
    pub squared_core: &'a [f64],
    /// The least core distance in each node, `[level][node]`.
    pub least_core: &'a [Vec<f64>],
    /// The component of each position.
    pub component: &'a [u32],
    /// By component, the squared weight that the search has to beat; negative for components that do not search.
    pub bounds: &'a [f64],
}

impl Forest<'_> {
    /// Finds outgoing edges for the positions of all components that search.
    ///
    /// `at_least`, `(n_points)`, is a lower bound on the weights of the position's edges that the caller does not know
    /// yet; a position whose bound is not below its component's is skipped. `outgoing`, `(n_points)`, receives the
    /// position's lightest edge, if that beats the component's bound and the edges found for the component in the same
    /// leaf. On return `at_least` has risen to what the search proved.
    ///
    /// Leaves share nothing that changes, so the number of threads changes no result.
    pub fn search(&self, at_least: &mut [f64], outgoing: &mut [Outgoing]) {
        let node_component = self.node_components();
        let leaves = at_least.par_chunks_mut(LEAF).zip(outgoing.par_chunks_mut(LEAF)).enumerate();
        leaves.for_each_init(Buffers::default, |buffers, (leaf, (at_least, outgoing))| {
            let mut asking = Asking { forest: self, node_component: &node_component, leaf, outgoing, buffers };
            asking.gather(at_least);
            if !asking.buffers.lanes.is_empty() {
                let (sides, mut pending) = (take(&mut asking.buffers.sides), take(&mut asking.buffers.pending));
                self.tree.search(&sides, &mut pending, &mut asking);
                (asking.buffers.sides, asking.buffers.pending) = (sides, pending);
                for lane in &asking.buffers.lanes {
                    at_least[lane.lane] = larger(at_least[lane.lane], lane.bound);
                }
            }
        });
    }

    /// The component of each node whose points are all in one, else [`SEVERAL`]; `[level][node]`.
    fn node_components(&self) -> Vec<Vec<u32>> {
        let common = |components: &[u32]| match components {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
            _ => SEVERAL,
        };
        let leaves = self.component[..self.tree.n_points()].chunks(LEAF).map(common).collect();
        self.tree.summarise(leaves, SEVERAL, common)
    }
}

/// A searching point of the leaf.
#[derive(Debug, Clone, Copy)]
struct Lane {
    lane: usize,
    component: u32,
    /// The lightest weight known for its component.
    bound: f64,
}

/// What a thread keeps from leaf to leaf.
#[derive(Default)]
struct Buffers {
    /// The leaf's points that search.
    lanes: Vec<Lane>,
    /// Their component, if they are all in one.
    component: Option<u32>,
    /// The largest of their bounds: what is at least as heavy helps none of them.
    widest: f64,
    /// The box around them, `(lowest, highest)` of each feature.
    sides: Vec<(f64, f64)>,
    coordinates: Vec<f64>,
    pending: Pending,
}

/// The search of one leaf's points.
struct Asking<'a> {
    forest: &'a Forest<'a>,
    node_component: &'a [Vec<u32>],
    leaf: usize,
    /// The outgoing edges of the leaf's positions.
    outgoing: &'a mut [Outgoing],
    buffers: &'a mut Buffers,
}

impl Asking<'_> {
    /// Finds the points that search, and the box around them.
    fn gather(&mut self, at_least: &[f64]) {
        let Buffers { lanes, component, sides, coordinates, .. } = &mut *self.buffers;
        lanes.clear();
        sides.clear();
        for (lane, &at_least) in at_least.iter().enumerate() {
            let position = self.leaf * LEAF + lane;
            let component = self.forest.component[position];
            let bound = self.forest.bounds[component as usize];
            if at_least < bound {
                lanes.push(Lane { lane, component, bound });
                self.forest.tree.coordinates_into(position, coordinates);
                sides.resize(coordinates.len(), (f64::INFINITY, f64::NEG_INFINITY));
                sides.iter_mut().zip(&*coordinates).for_each(|(side, &x)| *side = (side.0.min(x), side.1.max(x)));
            }
        }
        let first = lanes.first().map(|lane| lane.component);
        *component = first.filter(|&first| lanes.iter().all(|lane| lane.component == first));
        self.renew_widest();
    }

    fn renew_widest(&mut self) {
        self.buffers.widest = self.buffers.lanes.iter().map(|lane| lane.bound).fold(0.0, larger);
    }

    /// Offers the point at `position` to all searching points; `squared` are its distances to the leaf's points.
    fn offer(&mut self, position: usize, squared: &[f64; LEAF]) {
        let (component, core) = (self.forest.component[position], self.forest.squared_core[position]);
        let mut improved = false;
        for index in 0..self.buffers.lanes.len() {
            let Lane { lane, component: own, bound } = self.buffers.lanes[index];
            // Mutual reachability: the largest of the distance and both core distances.
            let weight = larger(larger(squared[lane], core), self.forest.squared_core[self.leaf * LEAF + lane]);
            if weight < bound && own != component {
                self.outgoing[lane] = Outgoing { squared: weight, position: position as u32 };
                let same = self.buffers.lanes.iter_mut().filter(|other| other.component == own);
                same.for_each(|other| other.bound = weight);
                improved = true;
            }
        }
        if improved {
            self.renew_widest();
        }
    }
}

impl Visitor for Asking<'_> {
    #[inline(always)]
    fn bound(&self) -> f64 {
        self.buffers.widest
    }

    /// No edge into a node is lighter than the least core distance in it; and a node of the searching component is
    /// skipped.
    #[inline(always)]
    fn weigh(&self, level: usize, first: usize, squared: &mut [f64; FANOUT]) {
        let cores = &self.forest.least_core[level][first..first + FANOUT];
        let components = &self.node_component[level][first..first + FANOUT];
        let own = self.buffers.component.unwrap_or(NONE_IN_COMMON);
        for child in 0..FANOUT {
            let weight = larger(squared[child], cores[child]);
            squared[child] = if components[child] == own { f64::INFINITY } else { weight };
        }
    }

    #[inline(always)]
    fn meet(&mut self, sides: &[(f64, f64)], leaf: usize) {
        let tree = self.forest.tree;
        let gaps = tree.squared_distances_to_box(leaf, sides);
        if least(&gaps) >= self.buffers.widest {
            return;
        }
        for (lane, gap) in gaps.into_iter().enumerate() {
            let position = leaf * LEAF + lane;
            let near = larger(gap, self.forest.squared_core[position]) < self.buffers.widest;
            if near && Some(self.forest.component[position]) != self.buffers.component {
                let mut coordinates = take(&mut self.buffers.coordinates);
                tree.coordinates_into(position, &mut coordinates);
                self.offer(position, &tree.squared_distances(self.leaf, &coordinates));
                self.buffers.coordinates = coordinates;
            }
        }
    }
}
