//! What a training reads, what counts, and where the uploads go.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use content_portal::customer::Dropped;
use content_portal::pipeline::DriftLevel;
use content_portal::retrain::{RetrainReport, Verdict};
use content_portal::upload_store::TrainOn;

use crate::shop::{HEADER, Shop, customers, names};

#[test]
fn of_several_rows_of_one_customer_the_newest_file_s_stands() {
    let mut shop = Shop::with("AB");
    // 72 customers moved from A's towns to B's in a later folder, and 10 of them back again in an upload.
    let moved = customers('B', 0, 72).replace('B', "A").replace("Aedok", "Bedok");
    shop.add("base_data/2026-02-01/moved.csv", &moved);
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('A', 0, 10));
    let report = shop.publish().report;
    assert_eq!(report.cleaning.rows_read, 72 + 72 + 72 + 10);
    assert_eq!(report.cleaning.dropped[&Dropped::ReplacedByNewer], 72 + 10);
    assert_eq!(report.cleaning.n_dropped(), 72 + 10);
    let first = &report.cleaning.first_dropped[&Dropped::ReplacedByNewer][0];
    assert_eq!((first.row, first.source.as_str()), (2, "2026-01-01/A.csv"));
    let everyone = shop.current().model.everyone().clone();
    assert_eq!(everyone.customers, 144);
    // All but ten of A's towns are left in B's: too few of each town of A's to be told by name.
    let profile = fs::read_to_string(shop.path("models/current/training_profile.json")).unwrap();
    let profile: serde_json::Value = serde_json::from_str(&profile).unwrap();
    let towns = profile["features"][0]["histogram"]["values"].as_array().unwrap();
    let of_a = towns.iter().find(|town| town[0] == "Other").map(|town| town[1].as_u64().unwrap());
    assert_eq!((of_a, towns.len()), (Some(10), 3), "{towns:?}");
}

/// Customers of kind A who have moved to the towns of kind B.
fn moved(first: usize, n: usize) -> String {
    customers('B', first, n).replace('B', "A")
}

/// The file of the first row that a newer one replaced.
fn replaced(report: &RetrainReport) -> String {
    report.cleaning.first_dropped[&Dropped::ReplacedByNewer][0].source.clone()
}

#[test]
fn a_folder_without_a_year_is_older_than_uploads_also_once_a_training_has_taken_them() {
    let mut shop = Shop::new();
    shop.force = true;
    shop.add("base_data/first/AB.csv", &(customers('A', 0, 72) + &customers('B', 0, 72)));
    shop.add("uploads/new.csv", &moved(0, 30));
    for _ in 0..2 {
        let report = shop.publish().report;
        assert_eq!(
            (replaced(&report).as_str(), report.cleaning.dropped[&Dropped::ReplacedByNewer]),
            ("first/AB.csv", 30)
        );
    }
}

#[test]
fn of_two_uploads_the_one_that_was_sent_last_is_newer_also_once_a_training_has_taken_them() {
    let mut shop = Shop::with("AB");
    (shop.force, shop.train_on) = (true, TrainOn::All);
    let names = ["1", "2"].map(|digit| format!("2026010{digit}T000000Z-{}.csv", digit.repeat(32)));
    for (name, rows) in names.iter().zip([customers('A', 100, 30), moved(100, 30)]) {
        shop.add(&format!("uploads/{name}"), &rows);
    }
    // The first one came again, to take back the second one.
    let now = std::time::SystemTime::now();
    let earlier = now - std::time::Duration::from_secs(60);
    for (name, sent) in names.iter().zip([now, earlier]) {
        let file = fs::File::options().write(true).open(shop.path("uploads").join(name)).unwrap();
        file.set_modified(sent).unwrap();
    }
    for _ in 0..2 {
        let report = shop.publish().report;
        assert!(replaced(&report).ends_with(&names[1]), "{}", replaced(&report));
        assert_eq!(report.cleaning.dropped[&Dropped::ReplacedByNewer], 30);
    }
}

#[test]
fn october_is_later_than_september_however_folders_and_files_are_called() {
    let folders = [["2026-9-30/all", "2026-10-01/all"], ["2026-09-30/all", "2026-10-1/all"]];
    for files in folders.into_iter().chain([["2026/list 9", "2026/list 10"], ["2026/list", "2026/list2"]]) {
        let mut shop = Shop::new();
        shop.force = true;
        let [before, after] = files.map(|file| format!("base_data/{file}.csv"));
        shop.add(&before, &(customers('A', 0, 72) + &customers('B', 0, 72)));
        shop.add(&after, &moved(0, 30));
        let older = before.strip_prefix("base_data/").unwrap();
        assert_eq!(replaced(&shop.publish().report), older);
    }
}

#[test]
fn who_may_not_teach_makes_no_upload_newer_also_once_trainings_have_taken_it() {
    let mut shop = Shop::with("AB");
    shop.force = true;
    let names = ["1", "2"].map(|digit| format!("2026010{digit}T000000Z-{}.csv", digit.repeat(32)));
    let now = std::time::SystemTime::now();
    let ago = |seconds| now - std::time::Duration::from_secs(seconds);
    // Somebody else has sent the first one just now, which counts since two minutes ago.
    let since = jiff::Timestamp::try_from(ago(120)).unwrap();
    let notes = [format!(r#","counts_since":"{since}""#), String::new()];
    for ((name, note), (rows, sent)) in
        names.iter().zip(notes).zip([(customers('A', 100, 30), 0), (moved(100, 30), 60)])
    {
        shop.add(&format!("uploads/{name}"), &rows);
        let file = fs::File::options().write(true).open(shop.path("uploads").join(name)).unwrap();
        file.set_modified(ago(sent)).unwrap();
        let note = format!(r#"{{"state":"approved","sent_by":"shop","rows":30{note}}}"#);
        fs::write(shop.path(&format!("uploads/.{name}.json")), note).unwrap();
    }
    for _ in 0..2 {
        let report = shop.publish().report;
        assert!(replaced(&report).ends_with(&names[0]), "{}", replaced(&report));
    }
}

#[test]
fn identifiers_that_differ_by_zeros_in_front_alone_are_two_customers_and_a_note_says_so() {
    let identified = |kind, id: &dyn Fn(usize) -> String| -> String {
        let lines = customers(kind, 0, 72);
        let with_id = |(n, line): (usize, &str)| format!("{},{}\n", id(n + 1), line.split_once(',').unwrap().1);
        lines.lines().enumerate().map(with_id).collect()
    };
    let mut shop = Shop::new();
    shop.force = true;
    shop.add("base_data/2026-01-01/padded.csv", &identified('A', &|n| format!("{n:06}")));
    shop.add("base_data/2026-02-01/padded.csv", &identified('A', &|n| format!("{n:06}")));
    let report = shop.publish().report;
    assert_eq!((report.scores.unwrap().rows, report.cleaning.notes), (72, vec![]));
    shop.add("base_data/2026-03-01/numbers.csv", &identified('A', &|n| n.to_string()));
    let report = shop.publish().report;
    assert_eq!(report.scores.unwrap().rows, 144);
    let notes: Vec<_> = report.cleaning.notes.iter().map(|note| (note.code.as_str(), note.sentence.as_str())).collect();
    let [("identifiers_differ_by_zeros", sentence)] = notes.as_slice() else { panic!("{notes:?}") };
    let found = "Identifiers in 2026-01-01/padded.csv have zeros in front (6 digits), and some in \
                 2026-03-01/numbers.csv have fewer digits and none: 000123 and 123 count as two customers.";
    assert!(sentence.starts_with(found), "{sentence}");
    // As many digits as the others have with their zeros are whole.
    shop.add("base_data/2026-03-01/numbers.csv", &identified('A', &|n| (100_000 + n).to_string()));
    assert_eq!(shop.publish().report.cleaning.notes, []);
}

#[test]
fn identifiers_that_differ_in_case_alone_are_two_customers_where_case_is_part_and_a_note_says_so() {
    let mut shop = Shop::new();
    shop.force = true;
    shop.add(
        "base_data/2026-01-01/ids.csv",
        &identified(&|n| format!("0015g00000Xy{:02}{}", n / 2, ["A", "a"][n % 2])),
    );
    let report = shop.publish().report;
    assert_eq!((report.scores.unwrap().rows, report.cleaning.n_dropped()), (72, 0));
    let notes: Vec<_> = report.cleaning.notes.iter().map(|note| (note.code.as_str(), note.sentence.as_str())).collect();
    let [("identifiers_differ_by_case", sentence)] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(sentence.contains("72 identifiers differ from another in case alone"), "{sentence}");
    // Of what people type case is no part.
    shop.add("base_data/2026-01-01/ids.csv", &identified(&|n| format!("Cust-{n}")));
    shop.add("base_data/2026-02-01/ids.csv", &identified(&|n| format!("CUST-{n}")));
    let report = shop.publish().report;
    assert_eq!((report.scores.unwrap().rows, report.cleaning.notes), (72, vec![]));
}

/// 72 customers with these identifiers.
fn identified(id: &dyn Fn(usize) -> String) -> String {
    let lines = customers('A', 0, 72);
    let with_id = |(n, line): (usize, &str)| format!("{},{}\n", id(n), line.split_once(',').unwrap().1);
    lines.lines().enumerate().map(with_id).collect()
}

#[test]
fn identifiers_that_were_rounded_replace_nobody_and_a_note_says_so() {
    let mut shop = Shop::new();
    shop.force = true;
    // 16 digits, of which a spreadsheet program has kept 15: six customers share each.
    shop.add("base_data/2026-01-01/cards.csv", &identified(&|n| format!("633504123456{}0", 700 + n / 6)));
    let report = shop.publish().report;
    assert_eq!((report.scores.unwrap().rows, report.cleaning.n_dropped()), (72, 0));
    let codes: Vec<_> = report.cleaning.notes.iter().map(|note| note.code.as_str()).collect();
    assert_eq!(codes, ["identifiers_rounded"]);
}

#[test]
fn of_a_list_with_many_rows_for_each_customer_the_newest_stand_and_a_column_that_tells_nobody_apart_is_named() {
    let mut shop = Shop::new();
    shop.force = true;
    let orders: String = ["01", "02", "03"]
        .iter()
        .flat_map(|day| {
            let tier = ["Silver", "Gold", "Platinum"];
            (0..150).map(move |n| format!("C{n},2024-{:02}-{day},Bedok,Female,{}\n", 1 + n % 12, tier[n / 12 % 3]))
        })
        .collect();
    shop.add("base_data/2026-01-01/orders.csv", &orders);
    let report = shop.publish().report;
    assert_eq!((report.cleaning.dropped[&Dropped::ReplacedByNewer], report.cleaning.notes), (300, vec![]));
    shop.add("base_data/2026-01-01/orders.csv", &identified(&|n| format!("BATCH-{}", n % 2)));
    let report = shop.publish().report;
    assert_eq!((report.scores.unwrap().rows, report.cleaning.n_dropped()), (72, 0));
    let notes: Vec<_> = report.cleaning.notes.iter().map(|note| (note.code.as_str(), note.sentence.as_str())).collect();
    let [("identifiers_tell_nobody_apart", sentence)] = notes.as_slice() else { panic!("{notes:?}") };
    let says =
        "2026-01-01/orders.csv: the column of identifiers has 2 different values in 72 rows and tells nobody apart";
    assert!(sentence.starts_with(says), "{sentence}");
}

#[test]
fn customers_above_the_header_count_among_the_rows_that_are_left_out() {
    let mut shop = Shop::with("A");
    shop.publish();
    let sorted = format!("{}{HEADER}{}", customers('B', 0, 19), customers('B', 19, 25));
    fs::write(shop.path("base_data/2026-01-01/B.csv"), sorted).unwrap();
    let report = shop.retrain().unwrap();
    let report = format!("{report:?}");
    assert!(report.contains("AboveHeader: 19") && report.contains("rows_above_header"), "{report}");
}

#[test]
fn a_file_without_an_optional_column_is_trained_on_with_others_that_have_it_and_a_note_says_so() {
    let without_gender = |lines: &str| -> String {
        let line = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            [&cells[..3], &cells[4..]].concat().join(",") + "\n"
        };
        format!("{HEADER}{lines}").lines().map(line).collect()
    };
    let mut shop = Shop::with("AB");
    shop.publish();
    // Three quarters of all customers are in files without the column.
    fs::create_dir_all(shop.path("base_data/2026-02-01")).unwrap();
    for (name, first) in [("1.csv", 72), ("2.csv", 144), ("3.csv", 216)] {
        let lines = customers('A', first, 72) + &customers('B', first, 72);
        fs::write(shop.path("base_data/2026-02-01").join(name), without_gender(&lines)).unwrap();
    }
    let report = shop.publish().report;
    assert_eq!((report.verdict, report.scores.as_ref().unwrap().rows), (Verdict::Passed, 576));
    let notes: Vec<_> = report.cleaning.notes.iter().map(|note| (note.code.as_str(), note.sentence.as_str())).collect();
    let sentence = "2026-02-01/1.csv, 2026-02-01/2.csv, 2026-02-01/3.csv have no column \"Gender\": their customers (432) \
                    count as without a value in it";
    assert_eq!(notes, [("column_not_in_all_files", sentence)]);
    let gender = |report: &RetrainReport| {
        let drift = report.drift.as_ref().unwrap();
        drift.columns.iter().find(|column| column.title == "Gender").unwrap().clone()
    };
    let drift = gender(&report);
    assert_eq!((drift.level, drift.total_variation), (DriftLevel::Steady, 0.0), "{drift:?}");
    // The column comes back, as the same customers' files are sent whole.
    for (name, first) in [("1.csv", 72), ("2.csv", 144), ("3.csv", 216)] {
        let lines = customers('A', first, 72) + &customers('B', first, 72);
        shop.add(&format!("base_data/2026-02-01/{name}"), &lines);
    }
    let report = shop.publish().report;
    assert_eq!((report.verdict, report.cleaning.notes.len()), (Verdict::Passed, 0));
    assert_eq!(gender(&report).level, DriftLevel::Steady, "{:?}", gender(&report));
    // And is in no file.
    for name in ["2026-01-01/A.csv", "2026-01-01/B.csv", "2026-02-01/1.csv", "2026-02-01/2.csv", "2026-02-01/3.csv"] {
        let path = shop.path("base_data").join(name);
        let lines = fs::read_to_string(&path).unwrap().replacen(HEADER, "", 1);
        fs::write(path, without_gender(&lines)).unwrap();
    }
    let report = shop.publish().report;
    let notes: Vec<_> = report.cleaning.notes.iter().map(|note| (note.code.as_str(), note.sentence.as_str())).collect();
    let sentence = "no file has the column \"Gender\": all customers count as without a value in it";
    assert_eq!(notes, [("column_in_no_file", sentence)]);
    assert_eq!(report.verdict, Verdict::Passed);
}

#[test]
fn what_few_rows_have_and_what_no_sheet_calls_a_header_is_in_no_report() {
    let mut shop = Shop::with("AB");
    shop.force = true;
    let slipped = |n: usize| ["Erika Mustermann", "insolvent", "Bronze"][if n < 2 { n } else { 2 }];
    let lines: String = (0..20).map(|n| format!("X{n},2024-02-03,Bedok,Female,{}\n", slipped(n))).collect();
    shop.add("base_data/2026-01-01/slipped.csv", &lines);
    fs::write(shop.path("base_data/2026-01-01/card.csv"), "Location,Max Muster,Bedok,complained\n").unwrap();
    let mut book = rust_xlsxwriter::Workbook::new();
    let list = format!("{HEADER}{}", customers('C', 0, 20));
    for (name, lines) in [("Data", list.as_str()), ("Card", "Location,Eva Muster,Date,ID,called back")] {
        let sheet = book.add_worksheet().set_name(name).unwrap();
        for (row, line) in (0..).zip(lines.lines()) {
            sheet.write_row(row, 0, line.split(',')).unwrap();
        }
    }
    book.save(shop.path("base_data/2026-01-01/sheets.xlsx")).unwrap();
    let report = shop.publish().report;
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.contains("\"Bronze\"") && json.contains("\"Card\"") && json.contains("card.csv"), "{json}");
    for cell in ["Erika", "insolvent", "Max Muster", "complained", "Eva Muster", "called back"] {
        assert!(!json.contains(cell), "{cell}: {json}");
    }
}

#[test]
fn a_file_that_was_copied_counts_once() {
    let mut shop = Shop::with("AB");
    fs::copy(shop.path("base_data/2026-01-01/A.csv"), shop.path("base_data/2026-01-01/A again.csv")).unwrap();
    let report = shop.publish().report;
    assert_eq!(report.cleaning.dropped[&Dropped::Duplicate], 72);
    assert_eq!(report.scores.unwrap().rows, 144);
}

#[test]
fn an_identifier_that_is_the_same_for_all_or_missing_collapses_nothing() {
    for id in ["1", ""] {
        let mut shop = Shop::new();
        for kind in ['A', 'B'] {
            let lines = customers(kind, 0, 36);
            let same: String =
                lines.lines().map(|line| format!("{id},{}\n", line.split_once(',').unwrap().1)).collect();
            shop.add(&format!("base_data/{kind}.csv"), &same);
        }
        shop.gate.min_customers = 50;
        let report = shop.publish().report;
        assert_eq!(report.scores.unwrap().rows, 72, "identifier {id:?}: {:?}", report.cleaning.dropped);
    }
}

#[test]
fn a_name_that_is_not_utf_8_is_reported_as_well_as_it_can_be() {
    use std::os::unix::ffi::OsStrExt;
    let mut shop = Shop::with("AB");
    for (name, content) in
        [(&b"M\xe4rz.csv"[..], format!("{HEADER}{}", customers('C', 0, 72))), (b"\xff.xlsx", "x".to_owned())]
    {
        fs::write(shop.path("base_data").join(std::ffi::OsStr::from_bytes(name)), content).unwrap();
    }
    let report = shop.publish().report;
    assert!(report.files.contains(&"M\u{fffd}rz.csv".to_owned()), "{:?}", report.files);
    assert_eq!(report.skipped[0].file, "\u{fffd}.xlsx");
}

#[test]
fn pipes_sockets_and_devices_are_named_and_never_waited_for() {
    let mut shop = Shop::with("AB");
    for folder in ["base_data", "uploads"] {
        let path = |name: &str| shop.path(&format!("{folder}/{name}"));
        assert!(Command::new("mkfifo").arg(path("20260101T000000Z-01.csv")).status().unwrap().success());
        drop(UnixListener::bind(path("20260101T000000Z-02.csv")).unwrap());
        symlink("/dev/zero", path("20260101T000000Z-03.csv")).unwrap();
    }
    // Named as the upload is once it is base data.
    fs::create_dir_all(shop.path("base_data/2026-03-01")).unwrap();
    let pipe = shop.path("base_data/2026-03-01/upload-20260228T000000Z-0001.csv");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('C', 0, 72));
    let report = shop.publish().report;
    assert_eq!(report.scores.unwrap().rows, 3 * 72);
    assert_eq!(report.skipped.len(), 7, "{:?}", report.skipped);
    for skipped in &report.skipped {
        assert!(skipped.why.contains("it is not a regular file"), "{skipped:?}");
    }
    assert!(!shop.path("uploads/20260228T000000Z-0001.csv").exists());
    assert!(pipe.exists());
}

#[test]
fn uploads_are_trained_on_and_then_put_away_under_names_of_their_own() {
    let mut shop = Shop::with("AB");
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('C', 0, 72));
    fs::write(shop.path("uploads/20260228T000001Z-0002.xlsx"), "Dear team").unwrap();
    fs::write(shop.path("uploads/.incoming-1"), "half of it").unwrap();
    let published = shop.publish();
    assert_eq!(published.report.scores.as_ref().unwrap().rows, 3 * 72);
    let skipped: Vec<_> = published.report.skipped.iter().map(|s| s.file.as_str()).collect();
    assert_eq!(skipped, ["uploads/20260228T000001Z-0002.xlsx"]);
    assert_eq!(names(&shop.path("uploads")), [".incoming-1", "20260228T000001Z-0002.xlsx"]);
    assert_eq!(names(&shop.path("base_data/2026-03-01")), ["upload-20260228T000000Z-0001.csv"]);
    assert_eq!(published.put_away.moved.len(), 1);
    // The next training finds the same customers, once each.
    let again = shop.publish().report;
    assert_eq!(again.scores.unwrap().rows, 3 * 72);
    assert_eq!(again.cleaning.n_dropped(), 0);
}

#[test]
fn an_upload_of_a_training_that_ended_between_publication_and_move_is_not_counted_twice() {
    let mut shop = Shop::with("AB");
    let name = "20260228T000000Z-0001.csv";
    shop.add(&format!("uploads/{name}"), &customers('C', 0, 72));
    fs::create_dir_all(shop.path("base_data/2026-02-28")).unwrap();
    let taken = shop.path("base_data/2026-02-28").join(format!("upload-{name}"));
    fs::hard_link(shop.path("uploads").join(name), &taken).unwrap();
    let report = shop.publish().report;
    assert_eq!((report.files.len(), report.cleaning.rows_read), (3, 3 * 72));
    assert!(names(&shop.path("uploads")).is_empty() && taken.exists());
    assert!(!shop.path("base_data/2026-03-01").exists());
}

#[test]
fn what_looks_like_somebody_s_address_number_or_key_becomes_no_category_and_is_in_no_report() {
    let mut shop = Shop::with("AB");
    let seeds = ["philippa.q@quellhorst.example", "+65 9187 6543", "sk-live-7c1e9f00b2a84d6f9e3a5b"];
    let slipped = |seed: &str| {
        (0..20).map(|i| format!("{seed}{i},2024-02-{:02},{seed},Female,Gold\n", 1 + i)).collect::<String>()
    };
    shop.add("base_data/2026-02-01/slipped.csv", &seeds.map(slipped).concat());
    let report = shop.publish().report;
    assert_eq!(report.cleaning.dropped[&Dropped::Missing("Location".to_owned())], 60);
    let version = fs::canonicalize(shop.path("models/current")).unwrap();
    let files: Vec<_> = fs::read_dir(version).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).to_lowercase();
        assert!(seeds.iter().all(|seed| !text.contains(seed)), "{}", file.display());
    }
}

#[test]
fn an_upload_that_waits_for_approval_is_named_left_out_and_stays_unless_all_are_to_be_used() {
    let name = "20260228T000000Z-0123456789abcdef0123456789abcdef.csv";
    for (train_on, n_customers) in [(TrainOn::Approved, 144), (TrainOn::Off, 144), (TrainOn::All, 216)] {
        let mut shop = Shop::with("AB");
        shop.train_on = train_on;
        shop.add(&format!("uploads/{name}"), &customers('C', 0, 72));
        let note = shop.path("uploads").join(format!(".{name}.json"));
        fs::write(&note, r#"{"state":"waiting","sent_by":null,"rows":72}"#).unwrap();
        let report = shop.publish().report;
        assert_eq!(report.scores.unwrap().rows, n_customers, "{train_on:?}");
        let named = if train_on == TrainOn::Approved { vec![format!("uploads/{name}")] } else { Vec::new() };
        assert_eq!(report.unapproved, named);
        assert_eq!(names(&shop.path("uploads")).is_empty(), train_on == TrainOn::All);
    }
}

#[test]
fn an_upload_whose_note_is_broken_or_lost_is_not_trained_on_and_an_operator_s_own_file_is() {
    let of_a_caller = |second: u32| format!("20260228T00000{second}Z-0123456789abcdef0123456789abcde{second}.csv");
    let [broken, lost, linked] = [0, 1, 2].map(of_a_caller);
    let mut shop = Shop::with("AB");
    for (name, kind) in [(&*broken, 'C'), (&lost, 'C'), ("from the branch.csv", 'D'), ("../elsewhere.csv", 'C')] {
        shop.add(&format!("uploads/{name}"), &customers(kind, 0, 72));
    }
    let uploads = shop.path("uploads");
    symlink(uploads.join("../elsewhere.csv"), uploads.join(&linked)).unwrap();
    fs::write(uploads.join(format!(".{broken}.json")), r#"{"state":"appr"#).unwrap();
    let report = shop.publish().report;
    assert_eq!(report.files[2..], [format!("uploads/{linked}"), "uploads/from the branch.csv".to_owned()]);
    assert_eq!(report.unapproved, [broken, lost].map(|name| format!("uploads/{name}")));
}
