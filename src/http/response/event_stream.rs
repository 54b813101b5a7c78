//! Live progress: the same work and the same answer, told step by step to callers that accept `text/event-stream`.
//!
//! A stream is made of `progress` and other events as the work goes on, and ends with `done` and the whole answer, or
//! with `error` and the problem document that a plain caller would have got. The work is part of the stream: a caller
//! that goes away ends it.

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

use crate::http::problem::{ApiError, Problem};
use crate::http::request::accept::accepts;
use crate::http::request_id::{Ending, GoesOn, RequestContext, Waited};
use crate::http::state::AppState;
use crate::model_store::VersionId;

/// Events that may wait for a slow caller before the work waits for it, too.
const MAX_WAITING_EVENTS: usize = 64;
/// How often numbers that change by themselves are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Which model version an answer was made with.
pub(in crate::http) const X_MODEL_VERSION: HeaderName = HeaderName::from_static("x-model-version");
/// Tells nginx to pass events on as they come.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(in crate::http) struct Progress {
    /// `reading`, `grouping`, `writing` or `drawing`.
    step: &'static str,
    /// Rows read so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    /// Segments written so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<usize>,
    /// Segments to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
}

/// A finished answer.
pub(in crate::http) struct Finished {
    /// The JSON of the answer.
    pub json: String,
    /// What was spent waiting for the upstream.
    pub waited: Duration,
}

/// Tells a caller how far the work is; silent where the caller did not ask.
#[derive(Clone)]
pub(in crate::http) struct Reporter(Option<mpsc::Sender<Event>>);

/// Who asked, and how they want to be answered.
pub(in crate::http) struct Caller {
    pub state: AppState,
    pub context: RequestContext,
    /// Of the model that the answer is made with.
    version: HeaderValue,
    wants_events: bool,
}

impl Progress {
    pub fn step(step: &'static str) -> Self {
        Self { step, rows: None, done: None, of: None }
    }

    pub fn rows(self, rows: usize) -> Self {
        Self { rows: Some(rows), ..self }
    }

    pub fn done(self, done: usize, of: usize) -> Self {
        Self { done: Some(done), of: Some(of), ..self }
    }
}

impl Finished {
    /// The answer's JSON.
    ///
    /// # Errors
    /// [`ApiError::Internal`] when it cannot be written.
    pub fn new(answer: &impl Serialize, waited: Duration) -> Result<Self, ApiError> {
        let json = serde_json::to_string(answer).map_err(|e| ApiError::internal("writing an answer", e))?;
        Ok(Self { json, waited })
    }
}

impl Reporter {
    /// Sends one event.
    pub async fn tell(&self, name: &'static str, data: &impl Serialize) {
        let Some(sender) = &self.0 else { return };
        // An event that cannot be written is left out, and nobody hears one of a stream that has ended.
        if let Ok(json) = serde_json::to_string(data) {
            let _ = sender.send(Event::default().event(name).data(json)).await;
        }
    }

    /// Waits for `work`, and sends what `progress` says whenever it says something new, and what it says at the end.
    pub async fn tell_while<T, P: Serialize + PartialEq>(
        &self,
        work: impl Future<Output = T>,
        progress: impl Fn() -> P,
    ) -> T {
        let mut work = std::pin::pin!(work);
        let mut last = None;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            let result = tokio::select! {
                biased;
                _ = looks.tick() => None,
                result = &mut work => Some(result),
            };
            let now = progress();
            if last.as_ref() != Some(&now) {
                self.tell("progress", &now).await;
                last = Some(now);
            }
            if let Some(result) = result {
                return result;
            }
        }
    }
}

impl Caller {
    pub fn new(state: AppState, context: RequestContext, version: &VersionId, headers: &HeaderMap) -> Self {
        Self { state, context, version: version_header(version), wants_events: accepts(headers, "text/event-stream") }
    }

    /// Answers with what `work` finishes: as JSON, or as a stream of events that ends with it.
    ///
    /// # Errors
    /// That of `work`, for a plain caller.
    pub async fn answer<W>(self, work: impl FnOnce(Reporter) -> W) -> Result<Response, ApiError>
    where
        W: Future<Output = Result<Finished, ApiError>> + Send + 'static,
    {
        if self.wants_events {
            return Ok(self.stream(work));
        }
        let version = self.version;
        let Finished { json, waited } = work(Reporter(None)).await?;
        let mut response = ([(header::CONTENT_TYPE, "application/json")], Body::from(json)).into_response();
        response.headers_mut().insert(X_MODEL_VERSION, version);
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
        response.headers_mut().insert(X_MODEL_VERSION, version);
        response.extensions_mut().insert(GoesOn);
        response
    }
}

/// What `work` reports while it runs, then how it ended.
fn events(
    caller: Caller,
    work: impl Future<Output = Result<Finished, ApiError>> + Send + 'static,
    receiver: mpsc::Receiver<Event>,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let (tell, told) = oneshot::channel();
    let ending = Ending::of(&caller.context, &caller.state);
    // Its outcome takes a way of its own: in the channel's queue there may still be events from before it.
    let running = stream::once(async move {
        // The other end is dropped with this stream alone.
        let _ = tell.send(work.await);
    });
    let running = running.filter_map(|()| ready(None));
    let reported = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let ended = stream::once(told)
        .filter_map(move |outcome| ready(outcome.ok().map(|outcome| last_event(&caller, &ending, outcome))));
    stream::select(reported, running).chain(ended).map(Ok)
}

fn last_event(caller: &Caller, ending: &Ending, outcome: Result<Finished, ApiError>) -> Event {
    match outcome {
        Ok(Finished { json, waited }) => {
            ending.tell(StatusCode::OK, waited);
            Event::default().event("done").data(json)
        }
        Err(error) => {
            let (status, waited) = (error.status(), error.waited());
            let problem = Problem::new(error);
            problem.log(&caller.context.id);
            ending.tell(status, waited);
            Event::default().event("error").data(problem.json(&caller.context.id))
        }
    }
}

/// The version as a header; its characters are such as a header may have.
pub(in crate::http) fn version_header(version: &VersionId) -> HeaderValue {
    HeaderValue::from_str(version.as_str()).unwrap_or(HeaderValue::from_static("unknown"))
}
