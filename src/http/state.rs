//! What handlers share: the live model once it is there, the writer, and permits for the processor.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::idempotency::Idempotency;
use super::metrics::Metrics;
use super::problem::ApiError;
use super::server::OnLoad;
use super::settings::Settings;
use super::tasks::jobs::Jobs;
use crate::content::Writer;
use crate::model_store::{LiveModel, ModelStore, StoreError};
use crate::upload_store::UploadStore;

/// How long a request waits for the processor before it is told that the server is busy.
const PERMIT_WAIT: Duration = Duration::from_secs(10);

/// Bodies of more than a few kilobytes that are held in memory at a time.
const LARGE_BODIES: usize = 4;

/// What is there once the server is ready.
pub(super) struct Ready {
    pub live: LiveModel,
    pub writer: Writer,
    pub store: ModelStore,
    pub on_load: OnLoad,
}

impl Ready {
    /// Makes the store's current version the live one, if it is another. Blocking.
    ///
    /// # Errors
    /// As [`LiveModel::refresh`].
    pub fn take_over_current(&self) -> Result<bool, StoreError> {
        self.live.refresh(&self.store, |version| (self.on_load)(version))
    }
}

/// Shared by all requests.
#[derive(Clone)]
pub(super) struct AppState(Arc<Shared>);

struct Shared {
    started: SystemTime,
    settings: Settings,
    address: SocketAddr,
    uploads: UploadStore,
    ready: OnceLock<Ready>,
    processor: Arc<Semaphore>,
    /// A lane beside the processor's for what takes a millisecond: it does not wait behind uploads.
    brief: Arc<Semaphore>,
    large_bodies: Semaphore,
    metrics: Metrics,
    jobs: Jobs,
    idempotency: Idempotency,
}

impl AppState {
    pub(super) fn new(settings: Settings, address: SocketAddr) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let [processor, brief] = [(); 2].map(|()| Arc::new(Semaphore::new(processors)));
        let large_bodies = Semaphore::new(LARGE_BODIES);
        let uploads = UploadStore::new(&settings.upload_dir, settings.upload_rules.clone());
        Self(Arc::new(Shared {
            started: SystemTime::now(),
            settings,
            address,
            uploads,
            ready: OnceLock::new(),
            processor,
            brief,
            large_bodies,
            metrics: Metrics::new(),
            jobs: Jobs::new(),
            idempotency: Idempotency::default(),
        }))
    }

    /// When the server was put together.
    pub(super) fn started(&self) -> SystemTime {
        self.0.started
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The day that it is by the clock of the settings.
    pub(super) fn today(&self) -> Date {
        Timestamp::now().to_zoned(self.0.settings.time_zone.clone()).date()
    }

    /// Where the server listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Where uploads are received and kept.
    pub(super) fn uploads(&self) -> &UploadStore {
        &self.0.uploads
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The retrainings.
    pub(super) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// What was answered to requests with an `Idempotency-Key`.
    pub(super) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    /// Opens the routes that need a model. Later calls change nothing.
    pub(super) fn become_ready(&self, ready: Ready) {
        // A second start-up does not exist: the cell was empty.
        let _ = self.0.ready.set(ready);
    }

    /// The model and the writer.
    ///
    /// # Errors
    /// [`ApiError::Starting`] before they are there.
    pub(super) fn ready(&self) -> Result<&Ready, ApiError> {
        self.0.ready.get().ok_or(ApiError::Starting)
    }

    /// Runs `work` on a blocking thread, as many at a time as there are processors.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when no processor was free within ten seconds; [`ApiError::Internal`] when `work` panicked.
    pub(super) async fn on_processor<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = tokio::time::timeout(PERMIT_WAIT, self.0.processor.clone().acquire_owned());
        run(permit.await.map_err(|_| ApiError::Busy)?, doing, work).await
    }

    /// As [`AppState::on_processor`], for work of a millisecond or so: it does not wait behind uploads.
    ///
    /// # Errors
    /// As [`AppState::on_processor`].
    pub(super) async fn briefly_on_processor<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let permit = tokio::time::timeout(PERMIT_WAIT, self.0.brief.clone().acquire_owned());
        run(permit.await.map_err(|_| ApiError::Busy)?, doing, work).await
    }

    /// Leave to hold one large body in memory.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when as many as there may be were held for ten seconds.
    pub(super) async fn large_body(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let permit = tokio::time::timeout(PERMIT_WAIT, self.0.large_bodies.acquire()).await;
        permit.map_err(|_| ApiError::Busy)?.map_err(|e| ApiError::internal("reading a body", e))
    }

    /// As [`AppState::on_processor`], for the end of a request whose work is done and paid for: waits as long as it
    /// takes.
    ///
    /// # Errors
    /// [`ApiError::Internal`] when `work` panicked.
    pub(super) async fn finish_on_processor<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        run(self.0.processor.clone().acquire_owned().await, doing, work).await
    }
}

/// Runs `work` on a blocking thread and gives the permit back.
async fn run<T: Send + 'static>(
    permit: Result<OwnedSemaphorePermit, AcquireError>,
    doing: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let permit = permit.map_err(|e| ApiError::internal(doing, e))?;
    let task = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(permit);
        result
    });
    task.await.map_err(|e| ApiError::internal(doing, e))
}
