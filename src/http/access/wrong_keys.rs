//! Counts wrong keys by address, so that guessing is slow and seen. A good key is never held up by it: others may share
//! the address.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::Client;

/// How long an address is counted before it begins anew.
const WINDOW: Duration = Duration::from_secs(60);
/// Wrong keys in a window that are answered at once.
const AT_ONCE: u32 = 20;
/// Addresses that are counted at a time. Beyond them the one that has been counted for the longest is forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// The wrong keys of the last minute.
#[derive(Debug, Default)]
pub(super) struct WrongKeys(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    of: HashMap<Client, Count>,
    /// Every client that is counted, in the order in which their windows began.
    oldest_first: VecDeque<Client>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    n_wrong: u32,
}

impl Counts {
    /// Forgets the clients whose windows are over, and the oldest where there are too many.
    fn make_room(&mut self, now: Instant) {
        while let Some(client) = self.oldest_first.front() {
            let is_over = self.of.get(client).is_none_or(|count| now.duration_since(count.since) >= WINDOW);
            if !is_over && self.of.len() < MAX_ADDRESSES {
                return;
            }
            self.of.remove(client);
            self.oldest_first.pop_front();
        }
    }
}

impl WrongKeys {
    /// Counts one more wrong key of `client`, which the log shows as `shown`. How long the client should wait, once
    /// it has sent too many.
    pub(super) fn count(&self, client: Client, shown: IpAddr, now: Instant) -> Option<Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_counted = counts.of.get(&client).is_some_and(|count| now.duration_since(count.since) < WINDOW);
        if !is_counted {
            counts.make_room(now);
            counts.of.remove(&client);
            counts.oldest_first.push_back(client.clone());
        }
        let count = counts.of.entry(client).or_insert(Count { since: now, n_wrong: 0 });
        count.n_wrong = count.n_wrong.saturating_add(1);
        let Count { since, n_wrong } = *count;
        drop(counts);
        // At 1, 10, 100 …: a line for each would let the sender fill the log.
        if n_wrong.checked_ilog10().is_some_and(|digits| 10_u32.pow(digits) == n_wrong) {
            tracing::warn!(event = "wrong_keys", address = %shown, n_wrong, "a wrong key was sent: {n_wrong} in this minute");
        }
        (n_wrong > AT_ONCE).then(|| WINDOW.saturating_sub(now.duration_since(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(n: u32) -> Client {
        Client::at(std::net::Ipv4Addr::from_bits(n).into())
    }

    #[test]
    fn an_address_is_slowed_after_twenty_wrong_keys_a_minute_and_others_are_not() {
        let (counts, now) = (WrongKeys::default(), Instant::now());
        let shown = std::net::Ipv4Addr::LOCALHOST.into();
        for _ in 0..20 {
            assert_eq!(counts.count(client(1), shown, now), None);
        }
        let later = now + Duration::from_secs(20);
        assert_eq!(counts.count(client(1), shown, later), Some(Duration::from_secs(40)));
        assert_eq!(counts.count(client(2), shown, later), None);
        assert_eq!(counts.count(client(1), shown, now + WINDOW), None, "a new minute");
    }

    #[test]
    fn beyond_so_many_addresses_the_oldest_is_forgotten_and_no_other() {
        let (counts, now) = (WrongKeys::default(), Instant::now());
        let shown = std::net::Ipv4Addr::LOCALHOST.into();
        let slowed = |n: u32| counts.count(client(n), shown, now).is_some();
        let too_often = |n: u32| (0..=AT_ONCE).all(|guess| slowed(n) == (guess == AT_ONCE));
        assert!(too_often(0) && too_often(1));
        let n_addresses = u32::try_from(MAX_ADDRESSES).unwrap();
        for n in 2..=n_addresses {
            assert!(!slowed(n));
        }
        assert!(slowed(1) && !slowed(0), "only the first is forgotten");
        for n in 0..2 * n_addresses {
            counts.count(client(n), shown, now);
        }
        let held = counts.0.lock().unwrap();
        assert_eq!((held.of.len(), held.oldest_first.len()), (MAX_ADDRESSES, MAX_ADDRESSES));
        drop(held);
        counts.count(client(7), shown, now + WINDOW);
        assert_eq!(counts.0.lock().unwrap().of.len(), 1, "their windows are over");
    }
}
