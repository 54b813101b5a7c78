//! What kept uploads are called: nothing of it comes from their senders but one of three extensions; a file of kept
//! columns has a fourth. A training that puts files into the base data calls them [`taken_name`] there.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

const TIME: &str = "%Y%m%dT%H%M%SZ";
const ID_DIGITS: usize = 32;
/// What the names of files begin with that a training has put into the base data.
const TAKEN: &str = "upload-";

/// What kind of workbook a file's name says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `.xlsx`, also where the name says nothing.
    Xlsx,
    /// `.xls`.
    Xls,
    /// `.csv`.
    Csv,
    /// `.columns`: what is kept of a workbook in place of its bytes. No sender's file is called so.
    Columns,
}

impl Extension {
    const SENT: [Self; 3] = [Self::Xlsx, Self::Xls, Self::Csv];
    const KEPT: [Self; 4] = [Self::Xlsx, Self::Xls, Self::Csv, Self::Columns];

    /// The extension of a file that its sender calls so, in any case; `None` for one that is not a workbook's. A name
    /// without one is accepted: the content decides what the file is.
    pub fn of(file_name: &str) -> Option<Self> {
        match file_name.rsplit_once('.') {
            Some((_, extension)) => Self::SENT.into_iter().find(|known| known.name().eq_ignore_ascii_case(extension)),
            None => Some(Self::Xlsx),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Xls => "xls",
            Self::Csv => "csv",
            Self::Columns => "columns",
        }
    }
}

/// Identifies content: the first 128 bits of their SHA-256, shown as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId(u128);

impl UploadId {
    pub(super) fn of(content: Sha256) -> Self {
        Self(content.finalize().iter().take(ID_DIGITS / 2).fold(0, |id, &byte| id << 8 | u128::from(byte)))
    }
}

/// Text that is not an upload's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an upload's id is {ID_DIGITS} hex digits, as content-portal uploads list shows them")]
pub struct NoUploadId;

impl UploadId {
    /// The id in the name of a kept upload, waiting or taken, also where a number sets it apart; `None` for every other
    /// name.
    pub fn of_file(name: &str) -> Option<Self> {
        let (stem, extension) = name.strip_prefix(TAKEN).unwrap_or(name).split_once('.')?;
        let (time, id) = stem.split_once('-')?;
        let id = id.split_once('-').map_or(id, |(id, _number)| id);
        StoredName::read(&format!("{time}-{id}.{extension}")).map(|(id, _)| id)
    }
}

/// What the file of an upload is called in the base data: `upload-<name>`, from the second of one name on with its
/// number before the extension. An operator's file, whatever its name, is called so as well.
pub fn taken_name(upload: &Path, number: usize) -> OsString {
    let mut name = OsString::from(TAKEN);
    if number == 1 {
        name.push(upload.file_name().unwrap_or_default());
        return name;
    }
    name.push(upload.file_stem().unwrap_or_default());
    name.push(format!("-{number}"));
    if let Some(extension) = upload.extension() {
        name.push(".");
        name.push(extension);
    }
    name
}

/// What a file was called among the uploads; `None` where [`taken_name`] has given no such name.
pub fn name_before(taken: &str) -> Option<&str> {
    taken.strip_prefix(TAKEN)
}

/// Whether a file of the base data is named as [`taken_name`] names those that a training has put there.
pub fn is_taken_name(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TAKEN.as_bytes())
}

impl FromStr for UploadId {
    type Err = NoUploadId;

    fn from_str(text: &str) -> Result<Self, NoUploadId> {
        let id = u128::from_str_radix(text, 16).map(Self).map_err(|_| NoUploadId)?;
        // Signs, cases and lengths that only look alike.
        if id.to_string() == text { Ok(id) } else { Err(NoUploadId) }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What a kept upload is called: `<utc-time>-<id>.<ext>`. Of the name, what its id does not say; there may be many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredName {
    /// Seconds since 1970.
    at_s: i64,
    extension: Extension,
}

impl StoredName {
    pub(super) fn new(at: Timestamp, extension: Extension) -> Self {
        Self { at_s: at.as_second(), extension }
    }

    /// When the content came first.
    pub(super) fn received_at(self) -> Timestamp {
        Timestamp::from_second(self.at_s).unwrap_or_default()
    }

    /// The name of the upload `id`.
    pub(super) fn of(self, id: UploadId) -> String {
        let at = Timestamp::from_second(self.at_s).unwrap_or_default();
        format!("{}-{id}.{}", at.strftime(TIME), self.extension.name())
    }

    /// Whether its bytes are those that came.
    pub(super) fn is_original(self) -> bool {
        self.extension != Extension::Columns
    }

    /// Reads a name that [`StoredName::of`] gives; `None` for every other one.
    pub(super) fn read(name: &str) -> Option<(UploadId, Self)> {
        let (time, rest) = name.split_once('-')?;
        let (id, extension) = rest.split_once('.')?;
        let at = DateTime::strptime(TIME, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let extension = Extension::KEPT.into_iter().find(|known| known.name() == extension)?;
        let id = UploadId(u128::from_str_radix(id, 16).ok()?);
        let stored = Self::new(at, extension);
        // Digits, cases and lengths that only look alike.
        (stored.of(id) == name).then_some((id, stored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_workbook_s_extension_is_taken_in_any_case() {
        assert_eq!(Extension::of("May list.XLSX"), Some(Extension::Xlsx));
        assert_eq!(Extension::of("archive.tar.csv"), Some(Extension::Csv));
        assert_eq!(Extension::of("../../x.pdf"), None);
        assert_eq!(Extension::of("x.columns"), None, "only what this program writes is called so");
        assert_eq!(Extension::of("x.xlsx."), None);
        assert_eq!(Extension::of("no extension"), Some(Extension::Xlsx));
    }

    #[test]
    fn the_id_is_in_the_name_that_a_training_gives_whatever_number_sets_it_apart() {
        let id = UploadId::of(Sha256::new_with_prefix("content"));
        let stored = StoredName::new("2026-11-23T01:02:03Z".parse().unwrap(), Extension::Columns).of(id);
        assert_eq!(UploadId::of_file(&stored), Some(id));
        for number in [1, 2, 1_000] {
            let taken = taken_name(&Path::new("uploads").join(&stored), number);
            assert!(is_taken_name(&taken) && !is_taken_name(OsStr::new(&stored)), "{taken:?}");
            assert_eq!(UploadId::of_file(taken.to_str().unwrap()), Some(id), "{taken:?}");
        }
        let of_an_operator = taken_name(Path::new("uploads/May-2026.csv"), 2);
        assert_eq!(of_an_operator, "upload-May-2026-2.csv");
        assert_eq!(UploadId::of_file("upload-May-2026-2.csv"), None);
    }

    #[test]
    fn a_stored_name_is_known_again_and_no_other_is() {
        let id = UploadId::of(Sha256::new_with_prefix("content"));
        let stored = StoredName::new("2026-11-23T01:02:03Z".parse().unwrap(), Extension::Xls);
        let name = stored.of(id);
        assert!(name.starts_with("20261123T010203Z-") && name.ends_with(".xls"), "{name}");
        assert_eq!(StoredName::read(&name), Some((id, stored)));
        for other in [
            name.replace("2026", "x026"),
            name.replace("T01", "T 1"),
            name.replace(".xls", ".xls.csv"),
            name.replace(".xls", ".pdf"),
            name.to_uppercase(),
            format!(".{name}"),
            format!("upload-{name}"),
            "20261123T010203Z-0001.csv".to_owned(),
            String::new(),
        ] {
            assert_eq!(StoredName::read(&other), None, "{other}");
        }
    }
}
