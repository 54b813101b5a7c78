//! The fuzzy graph: how strongly each point belongs to the neighbourhoods of others.
//!
//! Section 3.1 and algorithms 2 and 3 of McInnes, Healy, Melville 2018, with the tolerances of umap-learn.
#![expect(clippy::indexing_slicing, reason = "rows and columns of a graph are below its number of points")]

use rayon::prelude::*;

use super::neighbours::Neighbours;
use super::reverse::Reversed;

/// How close the sum of strengths must come to `log2(k)`.
const SMOOTH_K_TOLERANCE: f64 = 1e-5;
/// A bandwidth is at least this share of the mean distance.
const MIN_K_DIST_SCALE: f64 = 1e-3;
/// Rows that one thread copies at a time.
const ROWS_A_TASK: usize = 512;
/// Rounds of the bisection for a bandwidth.
const SEARCH_ROUNDS: usize = 64;

/// The scale of one point: strength is 1 up to the distance `rho`, then `exp(-(d - rho) / sigma)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    rho: f64,
    sigma: f64,
}

impl Scale {
    /// The scale at which the strengths of `distances`, ascending, add up to `log2(k)`.
    ///
    /// As in umap-learn, the first distance is left out of the sum (in a fit it is the point's own), and
    /// `mean_distance`, the mean over all points, bounds the bandwidth of a point whose neighbours are all at distance
    /// 0.
    pub(super) fn smooth(distances: &[f32], local_connectivity: f64, mean_distance: f64) -> Self {
        let rho = nearest_distance(distances, local_connectivity);
        let target = (distances.len() as f64).log2();
        let runs = runs(distances.get(1..).unwrap_or_default());
        let (mut low, mut high, mut sigma) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..SEARCH_ROUNDS {
            let sum: f64 = runs.iter().map(|&(d, count)| count * strength(d, rho, sigma)).sum();
            if (sum - target).abs() < SMOOTH_K_TOLERANCE {
                break;
            }
            if sum > target {
                high = sigma;
                sigma = (low + high) / 2.0;
            } else {
                low = sigma;
                sigma = if high.is_infinite() { sigma * 2.0 } else { (low + high) / 2.0 };
            }
        }
        let floor = if rho > 0.0 { mean(distances) } else { mean_distance };
        Self { rho, sigma: sigma.max(MIN_K_DIST_SCALE * floor) }
    }

    /// The membership strength of a neighbour at `distance`, 0 to 1.
    pub(super) fn strength(self, distance: f32) -> f32 {
        strength(f64::from(distance), self.rho, self.sigma) as f32
    }
}

fn strength(distance: f64, rho: f64, sigma: f64) -> f64 {
    if distance <= rho || sigma == 0.0 { 1.0 } else { (-(distance - rho) / sigma).exp() }
}

/// The distance up to which strength is 1: that of the `local_connectivity`-th neighbour that is not at distance 0.
fn nearest_distance(distances: &[f32], local_connectivity: f64) -> f64 {
    let apart = &distances[distances.partition_point(|&d| d <= 0.0)..];
    let Some(&farthest) = apart.last() else { return 0.0 };
    if (apart.len() as f64) < local_connectivity {
        return f64::from(farthest);
    }
    let whole = local_connectivity.floor();
    let part = local_connectivity - whole;
    let at = |i: usize| apart.get(i).map_or(f64::from(farthest), |&d| f64::from(d));
    match whole as usize {
        0 => part * at(0),
        whole if part > SMOOTH_K_TOLERANCE => at(whole - 1) + part * (at(whole) - at(whole - 1)),
        whole => at(whole - 1),
    }
}

/// The distinct distances and how often each occurs. One-hot rows have 120 neighbours at a dozen distances, and
/// exponentials are expensive.
fn runs(distances: &[f32]) -> Vec<(f64, f64)> {
    let equal = distances.chunk_by(|a, b| a == b);
    equal.filter_map(|run| Some((f64::from(*run.first()?), run.len() as f64))).collect()
}

/// The mean of `distances`; 0 for none.
pub(super) fn mean(distances: &[f32]) -> f64 {
    distances.iter().map(|&d| f64::from(d)).sum::<f64>() / distances.len().max(1) as f64
}

/// A symmetric weighted graph in compressed rows. Columns ascend within a row; there are no loops and no weights of 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Graph {
    /// Row `i` is `starts[i]..starts[i + 1]` of the other two.
    starts: Vec<usize>,
    columns: Vec<u32>,
    weights: Vec<f32>,
}

/// Some rows of a graph.
#[derive(Default)]
struct Rows {
    lengths: Vec<u32>,
    columns: Vec<u32>,
    weights: Vec<f32>,
}

impl Rows {
    fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        let before = self.columns.len();
        for (column, weight) in row {
            self.columns.push(column);
            self.weights.push(weight);
        }
        self.lengths.push((self.columns.len() - before) as u32);
    }
}

impl Graph {
    /// Joins the neighbourhoods. An edge of strength `a` in one direction and `b` in the other gets the weight
    /// `ratio · (a + b - ab) + (1 - ratio) · ab`: the fuzzy union for `ratio` 1, the intersection for 0.
    pub(super) fn fuzzy(neighbours: Neighbours, local_connectivity: f32, ratio: f32) -> Self {
        let Neighbours { k, indices, distances: mut strengths } = neighbours;
        let (n, mean_distance) = (indices.len() / k, mean(&strengths));
        strengths.par_chunks_mut(k).for_each(|row| {
            let scale = Scale::smooth(row, f64::from(local_connectivity), mean_distance);
            row.iter_mut().for_each(|x| *x = scale.strength(*x));
        });
        let edges = |i: usize| {
            let row = i * k..(i + 1) * k;
            let edges = indices[row.clone()].iter().copied().zip(strengths[row].iter().copied());
            edges.filter(move |&(j, strength)| j as usize != i && strength > 0.0)
        };
        let reversed = Reversed::new(n, |i| edges(i).map(|(j, strength)| (j, strength.to_bits())));
        let rows = |part: usize| {
            let part = reversed.part(part);
            let (mut rows, mut to, mut from) = (Rows::default(), Vec::new(), Vec::new());
            for i in part.targets() {
                to.clear();
                to.extend(edges(i));
                to.sort_unstable_by_key(|&(j, _)| j);
                from.clear();
                from.extend(part.sources(i).iter().map(|&(j, bits)| (j, f32::from_bits(bits))));
                rows.push(join(&to, &from, ratio));
            }
            rows
        };
        Self::from_parts((0..n.div_ceil(reversed.targets_at_once())).into_par_iter().map(rows).collect())
    }

    /// The graph whose rows are those of all parts, one part after the other.
    fn from_parts(parts: Vec<Rows>) -> Self {
        let mut starts = Vec::with_capacity(parts.iter().map(|part| part.lengths.len()).sum::<usize>() + 1);
        starts.push(0);
        let mut end = 0;
        for length in parts.iter().flat_map(|part| &part.lengths) {
            end += *length as usize;
            starts.push(end);
        }
        let (mut columns, mut weights) = (vec![0; end], vec![0.0; end]);
        let mut places = Vec::with_capacity(parts.len());
        let (mut free_columns, mut free_weights) = (columns.as_mut_slice(), weights.as_mut_slice());
        for part in parts {
            let place = free_columns.split_at_mut(part.columns.len());
            let place_of_weights = free_weights.split_at_mut(part.columns.len());
            (free_columns, free_weights) = (place.1, place_of_weights.1);
            places.push((part, place.0, place_of_weights.0));
        }
        places.into_par_iter().for_each(|(part, columns, weights)| {
            columns.copy_from_slice(&part.columns);
            weights.copy_from_slice(&part.weights);
        });
        Self { starts, columns, weights }
    }

    /// The graph whose `rows` hold the edges of each point as (column, weight), columns ascending.
    pub(super) fn from_rows(rows: Vec<Vec<(u32, f32)>>) -> Self {
        let mut starts = Vec::with_capacity(rows.len() + 1);
        starts.push(0);
        let mut end = 0;
        for row in &rows {
            end += row.len();
            starts.push(end);
        }
        let (columns, weights) = rows.into_iter().flatten().unzip();
        Self { starts, columns, weights }
    }

    pub(super) fn n_points(&self) -> usize {
        self.starts.len() - 1
    }

    /// Point `i`'s edges as (column, weight), columns ascending.
    pub(super) fn row(&self, i: usize) -> impl ExactSizeIterator<Item = (u32, f32)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.columns[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }

    pub(super) fn max_weight(&self) -> f32 {
        self.weights.par_iter().copied().reduce(|| 0.0, f32::max)
    }

    /// The graph without the edges that are too weak to be drawn once in `n_epochs`.
    ///
    /// Like umap-learn, prunes by the default number of epochs if `n_epochs` is 10 or less.
    pub(super) fn pruned(&self, n_epochs: usize, default_epochs: usize) -> Self {
        let weakest = self.max_weight() / if n_epochs > 10 { n_epochs } else { default_epochs } as f32;
        let rows = |part: usize| {
            let mut rows = Rows::default();
            for i in part * ROWS_A_TASK..((part + 1) * ROWS_A_TASK).min(self.n_points()) {
                rows.push(self.row(i).filter(|&(_, weight)| weight >= weakest));
            }
            rows
        };
        Self::from_parts((0..self.n_points().div_ceil(ROWS_A_TASK)).into_par_iter().map(rows).collect())
    }

    /// The graph in which point `order[i]` has the number `i`.
    pub(super) fn renumbered(&self, order: &[u32]) -> Self {
        let mut number = vec![0; order.len()];
        for (new, &old) in (0_u32..).zip(order) {
            number[old as usize] = new;
        }
        let rows = |order: &[u32]| {
            let (mut rows, mut row) = (Rows::default(), Vec::new());
            for &old in order {
                row.clear();
                row.extend(self.row(old as usize).map(|(j, weight)| (number[j as usize], weight)));
                row.sort_unstable_by_key(|&(j, _)| j);
                rows.push(row.iter().copied());
            }
            rows
        };
        Self::from_parts(order.par_chunks(ROWS_A_TASK).map(rows).collect())
    }

    /// Where each row begins, and the columns and weights of all rows.
    pub(super) fn compressed(&self) -> (&[usize], &[u32], &[f32]) {
        (&self.starts, &self.columns, &self.weights)
    }

    /// The component of each point, and the number of components. They are numbered in the order of their first points.
    pub(super) fn components(&self) -> (Vec<usize>, usize) {
        let mut labels = vec![usize::MAX; self.n_points()];
        let (mut count, mut open) = (0, Vec::new());
        for first in 0..self.n_points() {
            if labels[first] != usize::MAX {
                continue;
            }
            labels[first] = count;
            open.push(first);
            while let Some(i) = open.pop() {
                for (j, _) in self.row(i) {
                    if labels[j as usize] == usize::MAX {
                        labels[j as usize] = count;
                        open.push(j as usize);
                    }
                }
            }
            count += 1;
        }
        (labels, count)
    }

    /// The graph of one component, whose points are `members`, ascending. Their index there is their new number.
    ///
    /// `number` is a buffer of one entry for each point; what it holds does not matter.
    pub(super) fn component(&self, members: &[usize], number: &mut Vec<u32>) -> Self {
        number.resize(self.n_points(), 0);
        for (new, &old) in members.iter().enumerate() {
            number[old] = new as u32;
        }
        let row = |&i: &usize| self.row(i).map(|(j, weight)| (number[j as usize], weight)).collect();
        Self::from_rows(members.iter().map(row).collect())
    }
}

/// Merges a point's outgoing and incoming edges, both with ascending columns.
fn join(to: &[(u32, f32)], from: &[(u32, f32)], ratio: f32) -> Vec<(u32, f32)> {
    let mut joined = Vec::with_capacity(to.len() + from.len());
    let (mut to, mut from) = (to.iter().copied().peekable(), from.iter().copied().peekable());
    loop {
        let column = match (to.peek(), from.peek()) {
            (None, None) => return joined,
            (Some(&(a, _)), None) => a,
            (None, Some(&(b, _))) => b,
            (Some(&(a, _)), Some(&(b, _))) => a.min(b),
        };
        let a = to.next_if(|e| e.0 == column).map_or(0.0, |e| e.1);
        let b = from.next_if(|e| e.0 == column).map_or(0.0, |e| e.1);
        // Both ends of the edge get the same bits: a + b and a · b do not depend on the order.
        let weight = ratio * (a + b - a * b) + (1.0 - ratio) * (a * b);
        if weight > 0.0 {
            joined.push((column, weight));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strengths_of_a_neighbourhood_add_up_to_the_logarithm_of_its_size() {
        let distances: Vec<f32> = (0..16).map(|i| i as f32 * 0.3).collect();
        let scale = Scale::smooth(&distances, 1.0, 1.0);
        assert_eq!(scale.rho, f64::from(0.3_f32));
        assert_eq!(scale.strength(0.3), 1.0);
        let sum: f32 = distances[1..].iter().map(|&d| scale.strength(d)).sum();
        assert!((sum - 4.0).abs() < 1e-4, "{sum}");
    }

    #[test]
    fn local_connectivity_interpolates_between_neighbours() {
        let distances = [0.0, 1.0, 2.0, 4.0];
        for (connectivity, rho) in [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (1.5, 1.5), (2.0, 2.0), (3.0, 4.0), (9.0, 4.0)]
        {
            assert_eq!(nearest_distance(&distances, connectivity), rho, "{connectivity}");
        }
    }

    #[test]
    fn neighbours_all_at_the_same_distance_are_all_full_members() {
        for distances in [[0.0; 6], [0.0, 2.0, 2.0, 2.0, 2.0, 2.0]] {
            let scale = Scale::smooth(&distances, 1.0, mean(&distances));
            assert!(distances.iter().all(|&d| scale.strength(d) == 1.0), "{scale:?}");
        }
    }

    #[test]
    fn joining_is_a_union_an_intersection_or_in_between() {
        let (to, from) = ([(0, 0.5), (2, 1.0)], [(0, 0.5), (3, 0.25)]);
        assert_eq!(join(&to, &from, 1.0), [(0, 0.75), (2, 1.0), (3, 0.25)]);
        assert_eq!(join(&to, &from, 0.0), [(0, 0.25)]);
        assert_eq!(join(&to, &from, 0.5), [(0, 0.5), (2, 0.5), (3, 0.125)]);
    }

    #[test]
    fn components_are_found_and_cut_out() {
        let graph = Graph::from_rows(vec![vec![(2, 1.0)], vec![(3, 0.5)], vec![(0, 1.0)], vec![(1, 0.5)], vec![]]);
        assert_eq!(graph.components(), (vec![0, 1, 0, 1, 2], 3));
        assert_eq!(graph.component(&[1, 3], &mut Vec::new()), Graph::from_rows(vec![vec![(1, 0.5)], vec![(0, 0.5)]]));
    }

    #[test]
    fn a_renumbered_graph_has_the_same_edges() {
        let graph = Graph::from_rows(vec![vec![(1, 0.5), (2, 1.0)], vec![(0, 0.5)], vec![(0, 1.0)]]);
        let renumbered = Graph::from_rows(vec![vec![(1, 1.0)], vec![(0, 1.0), (2, 0.5)], vec![(1, 0.5)]]);
        assert_eq!(graph.renumbered(&[2, 0, 1]), renumbered);
    }

    #[test]
    fn an_edge_too_weak_for_one_draw_is_pruned() {
        let graph = Graph::from_rows(vec![vec![(1, 1.0), (2, 0.01)], vec![(0, 1.0)], vec![(0, 0.01)]]);
        assert_eq!(graph.pruned(50, 500).row(0).len(), 1);
        assert_eq!(graph.pruned(500, 500).row(0).len(), 2);
        assert_eq!(graph.pruned(5, 500).row(0).len(), 2);
    }
}
