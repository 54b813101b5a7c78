//! The tail of the χ² distribution (Pearson 1900).

/// Terms after which a series or a continued fraction has long converged.
const MAX_TERMS: usize = 1_000;

/// The probability that a χ² variable of so many degrees of freedom is `statistic` or more.
pub fn chi_squared_tail(statistic: f64, degrees: usize) -> f64 {
    if degrees == 0 || statistic <= 0.0 {
        return 1.0;
    }
    upper_gamma(degrees as f64 / 2.0, statistic / 2.0).clamp(0.0, 1.0)
}

/// The regularised upper incomplete gamma function Q(a, x), by its series or its continued fraction, whichever
/// converges (Press et al., "Numerical Recipes", 6.2).
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
}
