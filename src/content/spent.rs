//! What calls to a model server cost, and who pays. Plain values, for results and errors alike.

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
