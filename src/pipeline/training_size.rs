//! What a training will take, before it starts: memory and time by the profiles, their encoded width and their
//! neighbours.
//!
//! The constants were fitted to trainings of 5,000 to 20,000 profiles, memory within a quarter and time within a factor
//! of two. Elsewhere they tell minutes from hours: a map of a million profiles of 10 columns with 120 neighbours takes
//! 8.6 GB, of which they say 7.

use std::fmt;

use linfa::ParamGuard;

use super::encoded::Encoded;
use super::{FitError, FitParams, Method};

/// Of one column of one profile, in bytes: the training and the second one hold their encoded profiles several times.
const BYTES_A_COLUMN: u64 = 34;
/// Of one neighbour of one profile, in bytes: its list, the graph in both directions, and the layout's order of it.
const BYTES_A_NEIGHBOUR: u64 = 48;
/// Of one profile whatever its width, in bytes: its key, its place on the map, its clusters and its scores.
const BYTES_A_PROFILE: u64 = 900;
/// Of one customer, in bytes: the codes of its row, its profile and its segment.
const BYTES_A_CUSTOMER: u64 = 64;
/// The program, its libraries and the report, in bytes.
const BYTES_AT_LEAST: u64 = 32 << 20;
/// Map and clusters of so many profiles with so many neighbours take so many seconds of one processor, whatever the
/// width; a quarter of it whatever the neighbours.
const MEASURED_PROFILES: f64 = 50_000.0;
const MEASURED_NEIGHBOURS: f64 = 120.0;
const MEASURED_SECONDS: f64 = 27.0;
/// That grows with this power of the profiles.
const GROWTH: f64 = 1.36;
/// Latent classes take this share of it.
const SHARE_OF_CLASSES: f64 = 0.1;
/// A training is made twice: on all customers, and on four fifths of them.
const TRAININGS: f64 = 1.8;
/// Seconds for one column of two profiles that are compared.
const SECONDS_A_COMPARISON: f64 = 4e-10;
/// Each profile is compared with all others up to this number, with so many of them beyond it
/// (`umap::neighbour_search`); and once more with a sample (`umap::trustworthiness`).
const MAX_EXACT: usize = 20_000;
const COMPARED: usize = 3_000;
const MAX_SAMPLED: usize = 10_000;

/// The size of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingSize {
    /// Distinct profiles.
    pub profiles: usize,
    /// Columns that each is encoded into.
    pub features: usize,
    /// Neighbours of each; 0 for a method without any.
    pub neighbours: usize,
    /// The most memory at one time, in bytes.
    pub memory_bytes: u64,
    /// Seconds of one processor; a machine with several needs less by the clock.
    pub processor_seconds: u64,
}

impl TrainingSize {
    /// The size of a training on these customers.
    ///
    /// # Errors
    /// [`FitError::Map`] where a parameter breaks a rule.
    pub fn of(customers: &Encoded<'_>, params: &FitParams) -> Result<Self, FitError> {
        let umap = params.umap.check_ref().map_err(FitError::Map)?;
        let Encoded { encoder, table, profiles } = customers;
        let profiles = profiles.len();
        let neighbours = match params.method {
            Method::LatentClasses => 0,
            _ => umap.n_neighbors().min(profiles),
        };
        Ok(Self::estimated(table.n_rows(), profiles, encoder.n_features(), neighbours))
    }

    /// The size of a training on so many rows with so many profiles.
    fn estimated(rows: usize, profiles: usize, features: usize, neighbours: usize) -> Self {
        let [n_rows, n_profiles, width, n_neighbours] =
            [rows, profiles, features, neighbours].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let of_profile = width
            .saturating_mul(BYTES_A_COLUMN)
            .saturating_add(BYTES_A_NEIGHBOUR.saturating_mul(n_neighbours))
            .saturating_add(BYTES_A_PROFILE);
        let memory_bytes = of_profile
            .saturating_mul(n_profiles)
            .saturating_add(BYTES_A_CUSTOMER.saturating_mul(n_rows))
            .saturating_add(BYTES_AT_LEAST);
        let own = MEASURED_SECONDS * (as_number(profiles) / MEASURED_PROFILES).powf(GROWTH);
        let compared = if profiles > MAX_EXACT { COMPARED } else { profiles };
        let comparisons =
            as_number(profiles) * (TRAININGS * as_number(compared) + as_number(profiles.min(MAX_SAMPLED)));
        let seconds = if neighbours == 0 {
            TRAININGS * own * SHARE_OF_CLASSES
        } else {
            let share = 0.25 + 0.75 * as_number(neighbours) / MEASURED_NEIGHBOURS;
            TRAININGS * own * share + comparisons * as_number(features) * SECONDS_A_COMPARISON
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive, and saturates")]
        let processor_seconds = seconds.ceil() as u64;
        Self { profiles, features, neighbours, memory_bytes, processor_seconds }
    }
}

/// About how much that is, as a person says it: `40 minutes and 9 GB`.
impl fmt::Display for TrainingSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = |n: u64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
        let time = match self.processor_seconds {
            seconds @ 0..60 => several(seconds, "second"),
            seconds @ 60..7_200 => several(seconds.div_ceil(60), "minute"),
            seconds => several(seconds.div_ceil(3_600), "hour"),
        };
        write!(f, "{time} of one processor and {} of memory", in_bytes(self.memory_bytes))
    }
}

/// Bytes in the unit that suits them.
pub fn in_bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        1_000_000_000..10_000_000_000 => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
        _ => format!("{} GB", bytes.div_ceil(1_000_000_000)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn as_number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_time_grow_with_profiles_columns_and_neighbours() {
        let of = |profiles, features, neighbours| TrainingSize::estimated(1_000_000, profiles, features, neighbours);
        let small = of(50_000, 10, 120);
        for larger in [of(60_000, 10, 120), of(50_000, 100, 120), of(50_000, 10, 240)] {
            assert!(larger.memory_bytes > small.memory_bytes, "{larger:?}");
            assert!(larger.processor_seconds > small.processor_seconds, "{larger:?}");
        }
        assert!(of(50_000, 10, 0).memory_bytes < small.memory_bytes);
        // The encoded profiles alone are 16 GB, several times over.
        let beyond = of(1_000_000, 4_000, 120);
        assert!(beyond.memory_bytes > 100_000_000_000 && beyond.processor_seconds > 3_600, "{beyond:?}");
        assert_eq!(of(usize::MAX, usize::MAX, usize::MAX).memory_bytes, u64::MAX);
    }

    #[test]
    fn an_estimate_is_near_what_was_measured() {
        // Profiles, columns, neighbours; megabytes and seconds of the processor.
        for (profiles, features, neighbours, megabytes, seconds) in [
            (5_000, 250, 15, 91, 7.2),
            (5_000, 250, 60, 93, 8.8),
            (5_000, 50, 60, 59, 3.3),
            (10_000, 250, 60, 152, 28.2),
            (20_000, 50, 15, 98, 13.6),
        ] {
            let size = TrainingSize::estimated(profiles, profiles, features, neighbours);
            let (memory, time) =
                (size.memory_bytes as f64 / 1e6 / f64::from(megabytes), size.processor_seconds as f64 / seconds);
            assert!((0.75..1.35).contains(&memory) && (0.5..2.0).contains(&time), "{size:?}: {memory}, {time}");
        }
    }

    #[test]
    fn a_size_is_said_as_people_say_it() {
        let said = |seconds, bytes| {
            let size =
                TrainingSize { memory_bytes: bytes, processor_seconds: seconds, ..TrainingSize::estimated(1, 1, 1, 1) };
            size.to_string()
        };
        assert_eq!(said(1, 900_000), "1 second of one processor and 1 MB of memory");
        assert_eq!(said(2_400, 9_040_000_000), "40 minutes of one processor and 9.0 GB of memory");
        assert_eq!(said(90_000, 48_000_000_001), "25 hours of one processor and 49 GB of memory");
    }
}
