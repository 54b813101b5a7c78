//! Uploads listed, approved and erased by command; customers erased from what is kept and from every training.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::folder::{Folder, shown};
use crate::lasting::{start, upload};

pub const HEADER: &str = "Customer ID,Full Name,Date Joined,Location,Gender,Loyalty Tier\n";

/// `n` customers, numbered from `first`, by whom nobody could be told apart but by identifier and name.
pub fn rows(first: usize, n: usize) -> String {
    let row = |i: usize| {
        let (town, tier) = (["Bedok", "Yishun", "Punggol"][i % 3], ["Silver", "Gold", "Platinum"][i / 3 % 3]);
        format!("KUNDE-{i},Name {i},2024-{:02}-{:02},{town},Female,{tier}\n", 1 + i % 12, 1 + i % 28)
    };
    (first..first + n).map(row).collect()
}

/// What an upload's answer says of the kept file.
fn kept(answer: &str) -> Value {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let json = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
    serde_json::from_str::<Value>(json).unwrap()["upload"].clone()
}

pub fn with_customers() -> Folder {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data/2026-01-01")).unwrap();
    fs::write(folder.path("base_data/2026-01-01/own.csv"), format!("{HEADER}{}", rows(0, 200))).unwrap();
    folder.ok(&["retrain"]);
    folder
}

/// Every file below the folder that holds `text`, whatever else it holds.
pub fn holding(folder: &Folder, text: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.path("")]);
    while let Some(dir) = folders.pop() {
        for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if path.is_file() && String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(text) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn an_upload_without_a_key_is_listed_shown_approved_and_erased_by_command() {
    let folder = with_customers();
    let (server, address) = start(&folder, &[]);
    let ids = [300, 400].map(|first| {
        let kept = kept(&upload(&address, &format!("{HEADER}{}", rows(first, 20))));
        assert_eq!(kept["state"], "waiting");
        kept["id"].as_str().unwrap().to_owned()
    });
    drop(server);
    // A restart forgets nothing.
    let (server, _) = start(&folder, &[]);
    let listed = folder.ok(&["uploads", "list"]);
    assert!(ids.iter().all(|id| listed.contains(id)), "{listed}");
    assert!(listed.contains("no key") && listed.contains("waiting for approval: 2 uploads;"), "{listed}");
    let refused = String::from_utf8(folder.run(&["retrain"]).stdout).unwrap();
    assert!(refused.contains("it waits for approval") && refused.contains("unchanged"), "{refused}");

    // Where one of several is unknown, none is approved.
    let unknown = folder.fails(&["uploads", "approve", &ids[0], &"0".repeat(32)]);
    assert!(unknown.contains("there is no upload 0000"), "{unknown}");
    assert!(folder.ok(&["uploads", "list"]).contains("waiting for approval: 2 uploads;"));
    folder.ok(&["uploads", "approve", &ids[0]]);
    let shown_one = folder.ok(&["uploads", "show", &ids[0]]);
    assert!(shown_one.contains("rows            20") && shown_one.contains("approved"), "{shown_one}");
    let report = folder.ok(&["retrain"]);
    assert!(report.contains("customers       220 in"), "{report}");
    // Named twice, it is erased once.
    folder.ok(&["uploads", "erase", &ids[1], &ids[1]]);
    assert!(folder.ok(&["uploads", "list"]).starts_with("no upload waits"));
    assert_eq!(holding(&folder, "KUNDE-400"), Vec::<PathBuf>::new());
    let gone = folder.fails(&["uploads", "approve", &ids[1]]);
    assert!(gone.contains("there is no upload"), "{gone}");
    // One that a training has taken is found where it is.
    let erased = folder.ok(&["uploads", "erase", &ids[0]]);
    assert!(erased.contains("upload-"), "{erased}");
    assert_eq!(holding(&folder, "KUNDE-300"), Vec::<PathBuf>::new());
    drop(server);
}

#[test]
fn an_identifier_may_begin_with_a_minus_and_a_forgotten_one_is_not_the_next_option() {
    let folder = with_customers();
    let erased = folder.run(&["customers", "erase", "--id", "-5"]);
    assert_eq!(erased.status.code(), Some(0), "{erased:?}");
    let slip = folder.run(&["customers", "erase", "--id", "--retrain"]);
    let said = String::from_utf8(slip.stderr).unwrap();
    assert!(slip.status.code() == Some(2) && said.contains("an identifier is missing"), "{said}");
}

#[test]
fn with_columns_alone_no_name_and_no_identifier_is_on_disk_and_trainings_find_the_same_customers() {
    let settings = [("KEEP_UPLOADS", "columns"), ("TRAIN_ON_UPLOADS", "all")];
    let folder = with_customers();
    let (server, address) = start(&folder, &settings);
    let sent = format!("{HEADER}{}", rows(150, 100));
    let first = kept(&upload(&address, &sent));
    let again = kept(&upload(&address, &sent));
    assert_eq!((&first["id"], &again["stored_before"]), (&again["id"], &Value::Bool(true)));
    drop(server);
    assert_eq!(holding(&folder, "KUNDE-240"), Vec::<PathBuf>::new());
    assert_eq!(holding(&folder, "Name 240"), Vec::<PathBuf>::new());
    // Fifty of them are known by their identifiers from the base data, which has them as they are.
    let retrain = || {
        let output = folder.command(&["retrain"]).envs(settings).output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let report = retrain();
    assert!(report.contains("customers       250 in"), "{report}");
    assert!(report.contains("uploads         1 taken over"), "{report}");
    // Nobody is counted twice where an operator adds the workbook itself.
    fs::write(folder.path("base_data/2026-01-01/again.csv"), sent).unwrap();
    assert!(retrain().contains("unchanged"), "the same customers");
}

#[test]
fn customers_without_identifiers_count_once_where_their_workbook_is_kept_as_columns_and_as_it_came() {
    let settings = [("KEEP_UPLOADS", "columns"), ("TRAIN_ON_UPLOADS", "all")];
    let folder = with_customers();
    let (server, address) = start(&folder, &settings);
    // Equal in every column that is kept, and told apart by their names alone.
    let rows: String = (0..30).map(|i| format!("Name {i},2024-03-01,Bedok,Female,Gold\n")).collect();
    let sent = format!("Full Name,Date Joined,Location,Gender,Loyalty Tier\n{rows}");
    kept(&upload(&address, &sent));
    drop(server);
    let retrain = || {
        let output = folder.command(&["retrain"]).envs(settings).output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let report = retrain();
    assert!(report.contains("customers       230 in"), "{report}");
    fs::write(folder.path("base_data/2026-01-01/again.csv"), sent).unwrap();
    let report = retrain();
    assert!(report.contains("unchanged") && report.contains("30 × an exact copy of an earlier row"), "{report}");
}

#[test]
fn an_erased_customer_is_in_no_upload_and_in_no_later_training() {
    let folder = with_customers();
    let (server, address) = start(&folder, &[("TRAIN_ON_UPLOADS", "all")]);
    // The customer is in a waiting upload, once without a date, and in one that a training takes before.
    upload(&address, &format!("{HEADER}{}", rows(190, 30)));
    let retrain = |args: &[&str]| folder.command(args).env("TRAIN_ON_UPLOADS", "all").output().unwrap();
    assert!(retrain(&["retrain"]).status.success());
    upload(&address, &format!("{HEADER}{}KUNDE-195,Name 195,,Bedok,,Gold\n", rows(500, 20)));
    drop(server);
    assert_eq!(holding(&folder, "KUNDE-195").len(), 3);

    let erase = ["customers", "erase", "--id", "kunde-195 "];
    let output = folder.run(&erase);
    let text = shown(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("left            2026-01-01/own.csv: delete row 197"), "{text}");
    assert_eq!(text.matches("rewritten  ").count(), 2, "{text}");
    let listed = folder.ok(&["uploads", "list"]);
    assert!(listed.lines().nth(1).unwrap().contains("        20  "), "the waiting one has one row less: {listed}");
    assert_eq!(text.matches("trained on  ").count(), 2, "both versions counted the customer: {text}");
    assert_eq!(holding(&folder, "KUNDE-195"), [folder.path("base_data/2026-01-01/own.csv")]);
    // What is left in the operator's own file is read by no training.
    let before = folder.versions();
    let report = String::from_utf8(retrain(&["retrain"]).stdout).unwrap();
    assert!(report.contains("the customer was erased") && report.contains("customers       239 in"), "{report}");
    // Without the key nobody who was erased is known: no training goes on.
    let [key, away] = ["state/identifiers.key", "state/away"].map(|name| folder.path(name));
    fs::rename(&key, &away).unwrap();
    let refused = folder.fails(&["retrain"]);
    assert!(refused.contains("identifiers.key is missing") && !key.exists(), "{refused}");
    fs::rename(&away, &key).unwrap();

    let own = fs::read_to_string(folder.path("base_data/2026-01-01/own.csv")).unwrap();
    let without: String =
        own.lines().filter(|line| !line.starts_with("KUNDE-195,")).map(|l| format!("{l}\n")).collect();
    fs::write(folder.path("base_data/2026-01-01/own.csv"), without).unwrap();
    let done = folder.ok(&erase);
    assert!(!done.contains("left  "), "{done}");
    let later = folder.versions().into_iter().find(|version| !before.contains(version)).unwrap();
    assert_eq!(done.matches("trained on  ").count(), 2, "{done}");
    assert!(
        !done.contains(later.file_name().unwrap().to_str().unwrap()),
        "it was trained without the customer: {done}"
    );
    // What nobody can read may hold the customer.
    fs::write(folder.path("base_data/2026-01-01/broken.xlsx"), "PK\x03\x04 no workbook").unwrap();
    let unsure = folder.run(&erase);
    assert_eq!(unsure.status.code(), Some(4), "{}", shown(&unsure));
    assert!(shown(&unsure).contains("not searched    2026-01-01/broken.xlsx"), "{}", shown(&unsure));
    // Sent again, the customer is known again by nobody but the file.
    let none = folder.fails(&["customers", "erase", "--id", " n/a"]);
    assert!(none.contains("the identifier is empty"), "{none}");
}

#[test]
fn an_identifier_that_nobody_has_is_said_to_be_unknown_and_passed_over_all_the_same() {
    let folder = with_customers();
    let erase = ["customers", "erase", "--id", "KUNDE-9007"];
    let text = folder.ok(&erase);
    assert!(text.contains("not found       no upload and no file of the base data has this identifier"), "{text}");
    assert!(!text.contains("erased  ") && !text.contains("trained on"), "{text}");
    fs::write(folder.path("base_data/2026-01-01/later.csv"), format!("{HEADER}{}", rows(9000, 20))).unwrap();
    let report = folder.ok(&["retrain"]);
    assert!(report.contains("1 × the customer was erased") && report.contains("customers       219 in"), "{report}");
    let again = folder.run(&erase);
    assert!(shown(&again).starts_with("erased  "), "{}", shown(&again));
    assert!(shown(&again).contains("left            2026-01-01/later.csv: delete row 9"), "{}", shown(&again));
}

#[test]
fn an_erasure_trains_anew_where_that_is_asked_for() {
    let folder = with_customers();
    let own = folder.path("base_data/2026-01-01/own.csv");
    fs::rename(&own, folder.path("base_data/2026-01-01/upload-20260101T000000Z-0123456789abcdef0123456789abcdef.csv"))
        .unwrap();
    let erase = ["customers", "erase", "--id", "KUNDE-7", "--retrain"];
    let refused = folder.command(&erase).env("MIN_FREE_MB", "1000000000").output().unwrap();
    assert!(!refused.status.success() && shown(&refused).contains("what must stay free"), "{}", shown(&refused));
    assert_eq!((folder.versions().len(), holding(&folder, "KUNDE-7,").len()), (1, 1), "all is as it was");
    let report = folder.ok(&erase);
    assert!(report.contains("customers       199 in") && report.contains("published"), "{report}");
    assert_eq!(folder.versions().len(), 2);
    assert_eq!(holding(&folder, "KUNDE-"), Vec::<PathBuf>::new(), "the whole file is columns now");
    // The version that was trained without the customer does not count them.
    let again = folder.ok(&["customers", "erase", "--id", "KUNDE-7"]);
    assert!(!again.contains("trained on  "), "{again}");
}

/// The pseudonym of the customer who was erased last.
fn last_erased(folder: &Folder) -> String {
    let erased: Value = serde_json::from_slice(&fs::read(folder.path("state/erased.json")).unwrap()).unwrap();
    erased.as_array().unwrap().last().unwrap()["customer"].as_str().unwrap().to_owned()
}

#[test]
fn one_customer_after_the_other_is_erased_from_kept_columns_before_and_after_a_training_took_them() {
    for keep in ["columns", "original"] {
        let settings = [("KEEP_UPLOADS", keep), ("TRAIN_ON_UPLOADS", "all")];
        let folder = with_customers();
        let (server, address) = start(&folder, &settings);
        upload(&address, &format!("{HEADER}{}", rows(1000, 100)));
        drop(server);
        let erase = |id: &str| {
            let text = folder.ok(&["customers", "erase", "--id", id]);
            assert!(text.contains("rewritten  ") && !text.contains("not searched"), "{keep} {id}: {text}");
            let held = holding(&folder, &last_erased(&folder));
            assert_eq!(held, [folder.path("state/erased.json")], "{keep} {id}");
            assert_eq!(holding(&folder, "KUNDE-1050"), Vec::<PathBuf>::new(), "{keep}: the file is columns");
            text
        };
        for id in ["KUNDE-1005", "KUNDE-1006"] {
            let text = erase(id);
            assert!(text.contains("rewritten       uploads/") && !text.contains("trained on"), "{keep} {id}: {text}");
            // Below the titles; of what was rewritten the next customer is in the same row.
            assert!(text.contains("without row 7\n"), "{keep} {id}: {text}");
        }
        let trained = folder.command(&["retrain"]).envs(settings).output().unwrap();
        assert!(shown(&trained).contains("customers       298 in"), "{}", shown(&trained));
        for id in ["KUNDE-1007", "KUNDE-1008"] {
            let text = erase(id);
            assert!(text.contains("/upload-") && text.contains("trained on"), "{keep} {id}: {text}");
        }
        let report = folder.ok(&["retrain"]);
        assert!(report.contains("customers       296 in"), "{report}");
        // What is no longer as it was written may hold the customer.
        fs::write(folder.path("base_data/2026-01-01/cut.columns"), "Location,customer,row\nBedok,1").unwrap();
        let unsure = folder.run(&["customers", "erase", "--id", "KUNDE-1009"]);
        assert_eq!(unsure.status.code(), Some(4), "{}", shown(&unsure));
        assert!(shown(&unsure).contains("not searched    2026-01-01/cut.columns"), "{}", shown(&unsure));
    }
}

#[test]
fn a_link_to_a_workbook_is_read_and_searched_and_one_that_leads_to_none_is_named() {
    let folder = with_customers();
    fs::create_dir(folder.path("elsewhere")).unwrap();
    fs::create_dir_all(folder.path("uploads")).unwrap();
    for (file, link, first) in [("a.csv", "base_data/2026-01-01/a.csv", 300), ("b.csv", "uploads/b.csv", 400)] {
        let target = folder.path("elsewhere").join(file);
        fs::write(&target, format!("{HEADER}{}", rows(first, 20))).unwrap();
        std::os::unix::fs::symlink(&target, folder.path(link)).unwrap();
    }
    std::os::unix::fs::symlink(folder.path("nowhere"), folder.path("base_data/2026-01-01/gone.csv")).unwrap();
    let erased = folder.run(&["customers", "erase", "--id", "KUNDE-405"]);
    let text = shown(&erased);
    assert_eq!(erased.status.code(), Some(4), "{text}");
    assert!(text.contains("left            uploads/b.csv: delete row 7"), "{text}");
    assert!(text.contains("not searched    2026-01-01/gone.csv"), "{text}");
    let report = folder.ok(&["retrain"]);
    assert!(report.contains("customers       239 in") && report.contains("2026-01-01/gone.csv"), "{report}");
    // What was taken over is there, wherever the link led to.
    let taken = holding(&folder, "KUNDE-400");
    assert!(taken.len() == 2 && taken.iter().any(|path| path.ends_with("upload-b.csv")), "{taken:?}");
    assert!(!folder.path("uploads/b.csv").is_symlink());
}

#[test]
fn an_identifier_that_differs_by_zeros_before_it_is_named_and_not_said_to_be_unknown() {
    let folder = with_customers();
    let row = |id: &str| format!("{id},Name,2024-02-03,Bedok,Female,Gold\n");
    let file = folder.path("base_data/2026-01-01/numbers.csv");
    fs::write(&file, format!("{HEADER}{}{}{}", row("123"), row("000456"), row("7"))).unwrap();
    let erase = |id: &str| folder.run(&["customers", "erase", "--id", id]);
    for (id, found) in [("000123", "row 2 of 123"), ("456", "row 3 of 000456")] {
        let output = erase(id);
        let text = shown(&output);
        assert_eq!(output.status.code(), Some(4), "{text}");
        assert!(text.contains(&format!("perhaps         2026-01-01/numbers.csv: {found}")), "{text}");
        assert!(!text.contains("erased "), "{text}");
        assert!(!text.contains("not found") && text.contains(&format!("--id {}", found.rsplit(' ').next().unwrap())));
    }
    // Once the customer is erased by that, nothing is left but the operator's own row.
    assert!(shown(&erase("123")).contains("delete row 2"));
    let output = erase("000123");
    let text = shown(&output);
    assert!(text.contains("left            2026-01-01/numbers.csv: row 2 of 123, which was erased before"), "{text}");
    assert!(output.status.code() == Some(4) && !text.contains("not found"), "{text}");
    fs::write(&file, format!("{HEADER}{}", row("7"))).unwrap();
    for id in ["123", "000123"] {
        let output = erase(id);
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    }
    assert_eq!(erase("1234").status.code(), Some(0), "another number is another customer");
}
