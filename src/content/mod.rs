//! Marketing content: a campaign and an audience in, checked texts, an image prompt and pictures out.
//!
//! [`Campaign`] and [`Audience`] are what a [`Writer`] may know; it is either `openai` (any OpenAI-compatible server)
//! or `offline` (deterministic, no key, no network). Knows no HTTP framework and no status codes of ours, reads no
//! environment: its configuration is handed in. May import [`crate::pipeline`] and [`crate::customer`] alone.

mod audience;
mod campaign;
mod clean;
mod config;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod images;
mod live_prompts;
mod offline;
mod openai;
mod prices;
mod prompt;
mod provider;
mod spent;
mod upstream;
mod writer;
mod written;

pub use audience::Audience;
pub use campaign::{
    Campaign, CampaignInput, Engagement, FieldError, FunnelStage, MAX_FREE_TEXT_CHARS, MAX_VARIANTS, NotAllowed,
    Output, Platform, Tone,
};
pub use config::{BreakerPolicy, BudgetConfig, RetryPolicy, Secret, WriterConfig, WriterKind};
pub use error::{WriteError, WriteErrorKind, WriteStep, WriterConfigError};
pub use images::{ImageName, ImageStore, NotAnImageName};
pub use provider::Probed;
pub use spent::{Spent, TokenCounts};
pub use writer::{ContentRequest, Writer, write_all};
pub use written::{Brief, Content, Flags, Pictures, Written};

#[cfg(test)]
mod sample;
