//! The texts that a workbook's cells share, one behind the other in one piece of memory.

use std::io::Read;
use std::marker::PhantomData;

use crate::workbook::ahead::{Helpers, Pieces};

use super::markup::{Blanks, Cursor, Parsed, Stop, TagEnd, local, string};
use super::window::{MAX_WINDOW_BYTES, Window};

/// Behind this the part may be cut.
const STRING_END: &[u8] = b"</si>";

/// A workbook's shared strings, by their number.
#[derive(Debug, Default)]
pub(super) struct SharedStrings {
    text: String,
    ends: Vec<u32>,
}

impl SharedStrings {
    /// Reads the part that holds them, by several threads where there are `helpers`.
    ///
    /// # Errors
    /// [`Stop`] where it is not plain.
    pub(super) fn read<R: Read + Send>(part: R, mut helpers: Option<&Helpers>) -> Parsed<Self> {
        let mut window = match helpers {
            Some(helpers) => Window::of_bytes(part, helpers.piece_bytes()),
            None => Window::new(part),
        };
        let mut strings = Arena::default();
        let mut has_begun = false;
        loop {
            let (left, stop) = strings.take(window.bytes(), &mut has_begun);
            window.take_up_to(left);
            match stop {
                None => return strings.finish(),
                Some(Stop::Incomplete) if has_begun && helpers.is_some() => {
                    if let Some(helpers) = helpers.take()
                        && strings.take_ahead(&mut window, helpers)?
                    {
                        return strings.finish();
                    }
                }
                Some(Stop::Incomplete) if window.fetch() => {}
                Some(Stop::Incomplete | Stop::Unusual) => return Err(Stop::Unusual),
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

/// The pieces of the part, each behind the end tag of a string.
struct StringPieces<R>(PhantomData<fn(R)>);

/// A piece, and its strings where it is nothing but whole ones.
struct Seen {
    bytes: Vec<u8>,
    strings: Option<Arena>,
}

impl Arena {
    /// Takes the strings in `bytes`, as far as they are whole. Gives the number of bytes that are left, and why no more
    /// was taken; `None` at the end of all strings.
    fn take(&mut self, bytes: &[u8], has_begun: &mut bool) -> (usize, Option<Stop>) {
        let mut cursor = Cursor { rest: bytes };
        loop {
            let (left, n_bytes) = (cursor.rest.len(), self.bytes.len());
            let step = if *has_begun { self.item(&mut cursor) } else { begin(&mut cursor) };
            match step {
                Ok(true) => *has_begun = true,
                Ok(false) => return (cursor.rest.len(), None),
                Err(stop) => {
                    self.bytes.truncate(n_bytes);
                    return (left, Some(stop));
                }
            }
        }
    }

    /// Takes the further strings up to the last end tag of one, each piece by another thread; whether that was the end
    /// of all.
    fn take_ahead<R: Read + Send>(&mut self, window: &mut Window<R>, helpers: &Helpers) -> Parsed<bool> {
        let pieces = StringPieces(PhantomData);
        let lookers = vec![(); helpers.n_lookers()];
        let outcome = helpers.ahead(&pieces, window, lookers, |ahead| {
            let mut left = Vec::new();
            while let Some(seen) = ahead.next() {
                if let Some(strings) = seen.strings.filter(|_| left.is_empty()) {
                    self.append(&strings)?;
                    continue;
                }
                left.extend_from_slice(&seen.bytes);
                match self.take(&left, &mut true) {
                    (_, None) => return Ok(None),
                    (n_left, Some(Stop::Incomplete)) if n_left < MAX_WINDOW_BYTES => {
                        left.drain(..left.len() - n_left);
                    }
                    _ => return Err(Stop::Unusual),
                }
            }
            Ok(Some(left))
        });
        let (left, window) = outcome.ok_or(Stop::Unusual)?;
        let left = left?;
        window.give_back(left.as_deref().unwrap_or_default());
        Ok(left.is_none())
    }

    fn append(&mut self, others: &Self) -> Parsed<()> {
        let n_bytes = u32::try_from(self.bytes.len()).map_err(|_| Stop::Unusual)?;
        self.bytes.extend_from_slice(&others.bytes);
        for end in &others.ends {
            self.ends.push(end.checked_add(n_bytes).ok_or(Stop::Unusual)?);
        }
        Ok(())
    }

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

impl<'w, R: Read + Send> Pieces for StringPieces<&'w mut Window<R>> {
    type Source = &'w mut Window<R>;
    type Piece = Vec<u8>;
    type Looker = ();
    type Seen = Seen;

    fn fetch(&self, window: &mut &'w mut Window<R>) -> Option<Vec<u8>> {
        window.fetch_through_last(STRING_END)
    }

    fn look(&self, _: &mut (), bytes: Vec<u8>) -> Seen {
        let mut strings = Arena::default();
        let are_whole = strings.take(&bytes, &mut true) == (0, Some(Stop::Incomplete));
        Seen { strings: are_whole.then_some(strings), bytes }
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
