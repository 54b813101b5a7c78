//! Stored answers, bounded in number, bytes and time.
//!
//! Where there are too many, the client that holds most loses its oldest one. So nobody's answers are pushed out by
//! somebody who holds more. Plain data behind a lock; knows no HTTP.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Claim, Stored};

/// How long an answer is stored.
const STORED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// How many answers are stored.
const MAX_ANSWERS: usize = 10_000;
/// The most bytes of all stored answers.
const MAX_BYTES: usize = 32 << 20;
/// The most bytes of one answer: many times the longest texts.
const MAX_ANSWER_BYTES: usize = 2 << 20;
/// What an answer weighs beside its bytes, so that many small ones weigh as much as few large ones.
const ANSWER_WEIGHT: usize = MAX_BYTES / MAX_ANSWERS;

/// The digest of caller and key.
pub(super) type Id = [u8; 32];
/// The digest of what admission counts a client by.
pub(super) type ClientId = [u8; 32];

/// Running requests and stored answers.
#[derive(Default)]
pub(super) struct Memory {
    entries: HashMap<Id, Entry>,
    /// The stored answers by the order in which they came.
    stored: BTreeMap<u64, Answered>,
    next: u64,
    shares: HashMap<ClientId, Share>,
    /// The clients by the weight of their shares.
    by_weight: BTreeSet<(usize, ClientId)>,
    n_bytes: usize,
}

/// Whose a stored answer is, and since when.
#[derive(Clone, Copy)]
struct Answered {
    at: Instant,
    id: Id,
    client: ClientId,
}

/// What one client holds.
#[derive(Default)]
struct Share {
    weight: usize,
    /// Its answers, oldest first.
    answers: VecDeque<u64>,
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

    /// Stores the answer of a client's running request, unless it is too large.
    pub(super) fn store(&mut self, claim: Claim, answer: Stored, now: Instant) {
        let Claim { id, client, fingerprint } = claim;
        let n_bytes = answer.json.len();
        if n_bytes > MAX_ANSWER_BYTES {
            return;
        }
        self.n_bytes += n_bytes;
        let n = self.next;
        self.next += 1;
        self.stored.insert(n, Answered { at: now, id, client });
        self.change_share(client, |share| {
            share.answers.push_back(n);
            share.weight += n_bytes + ANSWER_WEIGHT;
        });
        self.entries.insert(id, Entry { fingerprint, state: State::Stored(answer) });
        self.forget(now);
    }

    /// Removes a running request whose answer was not stored.
    pub(super) fn end(&mut self, id: &Id) {
        if matches!(self.entries.get(id), Some(Entry { state: State::Running(_), .. })) {
            self.entries.remove(id);
        }
    }

    /// Drops answers that are too old, then, while there are too many, the oldest of the client that holds most.
    fn forget(&mut self, now: Instant) {
        let is_old = |answered: &Answered| now.saturating_duration_since(answered.at) >= STORED_FOR;
        while let Some(client) = self.stored.values().next().filter(|first| is_old(first)).map(|first| first.client) {
            self.forget_oldest_of(client);
        }
        while self.stored.len() > MAX_ANSWERS || self.n_bytes > MAX_BYTES {
            let Some(&(_, client)) = self.by_weight.last() else { return };
            self.forget_oldest_of(client);
        }
    }

    fn forget_oldest_of(&mut self, client: ClientId) {
        let oldest = self.shares.get(&client).and_then(|share| share.answers.front()).copied();
        let Some(answered) = oldest.and_then(|n| self.stored.remove(&n)) else { return };
        let n_bytes = match self.entries.remove(&answered.id) {
            Some(Entry { state: State::Stored(answer), .. }) => answer.json.len(),
            _ => 0,
        };
        self.n_bytes = self.n_bytes.saturating_sub(n_bytes);
        self.change_share(client, |share| {
            share.answers.pop_front();
            share.weight = share.weight.saturating_sub(n_bytes + ANSWER_WEIGHT);
        });
    }

    fn change_share(&mut self, client: ClientId, change: impl FnOnce(&mut Share)) {
        let share = self.shares.entry(client).or_default();
        self.by_weight.remove(&(share.weight, client));
        change(share);
        if share.answers.is_empty() {
            self.shares.remove(&client);
        } else {
            self.by_weight.insert((share.weight, client));
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
        store_of(memory, [0; 32], n, n_bytes, now);
    }

    fn store_of(memory: &mut Memory, client: ClientId, n: usize, n_bytes: usize, now: Instant) {
        let (_running, ended) = watch::channel(());
        assert!(matches!(memory.find_or_begin(id(n), [0; 32], ended, now), Found::Begun), "{n}");
        memory.store(Claim { id: id(n), client, fingerprint: [0; 32] }, answer(n_bytes), now);
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
    fn a_client_pushes_out_no_answer_of_one_who_holds_less() {
        for (n_answers, n_bytes) in [(MAX_ANSWERS + 10, 1), (40, 1 << 20)] {
            let (mut memory, now) = (Memory::default(), Instant::now());
            let [few, many] = [[1; 32], [2; 32]];
            let first = MAX_ANSWERS * 2;
            (first..first + 5).for_each(|n| store_of(&mut memory, few, n, 1_000, now));
            (0..n_answers).for_each(|n| store_of(&mut memory, many, n, n_bytes, now));
            assert!((first..first + 5).all(|n| is_stored(&memory, n)));
            assert!(!is_stored(&memory, 0) && is_stored(&memory, n_answers - 1));
            store(&mut memory, first + 6, 1, now + STORED_FOR);
            let left = (memory.entries.len(), memory.stored.len(), memory.shares.len(), memory.by_weight.len());
            assert_eq!((left, memory.n_bytes), ((1, 1, 1, 1), 1));
        }
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
