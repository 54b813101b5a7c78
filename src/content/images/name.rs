//! Names of pictures: the hash of a stored one's bytes, or the signed description of a poster.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::causes::hex;

/// What a poster's name begins with.
const POSTER: &str = "poster-";
/// The longest description of a poster, in bytes: its slogan and a few numbers.
pub(in crate::content) const MAX_POSTER_BYTES: usize = 512;
/// How much of a signature is in a name, in bytes: more than anybody can guess.
const SIGNATURE_BYTES: usize = 16;

/// The name of a picture. Of a stored one: the SHA-256 of its bytes as 64 lower-case hexadecimal digits, and `.png`,
/// `.jpg` or `.webp`. Of a poster, which is drawn whenever it is asked for: `poster-`, what it shows and this service's
/// signature of that in base64, and `.png`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageName(String);

/// A text that names no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 lower-case hexadecimal digits and .png, .jpg or .webp, or name a poster")]
pub struct NotAnImageName;

/// What kind of picture some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::content) enum ImageKind {
    Png,
    Jpeg,
    WebP,
}

impl ImageKind {
    const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::WebP];

    /// Tells the kind by the first bytes; `None` where they are no picture's.
    pub(in crate::content) fn of(bytes: &[u8]) -> Option<Self> {
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
    pub(super) fn of_bytes(bytes: &[u8], kind: ImageKind) -> Self {
        Self(format!("{}.{}", hex(Sha256::digest(bytes)), kind.extension()))
    }

    /// The name of the poster that `description` describes, signed with `key`.
    pub(super) fn of_poster(description: &[u8], key: &[u8]) -> Self {
        let signed = [description, signature(description, key).as_slice()].concat();
        Self(format!("{POSTER}{}.png", URL_SAFE_NO_PAD.encode(signed)))
    }

    /// The description of the poster that this names, if it is one that was signed with `key`.
    pub(super) fn poster(&self, key: &[u8]) -> Option<Vec<u8>> {
        let encoded = self.0.strip_prefix(POSTER)?.strip_suffix(".png")?;
        let mut signed = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let sent = signed.split_off(signed.len().checked_sub(SIGNATURE_BYTES)?);
        bool::from(signature(&signed, key).ct_eq(&sent)).then_some(signed)
    }

    /// Whether it names a poster.
    pub fn is_poster(&self) -> bool {
        self.0.starts_with(POSTER)
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

/// HMAC-SHA256 (RFC 2104) of a key that is no longer than a block, cut off.
fn signature(message: &[u8], key: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| -> Vec<u8> {
        let mut block = vec![0; 64];
        for (padded, key_byte) in block.iter_mut().zip(key) {
            *padded = *key_byte;
        }
        block.into_iter().map(|key_byte| key_byte ^ byte).collect()
    };
    let inner = Sha256::digest([pad(0x36).as_slice(), message].concat());
    let outer = Sha256::digest([pad(0x5c).as_slice(), inner.as_slice()].concat());
    outer.iter().copied().take(SIGNATURE_BYTES).collect()
}

impl FromStr for ImageName {
    type Err = NotAnImageName;

    fn from_str(text: &str) -> Result<Self, NotAnImageName> {
        let (stem, extension) = text.split_once('.').ok_or(NotAnImageName)?;
        let is_hash = stem.len() == 64 && stem.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_stored = is_hash && ImageKind::ALL.iter().any(|kind| kind.extension() == extension);
        let is_base64 = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let longest = (MAX_POSTER_BYTES + SIGNATURE_BYTES).div_ceil(3) * 4;
        let is_poster = |encoded: &str| extension == "png" && encoded.len() <= longest && is_base64(encoded);
        if is_stored || stem.strip_prefix(POSTER).is_some_and(is_poster) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnImageName)
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_an_hmac() {
        // RFC 4231, test case 2.
        let signed = signature(b"what do ya want for nothing?", b"Jefe");
        assert_eq!(hex(signed), "5bdcc146bf60754e6a042426089575c7");
    }

    #[test]
    fn only_a_poster_of_this_service_is_described_by_its_name() {
        let name = ImageName::of_poster(b"a slogan", b"key");
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
        assert_eq!(name.poster(b"key").as_deref(), Some(&b"a slogan"[..]));
        assert_eq!(name.poster(b"another"), None);
        assert!(name.is_poster() && name.media_type() == "image/png");
        let longest = ImageName::of_poster(&[b'x'; MAX_POSTER_BYTES], b"key");
        assert!(longest.as_str().parse::<ImageName>().is_ok());
        for changed in [name.as_str().replacen('Y', "Z", 1), "poster-.png".to_owned(), "poster-AAAA.png".to_owned()] {
            assert_eq!(changed.parse::<ImageName>().unwrap().poster(b"key"), None, "{changed}");
        }
        let too_long = format!("poster-{}.png", "A".repeat(800));
        for text in ["poster-a.jpg", "poster-a/b.png", "poster-a", "poster-=.png", too_long.as_str()] {
            assert_eq!(text.parse::<ImageName>(), Err(NotAnImageName), "{text}");
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
}
