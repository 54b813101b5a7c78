//! The choice among the sheets of a workbook, once each was looked at: which are read, and why the others are not.
//!
//! Reads nothing itself.

use super::super::WorkbookError;
use super::super::totals::SignOfSums;
use crate::customer::{MissingColumns, Note, SheetHeader, TableBuilder, UnusedSheet};

/// What was seen of a sheet before any was read.
pub(super) enum Seen {
    Fits(Fit),
    /// It was read to its end, and holds so many rows; formulas have no results where it `lacks_results`.
    NoHeader {
        missing: MissingColumns,
        n_rows: usize,
        lacks_results: bool,
    },
    Unreadable(WorkbookError),
}

/// A sheet whose header has every required column.
pub(super) struct Fit {
    pub header: SheetHeader,
    /// Rows below the header, and those of them that can be used, among the ones that were looked at.
    pub n_rows: usize,
    pub n_usable: usize,
    pub sums: Option<SignOfSums>,
}

/// What becomes of a sheet.
pub(super) enum Fate {
    Read,
    /// It is not used; its rows below this one are counted.
    Unused {
        reason: UnusedSheet,
        sentence: String,
        above: u32,
    },
    /// It is not used, and holds so many rows.
    Counted {
        reason: UnusedSheet,
        sentence: String,
        n_rows: usize,
    },
}

/// What becomes of the visible sheets, by their positions, and what a person should know of that.
pub(super) type Choice = (Vec<(usize, Fate)>, Vec<Note>);

impl Seen {
    /// What becomes of a sheet by itself, whatever the others are.
    pub fn fate(self) -> Fate {
        match self {
            Self::Fits(_) => Fate::Read,
            Self::NoHeader { n_rows: 0, lacks_results, .. } => {
                let what = if lacks_results { "holds only formulas without a stored result" } else { "is empty" };
                Fate::Counted { reason: UnusedSheet::Empty, sentence: format!("the sheet {what}"), n_rows: 0 }
            }
            Self::NoHeader { missing, n_rows, .. } => {
                Fate::Counted { reason: UnusedSheet::NoHeader, sentence: missing.to_string(), n_rows }
            }
            Self::Unreadable(error) => {
                Fate::Counted { reason: UnusedSheet::Unreadable, sentence: error.to_string(), n_rows: 0 }
            }
        }
    }
}

/// What becomes of a sheet without cells.
pub(super) fn no_cells() -> Fate {
    let sentence = "it is a chart or another sheet without cells".to_owned();
    Fate::Counted { reason: UnusedSheet::NoCells, sentence, n_rows: 0 }
}

/// What becomes of the visible sheets of a workbook that has several, and what a person should know of that.
pub(super) fn choose(seen: Vec<(usize, Seen)>, builder: &TableBuilder) -> Result<Choice, WorkbookError> {
    let fits = || seen.iter().filter_map(|(_, seen)| if let Seen::Fits(fit) = seen { Some(fit) } else { None });
    let with_rows = || fits().filter(|fit| fit.n_rows > 0);
    // The customers are on sheets of rows that can be used, and on sheets of sums only where there are no others.
    let best = with_rows()
        .max_by_key(|fit| (fit.n_usable > 0, fit.sums.is_none(), fit.header.columns.len()))
        .or_else(|| fits().next());
    let Some(best) = best else { return Err(refusal(seen.into_iter().map(|(_, seen)| seen))) };
    let (columns, are_sums) = (best.header.columns.clone(), best.sums.is_some());
    let is_read =
        |fit: &Fit| fit.n_rows > 0 && fit.sums.is_some() == are_sums && fit.header.columns.len() == columns.len();
    // Of sheets that have a header alone the first one is read, for the report to say so.
    let mut has_none = with_rows().next().is_none();
    let (mut n_with_fewer, mut n_called_sums) = (0, 0);
    let mut fates = Vec::new();
    for (sheet, seen) in seen {
        let fate = match seen {
            Seen::Fits(fit) if is_read(&fit) || std::mem::take(&mut has_none) => Fate::Read,
            Seen::Fits(fit) => {
                let (reason, sentence) = why_unused(&fit, &columns, are_sums, builder);
                n_with_fewer += usize::from(reason == UnusedSheet::FewerColumns);
                n_called_sums += usize::from(reason == UnusedSheet::Totals && fit.sums == Some(SignOfSums::Name));
                Fate::Unused { reason, sentence, above: fit.header.row }
            }
            without_header => without_header.fate(),
        };
        fates.push((sheet, fate));
    }
    Ok((fates, notes_on_left_out(n_with_fewer, n_called_sums)))
}

/// What a person should know of sheets that were not read, and may hold customers all the same: those with fewer of the
/// columns, and those that are taken for sums by their name alone.
fn notes_on_left_out(n_with_fewer: usize, n_called_sums: usize) -> Vec<Note> {
    let with_fewer = match n_with_fewer {
        0 => None,
        1 => Some("1 sheet of customers was not read, since it has".to_owned()),
        n => Some(format!("{n} sheets of customers were not read, since they have")),
    };
    let with_fewer = with_fewer.map(|left| format!("{left} fewer of the columns than the others"));
    let called_sums = match n_called_sums {
        0 => None,
        1 => Some("1 sheet was not read, since its name says sums: rename it if it lists customers".to_owned()),
        n => Some(format!("{n} sheets were not read, since their names say sums: rename those that list customers")),
    };
    with_fewer.into_iter().chain(called_sums).map(|sentence| Note::new(Note::SHEETS_LEFT_OUT, sentence)).collect()
}

/// The error of a workbook none of whose visible sheets fits: the closest one is reported.
pub(super) fn refusal(seen: impl Iterator<Item = Seen>) -> WorkbookError {
    let mut closest: Option<MissingColumns> = None;
    let mut unreadable = None;
    for seen in seen {
        match seen {
            Seen::NoHeader { missing, .. }
                if closest.as_ref().is_none_or(|closest| missing.is_closer_than(closest)) =>
            {
                closest = Some(missing);
            }
            Seen::Unreadable(error) => unreadable = unreadable.or(Some(error)),
            _ => {}
        }
    }
    // A sheet that cannot be read may be the one with the customers.
    unreadable.or(closest.map(WorkbookError::MissingColumns)).unwrap_or(WorkbookError::NoSheet)
}

/// Why a sheet whose header fits is not read beside those that have these columns.
fn why_unused(fit: &Fit, columns: &[usize], are_sums: bool, builder: &TableBuilder) -> (UnusedSheet, String) {
    if fit.n_rows == 0 {
        return (UnusedSheet::Empty, "the sheet has a header but no row below it".to_owned());
    }
    if let Some(sign) = fit.sums.filter(|_| !are_sums) {
        return (UnusedSheet::Totals, sign.sentence().to_owned());
    }
    if fit.header.columns.len() > columns.len() || fit.n_usable == 0 {
        return (UnusedSheet::NoUsableRow, "none of its first rows can be used".to_owned());
    }
    let lacking = columns.iter().filter(|column| !fit.header.columns.contains(column));
    let titles: Vec<&str> = lacking.filter_map(|&column| builder.title(column)).collect();
    let sentence = format!("other sheets have more of the columns: this one has no {}", titles.join(", no "));
    (UnusedSheet::FewerColumns, sentence)
}
