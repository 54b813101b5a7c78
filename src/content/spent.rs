//! What calls to a model server cost, and who pays. Plain values, for results and errors alike.

use std::fmt;
use std::sync::Arc;

/// What was spent at the writer's server, as far as its answers tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// Tokens of texts; none for pictures.
    pub tokens: TokenCounts,
    /// What it cost in USD by the table of prices; `None` where the model is not in it or its server counts no tokens,
    /// 0 for the offline writer. An estimate.
    pub cost_usd: Option<f64>,
}

impl Spent {
    /// Nothing at all.
    pub(super) const NOTHING: Self = Self { tokens: TokenCounts { prompt: 0, completion: 0 }, cost_usd: Some(0.0) };

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        let prompt = self.tokens.prompt + other.tokens.prompt;
        let completion = self.tokens.completion + other.tokens.completion;
        let cost_usd = self.cost_usd.zip(other.cost_usd).map(|(one, other)| one + other);
        Self { tokens: TokenCounts { prompt, completion }, cost_usd }
    }
}

/// Tokens as the server counts them; 0 where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenCounts {
    /// Read by the model.
    pub prompt: u64,
    /// Written by the model.
    pub completion: u64,
}

/// A key that calls are made for.
#[derive(Debug, Clone, PartialEq)]
pub struct Payer {
    /// The name of the key.
    pub name: Arc<str>,
    /// US dollars that its calls may cost in one day (UTC); without limit where it has no budget of its own.
    pub usd_per_day: Option<f64>,
}

/// A budget of one day (UTC), in US dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetState {
    /// What calls may cost; `None` where only keys have budgets.
    pub limit_usd: Option<f64>,
    /// What this machine's calls have spent; `None` where the file cannot be read.
    pub spent_usd: Option<f64>,
    /// What is left; `None` also where several machines spend the budget together.
    pub left_usd: Option<f64>,
}

/// A day's budget that is less than one call may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmallBudget {
    /// Whether it is that of one key, within that of all.
    pub is_of_key: bool,
    /// US dollars for one day (UTC).
    pub usd_per_day: f64,
    /// What a call may cost at the most, in US dollars: so much is reserved before it is made.
    pub call_usd: f64,
}

impl SmallBudget {
    /// A budget that does not cover a call; `None` where it does.
    pub fn of(is_of_key: bool, usd_per_day: f64, call_usd: f64) -> Option<Self> {
        // Sums of prices are not exact.
        (call_usd - usd_per_day > 1e-9).then_some(Self { is_of_key, usd_per_day, call_usd })
    }
}

impl fmt::Display for SmallBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (budget, call) = (usd((self.usd_per_day * 1e6).floor() / 1e6), usd((self.call_usd * 1e6).ceil() / 1e6));
        write!(f, "budget of {budget} USD a day is less than one call may cost ({call} USD)")
    }
}

/// US dollars with as many digits as tell small sums apart.
fn usd(usd: f64) -> String {
    let digits = format!("{usd:.6}");
    let short = digits.trim_end_matches('0');
    let cents = digits.len() - 4;
    digits.get(..short.len().max(cents)).unwrap_or(&digits).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_budget_is_told_with_the_digits_that_matter() {
        let told = |usd_per_day, call_usd| SmallBudget::of(true, usd_per_day, call_usd).map(|small| small.to_string());
        assert_eq!(
            told(0.001, 0.005_231_41).unwrap(),
            "budget of 0.001 USD a day is less than one call may cost (0.005232 USD)"
        );
        assert_eq!(told(2.5, 3.0).unwrap(), "budget of 2.50 USD a day is less than one call may cost (3.00 USD)");
        assert!(
            told(0.006, 0.005_231_41).is_none() && told(0.1 + 0.2, 0.3).is_none() && told(0.3, 0.1 + 0.2).is_none()
        );
    }
}
