//! One id a request, from the caller or new; one log line and one count a request; problems finished with the id.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use super::metrics::Answered;
use super::problem::Problem;
use super::state::AppState;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Longer ids are replaced: they go into every log line.
const MAX_ID_CHARS: usize = 64;
/// Routes that are asked every few seconds by nobody who reads the log.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What is known of a request from its first line on.
#[derive(Debug, Clone)]
pub(super) struct RequestContext {
    /// Plain ASCII of at most 64 characters.
    pub id: Arc<str>,
    /// The route's pattern, and not the path: a path may hold anything.
    route: Arc<str>,
    method: Method,
    started: Instant,
}

/// Of a request's time, what was spent waiting for the upstream; a response carries it to the outermost layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waited(pub Duration);

/// Marks a response that goes on after its headers and tells its end itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct GoesOn;

impl RequestContext {
    fn of(request: &Request) -> Self {
        let id = request.headers().get(X_REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
        Self {
            id: id.map_or_else(|| Uuid::new_v4().simple().to_string().into(), Arc::from),
            route: request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).into(),
            method: request.method().clone(),
            started: Instant::now(),
        }
    }

    fn is_probe(&self) -> bool {
        PROBES.contains(&self.route.as_ref())
    }

    /// Logs and counts the end of the request; says how long it took.
    fn ended(&self, state: &AppState, status: StatusCode, waited: Duration) -> Duration {
        let Self { id, route, method, started } = self;
        let took = started.elapsed();
        let took_ms = took.as_secs_f64() * 1000.0;
        let status_code = status.as_u16();
        if self.is_probe() {
            tracing::debug!(request_id = %id, %method, %route, status = status_code, took_ms, "answered");
        } else {
            tracing::info!(request_id = %id, %method, %route, status = status_code, took_ms, "answered");
        }
        state.metrics().answered(&Answered { route, method: plain(method), status, took, waited });
        took
    }
}

/// The end of a request, told once: as it comes, or as a caller who went away before it.
pub(super) struct Ending {
    context: RequestContext,
    state: AppState,
    is_told: AtomicBool,
}

impl Ending {
    pub fn of(context: &RequestContext, state: &AppState) -> Self {
        Self { context: context.clone(), state: state.clone(), is_told: AtomicBool::new(false) }
    }

    /// Logs and counts the end; says how long the request took.
    pub fn tell(&self, status: StatusCode, waited: Duration) -> Duration {
        self.is_told.store(true, Ordering::Relaxed);
        self.context.ended(&self.state, status, waited)
    }

    /// Leaves the telling to somebody else.
    fn pass_on(&self) {
        self.is_told.store(true, Ordering::Relaxed);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_told.load(Ordering::Relaxed) {
            self.context.ended(&self.state, client_closed_request(), Duration::ZERO);
        }
    }
}

/// What nginx logs where the caller went away before the answer; nobody ever reads it as a status.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

/// Gives the request an id, logs and counts its outcome once, and writes the id into the answer.
pub(super) async fn identify_and_log(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let context = RequestContext::of(&request);
    request.extensions_mut().insert(context.clone());
    let ending = Ending::of(&context, &state);
    let span = tracing::info_span!("request", request_id = %context.id);
    let mut response = next.run(request).instrument(span).await;
    let waited = response.extensions_mut().remove::<Waited>().map_or(Duration::ZERO, |Waited(waited)| waited);
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = problem {
        // That a server is starting is said once, and not at every probe.
        if !(context.is_probe() && response.status() == StatusCode::SERVICE_UNAVAILABLE) {
            problem.log(&context.id);
        }
        let mut finished = problem.into_response(&context.id);
        // What inner layers say of cross-origin callers holds for the problem, too.
        finished.headers_mut().extend(std::mem::take(response.headers_mut()).into_iter().filter(is_for_browsers));
        response = finished;
    }
    if response.extensions_mut().remove::<GoesOn>().is_some() {
        ending.pass_on();
    } else {
        let took = ending.tell(response.status(), waited);
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

/// Where the time went, in milliseconds (W3C Server Timing): here, and waiting for the upstream.
fn server_timing(took: Duration, waited: Duration) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    format!("app;dur={:.3}, upstream;dur={:.3}", ms(took.saturating_sub(waited)), ms(waited))
}

fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// A method's name where it is a known one: callers may make up any other.
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
