//! Changes of the ledger that wait to be made and written together.

use std::io;
use std::sync::Arc;

use jiff::civil::Date;
use tokio::sync::oneshot;

use super::{Days, Spending};

/// A change that waits for the file.
pub(super) trait Change: Send {
    /// Makes it, unless nobody waits for it any more. Whether there is anything to write.
    fn make(&mut self, days: &mut Days) -> bool;

    /// Says what came of it, once it is written.
    fn tell(self: Box<Self>, written: Result<(), Arc<io::Error>>);
}

/// A change of one day: what `edit` makes of it, which `then` is given once it is written.
pub(super) struct DayChange<T, U, E, F, G> {
    day: Date,
    edit: Option<F>,
    edited: Option<Result<T, E>>,
    then: G,
    sender: oneshot::Sender<io::Result<Result<U, E>>>,
}

impl<T, U, E, F, G> DayChange<T, U, E, F, G> {
    pub fn new(day: Date, edit: F, then: G, sender: oneshot::Sender<io::Result<Result<U, E>>>) -> Self {
        Self { day, edit: Some(edit), edited: None, then, sender }
    }
}

impl<T, U, E, F, G> Change for DayChange<T, U, E, F, G>
where
    T: Send,
    U: Send,
    E: Send,
    F: FnOnce(&mut Spending) -> Result<T, E> + Send,
    G: FnOnce(T) -> U + Send,
{
    fn make(&mut self, days: &mut Days) -> bool {
        if let Some(edit) = self.edit.take().filter(|_| !self.sender.is_closed()) {
            self.edited = Some(days.change(self.day, edit));
        }
        self.edited.as_ref().is_some_and(Result::is_ok)
    }

    fn tell(self: Box<Self>, written: Result<(), Arc<io::Error>>) {
        let Self { edited, then, sender, .. } = *self;
        let told = match (written, edited) {
            (Ok(()), Some(edited)) => Ok(edited.map(then)),
            (Err(error), _) => Err(io::Error::new(error.kind(), error)),
            // Nobody waits.
            (Ok(()), None) => return,
        };
        // What nobody takes is dropped.
        let _ = sender.send(told);
    }
}
