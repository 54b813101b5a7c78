//! The registry of this server's retrainings and comparisons: one runs at a time, and the latest 20 are remembered.
//!
//! In memory only. The result of a retraining is in its version's folder, and the store's lock excludes the retrainings
//! of other servers and commands. `tasks/retraining.rs` runs a job. A job does not depend on the request that started
//! it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::problem::ApiError;
use crate::retrain::Progress;
use crate::retrain::worker::Outcome;

const MAX_REMEMBERED: usize = 20;

/// Who asked for a retraining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum AskedBy {
    Request,
    Schedule,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum JobKind {
    Retraining,
    Comparison,
}

/// One retraining or comparison.
#[derive(Debug)]
pub(in crate::http) struct Job {
    pub id: String,
    pub kind: JobKind,
    pub asked_by: AskedBy,
    pub started_at: Timestamp,
    status: watch::Sender<Status>,
    /// Whether somebody has asked for its end.
    ending: watch::Sender<bool>,
}

/// The state of a retraining.
#[derive(Debug, Clone)]
pub(in crate::http) enum Status {
    Running(Progress),
    Ended {
        at: Timestamp,
        outcome: Arc<Outcome>,
        /// Why this server does not serve the version that was published, in a sentence's end.
        not_served: Option<String>,
    },
}

/// The jobs of a server, the latest last.
#[derive(Debug, Clone)]
pub(in crate::http) struct Jobs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    jobs: Mutex<VecDeque<Arc<Job>>>,
    stopping: watch::Sender<bool>,
}

/// The only permit to run a retraining. Dropped, it ends a job that is still running as failed; before
/// [`StartPermit::begin`] it removes the job as well.
#[derive(Debug)]
pub(in crate::http) struct StartPermit {
    jobs: Jobs,
    job: Arc<Job>,
    is_begun: bool,
}

impl JobKind {
    /// What it is called in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Retraining => "retraining",
            Self::Comparison => "comparison",
        }
    }
}

impl Job {
    /// Why no other job may start.
    pub fn is_running(&self) -> ApiError {
        ApiError::RetrainRunning { job: self.id.clone(), what: self.kind.word() }
    }

    /// The state, now and later.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Waits until the job has ended.
    pub async fn ended(&self) {
        // The job holds the sender, so it cannot be gone.
        let _ = self.watch().wait_for(Status::is_ended).await;
    }

    /// Publishes how far the job is.
    pub fn show(&self, progress: Progress) {
        self.status.send_replace(Status::Running(progress));
    }

    /// Publishes how the job ended, and why this server does not serve its version if that is so.
    pub fn end(&self, outcome: Outcome, not_served: Option<String>) {
        self.status.send_replace(Status::Ended { at: Timestamp::now(), outcome: Arc::new(outcome), not_served });
    }

    /// Asks the job to end; one that has ended stays as it is.
    pub fn ask_to_end(&self) {
        self.ending.send_replace(true);
    }

    /// Returns once [`Job::ask_to_end`] was called.
    pub async fn asked_to_end(&self) {
        // The job holds the sender, so it cannot be gone.
        let _ = self.ending.subscribe().wait_for(|is_ending| *is_ending).await;
    }

    /// Whether it ended without a result since another process held the lock of the models. Where another one has
    /// published meanwhile, there is no need to train once more.
    pub fn was_locked_out(&self) -> bool {
        match &*self.status.borrow() {
            Status::Ended { outcome, .. } => {
                matches!(outcome.last(), Outcome::Locked { published_elsewhere: false, .. })
            }
            Status::Running(_) => false,
        }
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

    /// The latest jobs, newest first.
    pub fn latest(&self) -> Vec<Arc<Job>> {
        self.lock().iter().rev().cloned().collect()
    }

    /// The job with this id.
    pub fn find(&self, id: &str) -> Option<Arc<Job>> {
        self.lock().iter().find(|job| job.id == id).cloned()
    }

    /// The job that is running.
    pub fn running(&self) -> Option<Arc<Job>> {
        self.lock().back().filter(|job| !job.status.borrow().is_ended()).cloned()
    }

    /// Registers a job and returns the permit to run it.
    ///
    /// # Errors
    /// [`ApiError::RetrainRunning`] while another one runs, [`ApiError::Stopping`] once the server is stopping.
    pub fn claim(&self, kind: JobKind, asked_by: AskedBy) -> Result<StartPermit, ApiError> {
        let mut jobs = self.lock();
        if *self.0.stopping.borrow() {
            return Err(ApiError::Stopping);
        }
        if let Some(running) = jobs.back().filter(|job| !job.status.borrow().is_ended()) {
            return Err(running.is_running());
        }
        let job = Arc::new(Job {
            id: Uuid::new_v4().simple().to_string(),
            kind,
            asked_by,
            started_at: Timestamp::now(),
            status: watch::Sender::new(Status::Running(Progress::STARTING)),
            ending: watch::Sender::new(false),
        });
        jobs.push_back(job.clone());
        if jobs.len() > MAX_REMEMBERED {
            jobs.pop_front();
        }
        Ok(StartPermit { jobs: self.clone(), job, is_begun: false })
    }

    /// Asks the running job to end, and lets no other begin.
    pub fn stop(&self) {
        let _jobs = self.lock();
        self.0.stopping.send_replace(true);
    }

    /// Returns once [`Jobs::stop`] was called.
    pub async fn stopping(&self) {
        // The registry holds the sender, so it cannot be gone.
        let _ = self.0.stopping.subscribe().wait_for(|is_stopping| *is_stopping).await;
    }

    /// Waits until no job is running.
    pub async fn idle(&self) {
        if let Some(job) = self.running() {
            job.ended().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StartPermit {
    /// The job that may run.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// Marks the job as begun.
    pub fn begin(&mut self) {
        self.is_begun = true;
    }
}

impl Drop for StartPermit {
    fn drop(&mut self) {
        if !self.is_begun {
            self.jobs.lock().retain(|job| job.id != self.job.id);
        }
        // Also of one that never began: a client may have found it meanwhile, and waits for its end.
        if !self.job.status.borrow().is_ended() {
            self.job.end(Outcome::failed(format!("the server abandoned the {}", self.job.kind.word())), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn one_job_runs_at_a_time_and_an_unused_permit_leaves_no_job() {
        let jobs = Jobs::new();
        let permit = jobs.claim(JobKind::Retraining, AskedBy::Request).unwrap();
        let Err(ApiError::RetrainRunning { job, what }) = jobs.claim(JobKind::Comparison, AskedBy::Schedule) else {
            panic!("a second one began")
        };
        assert_eq!(what, "retraining");
        assert_eq!(job, permit.job.id);
        drop(permit);
        assert!(jobs.latest().is_empty() && jobs.running().is_none());
        jobs.stop();
        assert!(matches!(jobs.claim(JobKind::Retraining, AskedBy::Request), Err(ApiError::Stopping)));
    }

    #[test]
    fn a_job_that_never_begins_ends_for_those_who_wait_for_it() {
        let jobs = Jobs::new();
        let permit = jobs.claim(JobKind::Retraining, AskedBy::Request).unwrap();
        let job = permit.job().clone();
        let (mut idle, mut ended) = (Box::pin(jobs.idle()), Box::pin(job.ended()));
        assert!((&mut idle).now_or_never().is_none() && (&mut ended).now_or_never().is_none());
        drop(permit);
        assert!(idle.now_or_never().is_some() && ended.now_or_never().is_some());
    }

    #[test]
    fn who_held_the_lock_is_told_from_who_published_first() {
        for published_elsewhere in [false, true] {
            let permit = Jobs::new().claim(JobKind::Retraining, AskedBy::Schedule).unwrap();
            assert!(!permit.job().was_locked_out(), "it has not ended");
            permit.job().end(Outcome::Locked { why: String::new(), published_elsewhere }, None);
            assert_eq!(permit.job().was_locked_out(), !published_elsewhere);
        }
    }

    #[test]
    fn the_latest_twenty_are_remembered_and_an_abandoned_one_has_failed() {
        let jobs = Jobs::new();
        for _ in 0..MAX_REMEMBERED + 5 {
            let mut permit = jobs.claim(JobKind::Retraining, AskedBy::Request).unwrap();
            permit.begin();
        }
        let latest = jobs.latest();
        assert_eq!(latest.len(), MAX_REMEMBERED);
        assert!(latest.windows(2).all(|pair| pair[0].started_at >= pair[1].started_at));
        let status = latest[0].watch().borrow().clone();
        assert!(matches!(status, Status::Ended { outcome, .. } if matches!(*outcome, Outcome::Failed { .. })));
    }
}
