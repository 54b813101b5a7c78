//! The configuration of a [`Writer`](super::Writer): its provider, its server, its time-outs, its files.
//!
//! Plain values that [`WriterConfig::read`] reads from the settings; opens no file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{Gallery, ImageRules, Lessor};
use crate::config::{Reader, defaults};

pub use crate::config::Secret;

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

/// When calls to a server that keeps failing are paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// After how many faults in a row: no connection, no whole answer in time, a status of 500 or more, an answer that
    /// is no JSON. A time-out is none where another call was answered meanwhile.
    pub max_faults: u32,
    /// How long calls are paused; then one call at a time probes the server.
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
#[derive(Debug, Clone)]
pub struct WriterConfig {
    /// `WRITER`; `auto`.
    pub kind: WriterKind,
    /// `OPENAI_API_KEY`. May be missing where `base_url` is not OpenAI's own: local servers often need none.
    pub api_key: Option<Secret>,
    /// `OPENAI_BASE_URL`, the API's address; with or without `/chat/completions`, and with whatever query every call
    /// needs.
    pub base_url: String,
    /// `OPENAI_AUTH_HEADER`, the header that carries the key: `authorization`, with `Bearer` before the key, or another
    /// one with the key alone.
    pub auth_header: String,
    /// `OPENAI_MODEL`, the model that writes.
    pub model: String,
    /// `OPENAI_FALLBACK_MODELS`, comma separated: models that write in its place, in this order, where it fails in a
    /// way that another may not; none.
    pub fallback_models: Vec<String>,
    /// `OPENAI_IMAGE_MODEL`, the model that draws.
    pub image_model: String,
    /// `OPENAI_TIMEOUT_S`, the limit of one try of a text: connecting (5 seconds at most), the first byte and the last;
    /// 30. The first has no limit of its own, because a server sends nothing before all of an answer is written.
    pub timeout: Duration,
    /// `OPENAI_DEADLINE_S`, the limit of all tries for the texts of one brief together; 60.
    pub deadline: Duration,
    /// `OPENAI_IMAGE_TIMEOUT_S`, the limit of all tries for the pictures of one brief together, from when their texts
    /// are there; 180, for models take minutes to draw.
    pub image_timeout: Duration,
    /// How failed calls are tried again.
    pub retry: RetryPolicy,
    /// When calls to a model that keeps failing are paused; texts and pictures apart.
    pub breaker: BreakerPolicy,
    /// `DAILY_BUDGET_USD` and `STATE_DIR`, what all calls of a day may cost; without one they may cost anything.
    pub budget: Option<BudgetConfig>,
    /// Whether keys have budgets of their own, which are kept in `state_dir`. No setting: the code that reads the keys
    /// sets it.
    pub has_key_budgets: bool,
    /// Where slices of the budgets are leased, so that several machines spend them together. No setting: the code
    /// that opens the shared store sets it.
    pub lessor: Option<Arc<dyn Lessor>>,
    /// Where pictures are put for other machines. No setting either.
    pub gallery: Option<Arc<dyn Gallery>>,
    /// `PROMPT_DIR`, where prompt templates override the built-in ones.
    pub prompt_dir: Option<PathBuf>,
    /// `PRICES_PATH`, a JSON file of prices that are laid over the built-in ones.
    pub prices: Option<PathBuf>,
    /// `STATE_DIR`, the folder of what is spent, of the key of identifiers and of who was erased; `state`.
    pub state_dir: PathBuf,
    /// `IMAGE_DIR`, where pictures are kept, made when the first one is; `images`.
    pub image_dir: PathBuf,
    /// What bounds the stored pictures.
    pub image_rules: ImageRules,
}

impl WriterConfig {
    /// OpenAI's own address.
    pub const OPENAI_BASE_URL: &'static str = "https://api.openai.com/v1";
    /// A small model that takes JSON schemas.
    pub const DEFAULT_MODEL: &'static str = "gpt-4o-mini";
    /// A model that draws lettering well.
    pub const DEFAULT_IMAGE_MODEL: &'static str = "gpt-image-1";
    /// Where the key goes by OpenAI's reference.
    pub const DEFAULT_AUTH_HEADER: &'static str = "authorization";

    /// Reads the settings of the writer.
    pub fn read(read: &mut Reader<'_>) -> Self {
        let others = [("openai", WriterKind::Openai), ("offline", WriterKind::Offline)];
        let mut config = Self {
            kind: read.choice("WRITER", ("auto", WriterKind::Auto), &others),
            api_key: read.secret("OPENAI_API_KEY"),
            base_url: base_url(read),
            auth_header: auth_header(read),
            model: read.text("OPENAI_MODEL", Self::DEFAULT_MODEL),
            fallback_models: read.list("OPENAI_FALLBACK_MODELS"),
            image_model: read.text("OPENAI_IMAGE_MODEL", Self::DEFAULT_IMAGE_MODEL),
            timeout: read.seconds("OPENAI_TIMEOUT_S", 30),
            deadline: read.seconds("OPENAI_DEADLINE_S", 60),
            image_timeout: read.seconds("OPENAI_IMAGE_TIMEOUT_S", 180),
            retry: RetryPolicy::default(),
            breaker: BreakerPolicy::default(),
            budget: budget(read),
            state_dir: read.path("STATE_DIR", "state"),
            has_key_budgets: false,
            lessor: None,
            gallery: None,
            prompt_dir: read.optional_path("PROMPT_DIR"),
            prices: read.optional_path("PRICES_PATH"),
            image_dir: read.path("IMAGE_DIR", "images"),
            image_rules: ImageRules::read(read),
        };
        if let Some(budget) = &mut config.budget {
            budget.state_dir.clone_from(&config.state_dir);
        }
        let is_openai_s = config.base_url == Self::OPENAI_BASE_URL;
        if config.kind == WriterKind::Openai && config.api_key.is_none() && is_openai_s {
            let what = "is openai, which needs OPENAI_API_KEY, or the OPENAI_BASE_URL of a server without keys";
            read.mistake("WRITER", what);
        }
        config
    }

    /// Whether what calls cost is kept, which takes a price for every model.
    pub fn keeps_budget(&self) -> bool {
        self.budget.is_some() || self.has_key_budgets
    }
}

impl Default for WriterConfig {
    fn default() -> Self {
        defaults(Self::read)
    }
}

fn budget(read: &mut Reader<'_>) -> Option<BudgetConfig> {
    let usd_per_day = read.value("DAILY_BUDGET_USD", None, "US dollars, more than 0, such as 2.50", dollars);
    // The folder is the next setting.
    usd_per_day.map(|usd_per_day| BudgetConfig { usd_per_day, state_dir: PathBuf::new() })
}

fn base_url(read: &mut Reader<'_>) -> String {
    let is_address = |text: &str| {
        let is_web = text.starts_with("http://") || text.starts_with("https://");
        is_web.then(|| text.to_owned())
    };
    let url = read.value(
        "OPENAI_BASE_URL",
        Some(WriterConfig::OPENAI_BASE_URL.to_owned()),
        "an address with http:// or https://",
        is_address,
    );
    read.show("OPENAI_BASE_URL", without_secrets);
    url.unwrap_or_else(|| WriterConfig::OPENAI_BASE_URL.to_owned())
}

fn auth_header(read: &mut Reader<'_>) -> String {
    // RFC 9110, 5.1.
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    let name = |text: &str| is_name(text).then(|| text.to_owned());
    let default = WriterConfig::DEFAULT_AUTH_HEADER.to_owned();
    let header = read.value("OPENAI_AUTH_HEADER", Some(default.clone()), "the name of a header, such as api-key", name);
    header.unwrap_or(default)
}

/// An address as it may be shown: a password or a key may stand in it.
fn without_secrets(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return "(no address)".to_owned() };
    if url.password().is_some() || !url.username().is_empty() {
        // Both fail for addresses alone that can hold neither.
        let _ = url.set_username("…").and_then(|()| url.set_password(None));
    }
    let shown = |name: &str, value: &str| if name == "api-version" { value.to_owned() } else { "…".to_owned() };
    let pairs: Vec<String> =
        url.query_pairs().map(|(name, value)| format!("{name}={}", shown(&name, &value))).collect();
    url.set_query(None);
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    format!("{}{query}", url.as_str().trim_end_matches('/').replace("%E2%80%A6", "…"))
}

fn dollars(text: &str) -> Option<f64> {
    text.parse().ok().filter(|usd: &f64| usd.is_finite() && *usd > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Loaded;

    #[test]
    fn each_field_is_read_from_its_own_variable() {
        let all = [
            ("WRITER", "openai"),
            ("OPENAI_API_KEY", "sk-a"),
            ("OPENAI_BASE_URL", "http://llm.example/v1"),
            ("OPENAI_AUTH_HEADER", "api-key"),
            ("OPENAI_MODEL", "writes"),
            ("OPENAI_FALLBACK_MODELS", "second, third"),
            ("OPENAI_IMAGE_MODEL", "draws"),
            ("OPENAI_TIMEOUT_S", "11"),
            ("OPENAI_DEADLINE_S", "12"),
            ("OPENAI_IMAGE_TIMEOUT_S", "13"),
            ("DAILY_BUDGET_USD", "2.50"),
            ("STATE_DIR", "the-state"),
            ("PROMPT_DIR", "the-prompts"),
            ("PRICES_PATH", "the-prices"),
            ("IMAGE_DIR", "the-images"),
            ("IMAGE_KEEP_DAYS", "30"),
            ("IMAGE_MAX_GB", "2"),
        ];
        let read = Loaded::from_pairs(&all, "", WriterConfig::read).config().unwrap();
        let budget = BudgetConfig { usd_per_day: 2.5, state_dir: "the-state".into() };
        assert_eq!((read.kind, read.budget), (WriterKind::Openai, Some(budget)));
        assert_eq!(read.api_key.unwrap().expose(), "sk-a");
        assert_eq!((read.base_url.as_str(), read.auth_header.as_str()), ("http://llm.example/v1", "api-key"));
        assert_eq!((read.model.as_str(), read.image_model.as_str()), ("writes", "draws"));
        assert_eq!(read.fallback_models, ["second", "third"]);
        let seconds = [read.timeout, read.deadline, read.image_timeout].map(|time| time.as_secs());
        assert_eq!(seconds, [11, 12, 13]);
        let (keep_for, max_total_bytes) = (Some(Duration::from_secs(30 * 86_400)), Some(2 << 30));
        assert_eq!(read.image_rules, ImageRules { keep_for, max_total_bytes });
        let paths = [read.prompt_dir.unwrap(), read.prices.unwrap(), read.image_dir];
        assert_eq!(paths, ["the-prompts", "the-prices", "the-images"].map(PathBuf::from));
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        for (address, shown) in [
            ("https://api.openai.com/v1", "https://api.openai.com/v1"),
            ("http://me:secret@localhost:11434/v1/", "http://…@localhost:11434/v1"),
            (
                "https://a.example/v1?api-version=2024-10-21&key=secret",
                "https://a.example/v1?api-version=2024-10-21&key=…",
            ),
            ("sk-a-secret", "(no address)"),
        ] {
            assert_eq!(without_secrets(address), shown, "{address}");
        }
    }
}
