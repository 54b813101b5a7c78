//! The seeds of the fuzz targets, for the tests that replay them.

use std::fs;
use std::path::Path;

/// Hands over every seed of a target.
pub(crate) fn each(target: &str, mut check: impl FnMut(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty());
    for path in paths {
        check(&fs::read(&path).unwrap());
    }
}
