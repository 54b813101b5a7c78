//! Retraining from end to end: through the library's door, and the real binary where processes matter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "output of another shape than the test expects should fail the test loudly"
)]

mod audiences;
mod collecting;
mod crashes;
#[path = "../support/customers.rs"]
mod customers;
mod drifting;
mod earlier_format;
mod judging;
mod latent_classes;
mod order;
mod page;
mod populations;
mod profiles;
mod sample;
mod segment_ids;
mod settings;
mod shop;
mod singled_out;
#[path = "../support/told_apart.rs"]
mod told_apart;
mod unchanged;
mod versions;
