//! Rows below a header on their way into the table: sums and copies are left out, and rows whose values have moved.

use std::sync::atomic::Ordering;

use super::TableBuilder;
use super::waiting::WaitingRow;
use crate::customer::clean::Outcome;
use crate::customer::newest::RowKey;
use crate::customer::row_content::RowContent;
use crate::customer::tally::Place;

impl TableBuilder {
    /// Takes the row of each table that has one.
    pub(super) fn take_rows(&mut self, row_number: u32) {
        let has_one_table = self.rows.len() == 1;
        let mut is_usable = true;
        self.sheet.rows_below_header += 1;
        let n_required = || self.schema.columns.iter().filter(|column| column.required).count();
        if self.rows.iter().any(|row| row.n_headers_beside > 1 && row.n_headers_beside >= n_required()) {
            self.sheet.header_beside.get_or_insert(row_number);
        }
        for (row, header_hash) in self.rows.iter_mut().zip(&self.sheet.header_hashes) {
            // What is beside one of several tables is not a row of it. A header that comes again, as on every page of a
            // report, is not a customer.
            let RowContent { is_filled, is_read, is_wide, is_hidden, has_contact, hash, identity, .. } = row.content;
            if !(is_read || (is_filled && has_one_table)) || hash == *header_hash {
                continue;
            }
            self.rows_read += 1;
            let sheet = self.sheet.name.is_some().then_some(self.sheets.len());
            let place = Place::new(self.rows_read - 1, row_number, sheet);
            if row.is_total(&self.schema) && !self.has_customers_alone {
                self.totals.add(place);
                is_usable = false;
                continue;
            }
            self.identifier_digits.add(row.content.digits);
            self.identifier_case.add(identity, row.content.folded_identity);
            let is_delimited = self.sheet.layout.as_ref().is_some_and(|layout| layout.is_delimited);
            self.lost_digits.add(row.content.loss, identity, place, is_delimited);
            let required = row.outcomes.iter().zip(&self.schema.columns).filter(|(_, column)| column.required);
            is_usable &=
                required.into_iter().all(|(outcome, _)| matches!(outcome, Outcome::Seen(_) | Outcome::Open(_)));
            if row.n_headers > 1 {
                self.sheet.odd_header.get_or_insert(row_number);
            }
            if is_hidden {
                self.odd.hidden.add(place);
            }
            let is_odd =
                (is_wide || row.content.may_be_split()) && is_read && has_one_table && !self.has_customers_alone;
            if is_odd {
                let layout = self.sheet.layout.as_ref();
                let is_usable = |column| matches!(row.outcomes.get(column), Some(Outcome::Seen(_) | Outcome::Open(_)));
                let has_moved = layout.is_some_and(|layout| layout.has_moved(&self.schema, is_usable));
                self.odd.count_wide(place, has_moved);
                if has_moved {
                    continue;
                }
            }
            let waits = WaitingRow { key: RowKey { identity, row_number, hash }, has_contact };
            let identifier = self.kept.keeps_identifiers().then(|| std::mem::take(&mut row.identifier));
            self.waiting.push(waits, &row.outcomes, identifier);
        }
        self.sheet.may_change = !is_usable;
        // A number to look at: nothing else is read by it, so it orders nothing. Rows that are read anew were shown.
        if self.rows_read > self.rows_so_far.load(Ordering::Relaxed) {
            self.rows_so_far.store(self.rows_read, Ordering::Relaxed);
        }
        if self.waiting.are_enough() {
            self.take_waiting();
        }
    }

    /// Keeps or drops the rows that wait.
    pub(super) fn take_waiting(&mut self) {
        let sheet = self.sheet.name.is_some().then_some(self.sheets.len());
        let mut waiting = std::mem::take(&mut self.waiting);
        // Of several files copies stay until all were read.
        let is_copy = if self.kept.has_keys() { vec![false; waiting.len()] } else { waiting.find_copies() };
        let first = self.rows_read.saturating_sub(waiting.len());
        for ((at, (WaitingRow { key: row, has_contact }, outcomes, identifier)), is_copy) in
            (first..).zip(waiting.iter()).zip(is_copy)
        {
            let place = Place::new(at, row.row_number, sheet);
            if is_copy {
                self.duplicates.add(place);
                self.alike.extend((!has_contact).then_some(row.identity));
            } else if self.kept.add(row, place, outcomes) {
                self.kept.note_origin(place, identifier);
                if !self.kept.has_keys() {
                    self.repeated.add(row.identity);
                }
            }
        }
        waiting.clear();
        self.waiting = waiting;
    }
}
