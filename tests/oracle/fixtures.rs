//! The recorded arrays, by file and name.

use std::fs::File;
use std::path::Path;

use ndarray::{Array, Dimension};
use ndarray_npy::{NpzReader, ReadableElement};

/// One recorded file, such as `blobs.npz`.
pub struct Recorded(NpzReader<File>);

impl Recorded {
    pub fn open(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference").join(name);
        Self(NpzReader::new(File::open(path).unwrap()).unwrap())
    }

    /// The array called `name`; the type says its element and its dimensions.
    pub fn array<A: ReadableElement, D: Dimension>(&mut self, name: &str) -> Array<A, D> {
        self.0.by_name(&format!("{name}.npy")).unwrap()
    }
}
