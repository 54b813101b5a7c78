//! Where an erasure looks for a customer: sheets, folders, and rows wherever headers are.

use std::fs;
use std::path::Path;

use rust_xlsxwriter::Workbook;

use super::{KEPT, erase, kept_csv, own_csv};
use crate::folder::Folder;
use crate::people::{HEADER, holding, rows, with_customers};

/// A workbook of 20 customers, of complaints with other columns, of a hidden archive, and of names without identifiers.
fn with_other_sheets(path: &Path) {
    let mut book = Workbook::new();
    let mut write = |name: &str, lines: &[&str]| {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        for (row, line) in (0..).zip(lines) {
            sheet.write_row(row, 0, line.split(',')).unwrap();
        }
        sheet.set_hidden(name == "Archive");
    };
    let customers = rows(0, 20);
    let data: Vec<&str> = std::iter::once(HEADER.trim_end()).chain(customers.lines()).collect();
    write("Data", &data);
    write("Complaints", &["Customer ID,Name,Comment", "SECRET-4711,Ann,is ill"]);
    write("Archive", &[HEADER.trim_end(), data[1], "SECRET-4712,Bo,2024-02-03,Bedok,Male,Gold"]);
    write("Calls", &["Caller,When", "Calls-1,today"]);
    book.save(path).unwrap();
}

#[test]
fn sheets_that_no_training_reads_are_searched() {
    let folder = Folder::new();
    let [kept, own] =
        [folder.path("uploads").join(format!("{KEPT}.xlsx")), folder.path("base_data/2026-01-01/own.xlsx")];
    for path in [&kept, &own] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        with_other_sheets(path);
    }
    let (code, text) = erase(&folder, "SECRET-9999");
    assert!(code == Some(0) && text.contains("not found") && !text.contains("not searched"), "{text}");
    let (code, text) = erase(&folder, "Calls-1");
    assert_eq!(code, Some(4), "{text}");
    for file in [format!("uploads/{KEPT}.xlsx"), "2026-01-01/own.xlsx".to_owned()] {
        let named = format!("perhaps         {file}: row 2 of sheet Calls, in another column");
        assert!(text.contains(&named), "{text}");
    }

    for (id, place) in [("SECRET-4711", "row 2 of sheet Complaints"), ("SECRET-4712", "row 3 of sheet Archive")] {
        with_other_sheets(&kept);
        let (code, text) = erase(&folder, id);
        assert_eq!(code, Some(4), "{text}");
        assert!(text.contains(&format!("left            2026-01-01/own.xlsx: delete {place}")), "{text}");
        assert!(text.contains(&format!("rewritten       uploads/{KEPT}.xlsx: without {place}")), "{text}");
        assert!(!text.contains("not searched"), "{text}");
        // The rows of the three sheets, headers that no training knows among them, but for the customer's.
        let gone_with = format!("5 other rows, which no training can use, went with it from uploads/{KEPT}.xlsx");
        assert!(text.contains(&gone_with), "{text}");
        assert!(!kept.exists());
        let columns = fs::read_to_string(kept.with_extension("columns")).unwrap();
        assert_eq!(columns.lines().count(), 1 + 20, "{columns}");
    }
}

#[test]
fn an_erasure_where_nothing_is_kept_fails_and_makes_nothing() {
    let folder = Folder::new();
    let said = folder.fails(&["customers", "erase", "--id", "KUNDE-7"]);
    assert!(said.contains("nothing was searched") && said.contains("run this where the server runs"), "{said}");
    assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 0);
}

#[test]
fn folders_that_are_too_deep_are_named_by_trainings_and_by_erasures() {
    let folder = with_customers();
    let (near, far) = ("2026-01-02/2/3/4/5/6/7/8", "2026-01-02/2/3/4/5/6/7/8/9");
    fs::create_dir_all(folder.path("base_data").join(far)).unwrap();
    fs::write(folder.path("base_data").join(near).join("near.csv"), format!("{HEADER}{}", rows(300, 20))).unwrap();
    fs::write(folder.path("base_data").join(far).join("far.csv"), format!("{HEADER}{}", rows(400, 20))).unwrap();
    let (code, text) = erase(&folder, "KUNDE-400");
    assert_eq!(code, Some(4), "{text}");
    let named = format!("{far}: folders deeper than 8 below BASE_DATA_DIR are not looked into");
    assert!(text.contains(&format!("not searched    {named}")) && !text.contains("not found"), "{text}");
    let report = folder.ok(&["retrain"]);
    assert!(report.contains(&named) && report.contains("customers       220 in"), "{report}");
}

#[test]
fn hidden_workbooks_are_searched_and_folders_that_are_not_looked_into_are_named() {
    let folder = own_csv(&["C1", "C2"]);
    let row = |id: &str| format!("{HEADER}{id},Name,2024-02-03,Bedok,Female,Gold\n");
    fs::write(folder.path("base_data/2026-01-01/.hidden.csv"), row("SECRET-1")).unwrap();
    fs::write(folder.path("base_data/2026-01-01/.DS_Store"), "no workbook").unwrap();
    let (code, text) = erase(&folder, "SECRET-1");
    assert!(code == Some(4) && text.contains("left            2026-01-01/.hidden.csv: delete row 2\n"), "{text}");
    assert!(!text.contains("not searched"), "{text}");

    for dir in ["uploads/old", "elsewhere", "base_data/.Trash-1000"] {
        fs::create_dir_all(folder.path(dir)).unwrap();
        fs::write(folder.path(dir).join("a.csv"), row("SECRET-2")).unwrap();
    }
    std::os::unix::fs::symlink(folder.path("elsewhere"), folder.path("base_data/link")).unwrap();
    let (code, text) = erase(&folder, "SECRET-2");
    assert!(code == Some(4) && !text.contains("not found"), "{text}");
    for named in ["uploads/old: ", "link: ", ".Trash-1000: hidden folders are not looked into"] {
        assert!(text.contains(&format!("not searched    {named}")), "{text}");
    }
    fs::write(folder.path("uploads/.mine.csv"), row("SECRET-3")).unwrap();
    let (_, text) = erase(&folder, "SECRET-3");
    assert!(text.contains("left            uploads/.mine.csv: delete row 2\n"), "{text}");
}

#[test]
fn a_customer_is_found_wherever_headers_are() {
    let customers = rows(0, 40);
    let (first, second) = customers.split_at(customers.match_indices('\n').nth(19).unwrap().0 + 1);
    let other_order = "Loyalty Tier,Customer ID,Date Joined,Location\nGold,SECRET-1,2024-01-02,Bedok\n";
    for (list, row) in [
        // An export's filter above the header.
        (format!("Customer ID,All\n{HEADER}{customers}SECRET-1,A,2024-01-02,Bedok,Male,Gold\n"), 43),
        // A second table below a title, and one without a row between.
        (format!("{HEADER}{customers}\nBranch 2\n{other_order}"), 45),
        (format!("{HEADER}{customers}{other_order}"), 43),
        // A town that is called as identifiers are, behind a row without content.
        (
            format!(
                "{HEADER}{first}\nKUNDE-99,A,2024-01-02,ID,Male,Gold\n{second}SECRET-1,A,2024-01-02,ID,Male,Gold\n"
            ),
            44,
        ),
    ] {
        let folder = own_csv(&["C1"]);
        fs::write(folder.path("base_data/2026-01-01/own.csv"), &list).unwrap();
        let (code, text) = erase(&folder, "SECRET-1");
        assert!(code == Some(4) && text.contains(&format!("own.csv: delete row {row}\n")), "{list}: {text}");
    }
}

#[test]
fn a_header_directly_below_rows_hides_nobody_whom_trainings_know_by_the_one_before() {
    let table = "Customer ID,Date Joined,Location,Loyalty Tier\n";
    let list: String = (200..220).map(|id| format!("{id},2024-01-02,Bedok,Gold\n")).collect();
    let below = "Kundennr,Date Joined,Location,Loyalty Tier\n108,2024-01-03,Yishun,Gold\n";
    let (folder, _) = kept_csv(&format!("{table}{list}{below}"));
    let (code, said) = erase(&folder, "108");
    let perhaps = format!("perhaps         uploads/{KEPT}.csv: row 23, in another column");
    assert!(code == Some(4) && said.contains(&perhaps), "{said}");
}

#[test]
fn a_customer_above_the_header_is_found() {
    let folder = Folder::new();
    let customers = rows(0, 40);
    let (above, below) = customers.split_at(customers.match_indices('\n').nth(14).unwrap().0 + 1);
    let list = format!("Customers of May\n{above}{HEADER}{below}");
    let own = folder.path("base_data/2026-01-01/own.csv");
    let kept = folder.path("uploads").join(format!("{KEPT}.csv"));
    for path in [&own, &kept] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &list).unwrap();
    }
    let (code, text) = erase(&folder, "KUNDE-0");
    assert!(code == Some(4) && text.contains("left            2026-01-01/own.csv: delete row 2\n"), "{text}");
    assert!(text.contains(&format!("rewritten       uploads/{KEPT}.csv: without row 2\n")), "{text}");
    assert_eq!(holding(&folder, "KUNDE-0,"), [own]);
}

#[test]
fn a_row_with_more_cells_than_the_header_is_found_by_its_first_cell_or_named() {
    let folder = own_csv(&["C1", "SEC01,Max", "C2"]);
    let (code, text) = erase(&folder, "SEC01");
    assert!(code == Some(4) && text.contains("left            2026-01-01/own.csv: delete row 3\n"), "{text}");
    let file = folder.path("base_data/2026-01-01/own.csv");
    let rows = "Ann,C1,2024-02-03,Bedok,Gold\nMax, Muster,SEC01,2024-02-03,Bedok,Gold\n";
    fs::write(file, format!("Full Name,Customer ID,Date Joined,Location,Loyalty Tier\n{rows}")).unwrap();
    let (code, text) = erase(&folder, "SEC01");
    assert!(code == Some(4) && !text.contains("not found") && !text.contains("delete row"), "{text}");
    assert!(text.contains("perhaps         2026-01-01/own.csv: row 3, in another column"), "{text}");
    let (code, text) = erase(&folder, "SEC02");
    assert!(code == Some(0) && text.contains("not found"), "{text}");
}

#[test]
fn rows_that_may_be_the_customers_are_named_beside_those_that_are() {
    let table = "Customer ID,Membership,Date Joined,Location,Loyalty Tier\n";
    let (folder, _) =
        kept_csv(&format!("{table}C-00001,C-00001,2024-01-02,Bedok,Gold\n,C-00001,2024-01-03,Novena,Gold\n"));
    let (code, said) = erase(&folder, "C-00001");
    assert!(code == Some(4) && said.contains("without row 2\n"), "{said}");
    assert!(said.contains(&format!("perhaps         uploads/{KEPT}.csv: row 3, in another column")), "{said}");
}

#[test]
fn a_file_without_a_column_of_identifiers_is_said_to_be_searched_unless_the_identifier_is_too_short() {
    let (folder, _) = kept_csv("Caller,Date Joined,Location,Loyalty Tier\nC-00001,2024-01-02,Bedok,Gold\n");
    let named = format!("uploads/{KEPT}.csv");
    let (code, said) = erase(&folder, "C-00001");
    assert!(code == Some(4) && said.contains(&format!("perhaps         {named}: row 2, in another column")), "{said}");
    assert!(said.contains(&format!("{named} has no column of identifiers: each of its cells was compared")), "{said}");
    assert!(!said.contains("not searched"), "{said}");
    let (code, said) = erase(&folder, "C-01");
    let unsearched = format!("not searched    {named}: it has no column of identifiers, and fewer than 5 characters");
    assert!(code == Some(0) && said.contains(&unsearched) && !said.contains("was compared"), "{said}");
}

#[test]
fn words_that_are_headers_elsewhere_hide_no_customer_of_the_rows_below() {
    // Two header words among the values of a row, one of them an identifier's.
    let row = |i: usize| match i {
        3 => "103,2024-01-02,Region,Gold,ID\n".to_owned(),
        _ => format!("{},2024-01-{:02},Bedok,Gold,{}\n", 100 + i, 1 + i, 700 + i),
    };
    let rows: String = (0..12).map(row).collect();
    let (folder, columns) = kept_csv(&format!("Customer ID,Date Joined,Location,Loyalty Tier,Document\n{rows}"));
    let (code, said) = erase(&folder, "108");
    assert!(code == Some(0) && said.contains("without row 10\n") && columns.exists(), "{said}");
    // The number of another customer's document.
    let (_, said) = erase(&folder, "706");
    assert!(!said.contains("without row"), "{said}");
}

#[test]
fn files_and_sheets_without_a_header_of_identifiers_are_named_whatever_their_values_are() {
    let row = |i: usize| format!("{},2024-01-02,{},Gold\n", 7_000 + i, if i == 2 { "ID" } else { "MY" });
    let rows: String = (0..12).map(row).collect();
    let (folder, _) = kept_csv(&format!("Kundennr,Date Joined,Location,Loyalty Tier\n{rows}"));
    let (code, said) = erase(&folder, "7003");
    let unsearched = format!("not searched    uploads/{KEPT}.csv: it has no column of identifiers");
    assert!(code == Some(0) && said.contains(&unsearched), "{said}");

    let folder = Folder::new();
    let path = folder.path("base_data/2026-01-01/own.xlsx");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut book = Workbook::new();
    for (name, header) in [("This year", "Customer ID"), ("Last year", "Kundennummer")] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.write_row(0, 0, [header, "Date Joined", "Location", "Loyalty Tier"]).unwrap();
        let id = if name == "This year" { "6001" } else { "7003" };
        sheet.write_row(1, 0, [id, "2024-01-02", "Bedok", "Gold"]).unwrap();
    }
    book.save(&path).unwrap();
    let (code, said) = erase(&folder, "7003");
    let unsearched = "not searched    2026-01-01/own.xlsx, sheet Last year: it has no column of identifiers";
    assert!(code == Some(0) && said.contains(unsearched), "{said}");
}
