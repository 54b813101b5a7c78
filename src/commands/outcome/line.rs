//! A row of the table as it is written: where it is, its id, its stratum and its numbers of people.

use std::fmt;

use content_portal::content::ContentId;
use content_portal::customer::{spelling_key, without_zero_decimals};

/// Rows that a sentence names.
const MAX_NAMED_ROWS: usize = 5;

/// A row, as far as it says whether it counts.
#[derive(Debug, Clone)]
pub(super) struct Line<'t> {
    pub at: At<'t>,
    /// What its cell of the id holds; empty where it holds nothing.
    pub id: &'t str,
    /// `None` where the reader took the row for a sum by its stratum.
    pub stratum: Option<&'t str>,
    /// How many people got the text, and how many acted; `None` where the cells do not say.
    pub figures: Option<Figures>,
}

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At<'t> {
    /// Its position in the table.
    pub position: usize,
    /// Its number in the sheet.
    pub row: u32,
    /// The name of the sheet; empty where one alone was read.
    pub sheet: &'t str,
}

/// Numbers of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Figures {
    pub sent: u64,
    pub acted: u64,
}

impl Line<'_> {
    /// The id as ids are spelt; any other text as it was written.
    pub fn text(&self) -> String {
        ContentId::read(self.id).map_or_else(|| self.id.trim().to_owned(), |id| id.as_str().to_owned())
    }
}

impl Figures {
    pub fn add(&mut self, other: Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.acted = self.acted.saturating_add(other.acted);
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if self.sheet.is_empty() { Ok(()) } else { write!(f, " of sheet {}", self.sheet) }
    }
}

/// A stratum as people compare names: `New` and `new` are one, and so are `1` and `1.0`.
pub(super) fn stratum_key(stratum: &str) -> String {
    let key = spelling_key(&stratum.split_whitespace().collect::<Vec<_>>().join(" "));
    without_zero_decimals(&key).to_owned()
}

/// `row 4`, `rows 4, 7, …`, `row 4 of sheet West, row 7 of sheet East`.
pub(super) fn named(rows: &[At<'_>]) -> String {
    let more = if rows.len() > MAX_NAMED_ROWS { ", …" } else { "" };
    let shown = || rows.iter().take(MAX_NAMED_ROWS);
    match rows {
        [one] => one.to_string(),
        [first, ..] if rows.iter().all(|at| at.sheet == first.sheet) => {
            let numbers: Vec<String> = shown().map(|at| at.row.to_string()).collect();
            let sheet = if first.sheet.is_empty() { String::new() } else { format!(" of sheet {}", first.sheet) };
            format!("rows {}{more}{sheet}", numbers.join(", "))
        }
        _ => format!("{}{more}", shown().map(At::to_string).collect::<Vec<_>>().join(", ")),
    }
}
