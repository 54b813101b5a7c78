//! What a caller meets before any handler: a bounded number of connections, a pace for heads and bodies, keys, a rate,
//! and a bounded number of seats, shared out so that one caller cannot have them all.
//!
//! Knows routes by their patterns alone, and nothing of what they do. Everything here is bounded: a caller that is
//! turned away costs a few kilobytes for a few seconds.

mod admit;
mod client;
mod concurrency;
pub(super) mod connections;
mod keys;
mod lingering_close;
mod minimum_rate;
mod origins;
mod rejection_delay;
mod write_timeout;

pub use client::TrustedProxies;
pub use keys::Key;

pub(super) use admit::{Admitted, Entrance, admit, is_open};
pub(super) use keys::bearer;
pub(super) use lingering_close::part_with_refused_bodies;
pub(super) use minimum_rate::{hold_to_a_pace, is_too_slow};
pub(super) use origins::Origins;
