//! Finds the parts of a form in its bytes, in time that grows with their number alone.
//!
//! Every byte is looked at a bounded number of times, however the body is cut into frames: what is searched without
//! success is not searched again, and no more is held than one head or the length of the delimiter. A library that
//! searches its whole buffer again for each frame takes seconds for a long head.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::{Finder, find};

use super::error::{FormError, MAX_HEAD_BYTES, MAX_PARTS, MAX_PREAMBLE_BYTES};
use super::head::PartHead;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A form's bytes and how far they are understood.
pub(super) struct Scanner {
    bytes: BytesMut,
    /// A line break, two hyphens and the boundary.
    delimiter: Finder<'static>,
    state: State,
    /// Bytes of the preamble, of blanks after a delimiter, or of a head that need not be searched again.
    searched: usize,
    n_parts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    AfterDelimiter,
    Head,
    Data,
    Ended,
}

/// What comes next in a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More bytes are needed.
    Feed,
    /// A part begins.
    Part { head: PartHead, head_bytes: usize },
    /// Some of the part's content.
    Data(Bytes),
    /// The part is complete.
    EndOfPart,
    /// The form is complete; what follows is not read.
    End,
}

impl Scanner {
    pub fn new(boundary: &str) -> Self {
        let delimiter = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        // The first delimiter may be at the very beginning, where it has no line break before it.
        Self { bytes: BytesMut::from(&b"\r\n"[..]), delimiter, state: State::Preamble, searched: 0, n_parts: 0 }
    }

    /// Adds bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What comes next.
    ///
    /// # Errors
    /// All of [`FormError`] but [`FormError::CutOff`], [`FormError::OutsideTooLarge`] and [`FormError::Body`].
    pub fn step(&mut self) -> Result<Step, FormError> {
        loop {
            let step = match self.state {
                State::Preamble => self.skip_preamble()?,
                State::AfterDelimiter => self.after_delimiter()?,
                State::Head => Some(self.head()?),
                State::Data => Some(self.data()),
                State::Ended => Some(Step::End),
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    fn skip_preamble(&mut self) -> Result<Option<Step>, FormError> {
        let found = self.delimiter.find(&self.bytes);
        let n_skipped = found.unwrap_or_else(|| self.without_start_of_delimiter());
        self.bytes.advance(n_skipped);
        self.searched += n_skipped;
        if self.searched > MAX_PREAMBLE_BYTES {
            return Err(FormError::PreambleTooLong);
        }
        if found.is_none() {
            return Ok(Some(Step::Feed));
        }
        self.pass_delimiter();
        Ok(None)
    }

    fn pass_delimiter(&mut self) {
        self.bytes.advance(self.delimiter.needle().len());
        (self.state, self.searched) = (State::AfterDelimiter, 0);
    }

    /// Two hyphens end the form; blanks and a line break begin a part.
    fn after_delimiter(&mut self) -> Result<Option<Step>, FormError> {
        if self.searched == 0 && self.bytes.starts_with(b"--") {
            self.state = State::Ended;
            return Ok(None);
        }
        if self.searched == 0 && *self.bytes == *b"-" {
            return Ok(Some(Step::Feed));
        }
        let n_blanks = self.bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.bytes.advance(n_blanks);
        self.searched += n_blanks;
        if self.searched > MAX_HEAD_BYTES {
            return Err(FormError::HeadTooLong);
        }
        if self.bytes.starts_with(b"\r\n") {
            if self.n_parts == MAX_PARTS {
                return Err(FormError::TooManyParts);
            }
            self.n_parts += 1;
            // The line break stays: a head without a line ends with it.
            (self.state, self.searched) = (State::Head, 0);
            return Ok(None);
        }
        let may_be_a_line_break = self.bytes.is_empty() || *self.bytes == *b"\r";
        if may_be_a_line_break {
            Ok(Some(Step::Feed))
        } else {
            Err(FormError::Malformed("no line break after a boundary"))
        }
    }

    fn head(&mut self) -> Result<Step, FormError> {
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(end) = find(unsearched, END_OF_HEAD).map(|at| self.searched + at) else {
            self.searched = self.bytes.len().saturating_sub(END_OF_HEAD.len() - 1);
            let is_too_long = self.bytes.len() > MAX_HEAD_BYTES + END_OF_HEAD.len();
            return if is_too_long { Err(FormError::HeadTooLong) } else { Ok(Step::Feed) };
        };
        if end > MAX_HEAD_BYTES {
            return Err(FormError::HeadTooLong);
        }
        let head = PartHead::read(&self.bytes.split_to(end))?;
        self.bytes.advance(END_OF_HEAD.len());
        // Content without a byte is followed by the delimiter's line break, which may be that of the head.
        self.state = State::Data;
        Ok(Step::Part { head, head_bytes: end })
    }

    fn data(&mut self) -> Step {
        match self.delimiter.find(&self.bytes) {
            Some(0) => {
                self.pass_delimiter();
                Step::EndOfPart
            }
            Some(at) => Step::Data(self.bytes.split_to(at).freeze()),
            None => match self.without_start_of_delimiter() {
                0 => Step::Feed,
                n_bytes => Step::Data(self.bytes.split_to(n_bytes).freeze()),
            },
        }
    }

    /// How many bytes cannot be part of a delimiter, given that no whole one is there.
    fn without_start_of_delimiter(&self) -> usize {
        self.bytes.len().saturating_sub(self.delimiter.needle().len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A field and its content.
    type Part = (PartHead, Vec<u8>);

    /// The parts of a form that arrives in pieces of `n_bytes`.
    fn parts(body: &[u8], n_bytes: usize) -> Result<Vec<Part>, FormError> {
        let (mut scanner, mut parts) = (Scanner::new("B"), Vec::new());
        let mut pieces = body.chunks(n_bytes.max(1));
        loop {
            match scanner.step()? {
                Step::Feed => scanner.feed(pieces.next().ok_or(FormError::CutOff)?),
                Step::Part { head, .. } => parts.push((head, Vec::new())),
                Step::Data(bytes) => parts.last_mut().unwrap().1.extend_from_slice(&bytes),
                Step::EndOfPart => {}
                Step::End => return Ok(parts),
            }
        }
    }

    fn texts(body: &str, n_bytes: usize) -> Result<Vec<(String, String)>, FormError> {
        let text = |(head, content): Part| (head.name.unwrap_or_default(), String::from_utf8(content).unwrap());
        parts(body.as_bytes(), n_bytes).map(|parts| parts.into_iter().map(text).collect())
    }

    const FIELD: &str = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";

    #[test]
    fn a_form_is_the_same_in_whatever_pieces_it_arrives() {
        let body = format!(
            "ignored\r\n--B\r\n{FIELD}one\r\n--Bogus\r\n\r\n--B \t\r\n{FIELD}\r\n--B\r\n\r\nnameless\r\n--B--\r\nignored"
        );
        for n_bytes in 1..=body.len() {
            let err = texts(&body, n_bytes).unwrap_err();
            assert!(matches!(err, FormError::Malformed(_)), "--Bogus begins as the boundary does: {err:?}");
        }
        let body = body.replace("--Bogus", "-- B");
        for n_bytes in 1..=body.len() {
            let texts = texts(&body, n_bytes).unwrap();
            let texts: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            assert_eq!(texts, [("a", "one\r\n-- B\r\n"), ("a", ""), ("", "nameless")], "{n_bytes}");
        }
    }

    #[test]
    fn every_form_that_ends_too_early_is_cut_off() {
        let body = format!("--B\r\n{FIELD}one\r\n--B--");
        for end in 0..body.len() {
            assert!(matches!(texts(&body[..end], 3), Err(FormError::CutOff)), "{end}");
        }
        assert!(texts(&body, 3).is_ok());
    }

    #[test]
    fn preambles_heads_and_parts_have_limits() {
        let long = "x".repeat(MAX_HEAD_BYTES + 1);
        for n_bytes in [1, 1_000, 1 << 20] {
            let outcome = |body: String| texts(&body, n_bytes).map(|_| ());
            assert!(matches!(outcome(format!("{long}\r\n--B--")), Err(FormError::PreambleTooLong)));
            assert!(matches!(outcome(format!("{}\r\n--B--", "\r\n--".repeat(3_000))), Err(FormError::PreambleTooLong)));
            assert!(matches!(outcome(format!("--B\r\nX: {long}\r\n\r\n\r\n--B--")), Err(FormError::HeadTooLong)));
            assert!(matches!(outcome(format!("--B\r\n{}", "X: y\r\n".repeat(3_000))), Err(FormError::HeadTooLong)));
            assert!(matches!(outcome(format!("--B{}", " ".repeat(9_000))), Err(FormError::HeadTooLong)));
            let parts = format!("--B\r\n{FIELD}x\r\n").repeat(MAX_PARTS);
            assert!(outcome(format!("{parts}--B--")).is_ok());
            assert!(matches!(outcome(format!("{parts}--B\r\n")), Err(FormError::TooManyParts)));
        }
    }

    proptest! {
        /// multer reads the same of every form that a client would send.
        #[test]
        fn a_form_is_read_as_multer_reads_it(
            contents in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'B'), any::<u8>()], 0..40), 0..6),
            n_bytes in 1_usize..50,
        ) {
            let is_content = |content: &Vec<u8>| find(content, b"\r\n--B").is_none() && !content.ends_with(b"\r");
            prop_assume!(contents.iter().all(is_content));
            let mut body = Vec::new();
            for (n, content) in contents.iter().enumerate() {
                let head = format!("--B\r\nContent-Disposition: form-data; name=\"f{n}\"; filename=\"{n}.csv\"\r\n\r\n");
                body.extend_from_slice(head.as_bytes());
                body.extend_from_slice(content);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--B--\r\n");
            let ours: Vec<_> = parts(&body, n_bytes).unwrap();
            let pieces = body.chunks(n_bytes).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
            let pieces: Vec<_> = pieces.collect();
            let theirs: Vec<Part> = futures::executor::block_on(async {
                let mut form = multer::Multipart::new(futures::stream::iter(pieces), "B");
                let mut parts = Vec::new();
                while let Some(field) = form.next_field().await.unwrap() {
                    let head = PartHead {
                        name: field.name().map(str::to_owned), file_name: field.file_name().map(str::to_owned),
                    };
                    parts.push((head, field.bytes().await.unwrap().to_vec()));
                }
                parts
            });
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn whatever_arrives_is_a_form_or_an_error(body in prop::collection::vec(any::<u8>(), 0..400), n_bytes in 1_usize..64) {
            let mut form = b"--B\r\n".to_vec();
            form.extend_from_slice(&body);
            let _ = parts(&form, n_bytes);
            let _ = parts(&body, n_bytes);
        }
    }
}
