//! A reader process's answer put together: nothing in it is believed before it was looked at.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::CellsFound;
use super::wire::{Kind, MAX_FRAME_BYTES, Order, read_codes, read_frame};
use crate::customer::{
    BrokenTable, CleaningReport, Column, CustomerColumn, CustomerTable, FoundCell, Identifiers, KeyedTable,
    Kind as SchemaKind, MAX_FOUND, Origins, RowKey, SheetStart, Value,
};
use crate::workbook::{Limits, ReaderFault, WorkbookError};

/// The longest refusal, in bytes: it names headers and a cause at most.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// Why no table came of an answer.
#[derive(Debug)]
pub(super) enum NoTable {
    /// The workbook cannot be read.
    Refused(WorkbookError),
    /// The answer is none.
    Broken(ReaderFault),
    /// It ended, or was given up, before it was whole.
    CutOff(io::Error),
}

/// Takes the answer to a search in. Its memory is bounded by the cells that a file may have found in it.
///
/// # Errors
/// One of [`NoTable`].
pub(super) fn receive_found(source: &mut impl Read, limits: &Limits) -> Result<CellsFound, NoTable> {
    let (mut found, mut payload) = (CellsFound::default(), Vec::new());
    loop {
        match next_frame(source, &mut payload)? {
            Kind::Found => {
                let cells: Vec<FoundCell> = serde_json::from_slice(&payload).map_err(|_| broken("no found cells"))?;
                found.cells.extend(cells);
                if found.cells.len() > MAX_FOUND + 1 {
                    return Err(broken("more cells than may be found"));
                }
            }
            Kind::Searched => {
                (found.has_identifiers, found.sheets_without, found.unread) =
                    serde_json::from_slice(&payload).map_err(|_| broken("no list of sheets"))?;
                if found.unread.len().max(found.sheets_without.len()) > limits.max_sheets {
                    return Err(broken("more sheets than may be"));
                }
                return Ok(found);
            }
            Kind::Refused => return Err(refused(&payload)),
            _ => return Err(broken("a frame out of place")),
        }
    }
}

/// Reads the next frame's payload.
fn next_frame(source: &mut impl Read, payload: &mut Vec<u8>) -> Result<Kind, NoTable> {
    read_frame(source, payload, MAX_FRAME_BYTES).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => broken("a frame that there is not"),
        _ => NoTable::CutOff(error),
    })
}

/// What a refusal says, or that it is none.
fn refused(payload: &[u8]) -> NoTable {
    if payload.len() > MAX_REFUSAL_BYTES {
        return broken("a frame out of place");
    }
    serde_json::from_slice(payload).map_or_else(|_| broken("no reason for a refusal"), NoTable::Refused)
}

/// What has arrived of a table.
struct Arrived<'a> {
    order: &'a Order,
    columns: Vec<CustomerColumn>,
    keys: Vec<RowKey>,
    places: Vec<u32>,
    sheets: Option<Vec<SheetStart>>,
    identifiers: Option<Identifiers>,
}

/// Takes an answer to `order` in; shows the rows so far in `rows_so_far`. Its memory grows by the columns alone, which
/// have no more rows than the order's limits allow.
///
/// # Errors
/// One of [`NoTable`].
pub(super) fn receive(source: &mut impl Read, order: &Order, rows_so_far: &AtomicUsize) -> Result<KeyedTable, NoTable> {
    let columns = order.schema.columns.iter().map(|_| CustomerColumn::default()).collect();
    let identifiers = order.keep.identifier.then(Identifiers::default);
    let mut arrived = Arrived { order, columns, keys: Vec::new(), places: Vec::new(), sheets: None, identifiers };
    let mut payload = Vec::new();
    loop {
        match next_frame(source, &mut payload)? {
            Kind::Rows => {
                let rows = payload.as_slice().try_into().map_err(|_| broken("a number of another length"))?;
                let rows = usize::try_from(u64::from_le_bytes(rows)).unwrap_or(usize::MAX);
                rows_so_far.store(rows.min(order.limits.max_rows), Ordering::Relaxed);
            }
            Kind::Values => arrived.add_values(&payload)?,
            Kind::Codes => arrived.add_codes(&payload)?,
            Kind::Keys => arrived.add_keys(&payload)?,
            Kind::Places => arrived.add_places(&payload)?,
            Kind::Sheets => arrived.add_sheets(&payload)?,
            Kind::Identifiers => arrived.add_identifiers(&payload)?,
            Kind::Done => {
                let cleaning = serde_json::from_slice(&payload).map_err(|_| broken("no report of the cleaning"))?;
                let table = arrived.finish(cleaning)?;
                rows_so_far.store(table.table().cleaning().rows_read, Ordering::Relaxed);
                return Ok(table);
            }
            Kind::Refused => return Err(refused(&payload)),
            Kind::Order | Kind::Found | Kind::Searched => return Err(broken("a frame out of place")),
        }
    }
}

impl Arrived<'_> {
    fn add_values(&mut self, payload: &[u8]) -> Result<(), NoTable> {
        let order = self.order;
        let (rules, column, values) = self.column(payload)?;
        let values: Vec<Value> = serde_json::from_slice(values).map_err(|_| broken("no values"))?;
        // At once, and not at the end: a million values that fill a frame each would be a terabyte by then.
        if !values.iter().all(|value| rules.can_hold(value, order.today)) {
            return Err(broken("a value of another column"));
        }
        let Limits { max_rows, max_names, .. } = order.limits;
        let max_values = if matches!(rules.kind, SchemaKind::Category { .. }) { max_names } else { max_rows };
        column.values.extend(values);
        if column.values.len() > max_values.min(max_rows) { Err(broken("more values than may be")) } else { Ok(()) }
    }

    fn add_codes(&mut self, payload: &[u8]) -> Result<(), NoTable> {
        let max_rows = self.order.limits.max_rows;
        let n_rows_of_first = self.columns.first().map_or(0, |first| first.codes.len());
        let (_, column, rest) = self.column(payload)?;
        let (&n_bytes, codes) = rest.split_first().ok_or_else(|| broken("codes of no length"))?;
        if column.codes.len() + codes.len() / usize::from(n_bytes.max(1)) > max_rows {
            return Err(broken("more rows than may be"));
        }
        if column.codes.is_empty() {
            // As many as the first column has.
            column.codes.reserve_exact(n_rows_of_first);
        }
        read_codes(codes, n_bytes, &mut column.codes).ok_or_else(|| broken("half a code"))
    }

    fn add_keys(&mut self, payload: &[u8]) -> Result<(), NoTable> {
        let (keys, []) = payload.as_chunks() else { return Err(broken("half a key")) };
        self.keys.extend(keys.iter().map(RowKey::from_bytes));
        if self.keys.len() > self.order.limits.max_rows { Err(broken("more keys than rows")) } else { Ok(()) }
    }

    fn add_places(&mut self, payload: &[u8]) -> Result<(), NoTable> {
        let (places, []) = payload.as_chunks() else { return Err(broken("half a place")) };
        self.places.extend(places.iter().map(|&place| u32::from_le_bytes(place)));
        if self.places.len() > self.order.limits.max_rows { Err(broken("more places than rows")) } else { Ok(()) }
    }

    fn add_sheets(&mut self, payload: &[u8]) -> Result<(), NoTable> {
        let sheets: Vec<SheetStart> = serde_json::from_slice(payload).map_err(|_| broken("no sheets"))?;
        if sheets.len() > self.order.limits.max_sheets || self.sheets.replace(sheets).is_some() {
            return Err(broken("more sheets than may be"));
        }
        Ok(())
    }

    fn add_identifiers(&mut self, payload: &[u8]) -> Result<(), NoTable> {
        let texts: Vec<Cow<'_, str>> = serde_json::from_slice(payload).map_err(|_| broken("no identifiers"))?;
        let identifiers = self.identifiers.as_mut().ok_or_else(|| broken("identifiers that nobody asked for"))?;
        for text in texts {
            identifiers.push_checked(&text).map_err(broken_table)?;
        }
        if identifiers.len() > self.order.limits.max_rows { Err(broken("more identifiers than rows")) } else { Ok(()) }
    }

    /// The column that a payload names, with its rules, and the rest of the payload.
    fn column<'p>(&mut self, payload: &'p [u8]) -> Result<(&Column, &mut CustomerColumn, &'p [u8]), NoTable> {
        let (index, rest) = payload.split_first_chunk().ok_or_else(|| broken("no column"))?;
        let index = usize::from(u16::from_le_bytes(*index));
        let rules = self.order.schema.columns.get(index);
        let (rules, column) = rules.zip(self.columns.get_mut(index)).ok_or_else(|| broken("no such column"))?;
        Ok((rules, column, rest))
    }

    fn finish(self, cleaning: CleaningReport) -> Result<KeyedTable, NoTable> {
        let Self { order, mut columns, keys, places, sheets, identifiers } = self;
        for column in &mut columns {
            column.values.shrink_to_fit();
            column.codes.shrink_to_fit();
        }
        let table = CustomerTable::checked(order.schema.clone(), columns, cleaning, order.today);
        let mut table = table.map_err(broken_table)?;
        if order.keep.is_anything() {
            let size = (table.n_rows(), table.cleaning().sheets.len().max(1));
            let origins = Origins::checked(places, sheets.unwrap_or_default(), identifiers, size);
            table = origins.and_then(|origins| table.with_origins(origins)).map_err(broken_table)?;
        } else if !places.is_empty() || sheets.is_some() {
            return Err(broken("places that nobody asked for"));
        }
        if order.keyed {
            return KeyedTable::new(table, keys).map_err(broken_table);
        }
        if keys.is_empty() { Ok(KeyedTable::unkeyed(table)) } else { Err(broken("keys that nobody asked for")) }
    }
}

fn broken_table(why: BrokenTable) -> NoTable {
    NoTable::Broken(ReaderFault::BrokenTable(why))
}

fn broken(why: &'static str) -> NoTable {
    NoTable::Broken(ReaderFault::BrokenAnswer(why))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::super::child::write_table;
    use super::super::wire::write_frame;
    use super::*;
    use crate::customer::{Keep, Schema, TableBuilder};
    use crate::workbook::read_into;

    fn order(keyed: bool) -> Order {
        let (schema, today) = (Schema::built_in().unwrap().into(), date(2026, 3, 1));
        let limits = Limits { max_rows: 50, max_names: 30, ..Limits::default() };
        Order { schema, today, limits, keyed, every_sheet: false, keep: Keep::default(), sought: None }
    }

    fn keeping(keep: Keep) -> Order {
        Order { keep, ..order(false) }
    }

    fn table(order: &Order) -> KeyedTable {
        let new = if order.keyed { TableBuilder::keyed } else { TableBuilder::new };
        let mut builder = new(order.schema.clone(), order.today).keeping(order.keep);
        let rows = (0..40).map(|n| format!("A{n},2023-01-{:02},Town {},F,Gold\n", n % 28 + 1, n % 7));
        let csv: String = std::iter::once("id,date,location,gender,tier\n".to_owned()).chain(rows).collect();
        read_into(io::Cursor::new(csv), &mut builder, &order.limits).unwrap();
        builder.finish_keyed()
    }

    fn answer(order: &Order) -> Vec<u8> {
        let mut answer = Vec::new();
        write_table(&mut answer, &table(order)).unwrap();
        answer
    }

    fn fault(answer: &[u8]) -> String {
        match receive(&mut &*answer, &order(false), &AtomicUsize::new(0)) {
            Err(NoTable::Broken(ReaderFault::BrokenAnswer(why))) => why.to_owned(),
            other => format!("{other:?}"),
        }
    }

    fn frames(frames: &[(Kind, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        frames.iter().for_each(|(kind, payload)| write_frame(&mut bytes, *kind, &[payload]).unwrap());
        bytes
    }

    #[test]
    fn a_table_is_the_same_on_the_other_side() {
        for keyed in [false, true] {
            let (order, rows) = (order(keyed), AtomicUsize::new(0));
            let received = receive(&mut answer(&order).as_slice(), &order, &rows).unwrap();
            assert_eq!((received, rows.into_inner()), (table(&order), 40));
        }
    }

    #[test]
    fn where_rows_stand_and_what_they_are_called_arrives_exactly_where_it_was_asked_for() {
        for (row, identifier) in [(true, false), (false, true), (true, true)] {
            let order = keeping(Keep { row, identifier });
            let bytes = answer(&order);
            let received = receive(&mut bytes.as_slice(), &order, &AtomicUsize::new(0)).unwrap().into_table();
            let origins = received.origins().unwrap();
            assert_eq!((origins.rows()[0], origins.rows()[39], origins.sheet_of(39)), (2, 41, Some(0)));
            assert_eq!(origins.identifiers().map(|all| all.get(39)), identifier.then_some("A39"));
            for other in [Keep::default(), Keep { row: true, identifier: !identifier }] {
                let other = receive(&mut bytes.as_slice(), &keeping(other), &AtomicUsize::new(0));
                assert!(matches!(other, Err(NoTable::Broken(_))), "{other:?}");
            }
        }
    }

    #[test]
    fn pieces_that_do_not_fit_are_named() {
        let codes: Vec<u8> = [0, 0, 4].into_iter().chain([7; 4 * 51]).collect();
        let long_name = format!("\0\0[{{\"Text\":\"{}\"}}]", "x".repeat(101));
        let names = format!("\0\0[{}]", vec!["{\"Text\":\"x\"}"; 20].join(","));
        for (answer, why) in [
            (frames(&[(Kind::Codes, &[4, 0, 0, 0, 0, 0])]), "no such column"),
            (frames(&[(Kind::Codes, &[0])]), "no column"),
            (frames(&[(Kind::Codes, &[0, 0])]), "codes of no length"),
            (frames(&[(Kind::Codes, &[0, 0, 4, 2, 3])]), "half a code"),
            (frames(&[(Kind::Codes, &[0, 0, 2, 2, 3, 4])]), "half a code"),
            (frames(&[(Kind::Codes, &[0, 0, 3, 1, 2, 3])]), "half a code"),
            (frames(&[(Kind::Codes, &codes)]), "more rows than may be"),
            (frames(&[(Kind::Values, b"\0\0[{\"Text\":")]), "no values"),
            (frames(&[(Kind::Values, b"\0\0[{\"Level\":1}]")]), "a value of another column"),
            (frames(&[(Kind::Values, long_name.as_bytes())]), "a value of another column"),
            (frames(&[(Kind::Values, names.as_bytes()), (Kind::Values, names.as_bytes())]), "more values than may be"),
            (frames(&[(Kind::Keys, &[0; 29])]), "half a key"),
            (frames(&[(Kind::Keys, &[0; 28 * 51])]), "more keys than rows"),
            (frames(&[(Kind::Places, &[0; 5])]), "half a place"),
            (frames(&[(Kind::Places, &[1; 4 * 51])]), "more places than rows"),
            (frames(&[(Kind::Sheets, b"{}")]), "no sheets"),
            (frames(&[(Kind::Sheets, b"[]"), (Kind::Sheets, b"[]")]), "more sheets than may be"),
            (frames(&[(Kind::Identifiers, b"[1]")]), "no identifiers"),
            (frames(&[(Kind::Identifiers, b"[\"A1\"]")]), "identifiers that nobody asked for"),
            (frames(&[(Kind::Rows, &[0; 4])]), "a number of another length"),
            (frames(&[(Kind::Done, b"{}")]), "no report of the cleaning"),
            (frames(&[(Kind::Refused, b"\"NoReader\"")]), "no reason for a refusal"),
            (frames(&[(Kind::Order, b"{}")]), "a frame out of place"),
            (b"Hello".to_vec(), "a frame that there is not"),
        ] {
            assert_eq!(fault(&answer), why);
        }
    }

    #[test]
    fn keys_are_there_exactly_where_they_were_asked_for() {
        assert_eq!(fault(&answer(&order(true))), "keys that nobody asked for");
        let without = receive(&mut answer(&order(false)).as_slice(), &order(true), &AtomicUsize::new(0));
        assert!(matches!(without, Err(NoTable::Broken(ReaderFault::BrokenTable(_)))), "{without:?}");
    }

    proptest! {
        #[test]
        fn whatever_arrives_is_a_whole_table_or_none(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        ) {
            let order = Order { keep: Keep { row: true, identifier: true }, ..order(true) };
            let mut bytes = answer(&order);
            edits.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
            if let Ok(received) = receive(&mut bytes.as_slice(), &order, &AtomicUsize::new(0)) {
                let table = received.table();
                prop_assert!(table.is_whole() && received.keys().len() == table.n_rows());
                for column in table.columns() {
                    prop_assert!(column.codes.iter().all(|&code| code == u32::MAX || (code as usize) < column.values.len()));
                }
            }
        }
    }
}
