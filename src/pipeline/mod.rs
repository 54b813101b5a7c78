//! The learned part of the service: pure, synchronous and seeded.
//!
//! [`fit`] turns a table of customers into a [`Model`]; a model [assigns](Model::assign) other tables to the segments
//! it found. [`adopt`] makes a model of what umap-learn and hdbscan found elsewhere. No I/O, no async, no clock in
//! here: a fit is a function of its customers, its parameters and its seed.

mod adopt;
mod association;
mod chi_squared;
mod compare;
mod contradiction;
mod decided_by;
mod decimals;
mod difference;
mod drift;
mod encoded;
mod encoder;
mod errors;
mod few;
mod fit;
mod fit_params;
mod golden;
mod hypergeometric;
mod independent;
mod known_values;
mod marks;
mod method;
mod model;
mod overview;
mod partial;
mod persona;
mod placement;
mod placement_cache;
mod refit;
mod scaler;
mod second_training;
mod segment;
mod spellings;
mod stretches;
mod table_places;
mod trained;
mod training_profile;
mod training_settings;
mod training_size;
mod trait_counts;
mod traits;
mod wrong_settings;

pub use adopt::{Adopted, TrainedElsewhere, adopt};
pub use association::Association;
pub use chi_squared::chi_squared_tail;
pub use compare::{CandidateName, Comparison, HeldOutBits, Judged, MIN_JACCARD, WhyOut, compare};
pub use contradiction::Contradiction;
pub use decided_by::DecidedBy;
pub use decimals::{hundredths, rounded};
pub use drift::{ColumnDrift, Drift, DriftLevel, Shift};
pub use encoded::Encoded;
pub use encoder::Encoder;
pub use errors::{AssignError, DamagedModel, FitError};
pub use fit::{FitStep, Fitted, Scores, fit};
pub use fit_params::{FitParams, Method};
pub use golden::{Agreement, GoldenSample};
pub use marks::{Mark, Marks};
pub use method::{GroupingParts, LatentParts};
pub use model::{Assignment, Model, ModelParts, Overlaid};
pub use overview::{Overview, OverviewPoint};
pub use persona::{Persona, Trait, count_traits};
pub use placement::{Nearest, Placement, SetAside, in_steps};
pub use refit::{Refit, Stability};
pub use scaler::Scaler;
pub use segment::{CustomerBase, CustomerBaseParts, NewName, Segment, SegmentId, SegmentParts};
pub use table_places::TablePlaces;
pub use trained::{TrainedColumn, TrainedProfiles};
pub use training_profile::{FeatureProfile, Histogram, TrainingProfile};
pub use training_settings::TrainingSettings;
pub use training_size::{TrainingSize, in_bytes};
pub use trait_counts::{TraitCounts, TraitValue};
pub use traits::{
    Claim, Distinction, Distinguishing, DistinguishingNumber, DistinguishingValue, MIN_CUSTOMERS, MIN_OBSERVED,
    Statement, Tallies, names_of, wilson_interval,
};
pub use wrong_settings::{WrongSetting, WrongSettings};
