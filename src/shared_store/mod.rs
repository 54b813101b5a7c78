//! What several servers share: model versions and the name of the current one, in an object store.
//!
//! ```text
//! STORE_URL/
//!   current                        {"version", "before", "by", "at"}: replaced by compare-and-swap alone
//!   models/<version>/…             the files of a version, never changed; manifest.json is put last
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
//! Blocking: an async caller uses a thread of its own. Every call has a deadline. Knows nothing of HTTP routes; may
//! import [`crate::config`], [`crate::model_store`] and, for the ids of segments, [`crate::pipeline`].

mod address;
mod client;
mod current;
mod error;
mod extras;
mod follow;
mod leases;
mod settings;
mod sizes;
mod versions;

#[cfg(test)]
mod tests;

pub use address::StoreUrl;
pub use current::{Current, Seen};
pub use error::SharedStoreError;
pub use follow::{Begun, Followed, Follower};
pub use leases::Leased;
pub use settings::{S3Settings, Settings};
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
    /// [`SharedStoreError::Unusable`] when the client cannot be made, or the folder of a `file://` address cannot.
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

    /// Puts a picture into the store, unless there is one of this name.
    ///
    /// # Errors
    /// [`SharedStoreError`].
    pub fn put_picture(&self, name: &str, bytes: &[u8]) -> Result<(), SharedStoreError> {
        self.client.create(&format!("{IMAGES}/{name}"), bytes.to_vec()).map(|_| ())
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
