//! The schema's columns in the arrays of a batch: which types are taken, and their cells as codes.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTimestampType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Fields, TimeUnit};

use super::AssignFault;
use super::codes::ColumnCodes;
use super::zone::Clock;
use crate::customer::{Cell, ColumnAt, DatePart, Kind, Note, Part, Schema, find_columns, notes_on_unread};

const DAY_MS: i64 = 86_400_000;
/// No code yet.
const UNKNOWN: u32 = u32::MAX;

/// Where the schema's columns are in a batch, and how their cells are read.
#[derive(Debug)]
pub(super) struct Plan {
    columns: Vec<Planned>,
    /// What a person should know of columns that are not read.
    pub notes: Vec<Note>,
}

#[derive(Debug)]
struct Planned {
    at: ColumnAt,
    clock: Clock,
}

impl Plan {
    /// Finds the schema's columns among `fields`.
    ///
    /// # Errors
    /// [`AssignFault::Columns`] where a required one is missing, or one is of a type that is not taken.
    pub fn new(schema: &Schema, fields: &Fields) -> Result<Self, AssignFault> {
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let places = find_columns(schema, &names)?;
        let notes = notes_on_unread(schema, &places, &names);
        let columns = schema.columns.iter().zip(places).map(|(column, at)| {
            let mut clock = Clock::Wall;
            for position in at.positions() {
                let Some(field) = fields.get(position) else { continue };
                let needed = match at {
                    ColumnAt::Parts { .. } => needed_for_part(field.data_type()),
                    _ => needed_for(&column.kind, field.data_type()),
                };
                if let Some(needed) = needed {
                    let (name, kind) = (field.name(), field.data_type());
                    return Err(AssignFault::Columns(format!("the column {name:?} is {kind}: it must be {needed}")));
                }
                if let DataType::Timestamp(_, zone) = field.data_type() {
                    let unknown = || AssignFault::Columns(format!("the time zone of {:?} is not known", field.name()));
                    clock = Clock::of(zone.as_deref()).ok_or_else(unknown)?;
                }
            }
            Ok(Planned { at, clock })
        });
        Ok(Self { columns: columns.collect::<Result<_, _>>()?, notes })
    }

    /// Replaces `codes` by those of the rows of `batch`, a list for each of the schema's columns.
    pub fn codes(&mut self, columns: &mut [ColumnCodes], batch: &RecordBatch, codes: &mut [Vec<u32>]) {
        let n_rows = batch.num_rows();
        for ((planned, column), codes) in self.columns.iter_mut().zip(columns).zip(codes) {
            codes.clear();
            let array = |position: usize| batch.columns().get(position);
            match planned.at {
                ColumnAt::Absent => {}
                ColumnAt::Whole(position) => {
                    if let Some(array) = array(position) {
                        whole(column, array, &mut planned.clock, codes);
                    }
                }
                ColumnAt::Parts { year, month, quarter } => {
                    let part = |position: Option<usize>, part| Some(read_parts(array(position?)?, part));
                    let year = part(year, DatePart::Year);
                    let month = part(month, DatePart::Month).or_else(|| part(quarter, DatePart::Quarter));
                    let of = |parts: &Option<Vec<Part>>, row: usize| parts.as_ref()?.get(row).copied();
                    codes.extend((0..n_rows).map(|row| column.parts(of(&year, row), of(&month, row))));
                }
            }
            codes.resize(n_rows, column.empty());
        }
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => {
            matches!(**values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        }
        _ => false,
    }
}

/// What a column of this kind must be, where it is not.
fn needed_for(kind: &Kind, given: &DataType) -> Option<&'static str> {
    let (is_taken, needed) = match kind {
        Kind::Category { .. } | Kind::Ordinal { .. } => (is_text(given), "text"),
        Kind::Date { .. } => {
            let is_time = matches!(given, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
            (is_text(given) || is_time, "a date, a timestamp or text")
        }
        Kind::Number { .. } => {
            (is_text(given) || given.is_integer() || given.is_floating() || given.is_decimal(), "a number or text")
        }
    };
    (!is_taken).then_some(needed)
}

fn needed_for_part(given: &DataType) -> Option<&'static str> {
    (!is_text(given) && !given.is_integer()).then_some("a whole number or text")
}

/// The cells of a column that is a column of the schema.
fn whole(column: &mut ColumnCodes, array: &ArrayRef, clock: &mut Clock, codes: &mut Vec<u32>) {
    match array.data_type() {
        DataType::Utf8 => texts(column, array.as_string::<i32>().iter(), codes),
        DataType::LargeUtf8 => texts(column, array.as_string::<i64>().iter(), codes),
        DataType::Utf8View => texts(column, array.as_string_view().iter(), codes),
        DataType::Dictionary(..) => dictionary(column, array, codes),
        DataType::Date32 => each::<Date32Type>(column, array, codes, |column, day| column.day(Some(day))),
        DataType::Date64 => {
            each::<Date64Type>(column, array, codes, |column, ms| column.day(i32::try_from(ms.div_euclid(DAY_MS)).ok()))
        }
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => times::<TimestampSecondType>(column, array, clock, 1, codes),
            TimeUnit::Millisecond => times::<TimestampMillisecondType>(column, array, clock, 1_000, codes),
            TimeUnit::Microsecond => times::<TimestampMicrosecondType>(column, array, clock, 1_000_000, codes),
            TimeUnit::Nanosecond => times::<TimestampNanosecondType>(column, array, clock, 1_000_000_000, codes),
        },
        _ => numbers(column, array, codes),
    }
}

fn texts<'a>(column: &mut ColumnCodes, texts: impl Iterator<Item = Option<&'a str>>, codes: &mut Vec<u32>) {
    codes.extend(texts.map(|text| match text {
        Some(text) => column.text(text),
        None => column.empty(),
    }));
}

fn each<T: ArrowPrimitiveType>(
    column: &mut ColumnCodes,
    array: &ArrayRef,
    codes: &mut Vec<u32>,
    mut code: impl FnMut(&mut ColumnCodes, T::Native) -> u32,
) {
    codes.extend(array.as_primitive::<T>().iter().map(|cell| match cell {
        Some(cell) => code(column, cell),
        None => column.empty(),
    }));
}

fn times<T: ArrowTimestampType>(
    column: &mut ColumnCodes,
    array: &ArrayRef,
    clock: &mut Clock,
    per_second: i64,
    codes: &mut Vec<u32>,
) {
    each::<T>(column, array, codes, |column, time| column.day(clock.day(time.div_euclid(per_second))));
}

/// The text at a position of an array of texts.
fn text_at(array: &dyn Array, at: usize) -> Option<&str> {
    if array.is_null(at) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(at)),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().value(at)),
        DataType::Utf8View => Some(array.as_string_view().value(at)),
        _ => None,
    }
}

/// The texts of a dictionary, each looked up once.
fn dictionary(column: &mut ColumnCodes, array: &ArrayRef, codes: &mut Vec<u32>) {
    let mut code_of: Vec<u32> = Vec::new();
    each_text(array, |at, text| {
        if code_of.len() <= at {
            code_of.resize(at + 1, UNKNOWN);
        }
        let code = match (code_of.get(at), text) {
            (Some(&code), _) if code != UNKNOWN => code,
            (_, Some(text)) => column.text(text),
            (_, None) => column.empty(),
        };
        if let Some(slot) = code_of.get_mut(at) {
            *slot = code;
        }
        codes.push(code);
    });
}

/// Hands over each row's text with its position in the dictionary; that of a row without one is behind the last.
fn each_text(array: &ArrayRef, mut take: impl FnMut(usize, Option<&str>)) {
    let dictionary = array.as_any_dictionary();
    let (values, keys) = (dictionary.values(), dictionary.keys());
    let positions = if values.is_empty() { vec![0; keys.len()] } else { dictionary.normalized_keys() };
    for (row, at) in positions.into_iter().enumerate() {
        let at = if keys.is_null(row) { values.len() } else { at };
        take(at, (at < values.len()).then(|| text_at(values.as_ref(), at)).flatten());
    }
}

fn numbers(column: &mut ColumnCodes, array: &ArrayRef, codes: &mut Vec<u32>) {
    /// A decimal's number, by way of its text: a division would round twice.
    macro_rules! decimals {
        ($kind:ty) => {{
            let decimals = array.as_primitive::<$kind>();
            codes.extend((0..decimals.len()).map(|row| {
                if decimals.is_null(row) {
                    return column.empty();
                }
                column.number(decimals.value_as_string(row).parse().unwrap_or(f64::NAN))
            }));
        }};
    }
    macro_rules! plain {
        ($kind:ty) => {
            each::<$kind>(column, array, codes, |column, number| column.number(number as f64))
        };
    }
    match array.data_type() {
        DataType::Int8 => plain!(Int8Type),
        DataType::Int16 => plain!(Int16Type),
        DataType::Int32 => plain!(Int32Type),
        DataType::Int64 => plain!(Int64Type),
        DataType::UInt8 => plain!(UInt8Type),
        DataType::UInt16 => plain!(UInt16Type),
        DataType::UInt32 => plain!(UInt32Type),
        DataType::UInt64 => plain!(UInt64Type),
        DataType::Float16 => each::<Float16Type>(column, array, codes, |column, number| column.number(number.to_f64())),
        DataType::Float32 => plain!(Float32Type),
        DataType::Float64 => plain!(Float64Type),
        DataType::Decimal32(..) => decimals!(Decimal32Type),
        DataType::Decimal64(..) => decimals!(Decimal64Type),
        DataType::Decimal128(..) => decimals!(Decimal128Type),
        DataType::Decimal256(..) => decimals!(Decimal256Type),
        // Nothing in it, or not taken.
        _ => {}
    }
}

/// The parts of dates in a column.
fn read_parts(array: &ArrayRef, part: DatePart) -> Vec<Part> {
    fn whole<T: ArrowPrimitiveType>(array: &ArrayRef, part: DatePart) -> Vec<Part>
    where
        i64: TryFrom<T::Native>,
    {
        let of = |number| i64::try_from(number).map_or(Part::Wrong, |number| Part::of(part, number));
        array.as_primitive::<T>().iter().map(|number| number.map_or(Part::Empty, of)).collect()
    }
    fn text<'a>(texts: impl Iterator<Item = Option<&'a str>>, part: DatePart) -> Vec<Part> {
        let mut known: HashMap<&'a str, Part> = HashMap::new();
        let read = |text: &'a str| Part::read(part, Cell::Text(text));
        texts.map(|text| text.map_or(Part::Empty, |text| *known.entry(text).or_insert_with(|| read(text)))).collect()
    }
    match array.data_type() {
        DataType::Int8 => whole::<Int8Type>(array, part),
        DataType::Int16 => whole::<Int16Type>(array, part),
        DataType::Int32 => whole::<Int32Type>(array, part),
        DataType::Int64 => whole::<Int64Type>(array, part),
        DataType::UInt8 => whole::<UInt8Type>(array, part),
        DataType::UInt16 => whole::<UInt16Type>(array, part),
        DataType::UInt32 => whole::<UInt32Type>(array, part),
        DataType::UInt64 => whole::<UInt64Type>(array, part),
        DataType::Utf8 => text(array.as_string::<i32>().iter(), part),
        DataType::LargeUtf8 => text(array.as_string::<i64>().iter(), part),
        DataType::Utf8View => text(array.as_string_view().iter(), part),
        DataType::Dictionary(..) => {
            let mut parts = Vec::with_capacity(array.len());
            let read = |text: &str| Part::read(part, Cell::Text(text));
            each_text(array, |_, text| parts.push(text.map_or(Part::Empty, read)));
            parts
        }
        _ => vec![Part::Empty; array.len()],
    }
}

/// The numbers of customers in a column of whole numbers; `None` where a cell is empty or too large. `None` in all for
/// a column of another type.
pub(super) fn whole_numbers(array: &ArrayRef) -> Option<Vec<Option<i64>>> {
    fn whole<T: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<Option<i64>>
    where
        i64: TryFrom<T::Native>,
    {
        array.as_primitive::<T>().iter().map(|number| i64::try_from(number?).ok()).collect()
    }
    Some(match array.data_type() {
        DataType::Int8 => whole::<Int8Type>(array),
        DataType::Int16 => whole::<Int16Type>(array),
        DataType::Int32 => whole::<Int32Type>(array),
        DataType::Int64 => whole::<Int64Type>(array),
        DataType::UInt8 => whole::<UInt8Type>(array),
        DataType::UInt16 => whole::<UInt16Type>(array),
        DataType::UInt32 => whole::<UInt32Type>(array),
        DataType::UInt64 => whole::<UInt64Type>(array),
        _ => return None,
    })
}
