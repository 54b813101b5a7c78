//! The head of one part, and the boundary that a form's `Content-Type` names.

use super::error::FormError;

/// What a part says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::http) struct PartHead {
    /// The field.
    pub name: Option<String>,
    /// What the sender calls the file.
    pub file_name: Option<String>,
}

/// The longest boundary (RFC 2046, 5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;

impl PartHead {
    /// Reads the lines of a head. Bytes that are not UTF-8 become replacement characters.
    ///
    /// # Errors
    /// [`FormError::Malformed`] for a line without a colon, and for control characters.
    pub fn read(head: &[u8]) -> Result<Self, FormError> {
        if head.iter().any(|byte| byte.is_ascii_control() && !b"\t\r\n".contains(byte)) {
            return Err(FormError::Malformed("a control character in a header"));
        }
        let head = String::from_utf8_lossy(head);
        let mut read = Self::default();
        for line in head.split("\r\n").filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(FormError::Malformed("a header without a colon"))?;
            if name.eq_ignore_ascii_case("content-disposition") {
                read = Self { name: parameter(value, "name"), file_name: parameter(value, "filename") };
            }
        }
        Ok(read)
    }
}

/// The boundary of `multipart/form-data`; `None` for another media type or a boundary that no form can have.
pub(in crate::http) fn boundary(content_type: &str) -> Option<String> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(content_type, "boundary")?;
    let is_possible = |b: u8| b == b' ' || b.is_ascii_graphic();
    ((1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()) && boundary.bytes().all(is_possible)).then_some(boundary)
}

/// A parameter after the first semicolon: a token, or a quoted text in which `\"` is a quote. Other backslashes are
/// part of the text, as in the paths that old browsers send.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = value.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (text, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted_text(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (text, left) = after.split_at(end);
                (text.trim_end().to_owned(), left)
            }
        };
        if name.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = left;
    }
}

/// The text up to the closing quote, and what follows it.
fn quoted_text(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((text, quoted.get(at + 1..)?)),
            '\\' if letters.next_if(|(_, next)| *next == '"').is_some() => text.push('"'),
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> (Option<String>, Option<String>) {
        let PartHead { name, file_name } = PartHead::read(text.as_bytes()).unwrap();
        (name, file_name)
    }

    #[test]
    fn a_part_is_named_as_browsers_and_libraries_name_it() {
        let some = |text: &str| Some(text.to_owned());
        for (text, name, file_name) in [
            ("Content-Disposition: form-data; name=\"file\"; filename=\"a b.csv\"", some("file"), some("a b.csv")),
            ("content-disposition: form-data; filename=a.csv; name=file", some("file"), some("a.csv")),
            ("Content-Type: text/csv\r\nContent-Disposition:form-data;name = \"x\"", some("x"), None),
            ("Content-Disposition: form-data; name=\"a; name=b\"", some("a; name=b"), None),
            (
                "Content-Disposition: form-data; name=\"f\"; filename=\"say \\\"hi\\\".csv\"",
                some("f"),
                some("say \"hi\".csv"),
            ),
            (
                "Content-Disposition: form-data; name=\"f\"; filename=\"C:\\dir\\a.csv\"",
                some("f"),
                some("C:\\dir\\a.csv"),
            ),
            ("Content-Disposition: form-data; name=\"名前\"; filename=\"März.xlsx\"", some("名前"), some("März.xlsx")),
            ("Content-Disposition: form-data; filename*=UTF-8''x; name=\"\"", some(""), None),
            ("Content-Disposition: form-data; name=\"never closed", None, None),
            ("Content-Disposition: form-data", None, None),
            ("Content-Type: text/plain", None, None),
            ("", None, None),
        ] {
            assert_eq!(head(text), (name, file_name), "{text}");
        }
        for wrong in ["no header at all", "Content-Disposition: form-data; name=\"a\0\"", "X: \u{1b}[31m"] {
            assert!(PartHead::read(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert_eq!(head_of_bytes(b"Content-Disposition: form-data; name=\"\xff\""), Some("\u{fffd}".to_owned()));
    }

    fn head_of_bytes(bytes: &[u8]) -> Option<String> {
        PartHead::read(bytes).unwrap().name
    }

    #[test]
    fn a_boundary_is_taken_where_a_form_can_have_it() {
        let long = "x".repeat(MAX_BOUNDARY_BYTES);
        for (content_type, expected) in [
            ("multipart/form-data; boundary=----WebKitFormBoundary7", Some("----WebKitFormBoundary7")),
            ("Multipart/Form-Data;charset=utf-8; Boundary=\"a b:c\"", Some("a b:c")),
            (&format!("multipart/form-data; boundary={long}"), Some(long.as_str())),
            (&format!("multipart/form-data; boundary={long}x"), None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=a\u{e9}", None),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=x", None),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(boundary(content_type).as_deref(), expected, "{content_type}");
        }
    }
}
