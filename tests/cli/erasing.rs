//! Where an erasure looks for a customer beside the rows that trainings read, and what it says of the rest.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rust_xlsxwriter::{Format, Workbook};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::folder::{Folder, shown};
use crate::form::Form;
use crate::lasting::{start, upload};
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

/// A kept upload's name.
const KEPT: &str = "20260101T000000Z-0123456789abcdef0123456789abcdef";

fn erase(folder: &Folder, id: &str) -> (Option<i32>, String) {
    let output = folder.run(&["customers", "erase", "--id", id]);
    (output.status.code(), shown(&output))
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
fn kept_columns_of_a_key_that_is_gone_or_another_are_not_said_to_be_without_the_customer() {
    let folder = with_customers();
    let (server, address) = start(&folder, &[("KEEP_UPLOADS", "columns")]);
    upload(&address, &format!("{HEADER}{}", rows(1000, 30)));
    drop(server);
    let [state, away] = ["state", "away"].map(|name| folder.path(name));
    fs::rename(&state, &away).unwrap();
    let lost = folder.fails(&["customers", "erase", "--id", "KUNDE-1005"]);
    assert!(lost.contains("identifiers.key is missing in state") && lost.contains(".columns"), "{lost}");
    assert!(!state.exists(), "a new key would find nobody");

    fs::create_dir(&state).unwrap();
    fs::write(state.join("identifiers.key"), "5".repeat(64)).unwrap();
    let (code, text) = erase(&folder, "KUNDE-1005");
    assert!(code == Some(4) && !text.contains("not found"), "{text}");
    assert!(text.contains(".columns: its customers are known by another key than identifiers.key"), "{text}");
    assert!(text.contains("searched        1 file\n"), "{text}");

    fs::remove_dir_all(&state).unwrap();
    fs::rename(&away, &state).unwrap();
    let (code, text) = erase(&folder, "KUNDE-1005");
    assert!(code == Some(0) && text.contains("rewritten       uploads/"), "{text}");
    assert!(text.contains("searched        2 files\n"), "{text}");
}

#[test]
fn an_erasure_leaves_the_age_of_an_upload_as_it_was() {
    let folder = Folder::new();
    let kept = left_by_a_kill(folder.path("uploads").join(format!("{KEPT}.csv")));
    let age = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let before = age(&kept);
    for id in ["KUNDE-7001", "KUNDE-7002"] {
        let (code, text) = erase(&folder, id);
        assert!(code == Some(0) && text.contains("rewritten  "), "{text}");
        assert_eq!(age(&kept.with_extension("columns")), before);
    }
}

/// A file that a process left when it was killed, some minutes ago.
fn left_by_a_kill(path: PathBuf) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("{HEADER}{}", rows(7_000, 20))).unwrap();
    let then = SystemTime::now() - Duration::from_secs(300);
    fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    path
}

#[test]
fn what_a_killed_process_left_is_gone_after_an_erasure_and_after_a_training() {
    let folder = with_customers();
    let rests = ["uploads/.incoming-0a", "base_data/2026-01-01/.incoming-0b", "base_data/2026-01-02/.moving"];
    let leave = || rests.map(|rest| left_by_a_kill(folder.path(rest)));
    leave();
    let (code, text) = erase(&folder, "KUNDE-7001");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(holding(&folder, "KUNDE-7001"), Vec::<PathBuf>::new());
    leave();
    folder.ok(&["retrain"]);
    // A server that receives uploads looks after its own folder.
    assert_eq!(holding(&folder, "KUNDE-7001"), [folder.path("uploads/.incoming-0a")]);
}

#[test]
fn an_upload_that_is_on_its_way_is_said_and_found_once_it_is_there() {
    let folder = with_customers();
    let (_server, address) = start(&folder, &[]);
    let form = Form::new().file("a.csv", format!("{HEADER}{}", rows(7_000, 20)).as_bytes());
    let (content_type, body) = form.finish();
    let (begun, rest) = body.split_at(body.len() / 2);
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /upload-excel HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), begun].concat()).unwrap();
    let is_coming = || {
        let mut entries = fs::read_dir(folder.path("uploads")).into_iter().flatten().flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().starts_with(".incoming-"))
    };
    let started = Instant::now();
    while !is_coming() {
        assert!(started.elapsed() < Duration::from_secs(60), "the server never began to receive it");
        std::thread::yield_now();
    }
    let (code, text) = erase(&folder, "KUNDE-7001");
    assert_eq!(code, Some(4), "{text}");
    let said = "not searched    1 upload, on the way to the server";
    assert!(text.contains(said) && text.contains("run this again") && !text.contains("not found"), "{text}");
    stream.write_all(rest).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (code, text) = erase(&folder, "KUNDE-7001");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("rewritten       uploads/"), "{text}");
    assert_eq!(holding(&folder, "KUNDE-7001"), Vec::<PathBuf>::new());
}

#[test]
fn a_server_removes_what_a_killed_one_had_received_of_an_upload() {
    let folder = with_customers();
    let rest = left_by_a_kill(folder.path("uploads/.incoming-0123"));
    let (mut server, _) = start(&folder, &[]);
    assert_eq!(server.until("abandoned_uploads_removed")["n_removed"], 1);
    assert!(!rest.exists());
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
fn customers_who_were_erased_do_not_count_among_the_rows_of_a_later_upload() {
    let folder = with_customers();
    for id in ["KUNDE-305", "KUNDE-306"] {
        erase(&folder, id);
    }
    let (server, address) = start(&folder, &[("KEEP_UPLOADS", "columns")]);
    upload(&address, &format!("{HEADER}{}", rows(300, 50)));
    drop(server);
    let listed = folder.ok(&["uploads", "list"]);
    assert!(listed.lines().nth(1).unwrap().contains("        48  "), "{listed}");
}

/// An operator's file of customers with these identifiers, as a CSV file has them.
fn own_csv(ids: &[&str]) -> Folder {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data/2026-01-01")).unwrap();
    let rows: String = ids.iter().map(|id| format!("{id},Name,2024-02-03,Bedok,Female,Gold\n")).collect();
    fs::write(folder.path("base_data/2026-01-01/own.csv"), format!("{HEADER}{rows}")).unwrap();
    folder
}

/// An operator's workbook of customers whose identifiers are numbers that are written so.
fn own_workbook(numbers: &[&str]) -> Folder {
    let folder = Folder::new();
    let path = folder.path("base_data/2026-01-01/own.xlsx");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |id: String, others: &str| {
        let others: String = others.split(',').map(text).collect();
        format!("<row>{id}{others}</row>")
    };
    let header = row(text("Customer ID"), "Full Name,Date Joined,Location,Gender,Loyalty Tier");
    let number = |number: &&str| row(format!("<c><v>{number}</v></c>"), "Name,2024-02-03,Bedok,Female,Gold");
    let rows: String = numbers.iter().map(number).collect();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let sheet = format!("<worksheet xmlns=\"{main}\"><sheetData>{header}{rows}</sheetData></worksheet>");
    let mut book = Workbook::new();
    book.add_worksheet();
    let mut parts = ZipArchive::new(Cursor::new(book.save_to_buffer().unwrap())).unwrap();
    let mut changed = ZipWriter::new(fs::File::create(path).unwrap());
    for at in 0..parts.len() {
        let mut part = parts.by_index(at).unwrap();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        let is_sheet = part.name().unwrap().ends_with("sheet1.xml");
        changed.start_file(part.name().unwrap().into_owned(), SimpleFileOptions::default()).unwrap();
        changed.write_all(if is_sheet { sheet.as_bytes() } else { &content }).unwrap();
    }
    changed.finish().unwrap();
    folder
}

#[test]
fn a_customer_whose_identifier_differs_in_case_alone_is_named_and_not_erased() {
    let folder = own_csv(&["0015g00000Xy00A", "0015g00000Xy00a", "0015g00000Xy00B", "0015g00000Xy00b", "C-001"]);
    let (code, text) = erase(&folder, "0015g00000Xy00B");
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("left            2026-01-01/own.csv: delete row 4\n"), "{text}");
    assert!(text.contains("perhaps         2026-01-01/own.csv: row 5 of 0015g00000Xy00b\n"), "{text}");
    assert_eq!(text.matches("own.csv").count(), 2, "{text}");
    // Of what people type case is no part.
    for id in ["c-001", "C-001", "'C-001"] {
        let (_, text) = erase(&folder, id);
        assert!(text.contains("delete row 6\n") && !text.contains("perhaps"), "{text}");
    }
}

#[test]
fn an_identifier_of_many_letters_or_of_any_alphabet_is_named_where_case_alone_differs() {
    for (file, id) in [
        ("abcdEFGHijklMNOPqrst", "ABCDEFGHIJKLMNOPQRST"),
        ("abcdEFGHijklMNOPqrst", "abcdefghijklmnopqrst"),
        ("ABCDEFGHIJKLMNOPQRST", "abcdEFGHijklMNOPqrst"),
        ("Äb-Öc", "äb-öc"),
    ] {
        let folder = own_csv(&[file, "C-2"]);
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && text.contains("perhaps         2026-01-01/own.csv: row 2 of "), "{text}");
        let (_, text) = erase(&folder, file);
        assert!(text.contains("delete row 2\n") && text.matches("own.csv: ").count() == 1, "{text}");
    }
    let long = "x".repeat(250);
    let folder = own_csv(&[&format!("{long}1"), &format!("{long}2")]);
    let (_, text) = erase(&folder, &format!("{long}2"));
    assert!(text.contains("delete row 3\n"), "{text}");
}

#[test]
fn an_identifier_with_more_zeros_than_a_number_has_digits_is_named() {
    let folder = own_csv(&["000000000000700005", "C-2"]);
    let (code, text) = erase(&folder, "700005");
    assert!(code == Some(4) && text.contains("own.csv: row 2 of 000000000000700005\n"), "{text}");
}

#[test]
fn an_identifier_with_the_apostrophe_of_our_own_csv_is_found() {
    let folder = own_csv(&["'+4712", "+4713"]);
    for (id, row) in [("+4712", 2), ("'+4712", 2), ("'+4713", 3)] {
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && text.contains(&format!("delete row {row}\n")), "{text}");
    }
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

/// A folder with a kept upload of this text.
fn kept_csv(text: &str) -> (Folder, PathBuf) {
    let folder = Folder::new();
    let kept = folder.path("uploads").join(format!("{KEPT}.csv"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, text).unwrap();
    (folder, kept.with_extension("columns"))
}

#[test]
fn of_a_kept_upload_the_rows_of_others_stay() {
    const TABLE: &str = "Customer ID,Date Joined,Location,Loyalty Tier";
    for (text, id, gone, stays) in [
        // A stray quote, which a training reads as a part of its cell.
        (
            format!(
                "{HEADER}C-00001,Ann,2024-01-02,Bedok,F,Gold\nC-00002,\"Bob,2024-01-03,Yishun,M,Gold\n\
                 C-00003,Cid,2024-01-04,Novena,M,Silver\nC-00004,Dan\",2024-01-05,Tampines,M,Silver\n\
                 C-00005,Eve,2024-01-06,Punggol,F,Gold\n"
            ),
            "C-00005",
            "Punggol",
            "Novena",
        ),
        // Two tables side by side.
        (
            format!("{TABLE},,{TABLE}\nC-1,2024-01-02,Bedok,Gold,,C-11,2024-01-03,Yishun,Gold\n"),
            "C-1",
            "Bedok",
            "Yishun",
        ),
        // A second table, in which the column is one of something else.
        (
            format!(
                "{TABLE}\nC-00001,2024-01-02,Bedok,Gold\n\nReferrer,Customer ID,Date Joined,Location,Loyalty Tier\n\
                 C-00001,C-00009,2024-01-03,Yishun,Gold\n"
            ),
            "C-00001",
            "Bedok",
            "Yishun",
        ),
    ] {
        let (folder, columns) = kept_csv(&text);
        let (_, said) = erase(&folder, id);
        assert!(said.contains("rewritten  "), "{text}: {said}");
        let columns = fs::read_to_string(columns).unwrap();
        assert!(!columns.contains(gone) && columns.contains(stays), "{text}: {columns}");
    }
    let (folder, _) = kept_csv("Customer ID (CRM),Date Joined,Location,Loyalty Tier\n12,2024-01-02,Bedok,Gold\n");
    let (code, said) = erase(&folder, "12");
    assert!(code == Some(0) && said.contains("without row 2\n"), "{said}");
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
fn sheets_are_known_by_their_names_with_blanks_around_them() {
    let folder = Folder::new();
    let kept = folder.path("uploads").join(format!("{KEPT}.xlsx"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    let mut book = Workbook::new();
    for (name, town) in [("2024 ", "Novena"), ("2025", "Bedok")] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.write_row(0, 0, ["Customer ID", "ID", "Date Joined", "Location", "Loyalty Tier"]).unwrap();
        sheet.write_row(1, 0, ["A-1", &format!("{name}-1"), "2024-01-02", town, "Gold"]).unwrap();
    }
    book.save(&kept).unwrap();
    let (code, said) = erase(&folder, "2024 -1");
    assert!(code == Some(0) && said.contains("rewritten  "), "{said}");
    let columns = fs::read_to_string(kept.with_extension("columns")).unwrap();
    assert!(!columns.contains("Novena") && columns.contains("Bedok"), "{columns}");
}

#[test]
fn identifiers_of_more_digits_than_a_number_holds_are_told_apart_or_named() {
    let folder = own_workbook(&["9007199254740992", "9007199254740993", "12345678901234567890"]);
    for (id, row) in [("9007199254740992", 2), ("9007199254740993", 3), ("12345678901234567890", 4)] {
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && text.contains(&format!("own.xlsx: delete row {row}\n")), "{text}");
        assert!(!text.contains("not searched"), "{text}");
    }
    let folder = own_workbook(&["1", "1.23456789012345E+16"]);
    let (code, text) = erase(&folder, "12345678901234500");
    assert!(code == Some(4) && !text.contains("not found"), "{text}");
    assert!(
        text.contains("perhaps         2026-01-01/own.xlsx: row 3, in another column or with lost digits"),
        "{text}"
    );
}

#[test]
fn rows_whose_identifiers_a_spreadsheet_program_has_changed_are_named() {
    // The card's own number is in no file any more.
    let rounded: Vec<String> = (0..40).map(|n| format!("{}0", 633_504_123_456_700_u64 + n)).collect();
    let rounded: Vec<&str> = rounded.iter().map(String::as_str).collect();
    for (folder, id, says) in [
        (own_workbook(&rounded), "6335041234567021", "own.xlsx: row 4 of 6335041234567020\n"),
        (own_csv(&rounded), "6335041234567020", "own.csv: row 4, in another column or with lost digits\n"),
        (own_csv(&["7.01235E+11", "C-1"]), "701235050000", "own.csv: row 2 of 7.01235E+11\n"),
    ] {
        let (code, text) = erase(&folder, id);
        assert!(code == Some(4) && !text.contains("not found") && !text.contains("delete row"), "{text}");
        assert!(text.contains(&format!("perhaps         2026-01-01/{says}")), "{text}");
    }
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data/2026-01-01")).unwrap();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, HEADER.trim_end().split(',')).unwrap();
    for row in 1..=2 {
        sheet.write_row(row, 0, ["KUNDE-1", "Ann", "2024-02-03", "Bedok", "Female", "Gold"]).unwrap();
    }
    let day = Format::new().set_num_format("yyyy-mm-dd");
    sheet.write_number_with_format(1, 0, 45_000, &day).unwrap();
    book.save(folder.path("base_data/2026-01-01/own.xlsx")).unwrap();
    let (code, text) = erase(&folder, "2023-03-15");
    assert!(code == Some(4) && !text.contains("not found"), "{text}");
    assert!(
        text.contains("perhaps         2026-01-01/own.xlsx: row 2, in another column or with lost digits"),
        "{text}"
    );
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
fn a_customer_of_a_second_column_of_identifiers_is_gone_from_the_upload() {
    let folder = Folder::new();
    let kept = folder.path("uploads").join(format!("{KEPT}.csv"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    let row = |i: usize| format!("M{i},C{i},2024-02-{:02},{},Gold\n", 1 + i % 28, ["Bedok", "Yishun"][i % 2]);
    let rows: String = (0..20).map(row).collect();
    fs::write(&kept, format!("Cust_ID,Customer ID,Date Joined,Location,Loyalty Tier\n{rows}")).unwrap();
    let (code, text) = erase(&folder, "M7");
    assert!(code == Some(0) && text.contains("rewritten  ") && text.contains("without row 9\n"), "{text}");
    let columns = fs::read_to_string(kept.with_extension("columns")).unwrap();
    assert!(columns.lines().count() == 1 + 19 && !columns.contains("2024-02-08"), "{columns}");
}

#[test]
fn an_erasure_by_a_schema_without_a_column_of_the_live_version_rewrites_nothing() {
    let folder = with_customers();
    let kept = folder.path("uploads").join(format!("{KEPT}.csv"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, format!("{HEADER}{}", rows(300, 20))).unwrap();
    let schema = r#"{"identifier": ["customer id"], "columns": [
        {"title": "Location", "required": true, "kind": "category", "persona": {"key": "Towns", "top": 1}}]}"#;
    fs::write(folder.path("schema.json"), schema).unwrap();
    let mut command = folder.command(&["customers", "erase", "--id", "KUNDE-305"]);
    let output = command.env("SCHEMA_PATH", "schema.json").output().unwrap();
    let text = shown(&output);
    assert!(output.status.code() == Some(1) && text.contains("which this schema does not have"), "{text}");
    assert!(kept.exists() && !folder.path("state").exists());
    let (code, text) = erase(&folder, "KUNDE-305");
    assert!(code == Some(0) && text.contains("rewritten  "), "{text}");
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

    for dir in ["uploads/old", "elsewhere"] {
        fs::create_dir_all(folder.path(dir)).unwrap();
        fs::write(folder.path(dir).join("a.csv"), row("SECRET-2")).unwrap();
    }
    std::os::unix::fs::symlink(folder.path("elsewhere"), folder.path("base_data/link")).unwrap();
    let (code, text) = erase(&folder, "SECRET-2");
    assert!(code == Some(4) && !text.contains("not found"), "{text}");
    for named in ["not searched    uploads/old: ", "not searched    link: "] {
        assert!(text.contains(named), "{text}");
    }
}
