//! Rows of sums within a list of customers, as spreadsheet programs write them between groups and at the end: told by
//! the identifier, or where there is none by the first text of the row. Such a row has nothing but numbers beside it.

/// How such rows are named in the languages of spreadsheet programs.
const WORDS: [&str; 44] = [
    "total",
    "totals",
    "grand total",
    "subtotal",
    "subtotals",
    "sub total",
    "sub-total",
    "sum",
    "sums",
    "average",
    "averages",
    "avg",
    "total sum",
    "overall total",
    "summe",
    "gesamt",
    "gesamtsumme",
    "gesamtergebnis",
    "zwischensumme",
    "teilergebnis",
    "durchschnitt",
    "mittelwert",
    "somme",
    "total général",
    "sous-total",
    "moyenne",
    "suma",
    "total general",
    "promedio",
    "totale",
    "totale complessivo",
    "somma",
    "totaal",
    "eindtotaal",
    "subtotaal",
    "razem",
    "soma",
    "total geral",
    "jumlah",
    "итого",
    "合计",
    "总计",
    "小计",
    "合計",
];
/// What stands before or behind the name of the group that is summed up.
const OF_A_GROUP: [&str; 6] = ["total", "subtotal", "summe", "ergebnis", "average", "durchschnitt"];
/// Signs of sums and averages, which stand before a name.
const SIGNS: [&str; 4] = ["Ø ", "⌀ ", "∑ ", "Σ "];
/// No such name is longer, in bytes.
const MAX_BYTES: usize = 120;

/// What the first text of a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said<'t> {
    /// Nothing of a sum.
    Nothing,
    /// That the row is a sum.
    Total,
    /// That it is one of this group, if there is such a group.
    TotalOf(&'t str),
}

/// What a text says of its row.
pub(super) fn said(text: &str) -> Said<'_> {
    let ends_with_digit = |text: &str| text.as_bytes().last().is_some_and(u8::is_ascii_digit);
    // Nearly every text: an identifier has digits, and a name is none of the words.
    if ends_with_digit(text) {
        return Said::Nothing;
    }
    let text = text.trim().trim_end_matches([':', ' ']);
    if text.is_empty() || text.len() > MAX_BYTES || ends_with_digit(text) {
        return Said::Nothing;
    }
    let is_word = if text.is_ascii() {
        WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
    } else {
        let lower = text.to_lowercase();
        WORDS.iter().any(|word| !word.is_ascii() && lower == *word)
    };
    if is_word || SIGNS.iter().any(|sign| text.starts_with(sign)) {
        return Said::Total;
    }
    let group = || {
        let (first, after) = text.split_once(' ')?;
        let (before, last) = text.rsplit_once(' ')?;
        let is_word = |word: &str| OF_A_GROUP.iter().any(|of| of.eq_ignore_ascii_case(word));
        let group = if is_word(last) { before } else { Some(after).filter(|_| is_word(first))? };
        Some(group.trim()).filter(|group| !group.is_empty())
    };
    group().map_or(Said::Nothing, Said::TotalOf)
}

/// Whether a text is a name of sums, such as `Grand Total`.
pub fn names_total(text: &str) -> bool {
    said(text) == Said::Total
}

/// The group whose sum a text names: `West` of `West Total`, and of `Total West`. A customer or a group may well be
/// called so.
pub fn group_of_total(text: &str) -> Option<&str> {
    match said(text) {
        Said::TotalOf(group) => Some(group),
        Said::Nothing | Said::Total => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_sums_is_told_by_its_name() {
        for text in
            ["Total", " GRAND TOTAL: ", "Subtotal", "Summe", "Total général", "TOTAL GÉNÉRAL", "Ø je Stadt", "合计"]
        {
            assert_eq!(said(text), Said::Total, "{text}");
        }
        for (text, group) in [("West Total", "West"), ("North  East total", "North  East"), ("Summe Nord", "Nord")] {
            assert_eq!(said(text), Said::TotalOf(group), "{text}");
        }
        for text in ["", "Bedok", "C-1004", "Total 12", "Totalis", "Sumatra", "TotalEnergies", "Østerbro", "Σάμος"]
        {
            assert_eq!(said(text), Said::Nothing, "{text}");
        }
    }
}
