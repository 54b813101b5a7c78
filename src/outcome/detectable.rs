//! How small a difference a sample can show.

use super::counts::Arm;

/// The two-sided 95 % quantile of the normal distribution.
pub(super) const Z_95: f64 = 1.959_963_984_540_054;
/// The quantile for a power of 80 %.
const Z_POWER: f64 = 0.841_621_233_572_914_4;
/// Halvings: more digits than a double has.
const HALVINGS: usize = 60;

/// The smallest difference between two texts that a test of two shares at 5 % finds with a power of 80 %, where the
/// share of both together is the one that was found; for the two texts that the fewest people got (Fleiss, Levin and
/// Paik 2003, section 4.2, without the correction for continuity). Of the two the smaller text has the share with more
/// room. A difference that leaves the room at one end goes on at the other, up to a text that everybody acts on beside
/// one that nobody does. `None` where there are no two texts, or not even that would be found.
pub(super) fn smallest_detectable(arms: &[Arm]) -> Option<f64> {
    let mut sent: Vec<u64> = arms.iter().map(|arm| arm.sent).filter(|&sent| sent > 0).collect();
    sent.sort_unstable();
    let (&[one, other, ..], total) = (sent.as_slice(), sent.iter().map(|&sent| sent as f64).sum::<f64>()) else {
        return None;
    };
    let (one, other) = (one as f64, other as f64);
    let share = arms.iter().map(|arm| arm.acted as f64).sum::<f64>() / total;
    // What holds for acting holds for not acting.
    let share = share.min(1.0 - share);
    let is_found = |difference: f64| {
        let high = (share + difference * other / (one + other)).clamp(difference, 1.0);
        difference >= needed(high, high - difference, one, other)
    };
    if !is_found(1.0) {
        return None;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if is_found(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The difference that is found with the power asked for, where these are the shares.
fn needed(share: f64, other_share: f64, sent: f64, other_sent: f64) -> f64 {
    let pooled = (sent * share + other_sent * other_share) / (sent + other_sent);
    let under_none = (pooled * (1.0 - pooled) * (1.0 / sent + 1.0 / other_sent)).sqrt();
    let under_some = (share * (1.0 - share) / sent + other_share * (1.0 - other_share) / other_sent).sqrt();
    Z_95 * under_none + Z_POWER * under_some
}
