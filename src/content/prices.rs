//! What calls cost, by a table of prices that an operator may lay another one over.
//!
//! `prices.json` holds what OpenAI's list said for standard calls. Lists change and contracts differ, so every result
//! is an estimate. A name in the table is the price of that model and of its dated snapshots alone: `gpt-5-pro` costs
//! twelve times as much as `gpt-5`. A model that is not in the table costs an unknown sum.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, de};

use super::{TokenCounts, WriterConfigError};
use crate::text_file;

/// USD by a model's name. A snapshot may have a name of its own, which then wins.
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
        let prices = of_model(&self.text, model)?;
        let (prompt, completion) = (tokens.prompt as f64, tokens.completion as f64);
        Some((prompt * prices.prompt.0 + completion * prices.completion.0) / 1e6)
    }

    /// USD for this many pictures of `model`; `None` where its price is unknown.
    pub(super) fn of_pictures(&self, model: &str, n_pictures: usize) -> Option<f64> {
        of_model(&self.images, model).map(|price| price.0 * n_pictures as f64)
    }
}

/// What the table has for `model`: under its own name, else under that of which it is a snapshot.
fn of_model<'a, T>(table: &'a BTreeMap<String, T>, model: &str) -> Option<&'a T> {
    let is_snapshot = |name: &str| model.strip_prefix(name).is_some_and(names_a_snapshot);
    let of_snapshot = || table.iter().filter(|(name, _)| is_snapshot(name)).max_by_key(|(name, _)| name.len());
    table.get(model).or_else(|| of_snapshot().map(|(_, prices)| prices))
}

/// Whether the end of a model's name says which snapshot of the model it is: `-2024-07-18`, `-20240718`, `-0613`,
/// `-latest`, `:latest`.
fn names_a_snapshot(end: &str) -> bool {
    if matches!(end, "-latest" | ":latest") {
        return true;
    }
    let Some(date) = end.strip_prefix('-') else { return false };
    let lengths: Vec<usize> = date.split('-').map(str::len).collect();
    date.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) && matches!(lengths.as_slice(), [4 | 8] | [4, 2, 2])
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
    fn a_name_is_the_price_of_its_model_and_of_that_model_s_snapshots() {
        let prices = Prices::load(None).unwrap();
        for (model, usd) in [
            ("gpt-4o-mini", 0.75),
            ("gpt-4o-mini-2024-07-18", 0.75),
            ("gpt-4o-mini-20240718", 0.75),
            ("gpt-4o-mini-0718", 0.75),
            ("gpt-4o-mini-latest", 0.75),
            ("gpt-4o-mini:latest", 0.75),
            ("gpt-4o-2024-11-20", 12.5),
            ("gpt-4o-2024-05-13", 20.0),
        ] {
            assert_eq!(prices.of_text(model, MILLION), Some(usd), "{model}");
        }
    }

    #[test]
    fn a_model_whose_name_only_begins_as_another_s_has_no_price() {
        let prices = Prices::load(None).unwrap();
        for model in [
            "gpt-5-pro",
            "gpt-5-pro-2025-10-06",
            "gpt-5.2-pro",
            "gpt-4o-realtime-preview",
            "o4-mini-deep-research",
            "gpt-4o-mini-",
            "gpt-4o-mini-2024-07",
            "gpt-4o-minimal",
            "llama-3",
            "gpt",
        ] {
            assert_eq!(prices.of_text(model, MILLION), None, "{model}");
        }
        assert_eq!(prices.of_pictures("gpt-image-1", 3), Some(0.042 * 3.0));
        for model in ["gpt-image-1.5", "flux"] {
            assert_eq!(prices.of_pictures(model, 1), None, "{model}");
        }
    }

    #[test]
    fn a_file_is_laid_over_the_built_in_table() {
        // As an editor on Windows may save it.
        let json = "\u{feff}".to_owned()
            + r#"{"text": {"llama": {"prompt": 1, "completion": 2}}, "images": {"dall-e-3": 0.08}}"#;
        let prices = laid_over(&json).unwrap();
        assert_eq!(prices.of_text("llama", MILLION), Some(3.0));
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
