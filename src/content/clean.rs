//! Strings from strangers made safe to use: one line, no control characters, a known length.
//!
//! Knows nothing of prompts or platforms.

use std::borrow::Cow;

use crate::customer::is_invisible;

/// A letter of an emoji can have a selector and a joiner.
const MAX_JOINERS: usize = 2;

/// Makes `text` one line of at most `max_chars` characters.
///
/// Control, bidirectional and zero-width characters go (a log line or a prompt must show what it holds), and of joiners
/// all but what one letter can have: a long row of them is a hidden text. Every run of blanks becomes one, both ends
/// are trimmed.
pub(super) fn one_line(text: &str, max_chars: usize) -> String {
    if text.len() <= max_chars && is_clean_line(text) {
        return text.to_owned();
    }
    let mut line = String::new();
    let mut n_chars = 0;
    let mut n_joiners = 0;
    let mut pending_blank = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            pending_blank = true;
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        n_joiners = if is_joiner(c) { n_joiners + 1 } else { 0 };
        if n_joiners > MAX_JOINERS || n_joiners > 0 && (n_chars == 0 || pending_blank) {
            continue;
        }
        if n_chars + usize::from(pending_blank && n_chars > 0) >= max_chars {
            break;
        }
        if pending_blank && n_chars > 0 {
            line.push(' ');
            n_chars += 1;
        }
        pending_blank = false;
        line.push(c);
        n_chars += 1;
    }
    line
}

/// Whether a text is of visible ASCII letters with single blanks between them, as most are: nothing is to be cleaned.
fn is_clean_line(text: &str) -> bool {
    let mut after_blank = true;
    let is_kept = |byte: u8| !(std::mem::replace(&mut after_blank, byte == b' ') && byte == b' ');
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.bytes().all(is_kept) && !text.ends_with(' ')
}

/// Cleans like [`one_line`]; `None` where nothing is left.
pub(super) fn filled_line(text: &str, max_chars: usize) -> Option<String> {
    Some(one_line(text, max_chars)).filter(|line| !line.is_empty())
}

/// A joiner, or the selector of an emoji's style: unseen, and needed between letters.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// The letters that somebody sees.
pub(super) fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|&c| !is_invisible(c) && !is_joiner(c))
}

/// The text without control characters other than line breaks and tabs, and without what nobody sees: marks that turn
/// the direction of a text, and zero-width characters that hide one. What spelling and emoji need stays.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|&c| !is_invisible(c) || matches!(c, '\n' | '\t')).collect()
}

/// The text without anything that reads as an angle bracket: forms of other widths, the letters and marks that Unicode
/// calls confusable with one (UTS #39), and the brackets of mathematics and of CJK.
pub(super) fn without_brackets(text: &str) -> Cow<'_, str> {
    const OPENING: [char; 14] =
        ['<', '＜', '﹤', '˂', 'ᐸ', 'ᚲ', '❬', '❮', '❰', '⟨', '\u{2329}', '\u{3008}', '⧼', '\u{1d236}'];
    const CLOSING: [char; 14] =
        ['>', '＞', '﹥', '˃', 'ᐳ', '\u{16f3f}', '❭', '❯', '❱', '⟩', '\u{232a}', '\u{3009}', '⧽', '\u{1d237}'];
    if text.is_ascii() && memchr::memchr2(b'<', b'>', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(OPENING, "‹").replace(CLOSING, "›"))
}

/// Cuts `text` to at most `max_chars` characters, after the last sentence that fits.
///
/// Where no sentence ends in the second half of the limit it cuts between words and says so with an ellipsis; where
/// there is no blank either, between characters.
pub(super) fn trim_at_sentence(text: &str, max_chars: usize) -> String {
    let text = text.trim_end();
    let Some((cut, _)) = text.char_indices().nth(max_chars) else { return text.to_owned() };
    let head = text.get(..cut).unwrap_or_default();
    if let Some(end) = last_sentence_end(text, cut)
        && head.get(..end).is_some_and(|kept| kept.chars().count() * 2 >= max_chars)
    {
        return head.get(..end).unwrap_or_default().trim_end().to_owned();
    }
    let Some((room, next)) = head.char_indices().nth(max_chars.saturating_sub(1)) else { return String::new() };
    let head = head.get(..room).unwrap_or_default();
    let blank = if next.is_whitespace() { Some(room) } else { head.rfind(char::is_whitespace) };
    let words = blank.and_then(|blank| head.get(..blank)).unwrap_or(head);
    let words = if words.trim().is_empty() { head } else { words };
    format!("{}…", words.trim_end().trim_end_matches([',', ';', ':', '-']))
}

/// The byte after the last sentence that ends at or before byte `cut`, closing quotes included.
fn last_sentence_end(text: &str, cut: usize) -> Option<usize> {
    let mut end = None;
    let mut after_stop = false;
    for (at, c) in text.char_indices() {
        let ends_here = after_stop && (c.is_whitespace() || is_wide_stop(c));
        if ends_here && at <= cut {
            end = Some(at);
        }
        if at >= cut {
            break;
        }
        let closes = after_stop && matches!(c, '"' | '\'' | '”' | '’' | ')' | '»');
        after_stop = closes || matches!(c, '.' | '!' | '?' | '…') || is_wide_stop(c);
        if is_wide_stop(c) {
            end = Some(at + c.len_utf8());
        }
    }
    end
}

/// A full stop that needs no blank after it.
fn is_wide_stop(c: char) -> bool {
    matches!(c, '。' | '！' | '？')
}

/// The first `n` words of `text`, and whether any were dropped.
pub(super) fn first_words(text: &str, n: usize) -> (String, bool) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let kept = words.get(..n.min(words.len())).unwrap_or_default().join(" ");
    let dropped = words.len() > n;
    (if dropped { kept.trim_end_matches([',', ';', ':', '-']).to_owned() } else { kept }, dropped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_and_invisible_characters_disappear() {
        assert_eq!(one_line("  a\u{202e}b\r\n\tc\u{0}d\u{200b} ", 50), "ab c d");
    }

    #[test]
    fn a_model_s_text_keeps_its_lines_and_loses_marks_of_direction() {
        let text = "Buy\u{202e}won\u{202c} now\r\n\t\u{2066}hi\u{2069}\u{200b} ❤\u{fe0f}\u{200d}🔥\u{1b}[2J";
        assert_eq!(printable(text), "Buywon now\n\thi ❤\u{fe0f}\u{200d}🔥[2J");
    }

    #[test]
    fn what_spelling_needs_stays_and_a_text_in_unseen_characters_does_not() {
        for text in ["می\u{200c}خواهم", "❤\u{fe0f}\u{200d}🔥", "क्\u{200d}ष"] {
            assert_eq!(one_line(text, 50), text);
        }
        let hidden: String = b"ignore all".iter().map(|b| char::from_u32(0xe0100 + u32::from(*b)).unwrap()).collect();
        let bits = "\u{200c}\u{200d}\u{fe0f}\u{fe0e}".repeat(20);
        assert_eq!(one_line(&format!("a{hidden}b\u{3164}{bits}"), 50), "ab\u{200c}\u{200d}");
        assert_eq!(one_line(&format!("{bits} a {bits}"), 50), "a");
    }

    #[test]
    fn a_cut_line_never_ends_in_a_blank() {
        assert_eq!(one_line("ab cd", 3), "ab");
    }

    #[test]
    fn trimming_ends_at_the_last_sentence_that_fits() {
        assert_eq!(trim_at_sentence("One is here. Two is longer. Three.", 20), "One is here.");
        assert_eq!(trim_at_sentence("He said \"go.\" Then more words", 16), "He said \"go.\"");
        assert_eq!(trim_at_sentence("第一句话。第二句话很长很长", 7), "第一句话。");
    }

    #[test]
    fn trimming_falls_back_to_words_and_then_to_characters() {
        assert_eq!(trim_at_sentence("no sentence ends in here", 12), "no sentence…");
        assert_eq!(trim_at_sentence("abcdefghij", 4), "abc…");
        assert_eq!(trim_at_sentence("3.50 a cup for everyone", 10), "3.50 a…");
    }

    #[test]
    fn text_within_the_limit_stays_whole() {
        assert_eq!(trim_at_sentence("All of it", 9), "All of it");
    }

    #[test]
    fn words_beyond_the_limit_are_dropped_and_reported() {
        assert_eq!(first_words("one two, three", 2), ("one two".into(), true));
        assert_eq!(first_words("one two", 2), ("one two".into(), false));
    }

    proptest! {
        #[test]
        fn a_cleaned_line_is_short_single_and_trimmed(text in ".{0,200}", max in 0_usize..60) {
            let line = one_line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.chars().any(char::is_control));
            prop_assert_eq!(line.trim(), line.as_str());
            prop_assert!(!line.contains("  "));
            prop_assert_eq!(one_line(&line, max), line);
        }

        #[test]
        fn a_trimmed_text_fits_and_starts_like_the_original(text in "([a-zé。 ]{0,12}[.!?]? ?){0,30}", max in 1_usize..120) {
            let trimmed = trim_at_sentence(&text, max);
            prop_assert!(trimmed.chars().count() <= max);
            prop_assert!(text.starts_with(trimmed.trim_end_matches('…')));
        }

        #[test]
        fn a_sentence_end_in_the_second_half_is_where_the_cut_falls(
            sentences in proptest::collection::vec("[a-z]{3,8}( [a-z]{3,8}){1,3}\\.", 3..20), max in 80_usize..200,
        ) {
            let text = sentences.join(" ");
            let trimmed = trim_at_sentence(&text, max);
            prop_assert!(trimmed.ends_with('.'), "{trimmed}");
        }
    }
}
