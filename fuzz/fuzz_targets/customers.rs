//! Headers, cells and forms: any text of any kind becomes a whole table, or is refused.
#![no_main]

use content_portal_fuzz::customers::check_sheets;
use content_portal_fuzz::memory::{self, Allocator};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Allocator = memory::allocator();

fuzz_target!(|input: &[u8]| memory::within(&ALLOCATOR, 32 << 20, || check_sheets(input)));
