//! What a version says of itself.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::customer::Schema;
use crate::pipeline::{FitParams, Scores, SegmentId};

/// The formats that this build reads. In the third there may be latent classes in place of a map and its clusters. In
/// the fourth a segment names the columns that are as everywhere, the scores have bits of held-out customers, and the
/// confidence has one curve: builds before would refuse the files one by one.
pub(super) const FORMAT_VERSIONS: std::ops::RangeInclusive<u32> = 2..=FORMAT_VERSION;

/// The format that this build writes.
pub(super) const FORMAT_VERSION: u32 = 4;

/// The name of a version: `<utc-time>-<hash>`, such as `20260101T020000Z-0123abcd`. The hash is the start of the
/// manifest's SHA-256, so that the name vouches for the manifest as the manifest does for the files.
///
/// The only way from text to a path under `versions/`; it can hold no separator and no dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionId(String);

/// `manifest.json`: written last, so that a version without one was never finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// How the files of the version are to be read.
    pub format_version: u32,
    /// When the version was made.
    pub created_at: Timestamp,
    /// How it was to be trained. Where the report has `everyone_instead`, latent classes took the map's place.
    pub params: FitParams,
    /// The columns it was trained on.
    pub schema: Schema,
    /// The customers it was trained on; `None` in versions of earlier builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<TrainedOn>,
    /// What came out: rows, profiles, clusters, scores.
    pub scores: Scores,
    /// The first id that no segment has ever had.
    pub next_segment_id: SegmentId,
    /// SHA-256 of every other file, in hexadecimal.
    pub files: BTreeMap<String, String>,
}

/// The customers that a version was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainedOn {
    /// Whether they are the invented ones of the sample, and nobody else.
    pub sample: bool,
    /// [`crate::customer::CustomerTable::fingerprint`]; `None` where they were placed and not trained on here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The version of the program that trained: another one may find other segments.
    pub program: String,
}

impl TrainedOn {
    /// As this program trains.
    pub fn new(sample: bool, fingerprint: Option<String>) -> Self {
        Self { sample, fingerprint, program: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

impl Manifest {
    /// Whether the version was trained on the sample, and so says nothing of anybody's customers.
    pub fn is_of_the_sample(&self) -> bool {
        self.trained_on.as_ref().is_some_and(|on| on.sample)
    }
}

impl VersionId {
    /// The id of a version made at `created_at` with this manifest.
    pub(super) fn new(created_at: Timestamp, manifest: &[u8]) -> Self {
        let hash = super::disk::sha256_hex(manifest);
        let time = created_at.strftime("%Y%m%dT%H%M%SZ");
        Self(format!("{time}-{}", hash.get(..8).unwrap_or(&hash)))
    }

    /// Whether these are the bytes of the version's manifest.
    pub(super) fn signs(&self, manifest: &[u8]) -> bool {
        self.0.split_once('-').is_some_and(|(_, hash)| super::disk::sha256_hex(manifest).starts_with(hash))
    }

    /// The first id that no segment of the version has, by its manifest, of whatever format; `None` for the manifest of
    /// another version.
    pub fn next_segment_id(&self, manifest: &[u8]) -> Option<SegmentId> {
        next_segment_id(manifest).filter(|_| self.signs(manifest))
    }

    /// When the version was made, to the second.
    pub fn created_at(&self) -> Timestamp {
        let time = self.0.split('-').next().unwrap_or_default();
        Timestamp::strptime("%Y%m%dT%H%M%S%z", time.replace('Z', "+0000")).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first id that no segment of a version has, by its manifest, of whatever format.
pub(super) fn next_segment_id(manifest: &[u8]) -> Option<SegmentId> {
    #[derive(Deserialize)]
    struct Ids {
        next_segment_id: SegmentId,
    }
    serde_json::from_slice::<Ids>(manifest).ok().map(|ids| ids.next_segment_id)
}

impl FromStr for VersionId {
    type Err = InvalidVersionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = text.split_once('-').is_some_and(|(time, hash)| {
            let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
            time.len() == 16
                && time.split_once('T').is_some_and(|(day, clock)| {
                    day.len() == 8 && digits(day) && clock.strip_suffix('Z').is_some_and(digits)
                })
                && hash.len() == 8
                && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if is_valid { Ok(Self(text.to_owned())) } else { Err(InvalidVersionId) }
    }
}

/// Text that is not a version id.
#[derive(Debug, thiserror::Error)]
#[error("a version id looks like 20260101T020000Z-0123abcd")]
pub struct InvalidVersionId;

impl TryFrom<String> for VersionId {
    type Error = InvalidVersionId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<VersionId> for String {
    fn from(id: VersionId) -> Self {
        id.0
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_and_a_hash_name_a_version() {
        assert!("20260101T020000Z-0123abcd".parse::<VersionId>().is_ok());
        for text in ["", "..", "20260101T020000Z-0123ABCD", "20260101T020000Z-../../x", "20260101T0200000-0123abcd"] {
            assert!(text.parse::<VersionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_new_id_parses() {
        let at = Timestamp::from_second(1_767_232_800).unwrap();
        let id = VersionId::new(at, b"{}");
        assert!(id.as_str().starts_with("20260101T020000Z-"));
        assert_eq!(id.as_str().parse::<VersionId>().unwrap(), id);
        assert_eq!(id.created_at(), at);
        assert!(id.signs(b"{}") && !id.signs(b"{ }"));
    }
}
