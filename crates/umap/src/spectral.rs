//! The leading eigenvectors of a connected graph: the start of the layout.
//!
//! The spectral embedding consists of the eigenvectors of the normalised Laplacian `I - D^-½ W D^-½` with the smallest
//! eigenvalues above 0. They are the eigenvectors of `S = D^-½ W D^-½` with the largest eigenvalues below 1.
//!
//! They are found by subspace iteration with a Chebyshev filter (Zhou, Saad, Tiago, Chelikowsky 2006). A block of
//! vectors tolerates the nearly equal eigenvalues of symmetric categorical data, and its products run over rows in
//! parallel. The order of every sum is fixed, whatever the number of threads.
#![allow(unsafe_code, reason = "compiled for AVX2, and called only on processors that have it")]
#![expect(clippy::indexing_slicing, reason = "all blocks have the graph's rows and the same number of columns")]

use rayon::prelude::*;

use super::fuzzy_graph::Graph;
use super::random::symmetric;

/// The degree of the filter, which is the number of products with `S` between two orthogonalisations.
const DEGREE: usize = 8;
/// The largest residual of an eigenvector. A start needs few digits: the layout corrects smaller errors in its first
/// epochs.
const TOLERANCE: f64 = 1e-3;
const MAX_ROUNDS: usize = 30;
/// Rows that one thread takes at a time.
const ROWS: usize = 64;
/// Rows that are added up together, so that the order of a sum is the same on any number of threads.
const ROWS_A_SUM: usize = 1024;
/// A direction is dropped if the unit vectors of a block have no more than this squared length along it.
const LEAST_SHARE: f64 = 1e-13;

/// The `n_vectors` leading non-trivial eigenvectors of `graph`, each of unit length; `None` if there are fewer.
///
/// `graph` is connected. `key` seeds the first block.
pub(super) fn leading_vectors(graph: &Graph, n_vectors: usize, key: u64) -> Option<Vec<Vec<f64>>> {
    let n = graph.n_points();
    let width = (n_vectors + (n_vectors / 2).max(6)).min(n.saturating_sub(1));
    if n_vectors == 0 || width < n_vectors {
        return None;
    }
    let operator = Operator::new(graph);
    let start = (0..n * width).map(|at| symmetric(key, (at % width * n + at / width) as u64));
    let mut block = Block { rows: start.collect(), width };
    let mut cut = 0.0;
    for _ in 0..MAX_ROUNDS {
        block = operator.filtered(block, cut);
        let (values, residual) = operator.rotate_to_eigenvectors(&mut block, n_vectors);
        if residual < TOLERANCE {
            break;
        }
        cut = values.last().map_or(cut, |&lowest| lowest.clamp(-0.9, 0.999));
    }
    let column = |c: usize| block.rows.iter().skip(c).step_by(width).copied().collect();
    let vectors: Vec<Vec<f64>> = (0..n_vectors).map(column).collect();
    let found = vectors.iter().all(|vector| vector.iter().any(|&x| x != 0.0) && vector.iter().all(|x| x.is_finite()));
    found.then_some(vectors)
}

/// `width` vectors: `(n_points, width)` row by row.
struct Block {
    rows: Vec<f64>,
    width: usize,
}

/// The sparse matrix `S`, and its trivial eigenvector.
struct Operator<'a> {
    /// Row `i` is `starts[i]..starts[i + 1]` of `columns` and `weights`.
    starts: &'a [usize],
    columns: &'a [u32],
    weights: Vec<f32>,
    /// `D^½ 1` at unit length: the eigenvector with eigenvalue 1.
    trivial: Vec<f64>,
}

impl<'a> Operator<'a> {
    fn new(graph: &'a Graph) -> Self {
        let (starts, columns, strengths) = graph.compressed();
        let root = |i: usize| graph.row(i).map(|(_, weight)| f64::from(weight)).sum::<f64>().sqrt();
        let root: Vec<f64> = (0..graph.n_points()).into_par_iter().with_min_len(ROWS).map(root).collect();
        let mut weights = vec![0.0; strengths.len()];
        let mut places = Vec::with_capacity(root.len());
        let mut free = weights.as_mut_slice();
        for row in starts.windows(2) {
            let (place, rest) = free.split_at_mut(row[1] - row[0]);
            places.push(place);
            free = rest;
        }
        places.into_par_iter().enumerate().with_min_len(ROWS).for_each(|(i, place)| {
            for (to, (j, weight)) in place.iter_mut().zip(graph.row(i)) {
                *to = (f64::from(weight) / (root[i] * root[j as usize])) as f32;
            }
        });
        let length = root.iter().map(|x| x * x).sum::<f64>().sqrt();
        Self { starts, columns, weights, trivial: root.iter().map(|x| x / length).collect() }
    }

    /// `factor · (S - centre) x + other · previous`, for each vector of the block.
    fn step(&self, x: &Block, previous: &Block, terms: Terms, out: &mut Block) {
        let width = x.width;
        out.rows.par_chunks_mut(ROWS * width).enumerate().for_each(|(chunk, out)| {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the line above checked that the processor has AVX2.
                return unsafe { rows_with_avx2(self, x, previous, terms, (chunk * ROWS, out)) };
            }
            self.rows(x, previous, terms, (chunk * ROWS, out));
        });
    }

    /// [`Self::step`] for the rows from `first` on.
    #[inline(always)]
    fn rows(&self, x: &Block, previous: &Block, terms: Terms, (first, out): (usize, &mut [f64])) {
        let width = x.width;
        for (i, out) in (first..).zip(out.chunks_exact_mut(width)) {
            out.fill(0.0);
            let edges = self.starts[i]..self.starts[i + 1];
            for (&j, &weight) in self.columns[edges.clone()].iter().zip(&self.weights[edges]) {
                let (row, weight) = (&x.rows[j as usize * width..][..width], f64::from(weight));
                for (out, x) in out.iter_mut().zip(row) {
                    *out += weight * x;
                }
            }
            let (own, before) = (&x.rows[i * width..][..width], &previous.rows[i * width..][..width]);
            for ((out, own), before) in out.iter_mut().zip(own).zip(before) {
                *out = terms.factor * (*out - terms.centre * own) + terms.other * before;
            }
        }
    }

    /// Applies the Chebyshev polynomial of degree [`DEGREE`] that is small on the eigenvalues `[-1, cut]` and grows
    /// above.
    fn filtered(&self, block: Block, cut: f64) -> Block {
        let (centre, half) = ((cut - 1.0) / 2.0, (cut + 1.0) / 2.0);
        let mut before = block;
        let mut now = before.zeros();
        let mut next = before.zeros();
        self.step(&before, &before, Terms { centre, factor: 1.0 / half, other: 0.0 }, &mut now);
        for _ in 1..DEGREE {
            self.step(&now, &before, Terms { centre, factor: 2.0 / half, other: -1.0 }, &mut next);
            std::mem::swap(&mut before, &mut now);
            std::mem::swap(&mut now, &mut next);
        }
        now
    }

    /// Rayleigh-Ritz: replaces the vectors of the block by the best approximations of eigenvectors in their span. They
    /// are orthonormal, the largest eigenvalue first. If the span has fewer dimensions than the block has vectors, the
    /// last vectors become 0.
    ///
    /// Returns the Ritz values and the largest residual `|S v - λ v|` of the first `wanted` vectors.
    fn rotate_to_eigenvectors(&self, block: &mut Block, wanted: usize) -> (Vec<f64>, f64) {
        block.subtract_along(&self.trivial);
        let mut image = block.zeros();
        self.step(block, block, Terms { centre: 0.0, factor: 1.0, other: 0.0 }, &mut image);
        let whitening = whitening(&block.products(block));
        let projected = between(&whitening, &block.products(&image));
        let (values, rotation) = symmetric_eigen(projected);
        let rotation: Vec<Vec<f64>> = rotation.iter().map(|coefficients| combined(&whitening, coefficients)).collect();
        block.rotate(&rotation);
        image.rotate(&rotation);
        let squares = block.sums(wanted, |i, sums| {
            let (own, image) = (block.row(i), image.row(i));
            for (((sum, x), y), value) in sums.iter_mut().zip(own).zip(image).zip(&values) {
                *sum += (y - value * x).powi(2);
            }
        });
        (values, squares.into_iter().fold(0.0, f64::max).sqrt())
    }
}

impl Block {
    fn zeros(&self) -> Self {
        Self { rows: vec![0.0; self.rows.len()], width: self.width }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.width..][..self.width]
    }

    /// The sums, `(length)`, of what `add` adds for each row, in an order that does not depend on the number of
    /// threads.
    fn sums(&self, length: usize, add: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
        let n = self.rows.len() / self.width;
        let part = |first: usize| {
            let mut sums = vec![0.0; length];
            (first * ROWS_A_SUM..((first + 1) * ROWS_A_SUM).min(n)).for_each(|i| add(i, &mut sums));
            sums
        };
        let parts: Vec<Vec<f64>> = (0..n.div_ceil(ROWS_A_SUM)).into_par_iter().map(part).collect();
        let mut total = vec![0.0; length];
        for part in parts {
            total.iter_mut().zip(part).for_each(|(total, x)| *total += x);
        }
        total
    }

    /// The scalar products of this block's vectors with those of `other`, `(width, width)`.
    fn products(&self, other: &Self) -> Vec<Vec<f64>> {
        let width = self.width;
        let flat = self.sums(width * width, |i, sums| {
            for (sums, x) in sums.chunks_exact_mut(width).zip(self.row(i)) {
                for (sum, y) in sums.iter_mut().zip(other.row(i)) {
                    *sum += x * y;
                }
            }
        });
        flat.chunks_exact(width).map(<[f64]>::to_vec).collect()
    }

    /// Subtracts from each vector its part along `unit`, `(n_points)`, which has unit length.
    fn subtract_along(&mut self, unit: &[f64]) {
        let parts = self.sums(self.width, |i, sums| {
            for (sum, x) in sums.iter_mut().zip(self.row(i)) {
                *sum += unit[i] * x;
            }
        });
        self.rows.par_chunks_mut(self.width).zip(unit).with_min_len(ROWS).for_each(|(row, unit)| {
            for (x, part) in row.iter_mut().zip(&parts) {
                *x -= unit * part;
            }
        });
    }

    /// Replaces the vectors by linear combinations. Each row of `rotation` holds the coefficients of one new vector.
    fn rotate(&mut self, rotation: &[Vec<f64>]) {
        self.rows.par_chunks_mut(self.width).with_min_len(ROWS).for_each_init(Vec::new, |old, row| {
            old.clear();
            old.extend_from_slice(row);
            for (x, coefficients) in row.iter_mut().zip(rotation) {
                *x = coefficients.iter().zip(old.iter()).map(|(factor, x)| factor * x).sum();
            }
        });
    }
}

/// [`Operator::rows`] compiled for wider registers. It does the same operations in the same order, so results have the
/// same bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn rows_with_avx2(operator: &Operator<'_>, x: &Block, previous: &Block, terms: Terms, rows: (usize, &mut [f64])) {
    operator.rows(x, previous, terms, rows);
}

/// Orthonormal combinations of vectors with these scalar `products`: their coefficients, one combination a row. Rows
/// are zero if the other rows span everything.
fn whitening(products: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let length: Vec<f64> = products.iter().enumerate().map(|(c, row)| row[c].max(f64::MIN_POSITIVE).sqrt()).collect();
    let angle = |(a, row): (usize, &Vec<f64>)| row.iter().zip(&length).map(|(x, b)| x / (length[a] * b)).collect();
    let (values, vectors) = symmetric_eigen(products.iter().enumerate().map(angle).collect());
    let coefficients = |(value, vector): (&f64, &Vec<f64>)| {
        // A direction as short as this consists of rounding errors.
        let scale = if *value > LEAST_SHARE { 1.0 / value.sqrt() } else { 0.0 };
        vector.iter().zip(&length).map(|(x, length)| scale * x / length).collect()
    };
    values.iter().zip(&vectors).map(coefficients).collect()
}

/// `coefficients · products · coefficientsᵀ`, made symmetric to the last digit.
fn between(coefficients: &[Vec<f64>], products: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let half: Vec<Vec<f64>> =
        products.iter().map(|row| coefficients.iter().map(|coefficients| dot(row, coefficients)).collect()).collect();
    let at = |a: usize, b: usize| (0..half.len()).map(|c| coefficients[a][c] * half[c][b]).sum::<f64>();
    let width = coefficients.len();
    (0..width).map(|a| (0..width).map(|b| (at(a, b) + at(b, a)) / 2.0).collect()).collect()
}

/// The sum of `rows`, each times its coefficient.
fn combined(rows: &[Vec<f64>], coefficients: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; rows.len()];
    for (row, factor) in rows.iter().zip(coefficients) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += factor * x);
    }
    sum
}

/// The coefficients of one step of the three-term recurrence.
#[derive(Clone, Copy)]
struct Terms {
    centre: f64,
    factor: f64,
    other: f64,
}

/// The eigenvalues, largest first, and the eigenvectors of a small symmetric matrix, by cyclic Jacobi rotations.
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

/// One Jacobi rotation, which makes `matrix[p][q]` zero. `vectors` holds the eigenvectors as rows.
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

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn a_small_matrix_has_its_eigenvalues_and_eigenvectors() {
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
    fn the_eigenvectors_of_a_ring_are_its_waves() {
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
            let mut image = Block { rows: vec![0.0; n], width: 1 };
            let vector = Block { rows: vector.clone(), width: 1 };
            operator.step(&vector, &vector, Terms { centre: 0.0, factor: 1.0, other: 0.0 }, &mut image);
            let wave = (std::f64::consts::TAU * (c / 2 + 1) as f64 / n as f64).cos();
            let value = dot(&vector.rows, &image.rows);
            assert!((value - wave).abs() < 1e-5, "{c}: {value}, {wave}");
        }
    }

    #[test]
    fn a_graph_too_small_for_the_dimensions_has_no_spectral_start() {
        let pair = Graph::from_rows(vec![vec![(1, 1.0)], vec![(0, 1.0)]]);
        assert_eq!(leading_vectors(&pair, 2, 1), None);
        assert_eq!(leading_vectors(&pair, 1, 1).unwrap().len(), 1);
    }
}
