//! The versions that count an erased customer. A version knows no single customer, but its report names the files that
//! it was trained on.

use std::collections::BTreeSet;

use crate::model_store::{ModelStore, StoreError, VersionId};
use crate::pseudonyms::Erased;
use crate::retrain::uploads::known_as;

/// Versions that may count a customer, oldest first.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Those that were trained before the erasure on a file that held the customer.
    pub trained_on: Vec<VersionId>,
    /// Those of which nobody can say on what they were trained.
    pub unknown: Vec<VersionId>,
    /// Those that were trained on a file that is not there any more, and may have held the customer.
    pub of_gone_files: Vec<VersionId>,
}

/// The versions of the store that may count the customer who was `erased`; `there` are the files that were looked
/// through.
///
/// # Errors
/// Those of [`ModelStore::list`].
pub(super) fn versions(store: &ModelStore, erased: &Erased, there: &[String]) -> Result<Versions, StoreError> {
    let called =
        |files: &mut dyn Iterator<Item = &String>| -> BTreeSet<String> { files.map(|file| known_as(file)).collect() };
    let (held, there) = (called(&mut erased.files.iter()), called(&mut there.iter()));
    let mut found = Versions::default();
    for version in store.list()? {
        let is_later = version
            .manifest
            .as_ref()
            .is_ok_and(|manifest| manifest.created_at > erased.at && manifest.trained_on.is_some());
        if is_later {
            continue;
        }
        // An imported version has no list of files, and a damaged one may have no report.
        let report = store.report(&version.id).ok();
        match report.as_ref().and_then(|report| report.get("files")?.as_array()) {
            None => found.unknown.push(version.id),
            Some(files) => {
                let is_of_the_sample = version.manifest.as_ref().is_ok_and(|manifest| manifest.is_of_the_sample());
                let files = files.iter().filter_map(|file| file.as_str()).map(known_as);
                let files: Vec<String> = files.collect();
                if files.iter().any(|file| held.contains(file)) {
                    found.trained_on.push(version.id);
                } else if !is_of_the_sample && files.iter().any(|file| !there.contains(file)) {
                    found.of_gone_files.push(version.id);
                }
            }
        }
    }
    Ok(found)
}
