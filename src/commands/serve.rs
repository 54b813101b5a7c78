//! `serve`: the HTTP API, until a signal stops it.

use std::error::Error;
use std::io;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, anyhow};
use content_portal::causes::with_causes;
use content_portal::http::{
    Application, Condition, KeyRing, Opening, Parts, Prepared, Refresh, RefusedBudgets, Reloaded, ServeError, Settings,
};
use content_portal::model_store::ModelVersion;
use content_portal::retrain::worker::Program;
use content_portal::shared_store;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::config::Config;
use super::log::Terminal;
use super::misconfigured::Misconfigured;
use super::welcome::welcome;
use super::{current_model, descriptors, exposure, folders, keys, service_manager, setup};

/// Binds, gets ready, serves. The last line on a terminal says where the server is and who writes. A retraining gets
/// `without_secrets` of the settings.
pub fn serve(
    config: &Config,
    without_secrets: Vec<(String, String)>,
    terminal: Option<Terminal>,
) -> anyhow::Result<()> {
    exposure::hide_from_others();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut settings = config.server.clone();
    settings.max_connections = descriptors::make_room_for(settings.max_connections);
    let parts = parts(config, without_secrets)?;
    let served = runtime.block_on(serve_until_stopped(config.clone(), settings, parts, terminal));
    // A training under way would hold up the end by seconds; what it has not published is not missed.
    runtime.shutdown_background();
    served
}

/// Listens, then gets ready while callers are told so, and serves until a signal stops it.
async fn serve_until_stopped(
    mut config: Config,
    settings: Settings,
    parts: Parts,
    terminal: Option<Terminal>,
) -> anyhow::Result<()> {
    let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let application = listening(settings, parts).await?;
    let (address, condition) = (application.address(), application.condition());
    exposure::check(&config.server, &application)?;
    tracing::info!(event = "listening", %address, "listening");
    let hang_up = signal(SignalKind::hangup()).context("SIGHUP cannot be listened for")?;
    let status = condition.clone();
    tokio::spawn(service_manager::run_status(move || status.sentence()));
    let greeting: Arc<OnceLock<String>> = Arc::default();
    tokio::spawn(announce(application.until_ready(), condition.clone(), terminal, greeting.clone()));
    let (refresh, key_ring) = (application.refresh(), application.key_ring());
    config.writer.has_key_budgets = key_ring.has_budgets();
    tokio::spawn(reload_when_asked(hang_up, key_ring, refresh, condition));
    let prepare = move |opening: &Opening| {
        let prepared = prepare(&config, opening).map_err(boxed)?;
        // Set once: a server gets ready once.
        let _ = greeting.set(welcome(&config, address, &prepared));
        Ok::<_, Box<dyn Error + Send + Sync>>(prepared)
    };
    application.run_until_stopped(prepare, asked_to_stop(terminate)).await?;
    Ok(())
}

/// The server at its address, or on the socket that the service manager holds.
async fn listening(settings: Settings, parts: Parts) -> anyhow::Result<Application> {
    let named = settings.clone();
    let application = match service_manager::socket()? {
        Some(socket) => Application::on(socket, settings, parts),
        None => Application::bind(settings, parts).await,
    };
    application.map_err(|error| with_next_step(error, &named))
}

/// Waits until the server is ready. Then reports so to the service manager and on the terminal, and from then on that
/// the server is alive.
async fn announce(
    ready: impl Future<Output = ()>,
    condition: Condition,
    terminal: Option<Terminal>,
    greeting: Arc<OnceLock<String>>,
) {
    ready.await;
    service_manager::notify_ready(&condition.sentence());
    if let (Some(terminal), Some(line)) = (terminal, greeting.get()) {
        terminal.show(line);
    }
    service_manager::run_watchdog().await;
}

/// Waits for a signal that asks the server to stop.
async fn asked_to_stop(mut terminate: Signal) {
    tokio::select! {
        _ = terminate.recv() => tracing::info!(event = "stopping", "SIGTERM: stopping"),
        // An error means that Ctrl-C cannot be heard; SIGTERM still is.
        _ = tokio::signal::ctrl_c() => tracing::info!(event = "stopping", "Ctrl-C: stopping"),
    }
    service_manager::notify_stopping();
}

/// What the server works with.
fn parts(config: &Config, mut without_secrets: Vec<(String, String)>) -> anyhow::Result<Parts> {
    let program = std::env::current_exe().context("this program's own file cannot be found")?;
    // Nothing is written there, and the writer that has a key cannot be set up without it.
    without_secrets.retain(|(name, _)| name != "WRITER");
    without_secrets.push(("WRITER".to_owned(), "offline".to_owned()));
    // The server publishes for it: what reads strangers' workbooks has no keys of the shared store.
    without_secrets.retain(|(name, _)| !shared_store::Settings::is_one(name));
    let program = Program::new(program).with_environment(without_secrets);
    let (schema, reader, state_dir) = (setup::schema(config)?, setup::reader(config)?, config.writer.state_dir.clone());
    Ok(Parts { program, schema, reader, state_dir })
}

/// On each SIGHUP takes over what changed on disk: keys, a new model version, prompts.
async fn reload_when_asked(mut hang_up: Signal, key_ring: KeyRing, refresh: Refresh, condition: Condition) {
    while hang_up.recv().await.is_some() {
        tracing::info!(event = "reloading", "SIGHUP: looking for a new model version, prompts and keys");
        service_manager::notify_reloading();
        reload_keys(key_ring.clone()).await;
        refresh.now().await;
        service_manager::notify_ready(&condition.sentence());
    }
}

/// Takes over the keys of `KEYS_FILE`; where it is faulty now, the previous keys stay valid.
async fn reload_keys(key_ring: KeyRing) {
    match tokio::task::spawn_blocking(move || key_ring.reload()).await {
        Ok(Ok(Reloaded { n_keys, refused })) => {
            tracing::info!(event = "keys_reloaded", n_keys, "{n_keys} keys are good now");
            if let Some(RefusedBudgets { without, left_out, cause }) = refused {
                tracing::error!(
                    event = "budgets_not_taken_over",
                    causes = with_causes(&cause),
                    ?without,
                    ?left_out,
                    "no key can have a budget: keys that were good go on without one, and new ones with a budget are \
                     left out; everything else of KEYS_FILE counts"
                );
            }
        }
        Ok(Err(error)) => tracing::error!(
            event = "keys_not_reloaded",
            causes = with_causes(&error),
            "KEYS_FILE cannot be used: the previous keys stay valid"
        ),
        Err(error) => {
            tracing::error!(event = "keys_not_reloaded", %error, "KEYS_FILE cannot be read: the previous keys stay valid")
        }
    }
}

/// Why the server does not listen, with a way out where the user has one.
fn with_next_step(error: ServeError, settings: &Settings) -> anyhow::Error {
    match error {
        ServeError::Keys(cause) => {
            let path = settings.keys_file.clone().unwrap_or_default();
            Misconfigured::File { variable: "KEYS_FILE", path, cause: cause.into() }.into()
        }
        ServeError::Audit(cause) => {
            let path = settings.audit.path.clone().unwrap_or_default();
            Misconfigured::File { variable: "AUDIT_LOG", path, cause: cause.into() }.into()
        }
        ServeError::Bind { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
            let next = address.port().checked_add(1).unwrap_or(5001);
            anyhow!(
                "cannot listen on {address}: another program has taken the port; take another one, such as \
                 PORT={next} content-portal"
            )
        }
        _ => error.into(),
    }
}

/// The error for the server to end with: one of the settings as itself, so that it is still known behind the server's.
fn boxed(error: anyhow::Error) -> Box<dyn Error + Send + Sync> {
    error.downcast::<Misconfigured>().map_or_else(Into::into, Into::into)
}

/// Everything that takes time before the first request can be answered: milliseconds where there is a model, and
/// callers are let in behind it; minutes where one has to be trained, and they are let in before it. Where there is
/// nothing to train one from, the server waits for a first workbook.
fn prepare(config: &Config, opening: &Opening) -> anyhow::Result<Prepared> {
    let store = setup::store(config);
    folders::check(config, store.has_version())?;
    let entries = setup::persona_entries(config)?;
    // Not at night, when the schedule comes to it.
    setup::training_settings(config)?;
    let writer = setup::writer(config)?;
    keys::check_keys(config, &keys::of_file(config)?.unwrap_or_default(), writer.least_call_usd())?;
    let following = current_model::catch_up(config, &store)?;
    let mut version = if current_model::has_nothing(config, &store) {
        folders::make_base_data(config);
        tracing::warn!(event = "no_model", "{}", current_model::how_to_begin(config));
        None
    } else {
        Some(current_model::loaded_or_trained(config, &store, &|| opening.open())?)
    };
    let on_load = Arc::new(move |version: &mut ModelVersion| {
        setup::overlay(version, &entries);
        setup::warn_of_sample(version);
        if let Err(error) = version.model.warm_up() {
            tracing::error!(
                event = "model_check_failed",
                %error,
                "the model cannot place a customer that training never met"
            );
        }
    });
    if let Some(version) = &mut version {
        on_load(version);
    }
    let schema = setup::schema(config)?;
    if version.as_ref().is_some_and(|version| *schema != **version.model.schema()) {
        tracing::warn!(
            event = "schema_differs",
            "the model was trained with another schema than SCHEMA_PATH; uploads are read by the model's own"
        );
    }
    Ok(Prepared { version, store, following, writer, on_load })
}
