//! Who may change what everybody is served by.
//!
//! A key in `Authorization: Bearer …`, compared by its SHA-256 in constant time. Without a key in the settings the doors
//! stay closed, whatever is sent.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::ApiError;
use super::state::AppState;

/// The administrators' key; its digest alone is held.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

/// Proof that a request came with the administrators' key.
pub(super) struct Admin;

impl AdminKey {
    /// Remembers a key by its digest.
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    fn opens(&self, key: &str) -> bool {
        self.0.ct_eq(&Self::new(key).0).into()
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let key = state.settings().admin_key.as_ref().ok_or(ApiError::AdminClosed)?;
        let sent = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent =
            sent.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if sent.is_some_and(|(_, sent)| key.opens(sent.trim())) { Ok(Self) } else { Err(ApiError::NotAdmin) }
    }
}
