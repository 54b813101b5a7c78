//! Removing old pictures, where a limit of age or size is set.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::{ImageName, ImageStore, durable};
use crate::config::Reader;

/// A picture younger than this is never removed for others: a flood of pictures costs nobody those of today.
const MIN_AGE: Duration = Duration::from_secs(86_400);

/// How long what the folder holds is not looked for again: a folder may hold many thousands of pictures.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How old a file is that was being written when its process was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(3_600);

/// What bounds the stored pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImageRules {
    /// `IMAGE_KEEP_DAYS`, how long a picture is kept since it was last drawn; without it, forever.
    pub keep_for: Option<Duration>,
    /// `IMAGE_MAX_GB`, what all of them may hold together, beyond which the oldest are removed; no limit without it.
    pub max_total_bytes: Option<u64>,
}

impl ImageRules {
    /// Reads the rules from the settings.
    pub fn read(read: &mut Reader<'_>) -> Self {
        Self {
            keep_for: read.limit_of_days("IMAGE_KEEP_DAYS"),
            max_total_bytes: read.limit_of_gigabytes("IMAGE_MAX_GB"),
        }
    }
}

/// A stored picture.
struct Stored {
    path: PathBuf,
    drawn_at: SystemTime,
    size_bytes: u64,
    /// Whether another machine has drawn it. A copy makes room however young it is.
    is_copy: bool,
}

impl Stored {
    fn makes_room(&self, now: SystemTime) -> bool {
        self.is_copy || durable::age(self.drawn_at, now) >= MIN_AGE
    }
}

/// What the stored pictures hold, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    looked_at: Instant,
    of_all: u64,
    /// Those of the last day, which make no room for others.
    of_young: u64,
}

impl ImageStore {
    /// Removes pictures that are older than they may be at `now`, and says how many. Removes as well what processes
    /// that were killed had written of pictures.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn expire(&self, now: SystemTime) -> io::Result<usize> {
        self.remove_abandoned(now)?;
        let Some(keep_for) = self.rules.keep_for else { return Ok(0) };
        let is_old = |stored: &Stored| durable::kept_age(&stored.path, stored.drawn_at, now) > keep_for;
        let old: Vec<_> = self.stored()?.into_iter().filter(is_old).collect();
        let n_removed = old.iter().filter(|stored| remove(stored, "older than IMAGE_KEEP_DAYS")).count();
        self.look_again();
        Ok(n_removed)
    }

    fn remove_abandoned(&self, now: SystemTime) -> io::Result<()> {
        for entry in self.entries()?.into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_staged = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".part"));
            let written_at = || entry.metadata().and_then(|file| file.modified());
            if is_staged && written_at().is_ok_and(|at| durable::age(at, now) > ABANDONED_AFTER) {
                // One that cannot be removed is found again.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Finds out whether `size_bytes` more may be stored by now, in place of pictures that may make room. Removes
    /// nothing.
    ///
    /// # Errors
    /// As [`ImageStore::make_room`].
    pub(super) fn check_total(&self, size_bytes: u64) -> io::Result<()> {
        let Some(max_bytes) = self.rules.max_total_bytes else { return Ok(()) };
        let young_bytes = self.look()?.of_young;
        if young_bytes.saturating_add(size_bytes) > max_bytes { Err(too_many_young()) } else { Ok(()) }
    }

    /// What the stored pictures hold, as of a moment ago.
    fn look(&self) -> io::Result<Sums> {
        // Held while the folder is listed: many that ask at once need one look. All of them are on blocking threads.
        let mut known = self.sums();
        if let Some(sums) = known.filter(|sums| sums.looked_at.elapsed() < LOOK_EVERY) {
            return Ok(sums);
        }
        let (stored, now) = (self.stored()?, SystemTime::now());
        let is_young = |stored: &&Stored| !stored.makes_room(now);
        let of_young = stored.iter().filter(is_young).fold(0, |sum: u64, one| sum.saturating_add(one.size_bytes));
        let sums = Sums { looked_at: Instant::now(), of_all: total_with(&stored, 0), of_young };
        *known = Some(sums);
        Ok(sums)
    }

    /// Counts a picture that was stored, until the folder is looked at again.
    pub(super) fn count(&self, size_bytes: u64, is_young: bool) {
        if let Some(sums) = self.sums().as_mut() {
            sums.of_all = sums.of_all.saturating_add(size_bytes);
            sums.of_young = sums.of_young.saturating_add(if is_young { size_bytes } else { 0 });
        }
    }

    /// Forgets what the folder held: something was removed.
    pub(super) fn look_again(&self) {
        *self.sums() = None;
    }

    fn sums(&self) -> MutexGuard<'_, Option<Sums>> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the oldest pictures until `size_bytes` more may be stored.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] when those of the last day alone leave no room; else as [`ImageStore::expire`].
    pub(super) fn make_room(&self, size_bytes: u64, now: SystemTime) -> io::Result<()> {
        let Some(max_bytes) = self.rules.max_total_bytes else { return Ok(()) };
        if self.look()?.of_all.saturating_add(size_bytes) <= max_bytes {
            return Ok(());
        }
        let mut stored = self.stored()?;
        let mut total_bytes = total_with(&stored, size_bytes);
        stored.retain(|stored| stored.makes_room(now));
        stored.sort_by_key(|stored| Reverse(durable::age(stored.drawn_at, now)));
        for oldest in stored {
            if total_bytes <= max_bytes || !remove(&oldest, "more than IMAGE_MAX_GB together") {
                break;
            }
            total_bytes = total_bytes.saturating_sub(oldest.size_bytes);
        }
        self.look_again();
        if total_bytes > max_bytes { Err(too_many_young()) } else { Ok(()) }
    }

    /// Every file that is named as a stored picture is.
    fn stored(&self) -> io::Result<Vec<Stored>> {
        let stored = |entry: fs::DirEntry| {
            let name: ImageName = entry.file_name().to_str()?.parse().ok()?;
            // A folder or a link is not ours; one that another process has just removed is gone.
            let file = entry.metadata().ok().filter(|file| file.is_file() && !name.is_poster())?;
            let (drawn_at, is_copy) = (file.modified().ok()?, file.permissions().readonly());
            Some(Stored { path: entry.path(), drawn_at, size_bytes: file.len(), is_copy })
        };
        Ok(self.entries()?.into_iter().flatten().flatten().filter_map(stored).collect())
    }

    /// What is in the folder, if there is one.
    fn entries(&self) -> io::Result<Option<fs::ReadDir>> {
        match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            entries => entries.map(Some),
        }
    }
}

fn total_with(stored: &[Stored], size_bytes: u64) -> u64 {
    stored.iter().fold(size_bytes, |sum, stored| sum.saturating_add(stored.size_bytes))
}

fn too_many_young() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the pictures of the last day hold as much as all may")
}

/// Whether the picture is gone; says so in the log.
fn remove(stored: &Stored, why: &'static str) -> bool {
    let file = stored.path.file_name().unwrap_or_default().to_string_lossy();
    match fs::remove_file(&stored.path) {
        Ok(()) => {
            tracing::info!(
                event = "picture_expired",
                file = &*file,
                size_bytes = stored.size_bytes,
                why,
                "an old picture was removed"
            );
            true
        }
        Err(error) => {
            tracing::warn!(event = "picture_expiry_failed", file = &*file, %error, "an old picture cannot be removed");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::*;
    use crate::disk::Keeper;

    fn store(dir: &Path, rules: ImageRules) -> ImageStore {
        ImageStore::with_rules(dir, rules, Keeper::new(0))
    }

    fn png(n: u8) -> Vec<u8> {
        [b"\x89PNG\r\n\x1a\n".as_slice(), &[n; 92]].concat()
    }

    fn set_age(store: &ImageStore, name: &ImageName, days: u64) {
        let file = File::options().write(true).open(store.dir.join(name.as_str())).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
    }

    #[test]
    fn pictures_that_were_drawn_too_long_ago_are_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let rules = ImageRules { keep_for: Some(Duration::from_secs(30 * 86_400)), ..ImageRules::default() };
        let store = store(dir.path(), rules);
        let [old, new, again] = [1, 2, 3].map(|n| store.put(&png(n)).unwrap());
        store.name_poster(b"a slogan").unwrap();
        fs::write(dir.path().join("theirs.png"), "x").unwrap();
        for name in [&old, &again] {
            set_age(&store, name, 31);
        }
        store.put(&png(3)).unwrap();
        assert_eq!(store.expire(SystemTime::now()).unwrap(), 1);
        assert!(store.open(&old).unwrap().is_none());
        assert!(store.open(&new).unwrap().is_some() && store.open(&again).unwrap().is_some());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
    }

    #[test]
    fn what_a_killed_process_had_written_of_a_picture_is_removed_after_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), ImageRules::default());
        store.put(&png(1)).unwrap();
        let now = SystemTime::now();
        for (name, minutes) in [(".a.part", 61), (".b.part", 59), ("theirs.part", 61)] {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_modified(now - Duration::from_secs(minutes * 60)).unwrap();
        }
        assert_eq!(store.expire(now).unwrap(), 0);
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        left.sort_unstable();
        assert!(left.len() == 3 && left.contains(&".b.part".into()) && left.contains(&"theirs.part".into()));
    }

    #[test]
    fn a_picture_counts_at_once_though_the_folder_was_looked_at_before() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), ImageRules { max_total_bytes: Some(250), ..ImageRules::default() });
        store.check_total(250).unwrap();
        store.put(&png(1)).unwrap();
        store.check_total(150).unwrap();
        store.put(&png(2)).unwrap();
        assert!(store.check_total(51).is_err());
    }

    #[test]
    fn the_oldest_make_room_and_those_of_today_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), ImageRules { max_total_bytes: Some(250), ..ImageRules::default() });
        let [first, second] = [1, 2].map(|n| store.put(&png(n)).unwrap());
        assert_eq!(store.put(&png(3)).unwrap_err().kind(), io::ErrorKind::StorageFull);
        set_age(&store, &first, 2);
        let third = store.put(&png(3)).unwrap();
        assert!(store.open(&first).unwrap().is_none());
        assert!(store.open(&second).unwrap().is_some() && store.open(&third).unwrap().is_some());
    }

    #[test]
    fn a_picture_of_days_to_come_makes_room_and_goes_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let keep_for = Some(Duration::from_secs(30 * 86_400));
        let store = store(dir.path(), ImageRules { keep_for, max_total_bytes: Some(250) });
        let [first, second] = [1, 2].map(|n| store.put(&png(n)).unwrap());
        let now = SystemTime::now();
        let days = |n: u64| Duration::from_secs(n * 86_400 + 60);
        for name in [&first, &second] {
            let file = File::options().write(true).open(store.dir.join(name.as_str())).unwrap();
            file.set_modified(now + days(2_000)).unwrap();
        }
        let third = store.put(&png(3)).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "one of them made room");
        assert_eq!(store.expire(now).unwrap(), 0, "the wrong clock may be this one");
        assert_eq!(store.expire(now + days(29)).unwrap(), 1);
        assert!(store.open(&third).unwrap().is_some());
    }
}
