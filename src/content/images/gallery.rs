//! Pictures that several machines share: each is put into the gallery before anybody is told its name, and is fetched
//! from there where the folder has not got it.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::name::ImageKind;
use super::{ImageName, ImageStore, KEY, KEY_BYTES};
use crate::durable;

/// The name under which the gallery has the key that signs posters' names.
const SHARED_KEY: &str = "posters.key";
/// How many pictures are fetched at a time. Anybody may ask for names that do not exist.
const MAX_FETCHING: usize = 16;

/// Where machines put the pictures that they share. Blocking.
pub trait Gallery: Debug + Send + Sync {
    /// Puts a picture there, unless there is one of this name.
    ///
    /// # Errors
    /// When it is not known whether it is there.
    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// The picture of this name; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
}

/// A gallery with what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    gallery: Arc<dyn Gallery>,
    key: Arc<OnceLock<[u8; KEY_BYTES]>>,
    n_fetching: Arc<AtomicUsize>,
}

impl Shared {
    pub fn new(gallery: Arc<dyn Gallery>) -> Self {
        Self { gallery, key: Arc::default(), n_fetching: Arc::default() }
    }

    pub fn put(&self, name: &ImageName, bytes: &[u8]) -> io::Result<()> {
        self.gallery.put_new(name.as_str(), bytes)
    }

    /// The key that all machines sign posters' names with. The first that needs one makes it of `own`.
    pub fn key(&self, own: impl FnOnce() -> io::Result<[u8; KEY_BYTES]>) -> io::Result<[u8; KEY_BYTES]> {
        if let Some(key) = self.known_key()? {
            return Ok(key);
        }
        self.gallery.put_new(SHARED_KEY, &own()?)?;
        // Another machine may have been faster: what is there counts.
        self.known_key()?.ok_or_else(|| io::Error::other("the key of posters is not where it was put"))
    }

    /// The same, where there is one already.
    pub fn known_key(&self) -> io::Result<Option<[u8; KEY_BYTES]>> {
        if let Some(key) = self.key.get() {
            return Ok(Some(*key));
        }
        let Some(bytes) = self.gallery.get(SHARED_KEY)? else { return Ok(None) };
        let key = bytes.try_into().map_err(|_| io::Error::other(format!("{SHARED_KEY} is not a key of posters")))?;
        Ok(Some(*self.key.get_or_init(|| key)))
    }

    /// A picture of the gallery, if it is the one that its name says.
    fn fetch(&self, name: &ImageName) -> io::Result<Option<Vec<u8>>> {
        let turn = Turn(&self.n_fetching);
        if self.n_fetching.fetch_add(1, Ordering::SeqCst) >= MAX_FETCHING {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "too many pictures are being fetched"));
        }
        let fetched = self.gallery.get(name.as_str())?;
        drop(turn);
        let is_it =
            |bytes: &Vec<u8>| ImageKind::of(bytes).is_some_and(|kind| ImageName::of_bytes(bytes, kind) == *name);
        match fetched {
            Some(bytes) if is_it(&bytes) => Ok(Some(bytes)),
            Some(_) => {
                tracing::warn!(
                    event = "shared_picture_damaged",
                    image = name.as_str(),
                    "a shared picture is not the one that its name says and is not sent"
                );
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

/// Counts down once a fetch is over.
struct Turn<'a>(&'a AtomicUsize);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ImageStore {
    /// Shares pictures, and the key of posters, by way of this gallery.
    #[must_use]
    pub fn with_gallery(self, gallery: Option<Arc<dyn Gallery>>) -> Self {
        Self { shared: gallery.map(Shared::new), ..self }
    }

    /// Fetches a picture that another machine has drawn, and keeps it in the folder.
    pub(super) fn fetch(&self, name: &ImageName) -> io::Result<Option<File>> {
        let Some(shared) = &self.shared else { return Ok(None) };
        let Some(bytes) = shared.fetch(name)? else { return Ok(None) };
        self.write(name, &bytes)?;
        File::open(self.dir.join(name.as_str())).map(Some)
    }

    /// Makes a key, or finds that another process of this machine has made it meanwhile.
    pub(super) fn make_key(&self) -> io::Result<[u8; KEY_BYTES]> {
        durable::create_folder(&self.dir)?;
        let staged = self.dir.join(format!(".{}.part", Uuid::new_v4()));
        // Version 4: 122 random bits each, from the system.
        let key: Vec<u8> = [Uuid::new_v4(), Uuid::new_v4()].iter().flat_map(|uuid| *uuid.as_bytes()).collect();
        durable::write_private_new(&self.dir.join(KEY), &staged, &key)?;
        // Another process may have been faster: what is in the file counts.
        self.own_key()?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
