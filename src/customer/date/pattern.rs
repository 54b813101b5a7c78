//! Patterns of dates as people put them into a header: `(mm/dd/yyyy)`, `[TT.MM.JJJJ]`, `YYYY-MM-DD`.

use std::ops::Range;

use crate::customer::schema::DateOrder;

/// The letters for day, month and year in the languages that have such patterns.
const LETTERS: [[char; 3]; 11] = [
    ['d', 'm', 'y'],
    ['t', 'm', 'j'],
    ['j', 'm', 'a'],
    ['d', 'm', 'a'],
    ['g', 'm', 'a'],
    ['d', 'm', 'j'],
    ['d', 'm', 'r'],
    ['g', 'a', 'y'],
    ['p', 'k', 'v'],
    ['d', 'm', 'å'],
    ['д', 'м', 'г'],
];
/// The shortest pattern without marks between its parts: `ddmmyy`. Words may have three letters.
const MIN_COMPACT: usize = 6;
/// The letters of a pattern that says how many digits each part has: `ddmmyy`, `ddmmyyyy`.
const COMPACT: [usize; 2] = [6, 8];
/// The most bytes between two parts.
const MAX_MARKS: usize = 3;

/// A pattern in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::customer) struct Pattern {
    pub order: DateOrder,
    /// How many letters it has, where no mark is between them and each is a digit: 6 for `ddmmyy`.
    pub width: Option<usize>,
    /// Where it is in the text.
    pub range: Range<usize>,
}

/// The pattern of a date in a header; `None` where there is none, or where there are several that differ.
pub(in crate::customer) fn pattern(header: &str) -> Option<Pattern> {
    let words = words(header);
    let compact = words.iter().filter_map(|(range, word)| {
        let order = order(compact_letters(word)?)?;
        let width = Some(word.chars().count()).filter(|letters| COMPACT.contains(letters));
        Some(Pattern { order, width, range: range.clone() })
    });
    let apart = words.windows(3).filter_map(|window| {
        let [(first, a), (second, b), (third, c)] = window else { return None };
        let is_close = |from: usize, to: usize| {
            header.get(from..to).is_some_and(|marks| marks.len() <= MAX_MARKS && !marks.contains(char::is_alphanumeric))
        };
        let are_close = is_close(first.end, second.start) && is_close(second.end, third.start);
        let order = order([letter(a)?, letter(b)?, letter(c)?]).filter(|_| are_close)?;
        Some(Pattern { order, width: None, range: first.start..third.end })
    });
    let mut found = compact.chain(apart);
    let first = found.next()?;
    found.all(|other| other.order == first.order).then_some(first)
}

/// The order in which these letters give day, month and year.
fn order(letters: [char; 3]) -> Option<DateOrder> {
    LETTERS.iter().find_map(|&[day, month, year]| match letters {
        found if found == [day, month, year] => Some(DateOrder::DayFirst),
        found if found == [month, day, year] => Some(DateOrder::MonthFirst),
        found if found == [year, month, day] => Some(DateOrder::YearFirst),
        _ => None,
    })
}

/// The words of a header in small letters, and where they are.
fn words(header: &str) -> Vec<(Range<usize>, String)> {
    let mut words: Vec<(Range<usize>, String)> = Vec::new();
    for (at, c) in header.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        match words.last_mut().filter(|(range, _)| range.end == at) {
            Some((range, word)) => {
                range.end = at + c.len_utf8();
                word.extend(c.to_lowercase());
            }
            None => words.push((at..at + c.len_utf8(), c.to_lowercase().collect())),
        }
    }
    words
}

/// The letter of a part: `yyyy`, `mmm`, `month`.
fn letter(word: &str) -> Option<char> {
    match word {
        "day" => Some('d'),
        "month" | "mon" => Some('m'),
        "year" => Some('y'),
        _ => {
            let first = word.chars().next()?;
            (word.chars().all(|c| c == first) && word.chars().count() <= 4).then_some(first)
        }
    }
}

/// The letters of a pattern without marks: `ddmmyyyy`, `dmy`.
fn compact_letters(word: &str) -> Option<[char; 3]> {
    let mut letters: Vec<char> = word.chars().collect();
    let is_long = letters.len() >= MIN_COMPACT || matches!(word, "dmy" | "mdy" | "ymd");
    letters.dedup();
    <[char; 3]>::try_from(letters).ok().filter(|_| is_long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_s_pattern_says_what_comes_first() {
        use DateOrder::{DayFirst, MonthFirst, YearFirst};
        for (header, order) in [
            ("Date Joined (mm/dd/yyyy)", Some(MonthFirst)),
            ("Date Joined [DD/MM/YYYY]", Some(DayFirst)),
            ("Date Joined (YYYY-MM-DD)", Some(YearFirst)),
            ("Date Joined (MM/DD/YY)", Some(MonthFirst)),
            ("Date Joined m/d/yyyy", Some(MonthFirst)),
            ("Date_Joined_mm_dd_yyyy", Some(MonthFirst)),
            ("Date Joined (dd mmm yyyy)", Some(DayFirst)),
            ("Date Joined (month/day/year)", Some(MonthFirst)),
            ("Date Joined (DDMMYYYY, required)", Some(DayFirst)),
            ("Date Joined (YMD)", Some(YearFirst)),
            ("Date Joined (mm/dd/yyyy hh:mm:ss)", Some(MonthFirst)),
            ("Eintritt (TT.MM.JJJJ)", Some(DayFirst)),
            ("Date d'entrée (JJ/MM/AAAA)", Some(DayFirst)),
            ("Ingedankt (jj-mm-dd)", Some(YearFirst)),
            ("Giriş (GG.AA.YYYY)", Some(DayFirst)),
            ("Дата (ДД.ММ.ГГГГ)", Some(DayFirst)),
            ("mm/dd/yyyy Date Joined (mm/dd/yyyy)", Some(MonthFirst)),
            ("Date Joined (dd/mm/yyyy or mm/dd/yyyy)", None),
            ("Date Joined (mm/yyyy)", None),
            ("Date Joined (required)", None),
            ("Day, month and year", None),
            ("Date Joined", None),
        ] {
            assert_eq!(pattern(header).map(|found| found.order), order, "{header}");
        }
        let header = "Date Joined – mm/dd/yyyy";
        assert_eq!(header.get(pattern(header).unwrap().range), Some("mm/dd/yyyy"));
    }
}
