//! The server under test: its own port, its own folders, gone when it is dropped.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use content_portal::audit::AuditSettings;
use content_portal::content::{Writer, WriterConfig, WriterKind};
use content_portal::customer::Schema;
use content_portal::http::{
    Application, Hosts, Key, KeyRing, Opening, Parts, Prepared, ServeError, Settings, TrustedProxies,
};
use content_portal::model_store::ModelStore;
use content_portal::pipeline::SegmentId;
use content_portal::retrain::worker::Program;
use content_portal::upload_store::UploadRules;
use content_portal::workbook::{Bounds, Limits, Reader};
use jiff::tz::TimeZone;
use reqwest::{RequestBuilder, Response};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::form::Form;
use crate::trained::{SAMPLE_MODEL, TrainedVersion};

/// Opens the routes for administrators.
pub const ADMIN_KEY: &str = "a-key-of-the-administrators";

/// The log of retrainings, in the server's folder: a refusal that a test expects is none of its output.
const RETRAINING_LOG: &str = "retraining.log";

/// The file of keys, in the server's folder.
const KEYS: &str = "keys.jsonl";

/// The audit log, in a folder of its own.
const AUDIT_LOG: &str = "audit.jsonl";

/// How long a condition may take to come true: far longer than it ever does.
const PATIENCE: Duration = Duration::from_secs(60);

/// The real reader process.
pub fn reader() -> Reader {
    Reader::new(env!("CARGO_BIN_EXE_content-portal"), Limits::default(), Bounds::default())
}

/// A file of the repository.
pub fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// How a server is to be set up.
pub struct Setup {
    pub console: bool,
    pub writer: WriterConfig,
    pub reader: Reader,
    pub max_upload_bytes: u64,
    pub upload_rules: UploadRules,
    pub max_members: usize,
    pub writers_at_once: usize,
    pub allow_origins: Vec<String>,
    pub public_url: Option<String>,
    pub admin_key: Option<&'static str>,
    pub api_keys: Vec<&'static str>,
    /// The lines of `KEYS_FILE`.
    pub keys: Option<String>,
    pub allow_hosts: Vec<&'static str>,
    pub requests_per_minute: Option<u32>,
    pub max_connections: usize,
    /// What retrains, in the server's folder; the real binary without one.
    pub program: Option<Program>,
    /// Laid over the trained personas, as `PERSONA_PATH` is.
    pub personas: BTreeMap<SegmentId, Map<String, Value>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            console: true,
            writer: WriterConfig { kind: WriterKind::Offline, ..WriterConfig::default() },
            reader: reader(),
            max_upload_bytes: 50 << 20,
            // Whatever room the machine has left will do.
            upload_rules: UploadRules { min_free_bytes: 0, ..UploadRules::default() },
            max_members: 20_000,
            writers_at_once: 8,
            allow_origins: vec!["http://localhost:4200".to_owned(), "http://127.0.0.1:4200".to_owned()],
            public_url: None,
            admin_key: Some(ADMIN_KEY),
            api_keys: Vec::new(),
            keys: None,
            allow_hosts: Vec::new(),
            requests_per_minute: None,
            max_connections: 1_000,
            program: None,
            personas: BTreeMap::new(),
        }
    }
}

/// Retrainings in the folder `dir`.
pub fn parts(dir: &Path, program: Option<Program>, reader: Reader) -> Parts {
    let program = program.unwrap_or_else(|| Program::new(env!("CARGO_BIN_EXE_content-portal")));
    let program = program.alone_in(dir).log_to(dir.join(RETRAINING_LOG));
    Parts { program, schema: Arc::new(Schema::built_in().unwrap()), reader, state_dir: dir.join("state") }
}

/// A running server.
pub struct TestApp {
    pub address: SocketAddr,
    pub uploads: PathBuf,
    pub models: PathBuf,
    client: reqwest::Client,
    /// Reads the keys again, as SIGHUP does.
    pub key_ring: KeyRing,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), ServeError>>>,
    audit: TempDir,
    folders: TempDir,
}

impl TestApp {
    /// A ready server with the sample's model and the offline writer.
    pub async fn spawn() -> Self {
        Self::spawn_with(Setup::default()).await
    }

    /// A ready server with the sample's model.
    pub async fn spawn_with(setup: Setup) -> Self {
        Self::spawn_on(setup, &SAMPLE_MODEL).await
    }

    /// A ready server with a model of its own.
    pub async fn spawn_on(setup: Setup, version: &TrainedVersion) -> Self {
        let folders = tempfile::tempdir().unwrap();
        let models = folders.path().join("models");
        version.publish_to(&models);
        let writer = WriterConfig { image_dir: folders.path().join("images"), ..setup.writer.clone() };
        let personas = setup.personas.clone();
        let store = ModelStore::new(&models);
        let app = Self::start(folders, setup, move |_| {
            let on_load = Arc::new(move |version: &mut content_portal::model_store::ModelVersion| {
                version.model.overlay_personas(&personas);
            });
            let mut version = store.load_current().unwrap();
            on_load(&mut version);
            version.model.warm_up().unwrap();
            Ok::<_, String>(Prepared {
                version: Some(version),
                store,
                following: None,
                writer: Writer::new(&writer).unwrap(),
                on_load,
            })
        })
        .await;
        app.until(async |app| app.get("/readyz").await.status() == 200).await;
        app
    }

    /// A server that is getting ready by `prepare`.
    pub async fn start<F>(folders: TempDir, setup: Setup, prepare: F) -> Self
    where
        F: FnOnce(&Opening) -> Result<Prepared, String> + Send + 'static,
    {
        // The crate's own client brings no TLS provider along, and ours is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (uploads, audit) = (folders.path().join("uploads"), tempfile::tempdir().unwrap());
        let settings = Settings {
            address: "127.0.0.1:0".parse().unwrap(),
            console: setup.console,
            allow_origins: setup.allow_origins,
            public_url: setup.public_url,
            admin_key: setup.admin_key.map(Key::new),
            api_keys: setup.api_keys.into_iter().map(Key::new).collect(),
            keys_file: setup.keys.map(|lines| {
                let path = folders.path().join(KEYS);
                fs::write(&path, lines).unwrap();
                path
            }),
            allow_hosts: Hosts::new(setup.allow_hosts).unwrap(),
            audit: AuditSettings { path: Some(audit.path().join(AUDIT_LOG)), max_bytes: 1 << 20, max_files: 2 },
            trusted_proxies: TrustedProxies::new(vec!["127.0.0.1/32".parse().unwrap()]),
            requests_per_minute: setup.requests_per_minute.and_then(NonZeroU32::new),
            max_connections: NonZeroUsize::new(setup.max_connections).unwrap(),
            upload_dir: uploads.clone(),
            max_upload_bytes: setup.max_upload_bytes,
            upload_rules: setup.upload_rules,
            max_members: setup.max_members,
            writers_at_once: NonZeroUsize::new(setup.writers_at_once).unwrap(),
            time_zone: TimeZone::UTC,
            ..Settings::default()
        };
        let parts = parts(folders.path(), setup.program, setup.reader);
        let application = Application::bind(settings, parts).await.unwrap();
        let address = application.address();
        let key_ring = application.key_ring();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(application.run_until_stopped(prepare, async {
            // Dropped or sent, both mean the end.
            let _ = stopped.await;
        }));
        Self {
            address,
            uploads,
            models: folders.path().join("models"),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            key_ring,
            stop: Some(stop),
            running: Some(running),
            audit,
            folders,
        }
    }

    /// Waits until `condition` holds.
    pub async fn until(&self, condition: impl AsyncFn(&Self) -> bool) {
        let started = Instant::now();
        while !condition(self).await {
            assert!(started.elapsed() < PATIENCE, "the condition never came true");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the server and says how it ended.
    pub async fn stop(mut self) -> Result<(), ServeError> {
        drop(self.stop.take());
        self.ended().await
    }

    /// How the server ends by itself.
    pub async fn ended(&mut self) -> Result<(), ServeError> {
        tokio::time::timeout(PATIENCE, self.running.take().unwrap()).await.unwrap().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(reqwest::Method::GET, path).send().await.unwrap()
    }

    /// Sends a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(reqwest::Method::POST, path).json(body).send().await.unwrap()
    }

    /// The JSON that a body is answered with.
    pub async fn generate(&self, path: &str, body: &Value) -> Value {
        ok(self.post(path, body).await).await
    }

    /// Sends a form to `/upload-excel`.
    pub async fn send(&self, form: Form) -> Response {
        let (content_type, body) = form.finish();
        let request = self.request(reqwest::Method::POST, "/upload-excel").header("content-type", content_type);
        request.body(body).send().await.unwrap()
    }

    /// The answer to a workbook of this name.
    pub async fn upload(&self, name: &str, bytes: &[u8]) -> Value {
        ok(self.send(Form::new().file(name, bytes)).await).await
    }

    /// The answer to a file of the repository.
    pub async fn upload_file(&self, path: &str) -> Value {
        self.upload(path.rsplit('/').next().unwrap(), &fs::read(root(path)).unwrap()).await
    }

    /// The file of keys.
    pub fn keys_file(&self) -> PathBuf {
        self.folders.path().join(KEYS)
    }

    /// The line of the audit log for the request with this id, once it is written.
    pub async fn audited(&self, request_id: &str) -> Value {
        let lines = || fs::read_to_string(self.audit.path().join(AUDIT_LOG)).unwrap();
        let find = |text: &str| {
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.into_iter().find(|line| line["request_id"] == request_id)
        };
        self.until(async |_| find(&lines()).is_some()).await;
        find(&lines()).unwrap()
    }

    /// Every line of the audit log, once the server has ended.
    pub async fn audited_until_the_end(mut self) -> Vec<Value> {
        drop(self.stop.take());
        self.ended().await.unwrap();
        let text = fs::read_to_string(self.audit.path().join(AUDIT_LOG)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Whether the audit log has noted the request by now.
    pub fn is_audited(&self, request_id: &str) -> bool {
        fs::read_to_string(self.audit.path().join(AUDIT_LOG)).unwrap().contains(request_id)
    }

    /// Where pictures are kept.
    pub fn images(&self) -> PathBuf {
        self.folders.path().join("images")
    }

    /// What the upload folder holds, hidden files included, sorted; without the notes beside the uploads.
    pub fn kept(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.uploads) else { return Vec::new() };
        let mut kept: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        let is_note = |path: &PathBuf| path.to_str().unwrap().ends_with(".json");
        kept.retain(|path| !is_note(path));
        kept.sort();
        kept
    }
}

impl Drop for TestApp {
    #[expect(clippy::print_stderr, reason = "a failure is looked into with the log")]
    fn drop(&mut self) {
        if let (true, Ok(log)) =
            (std::thread::panicking(), fs::read_to_string(self.folders.path().join(RETRAINING_LOG)))
        {
            eprintln!("{log}");
        }
        drop(self.stop.take());
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

/// The JSON of an answer that is a success.
pub async fn ok(response: Response) -> Value {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Every entry of a JSON list.
pub fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// The keys of a JSON object, in its order.
pub fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object")).keys().map(String::as_str).collect()
}
