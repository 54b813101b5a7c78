//! The seeds of the fuzz targets whose doors are public, through the same checks.
#![allow(clippy::expect_used, reason = "the targets' own code: what it makes by itself is sound, or it should say so")]

#[path = "../../fuzz/src/customers.rs"]
mod customers;
#[path = "../../fuzz/src/workbooks.rs"]
mod workbooks;

use std::fs;
use std::path::Path;

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn every_workbook_among_the_seeds_is_read() {
    let seeds = seeds("workbook");
    assert!(!seeds.is_empty());
    for (name, seed) in seeds {
        let outcome = workbooks::read(&workbooks::file_of(&seed));
        workbooks::check(&outcome);
        assert!(outcome.as_ref().is_ok_and(|table| table.n_rows() > 0), "{name}: {outcome:?}");
    }
}

#[test]
fn every_sheet_among_the_seeds_keeps_the_promises_of_a_table() {
    let seeds = seeds("customers");
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|(_, seed)| customers::check_sheets(seed));
}
