//! Calls to the store: blocking, each with a deadline, each error with the object's address.

use std::fs::File;
use std::future::Future;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
    UpdateVersion,
};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};

use super::sizes::max_bytes;
use super::{S3Settings, SharedStoreError, StoreUrl};
use crate::causes::hex;
use crate::durable;

/// How long one call may take, tries and waits included, beside what its bytes need.
const DEADLINE: Duration = Duration::from_secs(20);
/// The slowest transfer that is waited for.
const BYTES_PER_SECOND: u64 = 1 << 20;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How often a call is tried again after a fault of the server or the network.
const MAX_RETRIES: usize = 3;
/// Held while an object of a folder is compared and replaced. No object is called so.
const FOLDER_LOCK: &str = ".compare-and-swap.lock";

/// A store with its address.
#[derive(Debug)]
pub(super) struct Client {
    store: Arc<dyn ObjectStore>,
    /// What every object's name begins with.
    prefix: Path,
    url: String,
    /// The folder of a `file://` store, which has no conditional replacement of its own.
    folder: Option<PathBuf>,
    runtime: Option<Runtime>,
}

/// An object with the mark of its state.
#[derive(Debug)]
pub(super) struct Object {
    pub bytes: Vec<u8>,
    pub e_tag: Option<String>,
}

/// What became of an object since it was seen.
#[derive(Debug)]
pub(super) enum Change {
    Same,
    Gone,
    Now(Object),
}

impl Drop for Client {
    fn drop(&mut self) {
        // A runtime that is dropped by an async task may not wait for its threads.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Client {
    pub fn open(url: &StoreUrl, s3: &S3Settings) -> Result<Self, SharedStoreError> {
        let unusable = |why: String| SharedStoreError::Unusable { url: url.to_string(), why };
        match url {
            StoreUrl::S3 { bucket, prefix } => {
                // Another part of the process may have installed a provider already, which serves as well.
                let _ = rustls::crypto::ring::default_provider().install_default();
                // The client would panic at them.
                if let Some(wrong) = s3.faults().into_iter().chain(s3.fault_of_token_file()).next() {
                    return Err(wrong.into());
                }
                let store = s3_builder(bucket, s3).build().map_err(|error| unusable(error.to_string()))?;
                Self::over(Arc::new(store), prefix.clone(), url.to_string(), None)
            }
            StoreUrl::Folder(folder) => {
                if !folder.is_dir() {
                    return Err(SharedStoreError::NoFolder { url: url.to_string() });
                }
                let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| unusable(error.to_string()))?;
                let store = Arc::new(store.with_fsync(true).with_automatic_cleanup(true));
                Self::over(store, Path::default(), url.to_string(), Some(folder.clone()))
            }
        }
    }

    pub fn over(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        url: String,
        folder: Option<PathBuf>,
    ) -> Result<Self, SharedStoreError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("store").enable_all().build();
        let runtime =
            runtime.map_err(|error| SharedStoreError::Unusable { url: url.clone(), why: error.to_string() })?;
        Ok(Self { store, prefix, url, folder, runtime: Some(runtime) })
    }

    /// The address of an object.
    pub fn url_of(&self, name: &str) -> String {
        if name.is_empty() { self.url.clone() } else { format!("{}/{name}", self.url) }
    }

    /// An object; `None` where there is none.
    pub fn get(&self, name: &str) -> Result<Option<Object>, SharedStoreError> {
        match self.get_if_changed(name, None)? {
            Change::Now(object) => Ok(Some(object)),
            Change::Same | Change::Gone => Ok(None),
        }
    }

    /// An object, unless it is still the one of `e_tag`. One that is larger than its name lets it be is not read.
    pub fn get_if_changed(&self, name: &str, e_tag: Option<&str>) -> Result<Change, SharedStoreError> {
        let path = self.path(name)?;
        let is_folder = self.folder.is_some();
        let if_none_match = e_tag.filter(|_| !is_folder).map(str::to_owned);
        let options = GetOptions { if_none_match, ..GetOptions::default() };
        let got = self.within(name, DEADLINE, self.store.get_opts(&path, options));
        let got = match got {
            Ok(Ok(got)) => got,
            Ok(Err(object_store::Error::NotModified { .. })) => return Ok(Change::Same),
            Ok(Err(error @ object_store::Error::NotFound { .. })) => {
                return match SharedStoreError::of(self.url_of(name), &error) {
                    no_bucket @ SharedStoreError::NoBucket { .. } => Err(no_bucket),
                    _ => Ok(Change::Gone),
                };
            }
            Ok(Err(error)) => return Err(SharedStoreError::of(self.url_of(name), &error)),
            Err(late) => return Err(late),
        };
        let (e_tag_there, size_bytes) = (got.meta.e_tag.clone(), got.meta.size);
        if size_bytes > max_bytes(name) {
            let (url, max_bytes) = (self.url_of(name), max_bytes(name));
            return Err(SharedStoreError::TooLarge { url, size_bytes, max_bytes });
        }
        let bytes = self.within(name, time_for(size_bytes), got.bytes())?;
        let bytes = bytes.map_err(|error| SharedStoreError::of(self.url_of(name), &error))?;
        // A file's own marks (number, time, length) may be those of another one before it.
        let now = if is_folder { Some(hex(Sha256::digest(&bytes))) } else { e_tag_there };
        if is_folder && e_tag.is_some() && e_tag == now.as_deref() {
            return Ok(Change::Same);
        }
        Ok(Change::Now(Object { bytes: bytes.into(), e_tag: now }))
    }

    /// Writes an object, whatever was there.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), SharedStoreError> {
        self.put_if(name, bytes, PutMode::Overwrite).map(|_| ())
    }

    /// Writes an object that is not there yet. Whether it was not.
    pub fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, SharedStoreError> {
        self.put_if(name, bytes, PutMode::Create)
    }

    /// Replaces an object that is still what was `seen`, or makes the first one. Whether it is there now: an answer may
    /// be lost after the write, and a write that is tried again then finds itself.
    pub fn replace(&self, name: &str, seen: Option<&Object>, bytes: &[u8]) -> Result<bool, SharedStoreError> {
        let outcome = match seen {
            None => self.create(name, bytes.to_vec()),
            Some(seen) => self.swap(name, seen.e_tag.as_deref(), bytes.to_vec()),
        };
        if matches!(outcome, Ok(true)) {
            return outcome;
        }
        match self.get(name) {
            Ok(Some(now)) if now.bytes == bytes => Ok(true),
            // What was wrong first says more.
            _ => outcome,
        }
    }

    /// Replaces an object that is still the one of `e_tag`. Whether it was.
    fn swap(&self, name: &str, e_tag: Option<&str>, bytes: Vec<u8>) -> Result<bool, SharedStoreError> {
        let e_tag = e_tag.map(str::to_owned);
        let Some(folder) = &self.folder else {
            return self.put_if(name, bytes, PutMode::Update(UpdateVersion { e_tag, version: None }));
        };
        let _lock = self.lock(name, folder)?;
        match self.get(name)? {
            Some(now) if now.e_tag == e_tag => self.put_if(name, bytes, PutMode::Overwrite),
            _ => Ok(false),
        }
    }

    /// Takes an object away; one that is not there is none.
    pub fn delete(&self, name: &str) -> Result<(), SharedStoreError> {
        match self.within(name, DEADLINE, self.store.delete(&self.path(name)?))? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(SharedStoreError::of(self.url_of(name), &error)),
        }
    }

    /// The names of the folders in a folder.
    pub fn folders(&self, folder: &str) -> Result<Vec<String>, SharedStoreError> {
        let listed = self.within(folder, DEADLINE, self.store.list_with_delimiter(Some(&self.path(folder)?)))?;
        let listed = listed.map_err(|error| SharedStoreError::of(self.url_of(folder), &error))?;
        let names = listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned));
        Ok(names.collect())
    }

    /// The names of the objects in a folder.
    pub fn objects(&self, folder: &str) -> Result<Vec<String>, SharedStoreError> {
        let path = self.path(folder)?;
        let listed = self.within(folder, DEADLINE, self.store.list(Some(&path)).try_collect::<Vec<_>>())?;
        let listed = listed.map_err(|error| SharedStoreError::of(self.url_of(folder), &error))?;
        Ok(listed.iter().filter_map(|meta| meta.location.filename().map(str::to_owned)).collect())
    }

    /// Waits until nobody else swaps an object of the folder.
    fn lock(&self, name: &str, folder: &FilePath) -> Result<File, SharedStoreError> {
        let failed = |why: String| SharedStoreError::Folder { url: self.url_of(name), why };
        let file = File::create(folder.join(FOLDER_LOCK));
        let file = file.map_err(|error| failed(format!("the lock of its folder cannot be made ({error})")))?;
        let locked = durable::lock_within(&file, DEADLINE);
        locked.map_err(|error| failed(format!("the lock of its folder cannot be taken ({error})")))?;
        Ok(file)
    }

    fn put_if(&self, name: &str, bytes: Vec<u8>, mode: PutMode) -> Result<bool, SharedStoreError> {
        let (path, size_bytes) = (self.path(name)?, bytes.len() as u64);
        if size_bytes > max_bytes(name) {
            // Nobody could read it.
            let (url, max_bytes) = (self.url_of(name), max_bytes(name));
            return Err(SharedStoreError::TooLarge { url, size_bytes, max_bytes });
        }
        let limit = time_for(size_bytes);
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.within(name, limit, self.store.put_opts(&path, bytes.into(), options))? {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(SharedStoreError::of(self.url_of(name), &error)),
        }
    }

    /// Where an object is. The folder of a `file://` store must still be there: an empty one that a write would make in
    /// its place is another store.
    fn path(&self, name: &str) -> Result<Path, SharedStoreError> {
        if self.folder.as_ref().is_some_and(|folder| !folder.is_dir()) {
            return Err(SharedStoreError::NoFolder { url: self.url.clone() });
        }
        let name = Path::parse(name)
            .map_err(|error| SharedStoreError::Damaged { url: self.url_of(name), why: error.to_string() })?;
        Ok(self.prefix.parts().chain(name.parts()).collect())
    }

    fn within<T>(&self, name: &str, limit: Duration, call: impl Future<Output = T>) -> Result<T, SharedStoreError> {
        let late = || SharedStoreError::Deadline { url: self.url_of(name), seconds: limit.as_secs() };
        let runtime = self.runtime.as_ref().ok_or_else(late)?;
        runtime.block_on(async { tokio::time::timeout(limit, call).await }).map_err(|_| late())
    }
}

fn time_for(size_bytes: u64) -> Duration {
    DEADLINE + Duration::from_secs(size_bytes / BYTES_PER_SECOND)
}

fn s3_builder(bucket: &str, s3: &S3Settings) -> AmazonS3Builder {
    let retries = RetryConfig { backoff: BackoffConfig::default(), max_retries: MAX_RETRIES, retry_timeout: DEADLINE };
    // The deadline of each call is ours: the client's own would be the same for a word and for a gigabyte.
    let options = ClientOptions::new().with_connect_timeout(CONNECT_WITHIN).with_timeout_disabled();
    // A machine that reaches an unencrypted server alone may have no certificates.
    let options = options.with_no_system_certificates(s3.endpoint.as_ref().is_some_and(|at| at.starts_with("http:")));
    let mut builder = AmazonS3Builder::new()
        .with_client_options(options.with_allow_http(s3.allow_http))
        .with_bucket_name(bucket)
        .with_region(&s3.region)
        .with_retry(retries);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let (Some(id), Some(key)) = (&s3.access_key_id, &s3.secret_access_key) {
        builder = builder.with_access_key_id(id.expose()).with_secret_access_key(key.expose());
        if let Some(token) = &s3.session_token {
            builder = builder.with_token(token.expose());
        }
    } else if let (Some(role), Some(file)) = (&s3.role_arn, &s3.web_identity_token_file) {
        builder = builder
            .with_config(object_store::aws::AmazonS3ConfigKey::RoleArn, role)
            .with_config(object_store::aws::AmazonS3ConfigKey::WebIdentityTokenFile, file);
    }
    builder
}
