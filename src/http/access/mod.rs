//! Who sends a request and what it may do: addresses behind proxies, keys with names and rights, the hosts that the
//! server answers for, and the origins that browsers may call from.
//!
//! Nothing here waits or knows a handler. [`super::request_id`] identifies the sender of each request, and
//! [`super::admission`] asks whether it may go on.

mod client;
mod error;
mod guard;
mod hosts;
mod key;
mod keys;
mod keys_file;
mod origins;
mod rights;
mod sender;
mod wrong_keys;

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::HeaderMap;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

pub use client::TrustedProxies;
pub use hosts::Hosts;
pub use key::Key;
pub use keys::{RefusedBudgets, Reloaded};
pub use keys_file::{Expiry, KeyLine, KeysFileError, check_budgets, read as read_keys};
pub use rights::Right;

pub(super) use client::{Client, Network, Peer};
pub(super) use error::AccessError;
pub(super) use guard::{Guard, refuse_foreign};
pub(super) use origins::Origins;
pub(super) use sender::Sender;

use key::bearer;
use keys::Keys;
use sender::SentKey;
use wrong_keys::WrongKeys;

/// Beyond so many clients, those that have not come for a while are forgotten by the rate limit.
const MANY_CLIENTS: usize = 10_000;
/// How often.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// What decides who may do what.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// Keys for everyday routes, which then need one.
    pub api_keys: Vec<Key>,
    /// The key with every right.
    pub admin_key: Option<Key>,
    /// The file of further keys.
    pub keys_file: Option<PathBuf>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Requests a minute by one client whose key has no rate of its own.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Whether logs show whole addresses.
    pub shows_whole_addresses: bool,
}

/// Knows keys, and counts what their senders do.
pub(super) struct Access {
    keys: Keys,
    trusted_proxies: TrustedProxies,
    rate: Option<RateLimiter<Client, HashMapStateStore<Client>, DefaultClock>>,
    /// When clients were forgotten last.
    forgot: Mutex<Option<Instant>>,
    wrong_keys: WrongKeys,
    shows_whole_addresses: bool,
}

impl Access {
    /// Reads the file of keys. Blocking.
    ///
    /// # Errors
    /// When that file cannot be used.
    pub fn load(rules: &Rules) -> Result<Self, KeysFileError> {
        Ok(Self {
            keys: Keys::load(&rules.api_keys, rules.admin_key, rules.keys_file.as_deref())?,
            trusted_proxies: rules.trusted_proxies.clone(),
            rate: rules.requests_per_minute.map(|n| RateLimiter::hashmap(Quota::per_minute(n))),
            forgot: Mutex::default(),
            wrong_keys: WrongKeys::default(),
            shows_whole_addresses: rules.shows_whole_addresses,
        })
    }

    /// Reads the file of keys again and takes it over; `begin` has what calls cost kept, once a key has a budget.
    /// Blocking.
    ///
    /// # Errors
    /// When that file cannot be used, or a budget in it is less than `least_call_usd`. The previous keys stay valid.
    pub fn reload<E>(
        &self,
        least_call_usd: Option<f64>,
        begin: impl FnOnce() -> Result<(), E>,
    ) -> Result<Reloaded<E>, KeysFileError> {
        self.keys.reload(least_call_usd, begin)
    }

    /// Whether callers of every route need a key.
    pub fn needs_keys(&self) -> bool {
        self.keys.is_needed()
    }

    /// Whether some key has a budget of its own.
    pub fn has_budgets(&self) -> bool {
        self.keys.has_budgets()
    }

    /// Whether some key has this right.
    pub fn gives(&self, right: Right) -> bool {
        self.keys.give(right)
    }

    /// Who sends `request`.
    pub fn sender(&self, request: &Request) -> Sender {
        let unknown = Peer(Ipv4Addr::UNSPECIFIED.into());
        let Peer(peer) = request.extensions().get().copied().unwrap_or(unknown);
        let address = self.trusted_proxies.origin(peer, request.headers());
        Sender { key: self.sent_key(request.headers()), address }
    }

    /// The address of `sender` as logs show it.
    pub fn shown_address(&self, sender: &Sender) -> IpAddr {
        sender.shown_address(self.shows_whole_addresses)
    }

    /// Whether `sender` may call a route that needs `right`; without one every good key will do.
    ///
    /// # Errors
    /// [`AccessError::TooOften`], [`AccessError::NoKey`], [`AccessError::NotAdmin`], [`AccessError::KeyExpired`],
    /// [`AccessError::TooManyWrongKeys`], [`AccessError::AdminClosed`] and [`AccessError::NoRight`].
    pub fn check(&self, sender: &Sender, right: Option<Right>) -> Result<(), AccessError> {
        // Before the key, so that keys cannot be guessed faster than the rate.
        self.check_rate(sender)?;
        let needing = right.filter(|right| right.always_needs_key());
        if !self.keys.is_needed() && needing.is_none() {
            return Ok(());
        }
        let no_key = || if self.keys.is_needed() { AccessError::NoKey } else { AccessError::NotAdmin };
        let is_closed = needing.is_some_and(|right| !self.keys.give(right));
        match &sender.key {
            // A closed route does not say whether a key is good.
            SentKey::Absent | SentKey::Wrong if is_closed && !self.keys.is_needed() => Err(AccessError::AdminClosed),
            SentKey::Absent => Err(no_key()),
            SentKey::Wrong => {
                let shown = self.shown_address(sender);
                let wait = self.wrong_keys.count(Client::at(sender.address), shown, Instant::now());
                Err(wait.map_or_else(no_key, |wait| AccessError::TooManyWrongKeys { wait }))
            }
            SentKey::Expired(_) => Err(AccessError::KeyExpired),
            SentKey::Good(_) if is_closed => Err(AccessError::AdminClosed),
            SentKey::Good(key) => match right.filter(|right| !key.rights.has(*right)) {
                Some(right) => Err(AccessError::NoRight { right: right.name() }),
                None => Ok(()),
            },
        }
    }

    /// Whether it is time to forget clients: walking over all of them is too much for each request.
    fn may_forget(&self) -> bool {
        let Ok(mut last) = self.forgot.try_lock() else { return false };
        let is_time = last.is_none_or(|last| last.elapsed() >= FORGET_EVERY);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }

    fn sent_key(&self, headers: &HeaderMap) -> SentKey {
        let Some(sent) = bearer(headers) else { return SentKey::Absent };
        match self.keys.find(&sent) {
            Some(key) if key.is_expired() => SentKey::Expired(key),
            Some(key) => SentKey::Good(key),
            None => SentKey::Wrong,
        }
    }

    fn check_rate(&self, sender: &Sender) -> Result<(), AccessError> {
        let now = DefaultClock::default();
        if let Some((_, rate)) = sender.key().and_then(|key| key.rate.as_ref()) {
            return rate.check().map_err(|late| AccessError::TooOften { wait: late.wait_time_from(now.now()) });
        }
        let Some(rate) = &self.rate else { return Ok(()) };
        if rate.len() > MANY_CLIENTS && self.may_forget() {
            rate.retain_recent();
            rate.shrink_to_fit();
        }
        rate.check_key(&sender.client()).map_err(|late| AccessError::TooOften { wait: late.wait_time_from(now.now()) })
    }
}
