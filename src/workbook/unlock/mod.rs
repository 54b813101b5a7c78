//! Workbooks that are encrypted although nobody chose a password: Excel encrypts some that are only marked read-only,
//! or whose structure is protected, with a password of its own, and opens them without asking for it ([MS-OFFCRYPTO]
//! 2.3.7.6 names it for `.xls`; `.xlsx` files carry it too).
//!
//! A password that a person chose is never guessed: the error asks to take it off.

mod biff;
mod package;

pub(super) use biff::unlock_biff;
pub(super) use package::unlock_package;

/// The password that Excel tries before it asks for one.
const DEFAULT_PASSWORD: &str = "VelvetSweatshop";

/// It as it is hashed.
fn password() -> Vec<u8> {
    DEFAULT_PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
