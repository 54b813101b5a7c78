//! Which sheets of a workbook hold the customers: all visible ones whose headers fit are read as one table, and of
//! every other one the report says why it is not.
//!
//! Where a workbook has one visible sheet, that is read. Of several, each is looked at first: its header and the rows
//! below it, up to [`SURVEYED_ROWS`]. Those with the most of the schema's columns are read. What has fewer of them is
//! another list, or one that nobody keeps any more; to read both would empty columns for some customers in silence. A
//! sheet of sums has the words of the schema in its header, but what it counts are customers: see [`SignOfSums`]. A
//! builder [of every sheet](TableBuilder::of_every_sheet) gets all that fit.

mod choice;

use choice::{Fate, Fit, Seen, choose, no_cells, refusal};

use crate::customer::{Note, SheetReport, TableBuilder, UnusedSheet};

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
