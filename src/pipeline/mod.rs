//! The learned part of the service: pure, synchronous and seeded.
//!
//! No I/O, no async, no clock in here: a fit is a function of its customers, its parameters and its
//! seed. May import [`crate::customer`] alone.

pub mod hdbscan;
mod persona;
pub mod scores;
pub mod umap;

pub use persona::{Persona, Trait, TraitCounts, TraitValue, count_traits};
