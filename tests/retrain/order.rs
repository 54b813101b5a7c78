//! A training is a function of its customers and the seed: the order of their rows has no say.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::shop::Shop;

/// 3,000 customers of many kinds, a line each.
pub fn lines() -> Vec<String> {
    let mut random = random();
    let town = |group: usize| [["Bedok", "Tampines"], ["Yishun", "Woodlands"], ["Clementi", "Queenstown"]][group];
    (0..3_000)
        .map(|i| {
            let group = random(3);
            let month = if random(10) < 8 { 1 + 4 * group + random(4) } else { 1 + random(12) };
            let (town, tier) = (town(group)[random(2)], ["Silver", "Gold", "Platinum"][random(3)]);
            let (year, day, gender) = (2022 + random(4), 1 + random(28), ["Female", "Male", ""][random(3)]);
            format!("C{i},{year}-{month:02}-{day:02},{town},{gender},{tier}")
        })
        .collect()
}

/// Whole numbers below a bound, the same every time.
pub fn random() -> impl FnMut(usize) -> usize {
    let mut state = 1_u64;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

/// The files of the version that is trained on these lines, by name; what tells of time and files is left out.
fn files_of(lines: &[String]) -> BTreeMap<String, Vec<u8>> {
    let mut shop = Shop::new();
    shop.add("base_data/2026-01-01/all.csv", &(lines.join("\n") + "\n"));
    shop.publish();
    let folder = fs::read_dir(shop.path("models/current")).unwrap().map(|entry| entry.unwrap());
    let mut files: BTreeMap<String, Vec<u8>> =
        folder.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect();
    for (name, times) in [("manifest.json", &["created_at", "files"][..]), ("report.json", &["at", "seconds"])] {
        let mut json: Value = serde_json::from_slice(&files[name]).unwrap();
        times.iter().for_each(|time| assert!(json.as_object_mut().unwrap().remove(*time).is_some()));
        files.insert(name.to_owned(), json.to_string().into_bytes());
    }
    let page = String::from_utf8(files["report.html"].clone()).unwrap();
    let picture = page.split_once("<svg").unwrap().1.split_once("</svg>").unwrap().0.to_owned();
    files.insert("report.html".to_owned(), picture.into_bytes());
    files
}

#[test]
fn four_shuffles_of_the_same_customers_give_the_same_files() {
    let (mut lines, mut random) = (lines(), random());
    let expected = files_of(&lines);
    assert_eq!(expected.len(), 11);
    for _ in 0..3 {
        (1..lines.len()).rev().for_each(|last| lines.swap(last, random(last + 1)));
        let found = files_of(&lines);
        let differing: Vec<&String> = expected.keys().filter(|name| found.get(*name) != expected.get(*name)).collect();
        assert!(differing.is_empty(), "{differing:?}");
    }
}
