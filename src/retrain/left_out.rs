//! The gate's checks of rows that were left out: a model of the customers whose rows could be read says little of the
//! others.
//!
//! Counted are rows of customers that could not be used: no value in a required column, an unreadable date or level,
//! more cells than the header. Copies, totals, erased customers and rows that a newer one replaces are left out for
//! good, and are no reason to refuse anything. A file that cannot be read at all has no rows to count: it refuses a
//! training if the live version was trained on it. One that is gone was taken away by somebody.

use std::collections::HashSet;

use serde::Deserialize;

use super::gate::{Bound, GateCheck, GateLimits};
use super::skipped::SkippedFile;
use super::uploads;
use crate::customer::CleaningReport;
use crate::model_store::{ModelStore, VersionId};

/// Reasons that a sentence names.
const NAMED_REASONS: usize = 3;

/// The file that most rows were left out of, and how many.
pub(super) type MostLeftOut = Option<(String, usize)>;

/// What a version's report says of the files that it was trained on.
pub(super) struct Training {
    /// The share of their rows that was left out, where any could be used.
    share: Option<f64>,
    /// What [`uploads::known_as`] calls them.
    files: HashSet<String>,
}

impl Training {
    /// Of the version `id`; `None` where its report does not say it.
    pub fn of(store: &ModelStore, id: &VersionId) -> Option<Self> {
        let report = store.report(id).ok()?;
        let share = CleaningReport::deserialize(report.get("cleaning")?).ok()?.left_out_share();
        let files = report.get("files")?.as_array()?.iter().filter_map(|file| file.as_str()).map(uploads::known_as);
        Some(Self { share, files: files.collect() })
    }
}

/// The check of files that cannot be read: none of them may be one that `live` was trained on.
pub(super) fn check_files(limits: &GateLimits, skipped: &[SkippedFile], live: &Training) -> GateCheck {
    let is_lost = |one: &&SkippedFile| {
        let is_below = |file: &String| file.strip_prefix(&one.file).is_some_and(|rest| rest.starts_with('/'));
        live.files.contains(&uploads::known_as(&one.file)) || live.files.iter().any(is_below)
    };
    let lost: Vec<_> = skipped.iter().filter(is_lost).collect();
    let check = GateCheck::quality("lost_files", Some(lost.len() as f64), Bound::AtMost, limits.max_lost_files as f64);
    let detail = lost.first().filter(|_| !check.passed).map(|SkippedFile { file, why }| match lost.len() {
        1 => format!("{file}: {why}"),
        n => format!("{file}: {why}; and {} more", n - 1),
    });
    GateCheck { detail, ..check }
}

/// The checks of rows; `live` is the training of the live version, where it is known.
pub(super) fn check(
    limits: &GateLimits,
    cleaning: &CleaningReport,
    most_in: &MostLeftOut,
    live: Option<&Training>,
) -> Vec<GateCheck> {
    let live = live.and_then(|live| live.share);
    let Some(share) = cleaning.left_out_share() else { return Vec::new() };
    let at_most = |name, value: f64, limit| {
        let check = GateCheck::quality(name, Some(value), Bound::AtMost, limit);
        let detail = (!check.passed).then(|| sentence(cleaning, most_in));
        GateCheck { detail, ..check }
    };
    let all = at_most("left_out_share", share, limits.max_left_out_share);
    let is_known_to_be_so = live.is_some_and(|live| live > limits.max_left_out_share);
    let all = if is_known_to_be_so && !all.passed { all.tolerated("the live version fails it, too") } else { all };
    let rise = live.map(|live| at_most("left_out_rise", (share - live).max(0.0), limits.max_left_out_rise));
    [all].into_iter().chain(rise).collect()
}

/// Such as `150 of 300 rows: no Location (140), Date Joined is not a date (10); most in 2026-01-01/a.csv`.
fn sentence(cleaning: &CleaningReport, most_in: &MostLeftOut) -> String {
    let mut reasons: Vec<_> = cleaning.left_out().collect();
    reasons.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let rows: usize = reasons.iter().map(|(_, rows)| rows).sum();
    let named = reasons.iter().take(NAMED_REASONS).map(|(reason, rows)| format!("{reason} ({rows})"));
    let named = named.collect::<Vec<_>>().join(", ");
    let most = most_in.as_ref().map(|(label, rows)| format!("; {rows} of them in {label}")).unwrap_or_default();
    format!("{rows} of {} rows: {named}{most}", cleaning.customer_rows())
}
