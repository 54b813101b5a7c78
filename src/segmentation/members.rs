//! The customers of a segment: what is listed of each, and as JSON written straight from the columns.

use jiff::civil::Date;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use xxhash_rust::xxh3::xxh3_64;

use super::{Group, Grouped};
use crate::customer::{Kind, Value};
use crate::pipeline::{SegmentId, rounded};

/// What an answer has of a segment beside its customers, about: texts, prompt, personas, what sets it apart.
const BYTES_OF_A_SEGMENT: usize = 24 << 10;
/// So many customers of a segment stand for the size of all of them.
const SAMPLED: usize = 16;

/// The first `limit` of `rows` of a grouped table.
pub(super) struct Members<'a> {
    pub grouped: &'a Grouped,
    pub rows: &'a [u32],
    pub limit: usize,
    pub n_variants: usize,
}

/// One customer: where its row stands, where somebody asked for that, the schema's columns and what they yield, and
/// where the customer belongs.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    grouped: &'a Grouped,
    row: usize,
    n_variants: usize,
}

/// What stands under one title of a [`Member`].
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Entry<'a> {
    /// The customer has no such value.
    Nothing,
    /// A category's or a level's name.
    Text(&'a str),
    /// A day.
    Date(#[serde(serialize_with = "as_iso_day")] Date),
    /// A rank, a date's part, a segment's id.
    Whole(i64),
    /// A number, or a share of 0 to 1.
    Number(f64),
}

impl Grouped {
    /// The customers of `group`, in the table's order; `n_variants` texts were written for them.
    pub fn members<'a>(&'a self, group: &'a Group, n_variants: usize) -> impl Iterator<Item = Member<'a>> {
        group.rows.iter().map(move |&row| Member { grouped: self, row: row as usize, n_variants })
    }
}

impl Grouped {
    /// About how many bytes an answer takes that lists at most `max_members` customers, before anything is written for
    /// them: by the first customers of each segment.
    pub fn answer_bytes(&self, max_members: usize) -> usize {
        let mut members_left = max_members;
        let of_group = |group: &Group| {
            let listed = members_left.min(group.rows.len());
            members_left -= listed;
            let sample = Members { grouped: self, rows: &group.rows, limit: listed.min(SAMPLED), n_variants: 2 };
            let sample_bytes = serde_json::to_vec(&sample).map_or(0, |json| json.len());
            BYTES_OF_A_SEGMENT + sample_bytes * listed / SAMPLED.min(listed).max(1)
        };
        self.groups.iter().map(of_group).sum()
    }
}

impl<'a> Member<'a> {
    /// The customer's identifier with its header, where it was to be kept and the file has a column of them. No part of
    /// [`each_entry`](Self::each_entry): it belongs in an export alone.
    pub fn identifier(&self) -> Option<(&'a str, Entry<'a>)> {
        let table = &self.grouped.table;
        let identifiers = table.origins()?.identifiers()?;
        let header = table.cleaning().identifier_used.as_deref()?;
        Some((header, Entry::Text(identifiers.get(self.row))))
    }

    /// Which of its segment's texts the customer is to get, counted from 1; `None` where there is no choice.
    ///
    /// A hash of the row's place in the table decides, so that the same file is split the same way again, and no column
    /// has a part in it.
    pub fn variant(&self) -> Option<u64> {
        let hash = xxh3_64(&(self.row as u64).to_le_bytes());
        (self.n_variants > 1).then(|| 1 + hash % self.n_variants as u64)
    }

    /// Hands over every entry with its title: where the row stands, the schema's columns in their order, the place in
    /// the segments, and the variant where the segment has several.
    ///
    /// # Errors
    /// The first error of `each`, which ends the listing.
    pub fn each_entry<E>(&self, mut each: impl FnMut(&'a str, Entry<'a>) -> Result<(), E>) -> Result<(), E> {
        let table = &self.grouped.table;
        if let Some(origins) = table.origins() {
            let sheets = &table.cleaning().sheets;
            let sheet = origins.sheet_of(self.row).filter(|_| sheets.len() > 1);
            if let Some(sheet) = sheet.and_then(|sheet| sheets.get(sheet)) {
                each("sheet", Entry::Text(&sheet.name))?;
            }
            each("row", origins.rows().get(self.row).map_or(Entry::Nothing, |&row| Entry::Whole(row.into())))?;
        }
        for (column, data) in table.schema().columns.iter().zip(table.columns()) {
            each_of_column(&column.title, &column.kind, data.value(self.row), &mut each)?;
        }
        if let Some(place) = self.grouped.assignment.of_row(self.row) {
            each("cluster_id", Entry::Whole(SegmentId::code(place.segment)))?;
            each("strength", Entry::Number(rounded(place.strength)))?;
            if let Some(refit) = self.grouped.version.refit() {
                let confidence = refit.confidence(place);
                each("confidence", confidence.map_or(Entry::Nothing, |share| Entry::Number(rounded(share))))?;
            }
            if let Some(nearest) = place.nearest.filter(|_| place.segment.is_none()) {
                each("nearest_cluster_id", Entry::Whole(SegmentId::code(Some(nearest.cluster_id))))?;
                each("nearest_membership", Entry::Number(rounded(nearest.membership)))?;
            }
        }
        match self.variant().and_then(|variant| i64::try_from(variant).ok()) {
            Some(variant) => each("variant", Entry::Whole(variant)),
            None => Ok(()),
        }
    }
}

/// A day as `2024-02-29`. An answer has one for each customer, and by its digits it costs a fifth of what formatting
/// does.
fn as_iso_day<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    let digit = |number: u16| b'0' + (number % 10) as u8;
    let (year, month, of_month) = (day.year().unsigned_abs(), day.month().into(), day.day().into());
    let two = |number: i16| [digit(number.unsigned_abs() / 10), digit(number.unsigned_abs())];
    let ([m, mm], [d, dd]) = (two(month), two(of_month));
    let text = [digit(year / 1000), digit(year / 100), digit(year / 10), digit(year), b'-', m, mm, b'-', d, dd];
    match std::str::from_utf8(&text) {
        Ok(text) if day.year() >= 0 => serializer.serialize_str(text),
        _ => day.serialize(serializer),
    }
}

fn each_of_column<'a, E>(
    title: &'a str,
    kind: &'a Kind,
    value: Option<&'a Value>,
    each: &mut impl FnMut(&'a str, Entry<'a>) -> Result<(), E>,
) -> Result<(), E> {
    match (kind, value) {
        (Kind::Date { parts, .. }, Some(value @ Value::Date(date))) => {
            each(title, Entry::Date(*date))?;
            parts
                .iter()
                .try_for_each(|part| each(&part.title, part.part.of(value).map_or(Entry::Nothing, Entry::Whole)))
        }
        (Kind::Ordinal { levels, score_title, .. }, Some(Value::Level(level))) => {
            each(title, levels.get(*level as usize).map_or(Entry::Nothing, |name| Entry::Text(name)))?;
            each(score_title, Entry::Whole(i64::from(*level) + 1))
        }
        (_, Some(Value::Text(name))) => each(title, Entry::Text(name)),
        (_, Some(Value::Number(number))) => each(title, Entry::Number(*number)),
        // Every row has the same titles in the same order, so that a table of them has its columns in one place.
        (Kind::Date { parts, .. }, _) => {
            each(title, Entry::Nothing)?;
            parts.iter().try_for_each(|part| each(&part.title, Entry::Nothing))
        }
        (Kind::Ordinal { score_title, .. }, _) => {
            each(title, Entry::Nothing)?;
            each(score_title, Entry::Nothing)
        }
        (_, _) => each(title, Entry::Nothing),
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let listed = self.rows.len().min(self.limit);
        let mut list = serializer.serialize_seq(Some(listed))?;
        for &row in self.rows.iter().take(listed) {
            list.serialize_element(&Member { grouped: self.grouped, row: row as usize, n_variants: self.n_variants })?;
        }
        list.end()
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.each_entry(|title, entry| map.serialize_entry(title, &entry))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_is_written_as_its_own_text_has_it() {
        let days =
            [date(2024, 2, 29), date(1, 1, 1), date(987, 10, 9), date(9999, 12, 31), date(0, 3, 1), date(-5, 1, 1)];
        for day in days {
            assert_eq!(serde_json::to_value(Entry::Date(day)).unwrap(), day.to_string());
        }
    }
}
