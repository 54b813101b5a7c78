//! Which of several rows of one customer counts when several files are read: the newest.
//!
//! Newer is what is read later. A row is known by the cell of its identifier column, and only where that column tells
//! customers apart in its file ([`Believed`]). Rows without a believed identifier are customers of their own, unless
//! they are exact copies. Only rows that can be used take part: a newer row without a date does not push out an older
//! one that is whole.

use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use super::identifier_belief::Believed;
use super::{BrokenTable, Cell, CustomerTable, IdentifierDigits, Note, SheetRow, text};

/// No identifier.
pub(super) const NOBODY: u64 = 0;

/// The usable rows of one file, copies included, with a key for each.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedTable {
    pub(super) table: CustomerTable,
    /// One a row of `table`.
    pub(super) keys: Vec<RowKey>,
    /// How many different rows each customer had whose rows were taken out as erased.
    pub(super) erased: Vec<usize>,
}

/// Identifies a row: hashes, from which no cell can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowKey {
    pub(super) identity: u64,
    pub(super) row_number: u32,
    /// Of all its cells. In a search for a customer: what its identifier is known by in any case.
    pub(super) hash: u128,
}

/// Every usable row so far, 32 bytes each.
#[derive(Debug, Default)]
pub(super) struct Newest {
    rows: Vec<RowKey>,
    files: Vec<FileOfRows>,
    /// How many customers were in each file first, once the fates are known.
    brought: Vec<usize>,
    /// On files whose identifiers are not believed, once the fates are known.
    notes: Vec<Note>,
}

/// Where the rows of a file begin.
#[derive(Debug)]
struct FileOfRows {
    label: String,
    first: usize,
    /// How many different rows each customer of it had who was erased.
    erased: Vec<usize>,
}

/// What becomes of a row once all are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It counts.
    Stands,
    /// It is the same in every cell as one that was read before it.
    Copy,
    /// A newer row of the same customer replaces it.
    Replaced,
}

/// The identifier in a cell, [`NOBODY`] for a blank, a word for nothing, a date or a [rounded](Cell::is_rounded)
/// number. A number and its text are the same: the one comes from a workbook, the other from a CSV file, where programs
/// write `9005.0` if the column has gaps.
pub(super) fn identity_of(cell: Cell<'_>) -> u64 {
    identities_of(cell).0
}

/// The same, and where case is part of the identifier, what it would be otherwise; else [`NOBODY`].
pub(super) fn identities_of(cell: Cell<'_>) -> (u64, u64) {
    match cell {
        Cell::Text(raw) | Cell::Digits(raw) => {
            let mut buffer = [0; text::MAX_PLAIN_BYTES];
            match text::fold_plain(raw, &mut buffer) {
                Some((key, false)) => (identity(key), NOBODY),
                Some((key, true)) => (identity(key), identity(&key.to_ascii_lowercase())),
                None => identities_of_any(raw),
            }
        }
        Cell::Number(number) if !cell.is_rounded() => (identity(number_text(number).as_bytes()), NOBODY),
        Cell::Number(_) | Cell::Empty | Cell::Error | Cell::Bool(_) | Cell::DateTime { .. } => (NOBODY, NOBODY),
    }
}

fn identities_of_any(text: &str) -> (u64, u64) {
    let Some((key, folded)) = text::fold_identifier(text) else { return (NOBODY, NOBODY) };
    (identity(key.as_bytes()), folded.map_or(NOBODY, |folded| identity(folded.as_bytes())))
}

/// A number as it reads. Identifiers are whole, nearly always, and a whole number is written in a third of the
/// instructions.
fn number_text(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "it is compared with the number")]
    let whole = number as i64;
    // Of larger floats zeros stand for the last digits, and −0 is `-0`.
    let is_whole = whole != 0 && whole.unsigned_abs() < 1 << 53 && whole as f64 == number;
    if is_whole { whole.to_string() } else { number.to_string() }
}

fn identity(folded: &[u8]) -> u64 {
    xxh3_64(folded.get(..length_without_zero_decimals(folded)).unwrap_or(folded)).max(1)
}

/// `9005` for `9005.0`, as a program may have written it; any other text as it is.
pub fn without_zero_decimals(text: &str) -> &str {
    text.get(..length_without_zero_decimals(text.as_bytes())).unwrap_or(text)
}

/// The same as a number of bytes. A sheet has an identifier in each row, and most do not end with a zero.
fn length_without_zero_decimals(text: &[u8]) -> usize {
    let n_zeros = text.iter().rev().take_while(|&&byte| byte == b'0').count();
    let is_whole = |whole: &[u8]| n_zeros > 0 && !whole.is_empty() && whole.iter().all(u8::is_ascii_digit);
    match text.get(..text.len() - n_zeros) {
        Some([whole @ .., b'.']) if is_whole(whole) => whole.len(),
        _ => text.len(),
    }
}

/// A cell's share of its row's hash. Shares are added, so that neither the order of columns nor blank cells matter;
/// with 128 bits a million rows meet by chance with probability 10⁻²⁷.
pub(super) fn cell_hash(cell: Cell<'_>, seed: u64) -> u128 {
    let (kind, bits) = match cell {
        Cell::Text(text) | Cell::Digits(text) => return xxh3_128_with_seed(text.as_bytes(), seed),
        Cell::Number(number) => (1_u64, number.to_bits()),
        Cell::DateTime { serial_days, is_1904 } => (2 + u64::from(is_1904), serial_days.to_bits()),
        Cell::Bool(value) => (4, u64::from(value)),
        Cell::Error => (5, 0),
        Cell::Empty => return 0,
    };
    // Texts keep the seed as it is; the multiplier (2⁶⁴ / golden ratio) sets the other kinds apart.
    xxh3_128_with_seed(&bits.to_le_bytes(), seed ^ kind.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

impl KeyedTable {
    /// A table with a key for each of its rows.
    ///
    /// # Errors
    /// [`BrokenTable`] when there are not as many keys as rows.
    pub fn new(table: CustomerTable, keys: Vec<RowKey>) -> Result<Self, BrokenTable> {
        if keys.len() == table.n_rows() {
            Ok(Self { table, keys, erased: Vec::new() })
        } else {
            Err(BrokenTable("not one key a row"))
        }
    }

    /// A table whose rows need no keys: it is the only one.
    pub fn unkeyed(table: CustomerTable) -> Self {
        Self { table, keys: Vec::new(), erased: Vec::new() }
    }

    /// The same, of which it is known how its identifiers are written.
    #[must_use]
    pub fn with_identifier_digits(mut self, digits: IdentifierDigits) -> Self {
        self.table.cleaning.identifier_digits = digits;
        self
    }

    /// The rows, without their keys.
    pub fn into_table(self) -> CustomerTable {
        self.table
    }

    /// The rows.
    pub fn table(&self) -> &CustomerTable {
        &self.table
    }

    /// Their keys, one a row.
    pub fn keys(&self) -> &[RowKey] {
        &self.keys
    }
}

impl RowKey {
    /// How many bytes a key is written in.
    pub const BYTES: usize = 28;

    /// The key in bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let bytes = self.hash.to_le_bytes().into_iter().chain(self.identity.to_le_bytes());
        let mut all = bytes.chain(self.row_number.to_le_bytes());
        std::array::from_fn(|_| all.next().unwrap_or_default())
    }

    /// The key that was written so.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let part = |from: usize, len: usize| {
            let bytes = bytes.iter().skip(from).take(len);
            bytes.rev().fold(0_u128, |number, &byte| number << 8 | u128::from(byte))
        };
        #[expect(clippy::cast_possible_truncation, reason = "8 and 4 bytes make no larger number")]
        Self { hash: part(0, 16), identity: part(16, 8) as u64, row_number: part(24, 4) as u32 }
    }
}

impl Newest {
    pub(super) fn add_file(&mut self, label: &str, rows: &[RowKey], erased: &[usize]) {
        let (label, first, erased) = (label.to_owned(), self.rows.len(), erased.to_vec());
        self.files.push(FileOfRows { label, first, erased });
        self.rows.extend_from_slice(rows);
    }

    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The fate of every row, in order.
    pub(super) fn fates(&mut self) -> Vec<Fate> {
        self.forget_unbelieved();
        let mut fates = vec![Fate::Stands; self.rows.len()];
        let mut standing: FxHashMap<u64, usize> = FxHashMap::default();
        let mut hashes: FxHashSet<u128> = FxHashSet::default();
        let mut brought = vec![0; self.files.len()];
        for (row, known) in self.rows.iter().enumerate() {
            let is_new = hashes.insert(known.hash);
            let older = if known.identity == NOBODY { None } else { standing.get(&known.identity).copied() };
            let is_copy = match older.and_then(|older| self.rows.get(older)) {
                Some(older) => older.hash == known.hash,
                None => !is_new,
            };
            let (loser, fate) = if is_copy { (Some(row), Fate::Copy) } else { (older, Fate::Replaced) };
            if let Some(slot) = loser.and_then(|loser| fates.get_mut(loser)) {
                *slot = fate;
            }
            if !is_copy && older.is_none() {
                let file = self.files.partition_point(|file| file.first <= row).checked_sub(1);
                if let Some(customers) = file.and_then(|file| brought.get_mut(file)) {
                    *customers += 1;
                }
            }
            if !is_copy && known.identity != NOBODY {
                standing.insert(known.identity, row);
            }
        }
        self.brought = brought;
        fates
    }

    /// What a person should know of files whose identifiers tell nobody apart.
    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// How many of the customers who count were in each file first, in the order in which the files were added.
    pub(super) fn brought(self) -> Vec<usize> {
        self.brought
    }

    /// Where row `row` is.
    pub(super) fn place_of(&self, row: usize) -> SheetRow {
        let file = self.files.partition_point(|file| file.first <= row).checked_sub(1);
        let source = file.and_then(|file| self.files.get(file)).map(|file| file.label.clone()).unwrap_or_default();
        SheetRow { row: self.rows.get(row).map_or(0, |known| known.row_number), source, ..SheetRow::default() }
    }

    /// Makes nobody of every identifier that identifies nobody.
    fn forget_unbelieved(&mut self) {
        let ends = self.files.iter().skip(1).map(|file| file.first).chain([self.rows.len()]);
        let ends: Vec<usize> = ends.collect();
        for (FileOfRows { label, first, erased }, end) in self.files.iter().zip(ends) {
            let Some(rows) = self.rows.get_mut(*first..end) else { continue };
            let known = rows.iter().filter(|known| known.is_of_somebody()).map(|known| (known.identity, known.hash));
            let believed = Believed::of(known, erased);
            self.notes.extend(believed.belief().note(&format!("{label}: the column of identifiers")));
            for known in rows.iter_mut().filter(|known| !believed.is_customer(known.identity)) {
                known.identity = NOBODY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fates of rows given as file, identifier and the rest of the row.
    fn fates(rows: &[(&str, &str, u128)]) -> Vec<Fate> {
        let mut newest = Newest::default();
        for file in rows.chunk_by(|one, next| one.0 == next.0) {
            let key = |&(_, id, rest): &(&str, &str, u128)| {
                let identity = identity_of(Cell::Text(id));
                RowKey { identity, row_number: 1, hash: u128::from(identity) << 64 | rest }
            };
            newest.add_file(file[0].0, &file.iter().map(key).collect::<Vec<_>>(), &[]);
        }
        newest.fates()
    }

    #[test]
    fn a_customer_who_changed_there_and_back_has_the_last_row() {
        use Fate::{Replaced, Stands};
        assert_eq!(fates(&[("a", "C1", 1), ("b", "C1", 2), ("c", "c1 ", 1)]), [Replaced, Replaced, Stands]);
    }

    #[test]
    fn a_copy_counts_once_and_is_no_newer_row() {
        use Fate::{Copy, Replaced, Stands};
        assert_eq!(fates(&[("a", "C1", 1), ("b", "C1", 1), ("c", "C1", 2)]), [Replaced, Copy, Stands]);
        assert_eq!(fates(&[("a", "", 1), ("b", "n/a", 1), ("b", "", 2)]), [Stands, Copy, Stands]);
    }

    #[test]
    fn a_customer_is_brought_by_the_first_file_that_has_one() {
        let mut newest = Newest::default();
        let key = |identity, hash| RowKey { identity, row_number: 1, hash };
        newest.add_file("a", &[key(1, 10), key(2, 20), key(NOBODY, 30)], &[]);
        newest.add_file("b", &[key(1, 11), key(3, 31), key(NOBODY, 30), key(NOBODY, 40), key(2, 20)], &[]);
        let n_standing = newest.fates().iter().filter(|&&fate| fate == Fate::Stands).count();
        assert_eq!((n_standing, newest.brought()), (5, vec![3, 2]));
    }

    #[test]
    fn an_identifier_that_most_rows_share_replaces_nobody() {
        let rows: Vec<_> = (0..90).map(|n| ("a", ["north", "south"][n % 2], n as u128)).collect();
        assert!(fates(&rows).iter().all(|&fate| fate == Fate::Stands));
    }

    #[test]
    fn a_placeholder_among_identifiers_replaces_nobody() {
        let names: Vec<String> = (0..200).map(|n| if n % 4 == 0 { "0".into() } else { n.to_string() }).collect();
        let rows: Vec<_> = names.iter().zip(0..).map(|(name, n)| ("a", name.as_str(), n)).collect();
        assert!(fates(&rows).iter().all(|&fate| fate == Fate::Stands));
    }

    #[test]
    fn a_number_of_a_workbook_is_the_text_of_a_csv_file() {
        assert_eq!(identity_of(Cell::Number(1042.0)), identity_of(Cell::Text(" 1042")));
        assert_ne!(identity_of(Cell::Number(1042.0)), identity_of(Cell::Text("01042")));
        assert_eq!(identity_of(Cell::Text("-")), NOBODY);
        for (text, whole) in [("9005.0", "9005"), ("90.00", "90"), ("0.0", "0"), ("100", "100")] {
            assert_eq!(without_zero_decimals(text), whole);
        }
        for text in ["", "0", ".0", "90.", "9.50", "1.2.0", "1..0", "A1.0", "-1.0", "٣.0"] {
            assert_eq!(without_zero_decimals(text), text);
        }
    }

    #[test]
    fn case_is_part_of_an_identifier_whose_letters_are_mixed() {
        let of = |text| identity_of(Cell::Text(text));
        for same in [
            ["C-001", "c-001", "'C-001"],
            ["Cust-001", "CUST-001", "cust-001"],
            ["Ann.Lee@Example.com", "ann.lee@example.com", "ANN.LEE@EXAMPLE.COM"],
            ["Kündin-1", "KÜNDIN-1", "kündin-1"],
            ["'+4712", "+4712", " ' +4712"],
        ] {
            assert!(same.iter().all(|text| of(text) == of(same[0])), "{same:?}");
        }
        let ids = [
            "0015g00000Xy00A",
            "0015g00000Xy00a",
            "0015g00000xy00a",
            "aB",
            "ABc",
            "abC",
            "abc",
            "Äb-Öc",
            "äb-öc",
            "001Xy2",
            "001xy2",
        ];
        let distinct: FxHashSet<u64> = ids.iter().map(|text| of(text)).collect();
        assert_eq!(distinct.len(), ids.len());
        let large = |number| identity_of(Cell::Number(number));
        assert_eq!([large(2_f64.powi(53)), large(1.234_567_890_123_45e16), large(-1e300)], [NOBODY; 3]);
        assert_eq!(large(2_f64.powi(53) - 1.0), of("9007199254740991"));
        assert_eq!([of("'"), of("'-")], [NOBODY; 2]);
    }

    proptest! {
        #[test]
        fn a_number_reads_as_ever(number in proptest::num::f64::ANY, whole: i64, small in -20_000_i64..20_000) {
            for number in [number, whole as f64, small as f64, small as f64 / 4.0, 9_007_199_254_740_992.0, -0.0] {
                prop_assert_eq!(number_text(number), number.to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn a_plain_identifier_is_read_as_any_other(
            text in "[ -~]{0,12}|'?[A-Za-z0@-]{0,18}|[A-Z]?[a-z]{0,9}|n/a|NaN| 0*[0-9]{1,4}\\.0{0,3}|[a-z]{60,70}|\\PC{0,6}"
        ) {
            prop_assert_eq!(identities_of(Cell::Text(&text)), identities_of_any(&text));
        }
    }

    #[test]
    fn a_key_is_the_same_after_it_was_written() {
        let key = RowKey { identity: 0x0123_4567_89ab_cdef, row_number: 0xfedc_ba98, hash: u128::MAX / 3 - 7 };
        assert_eq!(RowKey::from_bytes(&key.to_bytes()), key);
    }
}
