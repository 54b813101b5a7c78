//! Texts that their column decides: gathered while a sheet is read, read once all of its texts are known.

use jiff::civil::Date;

use crate::customer::schema::DateOrder;
use crate::customer::{date, number};

use super::{ColumnCleaner, Fault, Outcome, Rule};

/// The open texts of a column, sheet by sheet.
#[derive(Debug, Clone, Default)]
pub(super) struct Open {
    n_open: u32,
    /// How many there were at the start of the sheet.
    n_before: u32,
    /// What the sheet's texts say.
    dates: date::Evidence,
    digits: date::Compact,
    numbers: number::Evidence,
    /// How many each number stands for by the header, where that is not itself.
    times: Option<f64>,
    /// The sheets before it.
    before: Vec<Sheet>,
}

/// What was left open in one sheet.
#[derive(Debug, Clone)]
struct Sheet {
    dates: date::Evidence,
    digits: date::Compact,
    numbers: number::Evidence,
    times: Option<f64>,
    texts: Vec<(u32, Box<str>)>,
}

/// What became of a column's open texts.
#[derive(Debug, Default)]
pub(in crate::customer) struct Settled {
    /// By the number of an open text.
    pub outcomes: Vec<Outcome>,
    /// For each sheet where the order of a date mattered.
    pub dates: Vec<date::Decision>,
    /// For each sheet with dates of digits alone, how those were read that its header says nothing of.
    pub digits: Vec<(date::DigitsFound, DateOrder)>,
    /// For each sheet where the separator of a number mattered.
    pub numbers: Vec<number::Convention>,
    /// Whether years were read by the Buddhist calendar.
    pub is_buddhist: bool,
    /// Whether a spreadsheet program seems to have swapped days and months.
    pub look_swapped: bool,
    /// Of all sheets together.
    pub currencies: Vec<String>,
    pub mixes_percentages: bool,
    /// A letter that was read in the wrong encoding before the file was written, and what it is.
    pub garbled: Option<(String, char)>,
}

impl Open {
    /// The outcome of a date that its column decides.
    pub fn date(&mut self, written: &date::Written, fixed: Option<DateOrder>, days: date::Days) -> Option<Outcome> {
        let is_open = self.dates.note(written, days);
        (is_open && !(fixed.is_some() && written.is_decided_by_order())).then(|| self.next())
    }

    /// The outcome of a text that may be a date of digits alone, which its column decides.
    pub fn digits(&mut self, text: &str, days: date::Days) -> Option<Outcome> {
        self.digits.note(text, days).then(|| self.next())
    }

    /// Whether a plain number is to be read as the digits of a date.
    pub fn has_dates_of_digits(&self, number: f64) -> bool {
        self.digits.asks_for(number)
    }

    /// Takes note of a number that was read as a serial day, or as none.
    pub fn serial_number(&mut self, number: f64, is_serial: bool) {
        self.digits.note_number(number, is_serial);
    }

    /// Takes note of a day that is beyond doubt.
    pub fn sure_day(&mut self, day: Date) {
        self.dates.note_sure(day);
    }

    /// The outcome of a number that its column decides.
    pub fn number(&mut self, written: &number::Written) -> Option<Outcome> {
        self.numbers.note(written);
        matches!(written.meaning, number::Meaning::Either { .. }).then(|| self.next())
    }

    /// What each number is multiplied by.
    pub fn times(&self) -> f64 {
        self.times.unwrap_or(1.0)
    }

    fn next(&mut self) -> Outcome {
        let outcome = Outcome::Open(self.n_open);
        self.n_open += 1;
        outcome
    }
}

impl ColumnCleaner {
    /// Takes note of the pattern of dates that a header of the sheet has.
    pub(in crate::customer) fn note_header(&mut self, pattern: &date::Pattern) {
        self.open.dates.note_header(pattern.order);
        if let Some(width) = pattern.width {
            self.open.digits.note_header(width);
        }
    }

    /// Takes note of what a header says of the size of the numbers below it.
    pub(in crate::customer) fn note_unit(&mut self, unit: Option<number::Unit>) {
        let times = unit.and_then(|unit| match unit {
            number::Unit::Times(times) => Some(times),
            number::Unit::Unclear => None,
        });
        if times != self.open.times {
            // What is above is read by itself.
            self.end_sheet();
            self.texts.clear();
            self.numbers.clear();
            self.open.times = times;
        }
    }

    /// Ends a sheet: its open texts are decided by what it said.
    pub(in crate::customer) fn end_sheet(&mut self) {
        let Open { dates, digits, numbers, times, n_open, n_before, before } = &mut self.open;
        let mut sheet = Sheet {
            dates: std::mem::take(dates),
            digits: std::mem::take(digits),
            numbers: std::mem::take(numbers),
            times: times.take(),
            texts: Vec::new(),
        };
        if let Some(digits) = sheet.digits.evidence() {
            sheet.dates.add(digits);
        }
        if *n_open > *n_before {
            // In the next sheet the same text is another one.
            let open = self.texts.extract_if(|_, outcome| matches!(outcome, Outcome::Open(_)));
            sheet.texts = open.filter_map(|(text, outcome)| Some((outcome.open()?, text))).collect();
        }
        if matches!(self.rules.rule, Rule::Date { .. }) || sheet.times.is_some() {
            // Each sheet is judged by all of its own dates, and has its own unit.
            self.texts.clear();
            self.numbers.clear();
        }
        *n_before = *n_open;
        before.push(sheet);
    }

    /// Reads every open text, sheet by sheet; where a sheet says nothing the others of the file do.
    pub(in crate::customer) fn settle(&mut self) -> Settled {
        self.settle_beside(&number::Evidence::default())
    }

    /// What all sheets say of the decimal separator of this column.
    pub(in crate::customer) fn number_evidence(&self) -> number::Evidence {
        let mut all = self.open.numbers.clone();
        self.open.before.iter().for_each(|sheet| all.add(&sheet.numbers));
        all
    }

    /// The same beside other columns of numbers, whose `evidence` decides where this one says nothing: a file is
    /// written by one program.
    pub(in crate::customer) fn settle_beside(&mut self, evidence: &number::Evidence) -> Settled {
        self.end_sheet();
        let sheets = std::mem::take(&mut self.open.before);
        let (mut dates, mut numbers) = (date::Evidence::default(), number::Evidence::default());
        for sheet in &sheets {
            dates.add(&sheet.dates);
            numbers.add(&sheet.numbers);
        }
        let n_open = self.open.n_open as usize;
        let mut settled = Settled {
            outcomes: vec![Outcome::Empty; n_open],
            currencies: numbers.several_currencies().map(<[String]>::to_vec).unwrap_or_default(),
            mixes_percentages: numbers.mixes_percentages(),
            garbled: self.garbled.clone(),
            ..Settled::default()
        };
        for sheet in sheets {
            match self.rules.rule {
                Rule::Date { order } => self.settle_dates(sheet, order, &dates, &mut settled),
                Rule::Number => self.settle_numbers(sheet, &[&numbers, evidence], &mut settled),
                Rule::Category | Rule::Ordinal(_) => {}
            }
        }
        settled
    }

    fn settle_dates(&mut self, sheet: Sheet, fixed: Option<DateOrder>, file: &date::Evidence, settled: &mut Settled) {
        let decision = sheet.dates.decide(fixed, file, self.days);
        settled.look_swapped |= decision.order != DateOrder::YearFirst && sheet.dates.look_swapped();
        settled.is_buddhist |= decision.is_buddhist;
        for (number, text) in sheet.texts {
            let synonym = self.synonym(&text);
            let text = synonym.as_deref().unwrap_or(&text);
            if sheet.digits.has(text) {
                settled.set(number, self.day(sheet.digits.day(text, &decision)));
                continue;
            }
            let outcome = match date::read(text) {
                Some(date::Reading::Written(written)) => self.day(written.day(&decision.convention(&written))),
                Some(date::Reading::Serial(day)) => self.day(Some(day)),
                None => Outcome::Unusable(Fault::NotADate),
            };
            settled.set(number, outcome);
        }
        settled.digits.extend(sheet.digits.found().map(|found| (found, decision.order)));
        if sheet.dates.order_matters() {
            settled.dates.push(decision);
        }
    }

    /// Where the sheet says nothing, the first of `others` that does decides.
    fn settle_numbers(&mut self, sheet: Sheet, others: &[&number::Evidence], settled: &mut Settled) {
        let elsewhere = || others.iter().find_map(|evidence| evidence.agreed());
        let convention = sheet.numbers.decided().or_else(elsewhere).unwrap_or_else(|| sheet.numbers.assumed());
        if !sheet.texts.is_empty() {
            settled.numbers.push(convention);
        }
        for (number, text) in sheet.texts {
            let synonym = self.synonym(&text);
            let read = number::read(synonym.as_deref().unwrap_or(&text));
            let read = read.map(|written| written.under_unit(sheet.times.unwrap_or(1.0)));
            let outcome = self.number(read.map(|written| written.meaning.by(convention.decimal)));
            settled.set(number, outcome);
        }
    }
}

impl Settled {
    fn set(&mut self, number: u32, outcome: Outcome) {
        if let Some(slot) = self.outcomes.get_mut(number as usize) {
            *slot = outcome;
        }
    }
}
