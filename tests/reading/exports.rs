//! What programs leave in the files that they write, beside the customers.

use content_portal::customer::{CustomerTable, Dropped, Value};
use rust_xlsxwriter::FilterCondition;

use super::sheets::{HEADER, SMALL_ROWS, read, refusal, rows, write_rows, xlsx};
use super::values::{column, note_codes, numbers};

/// The sentence of the note of this code; empty where there is none.
pub fn sentence(table: &CustomerTable, code: &str) -> String {
    let note = table.cleaning().notes.iter().find(|note| note.code == code);
    note.map(|note| note.sentence.clone()).unwrap_or_default()
}

/// The values of the column that [`column`] adds to the built-in ones as the `index`-th; `·` for none.
fn names(header: &str, index: usize, cells: &[&str]) -> Vec<String> {
    let table = column(header, cells);
    let name = |row| match table.columns()[index].value(row) {
        Some(Value::Text(name)) => name.clone(),
        other => other.map_or("·".to_owned(), |other| format!("{other:?}")),
    };
    (0..table.n_rows()).map(name).collect()
}

#[test]
fn what_programs_write_for_nothing_is_no_name() {
    let nothing = [
        "#N/A",
        "#NV",
        "#REF!",
        "#VALUE!",
        "#NAME?",
        "#DIV/0!",
        "#NULL!",
        "#NUM!",
        "#BEZUG!",
        "#WERT!",
        "#NOMBRE?",
        "\\N",
        "undefined",
        "(null)",
        "<null>",
        "(leer)",
        "(vide)",
        "(vacío)",
        "k.A.",
        "keine Angabe",
        "NULL",
    ];
    assert_eq!(names("Shop", 5, &nothing), vec!["·"; nothing.len()]);
    let names = names("Shop", 5, &["Nile", "unbekannt", "Missing", "#1 Mall", "Undefined Records"]);
    assert_eq!(names, ["Nile", "Unbekannt", "Missing", "#1 Mall", "Undefined Records"]);
    // Nothing is not a number that cannot be read.
    let table = column("Spend", &["12", "#NV", "\\N", "#DIV/0!", "undefined"]);
    assert_eq!(table.cleaning().unusable.get("Spend"), None);
}

#[test]
fn names_that_say_that_nothing_is_known_count_as_values_and_it_is_said() {
    let table = column("Shop", &["Nile", "unbekannt", "Unbekannt", "n/b", "Other", "", "keine Angabe"]);
    let notes = &table.cleaning().notes;
    let sentences: Vec<_> = notes.iter().filter(|n| n.code == "unknown_is_a_value").map(|n| &*n.sentence).collect();
    let [sentence] = sentences.as_slice() else { panic!("{notes:?}") };
    assert!(sentence.starts_with(r#""Shop" is "Unbekannt", "N/B" in 3 rows: that counts as a value"#), "{sentence}");
    assert!(note_codes(&column("Shop", &["Nile", "Other", "", "n/a"])).is_empty());
}

#[test]
fn one_currency_may_be_written_in_several_ways() {
    let read = |cells: &[&str]| {
        let table = column("Spend", cells);
        let is_mixed = note_codes(&table).contains(&"currencies_mixed");
        (numbers(&table), is_mixed)
    };
    assert_eq!(read(&["₹1,25,000", "Rs. 4,500", "INR 500", "Rs 1,20,000/-"]).0, [125e3, 4500.0, 500.0, 120e3]);
    for one in [
        ["₹125", "Rs. 4", "INR 5", "5 rs"],
        ["1234円", "¥1234", "JPY 5", "5 yen"],
        ["CHF 99.-", "Fr. 12.50", "SFr. 5", "5 CHF"],
        ["$5", "USD 5", "US$ 5", "5 dollars"],
        ["$5", "SGD 5", "S$ 5", "6"],
        ["€5", "5 EUR", "5 Euro", "EUR 7"],
        ["£5", "GBP 5", "5 pounds", "£7"],
        ["5 kr", "SEK 5", "5 kr.", "6 SEK"],
        ["Rs 5", "PKR 5", "6 Rs.", "5"],
    ] {
        assert!(!read(&one).1, "{one:?}");
    }
    for several in [
        ["¥5", "JPY 5", "CNY 5"],
        ["kr 5", "SEK 5", "NOK 5"],
        ["₹5", "Rs 5", "PKR 5"],
        ["$5", "€5", "5"],
        ["$5", "SGD 5", "US$ 5"],
    ] {
        assert!(read(&several).1, "{several:?}");
    }
    let large = ["2 lakhs", "₹3.5 L", "1.25 lakh", "2 crores", "Rs. 1 lac"];
    assert_eq!(read(&large).0, [200e3, 350e3, 125e3, 20e6, 100e3]);
    // A bank's credit, and litres.
    assert_eq!(column("Spend", &["1,234 Cr", "3.5 L", "5"]).cleaning().unusable["Spend"].rows, 2);
}

#[test]
fn a_row_of_a_text_with_more_cells_than_the_header_is_left_out_and_told() {
    let text = |header: &str, n_rows: usize, odd: &str| {
        let row = |n: usize| format!("C{n},2023-02-11,Gold,{}\n", if n.is_multiple_of(2) { odd } else { "Yishun,M" });
        format!("{header}\n{}", (0..n_rows).map(row).collect::<String>())
    };
    let header = "Customer ID,Date Joined,Loyalty Tier,Location,Gender";
    // By one thread and, behind the first rows, by several.
    for n_rows in [10, 4000] {
        let table = read(text(header, n_rows, "Bedok, East,F").as_bytes()).unwrap();
        assert_eq!(table.n_rows(), n_rows / 2);
        assert_eq!(table.cleaning().dropped[&Dropped::MoreCells], n_rows / 2);
        assert_eq!(table.cleaning().first_dropped[&Dropped::MoreCells][0].row, 2);
        assert!(rows(&table).iter().all(|row| row.starts_with("Yishun | Male")));
        let told = sentence(&table, "more_cells_than_header");
        let expected = format!("{} rows have more cells than the header and were left out, first row 2", n_rows / 2);
        assert!(told.starts_with(&expected), "{told}");
        // What is empty there, or has a header without a name, moves nothing.
        for (header, odd) in [(header, "Bedok,F,,"), (&*format!("{header},"), "Bedok,F,likes tea")] {
            let table = read(text(header, n_rows, odd).as_bytes()).unwrap();
            assert_eq!((table.n_rows(), note_codes(&table)), (n_rows, vec![]), "{odd}");
        }
    }
    // Nothing that is read has moved where the comma is in a last column that is not, or another column came later.
    let notes = format!("{header},Notes");
    let tier_last = "Customer ID,Date Joined,Location,Gender,Loyalty Tier\nC,2023-02-11,Bedok,F,Gold,c@example.com\n";
    for text in [text(&notes, 2, "Bedok,F,likes tea, coffee"), tier_last.to_owned()] {
        let table = read(text.as_bytes()).unwrap();
        assert_eq!((table.cleaning().n_dropped(), note_codes(&table)), (0, vec!["more_cells_than_header"]), "{text}");
        assert!(rows(&table).iter().any(|row| row.starts_with("Bedok | Female")), "{:?}", rows(&table));
    }
    // A given name behind a comma has the place of the town, and the last cell is empty.
    let named = "Customer ID,Date Joined,Loyalty Tier,Name,Location,Note";
    for n_rows in [10, 4000] {
        let row =
            |n: usize| format!("C{n},2023-02-11,Gold,{},Bedok,\n", if n.is_multiple_of(2) { "Li, Mei" } else { "Li" });
        let rows: String = (0..n_rows).map(row).collect();
        let table = read(format!("{named}\n{rows}").as_bytes()).unwrap();
        assert_eq!((table.n_rows(), note_codes(&table)), (n_rows, vec!["more_cells_than_header"]));
        let told = sentence(&table, "more_cells_than_header");
        assert!(
            told.starts_with(&format!("{} rows have more cells than the header, first row 2: ", n_rows / 2)),
            "{told}"
        );
    }
    for written_so in
        ["C1, 2023-02-11, Gold, Li, Bedok,,", "C1,2023-02-11,Gold,Li,Bedok,,,", " C1,2023-02-11,Gold,Li,Bedok,,"]
    {
        assert_eq!(note_codes(&read(format!("{named}\n{written_so}\n").as_bytes()).unwrap()), Vec::<&str>::new());
    }
    let moved = format!("{tier_last}C2,2023-02-11,Bedok, East,F,Gold\n");
    assert_eq!(read(moved.as_bytes()).unwrap().cleaning().dropped[&Dropped::MoreCells], 1);
    let all = read(text(header, 1, "Bedok, East,F").as_bytes()).unwrap();
    let why = all.cleaning().no_usable_row().unwrap();
    assert!(why.contains("more cells than the header (1)") && why.contains("into quotes"), "{why}");
}

#[test]
fn a_row_of_a_sheet_with_more_cells_than_the_header_is_read_and_told() {
    let bytes = xlsx(|sheet| {
        let shifted = ["A1", "2023-08-11", "Tampines", "Female", "Gold", "x"];
        write_rows(sheet, 0, &[&HEADER, &["A2", "2024-02-29", "Bedok", "Male", "Silver"], &shifted]);
    });
    let table = read(&bytes).unwrap();
    assert_eq!((table.n_rows(), table.cleaning().n_dropped()), (2, 0));
    let told = sentence(&table, "more_cells_than_header");
    assert!(told.starts_with("1 row has more cells than the header, first row 3: "), "{told}");
}

#[test]
fn customers_who_are_alike_and_whom_nothing_tells_apart_count_once_and_it_is_told() {
    let list = |ids: &[&str]| {
        let id = if ids.is_empty() { "" } else { "Customer ID," };
        let row = |n: usize| {
            let id = ids.get(n % ids.len().max(1)).map(|id| format!("{id},")).unwrap_or_default();
            format!("{id}2023-01-0{},Bedok,Gold\n", n % 3 + 1)
        };
        let rows: String = (0..30).map(row).collect();
        read(format!("{id}Date Joined,Location,Loyalty Tier\n{rows}").as_bytes()).unwrap()
    };
    let without = list(&[]);
    assert_eq!(without.n_rows(), 3);
    let told = sentence(&without, "copies_without_identifier");
    assert!(told.starts_with("no column, such as ") && told.ends_with(": 27 rows were left out as copies"), "{told}");
    let shortened = list(&["7.01235E+12"]);
    assert_eq!(shortened.n_rows(), 3);
    let told = sentence(&shortened, "copies_without_identifier");
    assert!(told.starts_with("identifiers in \"Customer ID\" have lost digits"), "{told}");
    assert!(told.ends_with(": 27 rows were left out as copies"), "{told}");
    let same = list(&["BATCH-7"]);
    let told = sentence(&same, "copies_without_identifier");
    assert!(told.starts_with("\"Customer ID\" has no more than 1 different value in 3 rows"), "{told}");
    // Copies of customers who have an identifier are copies.
    let ids: Vec<String> = (0..15).map(|n| format!("C{n}")).collect();
    let copied = list(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((copied.n_rows(), sentence(&copied, "copies_without_identifier").as_str()), (15, ""));
}

#[test]
fn copies_of_customers_whom_an_address_or_a_telephone_number_tells_apart_are_copies() {
    let list = |header: &str, contact: &dyn Fn(usize) -> String| {
        let row = |n: usize| format!("{},2023-01-01,Bedok,Gold\n", contact(n));
        let rows: String = (0..15).chain(0..15).map(row).collect();
        read(format!("{header},Date Joined,Location,Loyalty Tier\n{rows}").as_bytes()).unwrap()
    };
    for (header, contact) in [
        ("Email Address", (|n| format!("c{n}@example.com")) as fn(usize) -> String),
        ("E-Mail", |n| format!("c{n}@example.com")),
        ("Phone Number", |n| format!("+65 9123 40{n:02}")),
        ("Telefonnummer", |n| format!("0301234{n:02}")),
    ] {
        let table = list(header, &contact);
        assert_eq!((table.n_rows(), note_codes(&table)), (15, vec![]), "{header}");
    }
    // Answers are no address, and neither is an empty cell.
    for (header, contact) in
        [("Email Opt-in", "yes"), ("Email Address", ""), ("Mobile App", "v2"), ("Full Name", "A. Tan")]
    {
        let table = list(header, &|_| contact.to_owned());
        assert_eq!((table.n_rows(), note_codes(&table)), (1, vec!["copies_without_identifier"]), "{header}");
    }
}

#[test]
fn hidden_rows_of_a_sheet_are_read_and_told() {
    // By one thread and, behind the first rows, by several.
    for n_rows in [10, 4000] {
        let bytes = xlsx(|sheet| {
            write_rows(sheet, 0, &[&HEADER]);
            for row in 1..=n_rows {
                let tier = if row % 2 == 0 { "Gold" } else { "Silver" };
                write_rows(sheet, row, &[&[&format!("A{row}"), "2023-08-11", "Bedok", "Female", tier]]);
            }
            sheet.autofilter(0, 0, n_rows, 4).unwrap();
            sheet.filter_column(4, &FilterCondition::new().add_list_filter("Gold")).unwrap();
        });
        let table = read(&bytes).unwrap();
        assert_eq!(table.n_rows(), n_rows as usize);
        let told = sentence(&table, "hidden_rows_read");
        let expected = format!("{} rows are hidden in the sheet and were read, first row 2: ", n_rows / 2);
        assert!(told.starts_with(&expected), "{told}");
    }
    let shown = read(&xlsx(|sheet| write_rows(sheet, 0, &[&HEADER, &["A1", "2023-08-11", "Bedok", "Female", "Gold"]])));
    assert_eq!(note_codes(&shown.unwrap()), Vec::<&str>::new());
}

#[test]
fn a_header_is_found_behind_its_number_and_the_record_that_it_is_of() {
    for header in [
        "id,1. Date Joined,2. Location,3. Gender,4. Loyalty Tier",
        "customer.id,customer.date_joined,customer.location,customer.gender,data.customer.loyaltyTier",
    ] {
        let text = format!("{header}\nA1,2023-08-11,Tampines,Female,Gold\nA2,2024-02-29,Bedok,Male,Silver\n");
        assert_eq!(rows(&read(text.as_bytes()).unwrap()), SMALL_ROWS, "{header}");
    }
    // One that is named by itself is the better one, and what is another record's is not read.
    let text = "id,customer.location,location,date joined,loyalty tier\nA1,Yishun,Bedok,2023-08-11,Gold\n";
    assert!(rows(&read(text.as_bytes()).unwrap())[0].starts_with("Bedok | "));
    assert!(refusal(b"id,billing.location,date joined,loyalty tier\nA1,Bedok,2023-08-11,Gold\n").contains("Location"));
}

#[test]
fn where_delimiters_are_the_trouble_they_are_named() {
    let quoted = "\"id,date joined,location,loyalty tier\"\n\"A1,2023-08-11,\"\"Bedok, East\"\",Gold\"\n";
    let why = refusal(quoted.as_bytes());
    assert!(why.contains("each line is in quotes as a whole"), "{why}");
    let why = refusal(b"A1,2023-08-11,Bedok\nA2,2023-08-12,Yishun\n");
    assert!(why.ends_with("no row looks like a header"), "{why}");

    let mixed = "id;date joined;location;loyalty tier\nA1,2023-08-11,Bedok,Gold\nA2,2023-08-12,Yishun,Gold\n";
    let table = read(mixed.as_bytes()).unwrap();
    let told = "the header is separated by ';' and the rows below it by ',': let one character separate all cells";
    assert_eq!((table.n_rows(), sentence(&table, "delimiters_differ").as_str()), (0, told));
    assert!(table.cleaning().no_usable_row().unwrap().ends_with(told));
}

#[test]
fn letters_that_were_garbled_before_the_file_was_written_are_told() {
    let table = column("Shop", &["ZÃ¼rich", "Bern"]);
    let told = sentence(&table, "letters_garbled");
    assert!(told.starts_with("\"Shop\" holds letters that") && told.contains("\"Ã¼\" for 'ü'"), "{told}");
    assert_eq!(note_codes(&column("Shop", &["SÃO PAULO", "Zürich"])), Vec::<&str>::new());
}
