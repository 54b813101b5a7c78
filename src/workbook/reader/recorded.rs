//! Tables that one process has read, handed to another: a retraining does not read again what the server read before it
//! took it.
//!
//! A [`Recorder`] writes the reader processes' answers into a file without a name, which the other process gets as a
//! descriptor and takes apart as [`Recorded`]. An answer is found by the content of its workbook and by the order that
//! it answers, and is checked like any answer. Where anything is amiss, the workbook is read once more.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use sha2::{Digest, Sha256};

use super::answer::receive;
use super::wire::Order;
use crate::customer::KeyedTable;
use crate::disk::{Keeper, Reserving};

/// What all answers together may take up, in bytes; with more there are none.
const MAX_BYTES: u64 = 256 << 20;
/// Answers of one file at most.
const MAX_ANSWERS: usize = 1_024;
/// How much of a workbook is digested at a time.
const PIECE_BYTES: usize = 64 << 10;
const KEY_BYTES: usize = 32;
/// A key and a length.
const HEAD_BYTES: u64 = 40;

/// What an answer is found by: the SHA-256 of its workbook and its order.
pub(super) type Key = [u8; KEY_BYTES];

/// Writes answers down as they come.
#[derive(Debug)]
pub struct Recorder {
    file: Reserving<File>,
    /// Bytes so far; `None` once some could not be written.
    n_bytes: Option<u64>,
    /// Where the answer that is being written begins.
    start: u64,
}

/// Answers that another process wrote down.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    file: Arc<File>,
    /// The key of each answer, and where its bytes begin.
    answers: Vec<(Key, u64)>,
}

/// The key of the answer to `order` on a workbook. The file is at its start afterwards.
pub(super) fn key(file: &mut File, order: &Order) -> io::Result<Key> {
    file.rewind()?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            n_bytes => digest.update(piece.get(..n_bytes).unwrap_or_default()),
        }
    }
    file.rewind()?;
    digest.update(serde_json::to_vec(order)?);
    Ok(digest.finalize().into())
}

impl Recorder {
    /// One that writes into a file without a name in `folder`, as far as `disk` has room.
    ///
    /// # Errors
    /// What the system said.
    pub fn new(folder: &Path, disk: &Keeper) -> io::Result<Self> {
        Ok(Self { file: disk.reserving(folder, tempfile::tempfile_in(folder)?), n_bytes: Some(0), start: 0 })
    }

    /// What was written, for the other process; `None` where it is not whole.
    pub fn finish(self) -> Option<File> {
        self.n_bytes?;
        let mut file = self.file.into_inner();
        file.rewind().ok()?;
        Some(file)
    }

    /// An answer follows; without a key nothing can be found again.
    pub(super) fn begin(&mut self, key: Option<Key>) {
        self.start = self.n_bytes.unwrap_or_default();
        match key {
            Some(key) => self.write(&[&key[..], &[0; 8]].concat()),
            None => self.n_bytes = None,
        }
    }

    /// Further bytes of it.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let n_bytes = self.n_bytes.map(|before| before + bytes.len() as u64).filter(|after| *after <= MAX_BYTES);
        self.n_bytes = n_bytes.filter(|_| self.file.write_all(bytes).is_ok());
    }

    /// The answer is whole, or of no use.
    pub(super) fn end(&mut self, is_whole: bool) {
        let length = self.n_bytes.map(|n_bytes| n_bytes.saturating_sub(self.start + HEAD_BYTES));
        let write =
            |length: u64| self.file.get_ref().write_all_at(&length.to_le_bytes(), self.start + KEY_BYTES as u64).ok();
        if !is_whole || length.and_then(write).is_none() {
            self.n_bytes = None;
        }
    }
}

impl Recorded {
    /// Takes apart what a [`Recorder`] wrote; nothing in it is believed yet.
    pub fn new(file: File) -> Self {
        let (mut answers, mut at) = (Vec::new(), 0_u64);
        let (mut key, mut length) = ([0; KEY_BYTES], [0; 8]);
        while answers.len() < MAX_ANSWERS
            && file.read_exact_at(&mut key, at).is_ok()
            && file.read_exact_at(&mut length, at + KEY_BYTES as u64).is_ok()
        {
            answers.push((key, at + HEAD_BYTES));
            let next = (at + HEAD_BYTES).checked_add(u64::from_le_bytes(length));
            let Some(next) = next.filter(|next| *next <= MAX_BYTES) else { break };
            at = next;
        }
        Self { file: Arc::new(file), answers }
    }

    /// The answer to `order` on a workbook, if there is one that is sound.
    pub fn find(&self, file: &mut File, order: &Order, rows_so_far: &AtomicUsize) -> Option<KeyedTable> {
        let key = if self.answers.is_empty() { None } else { key(file, order).ok() }?;
        let &(_, at) = self.answers.iter().find(|(known, _)| *known == key)?;
        receive(&mut BufReader::new(FromOffset { file: &self.file, at }), order, rows_so_far).ok()
    }
}

/// A file from a place in it on.
struct FromOffset<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FromOffset<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.file.read_at(buffer, self.at)?;
        self.at += n_bytes as u64;
        Ok(n_bytes)
    }
}
