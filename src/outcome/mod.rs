//! What a campaign came to: of the people that each text was sent to, how many acted, and whether the texts differ.
//!
//! Pure: counts in, numbers and sentences out. Knows no file and no model; two formulas are [`crate::pipeline`]'s.

mod counts;
mod decimals;
mod detectable;
mod judged;
mod stratified;

pub use counts::Sending;
pub use decimals::decimals;
pub use judged::{ContentOutcome, GroupOutcome, Outcome, Test};

#[cfg(test)]
mod tests;
