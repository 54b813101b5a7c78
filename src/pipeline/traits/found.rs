//! What the trait test finds.

use super::statistics::Cell;
use super::{Claim, MIN_CUSTOMERS, TraitValue};

/// The least lift.
pub(super) const MIN_LIFT: f64 = 1.25;

/// A value that is tellable.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its subject's position among `Subject::all`.
    pub subject: usize,
    pub value: TraitValue,
    /// Of all customers.
    pub cell: Cell,
    /// Of the customers with a value, where their shares are told, too.
    pub known: Option<Cell>,
    pub claim: Claim,
}

impl Found {
    /// Takes all customers of the group for having the value: "true of all" is true of over 95 %, and does not tell
    /// whether few have another.
    pub fn hide_the_few_beside(&mut self) {
        (self.cell.k, self.known) = (self.cell.n, None);
    }
}

/// How much more or less often than everywhere a column is filled in, for its blanks to be worth a word.
const MIN_FILLED_RATIO: f64 = 1.1;

/// The cell among the customers with a value, given that among all: `None` where the column is filled in about as often
/// as everywhere. Fewer than [`MIN_CUSTOMERS`] customers without a value count as none, or the shares would tell how
/// few they are.
pub(super) fn among_filled_in(of_all: Cell, among_known: Cell) -> Option<Cell> {
    let told = |blanks: f64| if blanks < MIN_CUSTOMERS as f64 { 0.0 } else { blanks };
    let own = of_all.n - among_known.n;
    let of_others = of_all.big_n - among_known.big_n - own;
    let (own, of_others) = (told(own), told(of_others));
    let cell = Cell { n: of_all.n - own, big_n: of_all.big_n - own - of_others, ..of_all };
    let ratio = (cell.n / of_all.n) / (cell.big_n / of_all.big_n);
    (ratio.max(1.0 / ratio) >= MIN_FILLED_RATIO).then_some(cell)
}
