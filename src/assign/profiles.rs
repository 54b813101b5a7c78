//! What a `GROUP BY` yields, read as customers to train on: profiles, each with the number of customers who have it.

use std::io::{self, Read};
use std::sync::Arc;

use jiff::civil::Date;

use super::arrays::{Plan, whole_numbers};
use super::codes::ColumnCodes;
use super::csv::{CsvRows, fill_codes};
use super::ipc::{StreamReader, is_stream};
use super::{CHUNK_ROWS, InputFault};
use crate::customer::{
    ColumnAt, CustomerTable, Note, Schema, TooManyCustomers, WeightedRows, WrongColumns, columns_used, find_columns,
    normalize_header, notes_on_unread,
};

/// What the column of the numbers of customers may be called; the first that is there counts.
const COUNTS: [&str; 3] = ["customers", "count", "n"];

/// How profiles are read.
#[derive(Debug, Clone)]
pub struct ProfilesRequest {
    /// The columns.
    pub schema: Arc<Schema>,
    /// The day after which a date is in the future.
    pub today: Date,
    /// The most rows.
    pub max_rows: usize,
    /// The most different values of one column.
    pub max_values: usize,
}

/// Why profiles cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfilesError {
    /// A column is missing, or of a type that is not taken.
    #[error("{0}")]
    Columns(String),
    /// No column says how many customers have a profile.
    #[error("the input needs a column \"customers\" (or count, n): how many customers have the profile")]
    NoCounts,
    /// A number of customers is not a whole number from 1, or too large.
    #[error("row {row}: customers must be a whole number from 1 to {}", u32::MAX)]
    NotACount {
        /// The row; the first below the header is 2.
        row: u32,
    },
    /// There are more rows than may be read.
    #[error("there are more than {0} profiles: group by the schema's columns alone, or raise MAX_ROWS")]
    TooManyRows(usize),
    /// A column has more different values than one that can be learned from.
    #[error("a column has more than {0} different values: it names customers rather than groups of them")]
    TooManyValues(usize),
    /// All profiles together stand for more customers than a training counts.
    #[error(transparent)]
    TooManyCustomers(#[from] TooManyCustomers),
    /// The input is damaged or was cut.
    #[error(transparent)]
    Input(#[from] InputFault),
}

/// Reads a CSV file or an Arrow IPC stream of profiles: the schema's columns by any of their names, a date also by its
/// parts, and `customers` (or `count`, `n`).
///
/// # Errors
/// [`ProfilesError`] for the first thing that is wrong; nothing is read past it.
pub fn read_profiles(mut input: impl Read, request: &ProfilesRequest) -> Result<CustomerTable, ProfilesError> {
    let mut start = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut start).map_err(InputFault::Unreadable)?;
    let is_arrow = <[u8; 4]>::try_from(start.as_slice()).is_ok_and(is_stream);
    let input = io::Cursor::new(start).chain(input);
    if is_arrow { of_arrow(input, request) } else { of_csv(input, request) }
}

fn of_csv(input: impl Read, request: &ProfilesRequest) -> Result<CustomerTable, ProfilesError> {
    let mut rows = CsvRows::open(input)?;
    let names: Vec<&str> = rows.names.iter().map(String::as_str).collect();
    let places = find_columns(&request.schema, &names)?;
    let counts = Counts::among(&names, &places)?;
    let mut profiles = Profiles::new(request, &names, &places, &counts);
    let mut codes = vec![Vec::new(); places.len()];
    let mut chunk = Vec::new();
    while rows.next_chunk(&mut chunk)? {
        profiles.make_room();
        fill_codes(&mut profiles.columns, &places, &chunk, &mut codes)?;
        let count = |record: &csv::ByteRecord| {
            std::str::from_utf8(record.get(counts.at).unwrap_or_default()).ok()?.trim().parse::<i64>().ok()
        };
        profiles.add(&codes, chunk.iter().map(count))?;
    }
    Ok(profiles.rows.finish())
}

fn of_arrow(input: impl Read, request: &ProfilesRequest) -> Result<CustomerTable, ProfilesError> {
    let mut stream = StreamReader::open(input)?;
    let fields = stream.schema().fields().clone();
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let places = find_columns(&request.schema, &names)?;
    let counts = Counts::among(&names, &places)?;
    let mut plan = Plan::new(&request.schema, &fields).map_err(|error| ProfilesError::Columns(error.to_string()))?;
    let mut profiles = Profiles::new(request, &names, &places, &counts);
    let mut codes = vec![Vec::new(); request.schema.columns.len()];
    while let Some(batch) = stream.next_batch()? {
        for first in (0..batch.num_rows()).step_by(CHUNK_ROWS) {
            profiles.make_room();
            let chunk = batch.slice(first, CHUNK_ROWS.min(batch.num_rows() - first));
            plan.codes(&mut profiles.columns, &chunk, &mut codes);
            let numbers = chunk.columns().get(counts.at).and_then(whole_numbers).ok_or(ProfilesError::NoCounts)?;
            profiles.add(&codes, numbers.into_iter())?;
        }
    }
    Ok(profiles.rows.finish())
}

/// The numbers of customers: a column that the schema does not read.
struct Counts {
    at: usize,
    /// What a person should know of others with such a name.
    note: Option<Note>,
}

impl Counts {
    fn among(names: &[&str], places: &[ColumnAt]) -> Result<Self, ProfilesError> {
        let is_read = |position: usize| places.iter().any(|at| at.positions().any(|read| read == position));
        let named = |wanted: &&str| {
            let named = (0..).zip(names).filter(|(_, name)| normalize_header(name) == **wanted);
            named.map(|(position, _)| position).filter(|&position| !is_read(position)).collect::<Vec<usize>>()
        };
        let all: Vec<usize> = COUNTS.iter().flat_map(named).collect();
        let (&at, others) = all.split_first().ok_or(ProfilesError::NoCounts)?;
        let name = |position: usize| format!("{:?}", names.get(position).copied().unwrap_or_default());
        let others: Vec<String> = others.iter().map(|&other| name(other)).collect();
        let sentence = |is| {
            let (read, others) = (name(at), others.join(" and "));
            format!(
                "The numbers of customers were read from {read}; {others} {is} named for them as well and not used."
            )
        };
        let note = match others.len() {
            0 => None,
            1 => Some(sentence("is")),
            _ => Some(sentence("are")),
        };
        Ok(Self { at, note: note.map(|sentence| Note::new(Note::COLUMNS_ALIKE, sentence)) })
    }
}

/// Profiles that were read so far.
struct Profiles<'a> {
    request: &'a ProfilesRequest,
    columns: Vec<ColumnCodes>,
    rows: WeightedRows,
    n_rows: usize,
}

impl<'a> Profiles<'a> {
    fn new(request: &'a ProfilesRequest, names: &[&str], places: &[ColumnAt], counts: &Counts) -> Self {
        let schema = &request.schema;
        let mut rows = WeightedRows::new(schema.clone(), columns_used(schema, places, names));
        notes_on_unread(schema, places, names).into_iter().chain(counts.note.clone()).for_each(|note| rows.note(note));
        Self { request, columns: Self::columns(request), rows, n_rows: 0 }
    }

    fn columns(request: &ProfilesRequest) -> Vec<ColumnCodes> {
        request.schema.columns.iter().map(|column| ColumnCodes::new(column, request.today)).collect()
    }

    fn make_room(&mut self) {
        if self.columns.iter().any(ColumnCodes::is_full) {
            self.columns = Self::columns(self.request);
        }
    }

    fn add(&mut self, codes: &[Vec<u32>], counts: impl Iterator<Item = Option<i64>>) -> Result<(), ProfilesError> {
        for (at, count) in counts.enumerate() {
            self.n_rows += 1;
            if self.n_rows > self.request.max_rows {
                return Err(ProfilesError::TooManyRows(self.request.max_rows));
            }
            let row = u32::try_from(self.n_rows).unwrap_or(u32::MAX).saturating_add(1);
            let count = count.and_then(|count| u32::try_from(count).ok()).filter(|&count| count > 0);
            let count = count.ok_or(ProfilesError::NotACount { row })?;
            let readings = self.columns.iter().zip(codes);
            let readings = readings.filter_map(|(column, codes)| codes.get(at).map(|&code| column.reading(code)));
            self.rows.add(row, readings, count)?;
        }
        match self.rows.most_values() > self.request.max_values {
            true => Err(ProfilesError::TooManyValues(self.request.max_values)),
            false => Ok(()),
        }
    }
}

impl From<WrongColumns> for ProfilesError {
    fn from(error: WrongColumns) -> Self {
        Self::Columns(error.to_string())
    }
}
