//! The search for the lightest edge that leads out of a component.
//!
//! All points of one leaf that are asked about search together: the tree is walked once from the box around them, and
//! a point met there is held against that box before it is held against each of them. Where a component's own points
//! lie all around, and in ten dimensions boxes overlap everywhere, that saves most distances: for 32 points one row of
//! point-to-box distances in place of 32 rows of point-to-point ones.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays by place reach to the end of the last leaf, arrays by node to a whole level"
)]

use std::mem::take;

use rayon::prelude::*;

use super::kd_tree::{FANOUT, KdTree, LEAF, Pending, Visitor, larger, least};

/// In place of a component: a node's points are in several.
const SEVERAL: u32 = u32::MAX;
/// In place of a component: the points that ask are in several, so no node is only theirs.
const NOWHERE: u32 = u32::MAX - 1;

/// An edge's squared weight and the place it leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    pub squared: f64,
    pub place: u32,
}

impl Way {
    pub const NONE: Self = Self { squared: f64::INFINITY, place: u32::MAX };
}

/// What the search reads of the forest, by place, up to the end of the last leaf.
pub(super) struct Forest<'a> {
    pub tree: &'a KdTree,
    /// Squared core distances, infinite where there is no point.
    pub squared_core: &'a [f64],
    /// The least of them in each node.
    pub least_core: &'a [Vec<f64>],
    pub component: &'a [u32],
    /// The squared weight that each component, by its number, is to be improved on; negative where it does not ask.
    pub bounds: &'a [f64],
}

impl Forest<'_> {
    /// For every place of an asking component whose bound `at_least` does not rule out: finds its lightest way out, if
    /// that is lighter than the component's bound and than those found in the same leaf. `at_least` rises to what is
    /// known then.
    ///
    /// Leaves know nothing of one another, so threads change nothing.
    pub fn search(&self, at_least: &mut [f64], ways: &mut [Way]) {
        let node_component = self.node_components();
        let leaves = at_least.par_chunks_mut(LEAF).zip(ways.par_chunks_mut(LEAF)).enumerate();
        leaves.for_each_init(Buffers::default, |buffers, (leaf, (at_least, ways))| {
            let mut asking = Asking { forest: self, node_component: &node_component, leaf, ways, buffers };
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

    /// The component of each node whose points are all in one.
    fn node_components(&self) -> Vec<Vec<u32>> {
        let common = |components: &[u32]| match components {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
            _ => SEVERAL,
        };
        let leaves = self.component[..self.tree.n_points()].chunks(LEAF).map(common).collect();
        self.tree.summarise(leaves, SEVERAL, common)
    }
}

/// A point of the leaf that asks.
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
    lanes: Vec<Lane>,
    /// The component of the lanes, if they are all in one.
    component: Option<u32>,
    /// The largest bound of the lanes.
    widest: f64,
    /// The box around the lanes' points.
    sides: Vec<(f64, f64)>,
    coordinates: Vec<f64>,
    pending: Pending,
}

/// The points of one leaf that ask.
struct Asking<'a> {
    forest: &'a Forest<'a>,
    node_component: &'a [Vec<u32>],
    leaf: usize,
    ways: &'a mut [Way],
    buffers: &'a mut Buffers,
}

impl Asking<'_> {
    /// Finds who asks, and the box around them.
    fn gather(&mut self, at_least: &[f64]) {
        let Buffers { lanes, component, sides, coordinates, .. } = &mut *self.buffers;
        lanes.clear();
        sides.clear();
        for (lane, &at_least) in at_least.iter().enumerate() {
            let place = self.leaf * LEAF + lane;
            let component = self.forest.component[place];
            let bound = self.forest.bounds[component as usize];
            if at_least < bound {
                lanes.push(Lane { lane, component, bound });
                self.forest.tree.coordinates_into(place, coordinates);
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

    /// Offers the point at `place`, at these squared distances from the leaf's points, to all that ask.
    fn offer(&mut self, place: usize, squared: &[f64; LEAF]) {
        let (component, core) = (self.forest.component[place], self.forest.squared_core[place]);
        let mut improved = false;
        for index in 0..self.buffers.lanes.len() {
            let Lane { lane, component: own, bound } = self.buffers.lanes[index];
            let weight = larger(larger(squared[lane], core), self.forest.squared_core[self.leaf * LEAF + lane]);
            if weight < bound && own != component {
                self.ways[lane] = Way { squared: weight, place: place as u32 };
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

    #[inline(always)]
    fn weigh(&self, level: usize, first: usize, squared: &mut [f64; FANOUT]) {
        let cores = &self.forest.least_core[level][first..first + FANOUT];
        let components = &self.node_component[level][first..first + FANOUT];
        let own = self.buffers.component.unwrap_or(NOWHERE);
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
            let place = leaf * LEAF + lane;
            let near = larger(gap, self.forest.squared_core[place]) < self.buffers.widest;
            if near && Some(self.forest.component[place]) != self.buffers.component {
                let mut coordinates = take(&mut self.buffers.coordinates);
                tree.coordinates_into(place, &mut coordinates);
                self.offer(place, &tree.squared_distances(self.leaf, &coordinates));
                self.buffers.coordinates = coordinates;
            }
        }
    }
}
