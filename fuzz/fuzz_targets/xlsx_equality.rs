//! Plain reading of an `.xlsx` and calamine's: the same table, row for row and key for key, or the same refusal.
//!
//! An input is one of the target `workbook`: a file, or the XML of a sheet. What breaks down inside calamine is no finding
//! (`theirs`), and tells nothing about the other way.
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
    let Some([plainly, by_calamine]) = read.flatten() else { return };
    match (plainly, by_calamine) {
        (Ok(plainly), Ok(by_calamine)) => {
            assert_eq!(plainly, by_calamine);
            workbooks::check_whole(plainly.table());
        }
        (Err(plainly), Err(by_calamine)) => assert_eq!(plainly.to_string(), by_calamine.to_string()),
        (plainly, by_calamine) => panic!("plainly {plainly:?}, by calamine {by_calamine:?}"),
    }
});
