//! Who a request comes from, as far as that can be trusted.
//!
//! A caller can write anything into `X-Forwarded-For`; only what a trusted proxy added to it is known, and that is at
//! its right end.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection; part of every request.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Peer(pub IpAddr);

/// Networks whose word on the address before them is taken.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// One caller, to be counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// The digest of the key that it came with.
    Key([u8; 32]),
    /// Its address; of version 6 the network that one subscriber has.
    Address(IpAddr),
}

impl TrustedProxies {
    /// Trusts these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The nearest address that is no trusted proxy's.
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        let hops = headers.get_all(X_FORWARDED_FOR).iter().rev();
        for hop in hops.flat_map(|value| value.to_str().unwrap_or_default().rsplit(',')) {
            if !self.0.iter().any(|network| network.contains(&address)) {
                break;
            }
            match hop.trim().parse::<IpAddr>() {
                Ok(before) => address = before.to_canonical(),
                Err(_) => break,
            }
        }
        address
    }

    /// The caller behind `peer`, by its address.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        Client::Address(match self.origin(peer, headers) {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !0 << 64)),
            address => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let headers = forwarded.iter().map(|value| (X_FORWARDED_FOR, value.parse().unwrap())).collect();
        let networks = trusted.split_terminator(',').map(|network| network.parse().unwrap());
        let trusted = TrustedProxies::new(networks.collect());
        match trusted.client(peer.parse().unwrap(), &headers) {
            Client::Address(address) => address.to_string(),
            Client::Key(_) => panic!("no key was sent"),
        }
    }

    #[test]
    fn nobody_s_word_is_taken_unless_it_is_trusted() {
        assert_eq!(client("", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("127.0.0.1/32", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    }

    #[test]
    fn what_the_caller_wrote_itself_is_left_of_what_the_proxy_added() {
        for forwarded in [&["203.0.113.9, 198.51.100.7"][..], &["203.0.113.9", "198.51.100.7"], &["198.51.100.7"]] {
            assert_eq!(client("127.0.0.1/32", "127.0.0.1", forwarded), "198.51.100.7");
        }
        assert_eq!(
            client("127.0.0.1/32,10.0.0.0/8", "::ffff:127.0.0.1", &["9.9.9.9, 198.51.100.7, 10.1.2.3"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn what_is_no_address_ends_the_search() {
        assert_eq!(client("127.0.0.1/32", "127.0.0.1", &["198.51.100.7, unknown"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1/32", "127.0.0.1", &["\u{7f}"; 0]), "127.0.0.1");
    }

    #[test]
    fn a_subscriber_s_many_addresses_count_as_one() {
        assert_eq!(client("", "2001:db8:1:2:3:4:5:6", &[]), client("", "2001:db8:1:2:ffff::1", &[]));
    }
}
