//! What a marketer wants written: the campaign's inputs, parsed once and correct from then on.
//!
//! Knows no wire names: the HTTP layer fills a [`CampaignInput`] from whichever body it was sent. Imports nothing of
//! ours but the cleaners beside it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::clean::one_line;

/// How long an objective or an industry may be, in characters.
pub const MAX_FREE_TEXT_CHARS: usize = 100;
/// How many variants one campaign may ask for.
pub const MAX_VARIANTS: u8 = 10;

/// Declares an enum whose values callers write as text: names, aliases, parsing in any case, and the default.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident $(| $alias:literal)*),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
        pub enum $name { $($(#[$value_doc])* $value),+ }

        impl $name {
            /// Every value, in the order callers are told about them.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];
            /// The values' names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($value)),+];

            /// The value's name, as answers show it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => stringify!($value)),+ }
            }
        }

        impl FromStr for $name {
            type Err = NotAllowed;

            /// Reads a name in any case, with blanks around it allowed.
            fn from_str(text: &str) -> Result<Self, NotAllowed> {
                let text = text.trim();
                $(if [stringify!($value) $(, $alias)*].iter().any(|name| name.eq_ignore_ascii_case(text)) {
                    return Ok(Self::$value);
                })+
                Err(NotAllowed { allowed: Self::NAMES })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

closed_set! {
    /// How close the reader is to buying.
    FunnelStage {
        /// Hears of the offer for the first time.
        #[default]
        Awareness,
        /// Weighs it against others.
        Consideration,
        /// Is about to act.
        Decision,
        /// Has acted, and is to stay.
        Loyalty,
    }
}

closed_set! {
    /// How much the segment reacted to earlier campaigns.
    Engagement {
        /// Regulars: may be addressed as insiders.
        High,
        /// Now and then.
        #[default]
        Moderate,
        /// Silent for a while: to be won back.
        Low,
    }
}

closed_set! {
    /// Where the content will be published.
    Platform {
        /// Captions with emoji and hashtags.
        #[default]
        Instagram,
        /// Conversational posts.
        Facebook,
        /// Professional posts, without emoji.
        LinkedIn,
        /// Short captions below a video.
        TikTok,
        /// A subject line and a body.
        Email,
        /// A headline and short copy.
        Website,
    }
}

closed_set! {
    /// The voice of the text.
    Tone {
        /// Clear and measured.
        Professional,
        /// Bright and quick.
        Fun,
        /// Warm and understanding.
        Empathetic,
        /// As one talks.
        #[default]
        Casual,
        /// Cheeky, with a wink.
        Playful,
    }
}

closed_set! {
    /// What is to be made.
    Output {
        /// Text variants alone.
        Text,
        /// A picture a variant, with the prompt that it was drawn by, and no text.
        Image,
        /// Text variants and a picture for each.
        Both,
        /// An image prompt alone, and nothing drawn.
        ImagePrompt | "image_prompt" | "image prompt",
        /// Text variants and an image prompt, and nothing drawn.
        #[default]
        TextAndPrompt | "text_and_prompt" | "text and prompt",
    }
}

impl Platform {
    /// How many characters the platform accepts in one post; `None` where nothing is cut.
    pub fn max_chars(self) -> Option<usize> {
        match self {
            Self::Instagram => Some(2_200),
            Self::Facebook => Some(63_206),
            Self::LinkedIn => Some(3_000),
            Self::TikTok => Some(2_000),
            Self::Email | Self::Website => None,
        }
    }
}

impl Output {
    /// Whether text variants are wanted.
    pub fn wants_text(self) -> bool {
        matches!(self, Self::Text | Self::Both | Self::TextAndPrompt)
    }

    /// Whether an image prompt is wanted.
    pub fn wants_image_prompt(self) -> bool {
        self != Self::Text
    }

    /// Whether pictures are to be drawn.
    pub fn wants_picture(self) -> bool {
        matches!(self, Self::Image | Self::Both)
    }
}

/// A value outside a closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", allowed.join(", "))]
pub struct NotAllowed {
    /// The names that are accepted, in any case.
    pub allowed: &'static [&'static str],
}

/// One mistake in one input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct FieldError {
    /// The field of [`CampaignInput`] that it is about.
    pub field: &'static str,
    /// What to change, as the end of a sentence that starts with the field.
    pub message: String,
    /// The accepted names where the field is a closed set; else empty.
    pub allowed: &'static [&'static str],
}

/// The inputs as a caller sent them; `None` and empty text both mean "not given".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CampaignInput {
    /// What the campaign is for, in the marketer's words.
    pub objective: Option<String>,
    /// The trade, in the marketer's words.
    pub industry: Option<String>,
    /// A [`FunnelStage`].
    pub funnel_stage: Option<String>,
    /// An [`Engagement`].
    pub past_engagement: Option<String>,
    /// A [`Platform`].
    pub platform: Option<String>,
    /// A [`Tone`].
    pub tone: Option<String>,
    /// An [`Output`].
    pub output: Option<String>,
    /// 1 to [`MAX_VARIANTS`].
    pub n_variants: Option<i64>,
}

/// What a marketer wants written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Campaign {
    objective: String,
    industry: String,
    funnel_stage: FunnelStage,
    past_engagement: Engagement,
    platform: Platform,
    tone: Tone,
    output: Output,
    n_variants: u8,
}

impl Default for Campaign {
    /// What empty inputs mean.
    fn default() -> Self {
        Self {
            objective: String::new(),
            industry: String::new(),
            funnel_stage: FunnelStage::default(),
            past_engagement: Engagement::default(),
            platform: Platform::default(),
            tone: Tone::default(),
            output: Output::default(),
            n_variants: 1,
        }
    }
}

impl Campaign {
    /// Checks every input and fills in the defaults (the `Default` of each set, one variant).
    ///
    /// # Errors
    /// One entry a mistake, all of them at once: a value outside its set, free text of more than
    /// [`MAX_FREE_TEXT_CHARS`] characters, a number of variants outside 1 to [`MAX_VARIANTS`].
    pub fn check(input: &CampaignInput) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let campaign = Self {
            objective: free_text("objective", input.objective.as_deref(), &mut errors),
            industry: free_text("industry", input.industry.as_deref(), &mut errors),
            funnel_stage: chosen("funnel_stage", input.funnel_stage.as_deref(), &mut errors),
            past_engagement: chosen("past_engagement", input.past_engagement.as_deref(), &mut errors),
            platform: chosen("platform", input.platform.as_deref(), &mut errors),
            tone: chosen("tone", input.tone.as_deref(), &mut errors),
            output: chosen("output", input.output.as_deref(), &mut errors),
            n_variants: counted(input.n_variants, &mut errors),
        };
        if errors.is_empty() { Ok(campaign) } else { Err(errors) }
    }

    /// What the campaign is for, in the marketer's words; may be empty.
    pub fn objective(&self) -> &str {
        &self.objective
    }

    /// The trade, in the marketer's words; may be empty.
    pub fn industry(&self) -> &str {
        &self.industry
    }

    /// How close the reader is to buying.
    pub fn funnel_stage(&self) -> FunnelStage {
        self.funnel_stage
    }

    /// How much the segment reacted to earlier campaigns.
    pub fn past_engagement(&self) -> Engagement {
        self.past_engagement
    }

    /// Where the content will be published.
    pub fn platform(&self) -> Platform {
        self.platform
    }

    /// The voice of the text.
    pub fn tone(&self) -> Tone {
        self.tone
    }

    /// What is to be written.
    pub fn output(&self) -> Output {
        self.output
    }

    /// How many text variants, 1 to [`MAX_VARIANTS`].
    pub fn n_variants(&self) -> usize {
        usize::from(self.n_variants)
    }
}

fn free_text(field: &'static str, text: Option<&str>, errors: &mut Vec<FieldError>) -> String {
    let line = one_line(text.unwrap_or_default(), MAX_FREE_TEXT_CHARS + 1);
    if line.chars().count() > MAX_FREE_TEXT_CHARS {
        let message = format!("must be at most {MAX_FREE_TEXT_CHARS} characters long");
        errors.push(FieldError { field, message, allowed: &[] });
    }
    line
}

fn chosen<T>(field: &'static str, text: Option<&str>, errors: &mut Vec<FieldError>) -> T
where
    T: FromStr<Err = NotAllowed> + Default,
{
    match text.map(str::trim) {
        None | Some("") => T::default(),
        Some(text) => text.parse().unwrap_or_else(|e: NotAllowed| {
            errors.push(FieldError { field, message: e.to_string(), allowed: e.allowed });
            T::default()
        }),
    }
}

fn counted(n_variants: Option<i64>, errors: &mut Vec<FieldError>) -> u8 {
    match n_variants.map(u8::try_from) {
        None => 1,
        Some(Ok(n @ 1..=MAX_VARIANTS)) => n,
        Some(_) => {
            let message = format!("must be a whole number from 1 to {MAX_VARIANTS}");
            errors.push(FieldError { field: "n_variants", message, allowed: &[] });
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        let empty = CampaignInput { platform: some(""), tone: some("  "), ..CampaignInput::default() };
        let campaign = Campaign::check(&empty).unwrap();
        assert_eq!((campaign.platform(), campaign.tone()), (Platform::Instagram, Tone::Casual));
        assert_eq!((campaign.output(), campaign.n_variants()), (Output::TextAndPrompt, 1));
        assert_eq!(campaign, Campaign::default());
    }

    #[test]
    fn names_are_read_in_any_case_and_by_the_written_api_s_spelling() {
        assert_eq!(" linkedin ".parse(), Ok(Platform::LinkedIn));
        assert_eq!("image_prompt".parse(), Ok(Output::ImagePrompt));
        assert_eq!("Text_And_Prompt".parse(), Ok(Output::TextAndPrompt));
    }

    #[test]
    fn pictures_are_drawn_only_where_one_is_asked_for() {
        let wanted = |output: &Output| (output.wants_text(), output.wants_image_prompt(), output.wants_picture());
        let all: Vec<_> = Output::ALL.iter().map(wanted).collect();
        let (text, image, both) = ((true, false, false), (false, true, true), (true, true, true));
        assert_eq!(all, [text, image, both, (false, true, false), (true, true, false)]);
    }

    #[test]
    fn every_mistake_is_reported_at_once_with_the_allowed_values() {
        let wrong = CampaignInput {
            objective: Some("x".repeat(101)),
            tone: some("angry"),
            past_engagement: some("none"),
            n_variants: Some(11),
            ..CampaignInput::default()
        };
        let errors = Campaign::check(&wrong).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|e| e.field).collect();
        assert_eq!(fields, ["objective", "past_engagement", "tone", "n_variants"]);
        assert_eq!(errors[1].allowed, ["High", "Moderate", "Low"]);
        assert_eq!(errors[2].message, "must be one of Professional, Fun, Empathetic, Casual, Playful");
    }

    #[test]
    fn free_text_becomes_one_line_without_control_characters() {
        let input = CampaignInput { objective: some("sell\r\nmore\u{7} tea"), ..CampaignInput::default() };
        assert_eq!(Campaign::check(&input).unwrap().objective(), "sell more tea");
    }
}
