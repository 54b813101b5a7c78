//! Why the body of a request cannot be taken: as JSON, or as a form with a workbook.

/// Why a body is not the JSON object that a route takes.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("not application/json")]
    NotJson,
    #[error("the body is encoded")]
    Encoded,
    #[error("the body is too large")]
    TooLarge { limit_bytes: usize },
    #[error("the body was cut off")]
    CutOff,
    #[error("the body came too slowly")]
    TooSlow,
    #[error("broken JSON")]
    BrokenJson(#[source] serde_json::Error),
    #[error("more than {limit} keys")]
    TooManyKeys { limit: usize },
    #[error("not a JSON object")]
    NotAnObject,
    #[error("extras that are not a JSON object")]
    NotExtras,
}

/// Why a form does not hold the workbook that a route takes.
#[derive(Debug, thiserror::Error)]
pub enum UploadFormError {
    #[error("not multipart/form-data")]
    NotMultipart { field: &'static str },
    #[error("no file field")]
    NoFile,
    #[error("a file in a field that takes none")]
    FileElsewhere { given: String, field: &'static str },
    #[error("more than one file field")]
    SecondFile,
    #[error("more than {limit} files")]
    TooManyFiles { limit: usize },
    #[error("more than {limit} text fields")]
    TooManyFields { limit: usize },
    #[error("not an extension of a workbook")]
    WrongExtension,
    #[error("the upload is too large")]
    FileTooLarge { limit_bytes: u64 },
}
