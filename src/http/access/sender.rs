//! Who sends a request: by which key, from which address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::client::{Client, behind_nat64};
use super::keys::NamedKey;
use super::rights::Right;
use crate::content::Payer;

/// Bits of an address that are shown where it is truncated.
const SHOWN_BITS_V4: u32 = 24;
const SHOWN_BITS_V6: u32 = 48;
/// Of a 6to4 address, whose first 48 bits are these 16 and a whole IPv4 address (RFC 3056).
const PREFIX_6TO4: u16 = 0x2002;
const SHOWN_BITS_6TO4: u32 = 16 + SHOWN_BITS_V4;

/// Who sends a request; an extension of every request.
#[derive(Debug, Clone)]
pub(in crate::http) struct Sender {
    pub(super) key: SentKey,
    /// Behind trusted proxies the address that they name.
    pub(super) address: IpAddr,
}

/// The key that a request carries.
#[derive(Debug, Clone)]
pub(super) enum SentKey {
    /// None.
    Absent,
    /// One that is good.
    Good(Arc<NamedKey>),
    /// One that was good.
    Expired(Arc<NamedKey>),
    /// One that nobody knows.
    Wrong,
}

impl Sender {
    /// What becomes of its key, in one word for the audit log.
    pub fn key_state(&self) -> &'static str {
        match self.key {
            SentKey::Absent => "none",
            SentKey::Good(_) => "good",
            SentKey::Expired(_) => "expired",
            SentKey::Wrong => "wrong",
        }
    }

    /// The name of its key, also of one that has expired.
    pub fn known_name(&self) -> Option<&str> {
        match &self.key {
            SentKey::Good(key) | SentKey::Expired(key) => Some(&key.name),
            SentKey::Absent | SentKey::Wrong => None,
        }
    }

    /// The name of its key, if that is good.
    pub fn name(&self) -> Option<String> {
        self.key().map(|key| key.name.to_string())
    }

    /// Who pays for what is written; `None` without a key.
    pub fn payer(&self) -> Option<Payer> {
        self.key().map(|key| Payer { name: key.name.clone(), usd_per_day: key.budget_usd })
    }

    /// What its requests are counted by.
    pub fn client(&self) -> Client {
        self.key().map_or_else(|| Client::at(self.address), |key| Client::Key(key.key.digest()))
    }

    /// The network that it is counted with in the audit log, where it has no good key.
    pub fn keyless_network(&self) -> Option<IpAddr> {
        self.client().network().address()
    }

    /// Whether its key is good and has this right.
    pub fn has(&self, right: Right) -> bool {
        self.key().is_some_and(|key| key.rights.has(right))
    }

    /// Its address for a log: whole, or the network of it (/24, or /48 for IPv6).
    pub fn shown_address(&self, is_whole: bool) -> IpAddr {
        if is_whole {
            return self.address;
        }
        match behind_nat64(self.address) {
            IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0 << (32 - SHOWN_BITS_V4)).into(),
            IpAddr::V6(address) => {
                let is_6to4 = address.segments()[0] == PREFIX_6TO4;
                let bits = if is_6to4 { SHOWN_BITS_6TO4 } else { SHOWN_BITS_V6 };
                Ipv6Addr::from_bits(address.to_bits() & !0 << (128 - bits)).into()
            }
        }
    }

    pub(super) fn key(&self) -> Option<&Arc<NamedKey>> {
        match &self.key {
            SentKey::Good(key) => Some(key),
            SentKey::Absent | SentKey::Expired(_) | SentKey::Wrong => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_the_network_of_an_address_unless_it_may_show_the_whole() {
        for (address, network) in [
            ("198.51.100.77", "198.51.100.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("127.0.0.1", "127.0.0.0"),
            // 198.51.100.77, by 6to4 and by NAT64.
            ("2002:c633:644d::1", "2002:c633:6400::"),
            ("64:ff9b::c633:644d", "198.51.100.0"),
        ] {
            let sender = Sender { key: SentKey::Absent, address: address.parse().unwrap() };
            assert_eq!(sender.shown_address(false).to_string(), network);
            assert_eq!(sender.shown_address(true).to_string(), address);
        }
    }
}
