//! Rows that exports have beside those of texts, and sheets that are copies of others.

use std::collections::BTreeMap;

use super::line::{At, Figures, Line, named, stratum_key};

/// Where so many have acted, two sheets of several rows hardly have the same figures by chance. Where few have, two
/// days may.
const MIN_ACTED: u64 = 100;

/// What a row says, whatever its spelling.
type Said = (String, String, Option<Figures>);

/// The lines without those whose id is in brackets: web analytics write `(not set)` or `(other)` for visits that have
/// none.
pub(super) fn without_placeholders<'t>(lines: Vec<Line<'t>>, notes: &mut Vec<String>) -> Vec<Line<'t>> {
    let is_placeholder = |line: &Line<'_>| line.id.starts_with('(') && line.id.ends_with(')');
    let (placeholders, texts): (Vec<_>, Vec<_>) = lines.into_iter().partition(is_placeholder);
    if let Some(first) = placeholders.first() {
        let rows: Vec<At<'_>> = placeholders.iter().map(|line| line.at).collect();
        let are = if rows.len() == 1 { "is" } else { "are" };
        notes.push(format!("{} {are} left out: {} stands for visits without a content_id", named(&rows), first.id));
    }
    texts
}

/// The lines without those of a sheet that has the rows of an earlier one, all of them and no other, and also a name
/// that begins like the other's, or figures too large for chance: a copy. A single row is none.
pub(super) fn without_copies<'t>(lines: Vec<Line<'t>>, notes: &mut Vec<String>) -> Vec<Line<'t>> {
    let mut sheets: Vec<(&str, Vec<Line<'t>>)> = Vec::new();
    for line in lines {
        match sheets.last_mut() {
            Some((name, lines)) if *name == line.at.sheet => lines.push(line),
            _ => sheets.push((line.at.sheet, vec![line])),
        }
    }
    let mut known: BTreeMap<Vec<Said>, &str> = BTreeMap::new();
    let mut kept = Vec::new();
    for (name, lines) in sheets {
        let mut said: Vec<Said> = lines.iter().map(said).collect();
        said.sort();
        match known.get(&said) {
            Some(original) if lines.len() > 1 && (name.starts_with(*original) || acted(&lines) >= MIN_ACTED) => {
                notes.push(format!("sheet {name} is left out: it has the same rows as sheet {original}"));
            }
            _ => {
                known.insert(said, name);
                kept.extend(lines);
            }
        }
    }
    kept
}

fn acted(lines: &[Line<'_>]) -> u64 {
    lines.iter().filter_map(|line| line.figures).map(|figures| figures.acted).sum()
}

fn said(line: &Line<'_>) -> Said {
    (line.text(), line.stratum.map(stratum_key).unwrap_or_default(), line.figures)
}
