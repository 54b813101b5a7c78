//! A cleaned cell.

use std::cmp::Ordering;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// The code of an optional value that a row does not have.
pub const MISSING: u32 = u32::MAX;

/// A cleaned cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A category's name, trimmed and title-cased.
    Text(String),
    /// The position of an ordinal's level in the schema, counted from 0.
    Level(u32),
    /// A day, never in the future.
    Date(Date),
    /// What is known of a day: what a form says of one, or of a day in a sheet the parts that enough customers share.
    PartialDate {
        /// The year, if it is known.
        year: Option<i16>,
        /// The quarter, 1 to 4, if it is known and the month is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quarter: Option<i8>,
        /// The month, 1 to 12, if it is known.
        month: Option<i8>,
        /// Parts that are known and not said.
        #[serde(default, skip_serializing_if = "Withheld::is_nothing")]
        withheld: Withheld,
    },
    /// A finite number.
    Number(f64),
}

/// The parts of a day that are known and not said, since few customers share them: a customer with one counts as one
/// with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Withheld {
    /// The year.
    pub year: bool,
    /// The quarter.
    pub quarter: bool,
    /// The month.
    pub month: bool,
}

impl Withheld {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Value {
    /// What is known of a day of which nothing is withheld.
    pub fn partial(year: Option<i16>, quarter: Option<i8>, month: Option<i8>) -> Self {
        Self::PartialDate { year, quarter, month, withheld: Withheld::default() }
    }

    /// Of a day its year and its month alone.
    pub(super) fn year_and_month(day: Date) -> Self {
        Self::partial(Some(day.year()), None, Some(day.month()))
    }

    /// An order of the values of one column, the same in every table.
    pub(crate) fn total_order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Level(a), Self::Level(b)) => a.cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::PartialDate { .. }, Self::PartialDate { .. }) => self.parts().cmp(&other.parts()),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }

    /// What a partial date knows: year, month and quarter, and what it withholds.
    fn parts(&self) -> (Option<i16>, Option<i8>, Option<i8>, Withheld) {
        match self {
            Self::PartialDate { year, quarter, month, withheld } => (*year, *month, *quarter, *withheld),
            Self::Date(day) => (Some(day.year()), Some(day.month()), None, Withheld::default()),
            Self::Text(_) | Self::Level(_) | Self::Number(_) => (None, None, None, Withheld::default()),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Text(_) => 1,
            Self::Level(_) => 2,
            Self::Date(_) => 3,
            Self::PartialDate { .. } => 4,
            Self::Number(_) => 5,
        }
    }

    /// The same for the same value, in every process and on every machine; no value's is that of a missing one, 0.
    pub(super) fn hash(&self) -> u128 {
        let bytes = match self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Level(rank) => rank.to_le_bytes().to_vec(),
            Self::Date(day) => [&day.year().to_le_bytes()[..], &[day.month() as u8, day.day() as u8]].concat(),
            Self::PartialDate { year, quarter: None, month, .. } => format!("{year:?} {month:?}").into_bytes(),
            Self::PartialDate { year, quarter, month, .. } => format!("{year:?} {month:?} {quarter:?}").into_bytes(),
            Self::Number(number) => number.to_bits().to_le_bytes().to_vec(),
        };
        xxh3_128(&[&[self.kind()], bytes.as_slice()].concat())
    }
}
