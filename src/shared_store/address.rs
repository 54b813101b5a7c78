//! `STORE_URL`: where the store is.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use object_store::path::Path;
use url::Url;

/// The address of an object store, such as `s3://bucket/prefix` or `file:///srv/portal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A bucket of S3, or of a server that speaks its API.
    S3 {
        /// The bucket.
        bucket: String,
        /// What every object's name begins with; may be empty.
        prefix: Path,
    },
    /// A folder, for tests and for servers that share a file system.
    Folder(PathBuf),
}

/// Text that is not such an address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidStoreUrl(&'static str);

impl StoreUrl {
    /// What an address has to look like.
    pub const EXPECTED: &'static str = "s3://bucket/prefix or file:///folder";

    /// Makes the folder of a `file://` address where there is none; the folder above it must be there. Whether it did.
    pub(super) fn make_folder(&self) -> io::Result<bool> {
        let Self::Folder(folder) = self else { return Ok(false) };
        match fs::create_dir(folder) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || InvalidStoreUrl("the address of a store looks like s3://bucket/prefix or file:///folder");
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.port().is_none();
        if !is_plain {
            return Err(InvalidStoreUrl(
                "the address of a store holds no keys and no port: use AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
                 AWS_ENDPOINT_URL",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong());
        }
        match url.scheme() {
            "s3" => {
                let bucket = url.host_str().filter(|host| is_bucket(host)).ok_or_else(wrong)?.to_owned();
                let prefix = Path::from_url_path(url.path()).map_err(|_| wrong())?;
                Ok(Self::S3 { bucket, prefix })
            }
            "file" => {
                let folder = url.to_file_path().map_err(|()| wrong())?;
                if folder.parent().is_none() { Err(wrong()) } else { Ok(Self::Folder(folder)) }
            }
            _ => Err(wrong()),
        }
    }
}

/// Whether a bucket may be called so, or might once.
fn is_bucket(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.len() <= 255 && name.bytes().all(is_letter)
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix } if prefix.as_ref().is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Folder(folder) => write!(f, "file://{}", folder.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_prefix_or_none_and_a_folder_is_absolute() {
        for (text, shown) in [
            ("s3://ml/portal", "s3://ml/portal"),
            ("s3://ml/a/b/", "s3://ml/a/b"),
            ("s3://ml", "s3://ml"),
            ("s3://ml/", "s3://ml"),
            ("file:///srv/portal", "file:///srv/portal"),
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn an_address_of_another_kind_or_with_a_key_in_it_is_refused() {
        for text in [
            "",
            "ml",
            "s3:",
            "s3:///x",
            "gs://ml/x",
            "https://ml/x",
            "file:///",
            "file://host/x",
            "s3://ml?a=b",
            "s3://m%0al/x",
            "s3://m%20l/x",
        ] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text}");
        }
        let refused = "s3://key:secret@ml/x".parse::<StoreUrl>().unwrap_err().to_string();
        assert!(refused.contains("AWS_ACCESS_KEY_ID") && !refused.contains(":secret"), "{refused}");
    }
}
