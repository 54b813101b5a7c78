//! Trustworthiness: how far the neighbourhoods of an embedding can be trusted.
#![expect(clippy::indexing_slicing, reason = "queries are numbered by the points chosen for them")]

use ndarray::{ArrayView2, s};
use rayon::prelude::*;

use super::candidate_heap::Search;
use super::points::{Points, key_distance};
use super::random::mix64;

/// Up to this number of points all are examined; of more, a sample of this size.
pub const MAX_EXAMINED: usize = 10_000;
/// Points that one thread examines together.
const AT_ONCE: usize = 32;

/// How far the `k` nearest neighbours of each point in the embedding are near in the original space too, 0 to 1 (Venna
/// and Kaski 2001; the formula of `sklearn.manifold.trustworthiness`).
///
/// `points` are `(n_points, n_features)` and `embedding` `(n_points, n_components)`; surplus rows of either are
/// ignored. Equal distances are ranked by index. The measure is defined for `k` below half the number of points: a
/// larger `k` is lowered to that, and fewer than 3 points have a trustworthiness of 1.
///
/// Exact up to 10,000 points. Of more, 10,000 are drawn, the same ones every time, and each is ranked exactly among
/// all. Their mean is unbiased. Its standard error is a hundredth of the standard deviation over the points, which is
/// at most `√(t (1 - t))` for a trustworthiness of `t`: below 0.001 from 0.99 on.
pub fn trustworthiness(points: ArrayView2<'_, f32>, embedding: ArrayView2<'_, f32>, k: usize) -> f64 {
    measured(points, embedding, k, MAX_EXAMINED)
}

fn measured(points: ArrayView2<'_, f32>, embedding: ArrayView2<'_, f32>, k: usize, most: usize) -> f64 {
    let n = points.nrows().min(embedding.nrows());
    let k = k.min(n.saturating_sub(1) / 2);
    if k == 0 {
        return 1.0;
    }
    let (points, embedding) = (Points::new(points.slice(s![..n, ..])), Points::new(embedding.slice(s![..n, ..])));
    let examined = drawn(n, most);
    let penalties = examined.par_chunks(AT_ONCE).map_init(Search::default, |search, chosen| {
        let row = |&i: &usize| embedding.row(i);
        let mut others = Vec::new();
        search.nearest(&embedding, chosen.iter().map(row), k + 1, |query, keys| {
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
            // The rank of another point by distance, from 1, without the point itself.
            let rank = |key: u64| nearer.partition_point(|&other| other <= key) - usize::from(own <= Some(key));
            penalty += others[query].iter().map(|&key| rank(key).saturating_sub(k) as u64).sum::<u64>();
        });
        penalty
    });
    let penalty: u64 = penalties.sum();
    let (n, k, examined) = (n as f64, k as f64, examined.len() as f64);
    1.0 - penalty as f64 * 2.0 / (examined * k * (2.0 * n - 3.0 * k - 1.0))
}

/// All numbers below `n`, or `most` of them, each as likely as any other.
fn drawn(n: usize, most: usize) -> Vec<usize> {
    if n <= most {
        return (0..n).collect();
    }
    // `mix64` is one to one, so all keys differ: the points of the smallest keys are a sample without replacement.
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
    fn a_sample_agrees_with_all_points() {
        // Every fifth point lies elsewhere in the embedding.
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
