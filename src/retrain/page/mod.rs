//! The report as a page for people: one HTML file that needs no network and no script, on a screen or on paper.
//!
//! Every value goes through the template's escaping; the one thing that does not is the map, in which no text of a
//! customer is. What the page says is in the report and in the fit: nothing is counted here. The version's whole name
//! is not on it, since that holds the checksum of the page among others.

mod palette;
mod plot;
mod view;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

use super::RetrainReport;
use crate::pipeline::{Fitted, Model, Overview};

/// The `.html` turns the escaping on.
const TEMPLATE: (&str, &str) = ("report.html", include_str!("report.html"));
/// Profiles on the map, at most.
const MAX_POINTS: usize = 5_000;

/// Why a report did not become a page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The template asks for what is not there.
    #[error("the template could not be filled")]
    Template(#[from] minijinja::Error),
    /// The map could not be drawn.
    #[error("the map could not be drawn")]
    Map(#[source] Box<dyn std::error::Error + Send + Sync>),
}

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
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("whole", whole);
    environment.add_filter("percent", percent);
    environment.add_filter("decimals", decimals);
    environment.add_template(TEMPLATE.0, TEMPLATE.1)?;
    let page = view::Page::new(report, fitted, live, map);
    Ok(environment.get_template(TEMPLATE.0)?.render(Serde(&page))?)
}

/// Thousands set apart by a narrow blank.
fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage of one decimal.
fn percent(share: f64) -> String {
    format!("{:.1}\u{202f}%", share * 100.0)
}

/// Three decimals, or a dash where there is no number.
fn decimals(number: Option<f64>) -> String {
    number.map_or("–".to_owned(), |number| format!("{number:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_for_reading() {
        let texts = [0, 999, 1_000, 1_234_567].map(whole);
        assert_eq!(texts, ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!(percent(0.02149), "2.1\u{202f}%");
        assert_eq!((decimals(Some(0.97251)).as_str(), decimals(None).as_str()), ("0.973", "–"));
    }
}
