//! What calls cost, by a table of prices that an operator may lay another one over.
//!
//! `prices.json` holds what OpenAI's list said for standard calls (a picture: square, medium quality). Lists change and
//! contracts differ, so every result is an estimate; a model that is not in the table costs an unknown sum.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, de};

use super::{TokenCounts, WriterConfigError};
use crate::text_file;

/// USD by the beginning of a model's name; the longest beginning wins.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    #[serde(default)]
    text: BTreeMap<String, TokenPrices>,
    /// A picture.
    #[serde(default)]
    images: BTreeMap<String, Usd>,
}

/// USD for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenPrices {
    prompt: Usd,
    completion: Usd,
}

/// A sum that is finite and not below zero.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Usd(f64);

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let usd = f64::deserialize(deserializer)?;
        if usd.is_finite() && usd >= 0.0 { Ok(Self(usd)) } else { Err(de::Error::custom("a price is 0 or more")) }
    }
}

impl Prices {
    /// The built-in prices, with those of the file at `path` laid over them model by model.
    ///
    /// # Errors
    /// When the file cannot be read, or is not of the built-in table's shape.
    pub(super) fn load(path: Option<&Path>) -> Result<Self, WriterConfigError> {
        let faulty = |path: &Path, source| WriterConfigError::FaultyPrices { path: path.to_owned(), source };
        let mut prices: Self = serde_json::from_str(include_str!("prices.json"))
            .map_err(|source| faulty(Path::new("src/content/prices.json"), source))?;
        if let Some(path) = path {
            let json = text_file::read(path)
                .map_err(|source| WriterConfigError::ReadPrices { path: path.to_owned(), source })?;
            let laid_over: Self = serde_json::from_str(&json).map_err(|source| faulty(path, source))?;
            prices.text.extend(laid_over.text);
            prices.images.extend(laid_over.images);
        }
        Ok(prices)
    }

    /// USD for these tokens of `model`; `None` where its price is unknown.
    pub(super) fn of_text(&self, model: &str, tokens: TokenCounts) -> Option<f64> {
        let prices = longest_beginning(&self.text, model)?;
        let (prompt, completion) = (tokens.prompt as f64, tokens.completion as f64);
        Some((prompt * prices.prompt.0 + completion * prices.completion.0) / 1e6)
    }

    /// USD for this many pictures of `model`; `None` where its price is unknown.
    pub(super) fn of_pictures(&self, model: &str, n_pictures: usize) -> Option<f64> {
        longest_beginning(&self.images, model).map(|price| price.0 * n_pictures as f64)
    }
}

fn longest_beginning<'a, T>(table: &'a BTreeMap<String, T>, model: &str) -> Option<&'a T> {
    let fitting = table.iter().filter(|(name, _)| model.starts_with(name.as_str()));
    fitting.max_by_key(|(name, _)| name.len()).map(|(_, prices)| prices)
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    const MILLION: TokenCounts = TokenCounts { prompt: 1_000_000, completion: 1_000_000 };

    fn laid_over(json: &str) -> Result<Prices, WriterConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("prices.json");
        std::fs::write(&path, json).unwrap();
        Prices::load(Some(&path))
    }

    #[test]
    fn the_longest_beginning_of_a_name_decides() {
        let prices = Prices::load(None).unwrap();
        assert_eq!(prices.of_text("gpt-4o-mini-2024-07-18", MILLION), Some(0.75));
        assert_eq!(prices.of_text("gpt-4o-2024-11-20", MILLION), Some(12.5));
        assert_eq!(prices.of_text("llama-3", MILLION), None);
        assert_eq!(prices.of_pictures("gpt-image-1", 3), Some(0.042 * 3.0));
        assert_eq!(prices.of_pictures("flux", 1), None);
    }

    #[test]
    fn a_file_is_laid_over_the_built_in_table() {
        // As an editor on Windows may save it.
        let json = "\u{feff}".to_owned()
            + r#"{"text": {"llama": {"prompt": 1, "completion": 2}}, "images": {"dall-e-3": 0.08}}"#;
        let prices = laid_over(&json).unwrap();
        assert_eq!(prices.of_text("llama-3", MILLION), Some(3.0));
        assert_eq!(prices.of_text("gpt-4o-mini", MILLION), Some(0.75));
        assert_eq!(prices.of_pictures("dall-e-3", 1), Some(0.08));
    }

    #[test]
    fn a_faulty_file_is_named() {
        for json in ["7", r#"{"txt": {}}"#, r#"{"images": {"a": -1}}"#, r#"{"text": {"a": {"prompt": 1}}}"#] {
            let error = laid_over(json).unwrap_err();
            assert!(error.to_string().contains("prices.json is faulty") && error.source().is_some(), "{error}");
        }
        let empty = laid_over("").unwrap_err();
        assert_eq!(empty.source().unwrap().to_string(), "is empty");
        let missing = Prices::load(Some(Path::new("no/such/prices.json"))).unwrap_err();
        assert!(missing.to_string().contains("no/such/prices.json could not be read"), "{missing}");
    }
}
