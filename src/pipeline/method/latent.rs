//! Segments as latent classes of the profiles.
//!
//! Each feature of the schema is a column of categories: names and levels as they are, numbers by deciles. Of a date
//! one part goes in, the month, else the quarter, else the year. Within a class the columns must be independent, and
//! the parts of a date never are: a quarter is a function of the month, and a training that covers three and a half
//! years has other months in the last one. With both in, the classes would be quarters or years, also where nothing
//! else is tied together.

use latent_classes::{
    Bins, LatentClassError, LatentClassModel, LatentClassParams, LatentClassParts, MISSING, Prediction,
};
use linfa::ParamGuard;
use ndarray::{Array2, ArrayView2, Axis};

use super::super::encoder::{Encoder, Profiles};
use super::super::independent::independent;
use super::super::{DamagedModel, FitError};
use crate::customer::{FeatureKind, Schema};

/// Numbers are cut into so many bins.
const N_BINS: usize = 10;
/// The share of the training's customers who are so unlikely by its classes that others of their likelihood are of no
/// kind that it had.
const UNLIKELY: f64 = 0.01;

/// Latent classes of the training profiles.
#[derive(Debug)]
pub(in crate::pipeline) struct LatentClasses {
    columns: Vec<ClassColumn>,
    model: LatentClassModel,
    /// The encoded training profiles, `(n_profiles, n_features)`.
    points: Array2<f32>,
    /// Their codes, `(n_profiles, n_columns)`.
    codes: Array2<u32>,
    customers: Vec<u32>,
    labels: Vec<i32>,
    /// The posterior of each profile's class.
    strengths: Vec<f64>,
}

/// Latent classes as plain data, for storage.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentParts {
    /// The encoded training profiles, `(n_profiles, n_features)`.
    pub points: Array2<f32>,
    /// Their codes, `(n_profiles, n_columns)`.
    pub codes: Array2<u32>,
    /// How many training customers have each profile.
    pub customers: Vec<u32>,
    /// The classes.
    pub classes: LatentClassParts,
    /// The edges of the bins of each number, in the order of the schema's features.
    pub edges: Vec<Vec<f64>>,
}

/// One column of the classes.
#[derive(Debug, Clone)]
struct ClassColumn {
    /// The number of its feature in the schema.
    feature: usize,
    codes: Codes,
}

/// Classes, and where the rows are that they were found among.
pub(in crate::pipeline) struct Found {
    pub model: LatentClassModel,
    pub labels: Vec<i32>,
    /// The posterior of each row's class.
    pub strengths: Vec<f64>,
}

/// How the cell of a profile becomes a code.
#[derive(Debug, Clone)]
enum Codes {
    /// The position of a one-hot value is the code.
    Position,
    /// A level counts from 1.
    Level,
    Number(Bins),
}

/// The features that go in, with their kinds. One of weight 0 is described and does not.
fn features(schema: &Schema) -> Vec<(usize, FeatureKind<'_>)> {
    let chosen = independent(schema, |feature| feature.weight > 0.0).into_iter();
    chosen.map(|(index, feature)| (index, feature.kind)).collect()
}

impl LatentClasses {
    /// Fits classes of at least `min_customers` customers each; one class always stands.
    pub fn fit(
        schema: &Schema,
        profiles: &Profiles,
        points: Array2<f32>,
        seed: u64,
        min_customers: u64,
    ) -> Result<Self, FitError> {
        let customers = profiles.weights()?;
        let column = |(feature, kind): (usize, FeatureKind<'_>)| {
            let codes = match kind {
                FeatureKind::Category | FeatureKind::DatePart(_) => Codes::Position,
                FeatureKind::Ordinal(_) => Codes::Level,
                FeatureKind::Number => {
                    let value = |profile| profiles.cell(profile, feature).map_or(f64::NAN, f64::from_bits);
                    let values: Vec<f64> = (0..profiles.len()).map(value).collect();
                    Codes::Number(Bins::quantiles(&values, &customers, N_BINS))
                }
            };
            ClassColumn { feature, codes }
        };
        let columns: Vec<ClassColumn> = features(schema).into_iter().map(column).collect();
        let codes = codes(&columns, profiles);
        let Found { model, labels, strengths } = Found::among(&codes, &customers, seed, min_customers)?;
        Ok(Self { columns, model, points, codes, customers, labels, strengths })
    }

    /// Fits as many classes once more to these of the training profiles with so many customers each, by the same
    /// columns. Their number is what was learned, and not what is tested (Hennig 2007).
    pub fn fit_again(&self, kept: &[(usize, u32)], seed: u64) -> Result<Found, FitError> {
        let (profiles, customers): (Vec<usize>, Vec<u32>) = kept.iter().copied().unzip();
        Found::of(&self.codes.select(Axis(0), &profiles), &customers, seed, (self.n_classes(), self.n_classes()))
    }

    /// The class of each of these training profiles by other classes of the same columns, and its posterior.
    pub fn placed_by(&self, other: &LatentClassModel, profiles: &[usize]) -> Result<(Vec<i32>, Vec<f64>), FitError> {
        labels(other, &self.codes.select(Axis(0), profiles)).map_err(FitError::Classes)
    }

    /// The features of the schema that the classes are made of.
    pub fn features(&self) -> Vec<usize> {
        self.columns.iter().map(|column| column.feature).collect()
    }

    /// Of each profile whether training had customers as unlikely as it is by the classes, and whether it has no level
    /// that no training customer had.
    pub fn are_likely(&self, profiles: &Profiles) -> Result<Vec<bool>, LatentClassError> {
        let trained = self.model.log_likelihoods(self.codes.view())?;
        let mut trained: Vec<(f64, u64)> =
            trained.into_iter().zip(self.customers.iter().copied().map(u64::from)).collect();
        trained.sort_by(|a, b| a.0.total_cmp(&b.0));
        let least = trained.iter().map(|&(_, customers)| customers).sum::<u64>() as f64 * UNLIKELY;
        let mut so_far = 0;
        let bound = trained.iter().find(|(_, customers)| {
            so_far += customers;
            so_far as f64 > least
        });
        let bound = bound.map_or(f64::NEG_INFINITY, |&(log_likelihood, _)| log_likelihood);
        let codes = codes(&self.columns, profiles);
        let is_seen = |(column, &code): (usize, &u32)| {
            code == MISSING || self.model.share(0, column, code).is_some_and(|share| share > 0.0)
        };
        let found = self.model.log_likelihoods(codes.view())?.into_iter().zip(codes.rows());
        Ok(found.map(|(found, row)| found >= bound && row.iter().enumerate().all(is_seen)).collect())
    }

    /// What was stored, if its parts fit one another, the encoder and the schema.
    pub fn from_parts(parts: LatentParts, encoder: &Encoder, schema: &Schema) -> Result<Self, DamagedModel> {
        let LatentParts { points, codes, customers, classes, edges } = parts;
        let damaged = |error: LatentClassError| DamagedModel::part("latent", error);
        let mut edges = edges.into_iter();
        let mut columns = Vec::new();
        for (feature, kind) in features(schema) {
            let codes = match kind {
                FeatureKind::Category | FeatureKind::DatePart(_) => Codes::Position,
                FeatureKind::Ordinal(_) => Codes::Level,
                FeatureKind::Number => {
                    let edges = edges.next().ok_or(DamagedModel::rule("latent", "has not the bins of each number"))?;
                    Codes::Number(Bins::from_edges(edges).map_err(damaged)?)
                }
            };
            columns.push(ClassColumn { feature, codes });
        }
        if edges.next().is_some() {
            return Err(DamagedModel::rule("latent", "has bins of no number"));
        }
        let model = LatentClassModel::from_parts(classes).map_err(damaged)?;
        if points.ncols() != encoder.n_features() {
            return Err(DamagedModel::rule("latent", "has not the encoder's number of features"));
        }
        let n_profiles = points.nrows();
        if codes.dim() != (n_profiles, columns.len()) || customers.len() != n_profiles || customers.contains(&0) {
            return Err(DamagedModel::rule("latent", "has not the same profiles in each part"));
        }
        let (labels, strengths) = labels(&model, &codes).map_err(damaged)?;
        Ok(Self { columns, model, points, codes, customers, labels, strengths })
    }

    pub fn to_parts(&self) -> LatentParts {
        let edges = self.columns.iter().filter_map(|column| match &column.codes {
            Codes::Number(bins) => Some(bins.edges().to_vec()),
            Codes::Position | Codes::Level => None,
        });
        LatentParts {
            points: self.points.clone(),
            codes: self.codes.clone(),
            customers: self.customers.clone(),
            classes: self.model.to_parts(),
            edges: edges.collect(),
        }
    }

    /// The encoded training profiles, `(n_profiles, n_features)`.
    pub fn points(&self) -> ArrayView2<'_, f32> {
        self.points.view()
    }

    pub fn n_classes(&self) -> usize {
        self.model.n_classes()
    }

    /// The class of each training profile.
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    pub fn strengths(&self) -> &[f64] {
        &self.strengths
    }

    pub fn customers_of(&self, profile: usize) -> u64 {
        self.customers.get(profile).copied().map_or(0, u64::from)
    }

    /// The class of each profile and its posterior. What a profile does not have is skipped.
    pub fn predict(&self, profiles: &Profiles) -> Result<Prediction, LatentClassError> {
        self.model.predict(codes(&self.columns, profiles).view())
    }
}

impl Found {
    /// Classes of at least `min_customers` customers each; one class always stands.
    fn among(codes: &Array2<u32>, customers: &[u32], seed: u64, min_customers: u64) -> Result<Self, FitError> {
        let mut max_classes = LatentClassParams::new().check().map_err(FitError::Classes)?.max_classes();
        loop {
            let found = Self::of(codes, customers, seed, (1, max_classes))?;
            let n_classes = found.model.n_classes();
            if n_classes == 1 || smallest(&found.labels, customers, n_classes) >= min_customers {
                return Ok(found);
            }
            max_classes = n_classes - 1;
        }
    }

    /// So many classes, at least and at most.
    fn of(codes: &Array2<u32>, customers: &[u32], seed: u64, (least, most): (usize, usize)) -> Result<Self, FitError> {
        let params = LatentClassParams::new().seed(seed).classes(least, most);
        let params = params.check().map_err(FitError::Classes)?;
        let model = params.fit(codes.view(), customers).map_err(FitError::Classes)?;
        let (labels, strengths) = labels(&model, codes).map_err(FitError::Classes)?;
        Ok(Self { model, labels, strengths })
    }
}

/// The codes of `profiles`, `(n_profiles, n_columns)`.
fn codes(columns: &[ClassColumn], profiles: &Profiles) -> Array2<u32> {
    Array2::from_shape_fn((profiles.len(), columns.len()), |(profile, column)| {
        let code = |column: &ClassColumn| Some(column.code(profiles.cell(profile, column.feature)?));
        columns.get(column).and_then(code).unwrap_or(MISSING)
    })
}

impl ClassColumn {
    fn code(&self, cell: u64) -> u32 {
        match &self.codes {
            Codes::Position => u32::try_from(cell).unwrap_or(MISSING),
            // A level is a small whole number, counted from 1.
            Codes::Level => (f64::from_bits(cell) - 1.0) as u32,
            Codes::Number(bins) => bins.code(f64::from_bits(cell)),
        }
    }
}

/// The class of each row of codes, and its posterior.
fn labels(model: &LatentClassModel, codes: &Array2<u32>) -> Result<(Vec<i32>, Vec<f64>), LatentClassError> {
    let Prediction { labels, strengths } = model.predict(codes.view())?;
    Ok((labels.into_iter().map(|label| i32::try_from(label).unwrap_or(-1)).collect(), strengths))
}

/// The customers of the smallest class.
fn smallest(labels: &[i32], customers: &[u32], n_classes: usize) -> u64 {
    let mut of_class = vec![0_u64; n_classes];
    for (&label, &customers) in labels.iter().zip(customers) {
        if let Some(sum) = usize::try_from(label).ok().and_then(|label| of_class.get_mut(label)) {
            *sum += u64::from(customers);
        }
    }
    of_class.into_iter().min().unwrap_or(0)
}
