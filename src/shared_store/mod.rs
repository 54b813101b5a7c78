//! What several servers share: model versions and the name of the current one, in an object store.
//!
//! ```text
//! STORE_URL/
//!   current                        {"version", "before", "by", "at"}: replaced by compare-and-swap alone
//!   models/<version>/…             the files of a version, never changed; manifest.json is put last; unpublished,
//!                                  until a training has made it the current one
//!   personas.json                  what marketers add to segments: replaced by compare-and-swap
//!   images/<hash>.png …            pictures, put before anybody is told their names; posters.key, which signs posters
//!   budget/<day>.json              what machines have leased of the day's budget: replaced by compare-and-swap
//! ```
//!
//! Every server keeps its own `MODEL_DIR`, which is all that it serves from: a version is pulled beside the others,
//! checked as any version is, and only then has a name there. What coordinates servers and trainings are conditional
//! writes (`If-None-Match`, `If-Match`): there is no lock that a crash could leave behind, and whatever ends a process
//! between two writes, `current` names the old version or the new one, whole.
//!
//! Blocking: an async caller uses a thread of its own. Every call has a deadline. Knows nothing of HTTP routes.

mod address;
mod client;
mod current;
mod error;
mod extras;
mod follow;
mod leases;
mod settings;
mod sizes;
mod trial;
mod versions;

#[cfg(test)]
mod tests;

pub use address::StoreUrl;
pub use current::{Current, Seen};
pub use error::SharedStoreError;
pub use follow::{Begun, Followed, Follower};
pub use leases::Leased;
pub use settings::{S3Settings, Settings, WrongSetting};
pub use versions::{Pulled, Pushed};

use client::Client;
use leases::Lessee;

const IMAGES: &str = "images";

/// The store that several servers share. Clones share one connection pool.
#[derive(Debug, Clone)]
pub struct SharedStore {
    client: std::sync::Arc<Client>,
    lessee: std::sync::Arc<Lessee>,
}

impl SharedStore {
    /// The store of `STORE_URL`; `None` where it is not set. Opens no connection.
    ///
    /// # Errors
    /// [`SharedStoreError::Setting`]; [`SharedStoreError::NoFolder`] when that of a `file://` address is not there;
    /// [`SharedStoreError::Unusable`] when the client cannot be made.
    pub fn of_settings(settings: &Settings) -> Result<Option<Self>, SharedStoreError> {
        settings.url.as_ref().map(|url| Self::open(url, &settings.s3)).transpose()
    }

    /// The store at `url`. Opens no connection.
    ///
    /// # Errors
    /// As [`SharedStore::of_settings`].
    pub fn open(url: &StoreUrl, s3: &S3Settings) -> Result<Self, SharedStoreError> {
        Ok(Self { client: Client::open(url, s3)?.into(), lessee: std::sync::Arc::default() })
    }

    /// As [`SharedStore::open`], and makes the folder of a `file://` address where there is none. Whether it did.
    ///
    /// # Errors
    /// As [`SharedStore::open`]; [`SharedStoreError::Folder`] when the folder cannot be made.
    pub fn begin(url: &StoreUrl, s3: &S3Settings) -> Result<(Self, bool), SharedStoreError> {
        let made = url.make_folder().map_err(|error| SharedStoreError::Folder {
            url: url.to_string(),
            why: format!("it cannot be made ({error})"),
        })?;
        Ok((Self::open(url, s3)?, made))
    }

    /// Puts a picture into the store. One of this name that holds something else was damaged, and gives way: the name
    /// is made of what the picture holds. Of the key of posters the first one counts.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn put_picture(&self, name: &str, bytes: &[u8]) -> Result<(), SharedStoreError> {
        let object = format!("{IMAGES}/{name}");
        if name.ends_with(".key") {
            self.client.create(&object, bytes.to_vec()).map(|_| ())
        } else {
            self.put_whole(&object, bytes.to_vec()).map(|_| ())
        }
    }

    /// A picture of the store; `None` where there is none of this name.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn picture(&self, name: &str) -> Result<Option<Vec<u8>>, SharedStoreError> {
        Ok(self.client.get(&format!("{IMAGES}/{name}"))?.map(|object| object.bytes))
    }

    /// Its address, for people.
    pub fn url(&self) -> String {
        self.client.url_of("")
    }
}
