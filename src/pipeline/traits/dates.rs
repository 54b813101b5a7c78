//! Which of a date's findings are told: its parts, its pairs, and not the one where the other says it.
//!
//! A month is a part of its quarter, and a pair of its year. The finer one is told where it says more than the coarser
//! ones predict; the coarser one where the finer ones that are told do not make up most of it.

use super::count::{Counts, Subject, SubjectKind};
use super::found::{Found, MIN_LIFT};
use super::statistics::two_sided;
use super::{Claim, TraitValue};
use crate::customer::DatePart;

/// The share of a coarser value's customers from which on the finer ones tell all of it.
const MADE_UP: f64 = 0.8;

/// Of the findings of each subject those that are to be told. Of a hidden subject what is true of all, as if no
/// customer had another value; nothing else is, and what it would say, no finer one says in its place.
pub(super) fn most_telling(
    subjects: &[(Subject<'_>, Counts)],
    mut found: Vec<Vec<Found>>,
    is_hidden: &[bool],
    p_limit: f64,
) -> Vec<Vec<Found>> {
    let columns: Vec<usize> = subjects.iter().map(|(subject, _)| subject.column).collect();
    let mut columns_of_dates: Vec<usize> = subjects
        .iter()
        .filter(|(subject, _)| subject.date_part().is_some())
        .map(|(subject, _)| subject.column)
        .collect();
    columns_of_dates.dedup();
    let date = |column: usize| {
        let place = |kind: &dyn Fn(&Subject<'_>) -> bool| {
            subjects.iter().zip(&columns).position(|((subject, _), &of)| of == column && kind(subject))
        };
        let part = |part: DatePart| place(&|subject| subject.date_part() == Some(part));
        let pair = |part: DatePart| place(&|subject| subject.kind == SubjectKind::Pair(part));
        Date {
            year: part(DatePart::Year),
            quarter: part(DatePart::Quarter),
            month: part(DatePart::Month),
            of_quarter: pair(DatePart::Quarter),
            of_month: pair(DatePart::Month),
            p_limit,
        }
    };
    let dates: Vec<Date> = columns_of_dates.into_iter().map(date).collect();
    dates.iter().for_each(|date| date.drop_what_coarser_ones_say(&mut found));
    for (found, _) in found.iter_mut().zip(is_hidden).filter(|(_, is_hidden)| **is_hidden) {
        found.retain(|found| found.claim == Claim::All);
        found.iter_mut().for_each(Found::hide_the_few_beside);
    }
    dates.iter().for_each(|date| date.drop_what_finer_ones_say(&mut found));
    found
}

/// The subjects of one date's column, by their positions.
struct Date {
    year: Option<usize>,
    quarter: Option<usize>,
    month: Option<usize>,
    /// A year with its quarter.
    of_quarter: Option<usize>,
    /// A year with its month.
    of_month: Option<usize>,
    p_limit: f64,
}

impl Date {
    fn drop_what_coarser_ones_say(&self, found: &mut [Vec<Found>]) {
        for (pair, part) in [(self.of_quarter, self.quarter), (self.of_month, self.month)] {
            let (years, parts) = (list(found, self.year), list(found, part));
            retain(found, pair, |pair| self.tells_more_than_parts(pair, &years, &parts));
        }
        for (fine, coarse) in [(self.month, self.quarter), (self.of_month, self.of_quarter)] {
            let quarters = list(found, coarse);
            retain(found, fine, |month| {
                let quarter = quarters.iter().find(|quarter| is_within(month, quarter));
                quarter
                    .is_none_or(|quarter| self.tells_more(month, quarter.cell.k, month.cell.big_k / quarter.cell.big_k))
            });
        }
    }

    fn drop_what_finer_ones_say(&self, found: &mut [Vec<Found>]) {
        let (months, pairs_of_month) = (list(found, self.month), list(found, self.of_month));
        retain(found, self.of_quarter, |quarter| !is_made_up(quarter, &pairs_of_month, is_within));
        let pairs = [pairs_of_month, list(found, self.of_quarter)].concat();
        let is_of_part = |pair: &Found, part: &Found| part_of(pair) == whole(&part.value);
        let is_of_year = |pair: &Found, year: &Found| whole(&pair.value) / 100 == whole(&year.value);
        retain(found, self.quarter, |quarter| {
            let of_quarters: Vec<Found> = of(&pairs, self.of_quarter);
            !is_made_up(quarter, &months, is_within) && !is_made_up(quarter, &of_quarters, is_of_part)
        });
        retain(found, self.month, |month| !is_made_up(month, &of(&pairs, self.of_month), is_of_part));
        retain(found, self.year, |year| !is_made_up(year, &pairs, is_of_year));
    }

    /// Whether a pair is more than a year and a part that happen to be frequent side by side.
    fn tells_more_than_parts(&self, pair: &Found, years: &[Found], parts: &[Found]) -> bool {
        let year = years.iter().find(|year| whole(&year.value) == whole(&pair.value) / 100);
        let part = parts.iter().find(|part| whole(&part.value) == part_of(pair));
        match (year, part) {
            (Some(year), Some(part)) if year.claim == Claim::All && part.claim == Claim::All => true,
            (Some(year), Some(part)) => self.tells_more(pair, pair.cell.n, year.cell.share() * part.cell.share()),
            // Only one part is frequent: it says so itself, unless the pair is more frequent than it lets expect.
            (Some(part), None) | (None, Some(part)) => {
                self.tells_more(pair, part.cell.k, pair.cell.big_k / part.cell.big_k)
            }
            (None, None) => true,
        }
    }

    /// Whether `fine` has more of `customers` than the `expected` share of them, beyond chance.
    fn tells_more(&self, fine: &Found, customers: f64, expected: f64) -> bool {
        let share = fine.cell.k / customers;
        let deviation = (expected * (1.0 - expected) / customers).sqrt();
        share >= MIN_LIFT * expected && (deviation <= 0.0 || two_sided((share - expected) / deviation) < self.p_limit)
    }
}

fn list(found: &[Vec<Found>], place: Option<usize>) -> Vec<Found> {
    place.and_then(|place| found.get(place)).cloned().unwrap_or_default()
}

fn of(found: &[Found], place: Option<usize>) -> Vec<Found> {
    found.iter().filter(|found| Some(found.subject) == place).cloned().collect()
}

fn retain(found: &mut [Vec<Found>], place: Option<usize>, keep: impl Fn(&Found) -> bool) {
    if let Some(found) = place.and_then(|place| found.get_mut(place)) {
        found.retain(|found| keep(found));
    }
}

/// Whether the finer findings that belong to `coarse` have most of its customers.
fn is_made_up(coarse: &Found, finer: &[Found], belongs: impl Fn(&Found, &Found) -> bool) -> bool {
    let own: f64 = finer.iter().filter(|fine| belongs(fine, coarse)).map(|fine| fine.cell.k).sum();
    own >= MADE_UP * coarse.cell.k
}

/// Whether a month, with its year or without, is in a quarter, with its year or without.
fn is_within(month: &Found, quarter: &Found) -> bool {
    let (month, quarter) = (whole(&month.value), whole(&quarter.value));
    month / 100 == quarter / 100 && (month % 100 - 1) / 3 + 1 == quarter % 100
}

fn part_of(pair: &Found) -> i64 {
    whole(&pair.value) % 100
}

fn whole(value: &TraitValue) -> i64 {
    match value {
        TraitValue::Whole(whole) => *whole,
        TraitValue::Mean(_) | TraitValue::Name(_) => 0,
    }
}
