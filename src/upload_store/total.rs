//! How much is kept, and how much may be. What is kept is counted in memory from one upload to the next, since the
//! store is locked meanwhile; the disk has the last word every ten seconds, because trainings, commands and other
//! servers work on the same folder.

use std::io;
use std::time::{Duration, Instant};

use super::expiry::Stored;
use super::{About, UploadError, UploadState, UploadStore};

/// How long a count is relied on.
const COUNTED_FOR: Duration = Duration::from_secs(10);
/// What a file takes is a multiple of this on most file systems, and a small one's note takes one of them.
const BLOCK_BYTES: u64 = 4 << 10;

/// Uploads, and what they take on the disk with their notes.
#[derive(Debug, Clone, Copy, Default)]
struct Amount {
    files: u64,
    bytes: u64,
}

/// What is kept, as it was counted.
#[derive(Debug)]
pub(super) struct Counted {
    at: Instant,
    all: Amount,
    /// Those that wait for approval, once somebody had to know: each note is read for it.
    waiting: Option<Amount>,
}

/// The most that may be kept.
#[derive(Debug, Clone, Copy)]
struct Limit {
    files: u64,
    bytes: Option<u64>,
}

impl Amount {
    fn of(size_bytes: u64) -> Self {
        let blocks = size_bytes.div_ceil(BLOCK_BYTES).max(1) + 1;
        Self { files: 1, bytes: blocks.saturating_mul(BLOCK_BYTES) }
    }

    fn of_all(stored: &[Stored]) -> Self {
        stored.iter().fold(Self::default(), |sum, stored| sum.plus(Self::of(stored.size_bytes)))
    }

    fn plus(self, more: Self) -> Self {
        Self { files: self.files.saturating_add(more.files), bytes: self.bytes.saturating_add(more.bytes) }
    }
}

impl Limit {
    fn half(self) -> Self {
        Self { files: self.files / 2, bytes: self.bytes.map(|bytes| bytes / 2) }
    }

    fn check(self, amount: Amount) -> Result<(), UploadError> {
        if amount.files > self.files {
            return Err(UploadError::TooManyFiles { limit: self.files });
        }
        match self.bytes {
            Some(limit_bytes) if amount.bytes > limit_bytes => Err(UploadError::StoreFull { limit_bytes }),
            _ => Ok(()),
        }
    }
}

impl UploadStore {
    /// Counts an upload of `size_bytes` as kept, unless that would be more than may be. Those that wait for approval
    /// have half of the limits together, so that senders without a key cannot keep others out. What was sent to be
    /// trained on is not refused for its bytes: the training that it begins takes it out of the store.
    pub(super) fn count_in(
        &self,
        counted: &mut Option<Counted>,
        size_bytes: u64,
        about: &About,
    ) -> Result<(), UploadError> {
        let (one, rules) = (Amount::of(size_bytes), &self.0.rules);
        let fresh = counted.take().filter(|counted| counted.at.elapsed() < COUNTED_FOR);
        let counted = counted.insert(match fresh {
            Some(fresh) => fresh,
            None => Counted { at: Instant::now(), all: Amount::of_all(&self.stored()?), waiting: None },
        });
        let all = counted.all.plus(one);
        let limit = Limit { files: rules.max_files, bytes: rules.max_total_bytes.filter(|_| !about.is_for_training) };
        limit.check(all)?;
        if about.state == UploadState::Waiting {
            if counted.waiting.is_none() && limit.half().check(all).is_err() {
                counted.waiting = Some(self.count_waiting()?);
            }
            if let Some(waiting) = &mut counted.waiting {
                limit.half().check(waiting.plus(one))?;
                *waiting = waiting.plus(one);
            }
        }
        counted.all = all;
        Ok(())
    }

    fn count_waiting(&self) -> io::Result<Amount> {
        let mut stored = self.stored()?;
        stored.retain(|stored| !About::is_approved(&self.dir().join(&stored.name)));
        Ok(Amount::of_all(&stored))
    }
}
