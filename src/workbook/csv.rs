//! Delimited text: `.csv`, `.tsv` and their kin.

use std::io::{Read, Seek, SeekFrom};

use csv::{ByteRecord, ReaderBuilder};

use crate::customer::{Cell, TableBuilder};

use super::encoding::TextEncoding;
use super::feed::{SheetEnd, SheetFeed};
use super::{Limits, WorkbookError};

/// The delimiters that are tried; the first wins a tie.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How much of the text is split by each delimiter to find out which, in bytes.
const SAMPLE_BYTES: u64 = 32 * 1024;
/// How many rows of it.
const SAMPLE_ROWS: usize = 20;

/// Reads a text by the delimiter that finds most of the schema's columns.
pub(super) fn read<R: Read + Seek>(
    mut source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
) -> Result<(), WorkbookError> {
    let encoding = TextEncoding::detect(&mut source)?;
    let mut sample = Vec::new();
    encoding.decode(&mut source).take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(unreadable)?;
    if sample.trim_ascii().is_empty() {
        return Err(WorkbookError::Empty);
    }
    source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
    let split = Split::sniff(&sample, builder);

    let mut rows = reader(split.delimiter, encoding.decode(source));
    builder.begin_sheet(false);
    let rows_before = builder.rows_read();
    let mut feed = SheetFeed::new(builder, limits, rows_before, Some(&[]));
    let mut record = ByteRecord::new();
    let mut lines = Lines { is_crlf: sample.windows(2).any(|pair| pair == b"\r\n"), ..Lines::default() };
    while rows.read_byte_record(&mut record).map_err(csv_error)? {
        let row = lines.row(&record, &rows);
        feed.open_row(row)?;
        if feed.is_counting() {
            break;
        }
        for (column, field) in record.iter().enumerate() {
            let text = std::str::from_utf8(field)
                .map_err(|cause| unreadable(std::io::Error::new(std::io::ErrorKind::InvalidData, cause)))?;
            feed.cell(column, Cell::Text(text))?;
        }
    }
    match feed.end()? {
        SheetEnd::Read | SheetEnd::Merged(_) => Ok(()),
        SheetEnd::NoHeader(missing) => Err(split.no_header(missing)),
    }
}

/// Which row of a sheet a record becomes.
#[derive(Default)]
struct Lines {
    is_crlf: bool,
    /// Line breaks inside cells so far: lines of the file, but no rows.
    breaks_in_cells: u64,
    next_row: u32,
}

impl Lines {
    /// The row of the record that was read last, counted from 0, blank lines included.
    fn row<R: Read>(&mut self, record: &ByteRecord, rows: &csv::Reader<R>) -> u32 {
        self.breaks_in_cells += record.as_slice().iter().filter(|b| **b == b'\n').count() as u64;
        // A record ends with the first byte of its line break: only when that is the `\n` has the line been counted.
        let is_counted = !self.is_crlf && !rows.is_done();
        let line = rows.position().line().saturating_sub(u64::from(is_counted) + self.breaks_in_cells + 1);
        // Where line breaks are mixed the count may lag; records are never one row.
        let row = u32::try_from(line).unwrap_or(u32::MAX).max(self.next_row);
        self.next_row = row.saturating_add(1);
        row
    }
}

/// How a text falls apart.
struct Split {
    delimiter: u8,
    /// The most cells that any row of the sample has.
    width: usize,
}

impl Split {
    fn sniff(sample: &[u8], builder: &TableBuilder) -> Self {
        let mut best = ((0, 0), b',');
        for delimiter in DELIMITERS {
            let mut rows = reader(delimiter, sample);
            let mut record = ByteRecord::new();
            let mut score = (0, 0);
            for _ in 0..SAMPLE_ROWS {
                if !matches!(rows.read_byte_record(&mut record), Ok(true)) {
                    break;
                }
                let matches = builder.count_matches(record.iter().filter_map(|cell| std::str::from_utf8(cell).ok()));
                score = score.max((matches, record.len()));
            }
            if score > best.0 {
                best = (score, delimiter);
            }
        }
        let ((_, width), delimiter) = best;
        Self { delimiter, width }
    }

    /// The error of a text without the header: prose is told from a table with other columns.
    fn no_header(&self, missing: crate::customer::MissingColumns) -> WorkbookError {
        if missing.n_matched == 0 && self.width < 2 {
            return WorkbookError::NotAWorkbook { found: "text without columns".to_owned() };
        }
        WorkbookError::MissingColumns(missing)
    }
}

fn reader<R: Read>(delimiter: u8, text: R) -> csv::Reader<R> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(64 * 1024)
        .from_reader(text)
}

fn csv_error(error: csv::Error) -> WorkbookError {
    if error.is_io_error() { WorkbookError::io(error) } else { WorkbookError::UnreadableText(error.into()) }
}

fn unreadable(cause: std::io::Error) -> WorkbookError {
    WorkbookError::UnreadableText(cause.into())
}
