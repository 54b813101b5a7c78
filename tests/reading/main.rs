//! Reading workbooks through the public doors: what people send, what strangers send, and the accounts of both.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a sheet made for a test that cannot be made or read should fail its test loudly"
)]

mod above;
mod apart;
mod cleaning;
mod date_orders;
mod encodings;
mod exports;
mod fixtures;
mod headers;
mod hostile;
mod identifiers;
mod impostor;
mod kinds;
mod merged;
mod mutations;
mod odd;
mod old_workbooks;
mod progress;
mod properties;
mod quotes;
mod recorded;
mod seeds;
mod several;
mod sheets;
mod strangers;
mod texts;
mod units;
mod values;
