//! Clients as the writer sees them, and pictures that a model draws at a time: slots that clients share as they share
//! those for requests.

use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::admitted::{Admitted, admitted, current_client};
use super::concurrency::{Shares, Slots};
use super::limits::PICTURE_SLOTS;
use crate::content::{Payer, Place, Requester, Turn};
use crate::http::access::Client;

/// The slots for pictures, and what gives clients their numbers.
#[derive(Debug)]
pub(in crate::http) struct Drawing {
    pictures: Slots,
    numbers: RandomState,
}

/// The place of one request: its lease, and a share of the slots for pictures.
#[derive(Debug)]
struct PlaceOfRequest {
    client: Client,
    pictures: Slots,
    _admitted: Option<Admitted>,
}

impl Default for Drawing {
    fn default() -> Self {
        Self { pictures: Slots::new(Shares::of_requests(PICTURE_SLOTS)), numbers: RandomState::new() }
    }
}

impl Drawing {
    /// The client that the current task works for, to the writer; the request is admitted until the last call for it
    /// has ended.
    pub fn requester(&self, payer: Option<Payer>) -> Requester {
        let client = current_client();
        // A site with many networks is one client here.
        let number = self.numbers.hash_one(client.network());
        let place = PlaceOfRequest { client, pictures: self.pictures.clone(), _admitted: admitted() };
        Requester { client: number, payer, place: Some(Arc::new(place)) }
    }
}

impl Place for PlaceOfRequest {
    fn turn(&self) -> BoxFuture<'_, Turn> {
        // The writer says how long it waits: without an end of its own, this always ends with a slot.
        let slot = self.pictures.take(self.client.clone(), pending());
        slot.map(|slot| Arc::new(slot) as Turn).boxed()
    }
}
