//! Headers as they are compared. What people put into a header for other people to read is none of its name: invisible
//! characters, a star for required, a unit in brackets, the marks between its words.

use super::schema::Column;
use super::spelling::spelling_key;
use super::text::is_invisible;

/// Words in brackets that go with any column.
const NOTES: [&str; 10] = ["required", "optional", "mandatory", "text", "date", "number", "if", "any", "or", "and"];

/// A header as it is compared: its letters, digits and the signs that tell names apart (`%`, `#`, `+`), without case.
/// Blanks, hyphens, underscores, points, colons and stars are passed over, so that `Date Joined *`, `date_joined`,
/// `date-joined` and `dateJoined` are one.
pub fn normalize_header(header: &str) -> String {
    let key = spelling_key(header);
    let name: String = key.chars().filter(|c| !is_between_words(*c)).collect();
    // A header of marks alone is known by them.
    if name.is_empty() { key.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect() } else { name }
}

fn is_between_words(c: char) -> bool {
    // The joiners are invisible in a name of Latin letters, and both sides lose them in any other.
    let is_hidden = is_invisible(c) || matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}');
    let is_mark =
        matches!(c, '_' | '-' | '.' | ':' | ';' | ',' | '*' | '"' | '\'' | '`' | '/' | '\\' | '|' | '?' | '!')
            || matches!(c, '‐'..='―' | '‘'..='‟' | '·' | '•' | '∙' | '†' | '‡' | '：' | '、');
    c.is_whitespace() || is_hidden || is_mark
}

/// A header with a note in brackets, taken apart: `Spend (SGD)`, `[town] Location`.
pub(super) struct Noted {
    pub name: String,
    note: String,
}

impl Noted {
    /// `None` for a header without brackets, or with nothing beside them.
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
        let key = spelling_key(&self.note);
        let words: Vec<&str> = key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let words = words.strip_prefix(&["in"]).unwrap_or(&words);
        let names: Vec<String> =
            column.headers().chain(column.levels().iter().map(String::as_str)).map(spelling_key).collect();
        let is_own = |word: &str| names.iter().any(|name| name.split_whitespace().any(|own| own == word));
        let is_pattern = |word: &str| word.chars().all(|c| matches!(c, 'd' | 'm' | 'y' | 'h' | 's'));
        words.len() <= 1
            || words.iter().all(|word| is_pattern(word) || is_own(word) || NOTES.contains(word) || word.len() == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_compared_by_their_words() {
        for header in [
            "Date Joined",
            " Join_Date ".trim(),
            "DATE JOINED",
            "date_joined",
            "date-joined",
            "date.joined",
            "dateJoined",
            "DateJoined:",
            "Date Joined *",
            "*Date Joined*",
            "\u{200b}Date\u{a0}Joined",
            "\u{feff}Date Joined",
            "Date\u{ad} Joined",
            "Date\r\nJoined",
            "“Date Joined”",
            "Ｄａｔｅ　Ｊｏｉｎｅｄ",
            "Date – Joined",
            "Date\u{200d}Joined",
        ] {
            let expected = if header == "Join_Date" { "joindate" } else { "datejoined" };
            assert_eq!(normalize_header(header), expected, "{header:?}");
        }
        assert_eq!(normalize_header("STRASSE"), normalize_header("Straße"));
        assert_eq!(normalize_header("Gu\u{308}ltig"), normalize_header("gültig"));
    }

    #[test]
    fn signs_that_tell_names_apart_stay() {
        assert_ne!(normalize_header("Discount %"), normalize_header("Discount"));
        assert_ne!(normalize_header("C"), normalize_header("C#"));
        assert_eq!(normalize_header(" * "), "*");
        assert_eq!(normalize_header(" \u{200b} "), "");
    }

    #[test]
    fn a_note_in_brackets_explains_a_column_or_makes_it_another() {
        let schema = super::super::Schema::built_in().unwrap();
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
        ] {
            assert!(explains(header, column), "{header}");
        }
        for (header, column) in [("Date (of birth)", 2), ("Date (last order)", 2), ("Date", 2), ("(Date)", 2)] {
            assert!(!explains(header, column), "{header}");
        }
        assert_eq!(Noted::of("Spend (SGD)").unwrap().name, "spend");
    }
}
