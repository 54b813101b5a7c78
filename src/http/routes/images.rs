//! Pictures for callers: their addresses, `GET /images/{name}`, and `POST /api/proxy-download`.
//!
//! Only what the image store holds is served, by names that are hashes: no address that a caller sends is ever
//! connected to, and no path of a caller's is ever opened.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use super::docs::{BodyProblems, DownloadRequest, FileBytes};
use crate::content::{ImageName, Pictures, WriteError};
use crate::http::problem::{ApiError, Document};
use crate::http::request::body::read_object;
use crate::http::request::fields::Fields;
use crate::http::state::AppState;

/// Where images are served.
const IMAGES: &str = "/images/";
/// A name is the hash of what it names, so it never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The longest name of a download, in characters.
const MAX_NAME_CHARS: usize = 100;
/// Endings that a download's name may bring along.
const IMAGE_EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// Where this service is, as its caller sees it: `PUBLIC_URL`, or the host that the request names, under the scheme
/// that a trusted proxy says.
#[derive(Debug, Clone)]
pub(in crate::http) struct PublicAddress(pub(in crate::http) String);

impl PublicAddress {
    /// The address for the answer to one request.
    pub fn of(state: &AppState, parts: &Parts) -> Self {
        if let Some(url) = &state.settings().public_url {
            return Self(url.clone());
        }
        // HTTP/2 names the host in the request's target, HTTP/1.1 in a header, and HTTP/1.0 need not.
        let host = parts.uri.authority().cloned().or_else(|| host(&parts.headers));
        let scheme = state.settings().trusted_proxies.scheme(parts);
        Self(host.map_or_else(|| format!("http://{}", state.address()), |host| format!("{scheme}://{host}")))
    }

    /// The address of an image.
    pub fn of_image(&self, name: &ImageName) -> String {
        format!("{}{IMAGES}{name}", self.0)
    }

    /// The addresses of the pictures that were asked for, one a variant. Where some failed, theirs are empty texts:
    /// what callers show stays a list of texts, as long as that of the variants.
    pub fn of_pictures(&self, pictures: &Result<Pictures, WriteError>) -> Vec<String> {
        match pictures {
            Ok(pictures) => pictures.images.iter().map(|name| self.of_image(name)).collect(),
            Err(error) => {
                let mut images = vec![String::new(); error.drawn.len() + error.n_failed];
                for (variant, name) in &error.drawn {
                    if let Some(image) = images.get_mut(*variant) {
                        *image = self.of_image(name);
                    }
                }
                images
            }
        }
    }

    /// The image that `url` names, if it is one of this service's addresses.
    pub(in crate::http) fn image_at(&self, url: &str) -> Option<ImageName> {
        let ours = Url::parse(&self.0).ok()?;
        let theirs = ours.join(url).ok()?;
        // A user name in front of a host is a way to make one address look like another.
        let is_plain = theirs.username().is_empty() && theirs.password().is_none() && theirs.query().is_none();
        let path = theirs.path().strip_prefix(ours.path().trim_end_matches('/'))?;
        let name = path.strip_prefix(IMAGES).filter(|_| is_plain && is_same_place(&ours, &theirs))?;
        name.parse().ok()
    }
}

/// Whether two addresses lead to one server: the machine itself goes by several names.
fn is_same_place(one: &Url, other: &Url) -> bool {
    let is_here = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let same_door = one.scheme() == other.scheme() && one.port_or_known_default() == other.port_or_known_default();
    one.origin() == other.origin() || (same_door && is_here(one) && is_here(other))
}

pub(in crate::http) fn host(headers: &HeaderMap) -> Option<Authority> {
    let host: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    (!host.as_str().contains('@')).then_some(host)
}

/// A picture that this service made
#[utoipa::path(get, path = "/images/{name}", tag = "content", operation_id = "get_image",
    params(("name" = String, Path, description = "As an answer gave it: a SHA-256 and the kind",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.png")),
    responses(
        (status = 200, description = "The picture; it never changes", content((FileBytes = "image/png"),
            (FileBytes = "image/jpeg"), (FileBytes = "image/webp"))),
        (status = 404, description = "There is no such picture", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 500, description = "A fault of this service", body = Document<'static>,
            content_type = "application/problem+json"),
        (status = 503, description = "The server is starting", body = Document<'static>,
            content_type = "application/problem+json")))]
pub(in crate::http) async fn get_image(
    State(state): State<AppState>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let name = name.ok().and_then(|Path(name)| name.parse::<ImageName>().ok()).ok_or(ApiError::NoImage)?;
    let bytes = read(&state, name.clone()).await?.ok_or(ApiError::NoImage)?;
    let headers = [(header::CONTENT_TYPE, name.media_type()), (header::CACHE_CONTROL, FOR_EVER)];
    Ok((headers, bytes).into_response())
}

/// A picture of this service as a file to save
///
/// The route's name is the portal's: nothing is fetched from anywhere, and any other address is refused.
#[utoipa::path(post, path = "/api/proxy-download", tag = "content", operation_id = "proxy_download",
    request_body = DownloadRequest,
    responses(
        (status = 200, description = "The picture, as an attachment", content((FileBytes = "image/png"),
            (FileBytes = "image/jpeg"), (FileBytes = "image/webp"))),
        (status = 403, description = "Not a picture of this service", body = Document<'static>,
            content_type = "application/problem+json"),
        BodyProblems))]
pub(in crate::http) async fn post_proxy_download(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let address = PublicAddress::of(&state, &parts);
    let mut fields = Fields::new(read_object(&state, &parts.headers, body).await?);
    let url = fields.text(["url"]);
    let name = fields.text(["name"]);
    if url.is_none() {
        fields.refuse("url", "must be the address of an image of this service");
    }
    fields.end()?;
    let image = url.and_then(|(_, url)| address.image_at(&url)).ok_or(ApiError::NotOurImage)?;
    let bytes = read(&state, image.clone()).await?.ok_or(ApiError::NotOurImage)?;
    let disposition = attachment(name.as_ref().map_or("image", |(_, name)| name), &image)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(image.media_type())),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, bytes).into_response())
}

async fn read(state: &AppState, name: ImageName) -> Result<Option<Vec<u8>>, ApiError> {
    let images = state.ready()?.writer.images().clone();
    let read = tokio::task::spawn_blocking(move || images.read(&name)).await;
    read.map_err(|e| ApiError::internal("reading an image", e))?.map_err(ApiError::ImageStorage)
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
    fn only_an_address_of_this_service_names_an_image() {
        let ours = PublicAddress("http://localhost:5000".to_owned());
        let named = |url: &str| ours.image_at(&url.replace("NAME", NAME)).is_some();
        for good in [
            "http://localhost:5000/images/NAME",
            "HTTP://LOCALHOST:5000/images/NAME",
            "http://127.0.0.1:5000/images/NAME",
            "http://[::1]:5000/images/NAME",
            "/images/NAME",
        ] {
            assert!(named(good), "{good}");
        }
        for bad in [
            "http://127.0.0.1:5001/images/NAME",
            "http://localhost:5001/images/NAME",
            "https://localhost:5000/images/NAME",
            "http://localhost:5000@evil.example/images/NAME",
            "http://user@localhost:5000/images/NAME",
            "http://evil.example/images/NAME",
            "//evil.example/images/NAME",
            "http://localhost:5000/images/NAME?x=1",
            "http://localhost:5000/images/../images/../.env",
            "http://localhost:5000/images/%2e%2e/NAME",
            "file:///images/NAME",
            "http://169.254.169.254/latest/meta-data",
            "",
        ] {
            assert!(!named(bad), "{bad}");
        }
        let proxied = PublicAddress("https://portal.example/api".to_owned());
        assert!(proxied.image_at(&format!("https://portal.example:443/api/images/{NAME}")).is_some());
        assert!(proxied.image_at(&format!("https://portal.example/images/{NAME}")).is_none());
    }

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
