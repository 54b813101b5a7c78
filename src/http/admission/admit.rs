//! The admission layer: checks a request's rate and key, and waits for a slot, before its handler runs.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::class::{Class, Classes};
use super::client::{Client, Peer, TrustedProxies};
use super::concurrency::{HeldSlot, NoSlot, Slot, Slots};
use super::keys::{Key, bearer};
use super::rejection_delay::RejectionDelay;
use crate::http::problem::ApiError;
use crate::http::wrapped_body::wrap;

/// Uploads and exports in progress. Each holds a file on disk, and its customers in memory once it is read.
const UPLOAD_SLOTS: usize = 32;
/// Generations in progress. Each holds a few kilobytes.
const GENERATION_SLOTS: usize = 512;
/// How much longer each further generation waits before it is rejected. Its rejection is cheap.
const GENERATION_DELAY_STEP: Duration = Duration::from_millis(1);
/// How much longer each further upload waits before it is rejected. A rejection costs more, since the file is on its
/// way, and the sender of a file would rather wait.
const UPLOAD_DELAY_STEP: Duration = Duration::from_millis(4);
/// Beyond so many clients, those that have not come for a while are forgotten by the rate limit.
const MANY_CLIENTS: usize = 10_000;

/// What the admission layer goes by.
pub(in crate::http) struct Rules {
    /// Keys, one of which every request needs; without any none is needed.
    pub api_keys: Vec<Key>,
    /// The administrators' key, which counts as one of `api_keys`.
    pub admin_key: Option<Key>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Requests a minute by one client.
    pub requests_per_minute: Option<NonZeroU32>,
    /// The class of each route.
    pub classes: Classes,
}

/// The admission layer's state.
pub(in crate::http) struct Admission {
    rules: Rules,
    rate: Option<RateLimiter<Client, HashMapStateStore<Client>, DefaultClock>>,
    uploads: Queue,
    generations: Queue,
    rate_delay: RejectionDelay,
}

/// The slots of one class, and the delay of its rejections.
struct Queue {
    slots: Arc<Slots>,
    delay: RejectionDelay,
}

/// The client of an admitted request and its slot; an extension of the request. The slot is free once the answer's body
/// and every clone of this are dropped.
#[derive(Debug, Clone)]
pub(in crate::http) struct Admitted {
    client: Client,
    slot: Arc<Slot>,
}

impl Admitted {
    /// Bytes that differ between clients.
    pub fn identity(&self) -> Vec<u8> {
        match &self.client {
            Client::Key(digest) => digest.to_vec(),
            Client::Address(address) => address.to_string().into_bytes(),
        }
    }
}

impl Admission {
    /// With every slot free.
    pub fn new(rules: Rules) -> Self {
        let queue = |n_slots, step| Queue { slots: Slots::new(n_slots), delay: RejectionDelay::new(step) };
        Self {
            rate: rules.requests_per_minute.map(|n| RateLimiter::hashmap(Quota::per_minute(n))),
            uploads: queue(UPLOAD_SLOTS, UPLOAD_DELAY_STEP),
            generations: queue(GENERATION_SLOTS, GENERATION_DELAY_STEP),
            rate_delay: RejectionDelay::new(GENERATION_DELAY_STEP),
            rules,
        }
    }

    /// Checks rate and key; the queue that the request's route has, and the client.
    fn check(&self, request: &Request) -> Result<Option<(&Queue, Client)>, ApiError> {
        let class = self.rules.classes.of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
        if class == Class::Open {
            return Ok(None);
        }
        let client = self.client(request);
        // Before the key, so that keys cannot be guessed faster than the rate.
        self.check_rate(&client)?;
        if !self.rules.api_keys.is_empty() && !matches!(client, Client::Key(_)) {
            return Err(ApiError::NoKey);
        }
        Ok(match class {
            Class::Open | Class::Standard => None,
            Class::Upload => Some((&self.uploads, client)),
            Class::Generation => Some((&self.generations, client)),
        })
    }

    /// Waits for a slot where the route needs one; delays the rejection where the rate is exceeded.
    async fn enter(&self, checked: Result<Option<(&Queue, Client)>, ApiError>) -> Result<Option<Admitted>, ApiError> {
        match checked {
            Ok(None) => Ok(None),
            Ok(Some((queue, client))) => match queue.slots.take(client.clone(), queue.delay.wait()).await {
                Ok(slot) => Ok(Some(Admitted { client, slot: Arc::new(slot) })),
                Err(NoSlot::Full) => Err(ApiError::Busy),
                Err(NoSlot::ShareTaken) => Err(ApiError::TooManyAtOnce),
            },
            Err(error) => {
                if matches!(error, ApiError::TooOften { .. }) {
                    self.rate_delay.wait().await;
                }
                Err(error)
            }
        }
    }

    /// The client by its key, where that is one of ours, or else by its address.
    fn client(&self, request: &Request) -> Client {
        let Rules { api_keys, admin_key, trusted_proxies, .. } = &self.rules;
        // Compares with every key, so that the time tells nothing.
        let is_ours = |sent: &Key| api_keys.iter().chain(admin_key).fold(false, |is, key| is | key.is(sent));
        match bearer(request.headers()).filter(is_ours) {
            Some(key) => Client::Key(key.digest()),
            None => {
                let unknown = Peer(std::net::Ipv4Addr::UNSPECIFIED.into());
                let Peer(peer) = request.extensions().get().copied().unwrap_or(unknown);
                trusted_proxies.client(peer, request.headers())
            }
        }
    }

    fn check_rate(&self, client: &Client) -> Result<(), ApiError> {
        let Some(rate) = &self.rate else { return Ok(()) };
        if rate.len() > MANY_CLIENTS {
            rate.retain_recent();
            rate.shrink_to_fit();
        }
        rate.check_key(client)
            .map_err(|not_before| ApiError::TooOften { wait: not_before.wait_time_from(DefaultClock::default().now()) })
    }
}

/// Rejects requests that are not admitted. An admitted one holds its slot until the body of its answer is dropped.
pub(in crate::http) async fn admit(
    State(admission): State<Arc<Admission>>,
    mut request: Request,
    next: Next,
) -> Response {
    let checked = admission.check(&request);
    match admission.enter(checked).await {
        Ok(None) => next.run(request).await,
        Ok(Some(admitted)) => {
            let slot = HeldSlot(admitted.slot.clone());
            request.extensions_mut().insert(admitted);
            next.run(request).await.map(|body| wrap(body, slot))
        }
        Err(error) => error.into_response(),
    }
}
