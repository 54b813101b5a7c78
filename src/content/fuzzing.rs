//! What the fuzz target `requests` asks of prompts and of a model's answers; its seeds ask the same in a test.
//!
//! Part of no build that is served.
#![allow(clippy::expect_used, reason = "a promise that does not hold has to end the run")]

use std::sync::LazyLock;

use super::audience::Remark;
use super::extras::Extra;
pub use super::openai::fuzzing::check_answer;
use super::prompt::{Prompts, Sources, has_leaked_delimiter};
use super::{Audience, Brief, Campaign, CampaignInput};
use crate::customer::is_invisible;

static PROMPTS: LazyLock<Prompts> = LazyLock::new(|| {
    let sources = Sources::read(None).expect("the built-in templates are there");
    Prompts::new(sources).expect("the built-in templates are sound")
});

/// Renders every prompt of a brief. A stranger's words change nothing but what stands between the tags.
pub fn check_prompts(brief: &Brief) {
    let prompt = PROMPTS.render(brief).expect("every brief has a prompt");
    let plain = PROMPTS.render(&plain_twin(brief)).expect("every brief has a prompt");
    assert_eq!(prompt.system, plain.system);
    assert_eq!(without_data(&prompt.user), without_data(&plain.user));

    let words = brief.campaign.objective();
    let picture = PROMPTS.render_picture(words, brief.campaign.industry()).expect("every picture has a prompt");
    assert!(!picture.contains(['<', '>']) && picture.lines().count() <= 2, "{picture:?}");
    let lettering = picture.lines().last().unwrap_or_default();
    assert_eq!(lettering.matches('"').count(), if brief.campaign.industry().is_empty() { 0 } else { 2 }, "{lettering}");
}

/// The prompt with its data taken out, each of which is one line of visible characters.
fn without_data(prompt: &str) -> String {
    let mut pieces = prompt.split("<data>");
    let mut rest = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (data, after) = piece.split_once("</data>").expect("what is opened is closed");
        assert!(!data.is_empty() && data.chars().count() <= 500, "{data:?}");
        assert!(!data.chars().any(is_invisible), "{data:?}");
        rest.push('·');
        rest.push_str(after);
    }
    assert!(!has_leaked_delimiter(&rest) || rest == prompt, "{rest}");
    rest
}

/// The brief with every stranger's word replaced by a harmless one.
fn plain_twin(brief: &Brief) -> Brief {
    let word = |text: &str| if text.is_empty() { String::new() } else { "word".to_owned() };
    let maybe = |text: &Option<String>| text.as_deref().map(word);
    let (audience, campaign) = (&brief.audience, &brief.campaign);
    let input = CampaignInput {
        objective: Some(word(campaign.objective())),
        industry: Some(word(campaign.industry())),
        funnel_stage: Some(campaign.funnel_stage().name().to_owned()),
        past_engagement: Some(campaign.past_engagement().name().to_owned()),
        platform: Some(campaign.platform().name().to_owned()),
        tone: Some(campaign.tone().name().to_owned()),
        output: Some(campaign.output().name().to_owned()),
        n_variants: i64::try_from(campaign.n_variants()).ok(),
    };
    let plain = |told: &[Remark]| told.iter().map(|told| Remark { words: word(&told.words), ..told.clone() }).collect();
    let audience = Audience {
        summary: word(&audience.summary),
        is_everyone: audience.is_everyone,
        is_one: audience.is_one,
        said: plain(&audience.said),
        colour: plain(&audience.colour),
        unmentioned: audience.unmentioned.clone(),
        places: audience.places.iter().map(|place| word(place)).collect(),
        tier: maybe(&audience.tier),
        joined: maybe(&audience.joined),
        hints: audience.hints.clone(),
        may_join: audience.may_join,
        writing_style: maybe(&audience.writing_style),
        interests: maybe(&audience.interests),
        special_offer: maybe(&audience.special_offer),
        others: audience
            .others
            .iter()
            .map(|extra| Extra { name: word(&extra.name), text: word(&extra.text) })
            .collect(),
    };
    Brief { audience, campaign: Campaign::check(&input).expect("a checked campaign checks again") }
}
