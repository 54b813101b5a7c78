//! What is read from JSON that a stranger may have written: typed, flat, bounded, and blamed by its place.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::Path;

use super::ExportError;
use super::cell::CellValue;

/// How much of a path is told, in bytes: keys may be of any length.
const MAX_PATH_BYTES: usize = 200;
/// Values of one trait, and traits of one persona.
const MAX_TRAITS: usize = 200;

/// A key that is borrowed where it can be.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Key<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// A list of at most `MAX` entries: what a list costs in memory is many times what it costs to send.
pub(super) struct Capped<T, const MAX: usize>(pub Vec<T>);

/// A persona's entries in their order; a list of values is one text.
#[derive(PartialEq)]
pub(super) struct Traits<'a>(pub Vec<(Cow<'a, str>, CellValue<'a>)>);

/// The value of one trait.
struct TraitCell<'a>(CellValue<'a>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Capped<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Entries<T, MAX> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX} entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    if entries.len() == MAX {
                        return Err(A::Error::invalid_length(MAX + 1, &self));
                    }
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_seq(Entries::<T, MAX>(PhantomData)).map(Self)
    }
}

impl<'de> Deserialize<'de> for CellValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = CellValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true, false or null")
    }

    fn visit_unit<E: Error>(self) -> Result<CellValue<'de>, E> {
        Ok(CellValue::Nothing)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<CellValue<'de>, E> {
        Ok(CellValue::Flag(flag))
    }

    fn visit_i64<E: Error>(self, whole: i64) -> Result<CellValue<'de>, E> {
        Ok(CellValue::Whole(whole.into()))
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<CellValue<'de>, E> {
        Ok(CellValue::Whole(whole.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<CellValue<'de>, E> {
        Ok(CellValue::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CellValue<'de>, E> {
        Ok(CellValue::from_text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<CellValue<'de>, E> {
        Ok(CellValue::from_text(Cow::Borrowed(text)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TraitCell<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TraitVisitor).map(Self)
    }
}

/// A scalar, or a list of them.
struct TraitVisitor;

impl<'de> Visitor<'de> for TraitVisitor {
    type Value = CellValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text, a number, or a list of at most {MAX_TRAITS} of them")
    }

    fn visit_unit<E: Error>(self) -> Result<CellValue<'de>, E> {
        ScalarVisitor.visit_unit()
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<CellValue<'de>, E> {
        ScalarVisitor.visit_bool(flag)
    }

    fn visit_i64<E: Error>(self, whole: i64) -> Result<CellValue<'de>, E> {
        ScalarVisitor.visit_i64(whole)
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<CellValue<'de>, E> {
        ScalarVisitor.visit_u64(whole)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<CellValue<'de>, E> {
        ScalarVisitor.visit_f64(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CellValue<'de>, E> {
        ScalarVisitor.visit_str(text)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<CellValue<'de>, E> {
        ScalarVisitor.visit_borrowed_str(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<CellValue<'de>, A::Error> {
        let mut texts = Vec::new();
        while let Some(value) = list.next_element::<CellValue<'_>>()? {
            if texts.len() == MAX_TRAITS {
                return Err(A::Error::invalid_length(MAX_TRAITS + 1, &self));
            }
            texts.push(value.text().into_owned());
        }
        Ok(CellValue::Text(Cow::Owned(texts.join(", "))))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Traits<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Persona;
        impl<'de> Visitor<'de> for Persona {
            type Value = Vec<(Cow<'de, str>, CellValue<'de>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object of at most {MAX_TRAITS} traits")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut persona: A) -> Result<Self::Value, A::Error> {
                let mut traits = Vec::new();
                while let Some(Key(key)) = persona.next_key()? {
                    if traits.len() == MAX_TRAITS {
                        return Err(A::Error::invalid_length(MAX_TRAITS + 1, &self));
                    }
                    if traits.iter().any(|(before, _)| *before == key) {
                        return Err(A::Error::custom("duplicate field"));
                    }
                    let TraitCell(value) = persona.next_value()?;
                    traits.push((key, value));
                }
                Ok(traits)
            }
        }
        deserializer.deserialize_map(Persona).map(Self)
    }
}

/// The error of JSON whose part at `path` below `base` is not of the expected shape.
pub(super) fn shape_error(base: &str, path: &Path, error: &serde_json::Error) -> ExportError {
    let below = if path.iter().next().is_some() { path.to_string() } else { String::new() };
    let dot = if base.is_empty() || below.is_empty() || below.starts_with('[') { "" } else { "." };
    let mut path = format!("{base}{dot}{below}");
    if path.len() > MAX_PATH_BYTES {
        path.truncate(path.floor_char_boundary(MAX_PATH_BYTES));
        path.push('…');
    }
    if path.is_empty() {
        path.push_str("body");
    }
    ExportError::Shape { path, rule: rule(&error.to_string()) }
}

/// What serde expected, in words for a caller. What it found is left out: it may be a customer's, and of any length.
fn rule(text: &str) -> String {
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    if let Some(field) = text.strip_prefix("missing field ") {
        return format!("lacks {}", field.trim_matches('`'));
    }
    if text.starts_with("duplicate field") {
        return "holds a field twice".to_owned();
    }
    match text.rsplit_once("expected ").map(|(_, expected)| expected) {
        Some("i64" | "u64") => "must be a whole number".to_owned(),
        Some("f64") => "must be a number".to_owned(),
        Some("a string") => "must be text".to_owned(),
        Some("a boolean") => "must be true or false".to_owned(),
        Some(expected) => format!("must be {expected}"),
        None => "cannot be read as JSON".to_owned(),
    }
}
