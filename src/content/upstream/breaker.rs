//! A circuit breaker: pauses calls after several faults in a row, then lets one call probe the server.
//!
//! The caller decides what counts as a fault and passes the time. Logs one line when it opens and one when it closes.
//! A time-out is a fault only where no sound answer came while the call ran: all clients share the breaker, and long
//! requests of one of them that time out say nothing about a server that answers the others.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::BreakerPolicy;

/// How long to wait while a probe is under way: it mostly ends soon, and within its own time-out at the latest.
const WHILE_PROBING: Duration = Duration::from_secs(1);

/// Admits calls, or tells how long to wait.
pub struct Breaker {
    name: String,
    policy: BreakerPolicy,
    state: Mutex<BreakerState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BreakerState {
    Closed {
        n_faults: u32,
        /// When the last sound answer came.
        sound_at: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    Probing,
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

/// Permission to make one call. Dropping it without a verdict says nothing about the server.
pub struct Pass<'a> {
    breaker: &'a Breaker,
    /// When it was given.
    since: Instant,
    is_probe: bool,
}

impl Breaker {
    /// A closed breaker; `name` is its name in the log.
    pub fn new(name: impl Into<String>, policy: BreakerPolicy) -> Self {
        Self { name: name.into(), policy, state: Mutex::new(BreakerState::Closed { n_faults: 0, sound_at: None }) }
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// How long to wait, while calls are paused or another call is probing the server.
    pub fn admit(&self, now: Instant) -> Result<Pass<'_>, Duration> {
        let mut state = self.state();
        match *state {
            BreakerState::Closed { .. } => Ok(Pass { breaker: self, since: now, is_probe: false }),
            BreakerState::Probing => Err(WHILE_PROBING),
            BreakerState::Open { until } => {
                let left = until.saturating_duration_since(now);
                if !left.is_zero() {
                    return Err(left);
                }
                *state = BreakerState::Probing;
                Ok(Pass { breaker: self, since: now, is_probe: true })
            }
        }
    }

    /// Whether a call would be refused now.
    pub fn is_paused(&self, now: Instant) -> bool {
        match *self.state() {
            BreakerState::Closed { .. } => false,
            BreakerState::Probing => true,
            BreakerState::Open { until } => now < until,
        }
    }

    fn state(&self) -> MutexGuard<'_, BreakerState> {
        // Every change is one assignment: a panic elsewhere leaves no half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, since: Instant, is_probe: bool, verdict: Verdict, now: Instant) {
        let mut state = self.state();
        let (n_faults, sound_at) = match *state {
            BreakerState::Closed { n_faults, sound_at } => (n_faults, sound_at),
            BreakerState::Probing if is_probe => (self.policy.max_faults, None),
            // A call from before the pause: the probe decides.
            BreakerState::Probing | BreakerState::Open { .. } => return,
        };
        *state = match verdict {
            Verdict::Sound => {
                if is_probe {
                    tracing::info!(event = "upstream_resumed", upstream = self.name, "the upstream answers again");
                }
                BreakerState::Closed { n_faults: 0, sound_at: Some(now) }
            }
            Verdict::TimedOut if sound_at.is_some_and(|sound_at| sound_at > since) => return,
            Verdict::Fault | Verdict::TimedOut if n_faults + 1 >= self.policy.max_faults => {
                let pause_s = self.policy.cool_down.as_secs();
                tracing::warn!(
                    event = "upstream_paused",
                    upstream = self.name,
                    pause_s,
                    "the upstream keeps failing: calls are paused"
                );
                BreakerState::Open { until: now + self.policy.cool_down }
            }
            Verdict::Fault | Verdict::TimedOut => BreakerState::Closed { n_faults: n_faults + 1, sound_at },
        };
    }
}

impl Pass<'_> {
    /// Reports how the call ended.
    pub fn end(mut self, verdict: Verdict, now: Instant) {
        let is_probe = std::mem::take(&mut self.is_probe);
        self.breaker.end(self.since, is_probe, verdict, now);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            // The caller went away: the next one probes.
            *self.breaker.state() = BreakerState::Open { until: self.since };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOL_DOWN: Duration = Duration::from_secs(30);

    fn breaker() -> Breaker {
        Breaker::new("texts", BreakerPolicy { max_faults: 3, cool_down: COOL_DOWN })
    }

    fn end(breaker: &Breaker, verdicts: &[Verdict], now: Instant) {
        for &verdict in verdicts {
            breaker.admit(now).unwrap_or_else(|wait| panic!("paused for {wait:?}")).end(verdict, now);
        }
    }

    #[test]
    fn only_faults_in_a_row_open_it() {
        use Verdict::{Fault, Sound};
        let (breaker, now) = (breaker(), Instant::now());
        end(&breaker, &[Fault, Fault, Sound, Fault, Fault], now);
        assert!(!breaker.is_paused(now));
        end(&breaker, &[Fault], now);
        assert!(breaker.is_paused(now) && !breaker.is_paused(now + COOL_DOWN));
        assert_eq!(breaker.admit(now).err(), Some(COOL_DOWN));
    }

    #[test]
    fn a_time_out_is_a_fault_unless_a_sound_answer_came_while_the_call_ran() {
        let (breaker, began) = (breaker(), Instant::now());
        let admit = |now| breaker.admit(now).ok().unwrap();
        let [meanwhile, end_of_calls] = [1, 2].map(|seconds| began + Duration::from_secs(seconds));
        let early: Vec<_> = (0..6).map(|_| admit(began)).collect();
        let late: Vec<_> = (0..3).map(|_| admit(meanwhile)).collect();
        end(&breaker, &[Verdict::Sound], meanwhile);
        early.into_iter().for_each(|pass| pass.end(Verdict::TimedOut, end_of_calls));
        assert!(!breaker.is_paused(end_of_calls));
        late.into_iter().for_each(|pass| pass.end(Verdict::TimedOut, end_of_calls));
        assert!(breaker.is_paused(end_of_calls), "no answer came since these began");
        let now = end_of_calls + COOL_DOWN;
        end(&breaker, &[Verdict::TimedOut], now);
        assert!(breaker.is_paused(now), "nor while the probe ran");
    }

    #[test]
    fn after_the_pause_one_call_probes_and_its_success_closes() {
        let (breaker, now) = (breaker(), Instant::now());
        end(&breaker, &[Verdict::Fault; 3], now);
        let second = Duration::from_secs(1);
        assert_eq!(breaker.admit(now + COOL_DOWN - second).err(), Some(second));
        let now = now + COOL_DOWN;
        let probe = breaker.admit(now).ok().unwrap();
        assert_eq!(breaker.admit(now).err(), Some(WHILE_PROBING), "one probe at a time");
        assert!(breaker.is_paused(now));
        probe.end(Verdict::Sound, now);
        let both = [breaker.admit(now), breaker.admit(now)];
        assert!(both.iter().all(Result::is_ok));
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_at_once() {
        let (breaker, now) = (breaker(), Instant::now());
        end(&breaker, &[Verdict::Fault; 3], now);
        end(&breaker, &[Verdict::Fault], now + COOL_DOWN);
        assert_eq!(breaker.admit(now + COOL_DOWN).err(), Some(COOL_DOWN));
    }

    #[test]
    fn a_probe_whose_caller_goes_away_leaves_the_next_one_to_probe() {
        let (breaker, now) = (breaker(), Instant::now());
        end(&breaker, &[Verdict::Fault; 3], now);
        let now = now + COOL_DOWN;
        drop(breaker.admit(now).ok().unwrap());
        let next = breaker.admit(now).ok().unwrap();
        assert!(breaker.admit(now).is_err(), "and again one alone");
        next.end(Verdict::Sound, now);
        assert!(!breaker.is_paused(now));
    }

    #[test]
    fn a_call_from_before_the_pause_neither_ends_nor_lengthens_it() {
        let (breaker, now) = (breaker(), Instant::now());
        let [early, late] = [breaker.admit(now).ok().unwrap(), breaker.admit(now).ok().unwrap()];
        end(&breaker, &[Verdict::Fault; 3], now);
        early.end(Verdict::Sound, now);
        late.end(Verdict::Fault, now + COOL_DOWN / 2);
        assert_eq!(breaker.admit(now + COOL_DOWN / 2).err(), Some(COOL_DOWN / 2));
    }
}
