//! A store in memory that behaves otherwise where a test wants it to.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

use super::killed;

/// A write: where, what and on which condition.
pub(super) type Put<'a> = (&'a Path, PutPayload, PutOptions);

/// What a store does otherwise.
#[async_trait]
pub(super) trait Manner: fmt::Debug + Send + Sync + 'static {
    /// Writes an object.
    async fn put(&self, inner: &InMemory, put: Put<'_>) -> Result<PutResult>;

    /// Whether it can be read.
    fn read(&self) -> Result<()> {
        Ok(())
    }

    /// Whether objects can be deleted.
    fn delete(&self) -> Result<()> {
        Ok(())
    }
}

/// What is in `inner`, by its own manner.
#[derive(Debug)]
pub(super) struct Mannered<M> {
    pub inner: Arc<InMemory>,
    pub manner: M,
}

impl<M: Manner> fmt::Display for Mannered<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.manner)
    }
}

#[async_trait]
impl<M: Manner> ObjectStore for Mannered<M> {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.manner.put(&self.inner, (location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(killed())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.manner.read()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.manner.delete() {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.manner.read()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.manner.read()?;
        self.inner.copy_opts(from, to, options).await
    }
}
