//! Runs a retraining or a comparison in a process of its own, and starts a retraining whenever the schedule is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::jobs::{AskedBy, Job, JobKind, StartPermit};
use crate::causes::with_causes;
use crate::http::problem::ApiError;
use crate::http::state::{AppState, Equipment};
use crate::model_store::VersionId;
use crate::retrain::worker::{FailureCause, Options, Outcome, Publish};
use crate::retrain::{Publisher as _, Together};
use crate::schedule::{DueTimes, NextCheck, Schedule};

/// How long after its time a scheduled retraining is tried again that was locked out, and how often.
const RETRY_FOR: Duration = Duration::from_secs(3_600);
const RETRY_EVERY: Duration = Duration::from_secs(300);

/// Runs the job of `permit` on a task of its own.
pub(in crate::http) fn begin(mut permit: StartPermit, state: AppState, options: Options) -> Arc<Job> {
    permit.begin();
    let job = permit.job().clone();
    tokio::spawn(run(state, permit, options));
    job
}

async fn run(state: AppState, permit: StartPermit, mut options: Options) {
    let (started, job) = (Instant::now(), permit.job());
    let what = job.kind.word();
    tracing::info!(event = "retraining_started", job = job.id, what, asked_by = ?job.asked_by, "a {what} started");
    state.metrics().retraining(true);
    let begun = tokio::select! {
        begun = begin_together(&state, options.compare) => begun,
        ended = ended_from_outside(&state, job) => Err(ended),
    };
    let (outcome, together) = match begun {
        Ok(together) => {
            options.together.clone_from(&together);
            options.models = state.equipment().ok().map(|equipment| equipment.store.clone());
            (outcome(&state, job, options).await, together)
        }
        Err(outcome) => (outcome, None),
    };
    let not_served = match outcome.last() {
        Outcome::Published { version, .. } | Outcome::Unchanged { version, .. } => {
            take_over(&state, version).await.err()
        }
        _ => None,
    };
    let took = started.elapsed();
    state.metrics().retraining(false);
    state.metrics().retrained(&outcome, took);
    log(job, &outcome, took);
    let is_published = outcome.published_version().is_some();
    job.end(outcome, not_served);
    drop(permit);
    if let (true, Some(together)) = (is_published, together) {
        prune(&state, together).await;
    }
}

async fn outcome(state: &AppState, job: &Job, options: Options) -> Outcome {
    let mut training = match state.parts().program.start(options) {
        Ok(training) => training,
        Err(error) => return Outcome::failed(format!("the {} could not be started: {error}", job.kind.word())),
    };
    tokio::select! {
        // One that has ended is told as it ended, whatever else came at the same time.
        biased;
        outcome = training.outcome(|progress| job.show(progress)) => outcome,
        ended = ended_from_outside(state, job) => training.end(ended).await,
    }
}

/// Takes the oldest versions out of the shared store. Neither a job nor a stop of the server waits for it: what is left
/// of them, the next training takes out.
async fn prune(state: &AppState, together: Arc<Together>) {
    let Some(keep) = state.equipment().ok().and_then(|its| Some(its.shared.as_ref()?.keep())) else { return };
    let pruned = tokio::task::spawn_blocking(move || together.prune(keep, Timestamp::now())).await;
    if let Err(error) = pruned {
        tracing::error!(event = "shared_prune_panicked", %error, "taking old versions out of the shared store failed");
    }
}

/// What a training begins with that this server publishes for several machines; `None` where it is alone, or nothing is
/// to be published.
async fn begin_together(state: &AppState, compare: Option<Publish>) -> Result<Option<Arc<Together>>, Outcome> {
    if compare == Some(Publish::Nothing) {
        return Ok(None);
    }
    let state = state.clone();
    let begun = tokio::task::spawn_blocking(move || {
        let equipment = state.equipment().map_err(|error| Outcome::of_error(&error))?;
        let Some(follower) = &equipment.shared else { return Ok(None) };
        let together = Together::begin(follower.shared().clone(), &equipment.store, follower.keep());
        together.map(|together| Some(Arc::new(together))).map_err(|error| Outcome::of_error(&error))
    });
    begun.await.unwrap_or_else(|panic| Err(Outcome::of_error(&panic)))
}

/// Waits until a job is to end before it is done.
async fn ended_from_outside(state: &AppState, job: &Job) -> Outcome {
    let what = job.kind.word();
    tokio::select! {
        () = state.jobs().stopping() => {
            let why = format!("the server was stopped before the {what} finished");
            Outcome::Failed { why, cause: FailureCause::Stopping }
        }
        () = job.asked_to_end() => Outcome::Ended { why: format!("the {what} was ended by request") },
    }
}

/// Brings a version from the shared store whose process ended after it was published there, and before it was this
/// machine's current one.
fn bring(equipment: &Equipment, version: &VersionId) {
    let Some(follower) = &equipment.shared else { return };
    if equipment.store.current().is_ok_and(|current| current == *version) {
        return;
    }
    if let Err(error) = follower.look() {
        tracing::warn!(
            event = "shared_version_not_brought",
            model_version = %version,
            causes = with_causes(&error),
            "a version that was published could not be brought from the shared store yet; it is tried again"
        );
    }
}

/// Makes the new version the live one before the job is reported as ended; why this server does not serve it, where
/// that cannot be.
async fn take_over(state: &AppState, version: &VersionId) -> Result<(), String> {
    let taking_over = state.clone();
    let published = version.clone();
    let taken_over = tokio::task::spawn_blocking(move || {
        let equipment = taking_over.equipment()?;
        bring(equipment, &published);
        equipment.take_over_current().map_err(ApiError::Model)?;
        Ok::<_, ApiError>(taking_over.ready()?.live.snapshot().id.clone())
    });
    match taken_over.await {
        Ok(Ok(live)) if live == *version => Ok(()),
        Ok(Ok(live)) => {
            Err(format!("this server serves {live}, the current version of its MODEL_DIR, and not {version}"))
        }
        Ok(Err(error)) => {
            let causes = with_causes(&error);
            tracing::error!(
                event = "model_load_failed",
                model_version = %version,
                causes,
                "the new model version cannot be loaded; the live one stays"
            );
            Err(format!("this server cannot load {version} ({causes})"))
        }
        Err(panic) => {
            tracing::error!(event = "model_load_panicked", error = %panic, "taking over a new model version failed");
            Err(format!("this server failed when it loaded {version}"))
        }
    }
}

fn log(of: &Job, outcome: &Outcome, took: Duration) {
    let (job, took_s) = (of.id.as_str(), took.as_secs_f64());
    match outcome {
        Outcome::Published { version, .. } => {
            tracing::info!(event = "retraining_published", job, %version, took_s, "a retraining published a version");
        }
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
        Outcome::Locked { why, .. } => tracing::info!(
            event = "retraining_locked",
            job,
            why,
            "another process held the lock of the models, or published first; this retraining published nothing"
        ),
        Outcome::Ended { why } => tracing::warn!(
            event = "retraining_ended",
            job,
            why,
            took_s,
            "a retraining was ended by request; the live version stays"
        ),
        Outcome::Failed { why, cause: FailureCause::Unsettled } => tracing::error!(
            event = "retraining_unsettled",
            job,
            why,
            took_s,
            "a retraining was ended while it published, and it is not known what came of that"
        ),
        Outcome::Failed { why, .. } => tracing::error!(
            event = "retraining_failed",
            job,
            why,
            took_s,
            "a retraining failed; the live version stays"
        ),
    }
}

/// Retrains whenever `schedule` is due; skips a due time while a retraining is running. One that finds another process
/// at the models is tried again, until the next is due.
pub(in crate::http) async fn run_schedule(state: AppState, schedule: Schedule) {
    let mut due_times = DueTimes::new(schedule, Timestamp::now());
    let mut last: Option<JoinHandle<()>> = None;
    loop {
        match due_times.check(Timestamp::now()) {
            NextCheck::Wait(time) => tokio::time::sleep(time).await,
            NextCheck::Due(at) => {
                let state = state.clone();
                let due = tokio::spawn(try_for_an_hour(move || retrain_by_schedule(state.clone(), at)));
                // What it has begun goes on without it.
                last.replace(due).iter().for_each(JoinHandle::abort);
            }
        }
    }
}

/// Calls `attempt` until one was not locked out: the lock may be held for moments by what removes old uploads, or for
/// minutes by what erases a customer.
async fn try_for_an_hour<F: Future<Output = bool>>(mut attempt: impl FnMut() -> F) {
    let until = tokio::time::Instant::now() + RETRY_FOR;
    while attempt().await && tokio::time::Instant::now() < until {
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// Retrains, and waits for the end. Whether it was locked out.
async fn retrain_by_schedule(state: AppState, at: Timestamp) -> bool {
    match state.jobs().claim(JobKind::Retraining, AskedBy::Schedule) {
        Ok(permit) => {
            let job = begin(permit, state.clone(), Options::default());
            job.ended().await;
            job.was_locked_out()
        }
        Err(ApiError::Stopping) => false,
        Err(_) => {
            tracing::info!(
                event = "scheduled_retraining_skipped",
                %at,
                "a retraining or a comparison is already running; the scheduled retraining is skipped"
            );
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often an attempt is made of which the first `n_locked` are locked out, and how long that takes.
    async fn tried(n_locked: u32) -> (u32, Duration) {
        let (started, mut n) = (tokio::time::Instant::now(), 0);
        let attempt = || {
            n += 1;
            std::future::ready(n <= n_locked)
        };
        try_for_an_hour(attempt).await;
        (n, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_scheduled_retraining_that_is_locked_out_is_tried_again_every_few_minutes_for_an_hour() {
        assert_eq!(tried(0).await, (1, Duration::ZERO));
        assert_eq!(tried(2).await, (3, 2 * RETRY_EVERY));
        assert_eq!(tried(u32::MAX).await, (13, RETRY_FOR));
    }
}
