//! A circuit breaker: pauses calls after several faults in a row, then lets single calls probe the server.
//!
//! The caller decides what counts as a fault and passes the time. Logs one line when it opens, one for each probe that
//! fails, and one when it closes. A time-out is a fault only where no sound answer came while the call ran: all clients
//! share the breaker, and long requests of one of them that time out say nothing about a server that answers the
//! others. For the same reason each client probes for itself: one call at a time, and after one that failed its own
//! client waits again. The first sound answer ends the pause for everybody.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::BreakerPolicy;

/// How long to wait while a probe is under way: it mostly ends soon, and within its own time-out at the latest.
const WHILE_PROBING: Duration = Duration::from_secs(1);
/// How many clients probe within one pause: so one of them has an eighth.
const MAX_PROBES: usize = 8;

/// Admits calls, or tells how long to wait.
pub struct Breaker {
    name: String,
    policy: BreakerPolicy,
    state: Mutex<BreakerState>,
}

#[derive(Debug)]
enum BreakerState {
    Closed {
        n_faults: u32,
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

/// Permission to make one call. Dropping it without a verdict says nothing about the server.
pub struct Pass<'a> {
    breaker: &'a Breaker,
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

    fn is_of(&self, client: u64, since: Instant) -> bool {
        (self.client, self.since) == (client, since)
    }
}

impl BreakerState {
    const CLOSED: Self = Self::Closed { n_faults: 0, sound_at: None };
}

impl Breaker {
    /// A closed breaker; `name` is its name in the log.
    pub fn new(name: impl Into<String>, policy: BreakerPolicy) -> Self {
        Self { name: name.into(), policy, state: Mutex::new(BreakerState::CLOSED) }
    }

    /// Asks to make a call for this client.
    ///
    /// # Errors
    /// How long to wait, while calls are paused, or while this client's or as many as may be are probing the server.
    pub fn admit(&self, client: u64, now: Instant) -> Result<Pass<'_>, Duration> {
        let mut state = self.state();
        let is_probe = match &mut *state {
            BreakerState::Closed { .. } => false,
            BreakerState::Open { until, .. } if now < *until => return Err(*until - now),
            BreakerState::Open { probes, .. } => {
                probes.retain(|probe| !probe.wait(now).is_zero());
                let own = probes.iter().find(|probe| probe.client == client).map(|probe| probe.wait(now));
                let others = probes.iter().map(|probe| probe.wait(now)).min().filter(|_| probes.len() >= MAX_PROBES);
                if let Some(wait) = own.or(others) {
                    return Err(wait);
                }
                probes.push(Probe { client, since: now, paused_until: None });
                true
            }
        };
        Ok(Pass { breaker: self, client, since: now, is_probe })
    }

    /// Whether calls are paused now, at least those of the clients that probed last.
    pub fn is_paused(&self, now: Instant) -> bool {
        match &*self.state() {
            BreakerState::Closed { .. } => false,
            BreakerState::Open { until, probes } => {
                now < *until || probes.iter().any(|probe| !probe.wait(now).is_zero())
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, BreakerState> {
        // No change panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, client: u64, since: Instant, verdict: Verdict, now: Instant) {
        let mut state = self.state();
        match &mut *state {
            BreakerState::Closed { n_faults, sound_at } => match verdict {
                Verdict::Sound => (*n_faults, *sound_at) = (0, Some(now)),
                Verdict::TimedOut if sound_at.is_some_and(|sound_at| sound_at > since) => {}
                Verdict::Fault | Verdict::TimedOut => {
                    *n_faults += 1;
                    if *n_faults >= self.policy.max_faults {
                        *state = BreakerState::Open { until: self.pause(now), probes: Vec::new() };
                    }
                }
            },
            BreakerState::Open { probes, .. } => {
                // Not for a call from before the pause: the probes decide.
                let Some(probe) = probes.iter_mut().find(|probe| probe.is_of(client, since)) else { return };
                if verdict == Verdict::Sound {
                    tracing::info!(event = "upstream_resumed", upstream = self.name, "the upstream answers again");
                    *state = BreakerState::Closed { n_faults: 0, sound_at: Some(now) };
                } else {
                    probe.paused_until = Some(self.pause(now));
                }
            }
        }
    }

    /// Until when a pause lasts that begins now.
    fn pause(&self, now: Instant) -> Instant {
        let pause_s = self.policy.cool_down.as_secs();
        tracing::warn!(
            event = "upstream_paused",
            upstream = self.name,
            pause_s,
            "the upstream keeps failing: calls are paused"
        );
        now + self.policy.cool_down
    }
}

impl Pass<'_> {
    /// Reports how the call ended.
    pub fn end(mut self, verdict: Verdict, now: Instant) {
        self.is_probe = false;
        self.breaker.end(self.client, self.since, verdict, now);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // The caller of a probe went away: the next one probes.
        if self.is_probe
            && let BreakerState::Open { probes, .. } = &mut *self.breaker.state()
        {
            probes.retain(|probe| !probe.is_of(self.client, self.since));
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
            breaker.admit(1, now).unwrap_or_else(|wait| panic!("paused for {wait:?}")).end(verdict, now);
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
        assert_eq!(breaker.admit(1, now).err(), Some(COOL_DOWN));
    }

    #[test]
    fn a_time_out_is_a_fault_unless_a_sound_answer_came_while_the_call_ran() {
        let (breaker, began) = (breaker(), Instant::now());
        let admit = |now| breaker.admit(1, now).ok().unwrap();
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
        assert_eq!(breaker.admit(1, now + COOL_DOWN - second).err(), Some(second));
        let now = now + COOL_DOWN;
        let probe = breaker.admit(1, now).ok().unwrap();
        assert_eq!(breaker.admit(1, now).err(), Some(WHILE_PROBING), "one probe at a time");
        assert!(breaker.is_paused(now));
        probe.end(Verdict::Sound, now);
        let both = [breaker.admit(1, now), breaker.admit(1, now)];
        assert!(both.iter().all(Result::is_ok));
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_at_once() {
        let (breaker, now) = (breaker(), Instant::now());
        end(&breaker, &[Verdict::Fault; 3], now);
        end(&breaker, &[Verdict::Fault], now + COOL_DOWN);
        assert_eq!(breaker.admit(1, now + COOL_DOWN).err(), Some(COOL_DOWN));
    }

    #[test]
    fn each_client_probes_for_itself_and_the_first_sound_answer_ends_the_pause() {
        let (breaker, now) = (breaker(), Instant::now());
        end(&breaker, &[Verdict::Fault; 3], now);
        let now = now + COOL_DOWN;
        let [hanging, failing, sound] = [1, 2, 3].map(|client| breaker.admit(client, now).ok().unwrap());
        let second = Duration::from_secs(1);
        failing.end(Verdict::TimedOut, now + second);
        assert_eq!(breaker.admit(2, now + second).err(), Some(COOL_DOWN), "its own client waits again");
        assert!(breaker.is_paused(now + second));
        sound.end(Verdict::Sound, now + second);
        hanging.end(Verdict::TimedOut, now + 9 * second);
        assert!(!breaker.is_paused(now + 9 * second), "a sound answer came while it ran");
        assert!((1..=3).all(|client| breaker.admit(client, now + 9 * second).is_ok()));
    }

    #[test]
    fn a_server_that_stays_away_is_probed_by_eight_clients_within_one_pause() {
        let (breaker, now) = (breaker(), Instant::now());
        end(&breaker, &[Verdict::Fault; 3], now);
        let now = now + COOL_DOWN;
        let second = Duration::from_secs(1);
        for client in 0..8 {
            breaker.admit(client, now).ok().unwrap().end(Verdict::Fault, now + second);
        }
        let later = now + 2 * second;
        assert_eq!(breaker.admit(8, later).err(), Some(COOL_DOWN - second));
        let later = now + second + COOL_DOWN;
        assert!(!breaker.is_paused(later) && breaker.admit(8, later).is_ok());
    }

    #[test]
    fn a_probe_whose_caller_goes_away_leaves_the_next_one_to_probe() {
        let (breaker, now) = (breaker(), Instant::now());
        end(&breaker, &[Verdict::Fault; 3], now);
        let now = now + COOL_DOWN;
        drop(breaker.admit(1, now).ok().unwrap());
        let next = breaker.admit(1, now).ok().unwrap();
        assert!(breaker.admit(1, now).is_err(), "and again one alone");
        next.end(Verdict::Sound, now);
        assert!(!breaker.is_paused(now));
    }

    #[test]
    fn a_call_from_before_the_pause_neither_ends_nor_lengthens_it() {
        let (breaker, now) = (breaker(), Instant::now());
        let [early, late] = [breaker.admit(1, now).ok().unwrap(), breaker.admit(1, now).ok().unwrap()];
        end(&breaker, &[Verdict::Fault; 3], now);
        early.end(Verdict::Sound, now);
        late.end(Verdict::Fault, now + COOL_DOWN / 2);
        assert_eq!(breaker.admit(1, now + COOL_DOWN / 2).err(), Some(COOL_DOWN / 2));
    }
}
