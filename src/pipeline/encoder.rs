//! Customers as numbers: distinct profiles, one-hot blocks and scaled values.

mod canonical;
mod decode;
mod lookup;
mod profiles;
mod rare;

pub use profiles::Profiles;
pub(super) use rare::OTHER;

use ndarray::{Array2, ArrayViewMut1};
use serde::{Deserialize, Serialize};

use profiles::Combined;

use super::scaler::Scaler;
use super::spellings::Spellings;
use super::{FitError, TraitValue};
use crate::customer::{CustomerColumn, CustomerTable, Feature, FeatureKind, MISSING, Schema, Value};

/// The widest matrix that a schema and its data may ask for.
const MAX_FEATURES: usize = 4096;

/// The cell of a profile that stands for "no value, or one that training never saw".
const UNKNOWN: u64 = u64::MAX;

/// Which numbers a value becomes: for each feature of the schema its one-hot values, or none where it is scaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    blocks: Vec<Block>,
    /// What each block counts for; empty where all count for 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    weights: Vec<f32>,
    /// The blocks that leave out what few customers have: a name that is not listed is [`rare::OTHER`], a part of a
    /// date is withheld.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    with_rare: Vec<usize>,
}

/// What becomes of names and parts of dates that few customers of a training have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RareNames {
    /// Names become one value, by each column's `min_customers`; parts of dates are withheld.
    Merged,
    /// They stay.
    Kept,
}

/// One feature's columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Block {
    /// One column a value, in this (sorted) order.
    OneHot(Vec<TraitValue>),
    /// One column.
    Scaled,
    /// No column: a feature of weight 0, with the values that training knows where they are names or parts of dates.
    Described(Vec<TraitValue>),
}

impl Encoder {
    /// Learns the values of every feature of `table`.
    ///
    /// # Errors
    /// [`FitError::TooManyFeatures`] when the values of all categories together exceed 4,096: a column that is no
    /// category, such as a name, was taken for one.
    pub(super) fn fit(table: &CustomerTable, rare_names: RareNames) -> Result<Self, FitError> {
        let (mut blocks, mut with_rare) = (Vec::new(), Vec::new());
        for (index, feature) in table.schema().features().enumerate() {
            let (values, has_rare) = rare::frequent_values(table, &feature, rare_names);
            with_rare.extend(has_rare.then_some(index));
            blocks.push(match feature.kind {
                _ if feature.weight == 0.0 => Block::Described(values),
                FeatureKind::Ordinal(_) | FeatureKind::Number => Block::Scaled,
                FeatureKind::Category | FeatureKind::DatePart(_) => Block::OneHot(values),
            });
        }
        let encoder = Self { blocks, weights: weights_of(table.schema()), with_rare };
        match encoder.n_features() {
            n if n > MAX_FEATURES => Err(FitError::TooManyFeatures { n_features: n, limit: MAX_FEATURES }),
            _ => Ok(encoder),
        }
    }

    /// How many columns a profile is encoded into.
    pub fn n_features(&self) -> usize {
        self.blocks.iter().map(Block::width).sum()
    }

    /// How many columns are scaled.
    pub(super) fn n_scaled(&self) -> usize {
        self.blocks.iter().filter(|block| matches!(block, Block::Scaled)).count()
    }

    /// Whether the encoder has one block a feature of `schema`, each of the right kind and weight and without repeated
    /// values.
    pub(super) fn fits(&self, schema: &Schema) -> bool {
        let features: Vec<Feature<'_>> = schema.features().collect();
        let sorted =
            |values: &[TraitValue]| values.windows(2).all(|pair| matches!(pair, [a, b] if a.total_order(b).is_lt()));
        let has_names =
            |feature: &Feature<'_>| matches!(feature.kind, FeatureKind::Category | FeatureKind::DatePart(_));
        self.n_features() <= MAX_FEATURES
            && features.len() == self.blocks.len()
            && self.weights == weights_of(schema)
            && self.blocks.iter().zip(&features).all(|(block, feature)| match block {
                Block::Described(values) => feature.weight == 0.0 && sorted(values),
                Block::OneHot(values) => feature.weight > 0.0 && has_names(feature) && sorted(values),
                Block::Scaled => feature.weight > 0.0 && !has_names(feature),
            })
            && self.with_rare.iter().all(|&index| {
                let is_date = features.get(index).is_some_and(|f| matches!(f.kind, FeatureKind::DatePart(_)));
                is_date || self.has_other(index)
            })
    }

    fn weight(&self, block: usize) -> f32 {
        self.weights.get(block).copied().unwrap_or(1.0)
    }

    /// Gives each distinct profile of `table` a number, in order of first appearance.
    pub(super) fn intern(&self, table: &CustomerTable) -> Profiles {
        let cells: Vec<(usize, Vec<u64>, &CustomerColumn)> = table
            .schema()
            .features()
            .zip(self.blocks.iter().enumerate())
            .filter_map(|(feature, (index, block))| {
                let column = table.columns().get(feature.column)?;
                let spellings = Spellings::default();
                let for_rare = self.cell_of_rare(index);
                let cell = |value| match block.cell(&feature, value, &spellings) {
                    UNKNOWN => for_rare,
                    cell => cell,
                };
                let cells = column.values.iter().map(cell).collect();
                Some((feature.column, cells, column))
            })
            .collect();
        let mut combined = Combined::of(table.n_rows());
        for (index, column) in table.columns().iter().enumerate() {
            let of_column = cells.iter().filter(|(of, ..)| *of == index);
            let of_column: Vec<&[u64]> = of_column.map(|(_, of_code, _)| of_code.as_slice()).collect();
            if !of_column.is_empty() {
                combined.add(column, &of_column);
            }
        }
        let (of_row, first_rows) = combined.numbered();
        let mut customers = vec![0_u64; first_rows.len()];
        for (&number, weight) in of_row.iter().zip(table.weights()) {
            if let Some(customers) = customers.get_mut(number as usize) {
                *customers += u64::from(weight);
            }
        }
        let key_of = |row: usize| {
            let cell = |(_, of_code, column): &(usize, Vec<u64>, &CustomerColumn)| {
                let code = column.codes.get(row).copied().unwrap_or(MISSING);
                of_code.get(code as usize).copied().unwrap_or(UNKNOWN)
            };
            cells.iter().map(cell).collect()
        };
        Profiles { keys: first_rows.into_iter().map(key_of).collect(), of_row, customers }
    }

    /// The scaled features' raw values, one `Vec` a scaled column, one entry a profile; `None` where it has none.
    pub(super) fn scaled_values(&self, profiles: &Profiles) -> Vec<Vec<Option<f64>>> {
        let scaled = self.blocks.iter().enumerate().filter(|(_, block)| matches!(block, Block::Scaled));
        scaled
            .map(|(feature, _)| profiles.keys.iter().map(|key| number_in(key.get(feature).copied())).collect())
            .collect()
    }

    /// Encodes each profile into one row, `(n_profiles, n_features)`: one-hot blocks (all zeros where the value is
    /// unknown) and scaled values (0, the mean, where there is none), in the order of the schema's features.
    pub(super) fn encode(&self, profiles: &Profiles, scaler: &Scaler) -> Array2<f32> {
        self.rows(profiles.keys.iter().map(Some), scaler)
    }

    /// As [`encode`](Self::encode), of the profiles at these `positions` alone, in their order.
    pub(super) fn encode_some(&self, profiles: &Profiles, positions: &[usize], scaler: &Scaler) -> Array2<f32> {
        self.rows(positions.iter().map(|&position| profiles.keys.get(position)), scaler)
    }

    fn rows<'k>(&self, keys: impl ExactSizeIterator<Item = Option<&'k Box<[u64]>>>, scaler: &Scaler) -> Array2<f32> {
        let mut rows = Array2::zeros((keys.len(), self.n_features()));
        for (key, row) in keys.zip(rows.rows_mut()) {
            if let Some(key) = key {
                self.encode_row(key, scaler, row);
            }
        }
        rows
    }

    /// The features that the first profile has a value for, by position, with their columns.
    pub(super) fn known_features(&self, profiles: &Profiles) -> Vec<(usize, std::ops::Range<usize>)> {
        let (mut features, mut start) = (Vec::new(), 0);
        let key = profiles.first_key().unwrap_or_default();
        for (feature, (block, &cell)) in self.blocks.iter().zip(key).enumerate() {
            let end = start + block.width();
            if cell != UNKNOWN {
                features.push((feature, start..end));
            }
            start = end;
        }
        features
    }

    fn encode_row(&self, key: &[u64], scaler: &Scaler, mut row: ArrayViewMut1<'_, f32>) {
        let (mut start, mut scaled) = (0, 0);
        for (index, (block, &cell)) in self.blocks.iter().zip(key).enumerate() {
            match block {
                Block::Described(_) => {}
                Block::OneHot(values) => {
                    let hot = usize::try_from(cell).ok().filter(|&position| position < values.len());
                    if let Some(slot) = hot.and_then(|position| row.get_mut(start + position)) {
                        *slot = self.weight(index);
                    }
                }
                Block::Scaled => {
                    if let (Some(value), Some(slot)) = (number_in(Some(cell)), row.get_mut(start)) {
                        *slot = scaler.scale(scaled, value) as f32 * self.weight(index);
                    }
                    scaled += 1;
                }
            }
            start += block.width();
        }
    }

    /// For each category and date part: the values of `table` that training never saw, or merged as rare ones, with
    /// their customers.
    pub(super) fn unseen(&self, table: &CustomerTable) -> Vec<(String, Vec<(TraitValue, u64)>)> {
        let mut unseen = Vec::new();
        for (feature, block) in table.schema().features().zip(&self.blocks) {
            let has_names = matches!(feature.kind, FeatureKind::Category | FeatureKind::DatePart(_));
            let Some(column) = table.columns().get(feature.column).filter(|_| has_names) else { continue };
            let spellings = Spellings::default();
            let is_strange = |value| block.position(&feature, value, &spellings).is_none();
            let are_strange: Vec<bool> = column.values.iter().map(is_strange).collect();
            if !are_strange.contains(&true) {
                continue;
            }
            let mut rows = vec![0_u64; column.values.len()];
            for (&code, weight) in column.codes.iter().zip(table.weights()) {
                if let Some(count) = rows.get_mut(code as usize) {
                    *count += u64::from(weight);
                }
            }
            let found = column.values.iter().zip(rows).zip(are_strange);
            let found = found.filter(|&((_, count), is_strange)| is_strange && count > 0);
            let counts = found.filter_map(|((value, count), _)| Some((TraitValue::of(&feature, value)?, count)));
            unseen.push((feature.title.to_owned(), super::trait_counts::ranked(counts.collect())));
        }
        unseen
    }

    /// For each row of `table` whether it has a name or a part of a date, in one of these `features`, that training
    /// never saw and that is not [`rare::OTHER`] to it.
    pub(super) fn has_unlisted(&self, table: &CustomerTable, features: &[usize]) -> Vec<bool> {
        let mut has_one = vec![false; table.n_rows()];
        for (index, feature) in table.schema().features().enumerate().filter(|(index, _)| features.contains(index)) {
            let (Some(block @ Block::OneHot(_)), Some(column)) =
                (self.blocks.get(index), table.columns().get(feature.column))
            else {
                continue;
            };
            let spellings = Spellings::default();
            let is_unlisted = |value: &Value| {
                TraitValue::of(&feature, value).is_some()
                    && block.position(&feature, value, &spellings).is_none()
                    && self.cell_of_rare(index) == UNKNOWN
            };
            let unlisted: Vec<bool> = column.values.iter().map(is_unlisted).collect();
            for (has_one, &code) in has_one.iter_mut().zip(&column.codes) {
                *has_one |= unlisted.get(code as usize).copied().unwrap_or_default();
            }
        }
        has_one
    }
}

impl Block {
    fn width(&self) -> usize {
        match self {
            Self::OneHot(values) => values.len(),
            Self::Scaled => 1,
            Self::Described(_) => 0,
        }
    }

    /// The names or parts of dates that it knows.
    fn values(&self) -> &[TraitValue] {
        match self {
            Self::OneHot(values) | Self::Described(values) => values,
            Self::Scaled => &[],
        }
    }

    /// What a profile holds for `value`; `spellings` are those of this block.
    fn cell(&self, feature: &Feature<'_>, value: &Value, spellings: &Spellings) -> u64 {
        match (self, value) {
            (Self::Scaled, Value::Level(level)) => (f64::from(*level) + 1.0).to_bits(),
            (Self::Scaled, Value::Number(number)) => (feature.scale.apply(*number) + 0.0).to_bits(),
            (Self::OneHot(_), value) => {
                self.position(feature, value, spellings).map_or(UNKNOWN, |position| position as u64)
            }
            _ => UNKNOWN,
        }
    }

    /// Where `value` stands among those that it knows.
    fn position(&self, feature: &Feature<'_>, value: &Value, spellings: &Spellings) -> Option<usize> {
        let (known, value) = (self.values(), TraitValue::of(feature, value)?);
        let found = known.binary_search_by(|k| k.total_order(&value));
        found.ok().or_else(|| spellings.position(&value, known.iter()))
    }
}

/// What each feature counts for; empty where all count for 1.
fn weights_of(schema: &Schema) -> Vec<f32> {
    let weights: Vec<f32> = schema.features().map(|feature| feature.weight as f32).collect();
    if weights.iter().all(|&weight| weight == 1.0) { Vec::new() } else { weights }
}

fn number_in(cell: Option<u64>) -> Option<f64> {
    cell.filter(|&bits| bits != UNKNOWN).map(f64::from_bits)
}

#[cfg(test)]
mod tests;
