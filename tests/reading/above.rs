//! What is above the header: titles and notes, and customers who are there by mistake.

use content_portal::customer::Dropped;

use super::exports::sentence;
use super::sheets::{read, write_rows, xlsx};
use super::values::note_codes;

const HEADER: &str = "Customer ID,Full Name,Date Joined,Location,Gender,Loyalty Tier";

fn customers(from: usize, n: usize) -> Vec<String> {
    let customer = |n: usize| format!("C{n},Name {n},2023-01-{:02},Bedok,F,Gold", n % 28 + 1);
    (from..from + n).map(customer).collect()
}

fn workbook(lines: &[String]) -> Vec<u8> {
    let bytes = |line: &String| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    xlsx(|sheet| {
        for (row, line) in (0..).zip(lines) {
            let cells = bytes(line);
            write_rows(sheet, row, &[&cells.iter().map(String::as_str).collect::<Vec<_>>()]);
        }
    })
}

#[test]
fn customers_above_the_header_are_counted_as_left_out_and_told() {
    let lines: Vec<String> = [customers(0, 15), vec![HEADER.to_owned()], customers(15, 25)].concat();
    for bytes in [format!("{}\n", lines.join("\n")).into_bytes(), workbook(&lines)] {
        let table = read(&bytes).unwrap();
        let cleaning = table.cleaning();
        assert_eq!((cleaning.rows_read, table.n_rows(), cleaning.dropped[&Dropped::AboveHeader]), (40, 25, 15));
        assert_eq!(cleaning.first_dropped[&Dropped::AboveHeader][0].row, 1);
        assert!(cleaning.sheets.iter().all(|sheet| (sheet.rows_read, sheet.rows_used) == (40, 25)));
        assert_eq!(note_codes(&table), ["rows_above_header"]);
        let told = sentence(&table, "rows_above_header");
        let expected = "15 rows above the header look like customers and were left out, first row 1: ";
        assert!(told.starts_with(expected), "{told}");
    }
    // A customer of whom one thing is not known, and one with nothing but what is required.
    for row in ["C1,Ann,2023-01-02,Bedok,F,unheard of", ",,2023-01-02,Bedok,,Gold"] {
        let text = format!("List of May\n{row}\n{HEADER}\n{}\n", customers(2, 1)[0]);
        assert_eq!(read(text.as_bytes()).unwrap().cleaning().dropped[&Dropped::AboveHeader], 1, "{row}");
    }
}

#[test]
fn titles_notes_and_groups_of_headers_above_the_header_are_no_customers() {
    for above in [
        "Customer list",
        "Report date,2024-03-05",
        "Report date,,2024-03-05",
        "Exported by,Ann Tan,2024-03-05,Bedok",
        "Printed,Store,05/03/2024,Yishun,,",
        "Legend,Tiers:,Silver,Gold,Platinum,",
        "Customer,,,Details,,",
        "Kundennr.,Name,Eintritt,Ort,Geschlecht,Stufe",
        "(text),(text),(date),(text),(M/F),(Silver/Gold/Platinum)",
        "Tier,Members,Since\nGold,120,2020-01-01\nSilver,80,2020-01-01",
        "1,2,3,4,5,6",
        "A,B,C,D,E,F",
    ] {
        let text = format!("{above}\n\n{HEADER}\n{}\n", customers(2, 20).join("\n"));
        let table = read(text.as_bytes()).unwrap();
        assert_eq!((table.n_rows(), note_codes(&table)), (20, vec![]), "{above}");
        assert_eq!(table.cleaning().rows_read, 20, "{above}");
    }
    let numbered = xlsx(|sheet| {
        sheet.write_row(0, 0, [1, 2, 3, 4, 5, 6]).unwrap();
        write_rows(sheet, 1, &[&HEADER.split(',').collect::<Vec<_>>()]);
        write_rows(sheet, 2, &[&customers(2, 1)[0].split(',').collect::<Vec<_>>()]);
    });
    assert_eq!(note_codes(&read(&numbered).unwrap()), Vec::<&str>::new());
}
