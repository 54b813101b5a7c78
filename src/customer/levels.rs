//! The levels of an ordinal column, found in cells that say a little more than their name: `Gold Member`, `1 - Gold`,
//! `GOLD (vip)`.
//!
//! Beside the level only words that say nothing of it may stand: a cell with two levels, or with a word that may change
//! the meaning (`Rose Gold`, `Ex-Gold`, `Gold until 2020`), has no level here, and is named in the report.

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
            if let Some(rank) = text::fold(to).and_then(|to| found.ranks.get(&to).copied()) {
                found.add(from, rank);
            }
        }
        found.words.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        found
    }

    fn add(&mut self, name: &str, rank: u32) {
        let Some(key) = text::fold(name) else { return };
        let words = words_of(name);
        self.ranks.insert(key, rank);
        if !words.is_empty() {
            self.words.push((words, rank));
        }
    }

    /// The level that a cell names.
    pub fn rank(&self, cell: &str) -> Option<u32> {
        let key = text::fold(cell)?;
        if let Some(rank) = self.ranks.get(&key) {
            return Some(*rank);
        }
        self.rank_in(&words_of(cell)).or_else(|| {
            let bare = RUN_ON_FILLERS.iter().fold(key.clone(), |key, filler| key.replace(filler, " "));
            if bare == key { None } else { self.rank_in(&words_of(&bare)) }
        })
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
    key.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
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
