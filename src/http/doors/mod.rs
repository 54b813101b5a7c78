//! What a caller meets before any handler: a bounded number of connections, a pace for heads and bodies, keys, a rate,
//! and a bounded number of seats, shared out so that one caller cannot have them all.
//!
//! Knows routes by their patterns alone, and nothing of what they do. Everything here is bounded: a caller that is
//! turned away costs a few kilobytes for a few seconds.

mod client;
pub(super) mod connections;
mod entrance;
mod hardening;
mod keys;
mod linger;
mod origins;
mod outgoing;
mod pace;
mod patience;
mod seats;

pub use client::TrustedProxies;
pub use keys::Key;

pub(super) use entrance::{Admitted, Entrance, admit, is_open};
pub(super) use hardening::harden;
pub(super) use keys::bearer;
pub(super) use linger::part_with_refused_bodies;
pub(super) use origins::Origins;
pub(super) use pace::{hold_to_a_pace, is_too_slow};
