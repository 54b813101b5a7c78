//! The sample that ships with the program: 5,000 invented customers, for a first look at what the service does.
//!
//! It lies in the folder that people put their own customers into, and anybody may upload it. So it is recognised by
//! its content, wherever it lies and whatever it is called, and never becomes a part of what is trained on own
//! customers. A copy saved by another program has other content: save the sample anew to make it count as customers.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

const SIZE_BYTES: u64 = 409_649;
const SHA256: [u8; 32] = [
    0xa3, 0xb2, 0xff, 0xb1, 0xe6, 0xf7, 0x6c, 0x4e, 0xa0, 0x78, 0xf2, 0x62, 0xf8, 0xed, 0xbe, 0xd7, 0xc7, 0xde, 0x8f,
    0x89, 0x4e, 0x05, 0x77, 0xa9, 0x1c, 0xab, 0xc9, 0x60, 0x91, 0x54, 0xdd, 0x08,
];

/// Whether the file is the sample. A file that cannot be read is not; its next reader reports why.
pub fn is_sample(path: &Path) -> bool {
    let has_its_size = fs::metadata(path).is_ok_and(|file| file.len() == SIZE_BYTES);
    has_its_size && fs::read(path).is_ok_and(|bytes| Sha256::digest(bytes).as_slice() == SHA256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_in_the_base_data_is_recognised_under_any_name_and_no_other_file_is() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("base_data/2026-01-01/customers.xlsx");
        let dir = tempfile::tempdir().unwrap();
        let [copy, changed] = ["our customers.xls", "changed.xlsx"].map(|name| dir.path().join(name));
        fs::copy(&sample, &copy).unwrap();
        let mut bytes = fs::read(&sample).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&changed, bytes).unwrap();
        assert!(is_sample(&sample) && is_sample(&copy));
        assert!(!is_sample(&changed) && !is_sample(&dir.path().join("missing.xlsx")));
    }
}
