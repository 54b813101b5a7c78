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

/// What a picture costs at the least, as a share of a square one of the usual quality. One of the lowest quality takes
/// a quarter of its tokens.
const LEAST_SHARE: f64 = 0.1;

/// USD by a model's name. A snapshot may have a name of its own, which then wins.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    #[serde(default)]
    text: BTreeMap<String, TokenPrices>,
    #[serde(default)]
    images: BTreeMap<String, PicturePrices>,
}

/// USD for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenPrices {
    prompt: Usd,
    completion: Usd,
}

/// USD for a picture, by its size and quality.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(from = "WrittenPrices")]
struct PicturePrices {
    /// A square one, in the quality that this service asks for.
    square: Usd,
    /// One of another shape, in the same quality.
    oblong: Usd,
    /// The most that one costs, of any size and quality.
    most: Usd,
    /// For a million tokens, where the model is charged by them: those of the prompt and those of the picture.
    tokens: Option<TokenPrices>,
}

/// The prices of pictures as a table has them: one for all, or each.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a picture's price is 0 or more, or has square, oblong, most and perhaps tokens")]
enum WrittenPrices {
    OfAll(Usd),
    Each(EachPrice),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EachPrice {
    square: Usd,
    oblong: Usd,
    most: Usd,
    #[serde(default)]
    tokens: Option<TokenPrices>,
}

/// What a request for a picture says of what its price depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PictureKind {
    /// A square one, in the usual quality.
    Square,
    /// One of another shape, in the usual quality.
    Oblong,
    /// One whose size or quality the server chooses.
    Any,
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

impl From<WrittenPrices> for PicturePrices {
    fn from(written: WrittenPrices) -> Self {
        match written {
            WrittenPrices::OfAll(usd) => Self { square: usd, oblong: usd, most: usd, tokens: None },
            WrittenPrices::Each(EachPrice { square, oblong, most, tokens }) => Self { square, oblong, most, tokens },
        }
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
        of_model(&self.text, model).map(|prices| prices.of(tokens))
    }

    /// The most that a picture of `model` may cost in USD, with its prompt; `None` where its price is unknown.
    pub(super) fn of_picture(&self, model: &str, kind: PictureKind, prompt_bytes: usize) -> Option<f64> {
        let prices = of_model(&self.images, model)?;
        let Usd(picture_usd) = match kind {
            PictureKind::Square => prices.square,
            PictureKind::Oblong => prices.oblong,
            PictureKind::Any => prices.most,
        };
        // No token is shorter than a byte.
        let prompt_usd = prices.tokens.map_or(0.0, |tokens| prompt_bytes as f64 * tokens.prompt.0 / 1e6);
        Some(picture_usd + prompt_usd)
    }

    /// USD for a picture of `model` by the tokens of its prompt and of itself; `None` where tokens have no price, or
    /// come to so little that they are not those of a picture.
    pub(super) fn of_picture_s_tokens(&self, model: &str, tokens: TokenCounts) -> Option<f64> {
        let prices = of_model(&self.images, model)?;
        let usd = prices.tokens?.of(tokens);
        (usd >= prices.square.0 * LEAST_SHARE).then_some(usd)
    }
}

impl TokenPrices {
    fn of(self, TokenCounts { prompt, completion }: TokenCounts) -> f64 {
        (prompt as f64 * self.prompt.0 + completion as f64 * self.completion.0) / 1e6
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
        for model in ["gpt-image-1-pro", "gpt-image-2", "flux"] {
            assert_eq!(prices.of_picture(model, PictureKind::Any, 0), None, "{model}");
        }
    }

    #[test]
    fn a_picture_costs_by_its_shape_and_its_prompt_and_at_the_most_where_the_server_chooses() {
        use PictureKind::{Any, Oblong, Square};
        let prices = Prices::load(None).unwrap();
        for (model, [square, oblong, any]) in [
            ("gpt-image-1", [0.042, 0.063, 0.25]),
            ("gpt-image-1-mini", [0.011, 0.015, 0.052]),
            ("dall-e-3", [0.04, 0.08, 0.12]),
            ("dall-e-2", [0.02; 3]),
        ] {
            let usd = [Square, Oblong, Any].map(|kind| prices.of_picture(model, kind, 0).unwrap());
            assert_eq!(usd, [square, oblong, any], "{model}");
        }
        let with_prompt = |model| prices.of_picture(model, Square, 1_000).unwrap();
        assert!((with_prompt("gpt-image-1") - 0.047).abs() < 1e-9 && with_prompt("dall-e-3") == 0.04);
        // A medium square, as OpenAI counts it.
        let tokens = TokenCounts { prompt: 200, completion: 1_056 };
        let by_tokens = prices.of_picture_s_tokens("gpt-image-1-2025-04-23", tokens).unwrap();
        assert!((by_tokens - 0.043_24).abs() < 1e-9, "{by_tokens}");
        assert_eq!(prices.of_picture_s_tokens("dall-e-3", tokens), None);
        let too_few = TokenCounts { prompt: 5, completion: 1 };
        assert_eq!(prices.of_picture_s_tokens("gpt-image-1", too_few), None);
    }

    #[test]
    fn a_file_is_laid_over_the_built_in_table() {
        // As an editor on Windows may save it.
        let json = "\u{feff}".to_owned()
            + r#"{"text": {"llama": {"prompt": 1, "completion": 2}}, "images": {"gpt-image-1": 0.5}}"#;
        let prices = laid_over(&json).unwrap();
        assert_eq!(prices.of_text("llama", MILLION), Some(3.0));
        assert_eq!(prices.of_text("gpt-4o-mini", MILLION), Some(0.75));
        for kind in [PictureKind::Square, PictureKind::Oblong, PictureKind::Any] {
            assert_eq!(prices.of_picture("gpt-image-1", kind, 1_000), Some(0.5), "one price for all");
        }
    }

    #[test]
    fn a_faulty_file_is_named() {
        let of_square = r#"{"images": {"a": {"square": 1}}}"#;
        let negative = r#"{"images": {"a": -1}}"#;
        for json in ["7", r#"{"txt": {}}"#, negative, of_square, r#"{"text": {"a": {"prompt": 1}}}"#] {
            let error = laid_over(json).unwrap_err();
            assert!(error.to_string().contains("prices.json is faulty") && error.source().is_some(), "{error}");
        }
        let empty = laid_over("").unwrap_err();
        assert_eq!(empty.source().unwrap().to_string(), "is empty");
        let missing = Prices::load(Some(Path::new("no/such/prices.json"))).unwrap_err();
        assert!(missing.to_string().contains("no/such/prices.json could not be read"), "{missing}");
    }
}
