//! The rules that a schema must keep, each with its own sentence.

use std::collections::BTreeSet;

use super::super::header_name::normalize_header;
use super::super::text::fold;
use super::{Column, Kind, MAX_WEIGHT, MIN_CUSTOMERS, Schema, SchemaError};

/// How many columns one schema may name.
const MAX_COLUMNS: usize = 64;
/// How many levels one ordinal column may have.
const MAX_LEVELS: usize = 256;

impl Schema {
    pub(super) fn check(&self) -> Result<(), SchemaError> {
        let rule = |column: &str, rule| Err(SchemaError::Rule { column: column.to_owned(), rule });
        if self.columns.is_empty() || self.columns.len() > MAX_COLUMNS {
            return rule("columns", "must hold 1 to 64 columns");
        }
        let mut headers = BTreeSet::new();
        for name in &self.identifier {
            headers.insert(normalize_header(name));
        }
        for column in &self.columns {
            column.check()?;
            let own: BTreeSet<String> = column.headers().map(normalize_header).collect();
            if own.iter().any(String::is_empty) {
                return rule(&column.title, "has an empty title or alias");
            }
            for header in own {
                if !headers.insert(header) {
                    return rule(&column.title, "shares a title or alias with another column");
                }
            }
        }
        if self.features().all(|feature| feature.weight == 0.0) {
            return rule("columns", "must hold one with a weight above 0");
        }
        let mut keys = BTreeSet::new();
        let mut titles = BTreeSet::new();
        for feature in self.features() {
            if feature.title.trim().is_empty() || !titles.insert(feature.title) {
                return rule(feature.title, "has an empty or repeated feature title");
            }
            if feature.persona.key.trim().is_empty() || !keys.insert(&feature.persona.key) {
                return rule(feature.title, "has an empty or repeated persona key");
            }
            if feature.persona.top == 0 {
                return rule(feature.title, "must show at least one value in a persona");
            }
        }
        Ok(())
    }
}

impl Column {
    fn check(&self) -> Result<(), SchemaError> {
        let rule = |rule| Err(SchemaError::Rule { column: self.title.clone(), rule });
        let is_weight = |weight: f64| (0.0..=MAX_WEIGHT).contains(&weight);
        let parts = match &self.kind {
            Kind::Date { parts, .. } => parts.as_slice(),
            Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => &[],
        };
        if !is_weight(self.weight) || parts.iter().any(|part| !is_weight(part.weight)) {
            return rule("must have weights from 0 to 100");
        }
        if matches!(self.kind, Kind::Category { min_customers, .. } if min_customers < MIN_CUSTOMERS) {
            return rule("must have min_customers of 10 or more, so that nobody is singled out");
        }
        if self.synonyms.iter().any(|(from, to)| from.trim().is_empty() || to.trim().is_empty()) {
            return rule("has an empty synonym");
        }
        match &self.kind {
            Kind::Ordinal { levels, .. } => {
                let distinct: BTreeSet<String> = levels.iter().map(|level| fold(level).unwrap_or_default()).collect();
                if levels.len() < 2 || levels.len() > MAX_LEVELS {
                    return rule("must have 2 to 256 levels");
                }
                if distinct.len() < levels.len() || distinct.contains("") {
                    return rule("has an empty or repeated level");
                }
                if self.synonyms.values().any(|value| fold(value).is_none_or(|level| !distinct.contains(&level))) {
                    return rule("has a synonym for a level that it does not have");
                }
            }
            Kind::Date { parts, .. } if parts.is_empty() => return rule("must name at least one part of the date"),
            Kind::Category { .. } | Kind::Date { .. } | Kind::Number { .. } => {}
        }
        Ok(())
    }
}
