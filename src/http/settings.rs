//! The settings of the server.

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

/// The settings of the server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Origins that browsers may call from; `*` means every one.
    pub allow_origins: Vec<String>,
    /// The address by which callers reach this service, without a slash at the end; otherwise the host of each request.
    pub public_url: Option<String>,
    /// The administrators' key. Without one, their routes are closed.
    pub admin_key: Option<Key>,
    /// Keys, one of which every request needs; without any, none is needed. The administrators' key counts as one.
    pub api_keys: Vec<Key>,
    /// Networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: TrustedProxies,
    /// Requests a minute by one client; without it there is no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Connections at a time.
    pub max_connections: NonZeroUsize,
    /// How new versions are trained.
    pub retraining: Retraining,
    /// The folder of accepted uploads.
    pub upload_dir: PathBuf,
    /// The limits on them.
    pub upload_rules: UploadRules,
    /// The largest file of an upload, in bytes.
    pub max_upload_bytes: u64,
    /// Reads the workbooks of uploads.
    pub reader: Reader,
    /// The time zone that decides what today is; later dates are in the future.
    pub time_zone: TimeZone,
    /// The most customers listed in one answer.
    pub max_members: usize,
    /// Segments of one upload that are written at the same time.
    pub writers_at_once: NonZeroUsize,
}

impl Settings {
    /// README's defaults: no keys, no origins, no rate limit.
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
    /// The program that is started for a retraining.
    pub program: Program,
    /// The columns that it learns from. Workbooks sent with a retraining must have them.
    pub schema: Arc<Schema>,
    /// When the server retrains by itself.
    pub schedule: Option<Schedule>,
}
