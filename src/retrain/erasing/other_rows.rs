//! What a rewriting loses beside the customer's rows: the rows of others that a training does not read today.

use crate::customer::{CleaningReport, SheetRow, UnusedSheet};

/// How many rows of others the columns lack that a kept upload is rewritten to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct OtherRows {
    /// A later training may use them, by another schema or on another day.
    pub n_later: usize,
    /// No training can use them.
    pub n_never: usize,
}

impl OtherRows {
    /// By what a training says of the file, but for the customer's own rows.
    pub fn of(cleaning: &CleaningReport, own: &[SheetRow]) -> Self {
        let mut others = Self::default();
        // The search names no sheet where one alone has cells; a training does where there is a chart beside it.
        let is_own = |row: &&SheetRow| {
            own.iter().any(|own| own.row == row.row && (own.sheet == row.sheet || own.sheet.is_empty()))
        };
        for (reason, n_rows) in cleaning.left_out() {
            // Of each reason the first few rows are named. Further ones of the customer count as others'.
            let n_own = cleaning.first_dropped.get(reason).into_iter().flatten().filter(is_own).count();
            others.add(n_rows.saturating_sub(n_own), reason.may_count_later());
        }
        for sheet in cleaning.sheets.iter().filter(|sheet| !sheet.used) {
            let n_own = own.iter().filter(|row| row.sheet == sheet.name).count();
            // A schema with fewer columns reads the sheet.
            others.add(sheet.rows_read.saturating_sub(n_own), sheet.reason == Some(UnusedSheet::FewerColumns));
        }
        others
    }

    fn add(&mut self, n_rows: usize, may_count_later: bool) {
        *(if may_count_later { &mut self.n_later } else { &mut self.n_never }) += n_rows;
    }
}
