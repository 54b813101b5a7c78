//! Requests without a good key, of which each network has only the first few of a minute noted. The others are counted,
//! so that nobody without a key can fill the log until earlier lines are gone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

/// How long requests are counted before a line says how many there were.
const WINDOW: Duration = Duration::from_secs(60);
/// Requests of one network that are noted in that time.
const NOTED: u64 = 30;
/// Networks of which requests are noted in that time; those of further ones are counted together.
const MAX_NETWORKS: usize = 1_000;

/// What came without a good key in this minute.
#[derive(Debug)]
pub(super) struct Keyless {
    since: (Instant, Timestamp),
    networks: HashMap<IpAddr, Seen>,
    n_of_others: u64,
}

#[derive(Debug)]
struct Seen {
    shown: IpAddr,
    n_requests: u64,
}

/// Requests that were counted and not noted.
#[derive(Debug, Serialize)]
pub(super) struct NotNoted {
    /// When the counting ended and began.
    time: Timestamp,
    since: Timestamp,
    key: Option<&'static str>,
    /// The address as the network's first noted request has it; none for networks beyond the first thousand.
    address: Option<IpAddr>,
    n_not_noted: u64,
}

impl Keyless {
    pub fn new(now: Instant) -> Self {
        Self { since: (now, Timestamp::now()), networks: HashMap::new(), n_of_others: 0 }
    }

    /// Counts one more request of a network, and says whether it is to be noted, with its address as `shown`.
    pub fn is_noted(&mut self, network: IpAddr, shown: IpAddr) -> bool {
        if self.networks.len() >= MAX_NETWORKS && !self.networks.contains_key(&network) {
            self.n_of_others = self.n_of_others.saturating_add(1);
            return false;
        }
        let seen = self.networks.entry(network).or_insert(Seen { shown, n_requests: 0 });
        seen.n_requests = seen.n_requests.saturating_add(1);
        seen.n_requests <= NOTED
    }

    /// What was counted and not noted, once the minute is over; a new one begins then.
    pub fn take_over(&mut self, now: Instant) -> Vec<NotNoted> {
        let is_over = now.duration_since(self.since.0) >= WINDOW;
        if is_over { self.take(now) } else { Vec::new() }
    }

    /// What was counted and not noted so far; a new minute begins.
    pub fn take(&mut self, now: Instant) -> Vec<NotNoted> {
        let Self { since: (_, since), networks, n_of_others } = std::mem::replace(self, Self::new(now));
        let each = networks.into_values().map(|seen| (Some(seen.shown), seen.n_requests.saturating_sub(NOTED)));
        let counted = each.chain([(None, n_of_others)]).filter(|(_, n_not_noted)| *n_not_noted > 0);
        let time = Timestamp::now();
        counted.map(|(address, n_not_noted)| NotNoted { time, since, key: None, address, n_not_noted }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(n).into()
    }

    #[test]
    fn beyond_so_many_networks_requests_are_counted_together_and_a_minute_later_all_begin_anew() {
        let now = Instant::now();
        let mut keyless = Keyless::new(now);
        for n in 0..1_000 {
            assert!(keyless.is_noted(network(n), network(n)));
        }
        for n in 1_000..3_000 {
            assert!(!keyless.is_noted(network(n), network(n)));
        }
        assert!(keyless.is_noted(network(7), network(7)) && keyless.networks.len() == MAX_NETWORKS);
        assert!(keyless.take_over(now + WINDOW / 2).is_empty());
        let counted = keyless.take_over(now + WINDOW);
        assert_eq!(counted.iter().map(|line| (line.address, line.n_not_noted)).collect::<Vec<_>>(), [(None, 2_000)]);
        assert!(keyless.is_noted(network(2_000), network(2_000)));
    }
}
