//! The life of the server: bind, prepare, serve, stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Notify;

use super::access::{Access, KeysFileError};
use super::admission::connections::{self, ConnectionLimits};
use super::key_ring::KeyRing;
use super::problem::ApiError;
use super::router::router;
use super::settings::{Parts, Settings};
use super::state::{AccessControl, AppState, Equipment, OnLoad};
use super::tasks::expiry::run_expiry;
use super::tasks::following::run_following;
use super::tasks::refresh::{Refresh, run_refresh};
use super::tasks::retraining::run_schedule;
use crate::audit::AuditLog;
use crate::content::Writer;
use crate::model_store::{ModelStore, ModelVersion};
use crate::shared_store::Follower;

/// How long requests in progress may take once the server is asked to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How long leased budget may take after that to go back to the shared store.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(5);

/// Connections that the system queues until they are accepted; it may allow fewer. Clients beyond them get no answer,
/// and wait for a minute.
const BACKLOG: u32 = 4_096;

/// What a server needs to become ready.
pub struct Prepared {
    /// The version to serve; `None` where none was trained yet. The server then waits for the first one.
    pub version: Option<ModelVersion>,
    /// The store that newer versions come from.
    pub store: ModelStore,
    /// The shared store that the server follows; `None` where it is alone.
    pub following: Option<Follower>,
    /// The writer of texts and pictures.
    pub writer: Writer,
    /// Applied to every newer version before it is served.
    pub on_load: OnLoad,
}

/// Opens a server before it is ready. Until then clients wait in the listening socket's backlog, which costs nothing
/// and rejects nobody. A preparation that takes longer than clients wait should open the server: `/healthz` then
/// answers, and every other route says that the server is starting.
#[derive(Debug, Clone, Default)]
pub struct Opening(Arc<Notify>);

impl Opening {
    /// Accepts connections from here on. Later calls change nothing.
    pub fn open(&self) {
        self.0.notify_one();
    }
}

/// Why a server ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is in use or not one of this machine.
    #[error("cannot listen on {address}")]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The socket that was passed in cannot be listened on.
    #[error("cannot listen on the socket that was passed in")]
    Socket(#[source] io::Error),
    /// `KEYS_FILE` cannot be used.
    #[error("KEYS_FILE cannot be used")]
    Keys(#[source] KeysFileError),
    /// `AUDIT_LOG` cannot be written.
    #[error("AUDIT_LOG cannot be written")]
    Audit(#[source] io::Error),
    /// The start-up failed.
    #[error("the server could not get ready")]
    Prepare(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The state of a server, for people.
#[derive(Clone)]
pub struct Condition(AppState);

impl Condition {
    /// One line.
    pub fn sentence(&self) -> String {
        let retraining = if self.0.jobs().running().is_some() { "; a retraining is running" } else { "" };
        let ready = match self.0.ready() {
            Ok(ready) => ready,
            Err(ApiError::NoModel) => return format!("no model yet: waits for a first workbook{retraining}"),
            Err(_) => return "starting: the model is loaded or trained".to_owned(),
        };
        let version = ready.live.snapshot();
        let (n_segments, writer) = (version.model.segments().len(), ready.writer.name());
        format!("serving model {} with {n_segments} segments; texts by the {writer} writer{retraining}", version.id)
    }
}

/// A bound server. Port 0 takes a free port, which [`Application::address`] returns.
pub struct Application {
    listener: TcpListener,
    address: SocketAddr,
    state: AppState,
    refresh: Refresh,
    ready: Arc<Notify>,
}

impl Application {
    /// Binds the settings' address.
    ///
    /// # Errors
    /// [`ServeError::Bind`], [`ServeError::Keys`] and [`ServeError::Audit`].
    pub async fn bind(settings: Settings, parts: Parts) -> Result<Self, ServeError> {
        let address = settings.address;
        let failed = |source| ServeError::Bind { address, source };
        let control = access_control(&settings)?;
        Self::over(listen(address).map_err(failed)?, settings, control, parts).map_err(failed)
    }

    /// Serves on a socket that is already bound and non-blocking.
    ///
    /// # Errors
    /// [`ServeError::Socket`], [`ServeError::Keys`] and [`ServeError::Audit`].
    pub fn on(socket: std::net::TcpListener, settings: Settings, parts: Parts) -> Result<Self, ServeError> {
        let listener = TcpListener::from_std(socket).map_err(ServeError::Socket)?;
        let control = access_control(&settings)?;
        Self::over(listener, settings, control, parts).map_err(ServeError::Socket)
    }

    fn over(listener: TcpListener, settings: Settings, control: AccessControl, parts: Parts) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let state = AppState::new(settings, control, parts, address);
        Ok(Self { listener, address, state, refresh: Refresh::default(), ready: Arc::default() })
    }

    /// Done once the server is prepared: with a model, or waiting for the first one. For a single waiter.
    pub fn until_ready(&self) -> impl Future<Output = ()> + Send + use<> {
        let ready = self.ready.clone();
        async move { ready.notified().await }
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that makes the server check at once for what changed on disk.
    pub fn refresh(&self) -> Refresh {
        self.refresh.clone()
    }

    /// A handle that reads `KEYS_FILE` again.
    pub fn key_ring(&self) -> KeyRing {
        KeyRing(self.state.clone())
    }

    /// Whether anybody who reaches the server may call its everyday routes.
    pub fn is_open(&self) -> bool {
        !self.state.access().needs_keys()
    }

    /// A handle that describes the server while it runs.
    pub fn condition(&self) -> Condition {
        Condition(self.state.clone())
    }

    /// Serves until `stop` is done. `prepare` runs on a blocking thread first. No connection is accepted until it
    /// returns or opens the server; in between, the routes that need a model answer 503. If it fails, the server ends.
    ///
    /// # Errors
    /// [`ServeError::Prepare`] with `prepare`'s error.
    pub async fn run_until_stopped<E>(
        self,
        prepare: impl FnOnce(&Opening) -> Result<Prepared, E> + Send + 'static,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let router = router(self.state.clone()).map_err(|e| ServeError::Prepare(Box::new(e)))?;
        let (stopping, mut stopped) = tokio::sync::watch::channel(false);
        let jobs = self.state.jobs().clone();
        let stop = async move {
            stop.await;
            // Requests that wait for a retraining are answered before the server ends.
            jobs.stop();
            // The receiver lives as long as this function.
            let _ = stopping.send(true);
        };
        let opening = Opening::default();
        let opened = opening.clone();
        let opened = async move { opened.0.notified().await };
        let settings = self.state.settings();
        let limits = ConnectionLimits {
            max_connections: settings.max_connections,
            trusted_proxies: settings.trusted_proxies.clone(),
        };
        let server = async {
            connections::serve(self.listener, router, limits, opened, stop).await;
            // Calls that are paid for, whose client has left, and the first request with an `Idempotency-Key`.
            self.state.in_flight().idle().await;
        };
        let hard_stop = async {
            // An error means that the sender is gone, and so is the server.
            let _ = stopped.wait_for(|stopped| *stopped).await;
            tokio::time::sleep(STOP_WITHIN).await;
        };
        let life = async {
            let prepared = opening.clone();
            get_ready(&self.state, self.refresh, move || prepare(&prepared)).await?;
            opening.open();
            self.ready.notify_one();
            std::future::pending::<Result<(), ServeError>>().await
        };
        let ended = tokio::select! {
            () = server => Ok(()),
            failed = life => failed,
            () = hard_stop => {
                tracing::warn!(
                    event = "requests_abandoned",
                    "requests still in progress after {} s are abandoned",
                    STOP_WITHIN.as_secs()
                );
                Ok(())
            }
        };
        self.state.jobs().stop();
        tokio::join!(self.state.jobs().idle(), give_back_budget(&self.state));
        if let Some(log) = self.state.audit().cloned() {
            // If it cannot run, the process ends by force.
            let _ = tokio::task::spawn_blocking(move || log.flush()).await;
        }
        ended
    }
}

/// Gives back what is leased of the budget and not used, also where requests were abandoned.
async fn give_back_budget(state: &AppState) {
    if let Ok(equipment) = state.equipment() {
        // A store that does not answer keeps it: what is leased is free again at midnight.
        let _ = tokio::time::timeout(GIVE_BACK_WITHIN, equipment.writer.settled()).await;
    }
}

/// Reads the file of keys, and opens the audit log.
fn access_control(settings: &Settings) -> Result<AccessControl, ServeError> {
    let access = Access::load(&settings.access_rules()).map_err(ServeError::Keys)?;
    let audit = AuditLog::open(&settings.audit).map_err(ServeError::Audit)?;
    Ok(AccessControl { access, audit })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As servers do everywhere: connections that are left of an earlier process do not block the address.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn get_ready<E>(
    state: &AppState,
    refresh: Refresh,
    prepare: impl FnOnce() -> Result<Prepared, E> + Send + 'static,
) -> Result<(), ServeError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    let uploads = state.uploads().clone();
    let prepare = move || {
        uploads.start();
        prepare()
    };
    let prepared = tokio::task::spawn_blocking(prepare).await.map_err(|e| ServeError::Prepare(Box::new(e)))?;
    let Prepared { version, store, following, mut writer, on_load } =
        prepared.map_err(|e| ServeError::Prepare(e.into()))?;
    // From now on uploads, pictures and models count together.
    let store = store.with_disk(state.uploads().disk().clone());
    writer.share_disk(state.uploads().disk().clone());
    if let Some(version) = &version {
        let trained_on_sample = version.manifest.is_of_the_sample();
        let segments = version.model.segments().len();
        tracing::info!(
            event = "ready",
            model_version = %version.id,
            segments,
            trained_on_sample,
            writer = writer.name(),
            "ready"
        );
    }
    let follower = following.map(|follower| Arc::new(follower.with_models(&store)));
    state.equip(Equipment::new(version, writer, store, on_load).with_shared(follower.clone()));
    tokio::spawn(run_refresh(state.clone(), refresh.clone()));
    if let Some(follower) = follower {
        tokio::spawn(run_following(follower, refresh));
    }
    tokio::spawn(run_expiry(state.clone()));
    if let Some(schedule) = state.settings().schedule.clone() {
        let next = schedule.next_after(Timestamp::now()).map(|next| next.to_string());
        tracing::info!(event = "retraining_scheduled", next, "retraining is scheduled");
        tokio::spawn(run_schedule(state.clone(), schedule));
    }
    Ok(())
}
