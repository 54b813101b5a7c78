//! Values that few customers have, which are written down nowhere: names are one value to the model, and of a date the
//! parts that few share are withheld: the model does not use them, and shares count these customers as having a value.

use std::borrow::Cow;

use super::{Block, Encoder, RareNames, Spellings, UNKNOWN};
use crate::customer::{CustomerColumn, CustomerTable, DatePart, Feature, FeatureKind, MIN_CUSTOMERS, Value, Withheld};
use crate::pipeline::TraitValue;
use crate::pipeline::trait_counts::ranked;

pub(in crate::pipeline) use crate::pipeline::trait_counts::OTHER;

/// The values of a feature of names or parts of dates, sorted, and whether rare ones were left out: of names [`OTHER`]
/// stands for them.
pub(super) fn frequent_values(
    table: &CustomerTable,
    feature: &Feature<'_>,
    rare_names: RareNames,
) -> (Vec<TraitValue>, bool) {
    let Some(column) = table.columns().get(feature.column) else { return (Vec::new(), false) };
    let (least, other) = match feature.kind {
        FeatureKind::Category => (feature.min_customers, Some(TraitValue::Name(OTHER.to_owned()))),
        FeatureKind::DatePart(_) => (MIN_CUSTOMERS, None),
        FeatureKind::Ordinal(_) | FeatureKind::Number => return (Vec::new(), false),
    };
    let counts = ranked(counts(table, feature, column));
    let is_kept = |(value, customers): &&(TraitValue, u64)| match &other {
        // Parts that the table withholds are no value of a date.
        None if value.is_other() => false,
        _ if rare_names == RareNames::Kept => true,
        other => *customers >= least || Some(value) == other.as_ref(),
    };
    let mut values: Vec<TraitValue> = counts.iter().filter(is_kept).map(|(value, _)| value.clone()).collect();
    let has_rare = values.len() < counts.len();
    values.sort_by(TraitValue::total_order);
    if let (true, Some(other)) = (has_rare, other)
        && let Err(place) = values.binary_search_by(|value| value.total_order(&other))
    {
        values.insert(place, other);
    }
    (values, has_rare)
}

/// The customers of each value of a column, in the eyes of one feature; equal ones are not merged.
fn counts(table: &CustomerTable, feature: &Feature<'_>, column: &CustomerColumn) -> Vec<(TraitValue, u64)> {
    let mut of_code = vec![0_u64; column.values.len()];
    for (&code, weight) in column.codes.iter().zip(table.weights()) {
        if let Some(customers) = of_code.get_mut(code as usize) {
            *customers += u64::from(weight);
        }
    }
    let values = column.values.iter().zip(of_code);
    values.filter_map(|(value, customers)| Some((TraitValue::of(feature, value)?, customers))).collect()
}

impl Encoder {
    /// Whether the feature number `index` leaves out what few customers have: a name that it does not list is
    /// [`OTHER`], a part of a date is withheld.
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

    /// The customers of `table` as the model tells them apart: with [`OTHER`] in place of each name that it merged, and
    /// with the parts of dates withheld that it left out.
    pub(in crate::pipeline) fn as_seen<'t>(&self, table: &'t CustomerTable) -> Cow<'t, CustomerTable> {
        let mut columns = None;
        for (index, feature) in table.schema().features().enumerate().filter(|(index, _)| self.merges_rare(*index)) {
            let all: &mut Vec<CustomerColumn> = columns.get_or_insert_with(|| table.columns().to_vec());
            let (Some(block), Some(slot)) = (self.blocks.get(index), all.get_mut(feature.column)) else { continue };
            let spellings = Spellings::default();
            let is_listed = |value: &Value| block.position(&feature, value, &spellings).is_some();
            *slot = match feature.kind {
                FeatureKind::DatePart(part) => {
                    let is_few = |value: &Value| part.of(value).is_some() && !is_listed(value);
                    merged(slot, |value| is_few(value).then(|| without(value, part)))
                }
                _ => merged(slot, |value| (!is_listed(value)).then(|| Value::Text(OTHER.to_owned()))),
            };
        }
        columns.map_or(Cow::Borrowed(table), |columns| Cow::Owned(table.with_columns(columns)))
    }
}

/// The column with `instead` of each value for which there is one; those that become equal are one.
fn merged(column: &CustomerColumn, instead: impl Fn(&Value) -> Option<Value>) -> CustomerColumn {
    let mut values: Vec<Value> = Vec::with_capacity(column.values.len());
    let replaced: Vec<Option<Value>> = column.values.iter().map(instead).collect();
    // The values that stay come first, and one that takes the place of others may be among them.
    let mut code_of = vec![u32::MAX; column.values.len()];
    let next = |value: Value, values: &mut Vec<Value>| {
        values.push(value);
        u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
    };
    for ((value, replaced), code) in column.values.iter().zip(&replaced).zip(&mut code_of) {
        if replaced.is_none() {
            *code = next(value.clone(), &mut values);
        }
    }
    let mut taken: Vec<(Value, u32)> = Vec::new();
    for (value, code) in replaced.into_iter().zip(&mut code_of) {
        let Some(value) = value else { continue };
        if let Some(&(_, known)) = taken.iter().find(|(other, _)| *other == value) {
            *code = known;
            continue;
        }
        // No sheet has a part of a date alone.
        let among = || values.iter().position(|other| *other == value).and_then(|place| u32::try_from(place).ok());
        let stays = if matches!(value, Value::Text(_)) { among() } else { None };
        *code = stays.unwrap_or_else(|| next(value.clone(), &mut values));
        taken.push((value, *code));
    }
    let code = |code: &u32| code_of.get(*code as usize).copied().unwrap_or(*code);
    CustomerColumn { codes: column.codes.iter().map(code).collect(), values }
}

/// What is left of a date without one of its parts: without a month its quarter, without a quarter nothing of the
/// year's course. What it had of them is withheld.
fn without(value: &Value, part: DatePart) -> Value {
    let known = |part: DatePart| part.of(value);
    let year = known(DatePart::Year).and_then(|year| i16::try_from(year).ok()).filter(|_| part != DatePart::Year);
    let small = |number: Option<i64>| number.and_then(|number| i8::try_from(number).ok());
    let month = small(known(DatePart::Month)).filter(|_| part == DatePart::Year);
    let quarter = small(known(DatePart::Quarter)).filter(|_| month.is_none() && part != DatePart::Quarter);
    let left = Value::partial(year, quarter, month);
    let is_withheld = |part: DatePart| part.is_withheld(value) || (known(part).is_some() && part.of(&left).is_none());
    let withheld = Withheld {
        year: is_withheld(DatePart::Year),
        quarter: is_withheld(DatePart::Quarter),
        month: is_withheld(DatePart::Month),
    };
    Value::PartialDate { year, quarter, month, withheld }
}
