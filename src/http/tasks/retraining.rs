//! Runs a retraining in a process of its own, and starts one whenever the schedule is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::jobs::{AskedBy, Job, JobKind, StartPermit};
use crate::causes::with_causes;
use crate::http::problem::ApiError;
use crate::http::state::AppState;
use crate::retrain::worker::{Options, Outcome};
use crate::schedule::{Look, Lookout, Schedule};

/// Runs the job of `permit` on a task of its own.
pub(in crate::http) fn begin(mut permit: StartPermit, state: AppState, options: Options) -> Arc<Job> {
    permit.begin();
    let job = permit.job().clone();
    tokio::spawn(run(state, permit, options));
    job
}

async fn run(state: AppState, permit: StartPermit, options: Options) {
    let (started, job) = (Instant::now(), permit.job());
    tracing::info!(event = "retraining_started", job = job.id, asked_by = ?job.asked_by, "a retraining started");
    state.metrics().retraining(true);
    let outcome = outcome(&state, job, options).await;
    if matches!(outcome.last(), Outcome::Published { .. } | Outcome::Unchanged { .. }) {
        take_over(&state).await;
    }
    let took = started.elapsed();
    state.metrics().retraining(false);
    state.metrics().retrained(&outcome, took);
    log(job, &outcome, took);
    job.end(outcome);
}

async fn outcome(state: &AppState, job: &Job, options: Options) -> Outcome {
    let mut training = match state.parts().program.start(options) {
        Ok(training) => training,
        Err(error) => return Outcome::failed(format!("the {} could not be started: {error}", job.kind.word())),
    };
    let outcome = tokio::select! {
        outcome = training.outcome(|progress| job.show(progress)) => Some(outcome),
        () = state.jobs().stopping() => None,
    };
    match outcome {
        Some(outcome) => outcome,
        None => {
            training.kill().await;
            Outcome::failed(format!("the server was stopped before the {} finished", job.kind.word()))
        }
    }
}

/// Makes the new version the live one before the job is reported as ended.
async fn take_over(state: &AppState) {
    let taking_over = state.clone();
    let taken_over =
        tokio::task::spawn_blocking(move || taking_over.equipment()?.take_over_current().map_err(ApiError::Model));
    match taken_over.await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::error!(
            event = "model_load_failed",
            causes = with_causes(&error),
            "the new model version cannot be loaded; the live one stays"
        ),
        Err(panic) => {
            tracing::error!(event = "model_load_panicked", error = %panic, "taking over a new model version failed");
        }
    }
}

fn log(of: &Job, outcome: &Outcome, took: Duration) {
    let (job, took_s) = (of.id.as_str(), took.as_secs_f64());
    match outcome {
        Outcome::Published { version, .. } => tracing::info!(
            event = "retraining_published",
            job,
            %version,
            took_s,
            "a retraining published a version"
        ),
        Outcome::Refused { failed_checks, .. } => {
            let checks: Vec<&str> = failed_checks.iter().map(|check| check.sentence.as_str()).collect();
            tracing::warn!(
                event = "retraining_refused",
                job,
                ?checks,
                took_s,
                "a retraining's candidate was refused; the live version stays"
            );
        }
        Outcome::Unchanged { version, .. } => tracing::info!(
            event = "retraining_unchanged",
            job,
            %version,
            took_s,
            "nothing has changed since the live version was trained; it stays"
        ),
        Outcome::Compared { comparison, then } => {
            tracing::info!(
                event = "ways_to_train_compared",
                job,
                best = comparison.best.map(|best| best.to_string()),
                took_s,
                "ways to train were compared"
            );
            if let Some(then) = then {
                log(of, then, took);
            }
        }
        Outcome::Locked { why } => tracing::info!(
            event = "retraining_locked",
            job,
            why,
            "another process is retraining; this retraining was skipped"
        ),
        Outcome::Failed { why } => tracing::error!(
            event = "retraining_failed",
            job,
            why,
            took_s,
            "a retraining failed; the live version stays"
        ),
    }
}

/// Retrains whenever `schedule` is due; skips a due time while a retraining is running.
pub(in crate::http) async fn run_schedule(state: AppState, schedule: Schedule) {
    let mut lookout = Lookout::new(schedule, Timestamp::now());
    loop {
        match lookout.look(Timestamp::now()) {
            Look::Wait(time) => tokio::time::sleep(time).await,
            Look::Due(at) => match state.jobs().claim(JobKind::Retraining, AskedBy::Schedule) {
                Ok(permit) => {
                    begin(permit, state.clone(), Options::default());
                }
                Err(ApiError::Stopping) => return,
                Err(_) => tracing::info!(
                    event = "scheduled_retraining_skipped",
                    %at,
                    "a retraining or a comparison is already running; the scheduled retraining is skipped"
                ),
            },
        }
    }
}
