//! Shares, intervals, tests, and what they mean.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::counts::{Arm, Sending};
use super::decimals::decimals;
use super::detectable::{Z_95, smallest_detectable};
use super::stratified::{cochran_mantel_haenszel, odds_ratio};
use crate::pipeline::{chi_squared_tail, wilson_interval};

/// From which p-value on a difference is put down to chance.
const ALPHA: f64 = 0.05;
/// The expected count that each cell needs for the χ² tests to be exact enough (Cochran 1954).
const MIN_EXPECTED: f64 = 5.0;

/// What all sendings came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// By text, in the order of their ids.
    pub contents: Vec<ContentOutcome>,
    /// By segment and platform.
    pub groups: Vec<GroupOutcome>,
    /// Whether the texts differ in any group; `None` where fewer than two groups can be compared.
    pub all_groups: Option<Test>,
}

/// What one text came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContentOutcome {
    /// The text.
    pub content_id: String,
    /// People who got it.
    pub sent: u64,
    /// Those of them who acted.
    pub acted: u64,
    /// `acted / sent`; `None` where nobody got it.
    pub share: Option<f64>,
    /// The lower end of its 95 % interval (Wilson 1927).
    pub share_low: Option<f64>,
    /// The upper end.
    pub share_high: Option<f64>,
}

/// Whether the texts for one segment and platform differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupOutcome {
    /// What their ids have in common.
    pub group: String,
    /// Their ids.
    pub content_ids: Vec<String>,
    /// People who got one of them.
    pub sent: u64,
    /// Those of them who acted.
    pub acted: u64,
    /// The χ² test of all sendings together (Pearson 1900); `None` where there is nothing to compare.
    pub pooled: Option<Test>,
    /// The same within strata (Cochran 1954; Mantel and Haenszel 1959).
    pub stratified: Option<Test>,
    /// Strata in which people got different texts: those that the test is within.
    pub strata: usize,
    /// Strata in all.
    pub strata_in_all: usize,
    /// The odds of acting with the first text over those with the second, within strata (Mantel and Haenszel 1959);
    /// `None` unless there are two texts.
    pub odds_ratio: Option<f64>,
    /// Whether enough people acted, and enough did not, for the p-values to be taken at their word.
    pub is_reliable: bool,
    /// The smallest difference between the shares of two texts, about the share of all, that the test would have found
    /// in four of five cases; `None` where it would have found none.
    pub smallest_detectable: Option<f64>,
    /// What that means.
    pub sentence: String,
}

/// A test of whether texts differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Test {
    /// χ².
    pub statistic: f64,
    /// Its degrees of freedom.
    pub degrees: usize,
    /// How likely chance alone is to make a difference as large.
    pub p_value: f64,
}

impl Test {
    fn new(statistic: f64, degrees: usize) -> Self {
        Self { statistic, degrees, p_value: chi_squared_tail(statistic, degrees) }
    }
}

impl Outcome {
    /// What the sendings came to.
    pub fn of(sendings: &[Sending]) -> Self {
        let mut contents: BTreeMap<&str, Arm> = BTreeMap::new();
        let mut groups: BTreeMap<&str, Vec<&Sending>> = BTreeMap::new();
        for sending in sendings {
            contents.entry(&sending.content_id).or_default().add(sending);
            groups.entry(&sending.group).or_default().push(sending);
        }
        let groups: Vec<GroupOutcome> = groups.into_iter().map(|(group, of)| GroupOutcome::new(group, &of)).collect();
        let tests: Vec<Test> = groups.iter().filter_map(|group| group.stratified).collect();
        let sum = |tests: &[Test]| {
            Test::new(tests.iter().map(|test| test.statistic).sum(), tests.iter().map(|test| test.degrees).sum())
        };
        Self {
            contents: contents.into_iter().map(|(id, arm)| ContentOutcome::new(id, arm)).collect(),
            all_groups: (tests.len() > 1).then(|| sum(&tests)),
            groups,
        }
    }
}

impl ContentOutcome {
    fn new(content_id: &str, arm: Arm) -> Self {
        let (sent, acted) = (arm.sent as f64, arm.acted as f64);
        let interval = (arm.sent > 0).then(|| wilson_interval(acted, sent, Z_95));
        Self {
            content_id: content_id.to_owned(),
            sent: arm.sent,
            acted: arm.acted,
            share: (arm.sent > 0).then(|| acted / sent),
            share_low: interval.map(|(low, _)| low.max(0.0)),
            share_high: interval.map(|(_, high)| high.min(1.0)),
        }
    }
}

impl GroupOutcome {
    fn new(group: &str, sendings: &[&Sending]) -> Self {
        let ids: BTreeSet<&str> = sendings.iter().map(|sending| sending.content_id.as_str()).collect();
        let nobody: BTreeMap<&str, Arm> = ids.iter().map(|&id| (id, Arm::default())).collect();
        let mut total = nobody.clone();
        let mut strata: BTreeMap<&str, BTreeMap<&str, Arm>> = BTreeMap::new();
        for sending in sendings {
            let stratum = strata.entry(&sending.stratum).or_insert_with(|| nobody.clone());
            for arms in [stratum, &mut total] {
                arms.entry(&sending.content_id).or_default().add(sending);
            }
        }
        let total: Vec<Arm> = total.into_values().collect();
        let strata_in_all = strata.len();
        let strata = strata.into_values().map(|arms| arms.into_values().collect());
        let strata: Vec<Vec<Arm>> =
            strata.filter(|arms: &Vec<Arm>| arms.iter().filter(|arm| arm.sent > 0).count() > 1).collect();
        let all = total.iter().fold(Arm::default(), |sum, arm| sum.plus(*arm));
        let mut outcome = Self {
            group: group.to_owned(),
            content_ids: ids.iter().map(|&id| id.to_owned()).collect(),
            sent: all.sent,
            acted: all.acted,
            pooled: pearson(&total),
            stratified: cochran_mantel_haenszel(&strata).map(|(statistic, degrees)| Test::new(statistic, degrees)),
            strata: strata.len(),
            strata_in_all,
            odds_ratio: odds_ratio(&strata),
            is_reliable: is_reliable(&total),
            smallest_detectable: smallest_detectable(&total),
            sentence: String::new(),
        };
        outcome.sentence = outcome.sentence();
        outcome
    }

    /// What the tests say. Where there are strata, the test within them counts.
    fn sentence(&self) -> String {
        let test = if self.strata_in_all > 1 { self.stratified } else { self.pooled };
        let test = match (self.content_ids.len(), test) {
            (0 | 1, _) => return "There is one text, and so nothing to compare.".to_owned(),
            (_, None) => return self.why_not_compared().to_owned(),
            (_, Some(test)) => test,
        };
        let chance = percent(test.p_value);
        let mut sentence = if test.p_value < ALPHA {
            format!("The texts differ: chance alone makes such a difference in {chance} of cases.")
        } else {
            format!("No difference is shown: chance alone makes one as large in {chance} of cases.")
        };
        sentence += &match self.smallest_detectable {
            Some(least) => format!(
                " Of the {} who were sent one, differences from {:.digits$} points on are found four times in five.",
                self.sent,
                least * 100.0,
                digits = decimals(least * 100.0)
            ),
            None => " They were sent to too few: no difference would be found four times in five.".to_owned(),
        };
        if !self.is_reliable {
            sentence += " Too few acted, or did not, for the p-value to be exact.";
        }
        sentence
    }

    /// Why the texts of a group of several have no test.
    fn why_not_compared(&self) -> &'static str {
        match (self.sent, self.acted) {
            (0, _) => "Nothing can be compared yet: nobody was sent any of the texts.",
            (_, 0) => "Nothing can be compared yet: nobody has acted. Wait until some have.",
            (sent, acted) if sent == acted => {
                "Nothing can be compared: everybody acted, so no text did better than another."
            }
            _ => "Nothing can be compared: send two texts to people of one stratum, so that some act and some do not.",
        }
    }
}

/// The χ² test of homogeneity of the texts that anybody got; `None` unless there are two, and some acted and some not.
fn pearson(arms: &[Arm]) -> Option<Test> {
    let arms: Vec<Arm> = arms.iter().copied().filter(|arm| arm.sent > 0).collect();
    let all = arms.iter().fold(Arm::default(), |sum, arm| sum.plus(*arm));
    let share = all.acted as f64 / all.sent as f64;
    if arms.len() < 2 || all.acted == 0 || all.acted == all.sent {
        return None;
    }
    let term = |arm: &Arm| {
        let sent = arm.sent as f64;
        (arm.acted as f64 - sent * share).powi(2) / (sent * share * (1.0 - share))
    };
    Some(Test::new(arms.iter().map(term).sum(), arms.len() - 1))
}

/// Whether each cell of the table is expected to hold enough.
fn is_reliable(arms: &[Arm]) -> bool {
    let all = arms.iter().fold(Arm::default(), |sum, arm| sum.plus(*arm));
    let share = all.acted as f64 / all.sent.max(1) as f64;
    let least = arms.iter().map(|arm| arm.sent).filter(|&sent| sent > 0).min().unwrap_or(0) as f64;
    least * share.min(1.0 - share) >= MIN_EXPECTED
}

/// A share as a person reads it.
fn percent(share: f64) -> String {
    if share < 0.001 { "less than 0.1 %".to_owned() } else { format!("{:.1} %", share * 100.0) }
}
