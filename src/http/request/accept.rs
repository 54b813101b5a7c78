//! Which kinds of answer a caller takes, by its `Accept` headers.
//!
//! Looks for a media type by its full name; weights and wildcards choose nothing, since every route has a default.

use axum::http::{HeaderMap, header};

/// Whether the caller names `media_type`, such as `text/csv`, among those it takes.
pub(in crate::http) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(',')).filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case(media_type))
}
