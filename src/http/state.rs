//! What handlers share: the live model once it is loaded, the writer, and slots for the processor.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::access::Access;
use super::admission::{Drawing, InFlight, Shares, Slot, Slots, current_client};
use super::idempotency::Idempotency;
use super::maps::Maps;
use super::metrics::Metrics;
use super::problem::ApiError;
use super::settings::{Parts, Settings};
use super::tasks::jobs::Jobs;
use crate::audit::AuditLog;
use crate::causes::with_causes;
use crate::content::{Payer, Requester, Writer};
use crate::model_store::{LiveModel, ModelStore, ModelVersion, StoreError, VersionId};
use crate::shared_store::Follower;
use crate::upload_store::UploadStore;

/// How long a request waits for a processor before the server answers that it is busy.
const SLOT_WAIT: Duration = Duration::from_secs(10);

/// How much of large bodies is held in memory at a time, in pieces of 64 KB: 256 MB. A client has an eighth for
/// certain, 32 MB, and up to half while a quarter is free: an answer that is sent to be exported may have 64 MB.
const BODY_PIECES: usize = 4_096;

/// How long the folder of uploads is not counted again: it may hold 50,000.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// When uploads were counted, and how many wait; none where the folder could not be read.
type Counted = Option<(Instant, Option<usize>)>;

/// How many pictures are fetched at a time.
const FETCHES: usize = 16;

/// How many requests at a time are told how the server is.
const LOOKS: usize = 8;

/// What is done with a version before it is served.
pub type OnLoad = Arc<dyn Fn(&mut ModelVersion) + Send + Sync>;

/// What exists once the server is prepared, with a model or before the first one.
pub(super) struct Equipment {
    pub writer: Writer,
    pub store: ModelStore,
    /// What other machines follow; `None` where this one is alone.
    pub shared: Option<Arc<Follower>>,
    on_load: OnLoad,
    live: OnceLock<LiveModel>,
}

/// What exists once there is a model.
#[derive(Clone, Copy)]
pub(super) struct Ready<'a> {
    pub live: &'a LiveModel,
    pub writer: &'a Writer,
    pub store: &'a ModelStore,
}

impl Equipment {
    /// Serves `version`, where there is one, with what marketers added.
    pub fn new(version: Option<ModelVersion>, writer: Writer, store: ModelStore, on_load: OnLoad) -> Self {
        let serve = |version| LiveModel::new(version, &store, |version| lay_extras(&store, version));
        let live = version.map_or_else(OnceLock::new, |version| serve(version).into());
        Self { writer, store, shared: None, on_load, live }
    }

    /// Puts what it changes into this store as well.
    pub fn with_shared(self, shared: Option<Arc<Follower>>) -> Self {
        Self { shared, ..self }
    }

    /// The version that is served.
    pub fn served(&self) -> Option<VersionId> {
        self.live.get().map(|live| live.snapshot().id.clone())
    }

    /// Makes the store's current version the live one, if it is not already. Blocking.
    ///
    /// # Errors
    /// As [`LiveModel::refresh`].
    pub fn take_over_current(&self) -> Result<bool, StoreError> {
        let prepare = |version: &mut ModelVersion| {
            (self.on_load)(version);
            lay_extras(&self.store, version);
        };
        if self.live.get().is_none() {
            let version = self.store.load_current()?;
            if self.live.set(LiveModel::new(version, &self.store, prepare)).is_ok() {
                return Ok(true);
            }
        }
        // Another thread may have loaded the first version meanwhile.
        self.live.get().map_or(Ok(false), |live| live.refresh(&self.store, prepare))
    }
}

/// Lays what marketers added over the segments of `version`; a file that cannot be read is reported.
fn lay_extras(store: &ModelStore, version: &mut ModelVersion) {
    if let Err(error) = store.lay_extras(version) {
        tracing::error!(
            event = "extras_unreadable",
            causes = with_causes(&error),
            "what marketers added cannot be read and is left out"
        );
    }
}

/// Which callers are let in, and where that is noted.
pub(super) struct AccessControl {
    pub access: Access,
    pub audit: Option<AuditLog>,
}

/// Shared by all requests.
#[derive(Clone)]
pub(super) struct AppState(Arc<Shared>);

struct Shared {
    started: SystemTime,
    settings: Settings,
    access: Arc<Access>,
    audit: Option<AuditLog>,
    parts: Parts,
    address: SocketAddr,
    uploads: UploadStore,
    /// Held while uploads are removed: removals at the same time would find each other's lock on the models.
    removing: Mutex<()>,
    equipment: OnceLock<Equipment>,
    /// Slots for work that may take seconds.
    long_work: Slots,
    /// Slots for work of about a millisecond, which does not wait behind uploads.
    short_work: Slots,
    /// A slot for each piece of a large body.
    body_pieces: Slots,
    /// Slots for pictures on their way from the store that servers share.
    fetches: Slots,
    /// Slots for looks at disks and at the process.
    looks: Slots,
    drawing: Drawing,
    in_flight: InFlight,
    /// How many uploads wait, and when that was counted.
    n_waiting: Arc<Mutex<Counted>>,
    metrics: Metrics,
    jobs: Jobs,
    maps: Maps,
    idempotency: Idempotency,
}

impl AppState {
    pub(super) fn new(settings: Settings, control: AccessControl, parts: Parts, address: SocketAddr) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let [long_work, short_work] = [(); 2].map(|()| Slots::new(Shares::of_processors(processors)));
        let uploads = UploadStore::new(&settings.upload_dir, settings.upload_rules.clone());
        Self(Arc::new(Shared {
            started: SystemTime::now(),
            settings,
            access: Arc::new(control.access),
            audit: control.audit,
            parts,
            address,
            uploads,
            removing: Mutex::new(()),
            equipment: OnceLock::new(),
            long_work,
            short_work,
            body_pieces: Slots::new(Shares::of_requests(BODY_PIECES)),
            fetches: Slots::new(Shares::of_requests(FETCHES)),
            looks: Slots::new(Shares::of_requests(LOOKS)),
            drawing: Drawing::default(),
            in_flight: InFlight::default(),
            n_waiting: Arc::default(),
            metrics: Metrics::new(),
            jobs: Jobs::new(),
            maps: Maps::default(),
            idempotency: Idempotency::default(),
        }))
    }

    /// When the server started.
    pub(super) fn started(&self) -> SystemTime {
        self.0.started
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Who may do what.
    pub(super) fn access(&self) -> &Arc<Access> {
        &self.0.access
    }

    /// The audit log, where there is one.
    pub(super) fn audit(&self) -> Option<&AuditLog> {
        self.0.audit.as_ref()
    }

    /// What the server works with.
    pub(super) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// Today, in the time zone of the settings.
    pub(super) fn today(&self) -> Date {
        Timestamp::now().to_zoned(self.0.settings.time_zone.clone()).date()
    }

    /// The address that the server listens on.
    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The store of received and kept uploads.
    pub(super) fn uploads(&self) -> &UploadStore {
        &self.0.uploads
    }

    /// The client that the current task works for, to the writer.
    pub(super) fn requester(&self, payer: Option<Payer>) -> Requester {
        self.0.drawing.requester(payer)
    }

    /// The requests that something works for.
    pub(super) fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    /// How many uploads are kept and no training has taken yet, as of a second ago; `None` where their folder cannot be
    /// listed. All that ask at once share one count, and it runs to its end whoever of them leaves.
    pub(super) async fn n_waiting(&self) -> Option<usize> {
        let mut known = self.0.n_waiting.clone().lock_owned().await;
        if let Some((_, n_waiting)) = known.filter(|(counted_at, _)| counted_at.elapsed() < COUNT_EVERY) {
            return n_waiting;
        }
        let counting = self.clone();
        let count = move || {
            let n_waiting = counting.uploads().n_waiting().ok();
            *known = Some((Instant::now(), n_waiting));
            n_waiting
        };
        on_blocking_thread("counting uploads", count).await.ok().flatten()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The retrainings.
    pub(super) fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// The maps that were asked for.
    pub(super) fn maps(&self) -> &Maps {
        &self.0.maps
    }

    /// The stored answers to requests with an `Idempotency-Key`.
    pub(super) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    /// Opens the routes. Later calls change nothing.
    pub(super) fn equip(&self, equipment: Equipment) {
        // There is one start-up, so the cell is empty.
        let _ = self.0.equipment.set(equipment);
    }

    /// The store and the writer, also before the first model.
    ///
    /// # Errors
    /// [`ApiError::Starting`] before they are there.
    pub(super) fn equipment(&self) -> Result<&Equipment, ApiError> {
        self.0.equipment.get().ok_or(ApiError::Starting)
    }

    /// The model, the store and the writer.
    ///
    /// # Errors
    /// [`ApiError::Starting`] before they are loaded, [`ApiError::NoModel`] before the first model.
    pub(super) fn ready(&self) -> Result<Ready<'_>, ApiError> {
        let Equipment { writer, store, live, .. } = self.equipment()?;
        let live = live.get().ok_or(ApiError::NoModel)?;
        Ok(Ready { live, writer, store })
    }

    /// Runs `work` on a blocking thread, clients in turn: those that held a processor's slot for the least time come
    /// first.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when no processor was free within ten seconds; [`ApiError::Internal`] when `work` panicked.
    pub(super) async fn on_cpu_pool<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        run(in_turn(&self.0.long_work).await?, doing, work).await
    }

    /// As [`AppState::on_cpu_pool`], for work of about a millisecond, which does not wait behind uploads.
    ///
    /// # Errors
    /// As [`AppState::on_cpu_pool`].
    pub(super) async fn on_cpu_pool_short<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        run(in_turn(&self.0.short_work).await?, doing, work).await
    }

    /// Runs `work`, which waits for the store that servers share, on a blocking thread, clients in turn. It holds no
    /// processor.
    ///
    /// # Errors
    /// As [`AppState::on_cpu_pool`].
    pub(super) async fn on_store<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        run(in_turn(&self.0.fetches).await?, doing, work).await
    }

    /// Runs `work`, which looks at disks and at the process for moments, on a blocking thread, clients in turn: so
    /// those who ask without a pause, or a disk that does not answer, take few threads.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when its turn did not come within ten seconds; [`ApiError::Internal`] when `work` panicked.
    pub(super) async fn on_look<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        run(in_turn(&self.0.looks).await?, doing, work).await
    }

    /// The turn to remove uploads.
    pub(super) async fn removal(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.removing.lock().await
    }

    /// Room in memory for 64 KB more of a large body.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when there was none within ten seconds.
    pub(super) async fn body_room(&self) -> Result<Slot, ApiError> {
        in_turn(&self.0.body_pieces).await
    }

    /// The same for a body that has room already. It does not wait: bodies that hold what the others wait for would all
    /// fail together.
    ///
    /// # Errors
    /// [`ApiError::Busy`] when there is none.
    pub(super) fn more_body_room(&self) -> Result<Slot, ApiError> {
        self.0.body_pieces.try_take(current_client()).ok_or(ApiError::Busy)
    }

    /// As [`AppState::on_cpu_pool`], for the last step of a request. Its earlier work is paid for, so it waits without
    /// a time limit.
    ///
    /// # Errors
    /// [`ApiError::Internal`] when `work` panicked.
    pub(super) async fn on_cpu_pool_final<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let slot = self.0.long_work.take(current_client(), std::future::pending()).await;
        run(slot.map_err(|_| ApiError::Busy)?, doing, work).await
    }
}

/// A slot for the client that this task works for.
async fn in_turn(slots: &Slots) -> Result<Slot, ApiError> {
    slots.take(current_client(), tokio::time::sleep(SLOT_WAIT)).await.map_err(|_| ApiError::Busy)
}

/// Runs `work` on a blocking thread, then gives the slot back. The time counts for the client.
async fn run<T: Send + 'static>(
    slot: Slot,
    doing: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    on_blocking_thread(doing, move || slot.work(work)).await
}

/// Runs `work`, which waits for a disk for moments, on a blocking thread.
///
/// # Errors
/// [`ApiError::Internal`] when `work` panicked.
pub(super) async fn on_blocking_thread<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| ApiError::internal(doing, e))
}
