//! Jobs side by side that share one budget: what one of them reserves, another may have to wait for.

use std::collections::VecDeque;

use futures::stream::{self, FuturesUnordered, Stream, StreamExt};

/// Jobs that run and jobs that wait.
struct Jobs<J, F, R, H> {
    waiting: VecDeque<J>,
    running: FuturesUnordered<F>,
    max_at_once: usize,
    /// How many run at once until the next one has ended.
    at_once: usize,
    run: R,
    /// Has the job back, if it only found what it needs held; the outcome otherwise.
    again: H,
}

/// Runs every job, at most `max_at_once` at a time; yields what came of each, in the order of completion. A job that
/// `again` makes of an outcome only found what it needs held by others: it runs once another one of these has ended,
/// and the outcome counts where none is under way.
pub(super) fn side_by_side<J, T, F: Future<Output = T>>(
    jobs: impl IntoIterator<Item = J>,
    max_at_once: usize,
    run: impl Fn(J) -> F,
    again: impl Fn(T) -> Result<T, J>,
) -> impl Stream<Item = T> {
    let (waiting, running) = (jobs.into_iter().collect(), FuturesUnordered::new());
    let jobs = Jobs { waiting, running, max_at_once, at_once: max_at_once, run, again };
    stream::unfold(jobs, |mut jobs| async move { jobs.next().await.map(|outcome| (outcome, jobs)) })
}

impl<J, T, F, R, H> Jobs<J, F, R, H>
where
    F: Future<Output = T>,
    R: Fn(J) -> F,
    H: Fn(T) -> Result<T, J>,
{
    async fn next(&mut self) -> Option<T> {
        loop {
            while self.running.len() < self.at_once
                && let Some(job) = self.waiting.pop_front()
            {
                self.running.push((self.run)(job));
            }
            let outcome = self.running.next().await?;
            let outcome = if self.running.is_empty() { Ok(outcome) } else { (self.again)(outcome) };
            match outcome {
                Err(job) => {
                    self.waiting.push_front(job);
                    self.at_once = self.running.len();
                }
                Ok(outcome) => {
                    self.at_once = self.max_at_once;
                    return Some(outcome);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_job_that_finds_what_it_needs_held_by_the_others_waits_for_one_of_them() {
        for n_free in [0, 1, 3] {
            let (n_held, most) = (Cell::new(0_usize), Cell::new(0));
            let (held_now, most_held) = (&n_held, &most);
            let run = |job: u64| async move {
                if held_now.get() >= n_free {
                    return (job, Err("held"));
                }
                held_now.set(held_now.get() + 1);
                most_held.set(held_now.get().max(most_held.get()));
                tokio::time::sleep(Duration::from_secs(job)).await;
                held_now.set(held_now.get() - 1);
                (job, Ok(()))
            };
            let again = |one: (u64, Result<(), _>)| if one.1.is_err() { Err(one.0) } else { Ok(one) };
            let mut done: Vec<_> = side_by_side(1..=20, 5, run, again).collect().await;
            done.sort_unstable();
            let expected = if n_free == 0 { Err("held") } else { Ok(()) };
            assert_eq!((done, most.get()), ((1..=20).map(|job| (job, expected)).collect(), n_free));
        }
    }
}
