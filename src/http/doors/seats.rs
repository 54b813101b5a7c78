//! Seats: how many requests of one kind are under way, in all and of one caller.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::client::Client;

/// Seats for requests of one kind.
#[derive(Debug)]
pub(super) struct Seats {
    n_seats: usize,
    of_one_client: usize,
    taken: Mutex<HashMap<Client, usize>>,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// All are taken.
    Full,
    /// This caller has as many as one may have.
    ShareTaken,
}

/// One request's seat, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    client: Client,
}

impl Seats {
    /// `n_seats` in all, of which one caller has at most half, so that there is always room for another.
    pub fn new(n_seats: usize) -> Arc<Self> {
        Arc::new(Self { n_seats, of_one_client: n_seats.div_ceil(2), taken: Mutex::default() })
    }

    /// Takes a seat for `client`.
    ///
    /// # Errors
    /// [`NoSeat`].
    pub fn take(self: &Arc<Self>, client: Client) -> Result<Seat, NoSeat> {
        let mut taken = self.taken();
        // Clients with a seat are few: no more than there are seats.
        let n_taken: usize = taken.values().sum();
        let own = taken.get(&client).copied().unwrap_or_default();
        if own >= self.of_one_client {
            return Err(NoSeat::ShareTaken);
        }
        if n_taken >= self.n_seats {
            return Err(NoSeat::Full);
        }
        taken.insert(client.clone(), own + 1);
        Ok(Seat { seats: self.clone(), client })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match taken.get_mut(&self.client) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                taken.remove(&self.client);
            }
        }
    }
}

/// An answer's body that keeps its request's seat until it is through.
pub(super) struct Seated {
    pub body: Body,
    pub _seat: Seat,
}

impl HttpBody for Seated {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u8) -> Client {
        Client::Key([n; 32])
    }

    #[test]
    fn one_caller_never_has_more_than_half_of_the_seats() {
        let seats = Seats::new(4);
        let mine = [seats.take(client(1)).unwrap(), seats.take(client(1)).unwrap()];
        assert_eq!(seats.take(client(1)).unwrap_err(), NoSeat::ShareTaken);
        let _other = seats.take(client(2)).unwrap();
        drop(mine);
        assert!(seats.take(client(1)).is_ok());
    }

    #[test]
    fn a_full_house_is_full_for_everybody_until_somebody_leaves() {
        let seats = Seats::new(2);
        let first = seats.take(client(1)).unwrap();
        let _second = seats.take(client(2)).unwrap();
        assert_eq!(seats.take(client(3)).unwrap_err(), NoSeat::Full);
        drop(first);
        assert!(seats.take(client(3)).is_ok());
        assert_eq!(seats.taken().len(), 1, "whoever has left is forgotten");
    }
}
