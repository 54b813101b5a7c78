//! The customers of a training as a picture: where each profile is on the map, and in which segment.
//!
//! The map that segments are found on has some ten dimensions. What is shown is the plane in which its customers vary
//! most, and not a second map of two dimensions: that one would be drawn anew, and might show neighbours that the
//! segments know nothing of.

use std::collections::BTreeMap;
use std::iter::repeat_n;

use ndarray::{ArrayView2, Axis, concatenate};

use super::{Fitted, Model, SegmentId};
use umap::{PrincipalPlane, principal_plane};

/// The room that two segments keep, in sums of their radii: 1 would let them touch.
const GAP: f64 = 1.15;
/// Of segments that are all in one point, which touch nowhere.
const MIN_GAP_SHARE: f64 = 1e-3;

/// Profiles of a training in the plane of their largest variance.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The profiles, or a sample of them, in the order of their first appearance.
    pub points: Vec<OverviewPoint>,
    /// How many profiles there are.
    pub n_profiles: usize,
    /// How much of the map's variance the plane holds, 0 to 1.
    pub variance_share: f64,
    /// How much of the true distance there is between the middles of two segments, 0 to 1.
    pub gap_share: f64,
}

/// One profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverviewPoint {
    /// Along the direction of the largest variance, about the mean customer.
    pub x: f64,
    /// Along the direction of the second largest.
    pub y: f64,
    /// Its segment; `None` outside every one.
    pub segment: Option<SegmentId>,
    /// Customers who have it.
    pub customers: u32,
}

impl Overview {
    /// The profiles of `fitted`, at most `max_points` of them.
    ///
    /// Segments are often far apart and small on the map, and would be specks in a picture. So the gaps between them
    /// are shortened, all by one factor, as far as no two segments come to touch; within a segment, and of what is
    /// outside to the segment it is nearest to, distances are true.
    ///
    /// Of more profiles a systematic sample by customers is taken, the same every time.
    ///
    /// `None` where the method has no map: latent classes have no distances.
    pub fn of(fitted: &Fitted, max_points: usize) -> Option<Self> {
        Self::of_model(&fitted.model, &fitted.customers_of_profile, max_points).map(|(overview, _)| overview)
    }

    /// The same of a model whose profiles have so many `customers`, with the numbers of the profiles that are taken.
    pub(super) fn of_model(model: &Model, customers: &[u32], max_points: usize) -> Option<(Self, Vec<usize>)> {
        let PrincipalPlane { positions, variance_share, .. } = principal_plane(model.places()?, customers);
        let profiles = positions.iter().zip(customers).zip(model.segments_of_profiles()).enumerate();
        let (taken, mut points): (Vec<usize>, Vec<OverviewPoint>) = profiles
            .zip(sampled(customers, max_points))
            .filter(|&(_, is_taken)| is_taken)
            .map(|((profile, ((&[x, y], &customers), segment)), _)| {
                (profile, OverviewPoint { x, y, segment, customers })
            })
            .unzip();
        let gap_share = shorten_gaps(&mut points);
        Some((Self { points, n_profiles: customers.len(), variance_share, gap_share }, taken))
    }

    /// The positions of all of a model's profiles in the plane of [`Overview::of_model`], then those of `others`,
    /// `(n_others, n_components)`, which are in `segments_of_others` and leave the plane as it is.
    pub(super) fn plane_with(
        model: &Model,
        customers: &[u32],
        max_points: usize,
        others: ArrayView2<'_, f32>,
        segments_of_others: &[Option<SegmentId>],
    ) -> Vec<[f64; 2]> {
        let own = model.places();
        let places = own.and_then(|own| concatenate(Axis(0), &[own.view(), others.view()]).ok());
        let Some(places) = places else { return Vec::new() };
        // Nobody has a profile of the others: neither the mean nor the axes follow them.
        let weights: Vec<u32> = customers.iter().copied().chain(repeat_n(0, others.nrows())).collect();
        let PrincipalPlane { positions, .. } = principal_plane(places.view(), &weights);
        let segments = model.segments_of_profiles().chain(segments_of_others.iter().copied());
        let placed = positions.iter().zip(segments).zip(weights);
        let points = placed.map(|((&[x, y], segment), customers)| OverviewPoint { x, y, segment, customers });
        let mut points: Vec<OverviewPoint> = points.collect();
        let sample = points.iter().zip(sampled(customers, max_points)).filter(|&(_, is_taken)| is_taken);
        let sample: Vec<OverviewPoint> = sample.map(|(point, _)| *point).collect();
        Gaps::of(&sample).shorten(&mut points);
        points.iter().map(|point| [point.x, point.y]).collect()
    }
}

/// By how much gaps are shortened, and about which middles.
struct Gaps {
    discs: BTreeMap<SegmentId, Disc>,
    /// How much of each gap is left.
    share: f64,
}

/// Where a segment is in the plane.
struct Disc {
    x: f64,
    y: f64,
    customers: f64,
    radius: f64,
}

impl Disc {
    fn distance(&self, x: f64, y: f64) -> f64 {
        (self.x - x).hypot(self.y - y)
    }
}

/// Brings the segments together and returns the factor.
fn shorten_gaps(points: &mut [OverviewPoint]) -> f64 {
    let gaps = Gaps::of(points);
    gaps.shorten(points);
    gaps.share
}

impl Gaps {
    fn of(points: &[OverviewPoint]) -> Self {
        let discs = discs(points);
        let share = share_left(&discs);
        Self { discs, share }
    }

    /// Moves each point along with its segment, or with the nearest one.
    fn shorten(&self, points: &mut [OverviewPoint]) {
        let Self { discs, share } = self;
        if *share >= 1.0 {
            return;
        }
        for point in points {
            let nearest = |a: &&Disc, b: &&Disc| a.distance(point.x, point.y).total_cmp(&b.distance(point.x, point.y));
            let own = point.segment.and_then(|id| discs.get(&id)).or_else(|| discs.values().min_by(nearest));
            if let Some(disc) = own {
                (point.x, point.y) = (point.x - (1.0 - share) * disc.x, point.y - (1.0 - share) * disc.y);
            }
        }
    }
}

/// How much of the gaps has to be left for no two segments to touch; 1 where there is nothing to bring together.
fn share_left(discs: &BTreeMap<SegmentId, Disc>) -> f64 {
    let factor = |(i, a): (usize, &Disc)| {
        let touching = |b: &Disc| GAP * (a.radius + b.radius) / a.distance(b.x, b.y).max(f64::MIN_POSITIVE);
        discs.values().skip(i + 1).map(touching).fold(0.0, f64::max)
    };
    let factor = discs.values().enumerate().map(factor).fold(0.0, f64::max);
    // Nothing to bring together, or segments in one place.
    if discs.len() < 2 || factor >= 1.0 {
        return 1.0;
    }
    factor.max(MIN_GAP_SHARE)
}

/// Mean customer and farthest profile of each segment.
fn discs(points: &[OverviewPoint]) -> BTreeMap<SegmentId, Disc> {
    let mut discs: BTreeMap<SegmentId, Disc> = BTreeMap::new();
    let own = || points.iter().filter_map(|point| Some((point.segment?, point)));
    for (id, point) in own() {
        let disc = discs.entry(id).or_insert(Disc { x: 0.0, y: 0.0, customers: 0.0, radius: 0.0 });
        disc.customers += f64::from(point.customers);
        let weight = f64::from(point.customers) / disc.customers.max(1.0);
        disc.x += weight * (point.x - disc.x);
        disc.y += weight * (point.y - disc.y);
    }
    for (id, point) in own() {
        if let Some(disc) = discs.get_mut(&id) {
            disc.radius = disc.radius.max(disc.distance(point.x, point.y));
        }
    }
    discs
}

/// For each profile whether it is among `max_points` that are drawn systematically by their customers.
fn sampled(customers: &[u32], max_points: usize) -> Vec<bool> {
    if customers.len() <= max_points {
        return vec![true; customers.len()];
    }
    let total: u64 = customers.iter().map(|&n| u64::from(n)).sum();
    let draws = max_points as u64;
    // How many of the draws fall on the first so many customers.
    let drawn = |up_to: u64| (u128::from(up_to) * u128::from(draws) / u128::from(total.max(1))) as u64;
    let mut before = 0;
    let is_taken = |&n: &u32| {
        let after = before + u64::from(n);
        let is_taken = drawn(after) > drawn(before);
        before = after;
        is_taken
    };
    customers.iter().map(is_taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64, segment: Option<u32>) -> OverviewPoint {
        OverviewPoint { x, y, segment: segment.map(SegmentId::new), customers: 1 }
    }

    #[test]
    fn gaps_are_shortened_by_one_factor_and_segments_keep_their_shape() {
        let mut points = [
            point(-1.0, 0.0, Some(3)),
            point(1.0, 0.0, Some(3)),
            point(99.0, 0.0, Some(5)),
            point(101.0, 0.0, Some(5)),
            point(0.0, 230.0, Some(6)),
            point(3.0, 0.0, None),
        ];
        let factor = shorten_gaps(&mut points);
        assert!((factor - GAP * 2.0 / 100.0).abs() < 1e-12, "{factor}");
        let xs = points.map(|point| point.x);
        let middle = 100.0 * factor;
        for (x, expected) in xs.into_iter().zip([-1.0, 1.0, middle - 1.0, middle + 1.0, 0.0, 3.0]) {
            assert!((x - expected).abs() < 1e-9, "{xs:?}");
        }
        assert!((points[4].y - 230.0 * factor).abs() < 1e-9);
    }

    #[test]
    fn segments_that_touch_and_a_segment_alone_stay_where_they_are() {
        let near =
            [point(0.0, 0.0, Some(0)), point(2.0, 0.0, Some(0)), point(1.5, 0.0, Some(1)), point(4.0, 0.0, Some(1))];
        for points in [near.to_vec(), near[..2].to_vec(), vec![point(1.0, 1.0, None)], Vec::new()] {
            let mut drawn = points.clone();
            assert_eq!((shorten_gaps(&mut drawn), drawn), (1.0, points));
        }
    }

    #[test]
    fn a_sample_is_drawn_by_size_and_never_too_large() {
        assert_eq!(sampled(&[1, 2, 3], 3), [true; 3]);
        let mut customers = vec![1_u32; 1_000];
        customers.extend([100; 10]);
        let taken = sampled(&customers, 100);
        let (small, large) = taken.split_at(1_000);
        assert_eq!(small.iter().filter(|&&taken| taken).count(), 50, "half of the customers, half of the draws");
        assert!(large.iter().all(|&taken| taken));
        assert!(sampled(&[0, 0, 0], 2).iter().all(|&taken| !taken));
    }
}
