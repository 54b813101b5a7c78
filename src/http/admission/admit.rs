//! The admission layer: has a request's rate and key checked, and waits for a slot, before its handler runs.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;

use super::admitted::Admitted;
use super::class::{Class, Classes};
use super::concurrency::{NoSlot, Shares, Slot, Slots};
use super::in_flight::InFlight;
use super::lease::{Departing, Leased};
use super::limits::{
    ADMIN_SLOTS, GENERATION_DELAY_STEP, GENERATION_SLOTS, STREAM_BYTES, UPLOAD_DELAY_STEP, UPLOAD_SLOTS,
};
use super::rejection_delay::RejectionDelay;
use crate::http::access::{Access, AccessError, Client, Right, Sender};
use crate::http::problem::{ApiError, BodyError};
use crate::http::waited::Delayed;
use crate::http::wrapped_body::wrap;

/// The admission layer's state.
pub(in crate::http) struct Admission {
    access: Arc<Access>,
    classes: Arc<Classes>,
    uploads: Queue,
    generations: Queue,
    rate_delay: RejectionDelay,
    in_flight: InFlight,
}

/// The slots of one class, those that only administrators get, and the delay of its rejections.
struct Queue {
    slots: Slots,
    of_admins: Slots,
    delay: RejectionDelay,
}

/// A request that may come in, once there is a slot where its route needs one.
struct Checked<'a> {
    client: Client,
    is_admin: bool,
    class: Class,
    queue: Option<&'a Queue>,
}

impl Admission {
    /// With every slot free; `classes` has every route.
    pub fn new(access: Arc<Access>, classes: Arc<Classes>, in_flight: InFlight) -> Self {
        let queue = |n_slots, step| Queue {
            slots: Slots::new(Shares::of_requests(n_slots)),
            of_admins: Slots::new(Shares::of_administrators(ADMIN_SLOTS)),
            delay: RejectionDelay::new(step),
        };
        Self {
            uploads: queue(UPLOAD_SLOTS, UPLOAD_DELAY_STEP),
            generations: queue(GENERATION_SLOTS, GENERATION_DELAY_STEP),
            rate_delay: RejectionDelay::new(GENERATION_DELAY_STEP),
            in_flight,
            access,
            classes,
        }
    }

    /// Checks rate and key.
    fn check(&self, request: &Request) -> Result<Checked<'_>, ApiError> {
        let (class, right) = self.classes.of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
        let no_sender = || ApiError::Internal { doing: "identifying a sender", source: None };
        let sender = request.extensions().get::<Sender>().ok_or_else(no_sender)?;
        let client = sender.client();
        if class == Class::Open {
            return Ok(Checked { client, is_admin: false, class, queue: None });
        }
        self.access.check(sender, right)?;
        if is_encoded(request.headers()) {
            return Err(BodyError::Encoded.into());
        }
        let queue = match class {
            Class::Open | Class::Standard => None,
            Class::Upload => Some(&self.uploads),
            Class::Generation => Some(&self.generations),
        };
        let is_admin = sender.has(Right::Admin);
        Ok(Checked { client, is_admin, class, queue })
    }

    /// Waits for a slot where the route needs one; delays the rejection where the rate is exceeded.
    async fn enter(&self, checked: Result<Checked<'_>, ApiError>) -> Result<Admitted, ApiError> {
        let Checked { client, is_admin, class, queue } = match checked {
            Err(error @ ApiError::Access(AccessError::TooOften { .. } | AccessError::TooManyWrongKeys { .. })) => {
                self.rate_delay.wait().await;
                return Err(error);
            }
            checked => checked?,
        };
        let Some(queue) = queue else { return Ok(Admitted::new(client, class, None, &self.in_flight)) };
        let of_admins = if is_admin { queue.of_admins.try_take(client.clone()) } else { None };
        let slot = match of_admins {
            Some(slot) => slot,
            None => self.slot(queue, &client).await?,
        };
        Ok(Admitted::new(client, class, Some(slot), &self.in_flight))
    }

    async fn slot(&self, queue: &Queue, client: &Client) -> Result<Slot, ApiError> {
        let slot = queue.slots.take(client.clone(), queue.delay.wait()).await.map_err(|none| match none {
            NoSlot::Full => ApiError::Busy,
            NoSlot::ShareTaken => ApiError::TooManyAtOnce,
        })?;
        if self.in_flight.is_full(client) {
            drop(slot);
            queue.delay.wait().await;
            return Err(ApiError::TooManyAnswers);
        }
        Ok(slot)
    }

    /// The answer in frames, with everything that it holds; an error in its place where too much is in flight already.
    fn lease(&self, admitted: Admitted, response: Response, departing: Option<Departing>) -> Response {
        let n_bytes = match response.body().size_hint().exact() {
            // Open routes serve one copy for everybody, or a file.
            Some(_) if admitted.class() == Class::Open => 0,
            Some(n_bytes) => n_bytes.try_into().unwrap_or(usize::MAX),
            None => STREAM_BYTES,
        };
        match admitted.count_answer(n_bytes) {
            Ok(()) => response.map(|body| wrap(body, Leased::new(admitted, departing))),
            Err(error) => error.into_response(),
        }
    }
}

/// Whether a body is compressed or otherwise encoded, which no route takes: its limits are on what arrives.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Rejects requests that are not admitted. An admitted one holds its slot, and the bytes of its answer count, until the
/// last of them has left.
pub(in crate::http) async fn admit(
    State(admission): State<Arc<Admission>>,
    mut request: Request,
    next: Next,
) -> Response {
    let checked = admission.check(&request);
    let entering = Instant::now();
    let admitted = match admission.enter(checked).await {
        Ok(admitted) => admitted,
        Err(error) => {
            let mut response = error.into_response();
            response.extensions_mut().insert(Delayed(entering.elapsed()));
            return response;
        }
    };
    let departing = request.extensions().get::<Departing>().cloned();
    request.extensions_mut().insert(admitted.clone());
    let response = admitted.clone().scope(next.run(request)).await;
    admission.lease(admitted, response, departing)
}
