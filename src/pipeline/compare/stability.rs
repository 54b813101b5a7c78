//! Whether a second fit finds a segment again: the Jaccard index of clusterboot (Hennig 2007, "Cluster-wise assessment
//! of cluster stability").

use std::collections::BTreeMap;

/// How much of each segment `0..n_segments` a fit of a resample found again, 0 to 1: the largest Jaccard index of its
/// customers and those of one segment of the resample, among the customers of the resample. `None` of a segment without
/// customers there.
///
/// `before` and `after` hold the segment of each row in both fits, `None` outside every segment; `weights` how many
/// customers of the row are in the resample.
pub(super) fn jaccard(
    before: &[Option<usize>],
    after: &[Option<usize>],
    weights: &[u32],
    n_segments: usize,
) -> Vec<Option<f64>> {
    let mut own = vec![0_u64; n_segments];
    let mut others: BTreeMap<usize, u64> = BTreeMap::new();
    let mut shared: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for ((&before, &after), &weight) in before.iter().zip(after).zip(weights) {
        let weight = u64::from(weight);
        if let Some(count) = before.and_then(|segment| own.get_mut(segment)) {
            *count += weight;
        }
        if let Some(segment) = after {
            *others.entry(segment).or_default() += weight;
        }
        if let (Some(before), Some(after)) = (before, after) {
            *shared.entry((before, after)).or_default() += weight;
        }
    }
    let mut best: Vec<Option<f64>> = own.iter().map(|&customers| (customers > 0).then_some(0.0)).collect();
    for ((before, after), both) in shared {
        let sizes = own.get(before).zip(others.get(&after));
        let Some((either, best)) = sizes.map(|(a, b)| a + b - both).zip(best.get_mut(before)) else { continue };
        *best = best.map(|best: f64| best.max(both as f64 / either.max(1) as f64));
    }
    best
}

/// The mean of each segment's indices over the resamples that have customers of it; 0 of one that none has.
pub(super) fn means(of_resamples: &[Vec<Option<f64>>], n_segments: usize) -> Vec<f64> {
    let mean = |segment: usize| {
        let found: Vec<f64> = of_resamples.iter().filter_map(|indices| *indices.get(segment)?).collect();
        found.iter().sum::<f64>() / found.len().max(1) as f64
    };
    (0..n_segments).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_is_found_whole_has_1_and_one_cut_in_two_its_larger_half() {
        let before = [Some(0), Some(0), Some(0), Some(1), Some(1), None];
        let after = [Some(7), Some(7), Some(8), Some(9), Some(9), None];
        assert_eq!(jaccard(&before, &after, &[1; 6], 2), [Some(2.0 / 3.0), Some(1.0)]);
    }

    #[test]
    fn customers_count_as_often_as_they_were_drawn_and_those_outside_only_against() {
        let before = [Some(0), Some(0), None];
        let after = [Some(0), None, Some(0)];
        assert_eq!(jaccard(&before, &after, &[6, 2, 2], 1), [Some(0.6)]);
    }

    #[test]
    fn a_segment_that_was_not_drawn_is_left_out_of_its_mean() {
        let indices = jaccard(&[Some(0)], &[Some(0)], &[1], 2);
        assert_eq!(indices, [Some(1.0), None]);
        assert_eq!(means(&[indices, vec![Some(0.5), Some(0.25)]], 2), [0.75, 0.25]);
    }
}
