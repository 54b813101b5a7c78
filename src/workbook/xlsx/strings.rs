//! The texts that a workbook's cells share, one behind the other in one piece of memory.

use std::io::Read;

use super::markup::{Blanks, Cursor, Parsed, Stop, TagEnd, local, string};
use super::window::Window;

/// A workbook's shared strings, by their number.
#[derive(Debug, Default)]
pub(super) struct SharedStrings {
    text: String,
    ends: Vec<u32>,
}

impl SharedStrings {
    /// Reads the part that holds them.
    ///
    /// # Errors
    /// [`Stop`] where it is not plain.
    pub(super) fn read<R: Read>(part: R) -> Parsed<Self> {
        let mut window = Window::new(part);
        let mut strings = Arena::default();
        let mut has_begun = false;
        loop {
            let mut cursor = Cursor { rest: window.bytes() };
            let stop = loop {
                let (before, n_bytes) = (cursor, strings.bytes.len());
                let step = if has_begun { strings.item(&mut cursor) } else { begin(&mut cursor) };
                match step {
                    Ok(true) => has_begun = true,
                    Ok(false) => return strings.finish(),
                    Err(stop) => {
                        cursor = before;
                        strings.bytes.truncate(n_bytes);
                        break stop;
                    }
                }
            };
            let left = cursor.rest.len();
            window.take_up_to(left);
            if stop == Stop::Unusual || !window.fetch() {
                return Err(Stop::Unusual);
            }
        }
    }

    /// The string of this number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before))?;
        self.text.get(*start as usize..*self.ends.get(number)? as usize)
    }
}

/// The strings while they are read.
#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Arena {
    /// Takes the next string; `false` at the end of all.
    #[inline]
    fn item(&mut self, cursor: &mut Cursor<'_>) -> Parsed<bool> {
        cursor.skip_blanks();
        if cursor.eat(b"<si>") {
            let write = |text: &str| self.bytes.extend_from_slice(text.as_bytes());
            body(cursor, b"</si>", write)?;
        } else if !cursor.eat(b"<si/>") && !cursor.eat(b"<si />") {
            if cursor.is_cut(b"<si/>") || cursor.is_cut(b"<si />") {
                return Err(Stop::Incomplete);
            }
            cursor.expect(b"</sst>")?;
            return Ok(false);
        }
        self.ends.push(u32::try_from(self.bytes.len()).map_err(|_| Stop::Unusual)?);
        Ok(true)
    }

    fn finish(self) -> Parsed<SharedStrings> {
        // Each string was UTF-8 by itself.
        let text = String::from_utf8(self.bytes).map_err(|_| Stop::Unusual)?;
        Ok(SharedStrings { text, ends: self.ends })
    }
}

/// Takes what is before the first string; `false` where there is none.
fn begin(cursor: &mut Cursor<'_>) -> Parsed<bool> {
    cursor.declaration()?;
    cursor.skip_blanks();
    cursor.expect(b"<")?;
    let (name, end) = cursor.skip_tag()?;
    if name == b"sst" { Ok(end == TagEnd::Open) } else { Err(Stop::Unusual) }
}

/// Takes the content of a string item up to its end tag `close`, and gives `write` its text piece by piece: that of its
/// `<t>`s, in runs of one format or without, but for those that spell the pronunciation.
#[inline]
pub(super) fn body<const N: usize>(
    cursor: &mut Cursor<'_>,
    close: &[u8; N],
    mut write: impl FnMut(&str),
) -> Parsed<()> {
    let mut is_in_run = false;
    loop {
        let blanks = if cursor.eat(b"<t>") {
            Blanks::Trimmed
        } else if cursor.eat(b"<t xml:space=\"preserve\">") {
            Blanks::Kept
        } else if !is_in_run && cursor.eat(close) {
            return Ok(());
        } else if is_in_run && cursor.eat(b"</r>") || !is_in_run && cursor.eat(b"<r>") {
            is_in_run = !is_in_run;
            continue;
        } else {
            beside_text(cursor, close)?;
            continue;
        };
        write(&string(cursor.text()?, blanks)?);
        cursor.expect(b"</t>")?;
    }
}

/// Takes what a string item may hold beside its text.
fn beside_text(cursor: &mut Cursor<'_>, close: &[u8]) -> Parsed<()> {
    if cursor.is_cut(close) || cursor.is_cut(b"</r>") {
        return Err(Stop::Incomplete);
    }
    let before = cursor.rest.len();
    cursor.skip_blanks();
    if cursor.rest.len() < before || cursor.eat(b"<t/>") || cursor.eat(b"<t />") {
        return Ok(());
    }
    cursor.expect(b"<")?;
    match cursor.skip_tag()? {
        (b"rPr" | b"phoneticPr" | b"rPh", TagEnd::Empty) => Ok(()),
        (b"rPr", TagEnd::Open) => skip_format(cursor, b"</rPr>"),
        (b"phoneticPr", TagEnd::Open) => skip_format(cursor, b"</phoneticPr>"),
        (b"rPh", TagEnd::Open) => skip_pronunciation(cursor),
        _ => Err(Stop::Unusual),
    }
}

/// Takes the empty tags of a run's format, and the end tag.
fn skip_format<const N: usize>(cursor: &mut Cursor<'_>, close: &[u8; N]) -> Parsed<()> {
    loop {
        cursor.skip_blanks();
        if cursor.eat(close) {
            return Ok(());
        }
        if cursor.is_cut(close) {
            return Err(Stop::Incomplete);
        }
        cursor.expect(b"<")?;
        match cursor.skip_tag()? {
            (name, TagEnd::Empty) if !matches!(local(name), b"t" | b"r" | b"rPh" | b"si" | b"is") => {}
            _ => return Err(Stop::Unusual),
        }
    }
}

fn skip_pronunciation(cursor: &mut Cursor<'_>) -> Parsed<()> {
    loop {
        cursor.skip_blanks();
        if cursor.eat(b"</rPh>") {
            return Ok(());
        }
        if !cursor.eat(b"<t>") && !cursor.eat(b"<t xml:space=\"preserve\">") {
            let is_cut = cursor.is_cut(b"<t xml:space=\"preserve\">") || cursor.is_cut(b"</rPh>");
            return Err(if is_cut { Stop::Incomplete } else { Stop::Unusual });
        }
        string(cursor.text()?, Blanks::Kept)?;
        cursor.expect(b"</t>")?;
    }
}
