//! What a text is known by once it is out: an id, and the tags that carry the id through a link.
//!
//! An id is a function of what was written and for which segment and platform. Nothing of a customer is in it, and
//! nobody can read the text or the segment off it. It has two parts: `c` with eight letters, a hyphen, and eight more.
//! Texts with the same first part were written for one segment of one model version, or for one persona of a
//! marketer's own, and for one platform, so they can be compared.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::{Campaign, Platform};
use crate::pipeline::Persona;

/// The letters of an id: Crockford's base 32, in lower case. None is mistaken for another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters of each part: 40 bits.
const PART_LETTERS: usize = 8;
/// Letters of a campaign's name in a link.
const MAX_NAME_CHARS: usize = 60;
/// What a link carries as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// For whom and for where a text was written.
#[derive(Debug, Clone, Copy)]
pub struct WrittenFor<'a> {
    /// The version of the model that the segment is of.
    pub model_version: &'a str,
    /// The segment; −1 outside every one, nothing for everyone and for a persona that is no segment's.
    pub cluster_id: Option<i64>,
    /// The persona that is no segment's, if it is for one.
    pub persona: Option<&'a Persona>,
    /// The campaign.
    pub campaign: &'a Campaign,
}

/// The id of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentId(String);

impl ContentId {
    /// The id that `text` spells, in any case; `None` for what is none.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (group, variant) = text.strip_prefix('c')?.split_once('-')?;
        let is_part = |part: &str| part.len() == PART_LETTERS && part.bytes().all(|letter| LETTERS.contains(&letter));
        (is_part(group) && is_part(variant)).then_some(Self(text))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the id of this very text: each says so by itself, without the version that the text is of.
    pub fn is_of(&self, text: &str) -> bool {
        *self == Self::within(self.group(), text)
    }

    /// The id of another text for the same segment and platform, such as what somebody made of this one.
    #[must_use]
    pub fn of_other(&self, text: &str) -> Self {
        Self::within(self.group(), text)
    }

    /// The id of a text for those that the first part stands for.
    fn within(group: &str, text: &str) -> Self {
        Self(format!("{group}-{}", part(&[group, text])))
    }

    /// What all texts for the same segment, model version and platform have in common.
    pub fn group(&self) -> &str {
        self.0.split_once('-').map_or(&self.0, |(group, _)| group)
    }
}

impl WrittenFor<'_> {
    /// The id of a text, or of what to draw.
    pub fn content_id(&self, text: &str) -> ContentId {
        let segment = match (self.cluster_id, self.persona) {
            (Some(id), _) => id.to_string(),
            // By its traits: what else marketers add to it does not make it another audience.
            (None, Some(persona)) => {
                let traits = Persona { traits: persona.traits.clone(), ..Persona::default() };
                serde_json::Value::Object(traits.to_json()).to_string()
            }
            (None, None) => "everyone".to_owned(),
        };
        let group = part(&[self.model_version, &segment, self.campaign.platform().name()]);
        ContentId::within(&format!("c{group}"), text)
    }

    /// The query string of a link in a text: where it is published, in which kind of medium, the campaign by its
    /// objective, and the text by its id. Ready to be put behind a `?`.
    pub fn utm(&self, id: &ContentId) -> String {
        let platform = self.campaign.platform();
        let source = platform.name().to_ascii_lowercase();
        let mut named = [self.campaign.objective(), self.campaign.industry()].into_iter().map(name);
        let campaign = named.find(|name| !name.is_empty()).unwrap_or_else(|| "content".to_owned());
        let campaign = utf8_percent_encode(&campaign, PLAIN);
        let (medium, content) = (medium(platform), id.as_str());
        format!("utm_source={source}&utm_medium={medium}&utm_campaign={campaign}&utm_content={content}")
    }
}

/// The kind of medium, as analytics programs group them.
fn medium(platform: Platform) -> &'static str {
    match platform {
        Platform::Instagram | Platform::Facebook | Platform::LinkedIn | Platform::TikTok => "social",
        Platform::Email => "email",
        Platform::Website => "web",
    }
}

/// Eight letters that stand for these texts; each is preceded by its length, so that no two lists are the same bytes.
fn part(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let first = hash.finalize().iter().take(5).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    let letters = (0..PART_LETTERS).rev().filter_map(|at| LETTERS.get((first >> (5 * at)) as usize % LETTERS.len()));
    letters.map(|letter| char::from(*letter)).collect()
}

/// Words as a name: lower case, and hyphens for whatever is no letter and no digit.
fn name(words: &str) -> String {
    let lower = words.to_lowercase();
    let mut name = String::new();
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let n_chars = name.chars().count() + usize::from(!name.is_empty()) + word.chars().count();
        if n_chars > MAX_NAME_CHARS && !name.is_empty() {
            break;
        }
        if !name.is_empty() {
            name.push('-');
        }
        name.extend(word.chars().take(MAX_NAME_CHARS));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::CampaignInput;

    fn campaign(objective: &str, platform: &str) -> Campaign {
        let input = CampaignInput {
            objective: Some(objective.to_owned()),
            platform: Some(platform.to_owned()),
            ..CampaignInput::default()
        };
        Campaign::check(&input).unwrap()
    }

    #[test]
    fn an_id_depends_on_the_text_and_on_whom_it_is_for() {
        let (campaign, email) = (campaign("Visits", "Instagram"), campaign("Visits", "Email"));
        let of = WrittenFor { model_version: "v1", cluster_id: Some(1), persona: None, campaign: &campaign };
        let id = of.content_id("Come by");
        assert_eq!(id, of.content_id("Come by"));
        assert_eq!(id.as_str(), "cgw0v8zdp-3yhwxwpf");
        let other = of.content_id("Come in");
        assert!(other != id && other.group() == id.group());
        assert!(id.is_of("Come by") && !id.is_of("Come in") && id.of_other("Come in") == other);
        for elsewhere in [
            WrittenFor { model_version: "v2", ..of },
            WrittenFor { cluster_id: Some(-1), ..of },
            WrittenFor { cluster_id: None, ..of },
            WrittenFor { campaign: &email, ..of },
        ] {
            assert_ne!(elsewhere.content_id("Come by").group(), id.group());
        }
    }

    #[test]
    fn an_id_is_read_in_any_case_and_nothing_else_is_one() {
        let campaign = Campaign::default();
        let id =
            WrittenFor { model_version: "v", cluster_id: None, persona: None, campaign: &campaign }.content_id("x");
        assert_eq!(ContentId::read(&format!(" {} ", id.as_str().to_uppercase())), Some(id));
        for other in
            ["", "A", "c-", "c12345678-1234567", "c12345678-1234567u", "x12345678-12345678", "cé345678-12345678"]
        {
            assert_eq!(ContentId::read(other), None, "{other}");
        }
    }

    #[test]
    fn tags_carry_clean_values() {
        let utm = |objective: &str, platform: &str| {
            let campaign = campaign(objective, platform);
            let of = WrittenFor { model_version: "v", cluster_id: None, persona: None, campaign: &campaign };
            let id = of.content_id("x");
            of.utm(&id).replace(id.as_str(), "ID")
        };
        let tags = "utm_source=linkedin&utm_medium=social&utm_campaign=20-off-coats-shoes&utm_content=ID";
        assert_eq!(utm(" 20% off: Coats & Shoes?", "LinkedIn"), tags);
        let tags = "utm_source=email&utm_medium=email&utm_campaign=caf%C3%A9&utm_content=ID";
        assert_eq!(utm("Café", "Email"), tags);
        assert!(utm("&&&", "Website").contains("utm_medium=web&utm_campaign=content&"));
        let long = utm(&"word ".repeat(20), "TikTok");
        assert!(long.contains(&format!("utm_campaign={}word&", "word-".repeat(11))), "{long}");
    }
}
