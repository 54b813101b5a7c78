//! The table of all rows that were kept, and the account of the others.

use super::TableBuilder;
use crate::customer::kept::FinishedRows;
use crate::customer::lost_digits::Lost;
use crate::customer::newest::{KeyedTable, NOBODY};
use crate::customer::note::MAX_NOTES;
use crate::customer::{CleaningReport, CustomerTable, Dropped, IdentifierDigits, Note};

impl TableBuilder {
    /// The table of all rows that were kept, with what tells them apart: nothing, unless the builder is
    /// [`keyed`](Self::keyed).
    pub fn finish_keyed(mut self) -> KeyedTable {
        self.take_waiting();
        self.note_formulas();
        let lost = std::mem::take(&mut self.lost_digits).judge();
        if !lost.is_empty() {
            self.kept.forget(|identity| lost.has(identity));
            self.repeated.forget(|identity| lost.has(identity));
        }
        let note_on_copies = self.note_on_copies(&lost);
        self.notes.extend(note_on_copies);
        let identities = self.kept.identities().chain(self.repeated.identities());
        self.notes.extend(self.identifier_case.note(identities));
        let header = self.identifier_used.as_deref().map(|header| format!("{header:?}")).unwrap_or_default();
        self.notes.extend(self.repeated.notes(&header));
        // Of several files it is asked of all together.
        let has_keys = self.kept.has_keys();
        let identifier_digits = if has_keys { self.identifier_digits } else { IdentifierDigits::default() };
        self.notes.extend(self.identifier_digits.note().filter(|_| !has_keys));
        let FinishedRows { columns, n_rows, keys, origins, report } = self.kept.finish(&mut self.sheets);
        self.notes.extend(self.odd.notes(&lost, &self.sheets));
        let mut cleaning = CleaningReport {
            rows_read: self.rows_read,
            columns_used: self.columns_used,
            identifier_used: self.identifier_used,
            sheets: self.sheets,
            encoding: self.encoding,
            identifier_digits,
            ..report
        };
        // Those of the file come before those of its columns.
        cleaning.notes.splice(0..0, self.notes);
        cleaning.notes.truncate(MAX_NOTES);
        let left_out = [
            (Dropped::Duplicate, self.duplicates),
            (Dropped::Total, self.totals),
            (Dropped::AboveHeader, self.odd.above),
            (Dropped::MoreCells, self.odd.left_out),
        ];
        for (reason, tally) in left_out {
            if tally.rows > 0 {
                cleaning.dropped.insert(reason.clone(), tally.rows);
                let first = tally.first_rows(&cleaning.sheets);
                cleaning.first_dropped.insert(reason, first);
            }
        }
        let table = CustomerTable { schema: self.schema, columns, n_rows, weights: None, cleaning, origins };
        KeyedTable { table, keys: keys.unwrap_or_default(), erased: Vec::new() }
    }

    /// The table of all rows that were kept.
    pub fn finish(self) -> CustomerTable {
        self.finish_keyed().into_table()
    }

    /// What a person should know where rows were left out as copies, although they may be different customers who are
    /// alike.
    fn note_on_copies(&self, lost: &Lost) -> Option<Note> {
        let left_out = |n_copies: usize| match n_copies {
            1 => "1 row was left out as a copy".to_owned(),
            n => format!("{n} rows were left out as copies"),
        };
        let n_alike = self.alike.len();
        let is_nobodys = |&&identity: &&u64| identity == NOBODY || lost.has(identity);
        let n_nobodys = if lost.n_rows() > 0 { self.alike.iter().filter(is_nobodys).count() } else { 0 };
        let sentence = match &self.identifier_used {
            _ if n_alike == 0 => return None,
            None => {
                let such_as = self.schema.identifier.first();
                let such_as = such_as.map(|name| format!(", such as {name:?},")).unwrap_or_default();
                format!(
                    "no column{such_as} tells customers apart, so those who are alike in every column count once: {}",
                    left_out(n_alike)
                )
            }
            Some(header) if n_nobodys > 0 => format!(
                "identifiers in {header:?} have lost digits, so customers who are alike in every column count once: {}",
                left_out(n_nobodys)
            ),
            Some(header) => {
                let belief = Some(self.repeated.belief()).filter(|belief| !belief.tells_apart())?;
                let (n_distinct, n_filled) = (belief.n_distinct, belief.n_rows);
                let values = if n_distinct == 1 { "value" } else { "values" };
                format!(
                    "{header:?} has no more than {n_distinct} different {values} in {n_filled} rows, so customers who \
                     are alike in every column count once: {}",
                    left_out(n_alike)
                )
            }
        };
        Some(Note::new(Note::COPIES_WITHOUT_IDENTIFIER, sentence))
    }
}
