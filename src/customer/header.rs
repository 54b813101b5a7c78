//! Finding the header row, and in it the schema's columns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64;

use super::candidate::Candidate;
use super::contact;
use super::date;
use super::header_alike;
use super::header_name::{is_label, name_behind, normalize_header};
use super::header_note::Noted;
use super::is_invisible;
use super::missing_columns::{MissingColumn, MissingColumns};
use super::number::{self, Unit};
use super::{Kind, Schema};

/// How many headers an error lists at most, and how long each may be, in characters.
const MAX_LISTED: usize = 20;
const MAX_LISTED_CHARS: usize = 40;
/// More than any column of a schema has.
const MAX_HEADERS: usize = 1 << 32;

/// The headers of a schema, by their normal form.
#[derive(Debug, Clone)]
pub(super) struct HeaderIndex {
    headers: FxHashMap<String, Target>,
    schema: Arc<Schema>,
}

#[derive(Debug, Clone, Copy)]
struct Target {
    slot: Slot,
    /// Its place among its column's headers; smaller wins.
    rank: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Slot {
    Identifier,
    /// A position in the schema's columns.
    Column(usize),
}

/// What the header of a sheet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetHeader {
    /// The row that it is in, as the sheet numbers it.
    pub row: u32,
    /// The positions of the schema's columns that it has.
    pub columns: Vec<usize>,
    /// Whether it has the column that tells customers apart.
    pub has_identifier: bool,
    /// What else it has, as it is written.
    pub other_headers: Vec<String>,
}

/// Which cell of a row belongs to which column, once the header is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    /// For each column of the sheet.
    pub columns: Vec<SheetColumn>,
    /// How many columns the header has, those without a name among them.
    pub width: usize,
    /// Whether it is of delimited text, where any cell right of the header is one too many.
    pub is_delimited: bool,
    /// How many tables are side by side under the header.
    pub n_tables: usize,
    /// Headers that name no column of the schema.
    pub other_headers: Vec<String>,
    /// Title → header as written, for the report.
    pub columns_used: BTreeMap<String, String>,
    pub identifier_used: Option<String>,
    /// For each of the schema's columns that several headers name, the sentence that says which was read.
    pub alike: Vec<String>,
    /// The schema's columns of dates whose header says in which order they are written.
    pub date_patterns: Vec<(usize, date::Pattern)>,
    /// The schema's columns of numbers, with what their headers say of the size of these.
    pub units: Vec<HeaderUnit>,
}

/// What a header says of the size of its numbers.
#[derive(Debug, Clone)]
pub(super) struct HeaderUnit {
    /// The position of the schema's column.
    pub column: usize,
    /// The header as reports show it.
    pub header: String,
    /// Beside what the column's own title says; `None` where the header says nothing else.
    pub unit: Option<Unit>,
}

/// One column of a sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct SheetColumn {
    /// The schema's column that it is.
    pub schema_column: Option<usize>,
    /// Whether it tells customers apart.
    pub is_identifier: bool,
    /// Whether it has addresses or telephone numbers, by its header.
    pub is_contact: bool,
    /// Which of the tables side by side it belongs to.
    pub table: usize,
    /// Whether it is right of the header's last column; in a sheet next to it, since other things may be beside a
    /// table.
    pub is_beyond: bool,
    /// What sets its cells apart from other columns' in a row's hash: the same header gives the same seed, so that
    /// copies are found across files whose columns are ordered differently.
    pub seed: u64,
}

impl HeaderIndex {
    pub(super) fn new(schema: &Arc<Schema>) -> Self {
        let mut headers = FxHashMap::default();
        let identifiers = schema.identifier.iter().enumerate().map(|(rank, name)| (Slot::Identifier, rank, &**name));
        let columns = schema.columns.iter().enumerate().flat_map(|(index, column)| {
            column.headers().enumerate().map(move |(rank, name)| (Slot::Column(index), rank, name))
        });
        for (slot, rank, name) in identifiers.chain(columns) {
            headers.entry(normalize_header(name)).or_insert(Target { slot, rank });
        }
        Self { headers, schema: schema.clone() }
    }

    /// What a header names, by itself or beside a note in brackets.
    fn target(&self, header: &str, normal: &str) -> Option<Target> {
        if let Some(target) = self.headers.get(normal) {
            return Some(*target);
        }
        if let Some(target) = name_behind(header).and_then(|name| self.headers.get(&normalize_header(name))) {
            return Some(Target { rank: target.rank.saturating_add(MAX_HEADERS), ..*target });
        }
        let noted = Noted::of(header)?;
        let target = self.headers.get(&noted.name)?;
        let explains = match target.slot {
            Slot::Identifier => noted.is_short(),
            Slot::Column(index) => self.schema.columns.get(index).is_some_and(|column| noted.explains(column)),
        };
        // A header without a note is the better one.
        explains.then(|| Target { rank: target.rank.saturating_add(MAX_HEADERS), ..*target })
    }

    /// How many of the schema's columns (and its identifier) these headers name.
    pub(super) fn count_matches<'a>(&self, headers: impl Iterator<Item = &'a str>) -> usize {
        let mut slots: Vec<Slot> =
            headers.filter_map(|text| self.target(text, &normalize_header(text))).map(|target| target.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        slots.len()
    }

    /// The columns whose cells are called as identifiers are, the best header first.
    pub(super) fn identifiers_in(&self, row: &[Candidate]) -> Vec<usize> {
        let target = |text: &str| self.target(text, &normalize_header(text));
        let targets = row.iter().filter_map(|cell| Some((target(cell.text()?)?, cell.column)));
        let mut found: Vec<(usize, usize)> = targets
            .filter(|(target, _)| target.slot == Slot::Identifier)
            .map(|(target, column)| (target.rank, column))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, column)| column).collect()
    }

    /// Whether a text is a header of the schema.
    pub(super) fn names(&self, text: &str) -> bool {
        self.target(text, &normalize_header(text)).is_some()
    }

    /// Reads a row as the header, of one table or of several side by side: where behind all the columns of one a header
    /// comes again, and what is from there on has every required column as well.
    ///
    /// # Errors
    /// [`MissingColumns`] when it lacks a required column.
    pub(super) fn layout(&self, row: &[Candidate]) -> Result<Layout, MissingColumns> {
        let mut layout = self.layout_of_one(row)?;
        let Some(second) = self.second_table(row) else { return Ok(layout) };
        let (left, right) = row.split_at_checked(second).unwrap_or((row, &[]));
        if let (Ok(one), Ok(others)) = (self.layout_of_one(left), self.layout(right)) {
            layout = one;
            layout.put_beside(others, right.first().map_or(0, |cell| cell.column));
        }
        Ok(layout)
    }

    /// The position in the row where a second table may begin: the first header that comes again once every required
    /// column was there.
    fn second_table(&self, row: &[Candidate]) -> Option<usize> {
        let required = (0..).zip(&self.schema.columns).filter(|(_, column)| column.required);
        let mut required: BTreeSet<Slot> = required.map(|(index, _)| Slot::Column(index)).collect();
        let (mut headers, mut slots) = (FxHashSet::default(), BTreeSet::new());
        for (position, cell) in row.iter().enumerate() {
            let text = cell.text().unwrap_or_default();
            let header = normalize_header(text);
            if header.is_empty() {
                continue;
            }
            let slot = self.target(text, &header).map(|target| target.slot);
            let comes_again = slot.is_some_and(|slot| !slots.insert(slot)) | !headers.insert(header);
            if comes_again && required.is_empty() {
                return Some(position);
            }
            if let Some(slot) = slot {
                required.remove(&slot);
            }
        }
        None
    }

    /// What a row has to name to be a header, and does not.
    fn missing(&self, names: impl Fn(Slot) -> bool) -> Vec<MissingColumn> {
        let columns = self.schema.columns.iter().enumerate();
        let missing = columns.filter(|(index, column)| column.required && !names(Slot::Column(*index)));
        let mut missing: Vec<MissingColumn> = missing
            .map(|(_, column)| MissingColumn { title: column.title.clone(), aliases: column.aliases.clone() })
            .collect();
        // Where no column is required, any row could be the header but for the identifier.
        if let Some((title, aliases)) = self.schema.identifier.split_first()
            && !self.schema.columns.iter().any(|column| column.required)
            && !names(Slot::Identifier)
        {
            missing.push(MissingColumn { title: title.clone(), aliases: aliases.to_vec() });
        }
        missing
    }

    /// Reads a row as the header of one table.
    fn layout_of_one(&self, row: &[Candidate]) -> Result<Layout, MissingColumns> {
        let schema = &self.schema;
        let normal: Vec<String> =
            row.iter().map(|cell| cell.text().map(normalize_header).unwrap_or_default()).collect();
        // Slot → (rank, position in the row): the smallest alias rank wins, then the leftmost column.
        let mut best: BTreeMap<Slot, (usize, usize, usize)> = BTreeMap::new();
        let mut all: BTreeMap<Slot, Vec<(usize, usize, usize)>> = BTreeMap::new();
        for (position, (cell, normal)) in row.iter().zip(&normal).enumerate() {
            if let Some(target) = self.target(cell.text().unwrap_or_default(), normal) {
                let found = (target.rank, cell.column, position);
                best.entry(target.slot).and_modify(|seen| *seen = found.min(*seen)).or_insert(found);
                all.entry(target.slot).or_default().push(found);
            }
        }
        let missing = self.missing(|slot| best.contains_key(&slot));
        if !missing.is_empty() {
            let (found, n_matched) = (listed(row, best.len()), best.len());
            return Err(MissingColumns { missing, found, n_matched, has_lines_in_quotes: false });
        }
        let other = |(cell, normal): (&Candidate, &String)| {
            cell.text().filter(|_| !self.headers.contains_key(normal)).map(shown)
        };
        let columns = seeds(row, &normal);
        let mut layout = Layout {
            width: columns.len(),
            columns,
            n_tables: 1,
            other_headers: row.iter().zip(&normal).filter_map(other).collect(),
            ..Layout::default()
        };
        for (slot, (_, sheet_column, position)) in best {
            let written = row.get(position).and_then(|cell| cell.text()).unwrap_or_default();
            let header = shown(written);
            match slot {
                Slot::Identifier => {
                    layout.identifier_used = Some(header);
                    layout.assign(sheet_column, Slot::Identifier, xxh3_64(b"\0identifier"));
                }
                Slot::Column(index) => {
                    let title = schema.columns.get(index).map(|column| column.title.clone()).unwrap_or_default();
                    layout.alike.extend(all.remove(&slot).and_then(|alike| sentence_on_alike(&title, row, alike)));
                    if schema.columns.get(index).is_some_and(|column| matches!(column.kind, Kind::Number { .. })) {
                        let unit = unit_beside(written, &title);
                        layout.units.push(HeaderUnit { column: index, header: header.clone(), unit });
                    }
                    layout.columns_used.insert(title, header);
                    layout.date_patterns.extend(date::pattern(written).map(|found| (index, found)));
                    layout.assign(sheet_column, slot, xxh3_64(format!("\0column {index}").as_bytes()));
                }
            }
        }
        Ok(layout)
    }
}

impl Layout {
    fn assign(&mut self, sheet_column: usize, slot: Slot, seed: u64) {
        if let Some(column) = self.columns.get_mut(sheet_column) {
            let schema_column = if let Slot::Column(index) = slot { Some(index) } else { None };
            let is_identifier = slot == Slot::Identifier;
            *column = SheetColumn { schema_column, is_identifier, seed, ..SheetColumn::unnamed(sheet_column) };
        }
    }

    /// Puts other tables right of this one, from a column of the sheet on.
    fn put_beside(&mut self, others: Self, from: usize) {
        self.columns.truncate(from);
        self.columns.extend((self.columns.len()..from).map(SheetColumn::unnamed));
        let beside = |column: SheetColumn| SheetColumn { table: column.table + self.n_tables, ..column };
        self.columns.extend(others.columns.into_iter().skip(from).map(beside));
        self.width = self.columns.len();
        self.n_tables += others.n_tables;
        self.date_patterns.extend(others.date_patterns);
        self.units.extend(others.units);
    }

    /// The positions of the schema's columns that the first table has.
    pub(super) fn schema_columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self.columns.iter().filter_map(|column| column.schema_column).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether values have moved in a row with cells right of the header: the last column is read, and holds names, of
    /// which nobody can tell, or nothing that `is_usable` in this column of the schema. A sheet's cells do not move.
    pub(super) fn has_moved(&self, schema: &Schema, is_usable: impl FnOnce(usize) -> bool) -> bool {
        let Some(last) = self.columns.last().filter(|_| self.is_delimited) else { return false };
        let Some(column) = last.schema_column else { return last.is_identifier };
        schema.columns.get(column).is_none_or(|column| matches!(column.kind, Kind::Category { .. }))
            || !is_usable(column)
    }

    /// Whether a column of the sheet tells customers apart.
    pub(super) fn identifies(&self, sheet_column: usize) -> bool {
        self.columns.get(sheet_column).is_some_and(|column| column.is_identifier)
    }

    /// The column at a position, which may lie right of the header.
    pub(super) fn column(&self, sheet_column: usize) -> SheetColumn {
        let is_beyond = sheet_column == self.width || self.is_delimited && sheet_column > self.width;
        let unnamed = || SheetColumn { is_beyond, ..SheetColumn::unnamed(sheet_column) };
        self.columns.get(sheet_column).copied().unwrap_or_else(unnamed)
    }
}

impl SheetColumn {
    fn unnamed(sheet_column: usize) -> Self {
        let seed = xxh3_64(&sheet_column.to_le_bytes());
        Self { schema_column: None, is_identifier: false, is_contact: false, table: 0, is_beyond: false, seed }
    }

    /// Whether its cells are read.
    pub(super) fn is_read(self) -> bool {
        self.is_identifier || self.schema_column.is_some()
    }
}

/// What a header says of the size of its numbers beside what its column's title says.
fn unit_beside(header: &str, title: &str) -> Option<Unit> {
    match (number::unit(header)?, number::unit(title)) {
        (unit, own) if Some(unit) == own => None,
        (Unit::Times(times), Some(Unit::Times(own))) => Some(Unit::Times(times / own)),
        (unit, _) => Some(unit),
    }
}

/// A header as reports show it.
fn shown(header: &str) -> String {
    header.trim().chars().filter(|c| !is_invisible(*c)).take(MAX_LISTED_CHARS).collect()
}

/// Which of the columns that are named for `title` is read: the one of the smallest rank, then the leftmost. Each is
/// its rank, its column and its position in the row.
fn sentence_on_alike(title: &str, row: &[Candidate], mut alike: Vec<(usize, usize, usize)>) -> Option<String> {
    alike.sort_unstable();
    let text = |position: usize| row.get(position).and_then(|cell| cell.text()).map(shown).unwrap_or_default();
    let columns: Vec<_> = alike.into_iter().map(|(_, column, position)| (text(position), column)).collect();
    header_alike::sentence(title, &columns)
}

/// The seed of every column up to the header's last, by header and, where headers repeat, by their count.
fn seeds(row: &[Candidate], normal: &[String]) -> Vec<SheetColumn> {
    let width = row.iter().map(|cell| cell.column + 1).max().unwrap_or(0);
    let mut columns: Vec<SheetColumn> = (0..width).map(SheetColumn::unnamed).collect();
    let mut seen: FxHashMap<&str, u64> = FxHashMap::default();
    for (cell, normal) in row.iter().zip(normal).filter(|(_, normal)| !normal.is_empty()) {
        let times = seen.entry(normal).or_insert(0);
        if let Some(column) = columns.get_mut(cell.column) {
            column.seed = xxh3_64(normal.as_bytes()).wrapping_add(*times);
            column.is_contact = contact::is_header(normal);
        }
        *times += 1;
    }
    columns
}

/// The headers of a row, for an error. A row that names no column of the schema may be a customer: nothing of it is
/// shown. Beside a header that is known, labels alone are: no addresses, no long runs of digits.
fn listed(row: &[Candidate], n_matched: usize) -> Vec<String> {
    if n_matched == 0 {
        return Vec::new();
    }
    let texts = row.iter().filter_map(|cell| cell.text());
    texts.filter(|text| is_label(text)).map(shown).take(MAX_LISTED).collect()
}
