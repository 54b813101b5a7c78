//! The two statements that a data engine runs around us: one that groups customers into profiles, and one that joins
//! the profiles' segments to all customers.
//!
//! A training needs distinct profiles with their numbers of customers, and a customer's segment depends on the profile
//! alone. So an engine that has a hundred million customers sends a few thousand rows. Text is left as it is: it is
//! cleaned here, once for each distinct one. Of a date the engine takes the parts. Both statements make the same
//! expressions of the table's columns, so that every customer finds its profile.
//!
//! Prints statements and runs none. Names never become code: each is quoted by the rules of its dialect, and what a
//! dialect cannot quote is refused.

mod dialect;
mod name;
mod statements;

pub use dialect::Dialect;
pub use name::{NameFault, Table};
pub use statements::{Customers, Identified, StatementFault, group, join};
