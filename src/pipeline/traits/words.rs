//! What the trait test found, as English sentences.

use super::{Claim, Distinction, Distinguishing, DistinguishingValue, MIN_CUSTOMERS};
use crate::customer::{Column, DatePart, Feature, FeatureKind, Kind, MONTHS, Role, Schema, capitalised};
use crate::pipeline::TraitValue;

/// Values of one trait that a sentence lists, at most.
const MAX_LISTED: usize = 5;
/// A share that is told as 100 %, which is no more often, but always.
const ROUNDS_TO_ALL: f64 = 0.995;
/// Months of a quarter, by quarter.
const QUARTERS: [&str; 4] = ["January to March", "April to June", "July to September", "October to December"];

/// One thing that may be said of a segment's customers, or may colour what is said to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// How far it may be said.
    pub claim: Claim,
    /// The persona's key, or the title of a date's column.
    pub key: String,
    /// What part its column plays in sentences.
    pub role: Role,
    /// What is true of a customer, as words that follow "customers": `from Bukit Panjang, Jurong West or Choa Chu
    /// Kang`, `joined October to December`, `Silver tier`, `Newsletter: yes`. Of a number a whole clause.
    pub words: String,
    /// The share of the segment's customers and of all; `None` of a number.
    pub shares: Option<(f64, f64)>,
    /// The same among the customers with a value, where they are told beside.
    pub known_shares: Option<(f64, f64)>,
}

impl Distinction {
    /// What is told, each claim's statements together: first what may be said of all, then of most, then what is only
    /// more frequent. Values of one trait with one claim are one statement, of at most five.
    pub fn statements(&self, schema: &Schema) -> Vec<Statement> {
        let mut statements = Vec::new();
        for claim in [Claim::All, Claim::Most, Claim::MoreOften] {
            let mut told = self.distinguishing.iter().filter(|told| told.claim() == claim).peekable();
            while let Some(first) = told.next() {
                match first {
                    Distinguishing::Number(number) => {
                        let title = title_of(schema, &number.key);
                        let how = if number.difference_sd > 0.0 { "higher" } else { "lower" };
                        let (own, all) = (number.median, number.median_overall);
                        let words = format!("{title} {how} than elsewhere (median {own} against {all} of all)");
                        let (key, role) = (number.key.clone(), Role::Other);
                        let (shares, known_shares) = (None, None);
                        statements.push(Statement { claim, key, role, words, shares, known_shares });
                    }
                    Distinguishing::Value(first) => {
                        let mut values = vec![first];
                        while let Some(Distinguishing::Value(next)) =
                            told.next_if(|next| matches!(next, Distinguishing::Value(next) if is_alike(first, next)))
                        {
                            values.push(next);
                        }
                        values.truncate(MAX_LISTED);
                        statements.push(Statement::of(schema, claim, &values));
                    }
                }
            }
        }
        statements
    }

    /// What sets `customers` of a training apart, in sentences: `Joined October to December (all). More often than
    /// others from Bedok or Novena (34 % against 17 %). Gender and year as everywhere.`
    pub fn summary(&self, schema: &Schema, customers: u64) -> String {
        self.summary_beside(schema, customers, "as everywhere")
    }

    /// The same of `customers` who were compared with the others of one file, and not with everybody.
    pub fn summary_within_file(&self, schema: &Schema, customers: u64) -> String {
        self.summary_beside(schema, customers, "as in the whole file")
    }

    /// Whether each column is as everywhere. Where one is not, something may set the customers apart that is not told:
    /// too few have it, or it would tell of too few.
    fn is_as_everywhere(&self) -> bool {
        let is_alike = |key: &String| self.as_everywhere.contains(key);
        !self.as_everywhere.is_empty() && self.not_distinguishing.iter().all(is_alike)
    }

    fn summary_beside(&self, schema: &Schema, customers: u64, as_the_rest: &str) -> String {
        if customers < MIN_CUSTOMERS {
            return format!("Fewer than {MIN_CUSTOMERS} customers: too few to say anything of them.");
        }
        let statements = self.statements(schema);
        if statements.is_empty() {
            let customers = with_commas(customers);
            return match self.is_as_everywhere() {
                true => format!("No trait sets these {customers} customers apart."),
                false => format!("Nothing can be told of what sets these {customers} customers apart."),
            };
        }
        let mut sentences: Vec<String> = statements.iter().map(Statement::sentence).collect();
        let rest = names_of(schema, &self.as_everywhere);
        if !rest.is_empty() {
            sentences.push(format!("{} {as_the_rest}.", capitalised(&listed(&rest, "and"))));
        }
        sentences.join(" ")
    }
}

impl Statement {
    fn of(schema: &Schema, claim: Claim, values: &[&DistinguishingValue]) -> Self {
        let key = values.first().map(|value| value.key.clone()).unwrap_or_default();
        let sum =
            |share: fn(&DistinguishingValue) -> f64| values.iter().map(|value| share(value)).sum::<f64>().min(1.0);
        let shares = Some((sum(|value| value.share), sum(|value| value.share_overall)));
        let known_shares = values.iter().any(|value| value.known_shares().is_some()).then(|| {
            let of_known =
                |value: &DistinguishingValue| value.known_shares().unwrap_or((value.share, value.share_overall));
            let (own, all): (Vec<f64>, Vec<f64>) = values.iter().map(|value| of_known(value)).unzip();
            (own.iter().sum::<f64>().min(1.0), all.iter().sum::<f64>().min(1.0))
        });
        let feature = schema.features().find(|feature| feature.persona.key == key);
        let of = |words: fn(&TraitValue) -> String| {
            listed(&values.iter().map(|value| words(&value.value)).collect::<Vec<_>>(), "or")
        };
        let (role, words) = match &feature {
            Some(feature) => match (feature.kind, feature.role) {
                (FeatureKind::DatePart(DatePart::Year), role) => {
                    (role, format!("{} in {}", phrase(schema, feature.column), of(ToString::to_string)))
                }
                (FeatureKind::DatePart(DatePart::Quarter), role) => {
                    (role, format!("{} {}", phrase(schema, feature.column), of(quarter)))
                }
                (FeatureKind::DatePart(DatePart::Month), role) => {
                    (role, format!("{} in {}", phrase(schema, feature.column), of(month)))
                }
                (_, Role::Place) => (Role::Place, format!("from {}", of(ToString::to_string))),
                (_, Role::Tier) => (Role::Tier, format!("{} tier", of(ToString::to_string))),
                (_, Role::Gender) => (Role::Gender, of(|value| value.to_string().to_lowercase())),
                (_, Role::Other) => {
                    (Role::Other, format!("{}: {}", spaced(feature.title), of(|value| yes_or_no(&value.to_string()))))
                }
            },
            None => {
                let column = schema.columns.iter().position(|column| column.title == key);
                (Role::Other, format!("{} {}", column.map_or("", |column| phrase(schema, column)), of(pair)))
            }
        };
        Self { claim, key, role, words, shares, known_shares }
    }

    /// The statement as one sentence.
    pub fn sentence(&self) -> String {
        let Some((share, overall)) = self.shares else { return format!("{}.", capitalised(&self.words)) };
        let mut shares = format!("{} against {}", percent(share), percent(overall));
        if let Some((known, known_overall)) = self.known_shares {
            let known = format!("{} against {}", percent(known), percent(known_overall));
            shares.push_str(&format!("; where it is known, {known}"));
        }
        // A date's phrase such as "whose contract renews" needs somebody before it.
        let is_whose = self.words.starts_with("whose ");
        let words = if is_whose { format!("customers {}", self.words) } else { self.words.clone() };
        let are = if is_whose { "are " } else { "" };
        match self.claim {
            Claim::All => format!("{} (all).", capitalised(&words)),
            // Few customers, several values together, or one of those that are known.
            _ if share >= ROUNDS_TO_ALL => format!("{} ({shares}).", capitalised(&words)),
            Claim::Most => format!("Most of them {are}{words} ({shares})."),
            Claim::MoreOften => format!("More often than others {words} ({shares})."),
        }
    }
}

/// Whether two values belong in one list: months beside months, and not beside quarters.
fn is_alike(a: &DistinguishingValue, b: &DistinguishingValue) -> bool {
    let is_quarter = |value: &TraitValue| matches!(value, TraitValue::Name(name) if name.contains("-Q"));
    a.key == b.key && is_quarter(&a.value) == is_quarter(&b.value)
}

/// What a sentence says of a date: `joined`.
fn phrase(schema: &Schema, column: usize) -> &str {
    match schema.columns.get(column) {
        Some(Column { kind: Kind::Date { phrase, .. }, .. }) => phrase.trim_start_matches("who "),
        _ => "",
    }
}

fn title_of(schema: &Schema, key: &str) -> String {
    schema.features().find(|feature| feature.persona.key == key).map_or(String::new(), |f| spaced(f.title))
}

/// What the features with these persona keys are called in a sentence, in the schema's order: `gender`, `year`, `Plan`.
pub fn names_of(schema: &Schema, keys: &[String]) -> Vec<String> {
    let features = schema.features().filter(|feature| keys.contains(&feature.persona.key));
    features.map(|feature| name_of(schema, &feature)).collect()
}

/// What a feature is called in a sentence.
fn name_of(schema: &Schema, feature: &Feature<'_>) -> String {
    let n_dates = schema.columns.iter().filter(|column| matches!(column.kind, Kind::Date { .. })).count();
    match (feature.kind, feature.role) {
        (FeatureKind::DatePart(part), _) if n_dates == 1 => match part {
            DatePart::Year => "year".to_owned(),
            DatePart::Quarter => "quarter".to_owned(),
            DatePart::Month => "month".to_owned(),
        },
        (FeatureKind::Category | FeatureKind::Ordinal(_), Role::Tier) => "tier".to_owned(),
        (FeatureKind::Category | FeatureKind::Ordinal(_), Role::Gender) => "gender".to_owned(),
        (FeatureKind::Category | FeatureKind::Ordinal(_), Role::Place) => spaced(feature.title).to_lowercase(),
        _ => spaced(feature.title),
    }
}

fn spaced(title: &str) -> String {
    title.replace('_', " ")
}

fn quarter(value: &TraitValue) -> String {
    let place = match value {
        TraitValue::Whole(quarter) => usize::try_from(quarter - 1).ok(),
        TraitValue::Mean(_) | TraitValue::Name(_) => None,
    };
    place.and_then(|place| QUARTERS.get(place)).map_or_else(|| value.to_string(), ToString::to_string)
}

fn month(value: &TraitValue) -> String {
    let place = match value {
        TraitValue::Whole(month) => usize::try_from(month - 1).ok(),
        TraitValue::Mean(_) | TraitValue::Name(_) => None,
    };
    place.and_then(|place| MONTHS.get(place)).map_or_else(|| value.to_string(), ToString::to_string)
}

/// `2024-Q4` as `October to December 2024`, `2024-10` as `in October 2024`.
fn pair(value: &TraitValue) -> String {
    let text = value.to_string();
    let Some((year, part)) = text.split_once('-') else { return text };
    match part.strip_prefix('Q') {
        Some(number) => format!("{} {year}", quarter(&TraitValue::Whole(number.parse().unwrap_or_default()))),
        None => format!("in {} {year}", month(&TraitValue::Whole(part.parse().unwrap_or_default()))),
    }
}

/// Answers to a question in small letters, as a sentence has them; every other value as it is.
fn yes_or_no(value: &str) -> String {
    let lower = value.to_lowercase();
    if matches!(lower.as_str(), "yes" | "no" | "true" | "false") { lower } else { value.to_owned() }
}

/// `a, b or c`.
fn listed(words: &[String], before_last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} {before_last} {last}", most.join(", ")),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_something_that_customers_have_is_said_of_customers() {
        let of = |claim, words: &str| {
            let (key, words, shares) = ("Renewal".to_owned(), words.to_owned(), Some((0.73, 0.37)));
            Statement { claim, key, role: Role::Other, words, shares, known_shares: None }.sentence()
        };
        let words = "whose contract renews in January";
        assert_eq!(
            of(Claim::Most, words),
            "Most of them are customers whose contract renews in January (73 % against 37 %)."
        );
        assert_eq!(of(Claim::All, words), "Customers whose contract renews in January (all).");
        assert_eq!(of(Claim::Most, "joined in 2024"), "Most of them joined in 2024 (73 % against 37 %).");
    }
}
