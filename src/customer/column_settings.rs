//! What a training may change of a schema: how much its columns count, and how their numbers are compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::{Kind, MAX_WEIGHT, Scale, Schema};

/// How columns are to count, where it is not as the schema has it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnSettings {
    /// How much a column or a part of a date counts, by its title, 0 to 100; with 0 it is described and decides
    /// nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"Join_Quarter": 0.0}))]
    pub weights: BTreeMap<String, f64>,
    /// How the numbers of a column are compared, by its title: `linear` or `log`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"Spend": "log"}))]
    pub scales: BTreeMap<String, Scale>,
}

impl ColumnSettings {
    /// Whether all is as the schema has it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Schema {
    /// What is wrong with these settings, where it is their author's mistake: a title that no column has, a weight out
    /// of range, a scale of what is no number, or no column left to learn from.
    pub fn fault_of(&self, settings: &ColumnSettings) -> Option<String> {
        let is_number = |title: &str| {
            self.columns.iter().any(|column| column.title == title && matches!(column.kind, Kind::Number { .. }))
        };
        let of_columns: Vec<&str> = self.columns.iter().map(|column| column.title.as_str()).collect();
        // A column other than a date is one feature, which has the title of the column.
        let of_parts = self.features().map(|feature| feature.title).filter(|title| !of_columns.contains(title));
        let titles: Vec<&str> = of_columns.iter().copied().chain(of_parts).collect();
        if let Some(title) =
            settings.weights.keys().chain(settings.scales.keys()).find(|t| !titles.contains(&t.as_str()))
        {
            return Some(format!("no column has the title {title:?}; there are {}", titles.join(", ")));
        }
        if let Some((title, weight)) = settings.weights.iter().find(|(_, w)| !(0.0..=MAX_WEIGHT).contains(*w)) {
            return Some(format!("the weight of {title} is {weight}, and must be from 0 to {MAX_WEIGHT}"));
        }
        if let Some(title) = settings.scales.keys().find(|title| !is_number(title)) {
            return Some(format!("{title} is no column of numbers, and has no scale"));
        }
        let is_empty = self.weighted(settings).features().all(|feature| feature.weight == 0.0);
        is_empty.then(|| "every weight is 0, which leaves no column to learn from".to_owned())
    }

    /// The schema with these settings. Titles that it does not have are passed over: a schema may have lost a column
    /// since they were made. Where they leave no column to learn from, all is as it was.
    #[must_use]
    pub fn adjusted(&self, settings: &ColumnSettings) -> Self {
        let schema = self.weighted(settings);
        if schema.features().all(|feature| feature.weight == 0.0) { self.clone() } else { schema }
    }

    fn weighted(&self, settings: &ColumnSettings) -> Self {
        let mut schema = self.clone();
        for column in &mut schema.columns {
            let weight = |title: &str| settings.weights.get(title).map(|weight| weight.clamp(0.0, MAX_WEIGHT));
            column.weight = weight(&column.title).unwrap_or(column.weight);
            match &mut column.kind {
                Kind::Number { scale, .. } => *scale = settings.scales.get(&column.title).copied().unwrap_or(*scale),
                Kind::Date { parts, .. } => {
                    parts.iter_mut().for_each(|part| part.weight = weight(&part.title).unwrap_or(part.weight));
                }
                Kind::Category { .. } | Kind::Ordinal { .. } => {}
            }
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_fit_the_schema_are_named() {
        let schema = Schema::built_in().unwrap();
        let fault = |json: &str| schema.fault_of(&serde_json::from_str(json).unwrap()).unwrap_or_default();
        assert_eq!(
            fault(r#"{"weights": {"Shoe_Size": 3}}"#),
            "no column has the title \"Shoe_Size\"; there are Location, Gender, Date Joined, Loyalty Tier, Join_Year, \
             Join_Month, Join_Quarter"
        );
        assert!(fault(r#"{"weights": {"Join_Quarter": -1}}"#).contains("from 0 to 100"));
        assert!(fault(r#"{"weights": {"Join_Quarter": 1e308}}"#).contains("from 0 to 100"));
        assert!(fault(r#"{"scales": {"Location": "log"}}"#).contains("no column of numbers"));
        let none: BTreeMap<&str, f64> = schema.features().map(|feature| (feature.title, 0.0)).collect();
        assert!(
            fault(&format!(r#"{{"weights": {}}}"#, serde_json::to_string(&none).unwrap())).contains("every weight")
        );
        assert_eq!(fault(r#"{"weights": {"Join_Quarter": 0, "Date Joined": 2}}"#), "");
    }

    #[test]
    fn a_part_of_a_date_counts_by_its_own_title_and_unknown_titles_change_nothing() {
        let schema = Schema::built_in().unwrap();
        let settings = |json: &str| serde_json::from_str::<ColumnSettings>(json).unwrap();
        let adjusted = schema.adjusted(&settings(r#"{"weights": {"Join_Quarter": 0, "Shoe_Size": 3}}"#));
        let weights = |schema: &Schema| -> Vec<(String, f64)> {
            schema.features().map(|feature| (feature.title.to_owned(), feature.weight)).collect()
        };
        let changed: Vec<_> = weights(&adjusted).into_iter().filter(|(_, weight)| *weight != 1.0).collect();
        assert_eq!(changed, [("Join_Quarter".to_owned(), 0.0)]);
        assert!(adjusted != schema);
        assert_eq!(schema.adjusted(&ColumnSettings::default()), schema);
        let nothing: BTreeMap<String, f64> = weights(&schema).into_iter().map(|(title, _)| (title, 0.0)).collect();
        assert_eq!(schema.adjusted(&ColumnSettings { weights: nothing, ..ColumnSettings::default() }), schema);
    }
}
