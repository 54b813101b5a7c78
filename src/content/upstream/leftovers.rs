//! Calls whose client has left: they run to their end, so that the budget learns what they cost.
//!
//! A server charges a call also where nobody waits for its answer. At most [`MAX_LEFTOVERS`] such calls run at a time,
//! each within its own time limit; one more is broken off, and its reservation stays spent.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle};
use tracing::Instrument;

/// Calls that run on without a client, at a time.
pub const MAX_LEFTOVERS: usize = 64;

/// Has calls run to their end.
#[derive(Debug, Clone)]
pub struct Leftovers(Arc<Semaphore>);

/// A call; dropped before its end it runs on, if there is room.
struct Running<T: Send + 'static> {
    call: Option<JoinHandle<T>>,
    room: Arc<Semaphore>,
}

impl Default for Leftovers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LEFTOVERS)))
    }
}

impl Leftovers {
    /// Runs `call`, which ends by itself also if this future is dropped.
    ///
    /// # Errors
    /// When `call` panicked.
    pub async fn finish<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        let mut running = Running { call: Some(tokio::spawn(call.in_current_span())), room: self.0.clone() };
        let Some(call) = running.call.as_mut() else { std::future::pending().await };
        let outcome = call.await;
        running.call = None;
        outcome
    }
}

impl<T: Send + 'static> Drop for Running<T> {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        match (self.room.clone().try_acquire_owned(), Handle::try_current()) {
            (Ok(room), Ok(runtime)) => {
                runtime.spawn(async move {
                    // Whatever came of it, the call has told the budget itself.
                    let _ = call.await;
                    drop(room);
                });
            }
            _ => call.abort(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::watch;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_whose_client_left_run_to_their_end_up_to_a_bound() {
        let leftovers = Leftovers::default();
        let (ended, mut n_ended) = watch::channel(0);
        let ended = Arc::new(ended);
        for _ in 0..MAX_LEFTOVERS + 9 {
            let ended = ended.clone();
            let call = leftovers.finish(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                ended.send_modify(|n| *n += 1);
            });
            // The client leaves.
            assert!(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
        }
        n_ended.wait_for(|n| *n == MAX_LEFTOVERS).await.unwrap();
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert_eq!((*ended.borrow(), leftovers.0.available_permits()), (MAX_LEFTOVERS, MAX_LEFTOVERS));
        assert_eq!(leftovers.finish(async { 7 }).await.unwrap(), 7);
    }
}
