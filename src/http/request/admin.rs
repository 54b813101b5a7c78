//! The extractor that lets only administrators in. Without `ADMIN_KEY` in the settings it rejects every request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::http::admission::bearer;
use crate::http::problem::ApiError;
use crate::http::state::AppState;

/// Proof that a request carries the administrators' key.
pub(in crate::http) struct Admin;

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let key = state.settings().admin_key.as_ref().ok_or(ApiError::AdminClosed)?;
        let opens = bearer(&parts.headers).is_some_and(|sent| sent.is(key));
        if opens { Ok(Self) } else { Err(ApiError::NotAdmin) }
    }
}
