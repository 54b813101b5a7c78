//! The rules that a schema must keep, each with its own sentence.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::super::header_name::normalize_header;
use super::super::text::fold_given;
use super::place::column_called;
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
        let rule = |title: &str, rule: &'static str| broken(&format!("{title:?}"), rule);
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
        if self.columns.is_empty() || self.columns.len() > MAX_COLUMNS {
            return broken("columns", "must hold 1 to 64 columns");
        }
        let mut headers = BTreeMap::new();
        for name in &self.identifier {
            headers.insert(normalize_header(name), "\"identifier\"".to_owned());
        }
        for (position, column) in self.columns.iter().enumerate() {
            let called = column_called(&column.title, position);
            column.check(&called)?;
            let own: BTreeSet<String> = column.headers().map(normalize_header).collect();
            if own.iter().any(String::is_empty) {
                return broken(&called, "has an empty \"title\" or name in \"aliases\"");
            }
            for header in own {
                if let Some(other) = headers.get(&header) {
                    return broken(&called, format!("shares a title or alias with {other}: {header:?}"));
                }
                headers.insert(header, called.clone());
            }
        }
        if self.features().all(|feature| feature.weight == 0.0) {
            return broken("columns", "must hold one with a weight above 0");
        }
        self.check_features()
    }

    /// Looks whether each feature has a title and a persona key of its own.
    fn check_features(&self) -> Result<(), SchemaError> {
        let (mut keys, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for feature in self.features() {
            let title = self.columns.get(feature.column).map_or(feature.title, |column| column.title.as_str());
            let called = column_called(title, feature.column);
            let key = &feature.persona.key;
            if feature.title.trim().is_empty() || !titles.insert(feature.title) {
                return broken(
                    &called,
                    format!("has an empty \"title\", or that of another feature: {:?}", feature.title),
                );
            }
            if key.trim().is_empty() || !keys.insert(key) {
                return broken(
                    &called,
                    format!("has an empty \"key\" in \"persona\", or that of another one: {key:?}"),
                );
            }
            if feature.persona.top == 0 {
                return broken(&called, "must have a \"top\" of 1 or more in \"persona\"");
            }
        }
        Ok(())
    }
}

fn broken(column: &str, rule: impl Into<Cow<'static, str>>) -> Result<(), SchemaError> {
    Err(SchemaError::Rule { column: column.to_owned(), rule: rule.into() })
}

impl Column {
    fn check(&self, called: &str) -> Result<(), SchemaError> {
        let rule = |rule: &'static str| broken(called, rule);
        let is_weight = |weight: f64| (0.0..=MAX_WEIGHT).contains(&weight);
        let parts = match &self.kind {
            Kind::Date { parts, .. } => parts.as_slice(),
            Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => &[],
        };
        if !is_weight(self.weight) || parts.iter().any(|part| !is_weight(part.weight)) {
            return rule("must have a \"weight\" from 0 to 100, as each of its \"parts\"");
        }
        if matches!(self.kind, Kind::Category { min_customers, .. } if min_customers < MIN_CUSTOMERS) {
            return rule("must have \"min_customers\" of 10 or more, so that nobody is singled out");
        }
        if self.synonyms.iter().any(|(from, to)| from.trim().is_empty() || to.trim().is_empty()) {
            return rule("has an empty name in \"synonyms\"");
        }
        match &self.kind {
            Kind::Ordinal { levels, .. } => {
                let distinct: BTreeSet<String> =
                    levels.iter().map(|level| fold_given(level).unwrap_or_default()).collect();
                if levels.len() < 2 || levels.len() > MAX_LEVELS {
                    return rule("must have 2 to 256 names in \"levels\"");
                }
                if distinct.len() < levels.len() || distinct.contains("") {
                    return rule("has an empty or repeated name in \"levels\"");
                }
                if self.synonyms.values().any(|value| fold_given(value).is_none_or(|level| !distinct.contains(&level)))
                {
                    return rule("has a name in \"synonyms\" for a level that it does not have");
                }
            }
            Kind::Date { parts, .. } if parts.is_empty() => {
                return rule("must have at least one part of the date in \"parts\"");
            }
            Kind::Category { .. } | Kind::Date { .. } | Kind::Number { .. } => {}
        }
        Ok(())
    }
}
