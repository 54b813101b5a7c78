//! What sets a segment apart: how its values compare with those of the whole upload.
//!
//! A persona says what is frequent in a segment; what is as frequent everywhere tells a marketer nothing. Counted from
//! the upload alone, beside the observed persona and of the same values.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::customer::{CustomerColumn, CustomerTable, FeatureKind, Value};
use crate::pipeline::{MIN_CUSTOMERS, TraitCounts, TraitValue, rounded};

/// The traits of one segment beside those of the whole upload, by persona key, in the persona's order.
#[derive(Debug, Clone, PartialEq, ToSchema)]
#[schema(value_type = std::collections::BTreeMap<String, TraitLift>)]
pub struct Lift(Vec<(String, TraitLift)>);

/// How one trait of a segment compares with the whole upload.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TraitLift {
    /// The values that the observed persona shows, most frequent first: those of 10 customers or more, and none of two
    /// where the other has fewer.
    Values(Vec<ValueLift>),
    /// A numeric trait.
    Mean(MeanLift),
}

/// How frequent one value is in a segment, and how frequent everywhere; four decimals.
///
/// Shares are of all customers, with a value for the trait or without.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ValueLift {
    /// A name, or a whole number such as a year.
    #[schema(schema_with = value_schema)]
    pub value: TraitValue,
    /// Of the segment's customers, with a value for the trait or without, 0 to 1.
    #[schema(example = 0.41)]
    pub share: f64,
    /// Of the upload's customers, 0 to 1.
    #[schema(example = 0.13)]
    pub share_overall: f64,
    /// `share / share_overall`: 2 means twice as frequent as in the whole upload, 1 as frequent.
    #[schema(example = 3.1538)]
    pub lift: f64,
}

/// How the mean of a number in a segment compares with the whole upload; four decimals, null where fewer than 10
/// customers have the number. Customers without it count in neither mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct MeanLift {
    /// Of the segment.
    #[schema(example = 52.3)]
    pub mean: Option<f64>,
    /// Of the upload.
    #[schema(example = 41.8)]
    pub mean_overall: Option<f64>,
    /// `(mean - mean_overall)` in standard deviations of the upload's customers: 0 is ordinary, ±1 stands out. Unlike
    /// a ratio it also holds where a number may be zero or negative. Null where every customer has the same number.
    #[schema(example = 0.87)]
    pub difference_sd: Option<f64>,
}

/// A trait's value in the description of the API.
pub fn value_schema() -> Object {
    let types = [Type::String, Type::Number];
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(types))
        .description(Some("A name, or a number such as a year."))
        .examples(["Bedok"])
        .build()
}

/// The traits of a whole table, which those of its segments are compared with.
pub(super) struct Baseline {
    traits: Vec<Overall>,
}

struct Overall {
    counts: TraitCounts,
    /// Of a numeric trait, over every customer that has the number.
    deviation: Option<f64>,
}

impl Baseline {
    /// The baseline of `table`, whose traits were `counted` in the order of its schema's features.
    pub(super) fn new(table: &CustomerTable, counted: Vec<TraitCounts>) -> Self {
        let features = table.schema().features().zip(counted);
        let traits = features.map(|(feature, counts)| {
            let column = table.columns().get(feature.column).filter(|_| feature.kind == FeatureKind::Number);
            let deviation = column.map(|column| standard_deviation(column, mean(&counts).unwrap_or_default()));
            Overall { counts, deviation }
        });
        Self { traits: traits.collect() }
    }

    /// Compares a segment with the whole table.
    pub(super) fn lift(&self, within: &[TraitCounts]) -> Lift {
        let traits = within.iter().zip(&self.traits).map(|(within, overall)| {
            let lift = match overall.deviation {
                Some(deviation) => TraitLift::Mean(MeanLift::new(mean(within), mean(&overall.counts), deviation)),
                None => TraitLift::Values(value_lifts(within, &overall.counts)),
            };
            (within.key.clone(), lift)
        });
        Lift(traits.collect())
    }
}

impl Lift {
    /// The traits by persona key, in the persona's order.
    pub fn traits(&self) -> &[(String, TraitLift)] {
        &self.0
    }
}

impl Serialize for Lift {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, lift)| (key, lift)))
    }
}

fn value_lifts(within: &TraitCounts, overall: &TraitCounts) -> Vec<ValueLift> {
    let told = within.shares_beside(overall, within.top);
    told.map(|(value, share, share_overall)| ValueLift {
        value: value.clone(),
        share: rounded(share),
        share_overall: rounded(share_overall),
        lift: rounded(share / share_overall),
    })
    .collect()
}

impl MeanLift {
    fn new(mean: Option<f64>, mean_overall: Option<f64>, deviation: f64) -> Self {
        let difference = mean.zip(mean_overall).map(|(mean, mean_overall)| (mean - mean_overall) / deviation);
        let difference_sd = difference.filter(|difference| deviation > 0.0 && difference.is_finite());
        Self {
            mean: mean.map(rounded),
            mean_overall: mean_overall.map(rounded),
            difference_sd: difference_sd.map(rounded),
        }
    }
}

fn mean(counts: &TraitCounts) -> Option<f64> {
    match counts.counts.first() {
        Some(&(TraitValue::Mean(mean), customers)) if customers >= MIN_CUSTOMERS => Some(mean),
        _ => None,
    }
}

/// Of all customers that have the number, about their `mean`.
fn standard_deviation(column: &CustomerColumn, mean: f64) -> f64 {
    let (mut n, mut sum) = (0_u64, 0.0);
    for row in 0..column.codes.len() {
        if let Some(Value::Number(number)) = column.value(row) {
            n += 1;
            sum += (number - mean) * (number - mean);
        }
    }
    if n == 0 { 0.0 } else { (sum / n as f64).sqrt() }
}
