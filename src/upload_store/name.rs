//! What kept uploads are called: nothing of it comes from their senders but one of three extensions.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use sha2::{Digest, Sha256};

const TIME: &str = "%Y%m%dT%H%M%SZ";
const ID_DIGITS: usize = 32;

/// What kind of workbook a file's name says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `.xlsx`, also where the name says nothing.
    Xlsx,
    /// `.xls`.
    Xls,
    /// `.csv`.
    Csv,
}

impl Extension {
    const ALL: [Self; 3] = [Self::Xlsx, Self::Xls, Self::Csv];

    /// The extension of a file that its sender calls so, in any case; `None` for one that is no workbook's. A name
    /// without any will do: what the file is, its content tells.
    pub fn of(file_name: &str) -> Option<Self> {
        match file_name.rsplit_once('.') {
            Some((_, extension)) => Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(extension)),
            None => Some(Self::Xlsx),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Xls => "xls",
            Self::Csv => "csv",
        }
    }
}

/// What tells contents apart: the first 128 bits of their SHA-256, shown as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId(u128);

impl UploadId {
    pub(super) fn of(content: Sha256) -> Self {
        Self(content.finalize().iter().take(ID_DIGITS / 2).fold(0, |id, &byte| id << 8 | u128::from(byte)))
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// `<utc-time>-<id>.<ext>`.
pub(super) fn stored_name(at: Timestamp, id: UploadId, extension: Extension) -> String {
    format!("{}-{id}.{}", at.strftime(TIME), extension.name())
}

/// The id in a name that [`stored_name`] gives; `None` for every other name.
pub(super) fn id_in(name: &str) -> Option<UploadId> {
    let (time, rest) = name.split_once('-')?;
    let (id, extension) = rest.split_once('.')?;
    let is_time = DateTime::strptime(TIME, time).is_ok_and(|read| read.strftime(TIME).to_string() == time);
    let is_id = id.len() == ID_DIGITS && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let is_ours = is_time && is_id && Extension::ALL.iter().any(|known| known.name() == extension);
    if is_ours { u128::from_str_radix(id, 16).ok().map(UploadId) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_workbook_s_extension_is_taken_in_any_case() {
        assert_eq!(Extension::of("May list.XLSX"), Some(Extension::Xlsx));
        assert_eq!(Extension::of("archive.tar.csv"), Some(Extension::Csv));
        assert_eq!(Extension::of("../../x.pdf"), None);
        assert_eq!(Extension::of("x.xlsx."), None);
        assert_eq!(Extension::of("no extension"), Some(Extension::Xlsx));
    }

    #[test]
    fn a_stored_name_is_known_again_and_no_other_is() {
        let id = UploadId::of(Sha256::new_with_prefix("content"));
        let name = stored_name("2026-11-23T01:02:03Z".parse().unwrap(), id, Extension::Xls);
        assert!(name.starts_with("20261123T010203Z-") && name.ends_with(".xls"), "{name}");
        assert_eq!(id_in(&name), Some(id));
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
            assert_eq!(id_in(&other), None, "{other}");
        }
    }
}
