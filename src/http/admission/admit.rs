//! The admission layer: has a request's rate and key checked, and waits for a slot, before its handler runs.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::class::{Class, Classes};
use super::concurrency::{HeldSlot, NoSlot, Slot, Slots};
use super::rejection_delay::RejectionDelay;
use crate::http::access::{Access, Client, Sender};
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

/// The admission layer's state.
pub(in crate::http) struct Admission {
    access: Arc<Access>,
    classes: Classes,
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
    /// With every slot free; `classes` has every route.
    pub fn new(access: Arc<Access>, classes: Classes) -> Self {
        let queue = |n_slots, step| Queue { slots: Slots::new(n_slots), delay: RejectionDelay::new(step) };
        Self {
            uploads: queue(UPLOAD_SLOTS, UPLOAD_DELAY_STEP),
            generations: queue(GENERATION_SLOTS, GENERATION_DELAY_STEP),
            rate_delay: RejectionDelay::new(GENERATION_DELAY_STEP),
            access,
            classes,
        }
    }

    /// Checks rate and key; the queue that the request's route has, and the client.
    fn check(&self, request: &Request) -> Result<Option<(&Queue, Client)>, ApiError> {
        let (class, right) = self.classes.of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
        if class == Class::Open {
            return Ok(None);
        }
        let no_sender = || ApiError::Internal { doing: "identifying a sender", source: None };
        let sender = request.extensions().get::<Sender>().ok_or_else(no_sender)?;
        self.access.check(sender, right)?;
        let client = sender.client();
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
                if matches!(error, ApiError::TooOften { .. } | ApiError::TooManyWrongKeys { .. }) {
                    self.rate_delay.wait().await;
                }
                Err(error)
            }
        }
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
