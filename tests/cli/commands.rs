//! The commands that do their work and end.

use std::fs;
use std::path::PathBuf;

use calamine::{Reader, Xlsx};
use serde_json::Value;

use crate::folder::{Folder, KEY, fixture, model_files, shown};

#[test]
fn retrain_says_what_it_found_and_publishes_it() {
    let folder = Folder::with_data();
    let output = folder.run(&["retrain"]);
    assert!(output.status.success(), "{}", shown(&output));
    let report = String::from_utf8(output.stdout).unwrap();
    let line = |name: &str| {
        let found = report.lines().find(|line| line.starts_with(name));
        found.unwrap_or_else(|| panic!("no {name} in {report}")).to_owned()
    };
    assert!(line("rows").contains("300 read, 0 dropped"));
    assert!(line("customers").contains("300 in "));
    let n_segments: usize = line("segments").rsplit(' ').next().unwrap().parse().unwrap();
    let sizes = report.lines().filter(|line| line.contains(" customers  "));
    assert_eq!(sizes.count(), n_segments, "{report}");
    line("outside");
    line("trustworthiness");

    let [version] = folder.versions().try_into().unwrap();
    assert_eq!(line("published"), format!("published       {}", version.file_name().unwrap().to_str().unwrap()));
    assert_eq!(fs::canonicalize(folder.path("models/current")).unwrap(), fs::canonicalize(&version).unwrap());
    // A pipe is no terminal: plain lines instead of a bar.
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("reading customers.xls (1 of 1)") && !progress.contains('\u{1b}'), "{progress}");
    assert!(progress.contains("training_estimated"), "without RUST_LOG, too: {progress}");
    assert_eq!(fs::read_dir(folder.path("models/staging")).map_or(0, Iterator::count), 0);
}

#[test]
fn the_same_data_gives_the_same_bits_and_another_seed_other_ones() {
    let folder = Folder::with_data();
    let published = |args: &[&str]| {
        let line = folder.ok(args);
        let id = line.lines().find_map(|line| line.strip_prefix("published")).unwrap().trim().to_owned();
        model_files(&folder.path("models/versions").join(id))
    };
    let first = published(&["retrain"]);
    assert_eq!(first.len(), 8);
    assert_eq!(first, published(&["retrain", "--force"]));
    assert_ne!(first["umap.safetensors"], published(&["retrain", "--seed", "7", "--force"])["umap.safetensors"]);

    let versions = folder.ok(&["models", "list"]);
    assert_eq!(versions.lines().filter(|line| line.starts_with('*')).count(), 1, "{versions}");
    assert_eq!(versions.lines().count(), 4, "{versions}");
}

#[test]
fn a_training_without_data_says_what_to_do() {
    let folder = Folder::new();
    let refused = || {
        let output = folder.run(&["retrain"]);
        assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(refused().contains("put an .xlsx, .xls or .csv file of customers into base_data"));
    fs::create_dir_all(folder.path("base_data")).unwrap();
    fs::write(folder.path("base_data/letter.xlsx"), "Dear team").unwrap();
    let report = refused();
    assert!(report.contains("0 read, 1 skipped") && report.contains("letter.xlsx: the file is"), "{report}");
    let output = folder.command(&["serve"]).env("PORT", "0").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("letter.xlsx: the file is"), "{error}");
    assert_eq!(folder.versions(), Vec::<PathBuf>::new());
    assert!(folder.ok(&["models", "list"]).contains("run content-portal retrain"));
}

#[test]
fn what_a_terminal_obeys_in_a_file_s_name_is_printed_as_text() {
    let folder = Folder::with_data();
    let name = "base_data/2026-01-01/a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}vsc.xlsx";
    fs::write(folder.path(name), "Dear team").unwrap();
    let output = folder.run(&["retrain"]);
    assert!(output.status.success(), "{}", shown(&output));
    let text = shown(&output);
    assert!(text.contains(r"a\u001b]0;owned\u0007\u009b2J\u202evsc.xlsx: the file is"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{text:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_left_out() {
    let folder = Folder::with_data();
    fs::write(folder.path("base_data/2026-01-01/letter.xlsx"), "Dear team").unwrap();
    let report = folder.ok(&["retrain"]);
    assert!(report.contains("1 read, 1 skipped") && report.contains("2026-01-01/letter.xlsx: "), "{report}");
}

#[test]
fn segment_prints_every_segment_or_the_api_s_json_and_writes_it_to_a_file() {
    let folder = Folder::with_data();
    let file = fixture("dirty.xlsx");
    let file = file.to_str().unwrap();
    let text = folder.ok(&["segment", file, "--objective", "More visits", "--tone", "Fun"]);
    assert!(text.starts_with("9 customers, 8 rows left out\n"), "{text}");
    assert!(text.contains("== ") && text.contains("1 × an exact copy of an earlier row"), "{text}");

    let json = folder.ok(&["segment", file, "--json"]);
    let answer: Value = serde_json::from_str(&json).unwrap();
    let sizes: u64 = answer["segments"].as_array().unwrap().iter().map(|s| s["size"].as_u64().unwrap()).sum();
    assert_eq!((sizes, &answer["rows"]["rows_read"]), (9, &17.into()));
    assert!(answer["clusters"][0]["members"].is_array());

    assert_eq!(folder.ok(&["segment", file, "--json", "-o", "out.json"]), "");
    assert_eq!(fs::read_to_string(folder.path("out.json")).unwrap(), json);
    assert_eq!(folder.versions().len(), 1, "it trained once, for the first of them");
}

#[test]
fn segment_writes_a_spreadsheet_where_the_output_is_called_one() {
    let folder = Folder::with_data();
    let file = fixture("dirty.xlsx");
    let file = file.to_str().unwrap();
    assert_eq!(folder.ok(&["segment", file, "-o", "out.xlsx"]), "");
    let mut book: Xlsx<_> = calamine::open_workbook(folder.path("out.xlsx")).unwrap();
    let segments = book.worksheet_range("Segments").unwrap();
    let text = segments.rows().next().unwrap().iter().position(|title| *title == "text").unwrap();
    assert!(segments.height() > 1 && segments.rows().all(|row| row[text].to_string().len() > 3), "{segments:?}");
    assert_eq!(book.worksheet_range("Rows").unwrap().height(), 1 + 9);

    assert_eq!(folder.ok(&["segment", file, "-o", "out.CSV"]), "");
    let table = fs::read_to_string(folder.path("out.CSV")).unwrap();
    assert!(table.starts_with("\u{feff}sheet,row,Location,Gender,Date Joined,"), "{table}");
    assert_eq!(table.matches("\r\n").count(), 1 + 9);

    folder.ok(&["segment", file, "--json", "-o", "json.csv"]);
    assert!(fs::read_to_string(folder.path("json.csv")).unwrap().starts_with('{'), "--json says what is written");
}

#[test]
fn segment_refuses_what_it_cannot_take_and_says_why() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    assert!(folder.fails(&["segment", "no-such-file.xlsx"]).contains("no-such-file.xlsx cannot be opened"));
    fs::write(folder.path("empty.xlsx"), "").unwrap();
    assert!(folder.fails(&["segment", "empty.xlsx"]).contains("the file is empty"));
    let mistakes = folder.fails(&["segment", "empty.xlsx", "--tone", "Loud", "--funnel-stage", "Later"]);
    assert!(mistakes.contains("--tone must be one of") && mistakes.contains("--funnel-stage must be"), "{mistakes}");
    for (args, said) in [
        (&["segment", "a.csv", "--variants", "0"][..], "--variants must be"),
        (&["segment", "a.csv", "-o", "x.pdf"], ".pdf is to hold is not known"),
        (&["segment", "a.csv", "--keep", "identifier"], "--keep is for customers"),
        (&["sql", "group", "--dialect", "postgres", "--column", "Nope=x"], "Nope"),
        (&["sql", "group", "--dialect", "postgres", "--table", "a; drop table b"], "--table: "),
        (&["retrain", "--min-cluster-size", "0%"], "--min-cluster-size "),
        (&["retrain", "--n-neighbors", "1"], "--n-neighbors must be at least 2, not 1"),
        (&["retrain", "--n-neighbors", "10001"], "--n-neighbors must be at most 10000, not 10001: so many neighbours"),
        (&["retrain", "--seed", "-1"], "it must be a whole number, 0 or more"),
        (&["keys", "new", "a", "--rights", "read", "--rate", "0"], "it must be a whole number of requests a minute"),
        (&["keys", "new", "a", "--rights", ""], "a right is missing: take from read"),
    ] {
        let output = folder.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", shown(&output));
        assert!(shown(&output).contains(said), "{args:?}: {}", shown(&output));
    }
    assert_eq!(folder.run(&["keys", "list"]).status.code(), Some(78));
}

#[test]
fn a_key_never_shows_in_what_a_command_prints_or_logs() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    // A port that nobody listens on: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut printed = String::new();
    let segment = folder
        .command(&["segment", fixture("dirty.xlsx").to_str().unwrap()])
        .env("OPENAI_API_KEY", KEY)
        .env("OPENAI_BASE_URL", format!("http://127.0.0.1:{port}/v1"))
        .env("OPENAI_DEADLINE_S", "1")
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    assert!(segment.status.success(), "{}", shown(&segment));
    assert!(shown(&segment).contains("(not written: "), "{}", shown(&segment));
    printed.push_str(&shown(&segment));

    fs::write(folder.path(".env"), format!("OPENAI_API_KEY={KEY}\nPORT=high\nOPENAI_BASE_URL=nowhere\n")).unwrap();
    printed.push_str(&shown(&folder.run(&["serve"])));
    fs::write(folder.path(".env"), format!("OPENAI_API_KEY {KEY}\n")).unwrap();
    printed.push_str(&shown(&folder.run(&["serve"])));
    assert!(
        printed.contains("PORT must be") && printed.contains(".env line 1 (OPENAI_API_KEY) is not NAME=value"),
        "{printed}"
    );
    assert!(!printed.contains(KEY) && !printed.contains("very-secret"), "{printed}");
}

#[test]
fn what_marketers_add_to_a_persona_is_taken_from_their_file() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let file = fixture("customers_300.xls");
    let segment = |personas: &str| {
        fs::write(folder.path("personas.json"), personas).unwrap();
        let mut command = folder.command(&["segment", file.to_str().unwrap(), "--json"]);
        command.env("PERSONA_PATH", "personas.json").output().unwrap()
    };
    let output = segment(r#"{"0": {"Special_Offer": "A free loaf with every tenth"}, "99": {"Interests": "Tea"}}"#);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["clusters"][0]["persona"]["Special_Offer"], "A free loaf with every tenth");
    assert!(String::from_utf8_lossy(&output.stderr).contains("names a segment that the model does not have"));
    for broken in ["", "[]", r#"{"first": {}}"#, r#"{"0": "text"}"#] {
        let output = segment(broken);
        assert!(!output.status.success(), "{broken}");
        assert!(shown(&output).contains("PERSONA_PATH personas.json"), "{}", shown(&output));
    }
}

#[test]
fn another_company_trains_and_groups_by_its_own_columns() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data")).unwrap();
    let schema = r#"{"columns": [
        {"title": "Shop", "required": true, "kind": "category", "persona": {"key": "Main_Shop", "top": 1}},
        {"title": "Visits", "required": true, "kind": "number", "persona": {"key": "Mean_Visits", "top": 1}}
    ]}"#;
    fs::write(folder.path("schema.json"), schema).unwrap();
    let rows = (0..300).map(|n| format!("{n},{},{}\n", ["North", "South"][n % 2], 1 + n % 2 * 500 + n % 97));
    fs::write(folder.path("base_data/shops.csv"), format!("no,shop,visits\n{}", rows.collect::<String>())).unwrap();
    let report = folder.command(&["retrain"]).env("SCHEMA_PATH", "schema.json").output().unwrap();
    assert!(report.status.success(), "{}", shown(&report));
    // A model brings its schema along: SCHEMA_PATH is for training.
    let answer: Value = serde_json::from_str(&folder.ok(&["segment", "base_data/shops.csv", "--json"])).unwrap();
    let personas: Vec<&Value> =
        answer["clusters"].as_array().unwrap().iter().map(|c| &c["persona"]["Main_Shop"]).collect();
    assert!(personas.contains(&&"North".into()) && personas.contains(&&"South".into()), "{personas:?}");

    fs::write(folder.path("schema.json"), "{\"columns\": []}").unwrap();
    let refused = folder.command(&["retrain"]).env("SCHEMA_PATH", "schema.json").output().unwrap();
    assert!(!refused.status.success() && shown(&refused).contains("SCHEMA_PATH schema.json"), "{}", shown(&refused));
}

#[test]
fn today_is_the_day_of_the_time_zone_and_not_of_the_machine() {
    // One clock is 26 hours ahead of the other, so that their days always differ.
    let (ahead, behind) = ("Pacific/Kiritimati", "Etc/GMT+12");
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::get(ahead).unwrap()).date();
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let rows = format!("date,location,tier\n{today},Bedok,Gold\n2023-01-01,Bedok,Gold\n");
    fs::write(folder.path("today.csv"), rows).unwrap();
    let rows_used = |name: &str, zone: &str| {
        let output = folder.command(&["segment", "today.csv", "--json"]).env(name, zone).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["rows"]["rows_used"].clone()
    };
    assert_eq!(rows_used("TIME_ZONE", ahead), 2);
    assert_eq!(rows_used("TIME_ZONE", behind), 1);
    assert_eq!(rows_used("RETRAIN_TZ", ahead), 2);
}
