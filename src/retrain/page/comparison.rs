//! The page of a comparison: what was found of each way to train.

use minijinja::value::Serde;
use serde::Serialize;

use super::environment::{PageError, environment, percent};
use crate::pipeline::{Comparison, Judged};

/// The `.html` turns the escaping on.
const TEMPLATE: (&str, &str) = ("comparison.html", include_str!("comparison.html"));
/// What the report's page includes, too.
pub(super) const TABLE: (&str, &str) = ("comparison_table.html", include_str!("comparison_table.html"));
pub(super) const NOTES: (&str, &str) = ("comparison_notes.html", include_str!("comparison_notes.html"));

#[derive(Serialize)]
struct Page<'c> {
    comparison: View<'c>,
}

/// What was found of each way to train, as the table shows it.
#[derive(Serialize)]
pub(super) struct View<'c> {
    customers: u64,
    tried_on: u64,
    best: bool,
    sentence: &'c str,
    candidates: Vec<Row<'c>>,
}

#[derive(Serialize)]
struct Row<'c> {
    name: String,
    words: &'static str,
    is_best: bool,
    segments: String,
    outside: String,
    least_jaccard: Option<f64>,
    mean_jaccard: Option<f64>,
    bits: Option<f64>,
    null: Option<f64>,
    standard_error: Option<f64>,
    told: &'c [String],
    fate: String,
    decided_by: &'c str,
    silhouette: Option<f64>,
    dbcv: Option<f64>,
}

/// The page of a comparison: one HTML file that needs no network and no script.
///
/// # Errors
/// [`PageError::Template`].
pub fn comparison_page(comparison: &Comparison) -> Result<String, PageError> {
    let mut environment = environment()?;
    for (name, text) in [TEMPLATE, TABLE, NOTES] {
        environment.add_template(name, text)?;
    }
    Ok(environment.get_template(TEMPLATE.0)?.render(Serde(&Page { comparison: View::of(comparison) }))?)
}

impl<'c> View<'c> {
    pub fn of(comparison: &'c Comparison) -> Self {
        Self {
            customers: comparison.customers,
            tried_on: comparison.tried_on,
            best: comparison.best.is_some(),
            sentence: &comparison.sentence,
            candidates: comparison.candidates.iter().map(|judged| Row::new(judged, comparison)).collect(),
        }
    }
}

impl<'c> Row<'c> {
    fn new(judged: &'c Judged, comparison: &Comparison) -> Self {
        let is_best = comparison.best == Some(judged.name);
        let out: Vec<&str> = judged.out.iter().map(|why| why.words()).collect();
        let fate = match (&judged.failure, out.is_empty()) {
            (Some(failure), _) => format!("Out: {failure}"),
            (None, false) => format!("Out: {}", out.join("; ")),
            (None, true) if is_best => "The best".to_owned(),
            (None, true) => "Passes".to_owned(),
        };
        Self {
            name: judged.name.to_string(),
            words: judged.name.words(),
            is_best,
            segments: judged.segments.map_or("–".to_owned(), |n| n.to_string()),
            outside: judged.noise_share.map_or("–".to_owned(), percent),
            least_jaccard: judged.least_jaccard,
            mean_jaccard: judged.mean_jaccard,
            bits: judged.bits.map(|bits| bits.mean),
            null: judged.bits.map(|bits| bits.null),
            standard_error: judged.bits.map(|bits| bits.standard_error),
            told: &judged.told,
            fate,
            decided_by: judged.decided_by.as_ref().map_or("", |decided| &decided.sentence),
            silhouette: judged.silhouette,
            dbcv: judged.dbcv,
        }
    }
}
