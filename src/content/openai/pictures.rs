//! Pictures from the images API: one call a picture, side by side, each checked and stored as it arrives.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::clean::trim_at_sentence;
use super::super::images::ImageKind;
use super::super::{Content, ImageName, ImageStore, Pictures, Platform, Spent, WriteError, WriteErrorKind, WriteStep};
use super::address::fetchable;
use super::retry::Attempts;
use super::transport::{Endpoint, TryError};
use super::{Call, Openai, Task, paused};

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

/// One picture on its way.
struct Sitting<'a> {
    openai: &'a Openai,
    body: &'a [u8],
    /// The price of one picture, where it is known.
    price_usd: Option<f64>,
    attempts: Attempts,
    /// How many pictures the server answered with, of use or not.
    n_paid: usize,
    has_one_failed: &'a AtomicBool,
}

/// What became of one picture.
struct Ended {
    variant: usize,
    outcome: Result<ImageName, WriteError>,
    n_paid: usize,
    waited: Duration,
}

/// A picture as the server gives it.
enum Answered {
    Base64(String),
    Address(String),
}

/// A picture that has arrived, or where it lies.
enum Drawn {
    Bytes(Vec<u8>),
    Address(String),
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

/// How many answers without a picture that can be read end the tries: each may have been paid for.
const MAX_UNREADABLE: u32 = 2;
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
    /// Draws one picture a variant and stores them. Once one has failed the others end the call that they are in, because
    /// it is charged in any case, and begin no other.
    pub(in crate::content) async fn draw(
        &self,
        task: &Task<'_>,
        content: &Content,
        store: &ImageStore,
    ) -> Result<Pictures, WriteError> {
        let body = self.picture_request(task, content)?;
        let price_usd = task.prices.of_pictures(self.image_model(), 1);
        let has_one_failed = AtomicBool::new(false);
        let drawing: FuturesUnordered<_> = (0..task.campaign.n_variants())
            .map(|variant| {
                let attempts = Attempts::start(&self.config, task.deadline);
                let (body, has_one_failed) = (&body, &has_one_failed);
                let sitting = Sitting { openai: self, body, price_usd, attempts, n_paid: 0, has_one_failed };
                sitting.into_stored(variant, store)
            })
            .collect();
        // In the order of completion: the first failure is the one to tell.
        let ended: Vec<Ended> = drawing.collect().await;
        let waited = ended.iter().map(|one| one.waited).max().unwrap_or_default();
        let n_paid = ended.iter().map(|one| one.n_paid).sum();
        let model = self.image_model().to_owned();
        let spent = Spent { cost_usd: task.prices.of_pictures(&model, n_paid), ..Spent::NOTHING };
        let n_drawn = ended.iter().filter(|one| one.outcome.is_ok()).count();
        let images = ended.into_iter().map(|one| one.outcome.map(|name| (one.variant, name)));
        let images = images.collect::<Result<BTreeMap<_, _>, _>>();
        let images = images.map_err(|error| WriteError { n_drawn, ..error.after(waited, spent) })?;
        Ok(Pictures { images: images.into_values().collect(), model, spent, waited })
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
}

impl Sitting<'_> {
    /// Draws the picture and stores it, however many tries that takes.
    async fn into_stored(mut self, variant: usize, store: &ImageStore) -> Ended {
        let outcome = match self.drawn().await {
            Ok(bytes) => stored(bytes, store.clone()).await,
            Err(error) => Err(error.at(WriteStep::Draw)),
        };
        if outcome.is_err() {
            self.has_one_failed.store(true, Ordering::Relaxed);
        }
        Ended { variant, outcome, n_paid: self.n_paid, waited: self.attempts.waited() }
    }

    /// The bytes of the picture: asked for, and fetched where the answer is an address. Each of the two has its own
    /// tries, because a picture that was paid for should not be drawn twice.
    async fn drawn(&mut self) -> Result<Vec<u8>, TryError> {
        let mut address: Option<String> = None;
        let mut n_unreadable = 0;
        loop {
            let error = match self.once(address.as_deref()).await {
                Ok(Drawn::Address(named)) => {
                    address = Some(named);
                    self.attempts.renew();
                    continue;
                }
                Ok(Drawn::Bytes(bytes)) if ImageKind::of(&bytes).is_some() => return Ok(bytes),
                Ok(Drawn::Bytes(_)) => {
                    TryError::new(WriteErrorKind::BadAnswer, true).because("the answer is no picture")
                }
                Err(error) => error,
            };
            // Both kinds come from answers that were a success to the server.
            if address.is_none() && matches!(error.kind, WriteErrorKind::BadAnswer | WriteErrorKind::CutOff) {
                n_unreadable += 1;
            }
            let is_paused = address.is_none() && self.openai.pictures.is_paused(Instant::now());
            let is_over = n_unreadable >= MAX_UNREADABLE || is_paused || self.is_given_up();
            if is_over || !self.attempts.wait_after(&error).await || self.is_given_up() {
                return Err(error);
            }
        }
    }

    /// One call: for the picture, or for what lies at the address that it was given.
    async fn once(&mut self, address: Option<&str>) -> Result<Drawn, TryError> {
        let transport = &self.openai.transport;
        let no_time = || TryError::new(WriteErrorKind::TimedOut, false);
        if let Some(address) = address {
            let limit = self.attempts.take().ok_or_else(no_time)?;
            let url = fetchable(address, transport.base())
                .map_err(|refused| TryError::new(WriteErrorKind::BadAnswer, false).because(refused))?;
            return self.attempts.waiting(transport.fetch(url, limit)).await.map(Drawn::Bytes);
        }
        let pass = self.openai.pictures.admit(Instant::now()).map_err(paused)?;
        let limit = self.attempts.take().ok_or_else(no_time)?;
        let (body, worst_usd) = (self.body.to_vec(), self.price_usd);
        let call = Call { pass, endpoint: Endpoint::Images, body, limit, worst_usd };
        // An answer without a picture may have been charged all the same.
        let answer: ImagesAnswer = self.attempts.waiting(self.openai.call(call, |_| worst_usd)).await?;
        let image = answer.data.into_iter().next().and_then(ImageAnswer::drawn);
        let image = image
            .ok_or_else(|| TryError::new(WriteErrorKind::BadAnswer, true).because("the answer holds no picture"))?;
        self.n_paid += 1;
        match image {
            Answered::Address(address) => Ok(Drawn::Address(address)),
            Answered::Base64(text) => decoded(text).await.map(Drawn::Bytes),
        }
    }

    fn is_given_up(&self) -> bool {
        self.has_one_failed.load(Ordering::Relaxed)
    }
}

impl ImageAnswer {
    /// What the answer holds of a picture, if anything; an address may hold the picture itself (RFC 2397).
    fn drawn(self) -> Option<Answered> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let url =
            || given(self.url).map(|url| if is_data(&url) { Answered::Base64(url) } else { Answered::Address(url) });
        given(self.b64_json).map(Answered::Base64).or_else(url)
    }
}

fn is_data(text: &str) -> bool {
    text.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// The bytes of base64, which may be in lines and behind `data:image/png;base64,`.
async fn decoded(text: String) -> Result<Vec<u8>, TryError> {
    // Megabytes: not on a thread that other requests are waiting for.
    let decoding = tokio::task::spawn_blocking(move || {
        let base64 = if is_data(&text) { text.split_once(',').map_or("", |(_, data)| data) } else { text.as_str() };
        let base64: Vec<u8> = base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64.decode(base64)
    });
    let decoded = decoding.await.map_err(|e| TryError::new(WriteErrorKind::Internal, false).because(e))?;
    decoded.map_err(|e| TryError::new(WriteErrorKind::BadAnswer, true).because(e))
}

async fn stored(bytes: Vec<u8>, store: ImageStore) -> Result<ImageName, WriteError> {
    let failed = |kind| WriteError::new(WriteStep::Draw, kind);
    let stored = tokio::task::spawn_blocking(move || store.put(&bytes)).await;
    let stored = stored.map_err(|e| failed(WriteErrorKind::Internal).with_source(e))?;
    stored.map_err(|e| failed(WriteErrorKind::Storage).with_source(e))
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
