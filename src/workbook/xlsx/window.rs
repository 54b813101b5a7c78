//! A part of an archive, seen through a window that moves over it: never the whole part.

use std::io::{ErrorKind, Read};

/// How much of a part is looked at together, in bytes: it stays in the processor's cache.
const WINDOW_BYTES: usize = 128 << 10;
/// The window grows up to this where one cell needs it: the longest text that is read, every character of it an entity.
pub(super) const MAX_WINDOW_BYTES: usize = 1 << 20;

/// The bytes of a part that have not been read yet.
pub(super) struct Window<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    has_ended: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self::of_bytes(source, WINDOW_BYTES)
    }

    /// One that is so large at first.
    pub(super) fn of_bytes(source: R, n_bytes: usize) -> Self {
        Self { source, buffer: vec![0; n_bytes.max(1)], start: 0, end: 0, has_ended: false }
    }

    /// What the bytes come from.
    pub(super) fn into_source(self) -> R {
        self.source
    }

    /// What was fetched and not taken yet.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes all but the last `left` bytes.
    pub(super) fn take_up_to(&mut self, left: usize) {
        self.start = self.end.saturating_sub(left).max(self.start);
    }

    /// Takes everything up to the end of the last `token` at hand, and fetches more until there is one; `None` where
    /// there is none.
    pub(super) fn fetch_through_last(&mut self, token: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = memchr::memmem::rfind(self.bytes(), token) {
                let taken = self.bytes().get(..at + token.len())?.to_vec();
                self.start += taken.len();
                return Some(taken);
            }
            if !self.fetch() {
                return None;
            }
        }
    }

    /// Gives back bytes that were taken last.
    pub(super) fn give_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.buffer.splice(..self.start, bytes.iter().copied());
            self.end = self.end - self.start + bytes.len();
            self.start = 0;
        }
    }

    /// Fetches more behind the bytes there are; `false` where there is no more, or it cannot be had, or the window
    /// would become too large. Callers that need the reason fall back to the canonical form.
    pub(super) fn fetch(&mut self) -> bool {
        if self.has_ended {
            return false;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            if self.buffer.len() >= MAX_WINDOW_BYTES {
                return false;
            }
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        let before = self.end;
        while let Some(free) = self.buffer.get_mut(self.end..).filter(|free| !free.is_empty()) {
            match self.source.read(free) {
                Ok(n_read) if n_read > 0 => self.end += n_read.min(free.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    self.has_ended = true;
                    break;
                }
            }
        }
        self.end > before
    }
}
