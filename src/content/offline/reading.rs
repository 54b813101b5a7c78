//! The lists of `words.json`, and how words are looked up in them.

use serde::Deserialize;

/// Lists of words, all in lower case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// Goals with the words that give them away, the more specific goal first.
    goals: Vec<(String, Vec<String>)>,
    /// Phrases that a subject follows: "sales of".
    pub(super) before_subject: Vec<String>,
    /// Phrases that a topic follows, which nobody owns: "awareness of".
    pub(super) before_topic: Vec<String>,
    /// Words that follow a subject: "newsletter sign-ups".
    pub(super) after_subject: Vec<String>,
    /// Words that start a wish and are no part of its subject.
    pub(super) wishes: Vec<String>,
    /// Words after which an objective speaks of the campaign: "via Instagram".
    pub(super) campaign: Vec<String>,
    /// Words before whom a campaign is for.
    pub(super) to_whom: Vec<String>,
    /// Words for whom a campaign is for.
    pub(super) people: Vec<String>,
    /// Words before a time, and those of a time: "before the end of June".
    pub(super) when: Vec<String>,
    pub(super) times: Vec<String>,
    /// Words that a subject may start with and that "our" replaces.
    pub(super) determiners: Vec<String>,
    /// Words that customers do not use: a subject with one of them is none.
    pub(super) jargon: Vec<String>,
    /// Words that compare, deny or estimate: what holds one is no thing.
    pub(super) unsure: Vec<String>,
    /// Words that an objective begins with which wants less of something, or nothing; "not" denies anywhere.
    pub(super) denials: Vec<String>,
    /// Words of a shop's own aims and of instructions: an objective with one of them is not quoted.
    pub(super) internal: Vec<String>,
    /// What an offer holds, and the words that it may begin with where it is "free".
    pub(super) offers: Vec<String>,
    pub(super) takes: Vec<String>,
    /// What a note on somebody's interests begins with, and no interest.
    pub(super) not_interests: Vec<String>,
    /// Words for somewhere to go: "our Orchard branch".
    places_to_visit: Vec<String>,
    /// Words that name a gender, without their possessive endings: no post holds one.
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
        let word = word.replace('’', "'");
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
    let word = bare(word).to_lowercase();
    list.contains(&word)
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
