//! Text on its way into a CSV file that a spreadsheet program will open.

use std::borrow::Cow;

use super::is_invisible;

/// What makes a spreadsheet program take text for a formula, in full width too.
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// What some program takes for the end of a cell, also where commas separate and quotes stand around it.
const ENDS: [char; 4] = [';', '\t', '\r', '\n'];

/// A cell's text that no program runs as a formula: an apostrophe stands before what would be one, as OWASP's "CSV
/// Injection" advises. The mark is seen in other programs, and that is the price. It also stands where one would begin
/// after a semicolon, a tab or a line break inside the text: where Excel is set to split at semicolons, as in much of
/// Europe, that begins a cell of its own, whatever quotes there are.
pub fn plain_cell(text: &str) -> Cow<'_, str> {
    let mut guarded = String::new();
    let (mut is_start, mut from) = (true, 0);
    for (at, c) in text.char_indices() {
        let ends = ENDS.contains(&c);
        if is_start && (FORMULA_STARTS.contains(&c) || ends && at == 0 && c != ';') {
            guarded.push_str(text.get(from..at).unwrap_or_default());
            guarded.push('\'');
            from = at;
        }
        // Programs trim blanks, and drop quotes and what nobody sees.
        is_start = ends || is_start && (c.is_whitespace() || c == '"' || is_invisible(c));
    }
    if guarded.is_empty() {
        return Cow::Borrowed(text);
    }
    guarded.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(guarded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_run_in_some_program_gets_an_apostrophe() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            (" =1", " '=1"),
            ("\u{feff}\u{200b}@x", "\u{feff}\u{200b}'@x"),
            ("\t=1", "'\t'=1"),
            ("\"=1", "\"'=1"),
            ("Bedok;=1", "Bedok;'=1"),
            ("a\r\n-1\n + 2", "a\r\n'-1\n '+ 2"),
            ("＝1\t－2", "'＝1\t'－2"),
        ] {
            assert_eq!(plain_cell(text), safe, "{text:?}");
        }
        for text in ["Ang Mo Kio", "a=b", "St. John's; East-West", "1-2", ""] {
            assert_eq!(plain_cell(text), text);
        }
    }
}
