//! The graph's edges in matchings: sets in which no vertex occurs twice. Drawing all edges of a matching in parallel
//! has the same result as drawing them one after the other.
#![expect(clippy::indexing_slicing, reason = "vertices are below the graph's number, and a matching's lists match")]

use rayon::prelude::*;

use super::fuzzy_graph::Graph;
use super::simd::{Kernel, Lanes};

/// Up to this number of points, all positions are in the second-level cache anyway. For more, vertices are numbered so
/// that neighbours are near in memory, and each matching is sorted by them.
pub(super) const MAX_CACHED: usize = 20_000;

/// One matching, in chunks of eight edges, with the epoch in which each is due next.
#[derive(Debug, Default)]
pub(super) struct Matching {
    edges: Vec<Edge>,
    /// Epochs between two draws, `[chunk][slot]`; infinite in slots without an edge.
    periods: Vec<[f32; 8]>,
    /// The epoch in which the edge is due next, in the same shape.
    next: Vec<[f32; 8]>,
    /// The edges that are due in the present epoch.
    due: Vec<Edge>,
}

/// An undirected edge. `number` names it among all edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) number: u32,
}

/// All edges of `graph`. An edge of weight `w` is due every `max w / w` epochs, as in `umap-learn`.
///
/// Greedy: the heaviest edge first, each into the first matching that has neither of its ends. So the heavy edges,
/// which are due most often, fill few and large matchings. For more than [`MAX_CACHED`] points, the edges of a matching
/// are sorted by their left ends, because vertices of similar numbers are near in memory.
pub(super) fn matchings(graph: &Graph) -> Vec<Matching> {
    let mut edges: Vec<(f32, u32, u32)> = (0..graph.n_points())
        .into_par_iter()
        .flat_map_iter(|i| graph.row(i).map(move |(j, weight)| (weight, i as u32, j)))
        .filter(|&(_, i, j)| i < j)
        .collect();
    // All differ, so there is one order.
    edges.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let max_weight = graph.max_weight();
    let mut taken = vec![Taken::default(); graph.n_points()];
    let mut matchings: Vec<Vec<(Edge, f32)>> = Vec::new();
    for (number, (weight, left, right)) in (0..).zip(edges) {
        let chosen = Taken::first_free(&taken[left as usize], &taken[right as usize]);
        taken[left as usize].take(chosen);
        taken[right as usize].take(chosen);
        if matchings.len() <= chosen {
            matchings.resize_with(chosen + 1, Vec::new);
        }
        matchings[chosen].push((Edge { left, right, number }, max_weight / weight));
    }
    let collected = |mut edges: Vec<(Edge, f32)>| {
        if graph.n_points() > MAX_CACHED {
            edges.sort_unstable_by_key(|(edge, _)| edge.left);
        }
        let mut matching = Matching::default();
        edges.into_iter().for_each(|(edge, period)| matching.push(edge, period));
        matching
    };
    matchings.into_par_iter().map(collected).collect()
}

impl Matching {
    fn push(&mut self, edge: Edge, period: f32) {
        let slot = self.edges.len() % 8;
        if slot == 0 {
            self.periods.push([f32::INFINITY; 8]);
            self.next.push([f32::INFINITY; 8]);
        }
        self.edges.push(edge);
        if let (Some(periods), Some(next)) = (self.periods.last_mut(), self.next.last_mut()) {
            (periods[slot], next[slot]) = (period, period);
        }
    }

    /// The edges that are due in the epoch of the last [`Advance`].
    pub(super) fn due(&self) -> &[Edge] {
        &self.due
    }
}

/// Finds the edges of a matching that are due in `epoch`, which is one above the epoch of the last call.
pub(super) struct Advance<'a> {
    pub(super) matching: &'a mut Matching,
    pub(super) epoch: usize,
}

impl Kernel for Advance<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Matching { edges, periods, next, due } = self.matching;
        due.clear();
        let now = L::splat(self.epoch as f32);
        for ((edges, periods), next) in edges.chunks(8).zip(periods).zip(next) {
            let times = L::load(next);
            let mut drawn = times.at_most(now);
            if drawn == 0 {
                continue;
            }
            *next = times.add(L::load(periods).keep(times.at_most_mask(now))).store();
            while drawn != 0 {
                due.push(edges[drawn.trailing_zeros() as usize]);
                drawn &= drawn - 1;
            }
        }
    }
}

/// Matchings that are recorded one by one for each vertex. A hub of a very large graph is in more.
const MAX_RECORDED: usize = 1024;

/// The matchings that a vertex occurs in: one bit for each of the first [`MAX_RECORDED`], and the number that follows
/// the last of the others. Matchings in between are taken as occupied.
#[derive(Debug, Clone, Default)]
struct Taken {
    words: Vec<u64>,
    beyond: usize,
}

impl Taken {
    /// The first matching that is free for both vertices.
    fn first_free(a: &Self, b: &Self) -> usize {
        let word = |taken: &Self, index: usize| taken.words.get(index).copied().unwrap_or(0);
        let words = a.words.len().max(b.words.len());
        let free = |index: usize| !(word(a, index) | word(b, index));
        let first = (0..words)
            .find(|&index| free(index) != 0)
            .map_or(words * 64, |index| index * 64 + free(index).trailing_zeros() as usize);
        if first < MAX_RECORDED { first } else { a.beyond.max(b.beyond).max(MAX_RECORDED) }
    }

    fn take(&mut self, matching: usize) {
        if matching >= MAX_RECORDED {
            self.beyond = matching + 1;
            return;
        }
        if self.words.len() <= matching / 64 {
            self.words.resize(matching / 64 + 1, 0);
        }
        self.words[matching / 64] |= 1 << (matching % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::Simd;
    use super::*;

    /// A wheel: vertex 0 is connected to all others, which form a ring.
    fn wheel(rim: u32) -> Graph {
        let weight = |i: u32, j: u32| 1.0 / (1.0 + (i.min(j) as f32) / 3.0);
        let row = |i: u32| {
            let mut row: Vec<u32> = match i {
                0 => (1..=rim).collect(),
                i => vec![0, i % rim + 1, (i + rim - 2) % rim + 1],
            };
            row.sort_unstable();
            row.dedup();
            row.into_iter().map(|j| (j, weight(i, j))).collect()
        };
        Graph::from_rows((0..=rim).map(row).collect())
    }

    #[test]
    fn every_edge_is_in_one_matching_and_no_vertex_twice_in_any() {
        for rim in [130, 3000] {
            is_a_partition_in_matchings(rim);
        }
    }

    fn is_a_partition_in_matchings(rim: u32) {
        let graph = wheel(rim);
        let matchings = matchings(&graph);
        let mut all = Vec::new();
        for matching in &matchings {
            let mut ends: Vec<u32> = matching.edges.iter().flat_map(|edge| [edge.left, edge.right]).collect();
            ends.sort_unstable();
            assert!(ends.windows(2).all(|pair| pair[0] < pair[1]));
            all.extend(matching.edges.iter().map(|edge| (edge.left, edge.right)));
        }
        all.sort_unstable();
        let mut expected: Vec<(u32, u32)> =
            (0..=rim).flat_map(|i| graph.row(i as usize).map(move |(j, _)| (i, j))).filter(|(i, j)| i < j).collect();
        expected.sort_unstable();
        assert_eq!(all, expected);
    }

    #[test]
    fn an_edge_is_drawn_in_proportion_to_its_weight_and_never_in_the_first_epoch() {
        let graph = wheel(20);
        let mut matchings = matchings(&graph);
        let mut drawn = [0; 40];
        for epoch in 0..=300 {
            for matching in &mut matchings {
                Simd::detect().run(Advance { matching, epoch });
                assert!(epoch > 0 || matching.due().is_empty());
                matching.due().iter().for_each(|edge| drawn[edge.number as usize] += 1);
            }
        }
        for edge in matchings.iter().flat_map(|matching| &matching.edges) {
            let weight = graph.row(edge.left as usize).find(|&(j, _)| j == edge.right).unwrap().1;
            let expected = 300.0 * f64::from(weight / graph.max_weight());
            let drawn = f64::from(drawn[edge.number as usize]);
            assert!((drawn - expected).abs() <= 1.0, "{edge:?}: {drawn}, {expected}");
        }
    }
}
