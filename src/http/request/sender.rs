//! Who sends an upload, as far as a key says it.

use axum::http::HeaderMap;

use crate::http::admission::bearer;
use crate::http::request::admin::is_admin;
use crate::http::state::AppState;
use crate::upload_store::About;

/// What is known of an upload by the key that it comes with: with one of this service's keys it is approved.
pub(in crate::http) fn about_upload(state: &AppState, headers: &HeaderMap) -> About {
    About::sent_by(key_name(state, headers).map(str::to_owned))
}

/// The name of the key that a request carries; `None` where it has none of this service's.
fn key_name(state: &AppState, headers: &HeaderMap) -> Option<&'static str> {
    if is_admin(state, headers) {
        return Some("ADMIN_KEY");
    }
    let sent = bearer(headers)?;
    // Compares with every key, so that the time tells nothing.
    let is_ours = state.settings().api_keys.iter().fold(false, |is, key| is | key.is(&sent));
    is_ours.then_some("API_KEYS")
}
