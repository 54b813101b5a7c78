//! What the sheets of a workbook were used for: nothing of a file is left out unsaid.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::note::sayable;

/// The longest name that a report repeats, in characters: spreadsheet programs allow 31.
pub(super) const MAX_NAME_CHARS: usize = 64;

/// One sheet of a workbook: its rows, and why they were not used where they were not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Sheet)]
pub struct SheetReport {
    /// Its name.
    #[schema(example = "January")]
    pub name: String,
    /// Whether its rows were read as customers.
    #[schema(example = true)]
    pub used: bool,
    /// Rows below its header that hold anything. Those of sheets that were not used count in no total.
    #[schema(example = 8)]
    pub rows_read: usize,
    /// How many of them became customers; the others were dropped.
    #[schema(example = 8)]
    pub rows_used: usize,
    /// Why it was not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<UnusedSheet>,
    /// `reason` as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "the sheet is hidden")]
    pub sentence: Option<String>,
    /// The label of its file, where several were read; empty otherwise.
    #[schema(example = "2026-01-01/customers.xlsx")]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// Why a sheet was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnusedSheet {
    /// It is hidden.
    Hidden,
    /// It is a chart, a dialog or a macro sheet.
    NoCells,
    /// It holds nothing, or a header and no row below it.
    Empty,
    /// None of its first rows has every required column.
    NoHeader,
    /// It holds sums over customers.
    Totals,
    /// Another sheet has more of the schema's columns.
    FewerColumns,
    /// None of the rows that were looked at can be used.
    NoUsableRow,
    /// Its part of the file is damaged.
    Unreadable,
}

impl SheetReport {
    /// A sheet whose rows were read as customers.
    pub fn used(name: &str, rows_read: usize, rows_used: usize) -> Self {
        let name = tidy(name);
        Self { name, used: true, rows_read, rows_used, reason: None, sentence: None, source: String::new() }
    }

    /// A sheet that was not used, with the sentence that says why.
    pub fn unused(name: &str, rows_read: usize, reason: UnusedSheet, sentence: &str) -> Self {
        let (name, sentence) = (tidy(name), Some(sayable(sentence)));
        Self { name, used: false, rows_read, rows_used: 0, reason: Some(reason), sentence, source: String::new() }
    }

    /// The same without cells of the sheet in its sentence: a row that was closest to a header may be of anything.
    pub(super) fn without_cells(&self) -> Self {
        let without = "none of its first rows has every required column";
        let is_of_cells = self.reason == Some(UnusedSheet::NoHeader);
        let sentence = if is_of_cells { Some(without.to_owned()) } else { self.sentence.clone() };
        Self { sentence, ..self.clone() }
    }

    /// Where it is: its file, where several were read, and its name.
    pub fn place(&self) -> String {
        if self.source.is_empty() { self.name.clone() } else { format!("{}, {}", self.source, self.name) }
    }

    /// What became of it, for people.
    pub fn fate(&self) -> String {
        match &self.sentence {
            None => format!("{} of {} rows used", self.rows_used, self.rows_read),
            Some(why) if self.rows_read == 0 => format!("not used: {why}"),
            Some(why) => format!("not used ({} rows): {why}", self.rows_read),
        }
    }
}

/// A sheet's name as reports repeat it.
pub(super) fn tidy(name: &str) -> String {
    name.trim().chars().filter(|c| !super::is_invisible(*c)).take(MAX_NAME_CHARS).collect()
}
