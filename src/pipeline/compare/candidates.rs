//! What is tried: the settings as they are, and what is known to do better on some customers.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use hdbscan::MinClusterSize;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::customer::{ColumnSettings, CustomerTable, DateFeature, DatePart, Kind, Scale, Schema, Value};
use crate::pipeline::{FitParams, Method};

/// From this skewness on (the third standardised moment) a number's logarithm is tried.
const SKEWED: f64 = 1.0;

/// The name of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CandidateName {
    /// The settings as they are.
    AsItIs,
    /// The map and its clusters, where the settings have another method.
    UmapHdbscan,
    /// Dates are described and decide nothing.
    DatesDescribed,
    /// Of a date with months the quarter is described and decides nothing: it is a function of the month.
    QuarterDescribed,
    /// Each of a date's n parts counts 1/√n, so that a date counts as much as another column.
    DatePartsScaled,
    /// Skewed numbers are compared by their logarithms.
    LogNumbers,
    /// A map of 15 neighbours.
    #[serde(rename = "n_neighbors_15")]
    Neighbors15,
    /// A map of 120 neighbours.
    #[serde(rename = "n_neighbors_120")]
    Neighbors120,
    /// Segments from 4 % of the customers on.
    #[serde(rename = "min_cluster_size_4_percent")]
    MinClusterSize4Percent,
    /// Segments from 8 % of the customers on.
    #[serde(rename = "min_cluster_size_8_percent")]
    MinClusterSize8Percent,
    /// Latent classes.
    LatentClasses,
}

/// What is tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub name: CandidateName,
    pub params: FitParams,
    pub schema: Schema,
}

impl CandidateName {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::AsItIs,
        Self::UmapHdbscan,
        Self::DatesDescribed,
        Self::QuarterDescribed,
        Self::DatePartsScaled,
        Self::LogNumbers,
        Self::Neighbors15,
        Self::Neighbors120,
        Self::MinClusterSize4Percent,
        Self::MinClusterSize8Percent,
        Self::LatentClasses,
    ];

    /// What it changes, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::AsItIs => "the settings as they are",
            Self::UmapHdbscan => "map and clusters (UMAP, HDBSCAN)",
            Self::DatesDescribed => "dates only described",
            Self::QuarterDescribed => "quarters, which follow from months, only described",
            Self::DatePartsScaled => "parts of dates count less",
            Self::LogNumbers => "logarithms of skewed numbers",
            Self::Neighbors15 => "map of 15 neighbours",
            Self::Neighbors120 => "map of 120 neighbours",
            Self::MinClusterSize4Percent => "segments from 4 % on",
            Self::MinClusterSize8Percent => "segments from 8 % on",
            Self::LatentClasses => "latent classes",
        }
    }
}

impl CandidateName {
    /// The name as it is written in requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsItIs => "as_it_is",
            Self::UmapHdbscan => "umap_hdbscan",
            Self::DatesDescribed => "dates_described",
            Self::QuarterDescribed => "quarter_described",
            Self::DatePartsScaled => "date_parts_scaled",
            Self::LogNumbers => "log_numbers",
            Self::Neighbors15 => "n_neighbors_15",
            Self::Neighbors120 => "n_neighbors_120",
            Self::MinClusterSize4Percent => "min_cluster_size_4_percent",
            Self::MinClusterSize8Percent => "min_cluster_size_8_percent",
            Self::LatentClasses => "latent_classes",
        }
    }
}

impl fmt::Display for CandidateName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for CandidateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|name| name.as_str() == text);
        named.ok_or_else(|| format!("it must be one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// What is tried on the customers of `table`, whose schema has not yet the settings of `params`. Of two that are the
/// same the first stands.
pub(super) fn candidates(table: &CustomerTable, params: &FitParams) -> Vec<Candidate> {
    let own = table.schema().adjusted(&params.columns);
    let map = FitParams { method: Method::UmapHdbscan, ..params.clone() };
    let weights = |weights: BTreeMap<String, f64>| {
        let mut columns = map.columns.clone();
        columns.weights.extend(weights);
        FitParams { columns, ..map.clone() }
    };
    let mut logs = map.columns.clone();
    logs.scales.extend(skewed(table, &own).into_iter().map(|title| (title, Scale::Log)));
    let neighbors = |n: usize| FitParams { umap: map.umap.clone().n_neighbors(n), ..map.clone() };
    let from_share = |share: f64| {
        let hdbscan = map.hdbscan.clone().min_cluster_size(MinClusterSize::Share(share));
        FitParams { hdbscan, ..map.clone() }
    };
    let all = [
        (CandidateName::AsItIs, params.clone()),
        (CandidateName::LatentClasses, FitParams { method: Method::LatentClasses, ..params.clone() }),
        (CandidateName::UmapHdbscan, map.clone()),
        (CandidateName::DatesDescribed, weights(of_dates(&own, |_, _| Some(0.0)))),
        (CandidateName::QuarterDescribed, weights(of_dates(&own, quarter_described))),
        (CandidateName::DatePartsScaled, weights(of_dates(&own, scaled))),
        (CandidateName::LogNumbers, FitParams { columns: logs, ..map.clone() }),
        (CandidateName::Neighbors15, neighbors(15)),
        (CandidateName::Neighbors120, neighbors(120)),
        (CandidateName::MinClusterSize4Percent, from_share(0.04)),
        (CandidateName::MinClusterSize8Percent, from_share(0.08)),
    ];
    let mut found: Vec<Candidate> = Vec::new();
    for (name, params) in all {
        let schema = table.schema().adjusted(&params.columns);
        if !found.iter().any(|other| other.is_as_good_as(&params, &schema)) {
            found.push(Candidate { name, params, schema });
        }
    }
    found
}

impl Candidate {
    /// Whether another would find the same.
    fn is_as_good_as(&self, params: &FitParams, schema: &Schema) -> bool {
        let columns = ColumnSettings::default;
        self.schema == *schema
            && FitParams { columns: columns(), ..self.params.clone() }
                == FitParams { columns: columns(), ..params.clone() }
    }

    /// Whether both make the same map.
    pub fn shares_map(&self, other: &Self) -> bool {
        let (own, others) = (&self.params, &other.params);
        own.method == others.method && own.umap == others.umap && self.schema == other.schema
    }
}

/// New weights of dates' parts, by title: `weight` says one of a part among its siblings, or `None` where it stays.
fn of_dates(schema: &Schema, weight: impl Fn(&DateFeature, &[DateFeature]) -> Option<f64>) -> BTreeMap<String, f64> {
    let parts_of = |kind| match kind {
        Kind::Date { parts, .. } => parts,
        Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => Vec::new(),
    };
    let new = schema.columns.iter().flat_map(|column| {
        let parts = parts_of(column.kind.clone());
        let new = |part: &DateFeature| Some((part.title.clone(), weight(part, &parts)?));
        parts.iter().filter_map(new).collect::<Vec<_>>()
    });
    new.collect()
}

fn quarter_described(part: &DateFeature, siblings: &[DateFeature]) -> Option<f64> {
    let has_month = siblings.iter().any(|other| other.part == DatePart::Month && other.weight > 0.0);
    (part.part == DatePart::Quarter && has_month).then_some(0.0)
}

fn scaled(part: &DateFeature, siblings: &[DateFeature]) -> Option<f64> {
    let n = siblings.iter().filter(|other| other.weight > 0.0).count();
    (n > 1).then(|| part.weight / (n as f64).sqrt())
}

/// The titles of the numbers whose logarithms are less skewed than they are.
fn skewed(table: &CustomerTable, schema: &Schema) -> Vec<String> {
    let columns = schema.columns.iter().zip(table.columns());
    let numbers = columns.filter(|(column, _)| matches!(column.kind, Kind::Number { scale: Scale::Linear, .. }));
    let is_skewed = |values: &[Value], codes: &[u32]| {
        let numbers = |scale: Scale| {
            let number = move |(&code, weight): (&u32, u32)| match values.get(code as usize)? {
                Value::Number(number) => Some((scale.apply(*number), f64::from(weight))),
                _ => None,
            };
            codes.iter().zip(table.weights()).filter_map(number).collect::<Vec<_>>()
        };
        let skewness = skewness(&numbers(Scale::Linear)).abs();
        skewness >= SKEWED && self::skewness(&numbers(Scale::Log)).abs() < skewness
    };
    numbers
        .filter(|&(_, column)| is_skewed(&column.values, &column.codes))
        .map(|(column, _)| column.title.clone())
        .collect()
}

/// The third standardised moment; 0 of equal numbers.
fn skewness(numbers: &[(f64, f64)]) -> f64 {
    let all = numbers.iter().map(|(_, n)| n).sum::<f64>().max(1.0);
    let mean = numbers.iter().map(|(number, n)| number * n).sum::<f64>() / all;
    let moment = |power: i32| numbers.iter().map(|(number, n)| (number - mean).powi(power) * n).sum::<f64>() / all;
    let deviation = moment(2).sqrt();
    if deviation > 0.0 { moment(3) / deviation.powi(3) } else { 0.0 }
}
