//! Rows whose cells are looked at before it is their turn, by several threads.
//!
//! What a row comes to depends on the rows before it: whether it is a copy, whether it may be a further header, which
//! code its values get. Its hash does not, nor its identifier, nor which of its cells are equal. A [`RowReader`] finds
//! these out; [`TableBuilder::push_row_ahead`] does the rest in the order of the rows. So the table is the same, bit
//! for bit, as if every cell had been given to [`TableBuilder::push_cell`].

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::builder::TableBuilder;
use super::cell::OwnedCell;
use super::clean::{MAX_REMEMBERED_BYTES, Outcome};
use super::header::Layout;
use super::newest::cell_hash;
use super::open_sheet::HEADER_ROWS;
use super::row_content::RowContent;
use super::spelling::is_wrapped;
use super::total_row::{self, Said};
use super::{Cell, MISSING};

/// A reader forgets the cells that it has met once there are so many of a column: columns of other data would fill the
/// memory.
const MAX_MET: usize = 1 << 15;
/// Texts of a column that are known by the numbers that the file gives them.
const N_SHARED: usize = 256;

/// Looks at rows of one sheet; each thread has its own.
#[derive(Debug)]
pub struct RowReader {
    /// Its number among the readers of the sheet.
    number: usize,
    layout: Arc<Layout>,
    keeps_identifiers: bool,
    /// By schema column.
    dictionaries: Vec<Dictionary>,
    rows: RowsAhead,
    open: RowAhead,
}

/// Rows that a [`RowReader`] looked at, in their order.
#[derive(Debug, Default)]
pub struct RowsAhead {
    reader: usize,
    /// Whether the reader forgot the cells that it had met before these rows.
    has_forgotten: bool,
    /// The cells that it met first in these rows, with their schema columns.
    met: Vec<(usize, OwnedCell)>,
    rows: Vec<RowAhead>,
    /// For each row and schema column the number of its cell; [`MISSING`] where there is none.
    codes: Vec<u32>,
    /// One a row, where identifiers are kept.
    identifiers: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct RowAhead {
    content: RowContent,
    has_text: bool,
    /// Whether its cells have to be given one by one: a column of the schema was given twice, or it may be a sum.
    is_odd: bool,
}

/// What the cells mean that the readers of a sheet have met.
#[derive(Debug)]
pub struct Meanings {
    layout: Arc<Layout>,
    /// By reader, schema column and the cell's number there.
    met: Vec<Vec<Vec<Meaning>>>,
}

#[derive(Debug, Clone)]
enum Meaning {
    /// No row with it has had its turn.
    Unasked(OwnedCell),
    Known {
        outcome: Outcome,
        /// Whether it cannot be used and is a header.
        is_header: bool,
    },
}

/// The cells of a column that a reader has met, each with its number and its share of its row's hash.
#[derive(Debug, Default)]
struct Dictionary {
    texts: FxHashMap<Box<str>, (u32, u128)>,
    numbers: FxHashMap<(u64, u64), (u32, u128)>,
    /// Some of the texts by the numbers that the file gives them, each where the last digits of its number say.
    shared: Vec<Option<(u32, (u32, u128))>>,
    n_met: u32,
}

impl TableBuilder {
    /// Readers for the further rows of the sheet, if they can be looked at ahead: not where several columns or tables
    /// are read as one, nor near the header.
    pub fn readers_ahead(&self, n_readers: usize) -> Option<(Meanings, Vec<RowReader>)> {
        let layout = self.sheet.layout.as_ref().filter(|layout| layout.n_tables == 1)?;
        let n_columns = self.schema.columns.len();
        let is_of = |index| layout.columns.iter().filter(|column| column.schema_column == Some(index)).count();
        if self.sheet.rows_below_header < HEADER_ROWS || (0..n_columns).any(|index| is_of(index) > 1) {
            return None;
        }
        let reader = |number| RowReader {
            number,
            layout: layout.clone(),
            keeps_identifiers: self.kept.keeps_identifiers(),
            dictionaries: std::iter::repeat_with(Dictionary::default).take(n_columns).collect(),
            rows: RowsAhead { reader: number, ..RowsAhead::default() },
            open: RowAhead::default(),
        };
        let met = vec![vec![Vec::new(); n_columns]; n_readers];
        Some((Meanings { layout: layout.clone(), met }, (0..n_readers).map(reader).collect()))
    }

    /// Adds the row at a position of `rows` to the open row, which is empty; `false` where its cells have to be given
    /// one by one: it may be a header, or the header has changed.
    pub fn push_row_ahead(&mut self, meanings: &mut Meanings, rows: &RowsAhead, at: usize) -> bool {
        let is_current = self.sheet.layout.as_ref().is_some_and(|layout| Arc::ptr_eq(layout, &meanings.layout));
        let n_columns = self.schema.columns.len();
        let codes = rows.codes.get(at * n_columns..).and_then(|codes| codes.get(..n_columns));
        let (Some(row), Some(codes), Some(open)) = (rows.rows.get(at), codes, self.rows.first_mut()) else {
            return false;
        };
        if !is_current || self.sheet.may_change || row.is_odd {
            return false;
        }
        open.content = row.content;
        if let Some(identifier) = rows.identifiers.get(at) {
            open.identifier.clone_from(identifier);
        }
        let columns = meanings.met.get_mut(rows.reader).into_iter().flatten();
        for (((index, &code), met), slot) in codes.iter().enumerate().zip(columns).zip(&mut open.outcomes) {
            let Some(meaning) = met.get_mut(code as usize) else { continue };
            if let Meaning::Unasked(cell) = meaning {
                let cell = cell.as_cell();
                let outcome = self.kept.outcome(index, cell, self.sheet.is_1904);
                let is_header = match (outcome, cell) {
                    (Outcome::Unusable(_) | Outcome::UnknownLevel(_), Cell::Text(text)) => {
                        self.header_index.names(text)
                    }
                    _ => false,
                };
                *meaning = Meaning::Known { outcome, is_header };
            }
            if let Meaning::Known { outcome, is_header } = *meaning {
                *slot = outcome;
                open.n_headers += usize::from(is_header);
            }
        }
        true
    }
}

impl Meanings {
    /// Takes note of the cells that a reader met first in these rows, before any of them has its turn. Rows of one
    /// reader come in the order in which it looked at them.
    pub fn add(&mut self, rows: &mut RowsAhead) {
        let Some(columns) = self.met.get_mut(rows.reader) else { return };
        if std::mem::take(&mut rows.has_forgotten) {
            columns.iter_mut().for_each(Vec::clear);
        }
        for (index, cell) in rows.met.drain(..) {
            if let Some(column) = columns.get_mut(index) {
                column.push(Meaning::Unasked(cell));
            }
        }
    }
}

impl RowReader {
    /// Whether a column of the sheet tells customers apart; as [`TableBuilder::identifies`].
    pub fn identifies(&self, column: usize) -> bool {
        self.layout.column(column).is_identifier
    }

    /// Adds a cell to the row; as [`TableBuilder::push_cell`].
    #[inline]
    pub fn push_cell(&mut self, column: usize, cell: Cell<'_>) {
        let mut unwrapped = String::new();
        let Some(cell) = cell.said(&mut unwrapped) else {
            self.open.content.has_blank_beyond |= self.layout.is_delimited && column >= self.layout.width;
            return;
        };
        let sheet_column = self.layout.column(column);
        if let Cell::Text(text) = cell
            && (!self.open.has_text || sheet_column.is_identifier)
        {
            self.open.look_at_text(text);
        }
        // There is one only where identifiers are kept.
        self.open.content.note(cell, &sheet_column, self.rows.identifiers.last_mut());
        let met = &mut self.rows.met;
        let dictionary = sheet_column.schema_column.and_then(|index| Some((index, self.dictionaries.get_mut(index)?)));
        match dictionary {
            Some((index, dictionary)) => {
                let known = dictionary.number(index, cell, sheet_column.seed, met);
                self.set(index, known);
            }
            None => self.open.content.add_hash(cell_hash(cell, sheet_column.seed)),
        }
    }

    /// Adds a text to the row to which the file gives a number: under one number it is always the same.
    #[inline]
    pub fn push_shared(&mut self, column: usize, number: u32, text: &str) {
        let sheet_column = self.layout.column(column);
        let index = sheet_column.schema_column.filter(|_| !sheet_column.is_identifier);
        let Some(index) = index else { return self.push_cell(column, Cell::Text(text)) };
        if is_wrapped(text) {
            return self.push_cell(column, Cell::Text(text));
        }
        if !self.open.has_text {
            self.open.look_at_text(text);
        }
        if let Some(known) = self.dictionaries.get(index).and_then(|dictionary| dictionary.shared(number)) {
            self.open.content.is_filled = true;
            return self.set(index, known);
        }
        if text.len() > MAX_REMEMBERED_BYTES || Cell::Text(text).is_blank() {
            return self.push_cell(column, Cell::Text(text));
        }
        let met = &mut self.rows.met;
        if let Some(dictionary) = self.dictionaries.get_mut(index) {
            let known = dictionary.number(index, Cell::Text(text), sheet_column.seed, met);
            dictionary.share(number, known);
            self.open.content.is_filled = true;
            self.set(index, known);
        }
    }

    /// Gives the row the cell of this number, and its share of the row's hash, in a column of the schema.
    #[inline]
    fn set(&mut self, index: usize, (number, hash): (u32, u128)) {
        let at = self.rows.codes.len().saturating_sub(self.dictionaries.len()) + index;
        if let Some(code) = self.rows.codes.get_mut(at) {
            self.open.is_odd |= *code != MISSING;
            *code = number;
        }
        self.open.content.is_read = true;
        self.open.content.add_hash(hash);
    }

    /// Starts a row.
    #[inline]
    pub fn begin_row(&mut self) {
        self.open = RowAhead::default();
        let n_codes = self.rows.codes.len() + self.dictionaries.len();
        self.rows.codes.resize(n_codes, MISSING);
        if self.keeps_identifiers {
            self.rows.identifiers.push(String::new());
        }
    }

    /// Takes note that the sheet does not show the open row.
    #[inline]
    pub fn hide_row(&mut self) {
        self.open.content.is_hidden = true;
    }

    /// Ends the row; whether it holds anything.
    #[inline]
    pub fn end_row(&mut self) -> bool {
        self.rows.rows.push(self.open);
        self.open.content.is_filled
    }

    /// The rows so far, of which those that are not ended are no part.
    pub fn take_rows(&mut self) -> RowsAhead {
        let has_forgotten = self.dictionaries.iter().any(|dictionary| dictionary.n_met as usize > MAX_MET);
        if has_forgotten {
            self.dictionaries.iter_mut().for_each(|dictionary| *dictionary = Dictionary::default());
        }
        // The next rows are about as many.
        let next = RowsAhead {
            reader: self.number,
            has_forgotten,
            rows: Vec::with_capacity(self.rows.rows.len()),
            codes: Vec::with_capacity(self.rows.codes.len()),
            ..RowsAhead::default()
        };
        std::mem::replace(&mut self.rows, next)
    }
}

impl RowAhead {
    #[inline]
    fn look_at_text(&mut self, text: &str) {
        self.has_text = true;
        self.is_odd |= total_row::said(text) != Said::Nothing;
    }
}

impl Dictionary {
    #[inline]
    fn shared(&self, number: u32) -> Option<(u32, u128)> {
        let (known, found) = (*self.shared.get(number as usize % N_SHARED)?)?;
        (known == number).then_some(found)
    }

    fn share(&mut self, number: u32, found: (u32, u128)) {
        self.shared.resize(N_SHARED, None);
        if let Some(slot) = self.shared.get_mut(number as usize % N_SHARED) {
            *slot = Some((number, found));
        }
    }

    /// The number of a cell, and its share of its row's hash. One that may not be remembered gets a new number each
    /// time.
    fn number(&mut self, column: usize, cell: Cell<'_>, seed: u64, met: &mut Vec<(usize, OwnedCell)>) -> (u32, u128) {
        let known = match cell {
            Cell::Text(text) => self.texts.get(text),
            _ => bits(cell).and_then(|bits| self.numbers.get(&bits)),
        };
        if let Some(known) = known {
            return *known;
        }
        let new = (self.n_met, cell_hash(cell, seed));
        self.n_met = self.n_met.saturating_add(1);
        met.push((column, OwnedCell::of(cell)));
        match cell {
            Cell::Text(text) if text.len() <= MAX_REMEMBERED_BYTES => {
                self.texts.insert(text.into(), new);
            }
            _ => {
                if let Some(bits) = bits(cell) {
                    self.numbers.insert(bits, new);
                }
            }
        }
        new
    }
}

/// What a number is known by.
fn bits(cell: Cell<'_>) -> Option<(u64, u64)> {
    match cell {
        Cell::Number(number) => Some((0, number.to_bits())),
        Cell::DateTime { serial_days, is_1904 } => Some((1 + u64::from(is_1904), serial_days.to_bits())),
        Cell::Text(_) | Cell::Digits(_) | Cell::Bool(_) | Cell::Error | Cell::Empty => None,
    }
}
