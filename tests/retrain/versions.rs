//! Versions after their publication: switched, checked, fallen back to, taken away.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use content_portal::model_store::{StoreError, VersionId};
use serde_json::Value;

use crate::shop::{Shop, customers, ended, names};

fn flip_a_bit(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn file_of(shop: &Shop, id: &VersionId, file: &str) -> std::path::PathBuf {
    shop.path("models/versions").join(id.as_str()).join(file)
}

/// The log of a server up to the line with this message.
fn log_of_server(shop: &Shop, event: &str) -> Vec<Value> {
    let mut child = shop.command(&["serve"]).env("PORT", "0").stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap_or_default();
        let is_last = line["event"] == event;
        lines.push(line);
        if is_last {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

#[test]
fn a_training_is_taken_back_in_one_command() {
    let mut shop = Shop::with("ABC");
    let (first, second) = (shop.publish().id, shop.publish().id);
    assert_eq!(shop.run(&["models", "activate", first.as_str()]).0, Some(0));
    assert_eq!(shop.current().id, first);
    let (_, list) = shop.run(&["models", "list"]);
    assert!(list.contains(&format!("* {first}")) && list.contains(&format!("  {second}")), "{list}");
    let (_, shown) = shop.run(&["models", "show", "current"]);
    assert!(shown.contains(&format!("{first} (current)")) && shown.contains("dbcv"), "{shown}");
    let (_, report) = shop.run(&["models", "show", second.as_str(), "--report"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["live"]["version"], first.as_str());
    for wrong in ["20200101T000000Z-00000000", "../versions", "latest"] {
        assert_ne!(shop.run(&["models", "activate", wrong]).0, Some(0), "{wrong}");
        assert_eq!(shop.current().id, first);
    }
}

#[test]
fn verify_names_each_broken_file_and_ends_with_an_error() {
    let mut shop = Shop::with("ABC");
    let (first, second) = (shop.publish().id, shop.publish().id);
    let (code, printed) = shop.run(&["models", "verify"]);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(printed.matches("whole").count(), 2, "{printed}");

    flip_a_bit(&file_of(&shop, &first, "umap.safetensors"));
    flip_a_bit(&file_of(&shop, &first, "report.json"));
    fs::remove_file(file_of(&shop, &first, "golden_sample.json")).unwrap();
    let (code, printed) = shop.run(&["models", "verify"]);
    assert_eq!(code, Some(1), "{printed}");
    for file in ["umap.safetensors: was changed", "report.json: was changed", "golden_sample.json: is missing"] {
        assert!(printed.contains(file), "{file} in {printed}");
    }
    assert!(printed.contains(&format!("{first}  broken")) && printed.contains(&format!("{second}  whole")));
    assert_eq!(shop.run(&["models", "verify", "current"]).0, Some(0));

    flip_a_bit(&file_of(&shop, &second, "manifest.json"));
    let (code, printed) = shop.run(&["models", "verify", second.as_str()]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("manifest.json"), "{printed}");
}

#[test]
fn not_one_bit_of_a_manifest_changes_unnoticed() {
    let mut shop = Shop::with("AB");
    let id = shop.publish().id;
    let manifest = file_of(&shop, &id, "manifest.json");
    let whole = fs::read(&manifest).unwrap();
    for position in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[position] ^= 4;
        fs::write(&manifest, &bytes).unwrap();
        let Err(StoreError::File { path, .. }) = shop.store.load(&id) else { panic!("byte {position}") };
        assert_eq!(path, manifest);
    }
    fs::write(&manifest, whole).unwrap();
    shop.store.load(&id).unwrap();
}

#[test]
fn a_version_that_is_broken_cannot_be_activated() {
    let mut shop = Shop::with("ABC");
    let (first, second) = (shop.publish().id, shop.publish().id);
    flip_a_bit(&file_of(&shop, &first, "hdbscan.safetensors"));
    let (code, printed) = shop.run(&["models", "activate", first.as_str()]);
    assert_eq!(code, Some(1));
    assert!(printed.contains("hdbscan.safetensors: was changed"), "{printed}");
    assert_eq!(shop.current().id, second);
}

#[test]
fn a_server_whose_version_is_broken_serves_the_one_before_and_names_the_file() {
    let mut shop = Shop::with("ABC");
    let ids = [shop.publish().id, shop.publish().id, shop.publish().id];
    flip_a_bit(&file_of(&shop, &ids[2], "scaler.json"));
    flip_a_bit(&file_of(&shop, &ids[1], "encoder.json"));
    let log = log_of_server(&shop, "ready");
    assert_eq!(log.last().unwrap()["model_version"], ids[0].as_str());
    let error = log.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert!(error["fault"].as_str().unwrap().contains("scaler.json: was changed"), "{error}");
    assert_eq!(shop.store.current().unwrap(), ids[2], "what is current is for people to change");
    // The next training takes over from what is whole, and mends the store.
    let report = shop.publish().report;
    assert_eq!(report.live.unwrap().version, ids[0]);
    assert!(report.live_fault.unwrap().contains("scaler.json"));
    assert_eq!(report.matching.kept.len(), 3);
}

#[test]
fn a_store_whose_link_is_lost_still_has_its_newest_version() {
    let mut shop = Shop::with("AB");
    shop.publish();
    let newest = shop.publish().id;
    fs::remove_file(shop.path("models/current")).unwrap();
    let found = shop.store.load_servable().unwrap();
    assert_eq!(found.version.id, newest);
    assert!(matches!(found.fallback_from, Some(StoreError::NoCurrent { .. })));
}

#[test]
fn old_versions_go_and_the_live_one_and_the_one_before_it_stay() {
    let mut shop = Shop::with("AB");
    shop.keep = 2;
    let ids: Vec<VersionId> = (0..4).map(|_| shop.publish().id).collect();
    assert_eq!(shop.versions(), ids[2..]);
    assert!(names(&shop.path("models/staging")).is_empty());

    shop.keep = 10;
    let newer: Vec<VersionId> = (0..2).map(|_| shop.publish().id).collect();
    shop.store.activate(&ids[3]).unwrap();
    let (code, printed) = ended(shop.command(&["models", "prune"]).env("RETRAIN_KEEP", "1"));
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(shop.versions(), ids[2..], "the live one and its predecessor");
    assert!(newer.iter().all(|id| printed.contains(id.as_str())), "{printed}");
    assert_eq!(shop.current().id, ids[3]);
}

#[test]
fn switching_back_and_forth_during_a_training_never_leads_nowhere() {
    let mut shop = Shop::with("AB");
    let first = shop.publish().id;
    let store = shop.store.clone();
    shop.keep = 1;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let switching = std::thread::spawn(move || {
        let mut switched = 0;
        while let Err(std::sync::mpsc::TryRecvError::Empty) = stopped.try_recv() {
            // A version may be pruned while it is asked for: that is an answer. A link that leads nowhere is not.
            switched += usize::from(store.activate(&first).is_ok());
            store.load_current().or_else(|_| store.load_current()).unwrap();
        }
        switched
    });
    for n in 0..4 {
        shop.add("base_data/more.csv", &customers('C', n, 30));
        shop.publish();
    }
    drop(stop);
    assert!(switching.join().unwrap() > 0);
    shop.current();
}
