//! Room for pictures that are still to be drawn: reserved before they are paid for, held until they are stored.

use std::io;
use std::sync::{MutexGuard, PoisonError};

use super::{ImageName, ImageStore, no_room};
use crate::disk::Reserved;

/// What a picture may take, as far as can be said before it is drawn.
pub(super) const USUAL_BYTES: u64 = 4 << 20;

/// Room for one picture, until it is stored or this is dropped.
#[derive(Debug)]
#[must_use]
pub(in crate::content) struct Room {
    store: ImageStore,
    _disk: Reserved,
}

impl ImageStore {
    /// Reserves room for so many pictures of the usual size, on the disk and within `IMAGE_MAX_GB`: for all of them or
    /// for none. Removes nothing.
    ///
    /// # Errors
    /// As [`ImageStore::put`].
    pub(in crate::content) fn reserve(&self, n_pictures: usize) -> io::Result<Vec<Room>> {
        // Held to the end: of two that look at the same moment, both would find the last room free.
        let mut promised = self.promised();
        let more_bytes = (n_pictures as u64).saturating_mul(USUAL_BYTES);
        self.check_total(promised.saturating_add(more_bytes))?;
        let disk = (0..n_pictures).map(|_| self.disk.reserve(&self.dir, USUAL_BYTES));
        let disk: Vec<_> = disk.collect::<Result<_, _>>().map_err(no_room)?;
        *promised = promised.saturating_add(more_bytes);
        drop(promised);
        Ok(disk.into_iter().map(|disk| Room { store: self.clone(), _disk: disk }).collect())
    }

    /// The bytes within `IMAGE_MAX_GB` that pictures may take which are being drawn.
    pub(super) fn promised(&self) -> MutexGuard<'_, u64> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Stores the picture that the room was reserved for, as [`ImageStore::put`] does. A larger one than is usual needs
    /// further room.
    ///
    /// # Errors
    /// As [`ImageStore::put`].
    pub(in crate::content) fn put(self, bytes: &[u8]) -> io::Result<ImageName> {
        self.store.put_into(bytes, Some(&self))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut promised = self.store.promised();
        *promised = promised.saturating_sub(USUAL_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::content::ImageRules;
    use crate::disk::Keeper;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    #[test]
    fn room_is_held_for_a_picture_until_it_is_stored_or_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let rules = ImageRules { max_total_bytes: Some(2 * USUAL_BYTES), ..ImageRules::default() };
        let store = ImageStore::with_rules(dir.path(), rules, Keeper::new(0));
        let full = |n| store.reserve(n).unwrap_err().kind();
        assert_eq!(full(3), io::ErrorKind::StorageFull);
        let [first, second] = store.reserve(2).unwrap().try_into().unwrap();
        assert_eq!(full(1), io::ErrorKind::StorageFull, "both are being drawn");
        assert_eq!(store.put(&[PNG, b"2"].concat()).unwrap_err().kind(), io::ErrorKind::StorageFull);
        drop(second);
        let third = store.reserve(1).unwrap().pop().unwrap();
        let name = first.put(PNG).unwrap();
        assert_eq!(full(1), io::ErrorKind::StorageFull, "one is stored, and one is being drawn");
        third.put(&[PNG, b"3"].concat()).unwrap();
        let file = File::options().write(true).open(dir.path().join(name.as_str())).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(2 * 86_400)).unwrap();
        assert_eq!(full(2), io::ErrorKind::StorageFull, "one was drawn today");
        drop(store.reserve(1).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "looking removes nothing");
    }
}
