//! What the targets share: checks of public functions, the limit of memory, and whether a panic is calamine's.
//!
//! Checks of private functions are in the crate's `fuzzing` modules (feature `fuzzing`).

#![feature(alloc_error_hook)]

pub mod customers;
pub mod memory;
pub mod theirs;
pub mod workbooks;
