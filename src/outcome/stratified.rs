//! Whether texts differ where people are alike: the test of Cochran (1954) and of Mantel and Haenszel (1959).

use super::counts::Arm;

/// Part of a variance below which it is none but for rounding.
const ROUNDING: f64 = 1e-9;

/// χ² with its degrees of freedom, without a correction for continuity, over strata with one arm a text in the same
/// order. For more than two texts it is the general association of Landis, Heyman and Koch (1978): the acted beyond
/// what is expected, summed over strata, against their covariance. `None` where no stratum tells anything.
pub(super) fn cochran_mantel_haenszel(strata: &[Vec<Arm>]) -> Option<(f64, usize)> {
    let n_arms = strata.first()?.len();
    // One row a text: its covariance with each, and at the end what acted beyond what is expected.
    let mut rows = vec![vec![0.0; n_arms + 1]; n_arms];
    for arms in strata {
        let all = arms.iter().fold(Arm::default(), |sum, arm| sum.plus(*arm));
        let (sent, acted) = (all.sent as f64, all.acted as f64);
        if all.sent < 2 {
            continue;
        }
        let spread = acted * (sent - acted) / (sent - 1.0);
        let part = |arm: &Arm| arm.sent as f64 / sent;
        for (at, (row, arm)) in rows.iter_mut().zip(arms).enumerate() {
            let beyond = arm.acted as f64 - part(arm) * acted;
            let covariances = arms.iter().enumerate();
            let covariances =
                covariances.map(|(of, other)| spread * part(arm) * (f64::from(u8::from(at == of)) - part(other)));
            row.iter_mut().zip(covariances.chain([beyond])).for_each(|(sum, term)| *sum += term);
        }
    }
    quadratic_form(rows)
}

/// `gᵀ V⁻ g` with the rank of `V`, by elimination. Each row is one of the symmetric, positive semidefinite `V`, and at
/// its end its entry of `g`, which lies in the range of `V`. `None` where `V` is nothing.
fn quadratic_form(mut rows: Vec<Vec<f64>>) -> Option<(f64, usize)> {
    let diagonal = rows.iter().enumerate().filter_map(|(at, row)| row.get(at));
    let least = diagonal.fold(0.0, |most: f64, variance| most.max(*variance)) * ROUNDING;
    let (mut sum, mut rank) = (0.0, 0);
    while !rows.is_empty() {
        let top = rows.remove(0);
        let (Some(&pivot), Some(&beyond)) = (top.first(), top.last()) else { break };
        let is_new = pivot > least;
        if is_new {
            sum += beyond * beyond / pivot;
            rank += 1;
        }
        for row in &mut rows {
            let factor = if is_new { row.first().map_or(0.0, |first| first / pivot) } else { 0.0 };
            *row = row.iter().zip(&top).skip(1).map(|(entry, of_top)| entry - factor * of_top).collect();
        }
    }
    (rank > 0).then_some((sum, rank))
}

/// The odds of acting with the first text over those with the second, within strata; `None` unless there are two texts
/// and the ratio is a number.
pub(super) fn odds_ratio(strata: &[Vec<Arm>]) -> Option<f64> {
    let terms = strata.iter().map(|arms| match arms.as_slice() {
        [first, second] => {
            let sent = first.sent as f64 + second.sent as f64;
            let missed = |arm: &Arm| arm.sent.saturating_sub(arm.acted) as f64;
            Some((first.acted as f64 * missed(second) / sent, second.acted as f64 * missed(first) / sent))
        }
        _ => None,
    });
    let terms: Option<Vec<(f64, f64)>> = terms.collect();
    let (up, down) = terms?.iter().fold((0.0, 0.0), |(up, down), term| (up + term.0, down + term.1));
    (down > 0.0).then(|| up / down)
}
