//! The openai writer: one structured call a brief to any OpenAI-compatible server, its answer checked on arrival, and
//! one call a picture.
//!
//! At most [`RetryPolicy::max_tries`](super::RetryPolicy) calls for the texts of a brief, whatever they are spent on:
//! failures tried again, models that take another's place, one repair of a faulty answer. Beside them are the few calls
//! that find out which fields a server takes; what they find is remembered. Texts and pictures have a deadline each. A
//! model that keeps failing is left alone for a while, and a day's budget covers each call before it is made. For the
//! writer beside it alone; no prompt, key or body reaches a log or an error.

mod chat_answer;
mod dialect;
mod events;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod location;
mod picture_request;
mod pictures;
mod probe;
mod request;
mod texts;
mod transport;
mod usage;
mod wire;

use std::time::Duration;

use dialect::Dialect;
use picture_request::PictureDialect;
use tokio::time::Instant;
use transport::{Endpoint, FromAnswer, Outgoing, Transport};

pub(super) use location::is_openai_s_own;

pub use probe::Probed;

use super::prices::Prices;
use super::prompt::Prompts;
use super::upstream::breaker::{Breaker, Pass, Verdict};
use super::upstream::budget::{Budget, BudgetError, Reservation};
use super::upstream::learned::Learned;
use super::upstream::try_error::TryError;
use super::{Campaign, TokenCounts, WriteErrorKind, WriterConfig, WriterConfigError};

/// The openai writer.
pub(super) struct Openai {
    transport: Transport,
    /// The model that writes, and those that may take its place, in this order.
    models: Vec<Model>,
    /// Lets calls for pictures through.
    pictures: Breaker,
    /// Which fields calls for pictures may have.
    picture_dialect: Learned<PictureDialect>,
    budget: Option<Budget>,
    config: WriterConfig,
}

/// A model that writes.
struct Model {
    name: String,
    breaker: Breaker,
    /// Which fields its calls may have.
    dialect: Learned<Dialect>,
}

/// What a commission asks for, by which templates, at which prices and until when.
pub(super) struct Task<'a> {
    pub(super) prompts: &'a Prompts,
    pub(super) prices: &'a Prices,
    pub(super) campaign: &'a Campaign,
    pub(super) deadline: Instant,
}

/// One call that a breaker lets through.
struct Call<'a> {
    pass: Pass<'a>,
    outgoing: Outgoing<'a>,
    limit: Duration,
    /// What it may cost at the most, in US dollars; known wherever there is a budget.
    worst_usd: Option<f64>,
}

impl Openai {
    /// Makes the writer; opens no connection.
    pub(super) fn new(config: &WriterConfig, prices: &Prices) -> Result<Self, WriterConfigError> {
        if config.api_key.is_none() && is_openai_s_own(&config.base_url) {
            return Err(WriterConfigError::NoKey);
        }
        let names = || std::iter::once(&config.model).chain(&config.fallback_models);
        if config.budget.is_some() {
            let one = TokenCounts { prompt: 1, completion: 1 };
            let unpriced = names().find(|name| prices.of_text(name, one).is_none());
            let unpriced = unpriced.or(Some(&config.image_model).filter(|name| prices.of_pictures(name, 1).is_none()));
            if let Some(model) = unpriced {
                return Err(WriterConfigError::NoPrice { model: model.clone() });
            }
        }
        let models = names().map(|name| Model {
            name: name.clone(),
            breaker: Breaker::new(name, config.breaker),
            dialect: Learned::nothing(name),
        });
        Ok(Self {
            transport: Transport::new(config)?,
            models: models.collect(),
            pictures: Breaker::new(&config.image_model, config.breaker),
            picture_dialect: Learned::nothing(&config.image_model),
            budget: config.budget.as_ref().map(Budget::open).transpose()?,
            config: config.clone(),
        })
    }

    /// Whether no model that writes is asked for now, and whether the one that draws is not.
    pub(super) fn is_paused(&self) -> (bool, bool) {
        let now = Instant::now();
        (self.models.iter().all(|model| model.breaker.is_paused(now)), self.pictures.is_paused(now))
    }

    /// What is left of the day's budget, in US dollars; `None` without one, or where its file cannot be read. Blocking.
    pub(super) fn budget_left_usd(&self) -> Option<f64> {
        self.budget.as_ref()?.left_usd().ok()
    }

    /// The configured image model.
    pub(super) fn image_model(&self) -> &str {
        &self.config.image_model
    }

    /// Makes one call, if the budget covers it, and tells breaker and budget what became of it. `cost` says what an
    /// answer cost, where that is known: else all that it may have cost counts as spent.
    async fn call<T: FromAnswer>(&self, call: Call<'_>, cost: impl FnOnce(&T) -> Option<f64>) -> Result<T, TryError> {
        let started = Instant::now();
        let reservation = tokio::time::timeout(call.limit, self.reserve(call.worst_usd)).await;
        let reservation = reservation
            .unwrap_or_else(|elapsed| Err(TryError::new(WriteErrorKind::Internal, false).because(elapsed)))?;
        let limit = call.limit.saturating_sub(started.elapsed());
        let usual = self.usual_limit(call.outgoing.endpoint);
        let outcome: Result<T, _> = self.transport.send(call.outgoing, limit).await;
        if let Some(verdict) = verdict(outcome.as_ref().err(), limit < usual / 2) {
            call.pass.end(verdict, Instant::now());
        }
        let cost = match &outcome {
            Ok(answer) => cost(answer),
            Err(error) => error.is_free.then_some(0.0),
        };
        if let (Some(reservation), Some(usd)) = (reservation, cost)
            && let Err(error) = reservation.settle(usd).await
        {
            tracing::error!(%error, "the day's budget could not be settled: more counts as spent than was");
        }
        outcome
    }

    async fn reserve(&self, worst_usd: Option<f64>) -> Result<Option<Reservation>, TryError> {
        let Some(budget) = &self.budget else { return Ok(None) };
        let unpriced = || TryError::new(WriteErrorKind::Internal, false).because("a call whose price is not known");
        budget.reserve(worst_usd.ok_or_else(unpriced)?).await.map(Some).map_err(|error| {
            let kind = match error {
                BudgetError::Spent { until_reset } => WriteErrorKind::BudgetSpent { until_reset },
                BudgetError::File(_) => WriteErrorKind::Internal,
            };
            TryError::new(kind, false).because(error)
        })
    }

    /// How long a call is given where the deadline leaves all the time there is.
    fn usual_limit(&self, endpoint: Endpoint) -> Duration {
        match endpoint {
            Endpoint::Chat => self.config.timeout.min(self.config.deadline),
            Endpoint::Images => self.config.image_timeout,
        }
    }
}

/// What a call shows of the server. Refusals and rate limits are answers of one that works; a time-out where the
/// deadline left hardly any time, `in_haste`, shows nothing.
fn verdict(error: Option<&TryError>, in_haste: bool) -> Option<Verdict> {
    if in_haste && error.is_some_and(|error| error.kind == WriteErrorKind::TimedOut) {
        return None;
    }
    let is_fault = error.is_some_and(|error| match error.kind {
        WriteErrorKind::TimedOut => true,
        WriteErrorKind::Upstream | WriteErrorKind::CutOff | WriteErrorKind::BadAnswer => error.is_worth_another,
        WriteErrorKind::Refused
        | WriteErrorKind::RefusedRequest
        | WriteErrorKind::TooLong
        | WriteErrorKind::RefusedContent
        | WriteErrorKind::RateLimited { .. }
        | WriteErrorKind::OutOfQuota
        | WriteErrorKind::Paused { .. }
        | WriteErrorKind::BudgetSpent { .. }
        | WriteErrorKind::Storage
        | WriteErrorKind::Busy
        | WriteErrorKind::Internal => false,
    });
    Some(if is_fault { Verdict::Fault } else { Verdict::Sound })
}

/// Why a call is not made.
fn paused(retry_after: Duration) -> TryError {
    TryError::new(WriteErrorKind::Paused { retry_after }, false).because("the upstream kept failing: nothing was sent")
}

#[cfg(test)]
mod tests;
