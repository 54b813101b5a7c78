//! Pictures from the images API: one call a picture, side by side, each checked and stored as it arrives.

use std::error::Error;
use std::time::Duration;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::super::clean::trim_at_sentence;
use super::super::images::ImageKind;
use super::super::{Content, ImageName, ImageStore, Platform, WriteError, WriteErrorKind, WriteStep};
use super::address::fetchable;
use super::retry::Attempts;
use super::transport::{Endpoint, TryError};
use super::{Openai, Task};

/// Servers differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The body of one call.
#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    prompt: &'a str,
    n: u8,
    size: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'static str>,
}

/// As much of an answer as is used.
#[derive(Deserialize)]
struct ImagesAnswer {
    #[serde(default)]
    data: Vec<ImageAnswer>,
}

/// One picture: its bytes or where they lie.
#[derive(Deserialize)]
struct ImageAnswer {
    #[serde(default)]
    b64_json: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

/// What a family of image models takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Family {
    portrait: &'static str,
    landscape: &'static str,
    /// How long a prompt may be, in characters.
    max_prompt_chars: usize,
    /// Whether it answers with addresses unless it is asked for bytes; the others refuse to be asked.
    takes_response_format: bool,
}

const SQUARE: &str = "1024x1024";

impl Family {
    /// By OpenAI's reference of `POST /images/generations`; models that are not OpenAI's are taken to follow its newest.
    fn of(model: &str) -> Self {
        let newest = Self {
            portrait: "1024x1536",
            landscape: "1536x1024",
            max_prompt_chars: 32_000,
            takes_response_format: false,
        };
        if model.starts_with("dall-e-2") {
            Self { portrait: SQUARE, landscape: SQUARE, max_prompt_chars: 1_000, takes_response_format: true }
        } else if model.starts_with("dall-e") {
            let max_prompt_chars = 4_000;
            Self { portrait: "1024x1792", landscape: "1792x1024", max_prompt_chars, takes_response_format: true }
        } else {
            newest
        }
    }

    fn size(self, platform: Platform) -> &'static str {
        match platform {
            Platform::TikTok => self.portrait,
            Platform::Website => self.landscape,
            Platform::Instagram | Platform::Facebook | Platform::LinkedIn | Platform::Email => SQUARE,
        }
    }
}

impl Openai {
    /// Draws one picture a variant and stores them; how long the slowest was waited for.
    pub(in crate::content) async fn draw(
        &self,
        task: &Task<'_>,
        content: &Content,
        store: &ImageStore,
    ) -> Result<(Vec<ImageName>, Duration), WriteError> {
        let body = self.picture_request(task, content)?;
        let pictures = (0..task.campaign.n_variants()).map(|_| self.picture(task, &body, store));
        let drawn = try_join_all(pictures).await?;
        let waited = drawn.iter().map(|(_, waited)| *waited).max().unwrap_or_default();
        Ok((drawn.into_iter().map(|(name, _)| name).collect(), waited))
    }

    fn picture_request(&self, task: &Task<'_>, content: &Content) -> Result<Vec<u8>, WriteError> {
        let internal =
            |e: Box<dyn Error + Send + Sync>| WriteError::new(WriteStep::Draw, WriteErrorKind::Internal).with_source(e);
        let (prompt, slogan) = (content.image_prompt.as_deref(), content.slogan.as_deref());
        let prompt = prompt.ok_or_else(|| internal("there is no image prompt".into()))?;
        let family = Family::of(self.image_model());
        let render = |prompt: &str| {
            let rendered = task.prompts.render_picture(prompt, slogan.unwrap_or_default());
            rendered.map_err(|e| internal(e.into()))
        };
        let mut rendered = render(prompt)?;
        let excess = rendered.chars().count().saturating_sub(family.max_prompt_chars);
        if excess > 0 {
            // The description gives way: what is said of the lettering comes after it and has to stay.
            let room = prompt.chars().count().saturating_sub(excess);
            rendered = render(&trim_at_sentence(prompt, room))?;
        }
        let request = Request {
            model: self.image_model(),
            prompt: &rendered,
            n: 1,
            size: family.size(task.campaign.platform()),
            response_format: family.takes_response_format.then_some("b64_json"),
        };
        serde_json::to_vec(&request).map_err(|e| internal(e.into()))
    }

    /// One picture, however many tries it takes, and how long it was waited for.
    async fn picture(
        &self,
        task: &Task<'_>,
        body: &[u8],
        store: &ImageStore,
    ) -> Result<(ImageName, Duration), WriteError> {
        let mut attempts = Attempts::start(&self.config, task.deadline);
        let outcome = self.drawn(&mut attempts, body).await;
        let bytes = outcome.map_err(|error| error.at(WriteStep::Draw).after(attempts.waited()))?;
        let store = store.clone();
        let stored = tokio::task::spawn_blocking(move || store.put(&bytes)).await;
        let failed = |kind| WriteError::new(WriteStep::Draw, kind).after(attempts.waited());
        let stored = stored.map_err(|e| failed(WriteErrorKind::Internal).with_source(e))?;
        let name = stored.map_err(|e| failed(WriteErrorKind::Storage).with_source(e))?;
        Ok((name, attempts.waited()))
    }

    /// The bytes of one picture: asked for, and fetched where the answer is an address. Each of the two has its own
    /// tries, because a picture that was paid for should not be drawn twice.
    async fn drawn(&self, attempts: &mut Attempts, body: &[u8]) -> Result<Vec<u8>, TryError> {
        let mut address: Option<String> = None;
        loop {
            let Some(limit) = attempts.take() else {
                return Err(TryError::new(WriteErrorKind::TimedOut, false));
            };
            let outcome = match &address {
                None => match attempts.waiting(self.transport.send(Endpoint::Images, body.to_vec(), limit)).await {
                    Ok(answer) => read(answer).await,
                    Err(error) => Err(error),
                },
                Some(address) => match fetchable(address, self.transport.base()) {
                    Ok(url) => attempts.waiting(self.transport.fetch(url, limit)).await.map(Drawn::Bytes),
                    Err(refused) => Err(TryError::new(WriteErrorKind::BadAnswer, false).because(refused)),
                },
            };
            let error = match outcome {
                Ok(Drawn::Address(named)) => {
                    address = Some(named);
                    attempts.renew();
                    continue;
                }
                Ok(Drawn::Bytes(bytes)) if ImageKind::of(&bytes).is_some() => return Ok(bytes),
                Ok(Drawn::Bytes(_)) => {
                    TryError::new(WriteErrorKind::BadAnswer, true).because("the answer is no picture")
                }
                Err(error) => error,
            };
            if !attempts.wait_after(&error).await {
                return Err(error);
            }
        }
    }
}

enum Drawn {
    Bytes(Vec<u8>),
    Address(String),
}

/// The picture in an answer, or its address.
async fn read(answer: ImagesAnswer) -> Result<Drawn, TryError> {
    let empty = || TryError::new(WriteErrorKind::BadAnswer, true).because("the answer holds no picture");
    let image = answer.data.into_iter().next().ok_or_else(empty)?;
    let Some(text) = image.b64_json.filter(|text| !text.is_empty()) else {
        return image.url.filter(|url| !url.is_empty()).map(Drawn::Address).ok_or_else(empty);
    };
    // Megabytes: not on a thread that other requests are waiting for.
    let decoded = tokio::task::spawn_blocking(move || BASE64.decode(text.trim())).await;
    let decoded = decoded.map_err(|e| TryError::new(WriteErrorKind::Internal, false).because(e))?;
    decoded.map(Drawn::Bytes).map_err(|e| TryError::new(WriteErrorKind::BadAnswer, true).because(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_of_models_gets_sizes_that_it_takes() {
        let sizes = |model: &str| {
            let family = Family::of(model);
            [Platform::Instagram, Platform::TikTok, Platform::Website].map(|platform| family.size(platform))
        };
        assert_eq!(sizes("gpt-image-1-mini"), [SQUARE, "1024x1536", "1536x1024"]);
        assert_eq!(sizes("dall-e-3"), [SQUARE, "1024x1792", "1792x1024"]);
        assert_eq!(sizes("dall-e-2"), [SQUARE; 3]);
        assert_eq!(sizes("flux-schnell"), sizes("gpt-image-1"));
        assert!(Family::of("dall-e-2").takes_response_format && !Family::of("gpt-image-1").takes_response_format);
    }
}
