//! Segments keep their names from one training to the next.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use content_portal::customer::{CustomerTable, Schema};
use content_portal::model_store::{Candidate, StoreError, TrainedOn};
use content_portal::pipeline::{FitParams, Fitted, GoldenSample, Method, NewName, SegmentId, TrainingProfile, fit};
use content_portal::segmentation::group;
use content_portal::workbook::{self, Limits};
use jiff::Timestamp;
use jiff::civil::date;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::shop::{HEADER, Shop, customers};

pub fn table(lines: &str) -> CustomerTable {
    let schema = Arc::new(Schema::built_in().unwrap());
    workbook::read(Cursor::new(format!("{HEADER}{lines}")), schema, date(2026, 3, 1), &Limits::default()).unwrap()
}

/// The segment that the live model places most of a kind's customers in.
fn segment_of(shop: &Shop, kind: char) -> SegmentId {
    let placed = shop.current().model.assign(&table(&customers(kind, 0, 72))).unwrap().segments();
    let mut counts: BTreeMap<SegmentId, usize> = BTreeMap::new();
    placed.into_iter().flatten().for_each(|id| *counts.entry(id).or_insert(0) += 1);
    let (id, n) = counts.into_iter().max_by_key(|&(_, n)| n).unwrap();
    assert!(n > 60, "{n} of 72 of kind {kind}");
    id
}

/// Publishes a version of kinds A, B and C whose segments have the ids 12, 3 and 7, in the order of the fit's own, and
/// in which marketers added an entry to each.
fn publish_with_odd_ids(shop: &Shop) {
    let all: String = "ABC".chars().map(|kind| customers(kind, 0, 72)).collect();
    let table = table(&all);
    let mut fitted = fit(&table, &shop.params, &|_, _| {}).unwrap();
    let extras = |id: u32| BTreeMap::from([("Interests".to_owned(), format!("interest of {id}"))]);
    let name = |id: u32| NewName { id: SegmentId::new(id), extras: extras(id) };
    let names = (0..).map(SegmentId::new).zip([12, 3, 7].map(name)).collect();
    fitted.rename(&names).unwrap();
    publish_fitted(shop, &table, &fitted, (20, 1_767_200_000));
}

/// Publishes what was fitted, with the first id that is free and the second at which it was made.
fn publish_fitted(shop: &Shop, table: &CustomerTable, fitted: &Fitted, (next_id, second): (u32, i64)) {
    let candidate = Candidate {
        fitted,
        params: &shop.params,
        trained_on: TrainedOn::new(false, None),
        golden: &GoldenSample::take(table, fitted).unwrap(),
        profile: &TrainingProfile::of(table, fitted),
        next_segment_id: SegmentId::new(next_id),
        created_at: Timestamp::from_second(second).unwrap(),
    };
    let staged = shop.store.stage(&shop.store.lock().unwrap(), &candidate).unwrap();
    staged.seal(&serde_json::json!({})).unwrap().publish().unwrap();
}

/// Publishes a version of unrelated customers by latent classes, which has one segment of everyone, with this id.
fn publish_everyone_as(shop: &Shop, id: u32) {
    let table = table(&unrelated());
    let params = FitParams { method: Method::LatentClasses, ..shop.params.clone() };
    let mut fitted = fit(&table, &params, &|_, _| {}).unwrap();
    assert_eq!(fitted.scores.clusters, 1);
    let everyone = BTreeMap::from([("Interests".to_owned(), "interest of everyone".to_owned())]);
    let name = NewName { id: SegmentId::new(id), extras: everyone };
    fitted.rename(&BTreeMap::from([(SegmentId::new(0), name)])).unwrap();
    publish_fitted(shop, &table, &fitted, (21, 1_767_200_060));
}

/// One customer of each town, gender, month and tier of the kinds A, B and C: nothing goes together.
fn unrelated() -> String {
    let line = |i: usize| {
        let town = ["Bedok", "Tampines", "Yishun", "Woodlands", "Clementi", "Queenstown"][i % 6];
        let (gender, tier) = (["Female", "Male"][i / 6 % 2], ["Silver", "Gold", "Platinum"][i / 12 % 3]);
        let month = i / 36 % 9;
        let (year, month) = (2022 + month / 3, 1 + month);
        format!("U{i},{year}-{month:02}-11,{town},{gender},{tier}\n")
    };
    (0..648).map(line).collect()
}

#[test]
fn after_a_change_of_the_method_and_back_a_segment_is_its_equal_of_before_and_not_what_merely_held_it() {
    let mut shop = Shop::new();
    publish_with_odd_ids(&shop);
    let of_kind = ['A', 'B', 'C'].map(|kind| segment_of(&shop, kind));
    // In between everyone was one segment, which holds most of the customers of kind A and of them all.
    publish_everyone_as(&shop, 20);
    for (kind, n) in [('A', 420), ('B', 72), ('C', 72)] {
        shop.add(&format!("base_data/2026-01-01/{kind}.csv"), &customers(kind, 0, n));
    }
    shop.force = true;
    let matching = shop.publish().report.matching;
    assert_eq!(['A', 'B', 'C'].map(|kind| segment_of(&shop, kind)), of_kind, "{matching:?}");
    assert_eq!((matching.kept.len(), matching.returned.len(), matching.new.len()), (0, 3, 0), "{matching:?}");
    assert_eq!(matching.vanished.iter().map(|gone| gone.cluster_id.get()).collect::<Vec<_>>(), [20]);
    for segment in shop.current().model.segments() {
        assert_eq!(segment.persona.extras["Interests"], format!("interest of {}", segment.cluster_id));
    }
}

#[test]
fn what_a_segment_shares_is_counted_with_the_live_version_also_where_an_earlier_one_is_more_alike() {
    let mut shop = Shop::new();
    publish_with_odd_ids(&shop);
    let id = segment_of(&shop, 'A');
    // In between everyone had the id.
    publish_everyone_as(&shop, id.get());
    let (live, all) = (shop.current(), table(&customers('A', 0, 420)));
    let shared = live.model.segments_of_alike(&all).unwrap().into_iter().flatten().count();
    for (kind, n) in [('A', 420), ('B', 72), ('C', 72)] {
        shop.add(&format!("base_data/2026-01-01/{kind}.csv"), &customers(kind, 0, n));
    }
    shop.force = true;
    let matching = shop.publish().report.matching;
    let [kept] = matching.kept.as_slice() else { panic!("{matching:?}") };
    assert_eq!((kept.cluster_id, kept.customers, kept.shared), (id, 420, shared as u64));
    assert_eq!(kept.customers_before, live.model.segment(id).unwrap().customers);
    assert_eq!(matching.returned.len(), 2);
}

#[test]
fn segments_with_any_ids_are_found_by_them_and_counted_under_them() {
    let shop = Shop::new();
    publish_with_odd_ids(&shop);
    let version = Arc::new(shop.current());
    let ids: Vec<u32> = version.model.segments().iter().map(|segment| segment.cluster_id.get()).collect();
    assert_eq!(ids, [3, 7, 12]);
    let lines: String = "AC".chars().map(|kind| customers(kind, 0, 40)).collect();
    let grouped = group(version.clone(), table(&lines)).unwrap();
    for (kind, town) in [('A', "Bedok"), ('C', "Clementi")] {
        let id = segment_of(&shop, kind);
        let segment = version.model.segment(id).unwrap();
        assert_eq!(segment.persona.extras["Interests"], format!("interest of {id}"));
        let group = grouped.groups().iter().find(|group| group.cluster_id == i64::from(id.get())).unwrap();
        assert_eq!(group.persona, segment.persona);
        assert!(group.summary.contains(town), "kind {kind}: {}", group.summary);
        assert!(group.rows.len() > 30);
    }
    assert!(version.model.segment(SegmentId::new(0)).is_none());
    let profiles = fs::read_to_string(shop.path("models/current/cluster_profiles.csv")).unwrap();
    assert!(profiles.contains("\n12,Location,") && !profiles.contains("\n0,Location,"), "{profiles}");
}

#[test]
fn a_segment_keeps_its_id_and_what_marketers_added_to_it() {
    let mut shop = Shop::with("CBA");
    publish_with_odd_ids(&shop);
    let before = ['A', 'B', 'C'].map(|kind| segment_of(&shop, kind));
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('B', 72, 60));
    let report = shop.publish().report;
    assert_eq!(['A', 'B', 'C'].map(|kind| segment_of(&shop, kind)), before);
    for segment in shop.current().model.segments() {
        let expected = format!("interest of {}", segment.cluster_id);
        assert_eq!(segment.persona.extras["Interests"], expected);
    }
    let kept = report.matching.kept.iter().find(|kept| kept.cluster_id == before[1]).unwrap();
    assert_eq!((kept.customers_before, kept.customers, kept.shared), (72, 132, 132));
    assert!(report.matching.new.is_empty() && report.matching.vanished.is_empty());
}

#[test]
fn a_new_segment_gets_an_id_that_none_has_had_and_a_vanished_one_is_listed() {
    let mut shop = Shop::with("ABD");
    publish_with_odd_ids(&shop);
    let gone = segment_of(&shop, 'C');
    let matching = shop.publish().report.matching;
    assert_eq!(matching.new.iter().map(|new| new.cluster_id.get()).collect::<Vec<_>>(), [20]);
    assert_eq!(segment_of(&shop, 'D').get(), 20);
    assert_eq!(matching.vanished.iter().map(|gone| gone.cluster_id).collect::<Vec<_>>(), [gone]);
    assert!(shop.current().model.segment(SegmentId::new(20)).unwrap().persona.extras.is_empty());

    // Who comes back after a roll back is somebody new: ids are never used again.
    let first = shop.versions()[0].clone();
    shop.store.activate(&first).unwrap();
    let matching = shop.publish().report.matching;
    assert_eq!(matching.new.iter().map(|new| new.cluster_id.get()).collect::<Vec<_>>(), [21]);
}

/// Changes the manifest of the current version to a newer program's, with the name that goes with it.
fn make_newer(shop: &Shop) {
    let (folder, id) = (shop.path("models/versions"), shop.store.current().unwrap());
    let path = folder.join(id.as_str()).join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["format_version"] = 1_000.into();
    manifest["what_it_is"] = "not known here".into();
    let json = serde_json::to_vec(&manifest).unwrap();
    fs::write(&path, &json).unwrap();
    let hash: String = Sha256::digest(&json).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{}-{hash}", id.as_str().split('-').next().unwrap());
    fs::rename(folder.join(id.as_str()), folder.join(&name)).unwrap();
    fs::remove_file(shop.path("models/current")).unwrap();
    std::os::unix::fs::symlink(format!("versions/{name}"), shop.path("models/current")).unwrap();
}

/// A file of the current version.
fn of_current(shop: &Shop, file: &str) -> PathBuf {
    shop.path("models/current").join(file)
}

#[test]
fn ids_of_a_version_that_is_damaged_or_of_a_newer_format_are_not_given_again() {
    let damage = |shop: &Shop| {
        let manifest = fs::read(of_current(shop, "manifest.json")).unwrap();
        fs::write(of_current(shop, "manifest.json"), [manifest, b" ".to_vec()].concat()).unwrap();
    };
    // Without its manifest only the ids of the segments that it has are known: the last is 12.
    let remove = |shop: &Shop| fs::remove_file(of_current(shop, "manifest.json")).unwrap();
    type Breaking<'b> = &'b dyn Fn(&Shop);
    let cases: [(Breaking<'_>, u32); 3] = [(&make_newer, 20), (&damage, 20), (&remove, 13)];
    for (breaking, next) in cases {
        let mut shop = Shop::with("ABD");
        publish_with_odd_ids(&shop);
        breaking(&shop);
        let published = shop.publish().report;
        assert!(published.live.is_none() && published.live_fault.is_some(), "{:?}", published.live);
        let mut new: Vec<u32> = published.matching.new.iter().map(|new| new.cluster_id.get()).collect();
        new.sort_unstable();
        assert_eq!(new, [next, next + 1, next + 2]);
    }
}

#[test]
fn where_nobody_can_say_which_ids_a_version_has_nothing_is_trained_until_it_is_mended_or_taken_away() {
    let mut shop = Shop::with("ABD");
    publish_with_odd_ids(&shop);
    for file in ["manifest.json", "cluster_personas.json"] {
        fs::write(of_current(&shop, file), "{").unwrap();
    }
    let refused = shop.retrain().unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("manifest.json"), "{why}");
    fs::remove_dir_all(shop.path("models/current").canonicalize().unwrap()).unwrap();
    // What marketers added to is an id that was used.
    let entry = BTreeMap::from([("Interests".to_owned(), "running".to_owned())]);
    shop.store.put_extras::<StoreError>(SegmentId::new(30), entry, |_| Ok(())).unwrap();
    let new = shop.publish().report.matching.new;
    assert!(new.len() == 3 && new.iter().all(|new| new.cluster_id.get() > 30), "{new:?}");
}

#[test]
fn segments_go_on_after_a_change_of_the_schema_that_leaves_what_they_were_learned_from() {
    let mut shop = Shop::with("ABC");
    publish_with_odd_ids(&shop);
    let mut schema = serde_json::to_value(&shop.schema).unwrap();
    let columns = schema["columns"].as_array_mut().unwrap();
    columns.reverse();
    for column in columns.iter_mut() {
        // A new title for a town, known by its old one; one more name for a value; a level that nobody has, below
        // others.
        match column["title"].as_str().unwrap() {
            "Location" => (column["title"], column["aliases"]) = ("Branch".into(), json!(["Location"])),
            "Gender" => column["synonyms"]["Lady"] = "Female".into(),
            "Loyalty Tier" => column["levels"] = json!(["Bronze", "Silver", "Gold", "Platinum"]),
            _ => {}
        }
    }
    columns.push(json!({"title": "Points", "required": false, "kind": "number", "weight": 0.0, "persona": {"key": "Points", "top": 1}}));
    shop.schema = Schema::from_json(schema.to_string().as_bytes()).unwrap();
    let report = shop.publish().report;
    let kept: Vec<_> = report.matching.kept.iter().map(|kept| (kept.cluster_id.get(), kept.shared)).collect();
    assert_eq!(kept, [(3, 72), (7, 72), (12, 72)]);
    assert!(report.matching.new.is_empty() && report.matching.vanished.is_empty(), "{:?}", report.matching);
    assert!(report.drift.is_some_and(|drift| drift.unseen_share == 0.0));
}

#[test]
fn a_model_that_learned_from_a_column_that_is_gone_hands_no_id_on() {
    let mut shop = Shop::with("ABC");
    publish_with_odd_ids(&shop);
    shop.schema.columns.retain(|column| column.title != "Gender");
    let matching = shop.publish().report.matching;
    assert_eq!((matching.kept.len(), matching.vanished.len()), (0, 3));
    assert_eq!(matching.new.iter().map(|new| new.cluster_id.get()).collect::<Vec<_>>(), [20, 21, 22]);
}

#[test]
fn a_segment_that_was_gone_for_a_training_and_is_back_has_its_id_and_its_extras_again() {
    let mut shop = Shop::with("AB");
    publish_with_odd_ids(&shop);
    let gone = segment_of(&shop, 'C');
    let matching = shop.publish().report.matching;
    assert_eq!(matching.vanished.iter().map(|gone| gone.cluster_id).collect::<Vec<_>>(), [gone]);

    shop.add("base_data/2026-01-01/C.csv", &customers('C', 0, 72));
    let matching = shop.publish().report.matching;
    assert_eq!(segment_of(&shop, 'C'), gone);
    assert_eq!(
        matching.returned.iter().map(|back| (back.cluster_id, back.customers)).collect::<Vec<_>>(),
        [(gone, 72)]
    );
    assert!(matching.new.is_empty(), "{:?}", matching.new);
    let version = shop.current();
    assert_eq!(version.model.segment(gone).unwrap().persona.extras["Interests"], format!("interest of {gone}"));
}
