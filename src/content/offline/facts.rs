//! What one brief lets the offline writer say: the goal, the trade, and the slots that phrases are filled with.

use std::sync::Arc;

use minijinja::Value;

use super::super::note_codes::OFFER_LEFT_OUT;
use super::super::{Audience, Brief};
use super::data::{Data, Trade};
use super::dice::Dice;
use super::objective::Objective;
use super::phrases::Slots;
use super::reading::Words;
use super::sayable::{Unsayable, interests_of, listed, offer_of};
use super::style::Style;
use crate::customer::{Note, capitalised};

/// What one brief lets the offline writer say.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) goal: &'a str,
    pub(super) trade: Option<&'a Trade>,
    /// The trade as a template reads it.
    pub(super) phrases: Option<Value>,
    pub(super) slots: Arc<Slots>,
    /// Hashtags, the most particular first.
    pub(super) tags: Vec<String>,
    /// Whether place and tier may be said of one reader in one sentence.
    pub(super) may_join: bool,
    /// Whether the text is for one reader, of whom place, tier and date are facts.
    pub(super) is_one: bool,
    /// Whether the segment likes few words.
    pub(super) is_brief: bool,
    /// Whether the segment likes no emoji.
    pub(super) is_plain: bool,
    /// What a marketer should know of what the texts leave out.
    pub(super) notes: Vec<Note>,
    pub(super) seed: u64,
}

impl<'a> Facts<'a> {
    pub(super) fn new(data: &'a Data, brief: &Brief) -> Self {
        let (campaign, audience) = (&brief.campaign, &brief.audience);
        let goal = data.words.goal_of(campaign.objective());
        let (trade, phrases) = data.trade_of(campaign.industry()).map(|(trade, value)| (trade, value.clone())).unzip();
        let style = Style::read(audience.writing_style.as_deref().unwrap_or_default());
        let mut slots = Slots::default();
        let Objective { subject, topic, deal, note } = Objective::read(&data.words, campaign.objective());
        slots.name_the_offering(&data.words, goal, trade, subject);
        slots.set("topic", topic);
        slots.set("deal", deal);
        let left_out = slots.name_the_audience(&data.words, audience);
        let own = [slots.get("place"), slots.get("subject")].into_iter().filter_map(hashtag);
        let tags = own.chain(trade.iter().flat_map(|trade| trade.tags.iter().cloned())).collect();
        Self {
            goal,
            trade,
            phrases,
            slots: Arc::new(slots),
            tags,
            may_join: audience.may_join,
            is_one: audience.is_one,
            is_brief: style.is_brief(),
            is_plain: style.is_plain(),
            notes: note.into_iter().chain(left_out).collect(),
            seed: seed_of(brief),
        }
    }

    /// The slogan of the image prompt.
    pub(super) fn slogan(&self) -> &'a str {
        let slogans = self.trade.map_or(&[][..], |trade| &trade.slogan);
        let chosen = Dice::new(stable_hash(self.seed, "slogan"), 0).below(slogans.len());
        slogans.get(chosen).map_or("", String::as_str)
    }

    /// The slogans that a brief's posters take in turn, the one of its image prompt first.
    pub(super) fn slogans(&self, first: &str) -> Vec<String> {
        let others = self.trade.iter().flat_map(|trade| &trade.slogan).filter(|slogan| *slogan != first);
        std::iter::once(first.to_owned()).chain(others.cloned()).collect()
    }
}

impl Slots {
    fn name_the_offering(&mut self, words: &Words, goal: &str, trade: Option<&Trade>, subject: Option<String>) {
        let offering = match (&subject, goal) {
            (Some(subject), _) => format!("our {subject}"),
            (None, "app") => "our app".to_owned(),
            (None, "donations") => "our cause".to_owned(),
            (None, "event") => "our event".to_owned(),
            (None, "launch") => "our newest addition".to_owned(),
            (None, _) => trade.map_or_else(String::new, |trade| trade.offering.clone()),
        };
        self.set("offering", Some(offering));
        self.set("destination", subject.clone().filter(|subject| words.is_place_to_visit(subject)));
        self.set("subject", subject);
    }

    /// Returns notes on the offer and on interests that no text can hold.
    fn name_the_audience(&mut self, words: &Words, audience: &Audience) -> Vec<Note> {
        let offer = audience.special_offer.as_deref().map(|offer| offer_of(words, offer)).transpose();
        let note = |why: Unsayable| Note::new(OFFER_LEFT_OUT, why.of_offer());
        let (offer, left_out) = offer.map_or_else(|why| (None, Some(note(why))), |offer| (offer, None));
        let (interests, others) = interests_of(words, audience.interests.as_deref().unwrap_or_default());
        self.set("offer", offer);
        self.set("interests", interests);
        let nameable = |names: &[String], and: &str| {
            let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| is_nameable(words, name)).collect();
            listed(&names, and)
        };
        let tier = |tier: &Option<String>| nameable(tier.as_slice(), "").map(|tier| tier_word(&tier).to_owned());
        self.set("place", nameable(&audience.places, "and"));
        self.set("tier", tier(&audience.tier));
        self.set("joined", audience.joined.clone());
        self.set("near", nameable(audience.hints.places.get(..1).unwrap_or_default(), ""));
        self.set("level", tier(&audience.hints.tier));
        self.set("since", audience.hints.joined.clone());
        left_out.into_iter().chain(others).collect()
    }
}

/// Every input that may change a text, with marks between them so that no two briefs look the same.
fn seed_of(brief: &Brief) -> u64 {
    let (campaign, audience) = (&brief.campaign, &brief.audience);
    let parts = [
        campaign.objective(),
        campaign.industry(),
        &[campaign.funnel_stage().name(), campaign.past_engagement().name()].concat(),
        &[campaign.platform().name(), campaign.tone().name()].concat(),
        &audience.summary,
        audience.interests.as_deref().unwrap_or_default(),
        audience.special_offer.as_deref().unwrap_or_default(),
        audience.writing_style.as_deref().unwrap_or_default(),
    ];
    let others = audience.others.iter().flat_map(|extra| [extra.name.as_str(), &extra.text]);
    parts.into_iter().chain(others).fold(0, stable_hash)
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): the standard library's hasher may change between releases, and with it every
/// text.
pub(super) fn stable_hash(seed: u64, text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A place or tier that a sentence can hold: words, not codes, markup or a gender.
fn is_nameable(words: &Words, name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '\'' | '’' | '.' | '&' | '/' | '(' | ')');
    name.chars().all(is_plain)
        && name.chars().any(char::is_alphabetic)
        && name.chars().count() <= 35
        && !words.names_a_gender(name)
        && !words.nowhere.iter().any(|nowhere| name.eq_ignore_ascii_case(nowhere))
}

/// A tier as it precedes "members": `Gold`, even where the sheet says `Gold Member` or `Gold tier`.
fn tier_word(tier: &str) -> &str {
    let endings = [" members", " member", " membership", " tier"];
    let cut = endings.iter().find_map(|ending| {
        let at = tier.len().checked_sub(ending.len())?;
        tier.get(at..).filter(|tail| tail.eq_ignore_ascii_case(ending)).and(tier.get(..at))
    });
    cut.unwrap_or(tier)
}

/// `#AngMoKio`; `None` of more than three words, where no letter would follow the sign, and of a name that a tag would
/// spell otherwise, such as `Levi's`.
fn hashtag(name: &str) -> Option<String> {
    let is_spelt = name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    let tag = format!("#{}", name.split([' ', '-']).map(capitalised).collect::<String>());
    let is_tag = name.split_whitespace().count() <= 3 && tag.chars().nth(1).is_some_and(char::is_alphabetic);
    (is_spelt && is_tag).then_some(tag)
}
