//! Class sizes and shares as tables, and the probability of a row in each class.
#![expect(clippy::indexing_slicing, reason = "slots come from the layout that the tables were made for")]

use super::rows::{Layout, Rows};

/// Classes are padded to a multiple of this, so that the inner loops use vector instructions.
const LANES: usize = 4;
/// After so many columns a row's probabilities are scaled up again. A share is above 10⁻³⁰, so their product is still a
/// normal number.
const COLUMNS_PER_SCALING: usize = 8;

/// The parameters of a latent class model. Each table has one entry a class, padded with classes of size 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Classes {
    pub n_classes: usize,
    pub stride: usize,
    /// The share of all rows in each class.
    pub sizes: Vec<f64>,
    /// For each slot the share of its value in each class; 1 where the value is skipped.
    pub shares: Vec<f64>,
}

/// Expected weights: of each class, and of each value in each class, in the layout of [`Classes`].
#[derive(Debug, Clone)]
pub(super) struct Counts {
    pub classes: Vec<f64>,
    pub values: Vec<f64>,
}

pub(super) fn stride_of(n_classes: usize) -> usize {
    n_classes.next_multiple_of(LANES)
}

impl Classes {
    /// The class probabilities of a row with these slots, into `posterior`, and the logarithm of the row's probability.
    ///
    /// A row that is impossible in every class, which only a prior of 0 allows, gets the class sizes.
    pub fn posterior(&self, slots: &[u32], posterior: &mut [f64]) -> f64 {
        posterior.copy_from_slice(&self.sizes);
        let mut log_scale = 0.0;
        for chunk in slots.chunks(COLUMNS_PER_SCALING) {
            for &slot in chunk {
                let start = slot as usize * self.stride;
                let shares = &self.shares[start..start + self.stride];
                posterior.iter_mut().zip(shares).for_each(|(p, share)| *p *= share);
            }
            let total: f64 = posterior.iter().sum();
            if total <= 0.0 {
                posterior.copy_from_slice(&self.sizes);
                return f64::NEG_INFINITY;
            }
            let scale = total.recip();
            posterior.iter_mut().for_each(|p| *p *= scale);
            log_scale += total.ln();
        }
        log_scale
    }

    /// The expectation step: the counts under these classes, and the log-likelihood of the rows.
    pub fn expect(&self, rows: &Rows) -> (Counts, f64) {
        let mut counts = Counts { classes: vec![0.0; self.stride], values: vec![0.0; self.shares.len()] };
        let mut posterior = vec![0.0; self.stride];
        let mut log_likelihood = 0.0;
        for (row, &weight) in rows.weights.iter().enumerate() {
            let slots = rows.row(row);
            log_likelihood += weight * self.posterior(slots, &mut posterior);
            counts.add(slots, weight, &mut posterior);
        }
        (counts, log_likelihood)
    }

    /// The logarithm of the prior's density at these classes, but for a constant.
    pub fn log_prior(&self, rows: &Rows, prior: f64) -> f64 {
        if prior == 0.0 {
            return 0.0;
        }
        let of_slot = |(slot, &share): (usize, &f64)| {
            let in_classes = &self.shares[slot * self.stride..slot * self.stride + self.n_classes];
            share * in_classes.iter().map(|share| share.ln()).sum::<f64>()
        };
        prior * rows.shares.iter().enumerate().filter(|&(_, &share)| share > 0.0).map(of_slot).sum::<f64>()
    }

    /// The classes with the largest first; of equal sizes the one with the larger share of the first value that tells
    /// them apart.
    pub fn by_size(&self) -> Self {
        let mut order: Vec<usize> = (0..self.n_classes).collect();
        let shares_of = |class: usize| self.shares.iter().skip(class).step_by(self.stride);
        order.sort_by(|&a, &b| {
            let by_share = || {
                let pairs = shares_of(a).zip(shares_of(b));
                pairs.map(|(a, b)| b.total_cmp(a)).find(|order| order.is_ne()).unwrap_or(a.cmp(&b))
            };
            self.sizes[b].total_cmp(&self.sizes[a]).then_with(by_share)
        });
        let mut sorted = self.clone();
        for (place, &class) in order.iter().enumerate() {
            sorted.sizes[place] = self.sizes[class];
            for start in (0..self.shares.len()).step_by(self.stride) {
                sorted.shares[start + place] = self.shares[start + class];
            }
        }
        sorted
    }
}

impl Counts {
    /// Nothing counted.
    pub fn none(layout: &Layout, n_classes: usize) -> Self {
        let stride = stride_of(n_classes);
        Self { classes: vec![0.0; stride], values: vec![0.0; stride * layout.n_slots()] }
    }

    /// Counts a row in the classes by its posterior, which is weighted in place.
    pub fn add(&mut self, slots: &[u32], weight: f64, posterior: &mut [f64]) {
        let stride = self.classes.len();
        posterior.iter_mut().for_each(|p| *p *= weight);
        self.classes.iter_mut().zip(&*posterior).for_each(|(sum, p)| *sum += p);
        for &slot in slots {
            let start = slot as usize * stride;
            let sums = &mut self.values[start..start + stride];
            sums.iter_mut().zip(&*posterior).for_each(|(sum, p)| *sum += p);
        }
    }

    /// The weight of the rows of `class` that have a value in `column`.
    pub fn with_value(&self, layout: &Layout, column: usize, class: usize) -> f64 {
        let stride = self.classes.len();
        layout.slots(column).map(|slot| self.values[slot * stride + class]).sum()
    }

    /// The maximisation step: the most probable classes for these counts, where in every class and column the shares of
    /// all rows count with the weight `prior`.
    pub fn maximise(&self, rows: &Rows, n_classes: usize, prior: f64) -> Classes {
        let (layout, stride) = (&rows.layout, self.classes.len());
        let sizes = self.classes.iter().map(|weight| weight / rows.total_weight).collect();
        let mut shares = vec![0.0; self.values.len()];
        for column in 0..layout.n_columns() {
            let start = layout.skipped(column) * stride;
            shares[start..start + n_classes].fill(1.0);
            for class in 0..n_classes {
                let weight = self.with_value(layout, column, class) + prior;
                for slot in layout.slots(column) {
                    let overall = rows.shares[slot];
                    let count = self.values[slot * stride + class] + prior * overall;
                    // A class without any weight is as everybody.
                    shares[slot * stride + class] = if weight > 0.0 { count / weight } else { overall };
                }
            }
        }
        Classes { n_classes, stride, sizes, shares }
    }
}
