//! Bytes of answers that are in memory until their clients have taken them: so many of one client, and so many of all.
//!
//! A client gets its own share, an eighth, as long as there is any room. Beyond it a quarter of all must be free, so
//! that large answers of some leave room for those of others. Clients of one network have twice that together. While
//! that quarter is used, and others need it, answers have less time to leave. It also knows when nothing works for any
//! request any more, since each has its bytes here until then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::limits::{
    ANSWER_TIME, ANSWER_TIME_BYTES_A_SECOND, CLIENTS_OF_NETWORK, MAX_IN_FLIGHT_BYTES, MAX_IN_FLIGHT_BYTES_OF_ONE,
    OWN_IN_FLIGHT_BYTES, RESERVED_IN_FLIGHT_BYTES, STREAM_BYTES,
};
use super::tally::Tally;
use crate::http::access::{Client, Network};

/// The bytes of all answers. Clones count together.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct InFlight(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    counts: Mutex<Counts>,
    /// Notified when the last request has ended.
    idle: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    /// The requests that something still works for.
    n_requests: usize,
    all: usize,
    clients: Tally<Client>,
    networks: Tally<Network>,
    /// Whether a client was refused room that others hold, since the reserve was last free.
    is_wanted: bool,
}

/// The bytes of one answer; no longer counted when this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    in_flight: InFlight,
    client: Client,
    n_bytes: usize,
    /// How many of them are an estimate of what the answer will be.
    estimated: usize,
    /// Whether there is room for the answer, however large it becomes.
    is_promised: bool,
}

impl InFlight {
    /// Whether `client` gets no further answer for now, however small.
    pub(super) fn is_full(&self, client: &Client) -> bool {
        let mut counts = self.lock();
        let of_one = counts.clients.of(client);
        let has_room = counts.have_room(client, 0, None);
        counts.is_wanted |= !has_room && !counts.have_reserve() && counts.all > of_one;
        !has_room
    }

    /// An answer to `client` of which nothing is there yet.
    pub(super) fn begin(&self, client: Client) -> Counted {
        self.lock().n_requests += 1;
        Counted { in_flight: self.clone(), client, n_bytes: 0, estimated: 0, is_promised: false }
    }

    /// Waits until nothing works for any request: calls whose client has left have ended as well, and so have tasks
    /// that go on without one.
    pub async fn idle(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.lock().n_requests == 0 {
                return;
            }
            idle.await;
        }
    }

    /// How many bytes of all clients are on their way.
    #[cfg(test)]
    pub(super) fn n_bytes(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// Counts `n_bytes` more of this answer if there is room for them, and says whether it did. A client whose other
    /// answers are all gone may have one of any size, while the reserve is free.
    pub fn try_grow(&mut self, n_bytes: usize) -> bool {
        if self.is_promised {
            self.grow(n_bytes);
            return true;
        }
        let mut counts = self.in_flight.lock();
        let of_one = counts.clients.of(&self.client);
        let has_room = counts.have_room(&self.client, n_bytes, Some(self.n_bytes));
        if has_room {
            counts.add(&self.client, n_bytes);
            drop(counts);
            self.n_bytes += n_bytes;
        } else {
            counts.is_wanted |= !counts.have_reserve() && counts.all > of_one;
        }
        has_room
    }

    /// Counts about `n_bytes` of an answer that is still to be made, if there is room for them, and says whether it
    /// did. What is counted of it later takes their place and always finds room.
    pub fn try_promise(&mut self, n_bytes: usize) -> bool {
        let has_room = self.try_grow(n_bytes);
        if has_room {
            self.estimated += n_bytes;
            self.is_promised = true;
        }
        has_room
    }

    /// Whether the answer has taken longer than its time to leave, while the reserve is in use and others hold
    /// something as well, or were refused. `waited` is the time that its frames waited for the client. What holds no
    /// more than a stream holds is never late.
    pub fn is_late(&self, waited: Duration) -> bool {
        if waited <= ANSWER_TIME || self.n_bytes <= STREAM_BYTES {
            return false;
        }
        let bytes = self.n_bytes.min(OWN_IN_FLIGHT_BYTES);
        let of_size = Duration::from_secs((bytes / ANSWER_TIME_BYTES_A_SECOND) as u64);
        let counts = self.in_flight.lock();
        let others_need_it = counts.is_wanted || counts.all > counts.clients.of(&self.client);
        waited > ANSWER_TIME + of_size && !counts.have_reserve() && others_need_it
    }

    /// Counts `n_bytes` more of this answer, whether there is room for them or not.
    pub fn grow(&mut self, n_bytes: usize) {
        let estimated = std::mem::take(&mut self.estimated);
        let mut counts = self.in_flight.lock();
        counts.remove(&self.client, estimated);
        counts.add(&self.client, n_bytes);
        drop(counts);
        self.n_bytes = self.n_bytes.saturating_sub(estimated).saturating_add(n_bytes);
    }
}

impl Counts {
    /// Whether a client and its network may have `n_bytes` more, for the answer that counts as `of_answer` so far.
    fn have_room(&self, client: &Client, n_bytes: usize, of_answer: Option<usize>) -> bool {
        let fits = |has: usize, clients: usize| {
            let (would_have, is_one_answer) = (has.saturating_add(n_bytes), of_answer == Some(has));
            let is_own = would_have <= OWN_IN_FLIGHT_BYTES * clients && self.all < MAX_IN_FLIGHT_BYTES;
            let is_within = is_one_answer || would_have <= MAX_IN_FLIGHT_BYTES_OF_ONE * clients;
            is_own || (is_within && self.have_reserve())
        };
        fits(self.clients.of(client), 1) && fits(self.networks.of(&client.network()), CLIENTS_OF_NETWORK)
    }

    /// Whether the reserve is free.
    fn have_reserve(&self) -> bool {
        self.all < MAX_IN_FLIGHT_BYTES - RESERVED_IN_FLIGHT_BYTES
    }

    fn add(&mut self, client: &Client, n_bytes: usize) {
        self.all += n_bytes;
        self.clients.add(client.clone(), n_bytes);
        self.networks.add(client.network(), n_bytes);
    }

    fn remove(&mut self, client: &Client, n_bytes: usize) {
        self.all = self.all.saturating_sub(n_bytes);
        self.is_wanted &= !self.have_reserve();
        self.clients.remove(client, n_bytes);
        self.networks.remove(&client.network(), n_bytes);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.in_flight.lock();
        counts.remove(&self.client, self.n_bytes);
        counts.n_requests = counts.n_requests.saturating_sub(1);
        if counts.n_requests == 0 {
            self.in_flight.0.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u8) -> Client {
        Client::Key([n; 32])
    }

    fn counted(in_flight: &InFlight, n: u8, n_bytes: usize) -> Option<Counted> {
        let mut counted = in_flight.begin(client(n));
        counted.try_grow(n_bytes).then_some(counted)
    }

    #[test]
    fn bytes_in_flight_are_limited_for_one_client_and_for_all() {
        let in_flight = InFlight::default();
        let large = MAX_IN_FLIGHT_BYTES_OF_ONE;
        drop(counted(&in_flight, 1, 10 * large).expect("a client with none in flight gets one however large"));
        let first = counted(&in_flight, 1, large).unwrap();
        assert!(counted(&in_flight, 1, 1).is_none());
        let others: Vec<_> = (2..).map_while(|n| counted(&in_flight, n, large)).collect();
        assert_eq!(others.len() + 1, 3, "three quarters are for all, and the last quarter");
        let own: Vec<_> = (100..).map_while(|n| counted(&in_flight, n, OWN_IN_FLIGHT_BYTES)).collect();
        assert_eq!(own.len(), 2, "is for those who have less than their own");
        assert!(in_flight.is_full(&client(200)) && counted(&in_flight, 200, 1).is_none());
        drop(own);
        assert!(!in_flight.is_full(&client(200)));
        drop(first);
        drop(counted(&in_flight, 1, large).unwrap());
        let mut promised = in_flight.begin(client(1));
        assert!(promised.try_promise(large) && counted(&in_flight, 1, 1).is_none());
        assert!(promised.try_grow(1) && counted(&in_flight, 1, large - 1).is_some(), "the answer itself is small");
        assert!(promised.try_grow(10 * large), "however much it becomes");
        assert!(counted(&in_flight, 1, 1).is_none());
        drop(promised);
        drop(others);
        let counts = in_flight.lock();
        assert_eq!((counts.all, counts.clients.len()), (0, 0));
    }

    #[test]
    fn the_clients_of_one_network_have_as_much_together_as_two() {
        let in_flight = InFlight::default();
        let counted = |address: &str| {
            let mut counted = in_flight.begin(Client::at(address.parse().unwrap()));
            counted.try_grow(OWN_IN_FLIGHT_BYTES).then_some(counted)
        };
        let held: Vec<_> = (1..9).filter_map(|n| counted(&format!("2001:db8:1:{n}::1"))).collect();
        assert_eq!(held.len(), 4);
        assert!(counted("2001:db8:2:1::1").is_some() && counted("198.51.100.7").is_some());
        drop(held);
        assert!(counted("2001:db8:1:9::1").is_some());
    }

    #[test]
    fn an_answer_is_late_only_while_others_need_its_room_and_in_five_minutes_at_most() {
        let seconds = Duration::from_secs;
        let only = InFlight::default();
        let alone = counted(&only, 1, 2 * MAX_IN_FLIGHT_BYTES).unwrap();
        assert!(!alone.is_late(seconds(3_600)), "it has filled the reserve by itself");
        assert!(only.is_full(&client(1)) && !alone.is_late(seconds(3_600)), "and needs more");
        let mut neighbour = only.begin(client(2));
        neighbour.grow(1);
        assert!(!alone.is_late(seconds(300)) && alone.is_late(seconds(306)));
        drop(neighbour);
        assert!(!alone.is_late(seconds(3_600)));
        assert!(counted(&only, 2, 1).is_none() && alone.is_late(seconds(306)), "another was refused");
        let in_flight = InFlight::default();
        let answer = counted(&in_flight, 1, 5 << 20).unwrap();
        let mut small = in_flight.begin(client(2));
        small.grow(STREAM_BYTES);
        assert!(!answer.is_late(seconds(3_600)), "nobody needs its room");
        let mut large = in_flight.begin(client(3));
        large.grow(MAX_IN_FLIGHT_BYTES - RESERVED_IN_FLIGHT_BYTES);
        // A minute, and 5 MB at 50 KB a second.
        assert!(!answer.is_late(seconds(162)) && answer.is_late(seconds(163)));
        assert!(!large.is_late(seconds(300)) && large.is_late(seconds(306)));
        assert!(!small.is_late(seconds(3_600)), "it has next to none");
        drop(large);
        assert!(!answer.is_late(seconds(3_600)));
    }

    #[test]
    fn an_answer_that_grows_is_of_any_size_only_where_it_is_its_client_s_only_one() {
        let in_flight = InFlight::default();
        let mut only = counted(&in_flight, 1, 1).unwrap();
        assert!(only.try_grow(2 * MAX_IN_FLIGHT_BYTES_OF_ONE));
        let mut one_of_two = in_flight.begin(client(1));
        assert!(!one_of_two.try_grow(1) && in_flight.is_full(&client(1)));
        one_of_two.grow(1);
        drop(only);
        assert_eq!(in_flight.n_bytes(), 1);
    }
}
