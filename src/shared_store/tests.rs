mod answers;
mod mannered;
mod together;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutResult, Result};
use sha2::{Digest, Sha256};

use mannered::{Manner, Mannered, Put};

use super::client::Client;
use super::*;
use crate::causes::{hex, with_causes};
use crate::model_store::{FileFault, ModelStore, StoreError, VersionId};

const OLD: &str = "20261126T112645Z-dbee9219";

/// A process that reaches the store until it is killed, which is after so many writes.
#[derive(Debug)]
struct Mortal {
    writes_left: AtomicUsize,
    /// Whether what is written is never answered.
    loses_answers: bool,
}

impl Mortal {
    fn write(&self) -> Result<()> {
        let left = |n: usize| n.checked_sub(1);
        self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).map_err(|_| killed()).map(|_| ())
    }
}

#[async_trait]
impl Manner for Mortal {
    async fn put(&self, inner: &InMemory, (location, payload, opts): Put<'_>) -> Result<PutResult> {
        self.write()?;
        let written = inner.put_opts(location, payload, opts).await;
        if self.loses_answers { Err(killed()) } else { written }
    }

    fn read(&self) -> Result<()> {
        if self.writes_left.load(Ordering::SeqCst) == 0 { Err(killed()) } else { Ok(()) }
    }

    fn delete(&self) -> Result<()> {
        self.write()
    }
}

fn killed() -> Error {
    Error::Generic { store: "Mortal", source: "killed".into() }
}

/// The store of one process that lives for so many writes.
fn store(inner: &Arc<InMemory>, writes: usize) -> SharedStore {
    over(inner, Mortal { writes_left: AtomicUsize::new(writes), loses_answers: false }).1
}

/// What is stored in `inner`, by a store of another manner.
fn over<M: Manner>(inner: &Arc<InMemory>, manner: M) -> (Arc<Mannered<M>>, SharedStore) {
    let store = Arc::new(Mannered { inner: inner.clone(), manner });
    let client = Client::over(store.clone(), Path::from("portal"), "memory://portal".to_owned(), None).unwrap();
    (store, SharedStore { client: client.into(), lessee: Arc::default() })
}

fn immortal(inner: &Arc<InMemory>) -> SharedStore {
    store(inner, usize::MAX)
}

/// A folder of models, empty.
fn models() -> (tempfile::TempDir, ModelStore) {
    let dir = tempfile::tempdir().unwrap();
    let models = ModelStore::new(dir.path());
    (dir, models)
}

fn fixture() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model_format_2/versions").join(OLD)
}

/// Copies the fixture into `dir` as a version of this second; its name.
fn version(dir: &FilePath, second: u32) -> VersionId {
    let manifest = fs::read_to_string(fixture().join("manifest.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    json["created_at"] = format!("2026-11-27T00:00:{second:02}Z").into();
    let manifest = serde_json::to_vec_pretty(&json).unwrap();
    let id = format!("20261127T0000{second:02}Z-{}", &hex(Sha256::digest(&manifest))[..8]);
    let folder = dir.join("versions").join(&id);
    fs::create_dir_all(&folder).unwrap();
    for file in fs::read_dir(fixture()).unwrap().map(|file| file.unwrap()) {
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    fs::write(folder.join("manifest.json"), manifest).unwrap();
    id.parse().unwrap()
}

/// A folder of models with one version of its own, which is current.
fn models_with(second: u32) -> (tempfile::TempDir, ModelStore, VersionId) {
    let (dir, models) = models();
    let id = version(dir.path(), second);
    models.activate(&id).unwrap();
    (dir, models, id)
}

/// Every object by its name.
fn objects(inner: &Arc<InMemory>) -> BTreeMap<String, Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut objects = BTreeMap::new();
        for meta in inner.list(None).try_collect::<Vec<_>>().await.unwrap() {
            let bytes = inner.get(&meta.location).await.unwrap().bytes().await.unwrap();
            objects.insert(meta.location.to_string(), bytes.to_vec());
        }
        objects
    })
}

/// The current version of the store, whose every file must be there as its manifest has it.
fn whole_current(inner: &Arc<InMemory>) -> VersionId {
    let objects = objects(inner);
    let current: Current = serde_json::from_slice(&objects["portal/current"]).unwrap();
    let folder = format!("portal/models/{}", current.version);
    let manifest = &objects[&format!("{folder}/manifest.json")];
    assert!(current.version.as_str().ends_with(&hex(Sha256::digest(manifest))[..8]));
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    for (name, sum) in manifest["files"].as_object().unwrap() {
        assert_eq!(hex(Sha256::digest(&objects[&format!("{folder}/{name}")])), sum.as_str().unwrap(), "{name}");
    }
    current.version
}

fn publish(shared: &SharedStore, models: &ModelStore, id: &VersionId) -> std::result::Result<(), SharedStoreError> {
    let seen = shared.see_current()?;
    shared.offer(models, id)?;
    shared.swap_current(&seen, id)
}

#[test]
fn a_version_that_was_pushed_is_pulled_byte_for_byte_and_becomes_current() {
    let (inner, (here, models_here, id)) = (Arc::default(), models_with(1));
    let shared = immortal(&inner);
    publish(&shared, &models_here, &id).unwrap();
    assert_eq!(whole_current(&inner), id);
    let (there, models_there) = models();
    let seen = shared.see_current().unwrap();
    let pulled = shared.pull(&models_there, &shared.current_of_seen(&seen).unwrap(), true).unwrap();
    assert!(pulled.is_new);
    assert_eq!(models_there.load_current().unwrap().id, id);
    for file in fs::read_dir(here.path().join("versions").join(id.as_str())).unwrap().map(|file| file.unwrap()) {
        let copy = there.path().join("versions").join(id.as_str()).join(file.file_name());
        assert_eq!(fs::read(file.path()).unwrap(), fs::read(copy).unwrap(), "{:?}", file.file_name());
    }
    assert!(!shared.pull(&models_there, &id, true).unwrap().is_new);
    assert_eq!(shared.push(&models_here, &id, true).unwrap(), Pushed { n_files: 0, n_bytes: 0 });
}

#[test]
fn of_two_who_publish_at_once_one_wins_and_the_other_is_told_who() {
    let inner = Arc::default();
    let (_a, models_a, a) = models_with(1);
    let (_b, models_b, b) = models_with(2);
    let shared = immortal(&inner);
    let seen = shared.see_current().unwrap();
    shared.push(&models_a, &a, false).unwrap();
    shared.push(&models_b, &b, false).unwrap();
    shared.swap_current(&seen, &b).unwrap();
    let told = shared.swap_current(&seen, &a).unwrap_err();
    assert!(matches!(&told, SharedStoreError::Swapped { version, .. } if *version == b.to_string()), "{told}");
    assert_eq!(whole_current(&inner), b);
    // Who looks again may change it, and what was before is in it.
    shared.activate(&models_a, &a).unwrap();
    assert_eq!(shared.see_current().unwrap().current.unwrap().before, Some(b));
    assert_eq!(whole_current(&inner), a);
}

#[test]
fn a_publisher_that_is_killed_between_any_two_writes_leaves_the_old_version_or_the_new_one_whole() {
    let n_kills = std::env::var("PUSH_KILLS").map_or(256, |text| text.parse().unwrap());
    let folders = [models_with(1), models_with(2), models_with(3)];
    let [(_, old_models, old), publishers @ ..] = &folders;
    // The files, `current`, the mark of a version that is not published yet, and its end and that of the one before.
    let all_writes = fs::read_dir(fixture()).unwrap().count() + 4;
    for kill in 0..n_kills {
        let inner: Arc<InMemory> = Arc::default();
        publish(&immortal(&inner), old_models, old).unwrap();
        // Every pair of moments in turn, the whole life of both among them: 256 pairs.
        let lives = [kill % (all_writes + 1), (kill / (all_writes + 1) + kill) % (all_writes + 1)];
        let outcomes = std::thread::scope(|threads| {
            let running = [0, 1].map(|which| {
                let ((_, models, id), shared) = (&publishers[which], store(&inner, lives[which]));
                threads.spawn(move || publish(&shared, models, id))
            });
            running.map(|thread| thread.join().unwrap())
        });
        let current = whole_current(&inner);
        let n_done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        match n_done {
            0 => assert_eq!(current, *old, "{lives:?}"),
            1 => {
                let winner = outcomes.iter().position(std::result::Result::is_ok).unwrap();
                assert_eq!(current, publishers[winner].2, "{lives:?}");
            }
            // One began when the other had ended.
            _ => assert!(publishers.iter().any(|(_, _, id)| *id == current)),
        }
        // What was never current is taken over by nobody.
        let objects = objects(&inner);
        for ((_, _, id), outcome) in publishers.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_err()) {
            let is_whole = objects.contains_key(&format!("portal/models/{id}/manifest.json"));
            let is_marked = objects.contains_key(&format!("portal/models/{id}/unpublished"));
            assert!(!is_whole || is_marked, "{lives:?}: {outcome:?}");
        }
    }
}

#[test]
fn what_was_damaged_in_the_store_is_not_taken_over_and_is_put_right_by_a_push() {
    let (inner, (_here, models_here, id)) = (Arc::default(), models_with(1));
    let shared = immortal(&inner);
    publish(&shared, &models_here, &id).unwrap();
    let (there, models_there) = models();
    for (file, spoilt) in [("encoder.json", b"{}".to_vec()), ("manifest.json", b"{}".to_vec())] {
        shared.client.put(&format!("models/{id}/{file}"), spoilt).unwrap();
        let told = shared.pull(&models_there, &id, true).unwrap_err();
        let text = with_causes(&told);
        assert!(text.contains(file) || text.contains("format"), "{text}");
        assert!(models_there.current().is_err() && models_there.list().unwrap().is_empty());
        assert!(!there.path().join("pulling").exists());
        assert_eq!(shared.push(&models_here, &id, true).unwrap().n_files, 1);
    }
    shared.client.delete(&format!("models/{id}/scaler.json")).unwrap();
    let told = shared.pull(&models_there, &id, true).unwrap_err().to_string();
    assert!(told.contains("memory://portal") && told.contains("scaler.json is missing"), "{told}");
    shared.client.put("current", b"<html>".to_vec()).unwrap();
    let told = shared.see_current().unwrap_err().to_string();
    assert!(told.contains("memory://portal/current") && told.contains("models push"), "{told}");
}

#[test]
fn a_version_that_is_broken_here_is_pulled_anew_and_never_pushed() {
    let (inner, (here, models_here, id)) = (Arc::default(), models_with(1));
    let shared = immortal(&inner);
    publish(&shared, &models_here, &id).unwrap();
    fs::write(here.path().join("versions").join(id.as_str()).join("scaler.json"), "{}").unwrap();
    let told = shared.push(&models_here, &id, true).unwrap_err();
    assert!(with_causes(&told).contains("SHA-256"), "{}", with_causes(&told));
    assert!(shared.pull(&models_here, &id, true).unwrap().is_new);
    assert_eq!(models_here.verify(&id).unwrap().len(), 0);
}

#[test]
fn a_manifest_that_names_a_path_is_refused_before_anything_is_written() {
    let (dir, models) = models();
    let manifest = fs::read_to_string(fixture().join("manifest.json")).unwrap();
    let manifest = manifest.replacen("\"scaler.json\"", "\"../../scaler.json\"", 1);
    let id: VersionId = format!("20261127T000001Z-{}", &hex(Sha256::digest(manifest.as_bytes()))[..8]).parse().unwrap();
    let refused = models.receive(&id, manifest.as_bytes()).unwrap_err();
    assert!(matches!(refused, StoreError::File { fault: FileFault::NotListed, .. }), "{refused}");
    assert!(!dir.path().join("pulling").exists());
}

#[test]
fn a_folder_serves_as_a_store_and_compares_before_it_swaps() {
    let (_dir, models, a) = models_with(1);
    let root = tempfile::tempdir().unwrap();
    let url: StoreUrl = format!("file://{}/a store", root.path().display()).parse().unwrap();
    let open = || SharedStore::open(&url, &S3Settings::default());
    assert!(matches!(open(), Err(SharedStoreError::NoFolder { .. })), "nothing makes it unasked");
    let begin = || SharedStore::begin(&url, &S3Settings::default()).unwrap();
    assert!(begin().1 && !begin().1);
    let shared = open().unwrap();
    assert!(matches!(shared.current_of_seen(&shared.see_current().unwrap()), Err(SharedStoreError::NoCurrent { .. })));
    let before = shared.see_current().unwrap();
    publish(&shared, &models, &a).unwrap();
    let other: VersionId = OLD.parse().unwrap();
    assert!(matches!(shared.swap_current(&before, &other), Err(SharedStoreError::Swapped { .. })));
    let seen = shared.see_current().unwrap();
    shared.swap_current(&seen, &a).unwrap();
    assert!(matches!(shared.swap_current(&seen, &other), Err(SharedStoreError::Swapped { .. })));
    // A publisher whose version others have made the current one has what it wanted.
    shared.swap_current(&seen, &a).unwrap();
    shared.try_out().unwrap();
    let mut left: Vec<_> =
        fs::read_dir(root.path().join("a store")).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".compare-and-swap.lock", "current", "models"]);
}

#[test]
fn a_folder_that_has_gone_is_told_and_not_made_anew_and_one_that_cannot_be_written_has_its_own_sentence() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("store");
    let url: StoreUrl = format!("file://{}", folder.display()).parse().unwrap();
    let (shared, _) = SharedStore::begin(&url, &S3Settings::default()).unwrap();
    // A file is where a folder would have to be.
    fs::write(folder.join("checks"), "").unwrap();
    let told = shared.try_out().unwrap_err().to_string();
    assert!(told.contains("may read and write that folder") && !told.contains("AWS_"), "{told}");
    fs::remove_dir_all(&folder).unwrap();
    for told in [
        shared.see_current().map(|_| ()).unwrap_err(),
        shared.put_picture("a.png", b"png").unwrap_err(),
        shared.lease("2026-11-26".parse().unwrap(), None, |_| 1.0).map(|_| ()).unwrap_err(),
        shared.versions().map(|_| ()).unwrap_err(),
    ] {
        assert!(matches!(told, SharedStoreError::NoFolder { .. }), "{told}");
    }
    assert!(!folder.exists());
    let nowhere: StoreUrl = format!("file://{}/a/b", root.path().display()).parse().unwrap();
    let told = SharedStore::begin(&nowhere, &S3Settings::default()).unwrap_err().to_string();
    assert!(told.contains("cannot be made"), "{told}");
}
