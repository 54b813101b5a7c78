//! What the fields of a form are called, by a schema: looked up by every form, and made once.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::clean::Rules;
use super::header_name::normalize_header;
use super::schema::{Column, DatePart, FeatureKind, Kind, Schema};

/// The names under which a form's fields say something of a customer.
#[derive(Debug, Clone)]
pub struct FormFields {
    /// By normalized name: the features, by position, of which a field of that name says something.
    features: FxHashMap<String, Vec<usize>>,
    /// In the schema's order.
    pub(super) columns: Vec<FormColumn>,
}

/// How a form says one column.
#[derive(Debug, Clone)]
pub(super) struct FormColumn {
    pub rules: Arc<Rules>,
    /// The normalized names of a whole value.
    pub names: Vec<String>,
    /// The parts of a date, each with its normalized name.
    pub parts: Vec<(DatePart, String)>,
}

impl FormColumn {
    fn of(column: &Column) -> Self {
        let parts = match &column.kind {
            Kind::Date { parts, .. } => parts.iter().map(|part| (part.part, normalize_header(&part.title))).collect(),
            Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => Vec::new(),
        };
        Self { rules: Arc::new(Rules::of(column)), names: column.headers().map(normalize_header).collect(), parts }
    }
}

impl FormFields {
    /// The names of all columns of `schema` and of the parts of its dates.
    pub fn of(schema: &Schema) -> Self {
        let columns: Vec<FormColumn> = schema.columns.iter().map(FormColumn::of).collect();
        let names =
            columns.iter().flat_map(|column| column.names.iter().chain(column.parts.iter().map(|(_, name)| name)));
        let mut fields = Self { features: names.map(|name| (name.clone(), Vec::new())).collect(), columns };
        for (index, column) in schema.columns.iter().enumerate() {
            for (position, feature) in schema.features().enumerate().filter(|(_, feature)| feature.column == index) {
                let part = Some(feature.title).filter(|_| matches!(feature.kind, FeatureKind::DatePart(_)));
                for name in column.headers().chain(part) {
                    let features = fields.features.entry(normalize_header(name)).or_default();
                    if !features.contains(&position) {
                        features.push(position);
                    }
                }
            }
        }
        fields
    }

    /// Whether a field of this name says something of a customer.
    pub fn has(&self, name: &str) -> bool {
        self.features.contains_key(&normalize_header(name))
    }

    /// The features of the schema, by position, that a field of this name says something of: a column's name of all
    /// that are made of it, the name of a date's part of that part.
    pub fn features_of(&self, name: &str) -> &[usize] {
        self.features.get(&normalize_header(name)).map(Vec::as_slice).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_s_names_say_all_that_is_made_of_it_and_a_part_s_name_that_part() {
        let schema = Schema::built_in().unwrap();
        let fields = FormFields::of(&schema);
        let titles = |name: &str| -> Vec<&str> {
            let features: Vec<_> = schema.features().collect();
            fields.features_of(name).iter().map(|&feature| features[feature].title).collect()
        };
        assert_eq!(titles("location"), ["Location"]);
        assert_eq!(titles("date-joined"), ["Join_Year", "Join_Month", "Join_Quarter"]);
        assert_eq!(titles("Joined Date"), titles("date-joined"));
        assert_eq!(titles("join_month"), ["Join_Month"]);
        assert!(titles("tone").is_empty());
        for (name, is_field) in [("sex", true), ("JOIN YEAR", true), ("Loyalty_Tier", true), ("objective", false)] {
            assert_eq!(fields.has(name), is_field, "{name}");
        }
    }
}
