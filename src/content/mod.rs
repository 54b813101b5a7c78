//! Marketing content: a campaign and an audience in, checked texts and an image prompt out.
//!
//! [`Campaign`] and [`Audience`] are what a [`Writer`] may know; it is either `openai` (any OpenAI-compatible server)
//! or `offline` (deterministic, no key, no network). Knows no HTTP framework and no status codes of ours, reads no
//! environment: its configuration is handed in. May import [`crate::pipeline`] and [`crate::customer`] alone.

mod audience;
mod campaign;
mod clean;
mod error;
mod offline;
mod openai;
mod prompt;
mod writer;

pub use audience::Audience;
pub use campaign::{
    Campaign, CampaignInput, Engagement, FieldError, FunnelStage, MAX_FREE_TEXT_CHARS, MAX_VARIANTS, NotAllowed,
    Output, Platform, Tone,
};
pub use error::{WriteError, WriteErrorKind, WriteStep, WriterConfigError};
pub use writer::{
    Brief, Content, Flags, RetryPolicy, Secret, TokenCounts, Writer, WriterConfig, WriterKind, write_all,
};

#[cfg(test)]
mod sample;
