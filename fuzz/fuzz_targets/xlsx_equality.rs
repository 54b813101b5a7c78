//! The reading of a plain `.xlsx` and calamine's: the same table, row for row and key for key, wherever calamine makes
//! one.
//!
//! An input is one of the target `workbook`: a file, or the XML of a sheet. What breaks down inside calamine is no
//! finding (`theirs`), and tells nothing about the other way. Where a parser is needed calamine takes some XML for
//! other XML (it stops at a comment within a number); there it is enough that what is read is whole.
#![no_main]

use content_portal::workbook::both_ways;
use content_portal_fuzz::memory::{self, Allocator};
use content_portal_fuzz::{theirs, workbooks};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Allocator = memory::allocator();

fuzz_target!(init: theirs::watch(&ALLOCATOR), |input: &[u8]| {
    let file = workbooks::file_of(input);
    let read = theirs::forgive(|| memory::within(&ALLOCATOR, 128 << 20, || both_ways(&file)));
    let Some(both) = read.flatten() else { return };
    if let Ok(read) = &both.read {
        workbooks::check_whole(read.table());
        if let (Ok(by_calamine), true) = (&both.by_calamine, both.is_plain) {
            assert_eq!(read, by_calamine);
        }
    }
});
