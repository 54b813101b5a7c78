//! Pictures on disk, each under the hash of its bytes.
//!
//! A name identifies its file for good, because the bytes never change. Only names of this shape are joined to the
//! folder, so no name is a path. Blocking; knows no HTTP and no writer.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::causes::hex;
use crate::durable;

/// A folder of pictures.
#[derive(Debug, Clone)]
pub struct ImageStore {
    dir: PathBuf,
}

/// The name of a stored picture: the SHA-256 of its bytes as 64 lower-case hexadecimal digits, and `.png`, `.jpg` or
/// `.webp`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageName(String);

/// A text that names no stored picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 lower-case hexadecimal digits and .png, .jpg or .webp")]
pub struct NotAnImageName;

/// What kind of picture some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageKind {
    Png,
    Jpeg,
    WebP,
}

impl ImageKind {
    const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::WebP];

    /// Tells the kind by the first bytes; `None` where they are no picture's.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else {
            None
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }
}

impl ImageName {
    fn new(bytes: &[u8], kind: ImageKind) -> Self {
        let mut name = hex(Sha256::digest(bytes));
        name.push('.');
        name.push_str(kind.extension());
        Self(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `image/png`, `image/jpeg` or `image/webp`.
    pub fn media_type(&self) -> &'static str {
        let kind = ImageKind::ALL.into_iter().find(|kind| self.0.ends_with(kind.extension()));
        kind.unwrap_or(ImageKind::Png).media_type()
    }
}

impl FromStr for ImageName {
    type Err = NotAnImageName;

    fn from_str(text: &str) -> Result<Self, NotAnImageName> {
        let (hash, extension) = text.split_once('.').ok_or(NotAnImageName)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_known = ImageKind::ALL.iter().any(|kind| kind.extension() == extension);
        if is_hash && is_known { Ok(Self(text.to_owned())) } else { Err(NotAnImageName) }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ImageStore {
    /// The store in `dir`, which is made when the first picture is.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Stores a picture, once however often it is put, and gives its name. It is whole and synced before it shows under
    /// that name.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where the first bytes are no PNG's, JPEG's or WebP's; else what the disk says.
    pub fn put(&self, bytes: &[u8]) -> io::Result<ImageName> {
        let not_a_picture = || io::Error::new(io::ErrorKind::InvalidData, "neither PNG nor JPEG nor WebP");
        let name = ImageName::new(bytes, ImageKind::of(bytes).ok_or_else(not_a_picture)?);
        let path = self.dir.join(name.as_str());
        if path.try_exists()? {
            return Ok(name);
        }
        fs::create_dir_all(&self.dir)?;
        let staged = self.dir.join(format!(".{}.part", Uuid::new_v4()));
        durable::write(&path, &staged, bytes)?;
        Ok(name)
    }

    /// The bytes of a picture; `None` where there is none of that name.
    ///
    /// # Errors
    /// What the disk says, other than that there is no such file.
    pub fn read(&self, name: &ImageName) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.dir.join(name.as_str())) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    #[test]
    fn the_same_picture_is_stored_once_under_the_hash_of_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::new(dir.path().join("made/when/needed"));
        let name = store.put(PNG).unwrap();
        assert_eq!(store.put(PNG).unwrap(), name);
        assert_eq!(store.read(&name).unwrap().as_deref(), Some(PNG));
        assert_eq!((name.as_str().len(), name.media_type()), (68, "image/png"));
        let files: Vec<_> = fs::read_dir(&store.dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(files, [name.as_str()], "no part of a picture is left behind");
    }

    #[test]
    fn the_kind_is_told_by_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = ImageStore::new(dir.path());
        for (bytes, media_type) in
            [(&b"\xff\xd8\xff\xe0"[..], "image/jpeg"), (&b"RIFF\x04\0\0\0WEBPVP8 "[..], "image/webp")]
        {
            let name = store.put(bytes).unwrap();
            assert_eq!(name.media_type(), media_type);
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        for bytes in [&b""[..], b"<svg/>", b"GIF89a", b"\x89PNG", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(store.put(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn nothing_but_a_whole_name_is_a_name() {
        let hash = "0123456789abcdef".repeat(4);
        assert!(format!("{hash}.png").parse::<ImageName>().is_ok());
        for text in [
            "".to_owned(),
            hash.clone(),
            format!("{hash}.gif"),
            format!("{hash}.png.png"),
            format!("{}.png", hash.to_uppercase()),
            format!("../{hash}.png"),
            format!("{}/{}.png", &hash[..31], &hash[..32]),
            format!("{hash}.png\0"),
            format!(" {hash}.png"),
            format!("{}é.png", &hash[..62]),
        ] {
            assert_eq!(text.parse::<ImageName>(), Err(NotAnImageName), "{text:?}");
        }
    }

    #[test]
    fn a_picture_that_is_not_there_is_no_error() {
        let store = ImageStore::new("no/such/folder");
        let name: ImageName = format!("{}.webp", "0".repeat(64)).parse().unwrap();
        assert_eq!(store.read(&name).unwrap(), None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(ImageStore::new(dir.path().join("file")).put(PNG).is_err());
    }
}
