//! Rows of one file that have the identifier of another row: noted where each of them counts, as in an upload. A
//! training takes the newest row of a customer instead ([`super::NewestStands`]).

use rustc_hash::FxHashMap;

use super::Note;
use super::newest::{MAX_ROWS_OF_ONE, NOBODY};

/// How many rows each identifier has, by its hash.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeated {
    rows_of: FxHashMap<u64, usize>,
}

impl Repeated {
    /// One more row that counts.
    pub fn add(&mut self, identity: u64) {
        if identity != NOBODY {
            *self.rows_of.entry(identity).or_default() += 1;
        }
    }

    /// The note; `None` where no row has another's identifier, or the column tells no customers apart: fewer than half
    /// of its cells are distinct.
    pub fn note(&self) -> Option<Note> {
        let filled: usize = self.rows_of.values().sum();
        if 2 * self.rows_of.len() < filled {
            return None;
        }
        let of_one = self.rows_of.values().filter(|&&rows| rows <= MAX_ROWS_OF_ONE);
        let repeated: usize = of_one.map(|rows| rows - 1).sum();
        let sentence = match repeated {
            0 => return None,
            1 => {
                "1 row has the identifier of another row; each counts here, and a training takes the newest".to_owned()
            }
            n => format!(
                "{n} rows have the identifier of another row; each counts here, and a training takes the newest of a \
                 customer"
            ),
        };
        Some(Note::new(Note::REPEATED_IDENTIFIERS, sentence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(identities: impl IntoIterator<Item = u64>) -> Option<String> {
        let mut repeated = Repeated::default();
        identities.into_iter().for_each(|identity| repeated.add(identity));
        repeated.note().map(|note| note.sentence)
    }

    #[test]
    fn rows_of_a_customer_who_has_one_already_are_counted() {
        assert_eq!(note(1..100), None);
        assert_eq!(note([]), None);
        assert!(note((1..100).chain([5])).unwrap().starts_with("1 row has the identifier of another row"));
        assert!(note((1..100).chain([5, 5, 7])).unwrap().starts_with("3 rows have the identifier of another row"));
    }

    #[test]
    fn a_placeholder_and_a_column_that_is_the_same_everywhere_identify_nobody() {
        assert_eq!(note((1..100).chain([NOBODY; 50])), None);
        assert_eq!(note((1..100).chain([200; MAX_ROWS_OF_ONE + 1])), None);
        assert_eq!(note((1..10).chain(1..10).chain(1..10)), None);
    }
}
