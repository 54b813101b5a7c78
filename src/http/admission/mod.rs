//! What a request meets before its handler and its answer after it: a limit on connections, minimum rates for heads,
//! bodies and answers, its key and rate ([`super::access`]), and limits on requests in progress and on bytes of
//! answers, shared out so that one client cannot take it all.
//!
//! A limit holds until what it limits is gone: an answer's [`lease`] ends when its last byte has left. It knows a route
//! by its pattern and its [`Class`] only. Everything here is bounded: a rejected request costs a few kilobytes for a
//! few seconds. Most numbers are in [`limits`].

mod admit;
mod admitted;
mod class;
mod concurrency;
pub(super) mod connections;
mod drawing;
mod in_flight;
mod lease;
mod limits;
mod lingering_close;
mod minimum_rate;
mod refused_head;
mod rejection_delay;
mod tally;
mod write_timeout;

pub(super) use admit::{Admission, admit};
pub(super) use admitted::{Admitted, count_answer, current_client, for_this_request, promise_answer};
pub(super) use class::{Class, Classes};
pub(super) use concurrency::{Shares, Slot, Slots, count_beyond_clock};
pub(super) use drawing::Drawing;
pub(super) use in_flight::InFlight;
pub(super) use lingering_close::drain_rejected_bodies;
pub(super) use minimum_rate::{is_too_slow, minimum_rate};
