//! Whether two histograms can be of one population: the χ² test of homogeneity (Pearson 1900).

/// The expected count that a cell needs on the smaller side (Cochran 1954).
const MIN_EXPECTED: f64 = 5.0;
/// Terms after which a series or a continued fraction has long converged.
const MAX_TERMS: usize = 1_000;

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

    /// Of two histograms, cell by cell as `(before, now)`. Cells that are too small to be compared each are compared
    /// together, neighbours first; so is what they add to the total variation.
    pub fn between(cells: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let cells: Vec<(f64, f64)> = cells.into_iter().filter(|(before, now)| before + now > 0.0).collect();
        let (before, now) = cells.iter().fold((0.0, 0.0), |(before, now), cell| (before + cell.0, now + cell.1));
        if before <= 0.0 || now <= 0.0 {
            return Self::NONE;
        }
        let cells = pooled(&cells, before, now);
        let total_variation = 0.5 * cells.iter().map(|cell| (cell.0 / before - cell.1 / now).abs()).sum::<f64>();
        let (up, down) = ((now / before).sqrt(), (before / now).sqrt());
        let statistic: f64 = cells.iter().map(|cell| (up * cell.0 - down * cell.1).powi(2) / (cell.0 + cell.1)).sum();
        Self { total_variation, p_value: chi_squared_tail(statistic, cells.len().saturating_sub(1)) }
    }
}

/// The cells with those together that are too small.
fn pooled(cells: &[(f64, f64)], before: f64, now: f64) -> Vec<(f64, f64)> {
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
    if open != (0.0, 0.0) {
        match whole.last_mut() {
            Some(last) => *last = (last.0 + open.0, last.1 + open.1),
            None => whole.push(open),
        }
    }
    whole
}

/// The probability that a χ² variable of so many degrees of freedom is `statistic` or more.
pub fn chi_squared_tail(statistic: f64, degrees: usize) -> f64 {
    if degrees == 0 || statistic <= 0.0 {
        return 1.0;
    }
    upper_gamma(degrees as f64 / 2.0, statistic / 2.0).clamp(0.0, 1.0)
}

/// The regularised upper incomplete gamma function Q(a, x), by its series or its continued fraction, whichever converges
/// (Press et al., "Numerical Recipes", 6.2).
fn upper_gamma(a: f64, x: f64) -> f64 {
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..MAX_TERMS {
            term *= x / (a + n as f64);
            sum += term;
            if term < sum * f64::EPSILON {
                break;
            }
        }
        return 1.0 - scale * sum;
    }
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (f64::MAX, 1.0 / b);
    let mut fraction = d;
    for n in 1..MAX_TERMS {
        let numerator = n as f64 * (a - n as f64);
        b += 2.0;
        d = 1.0 / nonzero(numerator * d + b);
        c = nonzero(b + numerator / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    scale * fraction
}

fn nonzero(x: f64) -> f64 {
    if x.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { x }
}

/// ln Γ(x) for x > 0 (Lanczos 1964, with the coefficients for g = 7 and n = 9).
pub(super) fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // The reflection: Γ(x) Γ(1 − x) = π / sin πx.
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let terms = (1..).map(f64::from).zip(COEFFICIENTS).map(|(i, coefficient)| coefficient / (x + i));
    let sum = 0.999_999_999_999_809_9 + terms.sum::<f64>();
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_the_tables() {
        for (statistic, degrees, tail) in [
            (3.841_459, 1, 0.05),
            (6.634_897, 1, 0.01),
            (9.210_340, 2, 0.01),
            (37.652_48, 25, 0.05),
            (0.000_157_09, 1, 0.99),
            (149.449, 100, 0.001),
        ] {
            let found = chi_squared_tail(statistic, degrees);
            assert!((found / tail - 1.0).abs() < 1e-4, "{statistic} {degrees}: {found} for {tail}");
        }
        assert_eq!((chi_squared_tail(5.0, 0), chi_squared_tail(0.0, 3)), (1.0, 1.0));
    }

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
}
