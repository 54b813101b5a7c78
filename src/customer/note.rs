//! What a person should know of a file or a request that was taken all the same.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A sentence for a person, with a code for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// What it is about, such as `unknown_field`.
    #[schema(example = "unknown_field")]
    pub code: String,
    /// The sentence.
    #[schema(example = "objectve is not a field; did you mean objective?")]
    pub sentence: String,
}

impl Note {
    /// A note of this kind.
    pub fn new(code: &str, sentence: impl Into<String>) -> Self {
        Self { code: code.to_owned(), sentence: sentence.into() }
    }
}
