//! What a reader process answers that is not ours any more.
#![no_main]

use content_portal::workbook::fuzzing::check_answer;
use content_portal_fuzz::memory::{self, Allocator};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Allocator = memory::allocator();

fuzz_target!(|input: &[u8]| {
    memory::within(&ALLOCATOR, 32 << 20, || check_answer(input));
});
