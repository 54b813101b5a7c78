//! The lists of `words.json`, and how words are looked up in them.

use std::borrow::Cow;

use serde::Deserialize;

/// Lists of words, all in lower case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// Each goal with the words by which an objective is recognised as one. The first goal that fits counts, so
    /// specific goals come before general ones.
    goals: Vec<(String, Vec<String>)>,
    /// Phrases directly before the subject: "sales of" in "increase sales of winter coats".
    pub(super) before_subject: Vec<String>,
    /// Phrases directly before a topic, such as a cause, which a text does not call "our …": "awareness of".
    pub(super) before_topic: Vec<String>,
    /// Verbs before news: "announce". What follows is a topic, with the word that says whose it is.
    pub(super) before_news: Vec<String>,
    /// Beginnings of what no cheerful text can tell: "closure". An objective that has one is not named.
    pub(super) bad_news: Vec<String>,
    /// Words before an offer that are not part of it: "promote" in "promote 50% off shoes".
    pub(super) before_deal: Vec<String>,
    /// Words directly after the subject: "sign-ups" in "newsletter sign-ups".
    pub(super) after_subject: Vec<String>,
    /// Words at the start of an objective that say what the shop wants: "increase". They are not part of the subject.
    pub(super) wishes: Vec<String>,
    /// Nouns for what customers do with a subject: "sign-ups". They are dropped from its end.
    pub(super) acts: Vec<String>,
    /// Words that name nothing in particular: "everything". They are not taken for a subject by themselves.
    pub(super) vague: Vec<String>,
    /// Words for an amount: "units" in "100 units".
    pub(super) units: Vec<String>,
    /// Verbs at the start of an objective that tell the shop's people what to do: "collect email addresses". Such an
    /// objective is not quoted.
    pub(super) orders: Vec<String>,
    /// Prepositions before a day: "on 3 March".
    pub(super) before_day: Vec<String>,
    /// The days of the week.
    pub(super) weekdays: Vec<String>,
    /// Verbs that make an aim of the shop out of a number: "save" in "save 100 jobs".
    pub(super) counted_aims: Vec<String>,
    /// Words that end the subject, since what follows is about the campaign: "via" in "yoga classes via Instagram".
    pub(super) campaign: Vec<String>,
    /// Prepositions before the target group: "to" in "car insurance to young families".
    pub(super) to_whom: Vec<String>,
    /// Nouns for a target group: "families".
    pub(super) people: Vec<String>,
    /// Prepositions before a time: "before" in "before the end of June".
    pub(super) when: Vec<String>,
    /// Words that a time consists of: "the", "end", "of" and "June" in "before the end of June".
    pub(super) times: Vec<String>,
    /// Words that say how soon, and end the subject where nothing follows: "now" in "sell winter coats now".
    pub(super) urgency: Vec<String>,
    /// Articles and possessives before a subject. "Our" takes their place in a text.
    pub(super) determiners: Vec<String>,
    /// Words of the trade that customers do not use: "footfall". Words that contain one are not taken for a subject.
    pub(super) jargon: Vec<String>,
    /// Words that compare, deny or estimate: "than", "approx". Words that contain one are not taken for a subject.
    pub(super) unsure: Vec<String>,
    /// First words of an objective that wants less of something, or nothing of it: "reduce". ("Not" counts anywhere.)
    pub(super) denials: Vec<String>,
    /// Words of the shop's own aims, and of instructions to a model: "revenue", "prompt". An objective that contains
    /// one is not quoted.
    pub(super) internal: Vec<String>,
    /// Signs of an offer: "% off".
    pub(super) offers: Vec<String>,
    /// First words of an offer that also contains "free": "buy" in "buy 2, get 1 free".
    pub(super) takes: Vec<String>,
    /// First words of a remark about somebody's interests: "they" in "they like hiking". Such a remark is not listed as
    /// an interest.
    pub(super) not_interests: Vec<String>,
    /// Nouns for a place that customers can come to: "branch" in "our Orchard branch".
    places_to_visit: Vec<String>,
    /// Texts in the place of an offer that say that there is none.
    pub(super) no_offers: Vec<String>,
    /// Values of a column of places that are not a place on the map: "online". No text names them as a place.
    pub(super) nowhere: Vec<String>,
    /// Words that name a gender, without possessive endings. No text contains one.
    gender: Vec<String>,
}

impl Words {
    /// The goal behind an objective; `generic` where no word tells it.
    pub(super) fn goal_of(&self, objective: &str) -> &str {
        let objective = objective.to_lowercase();
        let objective = WordStarts::of(&objective);
        let hit = self.goals.iter().find(|(_, words)| objective.has_any(words));
        hit.map_or("generic", |(goal, _)| goal)
    }

    /// Whether a subject is somewhere to go.
    pub(super) fn is_place_to_visit(&self, subject: &str) -> bool {
        subject.split_whitespace().any(|word| is_in(&self.places_to_visit, word))
    }

    /// Whether `text` names a gender.
    pub(super) fn names_a_gender(&self, text: &str) -> bool {
        text.split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’')).any(|word| self.is_gender_word(word))
    }

    fn is_gender_word(&self, word: &str) -> bool {
        let word = if word.is_ascii() { Cow::Borrowed(word) } else { Cow::Owned(word.replace('’', "'")) };
        let word = bare(&word);
        is_in(&self.gender, word.strip_suffix("'s").unwrap_or(word))
    }
}

/// A text in lower case, with the places where its words start: word lists are looked up there alone.
pub(super) struct WordStarts<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> WordStarts<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut is_inside = false;
        let is_start = |&(_, c): &(usize, char)| !std::mem::replace(&mut is_inside, c.is_alphanumeric());
        Self { text, starts: text.char_indices().filter(is_start).map(|(at, _)| at).collect() }
    }

    /// Each place where a word starts, with the text from there on.
    pub(super) fn rests(&self) -> impl Iterator<Item = (usize, &'t str)> {
        self.starts.iter().filter_map(|&at| Some((at, self.text.get(at..)?)))
    }

    /// Whether one of `words` is at the start of a word. A word of up to three letters must stand alone, or in its
    /// plural; a longer one may go on ("retain", "retaining").
    pub(super) fn has_any(&self, words: &[String]) -> bool {
        let ends = |rest: &str| !rest.chars().next().is_some_and(char::is_alphanumeric);
        let is_whole =
            |word: &str, rest: &str| word.len() > 3 || ends(rest) || rest.strip_prefix('s').is_some_and(ends);
        let has = |word: &String| {
            self.rests().any(|(_, rest)| rest.strip_prefix(word.as_str()).is_some_and(|rest| is_whole(word, rest)))
        };
        words.iter().any(has)
    }
}

pub(super) fn is_in(list: &[String], word: &str) -> bool {
    let word = bare(word);
    if word.is_ascii() {
        // The lists are in lower case.
        return list.iter().any(|entry| entry.eq_ignore_ascii_case(word));
    }
    list.contains(&word.to_lowercase())
}

pub(super) fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::super::Data;

    #[test]
    fn industries_are_understood_as_trades_and_words_that_name_a_gender_are_known() {
        let data = Data::built_in().unwrap();
        for (industry, trade) in
            [("F&B", "food"), ("Motor insurance", "finance"), ("Automation software", "technology")]
        {
            assert_eq!(data.trade_of(industry).unwrap().0.name, trade, "{industry}");
        }
        assert_eq!(data.trade_of("Underwater welding").unwrap().0.name, "generic");
        assert!(data.words.names_a_gender("20% off Women's shoes") && data.words.names_a_gender("for girls’ night"));
        assert!(!data.words.names_a_gender("Queenstown, Kingston, the chef, a manual, this"));
    }
}
