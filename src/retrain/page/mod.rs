//! The report as a page for people: one HTML file that needs no network and no script, on a screen or on paper.
//!
//! Every value goes through the template's escaping; the one thing that does not is the map, in which no text of a
//! customer is. What the page says is in the report and in the fit: nothing is counted here. The version's whole name
//! is not on it, since that holds the checksum of the page among others.

mod checks;
mod comparison;
mod environment;
mod palette;
mod plot;
mod verdict;
mod view;

use minijinja::value::Serde;

use super::RetrainReport;
use crate::pipeline::{Fitted, Model, Overview};

pub use comparison::comparison_page;
pub use environment::PageError;
use environment::environment;

/// The `.html` turns the escaping on.
const TEMPLATE: (&str, &str) = ("report.html", include_str!("report.html"));
/// Profiles on the map, at most.
const MAX_POINTS: usize = 5_000;

/// The page of a report, with what was fitted, where anything was, and the model that it was compared with.
///
/// # Errors
/// [`PageError`].
pub(super) fn render(
    report: &RetrainReport,
    fitted: Option<&Fitted>,
    live: Option<&Model>,
) -> Result<String, PageError> {
    let map = match fitted.and_then(|fitted| Overview::of(fitted, MAX_POINTS)) {
        Some(overview) => Some(view::Map::new(&overview, plot::map(&overview).map_err(PageError::Map)?)),
        None => None,
    };
    let mut environment = environment()?;
    for (name, text) in [TEMPLATE, comparison::TABLE, comparison::NOTES] {
        environment.add_template(name, text)?;
    }
    let page = view::Page::new(report, fitted, live, map);
    Ok(environment.get_template(TEMPLATE.0)?.render(Serde(&page))?)
}
