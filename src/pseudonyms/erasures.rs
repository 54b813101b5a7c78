//! The customers who were erased, by pseudonym, with when and where rows of theirs were found.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::durable;

const FILE: &str = "erased.json";

/// A customer who was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The pseudonym, as 16 hex digits.
    customer: String,
    /// The mark of the key that the pseudonym is by; `None` where an earlier program noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// When it was asked for first.
    pub at: Timestamp,
    /// The files in which rows were found, as reports of trainings call them.
    pub files: BTreeSet<String>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Erasures(Vec<Erased>);

impl Erasures {
    /// Those of this folder.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or does not hold what it should.
    pub fn load(state_dir: &Path) -> io::Result<Self> {
        match durable::read_regular(&state_dir.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(io::Error::new(error.kind(), format!("{FILE}: {error}"))),
            json => {
                let erased: Vec<Erased> = serde_json::from_slice(&json?)?;
                let is_one = |erased: &Erased| u64::from_str_radix(&erased.customer, 16).is_ok();
                // One that is passed over would be read again.
                if erased.iter().all(is_one) { Ok(Self(erased)) } else { Err(super::invalid("erased.json is damaged")) }
            }
        }
    }

    /// Notes that the customer of this pseudonym, by the key of this mark, is erased, with further files; returns all
    /// that is known.
    pub fn add(
        &mut self,
        (pseudonym, mark): (u64, &str),
        at: Timestamp,
        files: impl IntoIterator<Item = String>,
    ) -> &Erased {
        let customer = format!("{pseudonym:016x}");
        let known = self.0.iter().position(|erased| erased.customer == customer);
        let position = known.unwrap_or_else(|| {
            self.0.push(Erased { customer, key: None, at, files: BTreeSet::new() });
            self.0.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or added just now")]
        let erased = &mut self.0[position];
        erased.key = Some(mark.to_owned());
        erased.files.extend(files);
        erased
    }

    /// Writes them; they last when this returns.
    ///
    /// # Errors
    /// What the system said.
    pub fn save(&self, state_dir: &Path) -> io::Result<()> {
        let staged = state_dir.join(format!(".{FILE}-{}", Uuid::new_v4().simple()));
        durable::write_private(&state_dir.join(FILE), &staged, &serde_json::to_vec_pretty(&self.0)?)
    }

    /// Whether any of them was noted by another key than that of this mark.
    pub(super) fn are_of_another_key(&self, mark: &str) -> bool {
        self.0.iter().any(|erased| erased.key.as_deref().is_some_and(|key| key != mark))
    }

    /// Their pseudonyms.
    pub fn pseudonyms(&self) -> impl Iterator<Item = u64> {
        self.0.iter().filter_map(|erased| u64::from_str_radix(&erased.customer, 16).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn who_was_erased_is_remembered_and_a_damaged_list_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut erasures = Erasures::load(dir.path()).unwrap();
        let [first, later] = [1_700_000_000, 1_800_000_000].map(|second| Timestamp::from_second(second).unwrap());
        erasures.add((7, "0a1b2c3d"), first, ["a.csv".to_owned()]);
        erasures.save(dir.path()).unwrap();
        let mut erasures = Erasures::load(dir.path()).unwrap();
        let erased = erasures.add((7, "0a1b2c3d"), later, ["b.csv".to_owned()]).clone();
        assert_eq!((erased.at, erased.files.len()), (first, 2));
        assert_eq!(erasures.pseudonyms().collect::<Vec<_>>(), [7]);
        for damaged in ["[", r#"[{"customer":"x","at":"2026-01-01T00:00:00Z","files":[]}]"#] {
            fs::write(dir.path().join(FILE), damaged).unwrap();
            assert!(Erasures::load(dir.path()).is_err(), "{damaged}");
        }
    }
}
