//! Counts wrong keys by address, so that guessing is slow and seen. A good key is never held up by it: others may share
//! the address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::Client;

/// How long an address is counted before it begins anew.
const WINDOW: Duration = Duration::from_secs(60);
/// Wrong keys in a window that are answered at once.
const AT_ONCE: u32 = 20;
/// Addresses that are counted at a time. Beyond them every count begins anew.
const MAX_ADDRESSES: usize = 10_000;

/// The wrong keys of the last minute.
#[derive(Debug, Default)]
pub(super) struct WrongKeys(Mutex<HashMap<Client, Count>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    n_wrong: u32,
}

impl WrongKeys {
    /// Counts one more wrong key of `client`, which the log shows as `shown`. How long the client should wait, once
    /// it has sent too many.
    pub(super) fn count(&self, client: Client, shown: IpAddr, now: Instant) -> Option<Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_ADDRESSES && !counts.contains_key(&client) {
            counts.retain(|_, count| now.duration_since(count.since) < WINDOW);
            if counts.len() >= MAX_ADDRESSES {
                counts.clear();
            }
        }
        let count = counts.entry(client).or_insert(Count { since: now, n_wrong: 0 });
        if now.duration_since(count.since) >= WINDOW {
            *count = Count { since: now, n_wrong: 0 };
        }
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
    fn the_number_of_addresses_is_bounded() {
        let (counts, now) = (WrongKeys::default(), Instant::now());
        for n in 0..MAX_ADDRESSES as u32 * 2 + 5 {
            counts.count(client(n), std::net::Ipv4Addr::LOCALHOST.into(), now);
        }
        assert!(counts.0.lock().unwrap().len() <= MAX_ADDRESSES);
    }
}
