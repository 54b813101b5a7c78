//! Pictures on disk, each under the hash of its bytes, and the names of posters, which are drawn when they are asked
//! for.
//!
//! A name identifies its picture for good: the bytes never change, and a poster's name says what it shows. Only names
//! of these shapes are joined to the folder, so no name is a path. A poster's name is signed with a key in the folder,
//! so that nobody can have this service draw what it did not write. Blocking; knows no HTTP and no writer.

mod expiry;
mod gallery;
mod name;
mod room;

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use uuid::Uuid;

use crate::disk::{DiskError, Keeper};
use crate::durable;

pub use expiry::ImageRules;
use expiry::Sums;
pub use gallery::Gallery;
use gallery::Shared;
pub(super) use name::{ImageKind, MAX_POSTER_BYTES};
pub use name::{ImageName, NotAnImageName};
pub(super) use room::Room;

/// The file of the key that signs posters' names.
const KEY: &str = ".posters.key";
const KEY_BYTES: usize = 32;

/// What a picture may take, as far as can be said before it is drawn.
const USUAL_BYTES: u64 = 4 << 20;

/// A copy of another machine's picture has none of these bits in its mode: so it is told from pictures that were drawn
/// here, which it makes room for.
const MAY_BE_WRITTEN: u32 = 0o222;

/// A folder of pictures.
#[derive(Debug, Clone)]
pub struct ImageStore {
    dir: PathBuf,
    rules: ImageRules,
    disk: Keeper,
    /// What the pictures may take that are being drawn, in bytes.
    promised: Arc<AtomicU64>,
    /// What the stored ones hold, as far as it was looked for.
    sums: Arc<Mutex<Option<Sums>>>,
    /// Where other machines find the pictures; `None` where this one is alone.
    shared: Option<Shared>,
}

/// Where a picture that is stored comes from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// It was drawn here, perhaps into room that was reserved for it.
    Drawn(Option<&'a Room>),
    /// Another machine has drawn it: this is a copy.
    Fetched,
}

impl ImageStore {
    /// The store in `dir`, which is made when the first picture is.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::with_rules(dir, ImageRules::default(), Keeper::new(0))
    }

    /// The same, with limits.
    pub fn with_rules(dir: impl Into<PathBuf>, rules: ImageRules, disk: Keeper) -> Self {
        Self { dir: dir.into(), rules, disk, promised: Arc::default(), sums: Arc::default(), shared: None }
    }

    /// Reserves room with this keeper from here on.
    pub(super) fn share_disk(&mut self, disk: Keeper) {
        self.disk = disk;
    }

    /// Stores a picture, once however often it is put, and gives its name. It is whole and synced before it shows under
    /// that name.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where the first bytes are no PNG's, JPEG's or WebP's;
    /// [`io::ErrorKind::StorageFull`] where too little would stay free, or where the pictures of the last day alone
    /// hold as much as all may; else what the disk says.
    pub fn put(&self, bytes: &[u8]) -> io::Result<ImageName> {
        self.put_into(bytes, None)
    }

    /// The same, into the room that was reserved for it, if any was.
    fn put_into(&self, bytes: &[u8], room: Option<&Room>) -> io::Result<ImageName> {
        let not_a_picture = || io::Error::new(io::ErrorKind::InvalidData, "neither PNG nor JPEG nor WebP");
        let name = ImageName::of_bytes(bytes, ImageKind::of(bytes).ok_or_else(not_a_picture)?);
        if let Some(shared) = &self.shared {
            shared.put(&name, bytes)?;
        }
        if let Some(file) = self.open(&name)? {
            // Its age begins anew, and it is no copy any more. On a disk that cannot be written it stays as it was.
            let _ = file.set_modified(SystemTime::now()).and_then(|()| mark(&file, false));
            return Ok(name);
        }
        self.write(&name, bytes, Origin::Drawn(room))?;
        Ok(name)
    }

    fn write(&self, name: &ImageName, bytes: &[u8], origin: Origin<'_>) -> io::Result<()> {
        let (room, is_young) = match origin {
            Origin::Drawn(room) => (room, true),
            Origin::Fetched => (None, false),
        };
        let size_bytes = bytes.len() as u64;
        let (reserved_bytes, promised_bytes) =
            if room.is_some() { (USUAL_BYTES, 0) } else { (0, self.promised_bytes()) };
        let more_bytes = size_bytes.saturating_sub(reserved_bytes);
        let more = (more_bytes > 0).then(|| self.disk.reserve(&self.dir, more_bytes));
        let _more = more.transpose().map_err(no_room)?;
        // One without room of its own leaves room for those that were paid for.
        self.make_room(size_bytes.saturating_add(promised_bytes), SystemTime::now())?;
        fs::create_dir_all(&self.dir)?;
        let staged = self.dir.join(format!(".{}.part", Uuid::new_v4()));
        let path = self.dir.join(name.as_str());
        durable::write(&path, &staged, bytes)?;
        if !is_young {
            mark(&durable::open_regular(&path)?, true)?;
        }
        self.count(size_bytes, is_young);
        Ok(())
    }

    /// A picture of the folder, to be read; `None` where there is none of that name. One that the folder
    /// [lacks](ImageStore::lacks) is fetched before.
    ///
    /// # Errors
    /// What the disk says, other than that there is no such file.
    pub fn open(&self, name: &ImageName) -> io::Result<Option<File>> {
        if name.is_poster() {
            return Ok(None);
        }
        match durable::open_regular(&self.dir.join(name.as_str())) {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The name of a poster by its description, of at most [`MAX_POSTER_BYTES`].
    ///
    /// # Errors
    /// When the key is not there and cannot be made, or cannot be read.
    pub(super) fn name_poster(&self, description: &[u8]) -> io::Result<ImageName> {
        let own = || match self.own_key()? {
            Some(key) => Ok(key),
            None => self.make_key(),
        };
        let key = match &self.shared {
            Some(shared) => shared.key(own)?,
            None => own()?,
        };
        Ok(ImageName::of_poster(description, &key))
    }

    /// The description of a poster; `None` for a name that this service did not give, and before a key that machines
    /// share was [fetched](ImageStore::fetch).
    ///
    /// # Errors
    /// When the key cannot be read.
    pub(super) fn poster(&self, name: &ImageName) -> io::Result<Option<Vec<u8>>> {
        let key = match &self.shared {
            Some(shared) => shared.known_key(),
            None => self.own_key()?,
        };
        Ok(key.and_then(|key| name.poster(&key)))
    }

    fn own_key(&self) -> io::Result<Option<[u8; KEY_BYTES]>> {
        let mut key = [0; KEY_BYTES];
        match durable::open_regular(&self.dir.join(KEY)).and_then(|mut file| file.read_exact(&mut key)) {
            Ok(()) => Ok(Some(key)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// Marks a picture as a copy, or as drawn here.
fn mark(file: &File, is_copy: bool) -> io::Result<()> {
    let mode = file.metadata()?.permissions().mode();
    let own = mode | (MAY_BE_WRITTEN & 0o200);
    file.set_permissions(Permissions::from_mode(if is_copy { mode & !MAY_BE_WRITTEN } else { own }))
}

fn no_room(error: DiskError) -> io::Error {
    match error {
        DiskError::Unknown(cause) => cause,
        no_room => io::Error::new(io::ErrorKind::StorageFull, no_room),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn read(store: &ImageStore, name: &ImageName) -> Option<Vec<u8>> {
        if store.lacks(name)
            && let Some(bytes) = store.fetch(name).unwrap()
        {
            return Some(bytes);
        }
        let mut bytes = Vec::new();
        store.open(name).unwrap()?.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    #[test]
    fn the_same_picture_is_stored_once_under_the_hash_of_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::new(dir.path().join("made/when/needed"));
        let name = store.put(PNG).unwrap();
        assert_eq!(store.put(PNG).unwrap(), name);
        assert_eq!(read(&store, &name).as_deref(), Some(PNG));
        assert_eq!((name.as_str().len(), name.media_type()), (68, "image/png"));
        let files: Vec<_> = fs::read_dir(&store.dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(files, [name.as_str()], "no part of a picture is left behind");
    }

    #[test]
    fn the_kind_is_told_by_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::new(dir.path());
        for (bytes, media_type) in
            [(&b"\xff\xd8\xff\xe0"[..], "image/jpeg"), (&b"RIFF\x04\0\0\0WEBPVP8 "[..], "image/webp")]
        {
            let name = store.put(bytes).unwrap();
            assert_eq!(name.media_type(), media_type);
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        for bytes in [&b""[..], b"<svg/>", b"GIF89a", b"\x89PNG", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(store.put(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_picture_that_is_not_there_is_no_error() {
        let store = ImageStore::new("no/such/folder");
        let name: ImageName = format!("{}.webp", "0".repeat(64)).parse().unwrap();
        assert_eq!(read(&store, &name), None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(ImageStore::new(dir.path().join("file")).put(PNG).is_err());
    }

    #[test]
    fn posters_are_named_alike_by_every_process_and_by_no_other_service() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let stores = [ImageStore::new(dir.path().join("images")), ImageStore::new(dir.path().join("images"))];
        let [name, again] = [0, 1].map(|n: usize| stores[n].name_poster(b"a slogan").unwrap());
        assert_eq!(name, again);
        assert_eq!(stores[1].poster(&name).unwrap().as_deref(), Some(&b"a slogan"[..]));
        let elsewhere = ImageStore::new(other.path());
        assert_eq!(elsewhere.poster(&name).unwrap(), None, "without a key, and with another one");
        elsewhere.name_poster(b"").unwrap();
        assert_eq!(elsewhere.poster(&name).unwrap(), None);
        assert_eq!(read(&stores[0], &name), None, "it is not stored");
        let files: Vec<_> = fs::read_dir(&stores[0].dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(files, [KEY]);
        assert_eq!(fs::metadata(stores[0].dir.join(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
    }

    /// A gallery in memory.
    #[derive(Debug, Default)]
    struct InMemory(Mutex<BTreeMap<String, Vec<u8>>>);

    impl Gallery for InMemory {
        fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().entry(name.to_owned()).or_insert_with(|| bytes.to_vec());
            Ok(())
        }

        fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
            Ok(self.0.lock().unwrap().get(name).cloned())
        }
    }

    #[test]
    fn machines_that_share_a_gallery_find_each_others_pictures_and_posters() {
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let gallery = Arc::new(InMemory::default());
        let [one, other] =
            dirs.each_ref().map(|dir| ImageStore::new(dir.path().join("images")).with_gallery(Some(gallery.clone())));
        let name = one.put(PNG).unwrap();
        assert_eq!(read(&other, &name).as_deref(), Some(PNG));
        gallery.0.lock().unwrap().clear();
        assert_eq!(read(&other, &name).as_deref(), Some(PNG), "it is kept where it was fetched");
        let poster = one.name_poster(b"a slogan").unwrap();
        assert!(other.lacks(&poster) && other.poster(&poster).unwrap().is_none(), "it asks nobody while it draws");
        other.fetch(&poster).unwrap();
        assert_eq!(other.poster(&poster).unwrap().as_deref(), Some(&b"a slogan"[..]));
        assert_eq!(other.name_poster(b"a slogan").unwrap(), poster);
    }

    #[test]
    fn pictures_of_other_machines_take_no_room_from_those_of_today_and_are_sent_also_without_room() {
        let (dir, elsewhere, gallery) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), InMemory::default());
        let gallery: Arc<dyn Gallery> = Arc::new(gallery);
        let png = |n: u8| [PNG, &[n; 88]].concat();
        let other = ImageStore::new(elsewhere.path()).with_gallery(Some(gallery.clone()));
        let theirs: Vec<_> = (0..5).map(|n| (other.put(&png(n)).unwrap(), png(n))).collect();
        // Room for two of 100 bytes.
        let rules = ImageRules { max_total_bytes: Some(250), ..ImageRules::default() };
        let store = ImageStore::with_rules(dir.path(), rules, Keeper::new(0)).with_gallery(Some(gallery));
        let fetch_all = || {
            for (name, bytes) in &theirs {
                assert_eq!(read(&store, name).as_ref(), Some(bytes));
            }
        };
        fetch_all();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "the oldest made room");
        store.check_total(200).unwrap();
        // One of the two was a copy before.
        let own = [4, 5].map(|n| store.put(&png(n)).unwrap());
        fetch_all();
        assert!(own.iter().all(|name| store.open(name).unwrap().is_some()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_shared_picture_that_is_not_the_one_of_its_name_is_not_sent() {
        let (dir, gallery) = (tempfile::tempdir().unwrap(), Arc::new(InMemory::default()));
        let name: ImageName = format!("{}.png", "0".repeat(64)).parse().unwrap();
        for damaged in [PNG, b"<html>"] {
            let store = ImageStore::new(dir.path()).with_gallery(Some(gallery.clone()));
            gallery.0.lock().unwrap().insert(name.as_str().to_owned(), damaged.to_vec());
            assert_eq!(read(&store, &name), None);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_picture_that_would_leave_too_little_free_is_not_stored() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::with_rules(dir.path(), ImageRules::default(), Keeper::new(u64::MAX));
        assert_eq!(store.put(PNG).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
