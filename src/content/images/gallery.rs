//! Pictures that several machines share: each is put into the gallery before anybody is told its name, and is fetched
//! from there where the folder has not got it.

use std::collections::HashMap;
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::name::ImageKind;
use super::{ImageName, ImageStore, KEY, KEY_BYTES, Origin, USUAL_BYTES};
use crate::durable;

/// The name under which the gallery has the key that signs posters' names.
const SHARED_KEY: &str = "posters.key";
/// How long the gallery is not asked again for a picture that it has not got. A name is given out only once its picture
/// is there, so the name of a missing one is made up, or its picture was removed.
const MISSING_FOR: Duration = Duration::from_secs(60);
/// Of how many pictures this is remembered. Anybody may ask for names that do not exist.
const MAX_MISSING: usize = 4_096;
/// How long the gallery is not asked for pictures after it gave no answer, and how long it is not asked to take one
/// after it took none.
const AWAY_FOR: Duration = Duration::from_secs(5);
/// How often one picture has to be refused before another object of its size decides whether it takes any.
const MAX_TRIES: u32 = 3;
/// What the name of such an object begins with. It names no picture, and nobody is told it.
const STAND_IN: &str = "stand-in-";

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
    lately: Arc<Mutex<Lately>>,
}

/// What the gallery lately said, so that it is not asked for it again.
#[derive(Debug, Default)]
struct Lately {
    missing: HashMap<ImageName, Instant>,
    /// When it last gave no answer to who asked for a picture.
    silent: Option<Instant>,
    /// When it last did not take a picture. It may be a store that can be read and not written: that it gives pictures
    /// says nothing.
    closed: Option<Instant>,
    /// The last picture that it did not take; `None` once it has taken one.
    not_taken: Option<NotTaken>,
}

/// A picture that the gallery did not take.
#[derive(Debug, Clone)]
struct NotTaken {
    name: ImageName,
    bytes: Arc<[u8]>,
    n_tries: u32,
}

impl Lately {
    fn is_missing(&self, name: &ImageName) -> bool {
        self.missing.get(name).is_some_and(|at| at.elapsed() < MISSING_FOR)
    }

    fn is_silent(&self) -> bool {
        self.silent.is_some_and(|at| at.elapsed() < AWAY_FOR)
    }

    fn is_closed(&self) -> bool {
        self.closed.is_some_and(|at| at.elapsed() < AWAY_FOR)
    }

    fn miss(&mut self, name: ImageName) {
        if self.missing.len() >= MAX_MISSING {
            self.missing.retain(|_, at| at.elapsed() < MISSING_FOR);
        }
        if self.missing.len() >= MAX_MISSING {
            self.missing.clear();
        }
        self.missing.insert(name, Instant::now());
    }
}

impl Shared {
    pub fn new(gallery: Arc<dyn Gallery>) -> Self {
        Self { gallery, key: Arc::default(), lately: Arc::default() }
    }

    pub fn put(&self, name: &ImageName, bytes: &[u8]) -> io::Result<()> {
        let put = self.gallery.put_new(name.as_str(), bytes);
        let mut lately = self.lately();
        lately.closed = put.is_err().then(Instant::now);
        let n_before = lately.not_taken.take().filter(|before| before.name == *name).map_or(0, |before| before.n_tries);
        lately.not_taken =
            put.is_err().then(|| NotTaken { name: name.clone(), bytes: bytes.into(), n_tries: n_before + 1 });
        put
    }

    /// Finds out whether it takes pictures, where it did not take the last one. One asks for all: the others are told
    /// meanwhile that it is away.
    pub fn check(&self) -> io::Result<()> {
        let mut lately = self.lately();
        if lately.is_silent() || lately.is_closed() {
            return Err(away());
        }
        let Some(NotTaken { name, bytes, n_tries }) = lately.not_taken.clone() else { return Ok(()) };
        lately.closed = Some(Instant::now());
        drop(lately);
        let put = self.put(&name, &bytes);
        if put.is_ok() || n_tries < MAX_TRIES {
            return put;
        }
        // It may be this picture alone that it does not take.
        let size_bytes = bytes.len().min(usize::try_from(USUAL_BYTES).unwrap_or(usize::MAX));
        let put = self.gallery.put_new(&format!("{STAND_IN}{}", Uuid::new_v4()), &vec![0; size_bytes]);
        let mut lately = self.lately();
        lately.closed = put.is_err().then(Instant::now);
        if put.is_ok() && lately.not_taken.as_ref().is_some_and(|not_taken| not_taken.name == name) {
            lately.not_taken = None;
        }
        put
    }

    /// The key that all machines sign posters' names with. The first that needs one makes it of `own`.
    pub fn key(&self, own: impl FnOnce() -> io::Result<[u8; KEY_BYTES]>) -> io::Result<[u8; KEY_BYTES]> {
        if let Some(key) = self.learn_key()? {
            return Ok(key);
        }
        self.gallery.put_new(SHARED_KEY, &own()?)?;
        // Another machine may have been faster: what is there counts.
        self.learn_key()?.ok_or_else(|| io::Error::other("the key of posters is not where it was put"))
    }

    /// The same, if it was learned already. Asks nobody.
    pub fn known_key(&self) -> Option<[u8; KEY_BYTES]> {
        self.key.get().copied()
    }

    /// The same, where there is one already.
    fn learn_key(&self) -> io::Result<Option<[u8; KEY_BYTES]>> {
        if let Some(key) = self.known_key() {
            return Ok(Some(key));
        }
        let Some(bytes) = self.ask(SHARED_KEY)? else { return Ok(None) };
        let key = bytes.try_into().map_err(|_| io::Error::other(format!("{SHARED_KEY} is not a key of posters")))?;
        Ok(Some(*self.key.get_or_init(|| key)))
    }

    /// A picture of the gallery, if it is the one that its name says.
    fn fetch(&self, name: &ImageName) -> io::Result<Option<Vec<u8>>> {
        if self.lately().is_missing(name) {
            return Ok(None);
        }
        let fetched = self.ask(name.as_str())?;
        let is_it =
            |bytes: &Vec<u8>| ImageKind::of(bytes).is_some_and(|kind| ImageName::of_bytes(bytes, kind) == *name);
        if fetched.as_ref().is_some_and(is_it) {
            return Ok(fetched);
        }
        if fetched.is_some() {
            tracing::warn!(
                event = "shared_picture_damaged",
                image = name.as_str(),
                "a shared picture is not the one that its name says and is not sent"
            );
        }
        self.lately().miss(name.clone());
        Ok(None)
    }

    /// Asks the gallery, unless it gave no answer a moment ago.
    fn ask(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        if self.lately().is_silent() {
            return Err(away());
        }
        let answer = self.gallery.get(name);
        self.lately().silent = answer.is_err().then(Instant::now);
        answer
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn away() -> io::Error {
    io::Error::new(io::ErrorKind::WouldBlock, "the store of shared pictures gave no answer a moment ago")
}

impl ImageStore {
    /// Shares pictures, and the key of posters, by way of this gallery.
    #[must_use]
    pub fn with_gallery(self, gallery: Option<Arc<dyn Gallery>>) -> Self {
        Self { shared: gallery.map(Shared::new), ..self }
    }

    /// Whether pictures are shared by way of a gallery.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Whether the gallery has to be asked before this picture can be opened or drawn: see [`ImageStore::fetch`].
    /// Looks at the folder alone. Blocking.
    pub fn lacks(&self, name: &ImageName) -> bool {
        self.shared.as_ref().is_some_and(|shared| match name.is_poster() {
            true => shared.known_key().is_none(),
            false => !shared.lately().is_missing(name) && !self.dir.join(name.as_str()).exists(),
        })
    }

    /// Fetches from the gallery what this picture takes: one that another machine has drawn, into the folder; of a
    /// poster the key of its name. Does nothing where the gallery has not got it. Takes as long as the gallery does.
    /// The bytes of a picture that the folder cannot take now: it can be sent all the same.
    ///
    /// # Errors
    /// What the gallery says; [`io::ErrorKind::WouldBlock`] where it gave no answer a moment ago.
    pub fn fetch(&self, name: &ImageName) -> io::Result<Option<Vec<u8>>> {
        let Some(shared) = &self.shared else { return Ok(None) };
        if name.is_poster() {
            return shared.learn_key().map(|_| None);
        }
        let Some(bytes) = shared.fetch(name)? else { return Ok(None) };
        match self.write(name, &bytes, Origin::Fetched) {
            Ok(()) => Ok(None),
            Err(error) => {
                tracing::debug!(event = "shared_picture_not_kept", image = name.as_str(), %error, "sent and not kept");
                Ok(Some(bytes))
            }
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    /// A gallery that gives an answer to whoever asks for a picture, and does not take each.
    #[derive(Debug, Default)]
    struct Picky {
        takes_none: AtomicBool,
        unwanted: Option<ImageName>,
        offered: Mutex<Vec<String>>,
    }

    impl Gallery for Picky {
        fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
            assert!(!bytes.is_empty());
            self.offered.lock().unwrap().push(name.to_owned());
            let is_unwanted = self.unwanted.as_ref().is_some_and(|unwanted| unwanted.as_str() == name);
            let is_refused = is_unwanted || self.takes_none.load(Ordering::SeqCst);
            if is_refused { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
        }

        fn get(&self, _: &str) -> io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
    }

    /// Offers a picture that the gallery does not take.
    fn refused(gallery: &Arc<Picky>) -> Shared {
        let shared = Shared::new(gallery.clone());
        shared.put(&ImageName::of_bytes(PNG, ImageKind::Png), PNG).unwrap_err();
        shared
    }

    /// Has the gallery's last answer be as old as it has to be.
    fn wait(shared: &Shared) {
        let mut lately = shared.lately();
        (lately.silent, lately.closed) = (None, None);
    }

    #[test]
    fn while_no_picture_is_taken_none_is_drawn_whatever_visitors_ask_for_and_however_long_that_lasts() {
        let gallery = Arc::new(Picky { takes_none: true.into(), ..Picky::default() });
        let shared = refused(&gallery);
        let n_offered = || gallery.offered.lock().unwrap().len();
        for _ in 0..20 {
            assert!(shared.ask("of a visitor").unwrap().is_none());
            let before = n_offered();
            assert_eq!(shared.check().unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert_eq!(n_offered(), before);
            wait(&shared);
            assert_eq!(shared.check().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            assert!((before + 1..=before + 2).contains(&n_offered()));
        }
        gallery.takes_none.store(false, Ordering::SeqCst);
        shared.check().unwrap_err();
        wait(&shared);
        let before = n_offered();
        shared.check().unwrap();
        shared.check().unwrap();
        assert_eq!(
            gallery.offered.lock().unwrap().split_off(before),
            [ImageName::of_bytes(PNG, ImageKind::Png).as_str()]
        );
    }

    #[test]
    fn a_picture_that_alone_is_not_taken_keeps_no_other_from_being_drawn_for_long() {
        let unwanted = Some(ImageName::of_bytes(PNG, ImageKind::Png));
        let shared = refused(&Arc::new(Picky { unwanted, ..Picky::default() }));
        for _ in 1..MAX_TRIES {
            wait(&shared);
            shared.check().unwrap_err();
        }
        wait(&shared);
        shared.check().unwrap();
        shared.check().unwrap();
    }
}
