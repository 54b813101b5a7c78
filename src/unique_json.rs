//! JSON values in which no object has a key twice. Which of two values counts is left to each parser (RFC 8259, 4), so
//! that a proxy and this server could read two different requests, and a person and this program two different
//! settings.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a valid JSON text is refused as a value.
#[derive(Debug, PartialEq, Eq)]
pub enum ValueFault {
    /// An object has this key twice.
    Repeated(String),
    /// It has a number out of range, or half of a surrogate pair.
    Unreadable,
}

/// The value of a JSON text.
///
/// # Errors
/// [`ValueFault`].
pub fn parse_value(json: &str) -> Result<Value, ValueFault> {
    let repeated = RefCell::new(None);
    let mut parser = serde_json::Deserializer::from_str(json);
    let value = UniqueKeys(&repeated).deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    value.map_err(|_| repeated.into_inner().map_or(ValueFault::Unreadable, ValueFault::Repeated))
}

/// Reads a value, and notes the first key that an object has twice.
#[derive(Clone, Copy)]
struct UniqueKeys<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for UniqueKeys<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                self.0.replace(Some(key));
                return Err(A::Error::custom("a key is there twice"));
            }
            let value = entries.next_value_seed(self)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_serde_json_reads_them() {
        for json in ["null", "true", "-1", "18446744073709551615", "2.50", "1e3", "\"a\\u00e9\"", "[1, [], {}]"] {
            assert_eq!(parse_value(json), Ok(serde_json::from_str(json).unwrap()), "{json}");
        }
        let object = r#" {"b": {"a": [1, {"b": null}]}, "a": "\ud83d\ude00"} "#;
        assert_eq!(parse_value(object), Ok(serde_json::from_str(object).unwrap()));
    }

    #[test]
    fn a_key_that_an_object_has_twice_is_named_wherever_it_is() {
        for json in [r#"{"a": 1, "a": 1}"#, r#"{"b": [{"a": {}, "\u0061": 2}]}"#] {
            assert_eq!(parse_value(json), Err(ValueFault::Repeated("a".to_owned())), "{json}");
        }
        assert!(parse_value(r#"{"a": {"a": 1}, "b": {"a": 1}}"#).is_ok());
    }

    #[test]
    fn what_no_value_can_hold_is_unreadable() {
        for json in ["1e999", r#""\ud800""#, r#"{"\ud800": 1}"#] {
            assert_eq!(parse_value(json), Err(ValueFault::Unreadable), "{json}");
        }
    }
}
