//! What an erasure does to kept uploads, also to those that a killed process left or that are on their way.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rust_xlsxwriter::Workbook;

use super::{KEPT, erase, kept_csv};
use crate::folder::{Folder, shown};
use crate::form::Form;
use crate::lasting::{start, upload};
use crate::people::{HEADER, holding, rows, with_customers};

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
fn sheets_are_known_by_their_names_with_blanks_around_them() {
    let folder = Folder::new();
    let kept = folder.path("uploads").join(format!("{KEPT}.xlsx"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    let mut book = Workbook::new();
    for (name, town) in [("2024 ", "Novena"), ("2025", "Bedok")] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.write_row(0, 0, ["Member", "ID", "Date Joined", "Location", "Loyalty Tier"]).unwrap();
        sheet.write_row(1, 0, ["A-1", &format!("{name}-1"), "2024-01-02", town, "Gold"]).unwrap();
    }
    book.save(&kept).unwrap();
    let (code, said) = erase(&folder, "2024 -1");
    assert!(code == Some(0) && said.contains("rewritten  "), "{said}");
    let columns = fs::read_to_string(kept.with_extension("columns")).unwrap();
    assert!(!columns.contains("Novena") && columns.contains("Bedok"), "{columns}");
}

#[test]
fn rows_of_others_that_have_the_identifier_in_another_sense_stay_and_are_named() {
    let row = |i: usize| format!("2024-02-{:02},{},Gold", 1 + i % 28, ["Bedok", "Yishun"][i % 2]);
    let table = |header: &str, row: &dyn Fn(usize) -> String| {
        let rows: String = (1..=30).map(|i| row(i) + "\n").collect();
        format!("{header},Date Joined,Location,Loyalty Tier\n{rows}")
    };
    let in_another = "in another column";
    for (text, id, n_rows, says) in [
        // A running number, and whoever has referred a customer.
        (table("ID,Customer ID", &|i| format!("{i},{},{}", 1_000 + i, row(i))), "12", 1, in_another),
        (table("Customer ID,Cust_ID", &|i| format!("C-{i},C-{},{}", 1 + i / 6, row(i))), "C-3", 7, in_another),
        // A column of branches, and a placeholder.
        (table("ID", &|i| format!("{},{}", i % 5, row(i))), "3", 6, "where it tells nobody apart"),
        (
            table("ID", &|i| format!("{},{}", if i < 22 { 0 } else { i }, row(i))),
            "0",
            21,
            "where it tells nobody apart",
        ),
    ] {
        let (folder, columns) = kept_csv(&text);
        let (code, said) = erase(&folder, id);
        let perhaps = said.lines().find(|line| line.starts_with("perhaps  ")).unwrap_or_else(|| panic!("{text}{said}"));
        assert!(code == Some(4) && perhaps.contains(says), "{text}{said}");
        let named = perhaps.split(": row").nth(1).unwrap().split(|c: char| !c.is_ascii_digit());
        let n_named = named.filter(|number| !number.is_empty()).count();
        let is_own = id == "C-3";
        assert_eq!((n_named, columns.exists()), (n_rows - usize::from(is_own), is_own), "{text}{said}");
    }
    let below = "Age,Date Joined,Location,Loyalty Tier\n34,2024-01-02,Bedok,Gold\n";
    let (folder, columns) = kept_csv(&format!("{}\n{below}", table("ID", &|i| format!("{},{}", 100 + i, row(i)))));
    let (code, said) = erase(&folder, "34");
    assert!(code == Some(0) && said.contains("not found") && !columns.exists(), "{said}");
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
fn an_upload_of_customers_who_were_erased_is_answered_like_any_other() {
    let folder = with_customers();
    erase(&folder, "KUNDE-305");
    let said = "The next training learns from these rows, but for those of customers who were erased.";
    for keep in ["columns", "original"] {
        let (_server, address) = start(&folder, &[("KEEP_UPLOADS", keep), ("TRAIN_ON_UPLOADS", "all")]);
        for first in [305, 500] {
            let answer = upload(&address, &format!("{HEADER}{}", rows(first, 1)));
            assert!(answer.contains(said), "{keep}: {answer}");
        }
    }
}

#[test]
fn who_is_erased_changes_nothing_of_what_the_other_identifiers_are_worth() {
    let folder = Folder::new();
    let row = |i: usize| {
        let (town, tier) = (["Bedok", "Yishun", "Punggol"][i % 3], ["Silver", "Gold"][i / 3 % 2]);
        format!("C-{},Ann,2024-{:02}-{:02},{town},Female,{tier}\n", i % 100, 1 + i % 12, 1 + i % 28)
    };
    let rows: String = (0..300).map(row).collect();
    fs::create_dir_all(folder.path("base_data/2026-01-01")).unwrap();
    fs::write(folder.path("base_data/2026-01-01/a.csv"), format!("{HEADER}{rows}")).unwrap();
    erase(&folder, "C-5");
    let trained = shown(&folder.run(&["retrain", "--force"]));
    assert!(trained.contains("customers       99 in"), "{trained}");
}

#[test]
fn a_version_of_a_file_that_is_gone_is_named_since_nobody_knows_whom_it_counts() {
    let folder = with_customers();
    let (code, text) = erase(&folder, "KUNDE-9999");
    assert!(code == Some(0) && !text.contains("not there any more"), "{text}");
    for entry in fs::read_dir(folder.path("base_data/2026-01-01")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let (code, text) = erase(&folder, "KUNDE-5");
    assert!(code == Some(0) && text.contains("not found") && !text.contains("version knows"), "{text}");
    assert!(text.contains(" was trained on a file that is not there any more\n"), "{text}");
}

#[test]
fn an_upload_is_not_rewritten_where_a_later_training_would_lose_other_rows() {
    let table = "Customer ID,Date Joined,Location,Loyalty Tier\nC-00001,2024-01-02,Bedok,Gold\n";
    let (folder, columns) =
        kept_csv(&format!("{table}C-00002,2024-01-03,Bedok,Bronze\nC-00003,2024-01-04,Novena,Gold\n"));
    let (code, said) = erase(&folder, "C-00001");
    let left = format!("left            uploads/{KEPT}.csv: row 2; rewriting the upload would lose 1 row that");
    assert!(code == Some(4) && said.contains(&left) && !columns.exists(), "{said}");
    assert!(said.contains("add the level to the schema (SCHEMA_PATH)"), "{said}");
    // The customer's own row is not among those that would be lost.
    let (code, said) = erase(&folder, "C-00002");
    assert!(code == Some(0) && said.contains("rewritten  ") && !said.contains("went with it"), "{said}");
    assert_eq!(fs::read_to_string(columns).unwrap().lines().count(), 2, "without C-00001, who was erased before");
    let (folder, columns) = kept_csv(&format!("{table}C-00002,2024-01-03,,Gold\nC-00003,2024-01-04,Novena,Gold\n"));
    let (code, said) = erase(&folder, "C-00001");
    assert!(code == Some(0) && said.contains("1 other row, which no training can use, went with it"), "{said}");
    assert_eq!(fs::read_to_string(columns).unwrap().lines().count(), 2, "{said}");
}

#[test]
fn an_upload_is_not_rewritten_where_a_sheet_of_other_customers_would_be_lost() {
    let folder = Folder::new();
    let kept = folder.path("uploads").join(format!("{KEPT}.xlsx"));
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    let mut book = Workbook::new();
    let headers = ["Customer ID", "Date Joined", "Location", "Loyalty Tier", "Gender"];
    for (name, n_columns, first) in [("2026", 5, 100), ("2025", 4, 200)] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        sheet.write_row(0, 0, headers.into_iter().take(n_columns)).unwrap();
        for row in 1..=3 {
            let id = format!("C-00{}", first + row);
            let cells = [id.as_str(), "2024-01-02", "Bedok", "Gold", "Female"];
            sheet.write_row(row, 0, cells.into_iter().take(n_columns)).unwrap();
        }
    }
    book.save(&kept).unwrap();
    for (id, place, n_lost) in [("C-00102", "row 3 of sheet 2026", 3), ("C-00203", "row 4 of sheet 2025", 2)] {
        let (code, said) = erase(&folder, id);
        let left = format!("{KEPT}.xlsx: {place}; rewriting the upload would lose {n_lost} rows that a later training");
        assert!(code == Some(4) && said.contains(&left) && kept.exists(), "{said}");
    }
}

#[test]
fn a_customer_is_erased_whatever_stands_beside_the_rows_that_trainings_read() {
    // A list that was appended to itself twice, and many unusable rows of the others.
    let list = rows(0, 30);
    let unusable: String = (0..60).map(|i| format!("KUNDE-{},Ann,,,,\n", i % 30)).collect();
    for text in [format!("{HEADER}{list}{list}{list}"), format!("{HEADER}{list}{unusable}")] {
        let (folder, columns) = kept_csv(&text);
        let (code, said) = erase(&folder, "KUNDE-7");
        assert!(code == Some(0) && said.contains("rewritten  ") && columns.exists(), "{said}");
        let (_, said) = erase(&folder, "KUNDE-7");
        assert!(!said.contains("perhaps") && !said.contains("left  "), "{said}");
    }
}

#[test]
fn an_erasure_by_a_schema_that_reads_less_than_the_live_version_is_refused() {
    let folder = with_customers();
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/customer/schema.json")).unwrap();
    for (reads_less, lacks) in [
        (schema.replace("\"cust_id\", ", ""), "the header \"cust_id\" of identifiers"),
        (schema.replace("\"branch\", ", ""), "the header \"branch\" of the column Location"),
    ] {
        assert_ne!(reads_less, schema);
        fs::write(folder.path("schema.json"), reads_less).unwrap();
        let mut command = folder.command(&["customers", "erase", "--id", "KUNDE-5"]);
        let said = shown(&command.env("SCHEMA_PATH", "schema.json").output().unwrap());
        assert!(said.contains(&format!("the live version has {lacks}, which this schema does not have")), "{said}");
    }
}
