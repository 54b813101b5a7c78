//! The test itself: which values of which columns are tellable of a segment.

use super::count::{Counts, Subject, SubjectKind, Tallies};
use super::found::{Found, MIN_LIFT, among_filled_in};
use super::likeness::Likeness;
use super::statistics::{Cell, quartiles, rank_sum_p_value, robust_deviation, wilson_low};
use super::{
    Claim, Distinction, Distinguishing, DistinguishingNumber, DistinguishingValue, MIN_CUSTOMERS, dates,
    shows_the_few_beside,
};
use crate::customer::{DatePart, Schema};
use crate::pipeline::{TraitValue, rounded};

/// Customers of a segment that must have a value.
const MIN_TOLD: u64 = 20;
/// Their least share of the segment.
const MIN_SHARE: f64 = 0.1;
/// How far medians must differ, in robust standard deviations.
const MIN_DIFFERENCE_SD: f64 = 0.3;
/// The finest that a number is rounded to, and the coarsest: beyond any number that is read.
const MAX_DECIMALS: i32 = 12;
const MIN_DECIMALS: i32 = -16;
/// The chance that anything at all is told of customers who differ in nothing.
const FALSE_CLAIMS: f64 = 0.01;
/// What `all` and `most` must exceed.
pub(super) const OF_ALL: f64 = 0.95;
pub(super) const OF_MOST: f64 = 0.5;

/// What one column says in one group, and what is said of nobody.
struct Tested<'a, 's> {
    schema: &'a Schema,
    subjects: &'a [(Subject<'s>, Counts)],
    /// The p-value below which a finding is none of chance.
    p_limit: f64,
    /// The group's line and its customers.
    line: usize,
    customers: u64,
    /// The line of everybody, and all customers.
    everybody: usize,
    all: u64,
}

impl Tallies<'_> {
    /// What sets each group apart from all rows, in the groups' order.
    pub fn distinctions(&self) -> Vec<Distinction> {
        let subjects = self.subjects();
        let tests_of = |(subject, counts): &(Subject<'_>, Counts)| match subject.is_number() {
            true => 1,
            false => counts.values.len(),
        };
        let n_groups = (0..self.n_groups()).filter(|&group| self.customers(group) > 0).count();
        let n_tests = subjects.iter().map(tests_of).sum::<usize>() * n_groups;
        let p_limit = FALSE_CLAIMS / n_tests.max(1) as f64;
        let of_group = |line: usize| {
            let customers = self.customers(line);
            let (everybody, all) = (self.n_groups(), self.customers(self.n_groups()));
            let tested = Tested { schema: self.schema(), subjects, p_limit, line, customers, everybody, all };
            if customers < MIN_CUSTOMERS { Distinction::default() } else { tested.distinction() }
        };
        (0..self.n_groups()).map(of_group).collect()
    }
}

impl Tested<'_, '_> {
    fn distinction(&self) -> Distinction {
        let found: Vec<Vec<Found>> = (0..self.subjects.len()).map(|subject| self.values(subject)).collect();
        let is_hidden: Vec<bool> = self.subjects.iter().map(|(_, counts)| self.shows_few(counts)).collect();
        let told = dates::most_telling(self.subjects, found.clone(), &is_hidden, self.p_limit);
        let mut distinction = Distinction::default();
        for (place, (subject, counts)) in self.subjects.iter().enumerate() {
            let number = subject.is_number().then(|| self.number(subject, counts)).flatten();
            let mut own = told.get(place).cloned().unwrap_or_default();
            own.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
            let is_hidden = is_hidden.get(place).copied().unwrap_or_default();
            let is_found = !is_hidden && found.get(place).is_some_and(|found| !found.is_empty());
            let is_told = number.is_some() || is_found || !own.is_empty();
            let beside = told
                .iter()
                .zip(self.subjects)
                .filter(|(told, (other, _))| !told.is_empty() && other.column == subject.column && other != subject);
            let is_paired = beside.clone().any(|(_, (other, _))| subject.is_part_of(other));
            let is_restated = beside.clone().any(|(_, (other, _))| subject.overlaps(other));
            let has_values = counts.line(self.line).iter().any(|&customers| customers > 0);
            if let SubjectKind::Feature(_) = subject.kind
                && !is_told
                && !is_paired
                && has_values
            {
                distinction.not_distinguishing.push(subject.key.to_owned());
                if !is_restated && self.is_as_everywhere(subject, counts) {
                    distinction.as_everywhere.push(subject.key.to_owned());
                }
            }
            distinction.distinguishing.extend(own.iter().map(|found| found.distinguishing(subject)));
            distinction.distinguishing.extend(number);
        }
        distinction
    }

    /// Whether a value says something of those who have it: the name that rare ones are merged under does not.
    fn says_something(&self, subject: &Subject<'_>, value: &TraitValue) -> bool {
        let TraitValue::Name(name) = value else { return true };
        self.schema.columns.get(subject.column).is_some_and(|column| column.says_something(name))
    }

    fn is_as_everywhere(&self, subject: &Subject<'_>, counts: &Counts) -> bool {
        if self.customers == self.all {
            return true;
        }
        let (own, all) = (counts.line(self.line), counts.line(self.everybody));
        let likeness = Likeness { customers: (self.customers, self.all), own, all };
        match subject.is_number() {
            true => likeness.of_number(&numbers(counts, self.line, self.everybody)),
            false => likeness.of_values(),
        }
    }

    /// Whether a share of a subject would tell of fewer customers than may be told of.
    fn shows_few(&self, counts: &Counts) -> bool {
        [self.line, self.everybody].into_iter().any(|line| shows_the_few_beside(counts.line(line).iter().copied()))
    }

    /// The tellable values of a subject that is no number, be they hidden or not.
    fn values(&self, place: usize) -> Vec<Found> {
        let Some((subject, counts)) = self.subjects.get(place).filter(|(subject, _)| !subject.is_number()) else {
            return Vec::new();
        };
        let (own, all) = (counts.line(self.line), counts.line(self.everybody));
        let (n, big_n) = (own.iter().sum::<u64>() as f64, all.iter().sum::<u64>() as f64);
        let lines = counts.values.iter().zip(own.iter().zip(all));
        let candidates = lines.filter(|&(value, (&k, _))| k >= MIN_TOLD && self.says_something(subject, value));
        let found = candidates.filter_map(|(value, (&k, &big_k))| {
            let among_known = Cell { k: k as f64, n, big_k: big_k as f64, big_n };
            let cell = Cell { n: self.customers as f64, big_n: self.all as f64, ..among_known };
            let is_more_frequent = |cell: Cell| cell.lift() >= MIN_LIFT && cell.p_value() < self.p_limit;
            let is_tellable = cell.share() >= MIN_SHARE && is_more_frequent(cell) && is_more_frequent(among_known);
            let claim = claim(cell.k, cell.n);
            is_tellable.then(|| {
                let known = among_filled_in(cell, among_known);
                Found { subject: place, value: value.clone(), cell, known, claim }
            })
        });
        found.collect()
    }

    fn number(&self, subject: &Subject<'_>, counts: &Counts) -> Option<Distinguishing> {
        let numbers = numbers(counts, self.line, self.everybody);
        let n: u64 = numbers.iter().map(|&(_, own, _)| own).sum();
        if n < MIN_TOLD || (n as f64) < MIN_SHARE * self.customers as f64 {
            return None;
        }
        let [low, median, high] = quartiles(numbers.iter().map(|&(number, own, _)| (number, own)))?;
        let [low_overall, median_overall, high_overall] =
            quartiles(numbers.iter().map(|&(number, _, all)| (number, all)))?;
        // Beside a few large numbers every small one would be about the median.
        let scale = subject.scale();
        let scaled: Vec<_> = numbers.iter().map(|&(number, own, all)| (scale.apply(number), own, all)).collect();
        let difference_sd = (scale.apply(median) - scale.apply(median_overall)) / robust_deviation(&scaled);
        let is_tellable = difference_sd.is_finite()
            && difference_sd.abs() >= MIN_DIFFERENCE_SD
            && rank_sum_p_value(&numbers) < self.p_limit;
        let own = |number| coarse(number, high - low, &numbers.iter().map(|n| (n.0, n.1)));
        is_tellable.then(|| {
            Distinguishing::Number(DistinguishingNumber {
                key: subject.key.to_owned(),
                median: own(median),
                quartiles: [own(low), own(high)],
                median_overall: coarse(median_overall, high_overall - low_overall, &numbers.iter().map(|n| (n.0, n.2))),
                difference_sd: rounded(difference_sd),
                claim: Claim::MoreOften,
            })
        })
    }
}

/// Each number with its customers in a group and in all, ascending.
fn numbers(counts: &Counts, line: usize, everybody: usize) -> Vec<(f64, u64, u64)> {
    let lines = counts.values.iter().zip(counts.line(line).iter().zip(counts.line(everybody)));
    let number = |(value, (&own, &all)): (&TraitValue, (&u64, &u64))| match value {
        TraitValue::Mean(number) => Some((*number, own, all)),
        TraitValue::Whole(_) | TraitValue::Name(_) => None,
    };
    lines.filter_map(number).collect()
}

impl Found {
    /// How much larger the share is than everywhere.
    fn excess(&self) -> f64 {
        self.cell.share() - self.cell.share_overall()
    }

    fn distinguishing(&self, subject: &Subject<'_>) -> Distinguishing {
        let (lift_low, lift_high) = self.cell.lift_interval();
        Distinguishing::Value(DistinguishingValue {
            key: subject.key.to_owned(),
            value: subject.told(&self.value),
            share: rounded(self.cell.share()),
            share_overall: rounded(self.cell.share_overall()),
            lift: rounded(self.cell.lift()),
            lift_low: rounded(lift_low),
            lift_high: rounded(lift_high),
            known_share: self.known.map(|known| rounded(known.share())),
            known_share_overall: self.known.map(|known| rounded(known.share_overall())),
            claim: self.claim,
        })
    }
}

impl Subject<'_> {
    /// A value as it is told: pairs as `2024-Q4` and `2024-10`.
    pub(super) fn told(&self, value: &TraitValue) -> TraitValue {
        match (&self.kind, value) {
            (SubjectKind::Pair(part), TraitValue::Whole(pair)) => {
                let (year, of_year) = (pair / 100, pair % 100);
                TraitValue::Name(match part {
                    DatePart::Quarter => format!("{year}-Q{of_year}"),
                    DatePart::Month | DatePart::Year => format!("{year}-{of_year:02}"),
                })
            }
            _ => value.clone(),
        }
    }

    /// Whether one of two subjects of a date says something of the other: a month and its quarter do, a year and a
    /// month do not.
    fn overlaps(&self, other: &Subject<'_>) -> bool {
        let is_year = |subject: &Subject<'_>| subject.date_part() == Some(DatePart::Year);
        let is_pair = |subject: &Subject<'_>| matches!(subject.kind, SubjectKind::Pair(_));
        is_pair(self) || is_pair(other) || is_year(self) == is_year(other)
    }

    /// Whether this is one of the parts of the pair `other`.
    fn is_part_of(&self, other: &Subject<'_>) -> bool {
        let SubjectKind::Pair(pair) = &other.kind else { return false };
        self.date_part().is_some_and(|part| part == DatePart::Year || part == *pair)
    }
}

fn claim(k: f64, customers: f64) -> Claim {
    match wilson_low(k, customers) {
        low if low > OF_ALL => Claim::All,
        low if low > OF_MOST => Claim::Most,
        _ => Claim::MoreOften,
    }
}

/// A number to two digits of the `spread` of those that it stands for, or of its own, and coarser until as many
/// customers as may be told of have a number that rounds to the same: nobody's own number. `numbers` are all that it
/// stands for, each with its customers. Without a spread it is the number of half of them or more, and stays.
fn coarse(number: f64, spread: f64, numbers: &(impl Iterator<Item = (f64, u64)> + Clone)) -> f64 {
    if spread <= 0.0 || !spread.is_finite() || !number.is_finite() {
        return number;
    }
    let decimals = 1 - spread.log10().floor() as i32;
    // Beside a wide spread a small number would be nothing.
    let own = if number == 0.0 { decimals } else { 1 - number.abs().log10().floor() as i32 };
    let finest = decimals.max(own).min(MAX_DECIMALS);
    let is_shared = |grid: &Grid| {
        let cell = grid.cell(number);
        let alike = numbers.clone().filter(|&(other, _)| grid.cell(other) == cell);
        alike.map(|(_, customers)| customers).sum::<u64>() >= MIN_CUSTOMERS
    };
    let grids =
        (MIN_DECIMALS..=finest).rev().flat_map(|decimals| [1.0, 2.0, 5.0].map(|step| Grid::new(decimals, step)));
    let grid = grids.into_iter().find(is_shared);
    // No minus before a zero.
    grid.map_or(0.0, |grid| grid.rounded(number)) + 0.0
}

/// The numbers that are a multiple of `step` in a decimal place of this `unit`.
struct Grid {
    /// Whether the place is before the point.
    is_before_point: bool,
    unit: f64,
    step: f64,
}

impl Grid {
    /// Of a decimal place; a negative one is before the point.
    fn new(decimals: i32, step: f64) -> Self {
        Self { is_before_point: decimals < 0, unit: 10_f64.powi(decimals.abs()), step }
    }

    /// How many steps a number is.
    fn cell(&self, number: f64) -> f64 {
        let in_place = if self.is_before_point { number / self.unit } else { number * self.unit };
        (in_place / self.step).round()
    }

    fn rounded(&self, number: f64) -> f64 {
        let in_place = self.cell(number) * self.step;
        if self.is_before_point { in_place * self.unit } else { in_place / self.unit }
    }
}
