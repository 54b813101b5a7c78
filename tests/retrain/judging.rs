//! What the gate lets pass, what it keeps out, and what is left of it.

use std::fs;

use content_portal::model_store::StoreError;
use content_portal::pipeline::Method;
use content_portal::retrain::{CheckKind, GateCheck, RetrainError, RetrainOutcome, Verdict};
use serde_json::Value;

use crate::shop::{Shop, customers, names};

#[test]
fn a_good_candidate_passes_every_check_and_the_report_lists_them() {
    let mut shop = Shop::with("ABC");
    let published = shop.publish();
    assert_eq!(published.report.verdict, Verdict::Passed);
    let text = fs::read_to_string(shop.path("models/current/report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let names: Vec<_> = report["gate"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    let quality = ["customers", "profiles", "clusters", "noise_share", "silhouette", "dbcv"];
    let meaning = ["new_outside_share", "least_jaccard", "deciding_columns", "told_bits"];
    let integrity = ["files_changed", "golden_sample"];
    assert_eq!(names, [&quality[..], &meaning, &["left_out_share"], &integrity].concat());
    assert_eq!((&report["verdict"], &report["live"]), (&"passed".into(), &Value::Null));
    assert_eq!(report["matching"]["new"].as_array().unwrap().len(), 3);
    assert!(report["params"]["umap"].is_object() && report["seconds"]["fitting"].is_f64());

    shop.publish();
    let text = fs::read_to_string(shop.path("models/current/report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["live"]["version"], published.id.as_str());
    assert!(report["live"]["scores"]["dbcv"].is_f64());
}

#[test]
fn a_candidate_that_fails_a_check_changes_nothing_but_leaves_its_report() {
    let mut shop = Shop::with("ABC");
    let live = shop.publish().id;
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('D', 0, 72));
    shop.gate.min_clusters = 9;
    let report = shop.refused();
    let failed: Vec<_> = report.failed().map(|check| check.name).collect();
    assert_eq!(failed, ["clusters"]);
    assert_eq!(shop.current().id, live);
    assert_eq!(shop.versions(), [live]);
    assert_eq!(names(&shop.path("uploads")), ["20260228T000000Z-0001.csv"]);
    assert!(names(&shop.path("models/staging")).is_empty());
    let [_page, kept] = names(&shop.path("models/refused")).try_into().unwrap();
    let kept: Value = serde_json::from_slice(&fs::read(shop.path("models/refused").join(kept)).unwrap()).unwrap();
    assert_eq!((&kept["verdict"], &kept["scores"]["clusters"]), (&"refused".into(), &4.into()));

    shop.force = true;
    let published = shop.publish();
    assert_eq!(published.report.verdict, Verdict::Forced);
    assert_eq!(shop.current().id, published.id);
    assert!(names(&shop.path("uploads")).is_empty());
}

#[test]
fn the_first_version_is_published_even_if_it_is_poor() {
    let mut shop = Shop::with("A");
    let published = shop.publish();
    assert_eq!(published.report.verdict, Verdict::FirstVersion);
    assert!(published.report.failed().all(|check| check.kind == CheckKind::Quality));
    assert!(published.report.failed().any(|check| check.name == "customers"));
}

/// A shop that asks for larger segments than it has customers.
fn without_segments() -> Shop {
    let mut shop = Shop::new();
    shop.add("base_data/2026-01-01/few.csv", &customers('A', 0, 50));
    shop.params.hdbscan = hdbscan::HdbscanParams::default().min_cluster_size(hdbscan::MinClusterSize::Count(60));
    shop
}

#[test]
fn a_first_training_that_finds_no_segment_is_published_as_one_of_everyone() {
    let mut shop = without_segments();
    let published = shop.publish();
    assert_eq!((published.report.verdict, published.report.everyone_instead), (Verdict::FirstVersion, true));
    let live = shop.current();
    assert_eq!(live.model.segments().iter().map(|segment| segment.customers).collect::<Vec<_>>(), [50]);
    assert_eq!(live.manifest.params.method, Method::UmapHdbscan, "the next training looks for segments again");
    let page = fs::read_to_string(shop.path("models/current/report.html")).unwrap();
    assert!(page.contains("Published as one segment of everyone"), "{page}");
    // And nothing is worse than it: no segment at all is refused, with what can be done.
    shop.add("base_data/2026-02-01/more.csv", &customers('A', 50, 5));
    let refused = shop.refused();
    let clusters = refused.failed().find(|check| check.name == "clusters").unwrap();
    assert!(clusters.sentence().contains("train with the method latent_classes"), "{}", clusters.sentence());
    shop.params.hdbscan = hdbscan::HdbscanParams::default().min_cluster_size(hdbscan::MinClusterSize::Count(20));
    for kind in ['B', 'C'] {
        shop.add(&format!("base_data/2026-02-01/{kind}.csv"), &customers(kind, 0, 72));
    }
    // They are unlike all before.
    shop.force = true;
    let report = shop.publish().report;
    assert!(report.scores.unwrap().clusters >= 3);
}

#[test]
fn a_live_version_without_segments_bars_none_that_has_some() {
    let mut shop = without_segments();
    shop.publish();
    shop.force = true;
    let forced = shop.publish();
    assert_eq!(forced.report.scores.unwrap().clusters, 0);
    shop.force = false;
    shop.params.method = Method::LatentClasses;
    let report = shop.publish().report;
    assert_eq!(report.verdict, Verdict::FirstVersion, "{:?}", report.gate);
    assert_eq!(report.scores.unwrap().clusters, 1);
}

#[test]
fn too_little_to_train_on_is_a_result_and_no_error() {
    let mut shop = Shop::new();
    let none = shop.refused();
    assert_eq!(none.gate.iter().map(|check| check.value).collect::<Vec<_>>(), [Some(0.0), Some(0.0)]);
    shop.add("base_data/few.csv", &customers('A', 0, 3));
    let few = shop.refused();
    assert_eq!(
        few.gate.iter().map(|check| (check.name, check.value)).collect::<Vec<_>>(),
        [("customers", Some(3.0)), ("profiles", Some(1.0))],
        "what tells them apart fewer than ten have"
    );
    assert!(matches!(shop.store.current(), Err(StoreError::NoCurrent { .. })));
    let (code, printed) = shop.run(&["retrain"]);
    assert_eq!(code, Some(3), "{printed}");
    assert!(printed.contains("customers is 3, and must be at least 100"), "{printed}");
}

#[test]
fn of_refused_candidates_the_last_ten_reports_are_kept() {
    let mut shop = Shop::new();
    for _ in 0..12 {
        shop.refused();
    }
    let kept = names(&shop.path("models/refused"));
    assert_eq!(kept.len(), 20, "each with its page");
    assert!(kept[0].starts_with("20260101T0203"), "the oldest two are gone: {kept:?}");
}

#[test]
fn a_second_training_is_told_who_holds_the_lock() {
    let mut shop = Shop::with("AB");
    let lock = shop.store.lock().unwrap();
    let Err(RetrainError::Store(StoreError::Locked { holder, .. })) = shop.retrain() else { panic!("it was let in") };
    assert!(holder.starts_with(&format!("process {} since 20", std::process::id())), "{holder}");
    let (code, printed) = shop.run(&["retrain"]);
    assert_eq!(code, Some(1));
    assert!(printed.contains("a training is under way") && printed.contains(&holder), "{printed}");
    drop(lock);
    shop.publish();
}

#[test]
fn customers_of_one_upload_or_unlike_all_others_do_not_take_a_model_over_unless_forced() {
    let mut shop = Shop::with("AB");
    shop.publish();
    // Four times as many invented customers as there are real ones, in towns that nobody knows.
    let invented = customers('C', 0, 576).replace("Clementi", "Atlantis").replace("Queenstown", "Utopia");
    shop.add("uploads/20260228T000000Z-0001.csv", &invented);
    let report = shop.refused();
    let failed: Vec<_> = report.failed().map(|check| check.name).collect();
    assert!(["upload_share", "unseen_share", "drift"].iter().all(|name| failed.contains(name)), "{failed:?}");
    let sentence = |name: &str| report.failed().find(|check| check.name == name).unwrap().sentence();
    assert!(
        sentence("upload_share").contains("576 of 720 customers are in uploads/2026"),
        "{}",
        sentence("upload_share")
    );
    assert!(sentence("drift").contains("Location has moved most"), "{}", sentence("drift"));
    shop.force = true;
    assert_eq!(shop.publish().report.verdict, Verdict::Forced);
}

#[test]
fn a_version_of_a_handful_of_customers_is_replaced_by_the_first_real_workbook() {
    let mut shop = Shop::new();
    let few: String = ['A', 'B'].iter().map(|&kind| customers(kind, 0, 19)).collect();
    shop.add("base_data/2026-01-01/few.csv", &few);
    shop.gate.min_profiles = 5;
    assert_eq!(shop.publish().report.verdict, Verdict::FirstVersion);
    let all: String = ['A', 'B', 'C', 'D'].iter().map(|&kind| customers(kind, 100, 72)).collect();
    shop.add("uploads/20260228T000000Z-0001.csv", &all);
    let report = shop.publish().report;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.failed().collect::<Vec<_>>());
    let share = report.gate.iter().find(|check| check.name == "upload_share").unwrap();
    assert!(share.value > Some(0.8) && !share.passed && share.is_tolerated, "{share:?}");
    assert!(share.sentence().contains("the live version has 38 customers"), "{}", share.sentence());
}

#[test]
fn how_much_a_workbook_brings_is_not_asked_where_somebody_who_may_train_sent_it_for_that() {
    let brought = |note: &str| {
        let mut shop = Shop::with("AB");
        shop.publish();
        let name = "20260228T000000Z-0123456789abcdef0123456789abcdef.csv";
        let many: String = ['A', 'B'].iter().map(|&kind| customers(kind, 100, 288)).collect();
        shop.add(&format!("uploads/{name}"), &many);
        fs::write(shop.path(&format!("uploads/.{name}.json")), note).unwrap();
        let report = match shop.retrain().unwrap() {
            RetrainOutcome::Published(published) => published.report,
            RetrainOutcome::Refused(report) => *report,
            other @ RetrainOutcome::Unchanged(_) => panic!("{other:#?}"),
        };
        report.gate.iter().find(|check| check.name == "upload_share").and_then(|check| check.value)
    };
    let note = r#"{"state":"approved","sent_by":"shop","rows":576"#;
    assert_eq!(brought(&format!("{note}}}")), Some(0.8));
    assert_eq!(brought(&format!(r#"{note},"is_for_training":true}}"#)), None);
}

#[test]
fn a_training_from_which_many_rows_are_missing_is_refused_unless_forced() {
    let mut shop = Shop::with("ABC");
    let live = shop.publish().id;
    // A column that was filled in another way: half of all rows have no date that can be read.
    let unreadable = |kind, n| customers(kind, 72, n).replace(",202", ",Q");
    shop.add("base_data/2026-02-01/february.csv", &[unreadable('A', 216), customers('B', 72, 10)].concat());
    let report = shop.refused();
    let failed: Vec<_> = report.failed().map(|check| check.name).collect();
    assert_eq!(failed, ["left_out_share", "left_out_rise"]);
    let sentence = report.failed().next().unwrap().sentence();
    let why = "216 of 442 rows: Date Joined is not a date (216); 216 of them in 2026-02-01/february.csv";
    assert_eq!(sentence, format!("left_out_share is 0.4887, and must be at most 0.25 ({why})"));
    assert_eq!(shop.current().id, live);
    let (code, printed) = shop.run(&["retrain"]);
    assert!(code == Some(3) && printed.contains(why), "{code:?} {printed}");

    shop.force = true;
    assert_eq!(shop.publish().report.verdict, Verdict::Forced);
    // Who let it pass once is not asked again, until more rows are missing.
    shop.force = false;
    shop.add("base_data/2026-02-01/more.csv", &customers('C', 72, 10));
    let report = shop.publish().report;
    assert_eq!((report.verdict, report.failed().count()), (Verdict::Passed, 0));
    shop.add("base_data/2026-03-01/march.csv", &[unreadable('C', 300), customers('C', 90, 5)].concat());
    assert_eq!(shop.refused().failed().map(|check| check.name).collect::<Vec<_>>(), ["left_out_rise"]);
}

#[test]
fn a_file_of_the_live_version_that_cannot_be_read_any_more_refuses_a_training() {
    let mut shop = Shop::with("ABC");
    shop.add("base_data/2026-02-01/february.csv", &customers('B', 72, 72));
    fs::write(shop.path("base_data/2026-02-01/letter.csv"), "Dear all,\n").unwrap();
    let live = shop.publish().id;
    // The letter was none of its files; without February a third of the customers would be gone in silence.
    fs::write(shop.path("base_data/2026-02-01/february.csv"), "PK\u{3}\u{4} cut").unwrap();
    shop.add("base_data/2026-03-01/march.csv", &customers('C', 72, 10));
    let report = shop.refused();
    assert_eq!(report.failed().map(|check| check.name).collect::<Vec<_>>(), ["lost_files"]);
    let sentence = report.failed().next().unwrap().sentence();
    assert!(sentence.starts_with("lost_files is 1, and must be at most 0 (2026-02-01/february.csv: "), "{sentence}");
    assert_eq!(shop.current().id, live);
    shop.force = true;
    assert_eq!(shop.publish().report.verdict, Verdict::Forced);
    // Who let it pass once is not asked again, nor is who takes a file away.
    shop.force = false;
    fs::remove_file(shop.path("base_data/2026-03-01/march.csv")).unwrap();
    shop.add("base_data/2026-04-01/april.csv", &customers('C', 82, 10));
    assert_eq!(shop.publish().report.verdict, Verdict::Passed);
}

#[test]
fn a_training_of_fewer_than_half_of_the_customers_is_refused_unless_forced() {
    let mut shop = Shop::with("ABC");
    shop.publish();
    for kind in ["A", "B"] {
        fs::remove_file(shop.path(&format!("base_data/2026-01-01/{kind}.csv"))).unwrap();
    }
    shop.add("base_data/2026-02-01/more.csv", &customers('D', 0, 30));
    let report = shop.refused();
    let failed: Vec<_> = report.failed().map(GateCheck::sentence).collect();
    let sentence = "customers_kept is 0.4722, and must be at least 0.5 (102 customers, and 216 in the live version)";
    assert!(failed.contains(&sentence.to_owned()), "{failed:?}");
    shop.force = true;
    assert_eq!(shop.publish().report.verdict, Verdict::Forced);
}

#[test]
fn uploads_of_one_sender_count_together() {
    let mut shop = Shop::with("AB");
    shop.publish();
    shop.gate.max_upload_share = 0.4;
    let add = |n: u32, kind, note: Option<&str>| {
        let name = format!("20260228T00000{n}Z-{n:032x}.csv");
        shop.add(&format!("uploads/{name}"), &customers(kind, 100 + 72 * n as usize, 72));
        let note = format!(r#"{{"state":"approved","sent_by":{},"rows":72}}"#, note.unwrap_or("null"));
        fs::write(shop.path(&format!("uploads/.{name}.json")), note).unwrap();
    };
    for n in 0..4 {
        add(n, if n % 2 == 0 { 'A' } else { 'B' }, Some(r#""shop""#));
    }
    add(4, 'A', Some(r#""other""#));
    add(5, 'B', None);
    let report = shop.refused();
    let failed: Vec<_> = report.failed().map(GateCheck::sentence).collect();
    let sum = "288 of 576 customers are in 4 uploads of the key shop alone";
    assert_eq!(failed, [format!("upload_share is 0.5, and must be at most 0.4 ({sum})")]);
}

#[test]
fn rows_that_are_left_out_for_good_refuse_no_training() {
    let mut shop = Shop::with("ABC");
    shop.publish();
    let again: String = ['A', 'B', 'C'].iter().map(|&kind| customers(kind, 0, 72)).collect();
    shop.add("base_data/2026-02-01/again.csv", &format!("{}Total,216,,,\n", again.repeat(3)));
    let report = shop.publish().report;
    assert_eq!(report.cleaning.n_dropped(), 3 * 216 + 1);
    assert_eq!(report.verdict, Verdict::Passed);
}

#[test]
fn a_month_of_new_customers_and_a_full_list_sent_anew_pass() {
    let mut shop = Shop::with("ABC");
    shop.publish();
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('B', 72, 40));
    assert_eq!(shop.publish().report.verdict, Verdict::Passed);
    // Everybody again, some of whom moved: nobody is new.
    let all: String = ['A', 'B', 'C'].iter().map(|&kind| customers(kind, 0, 72)).collect();
    shop.add("uploads/20260301T000000Z-0002.csv", &all.replacen("Bedok", "Tampines", 20));
    let report = shop.publish().report;
    let share = report.gate.iter().find(|check| check.name == "upload_share").unwrap();
    assert_eq!((report.verdict, share.value), (Verdict::Passed, Some(0.0)));
}
