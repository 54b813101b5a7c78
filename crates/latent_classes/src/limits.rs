//! The largest inputs that are accepted. A leaf, since both the checks and the error texts read it.

/// The most classes of one model.
pub(super) const MAX_CLASSES: usize = 64;

/// The largest code of a value, so that a table of all codes stays small.
pub(super) const MAX_CODE: u32 = 65_535;

/// The most values of all columns together.
pub(super) const MAX_VALUES: usize = 1 << 20;
