//! `GET /metrics`: the server's counters, and what is measured at the request: process, disk and budget.
//!
//! A client that accepts OpenMetrics gets it. Others get Prometheus' own text format (version 0.0.4), which every
//! program that reads metrics understands.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::docs::{LookProblems, NotReady};
use crate::http::accept::accepts;
use crate::http::problem::ApiError;
use crate::http::state::AppState;

const OPENMETRICS: &str = "application/openmetrics-text";
const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counters since the start and the state of the process, for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operation", operation_id = "get_metrics",
    responses(
        (status = 200, description = "Counters, latencies and the state of the process",
            content((String = "text/plain"), (String = "application/openmetrics-text"))),
        LookProblems, NotReady))]
pub(in crate::http) async fn get_metrics(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let version = state.ready().ok().map(|ready| ready.live.snapshot());
    let (texts, pictures) = state.equipment().map_or((false, false), |equipment| equipment.writer.is_paused());
    state.metrics().paused(texts, pictures);
    state.metrics().tasks(tokio::runtime::Handle::current().metrics().num_alive_tasks());
    let mut text = String::new();
    let written = state.metrics().write(&mut text, version.as_ref().map(|version| version.id.as_str()));
    let (looking, n_waiting) = (state.clone(), state.n_waiting().await);
    let observed = state.on_look("measuring the process", move || observed(&looking, n_waiting)).await?;
    written
        .and_then(|()| encode_registry(&mut text, &observed))
        .and_then(|()| encode_eof(&mut text))
        .map_err(|e| ApiError::internal("writing metrics", e))?;
    if accepts(&headers, OPENMETRICS) {
        return Ok(([(header::CONTENT_TYPE, OPENMETRICS_TYPE)], text).into_response());
    }
    Ok(([(header::CONTENT_TYPE, PROMETHEUS_TYPE)], as_prometheus_text(&text)).into_response())
}

/// What is measured now; what cannot be measured is left out. Blocking.
fn observed(state: &AppState, n_waiting: Option<usize>) -> Registry {
    let mut registry = Registry::default();
    register_process(&mut registry, state.started());
    let ours = registry.sub_registry_with_prefix("content_portal");
    let build = [("version", env!("CARGO_PKG_VERSION"))];
    let of_build = ours.sub_registry_with_labels(build.map(|(name, value)| (name.into(), value.into())).into_iter());
    of_build.register("build_info", "The running build", ConstGauge::new(1_i64));
    if let Some(n_waiting) = n_waiting {
        let help = "Kept uploads that no training has taken yet";
        ours.register("uploads_waiting", help, ConstGauge::new(n_waiting));
    }
    if let Ok(free_bytes) = state.uploads().free_bytes() {
        let help = "Room on the disk where uploads are kept";
        ours.register_with_unit("disk_free", help, Unit::Bytes, ConstGauge::new(free_bytes));
    }
    if let Some(log) = state.audit() {
        let help = "Lines of the audit log that could not be written";
        ours.register("audit_lines_lost", help, ConstCounter::new(log.n_lost()));
    }
    let budget = state.equipment().ok().and_then(|equipment| equipment.writer.budget());
    if let Some(spent_usd) = budget.and_then(|budget| budget.spent_usd) {
        let help = "What this server's calls for the upstream have spent of the day's budget in US dollars";
        ours.register("budget_spent_usd", help, ConstGauge::new(spent_usd));
    }
    // Where several servers spend it together, none of them knows.
    if let Some(left_usd) = budget.and_then(|budget| budget.left_usd) {
        let help = "What is left of the day's budget for the upstream in US dollars";
        ours.register("budget_left_usd", help, ConstGauge::new(left_usd));
    }
    registry
}

/// The process metrics that every client library of Prometheus has.
fn register_process(registry: &mut Registry, started: SystemTime) {
    let of = registry.sub_registry_with_prefix("process");
    let started_s = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let help = "When the server started, since 1970";
    of.register_with_unit("start_time", help, Unit::Seconds, ConstGauge::new(started_s));
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        let cpu_s = seconds(usage.user_time()) + seconds(usage.system_time());
        let help = "Processor time of the server, without that of its readers and retrainings";
        of.register_with_unit("cpu", help, Unit::Seconds, ConstCounter::new(cpu_s));
    }
    if let Some(bytes) = resident_bytes() {
        of.register_with_unit("resident_memory", "Resident memory", Unit::Bytes, ConstGauge::new(bytes));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Without the descriptor that this count opens.
        of.register("open_fds", "Open file descriptors", ConstGauge::new(open.count().saturating_sub(1)));
    }
    if let Ok((limit, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
        of.register("max_fds", "File descriptors that may be open", ConstGauge::new(limit));
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// OpenMetrics as Prometheus' text format: counters are described with their suffix `_total`, and units are left out.
fn as_prometheus_text(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = None;
    for line in openmetrics.lines() {
        // Writing to a String cannot fail.
        let _ = add_line(&mut text, line, &mut help);
    }
    text
}

fn add_line<'t>(text: &mut String, line: &'t str, help: &mut Option<&'t str>) -> fmt::Result {
    use fmt::Write;
    let Some(about) = line.strip_prefix("# ") else { return writeln!(text, "{line}") };
    match about.split_once(' ') {
        // The line of the type follows, and decides the name in both.
        Some(("HELP", rest)) => *help = rest.split_once(' ').map(|(_, sentence)| sentence),
        Some(("TYPE", rest)) => {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some(sentence) = help.take() {
                writeln!(text, "# HELP {name}{suffix} {sentence}")?;
            }
            writeln!(text, "# TYPE {name}{suffix} {kind}")?;
        }
        Some(_) | None => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_describe_the_same_metrics() {
        let openmetrics = "# HELP a_requests Requests answered.\n# TYPE a_requests counter\na_requests_total 3\n\
            # HELP b_seconds How long.\n# TYPE b_seconds histogram\n# UNIT b_seconds seconds\nb_seconds_sum 1.5\n\
            b_seconds_count 2\nb_seconds_bucket{le=\"+Inf\"} 2\n\
            # HELP c The # of things.\n# TYPE c gauge\nc{kind=\"# x\"} 1\n# EOF\n";
        let text = "# HELP a_requests_total Requests answered.\n# TYPE a_requests_total counter\na_requests_total 3\n\
            # HELP b_seconds How long.\n# TYPE b_seconds histogram\nb_seconds_sum 1.5\nb_seconds_count 2\n\
            b_seconds_bucket{le=\"+Inf\"} 2\n# HELP c The # of things.\n# TYPE c gauge\nc{kind=\"# x\"} 1\n";
        assert_eq!(as_prometheus_text(openmetrics), text);
    }
}
