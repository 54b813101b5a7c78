//! What the targets share: what they check through the public doors, how much memory they may take, and whose a panic is.
//!
//! What a target checks behind a private door stands beside that door, in the crate's own `fuzzing` modules.

#![feature(alloc_error_hook)]

pub mod customers;
pub mod memory;
pub mod theirs;
pub mod workbooks;
