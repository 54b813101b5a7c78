//! Pictures that a model draws at a time: slots that clients share as they share those for requests.

use std::future::pending;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::admitted::{Admitted, admitted, current_client};
use super::concurrency::{Shares, Slots};
use super::limits::PICTURE_SLOTS;
use crate::content::{Payer, Place, Requester, Turn};
use crate::http::access::Client;

/// The slots for pictures.
#[derive(Debug)]
pub(in crate::http) struct Drawing(Slots);

/// The place of one request: its lease, and a share of the slots for pictures.
#[derive(Debug)]
struct PlaceOfRequest {
    client: Client,
    pictures: Slots,
    _admitted: Option<Admitted>,
}

impl Default for Drawing {
    fn default() -> Self {
        Self(Slots::new(Shares::of_requests(PICTURE_SLOTS)))
    }
}

impl Drawing {
    /// The client that the current task works for, to the writer; the request is admitted until the last call for it
    /// has ended.
    pub fn requester(&self, payer: Option<Payer>) -> Requester {
        let place = PlaceOfRequest { client: current_client(), pictures: self.0.clone(), _admitted: admitted() };
        Requester { payer, place: Some(Arc::new(place)) }
    }
}

impl Place for PlaceOfRequest {
    fn turn(&self) -> BoxFuture<'_, Turn> {
        // The writer says how long it waits: without an end of its own, this always ends with a slot.
        let slot = self.pictures.take(self.client.clone(), pending());
        slot.map(|slot| Arc::new(slot) as Turn).boxed()
    }
}
