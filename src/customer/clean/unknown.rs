//! Levels that a schema does not know: which, and how often, for the report.

use rustc_hash::FxHashMap;

use crate::customer::{MISSING, ValueRows, text};

/// Different ones that are counted by themselves.
const MAX_COUNTED: usize = 1_000;
/// How many the report names, and how long each may be, in characters.
const MAX_NAMED: usize = 5;
const MAX_NAMED_CHARS: usize = 40;

/// Unknown levels with the rows that have them.
#[derive(Debug, Clone, Default)]
pub(in crate::customer) struct UnknownLevels {
    positions: FxHashMap<String, u32>,
    /// The level as it was written first, and its rows.
    levels: Vec<(String, usize)>,
}

impl UnknownLevels {
    /// The position of a level; [`MISSING`] for one that is not counted by itself.
    pub(super) fn position(&mut self, raw: &str) -> u32 {
        let Some(key) = text::fold(raw) else { return MISSING };
        let next = self.levels.len();
        if let Some(position) = self.positions.get(&key) {
            return *position;
        }
        if next == MAX_COUNTED {
            return MISSING;
        }
        let position = u32::try_from(next).unwrap_or(MISSING);
        self.positions.insert(key, position);
        self.levels.push((text::one_line(raw, MAX_NAMED_CHARS), 0));
        position
    }

    /// Counts a row.
    pub fn add(&mut self, position: u32) {
        if let Some((_, rows)) = self.levels.get_mut(position as usize) {
            *rows += 1;
        }
    }

    /// The most frequent levels, ties in alphabetical order. What may be a person's name or address is left out: where
    /// the cells of a sheet have slipped by a column, any of them can stand here, and is written once.
    pub fn most_frequent(&self) -> Vec<ValueRows> {
        let is_shown = |(level, rows): &&(String, usize)| {
            *rows > 0 && !text::is_personal(level) && (*rows > 1 || !level.contains(char::is_whitespace))
        };
        let mut shown: Vec<_> = self.levels.iter().filter(is_shown).collect();
        shown.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        shown.into_iter().take(MAX_NAMED).map(|(value, rows)| ValueRows { value: value.clone(), rows: *rows }).collect()
    }
}
