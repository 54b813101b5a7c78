//! Composes one post from phrases, in the shape of its platform.

use super::super::{FunnelStage, Platform, Tone};
use super::facts::{Facts, subject_tag};
use super::goal::Goal;
use super::phrases::{Phrases, capitalised, stable_hash};

/// One post; `turn` numbers the variants.
pub(super) fn post(phrases: &Phrases, facts: &Facts, turn: usize) -> String {
    let composer = Composer { phrases, facts, turn };
    match facts.platform {
        Platform::Instagram => composer.instagram(),
        Platform::Facebook => composer.facebook(),
        Platform::LinkedIn => composer.linkedin(),
        Platform::TikTok => composer.tiktok(),
        Platform::Email => composer.email(),
        Platform::Website => composer.website(),
    }
}

struct Composer<'a> {
    phrases: &'a Phrases,
    facts: &'a Facts,
    turn: usize,
}

/// One paragraph from its sentences, the missing ones left out.
fn paragraph(sentences: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// A text from its paragraphs, the missing ones left out.
fn text(paragraphs: impl IntoIterator<Item = Option<String>>) -> String {
    paragraphs.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// Whether more than the end of a sentence is missing: "Curious?" is followed by a capital, "For a first look," is not.
fn ends_sentence(text: &str) -> bool {
    text.ends_with(['.', '!', '?'])
}

impl Composer<'_> {
    /// The phrases of a section that can be filled, filled.
    fn filled(&self, section: &str) -> Vec<String> {
        self.phrases.lines(section).iter().filter_map(|phrase| self.facts.slots.fill(phrase)).collect()
    }

    /// One of a section's phrases; another one each turn, and each section on its own way round.
    fn pick(&self, section: &str) -> Option<String> {
        let mut filled = self.filled(section);
        let index = self.index(section, filled.len())?;
        Some(filled.swap_remove(index))
    }

    fn index(&self, section: &str, n: usize) -> Option<usize> {
        let start = usize::try_from(stable_hash(self.facts.seed, section) % 1_000).unwrap_or_default();
        // Sections of equal length would turn together: after a full round each moves on by its own step.
        let rounds = self.turn.checked_div(n)? * (1 + start % 2);
        (start + self.turn + rounds).checked_rem(n)
    }

    fn by_stage_and_tone(&self, slot: &str) -> Option<String> {
        self.pick(&self.facts.by_stage_and_tone(slot))
    }

    fn by_stage(&self, slot: &str) -> Option<String> {
        self.pick(&format!("{slot}.{}", self.facts.stage.name().to_lowercase()))
    }

    fn by_tone(&self, slot: &str) -> Option<String> {
        self.pick(&format!("{slot}.{}", self.facts.tone.name().to_lowercase()))
    }

    fn of_trade(&self, part: &str) -> Option<String> {
        self.pick(&format!("{}.{part}", self.facts.trade))
    }

    fn hook(&self) -> Option<String> {
        self.by_stage_and_tone("hook")
    }

    /// What is in it for the reader: by the campaign's goal where it has reasons of its own, and by trade.
    fn why(&self) -> Option<String> {
        self.pick(self.facts.goal.reasons()?)
    }

    fn benefit(&self) -> Option<String> {
        self.of_trade("benefit")
    }

    fn nod(&self) -> Option<String> {
        let section = format!("nod.{}.{}", self.facts.engagement.name(), self.facts.tone.name());
        self.pick(&section.to_lowercase())
    }

    fn stage_line(&self) -> Option<String> {
        if self.facts.is_brief { None } else { self.by_stage("stage") }
    }

    fn offer(&self) -> Option<String> {
        self.pick("offer")
    }

    /// Where they are and what they are to us, as far as it is known.
    fn standing(&self) -> Option<String> {
        ["about.place_tier", "about.place", "about.tier"].iter().find_map(|section| self.pick(section))
    }

    /// Since when, or what they like: one of the two, by turns.
    fn familiarity(&self) -> Option<String> {
        let sections = ["about.joined", "about.interests"];
        let first = usize::from(self.turn.is_multiple_of(2) && self.facts.slots.has("interests"));
        let order = [sections.get(first), sections.get(1 - first)];
        order.iter().flatten().find_map(|section| self.pick(section))
    }

    /// What the reader is asked to do, as an imperative without its full stop.
    fn act(&self) -> String {
        let section = match self.facts.goal {
            Goal::Signups => "act.signups",
            Goal::Apply => "act.apply",
            Goal::App => "act.app",
            Goal::Event => "act.event",
            Goal::Launch => "act.launch",
            Goal::Retention => "act.retention",
            Goal::Referral => "act.referral",
            Goal::Feedback => "act.feedback",
            Goal::Awareness => "act.awareness",
            Goal::Community => "act.community",
            Goal::Visits if self.facts.slots.has("destination") => "act.visit_subject",
            Goal::Visits => &self.trade_section("visit"),
            Goal::Bookings => &self.trade_section("book"),
            Goal::Sales | Goal::Generic => &self.sales_section(),
        };
        let phrases = self.phrases.lines(section);
        let wants_subject = |phrase: &&&str| phrase.contains("{subject}");
        let named: Vec<String> =
            phrases.iter().filter(wants_subject).filter_map(|phrase| self.facts.slots.fill(phrase)).collect();
        let mut acts = if named.is_empty() { self.filled(section) } else { named };
        self.index(section, acts.len()).map(|index| acts.swap_remove(index)).unwrap_or_default()
    }

    /// Nobody buys what they have only just met or are still comparing: those two stages look first.
    fn sales_section(&self) -> String {
        let looks_first = matches!(self.facts.stage, FunnelStage::Awareness | FunnelStage::Consideration);
        match (looks_first, self.facts.slots.has("subject")) {
            (true, true) => "act.explore_subject".to_owned(),
            (true, false) => self.trade_section("explore"),
            (false, true) => self.trade_section("buy_subject"),
            (false, false) => self.trade_section("buy"),
        }
    }

    fn trade_section(&self, part: &str) -> String {
        format!("{}.{part}", self.facts.trade)
    }

    /// The call to action as one sentence.
    fn call(&self) -> Option<String> {
        let lead = self.by_stage("lead")?;
        let platform = self.facts.platform.name().to_lowercase();
        let section = if self.facts.is_visit() { "do.visit".to_owned() } else { format!("do.{platform}") };
        let mut slots = self.facts.slots.clone();
        slots.set("act", self.act());
        let phrases = self.phrases.lines(&section);
        let deed = slots.fill(phrases.get(self.index(&section, phrases.len())?)?)?;
        Some(format!("{lead} {}", if ends_sentence(&lead) { capitalised(&deed) } else { deed }))
    }

    /// An emoji by tone, or by trade on every other turn; none where the segment likes none.
    fn emoji(&self, by_trade: bool) -> Option<String> {
        if self.facts.is_plain {
            None
        } else if by_trade {
            self.of_trade("emoji")
        } else {
            self.by_tone("emoji")
        }
    }

    fn with_emoji(&self, sentence: Option<String>, emoji: Option<String>) -> Option<String> {
        paragraph([sentence, emoji])
    }

    fn hashtags(&self, n: usize) -> Option<String> {
        let own = [self.facts.place_tag.clone(), subject_tag(&self.facts.slots)].into_iter().flatten();
        let trade = self.phrases.lines(&self.trade_section("tags")).iter().map(|tag| (*tag).to_owned());
        let tags: Vec<String> = own.chain(trade).take(n).collect();
        (!tags.is_empty()).then(|| tags.join(" "))
    }

    fn instagram(&self) -> String {
        text([
            self.with_emoji(self.hook(), self.emoji(false)),
            paragraph([self.nod(), self.standing()]),
            paragraph([self.why(), self.benefit(), self.familiarity()]),
            self.offer(),
            self.with_emoji(self.call(), self.emoji(true)),
            self.hashtags(5),
        ])
    }

    fn facebook(&self) -> String {
        let emoji = if self.facts.tone == Tone::Professional { None } else { self.emoji(true) };
        text([
            paragraph([self.hook(), self.nod()]),
            paragraph([self.why(), self.benefit()]),
            paragraph([self.standing(), self.familiarity()]),
            paragraph([self.stage_line(), self.offer()]),
            self.with_emoji(self.call(), emoji),
            self.by_stage("ask"),
        ])
    }

    fn linkedin(&self) -> String {
        text([
            self.benefit(),
            paragraph([self.hook(), self.why(), self.nod()]),
            paragraph([self.standing(), self.familiarity(), self.stage_line()]),
            self.offer(),
            self.call(),
        ])
    }

    fn tiktok(&self) -> String {
        let quick = self.pick(&format!("quick.{}", self.facts.engagement.name().to_lowercase()));
        let opener = self
            .by_stage_and_tone("short")
            .map(|short| if ends_sentence(&short) { short } else { format!("{short}.") });
        let known = ["call.place", "call.tier"].into_iter().filter(|section| !self.filled(section).is_empty());
        let known: Vec<&str> = known.collect();
        let call = self.turn.checked_rem(known.len()).and_then(|turn| self.pick(known.get(turn)?));
        text([
            self.with_emoji(paragraph([call, opener]), self.emoji(false)),
            paragraph([quick, self.call()]),
            self.offer(),
            self.hashtags(3),
        ])
    }

    fn email(&self) -> String {
        let subject = self.by_stage_and_tone("short").map(|short| format!("Subject: {short}"));
        let farewell =
            self.by_tone("farewell").and_then(|farewell| Some(format!("{farewell}\n{}", self.pick("from")?)));
        text([
            subject,
            self.by_tone("greeting"),
            paragraph([self.hook(), self.nod()]),
            paragraph([self.why(), self.benefit()]),
            paragraph([self.standing(), self.familiarity()]),
            paragraph([self.stage_line(), self.offer()]),
            self.call(),
            farewell,
        ])
    }

    fn website(&self) -> String {
        let headline = self.by_stage_and_tone("short");
        // The offering is named once: in the headline, or else below it.
        let offering = self.facts.slots.fill("{offering}").unwrap_or_default();
        let is_named = headline.as_ref().is_some_and(|headline| headline.contains(&offering));
        text([
            headline,
            paragraph([if is_named { None } else { self.hook() }, self.nod()]),
            paragraph([self.why().or_else(|| self.benefit()), self.standing()]),
            self.offer(),
            Some(format!("{} →", capitalised(&self.act()))),
        ])
    }
}
