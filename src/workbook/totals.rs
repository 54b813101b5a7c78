//! Sheets of sums over customers: a summary or a pivot table beside the list.

use crate::customer::SheetHeader;

/// Headers of sums over customers, in the languages of spreadsheet programs.
const COUNTS: [&str; 43] = [
    "count",
    "counts",
    "total",
    "totals",
    "grand total",
    "subtotal",
    "sum",
    "customers",
    "members",
    "clients",
    "people",
    "headcount",
    "number",
    "no. of customers",
    "number of customers",
    "customer count",
    "total customers",
    "no. of members",
    "number of members",
    "member count",
    "total members",
    "n",
    "#",
    "%",
    "share",
    "percent",
    "percentage",
    "anzahl",
    "summe",
    "gesamt",
    "kunden",
    "anzahl kunden",
    "nombre",
    "somme",
    "recuento",
    "cantidad",
    "numero",
    "jumlah",
    "bilangan",
    "人数",
    "合计",
    "总计",
    "数量",
];
/// How a pivot table names what it counts.
const COUNT_PREFIXES: [&str; 10] = [
    "count of ",
    "sum of ",
    "average of ",
    "distinct count of ",
    "anzahl von ",
    "summe von ",
    "nombre de ",
    "somme de ",
    "cuenta de ",
    "suma de ",
];
/// Names of sheets of sums.
const SUMMARIES: [&str; 13] = [
    "summary",
    "totals",
    "total",
    "overview",
    "pivot",
    "dashboard",
    "statistics",
    "zusammenfassung",
    "übersicht",
    "resumen",
    "résumé",
    "ringkasan",
    "汇总",
];

/// Whether a sheet holds sums over customers: it names no customer by an identifier, and it counts, or is called a
/// summary, or a pivot table is on it. By one sign alone a list of customers would be taken for sums.
pub(super) fn looks_like_totals(name: &str, header: &SheetHeader, has_pivot_table: bool) -> bool {
    if header.has_identifier {
        return false;
    }
    let name = name.trim().to_lowercase();
    let is_summary = SUMMARIES.iter().any(|word| name.split([' ', '_', '-']).any(|part| part == *word));
    let counts = header.other_headers.iter().any(|other| {
        let other = other.trim().to_lowercase();
        COUNTS.contains(&other.as_str()) || COUNT_PREFIXES.iter().any(|prefix| other.starts_with(prefix))
    });
    counts || is_summary || has_pivot_table
}
