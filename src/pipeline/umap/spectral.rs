//! The leading eigenvectors of a connected graph, where the layout starts.
//!
//! The spectral embedding is made of the eigenvectors of the normalised Laplacian `I - D^-½ W D^-½` with the smallest
//! eigenvalues above 0, which are those of `S = D^-½ W D^-½` with the largest below 1. They are found by subspace iteration
//! with a Chebyshev filter (Zhou, Saad, Tiago, Chelikowsky 2006): a block tolerates the near-equal eigenvalues that
//! symmetric categories bring, its products run over rows in parallel, and no sum depends on the number of threads.
#![expect(clippy::indexing_slicing, reason = "all blocks have the graph's rows and the same number of columns")]

use rayon::prelude::*;

use super::fuzzy_graph::Graph;
use super::random::symmetric;

/// Degree of the filter: products between two orthogonalisations.
const DEGREE: usize = 8;
/// A start does not need more than a few digits; what is wrong by less than this the layout mends in its first epochs.
const TOLERANCE: f64 = 1e-3;
const MAX_ROUNDS: usize = 30;
/// Rows multiplied by one task.
const ROWS: usize = 64;

/// The `n_vectors` leading non-trivial eigenvectors of `graph`, each of unit length; or `None` when there are not as many.
///
/// `graph` is connected; `key` seeds the block that is iterated.
pub(super) fn leading_vectors(graph: &Graph, n_vectors: usize, key: u64) -> Option<Vec<Vec<f64>>> {
    let n = graph.n_points();
    let width = (n_vectors + (n_vectors / 2).max(6)).min(n.saturating_sub(1));
    if n_vectors == 0 || width < n_vectors {
        return None;
    }
    let operator = Operator::new(graph);
    let mut block: Vec<Vec<f64>> =
        (0..width).map(|c| (0..n).map(|i| symmetric(key, (c * n + i) as u64)).collect()).collect();
    let mut cut = 0.0;
    for _ in 0..MAX_ROUNDS {
        block = operator.filtered(&block, cut);
        orthonormalise(&mut block, &operator.trivial);
        let (values, residual) = operator.rotate_to_eigenvectors(&mut block, n_vectors);
        if residual < TOLERANCE {
            break;
        }
        cut = values.last().map_or(cut, |&lowest| lowest.clamp(-0.9, 0.999));
    }
    block.truncate(n_vectors);
    let found = block.iter().all(|vector| vector.iter().any(|&x| x != 0.0) && vector.iter().all(|x| x.is_finite()));
    found.then_some(block)
}

/// `S`, with its trivial eigenvector.
struct Operator {
    /// Row starts into `entries`.
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
    /// `D^½ 1` at unit length: the eigenvector of eigenvalue 1.
    trivial: Vec<f64>,
}

impl Operator {
    fn new(graph: &Graph) -> Self {
        let n = graph.n_points();
        let root: Vec<f64> =
            (0..n).map(|i| graph.row(i).map(|(_, weight)| f64::from(weight)).sum::<f64>().sqrt()).collect();
        let mut starts = vec![0];
        let mut entries = Vec::new();
        for i in 0..n {
            entries.extend(graph.row(i).map(|(j, weight)| (j, f64::from(weight) / (root[i] * root[j as usize]))));
            starts.push(entries.len());
        }
        let length = dot(&root, &root).sqrt();
        Self { starts, entries, trivial: root.iter().map(|x| x / length).collect() }
    }

    /// `factor · (S - centre) x + other · previous` for a block `(n, width)` row by row.
    fn step(&self, x: &[f64], previous: &[f64], terms: Terms, out: &mut [f64]) {
        let width = terms.width;
        out.par_chunks_mut(ROWS * width).enumerate().for_each(|(chunk, out)| {
            for (offset, out) in out.chunks_exact_mut(width).enumerate() {
                let i = chunk * ROWS + offset;
                out.fill(0.0);
                for &(j, weight) in &self.entries[self.starts[i]..self.starts[i + 1]] {
                    let row = &x[j as usize * width..][..width];
                    for (out, x) in out.iter_mut().zip(row) {
                        *out += weight * x;
                    }
                }
                let (own, before) = (&x[i * width..][..width], &previous[i * width..][..width]);
                for ((out, own), before) in out.iter_mut().zip(own).zip(before) {
                    *out = terms.factor * (*out - terms.centre * own) + terms.other * before;
                }
            }
        });
    }

    /// Applies the Chebyshev polynomial that is small on `[-1, cut]` and grows beyond.
    fn filtered(&self, block: &[Vec<f64>], cut: f64) -> Vec<Vec<f64>> {
        let width = block.len();
        let (centre, half) = ((cut - 1.0) / 2.0, (cut + 1.0) / 2.0);
        let mut before = row_major(block);
        let mut now = vec![0.0; before.len()];
        let mut next = vec![0.0; before.len()];
        self.step(&before, &before, Terms { width, centre, factor: 1.0 / half, other: 0.0 }, &mut now);
        for _ in 1..DEGREE {
            self.step(&now, &before, Terms { width, centre, factor: 2.0 / half, other: -1.0 }, &mut next);
            std::mem::swap(&mut before, &mut now);
            std::mem::swap(&mut now, &mut next);
        }
        column_major(&now, width)
    }

    /// Rayleigh-Ritz: turns an orthonormal block towards the eigenvectors, largest eigenvalue first.
    ///
    /// Returns the Ritz values and the largest residual `|S v - λ v|` of the first `wanted`.
    fn rotate_to_eigenvectors(&self, block: &mut Vec<Vec<f64>>, wanted: usize) -> (Vec<f64>, f64) {
        let width = block.len();
        let rows = row_major(block);
        let mut image = vec![0.0; rows.len()];
        self.step(&rows, &rows, Terms { width, centre: 0.0, factor: 1.0, other: 0.0 }, &mut image);
        let image = column_major(&image, width);
        let projected: Vec<Vec<f64>> = block.iter().map(|v| image.iter().map(|w| dot(v, w)).collect()).collect();
        let (values, rotation) = symmetric_eigen(projected);
        let rotated = combine(block, &rotation);
        let image = combine(&image, &rotation);
        let residual = rotated
            .iter()
            .zip(&image)
            .zip(&values)
            .take(wanted)
            .map(|((v, w), value)| v.iter().zip(w).map(|(v, w)| (w - value * v).powi(2)).sum::<f64>().sqrt());
        let residual = residual.fold(0.0, f64::max);
        *block = rotated;
        (values, residual)
    }
}

/// One step of the three-term recurrence.
#[derive(Clone, Copy)]
struct Terms {
    width: usize,
    centre: f64,
    factor: f64,
    other: f64,
}

fn row_major(block: &[Vec<f64>]) -> Vec<f64> {
    let n = block.first().map_or(0, Vec::len);
    (0..n).flat_map(|i| block.iter().map(move |column| column[i])).collect()
}

fn column_major(rows: &[f64], width: usize) -> Vec<Vec<f64>> {
    (0..width).map(|c| rows.iter().skip(c).step_by(width).copied().collect()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums side by side, in an order of their own, so that the processor need not wait for each addition.
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a4.remainder().iter().zip(b4.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a4.zip(b4) {
        for l in 0..4 {
            sums[l] += a[l] * b[l];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

fn subtract(target: &mut [f64], factor: f64, vector: &[f64]) {
    for (target, x) in target.iter_mut().zip(vector) {
        *target -= factor * x;
    }
}

/// Gram-Schmidt against `trivial` and each other, twice for orthogonality to the last digit; what vanishes stays 0.
fn orthonormalise(block: &mut [Vec<f64>], trivial: &[f64]) {
    for c in 0..block.len() {
        let (done, rest) = block.split_at_mut(c);
        let column = &mut rest[0];
        for _ in 0..2 {
            let length = dot(column, column).sqrt();
            column.iter_mut().for_each(|x| *x /= length.max(f64::MIN_POSITIVE));
            for against in std::iter::once(trivial).chain(done.iter().map(Vec::as_slice)) {
                let factor = dot(column, against);
                subtract(column, factor, against);
            }
        }
        let length = dot(column, column).sqrt();
        // Nothing but rounding is left of a column that the others span.
        let scale = if length > 1e-8 { 1.0 / length } else { 0.0 };
        column.iter_mut().for_each(|x| *x *= scale);
    }
}

/// `block · rotation`, where `rotation[c]` holds the coefficients of column `c`.
fn combine(block: &[Vec<f64>], rotation: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let one = |coefficients: &Vec<f64>| {
        let mut column = vec![0.0; block.first().map_or(0, Vec::len)];
        for (factor, vector) in coefficients.iter().zip(block) {
            subtract(&mut column, -factor, vector);
        }
        column
    };
    rotation.par_iter().map(one).collect()
}

/// Eigenvalues, largest first, and eigenvectors of a small symmetric matrix, by cyclic Jacobi rotations.
pub(super) fn symmetric_eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = matrix.len();
    let mut vectors: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..50 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| matrix[i][j].powi(2)).sum();
        if off < 1e-26 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut matrix, &mut vectors, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]).then(a.cmp(&b)));
    (order.iter().map(|&i| matrix[i][i]).collect(), order.iter().map(|&i| vectors[i].clone()).collect())
}

/// One Jacobi rotation that makes `matrix[p][q]` vanish; `vectors` holds the eigenvectors as rows.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    let off = matrix[p][q];
    if off.abs() < f64::MIN_POSITIVE {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        let (a, b) = (row[p], row[q]);
        (row[p], row[q]) = (cosine * a - sine * b, sine * a + cosine * b);
    }
    for table in [matrix, vectors] {
        for k in 0..table[p].len() {
            let (a, b) = (table[p][k], table[q][k]);
            (table[p][k], table[q][k]) = (cosine * a - sine * b, sine * a + cosine * b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_matrix_is_taken_apart() {
        let matrix = vec![vec![2.0, -1.0, 0.0], vec![-1.0, 2.0, -1.0], vec![0.0, -1.0, 2.0]];
        let (values, vectors) = symmetric_eigen(matrix.clone());
        for (value, expected) in values.iter().zip([2.0 + 2_f64.sqrt(), 2.0, 2.0 - 2_f64.sqrt()]) {
            assert!((value - expected).abs() < 1e-12);
        }
        for (value, vector) in values.iter().zip(&vectors) {
            for (row, x) in matrix.iter().zip(vector) {
                assert!((dot(row, vector) - value * x).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_ring_unrolls_into_its_waves() {
        let n = 60;
        let neighbours = |i: usize| {
            let mut row = vec![((i + 1) % n) as u32, ((i + n - 1) % n) as u32];
            row.sort_unstable();
            row.into_iter().map(|j| (j, 1.0)).collect()
        };
        let graph = Graph::from_rows((0..n).map(neighbours).collect());
        let vectors = leading_vectors(&graph, 4, 7).unwrap();
        let operator = Operator::new(&graph);
        for (c, vector) in vectors.iter().enumerate() {
            assert!((dot(vector, vector) - 1.0).abs() < 1e-9 && dot(vector, &operator.trivial).abs() < 1e-9);
            let mut image = vec![0.0; n];
            operator.step(vector, vector, Terms { width: 1, centre: 0.0, factor: 1.0, other: 0.0 }, &mut image);
            let wave = (std::f64::consts::TAU * (c / 2 + 1) as f64 / n as f64).cos();
            assert!((dot(vector, &image) - wave).abs() < 1e-5, "{c}: {}, {wave}", dot(vector, &image));
        }
    }

    #[test]
    fn a_graph_too_small_for_the_dimensions_has_no_spectral_start() {
        let pair = Graph::from_rows(vec![vec![(1, 1.0)], vec![(0, 1.0)]]);
        assert_eq!(leading_vectors(&pair, 2, 1), None);
        assert_eq!(leading_vectors(&pair, 1, 1).unwrap().len(), 1);
    }
}
