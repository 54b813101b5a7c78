//! `POST /upload-excel`: a workbook of customers in, written segments out.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::{ApiError, with_causes};
use super::fields::Fields;
use super::grouping::read_and_group;
use super::incoming::receive;
use super::state::AppState;
use crate::content::Campaign;
use crate::segmentation::{Answer, Grouped, Written};

/// The answer, with where the time went.
#[derive(Serialize)]
struct Timed<'a> {
    #[serde(flatten)]
    answer: Answer<'a>,
    timings_ms: Timings,
}

/// Milliseconds of each step.
#[derive(Serialize, Clone, Copy)]
struct Timings {
    receiving: f64,
    grouping: f64,
    writing: f64,
}

/// Takes a form with `file` and the campaign's inputs; answers with the segments of the file's customers.
pub(super) async fn post_upload_excel(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let ready = state.ready()?;
    let settings = state.settings();
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let incoming = receive(&parts.headers, body, &settings.upload_dir, settings.max_upload_bytes).await?;
    let campaign = Fields::from_texts(incoming.texts).campaign()?.campaign;
    let receiving = elapsed_ms(started);

    let started = Instant::now();
    let version = ready.live.snapshot();
    let (grouped, file) = read_and_group(&state, version, incoming.file, Arc::default()).await?;
    let grouping = elapsed_ms(started);

    let started = Instant::now();
    let kept = tokio::task::spawn_blocking(move || file.keep());
    let written = grouped.write(&ready.writer, &campaign, settings.writers_at_once).await;
    log_failures(&written);
    kept.await.map_err(|e| ApiError::internal("keeping an upload", e))?.map_err(ApiError::Storage)?;
    let timings_ms = Timings { receiving, grouping, writing: elapsed_ms(started) };
    let done = Done { grouped, written, campaign, timings_ms };
    let max_members = settings.max_members;
    state.finish_on_processor("writing an answer", move || done.into_response(max_members)).await?
}

/// All that an answer is made of.
struct Done {
    grouped: Grouped,
    written: Vec<Written>,
    campaign: Campaign,
    timings_ms: Timings,
}

impl Done {
    fn into_response(self, max_members: usize) -> Result<Response, ApiError> {
        let answer = Answer::new(&self.grouped, &self.written, &self.campaign, max_members);
        let json = serde_json::to_vec(&Timed { answer, timings_ms: self.timings_ms })
            .map_err(|e| ApiError::internal("writing an answer", e))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], Body::from(json)).into_response())
    }
}

/// A failed segment does not fail the upload; the log says why it failed.
fn log_failures(written: &[Written]) {
    for error in written.iter().filter_map(|written| written.as_ref().err()) {
        tracing::warn!(kind = ?error.kind, causes = with_causes(error), "a segment was not written");
    }
}

fn elapsed_ms(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}
