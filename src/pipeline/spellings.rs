//! Names of a table found among those of a training, also where another spelling of the same name is written there:
//! a model may have been trained on `STRASSE`, or before letters and their marks were made one.

use std::cell::OnceCell;

use rustc_hash::FxHashMap;

use super::TraitValue;
use crate::customer::spelling_key;

/// Positions of known names by the key of their spellings; made on the first name that is not known as it is.
#[derive(Debug, Default)]
pub(super) struct Spellings(OnceCell<FxHashMap<String, usize>>);

impl Spellings {
    /// The position of a name among `known` under which it is the same to a reader. Of several the first.
    pub fn position<'v>(&self, value: &TraitValue, known: impl Iterator<Item = &'v TraitValue>) -> Option<usize> {
        let TraitValue::Name(name) = value else { return None };
        let positions = self.0.get_or_init(|| {
            let mut positions = FxHashMap::default();
            for (position, value) in known.enumerate() {
                if let TraitValue::Name(name) = value {
                    positions.entry(spelling_key(name)).or_insert(position);
                }
            }
            positions
        });
        positions.get(&spelling_key(name)).copied()
    }
}
