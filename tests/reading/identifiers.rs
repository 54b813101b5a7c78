//! Which identifiers tell customers apart, and what is said of those that do not.

use content_portal::customer::CustomerTable;

use super::exports::sentence;
use super::sheets::{read, write_rows, xlsx};
use super::values::note_codes;

const COLUMNS: &str = "Date Joined,Location,Loyalty Tier";

/// A CSV file of customers who are all different, with these identifiers.
fn csv(ids: impl IntoIterator<Item = String>) -> CustomerTable {
    let row = |(n, id): (usize, String)| format!("{id};2023-01-{:02};Town {};Gold\n", n % 28 + 1, n / 28);
    let rows: String = ids.into_iter().enumerate().map(row).collect();
    read(format!("Customer ID;{}\n{rows}", COLUMNS.replace(',', ";")).as_bytes()).unwrap()
}

/// The same as a workbook that has them as numbers.
fn workbook(ids: impl IntoIterator<Item = f64>) -> CustomerTable {
    let bytes = xlsx(|sheet| {
        let header = ["Customer ID", "Date Joined", "Location", "Loyalty Tier"];
        write_rows(sheet, 0, &[&header]);
        for (row, id) in (1..).zip(ids) {
            sheet.write_number(row, 0, id).unwrap();
            write_rows(sheet, row, &[&["", &format!("2023-01-{:02}", row % 28 + 1), &format!("Town {row}"), "Gold"]]);
        }
    });
    read(&bytes).unwrap()
}

#[test]
fn identifiers_that_a_spreadsheet_program_has_rounded_or_shortened_are_nobody_s() {
    // Seven apart, and with 15 digits kept two share one.
    let rounded = |n: u64| (6_335_041_234_567_000 + 7 * n) / 10 * 10;
    let large = |n: u64| (12_345_678_901_234_000 + 700 * n) / 100 * 100;
    for (form, table) in [
        ("numbers", workbook((0..400).map(|n| rounded(n) as f64))),
        ("many digits in full", workbook((0..400).map(|n| large(n) as f64))),
        ("a CSV file that shows the digits", csv((0..400).map(|n| rounded(n).to_string()))),
        ("decimals of nothing", csv((0..400).map(|n| format!("{}.0", rounded(n))))),
    ] {
        assert_eq!(note_codes(&table), ["identifiers_rounded"], "{form}");
        let told = sentence(&table, "identifiers_rounded");
        assert!(
            told.starts_with("400 rows have identifiers of 16 digits or more that end in 0, first row 2: "),
            "{told}"
        );
    }
    for shortened in ["7.01235E+11", "7,01235E+11", "7E+11", "7.01235e11"] {
        let table = csv((0..40).map(|n| if n % 2 == 0 { shortened.to_owned() } else { n.to_string() }));
        assert_eq!(note_codes(&table), ["identifiers_rounded"], "{shortened}");
        let told = sentence(&table, "identifiers_rounded");
        assert!(told.starts_with("20 rows have identifiers that are shortened, as 7.01235E+11 is, first row 2: "));
    }
}

#[test]
fn identifiers_that_have_all_their_digits_are_customers_whatever_they_end_in() {
    let card = |n: u64| 6_335_041_234_567_000 + 7 * n;
    let twice = |n: u64| n / 2;
    for (form, table) in [
        ("15 digits", workbook((0..40).map(|n| (633_504_123_456_000 + 10 * twice(n)) as f64))),
        ("15 digits as text", csv((0..40).map(|n| (633_504_123_456_000 + 10 * twice(n)).to_string()))),
        ("16 digits of a number", workbook((0..40).map(|n| card(twice(n)) as f64))),
        ("16 digits as text", csv((0..40).map(|n| card(twice(n)).to_string()))),
        ("20 digits", csv((0..40).map(|n| format!("1234{}", card(twice(n)))))),
        ("an apostrophe in front", csv((0..40).map(|n| format!("'{}0", card(twice(n)))))),
        ("a letter in front", csv((0..40).map(|n| format!("C{}0", card(twice(n)))))),
        ("zeros in front", csv((0..40).map(|n| format!("000000{}", 1_000_000_000 + 10 * twice(n))))),
        ("every digit before the power", csv((0..40).map(|n| format!("7.{}E11", 10_000_000_001 + twice(n))))),
        ("digits and a letter", csv((0..40).map(|n| format!("12345e{}", twice(n))))),
    ] {
        assert_eq!(note_codes(&table), ["repeated_identifiers"], "{form}");
    }
    // A workbook's text was never a number.
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&["Customer ID", "Date Joined", "Location", "Loyalty Tier"]]);
        for row in 1..40 {
            write_rows(sheet, row, &[&[&format!("{}0", card(u64::from(row))), "2023-01-02", "Bedok", "Gold"]]);
        }
    });
    assert_eq!(note_codes(&read(&bytes).unwrap()), Vec::<&str>::new());
}

#[test]
fn dates_and_truth_values_are_nobody_s_identifiers() {
    let bytes = xlsx(|sheet| {
        write_rows(sheet, 0, &[&["Customer ID", "Date Joined", "Location", "Loyalty Tier"]]);
        let day = rust_xlsxwriter::Format::new().set_num_format("dd-mmm");
        for row in 1..=20 {
            let town = format!("Town {row}");
            write_rows(sheet, row, &[&[&format!("DEC-{row}A"), "2023-01-02", &town, "Gold"]]);
        }
        sheet.write_number_with_format(3, 0, 45_000, &day).unwrap();
        sheet.write_number_with_format(4, 0, 45_000, &day).unwrap();
        sheet.write_boolean(6, 0, true).unwrap();
    });
    let table = read(&bytes).unwrap();
    assert_eq!((note_codes(&table), table.n_rows()), (vec!["identifiers_retyped"], 20));
    let told = sentence(&table, "identifiers_retyped");
    assert!(told.starts_with("3 rows have a date, TRUE or FALSE as their identifier, first row 4: "), "{told}");
}

#[test]
fn a_column_of_identifiers_that_tells_nobody_apart_is_told() {
    let of = |n_ids: usize, n_rows: usize| csv((0..n_rows).map(move |n| format!("C{}", n % n_ids)));
    // Three orders of each customer, or the customers of twelve months.
    for (n_ids, n_rows) in [(150, 450), (150, 1_800)] {
        assert_eq!(note_codes(&of(n_ids, n_rows)), ["repeated_identifiers"], "{n_ids}");
    }
    let table = of(3, 450);
    assert_eq!(note_codes(&table), ["identifiers_tell_nobody_apart"]);
    let told = sentence(&table, "identifiers_tell_nobody_apart");
    assert!(told.starts_with("\"Customer ID\" has 3 different values in 450 rows and tells nobody apart: "), "{told}");
    let placeholder = csv((0..200).map(|n| if n < 30 { "0".to_owned() } else { format!("C{n}") }));
    let told = sentence(&placeholder, "identifiers_tell_nobody_apart");
    assert!(told.starts_with("1 value has more than 20 rows in \"Customer ID\""), "{told}");
}
