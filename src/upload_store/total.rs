//! How much is kept, and how much may be. What is kept is counted in memory from one upload to the next; the disk has
//! the last word every ten seconds, because trainings, commands and other servers work on the same folder. With many
//! uploads that takes seconds, so the store is not locked meanwhile.

use std::io;
use std::sync::{PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::expiry::Stored;
use super::{About, State, UploadError, UploadState, UploadStore};

/// How long a count is relied on.
const COUNTED_FOR: Duration = Duration::from_secs(10);
/// How long it is while another count is under way.
const COUNTED_WHILE_COUNTING_FOR: Duration = Duration::from_secs(60);
/// What a file takes is a multiple of this on most file systems, and a small one's note takes one of them.
const BLOCK_BYTES: u64 = 4 << 10;

/// Uploads, and what they take on the disk with their notes.
#[derive(Debug, Clone, Copy, Default)]
struct Amount {
    files: u64,
    bytes: u64,
}

/// What was kept at some moment, and what this process has kept since.
#[derive(Debug, Clone, Copy)]
struct Count {
    at: Instant,
    amount: Amount,
}

/// What is kept, as it was counted.
#[derive(Debug)]
pub(super) struct Counted {
    all: Count,
    /// Those that wait for approval, once somebody had to know: each note is read for it.
    waiting: Option<Count>,
}

/// What this process has kept since its start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Added {
    all: Amount,
    waiting: Amount,
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

    fn minus(self, less: Self) -> Self {
        Self { files: self.files.saturating_sub(less.files), bytes: self.bytes.saturating_sub(less.bytes) }
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
    /// Counts what is kept, where that has to be known for an upload of `size_bytes` and was not counted lately. Of
    /// several at once one counts, and the others go by the last count, so that no sender holds up another one.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub(super) fn count_ahead(&self, size_bytes: u64, about: &About) -> io::Result<()> {
        let one = Amount::of(size_bytes);
        let _alone = match self.0.counting.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
            Err(TryLockError::WouldBlock) => {
                if self.is_counted(&self.lock(), one, about, COUNTED_WHILE_COUNTING_FOR) {
                    return Ok(());
                }
                self.0.counting.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        let before = {
            let state = self.lock();
            if self.is_counted(&state, one, about, COUNTED_FOR) {
                return Ok(());
            }
            state.added
        };
        let stored = self.stored()?;
        let all = Amount::of_all(&stored);
        let waiting = self.is_half_full(all.plus(one), about).then(|| self.of_waiting(stored));
        let at = Instant::now();
        let mut state = self.lock();
        let (added, last) = (state.added, state.counted.take());
        let count =
            |amount: Amount, after: Amount, before: Amount| Count { at, amount: amount.plus(after.minus(before)) };
        state.counted = Some(Counted {
            all: count(all, added.all, before.all),
            waiting: match waiting {
                Some(waiting) => Some(count(waiting, added.waiting, before.waiting)),
                None => last.and_then(|last| last.waiting),
            },
        });
        Ok(())
    }

    /// Counts an upload of `size_bytes` as kept, unless that would be more than may be. Those that wait for approval
    /// have half of the limits together, so that senders without a key cannot keep others out. What was sent to be
    /// trained on is not refused for its bytes: the training that it begins takes it out of the store.
    pub(super) fn count_in(&self, state: &mut State, size_bytes: u64, about: &About) -> Result<(), UploadError> {
        let (one, at, limit) = (Amount::of(size_bytes), Instant::now(), self.limit(about));
        let last = state.counted.take();
        // Counted here only where something was approved or removed since it was counted ahead, or where it was not
        // counted ahead because a broken file has the content's name.
        let counted = match last.filter(|last| last.all.at.elapsed() < COUNTED_WHILE_COUNTING_FOR) {
            Some(counted) => counted,
            None => Counted { all: Count { at, amount: Amount::of_all(&self.stored()?) }, waiting: None },
        };
        let counted = state.counted.insert(counted);
        let all = counted.all.amount.plus(one);
        limit.check(all)?;
        if self.is_half_full(all, about) {
            let waiting = match counted.waiting {
                Some(waiting) => waiting,
                None => Count { at, amount: self.of_waiting(self.stored()?) },
            };
            limit.half().check(counted.waiting.insert(waiting).amount.plus(one))?;
        }
        counted.all.amount = all;
        state.added.all = state.added.all.plus(one);
        if about.state == UploadState::Waiting {
            state.added.waiting = state.added.waiting.plus(one);
            if let Some(waiting) = &mut counted.waiting {
                waiting.amount = waiting.amount.plus(one);
            }
        }
        Ok(())
    }

    /// Whether all that has to be known to keep one more was counted within `age`.
    fn is_counted(&self, state: &State, one: Amount, about: &About, age: Duration) -> bool {
        state.counted.as_ref().is_some_and(|counted| {
            let is_fresh = |count: Count| count.at.elapsed() < age;
            let needs_waiting = self.is_half_full(counted.all.amount.plus(one), about);
            is_fresh(counted.all) && (!needs_waiting || counted.waiting.is_some_and(is_fresh))
        })
    }

    /// Whether it has to be known how many wait for approval, to keep one that does: all may be those.
    fn is_half_full(&self, all: Amount, about: &About) -> bool {
        about.state == UploadState::Waiting && self.limit(about).half().check(all).is_err()
    }

    fn limit(&self, about: &About) -> Limit {
        let rules = &self.0.rules;
        Limit { files: rules.max_files, bytes: rules.max_total_bytes.filter(|_| !about.is_for_training) }
    }

    /// How many of these wait for approval. Reads the note of each.
    fn of_waiting(&self, mut stored: Vec<Stored>) -> Amount {
        stored.retain(|stored| !About::is_approved(&self.dir().join(&stored.name)));
        Amount::of_all(&stored)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Extension, UploadRules};
    use super::*;

    #[test]
    fn an_upload_goes_by_the_last_count_while_another_one_is_under_way() {
        let dir = tempfile::tempdir().unwrap();
        let rules = UploadRules { min_free_bytes: 0, max_files: 4, ..UploadRules::default() };
        let store = UploadStore::new(dir.path(), rules);
        let send = |content: &[u8], key: Option<&str>| {
            let mut receiving = store.receive(Extension::Csv).unwrap();
            receiving.write(content).unwrap();
            receiving.finish().keep(&About::sent_by(key.map(str::to_owned)))
        };
        send(b"0", None).unwrap();
        let at = Instant::now().checked_sub(2 * COUNTED_FOR).unwrap();
        store.lock().counted.as_mut().unwrap().all.at = at;
        let counting = store.0.counting.lock().unwrap();
        send(b"1", None).unwrap();
        send(b"2", Some("portal")).unwrap();
        assert_eq!(store.lock().counted.as_ref().unwrap().all.at, at);
        drop(counting);
        assert!(matches!(send(b"3", None), Err(UploadError::TooManyFiles { limit: 2 })));
        assert!(store.lock().counted.as_ref().unwrap().all.at > at);
        send(b"3", Some("portal")).unwrap();
        assert!(matches!(send(b"4", Some("portal")), Err(UploadError::TooManyFiles { limit: 4 })));
    }
}
