//! Rows drawn from classes that are known.

use std::collections::BTreeMap;

use ndarray::Array2;

/// The share of each code of four columns in each of three classes, and the cumulative sizes of these.
const SHARES: [[&[f64]; 4]; 3] = [
    [&[0.85, 0.05, 0.05, 0.05], &[0.9, 0.05, 0.05], &[0.8, 0.2], &[0.8, 0.1, 0.05, 0.03, 0.02]],
    [&[0.05, 0.85, 0.05, 0.05], &[0.05, 0.9, 0.05], &[0.3, 0.7], &[0.05, 0.05, 0.8, 0.05, 0.05]],
    [&[0.05, 0.05, 0.1, 0.8], &[0.05, 0.05, 0.9], &[0.9, 0.1], &[0.05, 0.05, 0.05, 0.05, 0.8]],
];
const ENDS: [f64; 3] = [0.5, 0.8, 1.0];

/// Uniform in [0, 1), the `counter`-th.
fn uniform(counter: u64) -> f64 {
    let mut value = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((value ^ (value >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// `n_rows` rows of three classes, and the class of each.
pub fn planted(n_rows: usize) -> (Array2<u32>, Vec<usize>) {
    let classes: Vec<usize> = (0..n_rows)
        .map(|row| {
            let drawn = uniform(10 * row as u64);
            ENDS.iter().position(|&end| drawn < end).unwrap()
        })
        .collect();
    let code = |(row, column): (usize, usize)| {
        let mut drawn = uniform((10 * row + column + 1) as u64);
        let shares = SHARES[classes[row]][column];
        let found = shares.iter().position(|&share| {
            drawn -= share;
            drawn < 0.0
        });
        found.unwrap_or(shares.len() - 1) as u32
    };
    (Array2::from_shape_fn((n_rows, 4), code), classes)
}

/// Rows whose columns of 27, 2, 3 and 12 values know nothing of one another.
pub fn independent(n_rows: usize, seed: u64) -> Array2<u32> {
    let draw = |(row, column): (usize, usize)| {
        let drawn = uniform(seed << 40 | (10 * row + column) as u64);
        // Squared, so that values differ in frequency.
        (drawn * drawn * [27.0, 2.0, 3.0, 12.0][column]) as u32
    };
    Array2::from_shape_fn((n_rows, 4), draw)
}

/// The adjusted Rand index of two labellings (Hubert, Arabie 1985).
pub fn agreement(a: &[usize], b: &[usize]) -> f64 {
    let pairs = |counts: BTreeMap<(usize, usize), f64>| counts.values().map(|n| n * (n - 1.0) / 2.0).sum::<f64>();
    let count = |key: fn(usize, usize) -> (usize, usize)| {
        let mut counts = BTreeMap::new();
        a.iter().zip(b).for_each(|(&a, &b)| *counts.entry(key(a, b)).or_insert(0.0) += 1.0);
        pairs(counts)
    };
    let (both, first, second) = (count(|a, b| (a, b)), count(|a, _| (a, 0)), count(|_, b| (0, b)));
    let n = a.len() as f64;
    let expected = first * second / (n * (n - 1.0) / 2.0);
    (both - expected) / (0.5 * (first + second) - expected)
}
