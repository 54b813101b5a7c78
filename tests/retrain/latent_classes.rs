//! Latent classes as the method of a training: trained, published, read back, placed by and trained from.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::sync::Arc;

use content_portal::customer::{CustomerTable, Schema, read_form};
use content_portal::pipeline::{Method, SegmentId};
use content_portal::retrain::Verdict;
use content_portal::segmentation::group;
use content_portal::workbook::{self, Limits};
use jiff::civil::date;

use crate::shop::{HEADER, Shop, customers};

fn table(lines: &str) -> CustomerTable {
    let schema = Arc::new(Schema::built_in().unwrap());
    workbook::read(Cursor::new(format!("{HEADER}{lines}")), schema, date(2026, 3, 1), &Limits::default()).unwrap()
}

fn latent(mut shop: Shop) -> Shop {
    shop.params.method = Method::LatentClasses;
    shop
}

/// 200 customers of each of these kinds: of fewer a training on four fifths need not find each again.
fn many(kinds: &str) -> Shop {
    let shop = Shop::with(kinds);
    for kind in kinds.chars() {
        shop.add(&format!("base_data/2026-01-02/{kind}.csv"), &customers(kind, 72, 128));
    }
    shop
}

/// The segment in which the live model places every customer of a kind.
fn segment_of(shop: &Shop, kind: char) -> SegmentId {
    let placed = shop.current().model.assign(&table(&customers(kind, 0, 72))).unwrap().segments();
    let mut counts: BTreeMap<Option<SegmentId>, usize> = BTreeMap::new();
    placed.into_iter().for_each(|id| *counts.entry(id).or_insert(0) += 1);
    assert_eq!(counts.len(), 1, "kind {kind}: {counts:?}");
    counts.into_keys().next().unwrap().unwrap()
}

/// Customers whose columns know nothing of one another.
fn unrelated(n: u64) -> String {
    let pick = |i: u64, salt: u64, of: u64| {
        let mut mixed = (i * 16 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % of
    };
    let towns = ["Bedok", "Yishun", "Clementi", "Punggol", "Novena"];
    let line = |i: u64| {
        let town = towns[pick(i, 1, 5) as usize];
        let gender = ["Female", "Male"][pick(i, 2, 2) as usize];
        let tier = ["Silver", "Gold", "Platinum"][pick(i, 3, 3) as usize];
        let (year, month) = (2022 + pick(i, 4, 3), 1 + pick(i, 5, 12));
        format!("U{i},{year}-{month:02}-11,{town},{gender},{tier}\n")
    };
    (0..n).map(line).collect()
}

#[test]
fn classes_are_published_read_back_and_asked_for_new_customers() {
    let mut shop = latent(many("ABC"));
    let report = shop.publish().report;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.gate);
    let scores = report.scores.unwrap();
    assert_eq!((scores.clusters, scores.noise_share), (3, 0.0));
    assert_eq!((scores.silhouette, scores.dbcv, scores.trustworthiness), (None, None, None));
    // A second training on four fifths of them found the same classes.
    let refit = report.refit.unwrap();
    assert_eq!((refit.stability.len(), refit.outside_share()), (3, 0.0));
    assert!(refit.stability.iter().all(|of| of.jaccard > 0.9), "{:?}", refit.stability);
    assert_eq!(scores.least_jaccard, refit.stability.iter().map(|of| of.jaccard).reduce(f64::min));
    let version = Arc::new(shop.current());
    assert_eq!((version.manifest.format_version, version.model.method()), (4, Method::LatentClasses));
    assert!(shop.path("models/current/latent.safetensors").is_file());
    assert!(!shop.path("models/current/umap.safetensors").exists());
    let ids: std::collections::BTreeSet<SegmentId> = ['A', 'B', 'C'].map(|kind| segment_of(&shop, kind)).into();
    assert_eq!(ids.len(), 3);
    let grouped = group(version.clone(), table(&customers('B', 0, 60))).unwrap();
    assert_eq!(grouped.groups().iter().map(|group| group.rows.len()).sum::<usize>(), 60);
    // Nobody of kind B joined in May 2022, and no training customer at all lives in a town without customers.
    let assignment = version.model.assign(&table("X,2022-05-11,Yishun,Male,Gold\n")).unwrap();
    let placement = assignment.of_row(0).unwrap();
    assert_eq!(placement.segment, Some(segment_of(&shop, 'B')));
    assert!(placement.strength > 0.9 && placement.strength <= 1.0, "{placement:?}");
    assert_eq!(placement.nearest.unwrap().membership, placement.strength);
    // Of new profiles too few were held out to say anything; of those that training had enough were.
    let known = version.model.assign(&table(&customers('B', 0, 1))).unwrap();
    let confidence = version.refit().unwrap().confidence(known.of_row(0).unwrap());
    assert!(confidence.is_some_and(|confidence| confidence > 0.8), "{confidence:?}");
}

#[test]
fn a_new_kind_of_customers_does_not_take_the_id_of_a_segment_that_never_had_them() {
    let mut shop = latent(Shop::with("ABC"));
    shop.publish();
    let old = ['A', 'B', 'C'].map(|kind| segment_of(&shop, kind));
    // Classes place everybody: all of kind D, and those of known values that never went together.
    fs::remove_file(shop.path("base_data/2026-01-01/A.csv")).unwrap();
    shop.add("base_data/2026-02-01/D.csv", &customers('D', 0, 120));
    let report = shop.publish().report;
    assert_eq!(['B', 'C'].map(|kind| segment_of(&shop, kind)), old[1..]);
    let new = segment_of(&shop, 'D');
    assert!(!old.contains(&new), "{new} of {old:?}");
    assert_eq!((report.matching.new.len(), report.matching.vanished.len()), (1, 1));

    let mut shop = latent(Shop::with("ABC"));
    shop.publish();
    fs::remove_file(shop.path("base_data/2026-01-01/A.csv")).unwrap();
    // Towns of kind A and the months of kind C.
    let mixed = customers('A', 0, 72).replace("2022-01", "2024-07").replace("2022-02", "2024-08");
    shop.add("base_data/2026-02-01/mixed.csv", &mixed.replace("2022-03", "2024-09").replace(",A", ",M"));
    shop.force = true;
    let report = shop.publish().report;
    let shared: u64 = report.matching.kept.iter().map(|kept| kept.shared).sum();
    assert!(shared <= 144, "{:?}", report.matching);
}

#[test]
fn the_page_has_no_map_and_says_what_sets_each_class_apart() {
    let mut shop = latent(Shop::with("ABC"));
    shop.publish();
    let page = fs::read_to_string(shop.path("models/current/report.html")).unwrap();
    assert!(!page.contains("The map of the customers") && page.contains("What sets each segment apart"));
    assert!(page.contains("latent_classes"));
    let report = fs::read_to_string(shop.path("models/current/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["params"]["method"], "latent_classes");
    assert!(report["scores"]["trustworthiness"].is_null() && report["scores"]["dbcv"].is_null());
}

#[test]
fn what_is_not_known_of_a_customer_is_skipped() {
    let mut shop = latent(Shop::with("ABC"));
    shop.publish();
    let model = shop.current().model;
    let form = read_form(model.schema(), [("Location", "Clementi")], date(2026, 3, 1)).unwrap();
    let placement = model.place_one(&form.table).unwrap().unwrap();
    assert_eq!(placement.segment, Some(segment_of(&shop, 'C')));
    // Classes of 72 customers are pulled towards everybody, and a town alone says only so much.
    assert!(placement.strength > 0.5, "{placement:?}");
}

#[test]
fn segments_keep_their_ids_from_one_training_of_classes_to_the_next() {
    let mut shop = latent(Shop::with("CBA"));
    shop.publish();
    let before = ['A', 'B', 'C'].map(|kind| segment_of(&shop, kind));
    // Kind B is the largest class now, and so another number of the fit.
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('B', 72, 60));
    let report = shop.publish().report;
    assert_eq!(['A', 'B', 'C'].map(|kind| segment_of(&shop, kind)), before);
    assert_eq!(report.matching.kept.len(), 3);
}

#[test]
fn segments_keep_their_ids_from_one_method_to_the_other() {
    let mut shop = many("ABC");
    shop.publish();
    let before = ['A', 'B', 'C'].map(|kind| segment_of(&shop, kind));
    shop = latent(shop);
    assert_eq!(shop.publish().report.matching.kept.len(), 3);
    assert_eq!(['A', 'B', 'C'].map(|kind| segment_of(&shop, kind)), before);
}

#[test]
fn the_order_of_the_customers_changes_no_bit_of_the_classes() {
    let files = ["ABC", "CAB"].map(|kinds| {
        let mut shop = latent(Shop::new());
        let lines: String = kinds.chars().map(|kind| customers(kind, 0, 72)).collect();
        shop.add("base_data/2026-01-01/all.csv", &lines);
        shop.publish();
        fs::read(shop.path("models/current/latent.safetensors")).unwrap()
    });
    assert_eq!(files[0], files[1]);
}

#[test]
fn customers_without_any_structure_are_one_segment_of_everyone() {
    let mut shop = latent(Shop::new());
    shop.add("base_data/2026-01-01/all.csv", &unrelated(900));
    let report = shop.publish().report;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.gate);
    let model = shop.current().model;
    let [everyone] = model.segments() else { panic!("{:?}", model.segments()) };
    assert_eq!((everyone.customers, everyone.share), (900, 1.0));
    assert!(everyone.summary().contains("No trait sets these"), "{}", everyone.summary());
    let page = fs::read_to_string(shop.path("models/current/report.html")).unwrap();
    assert!(page.contains("there is one segment: everyone"));
    let form = read_form(model.schema(), [("Location", "Bedok")], date(2026, 3, 1)).unwrap();
    let placement = model.place_one(&form.table).unwrap().unwrap();
    assert_eq!((placement.segment, placement.strength), (Some(everyone.cluster_id), 1.0));
}
