//! A writer's input and output, as plain values.

use std::time::Duration;

use super::note_codes::OFFER_LEFT_OUT;
use super::{Audience, Campaign, ImageName, Spent, WriteError, WriteErrorKind};
use crate::customer::Note;

/// What is to be written, and for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Brief {
    /// For whom.
    pub audience: Audience,
    /// What.
    pub campaign: Campaign,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// As many texts as the campaign asks for; none where it wants only an image.
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
    /// What every call that led to this content spent, repairs included.
    pub spent: Spent,
    /// How long the writer's server was waited for, retries' pauses included; zero for the offline writer.
    pub waited: Duration,
    /// What a reader should know about how it came to be.
    pub flags: Flags,
    /// What the offline writer did not understand or left out, as sentences.
    pub notes: Vec<Note>,
}

/// The pictures of one brief.
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    /// One a variant, in their order; each is in the writer's [`ImageStore`](super::ImageStore).
    pub images: Vec<ImageName>,
    /// The configured image model; `offline` for the offline writer.
    pub model: String,
    /// What was spent on them, and on those that the server drew before and that could not be read.
    pub spent: Spent,
    /// How long the writer's server was waited for; pictures are drawn side by side, so this is the longest wait.
    pub waited: Duration,
}

/// The pictures that were asked for, one a variant; `None` for one that is not there.
pub fn each_picture(pictures: &Result<Pictures, WriteError>) -> Vec<Option<&ImageName>> {
    match pictures {
        Ok(pictures) => pictures.images.iter().map(Some).collect(),
        Err(error) => {
            let mut images = vec![None; error.drawn.len() + error.n_failed];
            for (variant, name) in &error.drawn {
                if let Some(image) = images.get_mut(*variant) {
                    *image = Some(name);
                }
            }
            images
        }
    }
}

/// What became of one brief.
#[derive(Debug)]
pub struct Written {
    /// The texts, or why there are none.
    pub content: Result<Content, WriteError>,
    /// The pictures, or why there are none; `None` where none were asked for, or the texts failed.
    pub pictures: Option<Result<Pictures, WriteError>>,
}

impl Written {
    /// Whether something of it only found the budget held by calls under way: the texts, which cost nothing then, or
    /// pictures beside texts that are there.
    pub(super) fn is_held(&self) -> bool {
        let is_held = |error: &WriteError| error.kind == WriteErrorKind::Held;
        match (&self.content, &self.pictures) {
            (Err(error), _) => is_held(error) && error.spent == Spent::NOTHING,
            (Ok(_), Some(Err(error))) => is_held(error),
            (Ok(_), _) => false,
        }
    }
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
    /// The server takes no JSON schema: it was asked for a JSON object, or for JSON in the prompt alone.
    pub is_unstructured: bool,
}

impl Content {
    /// Why no text has the special offer, in a sentence; `None` where the texts have it, or there was none.
    pub fn offer_left_out(&self) -> Option<&str> {
        let note = self.notes.iter().find(|note| note.is(OFFER_LEFT_OUT))?;
        Some(&note.sentence)
    }
}
