//! Random numbers as a function of key and counter, so that no order of work can change them.

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): it turns consecutive numbers into unrelated ones.
fn mix64(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A key for one start of one number of classes under one seed.
pub(super) fn key(seed: u64, n_classes: usize, start: usize) -> u64 {
    mix64(mix64(mix64(seed) ^ n_classes as u64) ^ start as u64)
}

/// Uniform in [0, 1), the `counter`-th under `key`.
pub(super) fn uniform(key: u64, counter: u64) -> f64 {
    (mix64(key ^ mix64(counter)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_have_the_moments_they_should() {
        let numbers: Vec<f64> = (0..20_000).map(|counter| uniform(key(42, 3, 1), counter)).collect();
        let mean = numbers.iter().sum::<f64>() / 20_000.0;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01 && (variance - 1.0 / 12.0).abs() < 0.002, "{mean} {variance}");
    }

    #[test]
    fn seed_classes_and_start_each_change_the_numbers() {
        let keys = [key(1, 2, 3), key(2, 2, 3), key(1, 3, 3), key(1, 2, 4), key(3, 2, 1)];
        let distinct: std::collections::BTreeSet<u64> = keys.into();
        assert_eq!(distinct.len(), keys.len());
    }
}
