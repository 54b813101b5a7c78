//! `KEYS_FILE`: keys by name, one JSON object a line.
//!
//! The file holds digests, never keys. Lines that begin with `#` are comments. A JSON array of the same objects is read
//! as well. A mistake is named by its line, and nothing of the line is quoted but names.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::key::Key;
use super::rights::Right;
use crate::content::SmallBudget;
use crate::text_file::{self, TextFileError};
use crate::unique_json::{ValueFault, parse_value};

/// Longer names would fill log lines.
const MAX_NAME_BYTES: usize = 40;
/// Every request is compared with every key.
const MAX_KEYS: usize = 1_000;
/// Every field with what it must be.
const FIELDS: [(&str, &str); 6] = [
    ("name", "a text of at most 40 letters, digits and the signs - _ ."),
    ("sha256", "a text of 64 hexadecimal digits: make one with content-portal keys new"),
    ("rights", "a list of one or more of read, upload, generate, train and admin, in small letters"),
    ("expires", "a day such as \"2027-03-31\", or a time such as \"2027-03-31T18:00:00Z\""),
    ("requests_per_minute", "a whole number from 1"),
    ("budget_usd_per_day", "a number of more than 0, such as 2.5, without quotes"),
];
/// What is not a key although it has a digest: a variable that was not set, and one with the line's end of `echo`.
const NOTHING: [&str; 2] = ["", "\n"];

/// One key of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLine {
    /// What the key is called in logs: letters, digits, `-`, `_` and `.`, at most 40.
    pub name: String,
    /// The SHA-256 of the key, in hexadecimal digits.
    pub sha256: String,
    /// What it may do.
    pub rights: Vec<Right>,
    /// Until when it is good; for ever without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
    /// Requests a minute, in place of `RATE_LIMIT_PER_MINUTE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// US dollars that its calls may cost in one day (UTC), within `DAILY_BUDGET_USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_usd_per_day: Option<f64>,
}

/// The end of a key: a moment, or a day (UTC), which is its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Expiry(Timestamp);

/// Why a file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] TextFileError),
    /// A line is not a key.
    #[error(
        "line {line} is not a key such as {{\"name\": \"portal\", \"sha256\": \"…\", \"rights\": [\"read\"]}}: {why}"
    )]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A key breaks a rule.
    #[error("the key of line {line} {what}")]
    Key {
        /// Counted from 1.
        line: usize,
        /// The rule.
        what: &'static str,
    },
    /// Another key has the name or the digest.
    #[error(
        "the key {name} is there twice: each needs a name and a key of its own, also beside API_KEYS and ADMIN_KEY"
    )]
    Twice {
        /// The name of the second.
        name: String,
    },
    /// A key's budget never covers a call.
    #[error("the key {name} could never make a call: its {small}; give it a larger one, or none")]
    Budget {
        /// The name of the key.
        name: String,
        /// What it is, and what a call may cost.
        small: SmallBudget,
    },
    /// There are too many.
    #[error("it holds more than {MAX_KEYS} keys")]
    TooMany,
}

impl Expiry {
    /// The moment from which the key is no longer good.
    pub fn moment(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Expiry> for String {
    fn from(expiry: Expiry) -> Self {
        expiry.to_string()
    }
}

impl TryFrom<String> for Expiry {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(moment) = text.parse() {
            return Ok(Self(moment));
        }
        let next = text.parse::<Date>().and_then(|day| day.checked_add(1.day()));
        let end = next.and_then(|next| next.to_zoned(TimeZone::UTC));
        end.map(|end| Self(end.timestamp()))
            .map_err(|_| "must be a day such as 2027-03-31, or a time such as 2027-03-31T18:00:00Z")
    }
}

impl KeyLine {
    /// Whether `name` can be that of a key.
    pub fn is_name(name: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_plain)
    }

    /// Whether logs call a key of the settings so, also while that is not set.
    pub fn is_name_of_settings(name: &str) -> bool {
        let name = name.to_ascii_uppercase();
        name == "ADMIN_KEY" || name == "API_KEYS" || name.starts_with("API_KEYS.")
    }

    /// The key itself.
    pub(super) fn key(&self) -> Option<Key> {
        Key::from_hex(&self.sha256)
    }

    fn fault(&self) -> Option<&'static str> {
        let is_sum = |usd: f64| usd.is_finite() && usd > 0.0;
        if !Self::is_name(&self.name) {
            Some("must have a name of at most 40 letters, digits and the signs - _ .")
        } else if Self::is_name_of_settings(&self.name) {
            Some("must have another name: ADMIN_KEY and API_KEYS are what logs call the keys of these settings")
        } else if self.key().is_none() {
            Some("must have a sha256 of 64 hexadecimal digits: make one with content-portal keys new")
        } else if self.key().is_some_and(|key| NOTHING.iter().any(|nothing| Key::new(nothing).is(&key))) {
            Some("has the sha256 of an empty text: was the key's variable set where the digest was made?")
        } else if self.rights.is_empty() {
            Some("must have one right or more of read, upload, generate, train and admin")
        } else if !self.budget_usd_per_day.is_none_or(is_sum) {
            Some("must have a budget_usd_per_day of more than 0, or none")
        } else {
            None
        }
    }
}

/// The keys of the file at `path`; none where it is empty. Blocking.
///
/// # Errors
/// When it cannot be read, or a line of it is faulty.
pub fn read(path: &Path) -> Result<Vec<KeyLine>, KeysFileError> {
    match text_file::read(path) {
        Ok(text) => parse(&text),
        // The last key may be taken out: then no key of the file is good.
        Err(TextFileError::Empty) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Whether each budget, by its key's name, covers the cheapest call; `least_call_usd` is what must be reserved for one.
///
/// # Errors
/// [`KeysFileError::Budget`] for the first that does not.
pub fn check_budgets<'a>(
    budgets: impl Iterator<Item = (&'a str, Option<f64>)>,
    least_call_usd: Option<f64>,
) -> Result<(), KeysFileError> {
    let Some(call_usd) = least_call_usd else { return Ok(()) };
    for (name, budget_usd) in budgets {
        if let Some(small) = budget_usd.and_then(|usd| SmallBudget::of(true, usd, call_usd)) {
            return Err(KeysFileError::Budget { name: name.to_owned(), small });
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Vec<KeyLine>, KeysFileError> {
    let mut keys = Vec::new();
    if text.trim_start().starts_with('[') {
        let array: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|error| KeysFileError::Line { line: error.line(), why: why(&error) })?;
        for json in array.into_iter().map(RawValue::get) {
            let before = text.get(..json.as_ptr().addr() - text.as_ptr().addr()).unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            keys.push((line, key_of(json).map_err(|why| KeysFileError::Line { line, why })?));
        }
    } else {
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if !text.is_empty() && !text.starts_with('#') {
                keys.push((line, key_of(text).map_err(|why| KeysFileError::Line { line, why })?));
            }
        }
    }
    if keys.len() > MAX_KEYS {
        return Err(KeysFileError::TooMany);
    }
    let mut seen = HashSet::new();
    for (line, key) in &keys {
        if let Some(what) = key.fault() {
            return Err(KeysFileError::Key { line: *line, what });
        }
        if !seen.insert(key.name.clone()) || !seen.insert(key.sha256.to_lowercase()) {
            return Err(KeysFileError::Twice { name: key.name.clone() });
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

/// The key of an object, or what is wrong with it.
fn key_of(json: &str) -> Result<KeyLine, String> {
    serde_json::from_str(json).map_err(|error| fault_of_field(json).unwrap_or_else(|| why(&error)))
}

/// What is wrong with the first field that is there twice or has a value that cannot be taken.
fn fault_of_field(json: &str) -> Option<String> {
    let known = |field: &str| FIELDS.iter().find(|(known, _)| *known == field);
    if let Err(ValueFault::Repeated(field)) = parse_value(json) {
        return known(&field).map(|(field, _)| format!("{field} is there twice"));
    }
    let fields: Map<String, Value> = serde_json::from_str(json).ok()?;
    fields.into_iter().find_map(|(field, value)| {
        let (_, rule) = known(&field)?;
        // Beside others that can be taken.
        let mut alone = Map::from_iter(["name", "sha256"].map(|text| (text.to_owned(), "".into())));
        alone.insert("rights".to_owned(), Value::Array(Vec::new()));
        alone.insert(field.clone(), value);
        serde_json::from_value::<KeyLine>(alone.into()).is_err().then(|| format!("{field} must be {rule}"))
    })
}

/// What is wrong with a line. Other messages of the parser quote values, and a value may be a key.
fn why(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("unknown field") || text.starts_with("missing field") {
        return text;
    }
    format!("{:?} error in column {}", error.classify(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, key: &str, more: &str) -> String {
        format!(r#"{{"name": "{name}", "sha256": "{}", "rights": ["read", "upload"]{more}}}"#, Key::new(key).to_hex())
    }

    #[test]
    fn keys_are_read_from_lines_and_from_an_array() {
        let more = r#", "expires": "2027-03-31", "requests_per_minute": 60, "budget_usd_per_day": 2.5"#;
        let lines = [line("portal", "one", more), line("crm", "two", "")];
        for text in [format!("# ours\n\n{}\n{}\n", lines[0], lines[1]), format!("[{},\n {}]", lines[0], lines[1])] {
            let keys = parse(&text).unwrap();
            assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["portal", "crm"]);
            assert_eq!(keys[0].expires.unwrap().to_string(), "2027-04-01T00:00:00Z", "the day is the last");
            assert_eq!((keys[0].requests_per_minute.unwrap().get(), keys[0].budget_usd_per_day), (60, Some(2.5)));
            assert!(keys[1].expires.is_none() && keys[1].rights == [Right::Read, Right::Upload]);
            let again = serde_json::to_string(&keys[0]).unwrap();
            assert_eq!(parse(&again).unwrap()[0].expires, keys[0].expires, "{again}");
        }
        assert!(parse("# nothing yet\n").unwrap().is_empty());
    }

    #[test]
    fn a_mistake_is_named_by_its_line_and_never_quoted() {
        for (second, says) in [
            ("a-key-in-the-clear".to_owned(), "line 2 is not a key"),
            ("\"a-key-in-the-clear\"".to_owned(), "line 2 is not a key"),
            (line("portal", "two", ""), "the key portal is there twice"),
            (line("other", "one", ""), "the key other is there twice"),
            (line("a name", "two", ""), "line 2 must have a name"),
            (line("ADMIN_KEY", "two", ""), "line 2 must have another name"),
            (line("Api_Keys.1", "two", ""), "line 2 must have another name"),
            (line("crm", "two", r#", "budget_usd_per_day": 0"#), "line 2 must have a budget_usd_per_day"),
            (line("crm", "two", r#", "expires": "in-the-clear""#), ": expires must be a day such as"),
            (line("crm", "two", r#", "requests_per_minute": -1"#), ": requests_per_minute must be a whole number"),
            (line("crm", "two", r#", "budget_usd_per_day": "2.5""#), ": budget_usd_per_day must be a number of more"),
            (line("crm", "two", r#", "expires": "2027-01-01", "expires": null"#), ": expires is there twice"),
            (line("crm", "", ""), "line 2 has the sha256 of an empty text"),
            (line("crm", "two", "").replace("\"crm\"", "[\"in-the-clear\"]"), ": name must be a text of at most 40"),
            (line("crm", "two", r#", "right": "all""#), "line 2 is not a key"),
            (
                line("crm", "two", "").replace("\"upload\"", "\"Upload\""),
                ": rights must be a list of one or more of read",
            ),
            (line("crm", "two", "").replace("\"read\", \"upload\"", ""), "line 2 must have one right"),
            (
                r#"{"name": "crm", "sha256": "a-key-in-the-clear", "rights": ["read"]}"#.to_owned(),
                "line 2 must have a sha256",
            ),
        ] {
            let first = line("portal", "one", "");
            let in_lines = parse(&format!("{first}\n{second}\n")).unwrap_err();
            let in_array = parse(&format!("[{first},\n{second}]")).unwrap_err();
            for error in [in_lines, in_array] {
                assert!(error.to_string().contains(says), "{second}: {error}");
                assert!(!crate::causes::with_causes(&error).contains("in-the-clear"), "{error}");
            }
        }
    }
}
