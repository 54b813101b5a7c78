//! Sheets of sums over customers: a summary or a pivot table beside the list.

use crate::customer::{SheetHeader, spelling_key};

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
/// Words of sheets' names that say that sums are here. `All` and `Gesamt` are none of them, since people call a whole
/// list so, and `Sum` is none, since customers may be those who paid a lump sum.
const WORDS_OF_NAMES: [&str; 18] = [
    "summary",
    "totals",
    "total",
    "overview",
    "pivot",
    "dashboard",
    "statistics",
    "zusammenfassung",
    "übersicht",
    "summe",
    "summen",
    "resumen",
    "résumé",
    "ringkasan",
    "汇总",
    "合计",
    "总计",
    "合計",
];

/// Why a sheet is taken for one of sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignOfSums {
    /// One of its headers is of counts or sums.
    Header,
    /// A pivot table is on it.
    PivotTable,
    /// It is called so, and nothing else says it.
    Name,
}

impl SignOfSums {
    /// The sign that a sheet holds sums over customers; `None` where a header names them by an identifier.
    pub(super) fn of(name: &str, header: &SheetHeader, has_pivot_table: bool) -> Option<Self> {
        let is_count = |other: &String| {
            let other = other.trim().to_lowercase();
            COUNTS.contains(&other.as_str()) || COUNT_PREFIXES.iter().any(|prefix| other.starts_with(prefix))
        };
        if header.has_identifier {
            None
        } else if header.other_headers.iter().any(is_count) {
            Some(Self::Header)
        } else if has_pivot_table {
            Some(Self::PivotTable)
        } else {
            names_sums(name).then_some(Self::Name)
        }
    }

    /// Why the sheet is not read beside sheets of customers.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Header => "it looks like sums over customers: it counts them, and names none",
            Self::PivotTable => "it looks like sums over customers: it has a pivot table, and no identifiers",
            Self::Name => "it looks like sums over customers: it is called so, and has no identifiers",
        }
    }
}

/// Whether the name of a sheet says that it holds sums: one of its words does.
pub fn names_sums(sheet: &str) -> bool {
    let key = spelling_key(sheet);
    let mut words = key.split(|c: char| c.is_whitespace() || matches!(c, '_' | '-'));
    words.any(|word| WORDS_OF_NAMES.contains(&word))
}
