//! Progress events: the same work and the same answer, for callers that accept `text/event-stream`.
//!
//! A stream has `progress` and other events while the work runs. It ends with `done` and the whole answer, or with
//! `error` and the problem document that a plain caller would have got. The work is part of the stream, so a caller
//! that disconnects ends it.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::http::accept::accepts;
use crate::http::admission::count_answer;
use crate::http::problem::{ApiError, Problem};
use crate::http::request_id::{Ending, RequestContext, Streaming, X_MODEL_VERSION};
use crate::http::state::AppState;
use crate::http::waited::Waited;
use crate::model_store::VersionId;

/// Room that an answer of unknown length begins with: that of a text with its prompt.
const USUAL_BYTES: usize = 16 << 10;
/// Room beyond an answer's bytes that it may hold.
const MAX_SPARE_BYTES: usize = 64 << 10;
/// Events that are buffered for a slow caller before the work waits for it.
const MAX_WAITING_EVENTS: usize = 64;
/// How often [`Reporter::report_while`] polls the progress.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// Makes nginx pass events on at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A finished answer.
pub(in crate::http) struct Finished {
    /// The JSON of the answer.
    pub json: String,
    /// The time spent waiting for the model API.
    pub waited: Duration,
    /// Whether nothing is missing that another try may bring.
    pub is_whole: bool,
}

/// Sends events to a caller that asked for them; otherwise does nothing.
#[derive(Clone)]
pub(in crate::http) struct Reporter(Option<mpsc::Sender<Event>>);

/// The request to answer, and the kind of answer that it accepts.
pub(in crate::http) struct Caller {
    pub state: AppState,
    pub context: RequestContext,
    /// The model version that the answer is made with, where there is one.
    version: Option<HeaderValue>,
    wants_events: bool,
}

impl Finished {
    /// Serialises the answer.
    ///
    /// # Errors
    /// [`ApiError::Internal`] when it cannot be written.
    pub fn new(answer: &impl Serialize, waited: Duration) -> Result<Self, ApiError> {
        Self::of_about(USUAL_BYTES, answer, waited)
    }

    /// As [`Finished::new`], of an answer that takes about `n_bytes`: one that has them from the start is not copied
    /// while it grows.
    ///
    /// # Errors
    /// As [`Finished::new`].
    pub fn of_about(n_bytes: usize, answer: &impl Serialize, waited: Duration) -> Result<Self, ApiError> {
        let mut json = Vec::with_capacity(n_bytes);
        serde_json::to_writer(&mut json, answer).map_err(|e| ApiError::internal("writing an answer", e))?;
        let mut json = String::from_utf8(json).map_err(|e| ApiError::internal("writing an answer", e))?;
        // A text grows by doubling. What is in flight counts by its bytes, so it should hold no more than those.
        if json.capacity() - json.len() > MAX_SPARE_BYTES {
            json.shrink_to_fit();
        }
        Ok(Self { json, waited, is_whole: true })
    }
}

impl Reporter {
    /// Whether anybody asked for events.
    pub fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// Sends one event.
    pub async fn send(&self, name: &'static str, data: &impl Serialize) {
        let Some(sender) = &self.0 else { return };
        // An event that cannot be serialised is left out, and one after the end of the stream has no reader.
        if let Ok(json) = serde_json::to_string(data) {
            let _ = sender.send(Event::default().event(name).data(json)).await;
        }
    }

    /// Waits for `work`; sends `progress` whenever it has changed, and at the end.
    pub async fn report_while<T, P: Serialize + PartialEq>(
        &self,
        work: impl Future<Output = T>,
        progress: impl Fn() -> P,
    ) -> T {
        let mut work = std::pin::pin!(work);
        let mut last = None;
        let mut polls = tokio::time::interval(POLL_EVERY);
        loop {
            let result = tokio::select! {
                biased;
                _ = polls.tick() => None,
                result = &mut work => Some(result),
            };
            let now = progress();
            if last.as_ref() != Some(&now) {
                self.send("progress", &now).await;
                last = Some(now);
            }
            if let Some(result) = result {
                return result;
            }
        }
    }
}

impl Caller {
    pub fn new(state: AppState, context: RequestContext, version: Option<&VersionId>, headers: &HeaderMap) -> Self {
        let version = version.map(version_header);
        Self { state, context, version, wants_events: accepts(headers, "text/event-stream") }
    }

    /// Answers with the outcome of `work`: as JSON, or as an event stream that ends with it.
    ///
    /// # Errors
    /// That of `work`, unless it is part of an event stream.
    pub async fn answer<W>(self, work: impl FnOnce(Reporter) -> W) -> Result<Response, ApiError>
    where
        W: Future<Output = Result<Finished, ApiError>> + Send + 'static,
    {
        if self.wants_events {
            return Ok(self.stream(work));
        }
        let version = self.version;
        let Finished { json, waited, .. } = work(Reporter(None)).await?;
        let mut response = ([(header::CONTENT_TYPE, "application/json")], Body::from(json)).into_response();
        response.headers_mut().extend(version.map(|version| (X_MODEL_VERSION, version)));
        response.extensions_mut().insert(Waited(waited));
        Ok(response)
    }

    fn stream<W>(self, work: impl FnOnce(Reporter) -> W) -> Response
    where
        W: Future<Output = Result<Finished, ApiError>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(MAX_WAITING_EVENTS);
        let work = work(Reporter(Some(sender)));
        let version = self.version.clone();
        let mut response = Sse::new(events(self, work, receiver)).keep_alive(KeepAlive::default()).into_response();
        response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        response.headers_mut().extend(version.map(|version| (X_MODEL_VERSION, version)));
        response.extensions_mut().insert(Streaming);
        response
    }
}

/// The events of `work` while it runs, then its outcome.
fn events(
    caller: Caller,
    work: impl Future<Output = Result<Finished, ApiError>> + Send + 'static,
    receiver: mpsc::Receiver<Event>,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let (sender, outcome) = oneshot::channel();
    let ending = Ending::of(&caller.context, &caller.state);
    // The outcome has a channel of its own, since earlier events may still be queued in the other.
    let running = stream::once(async move {
        // The receiver is part of this stream, so it cannot be gone.
        let _ = sender.send(work.await);
    });
    let running = running.filter_map(|()| ready(None));
    let reported = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let ended = stream::once(outcome)
        .filter_map(move |outcome| ready(outcome.ok().map(|outcome| last_event(&caller, &ending, outcome))));
    stream::select(reported, running).chain(ended).map(Ok)
}

/// The last event. It holds the whole answer in memory until the client has taken it, so it needs room among the
/// answers on their way, as an answer that is no stream does.
fn last_event(caller: &Caller, ending: &Ending, outcome: Result<Finished, ApiError>) -> Event {
    let outcome = outcome.and_then(|finished| count_answer(finished.json.len()).map(|()| finished));
    match outcome {
        Ok(Finished { json, waited, .. }) => {
            ending.record(StatusCode::OK, waited);
            Event::default().event("done").data(json)
        }
        Err(error) => {
            let (status, waited) = (error.status(), error.waited());
            let problem = Problem::new(error);
            problem.log(&caller.context.id);
            ending.record(status, waited);
            Event::default().event("error").data(problem.json(&caller.context.id))
        }
    }
}

/// The version as a header value; it has only characters that are allowed there.
pub(in crate::http) fn version_header(version: &VersionId) -> HeaderValue {
    HeaderValue::from_str(version.as_str()).unwrap_or(HeaderValue::from_static("unknown"))
}
