//! The customers of a training as the model tells them apart, made once for all that is asked of them.

use std::borrow::Cow;

use super::FitError;
use super::encoder::{Encoder, Profiles, RareNames};
use crate::customer::CustomerTable;

/// The customers of a training, encoded: how large a training on them is and the training itself both start here.
#[derive(Debug)]
pub struct Encoded<'t> {
    pub(super) encoder: Encoder,
    /// The customers, with what few of them have merged or withheld.
    pub(super) table: Cow<'t, CustomerTable>,
    pub(super) profiles: Profiles,
}

impl<'t> Encoded<'t> {
    /// Learns the values of `table` and finds its distinct profiles.
    ///
    /// # Errors
    /// [`FitError::TooManyFeatures`] when the values of all categories together exceed 4,096.
    pub fn of(table: &'t CustomerTable) -> Result<Self, FitError> {
        let encoder = Encoder::fit(table, RareNames::Merged)?;
        let table = encoder.as_seen(table);
        let profiles = encoder.canonical(encoder.intern(&table));
        Ok(Self { encoder, table, profiles })
    }
}
