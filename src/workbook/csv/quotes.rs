//! The cells of one line, and where a cell ends that opens with a quote (RFC 4180).

/// How a cell that opens with a quote ends, as far as one line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// Its closing quote stands here, and what follows the cell there: a delimiter or the line's end.
    At { close: usize, end: usize },
    /// What follows contradicts that it was opened: its quote is text.
    Never,
    /// It goes on in the next line.
    Open,
}

/// A cell of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub start: usize,
    pub end: usize,
    /// Whether quotes enclose it: a doubled one in it stands for one.
    pub is_quoted: bool,
    /// The position of the delimiter behind it, or of the line's end.
    pub next: usize,
    /// How the quote that opens it is closed, if one does: never, where it is a text's. Of one that is open at the end
    /// of the line, the cell is what it is if the quote is text.
    pub closing: Option<Closing>,
}

/// The cells of a line read by itself.
pub(super) fn cells(line: &[u8], delimiter: u8) -> impl Iterator<Item = Cell> {
    let first = Some(cell(line, 0, delimiter));
    std::iter::successors(first, move |last| (last.next < line.len()).then(|| cell(line, last.next + 1, delimiter)))
}

/// The cell of a line that starts here.
pub(super) fn cell(line: &[u8], start: usize, delimiter: u8) -> Cell {
    let text = line.get(start..).unwrap_or_default();
    let open = skip_blanks(text, 0);
    let Some((b'"', quoted)) = text.get(open..).and_then(<[u8]>::split_first) else {
        return plain_cell(text, start, delimiter, None);
    };
    let quoted_start = start + open + 1;
    match scan(quoted, delimiter, false) {
        closing @ Closing::At { close, end } => Cell {
            start: quoted_start,
            end: quoted_start + close,
            is_quoted: true,
            next: quoted_start + end,
            closing: Some(closing),
        },
        closing => plain_cell(text, start, delimiter, Some(closing)),
    }
}

/// A cell that no quotes enclose. A quote that opens it is not part of it, nor is a single one at its end: both are
/// what is left of a pair.
fn plain_cell(text: &[u8], offset: usize, delimiter: u8, closing: Option<Closing>) -> Cell {
    let len = memchr::memchr(delimiter, text).unwrap_or(text.len());
    let cell = text.get(..len).unwrap_or_default();
    let (mut start, mut end) = (0, len);
    if closing.is_some() {
        let is_quote = |byte: &&u8| **byte == b'"';
        let open = skip_blanks(cell, 0);
        start = open + cell.iter().skip(open).take_while(is_quote).count();
        end -= cell.iter().skip(start).rev().take_while(is_quote).count();
    } else if len > 0 && memchr::memchr(b'"', cell) == Some(len - 1) {
        end = len - 1;
    }
    Cell { start: offset + start, end: offset + end, is_quoted: false, next: offset + len, closing }
}

/// Looks for the end of a cell in a line that it does not start in.
pub(super) fn closing_later(line: &[u8], delimiter: u8) -> Closing {
    scan(line, delimiter, true)
}

/// A doubled quote stands for one. A single one that neither closes the cell nor opens the next is taken for text, as
/// in `"He said "hi" to me"`, if the cell starts and ends in this line: a cell of several lines is sound, or it is
/// none.
fn scan(line: &[u8], delimiter: u8, is_later_line: bool) -> Closing {
    let mut is_broken = false;
    let mut at = 0;
    while let Some(found) = line.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let close = at + found;
        let run = line.get(close..).unwrap_or_default().iter().take_while(|&&byte| byte == b'"').count();
        let before = close.checked_sub(1).and_then(|before| line.get(before));
        let starts_cell = if close == 0 { is_later_line } else { before == Some(&delimiter) };
        let end = skip_blanks(line, close + run);
        let ends_cell = line.get(end).is_none_or(|&byte| byte == delimiter);
        at = close + run;
        match (run % 2 == 1, starts_cell, ends_cell) {
            (true, _, true) => return Closing::At { close: at - 1, end },
            // Where the next cell opens, this one was never closed.
            (true, true, false) => return Closing::Never,
            (false, true, true) if run == 2 => return Closing::Never,
            // An empty pair before text is not a cell either.
            (true, false, false) if is_later_line || close == 0 => return Closing::Never,
            (true, false, false) => is_broken = true,
            (false, _, _) => {}
        }
    }
    if is_broken { Closing::Never } else { Closing::Open }
}

/// The first position from this one on that holds no blank.
fn skip_blanks(line: &[u8], from: usize) -> usize {
    let blanks = line.get(from..).unwrap_or_default().iter().take_while(|&&byte| byte == b' ').count();
    from + blanks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_cell_ends_with_a_quote_before_a_delimiter_or_the_line_s_end() {
        let at = |close, end| Closing::At { close, end };
        for (line, expected) in [
            (r#"Bedok",Gold"#, at(5, 6)),
            (r#"Bedok""#, at(5, 6)),
            (r#"",Gold"#, at(0, 1)),
            (r#"a ""b""",x"#, at(7, 8)),
            (r#"""""#, at(2, 3)),
            (r#"Bedok"  ,Gold"#, at(5, 8)),
            (r#"He said "hi" to me",Gold"#, at(18, 19)),
            (r#"a,""b"",c",d"#, at(9, 10)),
            (r"wants 5 more", Closing::Open),
            (r#"ends with ""two"""#, Closing::Open),
            (r#"wants 5,Male,"Gold","#, Closing::Never),
            (r#"wants 5,"",Gold"#, Closing::Never),
            (r#"Bedok" North,Gold"#, Closing::Never),
            (r#""Bedok",Gold"#, Closing::Never),
        ] {
            assert_eq!(scan(line.as_bytes(), b',', false), expected, "{line}");
        }
    }

    #[test]
    fn a_later_line_ends_the_cell_or_shows_that_it_was_none() {
        for (line, expected) in [
            (r#"more",Gold"#, Closing::At { close: 4, end: 5 }),
            (r#"""so"" she said"#, Closing::Open),
            ("more", Closing::Open),
            (r#"K6,2023-01-09,5" pipe"#, Closing::Never),
            (r#""K6","2023-01-09""#, Closing::Never),
        ] {
            assert_eq!(closing_later(line.as_bytes(), b','), expected, "{line}");
        }
    }
}
