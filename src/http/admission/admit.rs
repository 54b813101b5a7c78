//! The entrance: who may come in, how often, and whether there is a seat.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::client::{Client, Peer, TrustedProxies};
use super::concurrency::{NoSeat, Seat, Seated, Seats};
use super::keys::{Key, bearer};
use super::rejection_delay::Patience;
use crate::http::problem::ApiError;
use crate::http::settings::Settings;

/// Uploads and exports under way: each holds a file on disk, and its customers in memory once it is read.
const UPLOAD_SEATS: usize = 32;
/// Generations under way: each holds a few kilobytes.
const GENERATION_SEATS: usize = 512;
/// How much longer the next caller without a seat waits to be refused. A text's refusal is cheap; an upload's takes more,
/// since its file is on the way, and whoever sends one would rather wait.
const LONGER_FOR_TEXTS: Duration = Duration::from_millis(1);
const LONGER_FOR_UPLOADS: Duration = Duration::from_millis(4);
/// Callers whose rate is remembered before those are forgotten who have not come for a while.
const MANY_CALLERS: usize = 10_000;

/// What decides who comes in.
pub(in crate::http) struct Entrance {
    api_keys: Vec<Key>,
    admin_key: Option<Key>,
    trusted: TrustedProxies,
    rate: Option<RateLimiter<Client, HashMapStateStore<Client>, DefaultClock>>,
    uploads: Room,
    generations: Room,
    /// Of those who come too often.
    patience: Patience,
}

/// Seats, and how long those are patient who find none.
struct Room {
    seats: Arc<Seats>,
    patience: Patience,
}

/// What a route asks of the entrance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// For everybody, as often as they like: health, pictures, the index, the API's description.
    Open,
    /// A key and the rate, where they are set.
    Plain,
    /// A seat among the uploads as well.
    Upload,
    /// A seat among the generations as well.
    Generation,
}

/// Who was let in to a seat; part of the request. The seat is free once the answer is through and every clone is gone.
#[derive(Debug, Clone)]
pub(in crate::http) struct Admitted {
    client: Client,
    seat: Arc<Seat>,
}

impl Admitted {
    /// What tells callers apart, as far as admission does.
    pub fn identity(&self) -> Vec<u8> {
        match &self.client {
            Client::Key(digest) => digest.to_vec(),
            Client::Address(address) => address.to_string().into_bytes(),
        }
    }
}

impl Kind {
    fn of(route: Option<&str>) -> Self {
        match route {
            Some("/" | "/healthz" | "/readyz" | "/images/{name}" | "/openapi.json") => Self::Open,
            Some(docs) if docs == "/docs" || docs.starts_with("/docs/") => Self::Open,
            Some("/upload-excel" | "/segments/export" | "/retrain") => Self::Upload,
            Some("/generate-promo" | "/generate-post" | "/generate-editor-post") => Self::Generation,
            Some(_) | None => Self::Plain,
        }
    }
}

/// Whether a route is for everybody, with and without a key.
pub(in crate::http) fn is_open(route: &str) -> bool {
    Kind::of(Some(route)) == Kind::Open
}

impl Entrance {
    /// The entrance that the settings ask for, every seat free.
    pub fn new(settings: &Settings) -> Self {
        let room = |n_seats, longer| Room { seats: Seats::new(n_seats), patience: Patience::new(longer) };
        Self {
            api_keys: settings.api_keys.clone(),
            admin_key: settings.admin_key,
            trusted: settings.trusted_proxies.clone(),
            rate: settings.requests_per_minute.map(|n| RateLimiter::hashmap(Quota::per_minute(n))),
            uploads: room(UPLOAD_SEATS, LONGER_FOR_UPLOADS),
            generations: room(GENERATION_SEATS, LONGER_FOR_TEXTS),
            patience: Patience::new(LONGER_FOR_TEXTS),
        }
    }

    /// Whether a request may come in; which room its route has, and for whom.
    fn check(&self, request: &Request) -> Result<Option<(&Room, Client)>, ApiError> {
        let kind = Kind::of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
        if kind == Kind::Open {
            return Ok(None);
        }
        let client = self.client(request);
        // Before the key is looked at, so that keys cannot be tried out faster than that.
        self.check_rate(&client)?;
        if !self.api_keys.is_empty() && !matches!(client, Client::Key(_)) {
            return Err(ApiError::NoKey);
        }
        Ok(match kind {
            Kind::Open | Kind::Plain => None,
            Kind::Upload => Some((&self.uploads, client)),
            Kind::Generation => Some((&self.generations, client)),
        })
    }

    /// Lets in whom [`Entrance::check`] has let pass, with a seat where the route has some. Whoever comes too often, or
    /// for whom no seat is free in a while, is told so after it.
    async fn enter(&self, checked: Result<Option<(&Room, Client)>, ApiError>) -> Result<Option<Admitted>, ApiError> {
        match checked {
            Ok(None) => Ok(None),
            Ok(Some((room, client))) => match room.seats.take(client.clone(), room.patience.wait()).await {
                Ok(seat) => Ok(Some(Admitted { client, seat: Arc::new(seat) })),
                Err(NoSeat::Full) => Err(ApiError::Busy),
                Err(NoSeat::ShareTaken) => Err(ApiError::TooManyAtOnce),
            },
            Err(error) => {
                if matches!(error, ApiError::TooOften { .. }) {
                    self.patience.wait().await;
                }
                Err(error)
            }
        }
    }

    /// The holder of one of our keys, or else an address.
    fn client(&self, request: &Request) -> Client {
        let ours = |sent: &Key| self.api_keys.iter().chain(&self.admin_key).fold(false, |is, key| is | key.is(sent));
        match bearer(request.headers()).filter(ours) {
            Some(key) => Client::Key(key.digest()),
            None => {
                let unknown = Peer(std::net::Ipv4Addr::UNSPECIFIED.into());
                let Peer(peer) = request.extensions().get().copied().unwrap_or(unknown);
                self.trusted.client(peer, request.headers())
            }
        }
    }

    fn check_rate(&self, client: &Client) -> Result<(), ApiError> {
        let Some(rate) = &self.rate else { return Ok(()) };
        if rate.len() > MANY_CALLERS {
            rate.retain_recent();
            rate.shrink_to_fit();
        }
        rate.check_key(client)
            .map_err(|not_before| ApiError::TooOften { wait: not_before.wait_time_from(DefaultClock::default().now()) })
    }
}

/// Turns away who may not come in; whoever may keeps the seat until the answer is through.
pub(in crate::http) async fn admit(
    State(entrance): State<Arc<Entrance>>,
    mut request: Request,
    next: Next,
) -> Response {
    let checked = entrance.check(&request);
    match entrance.enter(checked).await {
        Ok(None) => next.run(request).await,
        Ok(Some(admitted)) => {
            let seat = admitted.seat.clone();
            request.extensions_mut().insert(admitted);
            next.run(request).await.map(|body| Body::new(Seated { body, _seat: seat }))
        }
        Err(error) => error.into_response(),
    }
}
