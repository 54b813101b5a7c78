//! Headers as they are compared. What people put into a header for other people to read is none of its name: invisible
//! characters, a star for required, a unit in brackets, the marks between its words.

use super::is_invisible;
use super::spelling::spelling_key;

/// A header as it is compared: its letters, digits and the signs that tell names apart (`%`, `#`, `+`), without case.
/// Blanks, hyphens, underscores, points, colons and stars are passed over, so that `Date Joined *`, `date_joined`,
/// `date-joined` and `dateJoined` are one.
pub fn normalize_header(header: &str) -> String {
    if header.is_ascii() && header.bytes().any(|b| b.is_ascii_alphanumeric()) {
        // Nearly every header. `normalize_any` makes the same of it, at several times the cost.
        let mut name = String::with_capacity(header.len());
        let letters = header.bytes().map(char::from).filter(|c| !is_between_words(*c));
        name.extend(letters.map(|c| c.to_ascii_lowercase()));
        return name;
    }
    normalize_any(header)
}

/// The same of any header.
fn normalize_any(header: &str) -> String {
    let key = spelling_key(header);
    let mut name = String::with_capacity(key.len());
    name.extend(key.chars().filter(|c| !is_between_words(*c)));
    // A header of marks alone is known by them.
    if name.is_empty() { key.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect() } else { name }
}

/// Whether a text of a header may be repeated in an error: no address, no long run of digits.
pub(super) fn is_label(text: &str) -> bool {
    !text.contains('@') && text.chars().filter(char::is_ascii_digit).count() < 3
}

/// Records of exports, as they are compared, that headers name before a field of theirs.
const RECORDS: [&str; 9] =
    ["customer", "customers", "client", "clients", "member", "user", "contact", "person", "profile"];

/// The name in a header before which a program has put its number, as forms do (`1. Location`), or the record whose
/// field it is (`customer.location`).
pub(super) fn name_behind(header: &str) -> Option<&str> {
    let header = header.trim();
    let behind_number = header.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind_number.len() < header.len() {
        return behind_number.strip_prefix(['.', ')']).filter(|name| name.starts_with(char::is_whitespace));
    }
    let (records, name) = header.rsplit_once('.')?;
    let record = records.rsplit('.').next().map(normalize_header)?;
    RECORDS.contains(&record.as_str()).then_some(name)
}

fn is_between_words(c: char) -> bool {
    if c.is_ascii_alphanumeric() {
        return false;
    }
    // The joiners are invisible in a name of Latin letters, and both sides lose them in any other.
    let is_hidden = is_invisible(c) || matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}');
    let is_mark =
        matches!(c, '_' | '-' | '.' | ':' | ';' | ',' | '*' | '"' | '\'' | '`' | '/' | '\\' | '|' | '?' | '!')
            || matches!(c, '‐'..='―' | '‘'..='‟' | '·' | '•' | '∙' | '†' | '‡' | '：' | '、');
    c.is_whitespace() || is_hidden || is_mark
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_of_plain_letters_is_read_as_any_other(header in "[\\x00-\\x7f]{0,24}") {
            prop_assert_eq!(normalize_header(&header), normalize_any(&header));
        }
    }

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
    fn what_a_program_puts_before_a_name_is_none_of_it() {
        for (header, name) in [
            ("1. Location", Some(" Location")),
            ("12) Gender", Some(" Gender")),
            ("customer.location", Some("location")),
            ("data.Customer.location", Some("location")),
            ("1.Location", None),
            ("2024 Location", None),
            ("billing.location", None),
            ("Date Joined", None),
            ("12", None),
        ] {
            assert_eq!(name_behind(header), name, "{header}");
        }
    }

    #[test]
    fn signs_that_tell_names_apart_stay() {
        assert_ne!(normalize_header("Discount %"), normalize_header("Discount"));
        assert_ne!(normalize_header("C"), normalize_header("C#"));
        assert_eq!(normalize_header(" * "), "*");
        assert_eq!(normalize_header(" \u{200b} "), "");
    }
}
