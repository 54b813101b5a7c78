//! The console: a page for people at `/`, one more client of the API.
//!
//! Its files are part of the program. They need no key, as `/docs` needs none: what they call is guarded as ever. In
//! debug builds they are read from disk, so that a reload shows an edit.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use sha2::{Digest, Sha256};

use super::openapi::names_tag;
use crate::http::problem::ApiError;
use crate::http::response::compression::Compressible;

/// The pattern of the files' route. It is not part of the description.
pub(in crate::http) const PATTERN: &str = "/console/{*file}";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Only what is served here, nothing inline, and no text that becomes markup or a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// One file of the console.
struct File {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal $media_type:ident),+ $(,)?) => {
        &[$(File {
            name: $name,
            media_type: $media_type,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/console/", $name)),
        }),+]
    };
}

const FILES: &[File] = files![
    "index.html" HTML,
    "app.css" CSS,
    "api.js" JAVASCRIPT,
    "app.js" JAVASCRIPT,
    "dom.js" JAVASCRIPT,
    "map.js" JAVASCRIPT,
    "views/customers.js" JAVASCRIPT,
    "views/models.js" JAVASCRIPT,
];

/// The console's files below `/console/`; the page itself is answered by [`page`], since `/` is the index, too.
pub(in crate::http) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let file = async |Path(name): Path<String>, headers: HeaderMap| serve(&name, &headers);
    Router::new().route(PATTERN, get(file))
}

/// The page at `/`.
pub(super) fn page(headers: &HeaderMap) -> Response {
    serve("index.html", headers)
}

fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else { return ApiError::NoRoute.into_response() };
    let bytes = file.contents();
    let digits: String = Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{digits}\"");
    let known: Vec<_> = headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect();
    let always: [(HeaderName, String); 3] = [
        // Weak: the same file is sent with gzip and without.
        (header::ETAG, format!("W/{tag}")),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::VARY, "accept, accept-encoding".to_owned()),
    ];
    if names_tag(&known, &tag) {
        return (StatusCode::NOT_MODIFIED, always).into_response();
    }
    let of_page = [
        (header::CONTENT_TYPE, file.media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let bytes = match bytes {
        Cow::Borrowed(built_in) => Bytes::from_static(built_in),
        Cow::Owned(changed) => Bytes::from(changed),
    };
    (always, of_page, Extension(Compressible), bytes).into_response()
}

impl File {
    /// In debug builds what is on disk now, where it is there.
    fn contents(&self) -> Cow<'static, [u8]> {
        if cfg!(debug_assertions) {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("console").join(self.name);
            if let Ok(bytes) = std::fs::read(path) {
                return Cow::Owned(bytes);
            }
        }
        Cow::Borrowed(self.bytes)
    }
}
