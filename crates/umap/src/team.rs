//! Threads that work on one computation in step, each on its share.
//!
//! A layout has a hundred thousand steps of some ten microseconds. A thread pool takes as long to hand out such a step
//! as to do it. So each member of a team keeps its thread until the computation ends, publishes which step it has
//! reached, and waits for the members whose work it needs, and only for them.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How often a member looks at another one's step before it sleeps: about a millisecond. Sleeping costs more than most
/// waits take. A member that waits longer waits for one that has no core, because the machine has other work to do.
const SPINS: u32 = 20_000;

/// How long a member then sleeps before it looks again. Offering the core without sleeping would use up the time that
/// the scheduler gives the member, and then the other one would wait for it.
const SLEEP: Duration = Duration::from_micros(50);

/// The step that a member has reached. Members write to it often, so it has two cache lines to itself: processors fetch
/// them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Reached(AtomicU64);

/// One of the threads of a team.
pub(super) struct Member<'a> {
    number: usize,
    /// One for each member.
    team: &'a [Reached],
}

/// Runs `work` on up to `wanted` threads at the same time, of which the calling one is the first.
///
/// `shares` is told how many there are, at least 1, and makes the share of each. There are fewer threads than wanted if
/// the system refuses one. If a member panics, the others go on without it, and then the panic is the caller's.
pub(super) fn work_together<S: Send>(
    wanted: usize,
    shares: impl FnOnce(usize) -> Vec<S>,
    work: impl Fn(&Member<'_>, S) + Sync,
) {
    let all: Vec<Reached> = (0..wanted.max(1)).map(|_| Reached::default()).collect();
    let (all, work) = (all.as_slice(), &work);
    thread::scope(|scope| {
        let others = (1..wanted).map_while(|number| {
            let (sender, receiver) = channel();
            // If `shares` panics, there is nothing to receive, and the thread ends.
            let follow = move || {
                if let Ok((team, share)) = receiver.recv() {
                    work(&Member { number, team }, share);
                }
            };
            let spawned = thread::Builder::new().name(format!("layout-{number}")).spawn_scoped(scope, follow);
            spawned.is_ok().then_some(sender)
        });
        let others: Vec<_> = others.collect();
        let team = all.get(..=others.len()).unwrap_or(all);
        let mut shares = shares(team.len()).into_iter();
        let own = shares.next();
        for (other, share) in others.iter().zip(shares) {
            // A thread that waits for its share cannot be gone.
            let _ = other.send((team, share));
        }
        if let Some(share) = own {
            work(&Member { number: 0, team }, share);
        }
    });
}

impl Member<'_> {
    /// From 0.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The number of members.
    pub(super) fn team_size(&self) -> usize {
        self.team.len()
    }

    /// Publishes that this member has reached `step`. Whatever it wrote before is visible to those who waited for it.
    pub(super) fn reach(&self, step: u64) {
        if let Some(own) = self.team.get(self.number) {
            own.0.store(step, Ordering::Release);
        }
    }

    /// Waits until member `other` has reached `step`, and returns the step that it has reached.
    pub(super) fn wait_for(&self, other: usize, step: u64) -> u64 {
        let Some(other) = self.team.get(other) else { return step };
        for _ in 0..SPINS {
            let reached = other.0.load(Ordering::Acquire);
            if reached >= step {
                return reached;
            }
            spin_loop();
        }
        loop {
            let reached = other.0.load(Ordering::Acquire);
            if reached >= step {
                return reached;
            }
            thread::sleep(SLEEP);
        }
    }

    /// Reaches `step`, and waits until all others have.
    pub(super) fn meet(&self, step: u64) {
        self.reach(step);
        (0..self.team.len()).for_each(|other| {
            self.wait_for(other, step);
        });
    }
}

impl Drop for Member<'_> {
    /// Nobody waits for a member that has finished or panicked.
    fn drop(&mut self) {
        self.reach(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn members_that_meet_after_each_step_see_what_all_others_wrote() {
        for size in [1, 2, 3, 7] {
            let written: Vec<AtomicU64> = (0..size).map(|_| AtomicU64::new(0)).collect();
            let shares = |members: usize| {
                assert_eq!(members, size);
                (0..size).collect()
            };
            work_together(size, shares, |member, share: usize| {
                assert_eq!((member.number(), member.team_size()), (share, size));
                for step in 1..200 {
                    written[share].store(step, Ordering::Relaxed);
                    member.meet(2 * step);
                    assert!(written.iter().all(|other| other.load(Ordering::Relaxed) == step));
                    member.meet(2 * step + 1);
                }
            });
        }
    }

    #[test]
    fn a_member_waits_for_those_that_it_names() {
        let order = Mutex::new(Vec::new());
        work_together(
            3,
            |size| (0..size).collect(),
            |member, share: usize| {
                if let Some(before) = share.checked_sub(1) {
                    member.wait_for(before, 1);
                }
                order.lock().unwrap().push(share);
                member.reach(1);
            },
        );
        assert_eq!(order.into_inner().unwrap(), [0, 1, 2]);
    }

    #[test]
    fn a_panic_of_any_member_ends_the_work_and_reaches_the_caller() {
        for broken in 0..3 {
            let panicked = std::panic::catch_unwind(|| {
                work_together(
                    3,
                    |size| (0..size).collect(),
                    |member, share: usize| {
                        member.meet(1);
                        assert_ne!(share, broken);
                        member.meet(2);
                    },
                );
            });
            assert!(panicked.is_err(), "{broken}");
        }
        assert!(std::panic::catch_unwind(|| work_together(3, |_| -> Vec<()> { panic!() }, |_, ()| {})).is_err());
    }
}
