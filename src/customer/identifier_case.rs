//! Identifiers that differ in case alone: `0015g00000Xy00A` and `0015g00000Xy00a` are two customers here, and a note
//! says so. Of most identifiers case is no part; then there is nothing to note.

use rustc_hash::FxHashSet;

use super::Note;
use super::newest::NOBODY;

/// The identifiers of one file of which case is part: 16 bytes a row.
#[derive(Debug, Clone, Default)]
pub(super) struct IdentifierCase {
    /// What each would be if it were not, and what it is, by their hashes.
    identities: Vec<(u64, u64)>,
}

impl IdentifierCase {
    /// One more row that is read.
    pub fn add(&mut self, identity: u64, folded_identity: u64) {
        if folded_identity != NOBODY {
            self.identities.push((folded_identity, identity));
        }
    }

    /// The note; `all` are the identifiers of the rows that were kept.
    pub fn note(mut self, all: impl Iterator<Item = u64>) -> Option<Note> {
        let folded: FxHashSet<u64> = self.identities.iter().map(|&(folded, _)| folded).collect();
        if folded.is_empty() {
            return None;
        }
        self.identities.extend(all.filter(|identity| folded.contains(identity)).map(|identity| (identity, identity)));
        self.identities.sort_unstable();
        self.identities.dedup();
        let alike = self.identities.chunk_by(|one, next| one.0 == next.0).map(<[_]>::len).filter(|&n| n > 1);
        let sentence = match alike.sum::<usize>() {
            0 => return None,
            n => format!(
                "{n} identifiers differ from another in case alone, as C1aB and C1ab do: each counts as a customer. If \
                 they are one, write them in one way"
            ),
        };
        Some(Note::new(Note::IDENTIFIERS_DIFFER_BY_CASE, sentence))
    }
}
