//! How a segment likes to be written to, read out of a marketer's own words: few words, no emoji. Whole words count,
//! and what is denied ("do not be formal") is not liked.

/// Words for few words.
const BRIEF: [&str; 9] =
    ["short", "shorter", "brief", "briefly", "concise", "concisely", "crisp", "minimal", "minimalist"];
/// Words for a style without emoji.
const FORMAL: [&str; 2] = ["formal", "formally"];
const EMOJI: [&str; 4] = ["emoji", "emojis", "emoticon", "emoticons"];
/// Words that deny what follows them in their clause.
const DENIALS: &str = "no not never non without avoid avoids avoiding skip less neither nor nothing anything hardly \
    don't dont doesn't doesnt isn't isnt aren't arent can't cant won't wont shouldn't shouldnt dislike dislikes hate \
    hates rather instead";
/// Words that start another clause.
const TURNS: [&str; 4] = ["but", "yet", "though", "however"];

/// A style as clauses of words.
#[derive(Debug)]
pub(super) struct Style(Vec<Vec<String>>);

impl Style {
    pub(super) fn read(style: &str) -> Self {
        let style = style.to_lowercase().replace('’', "'").replace("to the point", "concise");
        let mut clauses = Vec::new();
        for part in style.split([',', ';', '.', ':', '!', '?', '/', '|', '(', ')', '–', '—']) {
            let words = part.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
            let mut clause = Vec::new();
            for word in words {
                if TURNS.contains(&word) {
                    clauses.push(std::mem::take(&mut clause));
                } else {
                    clause.push(word.to_owned());
                }
            }
            clauses.push(clause);
        }
        Self(clauses)
    }

    /// Whether few words are liked.
    pub(super) fn is_brief(&self) -> bool {
        self.has(&BRIEF, false)
    }

    /// Whether no emoji is liked.
    pub(super) fn is_plain(&self) -> bool {
        self.has(&FORMAL, false) || self.has(&EMOJI, true)
    }

    /// Whether one of `words` is there, and as denied as `is_denied` says.
    fn has(&self, words: &[&str], is_denied: bool) -> bool {
        self.0.iter().any(|clause| {
            let mut denied = false;
            clause.iter().any(|word| {
                denied |= DENIALS.split_ascii_whitespace().any(|denial| denial == word);
                denied == is_denied && words.contains(&word.as_str())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_liked_unless_they_are_denied() {
        for (style, is_brief, is_plain) in [
            ("warm, short sentences", true, false),
            ("Formal", false, true),
            ("informal", false, false),
            ("semi-formal, to the point", true, true),
            ("do not be formal, avoid short texts", false, false),
            ("Don’t be too formal but keep it brief", true, false),
            ("short and not formal", true, false),
            ("no emoji", false, true),
            ("brief, please don't use any emojis", true, true),
            ("plenty of emoji", false, false),
            ("nothing too short; shortbread and formalities", false, false),
            ("", false, false),
        ] {
            let read = Style::read(style);
            assert_eq!((read.is_brief(), read.is_plain()), (is_brief, is_plain), "{style}");
        }
    }
}
