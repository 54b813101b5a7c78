//! Stored answers, bounded in number, bytes and time: the oldest are dropped first.
//!
//! The ids tell clients apart. Plain data behind a lock; knows no HTTP.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Stored;

/// How long an answer is stored.
const STORED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// How many answers are stored.
const MAX_ANSWERS: usize = 10_000;
/// The most bytes of all stored answers.
const MAX_BYTES: usize = 32 << 20;
/// The most bytes of one answer: many times the longest texts.
const MAX_ANSWER_BYTES: usize = 2 << 20;

/// The digest of caller and key.
pub(super) type Id = [u8; 32];

/// Running requests and stored answers.
#[derive(Default)]
pub(super) struct Memory {
    entries: HashMap<Id, Entry>,
    /// The stored answers, oldest first.
    stored: VecDeque<(Instant, Id)>,
    n_bytes: usize,
}

struct Entry {
    fingerprint: [u8; 32],
    state: State,
}

enum State {
    /// Running until the sender is dropped. The slots of admission bound how many there are.
    Running(watch::Receiver<()>),
    Stored(Stored),
}

/// The state of a request.
pub(super) enum Found {
    /// It was unknown, and is running from now on.
    Begun,
    /// It is running until the sender is dropped.
    Running(watch::Receiver<()>),
    /// It was answered.
    Stored(Stored),
    /// Another request has this id.
    OtherRequest,
}

impl Memory {
    /// Looks a request up, or marks it as running until the sender of `ended` is dropped.
    pub(super) fn find_or_begin(
        &mut self,
        id: Id,
        fingerprint: [u8; 32],
        ended: watch::Receiver<()>,
        now: Instant,
    ) -> Found {
        self.forget(now);
        match self.entries.get(&id) {
            Some(entry) if entry.fingerprint != fingerprint => Found::OtherRequest,
            Some(Entry { state: State::Stored(answer), .. }) => Found::Stored(answer.clone()),
            Some(Entry { state: State::Running(ended), .. }) => Found::Running(ended.clone()),
            None => {
                self.entries.insert(id, Entry { fingerprint, state: State::Running(ended) });
                Found::Begun
            }
        }
    }

    /// Stores the answer of a running request, unless it is too large.
    pub(super) fn store(&mut self, id: Id, fingerprint: [u8; 32], answer: Stored, now: Instant) {
        if answer.json.len() > MAX_ANSWER_BYTES {
            return;
        }
        self.n_bytes += answer.json.len();
        self.stored.push_back((now, id));
        self.entries.insert(id, Entry { fingerprint, state: State::Stored(answer) });
        self.forget(now);
    }

    /// Removes a running request whose answer was not stored.
    pub(super) fn end(&mut self, id: &Id) {
        if matches!(self.entries.get(id), Some(Entry { state: State::Running(_), .. })) {
            self.entries.remove(id);
        }
    }

    /// Drops answers that are too old, then the oldest while there are too many.
    fn forget(&mut self, now: Instant) {
        while let Some(&(since, id)) = self.stored.front() {
            let is_too_much = self.stored.len() > MAX_ANSWERS || self.n_bytes > MAX_BYTES;
            if !is_too_much && now.saturating_duration_since(since) < STORED_FOR {
                return;
            }
            self.stored.pop_front();
            if let Some(Entry { state: State::Stored(answer), .. }) = self.entries.remove(&id) {
                self.n_bytes = self.n_bytes.saturating_sub(answer.json.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use crate::model_store::VersionId;

    use super::*;

    fn id(n: usize) -> Id {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_le_bytes());
        id
    }

    fn answer(n_bytes: usize) -> Stored {
        Stored { json: "a".repeat(n_bytes).into(), version: VersionId::from_str("20261122T194851Z-2a945ef3").unwrap() }
    }

    fn store(memory: &mut Memory, n: usize, n_bytes: usize, now: Instant) {
        let (_running, ended) = watch::channel(());
        assert!(matches!(memory.find_or_begin(id(n), [0; 32], ended, now), Found::Begun), "{n}");
        memory.store(id(n), [0; 32], answer(n_bytes), now);
        memory.end(&id(n));
    }

    fn is_stored(memory: &Memory, n: usize) -> bool {
        matches!(memory.entries.get(&id(n)), Some(Entry { state: State::Stored(_), .. }))
    }

    #[test]
    fn the_number_of_stored_answers_is_bounded_and_the_oldest_go_first() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        (0..MAX_ANSWERS + 10).for_each(|n| store(&mut memory, n, 1, now));
        assert_eq!(
            (memory.entries.len(), memory.stored.len(), memory.n_bytes),
            (MAX_ANSWERS, MAX_ANSWERS, MAX_ANSWERS)
        );
        assert!(!is_stored(&memory, 9) && is_stored(&memory, 10));
    }

    #[test]
    fn the_bytes_of_stored_answers_are_bounded() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        (0..40).for_each(|n| store(&mut memory, n, 1 << 20, now));
        assert_eq!((memory.entries.len(), memory.n_bytes), (32, MAX_BYTES));
        store(&mut memory, 40, MAX_ANSWER_BYTES + 1, now);
        assert!(!is_stored(&memory, 40) && is_stored(&memory, 39));
        assert_eq!(memory.entries.len(), 32, "an answer that is not stored leaves nothing");
    }

    #[test]
    fn an_answer_is_forgotten_after_a_day() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        store(&mut memory, 1, 5, now);
        store(&mut memory, 2, 5, now + STORED_FOR / 2);
        store(&mut memory, 3, 5, now + STORED_FOR);
        assert_eq!([1, 2, 3].map(|n| is_stored(&memory, n)), [false, true, true]);
        assert_eq!(memory.n_bytes, 10);
    }

    #[test]
    fn a_running_request_is_never_forgotten() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let (_running, ended) = watch::channel(());
        memory.find_or_begin(id(MAX_ANSWERS + 99), [0; 32], ended.clone(), now);
        (0..MAX_ANSWERS + 10).for_each(|n| store(&mut memory, n, 1, now));
        let found = memory.find_or_begin(id(MAX_ANSWERS + 99), [0; 32], ended, now + STORED_FOR * 2);
        assert!(matches!(found, Found::Running(_)));
    }
}
