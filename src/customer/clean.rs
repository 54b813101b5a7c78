//! One column's cells made into values. Each distinct raw cell is cleaned once and remembered: sheets repeat
//! themselves, and parsing a date costs far more than looking it up.
//!
//! A text that can be read in several ways (`03/05/2024`, `1.234`) stays open until its sheet has been read: the other
//! texts of its column decide then, see [`settled`].

mod settled;
mod unknown;

use std::sync::Arc;

use jiff::civil::Date;
use rustc_hash::FxHashMap;

use super::garbled::garbled_letter;
use super::levels::Levels;
use super::nothing::means_nothing;
use super::schema::{Column, DateOrder, Kind};
use super::{Cell, MISSING, Value, date, number, own_case, text};

pub(super) use settled::Settled;
pub(super) use unknown::UnknownLevels;

/// Longer texts are cleaned each time: prose hardly repeats, and remembering it would cost its length. No date or
/// number is longer, so that every open text is remembered.
pub(super) const MAX_REMEMBERED_BYTES: usize = 128;

/// The largest number that is taken, either side of 0. Larger ones are typing errors, and as features their squares
/// leave the range of floats.
pub(super) const MAX_NUMBER: f64 = 1e15;

/// What a raw cell means in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Outcome {
    /// Nothing was written.
    #[default]
    Empty,
    /// The position of a value among those ever seen in the column.
    Seen(u32),
    /// The number of a text that its column has to decide.
    Open(u32),
    /// Something was written that cannot be used.
    Unusable(Fault),
    /// A level that the schema does not know, by its position among those.
    UnknownLevel(u32),
}

impl Outcome {
    /// The number of an open text.
    fn open(self) -> Option<u32> {
        if let Self::Open(number) = self { Some(number) } else { None }
    }
}

/// Why a cell cannot be used, or is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Missing,
    NotADate,
    InFuture,
    UnknownLevel,
    NotANumber,
}

/// One column: its rules, and everything seen in it so far.
#[derive(Debug, Clone)]
pub(super) struct ColumnCleaner {
    rules: Arc<Rules>,
    days: date::Days,
    texts: FxHashMap<Box<str>, Outcome>,
    numbers: FxHashMap<(NumberKind, u64), Outcome>,
    positions: FxHashMap<Key, u32>,
    seen: Vec<Seen>,
    values: Vec<Value>,
    unknown: UnknownLevels,
    open: settled::Open,
    /// A letter that was read in the wrong encoding before the file was written, and what it is.
    garbled: Option<(String, char)>,
    /// How many more names are written in capitals as a whole than with small letters. If it is any, the column's
    /// capitals tell nothing.
    n_shouted: i64,
}

/// What a column's cells are read by. It follows from the schema alone: a form's reader makes it once for all forms.
#[derive(Debug)]
pub(super) struct Rules {
    rule: Rule,
    synonyms: FxHashMap<String, String>,
}

#[derive(Debug)]
enum Rule {
    Category,
    Ordinal(Levels),
    Date { order: Option<DateOrder> },
    Number,
}

/// A value that some row had; it gets a code once a row with it is kept.
#[derive(Debug, Clone)]
struct Seen {
    value: Value,
    code: u32,
}

/// What the same bits mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum NumberKind {
    Plain { is_1904: bool },
    Date { is_1904: bool },
}

/// A value as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Text(Box<str>),
    Level(u32),
    Date(Date),
    Number(u64),
}

impl Key {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Text(name) => Self::Text(name.as_str().into()),
            Value::Level(rank) => Self::Level(*rank),
            Value::Date(day) => Self::Date(*day),
            // No cell becomes one; a form's own value is never interned.
            Value::PartialDate { .. } => Self::Text(Box::from("")),
            Value::Number(number) => Self::Number(number.to_bits()),
        }
    }
}

impl Rules {
    pub(super) fn of(column: &Column) -> Self {
        let rule = match &column.kind {
            Kind::Category { .. } => Rule::Category,
            Kind::Ordinal { levels, .. } => Rule::Ordinal(Levels::new(levels, &column.synonyms)),
            Kind::Date { order, .. } => Rule::Date { order: *order },
            Kind::Number { .. } => Rule::Number,
        };
        let synonyms = match rule {
            // They are names of the levels.
            Rule::Ordinal(_) => FxHashMap::default(),
            _ => {
                // A value that is written as nothing elsewhere, such as `NA`, is one where a synonym leads to it.
                let own = column.synonyms.values().filter(|to| means_nothing(to)).map(|to| (to, to));
                let names = own.chain(&column.synonyms);
                names.filter_map(|(from, to)| Some((text::fold_given(from)?, to.clone()))).collect()
            }
        };
        Self { rule, synonyms }
    }
}

impl ColumnCleaner {
    pub(super) fn new(column: &Column, today: Date) -> Self {
        Self::by(Arc::new(Rules::of(column)), column, today)
    }

    /// By rules that were made of this column before.
    pub(super) fn by(rules: Arc<Rules>, column: &Column, today: Date) -> Self {
        Self {
            rules,
            days: date::Days { today, last: column.last_day(today) },
            texts: FxHashMap::default(),
            numbers: FxHashMap::default(),
            positions: FxHashMap::default(),
            seen: Vec::new(),
            values: Vec::new(),
            unknown: UnknownLevels::default(),
            open: settled::Open::default(),
            garbled: None,
            n_shouted: 0,
        }
    }

    /// What a cell means. `is_1904` is the date system of the sheet's plain numbers.
    pub(super) fn outcome(&mut self, cell: Cell<'_>, is_1904: bool) -> Outcome {
        match cell {
            // A formula's error is not a value: `#N/A` stands for a look-up that found nothing.
            Cell::Empty | Cell::Error => Outcome::Empty,
            Cell::Bool(value) => self.clean_text(if value { "TRUE" } else { "FALSE" }),
            Cell::Text(raw) | Cell::Digits(raw) => {
                if let Some(outcome) = self.texts.get(raw) {
                    return *outcome;
                }
                let outcome = self.clean_text(raw);
                if raw.len() <= MAX_REMEMBERED_BYTES {
                    self.texts.insert(raw.into(), outcome);
                }
                outcome
            }
            Cell::Number(number) => self.remembered_number(NumberKind::Plain { is_1904 }, number),
            Cell::DateTime { serial_days, is_1904 } => {
                self.remembered_number(NumberKind::Date { is_1904 }, serial_days)
            }
        }
    }

    /// Whether a category's name was in a cell before.
    pub(super) fn has_category(&self, name: &str) -> bool {
        matches!(self.rules.rule, Rule::Category)
            && text::tidy_category(name).is_some_and(|name| self.positions.contains_key(&Key::Text(name.into())))
    }

    /// The code of a value of a row that is kept.
    pub(super) fn code(&mut self, outcome: Outcome) -> u32 {
        let Outcome::Seen(position) = outcome else { return MISSING };
        let Some(seen) = self.seen.get_mut(position as usize) else { return MISSING };
        if seen.code == MISSING {
            seen.code = u32::try_from(self.values.len()).unwrap_or(MISSING);
            self.values.push(seen.value.clone());
        }
        seen.code
    }

    /// The values that got a code, by code.
    pub(super) fn into_values(mut self) -> Vec<Value> {
        if self.n_shouted > 0 {
            for value in &mut self.values {
                if let Value::Text(name) = value {
                    *name = text::without_own_case(name);
                }
            }
        }
        self.values
    }

    /// The levels that the schema does not know.
    pub(super) fn unknown_levels(&mut self) -> &mut UnknownLevels {
        &mut self.unknown
    }

    fn remembered_number(&mut self, kind: NumberKind, number: f64) -> Outcome {
        let key = (kind, number.to_bits());
        if let Some(outcome) = self.numbers.get(&key) {
            return *outcome;
        }
        let outcome = self.clean_number(kind, number);
        self.numbers.insert(key, outcome);
        outcome
    }

    fn clean_text(&mut self, raw: &str) -> Outcome {
        let synonym = self.synonym(raw);
        let is_given = synonym.is_some() || matches!(&self.rules.rule, Rule::Ordinal(levels) if levels.has(raw));
        if !is_given && means_nothing(raw) {
            return Outcome::Empty;
        }
        // Each text that is remembered comes here once.
        if synonym.is_none() && raw.len() <= MAX_REMEMBERED_BYTES {
            let has_small = raw.chars().any(char::is_lowercase);
            self.n_shouted += if own_case::is_shouted(raw.trim()) { 1 } else { -i64::from(has_small) };
        }
        if self.garbled.is_none() && matches!(self.rules.rule, Rule::Category) && !raw.is_ascii() {
            self.garbled = garbled_letter(raw);
        }
        let raw = synonym.as_deref().unwrap_or(raw);
        match &self.rules.rule {
            Rule::Category => match if is_given { text::tidy_given(raw) } else { text::tidy_category(raw) } {
                // Training would make a category of it, and a report would show it.
                Some(name) if text::is_personal(&name) => Outcome::Unusable(Fault::Missing),
                Some(name) => self.intern(Value::Text(name)),
                None => Outcome::Empty,
            },
            Rule::Ordinal(levels) => match (levels.rank(raw), text::fold(raw)) {
                (Some(rank), _) => self.intern(Value::Level(rank)),
                (None, Some(_)) => Outcome::UnknownLevel(self.unknown.position(raw)),
                (None, None) => Outcome::Empty,
            },
            Rule::Date { order } => {
                let order = *order;
                let raw = raw.trim();
                if let Some(open) = self.open.digits(raw, self.days) {
                    return open;
                }
                match date::read(raw) {
                    Some(date::Reading::Serial(day)) => {
                        self.open.serial_number(raw.parse().unwrap_or_default(), true);
                        self.sure_day(Some(day))
                    }
                    Some(date::Reading::Written(written)) => match self.open.date(&written, order, self.days) {
                        Some(open) => open,
                        None => self.day(written.day(&date::Convention::of(&written, order))),
                    },
                    None => self.day(None),
                }
            }
            Rule::Number => match number::read(raw).map(|written| written.under_unit(self.open.times())) {
                Some(written) => match self.open.number(&written) {
                    Some(open) => open,
                    None => self.number(Some(written.meaning.by(number::Decimal::Point))),
                },
                None => self.number(None),
            },
        }
    }

    fn synonym(&self, raw: &str) -> Option<String> {
        if self.rules.synonyms.is_empty() {
            return None;
        }
        text::fold_given(raw).and_then(|folded| self.rules.synonyms.get(&folded).cloned())
    }

    fn clean_number(&mut self, kind: NumberKind, number: f64) -> Outcome {
        match (&self.rules.rule, kind) {
            // Where the sheet's days are counted from 1904, a number is one of them.
            (Rule::Date { .. }, NumberKind::Plain { is_1904: false }) if self.open.has_dates_of_digits(number) => {
                self.outcome(Cell::Text(&number.to_string()), false)
            }
            (Rule::Date { .. }, NumberKind::Plain { is_1904 }) => {
                let day = date::from_number(number, is_1904);
                self.open.serial_number(number, day.is_some());
                self.sure_day(day)
            }
            (Rule::Date { .. }, NumberKind::Date { is_1904 }) => self.sure_day(date::from_serial(number, is_1904)),
            (Rule::Number, NumberKind::Plain { .. }) => self.number(Some(number * self.open.times())),
            (Rule::Number, NumberKind::Date { .. }) => self.number(None),
            (Rule::Category | Rule::Ordinal(_), NumberKind::Plain { .. }) => self.clean_text(&number.to_string()),
            (Rule::Category | Rule::Ordinal(_), NumberKind::Date { is_1904 }) => {
                match date::from_serial(number, is_1904) {
                    Some(day) => self.clean_text(&day.to_string()),
                    None => self.clean_text(&number.to_string()),
                }
            }
        }
    }

    /// A day that no text is read for.
    fn sure_day(&mut self, day: Option<Date>) -> Outcome {
        if let Some(day) = day {
            self.open.sure_day(day);
        }
        self.day(day)
    }

    fn day(&mut self, day: Option<Date>) -> Outcome {
        match day {
            None => Outcome::Unusable(Fault::NotADate),
            Some(day) if day > self.days.last => Outcome::Unusable(Fault::InFuture),
            Some(day) => self.intern(Value::Date(day)),
        }
    }

    fn number(&mut self, number: Option<f64>) -> Outcome {
        match number.filter(|number| number.abs() <= MAX_NUMBER) {
            // Adding 0 makes −0 the 0 that it equals.
            Some(number) => self.intern(Value::Number(number + 0.0)),
            None => Outcome::Unusable(Fault::NotANumber),
        }
    }

    fn intern(&mut self, value: Value) -> Outcome {
        let next = u32::try_from(self.seen.len()).unwrap_or(MISSING);
        let position = *self.positions.entry(Key::of(&value)).or_insert(next);
        if position == next {
            self.seen.push(Seen { value, code: MISSING });
        }
        Outcome::Seen(position)
    }
}
