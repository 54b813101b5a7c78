//! Scores that only a comparison needs.

use std::collections::HashMap;

/// Adjusted Rand index of two labellings (Hubert and Arabie 1985): 1 for equal up to renaming, about 0 for chance.
pub fn adjusted_rand_index(left: &[i64], right: &[i64]) -> f64 {
    assert_eq!(left.len(), right.len());
    let pairs = |n: u64| (n * n.saturating_sub(1) / 2) as f64;
    let mut cells: HashMap<(i64, i64), u64> = HashMap::new();
    let (mut rows, mut columns): (HashMap<i64, u64>, HashMap<i64, u64>) = Default::default();
    for (&a, &b) in left.iter().zip(right) {
        *cells.entry((a, b)).or_default() += 1;
        *rows.entry(a).or_default() += 1;
        *columns.entry(b).or_default() += 1;
    }
    let together: f64 = cells.values().map(|&n| pairs(n)).sum();
    let in_rows: f64 = rows.values().map(|&n| pairs(n)).sum();
    let in_columns: f64 = columns.values().map(|&n| pairs(n)).sum();
    let expected = in_rows * in_columns / pairs(left.len() as u64);
    let highest = (in_rows + in_columns) / 2.0;
    if highest == expected { 1.0 } else { (together - expected) / (highest - expected) }
}

#[test]
fn the_adjusted_rand_index_ignores_names_and_falls_to_zero_by_chance() {
    assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[7, 7, 3, 3]), 1.0);
    assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-12);
}
