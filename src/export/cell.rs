//! One value on its way into a cell.

use std::borrow::Cow;

use jiff::civil::Date;

use crate::pipeline::TraitValue;
use crate::segmentation::Entry;

/// The longest text of a cell in Excel, in UTF-16 units.
const MAX_TEXT_UNITS: usize = 32_767;

/// What a cell holds. Text is never looked at for formulas or links.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CellValue<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Flag(bool),
    /// As wide as JSON's whole numbers are in practice.
    Whole(i128),
    Number(f64),
    Date(Date),
}

impl CellValue<'_> {
    /// The value that text stands for: a day where it is written `YYYY-MM-DD`.
    pub fn from_text(text: Cow<'_, str>) -> CellValue<'_> {
        match iso_day(&text) {
            Some(day) => CellValue::Date(day),
            None => CellValue::Text(text),
        }
    }

    /// As a reader sees it, without any guard.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Nothing => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Flag(true) => Cow::Borrowed("TRUE"),
            Self::Flag(false) => Cow::Borrowed("FALSE"),
            Self::Whole(whole) => Cow::Owned(whole.to_string()),
            // JSON's form: 1e300 has no 300 digits in it.
            Self::Number(number) => {
                Cow::Owned(serde_json::Number::from_f64(*number).map(|n| n.to_string()).unwrap_or_default())
            }
            Self::Date(day) => Cow::Owned(day.to_string()),
        }
    }
}

impl<'a> From<Entry<'a>> for CellValue<'a> {
    fn from(entry: Entry<'a>) -> Self {
        match entry {
            Entry::Nothing => Self::Nothing,
            Entry::Text(text) => Self::Text(Cow::Borrowed(text)),
            Entry::Date(day) => Self::Date(day),
            Entry::Whole(whole) => Self::Whole(whole.into()),
            Entry::Number(number) => Self::Number(number),
        }
    }
}

impl<'a> From<&'a TraitValue> for CellValue<'a> {
    fn from(value: &'a TraitValue) -> Self {
        match value {
            TraitValue::Whole(whole) => Self::Whole((*whole).into()),
            TraitValue::Mean(mean) => Self::Number(*mean),
            TraitValue::Name(name) => Self::Text(Cow::Borrowed(name)),
        }
    }
}

/// Cuts what Excel would refuse to hold; the cut ends with `…`.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    // No text has more units than bytes.
    if text.len() <= MAX_TEXT_UNITS || text.encode_utf16().count() <= MAX_TEXT_UNITS {
        return Cow::Borrowed(text);
    }
    let mut units = 0;
    let kept = text.chars().take_while(|letter| {
        units += letter.len_utf16();
        units < MAX_TEXT_UNITS
    });
    Cow::Owned(kept.chain(std::iter::once('…')).collect())
}

/// The day that `YYYY-MM-DD` names.
fn iso_day(text: &str) -> Option<Date> {
    let is_iso = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if is_iso { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn only_a_whole_iso_day_is_a_date() {
        let of = |text: &'static str| CellValue::from_text(Cow::Borrowed(text));
        assert_eq!(of("2024-02-29"), CellValue::Date(date(2024, 2, 29)));
        for text in ["2023-02-29", "2024-2-29", "20240229", "2024-02-29T10:00", "2024-02-2é", "-024-02-29", ""] {
            assert_eq!(of(text), CellValue::Text(Cow::Borrowed(text)));
        }
    }

    #[test]
    fn a_cut_text_has_as_many_units_as_excel_holds_and_no_broken_letter() {
        assert_eq!(cut(&"a".repeat(MAX_TEXT_UNITS)).len(), MAX_TEXT_UNITS);
        for letter in ["a", "é", "忠", "😀"] {
            let text = cut(&letter.repeat(40_000)).into_owned();
            let units = text.encode_utf16().count();
            assert!(text.ends_with('…') && (MAX_TEXT_UNITS - 1..=MAX_TEXT_UNITS).contains(&units), "{letter}: {units}");
        }
    }
}
