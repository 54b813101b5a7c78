//! The graph's edges in matchings: sets in which no vertex occurs twice. Drawing all edges of a matching in parallel
//! has the same result as drawing them one after the other.
#![expect(clippy::indexing_slicing, reason = "vertices are below the graph's number, and a matching's lists match")]

use std::ops::Range;

use rayon::prelude::*;

use super::fuzzy_graph::Graph;
use super::simd::{Kernel, Lanes, Simd};

/// One matching, its edges ascending by their left ends.
#[derive(Debug, Default)]
pub(super) struct Matching {
    edges: Vec<Edge>,
    /// How often each edge is drawn an epoch, at most once, `[chunk][slot]`; 0 in slots without an edge.
    frequencies: Vec<[f32; 8]>,
}

/// An undirected edge; `left` is the smaller vertex.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) left: u32,
    pub(super) right: u32,
}

/// All edges of `graph`. An edge of weight `w` is due every `max w / w` epochs, as in `umap-learn`, so that it has been
/// drawn `⌊e · w / max w⌋` times by epoch `e`.
///
/// Greedy: the heaviest edge first, each into the first matching that has neither of its ends. So the heavy edges,
/// which are due most often, fill few and large matchings.
pub(super) fn matchings(graph: &Graph) -> Vec<Matching> {
    let mut edges: Vec<(f32, Edge)> = (0..graph.n_points())
        .into_par_iter()
        .flat_map_iter(|i| graph.row(i).map(move |(right, weight)| (weight, Edge { left: i as u32, right })))
        .filter(|(_, edge)| edge.left < edge.right)
        .collect();
    // All differ, so there is one order.
    edges.par_sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let max_weight = graph.max_weight();
    let mut taken = vec![Taken::default(); graph.n_points()];
    let mut matchings: Vec<Vec<(Edge, f32)>> = Vec::new();
    for (weight, edge) in edges {
        let chosen = Taken::first_free(&taken[edge.left as usize], &taken[edge.right as usize]);
        taken[edge.left as usize].take(chosen);
        taken[edge.right as usize].take(chosen);
        if matchings.len() <= chosen {
            matchings.resize_with(chosen + 1, Vec::new);
        }
        matchings[chosen].push((edge, weight / max_weight));
    }
    matchings.into_par_iter().map(Matching::new).collect()
}

impl Matching {
    /// The matching of these edges and their frequencies.
    fn new(mut drawn: Vec<(Edge, f32)>) -> Self {
        drawn.sort_unstable_by_key(|(edge, _)| edge.left);
        let mut frequencies = vec![[0.0; 8]; drawn.len().div_ceil(8)];
        for (slot, (_, frequency)) in frequencies.as_flattened_mut().iter_mut().zip(&drawn) {
            *slot = *frequency;
        }
        Self { edges: drawn.into_iter().map(|(edge, _)| edge).collect(), frequencies }
    }

    /// The chunks whose left ends are about in `range`.
    fn chunks_of(&self, range: &Range<u32>) -> Range<usize> {
        let chunk = |vertex: u32| self.edges.partition_point(|edge| edge.left < vertex).div_ceil(8);
        chunk(range.start)..chunk(range.end)
    }
}

/// The ends of `n_ranges` ranges of all `n_points` vertices, from 0 on, whose edges to later vertices are drawn about
/// equally often.
pub(super) fn even_cuts(matchings: &[Matching], n_points: usize, n_ranges: usize) -> Vec<u32> {
    let mut draws = vec![0.0; n_points];
    for Matching { edges, frequencies } in matchings {
        for (edge, &frequency) in edges.iter().zip(frequencies.as_flattened()) {
            draws[edge.left as usize] += f64::from(frequency);
        }
    }
    let total: f64 = draws.iter().sum();
    let (mut cuts, mut sum) = (vec![0], 0.0);
    for (vertex, draws) in (0..).zip(draws) {
        while cuts.len() < n_ranges && sum * n_ranges as f64 >= total * cuts.len() as f64 {
            cuts.push(vertex);
        }
        sum += draws;
    }
    cuts.resize(n_ranges + 1, n_points as u32);
    cuts
}

/// The edges that one thread keeps which are due in an epoch.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// The chunks of each matching that the thread keeps.
    chunks: Vec<Range<usize>>,
    /// Matching by matching.
    edges: Vec<Edge>,
    /// Where the edges of each matching end.
    ends: Vec<usize>,
}

impl Due {
    /// None yet of the edges whose left ends are about in `range`. Ranges side by side have together all edges, each
    /// once.
    pub(super) fn of_range(matchings: &[Matching], range: &Range<u32>) -> Self {
        let chunks = matchings.iter().map(|matching| matching.chunks_of(range)).collect();
        Self { chunks, ..Self::default() }
    }

    /// Finds the edges that are due in `epoch`. `matchings` are those that the ranges are of.
    pub(super) fn find(&mut self, matchings: &[Matching], epoch: usize, simd: Simd) {
        self.edges.clear();
        self.ends.clear();
        for (matching, chunks) in matchings.iter().zip(&self.chunks) {
            simd.run(Find { matching, chunks: chunks.clone(), epoch, due: &mut self.edges });
            self.ends.push(self.edges.len());
        }
    }

    /// The edges of the `matching`-th matching, which ascend by their left ends.
    pub(super) fn of(&self, matching: usize) -> &[Edge] {
        let start = matching.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.edges[start..self.ends[matching]]
    }
}

/// Adds the edges in `chunks` of `matching` that are due in `epoch` to `due`.
struct Find<'a> {
    matching: &'a Matching,
    chunks: Range<usize>,
    epoch: usize,
    due: &'a mut Vec<Edge>,
}

impl Kernel for Find<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let (now, before) = (L::splat(self.epoch as f32), L::splat(self.epoch.saturating_sub(1) as f32));
        let draws = |frequencies: L, epoch: L| L::from_ints(L::truncate(frequencies.mul(epoch)));
        let first = self.chunks.start * 8;
        let edges = self.matching.edges.get(first..).unwrap_or_default();
        // 64 at a time: a branch for each chunk could not be foreseen.
        for (edges, chunks) in edges.chunks(64).zip(self.matching.frequencies[self.chunks].chunks(8)) {
            let mut due = 0_u64;
            for (chunk, frequencies) in chunks.iter().enumerate() {
                let frequencies = L::load(frequencies);
                let as_before = draws(frequencies, now).at_most(draws(frequencies, before));
                due |= u64::from(!as_before & 0xff) << (chunk * 8);
            }
            while due != 0 {
                self.due.push(edges[due.trailing_zeros() as usize]);
                due &= due - 1;
            }
        }
    }
}

/// Matchings that are recorded one by one for each vertex, 64 in a word. A hub of a very large graph is in more.
const RECORDED_WORDS: usize = 16;

/// The matchings that a vertex occurs in: one bit for each of the first, and the number that follows the last of the
/// others. Matchings in between are taken as occupied.
#[derive(Debug, Clone, Default)]
struct Taken {
    words: [u64; RECORDED_WORDS],
    beyond: usize,
}

impl Taken {
    /// The first matching that is free for both vertices.
    fn first_free(a: &Self, b: &Self) -> usize {
        let free = a.words.iter().zip(&b.words).map(|(a, b)| !(a | b));
        let first = free.enumerate().find(|&(_, free)| free != 0);
        let recorded = first.map(|(index, free)| index * 64 + free.trailing_zeros() as usize);
        recorded.unwrap_or_else(|| a.beyond.max(b.beyond).max(RECORDED_WORDS * 64))
    }

    fn take(&mut self, matching: usize) {
        match self.words.get_mut(matching / 64) {
            Some(word) => *word |= 1 << (matching % 64),
            None => self.beyond = matching + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        let matchings = matchings(&graph);
        let (mut drawn, mut due) = (BTreeMap::new(), Due::of_range(&matchings, &(0..21)));
        for epoch in 0..=300 {
            due.find(&matchings, epoch, Simd::detect());
            for edge in (0..matchings.len()).flat_map(|matching| due.of(matching)) {
                assert!(epoch > 0);
                *drawn.entry(*edge).or_insert(0) += 1;
            }
        }
        assert_eq!(drawn.len(), 40);
        for (edge, drawn) in drawn {
            let weight = graph.row(edge.left as usize).find(|&(j, _)| j == edge.right).unwrap().1;
            let expected = 300.0 * f64::from(weight / graph.max_weight());
            assert!((f64::from(drawn) - expected).abs() <= 1.0, "{edge:?}: {drawn}, {expected}");
        }
    }

    #[test]
    fn ranges_list_together_what_one_alone_lists() {
        // A ring, whose edges are due in each epoch, in every second or in every third.
        let weight = |i: u32| 1.0 / (1 + i % 3) as f32;
        let row = |i: u32| {
            let mut row = vec![((i + 1) % 400, weight(i)), ((i + 399) % 400, weight((i + 399) % 400))];
            row.sort_unstable_by_key(|edge| edge.0);
            row
        };
        let graph = Graph::from_rows((0..400).map(row).collect());
        let matchings = matchings(&graph);
        let listed = |n_ranges: usize, epoch: usize| {
            let cuts = even_cuts(&matchings, graph.n_points(), n_ranges);
            assert_eq!(cuts.len(), n_ranges + 1);
            let range = |cuts: &[u32]| Due::of_range(&matchings, &(cuts[0]..cuts[1]));
            let mut dues: Vec<Due> = cuts.windows(2).map(range).collect();
            dues.iter_mut().for_each(|due| due.find(&matchings, epoch, Simd::detect()));
            let list = |matching: usize| dues.iter().flat_map(|due| due.of(matching)).copied().collect::<Vec<Edge>>();
            (0..matchings.len()).map(list).collect::<Vec<_>>()
        };
        for epoch in [1, 2, 6, 7] {
            let alone = listed(1, epoch);
            assert!(alone.iter().all(|list| list.is_sorted_by_key(|edge| edge.left)));
            for n_ranges in [2, 3, 7, 600] {
                assert_eq!(listed(n_ranges, epoch), alone, "{n_ranges}");
            }
        }
        assert!(listed(1, 6).iter().any(|list| list.len() > 100));
    }
}
