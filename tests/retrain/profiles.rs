//! Training on what a data engine's `GROUP BY` yields gives what training on the rows gives.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use content_portal::assign::{ProfilesRequest, read_profiles};
use content_portal::customer::Schema;
use content_portal::retrain::Profiles;
use jiff::civil::{Date, date};
use serde_json::Value;

use crate::order::{lines, random};
use crate::shop::Shop;

/// The files of the live version by name, without what tells of times and of the files that were read: `created_at`,
/// `files` (of the manifest: the sums of the report and its page), `at`, `seconds`, `files` and `cleaning` (of the
/// report: which files, which of their headers, rows and notes).
fn files_of(shop: &mut Shop) -> BTreeMap<String, Vec<u8>> {
    shop.publish();
    let folder = fs::read_dir(shop.path("models/current")).unwrap().map(|entry| entry.unwrap());
    let mut files: BTreeMap<String, Vec<u8>> =
        folder.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect();
    let other =
        [("manifest.json", &["created_at", "files"][..]), ("report.json", &["at", "seconds", "files", "cleaning"])];
    for (name, keys) in other {
        let mut json: Value = serde_json::from_slice(&files[name]).unwrap();
        keys.iter().for_each(|key| assert!(json.as_object_mut().unwrap().remove(*key).is_some(), "{key}"));
        files.insert(name.to_owned(), json.to_string().into_bytes());
    }
    let page = String::from_utf8(files["report.html"].clone()).unwrap();
    let picture = page.split_once("<svg").unwrap().1.split_once("</svg>").unwrap().0.to_owned();
    files.insert("report.html".to_owned(), picture.into_bytes());
    files
}

/// Town, gender, date or its month, tier; and the number of customers who have them.
fn grouped(lines: &[String], of_date: impl Fn(&str) -> String) -> Vec<([String; 4], u64)> {
    let mut counts: BTreeMap<[String; 4], u64> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let key = [cells[2].to_owned(), cells[3].to_owned(), of_date(cells[1]), cells[4].to_owned()];
        *counts.entry(key).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn read(bytes: &[u8]) -> Profiles {
    let schema = Arc::new(Schema::built_in().unwrap());
    let request = ProfilesRequest { schema, today: date(2026, 3, 1), max_rows: 100_000, max_values: 100_000 };
    Profiles { label: "profiles".to_owned(), table: read_profiles(bytes, &request).unwrap() }
}

fn assert_same(expected: &BTreeMap<String, Vec<u8>>, profiles: Profiles, what: &str) {
    let mut shop = Shop::new();
    shop.profiles = Some(profiles);
    let found = files_of(&mut shop);
    assert_eq!(found.len(), 11);
    let differing: Vec<&String> = expected.keys().filter(|name| found.get(*name) != expected.get(*name)).collect();
    assert!(differing.is_empty(), "{what}: {differing:?}");
}

#[test]
fn rows_and_their_groups_in_three_orders_give_the_same_files() {
    let (lines, mut random) = (lines(), random());
    let mut shop = Shop::new();
    shop.add("base_data/2026-01-01/all.csv", &(lines.join("\n") + "\n"));
    let expected = files_of(&mut shop);

    let month = |day: &str| format!("{},{}", &day[..4], day[5..7].parse::<u8>().unwrap());
    let mut groups = grouped(&lines, month);
    assert!(groups.len() < 2_500 && groups.iter().any(|(_, customers)| *customers > 1), "{}", groups.len());
    for order in 0..3 {
        (1..groups.len()).rev().for_each(|last| groups.swap(last, random(last + 1)));
        let rows: String = groups
            .iter()
            .map(|([town, gender, month, tier], n)| format!("{tier},{month},{town},{gender},{n}\n"))
            .collect();
        let csv = format!("tier,Join_Year,join month,branch,Sex,customers\n{rows}");
        assert_same(&expected, read(csv.as_bytes()), &format!("order {order}"));
    }
}

#[test]
fn an_arrow_stream_of_whole_dates_gives_the_same_files() {
    let lines = lines();
    let mut shop = Shop::new();
    shop.add("base_data/2026-01-01/all.csv", &(lines.join("\n") + "\n"));
    let expected = files_of(&mut shop);

    let groups = grouped(&lines, str::to_owned);
    let text = |column: usize| {
        let texts = groups.iter().map(|(cells, _)| Some(cells[column].as_str()).filter(|text| !text.is_empty()));
        Arc::new(texts.collect::<StringArray>()) as ArrayRef
    };
    let day = |(cells, _): &([String; 4], u64)| (cells[2].parse::<Date>().unwrap() - date(1970, 1, 1)).get_days();
    let batch = RecordBatch::try_from_iter([
        ("count", Arc::new(Int64Array::from_iter_values(groups.iter().map(|(_, n)| *n as i64))) as ArrayRef),
        ("Location", text(0)),
        ("Gender", text(1)),
        ("Date Joined", Arc::new(Date32Array::from_iter_values(groups.iter().map(day))) as ArrayRef),
        ("Loyalty Tier", text(3)),
    ]);
    let batch = batch.unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    [batch.slice(0, 700), batch.slice(700, batch.num_rows() - 700)].iter().for_each(|part| writer.write(part).unwrap());
    writer.finish().unwrap();
    assert_same(&expected, read(&writer.into_inner().unwrap()), "arrow");
}

#[test]
fn profiles_take_the_place_of_files_and_uploads_go_on_waiting() {
    let mut shop = Shop::with("ABCD");
    shop.add("uploads/20260101T000000Z-0000000000000000.csv", &crate::shop::customers('A', 500, 10));
    let lines = lines();
    let rows: String = lines.iter().map(|line| format!("{},1\n", line.split_once(',').unwrap().1)).collect();
    shop.profiles = Some(read(format!("Date Joined,Location,Gender,Loyalty Tier,n\n{rows}").as_bytes()));
    let published = shop.publish();
    assert_eq!(
        (published.report.files.as_slice(), published.report.cleaning.rows_read),
        (&["profiles".to_owned()][..], 3_000)
    );
    assert!(published.put_away.left.is_empty());
    assert_eq!(crate::shop::names(&shop.path("uploads")).len(), 1);
}
