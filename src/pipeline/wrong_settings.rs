//! What is wrong with settings of a training, in words for their author.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{FitError, FitParams, TrainingSettings};
use crate::near_miss::nearest;
use crate::unique_json::{ValueFault, parse_value};

/// Characters of a wrong value that are quoted.
const MAX_QUOTED: usize = 60;
/// A misspelt key may have one wrong letter in so many.
const LETTERS_PER_MISTAKE: usize = 4;

/// The most neighbours that may be asked for. A training holds up to 52 bytes of each neighbour of each profile
/// ([`TrainingSize`](super::TrainingSize)). Whether a smaller number fits is only known with the customers.
const MAX_NEIGHBORS: usize = 10_000;

/// Every setting with what it must be.
const RULES: [(&str, &str); 9] = [
    ("method", "umap_hdbscan or latent_classes"),
    ("n_neighbors", "a whole number from 2 to 10000"),
    ("min_dist", "a number from 0 to 1"),
    ("n_components", "a whole number, 1 or more"),
    ("min_samples", "a whole number, 1 or more"),
    ("min_cluster_size", "a number of customers such as 400, or a share of them such as \"8%\""),
    ("selection", "excess_of_mass or leaf"),
    ("seed", "a whole number, 0 or more"),
    ("columns", "an object such as {\"weights\": {\"Join_Quarter\": 0}, \"scales\": {\"Spend\": \"log\"}}"),
];

/// Settings that cannot be taken, each with what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct WrongSettings(pub Vec<WrongSetting>);

/// A setting that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSetting {
    /// Its name; empty where the settings as a whole are wrong.
    pub key: String,
    /// What is wrong with it, in words that follow its name.
    pub message: String,
}

impl TrainingSettings {
    /// Reads a JSON object of settings, as `training.json` and requests have it, and checks every one.
    ///
    /// # Errors
    /// [`WrongSettings`] names each setting that there is not, that has another type, or whose value is out of range.
    pub fn from_json(json: &str) -> Result<Self, WrongSettings> {
        let whole = |message: String| WrongSettings(vec![WrongSetting { key: String::new(), message }]);
        let object: Value = serde_json::from_str(json)
            .map_err(|e| whole(format!("the JSON is broken at line {}, column {}", e.line(), e.column())))?;
        if let Err(ValueFault::Repeated(key)) = parse_value(json) {
            return Err(whole(format!("has the key {} twice; give it once", shortened(&key))));
        }
        let Value::Object(object) = object else {
            return Err(whole("must be a JSON object such as {\"min_cluster_size\": \"4%\"}".to_owned()));
        };
        let wrong: Vec<WrongSetting> = object.iter().filter_map(|(key, value)| fault_of(key, value)).collect();
        if !wrong.is_empty() {
            return Err(WrongSettings(wrong));
        }
        // Each of them could be read by itself.
        read(Value::Object(object)).ok_or_else(|| whole("cannot be read".to_owned()))
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

fn fault_of(key: &str, value: &Value) -> Option<WrongSetting> {
    let wrong = |message: String| Some(WrongSetting { key: shortened(key), message });
    let Some((_, rule)) = RULES.into_iter().find(|(known, _)| *known == key) else {
        let meant = nearest(key, RULES.map(|(known, _)| known), LETTERS_PER_MISTAKE);
        let known = || format!("the settings are {}", RULES.map(|(known, _)| known).join(", "));
        let hint = meant.map_or_else(known, |meant| format!("did you mean {meant}?"));
        return wrong(format!("is not a setting of a training; {hint}"));
    };
    let alone: Map<String, Value> = [(key.to_owned(), value.clone())].into_iter().collect();
    let Some(alone) = read::<TrainingSettings>(Value::Object(alone)) else {
        return wrong(format!("must be {rule}, not {}", shortened(&value.to_string())));
    };
    if let Some(n) = alone.n_neighbors.filter(|&n| n > MAX_NEIGHBORS) {
        let why = "so many neighbours of as many different profiles take 5 GB of memory";
        return wrong(format!("must be at most {MAX_NEIGHBORS}, not {n}: {why}"));
    }
    let error = alone.applied(&FitParams::default()).err()?;
    let text = match &error {
        FitError::Map(error) => error.to_string(),
        FitError::Cluster(error) => error.to_string(),
        other => other.to_string(),
    };
    wrong(text.strip_prefix(key).map_or(text.clone(), |rest| rest.trim_start().to_owned()))
}

fn shortened(text: &str) -> String {
    let cut: String = text.chars().take(MAX_QUOTED).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

impl fmt::Display for WrongSettings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, WrongSetting { key, message }) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            let blank = if key.is_empty() { "" } else { " " };
            write!(out, "{separator}{key}{blank}{message}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_setting_is_named_with_what_it_must_be_and_none_in_the_words_of_a_compiler() {
        let why = |json: &str| TrainingSettings::from_json(json).unwrap_err().to_string();
        assert_eq!(
            why(r#"{"n_neigbors": 12, "seed": -1}"#),
            "n_neigbors is not a setting of a training; did you mean n_neighbors?; seed must be a whole number, 0 or \
             more, not -1"
        );
        assert!(why(r#"{"colour": 1}"#).contains("the settings are method, n_neighbors"));
        assert_eq!(why(r#"{"method": "kmeans"}"#), "method must be umap_hdbscan or latent_classes, not \"kmeans\"");
        assert_eq!(why(r#"{"n_neighbors": 1}"#), "n_neighbors must be at least 2, not 1");
        assert!(why(r#"{"n_neighbors": 10001}"#).starts_with("n_neighbors must be at most 10000, not 10001: "));
        assert!(
            why(r#"{"n_neighbors": 1e30}"#).starts_with("n_neighbors must be a whole number from 2 to 10000, not 1")
        );
        assert_eq!(why(r#"{"min_samples": 0}"#), "min_samples must be at least 1");
        assert!(why(r#"{"min_dist": 3}"#).starts_with("min_dist must be 0 to "));
        assert!(why(r#"{"min_cluster_size": "many"}"#).ends_with("such as \"8%\", not \"many\""));
        assert!(why(r#"{"columns": {"weight": 1}}"#).starts_with("columns must be an object such as"));
        assert_eq!(why("[1]"), "must be a JSON object such as {\"min_cluster_size\": \"4%\"}");
        assert_eq!(why("{"), "the JSON is broken at line 1, column 1");
        let rust = ["usize", "u64", "f32", "invalid type", "expected", "variant", "untagged"];
        for wrong in
            [r#"{"n_neighbors": "many"}"#, r#"{"min_dist": "near"}"#, r#"{"seed": 1.5}"#, r#"{"selection": 3}"#]
        {
            let why = why(wrong);
            assert!(rust.iter().all(|word| !why.contains(word)), "{why}");
        }
    }

    #[test]
    fn settings_that_can_be_taken_are_and_null_says_nothing() {
        let read = TrainingSettings::from_json(r#"{"n_neighbors": 15, "min_cluster_size": "8%", "method": null}"#);
        assert_eq!(read.unwrap().flags(), ["--n-neighbors", "15", "--min-cluster-size", "8%"]);
    }

    #[test]
    fn every_setting_has_a_rule() {
        let all = TrainingSettings::of(&FitParams::default()).unwrap();
        let Value::Object(all) = serde_json::to_value(all).unwrap() else { panic!("no object") };
        assert_eq!(all.keys().collect::<Vec<_>>(), RULES.map(|(key, _)| key).iter().collect::<Vec<_>>());
    }
}
