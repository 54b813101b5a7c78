//! The schema's columns among columns that have names: those of a table in a data engine, or of a CSV file with a
//! header.

use std::collections::BTreeMap;

use super::header_name::{is_label, normalize_header};
use super::schema::{Column, DatePart, Kind};
use super::{Note, Schema, header_alike, is_invisible};

/// How many names an error lists, and how long each may be, in characters.
const MAX_LISTED: usize = 20;
const MAX_LISTED_CHARS: usize = 40;

/// Where a column of the schema is, by positions among the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnAt {
    /// Nowhere; it is optional.
    Absent,
    /// In one column.
    Whole(usize),
    /// A date whose parts are columns of their own. `None` is a part that the schema does not ask for.
    Parts {
        /// The year.
        year: Option<usize>,
        /// The month.
        month: Option<usize>,
        /// The quarter, where the schema asks for it and not for the month.
        quarter: Option<usize>,
    },
}

impl ColumnAt {
    /// The positions, in their order.
    pub fn positions(self) -> impl Iterator<Item = usize> {
        let positions = match self {
            Self::Absent => [None; 3],
            Self::Whole(position) => [Some(position), None, None],
            Self::Parts { year, month, quarter } => [year, month, quarter],
        };
        positions.into_iter().flatten()
    }
}

/// For each column of the schema that was found, its title and the names that it was found by.
pub fn columns_used(schema: &Schema, places: &[ColumnAt], names: &[&str]) -> Vec<(String, String)> {
    let used = schema.columns.iter().zip(places).map(|(column, at)| {
        let names: Vec<&str> = at.positions().filter_map(|position| names.get(position).copied()).collect();
        (column.title.clone(), names.join(", "))
    });
    used.filter(|(_, names)| !names.is_empty()).collect()
}

/// What a person should know of columns that are not read since another one is: those that are named for the same
/// column of the schema, and the parts of a date that is there as a whole.
pub fn notes_on_unread(schema: &Schema, places: &[ColumnAt], names: &[&str]) -> Vec<Note> {
    let is_read = |position: usize| places.iter().any(|at| at.positions().any(|read| read == position));
    let unread: Vec<(String, usize)> =
        (0..).zip(names).filter(|&(at, _)| !is_read(at)).map(|(at, name)| (normalize_header(name), at)).collect();
    let shown = |position: usize| (names.get(position).map(|name| shown(name)).unwrap_or_default(), position);
    let sentence = |(column, at): (&Column, &ColumnAt)| {
        let ColumnAt::Whole(read) = *at else { return None };
        let wanted: Vec<String> = column
            .headers()
            .chain(column.part_titles().into_iter().map(|(_, title)| title))
            .map(normalize_header)
            .collect();
        let others = unread.iter().filter(|(name, _)| wanted.contains(name)).map(|&(_, position)| position);
        let columns: Vec<(String, usize)> = std::iter::once(read).chain(others).map(shown).collect();
        header_alike::sentence(&column.title, &columns)
    };
    let sentences = schema.columns.iter().zip(places).filter_map(sentence);
    sentences.map(|sentence| Note::new(Note::COLUMNS_ALIKE, sentence)).collect()
}

/// Names in which the schema's columns cannot be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongColumns {
    /// Required columns are not among them.
    #[error("the input needs {}; {}", needed(.missing), listed(.found))]
    Missing {
        /// The names that would do, a sentence part for each column.
        missing: Vec<String>,
        /// The names that there are, if a column of the schema is among them.
        found: Vec<String>,
    },
    /// A name that is needed is there twice: which column was meant, nobody says.
    #[error(
        "the input has two columns called {first:?} and {second:?}, which are one name: rename one or leave it out"
    )]
    Twice {
        /// As the first is written.
        first: String,
        /// As the second is written.
        second: String,
    },
}

/// Finds the schema's columns among `names`: by title or alias, compared as [`normalize_header`] does, and a date also
/// by its parts. A title wins over an alias.
///
/// # Errors
/// [`WrongColumns`] where a required column is not there, or a name by which a column is found is there twice.
pub fn find_columns(schema: &Schema, names: &[&str]) -> Result<Vec<ColumnAt>, WrongColumns> {
    let mut positions: BTreeMap<String, usize> = BTreeMap::new();
    let mut repeated: BTreeMap<usize, usize> = BTreeMap::new();
    for (position, name) in names.iter().enumerate() {
        let first = *positions.entry(normalize_header(name)).or_insert(position);
        if first != position {
            repeated.entry(first).or_insert(position);
        }
    }
    let at: Vec<Option<ColumnAt>> = schema.columns.iter().map(|column| place(column, &positions)).collect();
    let missing = schema.columns.iter().zip(&at).filter(|(column, at)| column.required && at.is_none());
    let missing: Vec<String> = missing.map(|(column, _)| ways(column)).collect();
    if !missing.is_empty() {
        // A first line that names no column of the schema may be a customer: nothing of it is shown.
        let is_header = at.iter().any(Option::is_some);
        let labels = names.iter().filter(|name| is_header && is_label(name));
        let found = labels.take(MAX_LISTED).map(|name| shown(name)).collect();
        return Err(WrongColumns::Missing { missing, found });
    }
    let at: Vec<ColumnAt> = at.into_iter().map(|at| at.unwrap_or(ColumnAt::Absent)).collect();
    let twice = at.iter().flat_map(|at| at.positions()).find_map(|first| Some((first, *repeated.get(&first)?)));
    if let Some((first, second)) = twice {
        let shown = |position: usize| names.get(position).map(|name| shown(name)).unwrap_or_default();
        return Err(WrongColumns::Twice { first: shown(first), second: shown(second) });
    }
    Ok(at)
}

/// A name as sentences repeat it.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !is_invisible(*c)).take(MAX_LISTED_CHARS).collect()
}

fn place(column: &Column, positions: &BTreeMap<String, usize>) -> Option<ColumnAt> {
    let position = |name: &str| positions.get(&normalize_header(name)).copied();
    if let Some(whole) = column.headers().find_map(position) {
        return Some(ColumnAt::Whole(whole));
    }
    let part = |wanted: DatePart| title_of(column, wanted).map(position);
    let (year, month, quarter) = (part(DatePart::Year), part(DatePart::Month), part(DatePart::Quarter));
    let needs_quarter = month.is_none();
    let quarter = quarter.filter(|_| needs_quarter);
    let parts = [year, month, quarter];
    let are_there = parts.iter().any(Option::is_some) && !parts.contains(&Some(None));
    let at = ColumnAt::Parts { year: year.flatten(), month: month.flatten(), quarter: quarter.flatten() };
    are_there.then_some(at)
}

/// What a part of a date is called in its schema; `None` where it is not asked for, or the column is not a date.
fn title_of(column: &Column, wanted: DatePart) -> Option<&str> {
    let Kind::Date { parts, .. } = &column.kind else { return None };
    parts.iter().find(|part| part.part == wanted).map(|part| part.title.as_str())
}

impl Column {
    /// The parts that stand for a date of this column, with their titles: a quarter follows from the month.
    pub fn part_titles(&self) -> Vec<(DatePart, &str)> {
        let parts = [DatePart::Year, DatePart::Month, DatePart::Quarter];
        let titles: Vec<_> = parts.into_iter().filter_map(|part| Some((part, title_of(self, part)?))).collect();
        let has_month = titles.iter().any(|(part, _)| *part == DatePart::Month);
        titles.into_iter().filter(|(part, _)| !(has_month && *part == DatePart::Quarter)).collect()
    }
}

/// The names that a column is found by, such as `"Location" (or branch, region)`.
fn ways(column: &Column) -> String {
    let parts: Vec<&str> = column.part_titles().into_iter().map(|(_, title)| title).collect();
    let parts = (!parts.is_empty()).then(|| parts.join(" and "));
    let others: Vec<String> = column.aliases.iter().cloned().chain(parts).collect();
    if others.is_empty() {
        format!("{:?}", column.title)
    } else {
        format!("{:?} (or {})", column.title, others.join(", "))
    }
}

fn needed(missing: &[String]) -> String {
    format!("{} {}", if missing.len() == 1 { "a column" } else { "columns" }, missing.join(", "))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none of its columns has a name that is known: the first line of a CSV file must name them".to_owned();
    }
    format!("it has {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_title_alias_or_parts() {
        let schema = Schema::built_in().unwrap();
        let at = find_columns(&schema, &["tier", "id", "JOIN_YEAR", "Join Month", "branch", "Location"]).unwrap();
        let date = ColumnAt::Parts { year: Some(2), month: Some(3), quarter: None };
        assert_eq!(at, [ColumnAt::Whole(5), ColumnAt::Absent, date, ColumnAt::Whole(0)]);
    }

    #[test]
    fn a_name_that_is_needed_is_there_once_in_any_spelling() {
        let schema = Schema::built_in().unwrap();
        let twice = |names: &[&str]| find_columns(&schema, names).unwrap_err().to_string();
        let same = twice(&["tier", "date", "Location", "location "]);
        assert!(same.contains("two columns called \"Location\" and \"location \""), "{same}");
        assert!(twice(&["tier", "JOIN_YEAR", "Join Month", "join year", "Location"]).contains("\"JOIN_YEAR\""));
        let others = ["tier", "date", "Location", "note", "note", "branch", "branch"];
        assert!(find_columns(&schema, &others).is_ok(), "what is not read may be there as often as it likes");
    }

    #[test]
    fn columns_that_are_not_read_since_another_one_is_are_named() {
        let schema = Schema::built_in().unwrap();
        let notes = |names: &[&str]| {
            let places = find_columns(&schema, names).unwrap();
            notes_on_unread(&schema, &places, names).into_iter().map(|note| note.sentence).collect::<Vec<_>>()
        };
        assert_eq!(notes(&["tier", "date", "branch", "gender", "note"]), Vec::<String>::new());
        assert_eq!(
            notes(&["Branch", "Location", "tier", "Date Joined", "Join_Year", "join month"]),
            [
                "\"Location\" was read from \"Location\" (column B); \"Branch\" (column A) is named for it as well and \
                 not used.",
                "\"Date Joined\" was read from \"Date Joined\" (column D); \"Join_Year\" (column E) and \"join month\" \
                 (column F) are named for it as well and not used."
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named_with_everything_that_would_do() {
        let schema = Schema::built_in().unwrap();
        let error = find_columns(&schema, &["Location", "Join_Year"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the input needs columns \"Date Joined\" (or joined_date, join_date, ks date, date, Join_Year and \
             Join_Month), \"Loyalty Tier\" (or tier, membership_level); it has Location, Join_Year"
        );
    }

    #[test]
    fn a_first_line_that_is_a_customer_is_not_shown() {
        let schema = Schema::built_in().unwrap();
        let error = |names: &[&str]| find_columns(&schema, names).unwrap_err().to_string();
        let customer = error(&["C-0", "Jane Doe", "jane@x.com", "+65 9123 4567", "2023-06-04", "Bedok"]);
        assert!(customer.ends_with("the first line of a CSV file must name them"), "{customer}");
        let mixed = error(&["Location", "jane@x.com", "91234567", "Stage"]);
        assert!(mixed.ends_with("; it has Location, Stage"), "{mixed}");
    }
}
