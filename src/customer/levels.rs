//! The levels of an ordinal column, found in cells that say a little more than their name: `Gold Member`, `1 - Gold`,
//! `GOLD (vip)`.
//!
//! Beside the level only words that say nothing of it may stand: a cell with two levels, or with a word that may change
//! the meaning (`Rose Gold`, `Ex-Gold`, `Gold until 2020`), has no level here, and is named in the report. A number is
//! a level by its value alone: `8.0` is `8`, and `-1` and `2.9` are neither `1` nor `2`. Where all levels are numbers,
//! a label may explain one: `10 - promoter`.

use rustc_hash::FxHashMap;

use super::spelling::spelling_key;
use super::text;

/// Words that say nothing of a level, as they are compared, in the languages that most cards are printed in.
const FILLERS: &str = "member members membership memberships tier tiers level levels lvl status card cards cardholder \
    holder class category customer customers client clients account plan club loyalty program programme rank grade \
    vip the mitglied mitglieder stufe karte kunde kunden kundin status membre membres niveau carte client cliente \
    clientes miembro miembros socio socia nivel tarjeta membro membri livello carta lid leden niveau kaart medlem \
    nivå kort członek poziom karta ahli anggota tahap kad";
/// The same in scripts that put no blank between words.
const RUN_ON_FILLERS: [&str; 14] =
    ["会员", "會員", "会員", "客户", "客戶", "等级", "等級", "級", "级", "卡", "ランク", "회원", "등급", "고객"];
/// A longer number beside a level says something else, such as a year.
const MAX_FILLER_DIGITS: usize = 2;

/// The levels of a column by every name they have.
#[derive(Debug, Clone, Default)]
pub(super) struct Levels {
    /// By the key of a name, a synonym among them.
    ranks: FxHashMap<String, u32>,
    /// The words of each name, the longest names first.
    words: Vec<(Vec<String>, u32)>,
}

impl Levels {
    /// The `levels`, lowest first, and further names for them.
    pub fn new<'a>(levels: &'a [String], synonyms: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let mut found = Self::default();
        let names: Vec<(&String, u32)> = levels.iter().zip(0..).collect();
        for (name, rank) in names {
            found.add(name, rank);
        }
        for (from, to) in synonyms {
            if let Some(rank) = text::fold_given(to).and_then(|to| found.ranks.get(&to).copied()) {
                found.add(from, rank);
            }
        }
        found.words.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        found
    }

    fn add(&mut self, name: &str, rank: u32) {
        let Some(key) = text::fold_given(name) else { return };
        let words = words_of(name);
        self.ranks.insert(key, rank);
        if !words.is_empty() {
            self.words.push((words, rank));
        }
    }

    /// Whether a cell is one of the names as a whole.
    pub fn has(&self, cell: &str) -> bool {
        text::fold_given(cell).is_some_and(|key| self.ranks.contains_key(&key))
    }

    /// The level that a cell names.
    pub fn rank(&self, cell: &str) -> Option<u32> {
        let key = text::fold_given(cell)?;
        if let Some(rank) = self.ranks.get(&key) {
            return Some(*rank);
        }
        let key = text::fold(cell)?;
        let run_on = || {
            let bare = RUN_ON_FILLERS.iter().fold(key.clone(), |key, filler| key.replace(filler, " "));
            if bare == key { None } else { self.rank_in(&words_of(&bare)) }
        };
        self.rank_in(&words_of(cell)).or_else(run_on).or_else(|| self.labelled(cell))
    }

    /// The level of a cell with a number and a label that explains it, where all levels are numbers: `10 - promoter`,
    /// `5: very good`, `Very good (5)`. Between both is a mark, and the label has no number of its own.
    fn labelled(&self, cell: &str) -> Option<u32> {
        let is_number = |name: &String| name.parse::<f64>().is_ok();
        if self.ranks.is_empty() || !self.ranks.keys().all(is_number) {
            return None;
        }
        let cell = spelling_key(cell.trim());
        let of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
        let is_mark = |c: char| matches!(c, '-' | '–' | '—' | ':' | '=' | '(' | '[' | '.' | ')' | '/' | ';' | '|');
        let end = cell.find(|c| !of_number(c)).unwrap_or(cell.len());
        let leading = cell.split_at_checked(end).map(|(number, rest)| (number.trim_end_matches(['.', ',']), rest));
        let leading = leading.filter(|(number, rest)| {
            !number.is_empty() && (rest.trim_start().starts_with(is_mark) || cell.starts_with(&format!("{number}.")))
        });
        let trailing = || {
            let inner = cell.strip_suffix([')', ']'])?;
            let (label, number) = inner.rsplit_once(['(', '['])?;
            Some((number.trim(), label))
        };
        let (number, label) = leading.or_else(trailing)?;
        let is_label = label.chars().any(char::is_alphabetic) && !label.chars().any(char::is_numeric);
        let number = whole_number(number.to_owned());
        self.ranks.get(&number).copied().filter(|_| is_label)
    }

    /// The level among words of which all others say nothing.
    fn rank_in(&self, words: &[String]) -> Option<u32> {
        let mut found = None;
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            if let Some((name, rank)) = self.words.iter().find(|(name, _)| rest.starts_with(name)) {
                if found.is_some_and(|found| found != *rank) {
                    return None;
                }
                found = Some(*rank);
                rest = rest.get(name.len()..)?;
            } else if is_filler(word) {
                rest = after;
            } else {
                return None;
            }
        }
        found
    }
}

fn is_filler(word: &str) -> bool {
    let is_short_number = word.len() <= MAX_FILLER_DIGITS && word.bytes().all(|b| b.is_ascii_digit());
    is_short_number || FILLERS.split_ascii_whitespace().any(|filler| filler == word)
}

/// The words of a name as they are compared; `GoldMember` is two.
fn words_of(name: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for c in name.chars() {
        if before.is_lowercase() && c.is_uppercase() {
            spaced.push(' ');
        }
        spaced.push(c);
        before = c;
    }
    let key = spelling_key(&spaced);
    // `Gold+` is more than `Gold`; India's scripts write vowels as marks.
    let is_of_word =
        |c: char| c.is_alphanumeric() || c == '+' || matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{109f}');
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut rest = key.chars().peekable();
    while let Some(c) = rest.next() {
        let is_before_digit = rest.peek().is_some_and(char::is_ascii_digit);
        // Signs that are part of a number: `2.9`, `-1`.
        let is_of_number = is_before_digit
            && match c {
                '.' | ',' => before.is_ascii_digit(),
                '-' | '−' => !before.is_alphanumeric(),
                _ => false,
            };
        match words.last_mut() {
            // `<3` is no level 3.
            _ if matches!(c, '<' | '>' | '≤' | '≥' | '≠' | '~') => words.extend([c.to_string(), String::new()]),
            Some(word) if is_of_word(c) || is_of_number => word.push(c),
            _ => words.push(String::new()),
        }
        before = if c.is_whitespace() { ' ' } else { c };
    }
    words.into_iter().filter(|word| !word.is_empty()).map(whole_number).collect()
}

/// A number that is whole without its decimals, as databases write whole numbers of a column with gaps (`8.0`).
fn whole_number(word: String) -> String {
    match word.split_once('.') {
        Some((whole, decimals)) if !decimals.is_empty() && decimals.bytes().all(|b| b == b'0') => whole.to_owned(),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> Levels {
        let names = ["Silver", "Gold", "Gold Plus", "金"].map(str::to_owned);
        let synonyms = [("S".to_owned(), "silver".to_owned())];
        Levels::new(&names, synonyms.iter().map(|(from, to)| (from, to)))
    }

    #[test]
    fn a_level_is_found_with_words_around_it_that_say_nothing() {
        for (cell, rank) in [
            ("Gold", 1),
            (" GOLD ", 1),
            ("ＧＯＬＤ", 1),
            ("Gold Member", 1),
            ("gold-member", 1),
            ("gold_tier", 1),
            ("GoldMember", 1),
            ("1 - Gold", 1),
            ("(2) Gold", 1),
            ("Tier: Gold", 1),
            ("GOLD (vip)", 1),
            ("Gold*", 1),
            ("★ Gold ★", 1),
            ("Gold, Gold", 1),
            ("Gold Plus", 2),
            ("Gold Plus Member", 2),
            ("Silver-Mitglied", 0),
            ("Miembro Silver", 0),
            ("S", 0),
            ("S class", 0),
            ("S - Silver", 0),
            ("金会员", 3),
            ("金 等級", 3),
        ] {
            assert_eq!(levels().rank(cell), Some(rank), "{cell:?}");
        }
    }

    #[test]
    fn a_number_is_a_level_by_its_value_alone_and_a_word_for_nothing_where_the_schema_has_it() {
        let numbers: Vec<String> = (0..=10).map(|level| level.to_string()).collect();
        let numbered = Levels::new(&numbers, []);
        for (cell, rank) in [
            ("8", Some(8)),
            ("8.0", Some(8)),
            (" 10.00 ", Some(10)),
            ("0.0", Some(0)),
            ("Level 3", Some(3)),
            ("Level 3.0", Some(3)),
            ("-1", None),
            ("−1", None),
            ("2.9", None),
            ("3,7", None),
            ("Level 2.9", None),
            ("11", None),
            ("1-2", None),
            ("Level:-1", None),
            ("(-1)", None),
            ("Level -1", None),
            ("Level-1", Some(1)),
            ("Level: 1", Some(1)),
            ("10 - promoter", Some(10)),
            ("0 – detractor", Some(0)),
            ("7: passive", Some(7)),
            ("5. very good", Some(5)),
            ("5.0 (very good)", Some(5)),
            ("Very good (5)", Some(5)),
            ("-1 - none", None),
            ("2.9 - fair", None),
            ("11 - more", None),
            ("3 - of 10", None),
            ("3 years", None),
            ("not 3", None),
            ("<3", None),
            ("> 5", None),
            ("≠1", None),
        ] {
            assert_eq!(numbered.rank(cell), rank, "{cell:?}");
        }
        let names = ["None", "Basic"].map(str::to_owned);
        let synonyms = [("NA".to_owned(), "None".to_owned())];
        let named = Levels::new(&names, synonyms.iter().map(|(from, to)| (from, to)));
        assert_eq!(
            [named.rank("none"), named.rank("NA"), named.rank("n/a"), named.rank("-")],
            [Some(0), Some(0), None, None]
        );
        assert_eq!(levels().rank("Gold -1"), None);
    }

    #[test]
    fn a_cell_of_two_levels_or_of_another_meaning_has_none() {
        for cell in [
            "",
            "-",
            "Bronze",
            "Gold or Silver",
            "Silver → Gold",
            "Rose Gold",
            "Ex-Gold",
            "Not Gold",
            "Gold until 2020",
            "Gold 2020",
            "Golden",
            "Marigold",
            "Plus",
            "Member",
            "1",
        ] {
            assert_eq!(levels().rank(cell), None, "{cell:?}");
        }
    }
}
