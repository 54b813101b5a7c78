//! The writer: its configuration, what it takes and what it gives.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};

use super::offline::Offline;
use super::openai::Openai;
use super::prompt::Prompts;
use super::{Audience, Campaign, WriteError, WriteErrorKind, WriteStep, WriterConfigError};

/// What is to be written, and for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief {
    /// For whom.
    pub audience: Audience,
    /// What.
    pub campaign: Campaign,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// As many texts as the campaign asks for; none where it wants an image alone.
    pub variants: Vec<String>,
    /// The image prompt, where the campaign wants one.
    pub image_prompt: Option<String>,
    /// A slogan of at most 7 words for the picture, beside every image prompt.
    pub slogan: Option<String>,
    /// The prompt; for the offline writer the one that a model would have been sent.
    pub prompt_used: String,
    /// SHA-256 of the prompt templates, in hexadecimal.
    pub prompt_hash: String,
    /// The model that wrote, as it names itself; `offline` for the offline writer.
    pub model: String,
    /// Tokens of every call that led to this content, repairs included.
    pub tokens: TokenCounts,
    /// What a reader should know about how it came to be.
    pub flags: Flags,
}

/// Tokens as the server counts them; 0 where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenCounts {
    /// Read by the model.
    pub prompt: u64,
    /// Written by the model.
    pub completion: u64,
}

/// What a reader should know about how content came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// Written by the offline writer.
    pub is_offline: bool,
    /// Something was too long for its place and was cut.
    pub is_trimmed: bool,
    /// The first answer was faulty and the model was asked to mend it.
    pub is_repaired: bool,
    /// The server takes no JSON schema, and was asked for JSON in words.
    pub is_unstructured: bool,
}

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
    /// `openai` with a key, `offline` without.
    #[default]
    Auto,
    /// A model behind an OpenAI-compatible API.
    Openai,
    /// Deterministic texts, without a network.
    Offline,
}

/// How failed calls are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many calls one brief may cost, repairs and fallbacks included.
    pub max_tries: u32,
    /// The longest wait before the second try; it doubles with each further one.
    pub base: Duration,
    /// The longest `Retry-After` that is honoured; a longer one is shortened to it.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_tries: 3, base: Duration::from_millis(500), max_retry_after: Duration::from_secs(20) }
    }
}

/// The configuration of a writer.
#[derive(Clone)]
pub struct WriterConfig {
    /// Which writer.
    pub kind: WriterKind,
    /// The API key. May be missing where `base_url` is not OpenAI's own: local servers often need none.
    pub api_key: Option<Secret>,
    /// The API's address, up to and without `/chat/completions`.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// The limit of one try, connecting included.
    pub timeout: Duration,
    /// The limit of all tries for one brief together.
    pub deadline: Duration,
    /// How failed calls are tried again.
    pub retry: RetryPolicy,
    /// Where prompt templates override the built-in ones.
    pub prompt_dir: Option<PathBuf>,
}

impl WriterConfig {
    /// OpenAI's own address.
    pub const OPENAI_BASE_URL: &'static str = "https://api.openai.com/v1";
    /// A small model that takes JSON schemas.
    pub const DEFAULT_MODEL: &'static str = "gpt-4o-mini";
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self {
            kind: WriterKind::Auto,
            api_key: None,
            base_url: Self::OPENAI_BASE_URL.to_owned(),
            model: Self::DEFAULT_MODEL.to_owned(),
            timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
            retry: RetryPolicy::default(),
            prompt_dir: None,
        }
    }
}

/// Writes content for briefs. Cheap to share behind an `Arc`; safe to use from many tasks at once.
pub struct Writer {
    prompts: Prompts,
    voice: Voice,
}

enum Voice {
    Openai(Box<Openai>),
    Offline(Offline),
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("name", &self.name()).field("model", &self.model()).finish_non_exhaustive()
    }
}

impl Writer {
    /// Makes the writer that `config` asks for. Opens no connection; trusted root certificates are loaded only for an
    /// `https` address of the openai writer, which takes some tens of milliseconds: make it beside a model's loading.
    ///
    /// # Errors
    /// When the openai writer has no key at OpenAI's own address, its address or key cannot be used, the HTTP client
    /// cannot be built, or a prompt template is unreadable or faulty.
    pub fn new(config: &WriterConfig) -> Result<Self, WriterConfigError> {
        let prompts = Prompts::load(config.prompt_dir.as_deref())?;
        let is_openai = match config.kind {
            WriterKind::Auto => config.api_key.is_some(),
            WriterKind::Openai => true,
            WriterKind::Offline => false,
        };
        let voice =
            if is_openai { Voice::Openai(Box::new(Openai::new(config)?)) } else { Voice::Offline(Offline::new()?) };
        Ok(Self { prompts, voice })
    }

    /// `openai` or `offline`.
    pub fn name(&self) -> &'static str {
        match self.voice {
            Voice::Openai(_) => "openai",
            Voice::Offline(_) => "offline",
        }
    }

    /// The configured model; `offline` for the offline writer.
    pub fn model(&self) -> &str {
        match &self.voice {
            Voice::Openai(openai) => openai.model(),
            Voice::Offline(_) => "offline",
        }
    }

    /// SHA-256 of the prompt templates, in hexadecimal.
    pub fn prompt_hash(&self) -> &str {
        self.prompts.hash()
    }

    /// Writes the content for one brief.
    ///
    /// # Errors
    /// The offline writer fails only when a prompt template does. The openai writer fails when no usable answer
    /// arrives within its tries and its deadline; [`WriteError::kind`] says how.
    pub async fn write(&self, brief: &Brief) -> Result<Content, WriteError> {
        let prompt = self
            .prompts
            .render(brief)
            .map_err(|e| WriteError::new(WriteStep::Prompt, WriteErrorKind::Internal).with_source(e))?;
        let written = match &self.voice {
            Voice::Offline(offline) => offline.write(brief),
            Voice::Openai(openai) => openai.write(&self.prompts, &prompt, &brief.campaign).await?,
        };
        Ok(Content {
            variants: written.variants,
            image_prompt: written.image_prompt,
            slogan: written.slogan,
            prompt_used: prompt.whole(),
            prompt_hash: self.prompts.hash().to_owned(),
            model: written.model,
            tokens: written.tokens,
            flags: written.flags,
        })
    }
}

/// What either writer hands back.
pub(super) struct Written {
    pub(super) variants: Vec<String>,
    pub(super) image_prompt: Option<String>,
    pub(super) slogan: Option<String>,
    pub(super) model: String,
    pub(super) tokens: TokenCounts,
    pub(super) flags: Flags,
}

/// Writes many briefs side by side, at most `max_at_once` at a time; the results are in the order of the briefs.
///
/// Each result stands alone: a brief that fails, or whose writing panics, spoils no other.
pub async fn write_all(
    writer: &Writer,
    briefs: &[Brief],
    max_at_once: NonZeroUsize,
) -> Vec<Result<Content, WriteError>> {
    // Boxed: a stream over a borrowing closure is not `Send` for every lifetime (rust-lang/rust#102211).
    let one = |(index, brief)| caught(writer.write(brief)).map(move |written| (index, written)).boxed();
    let writing: Vec<_> = briefs.iter().enumerate().map(one).collect();
    // In the order of completion, so that one slow brief does not hold up those behind it.
    let mut written: Vec<_> = stream::iter(writing).buffer_unordered(max_at_once.get()).collect().await;
    written.sort_by_key(|&(index, _)| index);
    written.into_iter().map(|(_, result)| result).collect()
}

async fn caught(writing: impl Future<Output = Result<Content, WriteError>>) -> Result<Content, WriteError> {
    let caught = AssertUnwindSafe(writing).catch_unwind().await;
    caught.unwrap_or_else(|_| Err(WriteError::new(WriteStep::Call, WriteErrorKind::Internal)))
}

#[cfg(test)]
mod tests {
    use super::super::{CampaignInput, sample};
    use super::*;

    #[test]
    fn the_writer_is_chosen_by_kind_and_key() {
        let name = |edit: fn(&mut WriterConfig)| {
            let mut config = WriterConfig { base_url: "http://127.0.0.1:1/v1".to_owned(), ..WriterConfig::default() };
            edit(&mut config);
            Writer::new(&config).map(|writer| writer.name()).map_err(|e| e.to_string())
        };
        assert_eq!(name(|_| {}), Ok("offline"));
        assert_eq!(name(|c| c.api_key = Secret::new("k")), Ok("openai"));
        assert_eq!(name(|c| c.kind = WriterKind::Openai), Ok("openai"), "a local server may need no key");
        let without_key = name(|c| {
            c.kind = WriterKind::Openai;
            c.base_url = WriterConfig::OPENAI_BASE_URL.to_owned();
        });
        assert!(without_key.unwrap_err().contains("needs a key"));
        let of_another_kind = name(|c| {
            c.kind = WriterKind::Openai;
            c.base_url = "ftp://example.org".to_owned();
        });
        assert!(of_another_kind.unwrap_err().contains("http:// or https://"));
        assert!(Secret::new(" ").is_none(), "a blank key is a missing one");
    }

    #[tokio::test]
    async fn many_briefs_are_answered_in_their_order() {
        let writer = Writer::new(&WriterConfig::default()).unwrap();
        let brief = |n| sample::brief(|input: &mut CampaignInput| input.n_variants = Some(n));
        let briefs: Vec<Brief> = (1..=7).map(brief).collect();
        let written = write_all(&writer, &briefs, NonZeroUsize::new(2).unwrap()).await;
        let counts: Vec<usize> = written.into_iter().map(|content| content.unwrap().variants.len()).collect();
        assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7]);
    }

    #[tokio::test]
    async fn only_what_the_output_asks_for_is_written() {
        let writer = Writer::new(&WriterConfig::default()).unwrap();
        let brief = |output: &str| sample::brief(|input| input.output = Some(output.to_owned()));
        let text = writer.write(&brief("text")).await.unwrap();
        assert!(text.variants.len() == 1 && text.image_prompt.is_none() && text.slogan.is_none());
        let image = writer.write(&brief("image_prompt")).await.unwrap();
        assert!(image.variants.is_empty() && image.image_prompt.is_some() && image.slogan.is_some());
        assert!(image.flags.is_offline && image.model == "offline" && image.prompt_hash.len() == 64);
    }

    #[tokio::test]
    async fn a_panic_while_writing_is_that_brief_s_error() {
        let error = caught(async { panic!("a fault") }).await.unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::Internal);
    }
}
