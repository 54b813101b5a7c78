//! Rows of one file that have the identifier of another row: noted where each of them counts, as in an upload. A
//! training takes the newest row of a customer instead ([`super::NewestStands`]).

use super::Note;
use super::identifier_belief::Belief;
use super::newest::NOBODY;

/// Bits for each row by which identifiers are told that come again; one in thirty others is taken for such.
const BITS_A_ROW: usize = 16;

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

    /// Takes out the rows of these identifiers.
    pub fn forget(&mut self, is_nobodys: impl Fn(u64) -> bool) {
        self.identities.retain(|&identity| !is_nobodys(identity));
    }

    /// The identifiers so far.
    pub fn identities(&self) -> impl Iterator<Item = u64> {
        self.identities.iter().copied()
    }

    /// Whether they tell customers apart.
    pub fn belief(&self) -> Belief {
        self.belief_by(&self.suspects())
    }

    /// The notes on the column that is called so: that rows have the identifier of another one, or that the column
    /// tells nobody apart.
    pub fn notes(&self, column: &str) -> impl Iterator<Item = Note> {
        let suspects = self.suspects();
        let belief = self.belief_by(&suspects);
        let of_one = rows_of_each(&suspects).filter(|&rows| belief.is_customer(rows));
        note(of_one.map(|rows| rows - 1).sum()).into_iter().chain(belief.note(column))
    }

    fn belief_by(&self, suspects: &[u64]) -> Belief {
        let mut belief = Belief::default();
        belief.add_single(self.identities.len() - suspects.len());
        rows_of_each(suspects).for_each(|rows| belief.add(rows));
        belief
    }

    /// Every row whose identifier comes again, and few others, sorted: nearly all rows have one of their own, and
    /// sorting them would take longer than all else at the end of a file. Two identifiers that are the same have the
    /// same bit, which is met again.
    fn suspects(&self) -> Vec<u64> {
        let n_bits = (BITS_A_ROW * self.identities.len()).next_power_of_two().max(64);
        let place = |identity: u64| {
            let bit = identity >> (u64::BITS - n_bits.trailing_zeros());
            (usize::try_from(bit / 64).unwrap_or_default(), 1_u64 << (bit % 64))
        };
        let (mut met, mut again) = (vec![0_u64; n_bits / 64], vec![0_u64; n_bits / 64]);
        for &identity in &self.identities {
            let (at, bit) = place(identity);
            match (met.get_mut(at), again.get_mut(at)) {
                (Some(met), _) if *met & bit == 0 => *met |= bit,
                (_, Some(again)) => *again |= bit,
                _ => {}
            }
        }
        let comes_again = |identity: &u64| {
            let (at, bit) = place(*identity);
            again.get(at).is_some_and(|again| again & bit != 0)
        };
        let mut suspects: Vec<u64> = self.identities.iter().copied().filter(comes_again).collect();
        suspects.sort_unstable();
        suspects
    }
}

/// The note on so many rows that have the identifier of another one.
fn note(repeated: usize) -> Option<Note> {
    let sentence = match repeated {
        0 => return None,
        1 => "1 row has the identifier of another row; each counts here, and a training takes the newest".to_owned(),
        n => format!(
            "{n} rows have the identifier of another row; each counts here, and a training takes the newest of a \
             customer"
        ),
    };
    Some(Note::new(Note::REPEATED_IDENTIFIERS, sentence))
}

/// How many rows each of these has.
fn rows_of_each(sorted: &[u64]) -> impl Iterator<Item = usize> {
    sorted.chunk_by(PartialEq::eq).map(<[u64]>::len)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const MAX_ROWS: usize = crate::customer::identifier_belief::MAX_ROWS_OF_ONE;

    /// The sentence on rows that have the identifier of another one.
    fn note(identities: impl IntoIterator<Item = u64>) -> Option<String> {
        let mut repeated = Repeated::default();
        identities.into_iter().for_each(|identity| repeated.add(identity));
        let mut notes = repeated.notes("ID").filter(|note| note.is(Note::REPEATED_IDENTIFIERS));
        notes.next().map(|note| note.sentence)
    }

    #[test]
    fn rows_of_a_customer_who_has_one_already_are_counted() {
        assert_eq!(note(1..100), None);
        assert_eq!(note([]), None);
        assert!(note((1..100).chain([5])).unwrap().starts_with("1 row has the identifier of another row"));
        assert!(note((1..100).chain([5, 5, 7])).unwrap().starts_with("3 rows have the identifier of another row"));
    }

    proptest! {
        #[test]
        fn those_that_come_again_are_found_wherever_their_bits_are(
            identities in prop::collection::vec(
                prop_oneof![any::<u64>(), 1_u64..30, any::<u8>().prop_map(|n| u64::from(n) << 56 | 1)],
                0..300,
            ),
        ) {
            let (mut repeated, mut rows) = (Repeated::default(), BTreeMap::<u64, usize>::new());
            for &identity in identities.iter().filter(|&&identity| identity != NOBODY) {
                repeated.add(identity);
                *rows.entry(identity).or_default() += 1;
            }
            let n_rows: usize = rows.values().sum();
            let belief = repeated.belief();
            prop_assert_eq!((belief.n_distinct, belief.n_rows), (rows.len(), n_rows));
            let n_again: usize = rows.values().filter(|&&n| n <= MAX_ROWS).map(|n| n - 1).sum();
            let first = repeated.notes("ID").find(|note| note.is(Note::REPEATED_IDENTIFIERS));
            let number = first.and_then(|note| note.sentence.split(' ').next()?.parse().ok());
            prop_assert_eq!(number, (n_again > 0 && belief.tells_apart()).then_some(n_again));
        }
    }

    #[test]
    fn a_placeholder_and_a_column_that_is_the_same_everywhere_identify_nobody() {
        assert_eq!(note((1..100).chain([NOBODY; 50])), None);
        assert_eq!(note((1..100).chain([200; MAX_ROWS + 1])), None);
        assert_eq!(note((1..10).chain(1..10).chain(1..10)), None);
    }
}
