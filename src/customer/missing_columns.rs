//! What is wrong with a sheet in which no header was found.

use serde::{Deserialize, Serialize};

/// No row among the first ones has every required column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct MissingColumns {
    /// The required columns that were not found.
    pub missing: Vec<MissingColumn>,
    /// The headers of the row that came closest. Empty when no row looks like a header: cells of customers are never
    /// listed.
    pub found: Vec<String>,
    /// How many of the schema's columns that row has.
    pub n_matched: usize,
    /// Whether each line of the text is one cell in quotes.
    #[serde(default)]
    pub has_lines_in_quotes: bool,
}

/// A required column that a sheet has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingColumn {
    /// Its title.
    pub title: String,
    /// Further headers that would do.
    pub aliases: Vec<String>,
}

impl MissingColumns {
    /// Whether this row comes closer to a header than another: by the schema's columns it has, then by its labels.
    pub fn is_closer_than(&self, other: &Self) -> bool {
        (self.n_matched, self.found.len()) > (other.n_matched, other.found.len())
    }

    fn sentence(&self) -> String {
        let missing: Vec<String> = self
            .missing
            .iter()
            .map(|column| match column.aliases.as_slice() {
                [] => format!("{:?}", column.title),
                aliases => format!("{:?} (or {})", column.title, aliases.join(", ")),
            })
            .collect();
        let columns = if missing.len() == 1 { "a column" } else { "columns" };
        let found = match self.found.as_slice() {
            _ if self.has_lines_in_quotes => {
                "each line is in quotes as a whole, and so one cell: take these quotes away, or save the file as .xlsx"
                    .to_owned()
            }
            [] => "no row looks like a header".to_owned(),
            found => format!("the headers found are {}", found.join(", ")),
        };
        format!("the sheet needs {columns} {}; {found}", missing.join(", "))
    }
}
