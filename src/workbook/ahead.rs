//! The pieces of a file looked at side by side, ahead of the thread that puts them together.
//!
//! One thread at a time fetches pieces (unpacks them, decodes them), which any thread looks at: a few are fetched
//! before somebody is free for them, so that nobody waits for the one who fetches. [`Ahead::next`] gives what came of
//! the pieces in their order; a thread that waits for one there fetches or looks at another meanwhile. So few pieces
//! are under way that memory stays bounded. Which formats have pieces, and what is looked for in them, is [`Pieces`]'s.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// How large a piece is, in bytes: it stays in a processor's cache.
const PIECE_BYTES: usize = 128 << 10;
/// Pieces under way for each thread.
const PIECES_A_THREAD: usize = 3;
/// Pieces that are fetched before somebody looks at them.
const FETCHED_AHEAD: usize = 2;

/// The threads that help to read a file.
#[derive(Debug)]
pub(super) struct Helpers {
    pool: ThreadPool,
    piece_bytes: usize,
}

/// How a file falls into pieces.
pub(super) trait Pieces: Sync {
    /// What they are fetched from.
    type Source: Send;
    /// A piece as it was fetched.
    type Piece: Send;
    /// What a thread has for itself.
    type Looker: Send;
    /// What comes of a piece.
    type Seen: Send;

    /// The next piece; `None` where there are no more, and what is left of the source is for the caller.
    fn fetch(&self, source: &mut Self::Source) -> Option<Self::Piece>;

    /// Looks at a piece.
    fn look(&self, looker: &mut Self::Looker, piece: Self::Piece) -> Self::Seen;
}

/// The pieces of a file on their way to the thread that puts them together.
pub(super) struct Ahead<'a, P: Pieces> {
    shared: &'a Shared<'a, P>,
    own: P::Looker,
}

/// What the threads share.
struct Shared<'p, P: Pieces> {
    pieces: &'p P,
    source: Mutex<P::Source>,
    way: Mutex<Way<P>>,
    changed: Condvar,
    max_ahead: usize,
}

/// The pieces under way.
struct Way<P: Pieces> {
    /// What came of the pieces that were taken and not given yet; `None` where a thread looks at it.
    seen: VecDeque<Option<P::Seen>>,
    /// The pieces behind those, which nobody has taken yet.
    fetched: VecDeque<P::Piece>,
    /// How many were given.
    n_given: usize,
    /// No more are to be fetched.
    has_ended: bool,
    /// A thread broke down.
    is_broken: bool,
}

/// What a thread may do next.
enum Task<'s, P: Pieces> {
    Fetch(MutexGuard<'s, P::Source>),
    Look {
        /// The piece's position among all.
        number: usize,
        piece: P::Piece,
    },
}

impl Helpers {
    /// So many threads beside the one that reads; each does `at_start` before anything else.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub(super) fn start(
        n_threads: usize,
        at_start: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).start_handler(move |_| at_start()).build()?;
        // Every thread has started once each has done something.
        pool.broadcast(|_| ());
        Ok(Self { pool, piece_bytes: PIECE_BYTES })
    }

    /// The same for pieces of another size.
    #[cfg(test)]
    pub(super) fn with_piece_bytes(self, piece_bytes: usize) -> Self {
        Self { piece_bytes, ..self }
    }

    /// What each helping thread makes of `task`.
    #[cfg(test)]
    pub(super) fn on_each<T: Send>(&self, task: impl Fn() -> T + Sync) -> Vec<T> {
        self.pool.broadcast(|_| task())
    }

    /// How large a piece should be.
    pub(super) fn piece_bytes(&self) -> usize {
        self.piece_bytes
    }

    /// Threads that look at pieces, the reading one included.
    pub(super) fn n_lookers(&self) -> usize {
        self.pool.current_num_threads() + 1
    }

    /// Has `put_together` take the pieces of `source` one after the other, while `lookers` look at those ahead. Gives
    /// what it gave, and what is left of the source.
    pub(super) fn ahead<P: Pieces, T>(
        &self,
        pieces: &P,
        source: P::Source,
        mut lookers: Vec<P::Looker>,
        put_together: impl FnOnce(&mut Ahead<'_, P>) -> T,
    ) -> Option<(T, P::Source)> {
        let own = lookers.pop()?;
        let (seen, fetched) = Default::default();
        let way = Way { seen, fetched, n_given: 0, has_ended: false, is_broken: false };
        let shared = Shared {
            pieces,
            source: Mutex::new(source),
            way: Mutex::new(way),
            changed: Condvar::new(),
            max_ahead: PIECES_A_THREAD * (lookers.len() + 1),
        };
        let outcome = self.pool.in_place_scope(|scope| {
            for looker in lookers {
                let shared = &shared;
                scope.spawn(move |_| shared.help(looker));
            }
            let mut ahead = Ahead { shared: &shared, own };
            put_together(&mut ahead)
        });
        Some((outcome, shared.source.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<P: Pieces> Ahead<'_, P> {
    /// What came of the next piece; `None` behind the last one.
    pub(super) fn next(&mut self) -> Option<P::Seen> {
        let shared = self.shared;
        let mut way = shared.way();
        loop {
            match way.seen.front_mut().map(Option::take) {
                Some(Some(seen)) => {
                    way.seen.pop_front();
                    way.n_given += 1;
                    drop(way);
                    shared.changed.notify_all();
                    return Some(seen);
                }
                None if way.has_ended && way.fetched.is_empty() => return None,
                _ if way.is_broken => return None,
                _ => {}
            }
            // The piece that it waits for may be among those that were fetched.
            let task = way.look().or_else(|| shared.fetch(&way));
            way = match task {
                Some(task) => {
                    drop(way);
                    shared.work(task, &mut self.own);
                    shared.way()
                }
                None => shared.changed.wait(way).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Has no more pieces fetched; those that were are still to be taken.
    pub(super) fn stop(&self) {
        // No thread is between fetching a piece and counting it.
        let _source = self.source();
        self.shared.end(false);
    }

    /// What the pieces came from, once there are no more.
    pub(super) fn source(&self) -> MutexGuard<'_, P::Source> {
        self.shared.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Pieces> Drop for Ahead<'_, P> {
    fn drop(&mut self) {
        // Nobody takes them any more.
        self.shared.way().fetched.clear();
        self.shared.end(false);
    }
}

impl<P: Pieces> Way<P> {
    /// Takes the first piece that nobody has taken yet. So each thread takes them in their order.
    fn look<'s>(&mut self) -> Option<Task<'s, P>> {
        let piece = self.fetched.pop_front()?;
        let number = self.n_given + self.seen.len();
        self.seen.push_back(None);
        Some(Task::Look { number, piece })
    }
}

impl<P: Pieces> Shared<'_, P> {
    fn way(&self) -> MutexGuard<'_, Way<P>> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's whole work.
    fn help(&self, mut looker: P::Looker) {
        let mut unless_done = EndsIfBroken { shared: self, is_done: false };
        let mut way = self.way();
        loop {
            let fetch = if way.fetched.len() < FETCHED_AHEAD { self.fetch(&way) } else { None };
            way = match fetch.or_else(|| way.look()) {
                Some(task) => {
                    drop(way);
                    self.work(task, &mut looker);
                    self.way()
                }
                None if way.has_ended => break,
                None => self.changed.wait(way).unwrap_or_else(PoisonError::into_inner),
            };
        }
        unless_done.is_done = true;
    }

    /// The right to fetch a piece, where there is room for one and no other thread has it.
    fn fetch(&self, way: &Way<P>) -> Option<Task<'_, P>> {
        let has_room = way.seen.len() + way.fetched.len() < self.max_ahead;
        if way.has_ended || !has_room {
            return None;
        }
        // Never waited for: who has it may be waiting for the pieces under way.
        self.source.try_lock().ok().map(Task::Fetch)
    }

    fn work(&self, task: Task<'_, P>, looker: &mut P::Looker) {
        match task {
            Task::Fetch(mut source) => {
                let piece = self.pieces.fetch(&mut source);
                let mut way = self.way();
                match piece {
                    Some(piece) => way.fetched.push_back(piece),
                    None => way.has_ended = true,
                }
                // Another thread may fetch the next one as soon as this one counts.
                drop(way);
                drop(source);
            }
            Task::Look { number, piece } => {
                let seen = self.pieces.look(looker, piece);
                let mut way = self.way();
                let at = number.checked_sub(way.n_given);
                if let Some(slot) = at.and_then(|at| way.seen.get_mut(at)) {
                    *slot = Some(seen);
                }
            }
        }
        self.changed.notify_all();
    }

    fn end(&self, is_broken: bool) {
        let mut way = self.way();
        way.has_ended = true;
        way.is_broken |= is_broken;
        drop(way);
        self.changed.notify_all();
    }
}

/// Nobody waits for a thread that broke down.
struct EndsIfBroken<'a, 'p, P: Pieces> {
    shared: &'a Shared<'p, P>,
    is_done: bool,
}

impl<P: Pieces> Drop for EndsIfBroken<'_, '_, P> {
    fn drop(&mut self) {
        if !self.is_done {
            self.shared.end(true);
        }
    }
}

#[cfg(test)]
mod tests;
