//! Customers as numbers: distinct profiles, one-hot blocks and scaled values.

use std::collections::{BTreeSet, HashMap};

use ndarray::{Array2, ArrayViewMut1};
use serde::{Deserialize, Serialize};

use super::scaler::Scaler;
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
}

/// One feature's columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Block {
    /// One column a value, in this (sorted) order.
    OneHot(Vec<TraitValue>),
    /// One column.
    Scaled,
}

/// The distinct profiles of a table: rows that are the same to the model share one.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiles {
    /// For each profile and feature: the position of its one-hot value, the bits of its number, or [`UNKNOWN`].
    keys: Vec<Box<[u64]>>,
    /// For each row the number of its profile.
    pub of_row: Vec<u32>,
    /// For each profile how many customers have it.
    pub customers: Vec<u32>,
}

impl Profiles {
    /// How many distinct profiles there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Encoder {
    /// Learns the one-hot values of every feature of `table`.
    ///
    /// # Errors
    /// [`FitError::TooManyFeatures`] when the values of all categories together exceed 4,096: a column that is no
    /// category, such as a name, was taken for one.
    pub(super) fn fit(table: &CustomerTable) -> Result<Self, FitError> {
        let mut blocks = Vec::new();
        for feature in table.schema().features() {
            blocks.push(match feature.kind {
                FeatureKind::Ordinal(_) | FeatureKind::Number => Block::Scaled,
                FeatureKind::Category | FeatureKind::DatePart(_) => {
                    let column = table.columns().get(feature.column).map(|c| c.values.as_slice()).unwrap_or_default();
                    let mut values: Vec<TraitValue> =
                        column.iter().filter_map(|v| TraitValue::of(&feature, v)).collect();
                    values.sort_by(TraitValue::total_order);
                    values.dedup();
                    Block::OneHot(values)
                }
            });
        }
        let encoder = Self { blocks };
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

    /// Whether the encoder has one block a feature of `schema`, each of the right kind and without repeated values.
    pub(super) fn fits(&self, schema: &Schema) -> bool {
        let kinds: Vec<bool> = schema
            .features()
            .map(|feature| matches!(feature.kind, FeatureKind::Category | FeatureKind::DatePart(_)))
            .collect();
        let sorted =
            |values: &[TraitValue]| values.windows(2).all(|pair| matches!(pair, [a, b] if a.total_order(b).is_lt()));
        self.n_features() <= MAX_FEATURES
            && kinds.len() == self.blocks.len()
            && self.blocks.iter().zip(kinds).all(|(block, one_hot)| match block {
                Block::OneHot(values) => one_hot && sorted(values),
                Block::Scaled => !one_hot,
            })
    }

    /// Gives each distinct profile of `table` a number, in order of first appearance.
    pub(super) fn intern(&self, table: &CustomerTable) -> Profiles {
        let cells: Vec<(Vec<u64>, &CustomerColumn)> = table
            .schema()
            .features()
            .zip(&self.blocks)
            .filter_map(|(feature, block)| {
                let column = table.columns().get(feature.column)?;
                Some((column.values.iter().map(|value| block.cell(&feature, value)).collect(), column))
            })
            .collect();
        let mut numbers: HashMap<Box<[u64]>, u32> = HashMap::new();
        let mut profiles =
            Profiles { keys: Vec::new(), of_row: Vec::with_capacity(table.n_rows()), customers: Vec::new() };
        let mut key = vec![UNKNOWN; cells.len()];
        for row in 0..table.n_rows() {
            for (slot, (of_code, column)) in key.iter_mut().zip(&cells) {
                let code = column.codes.get(row).copied().unwrap_or(MISSING);
                *slot = of_code.get(code as usize).copied().unwrap_or(UNKNOWN);
            }
            let number = numbers.get(key.as_slice()).copied().unwrap_or_else(|| {
                let number = profiles.keys.len() as u32;
                profiles.keys.push(key.clone().into());
                profiles.customers.push(0);
                numbers.insert(key.clone().into(), number);
                number
            });
            profiles.of_row.push(number);
            if let Some(customers) = profiles.customers.get_mut(number as usize) {
                *customers += 1;
            }
        }
        profiles
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
        let mut rows = Array2::zeros((profiles.len(), self.n_features()));
        for (key, row) in profiles.keys.iter().zip(rows.rows_mut()) {
            self.encode_row(key, scaler, row);
        }
        rows
    }

    /// The columns of those features that the first profile has a value for.
    pub(super) fn known_columns(&self, profiles: &Profiles) -> Vec<usize> {
        let (mut columns, mut start) = (Vec::new(), 0);
        let key = profiles.keys.first().map(AsRef::as_ref).unwrap_or_default();
        for (block, &cell) in self.blocks.iter().zip(key) {
            let end = start + block.width();
            if cell != UNKNOWN {
                columns.extend(start..end);
            }
            start = end;
        }
        columns
    }

    fn encode_row(&self, key: &[u64], scaler: &Scaler, mut row: ArrayViewMut1<'_, f32>) {
        let (mut start, mut scaled) = (0, 0);
        for (block, &cell) in self.blocks.iter().zip(key) {
            match block {
                Block::OneHot(values) => {
                    let hot = usize::try_from(cell).ok().filter(|&position| position < values.len());
                    if let Some(slot) = hot.and_then(|position| row.get_mut(start + position)) {
                        *slot = 1.0;
                    }
                }
                Block::Scaled => {
                    if let (Some(value), Some(slot)) = (number_in(Some(cell)), row.get_mut(start)) {
                        *slot = scaler.scale(scaled, value) as f32;
                    }
                    scaled += 1;
                }
            }
            start += block.width();
        }
    }

    /// For each category and date part: the values of `table` that training never saw, with their rows.
    pub(super) fn unseen(&self, table: &CustomerTable) -> Vec<(String, Vec<(TraitValue, u64)>)> {
        let mut unseen = Vec::new();
        for (feature, block) in table.schema().features().zip(&self.blocks) {
            let (Block::OneHot(_), Some(column)) = (block, table.columns().get(feature.column)) else { continue };
            let strange: BTreeSet<u32> = (0_u32..)
                .zip(&column.values)
                .filter(|(_, value)| block.cell(&feature, value) == UNKNOWN)
                .map(|(code, _)| code)
                .collect();
            if strange.is_empty() {
                continue;
            }
            let mut rows = vec![0_u64; column.values.len()];
            for code in column.codes.iter().filter(|code| strange.contains(code)) {
                if let Some(count) = rows.get_mut(*code as usize) {
                    *count += 1;
                }
            }
            let found = column.values.iter().zip(rows).filter(|&(_, count)| count > 0);
            let counts = found.filter_map(|(value, count)| Some((TraitValue::of(&feature, value)?, count)));
            unseen.push((feature.title.to_owned(), super::persona::ranked(counts.collect())));
        }
        unseen
    }
}

impl Block {
    fn width(&self) -> usize {
        match self {
            Self::OneHot(values) => values.len(),
            Self::Scaled => 1,
        }
    }

    /// What a profile holds for `value`.
    fn cell(&self, feature: &Feature<'_>, value: &Value) -> u64 {
        match (self, value) {
            (Self::Scaled, Value::Level(level)) => (f64::from(*level) + 1.0).to_bits(),
            (Self::Scaled, Value::Number(number)) => (number + 0.0).to_bits(),
            (Self::OneHot(known), value) => TraitValue::of(feature, value)
                .and_then(|value| known.binary_search_by(|k| k.total_order(&value)).ok())
                .map_or(UNKNOWN, |position| position as u64),
            _ => UNKNOWN,
        }
    }
}

fn number_in(cell: Option<u64>) -> Option<f64> {
    cell.filter(|&bits| bits != UNKNOWN).map(f64::from_bits)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;

    use super::*;
    use crate::customer::{Cell, TableBuilder};

    fn table(rows: &[[&str; 5]]) -> CustomerTable {
        let mut builder = TableBuilder::new(Arc::new(Schema::built_in().unwrap()), date(2026, 1, 1));
        builder.begin_sheet(false);
        for row in [["id", "location", "gender", "date joined", "loyalty tier"]].iter().chain(rows) {
            builder.push_row(&row.map(Cell::Text)).unwrap();
        }
        builder.end_sheet().unwrap();
        builder.finish()
    }

    /// Two towns, two genders, one year, two months, one quarter, and the tier.
    fn trained() -> (Encoder, Scaler) {
        let table = table(&[
            ["1", "Bedok", "Female", "2024-01-05", "Silver"],
            ["2", "Novena", "Male", "2024-02-05", "Platinum"],
        ]);
        let encoder = Encoder::fit(&table).unwrap();
        let profiles = encoder.intern(&table);
        let scaler = Scaler::fit(&encoder.scaled_values(&profiles), &profiles.customers);
        (encoder, scaler)
    }

    #[test]
    fn each_value_lights_its_own_column_and_the_tier_is_scaled() {
        let (encoder, scaler) = trained();
        let profiles = encoder.intern(&table(&[["3", "Novena", "Female", "2024-01-31", "Gold"]]));
        let row = encoder.encode(&profiles, &scaler);
        assert_eq!(row.as_slice().unwrap(), [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn what_training_never_saw_is_all_zeros_and_counted() {
        let (encoder, scaler) = trained();
        let table =
            table(&[["3", "Atlantis", "Other", "2025-07-01", "Silver"], ["4", "Bedok", "", "2024-01-01", "Silver"]]);
        let rows = encoder.encode(&encoder.intern(&table), &scaler);
        assert_eq!(rows.row(0).as_slice().unwrap(), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
        assert_eq!(rows.row(1).as_slice().unwrap(), [1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, -1.0]);
        let unseen: Vec<_> = encoder.unseen(&table).into_iter().map(|(title, values)| (title, values.len())).collect();
        let titles = ["Location", "Gender", "Join_Year", "Join_Month", "Join_Quarter"];
        assert_eq!(unseen, titles.map(|title| (title.to_owned(), 1)));
    }

    #[test]
    fn customers_that_are_the_same_to_the_model_share_a_profile() {
        let (encoder, _) = trained();
        let profiles = encoder.intern(&table(&[
            ["3", "Bedok", "Male", "2024-01-01", "Gold"],
            ["4", "Novena", "Male", "2024-01-01", "Gold"],
            ["5", " BEDOK ", "m", "2024-01-31", "gold"],
        ]));
        assert_eq!((profiles.of_row.as_slice(), profiles.customers.as_slice()), (&[0, 1, 0][..], &[2, 1][..]));
    }
}
