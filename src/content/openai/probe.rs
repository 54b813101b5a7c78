//! One token of each model that writes: whether the address, the key and the model's name are right, at hardly any
//! cost.
//!
//! For `content-portal check`; customers' requests never come this way.

use std::sync::Arc;

use serde_json::json;
use tokio::time::Instant;

use super::super::prices::Prices;
use super::super::provider::Probed;
use super::super::upstream::caller::{Call, paused};
use super::super::upstream::transport::{Expects, Outgoing};
use super::super::upstream::try_error::TryError;
use super::super::{Requester, TokenCounts, WriteErrorKind, WriteStep};
use super::wire::ChatAnswer;
use super::{Model, Openai};

/// What limits an answer to one token: OpenAI's name for it, and the older one that most other servers know.
const LIMITS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

impl Openai {
    /// Asks every model for one token, one after the other.
    pub(super) async fn probe_models(&self, prices: &Arc<Prices>) -> Vec<Probed> {
        let server = self.caller.transport.host();
        let mut probed = Vec::new();
        for model in &self.models {
            let mut outcome = self.one_token(model, LIMITS[0], prices).await;
            if outcome.as_ref().is_err_and(|error| error.kind == WriteErrorKind::RefusedRequest) {
                outcome = self.one_token(model, LIMITS[1], prices).await;
            }
            let outcome = outcome.map_err(|error| error.at(WriteStep::Call));
            probed.push(Probed { model: model.name.clone(), server: server.to_owned(), outcome });
        }
        probed
    }

    async fn one_token(&self, model: &Model, limit: &str, prices: &Arc<Prices>) -> Result<(), TryError> {
        let messages = json!([{"role": "user", "content": "Hello"}]);
        let body = json!({"model": model.name, "messages": messages, "stream": false, limit: 1});
        let body = body.to_string().into_bytes();
        let worst = TokenCounts { prompt: u64::try_from(body.len()).unwrap_or(u64::MAX), completion: 1 };
        let requester = Requester::default();
        let call = Call {
            pass: model.breaker.admit(requester.client, Instant::now()).map_err(paused)?,
            outgoing: Outgoing { url: &self.location.chat, expects: Expects::Texts, model: &model.name, body },
            limit: self.config.timeout,
            worst_usd: prices.of_text(&model.name, worst),
            requester,
            turn: None,
            teaches: Box::new(|_| false),
        };
        let (prices, asked) = (prices.clone(), model.name.clone());
        let cost = move |answer: &ChatAnswer| prices.of_text(&asked, answer.tokens()?);
        let answer = self.caller.call(call, cost).await?;
        if answer.choices.is_none_or(|choices| choices.is_empty()) {
            return Err(TryError::new(WriteErrorKind::BadAnswer, false).because("the answer holds no choice"));
        }
        Ok(())
    }
}
