//! The media types that a client accepts, by its `Accept` headers.
//!
//! Matches a media type by its full name. Weights and wildcards are ignored, since every route has a default.

use axum::http::{HeaderMap, header};

/// Whether the client names `media_type`, such as `text/csv`.
pub(in crate::http) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case(media_type))
}
