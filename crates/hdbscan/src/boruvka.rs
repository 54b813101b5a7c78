//! The minimum spanning tree by Borůvka's algorithm on a k-d tree, exact (March, Ram, Gray, "Fast Euclidean Minimum
//! Spanning Tree", 2010; McInnes, Healy 2017).
//!
//! At first every point is a component. In each round components choose their lightest edge to another component and
//! are merged along them, until one component is left. Most choices need no search:
//!
//! - All points outside a point's list of neighbours are at least as far as the last of the list, and no edge is
//!   lighter than the point's core distance. So the lists alone prove the lightest edge of most components, round after
//!   round.
//! - What a search found or ruled out stays true. Components only grow, so a point's lightest edge out of its own never
//!   gets lighter.
//! - Not every component has to choose in a round. Those with the fewest points to search for choose first, until half
//!   of all have chosen. So the one huge component that clusters grow into hardly ever searches.
//!
//! Equal weights: any choice of lightest edges gives a minimum spanning tree, if an edge that would close a circle is
//! left out. For along a path of edges added in one round, away from a component that chose its edge, weights never
//! fall.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays by position reach to the end of the last leaf; all lists have the same length"
)]

use rayon::prelude::*;

use super::edge::{Edge, sort};
use super::kd_tree::{KdTree, LEAF};
use super::neighbours::Neighbours;
use super::other_cluster::{Forest, Outgoing};

/// The least number of positions that a thread takes.
const CHUNK: usize = 4_096;

/// A forest that grows into the spanning tree. All arrays are by position in the k-d tree.
struct Growth<'a> {
    tree: &'a KdTree,
    near: &'a Neighbours,
    /// Squared core distances up to the end of the last leaf, infinite where there is no point.
    squared_core: Vec<f64>,
    /// The least core distance in each node, `[level][node]`.
    least_core: Vec<Vec<f64>>,
    /// The component of each position, up to the end of the last leaf, named by its lowest position: its *root*.
    component: Vec<u32>,
    /// A lower bound on the squared weights of the position's edges to other components, `(n_points)`. It leaves out
    /// those in the list of neighbours and `outgoing`, which are known. It never falls.
    at_least: Vec<f64>,
    /// The lightest edge known from the position to another component, `(n_points)`.
    outgoing: Vec<Outgoing>,
}

/// The lightest edge that is known to leave a component.
#[derive(Clone, Copy)]
struct Choice {
    outgoing: Outgoing,
    from: u32,
    /// Positions of the component whose lower bound does not rule out a lighter edge. With none the choice is proven.
    unsure: u32,
}

/// The n − 1 edges of a minimum spanning tree of mutual reachability, sorted.
pub(super) fn minimum_spanning_tree(tree: &KdTree, near: &Neighbours) -> Vec<Edge> {
    let mut growth = Growth::new(tree, near);
    let n_points = tree.n_points();
    let mut edges = Vec::with_capacity(n_points.saturating_sub(1));
    let mut parents: Vec<u32> = (0..n_points as u32).collect();
    while edges.len() + 1 < n_points {
        growth.renew_outgoing();
        let mut choices = growth.choices();
        let mut chosen: Vec<u32> = growth.roots().collect();
        chosen.sort_by_key(|&root| choices[root as usize].unsure);
        let sure = chosen.partition_point(|&root| choices[root as usize].unsure == 0);
        chosen.truncate(sure.max(chosen.len().div_ceil(2)));
        if chosen.len() > sure {
            growth.search(&chosen[sure..], &choices);
            choices = growth.choices();
        }
        for root in chosen {
            let Choice { outgoing, from, .. } = choices[root as usize];
            let (a, b) = (top(&mut parents, from), top(&mut parents, outgoing.position));
            if a != b {
                parents[a.max(b) as usize] = a.min(b);
                let [from, to] = [from, outgoing.position].map(|position| tree.points()[position as usize]);
                edges.push(Edge::new(from, to, outgoing.squared));
            }
        }
        for position in 0..n_points {
            growth.component[position] = top(&mut parents, position as u32);
        }
    }
    sort(&mut edges);
    edges
}

impl<'a> Growth<'a> {
    fn new(tree: &'a KdTree, near: &'a Neighbours) -> Self {
        let least = |cores: &[f64]| cores.iter().copied().fold(f64::INFINITY, f64::min);
        let mut squared_core = near.squared_core.clone();
        let leaves = squared_core.chunks(LEAF).map(least).collect();
        squared_core.resize(tree.n_leaves() * LEAF, f64::INFINITY);
        let farthest = near.squared.chunks_exact(near.n_listed).map(|list| list[near.n_listed - 1]);
        Self {
            tree,
            near,
            least_core: tree.summarise(leaves, f64::INFINITY, least),
            component: (0..squared_core.len() as u32).collect(),
            at_least: farthest.zip(&near.squared_core).map(|(farthest, &core)| farthest.max(core)).collect(),
            outgoing: vec![Outgoing::NONE; tree.n_points()],
            squared_core,
        }
    }

    /// The components, each by its root.
    fn roots(&self) -> impl Iterator<Item = u32> {
        let positions = (0..).zip(&self.component[..self.outgoing.len()]);
        positions.filter(|&(position, &root)| position == root).map(|(position, _)| position)
    }

    /// Replaces edges that merging has put inside a component by the lightest one that the list of neighbours still
    /// has.
    fn renew_outgoing(&mut self) {
        let Self { near, squared_core, component, outgoing, .. } = self;
        let lists = near.squared.par_chunks_exact(near.n_listed).zip(near.positions.par_chunks_exact(near.n_listed));
        let each = outgoing.par_iter_mut().zip(lists).enumerate().with_min_len(CHUNK);
        each.for_each(|(position, (outgoing, (squared, others)))| {
            let own = component[position];
            if *outgoing != Outgoing::NONE && component[outgoing.position as usize] != own {
                return;
            }
            *outgoing = Outgoing::NONE;
            for (&squared, &other) in squared.iter().zip(others) {
                // The list ascends, and a weight is never below the distance: nothing lighter follows.
                if squared >= outgoing.squared {
                    break;
                }
                let weight = squared.max(squared_core[other as usize]).max(squared_core[position]);
                if weight < outgoing.squared && component[other as usize] != own {
                    *outgoing = Outgoing { squared: weight, position: other };
                }
            }
        });
    }

    /// The lightest edge known out of each component, by its root; of equal ones that of the lowest position. Entries
    /// that belong to no root mean nothing.
    fn choices(&self) -> Vec<Choice> {
        let mut choices = vec![Choice { outgoing: Outgoing::NONE, from: 0, unsure: 0 }; self.outgoing.len()];
        for (position, (&outgoing, &root)) in (0..).zip(self.outgoing.iter().zip(&self.component)) {
            let choice = &mut choices[root as usize];
            if outgoing.squared < choice.outgoing.squared {
                (choice.outgoing, choice.from) = (outgoing, position);
            }
        }
        for (&at_least, &root) in self.at_least.iter().zip(&self.component) {
            let choice = &mut choices[root as usize];
            choice.unsure += u32::from(at_least < choice.outgoing.squared);
        }
        choices
    }

    /// Proves the lightest edges of the components `asking`, given by their roots.
    fn search(&mut self, asking: &[u32], choices: &[Choice]) {
        let mut bounds = vec![f64::NEG_INFINITY; self.component.len()];
        asking.iter().for_each(|&root| bounds[root as usize] = choices[root as usize].outgoing.squared);
        let Self { tree, squared_core, least_core, component, at_least, outgoing, .. } = self;
        Forest { tree, squared_core, least_core, component, bounds: &bounds }.search(at_least, outgoing);
    }
}

/// The root of the component that `position` has merged into. Halves the path on the way.
fn top(parents: &mut [u32], mut position: u32) -> u32 {
    while parents[position as usize] != position {
        parents[position as usize] = parents[parents[position as usize] as usize];
        position = parents[position as usize];
    }
    position
}
