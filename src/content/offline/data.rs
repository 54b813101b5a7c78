//! The offline writer's data, parsed once: word lists, phrases by trade, phrases for every trade.

use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::WriterConfigError;
use super::phrases::Phrases;
use super::reading::{WordStarts, Words};

/// Word lists and phrases.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) words: Words,
    /// In the order in which an industry's words are looked up; each also as a template reads it.
    trades: Vec<(Trade, Value)>,
    /// Phrases whatever the trade, by section. One whose `{slots}` cannot all be filled is passed over.
    pub(super) lines: Value,
}

/// What is said in one trade. Phrases promise a feeling and never a fact: nothing may be untrue of a company in it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trade {
    pub(super) name: String,
    /// The beginnings of words of an industry; of none for the trade that takes what no other does.
    words: Vec<String>,
    /// What is offered where the objective names nothing: `our menu`.
    pub(super) offering: String,
    benefit: Vec<String>,
    /// What readers may do, as imperatives: look around, buy, get a `{subject}`, come by, book.
    look: Vec<String>,
    buy: Vec<String>,
    get: Vec<String>,
    visit: Vec<String>,
    book: Vec<String>,
    /// At most 7 words each.
    pub(super) slogan: Vec<String>,
    pub(super) tags: Vec<String>,
    emoji: Vec<String>,
    /// What a picture shows.
    scene: Vec<String>,
}

impl Data {
    /// Parses the built-in files.
    pub(super) fn built_in() -> Result<Self, WriterConfigError> {
        let faulty = |e: serde_json::Error| WriterConfigError::Phrases(e.to_string());
        let lines: Json = serde_json::from_str(include_str!("lines.json")).map_err(faulty)?;
        let trades: Vec<Trade> = serde_json::from_str(include_str!("trades.json")).map_err(faulty)?;
        let with_phrases = |trade: Trade| {
            let value = for_templates(serde_json::to_value(&trade).map_err(faulty)?)?;
            Ok((trade, value))
        };
        Ok(Self {
            words: serde_json::from_str(include_str!("words.json")).map_err(faulty)?,
            trades: trades.into_iter().map(with_phrases).collect::<Result<_, _>>()?,
            lines: for_templates(lines)?,
        })
    }

    /// The trade that an industry's words name; the last one where they name none.
    pub(super) fn trade_of(&self, industry: &str) -> Option<&(Trade, Value)> {
        let industry = industry.to_lowercase();
        let industry = WordStarts::of(&industry);
        self.trades.iter().find(|(trade, _)| industry.has_any(&trade.words)).or(self.trades.last())
    }
}

/// Data as a template reads it: lists of texts as [`Phrases`].
fn for_templates(json: Json) -> Result<Value, WriterConfigError> {
    Ok(match json {
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(name, value)| Ok((name, for_templates(value)?)));
            Value::from(entries.collect::<Result<BTreeMap<_, _>, WriterConfigError>>()?)
        }
        Json::Array(texts) => {
            let phrases = Phrases::read(texts.iter().filter_map(Json::as_str));
            Value::from_object(phrases.map_err(WriterConfigError::Phrases)?)
        }
        other => Value::from(Serde(other)),
    })
}
