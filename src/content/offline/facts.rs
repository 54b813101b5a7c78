//! What one brief lets the offline writer say: its goal, its trade, and the slots that phrases are filled with.

use super::super::audience::Joined;
use super::super::clean::one_line;
use super::super::{Audience, Brief, Engagement, FunnelStage, Platform, Tone};
use super::gender::names_a_gender;
use super::goal::{Goal, goal_of, trade_of};
use super::phrases::{Phrases, Slots, stable_hash};
use super::subject::{is_place_to_visit, subject_of};
use crate::customer::MONTHS;

/// How many interests one sentence names.
const MAX_INTERESTS: usize = 3;
/// How many words one interest may have; more is a note, not an interest.
const MAX_INTEREST_WORDS: usize = 4;

/// What one brief lets the offline writer say.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) goal: Goal,
    pub(super) trade: &'static str,
    pub(super) stage: FunnelStage,
    pub(super) engagement: Engagement,
    pub(super) platform: Platform,
    pub(super) tone: Tone,
    pub(super) slots: Slots,
    /// The first place, as a hashtag.
    pub(super) place_tag: Option<String>,
    /// Whether the segment likes few words.
    pub(super) is_brief: bool,
    /// Whether the segment likes no emoji.
    pub(super) is_plain: bool,
    pub(super) seed: u64,
}

impl Facts {
    pub(super) fn new(phrases: &Phrases, brief: &Brief) -> Self {
        let (campaign, audience) = (&brief.campaign, &brief.audience);
        let goal = goal_of(campaign.objective());
        let trade = trade_of(phrases, campaign.industry());
        let style = audience.writing_style.as_deref().unwrap_or_default().to_lowercase();
        let likes = |words: &[&str]| words.iter().any(|word| style.contains(word));
        let mut facts = Self {
            goal,
            trade,
            stage: campaign.funnel_stage(),
            engagement: campaign.past_engagement(),
            platform: campaign.platform(),
            tone: campaign.tone(),
            slots: Slots::default(),
            place_tag: None,
            is_brief: likes(&["short", "brief", "concise", "crisp", "to the point", "minimal"]),
            is_plain: likes(&["no emoji", "without emoji", "formal"]),
            seed: seed_of(brief),
        };
        facts.name_the_offering(phrases, campaign.objective());
        facts.name_the_audience(audience);
        facts
    }

    fn name_the_offering(&mut self, phrases: &Phrases, objective: &str) {
        let subject = subject_of(objective);
        let offering = match (&subject, self.goal) {
            (Some(subject), _) => format!("our {subject}"),
            (None, Goal::App) => "our app".to_owned(),
            (None, Goal::Event) => "our event".to_owned(),
            (None, Goal::Launch) => "our newest addition".to_owned(),
            (None, _) => {
                let offerings = phrases.lines(&format!("{}.offering", self.trade));
                offerings.first().map_or_else(String::new, |offering| (*offering).to_owned())
            }
        };
        self.slots.set("offering", offering);
        if let Some(subject) = subject {
            if is_place_to_visit(&subject) {
                self.slots.set("destination", subject.clone());
            }
            self.slots.set("subject", subject);
        }
    }

    fn name_the_audience(&mut self, audience: &Audience) {
        if let Some(offer) = audience.special_offer.as_deref().and_then(offer_of) {
            self.slots.set("offer", offer);
        }
        if let Some(interests) = audience.interests.as_deref().and_then(interests_of) {
            self.slots.set("interests", interests);
        }
        // What is typical of the whole base is not true of each reader.
        if audience.is_everyone {
            return;
        }
        let places: Vec<&str> = audience.places.iter().map(String::as_str).filter(|name| is_nameable(name)).collect();
        if let Some(first) = places.first() {
            self.slots.set("place", listed(places.iter().take(3), "and"));
            self.slots.set("first_place", *first);
            self.place_tag = Some(hashtag(first));
        }
        if let Some(tier) = audience.tier.as_deref().filter(|name| is_nameable(name)).map(tier_word) {
            let starts_with_vowel = tier.starts_with(['A', 'E', 'I', 'O', 'U', 'a', 'e', 'i', 'o', 'u']);
            self.slots.set("a_tier", format!("{} {tier}", if starts_with_vowel { "an" } else { "a" }));
            self.slots.set("tier", tier);
        }
        if let Some(joined) = joined_of(&audience.joined) {
            self.slots.set("joined", joined);
        }
    }

    /// The section of `lines.txt` for this stage and tone.
    pub(super) fn by_stage_and_tone(&self, slot: &str) -> String {
        format!("{slot}.{}.{}", self.stage.name(), self.tone.name()).to_lowercase()
    }

    /// Whether the reader is asked to come by in person.
    pub(super) fn is_visit(&self) -> bool {
        self.goal == Goal::Visits
    }
}

/// Every input that may change a text, with marks between them so that no two briefs look the same.
fn seed_of(brief: &Brief) -> u64 {
    let (campaign, audience) = (&brief.campaign, &brief.audience);
    let mut seed = 0;
    for part in [
        campaign.objective(),
        campaign.industry(),
        campaign.funnel_stage().name(),
        campaign.past_engagement().name(),
        campaign.platform().name(),
        campaign.tone().name(),
        &audience.summary,
        audience.interests.as_deref().unwrap_or_default(),
        audience.special_offer.as_deref().unwrap_or_default(),
        audience.writing_style.as_deref().unwrap_or_default(),
    ] {
        seed = stable_hash(seed, part);
    }
    seed
}

/// A place or tier that a sentence can hold: words, not codes, markup or a gender.
fn is_nameable(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '\'' | '’' | '.' | '&' | '/' | '(' | ')');
    name.chars().all(is_plain)
        && name.chars().any(char::is_alphabetic)
        && name.chars().count() <= 35
        && !names_a_gender(name)
        && !["online", "web", "website", "app"].iter().any(|nowhere| name.eq_ignore_ascii_case(nowhere))
}

/// A tier as it stands before "members": `Gold`, even where the sheet says `Gold Member` or `Gold tier`.
fn tier_word(tier: &str) -> &str {
    let endings = [" members", " member", " membership", " tier"];
    let cut = endings.iter().find_map(|ending| {
        let at = tier.len().checked_sub(ending.len())?;
        tier.get(at..).filter(|tail| tail.eq_ignore_ascii_case(ending)).and(tier.get(..at))
    });
    cut.unwrap_or(tier)
}

/// The offer as it can follow a colon; `None` where its words name a gender, for leaving those out would change what
/// is offered.
fn offer_of(offer: &str) -> Option<String> {
    let offer = offer.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '!' | ',' | ';' | ':'));
    (!offer.is_empty() && !names_a_gender(offer) && !has_markup(offer)).then(|| offer.to_owned())
}

/// The interests as one list that can follow "into".
fn interests_of(interests: &str) -> Option<String> {
    let usable = |interest: &&str| {
        !interest.is_empty()
            && interest.split_whitespace().count() <= MAX_INTEREST_WORDS
            && interest.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '\'' | '’' | '&'))
            && !names_a_gender(interest)
    };
    let split = interests.split([',', ';', '/', '|', '.']).flat_map(|part| part.split(" and ")).map(str::trim);
    let parts: Vec<String> =
        split.filter(usable).take(MAX_INTERESTS).map(|part| lower_first(&one_line(part, 40))).collect();
    (!parts.is_empty()).then(|| listed(parts.iter().map(String::as_str).collect::<Vec<_>>().iter(), "and"))
}

/// `Yoga` in the middle of a sentence; `K-pop` and `DIY` keep their capitals.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn has_markup(text: &str) -> bool {
    text.contains(['<', '>', '{', '}', '[', ']', '`', '\\'])
}

/// `Bedok, Punggol and Bishan`.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a &'a str>, and: &str) -> String {
    let last = names.len().saturating_sub(1);
    names.enumerate().fold(String::new(), |mut list, (index, name)| {
        match index {
            0 => {}
            _ if index == last => list.push_str(&format!(" {and} ")),
            _ => list.push_str(", "),
        }
        list.push_str(name);
        list
    })
}

/// When they joined, the way people say it: a quarter is jargon, and a season is wrong where it is always summer.
fn joined_of(joined: &Joined) -> Option<String> {
    const PARTS: [&str; 4] =
        ["at the start of", "towards the middle of", "in the second half of", "towards the end of"];
    let year = joined.years.first();
    let of_year = year.map_or_else(|| "the year".to_owned(), ToString::to_string);
    let by_quarter = joined.quarters.first().and_then(|quarter| PARTS.get(usize::from(*quarter).checked_sub(1)?));
    let by_month = joined.months.first().and_then(|month| MONTHS.get(usize::from(*month).checked_sub(1)?));
    match (by_quarter, by_month, year) {
        (Some(part), _, _) => Some(format!("{part} {of_year}")),
        (None, Some(month), Some(year)) => Some(format!("in {month} {year}")),
        (None, Some(month), None) => Some(format!("in {month}")),
        (None, None, Some(year)) => Some(format!("back in {year}")),
        (None, None, None) => None,
    }
}

/// `#AngMoKio`.
fn hashtag(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).map(super::phrases::capitalised);
    format!("#{}", words.collect::<String>())
}

/// The subject as a hashtag, where it is short enough to be one.
pub(super) fn subject_tag(slots: &Slots) -> Option<String> {
    let subject = slots.fill("{subject}")?;
    (subject.split_whitespace().count() <= 3)
        .then(|| hashtag(&subject))
        .filter(|tag| tag.chars().nth(1).is_some_and(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining_is_told_without_quarters_or_seasons() {
        let joined = |quarters: &[u8], months: &[u8], years: &[u16]| {
            joined_of(&Joined { quarters: quarters.into(), months: months.into(), years: years.into() })
        };
        assert_eq!(joined(&[1], &[1, 2], &[2024]).as_deref(), Some("at the start of 2024"));
        assert_eq!(joined(&[3], &[], &[]).as_deref(), Some("in the second half of the year"));
        assert_eq!(joined(&[], &[5], &[2023]).as_deref(), Some("in May 2023"));
        assert_eq!(joined(&[], &[], &[2023]).as_deref(), Some("back in 2023"));
        assert_eq!(joined(&[], &[], &[]), None);
    }

    #[test]
    fn interests_become_a_list_and_notes_are_left_out() {
        assert_eq!(interests_of("Yoga, weekend markets; K-pop").as_deref(), Some("yoga, weekend markets and K-pop"));
        assert_eq!(interests_of("call them after six please or never"), None);
        assert_eq!(interests_of("men's grooming, hiking").as_deref(), Some("hiking"));
    }

    #[test]
    fn an_offer_is_told_whole_or_not_at_all() {
        assert_eq!(offer_of("A free tote bag!").as_deref(), Some("A free tote bag"));
        assert_eq!(offer_of("20% off women's shoes"), None);
    }

    #[test]
    fn a_tier_is_named_without_its_noun() {
        assert_eq!((tier_word("Gold Member"), tier_word("Elite"), tier_word("VIP tier")), ("Gold", "Elite", "VIP"));
    }
}
