//! What `segment` reads and writes: no input is lost, an output is whole or as it was, and pipes work at both ends.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Output, Stdio};

use crate::folder::{Folder, fixture, shown};

/// Customers with what no export has: names and ids.
fn customers(folder: &Folder) -> String {
    fs::copy(fixture("dirty.xlsx"), folder.path("customers.xlsx")).unwrap();
    let rows = (0..30).map(|n| format!("C{n},Tan Ah {n},2023-0{}-03,Bedok,F,Gold\n", n % 9 + 1));
    let csv = format!("customer id,name,date joined,location,gender,loyalty tier\n{}", rows.collect::<String>());
    fs::write(folder.path("customers.csv"), &csv).unwrap();
    csv
}

/// Runs `segment` with bytes on its standard input.
fn piped(folder: &Folder, args: &[&str], input: &[u8]) -> Output {
    let mut command = folder.command(&[&["segment"], args].concat());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its input does not read it to the end.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// The hidden files that a run left beside its output.
fn leftovers(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(folder.path(".")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".content-portal")).collect()
}

#[test]
fn an_output_that_is_the_input_is_refused_under_every_name_it_has() {
    let folder = Folder::with_data();
    let csv = customers(&folder);
    symlink("customers.csv", folder.path("soft.csv")).unwrap();
    symlink(folder.path("."), folder.path("here")).unwrap();
    fs::hard_link(folder.path("customers.csv"), folder.path("hard.csv")).unwrap();
    for output in ["customers.csv", "./customers.csv", "here/customers.csv", "soft.csv", "hard.csv"] {
        for input in ["customers.csv", "soft.csv", "hard.csv"] {
            let error = folder.fails(&["segment", input, "-o", output]);
            assert!(error.contains(&format!("{output} is a file that this command reads")), "{input}: {error}");
        }
    }
    let mut redirected = folder.command(&["segment", "-", "-o", "customers.csv"]);
    let output = redirected.stdin(File::open(folder.path("hard.csv")).unwrap()).output().unwrap();
    assert!(!output.status.success() && shown(&output).contains("this command reads"), "{}", shown(&output));
    assert_eq!(fs::read_to_string(folder.path("customers.csv")).unwrap(), csv);
    assert_eq!(folder.versions().len(), 0, "it is refused before anything is trained");
}

#[test]
fn an_output_that_is_a_file_of_the_settings_is_refused() {
    let folder = Folder::with_data();
    customers(&folder);
    fs::write(folder.path("personas.json"), "{}").unwrap();
    let mut command = folder.command(&["segment", "customers.csv", "-o", "personas.json"]);
    let output = command.env("PERSONA_PATH", "./personas.json").output().unwrap();
    assert!(!output.status.success() && shown(&output).contains("this command reads"), "{}", shown(&output));
    assert_eq!(fs::read_to_string(folder.path("personas.json")).unwrap(), "{}");
}

#[test]
fn a_run_that_fails_leaves_an_earlier_output_as_it_was_and_nothing_beside_it() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    fs::write(folder.path("earlier.csv"), "what was there").unwrap();
    fs::write(folder.path("letter.csv"), "Dear team,\nnothing to see.\n").unwrap();
    let error = folder.fails(&["segment", "letter.csv", "-o", "earlier.csv"]);
    assert!(error.contains("letter.csv: "), "{error}");
    assert_eq!(fs::read_to_string(folder.path("earlier.csv")).unwrap(), "what was there");
    assert!(!folder.path("new.csv").exists());
    folder.fails(&["segment", "letter.csv", "-o", "new.csv"]);
    assert!(!folder.path("new.csv").exists());
    assert_eq!(leftovers(&folder), Vec::<String>::new());
}

#[test]
fn an_earlier_output_is_replaced_whole_and_keeps_its_mode_and_its_link() {
    let folder = Folder::with_data();
    customers(&folder);
    fs::write(folder.path("real.csv"), "x".repeat(1 << 20)).unwrap();
    fs::set_permissions(folder.path("real.csv"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.csv", folder.path("link.csv")).unwrap();
    folder.ok(&["segment", "customers.csv", "-o", "link.csv"]);
    assert!(folder.path("link.csv").is_symlink());
    let table = fs::read_to_string(folder.path("real.csv")).unwrap();
    assert!(table.starts_with("\u{feff}row,Location,") && table.ends_with("\r\n"), "{table}");
    assert_eq!(fs::metadata(folder.path("real.csv")).unwrap().mode() & 0o777, 0o640);
    assert_eq!(leftovers(&folder), Vec::<String>::new());
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_anything_is_done() {
    let folder = Folder::with_data();
    customers(&folder);
    symlink("nowhere.csv", folder.path("dangling.csv")).unwrap();
    for (output, why) in [
        ("no/such/folder.csv", "cannot be written"),
        ("base_data", "is a folder"),
        ("dangling.csv", "is a link to nothing"),
        ("customers.xls", "use .xlsx or .csv"),
        ("customers.pdf", "use .xlsx or .csv, .json, or .txt or .md for text"),
    ] {
        let error = folder.fails(&["segment", "customers.csv", "-o", output]);
        assert!(error.contains(why), "{output}: {error}");
    }
    assert!(folder.fails(&["segment", "base_data"]).contains("base_data is a folder"));
    assert_eq!(folder.versions().len(), 0);
}

#[test]
fn a_device_is_written_and_stays_a_device() {
    let folder = Folder::with_data();
    customers(&folder);
    folder.ok(&["segment", "customers.csv", "--format", "csv", "-o", "/dev/null"]);
    assert!(folder.fails(&["segment", "/dev/null", "-o", "/dev/null"]).contains("/dev/null: the file is empty"));
    assert!(!Path::new("/dev/null").is_file());
    assert_eq!(folder.ok(&["segment", "customers.csv", "--format", "csv", "-o", "/dev/stdout"]).lines().count(), 31);
}

#[test]
fn a_workbook_comes_from_a_pipe_and_its_segments_go_into_one() {
    let folder = Folder::with_data();
    let csv = customers(&folder);
    let from_file = folder.ok(&["segment", "customers.csv", "--format", "csv"]);
    assert!(from_file.starts_with("\u{feff}row,Location,"), "{from_file}");
    for args in [&["-", "--format", "csv"][..], &["-", "--format", "csv", "-o", "-"], &["/dev/stdin", "--format=csv"]] {
        let output = piped(&folder, args, csv.as_bytes());
        assert!(output.status.success(), "{args:?}: {}", shown(&output));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), from_file, "{args:?}");
    }
    let workbook = fs::read(folder.path("customers.xlsx")).unwrap();
    let output = piped(&folder, &["-"], &workbook);
    assert!(shown(&output).starts_with("9 customers, 8 rows left out"), "{}", shown(&output));
    let output = piped(&folder, &["-", "--format", "xlsx"], csv.as_bytes());
    assert!(output.stdout.starts_with(b"PK"), "{}", shown(&output));

    let mut redirected = folder.command(&["segment", "-", "--format", "csv"]);
    let output = redirected.stdin(File::open(folder.path("customers.csv")).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), from_file);
}

#[test]
fn a_pipe_is_read_no_further_than_an_upload_may_be_large() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    fs::write(folder.path(".env"), "MAX_UPLOAD_MB=1\n").unwrap();
    let output = piped(&folder, &["-"], &vec![b'x'; 2 << 20]);
    assert!(!output.status.success(), "{}", shown(&output));
    assert!(shown(&output).contains("standard input holds more than 1 MB"), "{}", shown(&output));
    let output = piped(&folder, &["-"], b"");
    assert!(shown(&output).contains("standard input: the file is empty"), "{}", shown(&output));
}

#[test]
fn a_spreadsheet_says_where_each_row_stands_and_on_request_whose_it_is() {
    let folder = Folder::with_data();
    let csv = customers(&folder);
    let lines: Vec<&str> = csv.lines().collect();
    folder.ok(&["segment", "customers.csv", "-o", "out.csv", "--keep", "identifier"]);
    let table = fs::read_to_string(folder.path("out.csv")).unwrap();
    let mut rows = table.trim_start_matches('\u{feff}').lines();
    assert!(rows.next().unwrap().starts_with("customer id,row,Location,"), "{table}");
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(',').collect()).collect();
    assert_eq!(rows.len(), 30);
    for row in rows {
        let number: usize = row[1].parse().unwrap();
        assert!(lines[number - 1].starts_with(&format!("{},", row[0])), "{row:?}");
    }
    let json = folder.ok(&["segment", "customers.csv", "--format", "json", "--keep", "row"]);
    assert!(json.contains("\"row\": 2,") && !json.contains("\"C0\""), "{json}");
    for (args, why) in [
        (["customers.csv", "--format=json", "--keep=identifier"], "identifiers are kept in a spreadsheet alone"),
        (["customers.csv", "--format=text", "--keep=row"], "the text lists none"),
        (["customers.csv", "--format=csv", "--keep=name"], "must be one of row, identifier"),
    ] {
        let error = folder.fails(&[&["segment"][..], &args].concat());
        assert!(error.contains(why), "{error}");
    }
    fs::write(folder.path("nameless.csv"), "date joined,location,loyalty tier\n2024-02-29,Bedok,Gold\n").unwrap();
    let error = folder.fails(&["segment", "nameless.csv", "--format=csv", "--keep=identifier"]);
    assert!(error.contains("nameless.csv has no column of identifiers (customer id, "), "{error}");
}
