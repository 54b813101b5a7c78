//! A CSV file with a header in, the same rows with each row's segment out.
//!
//! Such a file has no end mark: one that was cut at a line's end cannot be told from a whole one.

use std::io::{self, BufWriter, Read, Write};

use csv::{ByteRecord, ErrorKind, ReaderBuilder, Writer};

use super::codes::ColumnCodes;
use super::place::Placer;
use super::stream::positions;
use super::{ADDED, AssignFault, AssignRequest, InputFault, Summary};
use crate::customer::{Cell, ColumnAt, DatePart, Part, find_columns, notes_on_unread};

/// Rows that are looked up together, and how many bytes they may have.
const CHUNK_ROWS: usize = 4_096;
const CHUNK_BYTES: usize = 8 << 20;
/// The longest line, in bytes.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Places the rows of the CSV file `input`, in UTF-8 with a header, and writes them to `output`.
///
/// # Errors
/// [`AssignFault`].
pub fn assign_csv(input: impl Read, output: impl Write, request: &AssignRequest<'_>) -> Result<Summary, AssignFault> {
    let mut rows = CsvRows::open(input)?;
    let names: Vec<&str> = rows.names.iter().map(String::as_str).collect();
    let places = find_columns(request.model.schema(), &names)?;
    let notes = notes_on_unread(request.model.schema(), &places, &names);
    let kept = positions(&names, request.keep)?;
    let mut placer = Placer::new(request);
    let mut out = Writer::from_writer(BufWriter::new(output));
    let header = kept.iter().filter_map(|&at| names.get(at).copied()).chain(ADDED);
    out.write_record(header).map_err(unwritten)?;
    let mut codes = vec![Vec::new(); places.len()];
    let mut row_places = Vec::with_capacity(CHUNK_ROWS);
    let mut chunk = Vec::new();
    while rows.next_chunk(&mut chunk)? {
        placer.make_room();
        fill_codes(&mut placer.columns, &places, &chunk, &mut codes)?;
        placer.place(&codes, &mut row_places)?;
        for (record, &place) in chunk.iter().zip(&row_places) {
            let Some(place) = placer.get(place) else { continue };
            let is_usable = place.fault.is_none();
            let answer = [
                if is_usable { place.cluster_id.to_string() } else { String::new() },
                if is_usable { place.strength.to_string() } else { String::new() },
                place.nearest_id.map(|id| id.to_string()).unwrap_or_default(),
                if is_usable { place.is_new.to_string() } else { String::new() },
                place.fault.unwrap_or_default().to_owned(),
            ];
            let cells = kept.iter().map(|&at| record.get(at).unwrap_or_default());
            out.write_record(cells.chain(answer.iter().map(String::as_bytes))).map_err(unwritten)?;
        }
    }
    out.flush().map_err(AssignFault::Output)?;
    Ok(placer.finish(request.version, notes))
}

/// Replaces `codes` by those of `records`, a list for each of the schema's columns.
pub(super) fn fill_codes(
    columns: &mut [ColumnCodes],
    places: &[ColumnAt],
    records: &[ByteRecord],
    codes: &mut [Vec<u32>],
) -> Result<(), InputFault> {
    for ((column, at), codes) in columns.iter_mut().zip(places).zip(codes) {
        codes.clear();
        for record in records {
            let cell = |position: usize| {
                let line = record.position().map_or(0, csv::Position::line);
                let bytes = record.get(position).unwrap_or_default();
                let damaged = |_| InputFault::Damaged(format!("line {line} is not UTF-8: save the file as UTF-8"));
                std::str::from_utf8(bytes).map_err(damaged)
            };
            let part = |position: Option<usize>, part| {
                position.map(|position| Ok(Part::read(part, Cell::Text(cell(position)?)))).transpose()
            };
            codes.push(match *at {
                ColumnAt::Absent => column.empty(),
                ColumnAt::Whole(position) => column.text(cell(position)?),
                ColumnAt::Parts { year, month, quarter } => {
                    let year = part(year, DatePart::Year)?;
                    let month = match part(month, DatePart::Month)? {
                        Some(month) => Some(month),
                        None => part(quarter, DatePart::Quarter)?,
                    };
                    column.parts(year, month)
                }
            });
        }
    }
    Ok(())
}

/// The rows below a header.
pub(super) struct CsvRows<R> {
    reader: csv::Reader<Metered<R>>,
    pub names: Vec<String>,
}

/// A reader that gives up on a line that does not end.
pub(super) struct Metered<R> {
    input: R,
    since_line: u64,
}

impl<R: Read> CsvRows<R> {
    /// Reads the header.
    pub fn open(input: R) -> Result<Self, InputFault> {
        let mut reader = ReaderBuilder::new().from_reader(Metered { input, since_line: 0 });
        let names = reader.headers().map_err(|error| unread(&error))?;
        if names.is_empty() {
            return Err(InputFault::Damaged("the input is empty: it needs a header".to_owned()));
        }
        let names = names.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
        Ok(Self { reader, names })
    }

    /// Replaces `chunk` by the next rows; whether there were any.
    pub fn next_chunk(&mut self, chunk: &mut Vec<ByteRecord>) -> Result<bool, InputFault> {
        let (mut n_rows, mut n_bytes) = (0, 0);
        while n_rows < CHUNK_ROWS && n_bytes < CHUNK_BYTES {
            if chunk.len() == n_rows {
                chunk.push(ByteRecord::new());
            }
            let Some(record) = chunk.get_mut(n_rows) else { break };
            self.reader.get_mut().since_line = 0;
            if !self.reader.read_byte_record(record).map_err(|error| unread(&error))? {
                break;
            }
            n_rows += 1;
            n_bytes += record.as_slice().len();
        }
        chunk.truncate(n_rows);
        Ok(n_rows > 0)
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_line > MAX_LINE_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 16 MB"));
        }
        let n = self.input.read(buffer)?;
        self.since_line += n as u64;
        Ok(n)
    }
}

fn unread(error: &csv::Error) -> InputFault {
    let line = error.position().map_or(0, csv::Position::line);
    InputFault::Damaged(match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("line {line} has {len} cells where the header has {expected_len}")
        }
        ErrorKind::Utf8 { .. } => "the header is not UTF-8: save the file as UTF-8".to_owned(),
        ErrorKind::Io(error) => format!("the input cannot be read: {error}"),
        _ => format!("line {line} is not CSV"),
    })
}

fn unwritten(error: csv::Error) -> AssignFault {
    AssignFault::Output(match error.into_kind() {
        ErrorKind::Io(error) => error,
        _ => io::Error::other("the row cannot be written as CSV"),
    })
}
