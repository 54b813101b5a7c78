//! How much two labellings of the same points agree.

use std::collections::HashMap;

/// The adjusted Rand index (Hubert and Arabie 1985): 1 if two labellings are equal up to renaming, about 0 if they
/// agree by chance alone.
///
/// `left` and `right` are `(n_points)` each; noise is a label like any other. `None` if their lengths differ.
pub fn adjusted_rand_index(left: &[i64], right: &[i64]) -> Option<f64> {
    if left.len() != right.len() {
        return None;
    }
    let pairs = |n: u64| (n * n.saturating_sub(1)) as f64 / 2.0;
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
    // With fewer than two points, or one cluster on both sides, there is nothing to disagree about.
    let is_trivial = left.len() < 2 || highest == expected;
    Some(if is_trivial { 1.0 } else { (together - expected) / (highest - expected) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adjusted_rand_index_ignores_names_and_falls_to_zero_by_chance() {
        assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[7, 7, 3, 3]), Some(1.0));
        assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap() + 0.5).abs() < 1e-12);
        assert_eq!(adjusted_rand_index(&[], &[]), Some(1.0));
        assert_eq!(adjusted_rand_index(&[1], &[]), None);
    }
}
