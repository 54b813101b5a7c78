//! The cells of a plain sheet: rows of cells with or without their references, numbers, flags, errors, shared and
//! inline strings, and what formulas came to.
//!
//! What the sheet says of its own size is not looked at: some programs write `A0:B2`, or nothing (calamine 0.38 refuses
//! such a sheet; <https://github.com/tafia/calamine/pull/285> let `A0` pass once).

use std::borrow::Cow;

use super::cell_value::{Content, Shown, Type, error, flag};
use super::markup::{Cursor, Parsed, Stop, TagEnd, content, digits, local, unescaped};
use super::reference::{reference, whole_reference};
use super::strings::body;
use crate::customer::{Cell, KEPT_DIGITS};

/// No number that a float can come to has more digits.
const MAX_DIGITS: usize = 309;

/// What comes next in a sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step<'a> {
    /// What comes before the first row.
    Begun,
    /// The start or the end of a row.
    Row,
    Cell {
        row: u32,
        column: u32,
        content: Content<'a>,
    },
    /// The end of all rows.
    Ended,
}

/// How far a sheet has been read.
#[derive(Debug, Clone)]
pub(super) struct Sheet<'s> {
    styles: &'s [Shown],
    recalculates: bool,
    place: Place,
    /// The row and column of the next cell that does not say where it is.
    row: u32,
    column: u32,
    pub scratch: String,
    /// Whether the row is one that is not shown, such as those that a filter leaves out.
    pub is_hidden: bool,
    /// Whether a value was read that calamine reads in another way: in a number it stops at an entity, it takes no
    /// value for the text of an inline string, of a long number it has the float alone, and behind a cell that it
    /// leaves out it does not move on.
    pub is_odd: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeRows,
    BetweenRows,
    InRow,
    BehindRows,
}

/// The attributes of a cell.
struct Head {
    place: Option<(u32, u32)>,
    shown: Shown,
    kind: Type,
    end: TagEnd,
}

impl<'s> Sheet<'s> {
    /// Of cells that do not say where they are, in a sheet that was not read from its start.
    pub(super) const UNKNOWN_ROW: u32 = u32::MAX;

    /// A sheet of which nothing was read; `styles` are the workbook's. Where it `recalculates` all formulas once it is
    /// opened, a result of 0 was never computed: openpyxl and XlsxWriter write such.
    pub(super) fn new(styles: &'s [Shown], recalculates: bool) -> Self {
        Self {
            styles,
            recalculates,
            place: Place::BeforeRows,
            row: 0,
            column: 0,
            scratch: String::new(),
            is_hidden: false,
            is_odd: false,
        }
    }

    /// One that is read from the start of a row on; nothing is known of its number.
    pub(super) fn within(self) -> Self {
        Self { place: Place::BetweenRows, row: Self::UNKNOWN_ROW, ..self }
    }

    /// Whether the next step is the start of a row, or the end of all.
    pub(super) fn is_between_rows(&self) -> bool {
        self.place == Place::BetweenRows
    }

    /// The number of the row whose start was the last step, counted from 0, if it is known.
    pub(super) fn row_begun(&self) -> Option<u32> {
        // An empty one has ended as well.
        let behind = u32::from(self.is_between_rows());
        (self.row != Self::UNKNOWN_ROW).then(|| self.row.saturating_sub(behind))
    }

    /// Goes on behind a row of this number, or behind the next one.
    pub(super) fn pass_row(&mut self, row: Option<u32>) {
        self.row = row.unwrap_or(self.row);
        self.end_row();
    }

    /// Takes the next step. Where there is none the sheet stays as it was, and the cursor may be anywhere.
    #[inline]
    pub(super) fn step<'a>(&mut self, cursor: &mut Cursor<'a>) -> Parsed<Step<'a>> {
        match self.place {
            Place::InRow => self.in_row(cursor),
            Place::BetweenRows => self.between_rows(cursor),
            Place::BeforeRows => self.before_rows(cursor),
            Place::BehindRows => Ok(Step::Ended),
        }
    }

    fn before_rows<'a>(&mut self, cursor: &mut Cursor<'a>) -> Parsed<Step<'a>> {
        cursor.declaration()?;
        let mut depth = 0_usize;
        loop {
            cursor.skip_blanks();
            cursor.expect(b"<")?;
            if cursor.eat(b"/") {
                cursor.skip_tag()?;
                depth = depth.checked_sub(1).ok_or(Stop::Unusual)?;
                continue;
            }
            let (name, end) = cursor.skip_tag()?;
            match name {
                b"sheetData" => {
                    self.place = if end == TagEnd::Open { Place::BetweenRows } else { Place::BehindRows };
                    return Ok(Step::Begun);
                }
                _ if local(name) == b"sheetData" => return Err(Stop::Unusual),
                _ => {}
            }
            depth += usize::from(end == TagEnd::Open);
        }
    }

    fn between_rows<'a>(&mut self, cursor: &mut Cursor<'a>) -> Parsed<Step<'a>> {
        cursor.skip_blanks();
        if !cursor.eat(b"<row") {
            if cursor.is_cut(b"<row") {
                return Err(Stop::Incomplete);
            }
            cursor.expect(b"</sheetData>")?;
            self.place = Place::BehindRows;
            return Ok(Step::Ended);
        }
        let mut row = None;
        let mut is_hidden = false;
        let end = cursor.attributes(|name, value| {
            if name == b"r" && row.is_none() {
                row = Some(digits(value)?.checked_sub(1).ok_or(Stop::Unusual)?);
            } else if name == b"hidden" {
                is_hidden |= is_true(value);
            }
            Ok(())
        })?;
        self.row = row.unwrap_or(self.row);
        self.is_hidden = is_hidden;
        match end {
            TagEnd::Open => self.place = Place::InRow,
            TagEnd::Empty => self.end_row(),
        }
        Ok(Step::Row)
    }

    fn end_row(&mut self) {
        self.place = Place::BetweenRows;
        self.row = self.row.saturating_add(1);
        self.column = 0;
    }

    #[inline]
    fn in_row<'a>(&mut self, cursor: &mut Cursor<'a>) -> Parsed<Step<'a>> {
        if !cursor.eat(b"<c") {
            cursor.skip_blanks();
            if cursor.eat(b"</row>") {
                self.end_row();
                return Ok(Step::Row);
            }
            if !cursor.eat(b"<c") {
                return Err(if cursor.is_cut(b"<c") { Stop::Incomplete } else { cursor.why_not(b"</row>") });
            }
        }
        let head = self.head(cursor)?;
        let content = match head.end {
            TagEnd::Empty => Content::Nothing,
            TagEnd::Open => self.content(cursor, &head)?,
        };
        let (row, column) = head.place.unwrap_or((self.row, self.column));
        self.column = column.saturating_add(1);
        self.is_odd |= content == Content::Unknown;
        Ok(Step::Cell { row, column, content })
    }

    #[inline]
    fn head(&self, cursor: &mut Cursor<'_>) -> Parsed<Head> {
        let mut head = Head { place: None, shown: Shown::Number, kind: Type::Unsaid, end: TagEnd::Open };
        // As nearly every cell is written.
        if cursor.eat(b" r=\"") {
            head.place = Some(reference(cursor)?);
            cursor.expect(b"\"")?;
        }
        let mut has = (false, false);
        if cursor.eat(b" s=\"") {
            has.0 = true;
            head.shown = self.shown(cursor.until(b'"')?)?;
        }
        if cursor.eat(b">") {
            return Ok(head);
        }
        if cursor.eat(b" t=\"s\">") {
            head.kind = Type::Shared;
            return Ok(head);
        }
        head.end = cursor.attributes(|name, value| {
            match name {
                b"r" if head.place.is_none() => {
                    head.place = Some(whole_reference(value)?);
                }
                b"s" if !has.0 => {
                    has.0 = true;
                    head.shown = self.shown(value)?;
                }
                b"t" if !has.1 => {
                    has.1 = true;
                    head.kind = Type::named(value)?;
                }
                b"r" | b"s" | b"t" => return Err(Stop::Unusual),
                _ => {}
            }
            Ok(())
        })?;
        Ok(head)
    }

    /// What the style of this number makes of a cell's number.
    #[inline]
    fn shown(&self, style: &[u8]) -> Parsed<Shown> {
        Ok(self.styles.get(digits(style)? as usize).copied().unwrap_or(Shown::Number))
    }

    #[inline]
    fn content<'a>(&mut self, cursor: &mut Cursor<'a>, head: &Head) -> Parsed<Content<'a>> {
        let mut found = Content::Nothing;
        let mut is_formula = false;
        loop {
            if cursor.eat(b"<v>") {
                if head.kind == Type::Inline && found != Content::Nothing {
                    // The value of an inline string says its text again.
                    content(cursor.text()?)?;
                    cursor.expect(b"</v>")?;
                    continue;
                }
                // Apache POI streams a formula that was never computed with this result; others write `0`.
                let is_none = is_formula && cursor.rest.starts_with(b"0.0<");
                let value = self.value(cursor, head)?;
                found = if is_none { Content::Nothing } else { value };
            } else if cursor.eat(b"</c>") {
                return Ok(if is_formula { self.result(found) } else { found });
            } else if cursor.eat(b"<is>") {
                self.scratch.clear();
                body(cursor, b"</is>", |text| self.scratch.push_str(text))?;
                found = Content::Scratch;
            } else if cursor.eat(b"<f") {
                skip_formula(cursor)?;
                is_formula = true;
            } else if cursor.eat(b"<v/>") || cursor.eat(b"<v />") {
                found = head.kind.without_value();
            } else if cursor.eat(b"<is/>") || cursor.eat(b"<is />") {
                found = Content::Text("");
            } else {
                let before = cursor.rest.len();
                cursor.skip_blanks();
                let is_cut = [b"<v />".as_slice(), b"<v/>", b"<is />", b"<is/>", b"<f", b"</c>"]
                    .iter()
                    .any(|token| cursor.is_cut(token));
                if is_cut || cursor.rest.len() == before {
                    return Err(if is_cut { Stop::Incomplete } else { Stop::Unusual });
                }
            }
        }
    }

    /// What a formula came to.
    fn result<'a>(&self, found: Content<'a>) -> Content<'a> {
        match found {
            Content::Nothing => Content::NoResult,
            Content::Number(number) | Content::Day(number) if number == 0.0 && self.recalculates => Content::NoResult,
            found => found,
        }
    }

    /// Takes a value and its end tag.
    #[inline]
    fn value<'a>(&mut self, cursor: &mut Cursor<'a>, head: &Head) -> Parsed<Content<'a>> {
        let before = *cursor;
        if let Some(whole) = whole_number(cursor) {
            match head.kind {
                Type::Shared => {
                    let number = u32::try_from(whole).map_err(|_| Stop::Unusual)?;
                    return cursor.expect(b"</v>").map(|()| Content::Shared(number));
                }
                #[expect(clippy::cast_precision_loss, reason = "it has 15 digits at the most, which fit")]
                Type::Number | Type::Unsaid => {
                    return cursor.expect(b"</v>").map(|()| head.shown.of(whole as f64));
                }
                _ => {}
            }
        }
        *cursor = before;
        let raw = cursor.text()?;
        cursor.expect(b"</v>")?;
        self.written(raw, head)
    }

    /// What a value means that is not written in digits alone.
    fn written<'a>(&mut self, raw: &'a [u8], head: &Head) -> Parsed<Content<'a>> {
        if raw.is_empty() {
            return Ok(head.kind.without_value());
        }
        let text = content(raw)?;
        self.is_odd |= match head.kind {
            Type::FormulaText | Type::IsoDate => false,
            Type::Inline => true,
            _ => raw.contains(&b'&'),
        };
        let written = match head.kind {
            Type::FormulaText | Type::Inline => unescaped(text)?,
            Type::IsoDate => text,
            Type::Number | Type::Unsaid => match fast_float2::parse(text.as_bytes()) {
                Ok(number) => {
                    let is_long = (KEPT_DIGITS + 1..=MAX_DIGITS).contains(&raw.len());
                    let is_long = is_long && raw.iter().all(u8::is_ascii_digit);
                    return Ok(match (head.shown.of(number), text) {
                        (Content::Number(number), Cow::Borrowed(digits))
                            if is_long && Cell::Number(number).is_rounded() =>
                        {
                            Content::Digits(digits)
                        }
                        (shown, _) => shown,
                    });
                }
                Err(_) if head.kind == Type::Unsaid => text,
                Err(_) => return Ok(Content::Unknown),
            },
            Type::Flag => return Ok(flag(&text)),
            Type::Error => return Ok(error(&text)),
            Type::Shared => return Err(Stop::Unusual),
        };
        Ok(match written {
            Cow::Borrowed(text) => Content::Text(text),
            Cow::Owned(text) => {
                self.scratch = text;
                Content::Scratch
            }
        })
    }
}

/// Whether the value of an attribute is true.
pub(super) fn is_true(value: &[u8]) -> bool {
    matches!(value, b"1" | b"true")
}

/// Takes up to [`KEPT_DIGITS`] digits that a `<` follows.
#[inline]
fn whole_number(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut number = 0;
    let mut rest = cursor.rest;
    for n_digits in 0..=KEPT_DIGITS {
        match rest {
            [digit @ b'0'..=b'9', after @ ..] => {
                number = number * 10 + u64::from(digit - b'0');
                rest = after;
            }
            [b'<', ..] if n_digits > 0 => {
                cursor.rest = rest;
                return Some(number);
            }
            _ => return None,
        }
    }
    None
}

/// Takes a formula whose `<f` has been taken.
fn skip_formula(cursor: &mut Cursor<'_>) -> Parsed<()> {
    if cursor.attributes(|_, _| Ok(()))? == TagEnd::Empty {
        return Ok(());
    }
    content(cursor.text()?)?;
    cursor.expect(b"</f>")
}
