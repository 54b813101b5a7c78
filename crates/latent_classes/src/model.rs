//! The fit, and what a fitted model says about rows.
#![expect(clippy::indexing_slicing, reason = "positions are counted from the arrays that are indexed")]

use ndarray::{Array2, ArrayView2};

use super::classes::Classes;
use super::errors::LatentClassError;
use super::params::LatentClassValidParams;
use super::rows::{Layout, Rows};
use super::search::{Candidate, search};

/// Latent classes of categorical rows, made by [`LatentClassValidParams::fit`]. The largest class is number 0.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentClassModel {
    pub(super) layout: Layout,
    pub(super) classes: Classes,
    /// For each slot whether a training row has its value.
    pub(super) is_seen: Vec<bool>,
    pub(super) candidates: Vec<Candidate>,
}

/// The most probable class of each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The class with the largest posterior, the larger class where two are equal.
    pub labels: Vec<usize>,
    /// Its posterior probability, above 0 and at most 1.
    pub strengths: Vec<f64>,
}

impl LatentClassValidParams {
    /// Fits latent classes (Lazarsfeld, Henry 1968; Goodman 1974) to rows of codes, `(n_rows, n_columns)`, where each
    /// row counts as `weights` says.
    ///
    /// Within a class the columns are independent, and each has its own share for every code. A [`super::MISSING`] code
    /// is skipped: the row's probability is the sum over all values that it could have. The result depends on the
    /// multiset of the weighted rows, the parameters and the seed alone.
    ///
    /// # Errors
    /// [`LatentClassError::NoRows`], [`LatentClassError::NoColumns`], [`LatentClassError::WeightsLength`],
    /// [`LatentClassError::ZeroWeight`], [`LatentClassError::CodeTooLarge`] and [`LatentClassError::TooManyValues`].
    pub fn fit(&self, rows: ArrayView2<'_, u32>, weights: &[u32]) -> Result<LatentClassModel, LatentClassError> {
        let rows = Rows::new(rows, weights)?;
        let (mut classes, candidates) = search(&rows, self);
        let is_seen: Vec<bool> = rows.shares.iter().map(|&share| share > 0.0).collect();
        classes.skip_unseen(&is_seen);
        Ok(LatentClassModel { layout: rows.layout, classes, is_seen, candidates })
    }
}

impl LatentClassModel {
    /// How many classes there are. 1 says that nothing tells rows apart but their columns, each for itself.
    pub fn n_classes(&self) -> usize {
        self.classes.n_classes
    }

    /// How many columns a row has.
    pub fn n_columns(&self) -> usize {
        self.layout.n_columns()
    }

    /// The share of all rows in each class, largest first.
    pub fn sizes(&self) -> &[f64] {
        &self.classes.sizes[..self.classes.n_classes]
    }

    /// The share of `code` in `column` among the rows of `class`; 0 for a code that no training row has, and `None` for
    /// a column or a class that does not exist.
    pub fn share(&self, class: usize, column: usize, code: u32) -> Option<f64> {
        if class >= self.n_classes() || column >= self.n_columns() {
            return None;
        }
        let slot = self.layout.slot(column, code) as usize;
        Some(if self.is_seen[slot] { self.classes.shares[slot * self.classes.stride + class] } else { 0.0 })
    }

    /// The numbers of classes that were tried, ascending.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The probability of every class for each row, `(n_rows, n_classes)`. A row's answer depends on that row alone.
    ///
    /// A code that no training row has is skipped like a missing one: nothing is known about it.
    ///
    /// # Errors
    /// [`LatentClassError::ColumnCount`].
    pub fn posterior(&self, rows: ArrayView2<'_, u32>) -> Result<Array2<f64>, LatentClassError> {
        let mut posterior = Array2::zeros((rows.nrows(), self.n_classes()));
        self.visit(rows, |row, of_row, _| {
            posterior.row_mut(row).iter_mut().zip(of_row).for_each(|(p, value)| *p = *value);
        })?;
        Ok(posterior)
    }

    /// The most probable class of each row, and its posterior.
    ///
    /// # Errors
    /// [`LatentClassError::ColumnCount`].
    pub fn predict(&self, rows: ArrayView2<'_, u32>) -> Result<Prediction, LatentClassError> {
        let mut prediction = Prediction { labels: Vec::new(), strengths: Vec::new() };
        self.visit(rows, |_, posterior, _| {
            let first = (0, posterior[0]);
            let best = (1..).zip(&posterior[1..]);
            let (label, strength) = best.fold(first, |best, (class, &p)| if p > best.1 { (class, p) } else { best });
            prediction.labels.push(label);
            prediction.strengths.push(strength);
        })?;
        Ok(prediction)
    }

    /// The log-likelihood of each row, in nats. A skipped value costs nothing. −∞ for a row that is impossible in every
    /// class, which only a prior of 0 allows.
    ///
    /// # Errors
    /// [`LatentClassError::ColumnCount`].
    pub fn log_likelihoods(&self, rows: ArrayView2<'_, u32>) -> Result<Vec<f64>, LatentClassError> {
        let mut found = Vec::with_capacity(rows.nrows());
        self.visit(rows, |_, _, log_likelihood| found.push(log_likelihood))?;
        Ok(found)
    }

    /// The bits that one row costs under the model, as a weighted mean: what held-out rows say about a model. A model
    /// of one class tells what the columns cost each for itself.
    ///
    /// # Errors
    /// [`LatentClassError::ColumnCount`], [`LatentClassError::NoRows`] and [`LatentClassError::WeightsLength`].
    pub fn bits_per_row(&self, rows: ArrayView2<'_, u32>, weights: &[u32]) -> Result<f64, LatentClassError> {
        if weights.len() != rows.nrows() {
            return Err(LatentClassError::WeightsLength { rows: rows.nrows(), weights: weights.len() });
        }
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        if total == 0 {
            return Err(LatentClassError::NoRows);
        }
        let nats = self.log_likelihoods(rows)?;
        let sum: f64 = nats.iter().zip(weights).filter(|&(_, &n)| n > 0).map(|(nats, &n)| nats * f64::from(n)).sum();
        Ok(-sum / std::f64::consts::LN_2 / total as f64)
    }

    /// Calls `visit` with each row's number, posterior, and log-likelihood.
    fn visit(
        &self,
        rows: ArrayView2<'_, u32>,
        mut visit: impl FnMut(usize, &[f64], f64),
    ) -> Result<(), LatentClassError> {
        let n_columns = self.n_columns();
        if rows.ncols() != n_columns {
            return Err(LatentClassError::ColumnCount { expected: n_columns, actual: rows.ncols() });
        }
        let (mut slots, mut posterior) = (vec![0; n_columns], vec![0.0; self.classes.stride]);
        for (number, row) in rows.rows().into_iter().enumerate() {
            for (column, (slot, &code)) in slots.iter_mut().zip(row).enumerate() {
                *slot = self.layout.slot(column, code);
            }
            let log_likelihood = self.classes.posterior(&slots, &mut posterior);
            visit(number, &posterior[..self.classes.n_classes], log_likelihood);
        }
        Ok(())
    }
}

impl Classes {
    /// Lets values that no training row has say nothing, as those that are skipped.
    pub(super) fn skip_unseen(&mut self, is_seen: &[bool]) {
        for (slot, _) in is_seen.iter().enumerate().filter(|&(_, is_seen)| !is_seen) {
            self.shares[slot * self.stride..slot * self.stride + self.n_classes].fill(1.0);
        }
    }
}
