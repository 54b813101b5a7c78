//! One field of a request that cannot be taken.

use serde::Serialize;
use utoipa::ToSchema;

use crate::content::FieldError;
use crate::customer::FormError;

/// One field that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field, as the caller named it.
    #[schema(example = "platform")]
    pub field: String,
    /// What to change.
    #[schema(example = "must be one of Instagram, Facebook, LinkedIn, TikTok, Email, Website")]
    pub message: String,
    /// The accepted values, where there is a list of them.
    #[schema(example = json!(["Instagram", "Facebook", "LinkedIn", "TikTok", "Email", "Website"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

impl FieldProblem {
    /// A problem with a field that has no list of accepted values.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), allowed: Vec::new() }
    }
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        Self {
            field: error.field.to_owned(),
            message: error.message,
            allowed: error.allowed.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

impl From<FormError> for FieldProblem {
    fn from(error: FormError) -> Self {
        Self { field: error.field, message: error.message, allowed: error.allowed }
    }
}
