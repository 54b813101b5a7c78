//! The plain part of XML: tags with double-quoted attributes, text between them. Anything else is [`Stop::Unusual`],
//! and so is what may be an error: it is never told here.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

/// Why nothing was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end too early.
    Incomplete,
    /// It is none of what is read here.
    Unusual,
}

/// What was parsed, or why nothing was.
pub(super) type Parsed<T> = Result<T, Stop>;

/// How a tag ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagEnd {
    /// `>`
    Open,
    /// `/>`
    Empty,
}

/// What is left of the bytes at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Takes `token`, if it is next.
    #[inline]
    pub(super) fn eat<const N: usize>(&mut self, token: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((first, rest)) if first == token => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes `token`, which must be next.
    #[inline]
    pub(super) fn expect<const N: usize>(&mut self, token: &[u8; N]) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err(self.why_not(token)) }
    }

    /// Why `token` is not next.
    #[inline]
    pub(super) fn why_not(&self, token: &[u8]) -> Stop {
        if self.is_cut(token) { Stop::Incomplete } else { Stop::Unusual }
    }

    /// Whether the bytes end inside a `token`.
    pub(super) fn is_cut(&self, token: &[u8]) -> bool {
        self.rest.len() < token.len() && token.starts_with(self.rest)
    }

    /// Takes what comes before `end`, and `end` itself.
    #[inline]
    pub(super) fn until(&mut self, end: u8) -> Parsed<&'a [u8]> {
        let at = memchr(end, self.rest).ok_or(Stop::Incomplete)?;
        let (before, rest) = self.rest.split_at_checked(at).ok_or(Stop::Incomplete)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Ok(before)
    }

    /// Takes what comes before the next `<`.
    #[inline]
    pub(super) fn text(&mut self) -> Parsed<&'a [u8]> {
        let at = memchr(b'<', self.rest).ok_or(Stop::Incomplete)?;
        let (before, rest) = self.rest.split_at_checked(at).ok_or(Stop::Incomplete)?;
        self.rest = rest;
        Ok(before)
    }

    /// Takes blanks and line breaks.
    #[inline]
    pub(super) fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Takes a tag whose `<` has been taken: its name, then each attribute, which goes to `attribute` as it is written.
    pub(super) fn tag(
        &mut self,
        mut attribute: impl FnMut(&'a [u8], &'a [u8]) -> Parsed<()>,
    ) -> Parsed<(&'a [u8], TagEnd)> {
        let name = self.name()?;
        let end = self.attributes(&mut attribute)?;
        Ok((name, end))
    }

    /// Takes the attributes of a tag whose name has been taken, and the tag's end.
    pub(super) fn attributes(&mut self, mut attribute: impl FnMut(&'a [u8], &'a [u8]) -> Parsed<()>) -> Parsed<TagEnd> {
        loop {
            let before = self.rest.len();
            self.skip_blanks();
            match self.rest {
                [b'>', rest @ ..] => {
                    self.rest = rest;
                    return Ok(TagEnd::Open);
                }
                [b'/', b'>', rest @ ..] => {
                    self.rest = rest;
                    return Ok(TagEnd::Empty);
                }
                [] | [b'/'] => return Err(Stop::Incomplete),
                _ if self.rest.len() == before => return Err(Stop::Unusual),
                _ => {}
            }
            let name = self.name()?;
            self.expect(b"=\"")?;
            let value = self.until(b'"')?;
            std::str::from_utf8(value).map_err(|_| Stop::Unusual)?;
            attribute(name, value)?;
        }
    }

    /// Takes a tag that must not matter, whose `<` has been taken.
    pub(super) fn skip_tag(&mut self) -> Parsed<(&'a [u8], TagEnd)> {
        self.tag(|_, _| Ok(()))
    }

    /// Takes a name.
    fn name(&mut self) -> Parsed<&'a [u8]> {
        let is_of_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-' | b'.');
        let len = self.rest.iter().position(|b| !is_of_name(b)).ok_or(Stop::Incomplete)?;
        let (name, rest) = self.rest.split_at_checked(len).ok_or(Stop::Incomplete)?;
        self.rest = rest;
        if name.is_empty() { Err(Stop::Unusual) } else { Ok(name) }
    }

    /// Takes what is before a part's first tag: nothing, or the declaration that it is XML in UTF-8.
    pub(super) fn declaration(&mut self) -> Parsed<()> {
        if self.rest.len() < 6 {
            return Err(Stop::Incomplete);
        }
        if self.eat(b"<?xml ") {
            let content = self.until(b'>')?;
            let content = content.strip_suffix(b"?").ok_or(Stop::Unusual)?.to_ascii_lowercase();
            let content = String::from_utf8(content).map_err(|_| Stop::Unusual)?;
            if content.contains("encoding") && !content.contains("\"utf-8\"") && !content.contains("'utf-8'") {
                return Err(Stop::Unusual);
            }
        }
        Ok(())
    }
}

/// The part of a name behind its prefix.
pub(super) fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|&b| b == b':').next().unwrap_or(name)
}

/// A number of up to nine digits.
#[inline]
pub(super) fn digits(text: &[u8]) -> Parsed<u32> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return Err(Stop::Unusual);
    }
    Ok(text.iter().fold(0, |number, b| number * 10 + u32::from(b - b'0')))
}

/// Which blanks around a text belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    /// All.
    Kept,
    /// None.
    Trimmed,
}

/// The text that `raw` writes: entities for their characters, one line feed for each line break.
pub(super) fn content(raw: &[u8]) -> Parsed<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).map_err(|_| Stop::Unusual)?;
    if memchr2(b'&', b'\r', raw).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr2(b'&', b'\r', rest.as_bytes()) {
        let (before, special) = rest.split_at_checked(at).ok_or(Stop::Unusual)?;
        written.push_str(before);
        if let Some(after) = special.strip_prefix('\r') {
            written.push('\n');
            rest = after.strip_prefix('\n').unwrap_or(after);
        } else {
            let (name, after) = special.get(1..).and_then(|name| name.split_once(';')).ok_or(Stop::Unusual)?;
            written.push(entity(name)?);
            rest = after;
        }
    }
    written.push_str(rest);
    Ok(Cow::Owned(written))
}

/// The text that a string's `<t>` writes: its [`content`] with the characters that spreadsheets write as `_x000D_`.
pub(super) fn string(raw: &[u8], blanks: Blanks) -> Parsed<Cow<'_, str>> {
    let is_visible = |b: Option<&u8>| b.is_some_and(|&b| b > b' ');
    if is_visible(raw.first()) && is_visible(raw.last()) && memchr3(b'&', b'\r', b'_', raw).is_none() {
        return std::str::from_utf8(raw).map(Cow::Borrowed).map_err(|_| Stop::Unusual);
    }
    match (content(raw)?, blanks) {
        (text, Blanks::Kept) => unescaped(text),
        (Cow::Borrowed(text), Blanks::Trimmed) => unescaped(Cow::Borrowed(trimmed(text))),
        (Cow::Owned(text), Blanks::Trimmed) => unescaped(Cow::Owned(trimmed(&text).to_owned())),
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// A text with `_xHHHH_` for its characters, each a UTF-16 code unit.
pub(super) fn unescaped(text: Cow<'_, str>) -> Parsed<Cow<'_, str>> {
    let Some(first) = text.find("_x") else { return Ok(text) };
    let (mut written, mut rest) = match text.split_at_checked(first) {
        Some((before, rest)) => (before.to_owned(), rest),
        None => return Err(Stop::Unusual),
    };
    loop {
        let after = match escape(rest) {
            Some((character, n_bytes)) => {
                written.push(character);
                rest.get(n_bytes..)
            }
            None => {
                written.extend(rest.chars().next());
                rest.get(1..)
            }
        };
        let after = after.ok_or(Stop::Unusual)?;
        let Some((before, next)) = after.find("_x").and_then(|at| after.split_at_checked(at)) else {
            written.push_str(after);
            return Ok(Cow::Owned(written));
        };
        written.push_str(before);
        rest = next;
    }
}

/// The character of the `_xHHHH_`, or of the pair of them, that a text begins with, and its length in bytes. Half of a
/// pair is not a character.
fn escape(text: &str) -> Option<(char, usize)> {
    let unit = escaped_unit(text)?;
    let low = text.get(ESCAPE_BYTES..).and_then(escaped_unit);
    let pair = low.and_then(|low| char::decode_utf16([unit, low]).next()?.ok());
    match char::from_u32(unit.into()) {
        Some(character) => Some((character, ESCAPE_BYTES)),
        None => Some(pair.map_or((char::REPLACEMENT_CHARACTER, ESCAPE_BYTES), |pair| (pair, 2 * ESCAPE_BYTES))),
    }
}

const ESCAPE_BYTES: usize = 7;

/// The code of the `_xHHHH_` that a text begins with.
fn escaped_unit(text: &str) -> Option<u16> {
    let hex = text.strip_prefix("_x")?.get(..5)?.strip_suffix('_')?;
    if hex.bytes().all(|b| b.is_ascii_hexdigit()) { u16::from_str_radix(hex, 16).ok() } else { None }
}

/// The character of an entity, by its name.
fn entity(name: &str) -> Parsed<char> {
    let code = match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => match name.strip_prefix("#x") {
            Some(hex) if (1..=6).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
                u32::from_str_radix(hex, 16).map_err(|_| Stop::Unusual)?
            }
            Some(_) => return Err(Stop::Unusual),
            None => digits(name.strip_prefix('#').ok_or(Stop::Unusual)?.as_bytes())?,
        },
    };
    char::from_u32(code).filter(|&c| c != '\0').ok_or(Stop::Unusual)
}
