//! `retrain --profiles` and `sql`: what a data engine groups, trained on, and the statements for it.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::folder::{Folder, shown};

const HEADER: &str = "Location,Gender,Join_Year,Join_Month,Loyalty Tier";

/// 576 customers in 96 profiles, one line each.
fn profiles() -> String {
    let towns = ["Bedok", "Tampines", "Yishun", "Woodlands"];
    let line = |n: usize| {
        let (group, month) = (n % 4, 1 + n / 4 % 4);
        let (gender, tier) = (["F", "M"][n / 16 % 2], ["Silver", "Gold", "Platinum"][n / 32 % 3]);
        format!("{},{gender},{},{},{tier}", towns[group], 2021 + group, month + 2 * group)
    };
    (0..96).map(|n| format!("{},{}\n", line(n), 5 + n % 3)).collect()
}

#[test]
fn profiles_are_trained_on_from_a_file_and_from_standard_input() {
    let folder = Folder::with_data();
    fs::write(folder.path("profiles.csv"), format!("{HEADER},customers\n{}", profiles())).unwrap();
    let text = folder.ok(&["retrain", "--profiles", "profiles.csv"]);
    assert!(text.contains("published") && text.contains("576 read, 0 dropped"), "{text}");
    assert_eq!(folder.versions().len(), 1);
    let list = folder.ok(&["models", "list"]);
    assert!(list.contains("576") && list.contains("own customers"), "{list}");
    assert!(!text.contains("note:"), "{text}");

    let two = profiles().lines().map(|line| format!("{line},7\n")).collect::<String>();
    fs::write(folder.path("two.csv"), format!("{HEADER},customers,n\n{two}")).unwrap();
    let text = folder.ok(&["retrain", "--profiles", "two.csv"]);
    let note =
        "note: The numbers of customers were read from \"customers\"; \"n\" is named for them as well and not used.";
    assert!(text.contains("unchanged") && text.contains(note), "{text}");

    let mut command = folder.command(&["retrain", "--profiles", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines: Vec<String> = profiles().lines().map(|line| format!("{line}\n")).collect();
    lines.reverse();
    write!(child.stdin.take().unwrap(), "{HEADER},n\n{}", lines.concat()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && shown(&output).contains("unchanged"), "{}", shown(&output));
}

#[test]
fn profiles_that_cannot_be_counted_are_refused_with_their_row() {
    let folder = Folder::new();
    let line = "Bedok,F,2024,5,Gold";
    for (table, why) in [
        (format!("{HEADER}\n{line}\n"), "needs a column \"customers\" (or count, n)"),
        (format!("{HEADER},count\n{line},3\n{line},0\n"), "row 3: customers must be a whole number from 1"),
        (format!("{HEADER},count\n{line},1.5\n"), "row 2: customers must be a whole number from 1"),
        (format!("{HEADER},count\n{line},4294967295\n{line},1\n"), "more than 4294967295 customers"),
        (format!("Location,count\n{line},1\n"), "the input needs columns \"Date Joined\""),
        (format!("{HEADER},count\n{line}\n"), "line 2 has 5 cells where the header has 6"),
        (String::new(), "the input is empty"),
    ] {
        fs::write(folder.path("profiles.csv"), &table).unwrap();
        let error = folder.fails(&["retrain", "--profiles", "profiles.csv"]);
        assert!(error.contains(why), "{why}: {error}");
    }
    fs::write(folder.path("profiles.csv"), format!("{HEADER},count\n{line},1\n{line},1\n{line},1\n")).unwrap();
    fs::write(folder.path(".env"), "MAX_ROWS=2\n").unwrap();
    let error = folder.fails(&["retrain", "--profiles", "profiles.csv"]);
    assert!(error.contains("more than 2 profiles"), "{error}");
    assert_eq!(folder.versions().len(), 0);
}

#[test]
fn the_statements_are_printed_for_the_schema_and_the_names_that_are_given() {
    let folder = Folder::new();
    let args = ["--dialect", "duckdb", "--table", "read_parquet('s3://crm/*.parquet')", "--column", "branch=town"];
    let group = folder.ok(&[&["sql", "group"], &args[..]].concat());
    assert!(group.contains("CAST(\"town\" AS VARCHAR)") && group.contains("AS \"Location\""), "{group}");
    assert!(group.contains("FROM read_parquet('s3://crm/*.parquet')\n"), "{group}");
    let join = folder.ok(&[&["sql", "join"], &args[..], &["--segments", "read_csv('segments.csv')"]].concat());
    assert!(join.contains("FROM read_csv('segments.csv', header = true, all_varchar = true)"), "{join}");
    for (args, why) in [
        (&["sql", "group", "--dialect", "oracle"][..], "duckdb, spark, bigquery or postgres"),
        (&["sql", "group", "--dialect", "spark", "--table", "a; DROP TABLE a"], "must be a name such as"),
        (&["sql", "group", "--dialect", "spark", "--column", "Shoes=size"], "has no column \"Shoes\""),
        (&["sql", "group", "--dialect", "spark", "--identifier", "id"], "--newest-by"),
    ] {
        let error = folder.fails(args);
        assert!(error.contains(why), "{error}");
    }
}
