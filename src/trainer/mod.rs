//! A retraining in a process of its own: this very program's `retrain --events`, at the lowest priority, and what it tells
//! on its standard output.
//!
//! Whoever serves stays out of the fit's way: its memory and its processor time belong to another process, which may be
//! killed at any moment ([`crate::retrain`] has the reasoning). What the process tells is data to the one that reads it:
//! a closed set of events ([`Event`]), a line each, of bounded length; its log goes where the parent's goes. A retraining
//! whose reader is gone comes to its end all the same: the store's lock keeps a second one from beginning meanwhile.
//!
//! Knows nothing of HTTP; may import [`crate::retrain`], [`crate::model_store`] and [`crate::pipeline`]. The command
//! writes the events, [`crate::http`] has retrainings made.

mod event;
mod process;

pub use event::{Event, FailedCheck, LeftOut, Outcome, Progress, Step};
pub use process::{Options, Program, Training};
