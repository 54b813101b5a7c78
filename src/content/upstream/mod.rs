//! What calling any model server takes: retries, pauses, waits, a day's budget, reading failures, checking answers.
//!
//! Knows no provider's wire format. A provider has a folder of its own beside this one and imports from here.

pub mod address;
pub mod breaker;
pub mod budget;
pub mod caller;
pub mod ceiling;
pub mod failure;
pub mod learned;
pub mod leases;
pub mod ledger;
pub mod mention;
pub mod model_answer;
pub mod open_reservations;
pub mod resolver;
pub mod retry;
mod shortfall;
pub mod transport;
pub mod try_error;
pub mod waits;
