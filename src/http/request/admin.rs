//! Whether a request to a route that is open to others, too, is an administrator's. The right of a route stands in
//! [`crate::http::router`].

use axum::http::HeaderMap;

use crate::http::access::Right;
use crate::http::state::AppState;

/// Whether a request carries a key with every right.
pub(in crate::http) fn is_admin(state: &AppState, headers: &HeaderMap) -> bool {
    state.access().has(headers, Right::Admin)
}
