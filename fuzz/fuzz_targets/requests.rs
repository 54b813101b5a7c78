//! What callers send: bodies, form fields, file names, the Host header; and what a model answers.
#![no_main]

use content_portal::http::fuzzing::check_request;
use content_portal_fuzz::memory::{self, Allocator};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Allocator = memory::allocator();

fuzz_target!(|input: &[u8]| memory::within(&ALLOCATOR, 32 << 20, || check_request(input)));
