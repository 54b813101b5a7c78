//! The gate: what a candidate must show before it may take the live version's place.
//!
//! Two kinds of checks. Quality (enough customers, clusters worth the name) is a judgement: where no version is live
//! yet it is made and reported but does not decide, since a poor answer to the first requests is better than none.
//! `force` overrides it. Integrity (what is on disk is what was fitted, and says the same of the customers of its
//! golden sample) is not a matter of judgement: a candidate that fails it could not be served, and nothing overrides
//! it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::causes::with_causes;
use crate::model_store::{Staged, StoreError};
use crate::pipeline::{MIN_JACCARD, Scores, rounded};

/// What a candidate must reach. The defaults refuse what is not a clustering at all, and let pass what is merely worse
/// than the sample's (5,000 customers, 4 clusters, no noise, silhouette and DBCV above 0.9).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateLimits {
    /// Customers, at least; 100.
    pub min_customers: usize,
    /// Distinct profiles among them, at least; 30.
    pub min_profiles: usize,
    /// Clusters, at least; 2.
    pub min_clusters: usize,
    /// Share of the customers outside every cluster, at most; 0.4.
    pub max_noise_share: f64,
    /// Share of new customers of the same kind outside every cluster, at most; 0.5.
    pub max_new_outside_share: f64,
    /// Silhouette, at least; 0.1.
    pub min_silhouette: f64,
    /// DBCV, at least; 0.
    pub min_dbcv: f64,
    /// How much of each segment a training on fewer customers must find again, as a Jaccard index; 0.6.
    pub min_jaccard: f64,
    /// Columns that decide the segments, at least; 2.
    pub min_deciding_columns: usize,
    /// Bits that the segments surely tell of a customer, at least; 0.
    pub min_told_bits: f64,
    /// Share of all customers that the waiting uploads of one sender may bring, at most; 0.6.
    pub max_upload_share: f64,
    /// Share of the customers with a value that the live version never saw, at most; 0.5.
    pub max_unseen_share: f64,
    /// Share of the customers that would have to change for any column to be as the live version knows it, at most;
    /// 0.5. Dates move by themselves, and do not count.
    pub max_drift: f64,
    /// Share of the customers' rows that were left out, at most; 0.25. Where more are gone, those that are left are
    /// hardly a fair sample: most often one whole file, or one way to write a column, is missing.
    pub max_left_out_share: f64,
    /// How much larger that share may be than the live version's; 0.1. One file in ten without a usable row is as much.
    pub max_left_out_rise: f64,
    /// Customers, as a share of those of the live version, at least; 0.5. Where more are gone, most often a folder is.
    pub min_customers_kept: f64,
    /// Files that the live version was trained on and that cannot be read any more, at most; 0.
    pub max_lost_files: usize,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            min_customers: 100,
            min_profiles: 30,
            min_clusters: 2,
            max_noise_share: 0.4,
            max_new_outside_share: 0.5,
            min_silhouette: 0.1,
            min_dbcv: 0.0,
            min_jaccard: MIN_JACCARD,
            min_deciding_columns: 2,
            min_told_bits: 0.0,
            max_upload_share: 0.6,
            max_unseen_share: 0.5,
            max_drift: 0.5,
            max_left_out_share: 0.25,
            max_left_out_rise: 0.1,
            min_customers_kept: 0.5,
            max_lost_files: 0,
        }
    }
}

/// One check of one candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateCheck {
    /// What is checked, such as `noise_share`.
    pub name: &'static str,
    /// What the check is about.
    pub kind: CheckKind,
    /// What was found; `None` where it is undefined, which does not pass.
    pub value: Option<f64>,
    /// What it must be.
    pub bound: Bound,
    /// The limit.
    pub limit: f64,
    /// Whether it is.
    pub passed: bool,
    /// Whether it does not count against the candidate: the live version fails it, too, or was never asked, or a
    /// comparison recommends the way of training. `detail` says which.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_tolerated: bool,
    /// What went wrong, where a number does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A check that a candidate did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedCheck {
    /// What was checked.
    #[schema(example = "noise_share")]
    pub name: String,
    /// What was found, and what it must be.
    #[schema(example = "noise_share is 0.7, and must be at most 0.4")]
    pub sentence: String,
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// How good the candidate is.
    Quality,
    /// Whether it can be served at all.
    Integrity,
}

/// On which side of its limit a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At the limit or above.
    AtLeast,
    /// At the limit or below.
    AtMost,
}

/// What the gate decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No check failed that counts.
    Passed,
    /// Some check of quality failed, and no other version of own customers, or none with a segment, is live.
    FirstVersion,
    /// Some check of quality failed, and was overridden.
    Forced,
    /// Some check failed.
    Refused,
    /// The live version was trained on the same customers in the same way: there was nothing to decide.
    Unchanged,
}

impl GateCheck {
    pub(super) fn quality(name: &'static str, value: Option<f64>, bound: Bound, limit: f64) -> Self {
        Self::new(CheckKind::Quality, name, value, (bound, limit))
    }

    fn new(kind: CheckKind, name: &'static str, value: Option<f64>, (bound, limit): (Bound, f64)) -> Self {
        let passed = value.is_some_and(|value| match bound {
            Bound::AtLeast => value >= limit,
            Bound::AtMost => value <= limit,
        });
        Self { name, kind, value, bound, limit, passed, is_tolerated: false, detail: None }
    }

    /// The same, not held against the candidate, and why.
    pub(super) fn tolerated(self, why: &str) -> Self {
        Self { is_tolerated: true, detail: Some(why.to_owned()), ..self }
    }

    /// The check in one sentence, such as `noise_share is 0.7, and must be at most 0.4`.
    pub fn sentence(&self) -> String {
        let bound = match self.bound {
            Bound::AtLeast => "at least",
            Bound::AtMost => "at most",
        };
        let value = self.value.map_or("undefined".to_owned(), |value| format!("{}", rounded(value)));
        let detail = self.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        format!("{} is {value}, and must be {bound} {}{detail}", self.name, self.limit)
    }
}

impl From<&GateCheck> for FailedCheck {
    fn from(check: &GateCheck) -> Self {
        Self { name: check.name.to_owned(), sentence: check.sentence() }
    }
}

/// The checks of customers that are too few to fit anything to.
pub(super) fn check_amount(limits: &GateLimits, customers: usize, profiles: usize, needed: usize) -> Vec<GateCheck> {
    let min_profiles = limits.min_profiles.max(needed);
    vec![
        GateCheck::quality("customers", Some(customers as f64), Bound::AtLeast, limits.min_customers as f64),
        GateCheck::quality("profiles", Some(profiles as f64), Bound::AtLeast, min_profiles as f64),
    ]
}

/// The checks of a fit's scores. Where a comparison has found this way to train good, poor scores of its map are
/// tolerated: they say less than the resamples.
pub(super) fn check_quality(limits: &GateLimits, scores: &Scores, is_recommended: bool) -> Vec<GateCheck> {
    let mut checks = check_amount(limits, scores.rows, scores.profiles, 0);
    let clusters = scores.clusters as f64;
    // Without a map one segment, "everyone", is a result, and nothing has a shape to judge.
    let has_map = scores.trustworthiness.is_some();
    let min_clusters = if has_map { limits.min_clusters } else { 1 };
    let found = GateCheck::quality("clusters", Some(clusters), Bound::AtLeast, min_clusters as f64);
    let remedy = || "add customers, or train with the method latent_classes, which may find one segment of everyone";
    let detail = (scores.clusters == 0).then(|| remedy().to_owned());
    checks.extend([
        GateCheck { detail, ..found },
        GateCheck::quality("noise_share", Some(scores.noise_share), Bound::AtMost, limits.max_noise_share),
    ]);
    if has_map {
        let of_map = [
            GateCheck::quality("silhouette", scores.silhouette, Bound::AtLeast, limits.min_silhouette),
            GateCheck::quality("dbcv", scores.dbcv, Bound::AtLeast, limits.min_dbcv),
        ];
        checks.extend(of_map.map(|check| match check.passed || !is_recommended {
            true => check,
            false => check.tolerated("a comparison found these segments again, and they tell something"),
        }));
    }
    checks
}

/// The checks of what the segments are worth: whether they are found again, restate a column, tell anything of a
/// customer. What was not measured is not checked. One that `live` fails as well, or that was not measured of it, is
/// tolerated: a routine training over an equally poor version would be refused for ever.
pub(super) fn check_meaning(limits: &GateLimits, scores: &Scores, live: Option<&Scores>) -> Vec<GateCheck> {
    let before = live.map(|live| meaning(limits, live));
    let mut checks = meaning(limits, scores);
    for check in checks.iter_mut().filter(|check| !check.passed) {
        let Some(before) = &before else { continue };
        let then = before.iter().find(|then| then.name == check.name);
        if then.is_none_or(|then| !then.passed) {
            let why =
                if then.is_some() { "the live version fails it, too" } else { "it is unknown of the live version" };
            *check = check.clone().tolerated(why);
        }
    }
    checks
}

fn meaning(limits: &GateLimits, scores: &Scores) -> Vec<GateCheck> {
    let at_least = |name, value: Option<f64>, limit: f64| {
        value.map(|value| GateCheck::quality(name, Some(value), Bound::AtLeast, limit))
    };
    let deciding = scores.decided_by.as_ref().map(|decided| match decided.columns.len() {
        // No four columns decide the segments.
        0 => 5.0,
        n => n as f64,
    });
    [
        at_least("least_jaccard", scores.least_jaccard, limits.min_jaccard),
        at_least("deciding_columns", deciding, limits.min_deciding_columns as f64),
        at_least("told_bits", scores.told.map(|told| told.surely()), limits.min_told_bits),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The check that the sample does not take the place of own customers: their owner should learn that they are gone.
pub(super) fn check_sample() -> GateCheck {
    let check = GateCheck::quality("own_files", Some(0.0), Bound::AtLeast, 1.0);
    let detail = "nothing but the sample is left to train on, and the live version was not trained on it";
    GateCheck { detail: Some(detail.to_owned()), ..check }
}

/// The checks of what is on disk: every file and every array comes back as it was written (`value` counts the ones that
/// do not), and the model that was loaded agrees with the golden sample that was loaded on every customer.
pub(super) fn check_integrity(staged: &Staged<'_>) -> Result<Vec<GateCheck>, StoreError> {
    let loads = |faults: f64| GateCheck::new(CheckKind::Integrity, "files_changed", Some(faults), (Bound::AtMost, 0.0));
    let agrees = |share| GateCheck::new(CheckKind::Integrity, "golden_sample", share, (Bound::AtLeast, 1.0));
    let failed = |check: GateCheck, error: &(dyn std::error::Error + 'static)| {
        let detail = Some(with_causes(error));
        GateCheck { detail, ..check }
    };
    match staged.reload() {
        Ok((model, golden)) => match golden.agreement(&model) {
            Ok(agreement) => Ok(vec![loads(0.0), agrees(Some(agreement.share()))]),
            Err(error) => Ok(vec![loads(0.0), failed(agrees(None), &error)]),
        },
        Err(error @ (StoreError::File { .. } | StoreError::Model { .. })) => Ok(vec![failed(loads(1.0), &error)]),
        Err(error) => Err(error),
    }
}

/// What the checks come to.
pub(super) fn decide(checks: &[GateCheck], is_first: bool, force: bool) -> Verdict {
    let fails = |kind: CheckKind| checks.iter().any(|check| check.kind == kind && !check.passed && !check.is_tolerated);
    match (fails(CheckKind::Integrity), fails(CheckKind::Quality)) {
        (true, _) => Verdict::Refused,
        (false, false) => Verdict::Passed,
        (false, true) if force => Verdict::Forced,
        (false, true) if is_first => Verdict::FirstVersion,
        (false, true) => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{DecidedBy, HeldOutBits};

    fn good() -> Scores {
        Scores {
            rows: 5_000,
            profiles: 2_000,
            clusters: 4,
            noise_share: 0.01,
            silhouette: Some(0.8),
            silhouette_error: None,
            decided_by: None,
            least_jaccard: Some(0.9),
            told: Some(HeldOutBits { mean: 0.3, null: 0.0, standard_error: 0.01 }),
            dbcv: Some(0.9),
            trustworthiness: Some(0.99),
        }
    }

    fn failing(spoil: impl FnOnce(&mut Scores)) -> Vec<&'static str> {
        let mut scores = good();
        spoil(&mut scores);
        let checks = check_quality(&GateLimits::default(), &scores, false);
        checks.iter().filter(|check| !check.passed).map(|check| check.name).collect()
    }

    #[test]
    fn each_shortcoming_fails_its_own_check() {
        assert_eq!(failing(|_| {}), Vec::<&str>::new());
        assert_eq!(failing(|s| s.rows = 99), ["customers"]);
        assert_eq!(failing(|s| s.profiles = 29), ["profiles"]);
        assert_eq!(failing(|s| s.noise_share = 0.41), ["noise_share"]);
        assert_eq!(failing(|s| s.silhouette = Some(0.09)), ["silhouette"]);
        assert_eq!(failing(|s| s.dbcv = Some(-0.01)), ["dbcv"]);
        assert_eq!(failing(|s| s.dbcv = Some(f64::NAN)), ["dbcv"]);
        let one_cluster = |s: &mut Scores| (s.clusters, s.silhouette, s.dbcv) = (1, None, None);
        assert_eq!(failing(one_cluster), ["clusters", "silhouette", "dbcv"]);
        let spread = Scores { dbcv: Some(-0.2), ..good() };
        assert_eq!(decide(&check_quality(&GateLimits::default(), &spread, true), false, false), Verdict::Passed);
        let everyone = |s: &mut Scores| (s.clusters, s.silhouette, s.dbcv, s.trustworthiness) = (1, None, None, None);
        assert_eq!(failing(everyone), Vec::<&str>::new(), "one latent class is a result");
    }

    #[test]
    fn poor_segments_are_refused_unless_the_live_version_is_as_poor() {
        let decided = |columns: &[&str]| {
            let columns = columns.iter().map(|&column| column.to_owned()).collect();
            Some(DecidedBy { columns, share: 1.0, sentence: String::new() })
        };
        let limits = GateLimits::default();
        let poor = Scores { decided_by: decided(&["Month"]), least_jaccard: Some(0.5), ..good() };
        let verdict = |scores: &Scores, live: Option<&Scores>| {
            let checks = check_meaning(&limits, scores, live);
            let failed: Vec<_> = checks.iter().filter(|c| !c.passed && !c.is_tolerated).map(|c| c.name).collect();
            (failed, decide(&checks, live.is_none(), false))
        };
        assert_eq!(verdict(&poor, None), (vec!["least_jaccard", "deciding_columns"], Verdict::FirstVersion));
        assert_eq!(verdict(&poor, Some(&poor)), (vec![], Verdict::Passed));
        let better = Scores { decided_by: decided(&["Month", "Town"]), ..poor.clone() };
        assert_eq!(verdict(&poor, Some(&better)), (vec!["deciding_columns"], Verdict::Refused));
        let unmeasured = Scores { decided_by: None, least_jaccard: None, told: None, ..good() };
        assert_eq!(verdict(&poor, Some(&unmeasured)), (vec![], Verdict::Passed));
        assert_eq!(verdict(&good(), None), (vec![], Verdict::Passed));
        let silent = Scores { told: Some(HeldOutBits { mean: 0.01, null: 0.0, standard_error: 0.01 }), ..good() };
        assert_eq!(verdict(&silent, Some(&good())), (vec!["told_bits"], Verdict::Refused));
    }

    #[test]
    fn quality_can_be_overridden_and_integrity_never() {
        let poor = check_quality(&GateLimits::default(), &Scores { clusters: 1, ..good() }, false);
        assert_eq!(decide(&poor, false, false), Verdict::Refused);
        assert_eq!(decide(&poor, false, true), Verdict::Forced);
        assert_eq!(decide(&poor, true, false), Verdict::FirstVersion);
        let broken = [GateCheck::new(CheckKind::Integrity, "golden_sample", Some(0.99), (Bound::AtLeast, 1.0))];
        for (is_first, force) in [(false, true), (true, false), (true, true)] {
            assert_eq!(decide(&broken, is_first, force), Verdict::Refused);
        }
        assert_eq!(decide(&check_quality(&GateLimits::default(), &good(), false), false, false), Verdict::Passed);
    }

    #[test]
    fn a_check_says_what_was_found_and_what_is_asked() {
        let checks =
            check_quality(&GateLimits::default(), &Scores { noise_share: 0.71239, silhouette: None, ..good() }, false);
        let sentences: Vec<_> = checks.iter().filter(|check| !check.passed).map(GateCheck::sentence).collect();
        let expected =
            ["noise_share is 0.7124, and must be at most 0.4", "silhouette is undefined, and must be at least 0.1"];
        assert_eq!(sentences, expected);
    }
}
