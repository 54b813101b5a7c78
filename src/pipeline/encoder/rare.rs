//! Names that few customers have: one value to the model, so that none of them is written down.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Block, Encoder, RareNames, Spellings, UNKNOWN};
use crate::customer::{CustomerColumn, CustomerTable, Feature, FeatureKind, Value};
use crate::pipeline::TraitValue;

/// What stands for all rare names of a column.
pub(in crate::pipeline) const OTHER: &str = "Other";

/// The values of a feature of names or parts of dates, sorted, and whether [`OTHER`] stands for rare ones among them.
pub(super) fn frequent_values(
    table: &CustomerTable,
    feature: &Feature<'_>,
    rare_names: RareNames,
) -> (Vec<TraitValue>, bool) {
    let Some(column) = table.columns().get(feature.column) else { return (Vec::new(), false) };
    let mut values: Vec<TraitValue> = match feature.kind {
        FeatureKind::Category | FeatureKind::DatePart(_) => {
            column.values.iter().filter_map(|value| TraitValue::of(feature, value)).collect()
        }
        FeatureKind::Ordinal(_) | FeatureKind::Number => return (Vec::new(), false),
    };
    values.sort_by(TraitValue::total_order);
    values.dedup();
    if rare_names == RareNames::Kept || feature.min_customers == 0 {
        return (values, false);
    }
    let customers = customers_by_name(table, column);
    let other = TraitValue::Name(OTHER.to_owned());
    let is_frequent = |value: &TraitValue| match value {
        TraitValue::Name(name) => customers.get(name.as_str()).is_some_and(|&n| n >= feature.min_customers),
        TraitValue::Whole(_) | TraitValue::Mean(_) => true,
    };
    let n_values = values.len();
    values.retain(|value| *value == other || is_frequent(value));
    let has_rare = values.len() < n_values;
    if let (true, Err(place)) = (has_rare, values.binary_search_by(|value| value.total_order(&other))) {
        values.insert(place, other);
    }
    (values, has_rare)
}

fn customers_by_name<'t>(table: &CustomerTable, column: &'t CustomerColumn) -> BTreeMap<&'t str, u64> {
    let mut of_code = vec![0_u64; column.values.len()];
    for (&code, weight) in column.codes.iter().zip(table.weights()) {
        if let Some(customers) = of_code.get_mut(code as usize) {
            *customers += u64::from(weight);
        }
    }
    let mut by_name = BTreeMap::new();
    for (value, customers) in column.values.iter().zip(of_code) {
        if let Value::Text(name) = value {
            *by_name.entry(name.as_str()).or_insert(0) += customers;
        }
    }
    by_name
}

impl Encoder {
    /// Whether a name that the feature number `index` does not list is [`OTHER`] to it.
    pub(in crate::pipeline) fn merges_rare(&self, index: usize) -> bool {
        self.with_rare.contains(&index)
    }

    /// Whether the feature lists [`OTHER`].
    pub(super) fn has_other(&self, index: usize) -> bool {
        self.position_of_other(index).is_some()
    }

    /// What a profile holds for a name that the feature does not list.
    pub(super) fn cell_of_rare(&self, index: usize) -> u64 {
        let is_one_hot = matches!(self.blocks.get(index), Some(Block::OneHot(_)));
        let other = self.position_of_other(index).filter(|_| is_one_hot && self.merges_rare(index));
        other.map_or(UNKNOWN, |position| position as u64)
    }

    fn position_of_other(&self, index: usize) -> Option<usize> {
        let other = TraitValue::Name(OTHER.to_owned());
        self.blocks.get(index)?.values().binary_search_by(|value| value.total_order(&other)).ok()
    }

    /// The customers of `table` as the model tells them apart: with [`OTHER`] in place of each name that it merged.
    pub(in crate::pipeline) fn as_seen<'t>(&self, table: &'t CustomerTable) -> Cow<'t, CustomerTable> {
        let mut columns = None;
        for (index, feature) in table.schema().features().enumerate().filter(|(index, _)| self.merges_rare(*index)) {
            let (Some(block), Some(column)) = (self.blocks.get(index), table.columns().get(feature.column)) else {
                continue;
            };
            let all: &mut Vec<CustomerColumn> = columns.get_or_insert_with(|| table.columns().to_vec());
            if let Some(slot) = all.get_mut(feature.column) {
                *slot = merged(block, &feature, column);
            }
        }
        columns.map_or(Cow::Borrowed(table), |columns| Cow::Owned(table.with_columns(columns)))
    }
}

/// The column with [`OTHER`] for each name that `block` does not list.
fn merged(block: &Block, feature: &Feature<'_>, column: &CustomerColumn) -> CustomerColumn {
    let (spellings, other) = (Spellings::default(), Value::Text(OTHER.to_owned()));
    let mut values: Vec<Value> = Vec::new();
    let mut code_of_other = None;
    let mut next = |value: Value| {
        values.push(value);
        u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
    };
    let codes: Vec<u32> = column
        .values
        .iter()
        .map(|value| match block.position(feature, value, &spellings) {
            Some(_) if *value != other => next(value.clone()),
            _ => *code_of_other.get_or_insert_with(|| next(other.clone())),
        })
        .collect();
    let code = |code: &u32| codes.get(*code as usize).copied().unwrap_or(*code);
    CustomerColumn { codes: column.codes.iter().map(code).collect(), values }
}
