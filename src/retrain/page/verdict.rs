//! What the gate decided, as the head of the page says it.

use serde::Serialize;

use super::checks::GateRow;
use crate::retrain::{GateCheck, RetrainReport, Verdict};

#[derive(Serialize)]
pub(super) struct VerdictView {
    /// `good`, `fair` or `bad`.
    tone: &'static str,
    title: &'static str,
    sentence: String,
    failed: Vec<String>,
}

/// How many checks passed, and which did not and refuse nothing all the same.
fn passed(checks: &[GateCheck]) -> String {
    let (passed, tolerated): (Vec<_>, Vec<_>) = checks.iter().partition(|check| check.passed);
    let names: Vec<&str> = tolerated.iter().map(|check| check.name).collect();
    match (names.as_slice(), passed.len()) {
        ([], all) => format!("All {all} checks of the gate passed."),
        (names, n) => {
            format!(
                "{n} of {} checks of the gate passed; the others refuse nothing here: {}.",
                checks.len(),
                names.join(", ")
            )
        }
    }
}

impl VerdictView {
    pub fn of(report: &RetrainReport) -> Self {
        let (tone, title, sentence) = match report.verdict {
            Verdict::Passed => ("good", "Published", passed(&report.gate)),
            Verdict::FirstVersion if report.live_not_compared.is_some() => (
                "fair",
                "Published as the first version of your own customers",
                "The version that was live was trained on the sample, and a poor one is better than that.".to_owned(),
            ),
            Verdict::FirstVersion if report.everyone_instead => (
                "fair",
                "Published as one segment of everyone",
                "The map found no segment among these customers, so one segment has them all. The next training looks \
                 for segments again."
                    .to_owned(),
            ),
            Verdict::FirstVersion => (
                "fair",
                "Published as the first version",
                "No version with segments was live, and a poor one is better than none.".to_owned(),
            ),
            Verdict::Forced => ("fair", "Published by force", "The gate would have refused it.".to_owned()),
            Verdict::Unchanged => ("good", "Unchanged", "Nothing has changed since the live version.".to_owned()),
            Verdict::Refused => ("bad", "Refused", "What was live stays live, and the uploads still wait.".to_owned()),
        };
        let failed = report.failed().map(GateRow::of).map(|row| row.sentence()).collect();
        Self { tone, title, sentence, failed }
    }
}
