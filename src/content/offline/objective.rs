//! What a campaign is about, read out of a marketer's own words by the lists of `words.json`.
//!
//! "Increase footfall" is a wish of the shop, not of its customers: it becomes a goal, which decides what the reader is
//! asked to do. The subject, such as the "winter coats" of "increase sales of winter coats", is named as "our …", as it
//! was written, where a known phrase stands before it and nothing in it makes that doubtful. No word is taken out of
//! it. An offer is posted as an offer. Whatever else customers may read is quoted whole; where they may not, a text
//! does without. Either way a note says so.

use super::super::note_codes::{OBJECTIVE_LEFT_OUT, OBJECTIVE_QUOTED};
use super::reading::{WordStarts, Words, bare, is_in};
use super::sayable::{has_address, is_sayable, why_not, without_full_stop};
use crate::customer::{MONTHS, Note, NoteCode};

/// A subject is short: more words are a sentence, not a thing.
const MAX_SUBJECT_WORDS: usize = 8;
const MAX_SUBJECT_CHARS: usize = 60;
/// How long the word before a sentence's end is at least; a shorter one may be an abbreviation.
const MIN_LAST_WORD: usize = 4;
const NOT_TOLD: &str = "the offline writer could not tell from the objective what the campaign is about, so the texts";

/// What an objective says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Objective {
    /// A thing, as it can follow "our".
    pub(super) subject: Option<String>,
    /// A subject that "our" may not stand before, such as a charity; or the whole objective in quotation marks.
    pub(super) topic: Option<String>,
    /// An offer, as it can follow a colon.
    pub(super) deal: Option<String>,
    /// What a marketer should know of how it was read.
    pub(super) note: Option<Note>,
}

impl Objective {
    pub(super) fn read(words: &Words, objective: &str) -> Self {
        // Shouting is a typing habit and no part of a name.
        let is_shouted = !objective.chars().any(char::is_lowercase);
        let lower_case = is_shouted.then(|| objective.to_lowercase());
        let text = lower_case.as_deref().unwrap_or(objective).trim();
        if let Some(deal) = words.deal_in(text) {
            return match why_not(words, deal) {
                None => Self { deal: Some(deal.to_owned()), ..Self::default() },
                Some(why) => Self::left_out(format!("the texts leave the offer out: it {}", why.predicate())),
            };
        }
        if words.denies(text) {
            return match words.has_more(text) {
                true => Self::left_out(format!("{NOT_TOLD} do not name it: the objective says what is not wanted")),
                false => Self::default(),
            };
        }
        if WordStarts::of(&text.to_lowercase()).has_any(&words.bad_news) {
            let why = "it tells bad news, and the offline writer's texts are cheerful";
            return Self::left_out(format!("the texts do not name what the objective is about: {why}"));
        }
        if let Some(subject) = words.after(&words.before_subject, text, false).or_else(|| words.before_cue(text)) {
            return Self { note: subject.note(), subject: Some(subject.name), ..Self::default() };
        }
        if let Some(topic) = words.after(&words.before_topic, text, true) {
            let note = topic.note();
            let is_ours = topic
                .name
                .split_once(' ')
                .filter(|(first, _)| first.eq_ignore_ascii_case("our") || first.eq_ignore_ascii_case("my"));
            return match is_ours {
                Some((_, thing)) => Self { subject: Some(thing.to_owned()), note, ..Self::default() },
                None => Self { topic: Some(topic.name), note, ..Self::default() },
            };
        }
        let news = words.after(&words.before_news, text, true).filter(|thing| !is_clause(&thing.name));
        if let Some(news) = news {
            return Self { note: news.note(), topic: Some(news.name), ..Self::default() };
        }
        if !words.has_more(text) {
            return Self::default();
        }
        if let Some(why) = why_not(words, text) {
            return Self::left_out(format!("{NOT_TOLD} do not name it: the objective {}", why.predicate()));
        }
        if words.is_quotable(text) {
            let quoted = Self::noted(OBJECTIVE_QUOTED, format!("{NOT_TOLD} quote it whole"));
            return Self { topic: Some(format!("“{}”", without_full_stop(text))), ..quoted };
        }
        Self::left_out(format!("{NOT_TOLD} do not name it"))
    }

    fn left_out(sentence: String) -> Self {
        Self::noted(OBJECTIVE_LEFT_OUT, sentence)
    }

    fn noted(code: NoteCode, sentence: String) -> Self {
        Self { note: Some(Note::new(code, sentence)), ..Self::default() }
    }
}

/// What a campaign is about.
#[derive(Debug, PartialEq)]
struct Thing {
    name: String,
    /// A day or season that the objective names behind it, with its preposition: "on 3 March", "for winter 2026".
    day: Option<String>,
}

impl Thing {
    /// What a marketer should know where a day was named.
    fn note(&self) -> Option<Note> {
        let sentence = |day| format!("the texts leave “{day}” out: the offline writer names no day and no season");
        self.day.as_deref().map(|day| Note::new(OBJECTIVE_LEFT_OUT, sentence(day)))
    }
}

impl Words {
    /// The offer that an objective is, without a word such as "promote" before it.
    fn deal_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        let lower = text.to_ascii_lowercase();
        let introduces = |cue: &&String| lower.strip_prefix(cue.as_str()).is_some_and(|rest| rest.starts_with(' '));
        let cue = self.before_deal.iter().find(introduces);
        let deal = text.get(cue.map_or(0, String::len)..)?.trim();
        let deal = deal.trim_end_matches(['.', '!', ',', ';', ':', ' ']);
        let lower = deal.to_lowercase();
        let first = lower.split_whitespace().next().unwrap_or_default();
        let is_take = is_in(&self.takes, first);
        let has_number = |word: &str| word.contains(|c: char| c.is_ascii_digit());
        let pairs = || lower.split_whitespace().zip(lower.split_whitespace().skip(1));
        let is_offer = self.offers.iter().any(|sign| lower.contains(sign.as_str()))
            || is_take && lower.split_whitespace().any(|word| bare(word) == "free")
            || pairs().any(|(before, word)| bare(word) == "off" && has_number(before))
            || lower.starts_with("save ") && lower.contains(['%', '$', '€', '£', '¥']);
        let is_aim = !is_take && is_in(&self.wishes, first)
            || lower.split_whitespace().any(|word| is_in(&self.internal, word))
            || pairs().any(|(before, word)| before == "get" && bare(word) == "more");
        (is_offer && !is_aim).then_some(deal)
    }

    /// What follows one of `cues`, the first that a thing follows.
    fn after(&self, cues: &[String], text: &str, is_topic: bool) -> Option<Thing> {
        // ASCII alone keeps every byte in its place.
        let lower = text.to_ascii_lowercase();
        let starts = WordStarts::of(&lower);
        let after = |cue: &String| {
            let (at, _) = starts
                .rests()
                .find(|(_, rest)| rest.strip_prefix(cue.as_str()).is_some_and(|after| after.starts_with(' ')))?;
            Some((at, text.get(at + cue.len()..)?))
        };
        let mut follows: Vec<(usize, &str)> = cues.iter().filter_map(after).collect();
        follows.sort_by_key(|&(at, rest)| (at, rest.len()));
        follows.iter().find_map(|(_, rest)| self.thing(&rest.split_whitespace().collect::<Vec<_>>(), is_topic))
    }

    /// The subject in front of a cue: "newsletter sign-ups".
    fn before_cue(&self, text: &str) -> Option<Thing> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let end = words.iter().position(|word| is_in(&self.after_subject, word))?;
        let wishes = words.iter().take_while(|word| is_in(&self.wishes, word)).count();
        let thing = self.thing(words.get(wishes..end)?, false)?;
        let is_sentence_start = wishes == 0 && !thing.name.chars().skip(1).any(char::is_uppercase);
        let name = if is_sentence_start { lower_first(&thing.name) } else { thing.name };
        let day = self.day_in(words.get(end + 1..).unwrap_or_default());
        Some(Thing { name, day: thing.day.or(day) })
    }

    /// The words as one thing, without what says for whom, when and how; `None` where that is doubtful. A topic keeps
    /// the word that says whose it is.
    fn thing(&self, words: &[&str], is_topic: bool) -> Option<Thing> {
        let n_determiners = words.iter().take_while(|word| self.is_determiner(word)).count();
        let words = words.get(if is_topic { 0 } else { n_determiners }..)?;
        let words = if matches!(words.first(), Some(&("-" | "–" | "—" | ":"))) { words.get(1..)? } else { words };
        let words = words.get(..self.sentence_end(words))?;
        let (words, rest) =
            words.split_at_checked((1..words.len()).find(|&at| self.ends_at(words, at)).unwrap_or(words.len()))?;
        let words = self.without_act(words);
        let thing = words.join(" ");
        let thing = thing.trim_end_matches(['.', ',', ';', ':', '!', '?', '…', ' ', '-', '–']);
        let pairs = || words.iter().zip(words.iter().skip(1));
        let is_usable = (1..=MAX_SUBJECT_WORDS).contains(&words.len())
            && thing.chars().count() <= MAX_SUBJECT_CHARS
            && thing.chars().any(char::is_alphabetic)
            && is_sayable(self, thing)
            && !words.iter().any(|word| self.is_jargon(word) || is_in(&self.unsure, word))
            && !words.first().is_some_and(|word| self.is_link(word))
            && !words.iter().all(|word| is_in(&self.times, word) || is_in(&self.vague, word))
            && !self.is_amount(words)
            && !pairs().any(|(before, word)| self.is_next_aim(before, word) || is_inner_aim(before, word));
        is_usable.then(|| Thing { name: thing.to_owned(), day: self.day_in(rest).or_else(|| self.season_in(rest)) })
    }

    /// The words without the act at their end: "loyalty programme" of "loyalty programme sign-ups". What a text asks
    /// for names it anyway.
    fn without_act<'w, 't>(&self, words: &'w [&'t str]) -> &'w [&'t str] {
        match words.split_last() {
            Some((last, thing)) if !thing.is_empty() && is_in(&self.acts, last) => thing,
            _ => words,
        }
    }

    /// Whether the words say how much is to be sold and not what: "100 units".
    fn is_amount(&self, words: &[&str]) -> bool {
        matches!(words, [number, unit] if is_figure(number) && is_in(&self.units, unit))
    }

    /// The first day that the words name: "on 3 March", "on Friday". A month or a year is no day.
    fn day_in(&self, words: &[&str]) -> Option<String> {
        let start = words.iter().position(|word| is_in(&self.before_day, word))?;
        let (first, rest) = words.get(start..)?.split_first()?;
        let is_time = |word: &&&str| is_in(&self.times, word) || is_figure(word) || bare(word) == "and";
        let day: Vec<&str> = rest.iter().take_while(is_time).copied().collect();
        let is_number = |word: &&str| {
            let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
            !word.contains('%') && digits.parse::<u8>().is_ok_and(|number| (1..=31).contains(&number))
        };
        let is_month = |word: &&str| MONTHS.iter().any(|month| month.eq_ignore_ascii_case(bare(word)));
        let is_date = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('/');
        let has_day = day.iter().any(|word| is_in(&self.weekdays, word) || is_date(word))
            || day.iter().any(is_number) && day.iter().any(is_month);
        let text = format!("{first} {}", day.join(" "));
        has_day.then(|| text.trim_end_matches(['.', ',', ';', '!']).to_owned())
    }

    /// The season that the thing is for: "for winter 2026". Other times say when the shop wants to sell it.
    fn season_in(&self, words: &[&str]) -> Option<String> {
        let (first, time) = words.split_first().filter(|(first, time)| bare(first) == "for" && !time.is_empty())?;
        let is_time = time.iter().all(|word| is_in(&self.times, word) || is_figure(word));
        let text = format!("{first} {}", time.join(" "));
        is_time.then(|| text.trim_end_matches(['.', ',', ';', '!']).to_owned())
    }

    /// Where the first sentence of `words` ends. A dot after an abbreviation, an initial or a number ends none.
    fn sentence_end(&self, words: &[&str]) -> usize {
        let ends = |(at, word): &(usize, &&str)| {
            let said = bare(word);
            let is_end = word.ends_with(['!', '?'])
                || word.ends_with(['.', ';'])
                    && said.chars().count() >= MIN_LAST_WORD
                    && said.chars().all(char::is_lowercase)
                    && !is_in(&self.unsure, word);
            is_end && words.get(at + 1).is_none_or(|next| next.starts_with(char::is_uppercase))
        };
        words.iter().enumerate().find(ends).map_or(words.len(), |(at, _)| at + 1)
    }

    /// Whether the thing ends before the word at `at`, and what follows says for whom, when or how. Names keep all of
    /// their words: "Back to School bags".
    fn ends_at(&self, words: &[&str], at: usize) -> bool {
        let (Some(word), Some(before)) = (words.get(at), words.get(at - 1)) else { return false };
        let rest = words.get(at + 1..).unwrap_or_default();
        let is_capital = |word: &&str| word.starts_with(char::is_uppercase);
        let is_time = |word: &&str| is_in(&self.times, word) || is_figure(word);
        let next = rest.first();
        let is_name = is_capital(before) && next.is_some_and(is_capital) && !rest.iter().all(is_time);
        let is_how =
            is_in(&self.campaign, word) || bare(word) == "by" && next.is_some_and(|next| next.ends_with("ing"));
        let is_whom = is_in(&self.to_whom, word) && rest.last().is_some_and(|last| is_in(&self.people, last));
        let is_when = is_in(&self.when, word) && !rest.is_empty() && rest.iter().all(is_time);
        let is_urgency = rest.is_empty() && self.urgency.iter().any(|urgent| urgent == bare(word));
        // "by 20%" and "from 100 to 200" say how much more the shop wants to sell.
        let is_much = match bare(word).to_ascii_lowercase().as_str() {
            "by" => next.is_some_and(|next| is_figure(next)),
            "from" => matches!(rest, [low, to, high, ..] if is_figure(low) && *to == "to" && is_figure(high)),
            _ => false,
        };
        is_much || !is_name && (is_how && next.is_some() || is_whom || is_when || is_urgency)
    }

    /// Whether another aim begins: "coats and boost …".
    fn is_next_aim(&self, before: &str, word: &str) -> bool {
        let is_link = before.ends_with(',') || matches!(bare(before), "and" | "or");
        let is_aim = is_in(&self.wishes, word) || is_in(&self.before_subject, word) || is_in(&self.campaign, word);
        is_link && is_aim
    }

    /// Whether an objective wants less of what it names, or nothing of it.
    fn denies(&self, text: &str) -> bool {
        let text = text.to_lowercase().replace('’', "'");
        let mut words = text.split_whitespace();
        words.next().is_some_and(|first| is_in(&self.denials, first))
            || words.any(|word| bare(word) == "not")
            || text.contains("no longer")
    }

    fn is_determiner(&self, word: &str) -> bool {
        word.chars().all(char::is_alphabetic) && is_in(&self.determiners, word)
    }

    fn is_link(&self, word: &str) -> bool {
        !word.starts_with(char::is_uppercase)
            && [&self.campaign, &self.to_whom, &self.when].iter().any(|list| is_in(list, word))
            || matches!(word, "and" | "or" | "of")
    }

    fn is_jargon(&self, word: &str) -> bool {
        let word = bare(word).to_lowercase();
        let singular = word.trim_end_matches('s');
        self.jargon.iter().any(|jargon| jargon.trim_end_matches('s') == singular)
    }

    /// Whether an objective says more than what is wanted of customers.
    fn has_more(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        let lists = [&self.wishes, &self.after_subject, &self.determiners, &self.times, &self.when, &self.to_whom];
        let is_known = |word: &str| {
            word.chars().all(|c| !c.is_alphabetic())
                || self.goal_of(word) != "generic"
                || lists.iter().any(|list| is_in(list, word))
                || self.is_jargon(word)
                || is_in(&self.internal, word)
                || matches!(bare(word), "and" | "or" | "of" | "download" | "downloads")
        };
        // An address is something of its own, whatever words are in it.
        lower.split_whitespace().any(|word| has_address(word) || !is_known(word))
    }

    /// Whether a text may quote the objective: it says nothing of the shop's own aims.
    fn is_quotable(&self, text: &str) -> bool {
        let has_goal_of_its_own = !matches!(self.goal_of(text), "generic" | "launch" | "event");
        let starts_as_wish = text.split_whitespace().next().is_some_and(|word| is_in(&self.wishes, word));
        let is_order = text.split_whitespace().next().is_some_and(|word| is_in(&self.orders, word));
        !has_goal_of_its_own
            && !starts_as_wish
            && !is_order
            && !self.is_counted_aim(text)
            && !text.split_whitespace().any(|word| is_in(&self.internal, word))
    }

    /// Whether an objective says how much the shop wants to reach: "Save 100 jobs". What says "your" speaks to readers.
    fn is_counted_aim(&self, text: &str) -> bool {
        let mut words = text.split_whitespace();
        let is_aim = words.next().is_some_and(|first| is_in(&self.counted_aims, first));
        is_aim && words.next().is_some_and(is_figure) && !words.any(|word| matches!(bare(word), "you" | "your"))
    }
}

/// Whether words are a clause and not a thing: "that we move".
fn is_clause(words: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    matches!(first.as_str(), "that" | "we" | "when" | "why" | "how" | "where" | "whether" | "to")
}

/// Whether a word begins as a figure does: "100", "20%", "3rd".
fn is_figure(word: &str) -> bool {
    bare(word).starts_with(|c: char| c.is_ascii_digit())
}

/// Whether two words say how much is wanted or of whom: "20% more coats", "insurance to lazy payers".
fn is_inner_aim(before: &str, word: &str) -> bool {
    let is_more = matches!(bare(word).to_ascii_lowercase().as_str(), "more" | "less" | "higher" | "lower");
    before.contains(|c: char| c.is_ascii_digit()) && is_more || before == "to" && word.starts_with(char::is_lowercase)
}

/// `Coffee` in the middle of a sentence; `K-pop` and `DIY` keep their capitals.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
