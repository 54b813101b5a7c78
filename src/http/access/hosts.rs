//! The hosts that the server answers for.
//!
//! A page whose name is made to point at this machine (DNS rebinding) calls it as its own origin. It cannot hide that
//! name: the browser sends it in `Host`. So a name must be known. An IP address is no name that anybody could point
//! elsewhere, and health checks use them: every address is taken.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version};

use super::error::AccessError;
use super::origins::is_label;

/// The names of the machine itself.
const LOCALHOST: &str = "localhost";

/// Hosts of `ALLOW_HOSTS`, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    all: bool,
    names: Vec<String>,
    /// The end of each name, from its dot on.
    groups: Vec<String>,
}

impl Hosts {
    /// Takes host names such as `content.example.com`, `*.example.com` for every one below it, and `*` for all. `None`
    /// where an entry is something else.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut hosts = Self::default();
        for entry in entries {
            let name = entry.to_ascii_lowercase();
            match name.strip_prefix("*.") {
                _ if name == "*" => hosts.all = true,
                Some(rest) if is_name(rest) => hosts.groups.push(format!(".{rest}")),
                None if is_name(&name) => hosts.names.push(name),
                _ => return None,
            }
        }
        Some(hosts)
    }

    /// With this host as well.
    #[must_use]
    pub(super) fn and(mut self, host: Option<&str>) -> Self {
        self.names.extend(host.map(str::to_ascii_lowercase));
        self
    }

    /// Whether it names no host.
    pub fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty() && self.groups.is_empty()
    }

    fn allow(&self, host: &str) -> bool {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if self.all || address.parse::<IpAddr>().is_ok() {
            return true;
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let is_below = |group: &String| name.len() > group.len() && name.ends_with(group);
        name == LOCALHOST || self.names.contains(&name) || self.groups.iter().any(is_below)
    }

    /// Whether a request names one host, and one that the server answers for (RFC 9112, 3.2).
    ///
    /// # Errors
    /// [`AccessError::NotOneHost`] where it names none or several, [`AccessError::ForeignHost`] where it names another.
    pub(super) fn check(&self, version: Version, target: &Uri, headers: &HeaderMap) -> Result<(), AccessError> {
        let mut sent = headers.get_all(HOST).iter();
        let host = match (sent.next(), sent.next()) {
            (Some(host), None) => host.to_str().ok().and_then(authority).ok_or(AccessError::NotOneHost)?,
            // It came with version 1.1: the checks of some proxies name none.
            (None, _) if version < Version::HTTP_11 => return Ok(()),
            _ => return Err(AccessError::NotOneHost),
        };
        // A target with a host of its own overrides the header.
        let target = target.authority().map(|target| authority(target.as_str()).ok_or(AccessError::NotOneHost));
        let target = target.transpose()?;
        let hosts = std::iter::once(&host).chain(&target);
        if hosts.into_iter().all(|host| self.allow(host.host())) { Ok(()) } else { Err(AccessError::ForeignHost) }
    }
}

/// A host and perhaps a port, without a user name.
pub(super) fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let rest = authority.as_str().strip_prefix(authority.host())?;
    // RFC 3986 allows the colon alone.
    let is_port = rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.is_empty() || is_number(port));
    (!authority.host().is_empty() && is_port).then_some(authority)
}

fn is_name(text: &str) -> bool {
    text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(hosts: &[&str], host: &str) -> bool {
        Hosts::new(hosts.iter().copied()).unwrap().allow(host)
    }

    #[test]
    fn addresses_and_the_machine_itself_are_always_answered_and_names_must_be_known() {
        for host in ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "[::1]", "10.1.2.3", "[2001:db8::7]"] {
            assert!(allows(&[], host), "{host}");
        }
        for host in
            ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.1", "0x7f000001", "[evil]"]
        {
            assert!(!allows(&["content.example.com", "*.example.org"], host), "{host}");
            assert!(allows(&["*"], host), "{host}");
        }
    }

    #[test]
    fn a_host_has_a_number_for_a_port_or_none_and_no_user() {
        for good in ["localhost", "localhost:", "localhost:5000", "[::1]:65535", "127.0.0.1:0"] {
            assert!(authority(good).is_some(), "{good}");
        }
        for wrong in
            ["localhost:abc", "localhost:99999", "localhost:+80", "localhost:80:80", "[::1]:x", "me@localhost", ""]
        {
            assert_eq!(authority(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_of_the_settings_is_answered_and_a_star_stands_for_what_is_below() {
        let hosts = ["Content.example.com", "*.example.org"];
        for host in ["content.example.com", "CONTENT.EXAMPLE.COM", "a.example.org", "a.b.example.org"] {
            assert!(allows(&hosts, host), "{host}");
        }
        for host in ["example.com", "x.content.example.com", "example.org", ".example.org", "evilexample.org"] {
            assert!(!allows(&hosts, host), "{host}");
        }
        for wrong in ["https://a.example", "a.example:443", "a example", "*.", "a.*.example", "", "a/b"] {
            assert_eq!(Hosts::new([wrong]), None, "{wrong}");
        }
    }
}
