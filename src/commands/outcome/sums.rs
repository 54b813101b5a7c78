//! Which rows of a table are sums of its other rows. Such a row counts nobody anew.
//!
//! A stratum such as `Total` says so by itself. `West Total` may be the name of a stratum, `All` one of everybody who
//! got the text by chance, and a row without an id may lack it by mistake: each is a sum only where its figures are
//! those of the rows that it would be the sum of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use content_portal::content::ContentId;
use content_portal::customer::group_of_total;

use super::line::{At, Figures, Line, named, stratum_key};

/// What exports call the stratum of everybody.
const EVERYBODY: [&str; 10] =
    ["all", "(all)", "overall", "everyone", "everybody", "alle", "insgesamt", "tous", "todos", "tutti"];

/// The rows that do not count, and what a person should know of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums<'t> {
    pub left_out: BTreeSet<At<'t>>,
    pub notes: Vec<String>,
}

/// A stratum of one text; of all texts where the id is empty.
type OfText<'a> = (String, &'a str);

impl<'t> Sums<'t> {
    /// The sums among `lines`. Where every row is called a sum, that is what they have in common, and all count. So
    /// does the one row of a text that has no other: it holds the only figures of that text.
    ///
    /// # Errors
    /// Where a text has several sums and nothing else, since they may be sums of one another.
    pub fn of(lines: &[Line<'t>]) -> anyhow::Result<Self> {
        let mut sums = Self::default();
        if lines.iter().all(|line| line.stratum.is_none()) {
            return Ok(sums);
        }
        sums.leave_out_totals(lines)?;
        sums.leave_out_totals_of_groups(lines);
        sums.leave_out_everybody(lines);
        if !sums.left_out.is_empty() {
            let rows: Vec<At<'_>> = sums.left_out.iter().copied().collect();
            let (is, they) = if rows.len() == 1 { ("is", "it is a sum") } else { ("are", "they are sums") };
            sums.notes.insert(0, format!("{} {is} left out: by the stratum {they} of other rows", named(&rows)));
        }
        sums.leave_out_rows_without_an_id(lines);
        Ok(sums)
    }

    /// Leaves out the rows that the reader took for sums.
    fn leave_out_totals(&mut self, lines: &[Line<'t>]) -> anyhow::Result<()> {
        let with_rows: BTreeSet<String> = lines.iter().filter(|line| line.stratum.is_some()).map(Line::text).collect();
        let mut without_rows: BTreeMap<String, Vec<At<'_>>> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.stratum.is_none()) {
            let text = line.text();
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
    fn leave_out_totals_of_groups(&mut self, lines: &[Line<'t>]) {
        let group_of = |line: &Line<'_>| line.stratum.and_then(group_of_total).map(stratum_key);
        let totals: BTreeSet<String> = lines.iter().filter_map(group_of).collect();
        if totals.is_empty() {
            return;
        }
        let texts: Vec<String> = lines.iter().map(Line::text).collect();
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
                    line.at
                ));
            }
        }
    }

    /// Leaves out the rows of a stratum of everybody, where they are the sums of a text's other rows.
    fn leave_out_everybody(&mut self, lines: &[Line<'t>]) {
        let is_of_everybody = |line: &Line<'_>| line.stratum.is_some_and(names_everybody);
        let of_each = self.sums_of_texts(lines, |line| !is_of_everybody(line));
        for line in lines.iter().filter(|line| is_of_everybody(line)) {
            let Some(sum) = of_each.get(&line.text()) else { continue };
            if line.figures == Some(*sum) {
                self.left_out.insert(line.at);
            } else {
                let stratum = line.stratum.unwrap_or_default();
                let why = format!("{stratum:?} is not the sum of the text's other rows");
                self.notes.push(format!("{} counts as a stratum of its own: {why}", line.at));
            }
        }
    }

    /// Leaves out the rows without an id that are the sum of all that have one.
    fn leave_out_rows_without_an_id(&mut self, lines: &[Line<'t>]) {
        let of_each = self.sums_of_texts(lines, |line| !line.id.is_empty());
        let Some(all) = of_each.get("") else { return };
        let is_sum = |line: &&Line<'_>| line.id.is_empty() && line.figures == Some(*all);
        for line in lines.iter().filter(|line| is_sum(line) && !self.left_out.contains(&line.at)).collect::<Vec<_>>() {
            self.notes.push(format!("{} is left out: it has no content_id, and is the sum of the others", line.at));
            self.left_out.insert(line.at);
        }
    }

    /// The sums of the rows so far that count, of each text and, under an empty id, of all.
    fn sums_of_texts(&self, lines: &[Line<'t>], counts: impl Fn(&Line<'_>) -> bool) -> BTreeMap<String, Figures> {
        let mut sums: BTreeMap<String, Figures> = BTreeMap::new();
        for line in lines.iter().filter(|line| counts(line) && !self.left_out.contains(&line.at)) {
            let Some(figures) = line.figures else { continue };
            sums.entry(String::new()).or_default().add(figures);
            if !line.id.is_empty() {
                sums.entry(line.text()).or_default().add(figures);
            }
        }
        sums
    }
}

/// Whether a stratum or a sheet is called by a word for everybody.
pub(super) fn names_everybody(name: &str) -> bool {
    EVERYBODY.contains(&stratum_key(name).as_str())
}

/// Adds a row's figures to its stratum, of its text and of all texts.
fn count<'a>(
    sums: &mut BTreeMap<OfText<'a>, Figures>,
    stratum: Option<String>,
    text: &'a str,
    figures: Option<Figures>,
) {
    let (Some(stratum), Some(figures)) = (stratum, figures) else { return };
    sums.entry((stratum.clone(), "")).or_default().add(figures);
    if !text.is_empty() {
        sums.entry((stratum, text)).or_default().add(figures);
    }
}
