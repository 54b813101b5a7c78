//! What the fuzz target `reader_answers` asks of an answer from a reader process that is not ours any more.
//!
//! Part of no build that is served.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a promise that does not hold has to end the run")]

use std::borrow::Cow;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, date};

use super::answer::{NoTable, receive};
use super::wire::{Kind, Order, write_frame};
use crate::customer::{CustomerTable, Identifiers, Keep, Schema};
use crate::workbook::Limits;

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::built_in().unwrap()));
const TODAY: Date = date(2026, 3, 1);
const LIMITS: Limits = Limits {
    max_rows: 200,
    max_columns: 64,
    max_cell_bytes: 4_096,
    max_sheets: 8,
    max_parts: 64,
    max_unpacked_bytes: 1 << 20,
    max_names: 50,
};

/// Takes an answer in. What is accepted is a table that keeps every promise of one. Whether it was.
///
/// The first byte says whether keys were asked for (its lowest bit), whether the rest is the answer itself or a list of
/// frames to make it of (the next one: kind, length in two bytes, payload), and whether places and identifiers were.
pub fn check_answer(input: &[u8]) -> bool {
    let Some((&how, rest)) = input.split_first() else { return false };
    let keep = Keep { row: how & 4 != 0, identifier: how & 8 != 0 };
    let order = Order {
        schema: SCHEMA.clone(),
        today: TODAY,
        limits: LIMITS,
        keyed: how & 1 == 1,
        every_sheet: false,
        keep,
        sought: None,
    };
    let answer = if how & 2 == 0 { Cow::Borrowed(rest) } else { Cow::Owned(framed(rest)) };
    let rows_so_far = AtomicUsize::new(0);
    match receive(&mut answer.as_ref(), &order, &rows_so_far) {
        Ok(keyed) => {
            let table = keyed.table();
            assert!(table.n_rows() <= LIMITS.max_rows && table.columns()[0].values.len() <= LIMITS.max_names);
            assert_eq!(keyed.keys().len(), if order.keyed { table.n_rows() } else { 0 });
            assert_eq!(rows_so_far.into_inner(), table.cleaning().rows_read);
            let (columns, cleaning) = (table.columns().to_vec(), table.cleaning().clone());
            assert!(CustomerTable::checked(SCHEMA.clone(), columns, cleaning, TODAY).is_ok());
            serde_json::to_string(table.cleaning()).unwrap();
            assert_eq!(table.origins().is_some(), keep.is_anything());
            if let Some(origins) = table.origins() {
                assert!(origins.rows().len() == table.n_rows() && !format!("{origins:?}").contains("all"));
                let n_identifiers = origins.identifiers().map(Identifiers::len);
                assert_eq!(n_identifiers, keep.identifier.then_some(table.n_rows()));
            }
            return true;
        }
        Err(NoTable::Refused(error)) => assert!(!error.to_string().is_empty()),
        Err(NoTable::Broken(_) | NoTable::CutOff(_)) => {}
    }
    false
}

/// An answer of whole frames.
fn framed(mut list: &[u8]) -> Vec<u8> {
    const KINDS: [Kind; 9] = [
        Kind::Rows,
        Kind::Values,
        Kind::Codes,
        Kind::Keys,
        Kind::Done,
        Kind::Refused,
        Kind::Places,
        Kind::Sheets,
        Kind::Identifiers,
    ];
    let mut answer = Vec::new();
    while let Some((&[kind, low, high], rest)) = list.split_first_chunk() {
        let kind = KINDS[usize::from(kind) % KINDS.len()];
        let (payload, rest) = rest.split_at(rest.len().min(u16::from_le_bytes([low, high]).into()));
        write_frame(&mut answer, kind, &[payload]).unwrap();
        list = rest;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_of_the_fuzz_target_keep_every_promise() {
        let mut accepted = 0;
        crate::seeds::each("reader_answers", |seed| accepted += usize::from(check_answer(seed)));
        assert_eq!(accepted, 4);
    }
}
