//! One customer described by a form instead of a sheet: any of the schema's columns, by any of their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::clean::{ColumnCleaner, Fault, Outcome};
use super::header_name::normalize_header;
use super::schema::{Column, DateFeature, DatePart, Kind};
use super::spelling::said;
use super::{Cell, CleaningReport, CustomerColumn, CustomerTable, MISSING, Schema, Value, date};

/// Years that a form may name.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;
/// The longest text of a form's field, in characters.
const MAX_TEXT_CHARS: usize = 100;

/// What a form says of a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct FormCustomer {
    /// A table of one row; columns that the form leaves out are [`MISSING`] in it, required or not.
    pub table: CustomerTable,
    /// The fields that said something, by the form's own names.
    pub used: Vec<String>,
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
/// One [`FormError`] for each field that is too long, no date, an unknown level or no number.
pub fn read_form<'f>(
    schema: &Arc<Schema>,
    fields: impl IntoIterator<Item = (&'f str, &'f str)>,
    today: Date,
) -> Result<FormCustomer, Vec<FormError>> {
    let given = fields.into_iter().filter(|(_, text)| !text.trim().is_empty());
    let mut form =
        Form { given: given.map(|(name, text)| (normalize_header(name), (name, text))).collect(), ..Form::default() };
    let columns = schema.columns.iter().map(|column| form.column(column, today)).collect();
    if !form.errors.is_empty() {
        return Err(form.errors);
    }
    let cleaning = CleaningReport { rows_read: 1, ..CleaningReport::default() };
    let table = CustomerTable { schema: schema.clone(), columns, n_rows: 1, weights: None, cleaning, origins: None };
    Ok(FormCustomer { table, used: form.used })
}

/// Whether a form's field of this name says something of a customer.
pub fn is_form_field(schema: &Schema, name: &str) -> bool {
    let name = normalize_header(name);
    schema.columns.iter().any(|column| {
        let mut parts = match &column.kind {
            Kind::Date { parts, .. } => parts.as_slice(),
            Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => &[],
        }
        .iter();
        column.headers().any(|header| normalize_header(header) == name)
            || parts.any(|part| normalize_header(&part.title) == name)
    })
}

#[derive(Default)]
struct Form<'f> {
    /// Name and text by normalized name.
    given: BTreeMap<String, (&'f str, &'f str)>,
    used: Vec<String>,
    errors: Vec<FormError>,
}

impl<'f> Form<'f> {
    fn column(&mut self, column: &Column, today: Date) -> CustomerColumn {
        let headers = column.headers().map(normalize_header);
        let value = match headers.into_iter().find_map(|header| self.given.get(&header).copied()) {
            Some((name, text)) => self.value(column, name, text, today),
            None => match &column.kind {
                Kind::Date { parts, .. } => self.date_parts(parts),
                Kind::Category { .. } | Kind::Ordinal { .. } | Kind::Number { .. } => None,
            },
        };
        match value {
            Some(value) => CustomerColumn { values: vec![value], codes: vec![0] },
            None => CustomerColumn { values: Vec::new(), codes: vec![MISSING] },
        }
    }

    fn value(&mut self, column: &Column, name: &str, text: &str, today: Date) -> Option<Value> {
        if text.chars().count() > MAX_TEXT_CHARS {
            self.refuse(name, format!("must be at most {MAX_TEXT_CHARS} characters long"), &[]);
            return None;
        }
        let mut cleaner = ColumnCleaner::new(column, today);
        let outcome = match cleaner.outcome(Cell::Text(&said(text)), false) {
            Outcome::Open(_) => cleaner.settle().outcomes.pop().unwrap_or_default(),
            outcome => outcome,
        };
        cleaner.code(outcome);
        match (outcome, &column.kind) {
            (Outcome::Empty | Outcome::Open(_), _) | (Outcome::Unusable(Fault::Missing), _) => None,
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
                self.refuse(name, "must not be in the future".to_owned(), &[]);
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

    fn date_parts(&mut self, parts: &[DateFeature]) -> Option<Value> {
        let (mut year, mut month) = (None, None);
        for part in parts {
            let Some((name, text)) = self.given.get(&normalize_header(&part.title)).copied() else { continue };
            let text = text.trim();
            match part.part {
                DatePart::Year => {
                    year = text.parse().ok().filter(|year| YEARS.contains(year));
                    self.use_or_refuse(name, year.is_some(), "must be a year from 2000 to 2100");
                }
                DatePart::Month => {
                    month = date::month(text);
                    self.use_or_refuse(name, month.is_some(), "must be a month such as March, or 1 to 12");
                }
                // It follows from the month.
                DatePart::Quarter => {}
            }
        }
        (year.is_some() || month.is_some()).then_some(Value::PartialDate { year, quarter: None, month })
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
        assert_eq!(values[2], Value::PartialDate { year: Some(2023), quarter: None, month: Some(5) });
        assert_eq!(values[3], Value::Level(1));
        assert_eq!(customer.used.len(), 5);
    }

    #[test]
    fn what_is_left_out_is_missing_and_other_fields_are_passed_over() {
        let customer = form(&[("tone", "Fun"), ("location", ""), ("join_month", "12")]).unwrap();
        assert_eq!(customer.used, ["join_month"]);
        assert_eq!(customer.table.columns()[0].value(0), None);
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
