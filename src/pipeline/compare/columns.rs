//! The columns that held-out customers are told by: those that are no function of another, as codes.

use latent_classes::Bins;
use ndarray::{Array2, Axis};

use super::density::NO_VALUE;
use crate::customer::{CustomerColumn, CustomerTable, Feature, FeatureKind, Value};
use crate::pipeline::independent::independent;

/// Numbers are cut into so many bins.
const N_BINS: usize = 10;

/// The codes of a table's rows.
#[derive(Debug)]
pub(super) struct Codes {
    /// `(n_rows, n_columns)`: below `n_values` of the column, or [`NO_VALUE`].
    pub of_rows: Array2<u32>,
    /// How many values each column has.
    pub n_values: Vec<usize>,
}

impl Codes {
    pub fn of(table: &CustomerTable) -> Self {
        let columns: Vec<(Vec<u32>, usize)> = independent(table.schema(), |_| true)
            .into_iter()
            .filter_map(|(_, feature)| Some(codes(table, &feature, table.columns().get(feature.column)?)))
            .collect();
        let of_rows = Array2::from_shape_fn((table.n_rows(), columns.len()), |(row, column)| {
            columns.get(column).and_then(|(codes, _)| codes.get(row)).copied().unwrap_or(NO_VALUE)
        });
        Self { of_rows, n_values: columns.into_iter().map(|(_, n)| n).collect() }
    }

    /// The codes of the rows that stand for a customer or more, and their customers.
    pub fn drawn(&self, customers: &[u32]) -> (Array2<u32>, Vec<u32>) {
        let (rows, customers): (Vec<usize>, Vec<u32>) =
            customers.iter().copied().enumerate().filter(|&(_, n)| n > 0).unzip();
        (self.of_rows.select(Axis(0), &rows), customers)
    }
}

/// The codes of one feature, and how many values it has.
fn codes(table: &CustomerTable, feature: &Feature<'_>, column: &CustomerColumn) -> (Vec<u32>, usize) {
    let of_value: Vec<Option<u64>> = match feature.kind {
        FeatureKind::Category | FeatureKind::Ordinal(_) => (0..column.values.len() as u64).map(Some).collect(),
        FeatureKind::DatePart(part) => {
            // Those that are withheld are one value, after all others.
            let code = |value: &Value| match part.is_withheld(value) {
                true => Some(u64::MAX),
                false => part.of(value).and_then(|part| u64::try_from(part).ok()),
            };
            column.values.iter().map(code).collect()
        }
        FeatureKind::Number => {
            let number = |value: &Value| match value {
                Value::Number(number) => *number,
                _ => f64::NAN,
            };
            let of_value: Vec<f64> = column.values.iter().map(number).collect();
            let of_code = |&code: &u32| of_value.get(code as usize).copied().unwrap_or(f64::NAN);
            let of_rows: Vec<f64> = column.codes.iter().map(of_code).collect();
            let bins = Bins::quantiles(&of_rows, &table.weights().collect::<Vec<_>>(), N_BINS);
            let bin = |&number: &f64| (!number.is_nan()).then(|| u64::from(bins.code(number)));
            of_value.iter().map(bin).collect()
        }
    };
    let mut known: Vec<u64> = of_value.iter().flatten().copied().collect();
    known.sort_unstable();
    known.dedup();
    let code = |value: &Option<u64>| {
        let place = value.and_then(|value| known.binary_search(&value).ok());
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NO_VALUE)
    };
    let of_value: Vec<u32> = of_value.iter().map(code).collect();
    let codes = column.codes.iter().map(|&code| of_value.get(code as usize).copied().unwrap_or(NO_VALUE));
    (codes.collect(), known.len())
}
