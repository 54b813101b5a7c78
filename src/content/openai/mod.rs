//! The openai writer: so far its place alone; every brief fails as if the server were not available.
use super::prompt::{Prompt, Prompts};
use super::writer::{WriterConfig, Written};
use super::{Campaign, WriteError, WriteErrorKind, WriteStep, WriterConfigError};
pub(super) struct Openai {
    model: String,
}
impl Openai {
    pub(super) fn new(config: &WriterConfig) -> Result<Self, WriterConfigError> {
        Ok(Self { model: config.model.clone() })
    }
    pub(super) fn model(&self) -> &str {
        &self.model
    }
    pub(super) async fn write(&self, _: &Prompts, _: &Prompt, _: &Campaign) -> Result<Written, WriteError> {
        Err(WriteError::new(WriteStep::Call, WriteErrorKind::Upstream))
    }
}
