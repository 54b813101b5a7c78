//! A written day taken apart: its numbers and names, and which of them may be the day, the month and the year.

use jiff::civil::Date;

use super::convention::{Convention, FIRST_BUDDHIST_YEAR, Orders};
use super::names::{ANY_LANGUAGE, Languages, Name, key, name};
use crate::customer::schema::DateOrder;

/// Two-digit years from here on lie in the 20th century: the window of Excel itself.
const TWO_DIGIT_PIVOT: i64 = 30;
const LAST_BUDDHIST_YEAR: i64 = 2743;
const BUDDHIST_AHEAD: i64 = 543;

/// Words that stand in dates and say nothing: prepositions, articles, and what follows years and days, as they are
/// compared.
const NOISE: &str = "of de del dei di do da den der el le la las les los a an o u e i om um at kl klo ob on v в во у \
    об о saat pukul jam pada luc in alle ore oras klukkan kell st nd rd th er re eme ro ra g г gada gado god godina \
    года р рік m d ж ar ko yili ngay nam nang τησ στισ בשעה في ساعت এ रोजी அன்று คศ เวลา ho na plkst val as os es को";
/// Words before the number of a month.
const MONTH_BEFORE: [&str; 2] = ["thang", "thg"];
/// Eras by their names, and the year before their first.
const ERAS: [(&str, i64); 10] = [
    ("令和", 2018),
    ("平成", 1988),
    ("昭和", 1925),
    ("大正", 1911),
    ("明治", 1867),
    ("民國", 1911),
    ("民国", 1911),
    ("中華民國", 1911),
    ("中华民国", 1911),
    ("พศ", -BUDDHIST_AHEAD),
];
/// Eras by the letters that Excel writes before their years: `R6.3.5`.
const ERA_LETTERS: [(&str, i64); 5] = [("r", 2018), ("h", 1988), ("s", 1925), ("t", 1911), ("m", 1867)];

/// The parts of one date; more make it none.
const MAX_PARTS: usize = 3;

/// A day as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::customer) enum Written {
    /// Only the calendar of the year may be in doubt.
    Plain { year: i64, month: i64, day: i64, languages: Languages },
    /// Three numbers, each with its digits, of which the column says which is which; `mark` stands between them.
    Digits { numbers: [i64; 3], digits: [usize; 3], mark: char },
    /// A month by a word that is not the same month in every language.
    Named { year: i64, months: [Option<(i8, Languages)>; 2], day: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Number { value: i64, digits: usize, unit: Option<Unit> },
    Month(Name),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    Month,
    Day,
}

impl Written {
    /// Takes a day apart; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        iso(text).or_else(|| Parts::take(text)?.written())
    }

    /// `20240305`.
    pub fn eight_digits(text: &str) -> Option<Self> {
        let digits: i64 = text.parse().ok().filter(|_| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()))?;
        Some(Self::numbers(digits / 10_000, digits / 100 % 100, digits % 100))
    }

    fn numbers(year: i64, month: i64, day: i64) -> Self {
        Self::Plain { year, month, day, languages: ANY_LANGUAGE }
    }

    /// The day by a convention; `None` where that gives no day of the calendar.
    pub fn day(&self, convention: &Convention) -> Option<Date> {
        match *self {
            Self::Plain { year, month, day, .. } => ymd(year, month, day, convention),
            Self::Digits { numbers: [first, second, third], digits: [before, _, after], .. } => {
                let (first_year, last_year) = (long_year(first, before), long_year(third, after));
                match convention.order {
                    DateOrder::DayFirst => ymd(last_year?, second, first, convention),
                    DateOrder::MonthFirst => ymd(last_year?, first, second, convention),
                    // A year of four digits is the last one, whatever else comes first.
                    DateOrder::YearFirst if after == 4 => ymd(last_year?, second, first, convention),
                    DateOrder::YearFirst => ymd(first_year?, second, third, convention),
                }
            }
            Self::Named { year, months, day } => {
                let mut known =
                    months.into_iter().flatten().filter(|(_, languages)| languages & convention.languages != 0);
                let (month, _) = known.next()?;
                if known.next().is_some() { None } else { ymd(year, month.into(), day, convention) }
            }
        }
    }

    /// The orders in which the numbers can be meant.
    pub(super) fn orders(&self) -> Orders {
        let Self::Digits { numbers: [first, second, third], digits: [before, _, after], .. } = *self else {
            return Orders::ALL;
        };
        let (is_day, is_month) = (|number| (1..=31).contains(&number), |number| (1..=12).contains(&number));
        let is_year_last = long_year(third, after).is_some();
        Orders::of(
            is_year_last && is_day(first) && is_month(second),
            is_year_last && is_month(first) && is_day(second),
            before == 2 && after <= 2 && is_month(second) && is_day(third),
        )
    }

    /// The languages that the month's name can be of.
    pub fn languages(&self) -> Languages {
        match self {
            Self::Named { months, .. } => months.iter().flatten().fold(0, |all, (_, languages)| all | languages),
            Self::Plain { languages, .. } => *languages,
            Self::Digits { .. } => ANY_LANGUAGE,
        }
    }

    /// Whether an order is all that is needed to read it.
    pub fn is_decided_by_order(&self) -> bool {
        let is_buddhist = self.long_year().is_some_and(|year| year >= FIRST_BUDDHIST_YEAR);
        matches!(self, Self::Digits { .. }) && !is_buddhist
    }

    /// The year, where four digits give it.
    pub fn long_year(&self) -> Option<i64> {
        match *self {
            Self::Plain { year, .. } | Self::Named { year, .. } => Some(year),
            Self::Digits { numbers: [.., year], digits: [.., digits], .. } => (digits == 4).then_some(year),
        }
    }
}

/// `2024-03-05`, which most programs write.
fn iso(text: &str) -> Option<Written> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = text.as_bytes() else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number, b| b.is_ascii_digit().then(|| number * 10 + i64::from(b - b'0')))
    };
    Some(Written::numbers(number(&[a, b, c, d])?, number(&[e, f])?, number(&[g, h])?))
}

/// What a text consists of.
struct Parts {
    parts: [Option<Part>; MAX_PARTS],
    n_parts: usize,
    /// What is between the first two parts, and between the last two.
    marks: [Option<char>; 2],
    /// Years before the first one of the era.
    era: Option<i64>,
}

impl Parts {
    fn take(text: &str) -> Option<Self> {
        let mut taken = Self { parts: [None; MAX_PARTS], n_parts: 0, marks: [None; 2], era: None };
        let mut rest = text.trim();
        let mut mark = None;
        let mut next_is_month = false;
        while let Some(c) = rest.chars().next() {
            if c.is_ascii_digit() {
                let (number, after) = rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?;
                let (unit, after) = unit(after);
                let unit = if std::mem::take(&mut next_is_month) { Some(Unit::Month) } else { unit };
                let value = number.parse().ok().filter(|_| number.len() <= 4)?;
                taken.push(Part::Number { value, digits: number.len(), unit }, mark.take())?;
                rest = after;
            } else if is_of_word(c) {
                let (word, after) = word(rest);
                rest = after;
                let is_next_to_digit = after.starts_with(|c: char| c.is_ascii_digit());
                taken.word(&word, is_next_to_digit, &mut mark, &mut next_is_month)?;
            } else {
                mark = joined(mark, c)?;
                rest = rest.get(c.len_utf8()..)?;
            }
        }
        Some(taken)
    }

    fn push(&mut self, part: Part, mark: Option<char>) -> Option<()> {
        if let Some(between) = self.n_parts.checked_sub(1) {
            *self.marks.get_mut(between)? = Some(mark.unwrap_or('\0'));
        }
        *self.parts.get_mut(self.n_parts)? = Some(part);
        self.n_parts += 1;
        Some(())
    }

    /// Takes a word in; `None` where no date has it.
    fn word(
        &mut self,
        word: &str,
        is_next_to_digit: bool,
        mark: &mut Option<char>,
        next_is_month: &mut bool,
    ) -> Option<()> {
        let key = key(word);
        // `令和元年` is the first year.
        let (era, is_first) = key.strip_suffix("元年").map_or((key.as_str(), false), |era| (era, true));
        let letters = ERA_LETTERS.iter().filter(|_| is_next_to_digit && self.n_parts == 0);
        if let Some(&(_, before)) = ERAS.iter().chain(letters).find(|(name, _)| *name == era) {
            self.era = Some(before);
            let first = Part::Number { value: 1, digits: 1, unit: Some(Unit::Year) };
            return if is_first { self.push(first, mark.take()) } else { Some(()) };
        }
        if MONTH_BEFORE.contains(&key.as_str()) {
            *next_is_month = true;
            return Some(());
        }
        if is_noise(&key) {
            return Some(());
        }
        let name = name(&key)?;
        let has_month = self.parts.iter().flatten().any(|part| matches!(part, Part::Month(_)));
        match (name.months[0].is_some(), name.is_weekday) {
            (true, true) if has_month => Some(()),
            (true, _) => {
                // What was taken for a month before was a weekday: `mar. 5 mars`.
                self.forget_weekday();
                self.push(Part::Month(name), mark.take())
            }
            (false, true) => {
                if self.n_parts == 0 {
                    *mark = None;
                }
                Some(())
            }
            (false, false) => None,
        }
    }

    fn forget_weekday(&mut self) {
        if let [Some(Part::Month(first)), ..] = self.parts
            && first.is_weekday
        {
            let [_, second, third] = self.parts;
            self.parts = [second, third, None];
            self.marks = [self.marks[1], None];
            self.n_parts -= 1;
        }
    }

    fn written(&self) -> Option<Written> {
        let [Some(first), Some(second), Some(third)] = self.parts else { return None };
        let [Some(before), Some(after)] = self.marks else { return None };
        use Part::{Month, Number};
        let short = |digits| (1..=2).contains(&digits);
        let numbers = [first, second, third].map(|part| match part {
            Number { value, .. } => value,
            Month(_) => 0,
        });
        match [first, second, third] {
            // 年月日, or an era before the year.
            [Number { value: year, digits, unit }, Number { value: month, .. }, Number { value: day, .. }]
                if unit == Some(Unit::Year) || self.era.is_some() =>
            {
                let year = match self.era {
                    Some(before) => year.checked_add(before)?,
                    None => long_year(year, digits)?,
                };
                Some(Written::numbers(year, month, day))
            }
            [
                Number { value: day, digits: d, .. },
                Number { value: month, unit: Some(Unit::Month), .. },
                Number { value: year, digits: 4, .. },
            ] if short(d) => Some(Written::numbers(year, month, day)),
            [Number { digits: 4, .. }, Number { digits: m, .. }, Number { digits: d, .. }]
                if short(m) && short(d) && before == after =>
            {
                let [year, month, day] = numbers;
                is_between_numbers(before).then_some(Written::numbers(year, month, day))
            }
            [Number { digits: a, .. }, Number { digits: b, .. }, Number { digits: c @ (1 | 2 | 4), .. }]
                if short(a) && short(b) && a.max(c) > 1 && before == after =>
            {
                is_between_numbers(before).then_some(Written::Digits { numbers, digits: [a, b, c], mark: before })
            }
            [Number { value: year, digits: 4, .. }, Month(name), Number { value: day, digits, .. }]
            | [Number { value: year, digits: 4, .. }, Number { value: day, digits, .. }, Month(name)]
                if short(digits) =>
            {
                Some(named(year, name, day))
            }
            [Number { value: day, digits: d, .. }, Month(name), Number { value: year, digits, .. }]
            | [Month(name), Number { value: day, digits: d, .. }, Number { value: year, digits, .. }]
                if short(d) =>
            {
                Some(named(long_year(year, digits)?, name, day))
            }
            _ => None,
        }
    }
}

/// Whether a word says nothing in a date, given as it is compared.
pub(super) fn is_noise(word: &str) -> bool {
    NOISE.split_ascii_whitespace().any(|noise| noise == word)
}

fn named(year: i64, name: Name, day: i64) -> Written {
    match name.months {
        [Some((month, languages)), None] => Written::Plain { year, month: month.into(), day, languages },
        months => Written::Named { year, months, day },
    }
}

/// What is before and after a mark as one mark: `. ` is a point. `None` for what no date has between its parts.
#[expect(clippy::option_option, reason = "the outer one is the text that is no date")]
fn joined(before: Option<char>, c: char) -> Option<Option<char>> {
    match (before, c) {
        (mark, ' ') => Some(Some(mark.unwrap_or(' '))),
        (None | Some(' '), '-' | '/' | '.' | ',' | '‐' | '–' | '(' | ')' | '،' | '、' | '\'' | '’') => {
            Some(Some(c))
        }
        // `5. (Tue)`, `Jun.,`
        (Some('.' | ',' | ')' | '(' | '،'), ',' | '(' | ')' | '.') => Some(before),
        _ => None,
    }
}

fn is_between_numbers(mark: char) -> bool {
    matches!(mark, '-' | '/' | '.' | ' ' | '‐' | '–')
}

/// 年, 月, 日 and their like behind a number.
fn unit(text: &str) -> (Option<Unit>, &str) {
    let unit = match text.chars().next() {
        Some('年' | '년') => Unit::Year,
        Some('月' | '월') => Unit::Month,
        Some('日' | '일' | '号' | '號') => Unit::Day,
        _ => return (None, text),
    };
    let after = text.chars().next().map_or(0, char::len_utf8);
    (Some(unit), text.get(after..).unwrap_or_default())
}

/// The word that a text starts with, without the points and apostrophes in it, and what follows.
fn word(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let is_inside = matches!(c, '.' | '\'' | '’') && chars.peek().is_some_and(|&(_, next)| is_of_word(next));
        if is_of_word(c) {
            word.push(c);
        } else if !is_inside {
            return (word, text.get(at..).unwrap_or_default());
        }
    }
    (word, "")
}

/// Letters, and the marks of scripts that write vowels as marks.
fn is_of_word(c: char) -> bool {
    c.is_alphabetic()
        || !c.is_ascii()
            && !c.is_whitespace()
            && !c.is_numeric()
            && !matches!(c, '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '،' | '·')
}

/// The year that so many digits stand for; `None` where they are none.
pub(super) fn long_year(year: i64, digits: usize) -> Option<i64> {
    match digits {
        4 => Some(year),
        2 => Some(if year < TWO_DIGIT_PIVOT { 2000 + year } else { 1900 + year }),
        _ => None,
    }
}

fn ymd(year: i64, month: i64, day: i64, convention: &Convention) -> Option<Date> {
    let is_buddhist = convention.is_buddhist && (FIRST_BUDDHIST_YEAR..=LAST_BUDDHIST_YEAR).contains(&year);
    let year = if is_buddhist { year - BUDDHIST_AHEAD } else { year };
    let year = i16::try_from(year).ok().filter(|year| *year >= 1900)?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_say_nothing_are_written_as_they_are_compared() {
        let eras = ERAS.iter().chain(&ERA_LETTERS).map(|(era, _)| *era);
        for word in NOISE.split_ascii_whitespace().chain(MONTH_BEFORE).chain(eras) {
            assert_eq!(key(word), word);
        }
    }
}
