//! A model's answer before it is content: parsed, checked, cut to length.

use serde::Deserialize;

use super::super::Campaign;
use super::super::clean::{first_words, one_line, printable, trim_at_sentence};
use super::super::prompt::has_leaked_delimiter;

/// How many words a slogan may have.
const MAX_SLOGAN_WORDS: usize = 7;
/// How long a slogan may be, in characters.
const MAX_SLOGAN_CHARS: usize = 120;
/// How long an image prompt may be, in characters; image models cut longer ones.
const MAX_IMAGE_PROMPT_CHARS: usize = 2_000;
/// How long a text may be where the platform sets no limit, in characters.
const MAX_TEXT_CHARS: usize = 20_000;
/// How many braces, from an answer's end, are tried as an object's beginning: each try may read all that follows.
const MAX_OBJECTS: usize = 64;

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ModelAnswer {
    pub variants: Vec<Variant>,
    pub image_prompt: Option<String>,
    pub slogan: Option<String>,
}

/// One text; models without a schema like to wrap it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Variant {
    Plain(String),
    Wrapped {
        #[serde(alias = "content", alias = "variant", alias = "caption", alias = "post")]
        text: String,
    },
}

impl Variant {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Wrapped { text } => text.trim(),
        }
    }
}

/// What is wrong with an answer, as sentences for the model; none of them quotes it.
pub struct Problems {
    pub sentences: Vec<String>,
    /// Whether cutting mends all of it.
    pub only_lengths: bool,
}

/// An answer that passed, its over-long parts cut.
pub struct Mended {
    pub variants: Vec<String>,
    pub image_prompt: Option<String>,
    pub slogan: Option<String>,
    pub is_trimmed: bool,
}

impl ModelAnswer {
    /// Reads the JSON object in an answer, whatever stands around it: of several the one with most of the format's
    /// parts, and of equals the last, because a model thinks before it answers. `None` where there is none.
    pub fn read(answer: &str) -> Option<Self> {
        let whole: Option<Self> = serde_json::from_str(answer.trim()).ok();
        if whole.as_ref().is_some_and(|answer| answer.n_parts() > 0) {
            return whole;
        }
        let mut starts: Vec<usize> = answer.rmatch_indices('{').map(|(start, _)| start).take(MAX_OBJECTS).collect();
        starts.reverse();
        let objects = starts.into_iter().filter_map(|start| answer.get(start..)).filter_map(beginning_of);
        objects.filter(|answer| answer.n_parts() > 0).max_by_key(Self::n_parts).or(whole)
    }

    /// Whether it holds any part of the format.
    pub fn is_something(&self) -> bool {
        self.n_parts() > 0
    }

    fn n_parts(&self) -> usize {
        [!self.variants.is_empty(), self.image_prompt.is_some(), self.slogan.is_some()].map(usize::from).iter().sum()
    }

    /// Checks the answer against what the campaign asked for.
    pub fn problems(&self, campaign: &Campaign) -> Problems {
        let (mut sentences, mut n_lengths) = (Vec::new(), 0);
        if campaign.output().wants_text() {
            let (wanted, got) = (campaign.n_variants(), self.variants.len());
            if got != wanted {
                sentences.push(format!("\"variants\" must hold exactly {wanted} texts, and holds {got}"));
            }
            let max = max_chars(campaign);
            for (number, variant) in (1..).zip(&self.variants) {
                if variant.text().is_empty() {
                    sentences.push(format!("variant {number} is empty"));
                } else if variant.text().chars().count() > max {
                    sentences.push(format!("variant {number} is longer than {max} characters"));
                    n_lengths += 1;
                }
                if has_leaked_delimiter(variant.text()) {
                    sentences.push(format!("variant {number} repeats the <data> tags"));
                }
            }
        }
        if campaign.output().wants_image_prompt() {
            for (name, text) in [("image_prompt", &self.image_prompt), ("slogan", &self.slogan)] {
                match text.as_deref().map(str::trim) {
                    None | Some("") => sentences.push(format!("\"{name}\" is missing")),
                    Some(text) if has_leaked_delimiter(text) => {
                        sentences.push(format!("\"{name}\" repeats the <data> tags"));
                    }
                    Some(_) => {}
                }
            }
            if self.slogan.as_deref().is_some_and(|slogan| first_words(slogan, MAX_SLOGAN_WORDS).1) {
                sentences.push(format!("\"slogan\" has more than {MAX_SLOGAN_WORDS} words"));
                n_lengths += 1;
            }
        }
        let only_lengths = sentences.len() == n_lengths;
        Problems { sentences, only_lengths }
    }

    /// Cuts what is too long: texts at a sentence, the slogan at a word. For answers whose only problems are lengths.
    pub fn mend(self, campaign: &Campaign) -> Mended {
        let max = max_chars(campaign);
        let mut is_trimmed = false;
        let mut cut = |text: &str, max: usize| {
            let text = printable(text);
            let cut = trim_at_sentence(&text, max);
            is_trimmed |= cut != text.trim_end();
            cut
        };
        let output = campaign.output();
        let variants = if output.wants_text() {
            self.variants.iter().map(|variant| cut(variant.text(), max)).collect()
        } else {
            Vec::new()
        };
        let image_prompt = self.image_prompt.filter(|_| output.wants_image_prompt());
        let image_prompt = image_prompt.map(|prompt| cut(prompt.trim(), MAX_IMAGE_PROMPT_CHARS));
        let slogan = self.slogan.filter(|_| output.wants_image_prompt()).map(|slogan| {
            let (slogan, was_cut) = first_words(&slogan, MAX_SLOGAN_WORDS);
            let cut = one_line(&slogan, MAX_SLOGAN_CHARS);
            is_trimmed |=
                was_cut || cut.chars().count() == MAX_SLOGAN_CHARS && slogan.chars().count() > MAX_SLOGAN_CHARS;
            cut
        });
        Mended { variants, image_prompt, slogan, is_trimmed }
    }
}

/// The object that a text begins with, whatever follows it.
fn beginning_of(text: &str) -> Option<ModelAnswer> {
    ModelAnswer::deserialize(&mut serde_json::Deserializer::from_str(text)).ok()
}

fn max_chars(campaign: &Campaign) -> usize {
    campaign.platform().max_chars().unwrap_or(MAX_TEXT_CHARS)
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn an_answer_is_read_with_or_without_fences_and_wrapping() {
        let fenced = "Sure!\n```json\n{\"variants\": [{\"text\": \"a\"}, \"b\"], \"slogan\": null}\n```";
        let texts: Vec<_> = ModelAnswer::read(fenced).unwrap().variants.iter().map(|v| v.text().to_owned()).collect();
        assert_eq!(texts, ["a", "b"]);
        assert_eq!(ModelAnswer::read("I cannot do that."), None);
        assert_eq!(ModelAnswer::read("} {"), None);
    }

    #[test]
    fn of_several_objects_the_one_that_fits_the_format_is_read_and_the_last_of_equals() {
        for (text, slogan) in [
            ("<think>As {a} or {\"a\": 1}?</think>{\"variants\": [\"x\"], \"slogan\": \"s\"}", "s"),
            (
                "<think>{\"variants\": [\"y\"], \"slogan\": \"t\"}</think>{\"variants\": [\"x\"], \"slogan\": \"s\"}",
                "s",
            ),
            ("{\"variants\": [\"x\"], \"slogan\": \"s\"} Put {name} in, or {\"slogan\": \"t\"}.", "s"),
            ("{\"answer\": {\"variants\": [{\"text\": \"x\"}], \"slogan\": \"{s}\"}}", "{s}"),
        ] {
            let answer = ModelAnswer::read(text).unwrap();
            let texts: Vec<_> = answer.variants.iter().map(Variant::text).collect();
            assert_eq!((texts, answer.slogan.as_deref()), (vec!["x"], Some(slogan)), "{text}");
        }
        assert_eq!(ModelAnswer::read("<think>{\"a\": 1}</think>"), None);
        assert_eq!(ModelAnswer::read("{\"variants\": [{\"text\": \"cut off\"}, "), None);
    }

    #[test]
    fn every_fault_of_a_answer_is_named_and_none_is_quoted() {
        let brief = sample::brief(|i| i.n_variants = Some(2));
        let answer = ModelAnswer::read(r#"{"variants": [" ", "x</data>", "c"], "slogan": "1 2 3 4 5 6 7 8"}"#).unwrap();
        let problems = answer.problems(&brief.campaign);
        assert_eq!(
            problems.sentences,
            [
                "\"variants\" must hold exactly 2 texts, and holds 3",
                "variant 1 is empty",
                "variant 2 repeats the <data> tags",
                "\"image_prompt\" is missing",
                "\"slogan\" has more than 7 words",
            ]
        );
        assert!(!problems.only_lengths);
    }

    #[test]
    fn what_steers_a_terminal_is_left_out_and_a_slogan_is_one_short_line() {
        let brief = sample::brief(|_| {});
        let slogan = format!("a\u{1b}[31m {}", "b".repeat(1_000));
        let json = serde_json::json!({"variants": ["One\u{1b}[2J.\r\n\tTwo\u{7}."], "image_prompt": "p\u{0}", "slogan": slogan});
        let mended = ModelAnswer::read(&json.to_string()).unwrap().mend(&brief.campaign);
        assert_eq!((mended.variants[0].as_str(), mended.image_prompt.as_deref()), ("One[2J.\n\tTwo.", Some("p")));
        let slogan = mended.slogan.unwrap();
        assert!(mended.is_trimmed && slogan.starts_with("a [31m b"), "{slogan}");
        assert_eq!(slogan.chars().count(), MAX_SLOGAN_CHARS);
    }

    #[test]
    fn a_long_text_is_cut_at_a_sentence_and_a_slogan_at_a_word() {
        let brief = sample::brief(|i| i.platform = Some("TikTok".into()));
        let long = "A sentence of some length. ".repeat(100);
        let json = serde_json::json!({"variants": [long], "image_prompt": "p", "slogan": "1 2 3 4 5 6 7 8"});
        let answer = ModelAnswer::read(&json.to_string()).unwrap();
        assert!(answer.problems(&brief.campaign).only_lengths);
        let mended = answer.mend(&brief.campaign);
        assert!(mended.is_trimmed && mended.variants[0].ends_with("length."));
        assert!(mended.variants[0].chars().count() <= 2_000);
        assert_eq!(mended.slogan.as_deref(), Some("1 2 3 4 5 6 7"));
    }
}
