//! What was found of each candidate, which are out, and which is the best.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::candidates::CandidateName;
use super::told::HeldOutBits;
use crate::pipeline::{DecidedBy, TrainingSettings};

/// The most customers outside every segment.
const MAX_NOISE: f64 = 0.25;
/// A segment that is found again less is not to be trusted (Hennig 2007).
pub const MIN_JACCARD: f64 = 0.6;
/// Segments that are found again more are stable (Hennig 2007).
const STABLE: f64 = 0.75;

/// What was found of several ways to train on the same customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Customers of the table.
    #[schema(example = 5000)]
    pub customers: u64,
    /// Customers that it was tried on: all, or 10,000 that were drawn.
    #[schema(example = 5000)]
    pub tried_on: u64,
    /// The candidates, as they were tried.
    pub candidates: Vec<Judged>,
    /// The best of them; null where none passes.
    #[schema(required)]
    pub best: Option<CandidateName>,
    /// The result in a sentence.
    #[schema(example = "Best is latent_classes: 6 segments, which tell 0.31 bits of a customer.")]
    pub sentence: String,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Judged {
    /// Its name.
    pub name: CandidateName,
    /// How it is trained, as `training` of a retraining takes it.
    pub settings: TrainingSettings,
    /// Segments; null where it could not be trained.
    #[schema(required, example = 6)]
    pub segments: Option<usize>,
    /// The share of the customers outside every segment, 0 to 1.
    #[schema(required, example = 0.0)]
    pub noise_share: Option<f64>,
    /// How much of the least stable segment a training on a resample of the customers finds again: the mean Jaccard
    /// index over the resamples, 0 to 1 (Hennig 2007).
    #[schema(required, example = 0.73)]
    pub least_jaccard: Option<f64>,
    /// The same, the mean of all segments.
    #[schema(required, example = 0.81)]
    pub mean_jaccard: Option<f64>,
    /// What the segments tell of a customer they were not found among, over independent columns, in bits; and what
    /// they tell where the columns know nothing of one another.
    #[schema(required)]
    pub bits: Option<HeldOutBits>,
    /// The persona keys of the traits that set one segment or more apart.
    #[schema(example = json!(["Top_Locations"]))]
    pub told: Vec<String>,
    /// What decides the segments.
    #[schema(required)]
    pub decided_by: Option<DecidedBy>,
    /// Silhouette on the map: high also where there is nothing. It decides nothing here.
    #[schema(required, example = 0.94)]
    pub silhouette: Option<f64>,
    /// DBCV on the map: high also where there is nothing. It decides nothing here.
    #[schema(required, example = 0.97)]
    pub dbcv: Option<f64>,
    /// Why this candidate was rejected; empty if it passed.
    pub out: Vec<WhyOut>,
    /// Why it could not be trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "the map could not be laid out")]
    pub failure: Option<String>,
}

/// Why a candidate is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyOut {
    /// It could not be trained.
    Failed,
    /// It finds no segment.
    NoSegment,
    /// It finds one segment: everyone. That is a result, too.
    Everyone,
    /// More than 25 % of the customers are outside every segment.
    Noise,
    /// A segment is found again to less than 0.6 in resamples.
    Unstable,
    /// All segments together are found again to less than 0.75 on average.
    UnstableOnAverage,
    /// The segments tell no more of a customer than where there is nothing to tell.
    TellsNothing,
    /// One column decides the segments: a filter would do.
    OneColumn,
}

impl WhyOut {
    /// The reason in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Failed => "could not be trained",
            Self::NoSegment => "finds no segment",
            Self::Everyone => "everyone is one segment",
            Self::Noise => "more than 25 % outside",
            Self::Unstable => "a segment is not found again (Jaccard below 0.6)",
            Self::UnstableOnAverage => "the segments are not stable (Jaccard below 0.75 on average)",
            Self::TellsNothing => "tells nothing of customers",
            Self::OneColumn => "one column decides",
        }
    }
}

impl Judged {
    /// Why it is out.
    pub(super) fn reasons(&self) -> Vec<WhyOut> {
        match self.segments {
            None => return vec![WhyOut::Failed],
            Some(0) => return vec![WhyOut::NoSegment],
            Some(1) => return vec![WhyOut::Everyone],
            Some(_) => {}
        }
        let deciding = self.decided_by.as_ref().map(|decided| decided.columns.len());
        let reasons = [
            (self.noise_share.is_none_or(|share| share > MAX_NOISE), WhyOut::Noise),
            (self.least_jaccard.is_none_or(|jaccard| jaccard < MIN_JACCARD), WhyOut::Unstable),
            (self.mean_jaccard.is_none_or(|jaccard| jaccard < STABLE), WhyOut::UnstableOnAverage),
            (self.bits.is_none_or(|bits| bits.surely() <= 0.0), WhyOut::TellsNothing),
            (deciding == Some(1), WhyOut::OneColumn),
        ];
        reasons.into_iter().filter(|(is_out, _)| *is_out).map(|(_, why)| why).collect()
    }

    /// Whether it may be the best.
    pub fn passes(&self) -> bool {
        self.out.is_empty()
    }

    fn bits_told(&self) -> f64 {
        self.bits.map_or(0.0, |bits| bits.mean)
    }
}

impl Comparison {
    /// The result: of the candidates that pass the one that tells most bits, to three decimals; of several the one with
    /// the fewest segments.
    pub(super) fn new(customers: u64, tried_on: u64, candidates: Vec<Judged>) -> Self {
        let thousandths = |judged: &&Judged| (judged.bits_told() * 1e3).round() as i64;
        let passing = candidates.iter().filter(|judged| judged.passes());
        let best = passing.max_by_key(|judged| (thousandths(judged), std::cmp::Reverse(judged.segments)));
        let everyone = candidates.iter().find(|judged| judged.out == [WhyOut::Everyone]);
        let sentence = match (best, everyone) {
            (Some(best), _) => format!(
                "Best is {}: {} segments, which tell {:.2} bits of a customer.",
                best.name,
                best.segments.unwrap_or_default(),
                best.bits_told()
            ),
            (None, Some(everyone)) => format!(
                "Nothing passes, and {} finds one segment: these customers are one audience, everyone.",
                everyone.name
            ),
            (None, None) => {
                "Nothing passes: every way of training fails a check, and its result says which.".to_owned()
            }
        };
        let best = best.map(|best| best.name);
        Self { customers, tried_on, candidates, best, sentence }
    }

    /// The candidate of this name.
    pub fn candidate(&self, name: CandidateName) -> Option<&Judged> {
        self.candidates.iter().find(|judged| judged.name == name)
    }

    /// The best candidate.
    pub fn best(&self) -> Option<&Judged> {
        self.candidate(self.best?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: CandidateName, segments: usize, bits: f64) -> Judged {
        let mut judged = Judged {
            name,
            settings: TrainingSettings::default(),
            segments: Some(segments),
            noise_share: Some(0.0),
            least_jaccard: Some(0.7),
            mean_jaccard: Some(0.8),
            bits: Some(HeldOutBits { mean: bits, null: 0.0, standard_error: 0.01 }),
            told: Vec::new(),
            decided_by: None,
            silhouette: None,
            dbcv: None,
            out: Vec::new(),
            failure: None,
        };
        judged.out = judged.reasons();
        judged
    }

    fn best(candidates: &[Judged]) -> Option<CandidateName> {
        Comparison::new(100, 100, candidates.to_vec()).best
    }

    #[test]
    fn the_one_that_tells_most_wins_and_of_equals_the_one_with_fewer_segments() {
        use CandidateName::{AsItIs, LatentClasses, Neighbors15};
        let [little, many, few] =
            [judged(AsItIs, 2, 0.1), judged(Neighbors15, 9, 0.3001), judged(LatentClasses, 6, 0.3)];
        assert_eq!(best(&[little.clone(), many.clone(), few.clone()]), Some(LatentClasses));
        assert_eq!(best(&[little.clone(), many]), Some(Neighbors15));
        let mut shaky = Judged { mean_jaccard: Some(0.74), ..few };
        shaky.out = shaky.reasons();
        assert_eq!(best(&[little, shaky]), Some(AsItIs));
    }

    #[test]
    fn each_rule_puts_a_candidate_out_by_its_own_reason() {
        let good = || judged(CandidateName::AsItIs, 4, 0.2);
        let decided_by = DecidedBy { columns: vec!["Month".to_owned()], share: 1.0, sentence: String::new() };
        let reasons = |judged: Judged| judged.reasons();
        assert_eq!(reasons(good()), []);
        assert_eq!(reasons(Judged { noise_share: Some(0.26), ..good() }), [WhyOut::Noise]);
        assert_eq!(reasons(Judged { least_jaccard: Some(0.59), ..good() }), [WhyOut::Unstable]);
        assert_eq!(reasons(Judged { mean_jaccard: Some(0.74), ..good() }), [WhyOut::UnstableOnAverage]);
        assert_eq!(reasons(judged(CandidateName::AsItIs, 4, 0.02)), [WhyOut::TellsNothing]);
        assert_eq!(reasons(Judged { decided_by: Some(decided_by), ..good() }), [WhyOut::OneColumn]);
        assert_eq!(reasons(Judged { segments: None, ..good() }), [WhyOut::Failed]);
    }

    #[test]
    fn nothing_passes_is_a_result_and_so_is_everyone() {
        let everyone = judged(CandidateName::LatentClasses, 1, 0.0);
        let nothing = judged(CandidateName::AsItIs, 4, 0.0);
        let comparison = Comparison::new(100, 100, vec![nothing.clone(), everyone]);
        assert_eq!(comparison.best, None);
        assert!(comparison.sentence.contains("everyone"), "{}", comparison.sentence);
        assert!(Comparison::new(100, 100, vec![nothing]).sentence.starts_with("Nothing passes"));
    }
}
