//! Keys in `Authorization: Bearer …`. Their SHA-256 digests are stored, and compared in constant time.

use std::fmt;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::causes::{from_hex, hex};

/// A key. Only its digest is stored.
#[derive(Clone, Copy)]
pub struct Key([u8; 32]);

impl Key {
    /// The digest of `key`.
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// The key with this digest, 64 hexadecimal digits.
    pub fn from_hex(digest: &str) -> Option<Self> {
        from_hex(digest).map(Self)
    }

    /// The digest in hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(self.0)
    }

    /// Whether `other` is this key.
    pub(in crate::http) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The digest, by which a client is counted.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The key that a request carries; none where it carries several.
pub(super) fn bearer(headers: &HeaderMap) -> Option<Key> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let sent = all.next().filter(|_| all.next().is_none())?.to_str().ok()?;
    let (scheme, key) = sent.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Key::new(key.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_in_hexadecimal_digits_is_the_key_and_nothing_else_is() {
        let key = Key::new("a-key-of-the-portal");
        assert!(Key::from_hex(&key.to_hex()).unwrap().is(&key));
        assert!(Key::from_hex(&key.to_hex().to_uppercase()).unwrap().is(&key));
        for wrong in ["", "a-key-of-the-portal", &key.to_hex()[1..], &"+f".repeat(32), &"é".repeat(32)] {
            assert!(Key::from_hex(wrong).is_none(), "{wrong}");
        }
    }
}
