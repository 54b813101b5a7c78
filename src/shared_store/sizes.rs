//! How large an object may be, so that nobody who writes into the store can fill the memory of its readers.

/// Of a model's arrays: 200,000 profiles of 500 features take 400 MB.
const MAX_ARRAYS_BYTES: u64 = 1 << 30;
/// Of the other files of a version: texts of segments, reports, what each column held.
const MAX_MODEL_TEXT_BYTES: u64 = 64 << 20;
const MAX_PICTURE_BYTES: u64 = 32 << 20;
const MAX_EXTRAS_BYTES: u64 = 4 << 20;
const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// What a thousand processes have leased of a day, by key.
const MAX_LEASES_BYTES: u64 = 1 << 20;
/// Of `current`, of a key, and of whatever else.
const MAX_OTHER_BYTES: u64 = 64 << 10;

/// The most that is read of the object of this name, in bytes.
pub(super) fn max_bytes(name: &str) -> u64 {
    match name.split_once('/') {
        Some(("models", file)) if file.ends_with("/manifest.json") => MAX_MANIFEST_BYTES,
        Some(("models", file)) if file.ends_with(".safetensors") => MAX_ARRAYS_BYTES,
        Some(("models", _)) => MAX_MODEL_TEXT_BYTES,
        Some(("images", file)) if !file.ends_with(".key") => MAX_PICTURE_BYTES,
        Some(("budget", _)) => MAX_LEASES_BYTES,
        None if name == "personas.json" => MAX_EXTRAS_BYTES,
        _ => MAX_OTHER_BYTES,
    }
}
