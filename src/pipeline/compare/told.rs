//! What segments tell of customers they were not found among: the one statistic by which [`super::compare`] judges a
//! candidate and a training's gate judges its segments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns::Codes;
use super::density::{Bits, SegmentDensity};
use crate::customer::CustomerTable;
use crate::pipeline::rounded;

/// Standard errors by which the bits must exceed those of columns that know nothing of one another.
const MIN_ERRORS: f64 = 2.0;

/// What segments tell of held-out customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldOutBits {
    /// The mean of a customer.
    #[serde(alias = "bits")]
    #[schema(example = 0.31)]
    pub mean: f64,
    /// The mean where every column is shuffled on its own; 0 where that was not tried.
    #[serde(default)]
    #[schema(example = -0.002)]
    pub null: f64,
    /// The standard error of their difference.
    #[schema(example = 0.012)]
    pub standard_error: f64,
}

impl HeldOutBits {
    pub(super) fn of(bits: Bits, null: Bits) -> Self {
        let standard_error = bits.standard_error.hypot(null.standard_error);
        Self { mean: rounded(bits.mean), null: rounded(null.mean), standard_error: rounded(standard_error) }
    }

    /// Of customers of `table` by the segments that were found among the others. Each row has so many customers `kept`
    /// among whom the segments were found, and so many that were `left` out; `segments` has the place of a row's
    /// segment among `n_segments`, `None` outside all.
    pub(in crate::pipeline) fn of_left_out(
        table: &CustomerTable,
        (kept, left): (&[u32], &[u32]),
        segments: &[Option<usize>],
        n_segments: usize,
    ) -> Self {
        let of_kept = segments.iter().zip(kept).filter(|&(_, &n)| n > 0);
        let of_kept: Vec<usize> = of_kept.map(|(segment, _)| segment.unwrap_or(n_segments)).collect();
        let bits = told(&Codes::of(table), (kept, left), &of_kept, n_segments + 1);
        Self { mean: rounded(bits.mean), null: 0.0, standard_error: rounded(bits.standard_error) }
    }

    /// The bits that they surely tell: what two standard errors leave of the mean beyond nothing, and beyond what
    /// shuffled columns seem to tell.
    pub fn surely(&self) -> f64 {
        self.mean - self.null.max(0.0) - MIN_ERRORS * self.standard_error
    }
}

/// What segments tell of the customers `left`, by their density of those `kept`; `of_kept` has the segment of each row
/// that has a kept customer.
pub(super) fn told(codes: &Codes, (kept, left): (&[u32], &[u32]), of_kept: &[usize], n_segments: usize) -> Bits {
    let (rows, customers) = codes.drawn(kept);
    let density = SegmentDensity::fit(rows.view(), &customers, of_kept, &codes.n_values, n_segments);
    let (rows, customers) = codes.drawn(left);
    density.bits(rows.view(), &customers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_builds_wrote_is_read() {
        let read: HeldOutBits = serde_json::from_str(r#"{"bits": 0.31, "standard_error": 0.01}"#).unwrap();
        assert_eq!(read, HeldOutBits { mean: 0.31, null: 0.0, standard_error: 0.01 });
        assert!((read.surely() - 0.29).abs() < 1e-12);
    }

    #[test]
    fn what_shuffled_columns_seem_to_tell_is_taken_off_and_less_than_nothing_is_not_added() {
        let surely = |null| HeldOutBits { mean: 0.1, null, standard_error: 0.02 }.surely();
        assert!((surely(0.03) - 0.03).abs() < 1e-12 && (surely(-0.03) - 0.06).abs() < 1e-12);
    }
}
