//! `workbook::read` on any bytes: `.xlsx`, `.xls`, `.csv`, whatever else; and on any XML in a sound container.
//!
//! A finding is a panic of this crate's, more memory than a reader process has for such small files, or more than ten
//! seconds. What breaks down inside calamine is none (`theirs`).
#![no_main]

use content_portal_fuzz::memory::{self, Allocator};
use content_portal_fuzz::{theirs, workbooks};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Allocator = memory::allocator();

fuzz_target!(
    init: theirs::watch(&ALLOCATOR),
    |input: &[u8]| {
        let outcome = theirs::forgive(|| {
            let file = workbooks::file_of(input);
            memory::within(&ALLOCATOR, 64 << 20, || workbooks::read(&file))
        });
        if let Some(outcome) = outcome {
            workbooks::check(&outcome);
        }
    }
);
