//! The folder of versions: published at once or not at all, found again by its link alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use content_portal::customer::CustomerTable;
use content_portal::model_store::{Candidate, LiveModel, ModelStore, StoreError, TrainedOn, VersionId};
use content_portal::pipeline::{FitParams, Fitted, GoldenSample, GroupingParts, SegmentId, TrainingProfile, fit};
use content_portal::workbook::{self, Limits};
use jiff::Timestamp;
use jiff::civil::date;
use serde_json::json;
use umap::UmapParams;

use crate::app::root;
use crate::second_schema::MODEL;

struct Trained {
    table: CustomerTable,
    params: FitParams,
    fitted: Fitted,
}

/// A small model, and the customers it was trained on.
static TRAINED: LazyLock<Trained> = LazyLock::new(|| {
    let schema = std::sync::Arc::new(content_portal::customer::Schema::built_in().unwrap());
    let file = fs::File::open(root("tests/fixtures/customers_300.xls")).unwrap();
    let table = workbook::read(std::io::BufReader::new(file), schema, date(2026, 3, 1), &Limits::default()).unwrap();
    let params = FitParams { umap: UmapParams::default().n_neighbors(15), ..FitParams::default() };
    let fitted = fit(&table, &params, &|_, _| {}).unwrap();
    Trained { table, params, fitted }
});

/// Publishes the small model as of this second.
fn publish(store: &ModelStore, second: i64) -> Result<VersionId, StoreError> {
    let (fitted, table) = (&TRAINED.fitted, &TRAINED.table);
    let candidate = Candidate {
        fitted,
        params: &TRAINED.params,
        trained_on: TrainedOn::new(false, None),
        golden: &GoldenSample::take(table, fitted).unwrap(),
        profile: &TrainingProfile::of(table, fitted),
        next_segment_id: SegmentId::new(fitted.model.segments().len() as u32),
        created_at: Timestamp::from_second(second).unwrap(),
    };
    store.stage(&store.lock()?, &candidate)?.seal(&json!({}))?.publish()
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_model_comes_back_from_disk_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    let id = publish(&store, 1).unwrap();
    let version = store.load_current().unwrap();
    assert_eq!(version.id, id);
    assert_eq!(version.manifest.scores, TRAINED.fitted.scores);
    assert_eq!(version.manifest.params, TRAINED.params);

    let (loaded, fitted) = (version.model.to_parts(), TRAINED.fitted.model.to_parts());
    assert_eq!(loaded.schema, fitted.schema);
    assert_eq!(loaded.encoder, fitted.encoder);
    assert_eq!(loaded.scaler, fitted.scaler);
    assert_eq!((loaded.everyone, loaded.segments), (fitted.everyone, fitted.segments));
    let GroupingParts::Map { umap: loaded_umap, hdbscan: loaded } = loaded.grouping else { panic!("no map") };
    let GroupingParts::Map { umap, hdbscan: fitted } = fitted.grouping else { panic!("no map") };
    let bits = |values: &ndarray::Array2<f32>| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&loaded_umap.points), bits(&umap.points));
    assert_eq!(bits(&loaded_umap.embedding), bits(&umap.embedding));
    assert_eq!((loaded_umap.a, loaded_umap.b, loaded_umap.params), (umap.a, umap.b, umap.params));
    let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(loaded.points, fitted.points);
    assert_eq!(bits(&loaded.squared_core_distances), bits(&fitted.squared_core_distances));
    assert_eq!(bits(&loaded.tree_lambdas), bits(&fitted.tree_lambdas));
    assert_eq!(loaded.tree_parents, fitted.tree_parents);
    assert_eq!(loaded.tree_children, fitted.tree_children);
    assert_eq!(loaded.tree_sizes, fitted.tree_sizes);
    assert_eq!(loaded.selected, fitted.selected);
}

#[test]
fn a_loaded_model_places_its_training_customers_as_the_fit_did() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    publish(&store, 1).unwrap();
    let assignment = store.load_current().unwrap().model.assign_as_trained(&TRAINED.table).unwrap();
    assert_eq!(assignment.segments(), TRAINED.fitted.segment_of_row);
    assert!(assignment.placements.iter().all(|placement| placement.is_known));
}

#[test]
fn before_the_first_publication_there_is_no_current_version() {
    let dir = tempfile::tempdir().unwrap();
    for dir in [dir.path().to_owned(), dir.path().join("not/yet")] {
        let store = ModelStore::new(&dir);
        assert!(matches!(store.load_current(), Err(StoreError::NoCurrent { .. })));
        assert!(store.list().unwrap().is_empty());
    }
}

#[test]
fn a_link_that_leads_nowhere_or_elsewhere_is_an_error_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    MODEL.publish_to(dir.path());
    let elsewhere = tempfile::tempdir().unwrap();
    MODEL.publish_to(elsewhere.path());
    let (current, id) = (dir.path().join("current"), MODEL.id.as_str());
    let outside = elsewhere.path().join("versions").join(id);
    let link_to = |target: &Path| std::os::unix::fs::symlink(target, &current).unwrap();
    let makers: [&dyn Fn(); 7] = [
        &|| fs::write(&current, id).unwrap(),
        &|| fs::create_dir(&current).unwrap(),
        &|| link_to(Path::new("versions/20200101T000000Z-00000000")),
        &|| link_to(&outside),
        &|| link_to(Path::new("../versions")),
        &|| link_to(&Path::new("versions").join(id).join("..").join(id)),
        &|| link_to(Path::new("versions")),
    ];
    let store = ModelStore::new(dir.path());
    for (n, make) in makers.iter().enumerate() {
        fs::remove_file(&current).or_else(|_| fs::remove_dir(&current)).unwrap();
        make();
        match store.load_current() {
            Err(StoreError::BrokenCurrent { link }) => assert_eq!(link, current),
            other => panic!("case {n}: {:?}", other.map(|version| version.id)),
        }
    }
}

#[test]
fn a_newer_version_becomes_current_and_the_older_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    let (first, second) = (publish(&store, 1).unwrap(), publish(&store, 2).unwrap());
    let listed: Vec<_> = store.list().unwrap().into_iter().map(|v| (v.id, v.is_current)).collect();
    assert_eq!(listed, [(first.clone(), false), (second, true)]);
    store.activate(&first).unwrap();
    assert_eq!(store.current().unwrap(), first);
    assert!(names(&dir.path().join("staging")).is_empty());
}

#[test]
fn a_version_that_does_not_exist_cannot_become_current() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    let id = publish(&store, 1).unwrap();
    let stranger: VersionId = "20200101T000000Z-00000000".parse().unwrap();
    assert!(matches!(store.activate(&stranger), Err(StoreError::NoSuchVersion { .. })));
    assert!(matches!(store.load(&stranger), Err(StoreError::NoSuchVersion { .. })));
    assert_eq!(store.current().unwrap(), id);
}

#[test]
fn a_publication_that_fails_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    let id = publish(&store, 1).unwrap();
    let versions = names(&dir.path().join("versions"));

    // A file where the folder of unfinished versions should be.
    let staging = dir.path().join("staging");
    fs::remove_dir_all(&staging).unwrap();
    fs::write(&staging, "").unwrap();
    let error = publish(&store, 2).unwrap_err();
    let StoreError::Write { path, .. } = &error else { panic!("{error}") };
    assert!(path.starts_with(&staging), "{error}");
    assert_eq!(store.load_current().unwrap().id, id);
    assert_eq!(names(&dir.path().join("versions")), versions);
    fs::remove_file(&staging).unwrap();

    // A full folder where the next link should be.
    let next = dir.path().join(".current-next");
    fs::create_dir_all(next.join("full")).unwrap();
    assert!(matches!(publish(&store, 3), Err(StoreError::Write { .. })));
    assert_eq!(store.load_current().unwrap().id, id);
    fs::remove_dir_all(&next).unwrap();

    let newer = publish(&store, 4).unwrap();
    assert_eq!(store.load_current().unwrap().id, newer);
}

#[test]
fn a_version_that_cannot_be_moved_into_place_leaves_nothing_half_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("versions"), "a file").unwrap();
    let store = ModelStore::new(dir.path());
    assert!(matches!(publish(&store, 1), Err(StoreError::Write { .. })));
    assert!(matches!(store.current(), Err(StoreError::NoCurrent { .. })));
    assert!(names(&dir.path().join("staging")).is_empty());
    let file = dir.path().join("a file");
    fs::write(&file, "").unwrap();
    assert!(matches!(publish(&ModelStore::new(&file), 1), Err(StoreError::Write { .. })));
}

#[test]
fn a_damaged_version_is_listed_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let folder = MODEL.publish_to(dir.path());
    fs::write(folder.join("manifest.json"), "{").unwrap();
    fs::create_dir(dir.path().join("versions/no version at all")).unwrap();
    let listed = ModelStore::new(dir.path()).list().unwrap();
    let [version] = listed.as_slice() else { panic!("{listed:?}") };
    assert!(version.is_current && version.manifest.as_ref().unwrap_err().to_string().contains("manifest.json"));
}

#[test]
fn a_new_version_that_is_broken_never_replaces_the_live_one_and_a_whole_one_does() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    let first = publish(&store, 1).unwrap();
    let live = LiveModel::new(store.load_current().unwrap(), &store, |_| {});
    let folder = MODEL.publish_to(dir.path());
    let scaler = fs::read(folder.join("scaler.json")).unwrap();
    fs::write(folder.join("scaler.json"), "{}").unwrap();
    let error = live.refresh(&store, |_| panic!("a broken version was handed over")).unwrap_err();
    assert!(error.to_string().contains("scaler.json"), "{error}");
    assert_eq!(live.snapshot().id, first);

    fs::write(folder.join("scaler.json"), scaler).unwrap();
    let before = live.snapshot();
    assert!(live.refresh(&store, |_| {}).unwrap());
    assert_eq!(live.snapshot().id, MODEL.id);
    assert_eq!(before.id, first, "a request keeps the snapshot that it took");
    assert!(!live.refresh(&store, |_| panic!("the live version was loaded again")).unwrap());
}

#[test]
fn what_marketers_added_before_the_start_is_no_reason_to_load_the_version_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    publish(&store, 0).unwrap();
    fs::write(dir.path().join("extras.json"), r#"{"0": {"Interests": "chess"}}"#).unwrap();
    let interests = |live: &LiveModel| live.snapshot().model.segments()[0].persona.extras.get("Interests").cloned();
    let live = LiveModel::new(store.load_current().unwrap(), &store, |version| store.lay_extras(version).unwrap());
    assert_eq!(interests(&live).as_deref(), Some("chess"));
    assert!(!live.refresh(&store, |_| panic!("the live version was loaded again")).unwrap());
    fs::write(dir.path().join("extras.json"), r#"{"0": {"Interests": "Go"}}"#).unwrap();
    assert!(live.refresh(&store, |version| store.lay_extras(version).unwrap()).unwrap());
    assert_eq!(interests(&live).as_deref(), Some("Go"));
}

#[test]
fn a_version_that_became_current_during_a_refresh_is_not_lost_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = ModelStore::new(dir.path());
    let first = publish(&store, 0).unwrap();
    let live = LiveModel::new(store.load_current().unwrap(), &store, |_| {});
    let second = publish(&store, 1).unwrap();
    std::thread::scope(|threads| {
        let (running, ended) = mpsc::channel::<()>();
        let refreshed = live.refresh(&store, |version| {
            assert_eq!(version.id, second);
            store.activate(&first).unwrap();
            let (live, store) = (&live, &store);
            threads.spawn(move || {
                live.refresh(store, |_| {}).unwrap();
                drop(running);
            });
            // The other one may end first, or wait for this one.
            let _ = ended.recv_timeout(Duration::from_millis(200));
        });
        assert!(refreshed.unwrap());
    });
    assert_eq!(live.snapshot().id, first);
}
