//! A retraining in a process of its own: this program's `retrain --events` at the lowest priority, and the events that
//! it writes to its standard output. With a shared store the parent publishes: the process reads strangers' workbooks,
//! and has no key of the store. It asks, and is answered, over the same socket ([`Parent`]). The process always
//! tells the parent of its version before that is published, so that it knows the outcome of a process that dies
//! meanwhile.
//!
//! The fit's memory and processor time belong to another process, so it slows no request down and may be killed at any
//! moment ([`crate::retrain`] says why nothing is lost). What it writes is untrusted input: a closed set of events
//! ([`Event`]), one a line, of bounded length. Its log goes where the parent's goes. A retraining whose parent is gone
//! still finishes: the store's lock keeps a second one from beginning meanwhile. It publishes nothing where it would
//! have had to ask.
//!
//! Knows nothing of HTTP. The command writes the events, [`crate::http`] reads them.

mod event;
mod parent;
mod process;
mod publication;
mod publish;

pub use event::{Event, FailureCause, Outcome, RowCounts};
pub use parent::Parent;
pub use process::{Options, Program, Training};
pub use publish::Publish;
