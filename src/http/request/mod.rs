//! What a request holds: its body, its fields, its files, and for whom it asks.
//!
//! Shared by the handlers in [`super::routes`].

pub(super) mod body;
mod described;
pub(super) mod fields;
pub(super) mod form;
pub(super) mod ignored;
pub(super) mod incoming;
pub(super) mod keeping;
pub(super) mod known;
pub(super) mod note_codes;
pub(super) mod persona;
pub(super) mod target;
pub(super) mod workbook;
