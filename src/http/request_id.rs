//! One id a request, from the caller or new; one log line a request; problems finished with the id.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use super::error::Problem;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids are replaced: they go into every log line.
const MAX_ID_CHARS: usize = 64;

/// Gives the request an id, logs its outcome once, and writes the id into the answer.
pub(super) async fn identify_and_log(request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(X_REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| is_plain(id))
        .map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    // The route, and not the path: a path may hold anything.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let started = Instant::now();
    let mut response = next.run(request).instrument(tracing::info_span!("request", request_id = %id)).await;
    let problem = response.extensions_mut().remove::<Problem>();
    if let Some(problem) = problem {
        problem.log(&id);
        response = problem.into_response(&id);
    }
    let (status, took_ms) = (response.status().as_u16(), started.elapsed().as_secs_f64() * 1000.0);
    tracing::info!(request_id = %id, %method, route, status, took_ms, "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
