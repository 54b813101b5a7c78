//! Whether a schema reads at least what the live version's reads. By one that reads less an upload is rewritten without
//! customers whom the next training would have used, or the one who is sought is not found.

use rustc_hash::FxHashSet;

use crate::customer::{Column, Kind, Schema, normalize_header};

/// What the live version reads and `schema` does not.
pub(super) fn lacking(live: &Schema, schema: &Schema) -> Option<String> {
    let identifiers = named(schema.identifier.iter().map(String::as_str));
    if let Some(header) = live.identifier.iter().find(|header| !identifiers.contains(&normalize_header(header))) {
        return Some(format!("the header {header:?} of identifiers"));
    }
    live.columns.iter().find_map(|column| {
        let title = normalize_header(&column.title);
        let read = schema.columns.iter().find(|read| named(read.headers()).contains(&title));
        let Some(read) = read else { return Some(format!("the column {}", column.title)) };
        lacking_of_column(column, read).map(|what| format!("{what} of the column {}", column.title))
    })
}

fn lacking_of_column(live: &Column, read: &Column) -> Option<String> {
    let headers = named(read.headers());
    if let Some(header) = live.headers().find(|header| !headers.contains(&normalize_header(header))) {
        return Some(format!("the header {header:?}"));
    }
    if read.required && !live.required {
        return Some("rows without a value".to_owned());
    }
    match (&live.kind, &read.kind) {
        (Kind::Ordinal { levels, .. }, Kind::Ordinal { levels: known, .. }) => {
            let is_known = |level: &String| known.contains(level) || read.synonyms.contains_key(level);
            if let Some(level) = levels.iter().find(|level| !is_known(level)) {
                return Some(format!("the level {level:?}"));
            }
        }
        (Kind::Date { future: true, .. }, Kind::Date { future: false, .. }) => {
            return Some("days to come".to_owned());
        }
        (Kind::Category { .. }, Kind::Category { .. })
        | (Kind::Date { .. }, Kind::Date { .. })
        | (Kind::Number { .. }, Kind::Number { .. }) => {}
        _ => return Some("the kind".to_owned()),
    }
    let synonym = live.synonyms.keys().find(|from| !read.synonyms.contains_key(*from))?;
    matches!(live.kind, Kind::Ordinal { .. }).then(|| format!("the synonym {synonym:?}"))
}

fn named<'h>(headers: impl Iterator<Item = &'h str>) -> FxHashSet<String> {
    headers.map(normalize_header).collect()
}
