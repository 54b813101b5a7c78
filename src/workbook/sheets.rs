//! Which sheets of a workbook hold the customers: all visible ones whose headers fit are read as one table, and of
//! every other one the report says why it is not.
//!
//! Where a workbook has one visible sheet, that is read. Of several, each is looked at first: its header and the rows
//! below it, up to [`SURVEYED_ROWS`]. Those with the most of the schema's columns are read. What has fewer of them is
//! another list, or one that nobody keeps any more; to read both would empty columns for some customers in silence. A
//! sheet of sums has the words of the schema in its header, but what it counts are customers: see [`SignOfSums`]. A
//! builder [of every sheet](TableBuilder::of_every_sheet) gets all that fit.

use crate::customer::{MissingColumns, Note, SheetHeader, SheetReport, TableBuilder, UnusedSheet};

use super::feed::{Purpose, SheetEnd, SheetFeed};
use super::merge::Merge;
use super::totals::SignOfSums;
use super::{Limits, WorkbookError};

/// Rows of a sheet that are looked at before it is decided which sheets are read.
const SURVEYED_ROWS: usize = 50;

/// A sheet as the workbook lists it.
#[derive(Debug, Clone)]
pub(super) struct SheetInfo {
    pub name: String,
    pub kind: SheetKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SheetKind {
    Visible,
    Hidden,
    /// A chart, a dialog or a macro sheet.
    NoCells,
}

/// A workbook of any format.
pub(super) trait Book {
    /// Every sheet, in the workbook's order.
    fn sheets(&self) -> &[SheetInfo];

    /// Whether day 0 is 1904-01-01.
    fn is_1904(&self) -> bool;

    /// Whether a pivot table is on the sheet.
    fn has_pivot_table(&mut self, sheet: usize) -> bool;

    /// Feeds the cells of a sheet until the feed has enough, and then its merged cells, where they are wanted.
    fn feed(&mut self, sheet: usize, feed: &mut SheetFeed<'_>) -> Result<(), WorkbookError>;
}

/// What was seen of a sheet before any was read.
enum Seen {
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
struct Fit {
    header: SheetHeader,
    /// Rows below the header, and those of them that can be used, among the ones that were looked at.
    n_rows: usize,
    n_usable: usize,
    sums: Option<SignOfSums>,
}

/// What becomes of a sheet.
enum Fate {
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
type Choice = (Vec<(usize, Fate)>, Vec<Note>);

/// A workbook on its way into a builder.
struct Reading<'a, B> {
    book: &'a mut B,
    limits: &'a Limits,
    sheets: Vec<SheetInfo>,
    /// The merged cells of each sheet that matter, where they are known.
    merges: Vec<Option<Vec<Merge>>>,
}

/// Reads the sheets with customers.
///
/// # Errors
/// [`WorkbookError::TooManySheets`], [`WorkbookError::NoSheet`]; [`WorkbookError::MissingColumns`] where no sheet fits;
/// those of a sheet that is read; those of `book`.
pub(super) fn read(book: &mut impl Book, builder: &mut TableBuilder, limits: &Limits) -> Result<(), WorkbookError> {
    let sheets = book.sheets().to_vec();
    if sheets.len() > limits.max_sheets {
        return Err(WorkbookError::TooManySheets { limit: limits.max_sheets });
    }
    let merges = vec![None; sheets.len()];
    let mut reading = Reading { book, limits, sheets, merges };
    if builder.is_searching() {
        reading.search(builder);
        return Ok(());
    }
    let (fates, notes) = reading.decide(builder)?;
    let start = builder.clone();
    while let Some((sheet, merges)) = reading.read_once(&fates, builder)? {
        // Rows were read without the values that reach down into them.
        reading.set_merges(sheet, merges);
        builder.clone_from(&start);
    }
    notes.into_iter().chain(reading.note_on_totals(&fates, builder)).for_each(|note| builder.add_note(note));
    Ok(())
}

impl Seen {
    /// What becomes of a sheet by itself, whatever the others are.
    fn fate(self) -> Fate {
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

fn no_cells() -> Fate {
    let sentence = "it is a chart or another sheet without cells".to_owned();
    Fate::Counted { reason: UnusedSheet::NoCells, sentence, n_rows: 0 }
}

impl<B: Book> Reading<'_, B> {
    /// What becomes of each sheet.
    fn decide(&mut self, builder: &TableBuilder) -> Result<(Vec<Fate>, Vec<Note>), WorkbookError> {
        if builder.is_of_every_sheet() {
            return Ok((self.decide_on_every_sheet(builder)?, Vec::new()));
        }
        let visible: Vec<usize> = self.of_kind(SheetKind::Visible);
        let (seen, notes) = match visible.as_slice() {
            [] => return Err(WorkbookError::NoSheet),
            [only] => (vec![(*only, Fate::Read)], Vec::new()),
            _ => {
                let seen = visible.iter().map(|&sheet| (sheet, self.survey(sheet, builder))).collect();
                choose(seen, builder)?
            }
        };
        let mut fates: Vec<Fate> = (0..self.sheets.len()).map(|sheet| self.fate_unseen(sheet, builder)).collect();
        for (sheet, fate) in seen {
            if let Some(slot) = fates.get_mut(sheet) {
                *slot = fate;
            }
        }
        Ok((fates, notes))
    }

    /// Has the cells of every sheet searched, and says which sheets could not be read to their end.
    fn search(&mut self, builder: &mut TableBuilder) {
        for sheet in 0..self.sheets.len() {
            let Some(SheetInfo { name, kind }) = self.sheets.get(sheet).cloned() else { continue };
            if kind == SheetKind::NoCells {
                continue;
            }
            let start = builder.clone();
            loop {
                builder.begin_named_sheet(&name, self.book.is_1904());
                let merges = self.merges.get(sheet).and_then(|merges| merges.as_deref());
                let mut feed = SheetFeed::new(builder, self.limits, 0, merges);
                match self.book.feed(sheet, &mut feed).and_then(|()| feed.end()) {
                    // Cells were compared without those that reach down into their rows.
                    Ok(SheetEnd::Merged(merges)) => {
                        builder.clone_from(&start);
                        self.set_merges(sheet, merges);
                    }
                    Ok(SheetEnd::Read | SheetEnd::NoHeader(_)) => break,
                    Err(error) => {
                        let why = error.to_string();
                        builder.add_unused_sheet(SheetReport::unused(&name, 0, UnusedSheet::Unreadable, &why));
                        break;
                    }
                }
            }
        }
    }

    /// The same where every sheet with a header is wanted.
    fn decide_on_every_sheet(&mut self, builder: &TableBuilder) -> Result<Vec<Fate>, WorkbookError> {
        let seen: Vec<Option<Seen>> = (0..self.sheets.len())
            .map(|sheet| {
                let has_cells = self.sheets.get(sheet).is_some_and(|sheet| sheet.kind != SheetKind::NoCells);
                has_cells.then(|| self.survey(sheet, builder))
            })
            .collect();
        if !seen.iter().flatten().any(|seen| matches!(seen, Seen::Fits(_))) {
            return Err(refusal(seen.into_iter().flatten()));
        }
        Ok(seen.into_iter().map(|seen| seen.map_or_else(no_cells, Seen::fate)).collect())
    }

    fn of_kind(&self, kind: SheetKind) -> Vec<usize> {
        let sheets = self.sheets.iter().enumerate();
        sheets.filter(|(_, sheet)| sheet.kind == kind).map(|(number, _)| number).collect()
    }

    /// What becomes of a sheet that is not looked at for customers.
    fn fate_unseen(&mut self, sheet: usize, builder: &TableBuilder) -> Fate {
        match self.sheets.get(sheet).map(|sheet| sheet.kind) {
            Some(SheetKind::Hidden) => {
                let (reason, sentence) = (UnusedSheet::Hidden, "the sheet is hidden".to_owned());
                match self.survey(sheet, builder) {
                    Seen::Fits(fit) => Fate::Unused { reason, sentence, above: fit.header.row },
                    Seen::NoHeader { n_rows, .. } => Fate::Counted { reason, sentence, n_rows },
                    Seen::Unreadable(_) => Fate::Counted { reason, sentence, n_rows: 0 },
                }
            }
            _ => no_cells(),
        }
    }

    /// Looks at the start of a sheet.
    fn survey(&mut self, sheet: usize, builder: &TableBuilder) -> Seen {
        loop {
            let mut scratch = builder.scratch();
            scratch.begin_sheet(self.book.is_1904());
            let merges = self.merges.get(sheet).and_then(|merges| merges.as_deref());
            let mut feed =
                SheetFeed::new(&mut scratch, self.limits, 0, merges).with_purpose(Purpose::Survey(SURVEYED_ROWS));
            let fed = self.book.feed(sheet, &mut feed);
            let fed = fed.or_else(|error| if feed.is_counting() { Ok(()) } else { Err(error) });
            let end = fed.and_then(|()| feed.end());
            let (n_rows, lacks_results) = (feed.n_rows(), feed.lacks_results());
            match end {
                Err(error) => return Seen::Unreadable(error),
                Ok(SheetEnd::NoHeader(missing)) => return Seen::NoHeader { missing, n_rows, lacks_results },
                Ok(SheetEnd::Merged(merges)) => self.set_merges(sheet, merges),
                Ok(SheetEnd::Read) => {}
            }
            if let Some(header) = scratch.header() {
                let name = self.sheets.get(sheet).map(|sheet| sheet.name.clone()).unwrap_or_default();
                let sums = SignOfSums::of(&name, &header, self.book.has_pivot_table(sheet));
                let (n_rows, n_usable) = (scratch.rows_read(), scratch.n_rows());
                return Seen::Fits(Fit { header, n_rows, n_usable, sums });
            }
        }
    }

    fn set_merges(&mut self, sheet: usize, merges: Vec<Merge>) {
        if let Some(known) = self.merges.get_mut(sheet) {
            *known = Some(merges);
        }
    }

    /// Reads the sheets and accounts for all; stops at one whose merged cells matter and were not known.
    fn read_once(
        &mut self,
        fates: &[Fate],
        builder: &mut TableBuilder,
    ) -> Result<Option<(usize, Vec<Merge>)>, WorkbookError> {
        let rows_before = builder.rows_read();
        for (sheet, fate) in fates.iter().enumerate() {
            let name = self.sheets.get(sheet).map(|sheet| sheet.name.clone()).unwrap_or_default();
            let unused = match fate {
                Fate::Read => {
                    builder.begin_named_sheet(&name, self.book.is_1904());
                    let merges = self.merges.get(sheet).and_then(|merges| merges.as_deref());
                    let mut feed = SheetFeed::new(builder, self.limits, rows_before, merges);
                    let fed = self.book.feed(sheet, &mut feed);
                    fed.or_else(|error| if feed.is_counting() { Ok(()) } else { Err(error) })?;
                    match feed.end()? {
                        SheetEnd::Read => continue,
                        SheetEnd::Merged(merges) => return Ok(Some((sheet, merges))),
                        SheetEnd::NoHeader(missing) => return Err(WorkbookError::MissingColumns(missing)),
                    }
                }
                Fate::Unused { reason, sentence, above } => {
                    SheetReport::unused(&name, self.count(sheet, *above, builder), *reason, sentence)
                }
                Fate::Counted { reason, sentence, n_rows } => SheetReport::unused(&name, *n_rows, *reason, sentence),
            };
            builder.add_unused_sheet(unused);
        }
        Ok(None)
    }

    /// What a person should know where sums were read for want of anything else.
    fn note_on_totals(&mut self, fates: &[Fate], builder: &TableBuilder) -> Option<Note> {
        let last = fates.iter().rposition(|fate| matches!(fate, Fate::Read))?;
        let name = self.sheets.get(last)?.name.clone();
        let has_pivot_table = self.book.has_pivot_table(last);
        let sentence = "the rows look like sums over customers, and each was read as one customer";
        SignOfSums::of(&name, &builder.header()?, has_pivot_table).map(|_| Note::new(Note::LOOKS_LIKE_TOTALS, sentence))
    }

    /// Counts the rows of a sheet below a row, up to a fault in it.
    fn count(&mut self, sheet: usize, above: u32, builder: &TableBuilder) -> usize {
        let mut scratch = builder.scratch();
        let mut feed = SheetFeed::new(&mut scratch, self.limits, 0, None).with_purpose(Purpose::Count(above));
        // A fault ends the counting, and is not a reason to refuse the sheets that are read.
        let _ = self.book.feed(sheet, &mut feed).and_then(|()| feed.end());
        feed.n_rows()
    }
}

/// What becomes of the visible sheets of a workbook that has several, and what a person should know of that.
fn choose(seen: Vec<(usize, Seen)>, builder: &TableBuilder) -> Result<Choice, WorkbookError> {
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
fn refusal(seen: impl Iterator<Item = Seen>) -> WorkbookError {
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
