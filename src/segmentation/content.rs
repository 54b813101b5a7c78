//! What a caller reads of one brief: the texts and pictures, or why there are none.

use serde::Serialize;
use utoipa::ToSchema;

use super::regenerate::Regenerate;
use super::tracking::Tracking;
use crate::content::{Content, ImageName, Pictures, WriteError, Written, WrittenFor, each_picture};
use crate::customer::Note;

/// What was written for a segment, or why nothing was.
#[derive(Serialize, ToSchema)]
#[schema(as = SegmentContent)]
#[serde(untagged)]
pub enum ContentAnswer<'a> {
    /// What was written.
    Written(Box<WrittenAnswer<'a>>),
    /// Why nothing was, and how to have it written again.
    Failed {
        /// Which step failed, and what to do.
        error: ContentErrorAnswer,
        /// The request that writes the segment once more.
        regenerate: Box<Regenerate<'a>>,
    },
}

/// What a writer wrote, with how it came to be.
#[derive(Serialize, ToSchema)]
#[schema(as = Content)]
pub struct WrittenAnswer<'a> {
    /// The first variant; absent where only an image was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Fresh bread at nine, and a seat by the window.")]
    text: Option<&'a str>,
    /// What to draw; absent where only text was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "A sunlit bakery counter in the morning. …")]
    image_prompt: Option<&'a str>,
    /// At most seven words for the picture, beside every image prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Warm bread, slow mornings")]
    slogan: Option<&'a str>,
    /// As many texts as were asked for.
    #[schema(example = json!(["Fresh bread at nine, and a seat by the window."]))]
    variants: &'a [String],
    /// What each of them is known by, in the same order; where only an image was asked for, what was drawn.
    tracking: Vec<Tracking>,
    /// The addresses of the pictures, one a variant, where pictures were asked for. Beside `image_error` one that is
    /// not there is an empty text.
    #[schema(example = json!(["http://localhost:5000/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.png"]))]
    images: Vec<String>,
    /// The first of them that is there.
    #[schema(
        example = "http://localhost:5000/images/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.png"
    )]
    image_url: Option<String>,
    /// Why a picture that was asked for is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_error: Option<ContentErrorAnswer>,
    /// The request that writes and draws all of it once more, beside `image_error` in an upload's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    regenerate: Option<Box<Regenerate<'a>>>,
    /// The prompt; for the offline writer the one that a model would have been sent.
    #[schema(example = "# Role\nYou are a senior copywriter. …")]
    prompt_used: &'a str,
    /// SHA-256 of the prompt templates, in hexadecimal.
    #[schema(example = "3c59dc048e8850243be8079a5c74d079f6b1f3f2b8c8b3b1f6b1f3f2b8c8b3b1")]
    prompt_hash: &'a str,
    /// The model that wrote, as it names itself; `offline` for the offline writer.
    #[schema(example = "gpt-4o-mini-2024-07-18")]
    model: &'a str,
    /// The model that drew, where pictures were drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "gpt-image-1")]
    image_model: Option<&'a str>,
    tokens: TokensAnswer,
    /// Estimated, in US dollars, pictures included; null where a model's price is not known.
    #[schema(required, example = 0.00021)]
    cost_usd: Option<f64>,
    flags: FlagsAnswer<'a>,
    /// What the offline writer did not understand or left out.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [Note],
}

/// Tokens as the upstream counts them.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub struct TokensAnswer {
    /// Read by the model.
    #[schema(example = 1043)]
    prompt: u64,
    /// Written by the model.
    #[schema(example = 187)]
    completion: u64,
}

/// What a reader should know about how content came to be.
#[derive(Serialize, ToSchema)]
#[schema(as = Flags)]
pub struct FlagsAnswer<'a> {
    /// Written by the offline writer.
    #[schema(example = false)]
    is_offline: bool,
    /// Something was too long for its place and was cut.
    #[schema(example = false)]
    is_trimmed: bool,
    /// The first answer was faulty and the model was asked to mend it.
    #[schema(example = false)]
    is_repaired: bool,
    /// The server takes no JSON schema: it was asked for a JSON object, or for JSON in the prompt alone.
    #[schema(example = false)]
    is_unstructured: bool,
    /// The offline writer left the special offer out; `left_out` says why.
    #[schema(example = false)]
    is_without_offer: bool,
    /// What was left out and why, in a sentence; absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The special offer was left out: it holds a tag of HTML. Write it as plain text.")]
    left_out: Option<&'a str>,
}

/// Which step of writing failed, and what to do.
#[derive(Serialize, ToSchema)]
#[schema(as = ContentError)]
pub struct ContentErrorAnswer {
    /// The step that failed.
    #[schema(example = "asking the writer")]
    step: String,
    /// What happened, for programs: the code that a problem about the writer carries.
    #[schema(example = "writer_timed_out")]
    code: &'static str,
    /// What happened, and what to do.
    #[schema(example = "The writer did not answer in time; please try again.")]
    message: String,
}

/// The public address of an image.
pub type AddressOf<'a> = dyn Fn(&ImageName) -> String + Sync + 'a;

impl<'a> ContentAnswer<'a> {
    pub(super) fn new(
        written: &'a Written,
        written_for: &WrittenFor<'_>,
        address_of: &AddressOf<'_>,
        regenerate: impl FnOnce() -> Regenerate<'a>,
    ) -> Self {
        let content = match &written.content {
            Ok(content) => content,
            Err(error) => {
                return Self::Failed { error: ContentErrorAnswer::new(error), regenerate: Box::new(regenerate()) };
            }
        };
        let pictures = written.pictures.as_ref();
        let images = pictures.map(each_picture).unwrap_or_default().into_iter();
        let images = images.map(|name| name.map(address_of).unwrap_or_default()).collect();
        let mut answer = WrittenAnswer::new(content, written_for, pictures, images);
        answer.regenerate = answer.image_error.is_some().then(|| Box::new(regenerate()));
        Self::Written(Box::new(answer))
    }
}

impl<'a> WrittenAnswer<'a> {
    /// The answer without its notes, where it stands beside others that hold them.
    #[must_use]
    pub fn without_notes(self) -> Self {
        Self { notes: &[], ..self }
    }

    /// The answer for `content` and what became of the pictures beside it, which are at the addresses `images`; one
    /// that is not there has an empty address.
    pub fn new(
        content: &'a Content,
        written_for: &WrittenFor<'_>,
        pictures: Option<&'a Result<Pictures, WriteError>>,
        images: Vec<String>,
    ) -> Self {
        let flags = content.flags;
        let drawing_cost = pictures.map_or(Some(0.0), |pictures| match pictures {
            Ok(pictures) => pictures.spent.cost_usd,
            Err(error) => error.spent.cost_usd,
        });
        Self {
            text: content.variants.first().map(String::as_str),
            image_prompt: content.image_prompt.as_deref(),
            slogan: content.slogan.as_deref(),
            variants: &content.variants,
            tracking: Tracking::of(content, written_for),
            image_url: images.iter().find(|image| !image.is_empty()).cloned(),
            images,
            image_error: pictures.and_then(|pictures| pictures.as_ref().err()).map(ContentErrorAnswer::new),
            regenerate: None,
            prompt_used: &content.prompt_used,
            prompt_hash: &content.prompt_hash,
            model: &content.model,
            image_model: pictures.and_then(|pictures| pictures.as_ref().ok()).map(|pictures| pictures.model.as_str()),
            tokens: TokensAnswer { prompt: content.spent.tokens.prompt, completion: content.spent.tokens.completion },
            cost_usd: content.spent.cost_usd.zip(drawing_cost).map(|(writing, drawing)| writing + drawing),
            flags: FlagsAnswer {
                is_offline: flags.is_offline,
                is_trimmed: flags.is_trimmed,
                is_repaired: flags.is_repaired,
                is_unstructured: flags.is_unstructured,
                is_without_offer: content.offer_left_out().is_some(),
                left_out: content.offer_left_out(),
            },
            notes: &content.notes,
        }
    }
}

impl ContentErrorAnswer {
    pub(super) fn new(error: &WriteError) -> Self {
        Self { step: error.step.to_string(), code: error.kind.code(), message: error.caller_sentence().into_owned() }
    }
}
