//! Resolves names: those of the configured server to any address, all others only to public ones.
//!
//! A name says nothing of where it leads: a picture's may lead into this machine or its network as well. Where there is
//! a proxy, its own name may lead inside, and what it resolves is its business.

use std::io;
use std::net::SocketAddr;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// Resolves by the system, and leaves out what is inside.
pub struct PublicOnly {
    /// The hosts that may be inside.
    own_hosts: Vec<String>,
}

impl PublicOnly {
    /// For a server at `base`, and the proxy on the way to `https` addresses where one `may_be_used`.
    pub fn but(base: &Url, may_be_used: bool) -> Self {
        let proxy = || Matcher::from_env().intercept(&hyper::Uri::from_static("https://picture.example/"));
        let proxy = may_be_used.then(proxy).flatten().and_then(|proxy| proxy.uri().host().map(str::to_owned));
        Self { own_hosts: base.host_str().map(str::to_owned).into_iter().chain(proxy).collect() }
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_own = self.own_hosts.iter().any(|own| name.as_str().eq_ignore_ascii_case(own));
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(allowed(found, is_own)?.into_iter()) as Addrs)
        })
    }
}

fn allowed(found: impl Iterator<Item = SocketAddr>, is_own: bool) -> io::Result<Vec<SocketAddr>> {
    let allowed: Vec<_> = found.filter(|address| is_own || is_public(address.ip())).collect();
    if allowed.is_empty() {
        return Err(io::Error::other("the name leads inside this machine or its network, or nowhere"));
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_inside_leads_nowhere_unless_it_is_the_server_s_own() {
        let [inside, mapped, public] =
            ["127.0.0.1:0", "[::ffff:10.0.0.1]:0", "93.184.216.34:0"].map(|address| address.parse().unwrap());
        assert!(allowed([inside, mapped].into_iter(), false).is_err());
        assert_eq!(allowed([inside, public].into_iter(), false).unwrap(), [public]);
        assert_eq!(allowed([inside].into_iter(), true).unwrap(), [inside]);
    }

    #[tokio::test]
    async fn the_system_s_own_name_is_no_way_in() {
        let to_localhost = async |base: &str| {
            let resolver = PublicOnly::but(&Url::parse(base).unwrap(), false);
            resolver.resolve("localhost".parse().unwrap()).await.is_ok()
        };
        assert!(!to_localhost("https://models.example/v1").await);
        assert!(to_localhost("http://localhost:8080/v1").await);
    }
}
