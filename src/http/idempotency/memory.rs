//! Stored answers, bounded in number, bytes and time: the oldest are dropped first.
//!
//! The ids tell callers apart. Plain data behind a lock; knows no HTTP.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Kept;

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);
/// How many answers are kept.
const MAX_ANSWERS: usize = 10_000;
/// How many bytes all of them may have.
const MAX_BYTES: usize = 32 << 20;
/// How many bytes one may have: many times the longest texts.
const MAX_ANSWER_BYTES: usize = 2 << 20;

/// The digest of caller and key.
pub(super) type Id = [u8; 32];

/// Running requests and stored answers.
#[derive(Default)]
pub(super) struct Memory {
    entries: HashMap<Id, Entry>,
    /// The answers in the order in which they were given.
    kept: VecDeque<(Instant, Id)>,
    n_bytes: usize,
}

struct Entry {
    fingerprint: [u8; 32],
    state: State,
}

enum State {
    /// Running until the sender is dropped. Bounded by the seats for requests.
    Running(watch::Receiver<()>),
    Kept(Kept),
}

/// The state of a request.
pub(super) enum Found {
    /// It was unknown, and is running from now on.
    Begun,
    /// It is running until the sender is dropped.
    Running(watch::Receiver<()>),
    /// It was answered.
    Kept(Kept),
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
            Some(Entry { state: State::Kept(answer), .. }) => Found::Kept(answer.clone()),
            Some(Entry { state: State::Running(ended), .. }) => Found::Running(ended.clone()),
            None => {
                self.entries.insert(id, Entry { fingerprint, state: State::Running(ended) });
                Found::Begun
            }
        }
    }

    /// Stores the answer of a running request, unless it is too large.
    pub(super) fn keep(&mut self, id: Id, fingerprint: [u8; 32], answer: Kept, now: Instant) {
        if answer.json.len() > MAX_ANSWER_BYTES {
            return;
        }
        self.n_bytes += answer.json.len();
        self.kept.push_back((now, id));
        self.entries.insert(id, Entry { fingerprint, state: State::Kept(answer) });
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
        while let Some(&(since, id)) = self.kept.front() {
            let is_too_much = self.kept.len() > MAX_ANSWERS || self.n_bytes > MAX_BYTES;
            if !is_too_much && now.saturating_duration_since(since) < KEPT_FOR {
                return;
            }
            self.kept.pop_front();
            if let Some(Entry { state: State::Kept(answer), .. }) = self.entries.remove(&id) {
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

    fn answer(n_bytes: usize) -> Kept {
        Kept { json: "a".repeat(n_bytes).into(), version: VersionId::from_str("20261122T194851Z-2a945ef3").unwrap() }
    }

    fn keep(memory: &mut Memory, n: usize, n_bytes: usize, now: Instant) {
        let (_running, ended) = watch::channel(());
        assert!(matches!(memory.find_or_begin(id(n), [0; 32], ended, now), Found::Begun), "{n}");
        memory.keep(id(n), [0; 32], answer(n_bytes), now);
        memory.end(&id(n));
    }

    fn is_kept(memory: &Memory, n: usize) -> bool {
        matches!(memory.entries.get(&id(n)), Some(Entry { state: State::Kept(_), .. }))
    }

    #[test]
    fn no_more_answers_are_kept_than_there_may_be_and_the_oldest_go_first() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        (0..MAX_ANSWERS + 10).for_each(|n| keep(&mut memory, n, 1, now));
        assert_eq!((memory.entries.len(), memory.kept.len(), memory.n_bytes), (MAX_ANSWERS, MAX_ANSWERS, MAX_ANSWERS));
        assert!(!is_kept(&memory, 9) && is_kept(&memory, 10));
    }

    #[test]
    fn no_more_bytes_are_kept_than_there_may_be() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        (0..40).for_each(|n| keep(&mut memory, n, 1 << 20, now));
        assert_eq!((memory.entries.len(), memory.n_bytes), (32, MAX_BYTES));
        keep(&mut memory, 40, MAX_ANSWER_BYTES + 1, now);
        assert!(!is_kept(&memory, 40) && is_kept(&memory, 39));
        assert_eq!(memory.entries.len(), 32, "and one that is not kept leaves nothing");
    }

    #[test]
    fn an_answer_is_forgotten_after_a_day() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        keep(&mut memory, 1, 5, now);
        keep(&mut memory, 2, 5, now + KEPT_FOR / 2);
        keep(&mut memory, 3, 5, now + KEPT_FOR);
        assert_eq!([1, 2, 3].map(|n| is_kept(&memory, n)), [false, true, true]);
        assert_eq!(memory.n_bytes, 10);
    }

    #[test]
    fn what_is_under_way_is_never_forgotten() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let (_running, ended) = watch::channel(());
        memory.find_or_begin(id(MAX_ANSWERS + 99), [0; 32], ended.clone(), now);
        (0..MAX_ANSWERS + 10).for_each(|n| keep(&mut memory, n, 1, now));
        let found = memory.find_or_begin(id(MAX_ANSWERS + 99), [0; 32], ended, now + KEPT_FOR * 2);
        assert!(matches!(found, Found::Running(_)));
    }
}
