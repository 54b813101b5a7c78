//! Who sends an upload, as far as a key says it.

use axum::http::HeaderMap;

use crate::http::state::AppState;
use crate::upload_store::About;

/// What is known of an upload by the key that it comes with: with one of this service's keys it is approved.
pub(in crate::http) fn about_upload(state: &AppState, headers: &HeaderMap) -> About {
    About::sent_by(state.access().key_name(headers).map(|name| name.to_string()))
}
