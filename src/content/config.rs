//! How a writer is set up: which one, where its server is, how long it may take, where its files are.
//!
//! Plain values; reads no environment and no file. For whoever makes a [`Writer`](super::Writer).

use std::path::PathBuf;
use std::time::Duration;

/// A secret: no `Debug`, no `Display`, so that it cannot reach a log by accident.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret; `None` where it is blank, because a blank key is a missing one.
    pub fn new(secret: &str) -> Option<Self> {
        Some(secret.trim()).filter(|secret| !secret.is_empty()).map(|secret| Self(secret.to_owned()))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// Which writer to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriterKind {
    /// `openai` with a key or at an address of one's own, `offline` at OpenAI's without a key.
    #[default]
    Auto,
    /// A model behind an OpenAI-compatible API.
    Openai,
    /// Deterministic texts and posters, without a network.
    Offline,
}

/// How failed calls are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many calls the texts of one brief may cost, repairs and fallbacks included, and how many each picture.
    pub max_tries: u32,
    /// The longest wait before the second try, where the server asks for none; it doubles with each further one.
    pub base: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_tries: 3, base: Duration::from_millis(500) }
    }
}

/// When a server that keeps failing is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// After how many faults in a row: no connection, no whole answer in time, a status of 500 or more, an answer that
    /// is no JSON.
    pub max_faults: u32,
    /// For how long; then one call at a time finds out whether it answers again.
    pub cool_down: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self { max_faults: 5, cool_down: Duration::from_secs(30) }
    }
}

/// What calls upstream may cost.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetConfig {
    /// US dollars, one day (UTC); more than 0.
    pub usd_per_day: f64,
    /// The folder of the file that holds what is spent; shared by every process that is given it.
    pub state_dir: PathBuf,
}

/// The configuration of a writer.
#[derive(Clone)]
pub struct WriterConfig {
    /// Which writer.
    pub kind: WriterKind,
    /// The API key. May be missing where `base_url` is not OpenAI's own: local servers often need none.
    pub api_key: Option<Secret>,
    /// The API's address; with or without `/chat/completions`, and with whatever query every call needs.
    pub base_url: String,
    /// The header that carries the key: `authorization`, with `Bearer` before the key, or another one with the key
    /// alone.
    pub auth_header: String,
    /// The name of the model that writes.
    pub model: String,
    /// Models that write in its place, in this order, where it fails in a way that another may not.
    pub fallback_models: Vec<String>,
    /// The name of the model that draws.
    pub image_model: String,
    /// The limit of one try of a text: connecting (5 seconds at most), the first byte and the last. The first has no
    /// limit of its own, because a server sends nothing before all of an answer is written.
    pub timeout: Duration,
    /// The limit of all tries for the texts of one brief together.
    pub deadline: Duration,
    /// The limit of all tries for the pictures of one brief together, from when their texts are there; models take
    /// minutes to draw.
    pub image_timeout: Duration,
    /// How failed calls are tried again.
    pub retry: RetryPolicy,
    /// When a model that keeps failing is left alone; texts and pictures apart.
    pub breaker: BreakerPolicy,
    /// What all calls of a day may cost; without one they may cost anything.
    pub budget: Option<BudgetConfig>,
    /// Where prompt templates override the built-in ones.
    pub prompt_dir: Option<PathBuf>,
    /// A JSON file of prices that are laid over the built-in ones.
    pub prices: Option<PathBuf>,
    /// Where pictures are kept; made when the first one is.
    pub image_dir: PathBuf,
}

impl WriterConfig {
    /// OpenAI's own address.
    pub const OPENAI_BASE_URL: &'static str = "https://api.openai.com/v1";
    /// A small model that takes JSON schemas.
    pub const DEFAULT_MODEL: &'static str = "gpt-4o-mini";
    /// Where the key goes by OpenAI's reference.
    pub const DEFAULT_AUTH_HEADER: &'static str = "authorization";
    /// A model that draws lettering well.
    pub const DEFAULT_IMAGE_MODEL: &'static str = "gpt-image-1";
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self {
            kind: WriterKind::Auto,
            api_key: None,
            base_url: Self::OPENAI_BASE_URL.to_owned(),
            auth_header: Self::DEFAULT_AUTH_HEADER.to_owned(),
            model: Self::DEFAULT_MODEL.to_owned(),
            fallback_models: Vec::new(),
            image_model: Self::DEFAULT_IMAGE_MODEL.to_owned(),
            timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
            image_timeout: Duration::from_secs(180),
            retry: RetryPolicy::default(),
            breaker: BreakerPolicy::default(),
            budget: None,
            prompt_dir: None,
            prices: None,
            image_dir: PathBuf::from("images"),
        }
    }
}
