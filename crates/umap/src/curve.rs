//! The curve that turns a distance in the embedding into a membership strength, and its least-squares fit.

use super::errors::UmapError;

/// `1 / (1 + a d^2b)`. It approximates the function that is 1 up to `min_dist` and `exp(-(d - min_dist) / spread)`
/// beyond (McInnes, Healy, Melville 2018, section 3.2 and definition 11).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Curve {
    pub(super) a: f32,
    pub(super) b: f32,
}

/// The distances at which the curve is fitted, and how many spreads they cover; both as in umap-learn.
const SAMPLES: usize = 300;
const REACH: f64 = 3.0;
/// Levenberg-Marquardt converges in about ten rounds.
const MAX_ROUNDS: usize = 200;

impl Curve {
    /// The least-squares `a` and `b` for these parameters.
    ///
    /// Distances are in units of the spread during the fit, so that every spread is as well conditioned as 1.
    pub(super) fn fit(min_dist: f32, spread: f32) -> Result<Self, UmapError> {
        let touching = f64::from(min_dist) / f64::from(spread);
        let samples: Vec<(f64, f64)> = (0..SAMPLES)
            .map(|i| {
                let x = REACH * i as f64 / (SAMPLES - 1) as f64;
                (x, if x < touching { 1.0 } else { (touching - x).exp() })
            })
            .collect();
        let (a, b) = least_squares(&samples);
        let a = a * f64::from(spread).powf(-2.0 * b);
        Self::usable(a as f32, b as f32).ok_or(UmapError::NoCurve { min_dist, spread })
    }

    /// The curve with these coefficients, if they are positive numbers.
    pub(super) fn usable(a: f32, b: f32) -> Option<Self> {
        let positive = |x: f32| x.is_normal() && x > 0.0;
        (positive(a) && positive(b)).then_some(Self { a, b })
    }
}

/// Levenberg-Marquardt from `a = b = 1`, the start of `scipy.optimize.curve_fit`.
fn least_squares(samples: &[(f64, f64)]) -> (f64, f64) {
    let cost =
        |a: f64, b: f64| -> f64 { samples.iter().map(|&(x, y)| (1.0 / (1.0 + a * x.powf(2.0 * b)) - y).powi(2)).sum() };
    let (mut a, mut b, mut damping) = (1.0, 1.0, 1e-3);
    let mut best = cost(a, b);
    for _ in 0..MAX_ROUNDS {
        // Normal equations of the linearised residuals, in the two unknowns.
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(x, y) in samples.iter().filter(|(x, _)| *x > 0.0) {
            let power = x.powf(2.0 * b);
            let value = 1.0 / (1.0 + a * power);
            let by_a = -power * value * value;
            let by_b = 2.0 * a * x.ln() * by_a;
            aa += by_a * by_a;
            ab += by_a * by_b;
            bb += by_b * by_b;
            ga += by_a * (value - y);
            gb += by_b * (value - y);
        }
        let (damped_aa, damped_bb) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let determinant = damped_aa * damped_bb - ab * ab;
        let step_a = (damped_bb * ga - ab * gb) / determinant;
        let step_b = (damped_aa * gb - ab * ga) / determinant;
        let tried = cost(a - step_a, b - step_b);
        if tried < best {
            (a, b, best, damping) = (a - step_a, b - step_b, tried, damping * 0.1);
            if step_a.abs() <= 1e-12 * a.abs() && step_b.abs() <= 1e-12 * b.abs() {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_distance_gives_the_usual_curve() {
        let curve = Curve::fit(0.1, 1.0).unwrap();
        assert!((curve.a - 1.576_943_5).abs() < 1e-5 && (curve.b - 0.895_060_9).abs() < 1e-5, "{curve:?}");
    }

    #[test]
    fn the_curve_only_stretches_with_the_spread() {
        let (one, ten) = (Curve::fit(0.1, 1.0).unwrap(), Curve::fit(1.0, 10.0).unwrap());
        assert!((one.b - ten.b).abs() < 1e-5);
        assert!((ten.a / (one.a * 10_f32.powf(-2.0 * one.b)) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn every_allowed_distance_has_a_curve_or_a_typed_error() {
        for (min_dist, spread) in [(0.0, 1.0), (1.0, 1.0), (0.5, 0.5), (0.0, 1e-3), (99.0, 100.0)] {
            assert!(Curve::fit(min_dist, spread).is_ok(), "{min_dist} {spread}");
        }
        assert!(matches!(Curve::fit(0.0, f32::MAX), Err(UmapError::NoCurve { .. })));
    }
}
