//! One writer at a time, across processes.
//!
//! The locks are the system's own (`flock`), so that they end with their process whatever ends it. The writer's is
//! held from before the first file is read until a version is published and its uploads are put away: minutes. The
//! links' is held for the moments in which `current` is replaced or a version taken away, so that rolling back never
//! waits for a training. A third is held while a version comes from another store, a fourth while the file of what
//! marketers add is changed. Each is waited for until a deadline.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::disk::create_folder;
use super::{ModelStore, StoreError};
use crate::durable;

const WRITER: &str = ".writer.lock";
const LINKS: &str = ".links.lock";
const PULLS: &str = ".pulls.lock";
/// Held while the file of what marketers add is read, changed and written: two servers may share the folder.
const EXTRAS: &str = ".extras.lock";
/// How much of the holder's own words is believed, in bytes.
const MAX_HOLDER_BYTES: u64 = 100;

/// How long a holder that was killed may keep the lock: what it was about to start holds its files until it has begun.
const LEFT_BEHIND: Duration = Duration::from_secs(2);
/// How long the writer's lock is waited for where a process holds it that runs: an upload is removed under it, in
/// milliseconds.
const WAIT_FOR_REMOVAL: Duration = Duration::from_millis(500);
/// How long a lock is waited for that is held for moments.
const WAIT_FOR_MOMENTS: Duration = Duration::from_secs(20);
/// The same for one that is held while a version is downloaded.
const WAIT_FOR_PULLS: Duration = Duration::from_secs(120);
/// The same for the writer's lock. Before a first training has ended there is no model, so it is worth waiting for.
const WAIT_FOR_TRAINING: Duration = Duration::from_secs(3_600);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The right to write versions, held until it is dropped.
#[derive(Debug)]
pub struct WriterLock {
    _held: Held,
}

/// A lock that ends when it is dropped. Unlocked in so many words: a child that is being started holds every open file
/// of its parent for a moment, and would hold the lock with it.
#[derive(Debug)]
pub(super) struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // If that fails, the lock ends with the file.
        let _ = self.0.unlock();
    }
}

impl ModelStore {
    /// Takes the writer's lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`] naming who holds it, [`StoreError::Write`] when the lock file cannot be made.
    pub fn lock(&self) -> Result<WriterLock, StoreError> {
        let failed = |source| StoreError::Write { path: self.dir().join(WRITER), source };
        let started = Instant::now();
        loop {
            let mut file = self.open_lock(WRITER)?;
            match file.try_lock() {
                Ok(()) => {
                    let holder = format!("process {} since {:.0}", std::process::id(), Timestamp::now());
                    let mut held = Held(file);
                    held.0.set_len(0).and_then(|()| held.0.write_all(holder.as_bytes())).map_err(failed)?;
                    return Ok(WriterLock { _held: held });
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = holder_of(&mut file);
                    let limit = if is_gone(&holder) { LEFT_BEHIND } else { WAIT_FOR_REMOVAL };
                    if started.elapsed() >= limit {
                        return Err(StoreError::Locked { dir: self.dir().to_owned(), holder });
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }

    /// Waits until nobody holds the writer's lock, for as long as a training may take.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when it is still held then; [`StoreError::Write`] when the lock file cannot be made.
    pub fn wait_for_writer(&self) -> Result<(), StoreError> {
        self.wait_for_writer_within(WAIT_FOR_TRAINING)
    }

    fn wait_for_writer_within(&self, limit: Duration) -> Result<(), StoreError> {
        let mut file = self.open_lock(WRITER)?;
        match durable::lock_within(&file, limit) {
            Ok(()) => drop(Held(file)),
            Err(late) if late.kind() == io::ErrorKind::TimedOut => {
                return Err(StoreError::Locked { dir: self.dir().to_owned(), holder: holder_of(&mut file) });
            }
            Err(source) => return Err(StoreError::Write { path: self.dir().join(WRITER), source }),
        }
        Ok(())
    }

    /// Waits until no other process takes a version in, for a while.
    pub(super) fn lock_pulls(&self) -> Result<Held, StoreError> {
        self.lock_within(PULLS, WAIT_FOR_PULLS)
    }

    /// Waits for the links' lock, for a while.
    pub(super) fn lock_links(&self) -> Result<Held, StoreError> {
        self.lock_within(LINKS, WAIT_FOR_MOMENTS)
    }

    /// Waits for the lock of what marketers add, for a while.
    pub(super) fn lock_extras(&self) -> Result<Held, StoreError> {
        self.lock_within(EXTRAS, WAIT_FOR_MOMENTS)
    }

    /// Takes a lock once nobody else holds it, within `limit`.
    fn lock_within(&self, name: &str, limit: Duration) -> Result<Held, StoreError> {
        let file = self.open_lock(name)?;
        let locked = durable::lock_within(&file, limit);
        locked.map_err(|source| StoreError::Write { path: self.dir().join(name), source })?;
        Ok(Held(file))
    }

    fn open_lock(&self, name: &str) -> Result<File, StoreError> {
        create_folder(self.dir())?;
        let path = self.dir().join(name);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        open.map_err(|source| StoreError::Write { path, source })
    }
}

/// Whether the holder's own words name a process that does not exist.
fn is_gone(holder: &str) -> bool {
    let pid = holder.strip_prefix("process ").and_then(|rest| rest.split(' ').next());
    let pid = pid.and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// What the holder wrote of itself, printable letters alone.
fn holder_of(file: &mut File) -> String {
    let mut text = String::new();
    // It may be about to write: the sentence is then less exact, and nothing else.
    let _ = file.take(MAX_HOLDER_BYTES).read_to_string(&mut text);
    text.retain(|c| c.is_ascii_graphic() || c == ' ');
    if text.is_empty() { "another process".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than any system numbers its processes.
    const NOBODY: u32 = 2_000_000_000;

    /// A store whose lock is held by the process `holder`.
    fn held_by(holder: u32) -> (tempfile::TempDir, ModelStore, Held) {
        let dir = tempfile::tempdir().unwrap();
        let store = ModelStore::new(dir.path());
        let mut held = Held(store.open_lock(WRITER).unwrap());
        held.0.lock().unwrap();
        write!(held.0, "process {holder} since 2026-01-01T00:00:00Z").unwrap();
        (dir, store, held)
    }

    #[test]
    fn what_a_killed_holder_leaves_behind_is_waited_for() {
        let (_dir, store, held) = held_by(NOBODY);
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| store.lock());
            std::thread::sleep(5 * LOOK_EVERY);
            drop(held);
            assert!(waiting.join().unwrap().is_ok());
        });
    }

    #[test]
    fn a_lock_that_is_held_for_too_long_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = ModelStore::new(dir.path());
        let held = [store.lock_pulls().unwrap(), store.lock_extras().unwrap()];
        for name in [PULLS, EXTRAS] {
            let refused = store.lock_within(name, Duration::from_millis(1)).unwrap_err();
            let text = crate::causes::with_causes(&refused);
            assert!(text.contains(name) && text.contains("another process has held the lock"), "{text}");
        }
        drop(held);
        assert!(store.lock_within(PULLS, Duration::ZERO).is_ok() && store.lock_extras().is_ok());
    }

    #[test]
    fn a_training_that_does_not_end_is_waited_for_until_a_deadline_and_named() {
        let (_dir, store, held) = held_by(std::process::id());
        let late = store.wait_for_writer_within(Duration::from_millis(1)).unwrap_err();
        let holder = format!("process {} since", std::process::id());
        assert!(matches!(&late, StoreError::Locked { holder: named, .. } if named.starts_with(&holder)), "{late}");
        drop(held);
        store.wait_for_writer_within(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_holder_that_lives_is_named() {
        let (_dir, store, _held) = held_by(std::process::id());
        let refused = store.lock().unwrap_err();
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    }
}
