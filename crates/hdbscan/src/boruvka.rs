//! The minimum spanning tree by Borůvka's algorithm on a k-d tree, exact (March, Ram, Gray, "Fast Euclidean Minimum
//! Spanning Tree", 2010; McInnes, Healy 2017).
//!
//! In each round components choose their lightest edge to another component and are merged along them. What makes that
//! cheap is what is known without a search:
//!
//! - Everything outside a point's list of neighbours is at least as far as the last of them, and no edge is lighter than
//!   the point's core distance. So the lists alone prove most components' lightest edges, round after round.
//! - What a search found, or ruled out, stays true: other components only merge, so a point's way out of its own never
//!   gets lighter.
//! - Not every component has to choose. Those that need the fewest searches do, until half of all have chosen: the one
//!   huge component that clusters grow into is never asked.
//!
//! Any choice of lightest edges is a minimum spanning tree if no edge that closes a circle is added, also where weights
//! are equal: along a path of edges added in one round, away from a component that chose its edge, weights never fall.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays by place reach to the end of the last leaf; lists have one length"
)]

use rayon::prelude::*;

use super::kd_tree::{KdTree, LEAF};
use super::neighbours::Neighbours;
use super::other_cluster::{Forest, Way};
use super::spanning_tree::{Edge, sort};

/// Places a thread is given at least.
const CHUNK: usize = 4_096;

/// A forest that grows into the spanning tree. Everything is numbered by place in the k-d tree.
struct Growth<'a> {
    tree: &'a KdTree,
    near: &'a Neighbours,
    /// Squared core distances up to the end of the last leaf, infinite where there is no point.
    squared_core: Vec<f64>,
    least_core: Vec<Vec<f64>>,
    /// The lowest place of each place's component.
    component: Vec<u32>,
    /// What no edge from the place to another component is lighter than, squared.
    at_least: Vec<f64>,
    /// The lightest way known from the place to another component.
    way: Vec<Way>,
}

/// The choice of a component.
#[derive(Clone, Copy)]
struct Choice {
    way: Way,
    from: u32,
    /// Places of the component that might know a lighter way.
    unsure: u32,
}

/// The n − 1 edges of a minimum spanning tree of mutual reachability, sorted.
pub(super) fn minimum_spanning_tree(tree: &KdTree, near: &Neighbours) -> Vec<Edge> {
    let mut growth = Growth::new(tree, near);
    let n_points = tree.n_points();
    let mut edges = Vec::with_capacity(n_points.saturating_sub(1));
    let mut parents: Vec<u32> = (0..n_points as u32).collect();
    while edges.len() + 1 < n_points {
        growth.renew_ways();
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
            let Choice { way, from, .. } = choices[root as usize];
            let (a, b) = (top(&mut parents, from), top(&mut parents, way.place));
            if a != b {
                parents[a.max(b) as usize] = a.min(b);
                let [from, to] = [from, way.place].map(|place| tree.points()[place as usize]);
                edges.push(Edge::new(from, to, way.squared));
            }
        }
        for place in 0..n_points {
            growth.component[place] = top(&mut parents, place as u32);
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
            way: vec![Way::NONE; tree.n_points()],
            squared_core,
        }
    }

    fn roots(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.component[..self.way.len()]).filter(|&(place, &root)| place == root).map(|(place, _)| place)
    }

    /// Where a way has come to lead into the own component: the lightest one that the list still knows.
    fn renew_ways(&mut self) {
        let Self { near, squared_core, component, way, .. } = self;
        let lists = near.squared.par_chunks_exact(near.n_listed).zip(near.places.par_chunks_exact(near.n_listed));
        way.par_iter_mut().zip(lists).enumerate().with_min_len(CHUNK).for_each(|(place, (way, (squared, places)))| {
            let own = component[place];
            if *way != Way::NONE && component[way.place as usize] != own {
                return;
            }
            *way = Way::NONE;
            for (&squared, &other) in squared.iter().zip(places) {
                if squared >= way.squared {
                    break;
                }
                let weight = squared.max(squared_core[other as usize]).max(squared_core[place]);
                if weight < way.squared && component[other as usize] != own {
                    *way = Way { squared: weight, place: other };
                }
            }
        });
    }

    /// The lightest way known out of each component, by its root; of equals that of the lowest place.
    fn choices(&self) -> Vec<Choice> {
        let mut choices = vec![Choice { way: Way::NONE, from: 0, unsure: 0 }; self.way.len()];
        for (place, (&way, &root)) in (0..).zip(self.way.iter().zip(&self.component)) {
            let choice = &mut choices[root as usize];
            if way.squared < choice.way.squared {
                (choice.way, choice.from) = (way, place);
            }
        }
        for (&at_least, &root) in self.at_least.iter().zip(&self.component) {
            let choice = &mut choices[root as usize];
            choice.unsure += u32::from(at_least < choice.way.squared);
        }
        choices
    }

    /// Makes sure of the lightest ways out of the components `asking`.
    fn search(&mut self, asking: &[u32], choices: &[Choice]) {
        let mut bounds = vec![f64::NEG_INFINITY; self.component.len()];
        asking.iter().for_each(|&root| bounds[root as usize] = choices[root as usize].way.squared);
        let Self { tree, squared_core, least_core, component, at_least, way, .. } = self;
        Forest { tree, squared_core, least_core, component, bounds: &bounds }.search(at_least, way);
    }
}

/// The place at the top of what `place` has merged into, halving the path on the way.
fn top(parents: &mut [u32], mut place: u32) -> u32 {
    while parents[place as usize] != place {
        parents[place as usize] = parents[parents[place as usize] as usize];
        place = parents[place as usize];
    }
    place
}
