//! Prompts: a brief in, text for a model out. Pure once loaded.
//!
//! The templates have the CRAFT parts (context, role, action, format, audience) and live in `prompts/`; a directory
//! may override each by a file of the same name. What strangers wrote reaches a prompt through the `data` filter
//! alone: between tags that no value can write, because every value loses its angle brackets on the way.

use std::path::Path;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Environment, Output, State, UndefinedBehavior, context};
use sha2::{Digest, Sha256};

use super::audience::Remark;
use super::clean::{one_line, visible, without_brackets};
use super::extras::{Extra, MAX_EXTRA_CHARS};
use super::{
    Audience, Brief, Campaign, CampaignInput, Engagement, FunnelStage, Output as Wanted, Platform, Tone,
    WriterConfigError,
};
use crate::causes::hex;
use crate::pipeline::Claim;
use crate::text_file;

/// The tags around strangers' words, without their angle brackets' contents being writable by a value.
const DATA_OPEN: &str = "<data>";
const DATA_CLOSE: &str = "</data>";

/// How long one stranger's value may be in a prompt, in characters; no cleaned input is longer.
const MAX_DATA_CHARS: usize = MAX_EXTRA_CHARS;

/// File names and built-in texts of the templates.
const TEMPLATES: [(&str, &str); 4] = [
    ("system.j2", include_str!("prompts/system.j2")),
    ("brief.j2", include_str!("prompts/brief.j2")),
    ("repair.j2", include_str!("prompts/repair.j2")),
    ("picture.j2", include_str!("prompts/picture.j2")),
];

/// The texts of all templates, by file name.
#[derive(Debug)]
pub(super) struct Sources(Vec<(&'static str, String)>);

/// The loaded templates.
#[derive(Debug)]
pub(super) struct Prompts {
    environment: Environment<'static>,
    hash: String,
}

/// A prompt in the two parts that a chat model takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) system: String,
    pub(super) user: String,
}

impl Prompt {
    /// Both parts as one text, for the answer's `prompt_used`.
    pub(super) fn whole(&self) -> String {
        [self.system.as_str(), "\n\n", &self.user].concat()
    }
}

impl Sources {
    /// The built-in templates, each replaced by the file of its name in `directory` where there is one.
    ///
    /// # Errors
    /// When there is no such directory, or such a file exists and cannot be read.
    pub(super) fn read(directory: Option<&Path>) -> Result<Self, WriterConfigError> {
        if let Some(directory) = directory {
            std::fs::read_dir(directory).map_err(WriterConfigError::PromptDir)?;
        }
        let read = |(name, built_in): (&'static str, &str)| {
            let replaced = directory.map(|directory| read_override(directory, name)).transpose()?.flatten();
            Ok((name, replaced.unwrap_or_else(|| built_in.to_owned())))
        };
        TEMPLATES.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// SHA-256 over the names and texts of all templates, in hexadecimal.
    pub(super) fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, text) in &self.0 {
            hasher.update(name.as_bytes());
            hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hex(hasher.finalize())
    }
}

impl Prompts {
    /// Loads the templates.
    ///
    /// # Errors When a template is faulty, uses a name that does not exist, or leaves its text empty: each is rendered
    /// once here, so that a mistake shows now and not at the first customer.
    pub(super) fn new(sources: Sources) -> Result<Self, WriterConfigError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(write_value);
        environment.add_filter("data", delimited);
        let hash = sources.hash();
        for (name, source) in sources.0 {
            environment
                .add_template_owned(name, source)
                .map_err(|source| WriterConfigError::FaultyPrompt { name, source })?;
        }
        let prompts = Self { environment, hash };
        prompts.try_out()?;
        Ok(prompts)
    }

    /// SHA-256 over the names and texts of all templates, in hexadecimal.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// The prompt for a brief.
    pub(super) fn render(&self, brief: &Brief) -> Result<Prompt, minijinja::Error> {
        let values = values_of(&brief.campaign, &brief.audience);
        let system = self.environment.get_template("system.j2")?.render(&values)?;
        let user = self.environment.get_template("brief.j2")?.render(&values)?;
        Ok(Prompt { system: system.trim().to_owned(), user: user.trim().to_owned() })
    }

    /// The bytes of the shortest prompt: that of an empty campaign for everyone.
    pub(super) fn least_bytes(&self) -> usize {
        let campaign = Campaign::check(&CampaignInput::default()).ok();
        let brief = campaign.map(|campaign| Brief { campaign, audience: Audience::default() });
        let prompt = brief.and_then(|brief| self.render(&brief).ok());
        prompt.map_or(0, |prompt| prompt.system.len() + prompt.user.len())
    }

    /// The request to mend an answer with these problems.
    pub(super) fn render_repair(&self, problems: &[String]) -> Result<String, minijinja::Error> {
        let text = self.environment.get_template("repair.j2")?.render(context! { problems => problems.to_vec() })?;
        Ok(text.trim().to_owned())
    }

    /// What an image model is sent for an image prompt and the slogan beside it.
    pub(super) fn render_picture(&self, image_prompt: &str, slogan: &str) -> Result<String, minijinja::Error> {
        // The slogan is put between quotes, and a stranger may have made the model write it.
        let slogan = one_line(slogan, MAX_DATA_CHARS).replace(['"', '“', '”', '„', '«', '»', '＂'], "'");
        let values = context! { image_prompt => one_line(image_prompt, usize::MAX), slogan => slogan };
        let text = self.environment.get_template("picture.j2")?.render(values)?;
        Ok(text.trim().to_owned())
    }

    /// Renders every template with every value of every closed set, for an audience of which all is known and for one
    /// of which nothing is.
    fn try_out(&self) -> Result<(), WriterConfigError> {
        let told = |claim, shares| Remark { claim, words: "b".into(), shares, known_shares: shares };
        let full = Audience {
            summary: "a".into(),
            said: vec![told(Claim::All, None), told(Claim::Most, Some((0.6, 0.3)))],
            colour: vec![told(Claim::MoreOften, Some((0.2, 0.1))), told(Claim::MoreOften, None)],
            unmentioned: vec!["c".into()],
            places: vec!["d".into()],
            tier: Some("e".into()),
            others: vec![Extra { name: "h".into(), text: "i".into() }],
            ..Audience::default()
        };
        let empty = CampaignInput::default();
        let filled = CampaignInput { objective: Some("f".into()), industry: Some("g".into()), ..empty.clone() };
        for (audience, input) in [(&full, &filled), (&Audience::default(), &empty)] {
            for values in campaigns(input).iter().map(|campaign| values_of(campaign, audience)) {
                for name in ["system.j2", "brief.j2"] {
                    let rendered = self.environment.get_template(name).and_then(|template| template.render(&values));
                    let text = rendered.map_err(|source| WriterConfigError::FaultyPrompt { name, source })?;
                    if !input.eq(&empty) && text.trim().is_empty() {
                        return Err(WriterConfigError::EmptyPrompt { name });
                    }
                }
            }
        }
        let others = [
            ("repair.j2", self.render_repair(&["a problem".to_owned()])),
            ("picture.j2", self.render_picture("a picture", "a slogan")),
        ];
        for (name, rendered) in others {
            if rendered.map_err(|source| WriterConfigError::FaultyPrompt { name, source })?.is_empty() {
                return Err(WriterConfigError::EmptyPrompt { name });
            }
        }
        Ok(())
    }
}

/// Campaigns that hold every value of every closed set at least once.
fn campaigns(input: &CampaignInput) -> Vec<Campaign> {
    let name = |names: &[&str], index: usize| names.iter().cycle().nth(index).map(|name| (*name).to_owned());
    let n = [Platform::NAMES, Tone::NAMES, FunnelStage::NAMES, Engagement::NAMES, Wanted::NAMES].map(<[_]>::len);
    let inputs = (0..n.into_iter().max().unwrap_or_default()).map(|index| CampaignInput {
        platform: name(Platform::NAMES, index),
        tone: name(Tone::NAMES, index),
        funnel_stage: name(FunnelStage::NAMES, index),
        past_engagement: name(Engagement::NAMES, index),
        output: name(Wanted::NAMES, index),
        ..input.clone()
    });
    inputs.filter_map(|input| Campaign::check(&input).ok()).collect()
}

/// Whether a text holds the tags that delimit data, in any disguise: a model that repeats them has leaked its prompt.
pub(super) fn has_leaked_delimiter(text: &str) -> bool {
    let shown: String = visible(&without_brackets(text)).flat_map(char::to_lowercase).collect();
    shown.contains("‹data") || shown.contains("‹/data")
}

fn read_override(directory: &Path, name: &'static str) -> Result<Option<String>, WriterConfigError> {
    match text_file::read(&directory.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(source) => Err(WriterConfigError::ReadPrompt { name, source }),
    }
}

/// Every name a template may use; what is not given is empty, so that `{% if … %}` decides.
fn values_of(campaign: &Campaign, audience: &Audience) -> Value {
    let told = |told: &Remark| Value::from_object(told.clone());
    let other = |told: &Remark| {
        let (title, values) = told.words.split_once(": ")?;
        Some(context! { title => title, values => values })
    };
    let extra = |extra: &Extra| context! { name => &extra.name, text => &extra.text };
    context! {
        objective => campaign.objective(),
        industry => campaign.industry(),
        funnel_stage => campaign.funnel_stage().name(),
        past_engagement => campaign.past_engagement().name(),
        platform => campaign.platform().name(),
        tone => campaign.tone().name(),
        n_variants => campaign.n_variants(),
        wants_text => campaign.output().wants_text(),
        wants_image => campaign.output().wants_image_prompt(),
        is_everyone => audience.is_everyone,
        summary => &audience.summary,
        places => audience.places.join(", "),
        tier => audience.tier.as_deref().unwrap_or_default(),
        others => audience.said.iter().filter_map(other).collect::<Vec<Value>>(),
        may_say => audience.said.iter().map(told).collect::<Vec<Value>>(),
        may_colour => audience.colour.iter().map(told).collect::<Vec<Value>>(),
        do_not_mention => audience.unmentioned.join(", "),
        interests => audience.interests.as_deref().unwrap_or_default(),
        writing_style => audience.writing_style.as_deref().unwrap_or_default(),
        special_offer => audience.special_offer.as_deref().unwrap_or_default(),
        extras => audience.others.iter().map(extra).collect::<Vec<Value>>(),
    }
}

/// A remark as a template reads it. Its shares are put into words where they are asked for: few are.
impl Object for Remark {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let share = match key {
            "words" => return Some(Value::from(&self.words)),
            "is_of_all" => return Some(Value::from(self.claim == Claim::All)),
            "share" => self.shares.map(|(own, _)| own),
            "share_overall" => self.shares.map(|(_, all)| all),
            "known_share" => self.known_shares.map(|(own, _)| own),
            "known_share_overall" => self.known_shares.map(|(_, all)| all),
            _ => return None,
        };
        Some(Value::from(share.map(|share| format!("{:.0} %", share * 100.0)).unwrap_or_default()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["words", "is_of_all", "share", "share_overall", "known_share", "known_share_overall"])
    }
}

/// The `data` filter: a stranger's words between tags.
fn delimited(text: &str) -> Value {
    let line = one_line(text, MAX_DATA_CHARS);
    Value::from_safe_string([DATA_OPEN, &without_brackets(&line), DATA_CLOSE].concat())
}

/// Writes a value into a prompt; a template that forgets the `data` filter still lets no value write a tag.
fn write_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    if value.is_safe() || value.as_str().is_none() {
        return minijinja::escape_formatter(out, state, value);
    }
    let text = without_brackets(value.as_str().unwrap_or_default());
    out.write_str(&text).map_err(minijinja::Error::from)
}

#[cfg(test)]
mod tests;
