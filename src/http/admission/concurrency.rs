//! Slots that clients share: for requests of one class that are in progress, for processors, for large bodies in
//! memory.
//!
//! A request without a free slot queues. A free slot goes to the client that holds the fewest, then to the one that
//! held slots for the least time lately, then to the one that came first, so no client waits behind thousands of
//! requests of another.
//! Beyond its own share, an eighth, a client only gets slots while others would still find some: so one client alone
//! may use half of all, and several together leave a quarter to other clients.
//! Clients of one network are perhaps one subscriber. Together they have a share by the same rule: a quarter of their
//! own, and half of all while others would still find some.

mod line;

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::limits::{CLIENTS_OF_NETWORK, MANY_CLIENTS, USED_HALVES_AFTER};
use super::tally::Tally;
use crate::http::access::{Client, Network};
use line::{Line, Place};

/// How many slots there are, and who may have how many.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Shares {
    all: usize,
    /// What one client has at most.
    of_one: usize,
    /// What one client always gets, even while others wait.
    own: usize,
    /// What stays free for clients that have less than their own.
    reserve: usize,
}

impl Shares {
    /// `all` slots for requests: half, an eighth and a quarter of them.
    pub fn of_requests(all: usize) -> Self {
        Self { all, of_one: all.div_ceil(2), own: (all / 8).max(1), reserve: all / 4 }
    }

    /// Slots of which any administrator may have all.
    pub fn of_administrators(all: usize) -> Self {
        Self { all, of_one: all, own: all, reserve: 0 }
    }

    /// For work of the processors. One client may use as many slots as there are processors. The slots beyond are for
    /// others, whose work the system then runs beside it, so that nobody waits for the long work of one.
    pub fn of_processors(processors: usize) -> Self {
        let all = processors + (processors / 2).max(2);
        Self { all, of_one: processors, ..Self::of_requests(all) }
    }

    /// Whether one that has `n_slots` may have one more of `n_free` that are free: a client, or several of a network,
    /// whose own is that of so many clients.
    fn give(&self, n_slots: usize, own_of: usize, n_free: usize) -> bool {
        let is_own = n_slots < self.own * own_of && n_free > 0;
        is_own || (n_slots < self.of_one && n_free > self.reserve)
    }
}

thread_local! {
    /// What the work of this thread has counted so far.
    static BEYOND_CLOCK_US: Cell<i64> = const { Cell::new(0) };
}

/// Adds microseconds, perhaps fewer than 0, to what the work that this thread does for a client has used: by so much
/// another process computed for it longer than this thread waited.
pub(in crate::http) fn count_beyond_clock(us: i64) {
    BEYOND_CLOCK_US.set(BEYOND_CLOCK_US.get().saturating_add(us));
}

/// Slots. Clones share them.
#[derive(Debug, Clone)]
pub(in crate::http) struct Slots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    shares: Shares,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    n_taken: usize,
    clients: HashMap<Client, Standing>,
    /// The slots of each network's clients.
    networks: Tally<Network>,
    /// The clients that have requests waiting.
    line: Line,
    n_tickets: u64,
}

/// A client that has a slot or waits for one, or held one lately.
#[derive(Debug, Default)]
struct Standing {
    n_slots: usize,
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
    place: Option<Place>,
    used: Option<Used>,
}

/// Time for which a client held slots, of which half is forgotten every [`USED_HALVES_AFTER`].
#[derive(Debug, Clone, Copy)]
struct Used {
    time: Duration,
    at: Instant,
}

/// Why a request got no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum NoSlot {
    /// All slots are taken.
    Full,
    /// The client, or its network, has as many slots as one may have.
    ShareTaken,
}

/// A slot, free again when this is dropped.
#[derive(Debug)]
pub(in crate::http) struct Slot {
    slots: Slots,
    client: Client,
    since: Instant,
}

/// A request that waits. Dropped, it leaves the line, and gives back a slot that it was granted and did not take.
struct Waiting<'s> {
    slots: &'s Slots,
    client: Client,
    ticket: u64,
    granted: oneshot::Receiver<()>,
    has_slot: bool,
}

impl Slots {
    /// With every slot free.
    pub fn new(shares: Shares) -> Self {
        Self(Arc::new(Shared { shares, state: Mutex::default() }))
    }

    /// A slot for `client`; waits for one until `timeout` is done.
    ///
    /// # Errors
    /// [`NoSlot`] when none was free until then.
    pub async fn take(&self, client: Client, timeout: impl Future<Output = ()>) -> Result<Slot, NoSlot> {
        let mut waiting = self.join(client);
        let timeout = pin!(timeout);
        tokio::select! {
            // A request that finds a slot free never polls `timeout`, and so does not count as waiting.
            biased;
            // The sender is dropped with the line alone, which outlives this.
            _ = &mut waiting.granted => Ok(waiting.take()),
            () = timeout => Err(self.lock().why_none(&waiting.client, self.0.shares.own)),
        }
    }

    /// A slot for `client`, if one is free at once.
    pub fn try_take(&self, client: Client) -> Option<Slot> {
        let mut waiting = self.join(client);
        waiting.granted.try_recv().is_ok().then(|| waiting.take())
    }

    fn join(&self, client: Client) -> Waiting<'_> {
        let (sender, granted) = oneshot::channel();
        let mut state = self.lock();
        let ticket = state.n_tickets;
        state.n_tickets += 1;
        state.clients.entry(client.clone()).or_default().waiting.push_back((ticket, sender));
        state.place(&client);
        state.grant(&self.0.shares);
        drop(state);
        Waiting { slots: self, client, ticket, granted, has_slot: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives free slots to those first in line, as long as they may have them.
    fn grant(&mut self, shares: &Shares) {
        while let Some(client) = self.next(shares) {
            let Some(standing) = self.clients.get_mut(&client) else { return };
            // A request that is gone has taken itself out of the line, or is about to: it gives the slot back.
            if let Some((_, sender)) = standing.waiting.pop_front()
                && sender.send(()).is_ok()
            {
                standing.n_slots += 1;
                self.n_taken += 1;
                self.networks.add(client.network(), 1);
            }
            self.place(&client);
        }
    }

    /// The first in line that may have a free slot.
    fn next(&self, shares: &Shares) -> Option<Client> {
        let n_free = shares.all.saturating_sub(self.n_taken);
        let may = |n_slots| shares.give(n_slots, 1, n_free);
        let network_may = |network: &Network| shares.give(self.networks.of(network), CLIENTS_OF_NETWORK, n_free);
        self.line.next(may, network_may).cloned()
    }

    /// Why a client gets no slot; `own` is what each has for certain.
    fn why_none(&self, client: &Client, own: usize) -> NoSlot {
        let n_slots = self.clients.get(client).map_or(0, |standing| standing.n_slots);
        let of_network = self.networks.of(&client.network());
        if n_slots < own && of_network < own * CLIENTS_OF_NETWORK { NoSlot::Full } else { NoSlot::ShareTaken }
    }

    /// Puts a client where it belongs in the line, or out of it, and forgets one that is gone.
    fn place(&mut self, client: &Client) {
        let Some(standing) = self.clients.get_mut(client) else { return };
        let used_ms = || standing.used.map_or(0, Used::milliseconds);
        let new = standing.waiting.front().map(|(ticket, _)| (standing.n_slots, used_ms(), *ticket));
        let old = std::mem::replace(&mut standing.place, new);
        if old != new {
            if let Some(old) = old {
                self.line.leave(old, client);
            }
            if let Some(new) = new {
                self.line.enter(new, client.clone());
            }
        }
        if new.is_none() && standing.n_slots == 0 && standing.used.is_none_or(Used::is_forgotten) {
            self.clients.remove(client);
        }
    }

    /// Takes a slot back.
    fn release(&mut self, client: &Client) {
        self.n_taken = self.n_taken.saturating_sub(1);
        self.networks.remove(&client.network(), 1);
        if let Some(standing) = self.clients.get_mut(client) {
            standing.n_slots = standing.n_slots.saturating_sub(1);
        }
        self.place(client);
        // Clients that wait do not count: thousands would be gone through for each slot that is free again.
        if self.clients.len() > MANY_CLIENTS + self.line.n_clients() + self.n_taken {
            self.clients.retain(|_, standing| standing.n_slots > 0 || !standing.waiting.is_empty());
        }
    }

    fn count_used(&mut self, client: &Client, used: Duration) {
        if let Some(standing) = self.clients.get_mut(client) {
            let before = Duration::from_millis(standing.used.map_or(0, Used::milliseconds));
            standing.used = Some(Used { time: before.saturating_add(used), at: Instant::now() });
        }
    }
}

impl Used {
    fn milliseconds(self) -> u64 {
        let halvings = self.at.elapsed().as_secs_f64() / USED_HALVES_AFTER.as_secs_f64();
        (self.time.as_secs_f64() * 1_000.0 * (-halvings).exp2()) as u64
    }

    fn is_forgotten(self) -> bool {
        self.milliseconds() == 0
    }
}

impl Slot {
    /// Does `work` on this thread, then gives the slot back. The time since it was taken counts as used by its client,
    /// with what the work has [`count_beyond_clock`].
    pub fn work<T>(self, work: impl FnOnce() -> T) -> T {
        BEYOND_CLOCK_US.set(0);
        let result = work();
        let beyond_us = BEYOND_CLOCK_US.take();
        let (clock, beyond) = (self.since.elapsed(), Duration::from_micros(beyond_us.unsigned_abs()));
        let used = if beyond_us < 0 { clock.saturating_sub(beyond) } else { clock.saturating_add(beyond) };
        self.slots.lock().count_used(&self.client, used);
        result
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.lock();
        state.release(&self.client);
        state.grant(&self.slots.0.shares);
    }
}

impl Waiting<'_> {
    /// Takes the slot that was granted.
    fn take(&mut self) -> Slot {
        self.has_slot = true;
        Slot { slots: self.slots.clone(), client: self.client.clone(), since: Instant::now() }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.has_slot {
            return;
        }
        let mut state = self.slots.lock();
        // Granted, and not taken.
        if self.granted.try_recv().is_ok() {
            state.release(&self.client);
        } else if let Some(standing) = state.clients.get_mut(&self.client) {
            // Tickets rise from the front to the back.
            let index = standing.waiting.partition_point(|(ticket, _)| *ticket < self.ticket);
            if standing.waiting.get(index).is_some_and(|(ticket, _)| *ticket == self.ticket) {
                standing.waiting.remove(index);
            }
            state.place(&self.client);
        }
        state.grant(&self.slots.0.shares);
    }
}

#[cfg(test)]
mod tests;
