//! What a request meets before its handler: a limit on connections, a minimum rate for heads and bodies, its key and
//! rate ([`super::access`]), and a limit on requests in progress, shared out so that one client cannot take it all.
//!
//! It knows a route by its pattern and its [`Class`] only. Everything here is bounded: a rejected request costs a few
//! kilobytes for a few seconds. May import [`super::access`] and [`super::problem`].

mod admit;
mod class;
mod concurrency;
pub(super) mod connections;
mod lingering_close;
mod minimum_rate;
mod rejection_delay;
mod write_timeout;

pub(super) use admit::{Admission, Admitted, admit};
pub(super) use class::{Class, Classes};
pub(super) use lingering_close::drain_rejected_bodies;
pub(super) use minimum_rate::{is_too_slow, minimum_rate};
