//! What a training will take, before it starts: memory and time by the profiles, their encoded width and their
//! neighbours.
//!
//! Memory is added up from what is there at the steps that need the most, each at its largest: trainings of 5,000 to
//! 40,000 profiles took between 0.79 and 0.98 of it, and none more. The constants of time were fitted to the same
//! trainings, within a factor of two; elsewhere they tell minutes from hours.

use std::fmt;

use linfa::ParamGuard;
use umap::{MAX_EXACT, MAX_EXAMINED};

use super::compare::MAX_CUSTOMERS;
use super::encoded::Encoded;
use super::{FitError, FitParams, Method};

/// What one profile takes at a step of a training, in bytes: by its encoded columns, by its neighbours, and besides.
struct Step {
    column: u64,
    neighbour: u64,
    profile: u64,
}

/// The steps that take the most, at their largest. A column is 4 bytes in each copy of the encoded profiles. A
/// neighbour is 8 bytes in a list (which one, and how far), and in a graph up to 16, since an edge is listed at both
/// its ends.
const STEPS: [Step; 3] = [
    // The map's graph is made: the lists, the same lists the other way round (12 bytes), the graph, and the pieces that
    // it is put together from. Encoded profiles four times.
    Step { column: 16, neighbour: 8 + 12 + 16 + 16, profile: 1_400 },
    // The same in the second training, on four fifths of the customers, beside the first model. Of fewer profiles than
    // `umap::LEAST_POINTS` it is made beside the first training, and takes no more than the judging does.
    Step { column: 28, neighbour: 42, profile: 2_200 },
    // The model is judged: beside it and what it was made of there is what was read back from the disk. Encoded
    // profiles thirteen times.
    Step { column: 52, neighbour: 0, profile: 1_600 },
];
/// Of one customer, in bytes: the codes of its row, its profile and its segment.
const BYTES_A_CUSTOMER: u64 = 64;
/// The program, its libraries, its threads and the report, in bytes.
const BYTES_AT_LEAST: u64 = 36 << 20;
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
/// So many others each profile is compared with where it is not with all of them ([`MAX_EXACT`]).
const COMPARED: usize = 3_000;

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

    /// The most memory of a comparison of ways to train on the same customers, in bytes. It makes so many trainings at
    /// once, on a part of the customers where they are many.
    pub fn comparison_bytes(&self, at_once: usize) -> u64 {
        let customers = usize::try_from(MAX_CUSTOMERS).unwrap_or(usize::MAX);
        let profiles = self.profiles.min(customers);
        let one = Self::estimated(customers, profiles, self.features, self.neighbours.min(profiles));
        let of_each = one.memory_bytes.saturating_sub(BYTES_AT_LEAST);
        of_each.saturating_mul(u64::try_from(at_once).unwrap_or(u64::MAX)).saturating_add(BYTES_AT_LEAST)
    }

    /// The size of a training on so many rows with so many profiles.
    fn estimated(rows: usize, profiles: usize, features: usize, neighbours: usize) -> Self {
        let [n_rows, n_profiles, width, n_neighbours] =
            [rows, profiles, features, neighbours].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let of_profile = |step: &Step| {
            let columns = width.saturating_mul(step.column);
            columns.saturating_add(n_neighbours.saturating_mul(step.neighbour)).saturating_add(step.profile)
        };
        let memory_bytes = STEPS
            .iter()
            .map(of_profile)
            .max()
            .unwrap_or_default()
            .saturating_mul(n_profiles)
            .saturating_add(BYTES_A_CUSTOMER.saturating_mul(n_rows))
            .saturating_add(BYTES_AT_LEAST);
        let own = MEASURED_SECONDS * (as_number(profiles) / MEASURED_PROFILES).powf(GROWTH);
        let compared = if profiles > MAX_EXACT { COMPARED } else { profiles };
        let comparisons =
            as_number(profiles) * (TRAININGS * as_number(compared) + as_number(profiles.min(MAX_EXAMINED)));
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
    fn a_comparison_takes_what_its_trainings_take_at_once_on_a_part_of_many_customers() {
        let of = |profiles, features| TrainingSize::estimated(profiles, profiles, features, 120);
        let (few, many) = (of(10_000, 100), of(1_000_000, 100));
        assert_eq!(few.comparison_bytes(1), few.memory_bytes);
        assert_eq!(many.comparison_bytes(4), few.comparison_bytes(4));
        assert!(few.comparison_bytes(4) > 2 * few.memory_bytes);
    }

    #[test]
    fn memory_is_never_estimated_below_what_was_measured_and_time_is_near_it() {
        // Profiles, columns, neighbours; megabytes and seconds of the processor.
        for (profiles, features, neighbours, megabytes, seconds) in [
            (5_000, 250, 15, 106, 7.2),
            (5_000, 250, 60, 108, 8.8),
            (5_000, 50, 60, 59, 3.3),
            (10_000, 250, 60, 161, 28.2),
            (20_000, 50, 15, 98, 13.6),
            (40_000, 240, 120, 549, 108.0),
        ] {
            let size = TrainingSize::estimated(profiles, profiles, features, neighbours);
            let (memory, time) =
                (size.memory_bytes as f64 / 1e6 / f64::from(megabytes), size.processor_seconds as f64 / seconds);
            assert!((1.0..1.3).contains(&memory) && (0.5..2.0).contains(&time), "{size:?}: {memory}, {time}");
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
