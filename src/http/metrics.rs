//! The metrics of a server: counters and latencies, for `GET /metrics`.
//!
//! One registry a server, never a global one. Labels are closed sets (route patterns, methods, statuses, outcomes), so
//! that no client can create a time series. *Overhead* is the time of a request without its wait for the model API, and
//! without the delay of a rejection.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::content::{Content, Pictures, Spent, WriteError, Written};
use crate::pipeline::{Drift, DriftLevel, MIN_OBSERVED};
use crate::retrain::worker::Outcome;
use crate::segmentation::Grouped;

mod totals;

pub(super) use totals::Totals;

/// Every metric that is counted.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, Buckets>,
    overhead: Family<RouteLabels, Histogram, Buckets>,
    uploads: Counter,
    rows: Family<OutcomeLabels, Counter>,
    segments: Family<OutcomeLabels, Counter>,
    pictures: Family<OutcomeLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    cost: Counter<f64, AtomicU64>,
    model: Family<ModelLabels, Gauge>,
    paused: Family<EndpointLabels, Gauge>,
    tasks: Gauge,
    retrains: Family<OutcomeLabels, Counter>,
    retraining: Gauge,
    last_retrain: Gauge<f64, AtomicU64>,
    drift: UploadDrift,
    totals: Totals,
}

/// How far the last upload was from the training data.
#[derive(Debug, Default)]
struct UploadDrift {
    psi: Family<ColumnLabels, Gauge<f64, AtomicU64>>,
    unseen_share: Gauge<f64, AtomicU64>,
    outside_share: Gauge<f64, AtomicU64>,
    /// 0 steady, 1 shifted, 2 drifted.
    level: Gauge,
}

/// One request that was answered.
pub(super) struct Answered<'a> {
    pub route: &'a str,
    pub method: &'a str,
    pub status: StatusCode,
    pub took: Duration,
    /// The part of `took` spent waiting for the model API.
    pub waited: Duration,
    /// The part of `took` that a request was kept waiting before it was not admitted.
    pub delayed: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    kind: &'static str,
}

/// A column by its title in the live model's schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ColumnLabels {
    column: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    version: String,
}

/// From a quarter of a millisecond to two minutes, doubling.
#[derive(Debug, Clone)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(0.000_25, 2.0, 20))
    }
}

/// How a retraining can end.
const OUTCOMES: [&str; 7] = ["published", "refused", "unchanged", "compared", "locked", "ended", "failed"];

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("content_portal"),
            requests: Family::default(),
            latency: Family::new_with_constructor(Buckets),
            overhead: Family::new_with_constructor(Buckets),
            uploads: Counter::default(),
            rows: Family::default(),
            segments: Family::default(),
            pictures: Family::default(),
            tokens: Family::default(),
            cost: Counter::default(),
            model: Family::default(),
            retrains: Family::default(),
            retraining: Gauge::default(),
            last_retrain: Gauge::default(),
            paused: Family::default(),
            tasks: Gauge::default(),
            drift: UploadDrift::default(),
            totals: Totals::default(),
        };
        let of = &mut metrics.registry;
        of.register("requests", "Requests answered", metrics.requests.clone());
        let help = "From the request's first byte to its answer";
        of.register_with_unit("request_duration", help, Unit::Seconds, metrics.latency.clone());
        let help =
            "The same without waiting for the model API and the delay of rejections; includes receiving the body";
        of.register_with_unit("request_overhead", help, Unit::Seconds, metrics.overhead.clone());
        of.register("uploads", "Workbooks accepted and kept", metrics.uploads.clone());
        of.register("upload_rows", "Rows of accepted workbooks, used or dropped", metrics.rows.clone());
        of.register("segments", "Segments of uploads, written or failed", metrics.segments.clone());
        of.register("pictures", "Requested pictures, drawn or failed", metrics.pictures.clone());
        of.register("tokens", "Tokens as the model API counts them", metrics.tokens.clone());
        let help =
            "Estimated cost of the model API in US dollars, without calls that ended after their client had left";
        of.register("cost_usd", help, metrics.cost.clone());
        of.register("model_info", "The live model version", metrics.model.clone());
        of.register("retrains", "Retrainings of this server, by outcome", metrics.retrains.clone());
        of.register("retraining", "Whether a retraining of this server is running", metrics.retraining.clone());
        let help = "Duration of the last retraining of this server";
        of.register_with_unit("last_retrain_duration", help, Unit::Seconds, metrics.last_retrain.clone());
        let help = "Whether calls to the model API are paused because it kept failing";
        of.register("upstream_paused", help, metrics.paused.clone());
        of.register("tasks", "Concurrent tasks: connections and other work", metrics.tasks.clone());
        metrics.drift.register(of);
        // From the start, so that the first failure is an increase.
        for outcome in OUTCOMES {
            drop(metrics.retrains.get_or_create(&OutcomeLabels { outcome }));
        }
        metrics
    }

    /// Whether a retraining is running.
    pub fn retraining(&self, is_under_way: bool) {
        self.retraining.set(i64::from(is_under_way));
    }

    /// A retraining that has ended.
    pub fn retrained(&self, outcome: &Outcome, took: Duration) {
        let [published, refused, unchanged, compared, locked, ended, failed] = OUTCOMES;
        let outcome = match outcome.last() {
            Outcome::Published { .. } => published,
            Outcome::Refused { .. } => refused,
            Outcome::Unchanged { .. } => unchanged,
            Outcome::Compared { .. } => compared,
            Outcome::Locked { .. } => locked,
            Outcome::Ended { .. } => ended,
            Outcome::Failed { .. } => failed,
        };
        self.retrains.get_or_create(&OutcomeLabels { outcome }).inc();
        self.last_retrain.set(took.as_secs_f64());
    }

    pub fn answered(&self, answered: &Answered<'_>) {
        let (route, method) = (answered.route.to_owned(), answered.method.to_owned());
        let labels = RouteLabels { route: route.clone() };
        self.requests.get_or_create(&RequestLabels { route, method, status: answered.status.as_u16() }).inc();
        self.latency.get_or_create(&labels).observe(answered.took.as_secs_f64());
        let overhead = answered.took.saturating_sub(answered.waited).saturating_sub(answered.delayed);
        self.overhead.get_or_create(&labels).observe(overhead.as_secs_f64());
        self.totals.add(answered.route, answered.status, overhead);
    }

    /// An accepted upload: its rows and its drift, unless it has so few customers that its drift would describe them.
    /// [`Metrics::segment`] counts its segments.
    pub fn uploaded(&self, grouped: &Grouped) {
        let table = grouped.table();
        self.uploads.inc();
        self.rows.get_or_create(&OutcomeLabels { outcome: "used" }).inc_by(count(table.n_rows()));
        self.rows.get_or_create(&OutcomeLabels { outcome: "dropped" }).inc_by(count(table.cleaning().n_dropped()));
        let is_crowd = table.n_rows() as u64 >= MIN_OBSERVED;
        if let Some(drift) = grouped.drift().filter(|_| is_crowd) {
            self.drift.set(drift);
            self.totals.set_drift(drift);
        }
    }

    /// One segment of an upload.
    pub fn segment(&self, written: &Written) {
        let outcome = if written.content.is_ok() { "written" } else { "failed" };
        self.segments.get_or_create(&OutcomeLabels { outcome }).inc();
        self.content(&written.content);
        if let Some(pictures) = &written.pictures {
            self.pictures(pictures);
        }
    }

    /// The tokens and the cost of a text, including a failed one.
    pub fn content(&self, content: &Result<Content, WriteError>) {
        match content {
            Ok(content) => self.spent(content.spent),
            Err(error) => self.spent(error.spent),
        }
    }

    /// Drawn and failed pictures, and their cost.
    pub fn pictures(&self, pictures: &Result<Pictures, WriteError>) {
        let (n_drawn, n_failed, spent) = match pictures {
            Ok(pictures) => (pictures.images.len(), 0, pictures.spent),
            Err(error) => (error.drawn.len(), error.n_failed, error.spent),
        };
        self.pictures.get_or_create(&OutcomeLabels { outcome: "drawn" }).inc_by(count(n_drawn));
        self.pictures.get_or_create(&OutcomeLabels { outcome: "failed" }).inc_by(count(n_failed));
        self.spent(spent);
    }

    fn spent(&self, spent: Spent) {
        self.tokens.get_or_create(&TokenLabels { kind: "prompt" }).inc_by(spent.tokens.prompt);
        self.tokens.get_or_create(&TokenLabels { kind: "completion" }).inc_by(spent.tokens.completion);
        self.cost.inc_by(spent.cost_usd.unwrap_or_default());
        self.totals.spent(self.cost.get());
    }

    /// The few numbers of `GET /status`.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The number of concurrent tasks.
    pub fn tasks(&self, n_tasks: usize) {
        self.tasks.set(i64::try_from(n_tasks).unwrap_or(i64::MAX));
    }

    /// Whether calls for texts, and for pictures, are paused.
    pub fn paused(&self, texts: bool, pictures: bool) {
        for (endpoint, is_paused) in [("texts", texts), ("pictures", pictures)] {
            self.paused.get_or_create(&EndpointLabels { endpoint }).set(is_paused.into());
        }
    }

    /// Writes everything as OpenMetrics, without its end.
    ///
    /// # Errors
    /// Those of `text`.
    pub fn write(&self, text: &mut String, version: Option<&str>) -> Result<(), std::fmt::Error> {
        self.model.clear();
        if let Some(version) = version {
            self.model.get_or_create(&ModelLabels { version: version.to_owned() }).set(1);
        }
        encode_registry(text, &self.registry)
    }
}

impl UploadDrift {
    fn register(&self, of: &mut Registry) {
        let help = "How far a column of the last upload is from the training data, as population stability index";
        of.register("upload_drift_psi", help, self.psi.clone());
        let help = "Of the last upload, the share of customers with a value that training never saw";
        of.register("upload_unseen_share", help, self.unseen_share.clone());
        let help = "Of the last upload, the share of customers outside every segment";
        of.register("upload_outside_share", help, self.outside_share.clone());
        let help = "How far the last upload is from the training data: 0 steady, 1 shifted, 2 drifted";
        of.register("upload_drift_level", help, self.level.clone());
    }

    fn set(&self, drift: &Drift) {
        // Another model may have other columns.
        self.psi.clear();
        for column in &drift.columns {
            self.psi.get_or_create(&ColumnLabels { column: column.title.clone() }).set(column.psi);
        }
        self.unseen_share.set(drift.unseen_share);
        self.outside_share.set(drift.outside_share);
        self.level.set(match drift.level {
            DriftLevel::Steady | DriftLevel::Moving => 0,
            DriftLevel::Shifted => 1,
            DriftLevel::Drifted => 2,
        });
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
