//! The largest inputs that are accepted. A leaf, since both the checks and the error texts read it.

/// The most points of a fit: node numbers have 32 bits, and every point may need three of them.
pub(super) const MAX_POINTS: usize = u32::MAX as usize / 4;

/// The largest absolute coordinate: the square of a distance between larger ones would overflow.
pub(super) const MAX_COORDINATE: f64 = 1e150;
