//! A JSON body on its way in: whole, and bounded.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};

use super::error::ApiError;

/// The media type of a body, in lower case and without parameters; empty where the caller names none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Takes a JSON body of at most `max_bytes` bytes, unparsed.
///
/// # Errors
/// [`ApiError::NotJson`] for another media type, [`ApiError::BodyTooLarge`], [`ApiError::BodyCutOff`].
pub(super) async fn read_json(headers: &HeaderMap, body: Body, max_bytes: usize) -> Result<Bytes, ApiError> {
    let media_type = media_type(headers);
    if media_type != "application/json" && !media_type.ends_with("+json") {
        return Err(ApiError::NotJson);
    }
    axum::body::to_bytes(body, max_bytes).await.map_err(|e| {
        let is_limit =
            std::error::Error::source(&e).is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
        if is_limit { ApiError::BodyTooLarge { limit_bytes: max_bytes } } else { ApiError::BodyCutOff }
    })
}
