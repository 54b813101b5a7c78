//! Delimited text: `.csv`, `.tsv` and their kin.

mod lines;
mod quotes;
mod record_feed;
mod records;
mod rows_ahead;

use std::io::{Read, Seek, SeekFrom};
use std::sync::PoisonError;

use crate::customer::{MissingColumns, Note, TableBuilder};

use super::ahead::Helpers;
use super::encoding::{DELIMITERS, Foreign, TextEncoding};
use super::feed::{SheetEnd, SheetFeed};
use super::{Limits, WorkbookError};

use record_feed::read_record;
use records::{Records, Strays};

/// How much of the text is split by each delimiter to find out which, in bytes.
const SAMPLE_BYTES: u64 = 32 * 1024;
/// How many lines of it.
const SAMPLE_LINES: usize = 20;

/// Reads a text by the delimiter that finds most of the schema's columns, by several threads where there are `helpers`.
pub(super) fn read<R: Read + Seek + Send>(
    mut source: R,
    builder: &mut TableBuilder,
    limits: &Limits,
    helpers: Option<&Helpers>,
) -> Result<(), WorkbookError> {
    let encoding = TextEncoding::detect(&mut source)?;
    let mut sample = Vec::new();
    let text = encoding.decode(&mut source, None);
    text.take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(|cause| WorkbookError::UnreadableText(cause.into()))?;
    if sample.trim_ascii().is_empty() {
        return Err(WorkbookError::Empty);
    }
    source.seek(SeekFrom::Start(0)).map_err(WorkbookError::io)?;
    let split = Split::sniff(&String::from_utf8_lossy(&sample), builder);

    let text = encoding.decode(source, Some(split.delimiter));
    let foreign = text.foreign();
    let mut records = Records::new(text, split.delimiter, limits.max_cell_bytes);
    builder.begin_sheet(false);
    let rows_before = builder.rows_read();
    let mut feed = SheetFeed::new(builder, limits, rows_before, Some(&[]));
    let mut readers = None;
    while readers.is_none() && read_record(&mut records, &mut feed)? {
        readers = helpers.and_then(|helpers| feed.readers_ahead(helpers.n_lookers()));
    }
    let strays = match helpers.zip(readers) {
        Some((helpers, readers)) => rows_ahead::read(records, &mut feed, helpers, readers)?,
        None => records.strays(),
    };
    if let SheetEnd::NoHeader(missing) = feed.end()? {
        return Err(split.no_header(missing));
    }
    builder.set_encoding(&encoding.name());
    let foreign = *foreign.lock().unwrap_or_else(PoisonError::into_inner);
    let notes = [encoding_note(encoding, foreign), quotes_note(strays), split.note()];
    notes.into_iter().flatten().for_each(|note| builder.add_note(note));
    Ok(())
}

/// What a person should know of how letters were read: nothing, where the text is UTF-8 or says what it is.
fn encoding_note(encoding: TextEncoding, foreign: Foreign) -> Option<Note> {
    let (name, legacy) = (encoding.name(), encoding.guessed()?.name());
    let cells = |n: u64| if n == 1 { "one cell".to_owned() } else { format!("{n} cells") };
    let others = cells(foreign.cells);
    let (code, mut sentence) = match (name == legacy, foreign.cells) {
        (true, 0) => {
            (Note::ENCODING_GUESSED, format!("The text is not UTF-8; going by its letters it was read as {name}."))
        }
        (true, _) => (
            Note::ENCODINGS_MIXED,
            format!("The text was read as {name}, going by its letters, except for {others} in UTF-8."),
        ),
        (false, _) => (Note::ENCODINGS_MIXED, format!("The text is UTF-8, except for {others} read as {legacy}.")),
    };
    if foreign.damaged > 0 {
        sentence.push_str(&format!(" In {} not every letter could be read.", cells(foreign.damaged)));
    }
    sentence.push_str(" If names look wrong, save the file as CSV in UTF-8 and send it again.");
    Some(Note::new(code, sentence))
}

/// What a person should know of quotes that were taken for text.
fn quotes_note(Strays { n_lines, first_line }: Strays) -> Option<Note> {
    let sentence = match n_lines {
        0 => return None,
        1 => format!("Line {first_line} opens a quote that is never closed; the quote was read as text."),
        _ => format!(
            "{n_lines} lines open a quote that is never closed, line {first_line} first; they were read as text."
        ),
    };
    Some(Note::new(Note::QUOTES_AS_TEXT, sentence))
}

/// How a text falls apart.
struct Split {
    delimiter: u8,
    /// The most cells that any row of the sample has.
    width: usize,
    /// Whether each line of the sample is in quotes as a whole, and holds further cells.
    has_lines_in_quotes: bool,
    /// What separates the cells of every row below the first line that names columns, where it is not the delimiter.
    below: Option<u8>,
}

impl Split {
    /// The delimiter that finds most of the schema's columns in a line, or else most cells; the first wins a tie.
    /// Quotes are passed over: one that is never closed is not a reason to miss the header.
    fn sniff(sample: &str, builder: &TableBuilder) -> Self {
        let lines = || sample.split(['\n', '\r']).filter(|line| !line.is_empty()).take(SAMPLE_LINES);
        let mut best = ((0, 0), b',');
        for delimiter in announced(sample).into_iter().chain(DELIMITERS) {
            let scores = lines().map(|line| {
                let cells = || line.split(char::from(delimiter));
                (builder.count_matches(cells().map(|cell| cell.trim().trim_matches('"'))), cells().count())
            });
            let score = scores.fold((0, 0), |(matches, width), (m, w)| (matches, width).max((m, w)));
            if score > best.0 {
                best = (score, delimiter);
            }
        }
        let ((n_matched, width), delimiter) = best;
        let is_in_quotes = |line: &str| {
            let inner = line.strip_prefix('"').and_then(|line| line.strip_suffix('"'));
            inner.is_some_and(|inner| inner.contains(char::from(delimiter)) && !inner.replace("\"\"", "").contains('"'))
        };
        let matches = |line: &str| {
            builder.count_matches(line.split(char::from(delimiter)).map(|cell| cell.trim().trim_matches('"')))
        };
        let rows = || lines().skip_while(|line| matches(line) < n_matched).skip(1);
        // The last line of a sample may be cut.
        let have = |other: u8| {
            rows().next().is_some()
                && rows().all(|line| !line.contains(char::from(delimiter)) && line.contains(char::from(other)))
        };
        let below = DELIMITERS.into_iter().find(|&other| n_matched > 1 && other != delimiter && have(other));
        Self { delimiter, width, has_lines_in_quotes: n_matched > 1 && lines().all(is_in_quotes), below }
    }

    /// What a person should know where the rows are separated by another character than the header.
    fn note(&self) -> Option<Note> {
        let [header, rows] = [self.delimiter, self.below?].map(|delimiter| match delimiter {
            b'\t' => "a tab".to_owned(),
            other => format!("{:?}", char::from(other)),
        });
        let sentence = format!(
            "the header is separated by {header} and the rows below it by {rows}: let one character separate all cells"
        );
        Some(Note::new(Note::DELIMITERS_DIFFER, sentence))
    }

    /// The error of a text without the header: prose gets another one than a table with other columns.
    fn no_header(&self, missing: MissingColumns) -> WorkbookError {
        if missing.n_matched == 0 && self.width < 2 {
            return WorkbookError::NotAWorkbook { found: "text without columns".to_owned() };
        }
        WorkbookError::MissingColumns(MissingColumns { has_lines_in_quotes: self.has_lines_in_quotes, ..missing })
    }
}

/// The delimiter that a first line `sep=;` names, as Excel reads and writes it.
fn announced(sample: &str) -> Option<u8> {
    let line = sample.split(['\n', '\r']).next()?.trim_matches('"');
    let (word, delimiter) = line.split_at_checked(4)?;
    match delimiter.as_bytes() {
        [delimiter] if word.eq_ignore_ascii_case("sep=") && delimiter.is_ascii() && *delimiter != b'"' => {
            Some(*delimiter)
        }
        _ => None,
    }
}
