//! Removing old pictures, where a limit of age or size is set.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{ImageName, ImageStore, durable};
use crate::config::Reader;

/// A picture younger than this is never removed for others: a flood of pictures costs nobody those of today.
const MIN_AGE: Duration = Duration::from_secs(86_400);

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
}

impl ImageStore {
    /// Removes pictures that are older than they may be at `now`, and says how many.
    ///
    /// # Errors
    /// When the folder exists and cannot be listed.
    pub fn expire(&self, now: SystemTime) -> io::Result<usize> {
        let Some(keep_for) = self.rules.keep_for else { return Ok(0) };
        let is_old = |stored: &Stored| durable::kept_age(&stored.path, stored.drawn_at, now) > keep_for;
        let old: Vec<_> = self.stored()?.into_iter().filter(is_old).collect();
        Ok(old.iter().filter(|stored| remove(stored, "older than IMAGE_KEEP_DAYS")).count())
    }

    /// Finds out whether `size_bytes` more may be stored by now, in place of pictures that may make room. Removes
    /// nothing.
    ///
    /// # Errors
    /// As [`ImageStore::make_room`].
    pub(super) fn check_total(&self, size_bytes: u64) -> io::Result<()> {
        let Some(max_bytes) = self.rules.max_total_bytes else { return Ok(()) };
        let now = SystemTime::now();
        let mut young = self.stored()?;
        young.retain(|stored| durable::age(stored.drawn_at, now) < MIN_AGE);
        if total_with(&young, size_bytes) > max_bytes { Err(too_many_young()) } else { Ok(()) }
    }

    /// Removes the oldest pictures until `size_bytes` more may be stored.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] when those of the last day alone leave no room; else as [`ImageStore::expire`].
    pub(super) fn make_room(&self, size_bytes: u64, now: SystemTime) -> io::Result<()> {
        let Some(max_bytes) = self.rules.max_total_bytes else { return Ok(()) };
        let mut stored = self.stored()?;
        stored.sort_by_key(|stored| Reverse(durable::age(stored.drawn_at, now)));
        let mut total_bytes = total_with(&stored, size_bytes);
        for oldest in stored {
            if total_bytes <= max_bytes {
                break;
            }
            let is_young = durable::age(oldest.drawn_at, now) < MIN_AGE;
            if is_young || !remove(&oldest, "more than IMAGE_MAX_GB together") {
                break;
            }
            total_bytes = total_bytes.saturating_sub(oldest.size_bytes);
        }
        if total_bytes > max_bytes { Err(too_many_young()) } else { Ok(()) }
    }

    /// Every file that is named as a stored picture is.
    fn stored(&self) -> io::Result<Vec<Stored>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let stored = |entry: fs::DirEntry| {
            let name: ImageName = entry.file_name().to_str()?.parse().ok()?;
            // A folder or a link is not ours; one that another process has just removed is gone.
            let file = entry.metadata().ok().filter(|file| file.is_file() && !name.is_poster())?;
            Some(Stored { path: entry.path(), drawn_at: file.modified().ok()?, size_bytes: file.len() })
        };
        Ok(entries.flatten().filter_map(stored).collect())
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
