//! What each text of an answer is known by once it is out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::content::{Content, WrittenFor};

/// What one variant of a text is known by: its id, and the same as tags of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tracking {
    /// Which variant, counted from 1; the `variant` of the customers who are to get it.
    #[schema(example = 1)]
    pub variant: usize,
    /// Follows from the text and from whom it is for: the model version, the segment and the platform. Nothing of a
    /// customer is in it. Texts for the same segment and platform have the same first part.
    #[schema(example = "cgw0v8zdp-3yhwxwpf")]
    pub content_id: String,
    /// To be put behind the `?` of a link in the text.
    #[schema(
        example = "utm_source=instagram&utm_medium=social&utm_campaign=more-visits&utm_content=cgw0v8zdp-3yhwxwpf"
    )]
    pub utm: String,
}

impl Tracking {
    /// Of each text; of what was drawn where there is no text.
    pub fn of(content: &Content, written_for: &WrittenFor<'_>) -> Vec<Self> {
        let drawn = content.image_prompt.iter().filter(|_| content.variants.is_empty());
        let texts = (1..).zip(content.variants.iter().chain(drawn));
        let of = |(variant, text): (usize, &String)| {
            let id = written_for.content_id(text);
            Self { variant, utm: written_for.utm(&id), content_id: id.as_str().to_owned() }
        };
        texts.map(of).collect()
    }
}
