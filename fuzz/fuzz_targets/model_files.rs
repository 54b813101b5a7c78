//! A version's files: what loads can be asked, and takes no more memory than its size justifies.
#![no_main]

use content_portal::model_store::fuzzing::check_files;
use content_portal_fuzz::memory::{self, Allocator};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Allocator = memory::allocator();

fuzz_target!(|input: &[u8]| {
    memory::within(&ALLOCATOR, 32 << 20, || check_files(input));
});
