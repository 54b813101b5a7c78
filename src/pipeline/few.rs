//! Whom a customer may be placed by: the training's customers but for the few who are like this one.
//!
//! A profile of fewer than [`MIN_CUSTOMERS`](super::MIN_CUSTOMERS) customers is placed as one that training never met,
//! by the others alone. Were it looked up, or were its own place on the map among those that it is placed by, a caller
//! who sent every combination of values could tell by the answers which of them the training had. Numbers are alike
//! within a tenth of the customers: hardly anybody has the very same.

use ndarray::{ArrayView1, ArrayView2};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

/// The number of parts that a number's customers are cut into.
const PARTS: u64 = 10;
/// The part of a number that nobody knows: it is encoded as the mean, 0.
const MISSING: u32 = u32::MAX;

/// The tenths of the numbers of a training's encoded profiles.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tenths {
    /// For each encoded column that holds numbers the largest value of each tenth but the last.
    bounds_of: FxHashMap<usize, Vec<f32>>,
}

impl Tenths {
    /// The tenths of the columns `numbers` of `points`, `(n_profiles, n_features)`, which have so many customers each.
    pub fn of(points: ArrayView2<'_, f32>, customers: &[u64], numbers: &[usize]) -> Self {
        let bounds = |&column: &usize| {
            let values = points.rows().into_iter().filter_map(|row| row.get(column).copied());
            let mut values: Vec<(f32, u64)> = values.zip(customers.iter().copied()).collect();
            values.retain(|(value, _)| *value != 0.0);
            values.sort_by(|a, b| a.0.total_cmp(&b.0));
            let all: u64 = values.iter().map(|(_, customers)| customers).sum::<u64>().max(1);
            let (mut bounds, mut so_far) = (Vec::new(), 0);
            for (value, customers) in values {
                let before = PARTS * so_far / all;
                so_far += customers;
                if PARTS * so_far / all > before && so_far < all && bounds.last() != Some(&value) {
                    bounds.push(value);
                }
            }
            (column, bounds)
        };
        Self { bounds_of: numbers.iter().map(bounds).collect() }
    }

    /// What the bits of an encoded value are compared by: of a number its tenth, of everything else the bits.
    pub fn seen(&self, column: usize, bits: u32) -> u32 {
        let Some(bounds) = self.bounds_of.get(&column) else { return bits };
        let value = f32::from_bits(bits);
        if value == 0.0 {
            return MISSING;
        }
        u32::try_from(bounds.partition_point(|bound| *bound < value)).unwrap_or(MISSING)
    }

    /// Whether no column holds numbers.
    fn are_none(&self) -> bool {
        self.bounds_of.is_empty()
    }
}

/// The points of a map that stand for few customers, by what these customers are known by.
#[derive(Debug, Clone, Default)]
pub(super) struct Few {
    of_hash: FxHashMap<u64, Vec<u32>>,
}

impl Few {
    /// Of `points`, `(n_points, n_features)`, with so many customers each, those that stand for fewer than `least`
    /// together with all that are like them; and of numbers those that stand for fewer alone.
    pub fn of(points: ArrayView2<'_, f32>, customers: &[u64], tenths: &Tenths, least: u64) -> Self {
        let grouped = |hash: &dyn Fn(ArrayView1<'_, f32>) -> u64| {
            let mut of_hash: FxHashMap<u64, (u64, Vec<u32>)> = FxHashMap::default();
            for ((row, &customers), point) in points.rows().into_iter().zip(customers).zip(0..) {
                let (all, points) = of_hash.entry(hash(row)).or_default();
                *all += customers;
                points.push(point);
            }
            of_hash.into_iter().filter(|(_, (all, _))| *all < least).map(|(hash, (_, points))| (hash, points))
        };
        let mut of_hash: FxHashMap<u64, Vec<u32>> = grouped(&|row| hash(row, Some(tenths))).collect();
        if !tenths.are_none() {
            of_hash.extend(grouped(&|row| hash(row, None)));
        }
        Self { of_hash }
    }

    /// The points that `row` must not be placed by: those of customers like this one where there are few of them.
    pub fn like(&self, row: ArrayView1<'_, f32>, tenths: &Tenths) -> &[u32] {
        if self.of_hash.is_empty() {
            return &[];
        }
        let alike = self.of_hash.get(&hash(row, Some(tenths)));
        let same = || if tenths.are_none() { None } else { self.of_hash.get(&hash(row, None)) };
        alike.or_else(same).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A hash of an encoded row: of its numbers by their `tenths`, or as they are.
fn hash(row: ArrayView1<'_, f32>, tenths: Option<&Tenths>) -> u64 {
    // One hash of all bytes: of a few at a time it would take many times as long.
    let mut bytes = Vec::with_capacity(1 + size_of::<u32>() * row.len());
    bytes.push(u8::from(tenths.is_some()));
    for (column, value) in row.iter().enumerate() {
        let bits = value.to_bits();
        bytes.extend(tenths.map_or(bits, |tenths| tenths.seen(column, bits)).to_le_bytes());
    }
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn numbers_are_cut_into_tenths_of_the_customers_and_the_unknown_are_a_part_of_their_own() {
        let points = Array2::from_shape_fn((100, 2), |(i, j)| if j == 0 { 1.0 } else { 1.0 + i as f32 });
        let tenths = Tenths::of(points.view(), &[3; 100], &[1]);
        let seen = |value: f32| tenths.seen(1, value.to_bits());
        assert_eq!([0.5, 1.0, 10.0, 10.5, 20.0, 91.0, 1e9].map(seen), [0, 0, 0, 1, 1, 9, 9]);
        assert_eq!((seen(0.0), seen(-5.0)), (MISSING, 0));
        assert_eq!(tenths.seen(0, 7.5_f32.to_bits()), 7.5_f32.to_bits());
        // Of many who have the same none is apart, and without customers there is one part.
        let same = Tenths::of(Array2::from_elem((30, 1), 2.0).view(), &[1; 30], &[0]);
        assert_eq!([1.0, 2.0, 3.0_f32].map(|value| same.seen(0, value.to_bits())), [0, 0, 1]);
        assert_eq!(Tenths::of(Array2::zeros((0, 1)).view(), &[], &[0]).seen(0, 1.0_f32.to_bits()), 0);
    }

    #[test]
    fn few_are_found_by_what_they_are_and_many_are_not() {
        let points = array![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]];
        let few = |customers: &[u64], least| Few::of(points.view(), customers, &Tenths::default(), least);
        let like = |few: &Few, row: [f32; 2]| few.like(array![row[0], row[1]].view(), &Tenths::default()).to_vec();
        let found = few(&[4, 12, 5, 1], 10);
        // Copies of a profile count together.
        assert_eq!(like(&found, [1.0, 0.0]), [0, 2]);
        assert_eq!(like(&found, [0.5, 0.5]), [3]);
        assert!(like(&found, [0.0, 1.0]).is_empty() && like(&found, [0.25, 0.25]).is_empty());
        assert!(like(&few(&[5, 12, 5, 1], 10), [1.0, 0.0]).is_empty());
        assert!(like(&few(&[1; 4], 1), [0.5, 0.5]).is_empty());
    }

    #[test]
    fn of_numbers_all_of_a_tenth_are_alike_and_who_is_alone_among_many_is_few_too() {
        // One kind of customers in the first column, each with a number of its own; of the other kind there are two.
        let points = Array2::from_shape_fn((102, 2), |(i, j)| if j == 0 { f32::from(i < 100) } else { 1.0 + i as f32 });
        let numbers = Tenths::of(points.view(), &[1; 102], &[1]);
        let few = Few::of(points.view(), &[1; 102], &numbers, 10);
        let like = |kind: f32, number: f32| few.like(array![kind, number].view(), &numbers).to_vec();
        assert_eq!(like(0.0, 101.0), [100, 101]);
        assert_eq!(like(0.0, 101.4), [100, 101]);
        assert!(like(0.0, 3.0).is_empty());
        assert_eq!(like(1.0, 5.0), [4]);
        assert!(like(1.0, 5.5).is_empty());
    }
}
