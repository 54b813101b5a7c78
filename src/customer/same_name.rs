//! Names of one category that are the same to a reader, made one: `Straße` and `STRASSE`, `İstanbul` and `ISTANBUL`,
//! `USA` and `usa`.
//!
//! The spelling that most rows have is shown, of equally frequent ones the first in the order of their characters: it
//! does not depend on the order of the rows.

use rustc_hash::FxHashMap;

use super::own_case::has_inner_capital;
use super::spelling::spelling_key;
use super::{CustomerColumn, Value};

/// The column with one value for each name, of rows that are a customer each.
pub(super) fn merged(column: CustomerColumn) -> CustomerColumn {
    merged_by(column, std::iter::repeat(&1))
}

/// The column with one value for each name, of rows that stand for so many customers.
pub(super) fn merged_weighted(column: CustomerColumn, weights: &[u32]) -> CustomerColumn {
    merged_by(column, weights.iter())
}

fn merged_by<'w>(mut column: CustomerColumn, weights: impl Iterator<Item = &'w u32>) -> CustomerColumn {
    let Some(shown) = shown_codes(&column, weights) else { return column };
    for code in &mut column.codes {
        *code = shown.get(*code as usize).copied().unwrap_or(*code);
    }
    let all = vec![true; column.codes.len()];
    column.keep(&all)
}

/// For each code the one that is shown in its place; `None` where every name has one spelling.
fn shown_codes<'w>(column: &CustomerColumn, weights: impl Iterator<Item = &'w u32>) -> Option<Vec<u32>> {
    // Names of ASCII without capitals of their own are cased one way, and have one spelling.
    let may_vary = |name: &str| !name.is_ascii() || has_inner_capital(name);
    if !column.values.iter().any(|value| matches!(value, Value::Text(name) if may_vary(name))) {
        return None;
    }
    let mut spellings: FxHashMap<String, Vec<(&str, u32)>> = FxHashMap::default();
    for (value, code) in column.values.iter().zip(0..) {
        if let Value::Text(name) = value {
            spellings.entry(spelling_key(name)).or_default().push((name, code));
        }
    }
    if spellings.len() == column.values.len() {
        return None;
    }
    let mut rows = vec![0_u64; column.values.len()];
    for (&code, &weight) in column.codes.iter().zip(weights) {
        if let Some(rows) = rows.get_mut(code as usize) {
            *rows += u64::from(weight);
        }
    }
    let mut shown: Vec<u32> = (0..).take(column.values.len()).collect();
    for spellings in spellings.into_values() {
        let most = spellings.iter().min_by_key(|(name, code)| (std::cmp::Reverse(rows.get(*code as usize)), *name));
        let Some(&(_, most)) = most else { continue };
        for (_, code) in spellings {
            if let Some(slot) = shown.get_mut(code as usize) {
                *slot = most;
            }
        }
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(names: &[&str], codes: &[u32]) -> CustomerColumn {
        let values = names.iter().map(|name| Value::Text((*name).to_owned())).collect();
        CustomerColumn { values, codes: codes.to_vec() }
    }

    #[test]
    fn spellings_of_one_name_become_the_most_frequent_one_in_any_order_of_rows() {
        let there = merged(column(&["Strasse", "Bedok", "Straße"], &[0, 1, 2, 2, u32::MAX]));
        assert_eq!(there, column(&["Straße", "Bedok"], &[0, 1, 0, 0, u32::MAX]));
        let back = merged(column(&["Straße", "Bedok", "Strasse"], &[0, 0, 1, 2]));
        assert_eq!(back, column(&["Straße", "Bedok"], &[0, 0, 1, 0]));
        let capitals = merged(column(&["Usa", "USA", "iOS", "Ios"], &[0, 1, 1, 2, 3, 3]));
        assert_eq!(capitals, column(&["USA", "Ios"], &[0, 0, 0, 1, 1, 1]));
        let tie = merged(column(&["İstanbul", "Istanbul"], &[0, 1]));
        assert_eq!(tie, column(&["Istanbul"], &[0, 0]));
    }

    #[test]
    fn names_that_differ_stay_apart() {
        let towns = column(&["Zürich", "Zurich", "Genève"], &[0, 1, 2]);
        assert_eq!(merged(towns.clone()), towns);
    }
}
