//! What every page needs: its numbers' forms, and the templates' rules.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

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

/// Templates without undefined names, with filters for numbers.
pub(super) fn environment() -> Result<Environment<'static>, PageError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("whole", whole);
    environment.add_filter("percent", percent);
    environment.add_filter("decimals", decimals);
    Ok(environment)
}

/// Thousands set apart by a narrow blank.
pub(super) fn whole(number: u64) -> String {
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
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}\u{202f}%", share * 100.0)
}

/// Three decimals, or a dash where there is no number.
pub(super) fn decimals(number: Option<f64>) -> String {
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
