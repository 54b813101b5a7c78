//! The ways in which bytes become letters: the encodings of the web, and the code pages of DOS, which the web lacks.

use std::borrow::Cow;

use encoding_rs::Encoding;
use oem_cp::code_table::DECODING_TABLE_CP_MAP;
use oem_cp::code_table_type::TableType;

/// An encoding of text in which every ASCII byte stands for itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::workbook) enum Charset {
    /// One of the Encoding Standard's.
    Web(&'static Encoding),
    /// A code page of DOS with its number, such as 850.
    Dos(u16, &'static TableType),
}

impl Charset {
    /// The charset of a Windows code page's number, as old workbooks give it; `None` for UTF-16 and what is not known.
    pub(in crate::workbook) fn of_code_page(number: u16) -> Option<Self> {
        let number = match number {
            // What Excel writes instead of the numbers that Windows knows: Mac Roman, and Windows-1252.
            32_768 => 10_000,
            32_769 => 1_252,
            number => number,
        };
        match codepage::to_encoding_no_replacement(number) {
            Some(encoding) => encoding.is_ascii_compatible().then_some(Self::Web(encoding)),
            None => Self::dos(number),
        }
    }

    /// A code page of DOS.
    pub(super) fn dos(number: u16) -> Option<Self> {
        DECODING_TABLE_CP_MAP.get(&number).map(|table| Self::Dos(number, table))
    }

    /// What it is called: the Encoding Standard's name, or IANA's.
    pub(in crate::workbook) fn name(self) -> Cow<'static, str> {
        match self {
            Self::Web(encoding) => encoding.name().into(),
            Self::Dos(number, _) => format!("IBM{number}").into(),
        }
    }

    /// The text of these bytes, and whether some of them stand for nothing.
    pub(in crate::workbook) fn decode(self, bytes: &[u8]) -> (Cow<'_, str>, bool) {
        match self {
            Self::Web(encoding) => encoding.decode_without_bom_handling(bytes),
            Self::Dos(_, table) => {
                let text = table.decode_string_lossy(bytes);
                let is_damaged = text.contains(char::REPLACEMENT_CHARACTER);
                (text.into(), is_damaged)
            }
        }
    }

    /// Whether a character may take two bytes or more.
    pub(super) fn is_multibyte(self) -> bool {
        match self {
            Self::Web(encoding) => !encoding.is_single_byte(),
            Self::Dos(..) => false,
        }
    }
}

impl PartialEq for Charset {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Web(one), Self::Web(other)) => one == other,
            (Self::Dos(one, _), Self::Dos(other, _)) => one == other,
            (Self::Web(_), Self::Dos(..)) | (Self::Dos(..), Self::Web(_)) => false,
        }
    }
}
