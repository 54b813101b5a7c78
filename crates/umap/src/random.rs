//! Random numbers as a function of key and counter, so that no order of work can change them.

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): it turns consecutive numbers into unrelated ones.
pub(crate) fn mix64(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// What a number is drawn for. The same counter under two purposes gives unrelated numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    SpectralBlock = 1,
    Scatter = 2,
    Noise = 3,
    FitSamples = 4,
    TransformSamples = 5,
    Trees = 6,
}

/// A key for one purpose of one seed.
pub(super) fn key(seed: u64, purpose: Purpose) -> u64 {
    mix64(mix64(seed) ^ purpose as u64)
}

/// Uniform in [-1, 1), the `counter`-th under `key`.
pub(super) fn symmetric(key: u64, counter: u64) -> f64 {
    (mix64(key ^ mix64(counter)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Nearly normal, with mean 0 and standard deviation 1: a sum of twelve uniform numbers. It needs no logarithm, so it
/// has the same bits on every platform.
pub(super) fn normal(key: u64, counter: u64) -> f64 {
    (0..12).map(|i| symmetric(key, counter * 12 + i) / 2.0).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_have_the_moments_they_should() {
        let key = key(42, Purpose::Noise);
        let (uniform, normal): (Vec<f64>, Vec<f64>) =
            (0..20_000).map(|i| (symmetric(key, i), normal(key, i + 1_000_000))).unzip();
        let moments = |x: &[f64]| {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            (mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64)
        };
        let ((mean, variance), (normal_mean, normal_variance)) = (moments(&uniform), moments(&normal));
        assert!(mean.abs() < 0.02 && (variance - 1.0 / 3.0).abs() < 0.02, "{mean} {variance}");
        assert!(normal_mean.abs() < 0.03 && (normal_variance - 1.0).abs() < 0.03, "{normal_mean} {normal_variance}");
    }
}
