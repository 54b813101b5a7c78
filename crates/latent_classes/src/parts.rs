//! A model as plain arrays, and back.
//!
//! Parts may come from damaged or hostile files, so everything is checked: a model that was read is as sound as one
//! that was fitted.
#![expect(clippy::indexing_slicing, reason = "the shapes are checked before they are used")]

use ndarray::Array2;

use super::classes::{Classes, stride_of};
use super::errors::{Damage, LatentClassError};
use super::limits::{MAX_CLASSES, MAX_CODE, MAX_VALUES};
use super::model::LatentClassModel;
use super::rows::Layout;
use super::search::Candidate;

/// How far shares that sum to 1 may be from it.
const ROUNDING: f64 = 1e-9;

/// A model as plain arrays, for storage.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentClassParts {
    /// The share of all rows in each class, largest first, `(n_classes)`.
    pub sizes: Vec<f64>,
    /// How many codes each column has, `(n_columns)`.
    pub n_values: Vec<u32>,
    /// The share of each code in each class, the columns one after the other, `(n_classes, sum of n_values)`. A code
    /// that no training row has is 0 in every class.
    pub shares: Array2<f64>,
    /// The numbers of classes that were tried.
    pub candidates: Vec<Candidate>,
}

impl LatentClassModel {
    /// The model as arrays.
    pub fn to_parts(&self) -> LatentClassParts {
        let slots: Vec<usize> = (0..self.n_columns()).flat_map(|column| self.layout.slots(column)).collect();
        let share = |(class, value): (usize, usize)| {
            let slot = slots[value];
            if self.is_seen[slot] { self.classes.shares[slot * self.classes.stride + class] } else { 0.0 }
        };
        LatentClassParts {
            sizes: self.sizes().to_vec(),
            n_values: self.layout.n_values().iter().map(|&n| n as u32).collect(),
            shares: Array2::from_shape_fn((self.n_classes(), slots.len()), share),
            candidates: self.candidates.clone(),
        }
    }

    /// The model stored as `parts`; it answers like the one they were taken from.
    ///
    /// # Errors
    /// [`LatentClassError::NoColumns`], [`LatentClassError::TooManyValues`], and [`LatentClassError::Damaged`] for
    /// parts that no fit could have written.
    pub fn from_parts(parts: LatentClassParts) -> Result<Self, LatentClassError> {
        let LatentClassParts { sizes, n_values, shares, candidates } = parts;
        let n_classes = sizes.len();
        if !(1..=MAX_CLASSES).contains(&n_classes) {
            return Err(Damage::ClassCount.into());
        }
        if n_values.is_empty() {
            return Err(LatentClassError::NoColumns);
        }
        let n_total = n_values.iter().map(|&n| n as usize).sum();
        if n_total > MAX_VALUES {
            return Err(LatentClassError::TooManyValues(n_total));
        }
        if shares.dim() != (n_classes, n_total) || n_values.iter().any(|&n| n > MAX_CODE + 1) {
            return Err(Damage::Shape.into());
        }
        let is_sorted = sizes.windows(2).all(|pair| pair[0] >= pair[1]);
        if !is_sorted || !are_shares(sizes.iter().copied()) {
            return Err(Damage::Sizes.into());
        }
        check_candidates(&candidates, n_classes)?;
        let layout = Layout::new(n_values.into_iter().map(|n| n as usize).collect());
        let (classes, is_seen) = tables(&layout, &sizes, &shares)?;
        Ok(Self { layout, classes, is_seen, candidates })
    }
}

/// Whether these are shares of 1.
fn are_shares(shares: impl Iterator<Item = f64> + Clone) -> bool {
    shares.clone().all(|share| (0.0..=1.0 + ROUNDING).contains(&share)) && (shares.sum::<f64>() - 1.0).abs() <= ROUNDING
}

fn check_candidates(candidates: &[Candidate], n_classes: usize) -> Result<(), Damage> {
    let is_ascending = candidates.windows(2).all(|pair| pair[0].n_classes < pair[1].n_classes);
    let is_sound = |candidate: &Candidate| candidate.log_likelihood <= 0.0 && candidate.bic.is_finite();
    let has_chosen = candidates.iter().any(|candidate| candidate.n_classes == n_classes);
    if is_ascending && has_chosen && candidates.iter().all(is_sound) { Ok(()) } else { Err(Damage::Candidates) }
}

fn tables(layout: &Layout, sizes: &[f64], shares: &Array2<f64>) -> Result<(Classes, Vec<bool>), Damage> {
    let (n_classes, stride) = (sizes.len(), stride_of(sizes.len()));
    let mut classes =
        Classes { n_classes, stride, sizes: vec![0.0; stride], shares: vec![0.0; stride * layout.n_slots()] };
    classes.sizes[..n_classes].copy_from_slice(sizes);
    let mut is_seen = vec![false; layout.n_slots()];
    let mut value = 0;
    for column in 0..layout.n_columns() {
        let slots = layout.slots(column);
        let of_column = shares.slice(ndarray::s![.., value..value + slots.len()]);
        value += slots.len();
        for (class, of_class) in of_column.rows().into_iter().enumerate() {
            if !slots.is_empty() && !are_shares(of_class.iter().copied()) {
                return Err(Damage::Shares { class, column });
            }
            for (slot, &share) in slots.clone().zip(of_class) {
                classes.shares[slot * stride + class] = share;
                is_seen[slot] |= share > 0.0;
            }
        }
    }
    classes.skip_unseen(&is_seen);
    Ok((classes, is_seen))
}

#[cfg(test)]
mod tests {
    use linfa::ParamGuard;
    use ndarray::{Array2, array};

    use super::super::params::LatentClassParams;
    use super::super::rows::MISSING;
    use super::*;

    /// Two classes over columns of 3, 1 and 2 codes, of which one is unseen; the last row's values are missing.
    fn model() -> LatentClassModel {
        let rows = array![[0, 0, 0], [2, 0, 1], [MISSING, MISSING, MISSING]];
        LatentClassParams::new().classes(2, 2).prior(1.0).check().unwrap().fit(rows.view(), &[30, 20, 1]).unwrap()
    }

    fn refusal(damage: impl FnOnce(&mut LatentClassParts)) -> LatentClassError {
        let mut parts = model().to_parts();
        damage(&mut parts);
        LatentClassModel::from_parts(parts).unwrap_err()
    }

    #[test]
    fn sound_parts_come_back_as_they_were() {
        let model = model();
        let parts = model.to_parts();
        assert_eq!((parts.n_values.as_slice(), parts.shares.dim()), (&[3, 1, 2][..], (2, 6)));
        assert_eq!((model.share(0, 0, 1), model.share(0, 1, 0)), (Some(0.0), Some(1.0)));
        assert_eq!(LatentClassModel::from_parts(parts).unwrap(), model);
    }

    #[test]
    fn parts_that_no_fit_could_have_written_are_refused() {
        let shares = |class, column| LatentClassError::Damaged(Damage::Shares { class, column });
        assert_eq!(refusal(|p| p.sizes.clear()), Damage::ClassCount.into());
        assert_eq!(refusal(|p| p.sizes = vec![0.0; 65]), Damage::ClassCount.into());
        assert_eq!(refusal(|p| p.n_values.clear()), LatentClassError::NoColumns);
        assert_eq!(refusal(|p| p.n_values = vec![u32::MAX; 2]), LatentClassError::TooManyValues(2 * u32::MAX as usize));
        assert_eq!(refusal(|p| p.n_values[0] = 2), Damage::Shape.into());
        assert_eq!(refusal(|p| p.shares = Array2::zeros((3, 6))), Damage::Shape.into());
        assert_eq!(refusal(|p| p.sizes.reverse()), Damage::Sizes.into());
        assert_eq!(refusal(|p| p.sizes[0] = f64::NAN), Damage::Sizes.into());
        assert_eq!(refusal(|p| p.sizes[1] = 0.0), Damage::Sizes.into());
        assert_eq!(refusal(|p| p.shares[(1, 0)] += 0.1), shares(1, 0));
        assert_eq!(refusal(|p| p.shares[(0, 3)] = f64::NAN), shares(0, 1));
        assert_eq!(refusal(|p| p.shares[(0, 4)] = -0.5), shares(0, 2));
        assert_eq!(refusal(|p| p.candidates.clear()), Damage::Candidates.into());
        assert_eq!(refusal(|p| p.candidates[0].bic = f64::NAN), Damage::Candidates.into());
        assert_eq!(refusal(|p| p.candidates[0].n_classes = 3), Damage::Candidates.into());
    }
}
