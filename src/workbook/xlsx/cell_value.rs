//! What a cell holds, by its type, its style and the text of its value.

use super::markup::{Parsed, Stop};

/// What a cell's style makes of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Number,
    Day,
    Duration,
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Content<'a> {
    Nothing,
    /// A number of the shared strings.
    Shared(u32),
    Text(&'a str),
    /// The text that was put into the sheet's scratch.
    Scratch,
    Number(f64),
    /// A whole number that no float may hold, digit by digit.
    Digits(&'a str),
    Day(f64),
    Flag(bool),
    /// An error of a formula that spreadsheet programs know.
    Error,
    /// An error, number or flag that nobody knows, and that is left out.
    Unknown,
    /// A formula whose result is not in the file.
    NoResult,
}

/// The type of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Unsaid,
    Number,
    Shared,
    Flag,
    Error,
    FormulaText,
    IsoDate,
    Inline,
}

impl Type {
    /// The type that the attribute `t` names.
    pub fn named(name: &[u8]) -> Parsed<Self> {
        Ok(match name {
            b"s" => Self::Shared,
            b"n" => Self::Number,
            b"b" => Self::Flag,
            b"e" => Self::Error,
            b"str" => Self::FormulaText,
            b"d" => Self::IsoDate,
            b"inlineStr" | b"is" => Self::Inline,
            _ => return Err(Stop::Unusual),
        })
    }

    /// What a cell of this type holds whose value is empty: a text may be.
    pub fn without_value(self) -> Content<'static> {
        match self {
            Self::FormulaText | Self::IsoDate => Content::Text(""),
            _ => Content::Nothing,
        }
    }
}

impl Shown {
    /// What a number in such a cell is.
    #[inline]
    pub fn of(self, number: f64) -> Content<'static> {
        match self {
            Self::Number | Self::Duration => Content::Number(number),
            Self::Day => Content::Day(number),
        }
    }
}

/// The flag that a text is.
pub(super) fn flag(text: &str) -> Content<'static> {
    let text = text.trim();
    if text.is_empty() {
        Content::Nothing
    } else if text == "0" || text.eq_ignore_ascii_case("false") {
        Content::Flag(false)
    } else if text == "1" || text.eq_ignore_ascii_case("true") {
        Content::Flag(true)
    } else {
        Content::Unknown
    }
}

/// The error that a text names.
pub(super) fn error(text: &str) -> Content<'static> {
    match text {
        "#DIV/0!" | "#N/A" | "#NAME?" | "#NULL!" | "#NUM!" | "#REF!" | "#VALUE!" => Content::Error,
        _ => Content::Unknown,
    }
}
