//! What the fuzz target `model_files` asks of a version's files; its seeds ask the same in a test.
//!
//! Part of no build that is served. A checksum is not a promise here: who can write a file can write its sum as well.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a promise that does not hold has to end the run")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::civil::{Date, date};

use super::format::{self, decode, decode_golden, decode_profile, encode_model};
use super::manifest::{FORMAT_VERSION, Manifest};
use crate::customer::{Cell, CustomerTable, Kind, Schema, TableBuilder, read_form};
use crate::pipeline::{FitParams, GoldenSample, Method, Model, SegmentId, TrainingProfile, fit};
use hdbscan::{HdbscanParams, MinClusterSize};
use umap::UmapParams;

const TODAY: Date = date(2026, 3, 1);

/// The files of a small model, with its manifest.
struct Base {
    manifest: Vec<u8>,
    files: BTreeMap<&'static str, Vec<u8>>,
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let schema = Arc::new(Schema::built_in().unwrap());
    let table = customers(&schema, 360);
    let params = FitParams {
        method: Method::UmapHdbscan,
        umap: UmapParams::default().n_neighbors(5).n_components(2).n_epochs(Some(30)),
        hdbscan: HdbscanParams::new().min_samples(2).min_cluster_size(MinClusterSize::Count(5)),
        ..FitParams::default()
    };
    let fitted = fit(&table, &params, &|_, _| {}).unwrap();
    let (golden, profile) = (GoldenSample::take(&table, &fitted).unwrap(), TrainingProfile::of(&table, &fitted));
    let mut files: BTreeMap<_, _> = encode_model(&fitted.model).unwrap().into_iter().collect();
    files.insert(format::PROFILE, format::json(&profile).unwrap());
    files.insert(format::GOLDEN, format::json(&golden).unwrap());
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        created_at: "2026-03-01T00:00:00Z".parse().unwrap(),
        params,
        trained_on: None,
        schema: schema.as_ref().clone(),
        scores: fitted.scores,
        next_segment_id: SegmentId::new(9),
        files: BTreeMap::new(),
    };
    Base { manifest: format::json(&manifest).unwrap(), files }
});

/// The sound file that a letter stands for, as an input of [`check_files`].
pub fn sound_file(which: u8) -> Vec<u8> {
    let (mut manifest, mut files) = (BASE.manifest.clone(), BASE.files.clone());
    let file = file_of(which, &mut manifest, &mut files).unwrap();
    [&[which], file.as_slice()].concat()
}

/// Loads a small model one of whose files is another, and asks it whatever a model is asked. Whether it loaded.
///
/// The first byte names the file: a small letter is followed by the file itself, a capital by changes to the sound one
/// (where, in two bytes; how many bytes, 1 to 8; those bytes).
pub fn check_files(input: &[u8]) -> bool {
    let Some((&which, rest)) = input.split_first() else { return false };
    let (mut manifest, mut files) = (BASE.manifest.clone(), BASE.files.clone());
    let Some(changed) = file_of(which, &mut manifest, &mut files) else { return false };
    if which.is_ascii_lowercase() {
        *changed = rest.to_vec()
    } else {
        change(changed, rest)
    }
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&manifest) else { return false };
    let profile = decode_profile(&files[format::PROFILE]);
    let golden = decode_golden(&files[format::GOLDEN]);
    let Ok(parts) = decode(manifest.schema, &files) else { return false };
    let Ok(model) = Model::from_parts(parts) else { return false };
    ask(&model);
    if let Ok(golden) = golden {
        let _ = golden.agreement(&model).map(|agreement| assert!((0.0..=1.0).contains(&agreement.share())));
    }
    if let Ok(profile) = profile {
        let drift = profile.drift(&customers(model.schema(), 20), &[None; 20]);
        serde_json::to_string(&drift).unwrap();
    }
    // What loads can be stored, and comes back the same.
    let stored: BTreeMap<_, _> = encode_model(&model).unwrap().into_iter().collect();
    let again = Model::from_parts(decode(model.schema().as_ref().clone(), &stored).unwrap()).unwrap();
    assert_eq!(encode_model(&again).unwrap().into_iter().collect::<BTreeMap<_, _>>(), stored);
    true
}

fn file_of<'f>(
    which: u8,
    manifest: &'f mut Vec<u8>,
    files: &'f mut BTreeMap<&'static str, Vec<u8>>,
) -> Option<&'f mut Vec<u8>> {
    let name = match which.to_ascii_lowercase() {
        b'm' => return Some(manifest),
        b'e' => "encoder.json",
        b's' => "scaler.json",
        b'u' => "umap.safetensors",
        b'h' => "hdbscan.safetensors",
        b'p' => "cluster_personas.json",
        b't' => format::PROFILE,
        b'g' => format::GOLDEN,
        _ => return None,
    };
    files.get_mut(name)
}

fn change(file: &mut [u8], mut changes: &[u8]) {
    while let Some((&[low, high, width], rest)) = changes.split_first_chunk() {
        let at = usize::from(u16::from_le_bytes([low, high])) % file.len();
        let width = (usize::from(width) % 8 + 1).min(rest.len()).min(file.len() - at);
        let (bytes, rest) = rest.split_at(width);
        file[at..at + width].copy_from_slice(bytes);
        changes = rest;
        if width == 0 {
            return;
        }
    }
}

/// Whatever a model answers names segments that it has, and says how much in shares.
fn ask(model: &Model) {
    let _ = model.warm_up();
    let table = customers(model.schema(), 20);
    if let Ok(assignment) = model.assign(&table) {
        assert_eq!(assignment.profile_of_row.len(), table.n_rows());
        for placement in &assignment.placements {
            assert!((0.0..=1.0).contains(&placement.strength), "{placement:?}");
            for id in placement.segment.into_iter().chain(placement.nearest.map(|nearest| nearest.cluster_id)) {
                assert!(model.segment(id).is_some(), "{placement:?}");
            }
            assert!(placement.nearest.is_none_or(|nearest| (0.0..=1.0).contains(&nearest.membership)), "{placement:?}");
        }
    }
    let place = model.schema().columns[0].title.clone();
    if let Ok(form) = read_form(model.schema(), [(place.as_str(), "Bedok")], TODAY)
        && let Ok(placement) = model.place_one(&form.table)
    {
        assert_eq!(model.recall_one(&form.table).unwrap(), placement);
    }
    for segment in model.segments() {
        serde_json::to_string(&segment.persona).unwrap();
    }
}

/// Customers of three kinds, by whatever columns there are.
fn customers(schema: &Arc<Schema>, n_rows: usize) -> CustomerTable {
    let mut builder = TableBuilder::new(schema.clone(), TODAY);
    builder.begin_sheet(false);
    // A number each, so that none is a copy of another.
    let number = [Cell::Text("Number")];
    let titles: Vec<Cell<'_>> =
        number.into_iter().chain(schema.columns.iter().map(|column| Cell::Text(&column.title))).collect();
    let _ = builder.push_row(&titles);
    for row in 0..n_rows {
        let (group, within) = (row % 3, row / 3);
        let texts = schema.columns.iter().map(|column| match &column.kind {
            Kind::Category { .. } => format!("Town {}", 4 * group + within % 4),
            Kind::Ordinal { levels, .. } => levels[(group + within) % levels.len()].clone(),
            Kind::Date { .. } => format!("202{}-{:02}-01", 2 + group, within % 12 + 1),
            Kind::Number { .. } => format!("{}", 100 * group + within),
        });
        let texts: Vec<String> = std::iter::once(row.to_string()).chain(texts).collect();
        let cells: Vec<Cell<'_>> = texts.iter().map(|text| Cell::Text(text)).collect();
        let _ = builder.push_row(&cells);
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_of_the_fuzz_target_keep_every_promise() {
        crate::seeds::each("model_files", |seed| {
            check_files(seed);
        });
    }

    #[test]
    fn sound_files_are_asked_whatever_a_model_is_asked() {
        for which in b"mesuhptg" {
            assert!(check_files(&sound_file(*which)));
        }
        assert!(!check_files(b"e{}") && check_files(b"U") && !check_files(b"U\0\0\x07xxxxxxxx"));
    }
}
