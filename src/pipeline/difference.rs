//! Whether two histograms can be of one population: the χ² test of homogeneity (Pearson 1900), and an exact test where
//! too few were counted for it.

use super::chi_squared::chi_squared_tail;
use super::hypergeometric::chance_of_as_many;

/// The expected count that a cell needs on the smaller side (Cochran 1954).
const MIN_EXPECTED: f64 = 5.0;
/// The share of the false alarms that is left to what was too small for the χ² test.
const WEIGHT_OF_REST: f64 = 0.01;

/// How far two histograms are apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Difference {
    /// Half the sum of the differences of all shares, 0 to 1: the share of customers that would have to change.
    pub total_variation: f64,
    /// How likely chance alone is to make a difference as large.
    pub p_value: f64,
}

impl Difference {
    /// No difference at all.
    pub const NONE: Self = Self { total_variation: 0.0, p_value: 1.0 };

    /// Of two histograms, cell by cell as `(before, now)`. The total variation is of the cells as they are. To the χ²
    /// test cells that are too small to be compared each are compared together, neighbours first. What is left of them,
    /// and everything where no two cells are large enough, is judged by Fisher's exact test.
    pub fn between(cells: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let cells: Vec<(f64, f64)> = cells.into_iter().filter(|(before, now)| before + now > 0.0).collect();
        let all = cells.iter().fold((0.0, 0.0), |(before, now), cell| (before + cell.0, now + cell.1));
        let (before, now) = all;
        if before <= 0.0 || now <= 0.0 {
            return Self::NONE;
        }
        let total_variation = 0.5 * cells.iter().map(|cell| (cell.0 / before - cell.1 / now).abs()).sum::<f64>();
        let Pooled { cells: large, rest } = Pooled::of(&cells, before, now);
        let p_value = match (large.len(), rest) {
            (0 | 1, _) => exact(&cells, all),
            (_, None) => homogeneity(&large, all),
            (_, Some(rest)) => {
                (homogeneity(&large, all) / (1.0 - WEIGHT_OF_REST)).min(two_sided(rest, all) / WEIGHT_OF_REST).min(1.0)
            }
        };
        Self { total_variation: total_variation.clamp(0.0, 1.0), p_value }
    }
}

/// The p-value of the χ² test.
fn homogeneity(cells: &[(f64, f64)], (before, now): (f64, f64)) -> f64 {
    let (up, down) = ((now / before).sqrt(), (before / now).sqrt());
    let statistic: f64 = cells.iter().map(|cell| (up * cell.0 - down * cell.1).powi(2) / (cell.0 + cell.1)).sum();
    chi_squared_tail(statistic, cells.len().saturating_sub(1))
}

/// The least p-value of each cell against all others, for as many cells as were looked at (Bonferroni).
fn exact(cells: &[(f64, f64)], all: (f64, f64)) -> f64 {
    // Of two cells the second says what the first one does.
    let looked_at = if cells.len() > 2 { cells.len() as f64 } else { 1.0 };
    (looked_at * cells.iter().map(|&cell| two_sided(cell, all)).fold(1.0, f64::min)).min(1.0)
}

/// Fisher's exact test of one cell against all others: twice the smaller side.
fn two_sided(cell: (f64, f64), all: (f64, f64)) -> f64 {
    let more = chance_of_as_many((cell.0, all.0), (cell.1, all.1));
    let fewer = chance_of_as_many((cell.1, all.1), (cell.0, all.0));
    (2.0 * more.min(fewer)).min(1.0)
}

/// Cells for the χ² test.
struct Pooled {
    /// With those together that are too small.
    cells: Vec<(f64, f64)>,
    /// What was too small even together, and went into the last cell.
    rest: Option<(f64, f64)>,
}

impl Pooled {
    fn of(cells: &[(f64, f64)], before: f64, now: f64) -> Self {
        let expected = |cell: (f64, f64)| (cell.0 + cell.1) / (before + now) * before.min(now);
        let (mut whole, mut open) = (Vec::with_capacity(cells.len()), (0.0, 0.0));
        for &cell in cells {
            if expected(cell) >= MIN_EXPECTED {
                whole.push(cell);
                continue;
            }
            open = (open.0 + cell.0, open.1 + cell.1);
            if expected(open) >= MIN_EXPECTED {
                whole.push(std::mem::replace(&mut open, (0.0, 0.0)));
            }
        }
        let rest = (open != (0.0, 0.0)).then_some(open);
        if let (Some(open), Some(last)) = (rest, whole.last_mut()) {
            *last = (last.0 + open.0, last.1 + open.1);
        }
        Self { cells: whole, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_differ_by_nothing_and_opposite_ones_by_everything() {
        assert_eq!(Difference::between([(300.0, 30.0), (100.0, 10.0)]).total_variation, 0.0);
        let opposite = Difference::between([(100.0, 0.0), (0.0, 100.0)]);
        assert_eq!(opposite.total_variation, 1.0);
        assert!(opposite.p_value < 1e-40);
        assert_eq!(Difference::between([(100.0, 0.0)]), Difference::NONE);
        assert_eq!(Difference::between([]), Difference::NONE);
    }

    #[test]
    fn small_cells_are_compared_together() {
        // Thirty customers of thirty towns: a town expects one of them, five towns five.
        let alike: Vec<(f64, f64)> = (0..30).map(|_| (1_000.0, 1.0)).collect();
        assert_eq!(Difference::between(alike).p_value, 1.0);
        let one_town: Vec<(f64, f64)> = (0..30).map(|town| (1_000.0, if town == 7 { 30.0 } else { 0.0 })).collect();
        assert!(Difference::between(one_town).p_value < 1e-9);
    }

    #[test]
    fn a_far_larger_upload_of_one_value_is_no_steady_one() {
        let found = Difference::between([(150.0, 60_000.0), (150.0, 0.0)]);
        assert_eq!(found.total_variation, 0.5);
        assert!(found.p_value < 1e-40, "{}", found.p_value);
        // The third value is gone, and with the second it is as many as before.
        let found = Difference::between([(150.0, 30_000.0), (50.0, 30_000.0), (100.0, 0.0)]);
        assert!((found.total_variation - 1.0 / 3.0).abs() < 1e-9 && found.p_value < 1e-20, "{found:?}");
    }

    #[test]
    fn a_few_customers_are_compared_exactly() {
        let found = Difference::between([(500.0, 5.0), (500.0, 0.0)]);
        assert!(found.total_variation == 0.5 && (0.05..0.08).contains(&found.p_value), "{found:?}");
        let found = Difference::between([(500.0, 9.0), (99_500.0, 0.0)]);
        assert!(found.total_variation > 0.99 && found.p_value < 1e-12, "{found:?}");
    }
}
