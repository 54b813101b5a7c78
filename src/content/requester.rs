//! Whom content is written for, as far as the writer has to know.

use std::fmt::Debug;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::Payer;

/// The client that content is written for. Calls keep a clone until they have ended, also if their client has left.
#[derive(Debug, Clone, Default)]
pub struct Requester {
    /// A number that tells it from other clients.
    pub client: u64,
    /// The key that pays for its calls; `None` where calls need no key.
    pub payer: Option<Payer>,
    /// Its request's place in the server; `None` for a command, which has one client only.
    pub place: Option<Arc<dyn Place>>,
}

/// The place of one request in a server that many clients share. It is taken until this is dropped.
pub trait Place: Debug + Send + Sync {
    /// Waits until the client may have one more picture drawn.
    fn turn(&self) -> BoxFuture<'_, Turn>;
}

/// Permission to have one picture drawn, until its last clone is dropped.
pub type Turn = Arc<dyn Debug + Send + Sync>;

impl Requester {
    /// Waits until one more picture may be drawn; at once where nobody else waits for pictures.
    pub(super) async fn turn(&self) -> Option<Turn> {
        match &self.place {
            Some(place) => Some(place.turn().await),
            None => None,
        }
    }
}
