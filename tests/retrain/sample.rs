//! The sample that ships with the program is never mixed with own customers, and what was trained on it says so.

use std::fs;

use content_portal::pipeline::SegmentId;
use content_portal::retrain::Verdict;
use serde_json::Value;

use crate::shop::{Shop, customers, names};

/// A shop whose base data are the sample, trained on it.
fn with_trained_sample() -> Shop {
    let mut shop = Shop::new();
    shop.params = Default::default();
    shop.add_sample("base_data/2026-01-01/customers.xlsx");
    shop.publish();
    shop
}

fn files(report: &content_portal::retrain::RetrainReport) -> Vec<&str> {
    report.files.iter().map(|file| file.as_str()).collect()
}

#[test]
fn a_version_of_the_sample_says_so_everywhere() {
    let shop = with_trained_sample();
    let version = shop.current();
    assert!(version.manifest.is_of_the_sample());
    let text = |name: &str| fs::read_to_string(shop.path("models/current").join(name)).unwrap();
    let report: Value = serde_json::from_str(&text("report.json")).unwrap();
    assert_eq!(report["trained_on_sample"], true);
    assert!(text("report.html").contains("Trained on the sample."));
    let (_, listed) = shop.run(&["models", "list"]);
    assert!(listed.lines().any(|line| line.starts_with('*') && line.ends_with("the sample")), "{listed}");
    assert!(shop.run(&["models", "show", "current"]).1.contains("trained on      the sample"));
    let file = shop.path("base_data/2026-01-01/customers.xlsx");
    let (_, printed) = shop.run(&["segment", file.to_str().unwrap()]);
    assert!(printed.contains("the model was trained on the sample"), "{printed}");
}

#[test]
fn own_customers_leave_the_sample_out_wherever_either_lies() {
    for (sample, own) in [
        ("base_data/2026-01-01/customers.xlsx", "base_data/2026-01-01/ours.csv"),
        ("base_data/2026-01-01/customers.xlsx", "uploads/20260228T000000Z-0001.csv"),
        ("base_data/under another name.XLS", "base_data/2025-01-01/ours.csv"),
        ("uploads/20260228T000000Z-0001.xlsx", "base_data/ours"),
    ] {
        let mut shop = Shop::new();
        shop.add_sample(sample);
        let all: String = "ABC".chars().map(|kind| customers(kind, 0, 72)).collect();
        shop.add(own, &all);
        let published = shop.publish();
        let report = published.report;
        assert_eq!(report.scores.as_ref().unwrap().rows, 3 * 72, "{sample} and {own}");
        assert!(!report.trained_on_sample && !shop.current().manifest.is_of_the_sample());
        assert_eq!(files(&report), [own.trim_start_matches("base_data/")]);
        assert_eq!(report.sample_set_aside.len(), 1, "{sample} and {own}");
        assert_eq!(names(&shop.path("uploads")), Vec::<String>::new(), "{sample} and {own}");
        // The next training finds it set aside again, also where it came as an upload.
        assert_eq!(shop.unchanged().report.sample_set_aside.len(), 1);
        let page = fs::read_to_string(shop.path("models/current/report.html")).unwrap();
        assert!(!page.contains("Trained on the sample.") && page.contains("The sample, which was left out"));
        let (_, listed) = shop.run(&["models", "list"]);
        assert!(listed.lines().any(|line| line.starts_with('*') && line.ends_with("own customers")), "{listed}");
    }
}

#[test]
fn copies_of_the_sample_alone_are_the_sample() {
    let mut shop = Shop::new();
    shop.params = Default::default();
    shop.add_sample("base_data/2026-01-01/customers.xlsx");
    shop.add_sample("uploads/20260228T000000Z-0001.xlsx");
    fs::write(shop.path("base_data/notes.txt"), "Call the printer about the letter").unwrap();
    // Excel's own, while the sample is open in it.
    fs::write(shop.path("base_data/2026-01-01/~$customers.xlsx"), [5; 165]).unwrap();
    let report = shop.publish().report;
    assert!(report.trained_on_sample && report.sample_set_aside.is_empty());
    assert_eq!((report.scores.unwrap().rows, report.skipped.len()), (5_000, 1));
    assert_eq!(names(&shop.path("base_data/2026-03-01")), ["upload-20260228T000000Z-0001.xlsx"]);
}

#[test]
fn a_workbook_that_cannot_be_read_is_not_replaced_by_the_sample() {
    let mut shop = Shop::new();
    shop.add_sample("base_data/2026-01-01/customers.xlsx");
    fs::write(shop.path("base_data/2026-01-01/ours.xlsx"), "Dear team").unwrap();
    let report = shop.refused();
    assert_eq!((report.skipped.len(), report.sample_set_aside.len()), (1, 1));
    let (code, printed) = shop.run(&["serve"]);
    assert_eq!(code, Some(1));
    assert!(printed.contains("ours.xlsx: the file is") && printed.contains("is the sample, which is used only"));
}

#[test]
fn segments_of_the_sample_do_not_go_on_as_those_of_own_customers() {
    let mut shop = with_trained_sample();
    let sample = shop.current();
    let last = sample.model.segments().last().unwrap().cluster_id.get();
    shop.params = Shop::new().params;
    shop.add("base_data/2026-02-01/ours.csv", &"ABC".chars().map(|kind| customers(kind, 0, 72)).collect::<String>());
    // Worse than the gate allows, and better than invented customers.
    shop.gate.min_clusters = 9;
    let report = shop.publish().report;
    assert_eq!(report.verdict, Verdict::FirstVersion);
    assert_eq!((report.live.is_none(), report.drift.is_none()), (true, true), "invented customers are compared with");
    assert_eq!(report.live_not_compared, Some(sample.id));
    assert!(report.matching.kept.is_empty() && report.matching.vanished.is_empty(), "{:?}", report.matching);
    let ids: Vec<SegmentId> = shop.current().model.segments().iter().map(|segment| segment.cluster_id).collect();
    assert!(ids.iter().all(|id| id.get() > last), "{ids:?} are the sample's");
    let page = fs::read_to_string(shop.path("models/current/report.html")).unwrap();
    assert!(page.contains("first version of your own customers") && page.contains("is not compared with"));
}

#[test]
fn the_sample_takes_the_place_of_own_customers_by_force_alone() {
    let mut shop = Shop::with("ABC");
    shop.add_sample("base_data/2026-01-01/customers.xlsx");
    let own = shop.publish().id;
    for kind in ["A", "B", "C"] {
        fs::remove_file(shop.path(&format!("base_data/2026-01-01/{kind}.csv"))).unwrap();
    }
    shop.params = Default::default();
    let report = shop.refused();
    assert_eq!(report.failed().map(|check| check.name).collect::<Vec<_>>(), ["own_files"]);
    assert_eq!(shop.current().id, own);
    let (code, printed) = shop.run(&["retrain"]);
    assert_eq!(code, Some(3));
    assert!(printed.contains("nothing but the sample is left to train on"), "{printed}");
    shop.force = true;
    assert!(shop.publish().report.trained_on_sample && shop.current().manifest.is_of_the_sample());
}
