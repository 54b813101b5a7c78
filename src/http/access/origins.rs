//! Origins that browsers may call from: single ones, or all below a domain.

use axum::http::HeaderValue;

/// The origins of `ALLOW_ORIGINS`, spelled as browsers spell them.
pub(in crate::http) struct Origins {
    single: Vec<String>,
    /// Whether `*` is among them.
    all: bool,
    /// The scheme with `://`, and the end of the host from its dot on, with the port.
    groups: Vec<(String, String)>,
}

impl Origins {
    /// Takes origins such as `http://localhost:4200`, and `https://*.example.com` for every host below `example.com`.
    pub(in crate::http) fn new(origins: &[String]) -> Self {
        let (groups, single): (Vec<_>, Vec<_>) = origins.iter().partition(|origin| origin.contains("://*."));
        let group = |origin: &String| {
            let (scheme, host) = origin.split_once('*').unwrap_or_default();
            (scheme.to_owned(), host.to_owned())
        };
        let all = origins.iter().any(|origin| origin == "*");
        Self { all, single: single.into_iter().cloned().collect(), groups: groups.into_iter().map(group).collect() }
    }

    /// Whether browsers may call from everywhere.
    pub(in crate::http) fn allow_all(&self) -> bool {
        self.all
    }

    /// Whether a request's `Origin` is one of them.
    pub(in crate::http) fn allow(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let is_below = |(scheme, host): &(String, String)| {
            let below = origin.strip_prefix(scheme.as_str()).and_then(|rest| rest.strip_suffix(host.as_str()));
            below.is_some_and(|name| !name.is_empty() && name.split('.').all(is_label))
        };
        self.single.iter().any(|single| single == origin) || self.groups.iter().any(is_below)
    }
}

/// Whether `text` is one label of a host name.
pub(super) fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_with_a_star_stands_for_every_host_below_it_and_no_other() {
        let origins =
            ["http://localhost:4200", "https://*.example.com", "http://*.example.org:8080"].map(str::to_owned);
        let origins = Origins::new(&origins);
        for origin in [
            "http://localhost:4200",
            "https://portal.example.com",
            "https://a.b-c.example.com",
            "http://portal.example.org:8080",
        ] {
            assert!(origins.allow(&HeaderValue::from_static(origin)), "{origin}");
        }
        for origin in [
            "http://localhost:4201",
            "https://example.com",
            "https://.example.com",
            "https://a..example.com",
            "https://evilexample.com",
            "https://portal.example.com.evil.org",
            "https://evil.org/.example.com",
            "https://evil.org#.example.com",
            "https://me@x.example.com",
            "http://portal.example.com",
            "https://portal.example.com:444",
            "http://portal.example.org",
            "null",
            "*",
        ] {
            assert!(!origins.allow(&HeaderValue::from_static(origin)), "{origin}");
        }
    }
}
