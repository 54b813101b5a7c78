//! `GET /status`: how the service is, on one page, for people and for programs that are no Prometheus.

use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, SchemaType, Type};

use super::docs::{LookProblems, NotReady};
use crate::content::{Engagement, FunnelStage, MAX_FREE_TEXT_CHARS, MAX_VARIANTS, Output, Platform, Tone, Writer};
use crate::http::access::Right;
use crate::http::metrics::Totals;
use crate::http::problem::ApiError;
use crate::http::state::AppState;
use crate::segmentation::any_object;

/// How the service is.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Status {
    /// `ready`; `no_model` before the first one was trained; `starting` before that is known.
    #[schema(example = "ready")]
    status: &'static str,
    /// The version of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Since the start of the server, in seconds.
    #[schema(example = 86400)]
    uptime_s: u64,
    /// The live model version; null before there is one.
    #[schema(required, example = "20261122T194851Z-2a945ef3")]
    model_version: Option<String>,
    /// Whether it was trained on the sample, whose customers are invented; null before there is one.
    #[schema(required, example = false)]
    trained_on_sample: Option<bool>,
    /// Who writes: `openai` or `offline`; null before it is there.
    #[schema(required, example = "offline")]
    writer: Option<&'static str>,
    /// The models that write, in the order in which they are asked, and last the one that draws; empty for the offline
    /// writer.
    #[schema(example = json!(["gpt-4o-mini", "gpt-image-1"]))]
    models: Vec<String>,
    upstream_paused: Paused,
    budget: DayBudget,
    /// Estimated cost of the upstream since the start, in US dollars; calls that ended after their client had left are
    /// in `budget` alone.
    #[schema(example = 0.42)]
    cost_usd: f64,
    requests: Requests,
    overhead_ms: Overhead,
    /// How far the last upload was from the training, as its answer has it; null before the first one.
    #[schema(schema_with = drift_schema)]
    drift: Option<Value>,
    /// Kept uploads that no training has taken yet; null where the folder cannot be read.
    #[schema(required, example = 3)]
    uploads_waiting: Option<usize>,
    /// Room on the disk where uploads are kept; null where the system does not say.
    #[schema(required, example = 53_687_091_200_u64)]
    disk_free_bytes: Option<u64>,
    /// When the schedule is due next; null where none is set.
    #[schema(required, example = "2027-01-01T02:00:00+08:00[Asia/Singapore]")]
    next_retraining: Option<String>,
    /// Whether the routes for administrators can be opened at all.
    #[schema(example = true)]
    admin_key_is_set: bool,
    options: Options,
}

/// Whether calls to the model server are held back because it kept failing.
#[derive(Serialize, ToSchema)]
#[schema(as = UpstreamPaused)]
pub(in crate::http) struct Paused {
    /// Those for texts.
    #[schema(example = false)]
    texts: bool,
    /// Those for pictures.
    #[schema(example = false)]
    pictures: bool,
}

/// What the calls of one day (UTC) may cost, and have cost.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DayBudget {
    /// Of one day, in US dollars; null without a budget.
    #[schema(required, example = 5.0)]
    limit_usd: Option<f64>,
    /// Of today, by the calls of this server, also where several servers have one budget together; null without a
    /// budget of all.
    #[schema(required, example = 1.2)]
    spent_usd: Option<f64>,
    /// When the next day begins.
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T00:00:00Z")]
    resets_at: Timestamp,
}

/// Requests answered since the start, without those for health, metrics, status and pages.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Requests {
    /// Status 2xx and 3xx.
    #[schema(example = 1200)]
    ok: u64,
    /// Status 4xx.
    #[schema(example = 7)]
    client_error: u64,
    /// Status 5xx.
    #[schema(example = 0)]
    server_error: u64,
}

/// Milliseconds that those requests took without waiting for the model server: an upper bound from doubling buckets;
/// null before the first one.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Overhead {
    /// Of half of the requests.
    #[schema(required, example = 1.0)]
    p50: Option<f64>,
    /// Of 99 of 100 requests.
    #[schema(required, example = 32.0)]
    p99: Option<f64>,
}

/// The values that campaign fields may have.
#[derive(Serialize, ToSchema)]
#[schema(as = CampaignOptions)]
pub(in crate::http) struct Options {
    platforms: Vec<PlatformOption>,
    /// Names of `tone`.
    #[schema(value_type = Vec<String>, example = json!(["Casual"]))]
    tones: &'static [&'static str],
    /// Names of `funnel_stage`.
    #[schema(value_type = Vec<String>, example = json!(["Awareness"]))]
    funnel_stages: &'static [&'static str],
    /// Names of `past_engagement`.
    #[schema(value_type = Vec<String>, example = json!(["High"]))]
    past_engagement: &'static [&'static str],
    /// Names of `post_type`.
    #[schema(value_type = Vec<String>, example = json!(["Both"]))]
    post_types: &'static [&'static str],
    /// The most variants of one text.
    #[schema(example = 10)]
    max_variants: u8,
    /// Characters of `objective` and `industry`.
    #[schema(example = 100)]
    max_free_text_chars: usize,
}

/// A platform and what it takes.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PlatformOption {
    /// Its name.
    #[schema(example = "Instagram")]
    name: &'static str,
    /// Characters of one post; null where nothing is cut.
    #[schema(required, example = 2200)]
    max_chars: Option<usize>,
}

/// How the service is
///
/// Version, writer, budget, requests, the last upload's drift, what waits and what is due, and the values that campaign
/// fields may have. Answers also while the first model is trained.
#[utoipa::path(get, path = "/status", tag = "operation", operation_id = "get_status",
    responses(
        (status = 200, description = "The status", body = Status),
        LookProblems, NotReady))]
pub(in crate::http) async fn get_status(State(state): State<AppState>) -> Result<Json<Status>, ApiError> {
    let n_waiting = state.n_waiting().await;
    let looking = state.clone();
    state.on_look("looking at the service", move || Status::of(&looking, n_waiting)).await.map(Json)
}

impl Status {
    /// Blocking: asks the disk.
    fn of(state: &AppState, n_waiting: Option<usize>) -> Self {
        let ready = state.ready();
        let version = ready.as_ref().ok().map(|ready| ready.live.snapshot());
        let writer = state.equipment().ok().map(|equipment| &equipment.writer);
        let (texts, pictures) = writer.map_or((false, false), Writer::is_paused);
        let schedule = state.settings().schedule.as_ref();
        let totals = state.metrics().totals();
        Self {
            status: match ready {
                Ok(_) => "ready",
                Err(ApiError::NoModel) => "no_model",
                Err(_) => "starting",
            },
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: SystemTime::now().duration_since(state.started()).unwrap_or_default().as_secs(),
            model_version: version.as_ref().map(|version| version.id.to_string()),
            trained_on_sample: version.as_ref().map(|version| version.manifest.is_of_the_sample()),
            writer: writer.map(Writer::name),
            models: writer.map_or_else(Vec::new, |writer| writer.models().into_iter().map(str::to_owned).collect()),
            upstream_paused: Paused { texts, pictures },
            budget: DayBudget::of(writer),
            cost_usd: totals.cost_usd(),
            requests: Requests::of(totals),
            overhead_ms: Overhead { p50: totals.overhead_ms(0.5), p99: totals.overhead_ms(0.99) },
            drift: totals.drift(),
            uploads_waiting: n_waiting,
            disk_free_bytes: state.uploads().free_bytes().ok(),
            next_retraining: schedule
                .and_then(|schedule| schedule.next_after(Timestamp::now()))
                .map(|next| next.to_string()),
            admin_key_is_set: state.access().gives(Right::Admin),
            options: Options::all(),
        }
    }
}

impl DayBudget {
    fn of(writer: Option<&Writer>) -> Self {
        let budget = writer.and_then(Writer::budget);
        let limit_usd = budget.and_then(|budget| budget.limit_usd);
        let tomorrow = Timestamp::now().to_zoned(TimeZone::UTC).date().checked_add(1.day());
        let resets_at = tomorrow.ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok()).map(|day| day.timestamp());
        let spent_usd = limit_usd.and(budget.and_then(|budget| budget.spent_usd));
        Self { limit_usd, spent_usd, resets_at: resets_at.unwrap_or_default() }
    }
}

impl Requests {
    fn of(totals: &Totals) -> Self {
        let [ok, client_error, server_error] = totals.requests();
        Self { ok, client_error, server_error }
    }
}

impl Options {
    fn all() -> Self {
        let platform = |platform: &Platform| PlatformOption { name: platform.name(), max_chars: platform.max_chars() };
        Self {
            platforms: Platform::ALL.iter().map(platform).collect(),
            tones: Tone::NAMES,
            funnel_stages: FunnelStage::NAMES,
            past_engagement: Engagement::NAMES,
            post_types: Output::NAMES,
            max_variants: MAX_VARIANTS,
            max_free_text_chars: MAX_FREE_TEXT_CHARS,
        }
    }
}

fn drift_schema() -> Object {
    let example = json!({"columns": {"Location": {"level": "steady"}}, "level": "steady"});
    let mut object = any_object("How far the last upload was from the training; null before the first one.", example);
    object.schema_type = SchemaType::from_iter([Type::Object, Type::Null]);
    object
}
