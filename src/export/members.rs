//! The members of a kept answer, still as JSON: read as often as needed, one cell at a time.

use std::fmt;

use rustc_hash::FxHashMap;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_path_to_error::Track;

use super::ExportError;
use super::cell::CellValue;
use super::json::{Key, shape_error};
use super::sink::{CLUSTER_ID, CONTENT_ID, RowSink, VARIANT};
use super::tracked::VariantIds;

/// Characters of a key in an error.
const MAX_KEY_CHARS: usize = 60;

/// One segment's list of members.
pub(super) struct KeptMembers<'a> {
    /// Where the list stands in the answer, such as `clusters[3].members`.
    pub path: String,
    /// The segment's line in the sheet of segments.
    pub line: usize,
    /// The segment, for members that do not say it themselves.
    pub cluster_id: i64,
    /// The ids of the segment's texts, for the members that say which they are to get.
    pub ids: VariantIds,
    pub json: &'a RawValue,
}

impl KeptMembers<'_> {
    /// Hands over every member.
    ///
    /// # Errors
    /// [`ExportError::Shape`] with the place of what is not a member; the sink's own errors.
    pub fn read_into(&self, sink: &mut dyn RowSink) -> Result<(), ExportError> {
        let mut json = serde_json::Deserializer::from_str(self.json.get());
        let mut track = Track::new();
        let mut failed = None;
        let seen = FxHashMap::default();
        let list = List { sink, members: self, failed: &mut failed, n_members: 0, seen };
        let read = list.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
        match (read, failed) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(shape_error(&self.path, &track.path(), &error)),
            (Ok(()), None) => Ok(()),
        }
    }
}

/// The list, or one member of it: what JSON cannot carry, the sink's error, is left in `failed`.
struct List<'s> {
    sink: &'s mut dyn RowSink,
    members: &'s KeptMembers<'s>,
    failed: &'s mut Option<ExportError>,
    n_members: usize,
    /// The keys so far, each with the last member that has it. The sink bounds their number.
    seen: FxHashMap<String, usize>,
}

struct Member<'l, 's>(&'l mut List<'s>);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of members")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while members.next_element_seed(Member(&mut self))?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts and numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut member: A) -> Result<(), A::Error> {
        let Self(List { sink, members, failed, n_members, seen }) = self;
        let (number, KeptMembers { path, cluster_id, ids, .. }) = (*n_members, members);
        *n_members += 1;
        let mut stop = |error| {
            **failed = Some(error);
            A::Error::custom("the sink takes no more")
        };
        let mut id = None;
        sink.cell(CLUSTER_ID, CellValue::Whole((*cluster_id).into())).map_err(&mut stop)?;
        while let Some(Key(key)) = member.next_key()? {
            match seen.get_mut(key.as_ref()) {
                Some(last) if *last == number => {
                    let key: String = key.chars().take(MAX_KEY_CHARS).collect();
                    let rule = format!("has the key {key} twice; send it once");
                    return Err(stop(ExportError::Shape { path: format!("{path}[{number}]"), rule }));
                }
                Some(last) => *last = number,
                None => {
                    seen.insert(key.as_ref().to_owned(), number);
                }
            }
            let value: CellValue<'_> = member.next_value()?;
            if let (VARIANT, CellValue::Whole(variant)) = (key.as_ref(), &value) {
                id = u64::try_from(*variant).ok().and_then(|variant| ids.get(variant));
            }
            // An empty cell is not a cell, but its column is one.
            sink.cell(&key, value).map_err(&mut stop)?;
        }
        if let Some(id) = id {
            sink.cell(CONTENT_ID, CellValue::Text(id.into())).map_err(&mut stop)?;
        }
        sink.end_row().map_err(&mut stop)
    }
}
