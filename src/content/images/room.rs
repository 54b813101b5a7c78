//! Room for pictures that are still to be drawn: reserved before they are paid for, held until they are stored.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::gallery::Shared;
use super::{ImageName, ImageStore, USUAL_BYTES, no_room};
use crate::content::Turn;
use crate::disk::Reserved;

/// Room for one picture, until it is stored or this is dropped.
#[derive(Debug)]
#[must_use]
pub(in crate::content) struct Room {
    store: ImageStore,
    _promised: Promise,
    _disk: Reserved,
    /// The client's turn, which bounds how much room it holds.
    _turn: Option<Turn>,
}

/// Bytes within `IMAGE_MAX_GB` for one picture of the usual size, until this is dropped.
#[derive(Debug)]
struct Promise(Arc<AtomicU64>);

impl Promise {
    /// One more, and what is promised with it.
    fn more(promised: &Arc<AtomicU64>) -> (Self, u64) {
        let before = promised.fetch_add(USUAL_BYTES, Ordering::Relaxed);
        (Self(promised.clone()), before.saturating_add(USUAL_BYTES))
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.0.fetch_sub(USUAL_BYTES, Ordering::Relaxed);
    }
}

impl ImageStore {
    /// Finds out whether so many pictures of the usual size could be stored by now, and shared. Reserves nothing.
    ///
    /// # Errors
    /// As [`ImageStore::put`].
    pub(in crate::content) fn check_room(&self, n_pictures: usize) -> io::Result<()> {
        self.shared.as_ref().map_or(Ok(()), Shared::check)?;
        let more_bytes = (n_pictures as u64).saturating_mul(USUAL_BYTES);
        self.check_total(self.promised_bytes().saturating_add(more_bytes))?;
        self.disk.check(&self.dir, more_bytes).map_err(no_room)
    }

    /// Reserves room for one picture of the usual size, on the disk and within `IMAGE_MAX_GB`; `turn` is held as long.
    /// Pictures that are being drawn leave half of the room on the disk to other writers. Finds out as well whether the
    /// folder takes a file: where it may not be written there is room that nobody can use. Removes nothing.
    ///
    /// # Errors
    /// As [`ImageStore::put`].
    pub(in crate::content) fn reserve(&self, turn: Option<Turn>) -> io::Result<Room> {
        // Promised before it is looked for: of two that look at the same moment, only one finds the last room free.
        let (promise, promised_bytes) = Promise::more(&self.promised);
        self.check_total(promised_bytes)?;
        self.disk.check(&self.dir, promised_bytes).map_err(no_room)?;
        let disk = self.disk.reserve(&self.dir, USUAL_BYTES).map_err(no_room)?;
        self.try_folder()?;
        Ok(Room { store: self.clone(), _promised: promise, _disk: disk, _turn: turn })
    }

    /// Makes a file in the folder and takes it away.
    fn try_folder(&self) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let tried = self.dir.join(format!(".{}.part", Uuid::new_v4()));
        File::create_new(&tried).and_then(|_| fs::remove_file(&tried))
    }

    /// The bytes within `IMAGE_MAX_GB` that pictures may take which are being drawn.
    pub(super) fn promised_bytes(&self) -> u64 {
        self.promised.load(Ordering::Relaxed)
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::content::ImageRules;
    use crate::disk::Keeper;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    #[test]
    fn pictures_that_are_being_drawn_leave_half_of_the_disk_s_room_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let free_bytes = crate::disk::free_bytes(dir.path()).unwrap();
        let room_bytes = (free_bytes / 2).min(1 << 30);
        let disk = Keeper::new(free_bytes - room_bytes);
        let store = ImageStore::with_rules(dir.path(), ImageRules::default(), disk.clone());
        let rooms: Vec<_> = std::iter::from_fn(|| store.reserve(None).ok()).collect();
        let held_bytes = rooms.len() as u64 * USUAL_BYTES;
        // Other tests write as well.
        assert!((room_bytes / 4..=room_bytes / 2).contains(&held_bytes), "{held_bytes} of {room_bytes}");
        drop(disk.reserve(dir.path(), room_bytes / 4).unwrap());
    }

    #[test]
    fn room_is_held_for_a_picture_until_it_is_stored_or_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let rules = ImageRules { max_total_bytes: Some(2 * USUAL_BYTES), ..ImageRules::default() };
        let store = ImageStore::with_rules(dir.path(), rules, Keeper::new(0));
        let full = |n| store.check_room(n).unwrap_err().kind();
        assert_eq!(full(3), io::ErrorKind::StorageFull);
        store.check_room(2).unwrap();
        let [first, second] = [(); 2].map(|()| store.reserve(None).unwrap());
        let refused = store.reserve(None).unwrap_err().kind();
        assert_eq!(
            (refused, full(1)),
            (io::ErrorKind::StorageFull, io::ErrorKind::StorageFull),
            "both are being drawn"
        );
        assert_eq!(store.put(&[PNG, b"2"].concat()).unwrap_err().kind(), io::ErrorKind::StorageFull);
        drop(second);
        let third = store.reserve(None).unwrap();
        let name = first.put(PNG).unwrap();
        assert_eq!(full(1), io::ErrorKind::StorageFull, "one is stored, and one is being drawn");
        third.put(&[PNG, b"3"].concat()).unwrap();
        let file = File::options().write(true).open(dir.path().join(name.as_str())).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(2 * 86_400)).unwrap();
        store.look_again();
        assert_eq!(full(2), io::ErrorKind::StorageFull, "one was drawn today");
        drop(store.reserve(None).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "looking removes nothing");
    }
}
