//! How likely a draw has so many marked ones by chance: Fisher's exact test, one-sided (Fisher 1935).

use super::chi_squared::ln_gamma;

/// Terms below this share of the sum change no digit of it.
const NEGLIGIBLE: f64 = 1e-12;

/// The probability that `now` customers have `marked_now` or more marked ones among them, if chance alone had spread
/// all marked ones over these and the `before` others, `marked_before` of whom are marked; 1 where these have no more
/// than their share.
pub(super) fn chance_of_as_many((marked_before, before): (f64, f64), (marked_now, now): (f64, f64)) -> f64 {
    let (marked, all) = (marked_before + marked_now, before + now);
    if marked_now * all <= marked * now {
        return 1.0;
    }
    let ln_choose = |n: f64, k: f64| ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    let first = ln_choose(marked, marked_now) + ln_choose(all - marked, now - marked_now) - ln_choose(all, now);
    let (mut term, mut sum, mut k) = (1.0, 1.0, marked_now);
    while k < marked.min(now) {
        term *= (marked - k) * (now - k) / ((k + 1.0) * (all - marked - now + k + 1.0));
        sum += term;
        k += 1.0;
        if term < NEGLIGIBLE * sum {
            break;
        }
    }
    (first.exp() * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_is_that_of_the_hypergeometric_distribution() {
        // scipy.stats.hypergeom.sf(k - 1, before + now, marked, now)
        for (before, now, expected) in [
            ((0.0, 5_000.0), (8.0, 24.0), 7.347_010_608e-20),
            ((3.0, 100.0), (4.0, 50.0), 0.168_020_03),
            ((40.0, 1_000.0), (2.0, 30.0), 0.348_404_89),
        ] {
            let found = chance_of_as_many(before, now);
            assert!((found / expected - 1.0).abs() < 1e-5, "{before:?} {now:?}: {found} for {expected}");
        }
        assert_eq!(chance_of_as_many((0.0, 100.0), (0.0, 10.0)), 1.0);
        assert_eq!(chance_of_as_many((100.0, 100.0), (10.0, 10.0)), 1.0);
        assert_eq!(chance_of_as_many((4_000.0, 10_000.0), (2_500.0, 50_000.0)), 1.0);
        assert_eq!(chance_of_as_many((10.0, 10_000.0), (25_000.0, 50_000.0)), 0.0);
    }
}
