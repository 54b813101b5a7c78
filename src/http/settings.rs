//! What a server is told at its start.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::admission::{Key, TrustedProxies};
use crate::customer::Schema;
use crate::retrain::worker::Program;
use crate::schedule::Schedule;
use crate::upload_store::UploadRules;
use crate::workbook::Reader;

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
    /// Reads the workbooks of uploads.
    pub reader: Reader,
    /// By whose clock a day begins: dates after it are in the future.
    pub time_zone: TimeZone,
    /// Customers listed in one answer.
    pub max_members: usize,
    /// Segments of one upload that are written side by side.
    pub writers_at_once: NonZeroUsize,
}

impl Settings {
    /// README's defaults: no keys, no origins, no limit on a caller's rate.
    pub fn new(retraining: Retraining, reader: Reader) -> Self {
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
            reader,
            time_zone: TimeZone::UTC,
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
