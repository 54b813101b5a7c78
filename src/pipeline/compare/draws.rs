//! Random draws of customers: a function of the seed alone.

use xxhash_rust::xxh3::xxh3_64;

/// The share of the customers that a fit is made without.
const HELD_OUT: f64 = 0.2;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    seed: u64,
    next: u64,
}

/// Customers of each row.
pub(super) type Customers = Vec<u32>;

impl Draws {
    /// The stream of this name by this seed; every name has its own.
    pub fn new(seed: u64, name: &str, number: usize) -> Self {
        let seed = xxh3_64(&[&seed.to_le_bytes(), &(number as u64).to_le_bytes(), name.as_bytes()].concat());
        Self { seed, next: 0 }
    }

    /// A number below `end`; 0 where that is 0. The bias of the remainder is below 2⁻³² for ends below 2³².
    fn below(&mut self, end: u64) -> u64 {
        let drawn = xxh3_64(&[self.seed.to_le_bytes(), self.next.to_le_bytes()].concat());
        self.next += 1;
        drawn % end.max(1)
    }

    /// A bootstrap: as many customers as there are, each drawn from all.
    pub fn bootstrap(&mut self, customers: &[u32]) -> Customers {
        let ends: Vec<u64> = customers
            .iter()
            .scan(0, |end, &n| {
                *end += u64::from(n);
                Some(*end)
            })
            .collect();
        let all = ends.last().copied().unwrap_or(0);
        let mut drawn = vec![0; customers.len()];
        for _ in 0..all {
            let customer = self.below(all);
            let row = ends.partition_point(|&end| end <= customer);
            drawn.get_mut(row).into_iter().for_each(|n: &mut u32| *n += 1);
        }
        drawn
    }

    /// About `share` of the customers; and all others.
    pub fn part(&mut self, customers: &[u32], share: f64) -> (Customers, Customers) {
        let limit = (share.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u64;
        let taken: Customers = customers
            .iter()
            .map(|&n| (0..n).map(|_| u32::from(self.below(u64::from(u32::MAX)) < limit)).sum())
            .collect();
        let left = customers.iter().zip(&taken).map(|(all, taken)| all - taken).collect();
        (taken, left)
    }

    /// The customers that a fit is made of, and those that it is made without.
    pub fn split(&mut self, customers: &[u32]) -> (Customers, Customers) {
        self.part(customers, 1.0 - HELD_OUT)
    }

    /// The numbers below `n` in a random order (Fisher and Yates).
    pub fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for place in (1..n).rev() {
            order.swap(place, usize::try_from(self.below(place as u64 + 1)).unwrap_or(place));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(seed: u64) -> Draws {
        Draws::new(seed, "test", 0)
    }

    #[test]
    fn a_bootstrap_has_as_many_customers_and_rows_of_many_are_drawn_as_often() {
        let drawn = draws(1).bootstrap(&[1_000, 0, 3_000]);
        assert_eq!((drawn.iter().sum::<u32>(), drawn[1]), (4_000, 0));
        assert!((900..1_100).contains(&drawn[0]), "{drawn:?}");
    }

    #[test]
    fn a_split_keeps_every_customer_on_one_side() {
        let (kept, left) = draws(1).split(&[5_000, 1, 0]);
        assert_eq!([kept[0] + left[0], kept[1] + left[1], kept[2] + left[2]], [5_000, 1, 0]);
        assert!((3_900..4_100).contains(&kept[0]), "{kept:?}");
    }

    #[test]
    fn an_order_has_every_number_once_and_another_seed_another_order() {
        let mut order = draws(1).order(100);
        assert_ne!(order, draws(2).order(100));
        assert_eq!(order, draws(1).order(100));
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
