//! A circuit breaker: pauses calls after several faults in a row, then lets single calls probe the server.
//!
//! The caller decides what counts as a fault and passes the time. Logs one line when it opens, one for each probe that
//! fails, and one when it closes. All clients share the breaker, and long requests of one of them that time out say
//! nothing about a server that answers the others. So a time-out is a fault only where no sound answer came while the
//! call ran, and a row of time-outs of one client pauses that client alone. After a pause each client probes for
//! itself: one call at a time, and after one that failed its own client waits again. The first sound answer ends all
//! pauses.

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
        /// The client whose calls timed out, where the row has nothing but that.
        slow: Option<u64>,
        /// One that is paused alone, for a whole row of such.
        paused: Option<Probe>,
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
}

impl BreakerState {
    fn closed(sound_at: Option<Instant>) -> Self {
        Self::Closed { n_faults: 0, slow: None, paused: None, sound_at }
    }

    /// How long this client has to wait; `None` if it need not.
    fn wait(&self, client: u64, now: Instant) -> Option<Duration> {
        let wait = match self {
            Self::Closed { paused, .. } => paused.as_ref().filter(|probe| probe.client == client)?.wait(now),
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
        Self { name: name.into(), policy, state: Mutex::new(BreakerState::closed(None)) }
    }

    /// Asks to make a call for this client.
    ///
    /// # Errors
    /// How long to wait, while calls are paused, or while this client's or as many as may be are probing the server.
    pub fn admit(&self, client: u64, now: Instant) -> Result<Pass<'_>, Duration> {
        let mut state = self.state();
        if let Some(wait) = state.wait(client, now) {
            return Err(wait);
        }
        let probe = Probe { client, since: now, paused_until: None };
        let is_probe = match &mut *state {
            BreakerState::Closed { paused: Some(paused), .. } if paused.client == client => {
                *paused = probe;
                true
            }
            BreakerState::Closed { .. } => false,
            BreakerState::Open { probes, .. } => {
                probes.retain(|probe| !probe.wait(now).is_zero());
                probes.push(probe);
                true
            }
        };
        Ok(Pass { breaker: self, client, since: now, is_probe })
    }

    /// Whether a call for this client would be refused now.
    pub fn refuses(&self, client: u64, now: Instant) -> bool {
        self.state().wait(client, now).is_some()
    }

    /// Whether calls are paused now, at least those of one client.
    pub fn is_paused(&self, now: Instant) -> bool {
        match &*self.state() {
            BreakerState::Closed { paused, .. } => paused.as_ref().is_some_and(|probe| !probe.wait(now).is_zero()),
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
        let is_of_call = |probe: &Probe| (probe.client, probe.since) == (client, since);
        match &mut *state {
            BreakerState::Closed { paused, .. } if verdict == Verdict::Sound => {
                if paused.is_some() {
                    self.log_resumed();
                }
                *state = BreakerState::closed(Some(now));
            }
            BreakerState::Closed { sound_at: Some(sound_at), .. }
                if verdict == Verdict::TimedOut && *sound_at > since => {}
            BreakerState::Closed { paused: Some(paused), .. } if paused.client == client => {
                // Not for a call from before its pause.
                if is_of_call(paused) {
                    paused.paused_until = Some(self.pause(now, "one client"));
                }
            }
            BreakerState::Closed { n_faults, slow, paused, .. } => {
                let is_slow_alone = verdict == Verdict::TimedOut && (*n_faults == 0 || *slow == Some(client));
                *slow = is_slow_alone.then_some(client);
                *n_faults += 1;
                if *n_faults < self.policy.max_faults {
                    return;
                }
                if is_slow_alone && paused.is_none() {
                    let paused_until = Some(self.pause(now, "one client"));
                    (*n_faults, *slow, *paused) = (0, None, Some(Probe { client, since: now, paused_until }));
                } else {
                    *state = BreakerState::Open { until: self.pause(now, "all clients"), probes: Vec::new() };
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
        tracing::info!(event = "upstream_resumed", upstream = self.name, "the upstream answers again");
    }

    /// Until when a pause lasts that begins now.
    fn pause(&self, now: Instant, of: &'static str) -> Instant {
        let pause_s = self.policy.cool_down.as_secs();
        tracing::warn!(
            event = "upstream_paused",
            upstream = self.name,
            pause_s,
            of,
            "the upstream keeps failing: calls of {of} are paused"
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
        if !self.is_probe {
            return;
        }
        // The caller of a probe went away: the next one probes.
        let is_of_call = |probe: &Probe| (probe.client, probe.since) == (self.client, self.since);
        match &mut *self.breaker.state() {
            BreakerState::Closed { paused: Some(paused), .. } if is_of_call(paused) => {
                paused.paused_until = Some(self.since);
            }
            BreakerState::Closed { .. } => {}
            BreakerState::Open { probes, .. } => probes.retain(|probe| !is_of_call(probe)),
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
    fn time_outs_of_one_client_pause_it_alone_and_those_of_two_pause_all() {
        let (breaker, now, second) = (breaker(), Instant::now(), Duration::from_secs(1));
        end(&breaker, &[Verdict::TimedOut; 3], now);
        assert_eq!((breaker.admit(1, now).err(), breaker.refuses(2, now)), (Some(COOL_DOWN), false));
        let end_of = |client, verdict| breaker.admit(client, now + second).ok().unwrap().end(verdict, now + second);
        end_of(2, Verdict::Sound);
        assert!(!breaker.is_paused(now + second), "a sound answer ends its pause as well");
        end(&breaker, &[Verdict::TimedOut; 3], now + second);
        let now = now + second + COOL_DOWN;
        let probe = breaker.admit(1, now).ok().unwrap();
        assert_eq!(breaker.admit(1, now).err(), Some(WHILE_PROBING), "it probes for itself");
        drop(probe);
        end(&breaker, &[Verdict::TimedOut], now);
        assert_eq!(breaker.admit(1, now).err(), Some(COOL_DOWN));
        // Where no other is answered either, it is the server.
        (0..3).for_each(|_| breaker.admit(2, now).ok().unwrap().end(Verdict::TimedOut, now));
        assert_eq!(breaker.admit(3, now).err(), Some(COOL_DOWN));
    }

    #[test]
    fn time_outs_of_several_clients_in_a_row_pause_all() {
        let (breaker, now) = (breaker(), Instant::now());
        (1..=3).for_each(|client| breaker.admit(client, now).ok().unwrap().end(Verdict::TimedOut, now));
        assert!((1..=4).all(|client| breaker.refuses(client, now)));
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
