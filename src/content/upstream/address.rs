//! Which addresses a picture may be fetched from.
//!
//! A server's answer is data from outside: an address in it must not become a way into the machine or its network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Why an address is not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedAddress {
    #[error("the picture's address is not a URL")]
    NoUrl,
    #[error("the picture's address has a scheme that is not allowed")]
    Scheme,
    #[error("the picture's address holds credentials")]
    Credentials,
    #[error("the picture's address is inside this machine or its network")]
    Inside,
}

/// The address as a URL that may be fetched, for a server at `base`: `https`, or `http` too where the server itself is
/// reached so; no literal address that is not public and no `localhost`, unless it is the server's own host.
///
/// # Errors
/// [`RefusedAddress`] says which of these does not hold.
pub fn fetchable(address: &str, base: &Url) -> Result<Url, RefusedAddress> {
    let url = Url::parse(address.trim()).map_err(|_| RefusedAddress::NoUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if base.scheme() == "http" => {}
        _ => return Err(RefusedAddress::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RefusedAddress::Credentials);
    }
    let host = url.host_str().ok_or(RefusedAddress::NoUrl)?;
    if base.host_str() != Some(host) && !is_outside(host) {
        return Err(RefusedAddress::Inside);
    }
    Ok(url)
}

/// Whether a host of a URL is a name, or a public address; the URL's parser has already made one form of every way to
/// write an address.
fn is_outside(host: &str) -> bool {
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match literal.parse() {
        Ok(address) => is_public(address),
        Err(_) => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            name != "localhost" && !name.ends_with(".localhost")
        }
    }
}

/// Whether an address is nobody's private one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    // 100.64.0.0/10 is shared by carriers and clouds (RFC 6598), 0.0.0.0/8 is this network (RFC 1122).
    let is_shared = a == 100 && b & 0xc0 == 64;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || is_shared
        || a == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped().or_else(|| embedded_v4(address)) {
        return is_public_v4(v4);
    }
    !(address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local())
}

/// The IPv4 address inside a NAT64 (64:ff9b::/96, RFC 6052) or 6to4 (2002::/16, RFC 3056) one.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(address: &str, base: &str) -> Result<String, RefusedAddress> {
        fetchable(address, &Url::parse(base).unwrap()).map(|url| url.to_string())
    }

    #[test]
    fn a_public_address_may_be_fetched_and_http_only_beside_http() {
        let (secure, plain) = ("https://api.openai.com/v1", "http://models.example:8080/v1");
        assert!(outcome("https://blob.example/a.png?sig=1", secure).is_ok());
        assert!(outcome("https://93.184.216.34/a.png", secure).is_ok());
        assert_eq!(outcome("http://blob.example/a.png", secure), Err(RefusedAddress::Scheme));
        assert!(outcome("http://blob.example/a.png", plain).is_ok());
        for address in ["file:///etc/passwd", "ftp://blob.example/a", "data:image/png;base64,AAAA"] {
            assert_eq!(outcome(address, plain), Err(RefusedAddress::Scheme), "{address}");
        }
        assert_eq!(outcome("/relative.png", plain), Err(RefusedAddress::NoUrl));
        assert_eq!(outcome("https://user:pass@blob.example/a", secure), Err(RefusedAddress::Credentials));
    }

    #[test]
    fn nothing_inside_the_machine_or_its_network_is_fetched_however_it_is_written() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "0.0.0.0",
            "10.0.0.8",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[ff02::1]",
        ] {
            for base in ["https://api.openai.com/v1", "http://models.example/v1"] {
                let address = format!("https://{host}/a.png");
                assert_eq!(outcome(&address, base), Err(RefusedAddress::Inside), "{address}");
            }
        }
    }

    #[test]
    fn the_server_s_own_host_may_be_inside() {
        assert!(outcome("http://localhost:9000/a.png", "http://localhost:8080/v1").is_ok());
        assert!(outcome("http://127.0.0.1/a.png", "http://127.0.0.1:8080/v1").is_ok());
        assert_eq!(outcome("http://127.0.0.2/a.png", "http://127.0.0.1:8080/v1"), Err(RefusedAddress::Inside));
    }
}
