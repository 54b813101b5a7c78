//! Quotes of CSV files, sound and broken: no row is lost to one.

use std::fmt::Write;

use content_portal::customer::CustomerTable;
use content_portal::workbook::WorkbookError;
use proptest::prelude::*;

use super::sheets::{fixture, read, refusal, rows};

const HEADER: &str = "id,date joined,location,gender,loyalty tier,notes";

/// A file of these lines, and what became of its rows: how many are used, and how many were read.
fn account(lines: &[&str]) -> (CustomerTable, usize, usize) {
    let table = read([&[HEADER], lines, &[""]].concat().join("\r\n").as_bytes()).unwrap();
    let (used, n_read) = (table.n_rows(), table.cleaning().rows_read);
    assert_eq!(n_read, used + table.cleaning().n_dropped());
    (table, used, n_read)
}

fn notes(table: &CustomerTable) -> Vec<&str> {
    table.cleaning().notes.iter().map(|note| note.sentence.as_str()).collect()
}

#[test]
fn a_quote_that_is_never_closed_costs_no_row_and_its_line_is_named() {
    let table = read(&fixture("tests/fixtures/open_quote.csv")).unwrap();
    assert_eq!((table.n_rows(), table.cleaning().rows_read), (24, 24));
    assert_eq!(notes(&table), ["Line 6 opens a quote that is never closed; the quote was read as text."]);
}

#[test]
fn whatever_is_wrong_with_quotes_every_line_is_a_row() {
    let whole = "A9,2023-05-01,Yishun,Male,Gold,ok";
    for (what, broken) in [
        ("open in the last cell", &["A1,2023-01-01,Bedok,Male,Gold,\"wants 5", whole][..]),
        ("open in the first cell", &["\"A1,2023-01-01,Bedok,Male,Gold,ok", whole]),
        ("open in the town", &["A1,2023-01-01,\"Bedok,Male,Gold,ok", whole]),
        (
            "closed by an inch mark at the end of a later row",
            &["A1,2023-01-01,Bedok,Male,Gold,\"wants", whole, "A2,2023-01-02,Bedok,Male,Gold,TV 32\""],
        ),
        (
            "closed by the next row's last cell",
            &["A1,2023-01-01,Bedok,Male,Gold,\"wants", "A2,2023-01-02,Bedok,Male,Gold,TV 32\""],
        ),
        (
            "closed by the next row's first cell",
            &["A1,2023-01-01,Bedok,Male,Gold,\"wants", "A2\",2023-01-02,Bedok,Male,Gold,ok"],
        ),
        (
            "closed by the next row's town",
            &["A1,2023-01-01,\"Bedok,Male,Gold,ok", "A2,2023-01-02,Yishun\",Male,Gold,ok"],
        ),
        ("both in the first cell", &["\"A1,2023-01-01,Bedok,Male,Gold,ok", "A2\",2023-01-02,Bedok,Male,Gold,ok"]),
        (
            "the next row opens one too",
            &["A1,2023-01-01,Bedok,Male,Gold,\"wants", "A2,2023-01-02,Bedok,Male,Gold,\"ok"],
        ),
        ("text after a closing quote", &["A1,2023-01-01,\"Bedok\" North,Male,Gold,ok", whole]),
        ("within an unquoted cell", &["A1,2023-01-01,Bedok,Male,Gold,5\" pipe", whole]),
        ("quotes within a quoted cell", &["A1,2023-01-01,Bedok,Male,Gold,\"he said \"hi\" to me\"", whole]),
        ("a doubled quote at the end", &["A1,2023-01-01,Bedok,Male,Gold,\"wants 5\"\"", whole]),
        ("an empty quoted cell behind it", &["A1,2023-01-01,\"Bedok,\"\",Gold,ok", whole]),
        (
            "open in a short row",
            &["A1,2023-01-01,Bedok,Male,Gold", "A2,2023-01-02,Bedok,\"Male,Gold", "A3,2023-01-03,Bedok,Male,Gold"],
        ),
        (
            "closed in a row without a town",
            &["A1,2023-01-01,Bedok,Male,Gold,\"wants", "A2,2023-01-02,,Male,Gold,\"", whole],
        ),
    ] {
        let before = whole.replace("A9", "A8");
        let around = [&[before.as_str()], broken, &["A7,2023-07-07,Bishan,Female,Silver,ok"]].concat();
        let (table, _, n_read) = account(&around);
        assert_eq!(n_read, around.len(), "{what}: {:?}", table.cleaning());
        // Also where it is the end of the file.
        assert_eq!(account(broken).2, broken.len(), "{what}");
    }
}

#[test]
fn what_is_left_of_a_pair_of_quotes_is_no_part_of_a_town() {
    for cell in ["\"Bedok", "Bedok\"", "\"Bedok\"", " \"Bedok\" ", "\"Bedok\"\""] {
        let (table, ..) = account(&[&format!("A1,2023-01-01,{cell},Male,Gold,ok"), "A2,2023-01-02,Bedok,Male,Gold,ok"]);
        assert_eq!(rows(&table)[..], ["Bedok | Male | 2023-01-01 | #1", "Bedok | Male | 2023-01-02 | #1"], "{cell}");
    }
}

#[test]
fn a_sound_cell_of_several_lines_stays_one() {
    for note in [
        "\"two\r\nlines\"",
        "\"a, b, c, d, e\r\nf, g, h, i, j\r\n\r\nk, l\"",
        "\"Blk 5, #02-11\r\nSingapore, 560123\"",
        "\"she said \"\"no\"\"\r\nand left\"",
        "\"ends with a quote \"\"\r\n\"\"\"",
        "\"joined 2023-01-01, Gold\r\nasked for, Platinum\"",
        "\"\r\n\"",
    ] {
        let next = "A2,2023-01-02,Yishun,Male,Gold,ok";
        let (table, used, n_read) = account(&[&format!("A1,2023-01-01,Bedok,Male,Gold,{note}"), next]);
        assert_eq!((used, n_read, notes(&table)), (2, 2, vec![]), "{note}");
    }
    // In the first column the end of the cell is the start of a line that looks like a row.
    let (table, used, n_read) =
        account(&["\"A\r\n1\",2023-01-01,Bedok,Male,Gold,ok", "A2,2023-01-02,Bedok,Male,Gold,ok"]);
    assert_eq!((used, n_read, notes(&table)), (2, 2, vec![]));
    let town_of_two_lines = "A1,2023-01-01,\"Bukit\r\nTimah\",Male,Gold,ok";
    assert_eq!(rows(&account(&[town_of_two_lines]).0), ["Bukit Timah | Male | 2023-01-01 | #1"]);
}

#[test]
fn a_broken_quote_above_or_in_the_header_does_not_hide_it() {
    let body =
        "A1,2023-01-01,Bedok,Male,Gold,ok\nA2,2023-01-02,Bedok,Male,Gold,32\"\nA3,2023-01-03,Bedok,Male,Gold,ok\n";
    for header in [
        "\"id,date joined,location,gender,loyalty tier,notes",
        "id,date joined,location,gender,loyalty tier,\"notes",
        "id,\"date joined,location,gender,loyalty tier,notes",
        "\"Customers of 2023\nid,date joined,location,gender,loyalty tier,notes",
        "\"id\",\"date\njoined\",\"location\",\"gender\",\"loyalty tier\",\"notes\nand more\"",
    ] {
        let table = read(format!("{header}\n{body}").as_bytes()).unwrap();
        assert_eq!((table.n_rows(), table.cleaning().rows_read), (3, 3), "{header}");
    }
}

#[test]
fn a_quote_that_may_take_anything_along_is_refused_by_its_line() {
    let prose = "no row at all\n".repeat(20_000);
    let text = format!("{HEADER}\nA1,2023-01-01,Bedok,Male,Gold,ok\nA2,2023-01-02,Bedok,Male,Gold,\"{prose}");
    assert!(matches!(read(text.as_bytes()), Err(WorkbookError::OpenQuote { line: 3, .. })));
    assert_eq!(
        refusal(text.as_bytes()),
        "line 3 opens a quote that is not closed within 131072 bytes: delete it, or double every quote inside a cell"
    );
}

#[test]
fn the_end_of_a_dos_file_is_no_row() {
    let (.., n_read) = account(&["A1,2023-01-01,Bedok,Male,Gold,ok", "\u{1a}"]);
    assert_eq!(n_read, 1);
}

/// Customers as a program writes them that quotes what has to be quoted; some rows lack something.
fn customers() -> impl Strategy<Value = Vec<String>> {
    let town = prop::sample::select(vec!["Bedok", "Yishun", "\"Bukit Timah, North\"", "\"Tampines\"", ""]);
    let tier = prop::sample::select(vec!["Gold", "Silver", "\"Platinum\""]);
    let note = prop::sample::select(vec!["", "ok", "\"a, b\"", "\"said \"\"no\"\"\"", "5 more"]);
    let row = (1..28_u8, town, tier, note, any::<bool>()).prop_map(|(day, town, tier, note, is_short)| {
        let end = if is_short && note.is_empty() { String::new() } else { format!(",{note}") };
        format!("2023-01-{day:02},{town},Male,{tier}{end}")
    });
    prop::collection::vec(row, 1..12)
}

proptest! {
    #[test]
    fn no_row_is_lost_to_quotes(
        customers in customers(),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        line_break in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8), 0..3),
    ) {
        let mut body = String::new();
        for (n, customer) in customers.iter().enumerate() {
            write!(body, "A{n},{customer}{line_break}").unwrap();
        }
        for (at, edit) in edits {
            let at = at.index(body.len());
            match edit {
                0 => body.insert(at, '"'),
                1 => body.insert_str(at, "\"\""),
                _ if body.as_bytes()[at] == b'"' => drop(body.remove(at)),
                _ => {}
            }
        }
        // Cells that hold the delimiter differ, but each line is a customer.
        let text = format!("{HEADER}{line_break}{body}").replace(',', &delimiter.to_string());
        match read(text.as_bytes()) {
            Ok(table) => {
                let cleaning = table.cleaning();
                prop_assert_eq!(cleaning.rows_read, customers.len(), "{}", text);
                prop_assert_eq!(cleaning.rows_read, table.n_rows() + cleaning.n_dropped());
            }
            Err(error) => prop_assert!(error.to_string().starts_with("line "), "{}: {}", error, text),
        }
    }
}
