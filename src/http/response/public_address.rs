//! The addresses of this service's pictures, as callers see them.

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use url::{Host, Url};

use crate::content::{ImageName, Pictures, WriteError, each_picture};
use crate::http::state::AppState;

/// The path that images are served below.
const IMAGES: &str = "/images/";

/// The address of this service as the caller sees it: `PUBLIC_URL`, or the host of the request under the scheme that a
/// trusted proxy says.
#[derive(Debug, Clone)]
pub(in crate::http) struct PublicAddress(pub(in crate::http) String);

impl PublicAddress {
    /// The address for the answer to a request.
    pub fn of(state: &AppState, parts: &Parts) -> Self {
        if let Some(url) = &state.settings().public_url {
            return Self(url.clone());
        }
        // HTTP/1.1 names the host in a header or in the request's target; HTTP/1.0 may name none.
        let host = parts.uri.authority().cloned().or_else(|| host(&parts.headers));
        let scheme = state.settings().trusted_proxies.scheme(parts);
        Self(host.map_or_else(|| format!("http://{}", state.address()), |host| format!("{scheme}://{host}")))
    }

    /// The address of an image.
    pub fn of_image(&self, name: &ImageName) -> String {
        format!("{}{IMAGES}{name}", self.0)
    }

    /// The addresses of the requested pictures, one a variant. A picture that failed has an empty text, so that the
    /// list is as long as that of the variants.
    pub fn of_pictures(&self, pictures: &Result<Pictures, WriteError>) -> Vec<String> {
        let images = each_picture(pictures).into_iter();
        images.map(|name| name.map(|name| self.of_image(name)).unwrap_or_default()).collect()
    }

    /// The image that `url` names, if it is one of this service's addresses.
    pub(in crate::http) fn image_at(&self, url: &str) -> Option<ImageName> {
        let ours = Url::parse(&self.0).ok()?;
        let theirs = ours.join(url).ok()?;
        // A user name before the host makes one address look like another.
        let is_plain = theirs.username().is_empty() && theirs.password().is_none() && theirs.query().is_none();
        let path = theirs.path().strip_prefix(ours.path().trim_end_matches('/'))?;
        let name = path.strip_prefix(IMAGES).filter(|_| is_plain && is_same_server(&ours, &theirs))?;
        name.parse().ok()
    }
}

/// Whether two addresses are those of one server. The names of the machine itself count as the same.
fn is_same_server(one: &Url, other: &Url) -> bool {
    let is_here = |url: &Url| match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let same_port = one.scheme() == other.scheme() && one.port_or_known_default() == other.port_or_known_default();
    one.origin() == other.origin() || (same_port && is_here(one) && is_here(other))
}

/// The host that the request names, unless it has a user name.
pub(in crate::http) fn host(headers: &HeaderMap) -> Option<Authority> {
    let host: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    (!host.as_str().contains('@')).then_some(host)
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
}
