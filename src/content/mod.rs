//! Marketing content: takes a campaign and an audience, returns checked texts, an image prompt and pictures.
//!
//! A [`Writer`] knows only the [`Campaign`] and the [`Audience`]. Its provider is `openai` (any OpenAI-compatible
//! server) or `offline` (deterministic, no key, no network). Knows no HTTP framework and no status codes of ours, and
//! does not read the environment.

mod audience;
mod campaign;
mod clean;
mod config;
mod error;
mod extras;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod images;
mod live_prompts;
mod note_codes;
mod offline;
mod openai;
mod prices;
mod prompt;
mod provider;
mod requester;
mod side_by_side;
mod spent;
mod tracking;
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
pub use extras::{MAX_EXTRA_CHARS, MAX_EXTRA_NAME_CHARS, MAX_EXTRAS, extra_key, has_meaning};
pub use images::{Gallery, ImageName, ImageRules, ImageStore, NotAnImageName};
pub use provider::Probed;
pub use requester::{Place, Requester, Turn};
pub use spent::{BudgetState, Payer, SmallBudget, Spent, TokenCounts};
pub use tracking::{ContentId, WrittenFor};
pub use upstream::budget::DaySpending;
pub use upstream::leases::{Lease, Lessor};
pub use writer::{ContentRequest, Picture, Writer, write_all, write_all_for};
pub use written::{Brief, Content, Flags, Pictures, Written, each_picture};

#[cfg(test)]
mod sample;
