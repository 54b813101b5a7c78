//! Any XML of a sheet or of shared strings, written again in the one form that is read here.
//!
//! A part may be written with prefixes, single quotes, comments, CDATA or in UTF-16, and may hold elements that nobody
//! asked for. What goes on from here are rows, cells, their values and texts, and the merged cells, in plain tags. An
//! attribute that contradicts the format is left out: a cell without a reference stands right of the one before it, and
//! one of an unknown type holds text.

use std::io::{self, BufReader, Chain, Cursor, Read};

use encoding_rs::Encoding;
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::cells::is_true;
use super::reference::whole_reference;

/// The types of cells that are read; others are text.
const TYPES: [&str; 8] = ["s", "n", "b", "e", "str", "d", "inlineStr", "is"];

/// How much of a part is looked at to tell its encoding, in bytes.
const HEAD_BYTES: u64 = 256;

/// A part's bytes in UTF-8.
pub(super) type Decoded<R> = DecodeReaderBytes<Chain<Cursor<Vec<u8>>, R>, Vec<u8>>;

/// Decodes a part by its byte order mark, or by what its declaration says.
pub(super) fn decoded<R: Read>(mut part: R) -> Decoded<R> {
    let mut head = Vec::new();
    // A fault comes again with the next byte.
    let _ = part.by_ref().take(HEAD_BYTES).read_to_end(&mut head);
    let mut decoder = DecodeReaderBytesBuilder::new();
    decoder.encoding(declared(&head)).utf8_passthru(true).strip_bom(true);
    decoder.build(Cursor::new(head).chain(part))
}

/// The encoding that a declaration names; `None` where it is UTF-8, or a byte order mark says more.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [b'<', 0, b'?', 0, ..] => return Some(encoding_rs::UTF_16LE),
        [0, b'<', 0, b'?', ..] => return Some(encoding_rs::UTF_16BE),
        _ => {}
    }
    let declaration = head.strip_prefix(b"<?xml")?.split(|&b| b == b'>').next()?;
    let at = memchr::memmem::find(declaration, b"encoding")?;
    let label = declaration.get(at..)?.split(|b| matches!(b, b'"' | b'\'')).nth(1)?;
    Encoding::for_label(label).filter(|encoding| encoding.is_ascii_compatible() && *encoding != encoding_rs::UTF_8)
}

/// The plain XML of a part.
pub(super) struct Canonical<R: Read> {
    xml: Reader<BufReader<Decoded<R>>>,
    buffer: Vec<u8>,
    /// The elements that are open, from `sheetData` or `sst` on.
    open: Vec<Element>,
    /// How deep it is inside an element that is left out.
    left_out: usize,
    written: Vec<u8>,
    n_taken: usize,
    has_ended: bool,
    fault: Option<quick_xml::Error>,
}

/// An element that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Rows,
    Row,
    Cell,
    Value,
    Formula,
    Inline,
    Strings,
    Item,
    Run,
    Text,
}

impl<R: Read> Canonical<R> {
    pub(super) fn new(part: R) -> Self {
        Self {
            xml: Reader::from_reader(BufReader::new(decoded(part))),
            buffer: Vec::new(),
            open: Vec::new(),
            left_out: 0,
            written: b"<worksheet>".to_vec(),
            n_taken: 0,
            has_ended: false,
            fault: None,
        }
    }

    /// A canonical form of shared strings.
    pub(super) fn of_strings(part: R) -> Self {
        Self { written: Vec::new(), ..Self::new(part) }
    }

    /// Why there was no more of it.
    pub(super) fn fault(self) -> Option<quick_xml::Error> {
        self.fault
    }

    /// Writes what the next event is.
    fn step(&mut self) -> Result<(), quick_xml::Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let event = self.xml.read_event_into(&mut buffer)?;
        match event {
            Event::Eof => {
                self.has_ended = true;
                if !self.open.is_empty() {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
            Event::Start(_) if self.left_out > 0 => self.left_out += 1,
            Event::End(_) if self.left_out > 0 => self.left_out -= 1,
            Event::Start(tag) => self.start(&tag, false)?,
            Event::Empty(tag) if self.left_out == 0 => self.start(&tag, true)?,
            Event::End(_) => self.end(),
            Event::Text(text) if self.takes_text() => self.written.extend_from_slice(text.as_bytes()),
            Event::CData(text) if self.takes_text() => self.write_escaped(&text),
            Event::GeneralRef(reference) if self.takes_text() => self.entity(&reference)?,
            _ => {}
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Opens an element, or leaves it out with all that is in it.
    fn start(&mut self, tag: &BytesStart<'_>, is_empty: bool) -> Result<(), quick_xml::Error> {
        let name = tag.local_name();
        let Some(element) = Element::within(self.open.last().copied(), name.as_ref()) else {
            if self.open.is_empty() {
                if name.as_ref() == "mergeCell" {
                    self.write_tag("mergeCell", tag, &["ref"], true)?;
                }
            } else if !is_empty {
                self.left_out = 1;
            }
            return Ok(());
        };
        let attributes: &[&str] = match element {
            Element::Row => &["r", "hidden"],
            Element::Cell => &["r", "s", "t"],
            Element::Text => &["xml:space"],
            _ => &[],
        };
        self.write_tag(element.name(), tag, attributes, is_empty)?;
        if !is_empty {
            self.open.push(element);
        }
        Ok(())
    }

    fn end(&mut self) {
        let Some(element) = self.open.pop() else { return };
        self.written.extend_from_slice(b"</");
        self.written.extend_from_slice(element.name().as_bytes());
        self.written.push(b'>');
    }

    /// Writes a tag with these attributes, as far as it has them and they mean something.
    fn write_tag(
        &mut self,
        name: &str,
        tag: &BytesStart<'_>,
        attributes: &[&str],
        is_empty: bool,
    ) -> Result<(), quick_xml::Error> {
        self.written.push(b'<');
        self.written.extend_from_slice(name.as_bytes());
        // An attribute that is there twice is no XML, and nobody knows which one is meant.
        for attribute in tag.attributes() {
            let attribute = attribute?;
            let known = attributes.iter().find(|known| attribute.key.as_ref() == **known);
            let Some(known) = known else { continue };
            let value = attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned();
            if let Some(value) = meaningful(name, known, value) {
                self.written.extend_from_slice(format!(" {known}=\"{value}\"").as_bytes());
            }
        }
        self.written.extend_from_slice(if is_empty { b"/>" } else { b">" });
        Ok(())
    }

    /// Whether text belongs to the innermost element.
    fn takes_text(&self) -> bool {
        self.left_out == 0 && matches!(self.open.last(), Some(Element::Value | Element::Formula | Element::Text))
    }

    fn write_escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '<' => self.written.extend_from_slice(b"&lt;"),
                '&' => self.written.extend_from_slice(b"&amp;"),
                // By itself it would be read as a line feed.
                '\r' => self.written.extend_from_slice(b"&#13;"),
                character => self.written.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    /// Writes the character that an entity stands for.
    fn entity(&mut self, reference: &BytesRef<'_>) -> Result<(), quick_xml::Error> {
        let character = match reference.as_ref() {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            name => reference.resolve_char_ref()?.ok_or_else(|| {
                let unknown = format!("&{name};");
                quick_xml::Error::Escape(quick_xml::escape::EscapeError::UnrecognizedEntity(0..0, unknown))
            })?,
        };
        self.write_escaped(character.encode_utf8(&mut [0; 4]));
        Ok(())
    }
}

impl<R: Read> Read for Canonical<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.n_taken == self.written.len() {
            self.written.clear();
            self.n_taken = 0;
            if self.has_ended || self.fault.is_some() {
                return Ok(0);
            }
            // Several steps at once: a tag is a few bytes.
            while self.written.len() < buffer.len() && !self.has_ended && self.fault.is_none() {
                self.fault = self.step().err();
            }
        }
        let rest = self.written.get(self.n_taken..).unwrap_or_default();
        let n_bytes = rest.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..n_bytes), rest.get(..n_bytes)) {
            target.copy_from_slice(source);
        }
        self.n_taken += n_bytes;
        Ok(n_bytes)
    }
}

impl Element {
    /// The element of this name, where it is read inside the one that is open.
    fn within(open: Option<Self>, name: &str) -> Option<Self> {
        Some(match (open, name) {
            (None, "sheetData") => Self::Rows,
            (None, "sst") => Self::Strings,
            (Some(Self::Rows), "row") => Self::Row,
            (Some(Self::Row), "c") => Self::Cell,
            (Some(Self::Cell), "v") => Self::Value,
            (Some(Self::Cell), "f") => Self::Formula,
            (Some(Self::Cell), "is") => Self::Inline,
            (Some(Self::Strings), "si") => Self::Item,
            (Some(Self::Inline | Self::Item), "r") => Self::Run,
            (Some(Self::Inline | Self::Item | Self::Run), "t") => Self::Text,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rows => "sheetData",
            Self::Row => "row",
            Self::Cell => "c",
            Self::Value => "v",
            Self::Formula => "f",
            Self::Inline => "is",
            Self::Strings => "sst",
            Self::Item => "si",
            Self::Run => "r",
            Self::Text => "t",
        }
    }
}

/// The value of an attribute of this element as it is written, if it means something.
fn meaningful(element: &str, attribute: &str, value: String) -> Option<String> {
    let is_number = |value: &str| (1..=9).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    match (element, attribute) {
        ("row", "r") => Some(value.trim().to_owned()).filter(|row| is_number(row) && row.bytes().any(|b| b != b'0')),
        ("row", "hidden") => is_true(value.as_bytes()).then(|| "1".to_owned()),
        ("c", "r") => {
            let place = value.replace('$', "");
            Some(place.trim().to_owned()).filter(|place| whole_reference(place.as_bytes()).is_ok())
        }
        ("c", "s") => Some(value).filter(|style| is_number(style)),
        ("c", "t") if value.is_empty() => None,
        ("c", "t") => Some(if TYPES.contains(&value.as_str()) { value } else { "str".to_owned() }),
        ("t", _) => Some(value).filter(|space| space == "preserve"),
        _ => Some(value).filter(|value| !value.contains(['"', '<', '&'])),
    }
}
