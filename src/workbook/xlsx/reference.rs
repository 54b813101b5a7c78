//! Cells' references, such as `AB12`.

use super::markup::{Cursor, Parsed, Stop};

/// Takes a reference such as `AB12`: its row and column, counted from 0.
#[inline]
pub(super) fn reference(cursor: &mut Cursor<'_>) -> Parsed<(u32, u32)> {
    let (mut column, mut n_letters) = (0, 0);
    while let [letter, rest @ ..] = cursor.rest {
        match letter {
            b'A'..=b'Z' => column = column * 26 + u32::from(letter - b'A') + 1,
            b'a'..=b'z' => column = column * 26 + u32::from(letter - b'a') + 1,
            _ => break,
        }
        cursor.rest = rest;
        n_letters += 1;
        if n_letters > 5 {
            return Err(Stop::Unusual);
        }
    }
    let (mut row, mut n_digits) = (0, 0);
    while let [digit @ b'0'..=b'9', rest @ ..] = cursor.rest {
        row = row * 10 + u32::from(digit - b'0');
        cursor.rest = rest;
        n_digits += 1;
        if n_digits > 9 {
            return Err(Stop::Unusual);
        }
    }
    match (u32::checked_sub(row, 1), u32::checked_sub(column, 1)) {
        (Some(row), Some(column)) => Ok((row, column)),
        _ if cursor.rest.is_empty() => Err(Stop::Incomplete),
        _ => Err(Stop::Unusual),
    }
}

/// A reference that is all of `text`.
pub(super) fn whole_reference(text: &[u8]) -> Parsed<(u32, u32)> {
    let mut cursor = Cursor { rest: text };
    match reference(&mut cursor) {
        Ok(place) if cursor.rest.is_empty() => Ok(place),
        _ => Err(Stop::Unusual),
    }
}
