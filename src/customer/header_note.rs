//! What people put in brackets behind a header: `Spend (SGD)`. The pattern of a date needs none: `Joined dd/mm/yyyy`.

use super::header_name::normalize_header;
use super::schema::{Column, Kind};
use super::spelling::spelling_key;
use super::{date, number};

/// Words in brackets that go with any column.
const NOTES: [&str; 10] = ["required", "optional", "mandatory", "text", "date", "number", "if", "any", "or", "and"];

/// A header with a note in brackets, taken apart: `Spend (SGD)`, `[town] Location`.
pub(super) struct Noted {
    pub name: String,
    note: String,
}

impl Noted {
    /// `None` for a header without brackets and without the pattern of a date, or with nothing beside them.
    pub fn of(header: &str) -> Option<Self> {
        let (mut outside, mut note, mut depth) = (String::new(), String::new(), 0_usize);
        for c in header.chars() {
            match c {
                '(' | '[' | '{' | '<' | '（' | '［' | '【' => depth += 1,
                ')' | ']' | '}' | '>' | '）' | '］' | '】' => depth = depth.saturating_sub(1),
                _ if depth == 0 => outside.push(c),
                _ => note.push(c),
            }
        }
        if let Some(found) = date::pattern(&outside) {
            note = [note.as_str(), outside.get(found.range.clone()).unwrap_or_default()].join(" ");
            outside.replace_range(found.range, " ");
        }
        let name = normalize_header(&outside);
        (!note.trim().is_empty() && !name.is_empty()).then_some(Self { name, note })
    }

    /// Whether the note is a word such as a unit.
    pub fn is_short(&self) -> bool {
        self.note.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count() <= 1
    }

    /// Whether the note only explains `column`: one word such as a unit, a pattern of a date, or the column's own
    /// names and levels. `Date (of birth)` is another date.
    pub fn explains(&self, column: &Column) -> bool {
        if matches!(column.kind, Kind::Number { .. }) && number::of_note(&self.note).is_some() {
            return true;
        }
        let pattern = date::pattern(&self.note);
        let note = match &pattern {
            Some(found) => {
                let parts = [self.note.get(..found.range.start), self.note.get(found.range.end..)];
                parts.map(Option::unwrap_or_default).join(" ")
            }
            None => self.note.clone(),
        };
        let key = spelling_key(&note);
        let words: Vec<&str> = key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let words = words.strip_prefix(&["in"]).unwrap_or(&words);
        let names: Vec<String> =
            column.headers().chain(column.levels().iter().map(String::as_str)).map(spelling_key).collect();
        let is_own = |word: &str| names.iter().any(|name| name.split_whitespace().any(|own| own == word));
        let is_pattern = |word: &str| word.chars().all(|c| matches!(c, 'd' | 'm' | 'y' | 'h' | 's'));
        words.len() <= usize::from(pattern.is_none())
            || words.iter().all(|word| is_pattern(word) || is_own(word) || NOTES.contains(word) || word.len() == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_in_brackets_explains_a_column_or_makes_it_another() {
        let schema = crate::customer::Schema::built_in().unwrap();
        let explains = |header: &str, column: usize| {
            Noted::of(header).is_some_and(|noted| noted.explains(&schema.columns[column]))
        };
        for (header, column) in [
            ("Location [town]", 0),
            ("Location(Branch or Region)", 0),
            ("Date Joined (DD/MM/YYYY)", 2),
            ("Date Joined (dd mmm yyyy)", 2),
            ("Date Joined (required)", 2),
            ("Loyalty Tier (Silver, Gold, Platinum)", 3),
            ("（必須）Location", 0),
            ("Date (in SGT)", 2),
            ("Date Joined (TT.MM.JJJJ)", 2),
            ("Date Joined mm/dd/yyyy", 2),
            ("Date Joined (required) mm/dd/yyyy", 2),
        ] {
            assert!(explains(header, column), "{header}");
        }
        for (header, column) in [
            ("Date (of birth)", 2),
            ("Date (birth, dd/mm/yyyy)", 2),
            ("Date (last order)", 2),
            ("Date", 2),
            ("(Date)", 2),
        ] {
            assert!(!explains(header, column), "{header}");
        }
        assert_eq!(Noted::of("Spend (SGD)").unwrap().name, "spend");
        assert_eq!(Noted::of("Date Joined - mm/dd/yyyy").unwrap().name, "datejoined");
    }
}
