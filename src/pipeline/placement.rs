//! Where a profile belongs, and what a profile is known by.

use ndarray::ArrayView1;

use super::SegmentId;

/// Where one profile belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Its segment; `None` outside every cluster.
    pub segment: Option<SegmentId>,
    /// How firmly the profile belongs to `segment`, 0 to 1; 0 outside every cluster.
    pub strength: f64,
    /// The segment it is nearest to: its own inside a cluster. `None` in a model without clusters.
    pub nearest: Option<Nearest>,
    /// Whether it was looked up: enough customers of the training have this very profile.
    pub is_known: bool,
    /// Whether only some traits were known: `strength` is then the share of the customers who have them.
    pub is_partial: bool,
    /// The traits that were known and did not place it, since too few customers have them together with the others.
    pub set_aside: SetAside,
}

/// Features by their positions in the schema; of the first 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetAside(u64);

impl SetAside {
    /// These features.
    pub(super) fn of(features: &[usize]) -> Self {
        let bit = |&feature: &usize| u32::try_from(feature).ok().and_then(|feature| 1_u64.checked_shl(feature));
        Self(features.iter().filter_map(bit).fold(0, |all, one| all | one))
    }

    /// Whether this feature is one of them.
    pub fn has(self, feature: usize) -> bool {
        self.0 & Self::of(&[feature]).0 != 0
    }
}

/// The segment that a profile is nearest to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// Its id.
    pub cluster_id: SegmentId,
    /// How much the profile belongs to it, 0 to 1.
    pub membership: f64,
}

impl Placement {
    /// The placement with strengths in steps of 0.05.
    pub(super) fn coarse(self) -> Self {
        let nearest = self.nearest.map(|nearest| Nearest { membership: in_steps(nearest.membership), ..nearest });
        Self { strength: in_steps(self.strength), nearest, ..self }
    }
}

/// Steps of a share that is told, from 0 to 1.
const STEPS: f64 = 20.0;

/// A share in steps of 0.05: finer ones would tell of few customers.
pub fn in_steps(share: f64) -> f64 {
    (share * STEPS).round() / STEPS
}

/// The bits of an encoded row, `(n_features)`: equal for equal profiles.
pub(super) fn bits_of(row: ArrayView1<'_, f32>) -> Box<[u32]> {
    row.iter().map(|value| value.to_bits()).collect()
}
