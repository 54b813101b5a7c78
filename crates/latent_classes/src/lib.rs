#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

// The path of a fit, one file a step:
//
//   params → model → rows (canonical order) → search ─┬─ start ── random
//                                                     └─ climb ── classes    EM: expectation and maximisation
//
// `model` also answers for new rows, `parts` stores and checks a model, `bins` makes categories of numbers.

mod bins;
mod classes;
mod climb;
mod errors;
mod limits;
mod linfa_traits;
mod model;
mod params;
mod parts;
mod random;
mod rows;
mod search;
mod start;

pub use bins::Bins;
pub use errors::{Damage, LatentClassError, LinfaError};
pub use model::{LatentClassModel, Prediction};
pub use params::{LatentClassParams, LatentClassValidParams};
pub use parts::LatentClassParts;
pub use rows::MISSING;
pub use search::Candidate;
