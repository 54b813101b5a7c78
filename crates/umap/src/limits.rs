//! The largest inputs that are accepted. A leaf, since both the checks and the error texts read it.

/// The most dimensions of an embedding. The layout's loops are unrolled for each number of dimensions, and every
/// further size takes minutes to compile; clusters are usually looked for in far fewer.
pub const MAX_COMPONENTS: usize = 16;

/// The most epochs. A stored model may come from anywhere: with more epochs it would only keep a processor busy.
pub(super) const MAX_EPOCHS: usize = 10_000;

/// The most negative samples of an edge, for the same reason.
pub(super) const MAX_NEGATIVE_SAMPLE_RATE: usize = 100;

/// The most points. Random vertices are drawn as `f32`, which holds whole numbers exactly up to here.
pub(super) const MAX_POINTS: usize = 1 << 24;
