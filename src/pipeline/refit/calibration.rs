//! Confidence: how likely another training is to agree on a customer, learned from customers who were held out.

use serde::{Deserialize, Serialize};

use crate::pipeline::decimals::rounded;
use crate::pipeline::traits::MIN_OBSERVED;

/// Customers who must have been held out before anything is said of their kind.
const MIN_HELD_OUT: f64 = MIN_OBSERVED as f64;
/// Steps of a curve before neighbours that contradict its rise are made one.
const STEPS: usize = 20;
/// Bins of equal width in which confidence and agreement are compared.
const BINS: usize = 10;

/// Confidence, by the strength of the placement alone: whether training had the profile is nobody's to know.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(in crate::pipeline) struct Calibration {
    /// Of customers in a segment; it rises with the strength.
    inside: Option<Curve>,
    /// Of customers outside every segment.
    outside: Option<Curve>,
    /// The expected calibration error: of each half of the held-out customers by the curves of the other half.
    pub error: Option<f64>,
}

/// What a file may hold. Earlier ones have curves of their own for profiles that training had, which must tell nothing:
/// everybody there is measured by the curve of new profiles.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    inside: Option<Curve>,
    outside: Option<Curve>,
    known: Option<Curve>,
    unseen: Option<Curve>,
    known_outside: Option<Curve>,
    unseen_outside: Option<Curve>,
    error: Option<f64>,
}

impl From<Stored> for Calibration {
    fn from(stored: Stored) -> Self {
        Self {
            inside: stored.inside.or(stored.unseen).or(stored.known),
            outside: stored.outside.or(stored.unseen_outside).or(stored.known_outside),
            error: stored.error,
        }
    }
}

/// A rising step function: from each strength on the confidence beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Curve(Vec<(f64, f64)>);

/// A held-out customer's place in both trainings.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct Observation {
    /// What is the same for customers who are alike.
    pub key: u64,
    /// How firmly the second training placed it; `None` outside every segment.
    pub strength: Option<f64>,
    /// Whether both put it in the same place.
    pub agrees: bool,
    /// How many such customers there are.
    pub customers: f64,
}

impl Calibration {
    /// The curves of what was observed, and their error.
    pub(in crate::pipeline) fn fit(observed: &[Observation]) -> Self {
        let (even, odd): (Vec<Observation>, Vec<Observation>) = observed.iter().partition(|one| one.key % 2 == 0);
        let halves = [(Self::curves(&even), &odd), (Self::curves(&odd), &even)];
        let judged: Vec<(f64, Observation)> = halves
            .iter()
            .flat_map(|(curves, others)| others.iter().filter_map(|one| Some((curves.confidence(one.strength)?, *one))))
            .collect();
        Self { error: expected_error(&judged), ..Self::curves(observed) }
    }

    fn curves(observed: &[Observation]) -> Self {
        let curve = |is_inside| Curve::fit(observed.iter().filter(|one| one.strength.is_some() == is_inside));
        Self { inside: curve(true), outside: curve(false), error: None }
    }

    /// How likely another training agrees on a customer who was placed with this strength, `None` outside every
    /// segment.
    pub(super) fn confidence(&self, strength: Option<f64>) -> Option<f64> {
        let curve = if strength.is_some() { &self.inside } else { &self.outside };
        curve.as_ref().map(|curve| curve.at(strength.unwrap_or(0.0)))
    }
}

impl Curve {
    /// The rising step function nearest to what was observed (pool adjacent violators: Ayer et al. 1955); `None` where
    /// too few were.
    fn fit<'o>(observed: impl Iterator<Item = &'o Observation>) -> Option<Self> {
        let mut observed: Vec<&Observation> = observed.collect();
        observed.sort_by(|a, b| a.strength.unwrap_or(0.0).total_cmp(&b.strength.unwrap_or(0.0)));
        let all: f64 = observed.iter().map(|one| one.customers).sum();
        if all < MIN_HELD_OUT {
            return None;
        }
        let least = (all / STEPS as f64).max(MIN_HELD_OUT / 2.0);
        let mut steps: Vec<Step> = Vec::new();
        for one in observed {
            let (start, agreeing) = (one.strength.unwrap_or(0.0), if one.agrees { one.customers } else { 0.0 });
            match steps.last_mut() {
                Some(last) if last.customers < least || last.end == start => {
                    (last.agreeing, last.customers, last.end) =
                        (last.agreeing + agreeing, last.customers + one.customers, start);
                }
                _ => steps.push(Step { start, end: start, agreeing, customers: one.customers }),
            }
        }
        let mut rising: Vec<Step> = Vec::with_capacity(steps.len());
        for step in steps {
            rising.push(step);
            while let [.., before, last] = rising.as_slice()
                && before.share() >= last.share()
            {
                let (last, before) = (rising.pop(), rising.pop());
                rising.extend(before.zip(last).map(|(before, last)| before.joined(last)));
            }
        }
        Some(Self(rising.iter().map(|step| (step.start, rounded(step.share()))).collect()))
    }

    fn at(&self, strength: f64) -> f64 {
        let after = self.0.partition_point(|&(from, _)| from <= strength).max(1);
        self.0.get(after - 1).map_or(0.0, |&(_, confidence)| confidence)
    }
}

/// Customers of neighbouring strengths.
#[derive(Debug, Clone, Copy)]
struct Step {
    start: f64,
    end: f64,
    agreeing: f64,
    customers: f64,
}

impl Step {
    /// The share that agrees, as if one more had agreed and one more had not: of a few customers nothing is certain
    /// (Laplace's rule of succession).
    fn share(&self) -> f64 {
        (self.agreeing + 1.0) / (self.customers + 2.0)
    }

    fn joined(self, after: Self) -> Self {
        let (agreeing, customers) = (self.agreeing + after.agreeing, self.customers + after.customers);
        Self { start: self.start, end: after.end, agreeing, customers }
    }
}

/// The mean difference between confidence and agreement over bins of confidence, by their customers (Naeini, Cooper,
/// Hauskrecht 2015).
fn expected_error(judged: &[(f64, Observation)]) -> Option<f64> {
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for (confidence, one) in judged {
        let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
        if let Some((customers, agreeing, expected)) = bins.get_mut(bin) {
            *customers += one.customers;
            *agreeing += if one.agrees { one.customers } else { 0.0 };
            *expected += confidence * one.customers;
        }
    }
    let all: f64 = bins.iter().map(|(customers, ..)| customers).sum();
    let error = bins.iter().map(|(_, agreeing, expected)| (agreeing - expected).abs()).sum::<f64>() / all;
    (all >= MIN_HELD_OUT).then_some(rounded(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Customers of rising strength, of whom as large a share agrees.
    fn observed(n: u64) -> Vec<Observation> {
        let uniform = |i: u64, salt: u64| {
            let mixed = (i * 4 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let one = |i| {
            let strength = uniform(i, 0);
            let agrees = uniform(i, 1) < 0.2 + 0.7 * strength;
            Observation { key: i, strength: Some(strength), agrees, customers: 1.0 }
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn confidence_is_how_many_agree() {
        let calibration = Calibration::fit(&observed(20_000));
        for (strength, share) in [(0.1, 0.27), (0.5, 0.55), (0.9, 0.83)] {
            let confidence = calibration.confidence(Some(strength)).unwrap();
            assert!((confidence - share).abs() < 0.06, "{strength}: {confidence}");
        }
        assert!(calibration.error.unwrap() < 0.03, "{:?}", calibration.error);
        assert_eq!(calibration.confidence(None), None);
    }

    #[test]
    fn confidence_never_falls_with_strength() {
        let curve = Calibration::fit(&observed(2_000)).inside.unwrap();
        assert!(curve.0.len() > 3 && curve.0.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1));
        assert_eq!(curve.at(-1.0), curve.0[0].1);
        assert_eq!(curve.at(2.0), curve.0.last().unwrap().1);
    }

    #[test]
    fn of_a_few_customers_nothing_is_said() {
        let calibration = Calibration::fit(&observed(40));
        assert_eq!(calibration, Calibration::default());
        let alike = Observation { key: 1, strength: None, agrees: true, customers: 60.0 };
        let calibration = Calibration::fit(&[alike]);
        assert_eq!(calibration.confidence(None), Some(0.9839));
    }

    #[test]
    fn an_earlier_file_tells_nobody_who_was_trained_on() {
        let earlier = r#"{"known": [[0.0, 0.9]], "unseen": [[0.0, 0.4]], "known_outside": [[0.0, 0.8]],
            "unseen_outside": null, "error": 0.02}"#;
        let calibration: Calibration = serde_json::from_str(earlier).unwrap();
        assert_eq!((calibration.confidence(Some(0.5)), calibration.confidence(None)), (Some(0.4), Some(0.8)));
        let stored = serde_json::to_string(&calibration).unwrap();
        assert_eq!(serde_json::from_str::<Calibration>(&stored).unwrap(), calibration);
        assert!(serde_json::from_str::<Calibration>(r#"{"trained": null}"#).is_err());
    }
}
