//! A circuit breaker: pauses calls after several faults in a row, then lets single calls probe the server.
//!
//! The caller decides what counts as a fault and passes the time. Logs one line when it opens, one for each probe that
//! fails, and one when it closes. All clients share the breaker, and what the requests of a few of them bring about
//! says nothing about a server that answers the others: long ones time out, and a prompt may crash a model. So faults
//! of one client in a row pause that client alone, and count as one for all others: only as many clients as faults in
//! a row are proof that the server answers nobody. A time-out is a fault only where no sound answer came while the call
//! ran. After a pause each client probes for itself: one call at a time, and after one that failed its own client waits
//! again. The first sound answer ends all pauses.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::BreakerPolicy;

/// How long to wait while a probe is under way: it mostly ends soon, and within its own time-out at the latest.
const WHILE_PROBING: Duration = Duration::from_secs(1);
/// How many clients probe within one pause: so one of them has an eighth.
const MAX_PROBES: usize = 8;

/// Admits calls, or tells how long to wait. Clones are the same breaker.
#[derive(Clone)]
pub struct Breaker(Arc<Shared>);

struct Shared {
    name: String,
    policy: BreakerPolicy,
    state: Mutex<BreakerState>,
    /// Told whenever a call has ended.
    ended: Notify,
}

#[derive(Debug)]
enum BreakerState {
    Closed {
        /// The clients whose calls failed since the last sound answer; fewer than end in a pause of all.
        failing: Vec<FailingClient>,
        /// When the last sound answer came.
        sound_at: Option<Instant>,
    },
    Open {
        /// From when on the server is probed.
        until: Instant,
        /// At most [`MAX_PROBES`], each of another client.
        probes: Vec<Probe>,
    },
}

/// A client whose calls failed.
#[derive(Debug)]
struct FailingClient {
    client: u64,
    n_faults: u32,
    /// Set once it is paused alone.
    paused: Option<Probe>,
}

/// A call that probes the server, and after it has failed the pause of its client.
#[derive(Debug)]
struct Probe {
    client: u64,
    since: Instant,
    paused_until: Option<Instant>,
}

/// How a call ended, as far as its server's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The server works, whatever it answered.
    Sound,
    /// The server is at fault.
    Fault,
    /// No answer in time: the server is at fault unless it gave a sound answer to another call meanwhile.
    TimedOut,
}

/// Why a call is not made.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// How long to wait.
    pub wait: Duration,
    /// Whether a call of the same client's is probing the server.
    pub is_own_probe: bool,
}

/// Permission to make one call. Dropping it without a verdict says nothing about the server.
pub struct Pass {
    breaker: Breaker,
    client: u64,
    /// When it was given.
    since: Instant,
    is_probe: bool,
}

impl Probe {
    /// How long others wait for it, or its client for the next one.
    fn wait(&self, now: Instant) -> Duration {
        self.paused_until.map_or(WHILE_PROBING, |until| until.saturating_duration_since(now))
    }
}

impl FailingClient {
    fn after_one(client: u64) -> Self {
        Self { client, n_faults: 1, paused: None }
    }

    fn is_to_pause(&self, client: u64, max_faults: u32) -> bool {
        self.client == client && self.n_faults >= max_faults
    }
}

impl BreakerState {
    fn closed(sound_at: Option<Instant>) -> Self {
        Self::Closed { failing: Vec::new(), sound_at }
    }

    /// The pause of a client alone.
    fn own_pause(&mut self, client: u64) -> Option<&mut Probe> {
        let Self::Closed { failing, .. } = self else { return None };
        failing.iter_mut().find(|failing| failing.client == client)?.paused.as_mut()
    }

    /// Whether a call of this client's is probing the server.
    fn is_probing(&self, client: u64) -> bool {
        let is_own = |probe: &Probe| probe.client == client && probe.paused_until.is_none();
        match self {
            Self::Closed { failing, .. } => failing.iter().filter_map(|failing| failing.paused.as_ref()).any(is_own),
            Self::Open { probes, .. } => probes.iter().any(is_own),
        }
    }

    /// How long this client has to wait; `None` if it need not.
    fn wait(&self, client: u64, now: Instant) -> Option<Duration> {
        let wait = match self {
            Self::Closed { failing, .. } => {
                failing.iter().find(|failing| failing.client == client)?.paused.as_ref()?.wait(now)
            }
            Self::Open { until, .. } if now < *until => *until - now,
            Self::Open { probes, .. } => {
                let waited_for = || probes.iter().filter(|probe| !probe.wait(now).is_zero());
                let own = waited_for().find(|probe| probe.client == client).map(|probe| probe.wait(now));
                let is_full = waited_for().count() >= MAX_PROBES;
                own.or_else(|| waited_for().map(|probe| probe.wait(now)).min().filter(|_| is_full))?
            }
        };
        Some(wait).filter(|wait| !wait.is_zero())
    }
}

impl Breaker {
    /// A closed breaker; `name` is its name in the log.
    pub fn new(name: impl Into<String>, policy: BreakerPolicy) -> Self {
        Self(Arc::new(Shared {
            name: name.into(),
            policy,
            state: Mutex::new(BreakerState::closed(None)),
            ended: Notify::new(),
        }))
    }

    /// Asks to make a call for this client.
    ///
    /// # Errors
    /// How long to wait, while calls are paused, or while this client's or as many as may be are probing the server.
    pub fn admit(&self, client: u64, now: Instant) -> Result<Pass, Duration> {
        self.try_admit(client, now).map_err(|refused| refused.wait)
    }

    /// As [`Breaker::admit`]; tells also whether the client's own probe is what it has to wait for.
    ///
    /// # Errors
    /// As [`Breaker::admit`].
    pub fn try_admit(&self, client: u64, now: Instant) -> Result<Pass, Refused> {
        let mut state = self.state();
        if let Some(wait) = state.wait(client, now) {
            return Err(Refused { wait, is_own_probe: state.is_probing(client) });
        }
        let probe = Probe { client, since: now, paused_until: None };
        let is_probe = match &mut *state {
            BreakerState::Closed { .. } => match state.own_pause(client) {
                Some(paused) => {
                    *paused = probe;
                    true
                }
                None => false,
            },
            BreakerState::Open { probes, .. } => {
                probes.retain(|probe| !probe.wait(now).is_zero());
                probes.push(probe);
                true
            }
        };
        Ok(Pass { breaker: self.clone(), client, since: now, is_probe })
    }

    /// As [`Breaker::admit`], but where a call of this client's is probing the server, waits for what comes of it, at
    /// most `until` then: of a request's calls side by side only the first would be made otherwise.
    ///
    /// # Errors
    /// As [`Breaker::admit`].
    pub async fn admit_after_probe(&self, client: u64, until: Instant) -> Result<Pass, Duration> {
        loop {
            let mut ended = pin!(self.0.ended.notified());
            ended.as_mut().enable();
            let admitted = self.try_admit(client, Instant::now());
            let is_over = !matches!(&admitted, Err(refused) if refused.is_own_probe);
            if is_over || tokio::time::timeout_at(until, ended).await.is_err() {
                return admitted.map_err(|refused| refused.wait);
            }
        }
    }

    /// Whether a call for this client would be refused now.
    pub fn refuses(&self, client: u64, now: Instant) -> bool {
        self.state().wait(client, now).is_some()
    }

    /// Whether calls are paused now, at least those of one client.
    pub fn is_paused(&self, now: Instant) -> bool {
        match &*self.state() {
            BreakerState::Closed { failing, .. } => {
                failing.iter().filter_map(|failing| failing.paused.as_ref()).any(|probe| !probe.wait(now).is_zero())
            }
            BreakerState::Open { until, probes } => {
                now < *until || probes.iter().any(|probe| !probe.wait(now).is_zero())
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, BreakerState> {
        // No change panics half way.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, client: u64, since: Instant, verdict: Verdict, now: Instant) {
        let mut state = self.state();
        let is_of_call = |probe: &Probe| (probe.client, probe.since) == (client, since);
        match &mut *state {
            BreakerState::Closed { failing, .. } if verdict == Verdict::Sound => {
                if failing.iter().any(|failing| failing.paused.is_some()) {
                    self.log_resumed();
                }
                *state = BreakerState::closed(Some(now));
            }
            BreakerState::Closed { sound_at: Some(sound_at), .. }
                if verdict == Verdict::TimedOut && *sound_at > since => {}
            BreakerState::Closed { failing, .. } => {
                match failing.iter_mut().find(|failing| failing.client == client) {
                    Some(FailingClient { paused: Some(paused), .. }) => {
                        // Not for a call from before its pause.
                        if is_of_call(paused) {
                            paused.paused_until = Some(self.pause(now, "one client"));
                        }
                        return;
                    }
                    Some(failing) => failing.n_faults += 1,
                    None => failing.push(FailingClient::after_one(client)),
                }
                let (n_failing, max_faults) = (failing.len(), self.0.policy.max_faults);
                if n_failing > 1 && u32::try_from(n_failing).is_ok_and(|n_failing| n_failing >= max_faults) {
                    *state = BreakerState::Open { until: self.pause(now, "all clients"), probes: Vec::new() };
                } else if let Some(failing) = failing.iter_mut().find(|one| one.is_to_pause(client, max_faults)) {
                    let paused_until = Some(self.pause(now, "one client"));
                    failing.paused = Some(Probe { client, since: now, paused_until });
                }
            }
            BreakerState::Open { probes, .. } => {
                // Not for a call from before the pause: the probes decide.
                let Some(probe) = probes.iter_mut().find(|probe| is_of_call(probe)) else { return };
                if verdict == Verdict::Sound {
                    self.log_resumed();
                    *state = BreakerState::closed(Some(now));
                } else {
                    probe.paused_until = Some(self.pause(now, "one client"));
                }
            }
        }
    }

    fn log_resumed(&self) {
        tracing::info!(event = "upstream_resumed", upstream = self.0.name, "the upstream answers again");
    }

    /// Until when a pause lasts that begins now.
    fn pause(&self, now: Instant, of: &'static str) -> Instant {
        let pause_s = self.0.policy.cool_down.as_secs();
        tracing::warn!(
            event = "upstream_paused",
            upstream = self.0.name,
            pause_s,
            of,
            "the upstream keeps failing: calls of {of} are paused"
        );
        now + self.0.policy.cool_down
    }
}

impl Pass {
    /// Reports how the call ended.
    pub fn end(mut self, verdict: Verdict, now: Instant) {
        self.is_probe = false;
        self.breaker.end(self.client, self.since, verdict, now);
        self.breaker.0.ended.notify_waiters();
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.is_probe {
            return;
        }
        // The caller of a probe went away: the next one probes.
        let is_of_call = |probe: &Probe| (probe.client, probe.since) == (self.client, self.since);
        let mut state = self.breaker.state();
        if let BreakerState::Open { probes, .. } = &mut *state {
            probes.retain(|probe| !is_of_call(probe));
        } else if let Some(paused) = state.own_pause(self.client).filter(|paused| is_of_call(paused)) {
            paused.paused_until = Some(self.since);
        }
        self.breaker.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
