//! How well two groups of numbers can be told apart.

use std::cmp::Ordering;

/// How often a number of the ones is larger than one of the others, ties half: 0.5 where nothing tells them apart.
pub fn told_apart(ones: &[f64], others: &[f64]) -> f64 {
    let won = |a: &f64, b: &f64| match a.total_cmp(b) {
        Ordering::Greater => 1.0,
        Ordering::Equal => 0.5,
        Ordering::Less => 0.0,
    };
    let compared: f64 = ones.iter().flat_map(|a| others.iter().map(move |b| won(a, b))).sum();
    compared / (ones.len() * others.len()) as f64
}
