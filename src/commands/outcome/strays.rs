//! Rows that exports have beside those of texts, and sheets that are copies of others.

use std::collections::BTreeMap;

use content_portal::customer::names_total;
use content_portal::workbook::names_sums;

use super::line::{At, Figures, Line, named, stratum_key};
use super::sums::names_everybody;

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
    let sheets = by_sheet(lines);
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

/// The lines without those of a sheet whose figures are, of each text, the sums of the other sheets' rows, or of those
/// of the sheets before it: an overview. It has fewer rows than these, and a name or figures too large for chance.
pub(super) fn without_overviews<'t>(lines: Vec<Line<'t>>, notes: &mut Vec<String>) -> Vec<Line<'t>> {
    let mut sheets = by_sheet(lines);
    let mut at = 0;
    while sheets.len() > 1 && at < sheets.len() {
        let (before, rest) = sheets.split_at(at);
        let Some((sheet, behind)) = rest.split_first() else { break };
        let others: Vec<&Sheet<'_>> = before.iter().chain(behind).collect();
        let is_overview = is_overview(sheet, &others) || is_overview(sheet, &before.iter().collect::<Vec<_>>());
        if is_overview {
            let (name, _) = sheets.remove(at);
            notes.push(format!("sheet {name} is left out: its figures are the sums of the other sheets' rows"));
        } else {
            at += 1;
        }
    }
    sheets.into_iter().flat_map(|(_, lines)| lines).collect()
}

fn is_overview((name, lines): &Sheet<'_>, others: &[&Sheet<'_>]) -> bool {
    let rows = || others.iter().flat_map(|(_, lines)| lines);
    let n_rows = rows().filter(|line| line.stratum.is_some()).count();
    let n_own = lines.iter().filter(|line| line.stratum.is_some()).count();
    let (Some(own), Some(sums)) = (of_texts(lines.iter()), of_texts(rows())) else { return false };
    let is_named = names_sums(name) || names_total(name) || names_everybody(name);
    let is_no_chance = acted(lines) >= MIN_ACTED || own.len() > 1 && others.len() > 1;
    n_own < n_rows && own == sums && (is_named || is_no_chance)
}

/// The sums of each text's rows, without those that are called sums; `None` where a row has no figures.
fn of_texts<'l>(lines: impl Iterator<Item = &'l Line<'l>>) -> Option<BTreeMap<String, Figures>> {
    let mut sums: BTreeMap<String, Figures> = BTreeMap::new();
    for line in lines.filter(|line| line.stratum.is_some()) {
        sums.entry(line.text()).or_default().add(line.figures?);
    }
    Some(sums)
}

/// The name of a sheet and its lines.
type Sheet<'t> = (&'t str, Vec<Line<'t>>);

fn by_sheet(lines: Vec<Line<'_>>) -> Vec<Sheet<'_>> {
    let mut sheets: Vec<Sheet<'_>> = Vec::new();
    for line in lines {
        match sheets.last_mut() {
            Some((name, lines)) if *name == line.at.sheet => lines.push(line),
            _ => sheets.push((line.at.sheet, vec![line])),
        }
    }
    sheets
}

fn acted(lines: &[Line<'_>]) -> u64 {
    lines.iter().filter_map(|line| line.figures).map(|figures| figures.acted).sum()
}

fn said(line: &Line<'_>) -> Said {
    (line.text(), line.stratum.map(stratum_key).unwrap_or_default(), line.figures)
}
