//! Who writes the content.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::reader::Reader;
use super::secret::Secret;

/// Who writes the content.
#[derive(Debug, Clone)]
pub struct WriterSettings {
    /// `WRITER`; `auto` takes `openai` with a key or with another server than OpenAI's, and `offline` elsewhere.
    pub kind: WriterKind,
    /// `OPENAI_API_KEY`.
    pub api_key: Option<Secret>,
    /// `OPENAI_BASE_URL`, any server that speaks OpenAI's API.
    pub base_url: String,
    /// `OPENAI_AUTH_HEADER`, the header that carries the key; `authorization`.
    pub auth_header: String,
    /// `OPENAI_MODEL`.
    pub model: String,
    /// `OPENAI_FALLBACK_MODELS`, comma separated, tried in this order where the model fails; none.
    pub fallback_models: Vec<String>,
    /// `OPENAI_IMAGE_MODEL`.
    pub image_model: String,
    /// `OPENAI_TIMEOUT_S`, seconds one try of a text may take; 30.
    pub timeout: Duration,
    /// `OPENAI_DEADLINE_S`, seconds all tries for the texts of one answer may take together; 60.
    pub deadline: Duration,
    /// `OPENAI_IMAGE_TIMEOUT_S`, seconds the pictures of one answer may take, all tries together; 180.
    pub image_timeout: Duration,
    /// `DAILY_BUDGET_USD`, US dollars that a day's calls (UTC) may cost by the table of prices; no limit without one.
    pub daily_budget_usd: Option<f64>,
    /// `PROMPT_DIR`, templates in place of the built-in ones.
    pub prompt_dir: Option<PathBuf>,
    /// `PRICES_PATH`, a JSON file of prices laid over the built-in ones.
    pub prices: Option<PathBuf>,
}

/// Which writer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterKind {
    /// `openai` with a key or with another server than OpenAI's, `offline` elsewhere.
    Auto,
    /// A server that speaks OpenAI's API.
    Openai,
    /// Deterministic text, made here.
    Offline,
}

/// OpenAI's own address.
const OPENAI: &str = "https://api.openai.com/v1";

impl WriterSettings {
    pub(super) fn read(read: &mut Reader<'_>) -> Self {
        let kind = read.value("WRITER", Some("auto".to_owned()), "auto, openai or offline", kind);
        let settings = Self {
            kind: kind.unwrap_or(WriterKind::Auto),
            api_key: read.secret("OPENAI_API_KEY"),
            base_url: base_url(read),
            auth_header: auth_header(read),
            model: read.text("OPENAI_MODEL", "gpt-4o-mini"),
            fallback_models: read.list("OPENAI_FALLBACK_MODELS"),
            image_model: read.text("OPENAI_IMAGE_MODEL", "gpt-image-1"),
            timeout: read.seconds("OPENAI_TIMEOUT_S", 30),
            deadline: read.seconds("OPENAI_DEADLINE_S", 60),
            image_timeout: read.seconds("OPENAI_IMAGE_TIMEOUT_S", 180),
            daily_budget_usd: read.value("DAILY_BUDGET_USD", None, "US dollars, more than 0, such as 2.50", dollars),
            prompt_dir: read.optional_path("PROMPT_DIR"),
            prices: read.optional_path("PRICES_PATH"),
        };
        if settings.kind == WriterKind::Openai && settings.api_key.is_none() && settings.base_url == OPENAI {
            read.mistake(
                "WRITER",
                "is openai, which needs OPENAI_API_KEY, or the OPENAI_BASE_URL of a server without keys",
            );
        }
        settings
    }
}

fn kind(text: &str) -> Option<WriterKind> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Some(WriterKind::Auto),
        "openai" => Some(WriterKind::Openai),
        "offline" => Some(WriterKind::Offline),
        _ => None,
    }
}

fn base_url(read: &mut Reader<'_>) -> String {
    let is_address = |text: &str| {
        let is_web = text.starts_with("http://") || text.starts_with("https://");
        is_web.then(|| text.to_owned())
    };
    let url = read.value("OPENAI_BASE_URL", Some(OPENAI.to_owned()), "an address with http:// or https://", is_address);
    read.show("OPENAI_BASE_URL", without_secrets);
    url.unwrap_or_else(|| OPENAI.to_owned())
}

fn auth_header(read: &mut Reader<'_>) -> String {
    // RFC 9110, 5.1.
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    let name = |text: &str| is_name(text).then(|| text.to_owned());
    let default = "authorization".to_owned();
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
