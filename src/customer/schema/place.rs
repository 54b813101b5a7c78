//! Where in a schema's file something is wrong, in the words of who writes it: a column is known by its title.

use serde_json::Value;
use serde_path_to_error::{Error, Path, Segment};

use super::SchemaError;

/// The column of this title, and of this position counted from 0, which names one without a title.
pub(super) fn column_called(title: &str, position: usize) -> String {
    if title.trim().is_empty() { format!("column {}", position + 1) } else { format!("column {title:?}") }
}

/// What is wrong with a file, and with which key of it where it is JSON.
pub(super) fn unreadable(json: &[u8], error: Error<serde_json::Error>) -> SchemaError {
    let file: Option<Value> = serde_json::from_slice(json).ok();
    let place = file.and_then(|file| place(&file, error.path()));
    let cause = error.into_inner();
    match place {
        Some(place) => SchemaError::Shape { place, cause },
        None => SchemaError::Parse(cause),
    }
}

/// The key at the path; `None` where it is the whole file.
fn place(file: &Value, path: &Path) -> Option<String> {
    let mut steps = path.iter();
    let position = match steps.next()? {
        Segment::Map { key } if key == "columns" => match steps.next() {
            Some(Segment::Seq { index }) => *index,
            _ => return Some("columns of the schema".to_owned()),
        },
        _ => return Some(format!("{path} of the schema")),
    };
    let title = file.get("columns").and_then(|columns| columns.get(position)?.get("title")?.as_str());
    let column = column_called(title.unwrap_or_default(), position);
    let mut key = String::new();
    for step in steps {
        match step {
            Segment::Seq { index } => key.push_str(&format!("[{index}]")),
            Segment::Map { key: inner } if key.is_empty() => key.clone_from(inner),
            Segment::Map { key: inner } => key.push_str(&format!(".{inner}")),
            // What stands there, and not where.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    Some(if key.is_empty() { format!("the schema's {column}") } else { format!("{key} of the schema's {column}") })
}
