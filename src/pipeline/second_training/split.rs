//! Which customers are held out of the second training.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

/// The share of the customers that is held out.
const HELD_OUT: f64 = 0.2;

/// Customers by profile, those that are trained on and those that are not. A profile may be in both.
pub(super) struct Split {
    /// Profiles with the customers that are trained on.
    pub kept: Vec<(usize, u32)>,
    /// Profiles with the customers that are held out.
    pub held_out: Vec<(usize, u64)>,
}

impl Split {
    /// A fifth of the customers of every profile, rounded up or down by a draw from `seed`: of a profile with one
    /// customer every fifth is held out.
    pub fn new(customers: &[u32], seed: u64) -> Self {
        let (mut kept, mut held_out) = (Vec::with_capacity(customers.len()), Vec::new());
        for (profile, &customers) in customers.iter().enumerate() {
            let drawn = xxh3_64(&[seed.to_le_bytes(), (profile as u64).to_le_bytes()].concat());
            let uniform = (drawn >> 11) as f64 / (1_u64 << 53) as f64;
            let out = ((f64::from(customers) * HELD_OUT + uniform).floor() as u32).min(customers);
            if out < customers {
                kept.push((profile, customers - out));
            }
            if out > 0 {
                held_out.push((profile, u64::from(out)));
            }
        }
        Self { kept, held_out }
    }

    /// The same by row: those that are trained on, and those that are not. Rows of one profile share what is held out
    /// of it by their `customers`, in their order.
    pub fn of_rows(&self, profiles: &[usize], customers: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let held_out: BTreeMap<usize, u64> = self.held_out.iter().copied().collect();
        let mut all: BTreeMap<usize, u64> = held_out.clone();
        for &(profile, kept) in &self.kept {
            *all.entry(profile).or_insert(0) += u64::from(kept);
        }
        let mut before: BTreeMap<usize, u64> = BTreeMap::new();
        let row = |(profile, &customers): (&usize, &u32)| {
            let of = |counts: &BTreeMap<usize, u64>| counts.get(profile).copied().unwrap_or(0);
            let so_far = before.entry(*profile).or_insert(0);
            let up_to = |n: u64| n * of(&held_out) / of(&all).max(1);
            let out = up_to(*so_far + u64::from(customers)) - up_to(*so_far);
            *so_far += u64::from(customers);
            let out = u32::try_from(out).unwrap_or(customers).min(customers);
            (customers - out, out)
        };
        profiles.iter().zip(customers).map(row).unzip()
    }

    /// How many customers are held out.
    pub fn n_held_out(&self) -> u64 {
        self.held_out.iter().map(|&(_, customers)| customers).sum()
    }

    /// The share of the customers that is trained on.
    pub fn kept_share(&self) -> f64 {
        let kept: u64 = self.kept.iter().map(|&(_, customers)| u64::from(customers)).sum();
        kept as f64 / (kept + self.n_held_out()).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_is_held_out_of_many_copies_and_of_many_single_customers() {
        let customers = [vec![1; 5_000], vec![1_000; 5]].concat();
        let split = Split::new(&customers, 42);
        let singles = split.held_out.iter().filter(|(profile, _)| *profile < 5_000).count();
        assert!((900..1_100).contains(&singles), "{singles}");
        let copies: Vec<u64> = split.held_out.iter().filter(|(p, _)| *p >= 5_000).map(|&(_, n)| n).collect();
        assert!(copies.iter().all(|n| (200..=201).contains(n)), "{copies:?}");
        assert_eq!(split.n_held_out() + split.kept.iter().map(|&(_, n)| u64::from(n)).sum::<u64>(), 10_000);
        assert!((split.kept_share() - 0.8).abs() < 0.02);
    }

    #[test]
    fn rows_of_one_profile_share_what_is_held_out_of_it() {
        let split = Split { kept: vec![(0, 8), (1, 1)], held_out: vec![(0, 2), (2, 1)] };
        let (kept, left) = split.of_rows(&[0, 1, 0, 2, 0], &[4, 1, 1, 1, 5]);
        assert_eq!((kept, left), (vec![4, 1, 0, 0, 4], vec![0, 0, 1, 1, 1]));
    }

    #[test]
    fn another_seed_holds_other_customers_out() {
        let of = |seed| Split::new(&[1; 100], seed).held_out;
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
