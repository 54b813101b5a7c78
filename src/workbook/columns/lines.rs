//! A file of columns line by line: its titles with what they say of the hashes, then each row with its own.

use std::io::{Read, Take};

use ::csv::{Reader, ReaderBuilder, StringRecord};

use super::super::WorkbookError;
use crate::customer::IdentifierDigits;

/// The last two titles, those of the hashes.
const CUSTOMER: &str = "customer";
const ROW: &str = "row";
/// What the mark of the key begins with, and the numbers of rows of those who were erased.
const MARK: &str = "k:";
const ERASED: &str = "e:";
/// The longest file, in bytes: a million rows of a schema with many columns.
const MAX_BYTES: u64 = 1 << 30;

/// Why a line is not one of such a file.
#[derive(Debug, thiserror::Error)]
#[error("it is not as it was written")]
struct Changed;

/// The lines, as they come.
pub(super) struct Lines<R> {
    file: Reader<Take<R>>,
    pub titles: Titles,
    line: StringRecord,
}

impl<R: Read> Lines<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// [`WorkbookError::Damaged`] where it is not that of such a file, [`WorkbookError::Io`].
    pub fn open(source: R) -> Result<Self, WorkbookError> {
        let mut file = ReaderBuilder::new().has_headers(false).from_reader(source.take(MAX_BYTES));
        let mut line = StringRecord::new();
        file.read_record(&mut line).map_err(unreadable)?;
        let titles = Titles::read(&line).ok_or_else(changed)?;
        Ok(Self { file, titles, line })
    }

    /// The line that was read last, with the hashes at its end.
    pub fn line(&self) -> &StringRecord {
        &self.line
    }

    /// Reads the next row, and returns the hashes of its customer, 0 where it has none, and of all its cells.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn next_row(&mut self) -> Result<Option<(u64, u128)>, WorkbookError> {
        if !self.file.read_record(&mut self.line).map_err(unreadable)? {
            return Ok(None);
        }
        self.titles.hashes_in(&self.line).map(Some).ok_or_else(changed)
    }
}

/// What the first line says beside the titles of the columns.
#[derive(Debug)]
pub(super) struct Titles {
    /// How many columns were kept.
    pub n_columns: usize,
    /// How the identifiers were written that are hashed.
    pub digits: IdentifierDigits,
    /// The mark of the key; `None` in a file of an earlier version.
    pub mark: Option<String>,
    /// How many different rows each customer had who was erased since.
    pub erased: Vec<usize>,
}

impl Titles {
    /// Reads the line; `None` where it is another file's.
    fn read(line: &StringRecord) -> Option<Self> {
        let n_columns = line.len().checked_sub(2).filter(|&n| n > 0)?;
        if line.get(n_columns + 1) != Some(ROW) {
            return None;
        }
        let mut words = line.get(n_columns)?.split(' ').peekable();
        if words.next() != Some(CUSTOMER) {
            return None;
        }
        let mut marked = |with: &str| words.next_if(|word| word.starts_with(with))?.strip_prefix(with);
        let (mark, erased) = (marked(MARK).map(str::to_owned), marked(ERASED));
        let numbers = erased.into_iter().flat_map(|numbers| numbers.split(','));
        let erased = numbers.map(|number| number.parse().ok()).collect::<Option<Vec<usize>>>()?;
        let digits = words.next().map_or(Some(IdentifierDigits::default()), |digits| digits.parse().ok())?;
        words.next().is_none().then_some(Self { n_columns, digits, mark, erased })
    }

    /// The titles of the hashes.
    pub fn of_hashes(&self) -> [String; 2] {
        let mut customer = CUSTOMER.to_owned();
        if let Some(mark) = &self.mark {
            customer.push_str(&format!(" {MARK}{mark}"));
        }
        if !self.erased.is_empty() {
            let numbers: Vec<String> = self.erased.iter().map(usize::to_string).collect();
            customer.push_str(&format!(" {ERASED}{}", numbers.join(",")));
        }
        if !self.digits.is_empty() {
            customer.push_str(&format!(" {}", self.digits));
        }
        [customer, ROW.to_owned()]
    }

    /// Whether the hashes may be by the key of this mark.
    pub fn may_be_by(&self, mark: &str) -> bool {
        self.mark.as_deref().is_none_or(|known| known == mark)
    }

    fn hashes_in(&self, line: &StringRecord) -> Option<(u64, u128)> {
        let (customer, row) = (line.get(self.n_columns)?, line.get(self.n_columns + 1)?);
        let customer = if customer.is_empty() { 0 } else { u64::from_str_radix(customer, 16).ok()? };
        Some((customer, u128::from_str_radix(row, 16).ok()?))
    }
}

/// What an error of the CSV reader, or of its writer, is here.
pub(super) fn unreadable(error: ::csv::Error) -> WorkbookError {
    match error.into_kind() {
        ::csv::ErrorKind::Io(cause) => WorkbookError::Io(cause.into()),
        _ => changed(),
    }
}

/// The file is not as it was written.
pub(super) fn changed() -> WorkbookError {
    WorkbookError::Damaged(Changed.into())
}
