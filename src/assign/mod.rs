//! Rows of a data engine: placed in their segments as they stream by, or read as profiles to train on.
//!
//! [`assign_arrow`] and [`assign_csv`] add a customer's segment to each row of a stream. A row's answer depends on that
//! row alone, so any split into batches gives the same. Each cell that comes again is a look-up: distinct cells are
//! cleaned once, and distinct profiles placed once. The end mark goes out only after the input's has come in, since
//! readers take a stream that was cut between two batches for a whole one. [`read_profiles`] reads what a `GROUP BY`
//! yields.
//!
//! One thread, bounded memory, no setting, no network: an engine starts it on every worker. Knows nothing of who reads
//! or writes the streams.

mod answers;
mod arrays;
mod codes;
mod csv;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod ipc;
mod place;
mod profiles;
mod request;
mod stream;
mod summary;
mod zone;

pub use csv::assign_csv;
pub use fault::{AssignFault, InputFault};
pub use ipc::is_decoding;
pub use profiles::{ProfilesError, ProfilesRequest, read_profiles};
pub use request::AssignRequest;
pub use stream::assign_arrow;
pub use summary::{FaultRows, StreamDrift, Summary};

/// What the added columns are called, in their order.
pub const ADDED: [&str; 5] = ["cluster_id", "strength", "nearest_id", "is_new", "row_fault"];

/// Rows that are looked up together.
const CHUNK_ROWS: usize = 16_384;
