//! The layer that refuses what a foreign web page makes a browser send: requests under a host that is not the server's,
//! and requests that change something from an origin that may not call. It also refuses what a proxy and this server
//! could understand differently: several keys, origins or types of a body, and bodies in codings beside `chunked`.
//!
//! A browser says in `Sec-Fetch-Site` and `Origin` where a request comes from, and no page can change either. Programs
//! send neither.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::error::AccessError;
use super::hosts::{Hosts, authority};
use super::origins::Origins;
use crate::http::problem::ApiError;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which hosts and origins are the server's own or may call.
pub(in crate::http) struct Guard {
    hosts: Hosts,
    origins: Arc<Origins>,
    /// That of `PUBLIC_URL`.
    own_origin: Option<String>,
    /// The host of `PUBLIC_URL` as `Host` may name it, of whose pages the scheme is known.
    own_hosts: Vec<Authority>,
}

impl Guard {
    /// By the settings of these names.
    pub fn new(allow_hosts: &Hosts, origins: Arc<Origins>, public_url: Option<&str>) -> Self {
        let public = public_url.and_then(|url| Url::parse(url).ok());
        let own_hosts = |url: &Url| {
            let (host, port) = (url.host_str()?, url.port_or_known_default()?);
            let named = url.port().is_none().then(|| host.to_owned());
            Some(named.into_iter().chain([format!("{host}:{port}")]).filter_map(|host| authority(&host)).collect())
        };
        Self {
            own_hosts: public.as_ref().and_then(own_hosts).unwrap_or_default(),
            hosts: allow_hosts.clone().and(public.as_ref().and_then(Url::host_str)),
            origins,
            own_origin: public.map(|url| url.origin().ascii_serialization()),
        }
    }

    fn check(&self, request: &Request) -> Result<(), AccessError> {
        let headers = request.headers();
        check_clarity(headers)?;
        self.hosts.check(request.version(), request.uri(), headers)?;
        let changes_nothing = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if changes_nothing || self.origins.allow_all() || self.is_at_home(headers) {
            Ok(())
        } else {
            Err(AccessError::ForeignOrigin)
        }
    }

    /// Whether a request comes from a program, from a page of this server, or from one that may call.
    fn is_at_home(&self, headers: &HeaderMap) -> bool {
        let site = headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes());
        if matches!(site, Some(b"same-origin" | b"none")) {
            return true;
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return site.is_none() };
        let text = origin.to_str().unwrap_or_default();
        // The scheme is the proxy's: behind it nobody knows for sure, unless PUBLIC_URL says it.
        let own_host = headers.get(header::HOST).and_then(|host| authority(host.to_str().ok()?));
        let is_own_host = || {
            let origin = text.split_once("://").and_then(|(_, host)| authority(host));
            let is_own = |(origin, own): (Authority, Authority)| origin == own && !self.own_hosts.contains(&own);
            site.is_none() && origin.zip(own_host).is_some_and(is_own)
        };
        self.origins.allow(origin) || self.own_origin.as_deref() == Some(text) || is_own_host()
    }
}

/// Whether everybody reads the same key, origin and body in a request (RFC 9110, 5.3; RFC 9112, 6.1).
fn check_clarity(headers: &HeaderMap) -> Result<(), AccessError> {
    let single = [
        (header::AUTHORIZATION, "Authorization"),
        (header::ORIGIN, "Origin"),
        (header::CONTENT_TYPE, "Content-Type"),
        (header::IF_MATCH, "If-Match"),
    ];
    let is_repeated = |header: &HeaderName| headers.get_all(header).iter().nth(1).is_some();
    if let Some((_, name)) = single.iter().find(|(header, _)| is_repeated(header)) {
        return Err(AccessError::RepeatedHeader { name });
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_some_and(|coding| !is_chunked(coding)) || codings.next().is_some() {
        return Err(AccessError::UnknownCoding);
    }
    Ok(())
}

/// Refuses requests under a foreign host, and those from a foreign page that would change something.
pub(in crate::http) async fn refuse_foreign(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(&request) {
        Ok(()) => next.run(request).await,
        // Where the body ends may be in doubt.
        Err(error @ AccessError::UnknownCoding) => {
            ([(header::CONNECTION, "close")], ApiError::from(error)).into_response()
        }
        Err(error) => ApiError::from(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_home(headers: &[(&'static str, &'static str)]) -> bool {
        let origins = ["http://localhost:4200".to_owned(), "https://*.example.org".to_owned()];
        let guard =
            Guard::new(&Hosts::default(), Arc::new(Origins::new(&origins)), Some("https://content.example.com/api"));
        let map =
            |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), value.parse().unwrap());
        guard.is_at_home(&headers.iter().map(map).collect())
    }

    #[test]
    fn programs_the_server_s_own_pages_and_listed_origins_may_change_something() {
        for headers in [
            &[][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://proxied.example"), ("host", "127.0.0.1:5000")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:4200"), ("host", "localhost:5000")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://portal.example.org")],
            &[("origin", "http://localhost:5000"), ("host", "localhost:5000")],
            &[("origin", "http://[::1]:5000"), ("host", "[::1]:5000")],
            &[("origin", "https://content.example.com"), ("host", "10.0.0.7:5000")],
            &[("origin", "https://content.example.com"), ("host", "content.example.com")],
            &[("origin", "http://content.example.com:5000"), ("host", "content.example.com:5000")],
        ] {
            assert!(at_home(headers), "{headers:?}");
        }
    }

    #[test]
    fn a_foreign_page_may_not() {
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
            &[("sec-fetch-site", "cross-site"), ("origin", "null")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:5000"), ("host", "localhost:5000")],
            &[("origin", "https://evil.example"), ("host", "localhost:5000")],
            &[("origin", "http://localhost:5001"), ("host", "localhost:5000")],
            &[("origin", "http://localhost:5000.evil.example"), ("host", "localhost:5000")],
            &[("origin", "null"), ("host", "localhost:5000")],
            &[("origin", "http://content.example.com"), ("host", "10.0.0.7:5000")],
            &[("origin", "http://content.example.com"), ("host", "content.example.com")],
            &[("origin", "http://content.example.com:443"), ("host", "content.example.com:443")],
        ] {
            assert!(!at_home(headers), "{headers:?}");
        }
    }
}
