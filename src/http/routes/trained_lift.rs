//! How a trained segment's values compare with those of all customers, told so that nobody is singled out. For the
//! segments' route.

use serde::Serialize;
use utoipa::ToSchema;

use crate::pipeline::{Distinguishing, DistinguishingValue, TraitCounts, TraitValue, hundredths, rounded};
use crate::segmentation::value_schema;

/// Values of one trait that are compared, at least.
const MIN_VALUES: usize = 3;

/// How frequent a value is in a trained segment, and how frequent among all; four decimals.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TrainedLift {
    /// A name, or a whole number such as a year.
    #[schema(schema_with = value_schema)]
    value: TraitValue,
    /// Of the segment's customers, with a value or without, 0 to 1; in hundredths, unless the customers are the
    /// sample's, who are invented.
    #[schema(example = 0.41)]
    share: f64,
    /// Of all customers, 0 to 1.
    #[schema(example = 0.13)]
    share_overall: f64,
    /// `share / share_overall`.
    #[schema(example = 3.1538)]
    lift: f64,
}

/// Lifts in the order of the persona's keys.
pub(in crate::http) struct ByKey(pub Vec<(String, Vec<TrainedLift>)>);

impl Serialize for ByKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, lifts)| (key, lifts)))
    }
}

/// The most frequent values of one feature within a segment, beside everyone's; in hundredths unless `is_exact`. With
/// four decimals, the share of a value in all segments but one would tell how many have it in that one, also where they
/// are fewer than ten and nothing is said of them.
pub(super) fn lifts(within: &TraitCounts, everyone: &TraitCounts, is_exact: bool) -> Vec<TrainedLift> {
    let told = within.shares_beside(everyone, within.top.max(MIN_VALUES));
    told.map(|(value, share, share_overall)| {
        let value = value.clone();
        if is_exact {
            let lift = rounded(share / share_overall);
            return TrainedLift { value, share: rounded(share), share_overall: rounded(share_overall), lift };
        }
        let (share, share_overall) = (hundredths(share), hundredths(share_overall));
        TrainedLift { value, share, share_overall, lift: hundredths(ratio(share, share_overall)) }
    })
    .collect()
}

/// What sets a segment apart, with its shares in hundredths. The lift follows from these, and its interval is as wide
/// as it was.
pub(super) fn in_hundredths(found: &Distinguishing) -> Distinguishing {
    match found {
        Distinguishing::Value(value) => {
            let (share, share_overall) = (hundredths(value.share), hundredths(value.share_overall));
            let lift = ratio(share, share_overall);
            let of_lift = |bound: f64| hundredths(lift * bound / value.lift);
            Distinguishing::Value(DistinguishingValue {
                share,
                share_overall,
                lift: hundredths(lift),
                lift_low: of_lift(value.lift_low),
                lift_high: of_lift(value.lift_high),
                known_share: value.known_share.map(hundredths),
                known_share_overall: value.known_share_overall.map(hundredths),
                ..value.clone()
            })
        }
        Distinguishing::Number(_) => found.clone(),
    }
}

/// How many times as large `share` is; 1 where there is nothing to compare with.
fn ratio(share: f64, share_overall: f64) -> f64 {
    if share_overall > 0.0 { share / share_overall } else { 1.0 }
}
