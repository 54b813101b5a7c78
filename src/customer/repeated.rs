//! Rows of one file that have the identifier of another row: noted where each of them counts, as in an upload. A
//! training takes the newest row of a customer instead ([`super::NewestStands`]).

use super::Note;
use super::newest::{MAX_ROWS_OF_ONE, NOBODY};

/// The identifiers of the rows, by their hashes, in no order: 8 bytes a row. They are counted once all are there, since
/// each look into a large map waits for the memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeated {
    identities: Vec<u64>,
}

impl Repeated {
    /// One more row that counts.
    pub fn add(&mut self, identity: u64) {
        if identity != NOBODY {
            self.identities.push(identity);
        }
    }

    /// How many different identifiers there are, in how many rows, where they tell hardly any customers apart.
    pub fn distinct(&mut self) -> Option<(usize, usize)> {
        self.identities.sort_unstable();
        let n_distinct = self.identities.chunk_by(PartialEq::eq).count();
        (2 * n_distinct < self.identities.len()).then_some((n_distinct, self.identities.len()))
    }

    /// The note; `None` where no row has another's identifier, or the column tells no customers apart: fewer than half
    /// of its cells are distinct.
    pub fn note(mut self) -> Option<Note> {
        self.identities.sort_unstable();
        let rows_of_each = || self.identities.chunk_by(PartialEq::eq).map(<[u64]>::len);
        if 2 * rows_of_each().count() < self.identities.len() {
            return None;
        }
        let of_one = rows_of_each().filter(|&rows| rows <= MAX_ROWS_OF_ONE);
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
