//! One customer described by a form instead of a sheet: any of the schema's columns, by any of their names.

use std::sync::Arc;

use jiff::civil::Date;

use super::clean::{ColumnCleaner, Fault, Outcome};
use super::form_fields::{FormColumn, FormFields};
use super::header_name::normalize_header;
use super::schema::{Column, DatePart, Kind};
use super::spelling::said;
use super::{Cell, CleaningReport, CustomerColumn, CustomerTable, MISSING, Schema, Value, date};

/// Years that a form may name.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;
/// What is said of a whole date to come. Of a part of one the month or the quarter may still tell something.
const IN_FUTURE: &str = "must not be in the future";
const AMBIGUOUS_DATE: &str = "must say which is the day and which the month, such as 2024-02-29";
const AMBIGUOUS_NUMBER: &str = "must be a number that is read in one way, such as 1234.5";
/// The longest text of a form's field, in characters.
const MAX_TEXT_CHARS: usize = 100;

/// What a form says of a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct FormCustomer {
    /// A table of one row; columns that the form leaves out are [`MISSING`] in it, required or not.
    pub table: CustomerTable,
    /// The fields that said something, by the form's own names.
    pub used: Vec<String>,
    /// The fields that name a month or a quarter of this year that has not begun: they are not used.
    pub to_come: Vec<String>,
    /// The fields that hold a word for nothing, such as `NULL`, or what looks like somebody's address or number: they
    /// are not used.
    pub empty: Vec<String>,
}

/// A field of a form that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct FormError {
    /// The field, by the form's own name.
    pub field: String,
    /// What to change, as the end of a sentence that starts with the field.
    pub message: String,
    /// The accepted values, where the schema lists them.
    pub allowed: Vec<String>,
}

/// Reads the schema's columns from a form's `fields`, pairs of name and text; other fields are passed over.
///
/// A column is found by its title or an alias, a date also by its parts (`join_year`, `join_month`), compared as
/// [`normalize_header`] does; empty text means "not given".
///
/// # Errors
/// One [`FormError`] for each field that is too long, no date, in the future, an unknown level or no number, and for
/// each field that contradicts another: a part of a date the date or another part, a name of a column another name of
/// it.
pub fn read_form<'f>(
    schema: &Arc<Schema>,
    fields: impl IntoIterator<Item = (&'f str, &'f str)>,
    today: Date,
) -> Result<FormCustomer, Vec<FormError>> {
    FormFields::of(schema).read(schema, fields, today)
}

impl FormFields {
    /// As [`read_form`], of the `schema` that these fields were made of.
    ///
    /// # Errors
    /// As [`read_form`].
    pub fn read<'f>(
        &self,
        schema: &Arc<Schema>,
        fields: impl IntoIterator<Item = (&'f str, &'f str)>,
        today: Date,
    ) -> Result<FormCustomer, Vec<FormError>> {
        let given = fields.into_iter().filter(|(_, text)| !text.trim().is_empty());
        let given = given.map(|(name, text)| Given { normalized: normalize_header(name), name, text }).collect();
        let mut form = Form { given, used: Vec::new(), to_come: Vec::new(), empty: Vec::new(), errors: Vec::new() };
        let columns = schema.columns.iter().zip(&self.columns);
        let columns = columns.map(|(column, of_form)| form.column(column, of_form, today)).collect();
        if !form.errors.is_empty() {
            return Err(form.errors);
        }
        let cleaning = CleaningReport { rows_read: 1, ..CleaningReport::default() };
        let table =
            CustomerTable { schema: schema.clone(), columns, n_rows: 1, weights: None, cleaning, origins: None };
        Ok(FormCustomer { table, used: form.used, to_come: form.to_come, empty: form.empty })
    }
}

/// A field that is not empty.
struct Given<'f> {
    normalized: String,
    name: &'f str,
    text: &'f str,
}

struct Form<'f> {
    given: Vec<Given<'f>>,
    used: Vec<String>,
    to_come: Vec<String>,
    empty: Vec<String>,
    errors: Vec<FormError>,
}

/// The parts of a date that a form gives, each with its field's name.
#[derive(Clone, Copy)]
struct DateParts<'f> {
    year: Option<(&'f str, i16)>,
    quarter: Option<(&'f str, i8)>,
    month: Option<(&'f str, i8)>,
}

impl<'f> Form<'f> {
    fn column(&mut self, column: &Column, of_form: &FormColumn, today: Date) -> CustomerColumn {
        let today = column.last_day(today);
        let whole = self.one_value(&of_form.names, |form, name, text| {
            form.value(column, ColumnCleaner::by(of_form.rules.clone(), column, today), name, text)
        });
        let value = match &column.kind {
            Kind::Date { .. } => self.date(whole, &of_form.parts, today),
            Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => whole.map(|(_, value)| value),
        };
        match value {
            Some(value) => CustomerColumn { values: vec![value], codes: vec![0] },
            None => CustomerColumn { values: Vec::new(), codes: vec![MISSING] },
        }
    }

    /// What the fields under any of `names` say, with the first field's own name. One that says something else than the
    /// first is refused.
    fn one_value<T: PartialEq>(
        &mut self,
        names: &[String],
        mut read: impl FnMut(&mut Self, &'f str, &'f str) -> Option<T>,
    ) -> Option<(&'f str, T)> {
        let is_asked = |given: &&Given<'f>| names.contains(&given.normalized);
        let fields: Vec<_> = self.given.iter().filter(is_asked).map(|given| (given.name, given.text)).collect();
        let mut first: Option<(&'f str, T)> = None;
        for (name, text) in fields {
            let Some(value) = read(self, name, text) else { continue };
            match &first {
                Some((other, said)) if *said != value => self.contradicts(name, other),
                Some(_) => {}
                None => first = Some((name, value)),
            }
        }
        first
    }

    fn value(&mut self, column: &Column, mut cleaner: ColumnCleaner, name: &str, text: &str) -> Option<Value> {
        if text.chars().count() > MAX_TEXT_CHARS {
            self.refuse(name, format!("must be at most {MAX_TEXT_CHARS} characters long"), &[]);
            return None;
        }
        let outcome = match cleaner.outcome(Cell::Text(&said(text)), false) {
            Outcome::Open(_) => {
                let settled = cleaner.settle();
                // A sheet's column would decide; a form has none.
                if settled.dates.iter().any(|decision| matches!(decision.by, date::Decider::Nobody { .. })) {
                    self.refuse(name, AMBIGUOUS_DATE.to_owned(), &[]);
                    return None;
                }
                if !settled.numbers.is_empty() {
                    self.refuse(name, AMBIGUOUS_NUMBER.to_owned(), &[]);
                    return None;
                }
                settled.outcomes.last().copied().unwrap_or_default()
            }
            outcome => outcome,
        };
        cleaner.code(outcome);
        match (outcome, &column.kind) {
            (Outcome::Empty | Outcome::Open(_), _) | (Outcome::Unusable(Fault::Missing), _) => {
                self.empty.push(name.to_owned());
                None
            }
            (Outcome::Seen(_), _) => {
                self.used.push(name.to_owned());
                cleaner.into_values().pop()
            }
            (Outcome::UnknownLevel(_), _) => {
                let levels = column.levels();
                self.refuse(name, format!("must be one of {}", levels.join(", ")), levels);
                None
            }
            (Outcome::Unusable(Fault::InFuture), _) => {
                self.refuse(name, IN_FUTURE.to_owned(), &[]);
                None
            }
            (Outcome::Unusable(Fault::NotANumber), _) => {
                self.refuse(name, "must be a number".to_owned(), &[]);
                None
            }
            (Outcome::Unusable(Fault::NotADate | Fault::UnknownLevel), _) => {
                self.refuse(name, "must be a date such as 2024-02-29".to_owned(), &[]);
                None
            }
        }
    }

    /// A date by its own field, or by its parts; parts beside it must be its own.
    fn date(&mut self, whole: Option<(&'f str, Value)>, parts: &[(DatePart, String)], today: Date) -> Option<Value> {
        let parts = self.date_parts(parts, today);
        let Some((name, date)) = whole else {
            let DateParts { year, quarter, month } = parts;
            let is_known = year.is_some() || month.is_some() || quarter.is_some();
            let quarter = quarter.filter(|_| month.is_none()).map(|(_, quarter)| quarter);
            let (year, month) = (year.map(|(_, year)| year), month.map(|(_, month)| month));
            return is_known.then(|| Value::partial(year, quarter, month));
        };
        if let Value::Date(day) = &date {
            let others = [
                parts.year.filter(|&(_, year)| year != day.year()).map(|(part, _)| part),
                parts.quarter.filter(|&(_, quarter)| quarter != quarter_of(day.month())).map(|(part, _)| part),
                parts.month.filter(|&(_, month)| month != day.month()).map(|(part, _)| part),
            ];
            others.into_iter().flatten().for_each(|part| self.contradicts(part, name));
        }
        Some(date)
    }

    fn date_parts(&mut self, parts: &[(DatePart, String)], today: Date) -> DateParts<'f> {
        let year = self.part(parts, DatePart::Year, "must be a year from 2000 to 2100", |text| {
            text.parse().ok().filter(|year| YEARS.contains(year))
        });
        let month = self.part(parts, DatePart::Month, "must be a month such as March, or 1 to 12", date::month);
        let quarter = self.part(parts, DatePart::Quarter, "must be a quarter from 1 to 4", |text| {
            DatePart::Quarter.read(text).and_then(|quarter| i8::try_from(quarter).ok())
        });
        if let (Some((name, quarter)), Some((of, month))) = (quarter, month)
            && quarter != quarter_of(month)
        {
            self.refuse(name, format!("must be left out, or be the quarter of {of}"), &[]);
        }
        // A later year has no note of its own: no customer of the training has it, so it is left out with a note.
        if year.is_some_and(|(_, year)| year == today.year()) {
            let (month, quarter) = (self.begun(month, today.month()), self.begun(quarter, quarter_of(today.month())));
            return DateParts { year, quarter, month };
        }
        DateParts { year, quarter, month }
    }

    /// A part of a date that the form gives, with its field's name; a text that is none is refused.
    fn part<T: PartialEq>(
        &mut self,
        parts: &[(DatePart, String)],
        wanted: DatePart,
        message: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<(&'f str, T)> {
        let (_, title) = parts.iter().find(|(part, _)| *part == wanted)?;
        self.one_value(std::slice::from_ref(title), |form, name, text| {
            let value = read(text.trim());
            form.use_or_refuse(name, value.is_some(), message);
            value
        })
    }

    /// A part of this year, but for one after the `latest` that has begun, which is noted and not used.
    fn begun(&mut self, part: Option<(&'f str, i8)>, latest: i8) -> Option<(&'f str, i8)> {
        let (name, value) = part?;
        if value <= latest {
            return Some((name, value));
        }
        self.used.retain(|used| used != name);
        self.to_come.push(name.to_owned());
        None
    }

    fn contradicts(&mut self, name: &str, other: &str) {
        self.refuse(name, format!("must be left out, or say the same as {other}"), &[]);
    }

    fn use_or_refuse(&mut self, name: &str, is_good: bool, message: &str) {
        if is_good {
            self.used.push(name.to_owned());
        } else {
            self.refuse(name, message.to_owned(), &[]);
        }
    }

    fn refuse(&mut self, field: &str, message: String, allowed: &[String]) {
        self.errors.push(FormError { field: field.to_owned(), message, allowed: allowed.to_vec() });
    }
}

fn quarter_of(month: i8) -> i8 {
    (month - 1) / 3 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Result<FormCustomer, Vec<FormError>> {
        let schema = Arc::new(Schema::built_in().unwrap());
        read_form(&schema, fields.iter().copied(), jiff::civil::date(2026, 1, 1))
    }

    #[test]
    fn the_portal_s_form_names_every_column() {
        let fields = [
            ("gender", "female"),
            ("location", " bedok"),
            ("loyalty_tier", "gold"),
            ("join_year", "2023"),
            ("join_month", "May"),
        ];
        let customer = form(&fields).unwrap();
        let values: Vec<_> = customer.table.columns().iter().map(|c| c.value(0).unwrap().clone()).collect();
        assert_eq!(values[0], Value::Text("Bedok".into()));
        assert_eq!(values[2], Value::partial(Some(2023), None, Some(5)));
        assert_eq!(values[3], Value::Level(1));
        assert_eq!(customer.used.len(), 5);
    }

    #[test]
    fn what_is_left_out_is_missing_and_other_fields_are_passed_over() {
        let customer = form(&[("tone", "Fun"), ("location", ""), ("join_month", "12")]).unwrap();
        assert_eq!(customer.used, ["join_month"]);
        assert_eq!(customer.table.columns()[0].value(0), None);
        assert_eq!(customer.empty, [""; 0]);
        let customer = form(&[("location", "NULL"), ("gender", "a@b.example")]).unwrap();
        assert_eq!((customer.used.len(), customer.empty), (0, vec!["location".to_owned(), "gender".to_owned()]));
    }

    #[test]
    fn parts_of_a_date_may_be_to_come_and_do_not_contradict_each_other() {
        let refused = |fields: &[(&str, &str)]| {
            let errors = form(fields).unwrap_err();
            errors.into_iter().map(|error| (error.field, error.message)).collect::<Vec<_>>()
        };
        // Today is the first day of 2026.
        let to_come = |fields: &[(&str, &str)]| form(fields).unwrap().to_come;
        assert!(to_come(&[("join_year", "2027"), ("join_month", "2")]).is_empty(), "the year says it");
        assert!(to_come(&[("join_year", "2026"), ("join_month", "1")]).is_empty());
        assert_eq!(to_come(&[("join_year", "2026"), ("join_month", "2")]), ["join_month"]);
        assert_eq!(to_come(&[("join_year", "2026"), ("join_quarter", "2")]), ["join_quarter"]);
        let contradiction = refused(&[("join_month", "2"), ("join_quarter", "4")]);
        assert_eq!(
            contradiction,
            [("join_quarter".to_owned(), "must be left out, or be the quarter of join_month".to_owned())]
        );
        assert_eq!(refused(&[("join_quarter", "5")])[0].0, "join_quarter");
        let date = |fields: &[(&str, &str)]| form(fields).unwrap().table.columns()[2].value(0).cloned();
        let known = |year, quarter, month| Some(Value::partial(year, quarter, month));
        assert_eq!(
            date(&[("join_year", "2026"), ("join_month", "1"), ("join_quarter", "Q1")]),
            known(Some(2026), None, Some(1))
        );
        assert_eq!(date(&[("join_month", "December"), ("join_quarter", "4")]), known(None, None, Some(12)));
        assert_eq!(date(&[("join_quarter", "4")]), known(None, Some(4), None));
        // What is to come is said of nobody.
        let to_come = form(&[("join_year", "2026"), ("join_month", "2")]).unwrap();
        assert_eq!(to_come.table.columns()[2].value(0).cloned(), known(Some(2026), None, None));
        assert_eq!(to_come.used, ["join_year"]);
    }

    #[test]
    fn a_column_that_is_named_twice_or_a_date_beside_its_parts_says_one_thing() {
        let refused = |fields: &[(&str, &str)]| {
            let errors = form(fields).err().into_iter().flatten();
            errors.map(|error| error.to_string()).collect::<Vec<_>>()
        };
        let contradicts = |name: &str, other: &str| format!("{name} must be left out, or say the same as {other}");
        let date = ("date_joined", "2024-02-29");
        for parts in [
            &[("join_year", "2024"), ("join_month", "February"), ("join_quarter", "1")][..],
            &[("joined_date", "29 Feb 2024")],
            &[("join_year", "")],
        ] {
            let fields = [&[date][..], parts].concat();
            assert_eq!(refused(&fields), [""; 0], "{parts:?}");
            let day = jiff::civil::date(2024, 2, 29);
            assert_eq!(form(&fields).unwrap().table.columns()[2].value(0), Some(&Value::Date(day)));
        }
        for (name, text) in [("join_year", "2023"), ("join_month", "March"), ("join_quarter", "2")] {
            assert_eq!(refused(&[date, (name, text)]), [contradicts(name, "date_joined")]);
            assert_eq!(refused(&[(name, text), date]), [contradicts(name, "date_joined")]);
        }
        assert_eq!(refused(&[date, ("join_date", "2023-02-28")]), [contradicts("join_date", "date_joined")]);
        assert_eq!(refused(&[("gender", "Male"), ("sex", "male")]), [""; 0]);
        assert_eq!(refused(&[("gender", "Male"), ("sex", "Female")]), [contradicts("sex", "gender")]);
        assert_eq!(refused(&[("Location", "Bedok"), ("location", "Novena")]), [contradicts("location", "Location")]);
        assert_eq!(refused(&[("Join Year", "2023"), ("join_year", "2022")]), [contradicts("join_year", "Join Year")]);
    }

    #[test]
    fn every_wrong_field_is_named_with_what_would_do() {
        let errors =
            form(&[("loyalty_tier", "Bronze"), ("join_year", "1066"), ("join_month", "Brumaire")]).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["join_year", "join_month", "loyalty_tier"]);
        assert_eq!(errors[2].allowed, ["Silver", "Gold", "Platinum"]);
    }
}
