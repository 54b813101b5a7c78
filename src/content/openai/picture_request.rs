//! A request for a picture: the fields that a family of image models takes, and what a refusal changes.
//!
//! All servers take `model` and `prompt`. A refused size is replaced by one that the server names, and an unknown field
//! is left out.

use serde::Serialize;

use super::super::Platform;
use super::super::prices::PictureKind;
use super::super::upstream::failure::Failure;
use super::super::upstream::learned::Refusals;
use super::super::upstream::mention::{self, Place};

/// The body of one call.
#[derive(Serialize)]
pub(super) struct PictureRequest<'a> {
    pub(super) model: &'a str,
    pub(super) prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) n: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_format: Option<&'static str>,
}

/// What a family of image models takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    portrait: Size,
    landscape: Size,
    /// How long a prompt may be, in characters.
    pub(super) max_prompt_chars: usize,
    /// The quality to ask for: a server that may choose it may draw one that costs six times as much. `None` where
    /// there is one quality, and where it is not known what the model takes.
    quality: Option<&'static str>,
    /// Whether it answers with addresses unless it is asked for bytes; the others refuse to be asked.
    pub(super) takes_response_format: bool,
}

/// Width and height, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    width: u32,
    height: u32,
}

/// The optional parts of a request for a picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PictureDialect {
    sizes: Sizes,
    /// Whether `n` is refused.
    leaves_out_n: bool,
    /// Whether `quality` is refused.
    leaves_out_quality: bool,
    /// Whether `response_format` is refused.
    leaves_out_format: bool,
}

/// Which sizes may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Sizes {
    /// The family's own.
    #[default]
    OfFamily,
    /// The square alone.
    Square,
    /// Those that the server named.
    Named(Vec<Size>),
    /// None: the server decides.
    LeftOut,
}

const SQUARE: Size = Size { width: 1_024, height: 1_024 };
/// How servers say that there is no such field.
const UNKNOWN: [&str; 9] = [
    "argument not supported",
    "unsupported parameter",
    "unknown",
    "unrecognized",
    "unexpected",
    "not permitted",
    "extra_forbidden",
    "no such field",
    "not allowed",
];
/// Plausible sides of a picture, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 64..=8_192;

impl Size {
    /// As the API has it.
    fn text(self) -> String {
        format!("{}x{}", self.width, self.height)
    }

    /// The distance of two sizes: first in their proportions, then in their area.
    fn distance(self, other: Self) -> (f64, f64) {
        let [one, two] = [self, other].map(|size| (f64::from(size.width), f64::from(size.height)));
        let proportions = (one.0 / one.1).ln() - (two.0 / two.1).ln();
        let area = (one.0 * one.1).ln() - (two.0 * two.1).ln();
        (proportions.abs(), area.abs())
    }
}

impl Family {
    /// By OpenAI's reference of `POST /images/generations`; models that are not OpenAI's are taken to follow its
    /// newest.
    pub(super) fn of(model: &str) -> Self {
        let sizes = |long| (Size { width: 1_024, height: long }, Size { width: long, height: 1_024 });
        let family = |(portrait, landscape), max_prompt_chars, quality, takes_response_format| Self {
            portrait,
            landscape,
            max_prompt_chars,
            quality,
            takes_response_format,
        };
        if model.starts_with("dall-e-2") {
            family((SQUARE, SQUARE), 1_000, None, true)
        } else if model.starts_with("dall-e") {
            family(sizes(1_792), 4_000, Some("standard"), true)
        } else {
            let quality = model.contains("gpt-image").then_some("medium");
            family(sizes(1_536), 32_000, quality, false)
        }
    }

    fn size(self, platform: Platform) -> Size {
        match platform {
            Platform::TikTok => self.portrait,
            Platform::Website => self.landscape,
            Platform::Instagram | Platform::Facebook | Platform::LinkedIn | Platform::Email => SQUARE,
        }
    }
}

impl Refusals for PictureDialect {
    fn and(self, other: Self) -> Self {
        Self {
            sizes: self.sizes.max(other.sizes),
            leaves_out_n: self.leaves_out_n || other.leaves_out_n,
            leaves_out_quality: self.leaves_out_quality || other.leaves_out_quality,
            leaves_out_format: self.leaves_out_format || other.leaves_out_format,
        }
    }
}

impl PictureDialect {
    /// The request for one picture on `platform`.
    pub(super) fn request<'a>(&self, model: &'a str, prompt: &'a str, platform: Platform) -> PictureRequest<'a> {
        let family = Family::of(model);
        let asks_for_bytes = family.takes_response_format && !self.leaves_out_format;
        PictureRequest {
            model,
            prompt,
            n: (!self.leaves_out_n).then_some(1),
            size: self.size(family, platform).map(Size::text),
            quality: self.quality(family),
            response_format: asks_for_bytes.then_some("b64_json"),
        }
    }

    /// What the price of such a picture depends on.
    pub(super) fn kind(&self, model: &str, platform: Platform) -> PictureKind {
        let family = Family::of(model);
        match self.size(family, platform) {
            Some(_) if self.quality(family) != family.quality => PictureKind::Any,
            Some(size) if size.width == size.height => PictureKind::Square,
            Some(_) => PictureKind::Oblong,
            None => PictureKind::Any,
        }
    }

    fn quality(&self, family: Family) -> Option<&'static str> {
        family.quality.filter(|_| !self.leaves_out_quality)
    }

    fn size(&self, family: Family, platform: Platform) -> Option<Size> {
        let wanted = family.size(platform);
        match &self.sizes {
            Sizes::OfFamily => Some(wanted),
            Sizes::Square => Some(SQUARE),
            Sizes::Named(sizes) => {
                let nearest = |a: &&Size, b: &&Size| {
                    let [(a_shape, a_area), (b_shape, b_area)] = [a, b].map(|size| size.distance(wanted));
                    a_shape.total_cmp(&b_shape).then(a_area.total_cmp(&b_area))
                };
                sizes.iter().min_by(nearest).copied()
            }
            Sizes::LeftOut => None,
        }
    }

    /// What to send after `failure` refused a request of this dialect for `platform`. `None` where the failure is not
    /// about a field that can be changed.
    pub(super) fn after(&self, failure: &Failure, model: &str, platform: Platform) -> Option<Self> {
        if !matches!(failure.status(), 400 | 404 | 405 | 415 | 422 | 500 | 501) || failure.forbids_content() {
            return None;
        }
        let sent = self.request(model, "", platform);
        let size = sent.size.as_deref();
        let of_size = mention::of_word(failure, &["size", "image_size"]).into_iter();
        let of_size = of_size.chain(size.and_then(|size| mention::of_phrase(failure, &[size]))).min();
        let is_sent = |has_field: bool, lesson: Self| has_field.then_some(lesson);
        let other_size = Self { sizes: self.sizes_after(failure, model, platform), ..self.clone() };
        let lessons: [(Option<Place>, Option<Self>); 4] = [
            (of_size, is_sent(size.is_some(), other_size)),
            (mention::of_quoted(failure, "n"), is_sent(sent.n.is_some(), Self { leaves_out_n: true, ..self.clone() })),
            (
                // Prompts say "high-quality", and some servers repeat them.
                mention::of_quoted(failure, "quality"),
                is_sent(sent.quality.is_some(), Self { leaves_out_quality: true, ..self.clone() }),
            ),
            (
                mention::of_word(failure, &["response_format"]),
                is_sent(sent.response_format.is_some(), Self { leaves_out_format: true, ..self.clone() }),
            ),
        ];
        let mentioned = lessons.into_iter().filter_map(|(place, lesson)| Some((place?, lesson)));
        mentioned.min_by_key(|&(place, _)| place).and_then(|(_, lesson)| lesson)
    }

    /// The sizes that the server names besides the refused one; else the square, else none.
    fn sizes_after(&self, failure: &Failure, model: &str, platform: Platform) -> Sizes {
        let refused = self.size(Family::of(model), platform);
        let mut named: Vec<Size> = failure.words().flat_map(sizes_in).filter(|&size| Some(size) != refused).collect();
        named.sort_unstable();
        named.dedup();
        match self.sizes {
            Sizes::OfFamily | Sizes::Square if !named.is_empty() => Sizes::Named(named),
            Sizes::OfFamily if refused != Some(SQUARE) && !failure.says(&UNKNOWN) => Sizes::Square,
            Sizes::OfFamily | Sizes::Square | Sizes::Named(_) | Sizes::LeftOut => Sizes::LeftOut,
        }
    }
}

/// The sizes in a text, such as `256x256`.
fn sizes_in(text: &str) -> Vec<Size> {
    let side = |digits: &str| digits.parse().ok().filter(|side| SIDES.contains(side));
    let size = |word: &str| {
        let (width, height) = word.split_once(['x', '\u{d7}', '*'])?;
        Some(Size { width: side(width)?, height: side(height)? })
    };
    text.split(|c: char| !(c.is_ascii_digit() || matches!(c, 'x' | '\u{d7}' | '*'))).filter_map(size).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn after(dialect: &PictureDialect, platform: Platform, text: &str) -> Option<PictureDialect> {
        let body = json!({ "error": { "message": text } }).to_string();
        dialect.after(&Failure::read(400, body.as_bytes()), "dall-e-3", platform)
    }

    fn sent(dialect: &PictureDialect, platform: Platform) -> Value {
        serde_json::to_value(dialect.request("dall-e-3", "p", platform)).unwrap()
    }

    #[test]
    fn each_family_of_models_gets_sizes_that_it_takes() {
        let sizes = |model: &str| {
            let family = Family::of(model);
            [Platform::Instagram, Platform::TikTok, Platform::Website].map(|platform| family.size(platform).text())
        };
        assert_eq!(sizes("gpt-image-1-mini"), ["1024x1024", "1024x1536", "1536x1024"]);
        assert_eq!(sizes("dall-e-3"), ["1024x1024", "1024x1792", "1792x1024"]);
        assert_eq!(sizes("dall-e-2"), ["1024x1024"; 3]);
        assert_eq!(sizes("flux-schnell"), sizes("gpt-image-1"));
        assert!(Family::of("dall-e-2").takes_response_format && !Family::of("gpt-image-1").takes_response_format);
    }

    #[test]
    fn a_prompt_that_is_repeated_takes_no_quality_out() {
        let refused = |text: &str| {
            let body = json!({ "error": { "message": text } }).to_string();
            let failure = Failure::read(400, body.as_bytes());
            PictureDialect::default().after(&failure, "gpt-image-1", Platform::Email).is_some()
        };
        assert!(!refused("Blocked by guardrail: A high-quality photo of a coat, best quality"));
        assert!(refused("quality: Unrecognized key") && refused("Argument not supported: quality"));
    }

    #[test]
    fn a_model_that_may_draw_dearer_pictures_is_asked_for_the_quality_that_is_priced() {
        let asked = |model: &str, dialect: &PictureDialect| {
            let kinds = [Platform::Email, Platform::TikTok].map(|platform| dialect.kind(model, platform));
            (dialect.request(model, "p", Platform::Email).quality, kinds)
        };
        let of_sizes = [PictureKind::Square, PictureKind::Oblong];
        let usual = PictureDialect::default();
        for model in ["gpt-image-1", "openai/gpt-image-1-mini", "gpt-image-2"] {
            assert_eq!(asked(model, &usual), (Some("medium"), of_sizes), "{model}");
        }
        assert_eq!(asked("dall-e-3", &usual), (Some("standard"), of_sizes));
        assert_eq!(asked("dall-e-2", &usual), (None, [PictureKind::Square; 2]));
        assert_eq!(asked("flux", &usual), (None, of_sizes));
        let without = PictureDialect { leaves_out_quality: true, ..usual.clone() };
        assert_eq!(asked("gpt-image-1", &without), (None, [PictureKind::Any; 2]));
        assert_eq!(asked("flux", &without), (None, of_sizes), "it has one price");
        let of_any_size = PictureDialect { sizes: Sizes::LeftOut, ..usual };
        assert_eq!(asked("gpt-image-1", &of_any_size).1, [PictureKind::Any; 2]);
    }

    #[test]
    fn a_field_that_is_not_known_is_left_out() {
        let dialect = PictureDialect::default();
        for (text, field) in [
            ("Argument not supported: size", "size"),
            ("size: Unrecognized key", "size"),
            ("Unknown parameter: 'n'.", "n"),
            ("Unknown parameter: 'quality'.", "quality"),
            ("Extra inputs are not permitted: 'response_format'", "response_format"),
            ("unknown field `n`, expected one of `prompt`, `size`, `response_format`", "n"),
        ] {
            let lesson = after(&dialect, Platform::TikTok, text).unwrap();
            let left_out: Vec<_> = ["n", "size", "quality", "response_format"]
                .into_iter()
                .filter(|name| sent(&lesson, Platform::TikTok).get(name).is_none())
                .collect();
            assert_eq!(left_out, [field], "{text}");
            assert_eq!(after(&lesson, Platform::TikTok, text), None, "{text}");
        }
    }

    #[test]
    fn a_size_that_is_refused_gives_way_to_the_nearest_one_that_the_server_names() {
        let text = "Invalid value: '1024x1792'. Supported values are: '512x512', '512x768', and '768x512'.";
        let lesson = after(&PictureDialect::default(), Platform::TikTok, text).unwrap();
        let sizes = [Platform::TikTok, Platform::Website, Platform::Email]
            .map(|platform| sent(&lesson, platform)["size"].clone());
        assert_eq!(sizes, ["512x768", "768x512", "512x512"]);
    }

    #[test]
    fn a_size_that_is_refused_without_another_gives_way_to_the_square_and_that_to_none() {
        let refused = |dialect: &PictureDialect| after(dialect, Platform::TikTok, "The size is not valid").unwrap();
        let square = refused(&PictureDialect::default());
        assert_eq!(sent(&square, Platform::TikTok)["size"], "1024x1024");
        assert_eq!(sent(&refused(&square), Platform::TikTok).get("size"), None);
    }

    #[test]
    fn what_is_about_no_field_teaches_nothing() {
        for text in
            ["Your request was rejected by the safety system.", "an error", "Your organization must be verified"]
        {
            assert_eq!(after(&PictureDialect::default(), Platform::Email, text), None, "{text}");
        }
    }
}
