//! What handlers share: settings, the live model once it is there, the writer, and permits for the processor.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::doors::{Key, TrustedProxies};
use super::error::ApiError;
use super::jobs::Jobs;
use super::metrics::Metrics;
use super::server::OnLoad;
use crate::content::Writer;
use crate::customer::Schema;
use crate::model_store::{LiveModel, ModelStore, StoreError};
use crate::schedule::Schedule;
use crate::trainer::Program;
use crate::upload_store::{UploadRules, UploadStore};
use crate::workbook;

/// How long a request waits for the processor before it is told that the server is busy.
const PERMIT_WAIT: Duration = Duration::from_secs(10);

/// Bodies of more than a few kilobytes that are held in memory at a time.
const LARGE_BODIES: usize = 4;

/// What the server is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Origins that browsers may call from; `*` stands for every one.
    pub allow_origins: Vec<String>,
    /// Where callers reach this service, without a slash at the end; else the host that a request names.
    pub public_url: Option<String>,
    /// The key of the routes for administrators; without one they are closed.
    pub admin_key: Option<Key>,
    /// Keys, one of which every caller needs; without any nobody does. The administrators' key is one, too.
    pub api_keys: Vec<Key>,
    /// Networks whose `X-Forwarded-For` is taken.
    pub trusted_proxies: TrustedProxies,
    /// Requests a minute by one caller; without it there is no such limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Connections at a time.
    pub max_connections: NonZeroUsize,
    /// How new versions are trained.
    pub retraining: Retraining,
    /// Where accepted uploads are kept.
    pub upload_dir: PathBuf,
    /// What bounds them.
    pub upload_rules: UploadRules,
    /// The largest file of an upload, in bytes.
    pub max_upload_bytes: u64,
    /// What one workbook may hold.
    pub workbook_limits: workbook::Limits,
    /// Customers listed in one answer.
    pub max_members: usize,
    /// Segments of one upload that are written side by side.
    pub writers_at_once: NonZeroUsize,
}

impl Settings {
    /// README's defaults: no keys, no origins, no limit on a caller's rate.
    pub fn new(retraining: Retraining) -> Self {
        Self {
            allow_origins: Vec::new(),
            public_url: None,
            admin_key: None,
            api_keys: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            requests_per_minute: None,
            max_connections: NonZeroUsize::MIN.saturating_add(9_999),
            retraining,
            upload_dir: "uploads".into(),
            upload_rules: UploadRules::default(),
            max_upload_bytes: 50 << 20,
            workbook_limits: workbook::Limits::default(),
            max_members: 20_000,
            writers_at_once: NonZeroUsize::MIN.saturating_add(7),
        }
    }
}

/// How new versions are trained while the server serves.
#[derive(Debug, Clone)]
pub struct Retraining {
    /// What is started for a retraining.
    pub program: Program,
    /// The columns that it learns from; workbooks that are sent for it must have them.
    pub schema: Arc<Schema>,
    /// When it is done without being asked for.
    pub schedule: Option<Schedule>,
}

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
}

impl AppState {
    pub(super) fn new(settings: Settings, address: SocketAddr) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let [processor, brief] = [(); 2].map(|()| Arc::new(Semaphore::new(processors)));
        let large_bodies = Semaphore::new(LARGE_BODIES);
        let uploads = UploadStore::new(&settings.upload_dir, settings.upload_rules.clone());
        Self(Arc::new(Shared {
            settings,
            address,
            uploads,
            ready: OnceLock::new(),
            processor,
            brief,
            large_bodies,
            metrics: Metrics::new(),
            jobs: Jobs::new(),
        }))
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
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
