//! How far the neighbourhoods of an embedding can be trusted.
#![expect(clippy::indexing_slicing, reason = "queries are numbered by the points chosen for them")]

use ndarray::{ArrayView2, s};
use rayon::prelude::*;

use super::candidate_heap::Search;
use super::points::{Points, key_distance};
use super::random::mix64;

/// Up to this many points each is looked at, beyond it as many of them.
const MAX_LOOKED_AT: usize = 10_000;
/// Points that one thread looks at together.
const AT_ONCE: usize = 32;

/// The share, 0 to 1, in which each point's `k` nearest in the embedding are among its nearest in the original space
/// (Venna and Kaski 2001; the formula of `sklearn.manifold.trustworthiness`).
///
/// Equal distances count in the order of their index. The measure is defined for `k` below half the number of points: a
/// larger `k` is lowered to that, and fewer than 3 points are fully trustworthy. `points` are `(n_points, n_features)`
/// and `embedding` `(n_points, n_components)`; surplus rows of either are not looked at.
///
/// Exact up to 10,000 points. Of more, 10,000 are drawn, the same ones every time, and each is ranked exactly among all:
/// the mean of their shares is unbiased, with a standard error of a hundredth of the points' own deviation, which is at
/// most `√(t (1 - t))` for a trustworthiness of `t`: below 0.001 from 0.99 on.
pub fn trustworthiness(points: ArrayView2<'_, f32>, embedding: ArrayView2<'_, f32>, k: usize) -> f64 {
    measured(points, embedding, k, MAX_LOOKED_AT)
}

fn measured(points: ArrayView2<'_, f32>, embedding: ArrayView2<'_, f32>, k: usize, most: usize) -> f64 {
    let n = points.nrows().min(embedding.nrows());
    let k = k.min(n.saturating_sub(1) / 2);
    if k == 0 {
        return 1.0;
    }
    let (points, embedding) = (Points::new(points.slice(s![..n, ..])), Points::new(embedding.slice(s![..n, ..])));
    let looked_at = drawn(n, most);
    let penalties = looked_at.par_chunks(AT_ONCE).map_init(Search::default, |search, chosen| {
        let place = |&i: &usize| embedding.row(i);
        let mut others = Vec::new();
        search.nearest(&embedding, chosen.iter().map(place), k + 1, |query, keys| {
            let mut keys: Vec<u64> =
                keys.iter().copied().filter(|&key| key as u32 as usize != chosen[query]).take(k).collect();
            points.measure(points.row(chosen[query]), &mut keys);
            others.push(keys);
        });
        let limits: Vec<f32> =
            others.iter().map(|others| others.iter().copied().max().map_or(0.0, key_distance)).collect();
        let mut penalty = 0;
        search.within(&points, chosen.iter().map(|&i| points.row(i)), &limits, |query, nearer| {
            let own = nearer.iter().copied().find(|&key| key as u32 as usize == chosen[query]);
            // The place of another by distance, counted from 1, the point itself left out.
            let rank = |key: u64| nearer.partition_point(|&other| other <= key) - usize::from(own <= Some(key));
            penalty += others[query].iter().map(|&key| rank(key).saturating_sub(k) as u64).sum::<u64>();
        });
        penalty
    });
    let penalty: u64 = penalties.sum();
    let (n, k, looked_at) = (n as f64, k as f64, looked_at.len() as f64);
    1.0 - penalty as f64 * 2.0 / (looked_at * k * (2.0 * n - 3.0 * k - 1.0))
}

/// All numbers below `n`, or `most` of them, each as likely as any other.
fn drawn(n: usize, most: usize) -> Vec<usize> {
    if n <= most {
        return (0..n).collect();
    }
    // The smallest of as many numbers as there are points, which no two share: `mix64` maps one to one.
    let mut keyed: Vec<(u64, usize)> = (0..n).map(|i| (mix64(i as u64), i)).collect();
    keyed.select_nth_unstable(most);
    keyed.truncate(most);
    keyed.into_iter().map(|(_, i)| i).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn a_faithful_embedding_is_trusted_fully_and_a_scrambled_one_less() {
        let points = Array2::from_shape_fn((40, 1), |(i, _)| i as f32);
        assert_eq!(trustworthiness(points.view(), (&points * 3.0).view(), 5), 1.0);
        let scrambled = Array2::from_shape_fn((40, 1), |(i, _)| (i * 17 % 40) as f32);
        assert!(trustworthiness(points.view(), scrambled.view(), 5) < 0.7);
    }

    #[test]
    fn a_small_case_agrees_with_the_formula_by_hand() {
        // Nearest in the embedding: 0 → 2 (rank 2), 1 → 3 (rank 3), 2 → 0 (rank 3), 3 → 1 (rank 3), 4 → 3 (rank 1).
        let (points, embedding) =
            (array![[0.0], [1.0], [2.1], [3.3], [4.6]], array![[0.0], [10.0], [1.0], [11.0], [12.5]]);
        let expected = 1.0 - 2.0 / (5.0 * (10.0 - 3.0 - 1.0)) * (1.0 + 2.0 + 2.0 + 2.0 + 0.0);
        assert!((trustworthiness(points.view(), embedding.view(), 1) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_sample_says_what_all_points_say() {
        // Every fifth point is somewhere else in the embedding.
        let place = |i: usize| if i.is_multiple_of(5) { mix64(!(i as u64)) % 10_000 } else { mix64(i as u64) % 10_000 };
        let points = Array2::from_shape_fn((2000, 1), |(i, _)| (mix64(i as u64) % 10_000) as f32);
        let embedding = Array2::from_shape_fn((2000, 1), |(i, _)| place(i) as f32);
        let score = |most| measured(points.view(), embedding.view(), 5, most);
        assert!(score(2000) < 0.9 && (score(500) - score(2000)).abs() < 0.03, "{} {}", score(500), score(2000));
        assert_eq!(score(2000), score(usize::MAX));
    }

    #[test]
    fn a_handful_of_points_has_a_score_too() {
        for n in 0..5 {
            let points = Array2::<f32>::zeros((n, 2));
            assert_eq!(trustworthiness(points.view(), points.view(), 15), 1.0);
        }
    }
}
