//! What became of the rows: how many were kept, how many dropped and why, and where to find the first of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{ColumnDates, Dropped, IdentifierDigits, Note, SheetReport, SheetRow, Unusable, ValueRows};

/// How many dropped rows are named for each reason.
pub(super) const NAMED_ROWS: usize = 5;

/// What became of the rows of a sheet (or of several): every row is either kept or counted under a reason.
///
/// In JSON `dropped` and `first_dropped` are one list of
/// `{"reason", "column", "rows", "first": [{"row", "sheet", "source"}]}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct CleaningReport {
    /// Rows below the header that hold anything at all, and rows above it that look like customers.
    pub rows_read: usize,
    /// Rows left out, by reason.
    pub dropped: BTreeMap<Dropped, usize>,
    /// The first few rows left out for each reason.
    pub first_dropped: BTreeMap<Dropped, Vec<SheetRow>>,
    /// For each column of the schema that was found, the header it was found by (first).
    pub columns_used: BTreeMap<String, String>,
    /// The header under which a customer's identifier was found (first); its values are never stored.
    pub identifier_used: Option<String>,
    /// For every sheet of a workbook what it was used for. Empty where there are no sheets, as in a CSV file.
    pub sheets: Vec<SheetReport>,
    /// For each column with levels that the schema does not know, the most frequent of them.
    pub unknown_levels: BTreeMap<String, Vec<ValueRows>>,
    /// For each optional column the cells that held something that could not be read. Copies of rows are not counted.
    pub unusable: BTreeMap<String, Unusable>,
    /// How dates were read whose order of day, month and year mattered.
    pub dates: Vec<ColumnDates>,
    /// What a text file was read as, such as `GBK`: the Encoding Standard's name, or IANA's.
    pub encoding: Option<String>,
    /// What a person should know about the reading.
    pub notes: Vec<Note>,
    /// Of several files: for each column that some of them lack, how many of the customers are theirs. It is not part
    /// of the JSON, where the notes say it.
    pub without_column: BTreeMap<String, usize>,
    /// Of one of several files: how its identifiers are written that are numbers. The notes on all files say it.
    pub identifier_digits: IdentifierDigits,
}

impl CleaningReport {
    /// Rows left out for any reason.
    pub fn n_dropped(&self) -> usize {
        self.dropped.values().sum()
    }

    /// Rows of customers that could not be used, by reason: not copies, totals, or rows that are left out for good.
    pub fn left_out(&self) -> impl Iterator<Item = (&Dropped, usize)> {
        self.dropped.iter().filter(|(reason, _)| reason.is_unusable()).map(|(reason, &rows)| (reason, rows))
    }

    /// Rows of customers, used or not: all but totals.
    pub fn customer_rows(&self) -> usize {
        self.rows_read.saturating_sub(self.dropped.get(&Dropped::Total).copied().unwrap_or(0))
    }

    /// The share of the customers' rows that could not be used; `None` without rows.
    pub fn left_out_share(&self) -> Option<f64> {
        let rows: usize = self.left_out().map(|(_, rows)| rows).sum();
        let all = self.customer_rows();
        (all > 0).then(|| rows as f64 / all as f64)
    }

    /// One sentence on why no row is left: the reasons and their counts. `None` while a row is left.
    pub fn no_usable_row(&self) -> Option<String> {
        if self.rows_read > self.n_dropped() {
            return None;
        }
        let mut reasons: Vec<_> = self.dropped.iter().collect();
        reasons.sort_by_key(|(_, rows)| std::cmp::Reverse(**rows));
        let reasons: Vec<_> =
            reasons.iter().map(|(reason, rows)| format!("{reason} ({rows}{})", self.levels_of(reason))).collect();
        let mut sentence = match self.rows_read {
            0 => "the sheet has a header but no row below it".to_owned(),
            rows_read => format!("none of the {rows_read} rows can be used: {}", reasons.join(", ")),
        };
        // Why values are missing that people see.
        let says_why = [
            Note::FORMULAS_WITHOUT_RESULTS,
            Note::ROWS_ABOVE_HEADER,
            Note::MORE_CELLS_THAN_HEADER,
            Note::DELIMITERS_DIFFER,
        ];
        for note in self.notes.iter().filter(|note| note.is_any_of(&says_why)) {
            sentence += "; ";
            sentence += &note.sentence;
        }
        Some(sentence)
    }

    /// What was left out and what could not be read, a line each for people.
    pub fn lines(&self) -> Vec<String> {
        let dropped = self.dropped.iter().map(|(reason, rows)| format!("{rows} × {reason}{}", self.levels_of(reason)));
        let unusable = self.unusable.iter().flat_map(|(title, cells)| {
            let levels = self.unknown_levels.get(title).map(|levels| listed(levels)).unwrap_or_default();
            let unread = cells.rows.saturating_sub(cells.in_future);
            let unread =
                (unread > 0).then(|| format!("{unread} × {title} cannot be read, and counts as empty{levels}"));
            let in_future = (cells.in_future > 0).then(|| {
                let n = cells.in_future;
                format!(
                    "{n} × {title} is in the future, and counts as empty (\"future\": true in the schema lets it count)"
                )
            });
            unread.into_iter().chain(in_future)
        });
        dropped.chain(unusable).collect()
    }

    /// The unknown levels that are the reason, such as `: Bronze 3, Ruby 1`.
    fn levels_of(&self, reason: &Dropped) -> String {
        match reason {
            Dropped::UnknownLevel(title) => self.unknown_levels.get(title).map(|levels| listed(levels)),
            _ => None,
        }
        .unwrap_or_default()
    }
}

fn listed(levels: &[ValueRows]) -> String {
    let levels: Vec<_> = levels.iter().map(|level| format!("{} {}", level.value, level.rows)).collect();
    if levels.is_empty() { String::new() } else { format!(": {}", levels.join(", ")) }
}

impl PartialSchema for CleaningReport {
    fn schema() -> RefOr<Schema> {
        Wire::schema()
    }
}

impl ToSchema for CleaningReport {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Wire::schemas(schemas);
    }
}

/// Rows read and dropped, with the reasons, and the columns they were read by.
// As the report is written down: JSON has no maps whose keys hold data.
#[derive(Serialize, Deserialize, ToSchema)]
struct Wire {
    /// Rows below the header that hold anything at all, and rows above it that look like customers.
    #[schema(example = 5000)]
    rows_read: usize,
    /// Rows left out, by reason.
    dropped: Vec<WireDropped>,
    /// For each column of the schema that was found, the header it was found by.
    #[schema(example = json!({"Date Joined": "KS Date", "Location": "branch"}))]
    columns_used: BTreeMap<String, String>,
    /// The header under which a customer's identifier was found; its values are never stored.
    #[schema(example = "Customer ID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identifier_used: Option<String>,
    /// For every sheet of a workbook whether its rows were read as customers; absent for a CSV file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sheets: Vec<SheetReport>,
    /// In which order the dates of a column were read, where that mattered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dates: Vec<ColumnDates>,
    /// Cells of optional columns that held something that cannot be used; their rows are used without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unusable: Vec<WireUnusable>,
    /// What a CSV file was read as: the Encoding Standard's name, or IANA's.
    #[schema(example = "UTF-8")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    /// What a person should know about the reading; absent where there is nothing to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
    /// From one process to another.
    #[serde(default, skip_serializing_if = "IdentifierDigits::is_empty")]
    #[schema(ignore)]
    identifier_digits: IdentifierDigits,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(rows: &usize) -> bool {
    *rows == 0
}

/// Cells of one optional column that held something that cannot be used.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = UnusableCells)]
struct WireUnusable {
    /// The column's title.
    #[schema(example = "Spend")]
    column: String,
    /// How many rows.
    #[schema(example = 3)]
    rows: usize,
    /// How many of them hold a date that has not come yet; absent where there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(example = 3)]
    in_future: usize,
    /// Where the first few of them are.
    #[serde(default)]
    first: Vec<SheetRow>,
    /// The most frequent values, where the column has levels and these are none of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<ValueRows>,
}

/// Rows left out for one reason: the reason with the title of the column it is about, where it is about one.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = DroppedRows)]
struct WireDropped {
    #[serde(flatten)]
    reason: Dropped,
    /// How many.
    #[schema(example = 2)]
    rows: usize,
    /// Where the first few of them are.
    #[serde(default)]
    first: Vec<SheetRow>,
    /// The most frequent levels that the schema does not know, where that is the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<ValueRows>,
}

impl From<CleaningReport> for Wire {
    fn from(mut report: CleaningReport) -> Self {
        let mut levels_of = |column: &str| report.unknown_levels.remove(column).unwrap_or_default();
        let unusable = report.unusable.into_iter().map(|(column, Unusable { rows, in_future, first })| {
            let values = levels_of(&column);
            WireUnusable { column, rows, in_future, first, values }
        });
        let unusable = unusable.collect();
        let dropped = report.dropped.into_iter().map(|(reason, rows)| {
            let first = report.first_dropped.remove(&reason).unwrap_or_default();
            let values = if let Dropped::UnknownLevel(column) = &reason { levels_of(column) } else { Vec::new() };
            WireDropped { reason, rows, first, values }
        });
        Self {
            rows_read: report.rows_read,
            dropped: dropped.collect(),
            columns_used: report.columns_used,
            identifier_used: report.identifier_used,
            sheets: report.sheets,
            dates: report.dates,
            unusable,
            encoding: report.encoding,
            notes: report.notes,
            identifier_digits: report.identifier_digits,
        }
    }
}

impl From<Wire> for CleaningReport {
    fn from(wire: Wire) -> Self {
        let mut report = Self {
            rows_read: wire.rows_read,
            columns_used: wire.columns_used,
            identifier_used: wire.identifier_used,
            sheets: wire.sheets,
            dates: wire.dates,
            encoding: wire.encoding,
            notes: wire.notes,
            identifier_digits: wire.identifier_digits,
            ..Self::default()
        };
        for WireUnusable { column, rows, in_future, first, values } in wire.unusable {
            if !values.is_empty() {
                report.unknown_levels.insert(column.clone(), values);
            }
            report.unusable.insert(column, Unusable { rows, in_future, first });
        }
        for WireDropped { reason, rows, first, values } in wire.dropped {
            if let Dropped::UnknownLevel(column) = &reason
                && !values.is_empty()
            {
                report.unknown_levels.insert(column.clone(), values);
            }
            if !first.is_empty() {
                report.first_dropped.insert(reason.clone(), first);
            }
            report.dropped.insert(reason, rows);
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::UnusedSheet;

    #[test]
    fn a_report_becomes_json_and_comes_back() {
        let reason = Dropped::NotADate("Date Joined".into());
        let report = CleaningReport {
            rows_read: 9,
            dropped: [(Dropped::Duplicate, 1), (reason.clone(), 2)].into(),
            first_dropped: [(reason, vec![SheetRow { row: 7, ..SheetRow::default() }])].into(),
            columns_used: [("Date Joined".into(), "KS Date".into())].into(),
            identifier_used: None,
            encoding: Some("GBK".into()),
            sheets: vec![
                SheetReport::used("January", 9, 6),
                SheetReport::unused("Notes", 3, UnusedSheet::Hidden, "the sheet is hidden"),
            ],
            unusable: [("Spend".into(), Unusable { rows: 1, ..Unusable::default() })].into(),
            notes: vec![Note::new(Note::FORMULAS_WITHOUT_RESULTS, "2 formulas have no result")],
            ..CleaningReport::default()
        };
        let json = serde_json::to_string(&report).unwrap();
        assert!(
            json.contains(r#"{"reason":"not_a_date","column":"Date Joined","rows":2,"first":[{"row":7}]}"#),
            "{json}"
        );
        assert!(json.contains(r#"{"reason":"duplicate","rows":1,"first":[]}"#), "{json}");
        let sheets = r#""sheets":[{"name":"January","used":true,"rows_read":9,"rows_used":6},{"name":"Notes","used":false,"rows_read":3,"rows_used":0,"reason":"hidden","sentence":"the sheet is hidden"}]"#;
        assert!(json.contains(sheets), "{json}");
        let notes = r#""notes":[{"code":"formulas_without_results","sentence":"2 formulas have no result"}]"#;
        assert!(json.contains(notes), "{json}");
        assert!(json.contains(r#""unusable":[{"column":"Spend","rows":1,"first":[]}]"#), "{json}");
        assert_eq!(serde_json::from_str::<CleaningReport>(&json).unwrap(), report);
    }

    #[test]
    fn a_report_says_why_no_row_is_usable() {
        let mut report = CleaningReport { rows_read: 3, ..CleaningReport::default() };
        assert_eq!(report.no_usable_row(), None);
        report.dropped = [(Dropped::Duplicate, 1), (Dropped::Missing("Location".into()), 2)].into();
        assert_eq!(
            report.no_usable_row().unwrap(),
            "none of the 3 rows can be used: no Location (2), an exact copy of an earlier row (1)"
        );
    }

    #[test]
    fn what_was_left_out_is_a_line_each() {
        let levels = vec![ValueRows { value: "Bronze".into(), rows: 2 }, ValueRows { value: "Ruby".into(), rows: 1 }];
        let mut report = CleaningReport { rows_read: 3, ..CleaningReport::default() };
        report.dropped = [(Dropped::UnknownLevel("Loyalty Tier".into()), 3)].into();
        report.unknown_levels = [("Loyalty Tier".into(), levels)].into();
        let renewal = Unusable { rows: 3, in_future: 2, ..Unusable::default() };
        report.unusable =
            [("Spend".into(), Unusable { rows: 4, ..Unusable::default() }), ("Renewal".into(), renewal)].into();
        assert_eq!(
            report.lines(),
            [
                "3 × unknown Loyalty Tier: Bronze 2, Ruby 1",
                "1 × Renewal cannot be read, and counts as empty",
                "2 × Renewal is in the future, and counts as empty (\"future\": true in the schema lets it count)",
                "4 × Spend cannot be read, and counts as empty",
            ]
        );
        assert_eq!(
            report.no_usable_row().unwrap(),
            "none of the 3 rows can be used: unknown Loyalty Tier (3: Bronze 2, Ruby 1)"
        );
    }
}
