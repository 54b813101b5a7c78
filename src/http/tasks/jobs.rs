//! The retrainings that this server has made: one at a time, each in a process of its own, the latest remembered.
//!
//! In memory alone: what a retraining did is in its version's folder, and the store's lock keeps other servers' and
//! commands' apart. A job goes on whoever asks for it or goes away; the server's end ends it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::problem::{ApiError, with_causes};
use crate::http::state::AppState;
use crate::retrain::Progress;
use crate::retrain::worker::{Options, Outcome};
use crate::schedule::{Look, Lookout, Schedule};

const MAX_REMEMBERED: usize = 20;

/// Who asked for a retraining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum AskedBy {
    Request,
    Schedule,
}

/// One retraining.
#[derive(Debug)]
pub(in crate::http) struct Job {
    pub id: String,
    pub asked_by: AskedBy,
    pub started_at: Timestamp,
    status: watch::Sender<Status>,
}

/// How a retraining is.
#[derive(Debug, Clone)]
pub(in crate::http) enum Status {
    Running(Progress),
    Ended { at: Timestamp, outcome: Arc<Outcome> },
}

/// The jobs of a server, the latest last.
#[derive(Debug, Clone)]
pub(in crate::http) struct Jobs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    jobs: Mutex<VecDeque<Arc<Job>>>,
    stopping: watch::Sender<bool>,
}

/// The right to begin a retraining, which nobody else then has. Dropped before that, there was no job.
#[derive(Debug)]
pub(in crate::http) struct Slot {
    jobs: Jobs,
    job: Arc<Job>,
    is_begun: bool,
}

impl Job {
    /// How it is, now and later.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        // An error means that the sender is gone, and the job holds it.
        let _ = self.watch().wait_for(Status::is_ended).await;
    }

    fn show(&self, progress: Progress) {
        self.status.send_replace(Status::Running(progress));
    }

    fn end(&self, outcome: Outcome) {
        self.status.send_replace(Status::Ended { at: Timestamp::now(), outcome: Arc::new(outcome) });
    }
}

impl Status {
    fn is_ended(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

impl Jobs {
    pub fn new() -> Self {
        Self(Arc::new(Shared { jobs: Mutex::default(), stopping: watch::Sender::new(false) }))
    }

    /// The latest, newest first.
    pub fn latest(&self) -> Vec<Arc<Job>> {
        self.lock().iter().rev().cloned().collect()
    }

    /// The job of this id.
    pub fn find(&self, id: &str) -> Option<Arc<Job>> {
        self.lock().iter().find(|job| job.id == id).cloned()
    }

    /// The one that is under way.
    pub fn running(&self) -> Option<Arc<Job>> {
        self.lock().back().filter(|job| !job.status.borrow().is_ended()).cloned()
    }

    /// Takes the right to begin one.
    ///
    /// # Errors
    /// [`ApiError::RetrainRunning`] while another is under way, [`ApiError::Stopping`] once the server is to end.
    pub fn claim(&self, asked_by: AskedBy) -> Result<Slot, ApiError> {
        let mut jobs = self.lock();
        if *self.0.stopping.borrow() {
            return Err(ApiError::Stopping);
        }
        if let Some(running) = jobs.back().filter(|job| !job.status.borrow().is_ended()) {
            return Err(ApiError::RetrainRunning { job: running.id.clone() });
        }
        let (id, status) =
            (Uuid::new_v4().simple().to_string(), watch::Sender::new(Status::Running(Progress::STARTING)));
        let job = Arc::new(Job { id, asked_by, started_at: Timestamp::now(), status });
        jobs.push_back(job.clone());
        if jobs.len() > MAX_REMEMBERED {
            jobs.pop_front();
        }
        Ok(Slot { jobs: self.clone(), job, is_begun: false })
    }

    /// Ends the one under way, and lets none begin any more.
    pub fn stop(&self) {
        let _jobs = self.lock();
        self.0.stopping.send_replace(true);
    }

    /// Waits until none is under way.
    pub async fn idle(&self) {
        if let Some(job) = self.running() {
            job.ended().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Begins the retraining, on a task of its own.
    pub fn begin(mut self, state: AppState, options: Options) -> Arc<Job> {
        self.is_begun = true;
        let job = self.job.clone();
        tokio::spawn(run(state, self, options));
        job
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.is_begun {
            self.jobs.lock().retain(|job| job.id != self.job.id);
        } else if !self.job.status.borrow().is_ended() {
            self.job.end(Outcome::failed("the server gave the retraining up"));
        }
    }
}

async fn run(state: AppState, slot: Slot, options: Options) {
    let (started, job) = (Instant::now(), &slot.job);
    tracing::info!(job = job.id, asked_by = ?job.asked_by, "a retraining begins");
    state.metrics().retraining(true);
    let outcome = outcome(&state, job, options).await;
    if matches!(outcome, Outcome::Published { .. } | Outcome::Unchanged { .. }) {
        take_over(&state).await;
    }
    let took = started.elapsed();
    state.metrics().retraining(false);
    state.metrics().retrained(&outcome, took);
    log(job, &outcome, took);
    job.end(outcome);
}

async fn outcome(state: &AppState, job: &Job, options: Options) -> Outcome {
    let mut training = match state.settings().retraining.program.start(options) {
        Ok(training) => training,
        Err(error) => return Outcome::failed(format!("the retraining could not be started: {error}")),
    };
    let mut stopping = state.jobs().0.stopping.subscribe();
    let outcome = tokio::select! {
        outcome = training.outcome(|progress| job.show(progress)) => Some(outcome),
        _ = stopping.wait_for(|stopping| *stopping) => None,
    };
    match outcome {
        Some(outcome) => outcome,
        None => {
            training.kill().await;
            Outcome::failed("the server was stopped before the retraining finished")
        }
    }
}

/// Makes the new version the live one at once, before anybody is told of it.
async fn take_over(state: &AppState) {
    let taking_over = state.clone();
    let taken_over = tokio::task::spawn_blocking(move || {
        let ready = taking_over.ready()?;
        ready.take_over_current().map_err(ApiError::Model)
    });
    match taken_over.await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::error!(causes = with_causes(&error), "the new model version cannot be loaded; the live one stays");
        }
        Err(panic) => tracing::error!(error = %panic, "taking over a new model version failed"),
    }
}

fn log(job: &Job, outcome: &Outcome, took: Duration) {
    let (job, took_s) = (job.id.as_str(), took.as_secs_f64());
    match outcome {
        Outcome::Published { version, .. } => tracing::info!(job, %version, took_s, "a retraining published a version"),
        Outcome::Refused { failed_checks, .. } => {
            let checks: Vec<&str> = failed_checks.iter().map(|check| check.sentence.as_str()).collect();
            tracing::warn!(job, ?checks, took_s, "a retraining's candidate was refused; what was live stays");
        }
        Outcome::Unchanged { version, .. } => {
            tracing::info!(job, %version, took_s, "nothing has changed since the live version was trained; it stays");
        }
        Outcome::Locked { why } => tracing::info!(job, why, "another process is retraining; this one was left out"),
        Outcome::Failed { why } => tracing::error!(job, why, took_s, "a retraining failed; what was live stays"),
    }
}

/// Retrains whenever `schedule` says so; a time at which a retraining is under way anyway is passed over.
pub(in crate::http) async fn retrain_on_schedule(state: AppState, schedule: Schedule) {
    let mut lookout = Lookout::new(schedule, Timestamp::now());
    loop {
        match lookout.look(Timestamp::now()) {
            Look::Wait(time) => tokio::time::sleep(time).await,
            Look::Due(at) => match state.jobs().claim(AskedBy::Schedule) {
                Ok(slot) => {
                    slot.begin(state.clone(), Options::default());
                }
                Err(ApiError::Stopping) => return,
                Err(_) => tracing::info!(%at, "a retraining is under way already; the scheduled one is left out"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_job_at_a_time_and_a_slot_that_was_not_used_was_none() {
        let jobs = Jobs::new();
        let slot = jobs.claim(AskedBy::Request).unwrap();
        let Err(ApiError::RetrainRunning { job }) = jobs.claim(AskedBy::Schedule) else { panic!("a second one began") };
        assert_eq!(job, slot.job.id);
        drop(slot);
        assert!(jobs.latest().is_empty() && jobs.running().is_none());
        jobs.stop();
        assert!(matches!(jobs.claim(AskedBy::Request), Err(ApiError::Stopping)));
    }

    #[test]
    fn the_latest_twenty_are_remembered_and_one_that_was_given_up_has_failed() {
        let jobs = Jobs::new();
        for _ in 0..MAX_REMEMBERED + 5 {
            let mut slot = jobs.claim(AskedBy::Request).unwrap();
            slot.is_begun = true;
        }
        let latest = jobs.latest();
        assert_eq!(latest.len(), MAX_REMEMBERED);
        assert!(latest.windows(2).all(|pair| pair[0].started_at >= pair[1].started_at));
        let status = latest[0].watch().borrow().clone();
        assert!(matches!(status, Status::Ended { outcome, .. } if matches!(*outcome, Outcome::Failed { .. })));
    }
}
