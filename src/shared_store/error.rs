//! Why a call to the store failed: with the address, and what to do; never with a key.

use std::io;

use object_store::client::{HttpError, HttpErrorKind};

use super::settings::WrongSetting;
use crate::causes::{chain, with_causes};
use crate::model_store::{StoreError, VersionId};

/// Why the shared store could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedStoreError {
    /// A setting of S3 cannot be used.
    #[error(transparent)]
    Setting(#[from] WrongSetting),
    /// The folder of a `file://` store is not there. It is not made: it may be one that is not mounted.
    #[error(
        "{url}: there is no such folder: mount it, or make it; content-portal models push {url} begins a new store"
    )]
    NoFolder {
        /// The store.
        url: String,
    },
    /// No client can be made for the address.
    #[error("{url} cannot be used as a store: {why}")]
    Unusable {
        /// The store.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The store refused the keys, or they may not do this.
    #[error(
        "{url}: the store refused the request ({code}): check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, \
         and that they may list, read, write and delete there"
    )]
    Denied {
        /// The object.
        url: String,
        /// The store's own word for it.
        code: String,
    },
    /// No keys are set, and this machine has none.
    #[error(
        "{url}: there are no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role that \
         may read and write there"
    )]
    NoKeys {
        /// The object.
        url: String,
    },
    /// The role of a service account yields no keys.
    #[error("{url}: no keys for the role: check AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE and AWS_REGION")]
    NoRole {
        /// The object.
        url: String,
    },
    /// There is no such bucket.
    #[error("{url}: there is no such bucket: make it, or correct STORE_URL, AWS_REGION or AWS_ENDPOINT_URL")]
    NoBucket {
        /// The object.
        url: String,
    },
    /// The store did not answer in time.
    #[error("{url}: no whole answer within {seconds} s: check AWS_ENDPOINT_URL, AWS_REGION and the network")]
    Deadline {
        /// The object.
        url: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The store could not be reached, or answered with a fault.
    #[error("{url}: {why}: check AWS_ENDPOINT_URL and that the store is up")]
    Failed {
        /// The object.
        url: String,
        /// What happened.
        why: String,
    },
    /// The folder of a `file://` store could not be read or written.
    #[error("{url}: {why}: check that this user may read and write that folder, and that its disk has room")]
    Folder {
        /// The object.
        url: String,
        /// What happened.
        why: String,
    },
    /// The store does not do what coordinates its machines.
    #[error("{url} cannot be shared: {why}")]
    Unconditional {
        /// The store.
        url: String,
        /// What it does not do.
        why: &'static str,
    },
    /// There is no current version.
    #[error("{url} has no current version yet: content-portal models push puts one there")]
    NoCurrent {
        /// The store.
        url: String,
    },
    /// There is no such version.
    #[error("{url} has no whole version {id}: content-portal models push --model {id} puts it there")]
    NoSuchVersion {
        /// The store.
        url: String,
        /// The version.
        id: VersionId,
    },
    /// An object is larger than any of its name can be.
    #[error("{url} is {size_bytes} bytes long, and at most {max_bytes} are read: {}", advice_on_size(.url))]
    TooLarge {
        /// The object.
        url: String,
        /// Its size.
        size_bytes: u64,
        /// What is read at most.
        max_bytes: u64,
    },
    /// An object is not what its name says.
    #[error("{url} {why}: {}", advice(.url))]
    Damaged {
        /// The object.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another process has changed which version is current.
    #[error("the current version of {url} was changed meanwhile: {by} made it {version}")]
    Swapped {
        /// The store.
        url: String,
        /// Who did it.
        by: String,
        /// The version that is current now.
        version: String,
    },
    /// The version here, or the one that was pulled, is not whole.
    #[error("{url}: the version is not whole")]
    Version {
        /// The object or store.
        url: String,
        /// What is wrong with it.
        #[source]
        source: StoreError,
    },
}

impl SharedStoreError {
    /// Whether it is a version that is not whole, or is not there: another look finds the same until somebody mends it.
    pub fn is_of_version(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::TooLarge { .. } | Self::NoSuchVersion { .. } => true,
            Self::Version { source, .. } => matches!(source, StoreError::File { .. } | StoreError::Model { .. }),
            _ => false,
        }
    }

    /// Whether it is this machine's own folder that failed, and not the store.
    pub fn is_of_this_machine(&self) -> bool {
        matches!(self, Self::Version { .. }) && !self.is_of_version()
    }

    /// Whether it is an object that holds something else than its name says.
    pub fn is_of_object(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::TooLarge { .. })
    }

    /// What an error of the client says of the object at `url`.
    pub(super) fn of(url: String, error: &object_store::Error) -> Self {
        use object_store::Error;
        let text = error.to_string();
        let code = code(&text);
        match error {
            _ if code == Some("NoSuchBucket") => Self::NoBucket { url },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Denied { url, code: code.unwrap_or("access denied").to_owned() }
            }
            _ if code.is_some_and(is_of_keys) => Self::Denied { url, code: code.unwrap_or_default().to_owned() },
            Error::NotFound { .. } => Self::Damaged { url, why: "is missing".to_owned() },
            _ if url.starts_with("file:") => Self::Folder { url, why: reason(error, None) },
            _ if asked(error, METADATA) => Self::NoKeys { url },
            _ if asked(error, SECURITY_TOKENS) => Self::NoRole { url },
            _ => Self::Failed { url, why: reason(error, code) },
        }
    }
}

/// Where a machine's own keys are asked for.
const METADATA: &str = "http://169.254.169.254/";
/// Where the keys of a role are asked for.
const SECURITY_TOKENS: &str = "https://sts.";

/// Whether the request that failed went there. Only the causes have its address.
fn asked(error: &object_store::Error, address: &str) -> bool {
    with_causes(error).contains(address)
}

/// What puts a damaged object right.
fn advice(url: &str) -> &'static str {
    if url.contains("/models/") || url.ends_with("/current") {
        "content-portal models push puts it right"
    } else {
        "put it right, or take it away"
    }
}

/// The same, of one that is too large to be read.
fn advice_on_size(url: &str) -> &'static str {
    if url.contains("/models/") { "content-portal models push puts it right" } else { "take it away" }
}

/// The code in an answer of S3. Its other words may repeat keys and tokens, and are never shown.
fn code(text: &str) -> Option<&str> {
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    Some(code).filter(|code| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_of_keys(code: &str) -> bool {
    ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed"]
        .contains(&code)
}

/// What happened, in words that hold nothing of the request.
fn reason(error: &object_store::Error, code: Option<&str>) -> String {
    if let Some(code) = code {
        return format!("the store answered {code}");
    }
    if let Some(error) = chain(error).find_map(|cause| cause.downcast_ref::<io::Error>()) {
        return match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                format!("it may not be used ({error})")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("it is full ({error})"),
            _ => format!("it cannot be reached ({error})"),
        };
    }
    match chain(error).find_map(|cause| cause.downcast_ref::<HttpError>()).map(HttpError::kind) {
        Some(HttpErrorKind::Connect) => "it cannot be reached".to_owned(),
        Some(HttpErrorKind::Timeout) => "it did not answer in time".to_owned(),
        Some(HttpErrorKind::Request | HttpErrorKind::Interrupted) => "the connection was cut".to_owned(),
        Some(HttpErrorKind::Decode) => "its answer cannot be read".to_owned(),
        _ => match error {
            object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. } => {
                "it has no conditional writes, which are needed".to_owned()
            }
            _ => "it answered with a fault".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_repeats_a_key_is_told_by_its_code_alone() {
        let body = "Server returned non-2xx status code: 400: <Error><Code>ExpiredToken</Code>\
                    <Token-0>a-secret-token</Token-0></Error>";
        let error = object_store::Error::Generic { store: "S3", source: body.into() };
        let told = SharedStoreError::of("s3://ml/current".to_owned(), &error);
        let text = with_causes(&told);
        assert!(text.contains("ExpiredToken") && text.contains("s3://ml/current"), "{text}");
        assert!(!text.contains("a-secret-token"), "{text}");
    }

    #[test]
    fn what_is_wrong_with_keys_and_folders_is_told_apart_from_a_server_that_does_not_answer() {
        let told = |url: &str, source: Box<dyn std::error::Error + Send + Sync>| {
            SharedStoreError::of(url.to_owned(), &object_store::Error::Generic { store: "S3", source }).to_string()
        };
        let keys = told("s3://ml/current", "Error performing PUT http://169.254.169.254/latest/api/token in 3s".into());
        assert!(keys.contains("AWS_ACCESS_KEY_ID") && !keys.contains("AWS_ENDPOINT_URL"), "{keys}");
        let role =
            told("s3://ml/current", "Error performing POST https://sts.eu-central-1.amazonaws.com/ in 3s".into());
        assert!(role.contains("AWS_ROLE_ARN") && !role.contains("AWS_ENDPOINT_URL"), "{role}");
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        let folder = told("file:///srv/portal/current", source.into());
        assert!(folder.contains("permission denied") && folder.contains("that folder"), "{folder}");
        assert!(!folder.contains("AWS_"), "{folder}");
    }

    #[test]
    fn a_connection_that_is_refused_is_told_in_the_systems_words() {
        let source = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = object_store::Error::Generic { store: "S3", source: source.into() };
        let told = SharedStoreError::of("s3://ml/current".to_owned(), &error).to_string();
        assert!(told.contains("connection refused") && told.contains("AWS_ENDPOINT_URL"), "{told}");
    }
}
