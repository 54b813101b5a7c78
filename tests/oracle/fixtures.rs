//! The recorded arrays, by file and name.

use std::fs::File;
use std::path::Path;

use ndarray::{Array, Dimension};
use ndarray_npy::{NpzReader, ReadableElement};

/// One recorded file, such as `blobs.npz`.
pub struct Recorded(NpzReader<File>);

impl Recorded {
    pub fn open(name: &str) -> Self {
        // The numeric crates' oracle tests include this file: the recordings lie once, at the root of the workspace.
        let mut roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let folder = roots.find_map(|root| Some(root.join("tests/fixtures/reference")).filter(|path| path.is_dir()));
        Self(NpzReader::new(File::open(folder.unwrap().join(name)).unwrap()).unwrap())
    }

    /// The array called `name`; the type says its element and its dimensions.
    pub fn array<A: ReadableElement, D: Dimension>(&mut self, name: &str) -> Array<A, D> {
        self.0.by_name(&format!("{name}.npy")).unwrap()
    }
}
