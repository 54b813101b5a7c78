//! The rules that a schema must keep, each with its own sentence.

use std::collections::BTreeSet;

use super::super::header_name::normalize_header;
use super::super::text::fold_given;
use super::{Column, Kind, MAX_WEIGHT, MIN_CUSTOMERS, Schema, SchemaError};

/// How many columns one schema may name.
const MAX_COLUMNS: usize = 64;
/// How many levels one ordinal column may have.
const MAX_LEVELS: usize = 256;

/// What an answer adds to the columns of a customer.
const OF_A_MEMBER: [&str; 9] = [
    "sheet",
    "row",
    "cluster_id",
    "strength",
    "confidence",
    "nearest_cluster_id",
    "nearest_membership",
    "variant",
    "content_id",
];

impl Schema {
    /// Looks whether every title is another name than those which an answer adds to a customer's columns. Schemas of
    /// published models are not asked: they stay as they are.
    ///
    /// # Errors
    /// [`SchemaError::Rule`] with the title.
    pub fn check_titles(&self) -> Result<(), SchemaError> {
        let titles = self.columns.iter().flat_map(|column| {
            let parts = match &column.kind {
                Kind::Date { parts, .. } => parts.as_slice(),
                Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => &[],
            };
            let score = match &column.kind {
                Kind::Ordinal { score_title, .. } => Some(score_title),
                Kind::Category { .. } | Kind::Date { .. } | Kind::Number { .. } => None,
            };
            std::iter::once(&column.title).chain(parts.iter().map(|part| &part.title)).chain(score)
        });
        let rule = |title: &str, rule| Err(SchemaError::Rule { column: title.to_owned(), rule });
        let added = OF_A_MEMBER.map(normalize_header);
        let mut seen = BTreeSet::new();
        for title in titles {
            if added.contains(&normalize_header(title)) {
                return rule(
                    title,
                    "has the title of a field that answers add to every customer (sheet, row, cluster_id, strength, \
                     confidence, nearest_cluster_id, nearest_membership, variant, content_id): take another title, and \
                     name this one in \"aliases\"",
                );
            }
            if !seen.insert(title) {
                return rule(title, "is the title of two columns of an answer: a column, a part of a date or a score");
            }
        }
        Ok(())
    }

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
                let distinct: BTreeSet<String> =
                    levels.iter().map(|level| fold_given(level).unwrap_or_default()).collect();
                if levels.len() < 2 || levels.len() > MAX_LEVELS {
                    return rule("must have 2 to 256 levels");
                }
                if distinct.len() < levels.len() || distinct.contains("") {
                    return rule("has an empty or repeated level");
                }
                if self.synonyms.values().any(|value| fold_given(value).is_none_or(|level| !distinct.contains(&level)))
                {
                    return rule("has a synonym for a level that it does not have");
                }
            }
            Kind::Date { parts, .. } if parts.is_empty() => return rule("must name at least one part of the date"),
            Kind::Category { .. } | Kind::Date { .. } | Kind::Number { .. } => {}
        }
        Ok(())
    }
}
