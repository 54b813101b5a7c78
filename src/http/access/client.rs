//! The client of a request, as far as its address can be trusted.
//!
//! A client can write anything into `X-Forwarded-For`. Only what trusted proxies appended is known, which is its right
//! end. The scheme of the client's own request is what a trusted proxy says in `X-Forwarded-Proto`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The IPv6 network that each subscriber has at least, and the one that a site has at most (RFC 6177).
const SUBSCRIBER_BITS: u32 = 64;
const SITE_BITS: u32 = 48;
/// Bits before the IPv4 address in its form as an IPv6 address (`::ffff:0:0/96`).
const MAPPED_BITS: u8 = 96;

/// The other end of the connection; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Peer(pub IpAddr);

/// Networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// What requests are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::http) enum Client {
    /// The digest of the key that the request carries.
    Key([u8; 32]),
    /// The address; for IPv6 the /64 network that every subscriber has.
    Address(IpAddr),
}

/// Whom several clients may belong to: for an IPv6 address its /48 network, which is what a site has at most; otherwise
/// the client alone. A mobile carrier has many subscribers in one, so it has a share beside that of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::http) struct Network(Client);

impl TrustedProxies {
    /// Trusts these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks.into_iter().map(of_canonical).collect())
    }

    /// The scheme that the client used: `https` where a trusted proxy says so. Of several, the first is the one nearest
    /// to the client.
    pub(in crate::http) fn scheme(&self, parts: &Parts) -> &'static str {
        let is_trusted = parts.extensions.get().is_some_and(|Peer(peer)| self.trusts(peer.to_canonical()));
        let said = parts.headers.get(X_FORWARDED_PROTO).filter(|_| is_trusted).and_then(|value| value.to_str().ok());
        let first = said.unwrap_or_default().split(',').next().unwrap_or_default();
        if first.trim().eq_ignore_ascii_case("https") { "https" } else { "http" }
    }

    pub(in crate::http) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The nearest address that does not belong to a trusted proxy.
    pub(super) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        let hops = headers.get_all(X_FORWARDED_FOR).iter().rev();
        for hop in hops.flat_map(|value| value.to_str().unwrap_or_default().rsplit(',')) {
            if !self.trusts(address) {
                break;
            }
            match address_of(hop.trim()) {
                Some(before) => address = before.to_canonical(),
                None => break,
            }
        }
        address
    }
}

impl Client {
    /// The client at an address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(first_of(behind_nat64(address), SUBSCRIBER_BITS))
    }

    /// Bytes that differ between clients.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Key(digest) => digest.to_vec(),
            Self::Address(address) => address.to_string().into_bytes(),
        }
    }

    /// Whom it may belong to.
    pub fn network(&self) -> Network {
        Network(match self {
            Self::Address(address) => Self::Address(first_of(*address, SITE_BITS)),
            Self::Key(digest) => Self::Key(*digest),
        })
    }
}

impl Network {
    /// Bytes that differ between networks.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }

    /// Its first address, unless it is a key's.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.0 {
            Client::Address(address) => Some(address),
            Client::Key(_) => None,
        }
    }
}

/// The address of an entry of `X-Forwarded-For`: some proxies add the port, and write IPv6 in brackets.
fn address_of(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port)
}

/// The network as the canonical forms of its addresses are: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn of_canonical(network: IpNet) -> IpNet {
    let (address, bits) = (network.addr(), network.prefix_len());
    match (address.to_canonical(), bits.checked_sub(MAPPED_BITS)) {
        (IpAddr::V4(address), Some(bits)) => Ipv4Net::new(address, bits).map_or(network, IpNet::V4),
        _ => network,
    }
}

/// The IPv4 address that a translator writes as `64:ff9b::/96` (RFC 6052), or else the address as it is.
pub(super) fn behind_nat64(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(written) => match written.octets() {
            [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => Ipv4Addr::new(a, b, c, d).into(),
            _ => address,
        },
        IpAddr::V4(_) => address,
    }
}

/// The first address of the network of so many bits that an IPv6 address is in; IPv4 addresses as they are.
fn first_of(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !0 << (128 - bits))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let headers = forwarded.iter().map(|value| (X_FORWARDED_FOR, value.parse().unwrap())).collect();
        let networks = trusted.split_terminator(',').map(|network| network.parse().unwrap());
        let trusted = TrustedProxies::new(networks.collect());
        match Client::at(trusted.origin(peer.parse().unwrap(), &headers)) {
            Client::Address(address) => address.to_string(),
            Client::Key(_) => panic!("no key was sent"),
        }
    }

    fn scheme(trusted: &str, peer: &str, forwarded: Option<&str>) -> &'static str {
        let mut request = axum::http::Request::new(());
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        if let Some(value) = forwarded {
            request.headers_mut().insert(X_FORWARDED_PROTO, value.parse().unwrap());
        }
        TrustedProxies::new(vec![trusted.parse().unwrap()]).scheme(&request.into_parts().0)
    }

    #[test]
    fn networks_and_addresses_that_stand_for_ipv4_are_taken_as_ipv4() {
        assert_eq!(client("::ffff:10.0.0.0/104", "10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.1/128", "10.0.0.2", &["198.51.100.7"]), "10.0.0.2");
        assert_eq!(client("", "64:ff9b::198.51.100.7", &[]), "198.51.100.7");
        assert_eq!(client("", "64:ff9b:1::198.51.100.7", &[]), "64:ff9b:1::");
    }

    #[test]
    fn the_scheme_is_https_where_a_trusted_proxy_says_so_and_nowhere_else() {
        for said in ["https", "HTTPS", " https ", "https, http"] {
            assert_eq!(scheme("127.0.0.1/32", "127.0.0.1", Some(said)), "https", "{said}");
            assert_eq!(scheme("127.0.0.1/32", "::ffff:127.0.0.1", Some(said)), "https", "{said}");
            assert_eq!(scheme("127.0.0.1/32", "192.0.2.1", Some(said)), "http", "{said}");
        }
        for said in ["http", "", "javascript", "http, https"] {
            assert_eq!(scheme("127.0.0.1/32", "127.0.0.1", Some(said)), "http", "{said}");
        }
        assert_eq!(scheme("127.0.0.1/32", "127.0.0.1", None), "http");
    }

    #[test]
    fn an_untrusted_peer_s_header_is_ignored() {
        assert_eq!(client("", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("127.0.0.1/32", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    }

    #[test]
    fn what_the_client_wrote_itself_is_left_of_what_the_proxy_added_and_ignored() {
        for forwarded in [&["203.0.113.9, 198.51.100.7"][..], &["203.0.113.9", "198.51.100.7"], &["198.51.100.7"]] {
            assert_eq!(client("127.0.0.1/32", "127.0.0.1", forwarded), "198.51.100.7");
        }
        assert_eq!(
            client("127.0.0.1/32,10.0.0.0/8", "::ffff:127.0.0.1", &["9.9.9.9, 198.51.100.7, 10.1.2.3"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn entries_may_have_ports_and_brackets() {
        for (entry, address) in [
            ("198.51.100.7:5678", "198.51.100.7"),
            ("[2001:db8:1:2::7]:80", "2001:db8:1:2::"),
            ("[2001:db8:1:2::7]", "2001:db8:1:2::"),
            ("2001:db8:1:2::7", "2001:db8:1:2::"),
            ("[::ffff:198.51.100.7]:80", "198.51.100.7"),
        ] {
            assert_eq!(client("127.0.0.1/32", "127.0.0.1", &[entry]), address, "{entry}");
        }
        for wrong in ["198.51.100.7:", "198.51.100.7:99999", "[198.51.100.7", "::1]:80", "_hidden", "unknown"] {
            assert_eq!(client("127.0.0.1/32", "127.0.0.1", &[wrong]), "127.0.0.1", "{wrong}");
        }
    }

    #[test]
    fn an_invalid_address_ends_the_search() {
        assert_eq!(client("127.0.0.1/32", "127.0.0.1", &["198.51.100.7, unknown"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1/32", "127.0.0.1", &["\u{7f}"; 0]), "127.0.0.1");
    }

    #[test]
    fn a_subscriber_s_many_addresses_count_as_one() {
        assert_eq!(client("", "2001:db8:1:2:3:4:5:6", &[]), client("", "2001:db8:1:2:ffff::1", &[]));
    }
}
