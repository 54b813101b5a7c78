//! Where a failure mentions a field of the request.
//!
//! A server that refuses one field may list others (`unknown field x, expected one of …`), so the first mention counts.
//! A member that holds the name alone (`param`, `loc`) counts before any sentence. For what learns from failures.

use super::failure::Failure;

/// The position of a mention; an earlier one is more likely the cause.
pub type Place = (usize, usize, usize);

/// The first place that mentions one of `names`, each written in lower case, as a whole word.
pub fn of_word(failure: &Failure, names: &[&str]) -> Option<Place> {
    place(failure, names, whole_word)
}

/// The first place that mentions one of `phrases`, each written in lower case, anywhere in a text.
pub fn of_phrase(failure: &Failure, phrases: &[&str]) -> Option<Place> {
    place(failure, phrases, |text, phrase| text.find(phrase))
}

/// The first place that quotes `name`, begins with it before a colon, ends with it after one, or consists of it: for
/// names that are also words.
pub fn of_quoted(failure: &Failure, name: &str) -> Option<Place> {
    let quotes = [("'", "'"), ("\"", "\""), ("`", "`")];
    place(failure, &[name], |text, name| {
        if text == name || text.starts_with(&format!("{name}: ")) {
            return Some(0);
        }
        let quoted = quotes.iter().filter_map(|(open, close)| text.find(&format!("{open}{name}{close}")));
        quoted.min().or_else(|| text.ends_with(&format!(": {name}")).then_some(text.len()))
    })
}

fn place(failure: &Failure, names: &[&str], find: impl Fn(&str, &str) -> Option<usize>) -> Option<Place> {
    let places = failure.words().enumerate().flat_map(|(index, text)| {
        let find = &find;
        names.iter().filter_map(move |&name| {
            // `param` and `loc` hold the name alone.
            if text == name { Some((0, index, 0)) } else { find(text, name).map(|at| (1, index, at)) }
        })
    });
    places.min()
}

fn whole_word(text: &str, word: &str) -> Option<usize> {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    let mut starts = text.match_indices(word).map(|(start, _)| start);
    starts.find(|&start| {
        let before = start.checked_sub(1).and_then(|before| bytes.get(before));
        !is_part(before) && !is_part(bytes.get(start + word.len()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn failure(body: &Value) -> Failure {
        Failure::read(400, body.to_string().as_bytes())
    }

    #[test]
    fn a_word_is_found_as_a_whole_and_its_first_mention_counts() {
        let body = json!({"error": "unknown field `size`, expected one of `n`, `prompt` (upstream)"});
        let failure = failure(&body);
        assert!(of_word(&failure, &["size"]) < of_word(&failure, &["prompt"]));
        assert_eq!(of_word(&failure, &["stream"]), None);
        assert!(of_phrase(&failure, &["stream"]).is_some());
    }

    #[test]
    fn a_name_that_stands_alone_comes_before_every_mention_in_a_sentence() {
        let failure = failure(&json!({"error": {"message": "use size instead", "param": "n"}}));
        assert!(of_quoted(&failure, "n") < of_word(&failure, &["size"]));
    }

    #[test]
    fn a_word_of_the_language_has_to_be_quoted() {
        for (text, is_found) in [
            ("unknown parameter: 'n'", true),
            ("unknown parameter: `n`", true),
            ("argument not supported: n", true),
            ("n: unrecognized key", true),
            ("n is not a thing in the n-th line", false),
            ("an error", false),
        ] {
            assert_eq!(of_quoted(&failure(&json!({ "error": text })), "n").is_some(), is_found, "{text}");
        }
    }
}
