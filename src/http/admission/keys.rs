//! Keys in `Authorization: Bearer …`. Their SHA-256 digests are stored, and compared in constant time.

use std::fmt;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A key. Only its digest is stored.
#[derive(Clone, Copy)]
pub struct Key([u8; 32]);

impl Key {
    /// The digest of `key`.
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
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

/// The key that a request carries.
pub(in crate::http) fn bearer(headers: &HeaderMap) -> Option<Key> {
    let sent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = sent.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Key::new(key.trim()))
}
