//! Streams that a data engine sends, to be placed or trained on.
#![no_main]

use std::sync::Once;

use content_portal::assign::fuzzing::check_stream;
use content_portal::assign::is_decoding;
use content_portal_fuzz::memory::{self, Allocator};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Allocator = memory::allocator();

static HOOK: Once = Once::new();

fuzz_target!(|input: &[u8]| {
    // A panic of the decoder is an answer to a damaged message; libFuzzer's hook would end the run at it.
    HOOK.call_once(|| {
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_decoding() {
                end(panic);
            }
        }));
    });
    memory::within(&ALLOCATOR, 600 << 20, || check_stream(input));
});
