//! `GET /images/{name}` and `POST /api/proxy-download`: pictures for callers.
//!
//! Only pictures of the image store are served, by names that are hashes, and posters that this service described, by
//! names that it signed. The server never connects to an address that
//! a caller sends, and never opens a path that a caller sends.

use std::io;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, IntoResponseParts, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use super::docs::{BodyProblems, FileBytes};
use crate::content::{ImageName, Picture};
use crate::http::admission::count_answer;
use crate::http::problem::{ApiError, Document};
use crate::http::request::body::read_object;
use crate::http::request::fields::Fields;
use crate::http::request::known::refuse_query;
use crate::http::response::file_body::file_body;
use crate::http::response::public_address::PublicAddress;
use crate::http::state::{AppState, on_blocking_thread};
use crate::shared_store::SharedStoreError;

/// A picture's name is its hash, so that it never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// The longest name of a download, in characters.
const MAX_NAME_CHARS: usize = 100;
/// Extensions that are stripped from the name of a download.
const IMAGE_EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// An image of this service, to be saved as a file.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DownloadRequest {
    /// The image's address, as an answer gave it.
    #[schema(
        example = "http://localhost:5000/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.png"
    )]
    url: String,
    /// What the file is to be called.
    #[schema(example = "promo.png")]
    name: Option<String>,
}

/// A picture that this service made
#[utoipa::path(get, path = "/images/{name}", tag = "content", operation_id = "get_image",
    params(("name" = String, Path, description = "As an answer gave it",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.png")),
    responses(
        (status = 200, description = "The picture; it never changes", content((FileBytes = "image/png"),
            (FileBytes = "image/jpeg"), (FileBytes = "image/webp"))),
        (status = 404, description = "There is no such picture", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 500, description = "A fault of this service", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 503, description = "The server is starting or busy, or the store that servers share does not answer",
            body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn get_image(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let name = name.ok().and_then(|Path(name)| name.parse::<ImageName>().ok()).ok_or(ApiError::NoImage)?;
    let picture = picture(&state, name.clone()).await?.ok_or(ApiError::NoImage)?;
    let headers = [(header::CONTENT_TYPE, name.media_type()), (header::CACHE_CONTROL, IMMUTABLE)];
    answer(picture, headers)
}

/// A picture of this service as a file to save
///
/// The route's name is the portal's: nothing is fetched from anywhere, and any other address is refused.
#[utoipa::path(post, path = "/api/proxy-download", tag = "content", operation_id = "proxy_download",
    request_body = DownloadRequest,
    responses(
        (status = 200, description = "The picture, as an attachment", content((FileBytes = "image/png"),
            (FileBytes = "image/jpeg"), (FileBytes = "image/webp"))),
        BodyProblems,
        (status = 403, description = "Not a picture of this service, or the key does not have the route's right",
            body = Document<'static>, content_type = "application/problem+json")))]
pub(in crate::http) async fn post_proxy_download(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    refuse_query(&parts.uri)?;
    let address = PublicAddress::of(&state, &parts);
    let mut fields = Fields::new(read_object(&state, &parts.headers, body).await?);
    let url = fields.text(["url"]);
    let name = fields.text(["name"]);
    if url.is_none() {
        fields.refuse("url", "must be the address of an image of this service");
    }
    fields.end()?;
    let image = url.and_then(|(_, url)| address.image_at(&url)).ok_or(ApiError::NotOurImage)?;
    let picture = picture(&state, image.clone()).await?.ok_or(ApiError::NotOurImage)?;
    let disposition = attachment(name.as_ref().map_or("image", |(_, name)| name), &image)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(image.media_type())),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    answer(picture, headers)
}

/// A picture of this service. What is with other servers is fetched, and posters are drawn, clients in turn.
async fn picture(state: &AppState, name: ImageName) -> Result<Option<Picture>, ApiError> {
    const READING: &str = "reading an image";
    let writer = &state.equipment()?.writer;
    if let Some(png) = writer.drawn_lately(&name) {
        return Ok(Some(Picture::InMemory(png)));
    }
    if writer.images().is_shared() {
        let (looking, sought) = (state.clone(), name.clone());
        let look = move || Ok::<_, ApiError>(looking.equipment()?.writer.images().lacks(&sought));
        if on_blocking_thread(READING, look).await?? {
            let (fetching, name) = (state.clone(), name.clone());
            let fetch = move || fetching.equipment()?.writer.images().fetch(&name).map_err(unfetched);
            if let Some(unkept) = state.on_store("fetching an image", fetch).await?? {
                // In memory for this client alone, unlike what open routes serve else.
                count_answer(unkept.len())?;
                return Ok(Some(Picture::InMemory(unkept.into())));
            }
        }
    }
    let (is_poster, reading) = (name.is_poster(), state.clone());
    let read = move || reading.equipment()?.writer.picture(&name).map_err(ApiError::ImageStorage);
    if is_poster {
        return state.on_cpu_pool_short("drawing a poster", read).await?;
    }
    on_blocking_thread(READING, read).await?
}

/// Why a picture was not fetched from the store that servers share.
fn unfetched(error: io::Error) -> ApiError {
    if error.kind() == io::ErrorKind::WouldBlock {
        return ApiError::Busy;
    }
    match error.downcast::<SharedStoreError>() {
        Ok(error) => ApiError::SharedStore(error),
        Err(error) => ApiError::ImageStorage(error),
    }
}

/// A stored picture is read while it is sent.
fn answer(picture: Picture, headers: impl IntoResponseParts) -> Result<Response, ApiError> {
    Ok(match picture {
        Picture::InMemory(bytes) => (headers, bytes).into_response(),
        Picture::Stored(file) => {
            let size_bytes = file.metadata().map_err(ApiError::ImageStorage)?.len();
            (headers, [(header::CONTENT_LENGTH, size_bytes.to_string())], file_body(file)).into_response()
        }
    })
}

/// The header that saves `image` under `name` (RFC 6266), with the extension of what it is.
pub(in crate::http) fn attachment(name: &str, image: &ImageName) -> Result<HeaderValue, ApiError> {
    let extension = image.as_str().rsplit('.').next().unwrap_or_default();
    let stem = match name.rsplit_once('.') {
        Some((stem, end)) if IMAGE_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(end)) => stem,
        _ => name,
    };
    let is_unsafe = |c: char| c.is_control() || "/\\:*?\"<>|;%".contains(c);
    let stem: String = stem.chars().take(MAX_NAME_CHARS).map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    let stem = match stem.trim_matches([' ', '.']) {
        "" => "image",
        stem => stem,
    };
    let plain: String = stem.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
    let encoded = utf8_percent_encode(stem, NON_ALPHANUMERIC);
    let value = format!("attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{encoded}.{extension}");
    HeaderValue::from_str(&value).map_err(|e| ApiError::internal("naming a download", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.png";

    #[test]
    fn a_download_is_named_as_asked_without_what_a_header_or_a_disk_would_take_amiss() {
        let image: ImageName = NAME.parse().unwrap();
        let named = |name: &str| attachment(name, &image).unwrap().to_str().unwrap().to_owned();
        assert_eq!(named("promo.png"), "attachment; filename=\"promo.png\"; filename*=UTF-8''promo.png");
        assert_eq!(named("promo.JPG"), "attachment; filename=\"promo.png\"; filename*=UTF-8''promo.png");
        assert!(named("a\"\r\nSet-Cookie: x").starts_with("attachment; filename=\"a___Set-Cookie_ x.png\""));
        assert!(named("../../etc/passwd").contains("filename=\"_.._etc_passwd.png\""));
        assert!(named("été").contains("filename=\"_t_.png\"; filename*=UTF-8''%C3%A9t%C3%A9.png"));
        assert!(named(" ").contains("filename=\"image.png\""));
    }
}
