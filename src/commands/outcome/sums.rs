//! Which rows of a table are sums of its other rows, by their stratum. Such a row counts nobody anew.
//!
//! A stratum such as `Total` says so by itself. `West Total` may be the name of a stratum: it is a sum only where its
//! figures are those of the rows of `West`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use content_portal::content::ContentId;
use content_portal::customer::{group_of_total, spelling_key, without_zero_decimals};

/// Rows that a note names.
const MAX_NAMED_ROWS: usize = 5;

/// A row, as far as it says whether it is a sum.
#[derive(Debug, Clone)]
pub(super) struct Line<'t> {
    /// Its number in the sheet.
    pub at: u32,
    /// What its cell of the id holds; empty where it holds nothing.
    pub id: &'t str,
    /// `None` where the reader took the row for a sum by its stratum.
    pub stratum: Option<&'t str>,
    /// How many people got the text, and how many acted; `None` where the cells do not say.
    pub figures: Option<Figures>,
}

/// Numbers of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Figures {
    pub sent: u64,
    pub acted: u64,
}

/// The rows that do not count, and what a person should know of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub left_out: BTreeSet<u32>,
    pub notes: Vec<String>,
}

/// A stratum of one text; of all texts where the id is empty.
type OfText<'t> = (String, &'t str);

impl Figures {
    fn add(&mut self, other: Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.acted = self.acted.saturating_add(other.acted);
    }
}

impl Sums {
    /// The sums among `lines`. Where every row is called a sum, that is what they have in common, and all count. So
    /// does the one row of a text that has no other: it holds the only figures of that text.
    ///
    /// # Errors
    /// Where a text has several sums and nothing else, since they may be sums of one another.
    pub fn of(lines: &[Line<'_>]) -> anyhow::Result<Self> {
        let mut sums = Self::default();
        if lines.iter().all(|line| line.stratum.is_none()) {
            return Ok(sums);
        }
        sums.leave_out_totals(lines)?;
        sums.leave_out_totals_of_groups(lines);
        if !sums.left_out.is_empty() {
            let rows: Vec<u32> = sums.left_out.iter().copied().collect();
            let (is, they) = if rows.len() == 1 { ("is", "it is a sum") } else { ("are", "they are sums") };
            sums.notes.insert(0, format!("{} {is} left out: by the stratum {they} of other rows", named(&rows)));
        }
        Ok(sums)
    }

    /// Leaves out the rows that the reader took for sums.
    fn leave_out_totals(&mut self, lines: &[Line<'_>]) -> anyhow::Result<()> {
        let with_rows: BTreeSet<String> =
            lines.iter().filter(|line| line.stratum.is_some()).map(|line| text_of(line.id)).collect();
        let mut without_rows: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.stratum.is_none()) {
            let text = text_of(line.id);
            // A row without an id that is one belongs to no text.
            if with_rows.contains(&text) || ContentId::read(&text).is_none() {
                self.left_out.insert(line.at);
            } else {
                without_rows.entry(text).or_default().push(line.at);
            }
        }
        for (text, rows) in without_rows {
            if rows.len() > 1 {
                bail!(
                    "{}: every row of {text} is a sum by its stratum, and one may be the sum of the others; keep one",
                    named(&rows)
                );
            }
            self.notes.push(format!("{} is called a sum, but counts: {text} has no other row", named(&rows)));
        }
        Ok(())
    }

    /// Leaves out the rows that are the sum of a stratum: of all its rows, or of those above since the last such sum.
    fn leave_out_totals_of_groups(&mut self, lines: &[Line<'_>]) {
        let group_of = |line: &Line<'_>| line.stratum.and_then(group_of_total).map(stratum_key);
        let totals: BTreeSet<String> = lines.iter().filter_map(group_of).collect();
        if totals.is_empty() {
            return;
        }
        let texts: Vec<String> = lines.iter().map(|line| text_of(line.id)).collect();
        let rows = || lines.iter().zip(&texts);
        let key_of = |line: &Line<'_>| line.stratum.map(stratum_key).filter(|key| totals.contains(key));
        let mut all: BTreeMap<OfText<'_>, Figures> = BTreeMap::new();
        for (line, text) in rows() {
            count(&mut all, key_of(line), text, line.figures);
        }
        let mut above: BTreeMap<OfText<'_>, Figures> = BTreeMap::new();
        for (line, text) in rows() {
            count(&mut above, key_of(line), text, line.figures);
            let Some(group) = group_of(line) else { continue };
            let group = (group, text.as_str());
            let Some(sum) = all.get(&group) else { continue };
            if line.figures.is_some() && (line.figures == Some(*sum) || line.figures == above.get(&group).copied()) {
                self.left_out.insert(line.at);
                above.remove(&group);
            } else {
                let stratum = line.stratum.unwrap_or_default();
                let of = group_of_total(stratum).unwrap_or_default();
                self.notes.push(format!(
                    "{} counts as a stratum of its own: {stratum:?} is not the sum of the rows of {of:?}",
                    named(&[line.at])
                ));
            }
        }
    }
}

/// Adds a row's figures to its stratum, of its text and of all texts.
fn count<'t>(
    sums: &mut BTreeMap<OfText<'t>, Figures>,
    stratum: Option<String>,
    text: &'t str,
    figures: Option<Figures>,
) {
    let (Some(stratum), Some(figures)) = (stratum, figures) else { return };
    sums.entry((stratum.clone(), "")).or_default().add(figures);
    if !text.is_empty() {
        sums.entry((stratum, text)).or_default().add(figures);
    }
}

/// The id in a cell, spelt as ids are; what is no id stays as it is.
fn text_of(id: &str) -> String {
    ContentId::read(id).map_or_else(|| id.trim().to_owned(), |id| id.as_str().to_owned())
}

/// A stratum as people compare names: `New` and `new` are one, and so are `1` and `1.0`.
pub(super) fn stratum_key(stratum: &str) -> String {
    let key = spelling_key(&stratum.split_whitespace().collect::<Vec<_>>().join(" "));
    without_zero_decimals(&key).to_owned()
}

/// `row 4`, `rows 4, 7, …`.
fn named(rows: &[u32]) -> String {
    let numbers: Vec<String> = rows.iter().take(MAX_NAMED_ROWS).map(ToString::to_string).collect();
    let more = if rows.len() > MAX_NAMED_ROWS { ", …" } else { "" };
    format!("{} {}{more}", if rows.len() == 1 { "row" } else { "rows" }, numbers.join(", "))
}
