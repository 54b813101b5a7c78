//! Everything that a caller sees: routes, wire types, problems, and the life of the server.
//!
//! Start at `router.rs`, which lists every route, or at `server.rs`. ARCHITECTURE.md has the table of the rooms and of
//! what each may import.
//!
//! Below the commands this is the only module that knows axum, JSON bodies and status codes. A handler extracts, takes
//! one snapshot of the live model, calls, and maps the result. Work for the processor runs on blocking threads, a
//! bounded number at a time.

mod accept;
mod access;
mod admission;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod idempotency;
mod key_ring;
mod maps;
mod metrics;
mod problem;
mod progress;
mod request;
mod request_id;
mod response;
mod router;
mod routes;
mod server;
mod settings;
mod state;
mod tasks;
mod waited;
mod wrapped_body;

pub use access::{
    Expiry, Hosts, Key, KeyLine, KeysFileError, RefusedBudgets, Reloaded, Right, TrustedProxies, check_budgets,
    read_keys,
};
pub use key_ring::{KeyRing, NoBudget};
pub use server::{Application, Condition, Opening, Prepared, ServeError};
pub use settings::{Parts, Settings};
pub use state::OnLoad;
pub use tasks::refresh::Refresh;
