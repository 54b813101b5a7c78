//! The customers of a segment, as JSON written straight from the columns.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::Grouped;
use crate::customer::{Kind, Value};

/// The first `limit` of `rows` of a grouped table.
pub(super) struct Members<'a> {
    pub grouped: &'a Grouped,
    pub rows: &'a [u32],
    pub limit: usize,
}

/// One customer: the schema's columns and what they yield, and where the customer belongs.
struct Member<'a> {
    grouped: &'a Grouped,
    row: usize,
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let listed = self.rows.len().min(self.limit);
        let mut list = serializer.serialize_seq(Some(listed))?;
        for &row in self.rows.iter().take(listed) {
            list.serialize_element(&Member { grouped: self.grouped, row: row as usize })?;
        }
        list.end()
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let table = &self.grouped.table;
        let mut map = serializer.serialize_map(None)?;
        for (column, data) in table.schema().columns.iter().zip(table.columns()) {
            serialize_column(&mut map, &column.title, &column.kind, data.value(self.row))?;
        }
        if let Some(place) = self.grouped.assignment.of_row(self.row) {
            map.serialize_entry("cluster_id", &place.label)?;
            map.serialize_entry("strength", &rounded(place.strength))?;
            if let Some(nearest) = place.nearest.filter(|_| place.label < 0) {
                map.serialize_entry("nearest_cluster_id", &nearest.cluster_id)?;
                map.serialize_entry("nearest_membership", &rounded(nearest.membership))?;
            }
        }
        map.end()
    }
}

fn serialize_column<M: SerializeMap>(
    map: &mut M,
    title: &str,
    kind: &Kind,
    value: Option<&Value>,
) -> Result<(), M::Error> {
    match (kind, value) {
        (Kind::Date { parts, .. }, Some(value @ Value::Date(date))) => {
            map.serialize_entry(title, date)?;
            for part in parts {
                map.serialize_entry(&part.title, &part.part.of(value))?;
            }
            Ok(())
        }
        (Kind::Ordinal { levels, score_title, .. }, Some(Value::Level(level))) => {
            map.serialize_entry(title, &levels.get(*level as usize))?;
            map.serialize_entry(score_title, &(level + 1))
        }
        (_, Some(Value::Text(name))) => map.serialize_entry(title, name),
        (_, Some(Value::Number(number))) => map.serialize_entry(title, number),
        (_, _) => map.serialize_entry(title, &None::<()>),
    }
}

/// Four decimals: what a reader can use, and no more bytes.
pub(super) fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}
