//! How a cell says the identifier that is looked for, wherever it is.

use super::{MIN_CHARS_ELSEWHERE, Said};
use crate::customer::lost_digits::{Loss, Shortened};
use crate::customer::newest::{NOBODY, identities_of, identity_of, without_zero_decimals};
use crate::customer::{Cell, KEPT_DIGITS, date, text};

/// How much of a cell's text is handed on, in characters.
const MAX_SHOWN: usize = 200;

/// What is looked for.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    pub identity: u64,
    /// What it would be if case were no part of it.
    folded: u64,
    /// What it would be if all its dashes were the keyboard's.
    plain: u64,
    n_chars: usize,
    /// Its digits, where it is a number.
    digits: Option<String>,
}

impl Sought {
    /// An identifier as a person gives it; `None` for a word for nothing.
    pub fn new(identifier: &str) -> Option<Self> {
        let (identity, folded) = in_both_cases(Cell::Text(identifier));
        let trimmed = text::without_apostrophe(identifier.trim());
        let plain = identity_of(Cell::Text(&with_plain_dashes(trimmed)));
        let digits = Some(trimmed).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).map(str::to_owned);
        (identity != NOBODY).then(|| Self { identity, folded, plain, n_chars: trimmed.chars().count(), digits })
    }

    /// Whether a cell of any column may mean it.
    pub fn is_long(&self) -> bool {
        self.n_chars >= MIN_CHARS_ELSEWHERE
    }

    /// How the cell says the identifier, and what it holds where that is in another way.
    pub fn said_by(&self, cell: Cell<'_>) -> Option<(Said, String)> {
        let day;
        let is_retyped = matches!(cell, Cell::DateTime { .. } | Cell::Bool(_));
        let cell = match cell {
            // An identifier that a spreadsheet program took for a date is exported as that day.
            Cell::DateTime { serial_days, is_1904 } => {
                day = date::from_serial(serial_days, is_1904)?.to_string();
                Cell::Text(&day)
            }
            Cell::Bool(true) => Cell::Text("TRUE"),
            Cell::Bool(false) => Cell::Text("FALSE"),
            cell => cell,
        };
        let (identity, folded) = in_both_cases(cell);
        if identity == self.identity {
            return Some((if is_retyped { Said::Doubtful } else { Said::Same }, String::new()));
        }
        let is_alike =
            (folded != NOBODY && folded == self.folded) || self.is_number_alike(cell) || self.has_its_dashes(cell);
        let text = is_alike.then(|| shown(cell))?;
        // A number of which no float holds all digits is nobody's, also where it looks the same.
        let is_nobodys = Loss::of(cell).is_rounded() || identity_of(Cell::Text(&text)) == self.identity;
        Some(if is_nobodys { (Said::Doubtful, String::new()) } else { (Said::Alike, text) })
    }

    /// Whether the cell differs in its dashes alone: word processors set longer ones, and ones that break no line.
    fn has_its_dashes(&self, cell: Cell<'_>) -> bool {
        let Cell::Text(text) = cell else { return false };
        !text.is_ascii() && identity_of(Cell::Text(&with_plain_dashes(text))) == self.plain
    }

    /// Whether the cell holds the number with other zeros in front, in groups of three, or without its last digits.
    fn is_number_alike(&self, cell: Cell<'_>) -> bool {
        let Some(sought) = &self.digits else { return false };
        let written;
        let written = match cell {
            Cell::Text(text) | Cell::Digits(text) => without_zero_decimals(text::without_apostrophe(text.trim())),
            // Of so many digits a float may stand for several numbers.
            Cell::Number(number) if sought.len() > KEPT_DIGITS && sought.parse() == Ok(number) => return true,
            Cell::Number(number) => {
                written = format!("{number}");
                &written
            }
            _ => return false,
        };
        let sought = sought.trim_start_matches('0');
        let ungrouped = without_groups(written);
        let written = ungrouped.as_deref().unwrap_or(written);
        if written.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = written.trim_start_matches('0');
            return !number.is_empty() && (number == sought || has_lost_digits(number, KEPT_DIGITS, sought));
        }
        let Some(Shortened { first, decimals, power, .. }) = Shortened::of(written) else { return false };
        let digits = format!("{first}{}", decimals.trim_end_matches('0'));
        if power + 1 != sought.len() || digits.len() > sought.len() {
            return false;
        }
        let number = format!("{digits:0<width$}", width = sought.len());
        number == sought || has_lost_digits(&number, digits.len(), sought)
    }
}

/// What a cell is known by as an identifier, and what by if case were no part of it.
fn in_both_cases(cell: Cell<'_>) -> (u64, u64) {
    let (identity, folded) = identities_of(cell);
    (identity, if folded == NOBODY { identity } else { folded })
}

/// Whether `number` is `sought` with zeros for all but its first `n_kept` digits, which may be rounded up.
fn has_lost_digits(number: &str, n_kept: usize, sought: &str) -> bool {
    if number.len() != sought.len() || number.len() <= n_kept {
        return false;
    }
    let (Some((kept, lost)), Some((of_sought, rest))) =
        (number.split_at_checked(n_kept), sought.split_at_checked(n_kept))
    else {
        return false;
    };
    let is_next = || match (kept.parse::<u64>(), of_sought.parse::<u64>()) {
        (Ok(kept), Ok(of_sought)) => kept == of_sought.saturating_add(1),
        _ => false,
    };
    lost.bytes().all(|byte| byte == b'0')
        && (kept == of_sought || (rest.starts_with(['5', '6', '7', '8', '9']) && is_next()))
}

/// The digits of a number such as `1,234,567`, `1 234 567,00` or `1.234.567`; `None` of any other text.
fn without_groups(text: &str) -> Option<String> {
    let is_mark = |mark: char| matches!(mark, ',' | '.' | ' ' | '\'' | '’' | '\u{a0}' | '\u{2009}' | '\u{202f}');
    // Two digits at most, so that no group of three zeros is taken for decimals.
    let whole = text.rsplit_once([',', '.']).filter(|(_, zeros)| matches!(*zeros, "0" | "00"));
    let mut groups = whole.map_or(text, |(whole, _)| whole).split(is_mark);
    let first = groups.next().filter(|first| !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit()))?;
    let mut digits = first.to_owned();
    for group in groups {
        if first.len() > 3 || group.len() != 3 || !group.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.push_str(group);
    }
    (digits.len() < text.len()).then_some(digits)
}

fn with_plain_dashes(text: &str) -> String {
    text.replace(|mark: char| matches!(mark, '\u{2010}'..='\u{2015}' | '\u{2212}'), "-")
}

fn shown(cell: Cell<'_>) -> String {
    match cell {
        Cell::Text(text) | Cell::Digits(text) => text.trim().chars().take(MAX_SHOWN).collect(),
        Cell::Number(number) => format!("{number}"),
        _ => String::new(),
    }
}
