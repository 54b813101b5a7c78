//! The outermost layer: gives each request an id, logs and counts it once, and writes the id into problems.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;
use tracing::Instrument;
use uuid::Uuid;

use super::accept::accepts;
use super::access::Sender;
use super::admission::{Class, Classes};
use super::metrics::Answered;
use super::problem::Problem;
use super::state::AppState;
use super::waited::{Delayed, Waited};
use crate::audit::Entry;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The model version that an answer was made with.
pub(super) const X_MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Longer ids are replaced, because ids are in every log line.
const MAX_ID_CHARS: usize = 64;
/// Longer paths are left out of the audit log.
const MAX_PATH_BYTES: usize = 256;
/// Routes that monitors ask every few seconds; their requests are logged at debug level.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What is known of a request from its head.
#[derive(Debug, Clone)]
pub(super) struct RequestContext {
    /// Plain ASCII of at most 64 characters.
    pub id: Arc<str>,
    /// The route's pattern, not the path: a path may hold anything.
    route: Arc<str>,
    /// Whether anybody may call the route, with no key and at any rate.
    is_open: bool,
    /// What a pattern with a part that varies stands for; not of open routes, whose paths may hold texts.
    path: Option<Arc<str>>,
    method: Method,
    sender: Sender,
    /// The model version of the answer, once it is known.
    model_version: Arc<OnceLock<HeaderValue>>,
    /// The id of the upload that it brought, once that is kept.
    upload: Arc<OnceLock<String>>,
    started: Instant,
}

/// Marks a response that streams after its headers, and that records its end itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streaming;

impl RequestContext {
    fn of(request: &Request, sender: Sender, classes: &Classes) -> Self {
        let id = request.headers().get(X_REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
        let pattern = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let (class, _) = classes.of(pattern);
        let (route, is_open) = (pattern.unwrap_or("none"), class == Class::Open);
        let has_path = |path: &&str| !is_open && route.contains('{') && path.len() <= MAX_PATH_BYTES;
        let path = Some(request.uri().path()).filter(has_path);
        Self {
            id: id.map_or_else(|| Uuid::new_v4().simple().to_string().into(), Arc::from),
            is_open,
            path: path.map(Arc::from),
            route: route.into(),
            method: request.method().clone(),
            sender,
            model_version: Arc::default(),
            upload: Arc::default(),
            started: Instant::now(),
        }
    }

    /// Notes the id of the upload that the request brought, for the audit log.
    pub fn brought(&self, upload: String) {
        // A request brings one.
        let _ = self.upload.set(upload);
    }

    fn is_probe(&self) -> bool {
        PROBES.contains(&self.route.as_ref())
    }

    /// Logs and counts the end of the request, and returns how long it took.
    fn ended(&self, state: &AppState, status: StatusCode, waited: Duration, delayed: Duration) -> Duration {
        let Self { id, route, started, sender, .. } = self;
        let method = plain(&self.method);
        let took = started.elapsed();
        let took_ms = took.as_secs_f64() * 1000.0;
        let (key, address) = (sender.known_name(), state.access().shown_address(sender));
        let answered = Answered { route, method, status, took, waited, delayed };
        let status = status.as_u16();
        if self.is_probe() {
            tracing::debug!(event = "answered", request_id = %id, method, %route, status, took_ms, key, %address, "answered");
        } else {
            tracing::info!(event = "answered", request_id = %id, method, %route, status, took_ms, key, %address, "answered");
        }
        self.audit(state, status, took_ms);
        state.metrics().answered(&answered);
        took
    }

    /// Notes the request in the audit log, if there is one. Of probes only those that were refused; of open routes also
    /// those with a key. With the others anybody could fill the log until what it holds is rotated away.
    fn audit(&self, state: &AppState, status: u16, took_ms: f64) {
        let Some(log) = state.audit() else { return };
        let Self { id, route, path, method, sender, model_version, upload, .. } = self;
        let is_of_nobody = self.is_probe() || self.is_open && sender.known_name().is_none();
        if is_of_nobody && !matches!(status, 401 | 403 | 421 | 429) {
            return;
        }
        let entry = Entry {
            time: Timestamp::now(),
            request_id: id,
            key: sender.known_name(),
            key_state: sender.key_state(),
            address: state.access().shown_address(sender),
            method: plain(method),
            route,
            path: path.as_deref(),
            upload: upload.get().map(String::as_str),
            status,
            model_version: model_version.get().and_then(|version| version.to_str().ok()),
            took_ms,
        };
        match sender.keyless_network() {
            Some(network) => log.note_keyless(&entry, network),
            None => log.note(&entry),
        }
    }
}

/// Records the end of a request once. Dropped before that, it records that the client disconnected.
pub(super) struct Ending {
    context: RequestContext,
    state: AppState,
    is_recorded: AtomicBool,
}

impl Ending {
    pub fn of(context: &RequestContext, state: &AppState) -> Self {
        Self { context: context.clone(), state: state.clone(), is_recorded: AtomicBool::new(false) }
    }

    /// Logs and counts the end, and returns how long the request took.
    pub fn record(&self, status: StatusCode, waited: Duration) -> Duration {
        self.record_delayed(status, waited, Duration::ZERO)
    }

    /// The same for a request that was kept waiting before it was not admitted.
    fn record_delayed(&self, status: StatusCode, waited: Duration, delayed: Duration) -> Duration {
        self.is_recorded.store(true, Ordering::Relaxed);
        self.context.ended(&self.state, status, waited, delayed)
    }

    /// Leaves the end to be recorded elsewhere.
    fn pass_on(&self) {
        self.is_recorded.store(true, Ordering::Relaxed);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_recorded.load(Ordering::Relaxed) {
            self.context.ended(&self.state, client_closed_request(), Duration::ZERO, Duration::ZERO);
        }
    }
}

/// The status that nginx logs where the client disconnected before the answer. It is only logged and counted.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

/// Gives the request an id, records its end once, and writes the id into the answer.
pub(super) async fn identify_and_log(
    State((state, classes)): State<(AppState, Arc<Classes>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let sender = state.access().sender(&request);
    let context = RequestContext::of(&request, sender.clone(), &classes);
    request.extensions_mut().insert(sender);
    request.extensions_mut().insert(context.clone());
    let ending = Ending::of(&context, &state);
    let is_for_a_browser = request.method() == Method::GET && accepts(request.headers(), "text/html");
    let span = tracing::info_span!("request", request_id = %context.id);
    let mut response = next.run(request).instrument(span).await;
    if let Some(version) = response.headers().get(X_MODEL_VERSION) {
        // Nobody else sets it.
        let _ = context.model_version.set(version.clone());
    }
    let waited = response.extensions_mut().remove::<Waited>().map_or(Duration::ZERO, |Waited(waited)| waited);
    let delayed = response.extensions_mut().remove::<Delayed>().map_or(Duration::ZERO, |Delayed(delayed)| delayed);
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = problem {
        // Probes ask often: that the server is starting is not logged for each.
        if !(context.is_probe() && response.status() == StatusCode::SERVICE_UNAVAILABLE) {
            problem.log(&context.id);
        }
        let mut finished = problem.into_response(&context.id, is_for_a_browser);
        // The headers for cross-origin requests that inner layers set belong to the problem, too.
        finished.headers_mut().extend(std::mem::take(response.headers_mut()).into_iter().filter(is_for_browsers));
        response = finished;
    }
    if response.extensions_mut().remove::<Streaming>().is_some() {
        ending.pass_on();
    } else {
        let took = ending.record_delayed(response.status(), waited, delayed);
        if let Ok(value) = HeaderValue::from_str(&server_timing(took, waited)) {
            response.headers_mut().insert(SERVER_TIMING, value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&context.id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

fn is_for_browsers((name, _): &(Option<HeaderName>, HeaderValue)) -> bool {
    name.as_ref().is_some_and(|name| name == header::VARY || name.as_str().starts_with("access-control-"))
}

/// The time spent here and waiting for the model API, in milliseconds (W3C Server Timing).
fn server_timing(took: Duration, waited: Duration) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    format!("app;dur={:.3}, upstream;dur={:.3}", ms(took.saturating_sub(waited)), ms(waited))
}

fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// The method where it is a known one; clients can invent others.
fn plain(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
