//! A version of the build before traits were tested: it is read, placed by, described and trained from.
//!
//! `tests/fixtures/model_format_2` holds that version and the file that it was trained on.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use content_portal::pipeline::TraitValue;

use super::shop::Shop;

const VERSION: &str = "20261126T112645Z-dbee9219";

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model_format_2").join(path)
}

/// A shop with that version live, and with that file.
fn shop() -> Shop {
    let shop = Shop::new();
    let (from, to) = (fixture("versions").join(VERSION), shop.path("models/versions").join(VERSION));
    fs::create_dir_all(&to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    symlink(Path::new("versions").join(VERSION), shop.path("models/current")).unwrap();
    let file = fs::read_to_string(fixture("customers.csv")).unwrap();
    shop.add("base_data/2026-01-01/customers.csv", file.split_once('\n').unwrap().1);
    shop
}

#[test]
fn a_version_without_tested_traits_is_read_and_says_so() {
    let version = shop().store.load_servable().unwrap();
    assert!(version.fallback_from.is_none());
    let version = version.version;
    assert_eq!(version.id.as_str(), VERSION);
    let segment = &version.model.segments()[0];
    assert_eq!(segment.persona.values("Top_Loyalty_Tier"), [TraitValue::Name("Silver".to_owned())]);
    assert_eq!(segment.distinction, None);
    assert!(segment.summary().starts_with("This version was trained before traits were tested"));
}

#[test]
fn a_training_goes_on_from_a_version_without_tested_traits() {
    let mut shop = shop();
    shop.force = true;
    let published = shop.publish();
    assert_eq!(published.report.live.as_ref().map(|live| live.version.as_str()), Some(VERSION));
    assert!(!published.report.matching.kept.is_empty(), "{:?}", published.report.matching);
    let version = shop.current();
    assert!(version.model.segments().iter().all(|segment| segment.distinction.is_some()));
    assert!(version.manifest.scores.decided_by.is_some());
    // Builds before this one refuse it by its format, and not by one file after another.
    assert_eq!(version.manifest.format_version, 4);
}
