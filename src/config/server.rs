//! Where the server listens, and for whom.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};

use ipnet::IpNet;
use url::{Host, Origin, Url};

use super::reader::{Reader, entries};
use super::secret::Secret;

/// A key that can be guessed is no key.
const MIN_KEY_BYTES: usize = 16;
const CONNECTIONS_10K: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
const PORTAL: &str = "http://localhost:4200,http://127.0.0.1:4200";

/// Where the server listens and for whom.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// `HOST` and `PORT`; 127.0.0.1:5000. Port 0 takes a free one.
    pub address: SocketAddr,
    /// `ALLOW_ORIGINS`, comma separated, as browsers write them; the portal's two addresses. `*` stands for every
    /// origin, and for the first parts of a host in `https://*.example.com`.
    pub allow_origins: Vec<String>,
    /// `PUBLIC_URL`, where callers reach the server; without one, answers name images by the host a request names.
    pub public_url: Option<String>,
    /// `ADMIN_KEY`, opens the routes for administrators; closed without one.
    pub admin_key: Option<Secret>,
    /// `API_KEYS`, comma separated, one of which every caller needs; nobody needs one without them.
    pub api_keys: Vec<Secret>,
    /// `TRUSTED_PROXIES`, comma separated, whose `X-Forwarded-For` is taken; none.
    pub trusted_proxies: Vec<IpNet>,
    /// `RATE_LIMIT_PER_MINUTE`, requests a minute by one API key or address; no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// `MAX_CONNECTIONS`, at a time; 10,000.
    pub connections: NonZeroUsize,
}

impl ServerConfig {
    pub(super) fn read(read: &mut Reader<'_>) -> Self {
        let host = read.parsed("HOST", IpAddr::V4(Ipv4Addr::LOCALHOST), "an IP address such as 127.0.0.1");
        let port = read.parsed("PORT", 5000, "a port from 0 to 65535");
        Self {
            address: SocketAddr::new(host, port),
            allow_origins: allow_origins(read),
            public_url: public_url(read),
            admin_key: admin_key(read),
            api_keys: api_keys(read),
            trusted_proxies: trusted_proxies(read),
            requests_per_minute: read.limit("RATE_LIMIT_PER_MINUTE", "requests"),
            connections: read.parsed("MAX_CONNECTIONS", CONNECTIONS_10K, "a whole number of connections, 1 or more"),
        }
    }
}

fn allow_origins(read: &mut Reader<'_>) -> Vec<String> {
    let expected = "origins such as http://localhost:4200 or https://*.example.com, separated by commas; a * may stand \
                    alone, or for the first parts of a host";
    let all = |text: &str| {
        let origins: Option<Vec<String>> = entries(text).map(origin).collect();
        origins.filter(|origins| !origins.is_empty())
    };
    let origins = read.value("ALLOW_ORIGINS", Some(PORTAL.to_owned()), expected, all);
    origins.unwrap_or_else(|| entries(PORTAL).map(str::to_owned).collect())
}

/// An origin as browsers write it: in lower case, an international name in ASCII, without the usual port or a slash.
fn origin(entry: &str) -> Option<String> {
    if entry == "*" {
        return Some(entry.to_owned());
    }
    let (scheme, host) = entry.split_once("://")?;
    let (first, host) = host.strip_prefix("*.").map_or(("", host), |host| ("*.", host));
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let Origin::Tuple(scheme, host, _) = url.origin() else { return None };
    // Every host below a whole top-level domain is no group that anybody means.
    let is_group_of_hosts = matches!(&host, Host::Domain(domain) if domain.contains('.'));
    let host = host.to_string();
    if !is_bare || host.contains('*') || !(first.is_empty() || is_group_of_hosts) || !scheme.starts_with("http") {
        return None;
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{first}{host}{port}"))
}

fn public_url(read: &mut Reader<'_>) -> Option<String> {
    let expected = "an address such as https://content.example.com";
    read.value("PUBLIC_URL", None, expected, |text| {
        let url = text.trim_end_matches('/');
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
        let is_plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b));
        is_plain.then(|| url.to_owned())
    })
}

fn admin_key(read: &mut Reader<'_>) -> Option<Secret> {
    let key = read.secret("ADMIN_KEY")?;
    check_keys(read, "ADMIN_KEY", std::slice::from_ref(&key));
    Some(key)
}

/// Keys between commas or in lines of their own; in a file a line may be a comment.
fn api_keys(read: &mut Reader<'_>) -> Vec<Secret> {
    let Some(secret) = read.secret("API_KEYS") else { return Vec::new() };
    let lines = secret.expose().lines().filter(|line| !line.trim_start().starts_with('#'));
    let keys: Vec<Secret> = lines.flat_map(entries).map(|key| Secret(key.to_owned())).collect();
    if keys.is_empty() {
        read.mistake("API_KEYS", "holds no key, and without one everybody may call: name one, or leave it out");
    }
    check_keys(read, "API_KEYS", &keys);
    let n_keys = keys.len();
    read.show("API_KEYS", |_| if n_keys == 1 { "(1 key)".to_owned() } else { format!("({n_keys} keys)") });
    keys
}

fn check_keys(read: &mut Reader<'_>, name: &str, keys: &[Secret]) {
    if keys.iter().any(|key| key.expose().len() < MIN_KEY_BYTES) {
        read.mistake(name, &format!("must be at least {MIN_KEY_BYTES} characters long"));
    }
    // No header carries another one, so that nobody could ever call with such a key.
    if keys.iter().any(|key| !key.expose().bytes().all(|byte| byte.is_ascii_graphic())) {
        read.mistake(name, "must be of letters, digits and signs without a blank; a comma separates keys");
    }
}

fn trusted_proxies(read: &mut Reader<'_>) -> Vec<IpNet> {
    let network = |entry: &str| entry.parse::<IpAddr>().map(IpNet::from).or_else(|_| entry.parse()).ok();
    let expected = "addresses or networks such as 127.0.0.1, 10.0.0.0/8";
    let all = |text: &str| entries(text).map(network).collect();
    read.value("TRUSTED_PROXIES", None, expected, all).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_a_browser_writes_it() {
        for (entry, written) in [
            ("*", "*"),
            ("http://localhost:4200/", "http://localhost:4200"),
            ("HTTPS://Portal.Example.com:443", "https://portal.example.com"),
            ("http://münchen.example", "http://xn--mnchen-3ya.example"),
            ("http://[::1]:4200", "http://[::1]:4200"),
            ("https://*.example.com", "https://*.example.com"),
            ("https://*.Example.com:8443/", "https://*.example.com:8443"),
        ] {
            assert_eq!(origin(entry).as_deref(), Some(written), "{entry}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for entry in [
            "localhost:4200",
            "portal.example.com",
            "http://",
            "http://localhost:4200/app",
            "http://me@localhost",
            "ftp://example.com",
            "https://*",
            "https://*.com",
            "https://*.0.0.1",
            "https://*.*.example.com",
            "https://portal*.example.com",
            "https://portal.*.com",
            "*.example.com",
            "null",
        ] {
            assert_eq!(origin(entry), None, "{entry}");
        }
    }
}
