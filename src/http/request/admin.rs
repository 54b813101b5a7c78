//! The extractor that lets only administrators in. Without `ADMIN_KEY` in the settings it rejects every request.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::http::admission::bearer;
use crate::http::problem::ApiError;
use crate::http::state::AppState;

/// Proof that a request carries the administrators' key.
pub(in crate::http) struct Admin;

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        state.settings().admin_key.as_ref().ok_or(ApiError::AdminClosed)?;
        if is_admin(state, &parts.headers) { Ok(Self) } else { Err(ApiError::NotAdmin) }
    }
}

/// Whether a request to a route that is open to others, too, carries the administrators' key.
pub(in crate::http) fn is_admin(state: &AppState, headers: &HeaderMap) -> bool {
    let key = state.settings().admin_key.as_ref();
    key.is_some_and(|key| bearer(headers).is_some_and(|sent| sent.is(key)))
}
