//! Every way in which a stored version can be broken: each has its own error, which names the file.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use content_portal::model_store::{FileFault, ModelStore, StoreError};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::second_schema::MODEL;

const MODEL_FILES: [&str; 5] =
    ["encoder.json", "scaler.json", "umap.safetensors", "hdbscan.safetensors", "cluster_personas.json"];

/// Publishes a whole version, breaks it, and loads it.
fn load(breaking: impl FnOnce(&Path)) -> Result<(), StoreError> {
    let dir = tempfile::tempdir().unwrap();
    breaking(&MODEL.publish_to(dir.path()));
    sign(dir.path());
    ModelStore::new(dir.path()).load_current().map(|_| ())
}

/// Gives the current version the name that its manifest, whole or not, asks for.
fn sign(models: &Path) {
    let folder = models.join("versions").join(MODEL.id.as_str());
    // A missing manifest, or a folder in its place, has no checksum.
    let Ok(manifest) = fs::read(folder.join("manifest.json")) else { return };
    let time = MODEL.id.as_str().split('-').next().unwrap();
    let name = format!("{time}-{}", &sha256(&manifest)[..8]);
    fs::rename(folder, models.join("versions").join(&name)).unwrap();
    fs::remove_file(models.join("current")).unwrap();
    std::os::unix::fs::symlink(Path::new("versions").join(name), models.join("current")).unwrap();
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The error of a broken version, which must name this file, and its causes in one line.
fn fault(file: &str, breaking: impl FnOnce(&Path)) -> (FileFault, String) {
    match load(breaking) {
        Err(StoreError::File { path, fault }) => {
            assert_eq!(path.file_name().unwrap(), file);
            let text = causes(&fault);
            (fault, text)
        }
        other => panic!("{file}: {other:?}"),
    }
}

/// The part that a version's files do not agree on.
fn disagreement(breaking: impl FnOnce(&Path)) -> String {
    match load(breaking) {
        Err(StoreError::Model { source, .. }) => causes(&source),
        other => panic!("{other:?}"),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Replaces a file and its checksum in the manifest: only its contents can give it away.
fn replace(folder: &Path, file: &str, bytes: &[u8]) {
    fs::write(folder.join(file), bytes).unwrap();
    edit_json(folder, "manifest.json", |manifest| manifest["files"][file] = sha256(bytes).into());
}

fn edit_json(folder: &Path, file: &str, edit: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap();
    edit(&mut value);
    fs::write(folder.join(file), serde_json::to_vec(&value).unwrap()).unwrap();
}

/// Edits a JSON file of the model, its checksum put right.
fn edit_part(folder: &Path, file: &str, edit: impl FnOnce(&mut Value)) {
    edit_json(folder, file, edit);
    replace(folder, file, &fs::read(folder.join(file)).unwrap());
}

/// A way to break a version.
type Breaking = Box<dyn Fn(&Path)>;
/// Element type, shape and bytes of each array, by name.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Edits the arrays of a tensor file, its checksum put right.
fn edit_tensors(folder: &Path, file: &str, edit: impl FnOnce(&mut Tensors)) {
    let bytes = fs::read(folder.join(file)).unwrap();
    let metadata: Option<HashMap<String, String>> = SafeTensors::read_metadata(&bytes).unwrap().1.metadata().clone();
    let mut tensors: Tensors = SafeTensors::deserialize(&bytes)
        .unwrap()
        .iter()
        .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect();
    edit(&mut tensors);
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    replace(folder, file, &safetensors::serialize(views, metadata).unwrap());
}

/// Keeps the first `n` rows of a matrix, or entries of a vector.
fn keep_rows(tensors: &mut Tensors, name: &str, n: usize) {
    let (_, shape, bytes) = tensors.get_mut(name).unwrap();
    bytes.truncate(bytes.len() / shape[0] * n);
    shape[0] = n;
}

fn rows(tensors: &Tensors, name: &str) -> usize {
    tensors[name].1[0]
}

#[test]
fn a_whole_version_loads() {
    load(|_| {}).unwrap();
}

#[test]
fn a_missing_file_is_named() {
    for file in ["manifest.json"].into_iter().chain(MODEL_FILES) {
        let (fault, _) = fault(file, |folder| fs::remove_file(folder.join(file)).unwrap());
        assert!(matches!(fault, FileFault::Missing), "{file}: {fault}");
    }
}

#[test]
fn a_training_profile_is_whole_or_was_never_there() {
    let file = "training_profile.json";
    let (missing, _) = fault(file, |folder| fs::remove_file(folder.join(file)).unwrap());
    assert!(matches!(missing, FileFault::Missing), "{missing}");
    let (changed, _) = fault(file, |folder| fs::write(folder.join(file), "{}").unwrap());
    assert!(matches!(changed, FileFault::Checksum), "{changed}");
    let (other, _) = fault(file, |folder| replace(folder, file, b"{}"));
    assert!(matches!(other, FileFault::Contents(_)), "{other}");
    load(|folder| {
        fs::remove_file(folder.join(file)).unwrap();
        edit_json(folder, "manifest.json", |manifest| {
            manifest["files"].as_object_mut().unwrap().remove(file).unwrap();
        });
    })
    .unwrap();
}

#[test]
fn one_changed_byte_in_any_file_is_noticed() {
    for file in MODEL_FILES {
        let (fault, _) = fault(file, |folder| {
            let mut bytes = fs::read(folder.join(file)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(folder.join(file), bytes).unwrap();
        });
        assert!(matches!(fault, FileFault::Checksum), "{file}: {fault}");
    }
}

#[test]
fn a_file_that_was_cut_off_is_noticed_also_where_its_checksum_was_put_right() {
    for file in MODEL_FILES {
        let (cut, _) = fault(file, |folder| {
            let bytes = fs::read(folder.join(file)).unwrap();
            fs::write(folder.join(file), &bytes[..bytes.len() - 10]).unwrap();
        });
        assert!(matches!(cut, FileFault::Checksum), "{file}: {cut}");
        let (signed, _) = fault(file, |folder| {
            let bytes = fs::read(folder.join(file)).unwrap();
            replace(folder, file, &bytes[..bytes.len() - 10]);
        });
        assert!(matches!(signed, FileFault::Contents(_)), "{file}: {signed}");
        let (empty, _) = fault(file, |folder| replace(folder, file, b""));
        assert!(matches!(empty, FileFault::Contents(_)), "{file}: {empty}");
    }
}

#[test]
fn a_file_that_git_lfs_did_not_fetch_is_told_from_a_damaged_one() {
    for file in MODEL_FILES.iter().chain(&["manifest.json"]) {
        let (fault, _) = fault(file, |folder| {
            fs::write(folder.join(file), "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n")
                .unwrap();
        });
        assert!(matches!(fault, FileFault::LfsPointer), "{file}: {fault}");
    }
}

#[test]
fn a_folder_where_a_file_should_be_is_named() {
    for file in ["manifest.json"].into_iter().chain(MODEL_FILES) {
        let (fault, _) = fault(file, |folder| {
            fs::remove_file(folder.join(file)).unwrap();
            fs::create_dir(folder.join(file)).unwrap();
        });
        assert!(matches!(fault, FileFault::Unreadable(_)), "{file}: {fault}");
    }
}

#[test]
fn a_manifest_of_another_format_says_which() {
    let (fault, text) = fault("manifest.json", |folder| {
        fs::write(folder.join("manifest.json"), r#"{"format_version": 1, "all": "else differs"}"#).unwrap();
    });
    assert!(matches!(fault, FileFault::Format { found: 1, .. }));
    assert_eq!(text, "is of format 1, and this build reads formats 2 to 4: train a version with it");
}

#[test]
fn a_manifest_that_is_cut_off_or_of_another_shape_is_named() {
    for broken in ["", "{\"format_version\": 2", "{\"format_version\": 2}", "[]", "{\"format_version\": \"2\"}"] {
        let (fault, text) = fault("manifest.json", |folder| fs::write(folder.join("manifest.json"), broken).unwrap());
        assert!(matches!(fault, FileFault::Contents(_)), "{broken:?}: {text}");
    }
}

#[test]
fn a_file_that_the_manifest_does_not_list_is_named() {
    for file in MODEL_FILES {
        let (fault, _) = fault(file, |folder| {
            edit_json(folder, "manifest.json", |manifest| {
                manifest["files"].as_object_mut().unwrap().remove(file).unwrap();
            });
        });
        assert!(matches!(fault, FileFault::NotListed), "{file}: {fault}");
    }
}

#[test]
fn json_of_another_shape_is_named_also_where_its_checksum_is_right() {
    for file in ["encoder.json", "scaler.json", "cluster_personas.json"] {
        for broken in ["[]", "{}", "null", "\"text\""] {
            let (fault, text) = fault(file, |folder| replace(folder, file, broken.as_bytes()));
            assert!(matches!(fault, FileFault::Contents(_)), "{file} {broken}: {text}");
        }
    }
}

#[test]
fn arrays_of_another_type_or_without_their_parts_are_named() {
    for (file, tensor) in [("umap.safetensors", "embedding"), ("hdbscan.safetensors", "tree_lambdas")] {
        let (_, text) = fault(file, |folder| {
            edit_tensors(folder, file, |tensors| {
                tensors.remove(tensor).unwrap();
            })
        });
        assert!(text.contains(tensor), "{text}");
        let (_, text) = fault(file, |folder| {
            edit_tensors(folder, file, |tensors| {
                let (dtype, shape, bytes) = tensors.get_mut(tensor).unwrap();
                (*dtype, *shape) = (Dtype::U8, vec![bytes.len()]);
            })
        });
        assert!(text.contains(tensor), "{text}");
        let bare = safetensors::serialize(Vec::<(&str, TensorView<'_>)>::new(), None).unwrap();
        let (_, text) = fault(file, |folder| replace(folder, file, &bare));
        assert!(text.contains("no scalars"), "{text}");
    }
}

#[test]
fn parts_that_do_not_fit_one_another_name_the_part() {
    let cases: [(&str, Breaking); 9] = [
        ("encoder", Box::new(|f| edit_part(f, "encoder.json", |v| v["blocks"] = json!([])))),
        (
            "encoder",
            Box::new(|f| edit_part(f, "encoder.json", |v| v["blocks"][0] = json!({"one_hot": ["Web", "App"]}))),
        ),
        ("scaler", Box::new(|f| edit_part(f, "scaler.json", |v| v["mean"] = json!([1.0])))),
        ("scaler", Box::new(|f| edit_part(f, "scaler.json", |v| v["scale"][0] = json!(0.0)))),
        ("personas", Box::new(|f| edit_part(f, "cluster_personas.json", |v| v["clusters"] = json!([])))),
        (
            "personas",
            Box::new(|f| edit_part(f, "cluster_personas.json", |v| v["clusters"][0]["cluster_id"] = json!(1))),
        ),
        ("umap", Box::new(|f| edit_part(f, "encoder.json", |v| v["blocks"][0] = json!({"one_hot": ["App"]})))),
        ("hdbscan", Box::new(|f| edit_tensors(f, "umap.safetensors", |t| keep_rows(t, "embedding", 20)))),
        ("hdbscan", Box::new(|f| edit_tensors(f, "hdbscan.safetensors", |t| keep_rows(t, "points", 20)))),
    ];
    for (part, breaking) in cases {
        let text = disagreement(|folder| breaking(folder));
        assert!(text.starts_with(&format!("the model's {part} ")), "{part}: {text}");
    }
}

#[test]
fn arrays_of_the_wrong_shape_name_the_part() {
    let umap = |edit: fn(&mut Tensors)| disagreement(move |f| edit_tensors(f, "umap.safetensors", edit));
    let hdbscan = |edit: fn(&mut Tensors)| disagreement(move |f| edit_tensors(f, "hdbscan.safetensors", edit));
    let texts = [
        ("umap", umap(|t| keep_rows(t, "points", 30))),
        ("umap", umap(|t| t.get_mut("points").unwrap().2[..4].copy_from_slice(&f32::NAN.to_le_bytes()))),
        ("umap", umap(|t| t.get_mut("embedding").unwrap().2[..4].copy_from_slice(&f32::INFINITY.to_le_bytes()))),
        ("hdbscan", hdbscan(|t| t.get_mut("points").unwrap().2[..8].copy_from_slice(&f64::NAN.to_le_bytes()))),
        ("hdbscan", hdbscan(|t| keep_rows(t, "squared_core_distances", 5))),
        ("hdbscan", hdbscan(|t| keep_rows(t, "tree_parents", 5))),
        (
            "hdbscan",
            hdbscan(|t| {
                let half = rows(t, "tree_parents") / 2;
                for name in ["tree_parents", "tree_children", "tree_lambdas", "tree_sizes"] {
                    keep_rows(t, name, half);
                }
            }),
        ),
        ("hdbscan", hdbscan(|t| t.get_mut("tree_children").unwrap().2[..4].fill(0xff))),
        ("hdbscan", hdbscan(|t| t.get_mut("selected").unwrap().2[..4].fill(0xff))),
        ("hdbscan", hdbscan(|t| t.get_mut("squared_core_distances").unwrap().2[..8].fill(0xff))),
    ];
    for (n, (part, text)) in texts.iter().enumerate() {
        assert!(text.starts_with(&format!("the model's {part} ")), "case {n}: {text}");
    }
}

#[test]
fn what_is_written_for_people_may_be_edited_or_lost() {
    load(|folder| {
        fs::remove_file(folder.join("report.json")).unwrap();
        fs::write(folder.join("cluster_profiles.csv"), "opened and saved by a spreadsheet program").unwrap();
    })
    .unwrap();
}
