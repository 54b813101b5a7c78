//! The line of clients with requests that wait, in the order in which they get the next slot.
//!
//! Each network has one place in it, that of its first client. So a network that has its share is passed over in one
//! step, however many of its clients wait.

use std::collections::{BTreeMap, HashMap};

use crate::http::access::{Client, Network};

/// A client's place: its slots, the milliseconds for which it held them, and its first request's ticket. No two are the
/// same, since no two requests have one ticket.
pub(super) type Place = (usize, u64, u64);

/// The clients that wait.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Those of each network, in their order.
    networks: HashMap<Network, BTreeMap<Place, Client>>,
    /// Each network, at the place of its first client.
    firsts: BTreeMap<Place, Network>,
    n_clients: usize,
}

impl Line {
    /// Puts a client, which is not in the line, at its place.
    pub fn enter(&mut self, place: Place, client: Client) {
        let network = client.network();
        let clients = self.networks.entry(network.clone()).or_default();
        let first = clients.first_key_value().map(|(first, _)| *first);
        clients.insert(place, client);
        self.n_clients += 1;
        if first.is_none_or(|first| place < first) {
            if let Some(first) = first {
                self.firsts.remove(&first);
            }
            self.firsts.insert(place, network);
        }
    }

    /// Takes a client out of its place.
    pub fn leave(&mut self, place: Place, client: &Client) {
        let network = client.network();
        let Some(clients) = self.networks.get_mut(&network) else { return };
        if clients.remove(&place).is_none() {
            return;
        }
        self.n_clients = self.n_clients.saturating_sub(1);
        let next = clients.first_key_value().map(|(next, _)| *next);
        if next.is_none() {
            self.networks.remove(&network);
        }
        if self.firsts.remove(&place).is_some()
            && let Some(next) = next
        {
            self.firsts.insert(next, network);
        }
    }

    /// The first client that may have a slot: `may` says so by the number of slots that it has, and `network_may` by
    /// its network.
    pub fn next(&self, may: impl Fn(usize) -> bool, network_may: impl Fn(&Network) -> bool) -> Option<&Client> {
        // The line begins with those that have the fewest slots, so after one that may have none nobody may.
        let mut firsts = self.firsts.iter().take_while(|((n_slots, ..), _)| may(*n_slots));
        let (place, network) = firsts.find(|(_, network)| network_may(network))?;
        self.networks.get(network)?.get(place)
    }

    /// How many clients wait.
    pub fn n_clients(&self) -> usize {
        self.n_clients
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn of(site: u16, subscriber: u16) -> Client {
        Client::at(format!("2001:db8:{site:x}:{subscriber:x}::1").parse().unwrap())
    }

    #[test]
    fn a_network_that_may_have_nothing_is_asked_about_once_however_many_of_its_clients_wait() {
        let mut line = Line::default();
        for n in 0..1_000 {
            line.enter((0, 0, u64::from(n)), of(1, n));
        }
        line.enter((0, 0, 1_000), of(2, 1));
        line.enter((0, 0, 1_001), of(1, 1_001));
        let (full, n_asked) = (of(1, 0).network(), Cell::new(0));
        let may = |network: &Network| {
            n_asked.set(n_asked.get() + 1);
            *network != full
        };
        assert_eq!((line.next(|_| true, may), n_asked.get()), (Some(&of(2, 1)), 2));
        assert_eq!(line.n_clients(), 1_002);
    }

    #[test]
    fn clients_come_in_their_order_whichever_enter_and_leave_first() {
        let mut line = Line::default();
        let places = [(0, 0, 5), (0, 0, 2), (1, 0, 1), (0, 7, 3), (0, 0, 4), (2, 0, 0)];
        let client = |(_, _, ticket): Place| of(u16::try_from(ticket % 2).unwrap(), u16::try_from(ticket).unwrap());
        for place in places {
            line.enter(place, client(place));
        }
        line.leave((0, 0, 4), &client((0, 0, 4)));
        line.leave((0, 0, 4), &client((0, 0, 4)));
        assert_eq!(line.next(|_| false, |_| true), None);
        let mut left = Vec::new();
        while let Some(next) = line.next(|n_slots| n_slots < 2, |_| true).cloned() {
            let place = places.into_iter().find(|place| client(*place) == next).unwrap();
            line.leave(place, &next);
            left.push(place);
        }
        assert_eq!(left, [(0, 0, 2), (0, 0, 5), (0, 7, 3), (1, 0, 1)]);
        line.leave((2, 0, 0), &client((2, 0, 0)));
        assert_eq!((line.n_clients(), line.networks.len(), line.firsts.len()), (0, 0, 0));
    }
}
