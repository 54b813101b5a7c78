//! The result of a run: counts, percentiles, and promises.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

/// A promise, and whether it holds.
pub struct Verdict {
    what: String,
    holds: bool,
    measured: String,
}

impl Verdict {
    pub fn new(what: impl Into<String>, holds: bool, measured: impl Into<String>) -> Self {
        Self { what: what.into(), holds, measured: measured.into() }
    }

    pub fn holds(&self) -> bool {
        self.holds
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", if self.holds { "holds " } else { "MISSED" }, self.what, self.measured)
    }
}

/// Counts of answers by kind of request and status; 0 means that no answer was awaited.
#[derive(Default)]
pub struct Outcomes(BTreeMap<&'static str, BTreeMap<String, u64>>);

impl Outcomes {
    pub fn count(&mut self, kind: &'static str, outcome: io::Result<u16>) {
        let name = outcome.map_or_else(|error| format!("{:?}", error.kind()), |status| status.to_string());
        *self.0.entry(kind).or_default().entry(name).or_default() += 1;
    }

    /// Whether every answer to a kind is one of its expected statuses.
    pub fn verdict(&self, expected: &[(&str, &[u16])]) -> Verdict {
        let is_expected = |kind: &str, outcome: &str| {
            let statuses = expected.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, statuses)| statuses);
            statuses.iter().any(|status| status.to_string() == outcome)
        };
        let all = self.0.iter().flat_map(|(kind, outcomes)| outcomes.iter().map(move |one| (*kind, one)));
        let others: Vec<_> =
            all.filter(|(kind, (outcome, _))| !is_expected(kind, outcome)).map(|other| format!("{other:?}")).collect();
        let n: u64 = self.0.values().flat_map(BTreeMap::values).sum();
        let measured = if others.is_empty() {
            format!("{n} requests")
        } else {
            format!("{n} requests, and {}", others.join(", "))
        };
        Verdict::new("every answer is a right one", others.is_empty(), measured)
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, outcomes) in &self.0 {
            let each: Vec<_> = outcomes.iter().map(|(outcome, n)| format!("{outcome} × {n}")).collect();
            writeln!(f, "  {kind}: {}", each.join(", "))?;
        }
        Ok(())
    }
}

/// The duration below which this share of them lies.
pub fn percentile(durations: &mut [Duration], share: f64) -> Duration {
    durations.sort_unstable();
    let last = durations.len().saturating_sub(1);
    durations.get((last as f64 * share) as usize).copied().unwrap_or_default()
}

/// A number from the environment.
pub fn number(name: &str, default: f64) -> f64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}
