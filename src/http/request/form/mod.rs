//! `multipart/form-data` (RFC 7578), read as it arrives: part after part, each in pieces.
//!
//! [`error`] has every limit. What a part is for is decided by [`super::incoming`].

pub(in crate::http) mod error;
mod head;
mod scanner;

use axum::body::{Body, BodyDataStream, Bytes};
use futures::StreamExt;

pub(in crate::http) use error::FormError;
pub(in crate::http) use head::{PartHead, boundary};

use error::MAX_OUTSIDE_BYTES;
use scanner::{Scanner, Step};

/// A form that is arriving.
pub(in crate::http) struct Form {
    body: BodyDataStream,
    scanner: Scanner,
    /// Whether the part that is read is a file, whose content has a limit of its own.
    is_file: fn(&PartHead) -> bool,
    in_file: bool,
    in_part: bool,
    /// Bytes of heads, and of the content of parts that are no files.
    outside_bytes: usize,
}

impl Form {
    /// The form in `body`; `is_file` tells the parts whose content the caller limits.
    pub fn new(body: Body, boundary: &str, is_file: fn(&PartHead) -> bool) -> Self {
        let (body, scanner) = (body.into_data_stream(), Scanner::new(boundary));
        Self { body, scanner, is_file, in_file: false, in_part: false, outside_bytes: 0 }
    }

    /// The head of the next part; `None` at the end of the form. What is left of the part before is skipped.
    ///
    /// # Errors
    /// [`FormError`].
    pub async fn next_part(&mut self) -> Result<Option<PartHead>, FormError> {
        while self.in_part {
            // A file that nobody reads counts as well.
            self.in_file = false;
            self.chunk().await?;
        }
        match self.next_step().await? {
            Step::Part { head, head_bytes } => {
                self.count_outside(head_bytes)?;
                self.in_part = true;
                self.in_file = (self.is_file)(&head);
                Ok(Some(head))
            }
            _ => Ok(None),
        }
    }

    /// The next piece of the part's content; `None` at its end.
    ///
    /// # Errors
    /// [`FormError`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FormError> {
        if !self.in_part {
            return Ok(None);
        }
        match self.next_step().await? {
            Step::Data(bytes) => {
                if !self.in_file {
                    self.count_outside(bytes.len())?;
                }
                Ok(Some(bytes))
            }
            _ => {
                self.in_part = false;
                Ok(None)
            }
        }
    }

    async fn next_step(&mut self) -> Result<Step, FormError> {
        loop {
            match self.scanner.step()? {
                Step::Feed => {
                    let bytes = self.body.next().await.ok_or(FormError::CutOff)?.map_err(FormError::Body)?;
                    self.scanner.feed(&bytes);
                }
                step => return Ok(step),
            }
        }
    }

    fn count_outside(&mut self, n_bytes: usize) -> Result<(), FormError> {
        self.outside_bytes = self.outside_bytes.saturating_add(n_bytes);
        if self.outside_bytes > MAX_OUTSIDE_BYTES { Err(FormError::OutsideTooLarge) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_beside_the_files_is_limited_and_files_are_not() {
        let part = |name: &str, n_bytes: usize| {
            format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{}\r\n", "x".repeat(n_bytes))
        };
        let read = async |body: String| {
            let mut form = Form::new(Body::from(body), "B", |head| head.name.as_deref() == Some("file"));
            let mut n_bytes = 0;
            while form.next_part().await?.is_some() {
                while let Some(bytes) = form.chunk().await? {
                    n_bytes += bytes.len();
                }
            }
            Ok(n_bytes)
        };
        let file = part("file", 3 * MAX_OUTSIDE_BYTES);
        assert_eq!(read(format!("{file}--B--")).await.unwrap(), 3 * MAX_OUTSIDE_BYTES);
        let halves = part("a", MAX_OUTSIDE_BYTES / 2 + 1);
        let outcome: Result<usize, FormError> = read(format!("{halves}{file}{halves}--B--")).await;
        assert!(matches!(outcome, Err(FormError::OutsideTooLarge)));
    }

    #[tokio::test]
    async fn a_part_that_is_not_read_is_skipped_and_counts() {
        let part = format!("--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{}\r\n", "x".repeat(9_000));
        let mut form = Form::new(Body::from(format!("{}--B--", part.repeat(3))), "B", |_| true);
        let mut n_parts = 0;
        while form.next_part().await.unwrap().is_some() {
            n_parts += 1;
        }
        assert_eq!((n_parts, form.outside_bytes > 27_000), (3, true));
        assert_eq!(form.chunk().await.unwrap(), None);
    }
}
