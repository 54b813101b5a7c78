//! The openai provider: one structured call a brief to any OpenAI-compatible server, its answer checked on arrival, and
//! one call a picture.
//!
//! At most [`RetryPolicy::max_tries`](super::RetryPolicy) calls for the texts of a brief, whatever they are spent on:
//! failures tried again, models that take another's place, one repair of a faulty answer. Beside them are the few calls
//! that find out which fields a server takes; what they find is remembered. Texts and pictures have a deadline each. A
//! model that keeps failing is left alone for a while, and a day's budget covers each call before it is made. No
//! prompt, key or body reaches a log or an error.

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
mod usage;
mod wire;

use std::sync::Arc;

use dialect::Dialect;
use futures::FutureExt;
use futures::future::BoxFuture;
use location::Location;
use picture_request::PictureDialect;
use tokio::time::Instant;

pub(super) use location::is_openai_s_own;

use super::prices::{PictureKind, Prices};
use super::prompt::Prompt;
use super::provider::{Draft, Probed, Provider, Task, Wanted};
use super::upstream::breaker::Breaker;
use super::upstream::caller::Caller;
use super::upstream::learned::Learned;
use super::{BudgetState, ImageStore, Pictures, TokenCounts, WriteError, WriterConfig, WriterConfigError};

/// The openai provider.
pub(super) struct Openai {
    caller: Caller,
    location: Location,
    /// The model that writes, and those that may take its place, in this order.
    models: Vec<Model>,
    /// Lets calls for pictures through.
    pictures: Breaker,
    /// Which fields calls for pictures may have.
    picture_dialect: Learned<PictureDialect>,
    config: WriterConfig,
}

/// A model that writes.
struct Model {
    name: String,
    breaker: Breaker,
    /// Which fields its calls may have.
    dialect: Learned<Dialect>,
}

impl Openai {
    /// Makes the provider; opens no connection.
    pub(super) fn new(config: &WriterConfig, prices: &Prices) -> Result<Self, WriterConfigError> {
        if config.api_key.is_none() && is_openai_s_own(&config.base_url) {
            return Err(WriterConfigError::NoKey);
        }
        if config.keeps_budget() {
            check_prices(config, prices)?;
        }
        let models = names(config).map(|name| Model {
            name: name.clone(),
            breaker: Breaker::new(name, config.breaker),
            dialect: Learned::nothing(name),
        });
        let location = Location::new(&config.base_url).ok_or(WriterConfigError::BaseUrl)?;
        Ok(Self {
            caller: Caller::new(config, location.base.clone())?,
            location,
            models: models.collect(),
            pictures: Breaker::new(&config.image_model, config.breaker),
            picture_dialect: Learned::nothing(&config.image_model),
            config: config.clone(),
        })
    }

    /// The configured image model.
    fn image_model(&self) -> &str {
        &self.config.image_model
    }
}

/// The models that may write.
fn names(config: &WriterConfig) -> impl Iterator<Item = &String> {
    std::iter::once(&config.model).chain(&config.fallback_models)
}

/// Whether every model has a price, without which no budget could bound its calls.
fn check_prices(config: &WriterConfig, prices: &Prices) -> Result<(), WriterConfigError> {
    let one = TokenCounts { prompt: 1, completion: 1 };
    let unpriced = names(config).find(|name| prices.of_text(name, one).is_none());
    let has_no_price = |name: &&String| prices.of_picture(name, PictureKind::Any, 0).is_none();
    let unpriced = unpriced.or(Some(&config.image_model).filter(has_no_price));
    unpriced.map_or(Ok(()), |model| Err(WriterConfigError::NoPrice { model: model.clone() }))
}

impl Provider for Openai {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn models(&self) -> Vec<&str> {
        self.models.iter().map(|model| model.name.as_str()).chain([self.image_model()]).collect()
    }

    fn is_paused(&self) -> (bool, bool) {
        let now = Instant::now();
        (self.models.iter().all(|model| model.breaker.is_paused(now)), self.pictures.is_paused(now))
    }

    fn budget(&self) -> Option<BudgetState> {
        self.caller.budget()
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        self.caller.settled().boxed()
    }

    fn least_call_usd(&self, prices: &Prices, prompt_bytes: usize) -> Option<f64> {
        self.least_call_usd_of(prices, prompt_bytes)
    }

    fn begin_budgets_of_keys(&self, prices: &Prices) -> Result<(), WriterConfigError> {
        check_prices(&self.config, prices)?;
        self.caller.begin_budget()
    }

    fn probe<'a>(&'a self, prices: &'a Arc<Prices>) -> BoxFuture<'a, Vec<Probed>> {
        self.probe_models(prices).boxed()
    }

    fn write<'a>(&'a self, task: &'a Task<'a>, prompt: &'a Prompt) -> BoxFuture<'a, Result<Draft, WriteError>> {
        self.write_texts(task, prompt).boxed()
    }

    fn draw<'a>(
        &'a self,
        task: &'a Task<'a>,
        wanted: Wanted<'a>,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Result<Pictures, WriteError>> {
        self.draw_pictures(task, wanted, store).boxed()
    }
}

#[cfg(test)]
mod tests;
