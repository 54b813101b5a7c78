//! `assign`: the segment of each row of a stream, whole or not at all.

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};
use std::sync::{Arc, LazyLock};

use arrow_array::{Array, ArrayRef, Date32Array, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{Field, Schema};
use content_portal::assign::{AssignFault, AssignRequest, InputFault, Summary, assign_arrow, assign_csv};
use content_portal::model_store::{ModelStore, ModelVersion};
use jiff::civil::{Date, date};
use serde_json::Value;

use crate::folder::{Folder, fixture, shown};

mod numbers;
mod process;
mod types;

const TODAY: Date = date(2026, 3, 1);
/// What a whole stream ends with.
const END_MARK: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// A folder with a model, for every test here.
static TRAINED: LazyLock<(Folder, ModelVersion)> = LazyLock::new(|| {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let version = ModelStore::new(folder.path("models")).load_current().unwrap();
    (folder, version)
});

/// Customers of many kinds: some whom training never met, and some rows that cannot be used.
fn rows() -> Vec<[String; 4]> {
    let towns = ["Bedok", "Tampines", "yishun ", "Woodlands", "Atlantis", ""];
    let row = |n: usize| {
        let day = format!("202{}-{:02}-{:02}", 2 + n % 4, 1 + n % 12, 1 + n % 28);
        let day = if n.is_multiple_of(29) { "2999-01-01".to_owned() } else { day };
        let tier = ["Silver", "Gold", "Platinum", "Bronze"][if n.is_multiple_of(31) { 3 } else { n / 7 % 3 }];
        [
            towns[if n.is_multiple_of(37) { 5 } else { n % 5 }].to_owned(),
            ["F", "Male", ""][n % 3].to_owned(),
            day,
            tier.to_owned(),
        ]
    };
    (0..300).map(row).collect()
}

fn texts(rows: &[[String; 4]], column: usize) -> Vec<Option<&str>> {
    rows.iter().map(|row| Some(row[column].as_str()).filter(|text| !text.is_empty())).collect()
}

fn days(rows: &[[String; 4]]) -> Vec<Option<i32>> {
    let day = |row: &[String; 4]| {
        let day: Date = row[2].parse().unwrap();
        (day - date(1970, 1, 1)).get_days()
    };
    rows.iter().map(|row| Some(day(row))).collect()
}

/// A batch of the four columns and a number for each row.
fn batch(rows: &[[String; 4]], first: usize) -> RecordBatch {
    let text = |column: usize| Arc::new(StringArray::from(texts(rows, column))) as ArrayRef;
    let numbers: Vec<i64> = (first as i64..).take(rows.len()).collect();
    named(vec![
        ("number", Arc::new(Int64Array::from(numbers))),
        ("branch", text(0)),
        ("Gender", text(1)),
        ("Date Joined", Arc::new(Date32Array::from(days(rows)))),
        ("loyalty tier", text(3)),
    ])
}

fn named(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn request<'a>(keep: Option<&'a [String]>) -> AssignRequest<'a> {
    let version = &TRAINED.1;
    AssignRequest {
        model: &version.model,
        version: version.id.as_str(),
        profile: version.profile.as_ref(),
        keep,
        today: TODAY,
    }
}

fn placed(input: &[u8]) -> (Result<Summary, AssignFault>, Vec<u8>) {
    let mut output = Vec::new();
    let summary = assign_arrow(input, &mut output, &request(None));
    (summary, output)
}

fn batches(output: &[u8]) -> Vec<RecordBatch> {
    assert!(output.ends_with(&END_MARK));
    StreamReader::try_new(output, None).unwrap().map(Result::unwrap).collect()
}

/// What was added to each row, as one line of text.
fn answers(output: &[u8]) -> Vec<String> {
    let added = |batch: &RecordBatch| {
        let first = batch.num_columns() - 5;
        let columns: Vec<ArrayRef> = batch.columns()[first..].to_vec();
        (0..batch.num_rows())
            .map(move |row| columns.iter().map(|column| cell(column, row)).collect())
            .collect::<Vec<_>>()
    };
    batches(output).iter().flat_map(added).collect()
}

fn cell(column: &ArrayRef, row: usize) -> String {
    format!("{:?},", column.slice(row, 1)).replace('\n', " ")
}

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut command = TRAINED.0.command(&[&["assign"], args].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

/// The one line that the command says.
fn said(output: &Output) -> Value {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn csv(rows: &[[String; 4]]) -> String {
    let lines: String = rows.iter().map(|row| row.join(",") + "\n").collect();
    format!("branch,Gender,Date Joined,loyalty tier\n{lines}")
}

#[test]
fn each_row_gets_the_segment_that_an_upload_gives_it_by_arrow_and_by_csv() {
    let (folder, rows) = (&TRAINED.0, rows());
    // Copies of a row would count once in an upload: each has a number of its own.
    let lines = (0..).zip(&rows).map(|(n, row): (usize, _)| format!("{n},{}\n", row.join(","))).collect::<String>();
    fs::write(folder.path("all.csv"), format!("number,branch,Gender,Date Joined,loyalty tier\n{lines}")).unwrap();
    let table = folder.ok(&["segment", "all.csv", "--format", "csv", "--keep", "row"]);
    let mut table = csv_rows(table.trim_start_matches('\u{feff}'));
    let header = table.remove(0);
    let at = |name: &str| header.iter().position(|title| title == name).unwrap_or_else(|| panic!("{header:?}"));
    let (row, cluster, strength) = (at("row"), at("cluster_id"), at("strength"));

    let output = run(&[], &stream(&[batch(&rows, 0)]));
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let placed = &batches(&output.stdout)[0];
    let ids = placed.column_by_name("cluster_id").unwrap().as_any().downcast_ref::<Int32Array>().unwrap();
    let strengths = placed.column_by_name("strength").unwrap().as_any().downcast_ref::<Float32Array>().unwrap();
    let faults = placed.column_by_name("row_fault").unwrap().as_any().downcast_ref::<StringArray>().unwrap();
    assert_eq!(table.len(), faults.null_count(), "rows that are not dropped are those without a fault");
    for member in &table {
        // The header is row 1.
        let n = member[row].parse::<usize>().unwrap() - 2;
        assert_eq!(ids.value(n).to_string(), member[cluster], "row {n}");
        assert!((f64::from(strengths.value(n)) - member[strength].parse::<f64>().unwrap()).abs() < 0.000_06, "row {n}");
    }
    let reasons: std::collections::BTreeSet<&str> = faults.iter().flatten().collect();
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), ["in_future", "missing", "unknown_level"]);
    let summary = said(&output);
    assert_eq!((&summary["event"], &summary["rows"]), (&"assigned".into(), &300.into()));
    assert!(summary["new_profiles"].as_u64() > Some(0) && summary["drift"]["level"].is_string(), "{summary}");

    let few = run(&[], &stream(&[batch(&rows[..9], 0)]));
    assert_eq!((few.status.code(), &said(&few)["drift"]), (Some(0), &Value::Null), "{}", shown(&few));

    let by_csv = run(&["--csv"], csv(&rows).as_bytes());
    assert_eq!(by_csv.status.code(), Some(0), "{}", shown(&by_csv));
    let table = csv_rows(&String::from_utf8(by_csv.stdout).unwrap());
    assert_eq!(table[0][4..], ["cluster_id", "strength", "nearest_id", "is_new", "row_fault"]);
    assert_eq!(table.len(), 301);
    for (n, line) in table[1..].iter().enumerate() {
        assert_eq!(line[..4], rows[n], "cells are handed on as they are");
        assert_eq!(line[4], if ids.is_null(n) { String::new() } else { ids.value(n).to_string() });
        assert_eq!(line[8], if faults.is_null(n) { "" } else { faults.value(n) });
    }
}

#[test]
fn columns_that_are_not_read_since_another_one_is_are_noted() {
    let rows = rows();
    let plain = run(&[], &stream(&[batch(&rows, 0)]));
    assert_eq!(said(&plain).get("notes"), None, "{}", shown(&plain));

    let table = "Branch,Location,Date Joined,Join_Year,Join_Month,Loyalty Tier\nBedok,Yishun,2023-05-01,2022,1,Gold\n";
    let by_csv = run(&["--csv"], table.as_bytes());
    let alone = run(&["--csv"], b"Location,Date Joined,Loyalty Tier\nYishun,2023-05-01,Gold\n");
    let [by_csv_row, alone_row] = [&by_csv, &alone].map(|output| {
        let mut rows = csv_rows(&String::from_utf8(output.stdout.clone()).unwrap());
        rows.remove(1)
    });
    assert_eq!(by_csv_row[6..], alone_row[3..], "the title wins over an alias, and the date over its parts");

    let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let by_arrow = named(vec![
        ("Branch", text("Bedok")),
        ("Location", text("Yishun")),
        ("Date Joined", text("2023-05-01")),
        ("Join_Year", text("2022")),
        ("Join_Month", text("1")),
        ("Loyalty Tier", text("Gold")),
    ]);
    let by_arrow = run(&[], &stream(&[by_arrow]));
    let town = "\"Location\" was read from \"Location\" (column B); \"Branch\" (column A) is named for it as well and \
                not used.";
    let day = "\"Date Joined\" was read from \"Date Joined\" (column C); \"Join_Year\" (column D) and \"Join_Month\" \
               (column E) are named for it as well and not used.";
    let expected = [town, day].map(|sentence| serde_json::json!({"code": "columns_alike", "sentence": sentence}));
    let expected = Value::Array(expected.to_vec());
    for output in [&by_csv, &by_arrow] {
        assert_eq!(said(output)["notes"], expected, "{}", shown(output));
    }
}

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn an_input_that_is_cut_at_any_byte_never_comes_to_a_whole_output() {
    let rows = rows();
    let parts = [batch(&rows[..40], 0), batch(&rows[40..55], 40), batch(&rows[55..90], 55)];
    let input = stream(&parts);
    let (whole, expected) = placed(&input);
    assert_eq!(whole.unwrap().rows, 90);
    assert_eq!(batches(&expected).iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [40, 15, 35]);
    for length in 0..input.len() {
        let (cut, output) = placed(&input[..length]);
        assert!(matches!(cut, Err(AssignFault::Input(InputFault::Cut))), "{length}: {cut:?}");
        assert!(expected.starts_with(&output) && output.len() <= expected.len() - END_MARK.len(), "{length}");
    }
    let ends: Vec<usize> = (1..=3).map(|n| stream(&parts[..n]).len() - END_MARK.len()).collect();
    for length in [0, 3, 100].into_iter().chain(ends) {
        let output = run(&[], &input[..length]);
        assert_eq!(output.status.code(), Some(4), "{length}: {}", shown(&output));
        assert!(!output.stdout.ends_with(&END_MARK));
        assert_eq!(said(&output)["event"], "assign_failed");
    }
}

#[test]
fn an_input_with_bytes_behind_its_end_mark_is_not_taken_for_a_whole_one() {
    let rows = rows();
    let one = batch(&rows[..40], 0);
    let first = stream(std::slice::from_ref(&one));
    for behind in [first.clone(), vec![0], b"\n".to_vec()] {
        let output = run(&[], &[first.clone(), behind].concat());
        assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
        assert!(!output.stdout.ends_with(&END_MARK));
        assert!(said(&output)["error"].as_str().unwrap().contains("after its end mark"), "{}", shown(&output));
    }
    let fields = one.schema();
    let mut columns: Vec<(&str, ArrayRef)> =
        fields.fields().iter().map(|field| field.name().as_str()).zip(one.columns().iter().cloned()).collect();
    columns.push(("customers", Arc::new(Int64Array::from(vec![1; 40]))));
    let profiles = stream(&[named(columns)]);
    let folder = Folder::new();
    fs::write(folder.path("two.arrows"), [profiles.clone(), profiles].concat()).unwrap();
    let error = folder.fails(&["retrain", "--profiles", "two.arrows"]);
    assert!(error.contains("after its end mark"), "{error}");
    assert!(folder.versions().is_empty());
}

#[test]
fn any_split_into_batches_gives_the_same_answers() {
    let rows = rows();
    let expected = answers(&placed(&stream(&[batch(&rows, 0)])).1);
    assert_eq!(expected.len(), 300);
    for size in [1, 7, 64, 299] {
        let parts: Vec<RecordBatch> =
            rows.chunks(size).enumerate().map(|(part, rows)| batch(rows, part * size)).collect();
        let (summary, output) = placed(&stream(&parts));
        assert_eq!((summary.unwrap().rows, answers(&output)), (300, expected.clone()), "batches of {size}");
    }
    let mut backwards = rows.clone();
    backwards.reverse();
    let mut found = answers(&placed(&stream(&[batch(&backwards, 0)])).1);
    found.reverse();
    assert_eq!(found, expected, "a row's answer depends on that row alone");
    let empty = stream(&[batch(&[], 0), batch(&rows[..1], 0), batch(&[], 1)]);
    let lengths: Vec<usize> = batches(&placed(&empty).1).iter().map(RecordBatch::num_rows).collect();
    assert_eq!(lengths, [0, 1, 0]);
}

#[test]
fn other_columns_are_handed_on_untouched_and_the_output_says_what_placed_the_rows() {
    let rows = rows();
    let input = batch(&rows, 0);
    let keep: Vec<String> = ["Gender", "number"].map(str::to_owned).to_vec();
    let mut output = Vec::new();
    assign_arrow(&stream(std::slice::from_ref(&input))[..], &mut output, &request(Some(&keep))).unwrap();
    let placed = &batches(&output)[0];
    let schema = placed.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["Gender", "number", "cluster_id", "strength", "nearest_id", "is_new", "row_fault"]);
    assert_eq!((placed.column(0), placed.column(1)), (input.column(2), input.column(0)));
    let metadata = schema.metadata();
    assert_eq!(metadata["content_portal.model_version"], TRAINED.1.id.as_str());
    assert_eq!((metadata["content_portal.format"].as_str(), metadata["content_portal.schema_sha256"].len()), ("1", 64));
}

#[test]
fn columns_that_cannot_be_used_end_it_before_the_first_byte() {
    let rows = rows();
    let whole = batch(&rows, 0);
    let without_tier = whole.project(&[0, 1, 2, 3]).unwrap();
    let tier: ArrayRef = Arc::new(Int32Array::from(vec![1; 300]));
    let with = |name: &str, array: &ArrayRef| {
        let schema = without_tier.schema();
        let mut columns: Vec<(&str, ArrayRef)> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .zip(without_tier.columns().iter().cloned())
            .collect();
        columns.push((name, array.clone()));
        stream(&[named(columns)])
    };
    for (args, input, why) in [
        (
            &[][..],
            stream(std::slice::from_ref(&without_tier)),
            "needs a column \"Loyalty Tier\" (or tier, membership_level)",
        ),
        (&[], with("tier", &tier), "\"tier\" is Int32: it must be text"),
        (&["--keep", "number,shoes"], stream(std::slice::from_ref(&whole)), "no column \"shoes\" to keep"),
        (&["--csv"], b"Location,date,tier,location\n".to_vec(), "two columns called \"Location\" and \"location\""),
        (&["--csv", "--keep", "n"], b"Location,date,tier,n,n\n".to_vec(), "two columns \"n\": which to keep?"),
        (&["--csv", "--keep", "tier"], b"Location,date,tier,is_new\n".to_vec(), ""),
        (&["--csv"], b"Location,date,tier,is_new\n".to_vec(), "what an added column is called"),
    ] {
        let output = run(args, &input);
        if why.is_empty() {
            assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
            continue;
        }
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{}", shown(&output));
        assert!(said(&output)["error"].as_str().unwrap().contains(why), "{}", shown(&output));
    }
    let output = run(&["--model", "20200101T000000Z-00000000"], &stream(std::slice::from_ref(&whole)));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{}", shown(&output));
    let output = run(&["--model", "nowhere"], &stream(&[whole]));
    assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
}

#[test]
fn damaged_compressed_and_ragged_inputs_are_told_apart_from_whole_ones() {
    let input = stream(&[batch(&rows(), 0)]);
    let mut damaged = input.clone();
    damaged[input.len() / 2..].fill(0xff);
    let compressed = fs::read(fixture("compressed.arrows")).unwrap();
    for (args, input, why) in [
        (&[][..], damaged, "cannot be read"),
        (&[], b"branch,date\n".to_vec(), "not an Arrow IPC stream"),
        (&[], compressed, "write the stream without compression"),
        (&["--csv"], b"Location,date,tier\nBedok,2024-01-01\n".to_vec(), "line 2 has 2 cells where the header has 3"),
        (&["--csv"], b"Location,date,tier\nBed\xffok,2024-01-01,Gold\n".to_vec(), "line 2 is not UTF-8"),
    ] {
        let output = run(args, &input);
        assert_eq!(output.status.code(), Some(4), "{why}: {}", shown(&output));
        assert!(said(&output)["error"].as_str().unwrap().contains(why), "{}", shown(&output));
    }
}

#[test]
fn rows_of_csv_are_placed_in_any_number() {
    let lines = csv(&rows()).lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    let many = format!("branch,Gender,Date Joined,loyalty tier\n{}", lines.repeat(40));
    let mut output = Vec::new();
    let summary = assign_csv(many.as_bytes(), &mut output, &request(None)).unwrap();
    let text = String::from_utf8(output).unwrap();
    let placed: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!((summary.rows, placed.len()), (12_000, 12_000));
    assert!(placed.chunks(300).all(|chunk| chunk == &placed[..300]));
}
