//! Keyed hashes of customers' identifiers, and who was erased.
//!
//! What is kept of an upload may have a pseudonym in place of each identifier: nobody can tell from one whom it stands
//! for, nor try identifiers out, without the key. The key is made once, in `identifiers.key` of `STATE_DIR`, for its
//! owner alone. A customer who is erased is remembered by pseudonym alone (`erased.json`), and no training reads a row
//! of theirs again, from whatever file. Both files belong in a backup: without the key nobody is recognised any more,
//! so a list of erased customers without its key, or beside another one, is an error, and no new key is made.
//!
//! A pseudonym is SHA-256 over the key and the hash that a table has for an identifier, cut to that hash's length; a
//! digest that is cut cannot be extended. Blocking.

mod erasures;

use std::io;
use std::path::Path;

use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::causes::{from_hex, hex};
use crate::customer::{KeyedTable, RowKey};
use crate::durable;

pub use erasures::{Erased, Erasures};

const KEY_FILE: &str = "identifiers.key";
const KEY_BYTES: usize = 32;
const KEY_LOST: &str =
    "identifiers.key is missing, and erased.json names customers by it: restore both from one backup";
const OTHER_KEY: &str =
    "identifiers.key is another key than the one that erased.json names customers by: restore both from one backup";
/// The byte behind the key, so that identifiers, rows and the key itself have different hashes.
const OF_IDENTIFIER: u8 = 1;
const OF_ROW: u8 = 2;
const OF_KEY: u8 = 3;

/// The key, and the customers who were erased.
pub struct Pseudonyms {
    key: [u8; KEY_BYTES],
    erased: FxHashSet<u64>,
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Pseudonyms {
    /// Those of this folder; `None` where no key was ever needed there.
    ///
    /// # Errors
    /// When a file cannot be read, or does not hold what it should; when customers were erased by a key that is gone,
    /// or by another one.
    pub fn load(state_dir: &Path) -> io::Result<Option<Self>> {
        let text = match durable::open_regular(&state_dir.join(KEY_FILE)).and_then(io::read_to_string) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // By another key nobody is recognised: those who were erased would be read again.
                let is_lost = Erasures::load(state_dir)?.pseudonyms().next().is_some();
                return if is_lost { Err(invalid(KEY_LOST)) } else { Ok(None) };
            }
            text => text.map_err(|error| io::Error::new(error.kind(), format!("{KEY_FILE}: {error}")))?,
        };
        let key = from_hex(text.trim()).ok_or_else(|| invalid("identifiers.key is not a key of 64 hex digits"))?;
        let erasures = Erasures::load(state_dir)?;
        let pseudonyms = Self { key, erased: erasures.pseudonyms().collect() };
        if erasures.are_of_another_key(&pseudonyms.mark()) {
            return Err(invalid(OTHER_KEY));
        }
        Ok(Some(pseudonyms))
    }

    /// Those of this folder, where a key is made if there is none.
    ///
    /// # Errors
    /// As [`Pseudonyms::load`]; when the key cannot be written.
    pub fn open(state_dir: &Path) -> io::Result<Self> {
        if let Some(pseudonyms) = Self::load(state_dir)? {
            return Ok(pseudonyms);
        }
        durable::create_private_folder(state_dir)?;
        // Each has 122 bits of the system's randomness.
        let random = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
        let key = Sha256::digest(random.map(Uuid::into_bytes).concat());
        let staged = state_dir.join(format!(".{KEY_FILE}-{}", Uuid::new_v4().simple()));
        durable::write_private_new(&state_dir.join(KEY_FILE), &staged, hex(key).as_bytes())?;
        // Another process may have been faster: what is in the file counts.
        Self::load(state_dir)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The pseudonym of an identifier's hash.
    pub fn of(&self, identity: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.digest(OF_IDENTIFIER, &identity.to_le_bytes());
        u64::from_le_bytes([a, b, c, d, e, f, g, h]).max(1)
    }

    /// What tells this key from others, and is no help in finding it: 8 hex digits.
    pub fn mark(&self) -> String {
        let [a, b, c, d, ..] = self.digest(OF_KEY, &[]);
        hex([a, b, c, d])
    }

    /// The table with pseudonyms in place of its hashes of identifiers and rows.
    #[must_use]
    pub fn blinded(&self, table: KeyedTable) -> KeyedTable {
        table.with_keys(|key| {
            let identity = if key.is_of_somebody() { self.of(key.identity()) } else { key.identity() };
            let row: [u8; KEY_BYTES] = self.digest(OF_ROW, &key.hash().to_le_bytes());
            let hash = row.iter().take(16).fold(0, |hash, &byte| hash << 8 | u128::from(byte));
            RowKey::new(identity, key.row_number(), hash)
        })
    }

    /// Whether the customer of this pseudonym was erased.
    pub fn is_erased(&self, pseudonym: u64) -> bool {
        self.erased.contains(&pseudonym)
    }

    /// A table of pseudonyms without the rows of customers who were erased.
    #[must_use]
    pub fn without_erased(&self, table: KeyedTable) -> KeyedTable {
        if self.erased.is_empty() { table } else { table.without(|pseudonym| self.erased.contains(&pseudonym)) }
    }

    fn digest(&self, of: u8, bytes: &[u8]) -> [u8; KEY_BYTES] {
        Sha256::new().chain_update(self.key).chain_update([of]).chain_update(bytes).finalize().into()
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_other_keys_give_other_pseudonyms() {
        let dir = tempfile::tempdir().unwrap();
        let [here, there] = ["state", "other"].map(|name| dir.path().join(name));
        assert!(Pseudonyms::load(&here).unwrap().is_none());
        let pseudonyms = std::thread::scope(|scope| {
            let made: Vec<_> = (0..4).map(|_| scope.spawn(|| Pseudonyms::open(&here).unwrap())).collect();
            made.into_iter().map(|made| made.join().unwrap().of(7)).collect::<Vec<_>>()
        });
        assert!(pseudonyms.iter().all(|&pseudonym| pseudonym == pseudonyms[0] && pseudonym != 7), "{pseudonyms:?}");
        let [one, again, other] = [&here, &here, &there].map(|dir| Pseudonyms::open(dir).unwrap());
        assert_ne!(other.of(7), pseudonyms[0]);
        assert!(one.mark() == again.mark() && one.mark() != other.mark() && one.mark().len() == 8, "{}", one.mark());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&here), mode(&here.join(KEY_FILE))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&here).unwrap().count(), 1);
        fs::write(here.join(KEY_FILE), "too short").unwrap();
        assert!(Pseudonyms::load(&here).is_err() && Pseudonyms::open(&here).is_err());
    }

    #[test]
    fn without_the_key_of_those_who_were_erased_nothing_is_read_and_no_other_key_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let pseudonyms = Pseudonyms::open(dir.path()).unwrap();
        let mut erasures = Erasures::default();
        erasures.add((pseudonyms.of(7), &pseudonyms.mark()), jiff::Timestamp::UNIX_EPOCH, []);
        erasures.save(dir.path()).unwrap();
        assert!(Pseudonyms::load(dir.path()).unwrap().unwrap().is_erased(pseudonyms.of(7)));
        let fails_as = |why: &str| {
            for failed in [Pseudonyms::load(dir.path()).map(|_| ()), Pseudonyms::open(dir.path()).map(|_| ())] {
                assert_eq!(failed.unwrap_err().to_string(), why);
            }
        };
        fs::write(dir.path().join(KEY_FILE), "ab".repeat(KEY_BYTES)).unwrap();
        fails_as(OTHER_KEY);
        fs::remove_file(dir.path().join(KEY_FILE)).unwrap();
        fails_as(KEY_LOST);
        assert!(!dir.path().join(KEY_FILE).exists());
    }
}
