//! Texts: one structured call a brief, tried again, handed to another model or repaired where that may help.

use tokio::time::Instant;

use super::super::upstream::caller::{Call, admitted};
use super::super::upstream::failure::Failure;
use super::super::upstream::learned::{Refusals, Scope};
use super::super::upstream::model_answer::ModelAnswer;
use super::super::upstream::retry::Attempts;
use super::super::upstream::transport::{Expects, Outgoing};
use super::super::upstream::try_error::TryError;
use super::dialect::{Dialect, FormatKind};
use super::request::{self, Ask, Repair};
use super::wire::{ChatAnswer, Message, Words};
use super::{Model, Openai};
use crate::content::clean::filled_line;
use crate::content::prices::Prices;
use crate::content::prompt::Prompt;
use crate::content::provider::{Draft, Task};
use crate::content::{Flags, Spent, TokenCounts, WriteError, WriteErrorKind, WriteStep};

/// How many tokens a model may write, where a budget has to know: those of the format and of its thinking, and for each
/// variant. No more than small models can write.
const BASE_COMPLETION_TOKENS: usize = 6_144;
const VARIANT_COMPLETION_TOKENS: usize = 2_048;
const MAX_COMPLETION_TOKENS: usize = 16_384;
/// The longest name of a model that is handed on, in characters.
const MAX_MODEL_CHARS: usize = 100;
/// How many refusals may teach one brief what a server takes, beside its tries: each takes something out of the
/// request.
const MAX_LESSONS: usize = 8;

/// The texts of one brief on their way.
struct Job<'a> {
    openai: &'a Openai,
    task: &'a Task<'a>,
    prompt: &'a Prompt,
    attempts: Attempts,
    model: &'a Model,
    fallbacks: &'a [Model],
    /// What a request to the model may hold.
    dialect: Dialect,
    n_lessons: usize,
    /// What a refusal taught since the last answer.
    untold: Option<Dialect>,
    /// For which requests it may hold.
    scope: Scope,
    spent: Spent,
    /// As the model that answered last calls itself.
    answered: Option<String>,
    flags: Flags,
}

/// What a model said, and whether it was allowed to finish.
struct Reply {
    text: String,
    is_cut_off: bool,
}

impl Openai {
    /// The least that a call with a prompt of `prompt_bytes` may cost at the most, in US dollars: that of one variant,
    /// by the cheapest model. `None` where no model has a price.
    pub(super) fn least_call_usd_of(&self, prices: &Prices, prompt_bytes: usize) -> Option<f64> {
        let completion = BASE_COMPLETION_TOKENS + VARIANT_COMPLETION_TOKENS;
        let tokens = TokenCounts { prompt: count(prompt_bytes), completion: count(completion) };
        self.models.iter().filter_map(|model| prices.of_text(&model.name, tokens)).min_by(f64::total_cmp)
    }

    /// Writes the content for a prompt.
    pub(super) async fn write_texts(&self, task: &Task<'_>, prompt: &Prompt) -> Result<Draft, WriteError> {
        let Some((model, fallbacks)) = self.models.split_first() else {
            return Err(WriteError::new(WriteStep::Call, WriteErrorKind::Internal).with_source("there is no model"));
        };
        let mut job = Job {
            openai: self,
            task,
            prompt,
            attempts: Attempts::start(self.config.retry, self.config.timeout, task.deadline),
            model,
            fallbacks,
            dialect: model.dialect.now(task.requester.client),
            n_lessons: 0,
            untold: None,
            scope: Scope::All,
            spent: Spent::NOTHING,
            answered: None,
            flags: Flags::default(),
        };
        let outcome = job.write().await;
        outcome.map_err(|error| error.after(job.attempts.waited(), job.spent))
    }
}

impl Job<'_> {
    async fn write(&mut self) -> Result<Draft, WriteError> {
        let reply = self.ask(WriteStep::Call, None).await?;
        let (answer, problems) = self.examine(&reply);
        if problems.is_empty() || !self.attempts.any_left() {
            return self.finish(answer, reply.is_cut_off);
        }
        let request = self
            .task
            .prompts
            .render_repair(&problems)
            .map_err(|e| WriteError::new(WriteStep::Prompt, WriteErrorKind::Internal).with_source(e))?;
        let repair = Repair { answer: reply.text, request };
        match self.ask(WriteStep::Repair, Some(&repair)).await {
            Ok(mended) => {
                self.flags.is_repaired = true;
                let (repaired, _) = self.examine(&mended);
                let finished = self.finish(repaired, mended.is_cut_off);
                finished.or_else(|error| self.finish(answer, reply.is_cut_off).map_err(|_| error))
            }
            // What only was too long is still good once it is cut.
            Err(error) => self.finish(answer, reply.is_cut_off).map_err(|_| error),
        }
    }

    /// Asks until there is a reply, the tries are used up, or neither another try nor another model can help.
    async fn ask(&mut self, step: WriteStep, repair: Option<&Repair>) -> Result<Reply, WriteError> {
        loop {
            let error = match self.once(step, repair).await? {
                Ok(reply) => {
                    if let Some(lesson) = self.untold.take() {
                        self.model.dialect.learn(lesson.of_model(), self.scope, self.task.requester.client);
                    }
                    self.flags.is_unstructured = self.dialect.format.kind != FormatKind::Schema;
                    return Ok(reply);
                }
                Err(error) => error,
            };
            if !self.learns_from(&error) && !self.may_ask_again(&error).await {
                return Err(error.at(step));
            }
        }
    }

    /// Whether a failure teaches how else to ask, and there is time left to do so. Others learn it once it has helped.
    fn learns_from(&mut self, error: &TryError) -> bool {
        let Some(failure) = error.failure.as_ref().filter(|_| self.n_lessons < MAX_LESSONS) else { return false };
        let Some(lesson) = self.dialect.after(failure, self.limit()) else { return false };
        self.n_lessons += 1;
        self.scope = self.scope.min(failure.scope());
        self.untold = Some(self.untold.take().unwrap_or_default().and(lesson));
        self.dialect = self.model.dialect.now(self.task.requester.client).and(lesson);
        self.attempts.give_back();
        self.attempts.any_left()
    }

    /// One call; the outer error is for what no other call could mend.
    async fn once(&mut self, step: WriteStep, repair: Option<&Repair>) -> Result<Result<Reply, TryError>, WriteError> {
        let body = self.body(repair)?;
        let (client, until) = (self.task.requester.client, self.task.deadline);
        let pass = match admitted(&self.model.breaker, client, &mut self.attempts, until).await {
            Ok(pass) => pass,
            Err(error) => return Ok(Err(error)),
        };
        let limit = self.attempts.take().ok_or_else(|| WriteError::new(step, WriteErrorKind::TimedOut))?;
        let (prices, model) = (self.task.prices.clone(), &self.model.name);
        // No token is shorter than a byte.
        let worst = TokenCounts { prompt: count(body.len()), completion: count(self.max_completion_tokens()) };
        let worst_usd = prices.of_text(model, worst);
        let outgoing = Outgoing { url: &self.openai.location.chat, expects: Expects::Texts, model, body };
        let requester = self.task.requester.clone();
        let (dialect, limit_sent, may_learn) = (self.dialect, self.limit(), self.n_lessons < MAX_LESSONS);
        let teaches = Box::new(move |failure: &Failure| may_learn && dialect.after(failure, limit_sent).is_some());
        let call = Call { pass, outgoing, limit, worst_usd, requester, turn: None, teaches };
        let asked = model.clone();
        let cost = move |answer: &ChatAnswer| cost_usd(&prices, answer, &asked);
        let answer = self.attempts.waiting(self.openai.caller.call(call, cost)).await;
        Ok(answer.and_then(|answer| self.reply(answer)))
    }

    /// Waits for the same model, or turns to the next one, where either may help. Each fallback keeps one of the tries.
    async fn may_ask_again(&mut self, error: &TryError) -> bool {
        let may_turn = !self.fallbacks.is_empty() && self.attempts.any_left() && another_model_may_help(error);
        // A model that was too slow once leaves no time to be so again.
        let is_refused = self.model.breaker.refuses(self.task.requester.client, Instant::now());
        let is_given_up = is_refused || may_turn && error.kind == WriteErrorKind::TimedOut;
        let has_a_try = !may_turn || self.attempts.n_left() > self.fallbacks.len();
        if !is_given_up && has_a_try && self.attempts.wait_after(error).await {
            return true;
        }
        match self.fallbacks.split_first() {
            Some((next, others)) if may_turn => {
                let dialect = next.dialect.now(self.task.requester.client);
                (self.model, self.fallbacks, self.dialect) = (next, others, dialect);
                (self.untold, self.scope) = (None, Scope::All);
                true
            }
            _ => false,
        }
    }

    fn body(&self, repair: Option<&Repair>) -> Result<Vec<u8>, WriteError> {
        let ask = Ask {
            model: &self.model.name,
            prompt: self.prompt,
            repair,
            campaign: &self.task.brief.campaign,
            limit: self.limit(),
            dialect: self.dialect,
        };
        request::body(&ask).map_err(|e| WriteError::new(WriteStep::Call, WriteErrorKind::Internal).with_source(e))
    }

    /// The limit of tokens that calls carry. Not every server knows the field: it is sent where a budget needs it.
    fn limit(&self) -> Option<usize> {
        self.openai.caller.has_budget().then(|| self.max_completion_tokens())
    }

    fn max_completion_tokens(&self) -> usize {
        let wanted = BASE_COMPLETION_TOKENS + VARIANT_COMPLETION_TOKENS * self.task.brief.campaign.n_variants();
        wanted.min(MAX_COMPLETION_TOKENS).min(self.dialect.ceiling())
    }

    /// The model's words out of an answer, its tokens counted.
    fn reply(&mut self, answer: ChatAnswer) -> Result<Reply, TryError> {
        self.count(&answer);
        // A name of a stranger's making: callers are shown it, and logs.
        self.answered = filled_line(answer.model_or(&self.model.name), MAX_MODEL_CHARS);
        let empty = |why: &'static str| TryError::new(WriteErrorKind::BadAnswer, true).because(why);
        let declined = |why: &'static str| TryError::new(WriteErrorKind::RefusedContent, false).because(why);
        let choice = answer.choices.into_iter().flatten().next().ok_or_else(|| empty("the answer holds no choice"))?;
        let finish_reason = choice.finish_reason.as_ref().and_then(Words::as_str).unwrap_or_default();
        if finish_reason == "content_filter" {
            return Err(declined("the server's content filter stopped the answer"));
        }
        let message = choice.message.unwrap_or_default();
        let Message { content, refusal, reasoning_content, reasoning } = message;
        if refusal.map(Words::text).is_some_and(|refusal| !refusal.is_empty()) {
            return Err(declined("the model declined"));
        }
        let is_cut_off = finish_reason == "length";
        let given = |words: Option<Words>| words.map(Words::text).filter(|text| !text.trim().is_empty());
        // Some servers take a whole answer for thinking. A thought that was cut off is not an answer.
        let thought = || [reasoning_content, reasoning].into_iter().find_map(given);
        let thought = || {
            thought().filter(|text| !is_cut_off && ModelAnswer::read(text).is_some_and(|answer| answer.is_something()))
        };
        let text = given(content).or_else(thought).ok_or_else(|| empty("the answer holds no text"))?;
        Ok(Reply { text, is_cut_off })
    }

    /// Adds what an answer cost, of use or not.
    fn count(&mut self, answer: &ChatAnswer) {
        let cost_usd = cost_usd(self.task.prices, answer, &self.model.name);
        let usage = answer.usage();
        let (prompt, completion) = (usage.prompt.unwrap_or_default(), usage.completion.unwrap_or_default());
        self.spent = self.spent.and(Spent { tokens: TokenCounts { prompt, completion }, cost_usd });
    }

    /// Reads a reply; what is wrong with it, as sentences for the model.
    fn examine(&self, reply: &Reply) -> (Option<ModelAnswer>, Vec<String>) {
        match ModelAnswer::read(&reply.text) {
            None => (None, vec!["it is not one JSON object of the format asked for".to_owned()]),
            Some(answer) => {
                let problems = answer.problems(&self.task.brief.campaign).sentences;
                (Some(answer), problems)
            }
        }
    }

    /// Content from an answer whose only faults are lengths.
    fn finish(&self, answer: Option<ModelAnswer>, is_cut_off: bool) -> Result<Draft, WriteError> {
        let kind = if is_cut_off { WriteErrorKind::CutOff } else { WriteErrorKind::BadAnswer };
        let unusable = |why: String| WriteError::new(WriteStep::Check, kind).with_source(why);
        let mut answer = answer.ok_or_else(|| unusable("the answer is not the JSON asked for".to_owned()))?;
        answer.variants.truncate(self.task.brief.campaign.n_variants());
        let problems = answer.problems(&self.task.brief.campaign);
        if !problems.only_lengths {
            return Err(unusable(problems.sentences.join("; ")));
        }
        let mended = answer.mend(&self.task.brief.campaign);
        Ok(Draft {
            variants: mended.variants,
            image_prompt: mended.image_prompt,
            slogan: mended.slogan,
            model: self.answered.as_ref().unwrap_or(&self.model.name).clone(),
            spent: self.spent,
            waited: self.attempts.waited(),
            flags: Flags { is_trimmed: mended.is_trimmed, ..self.flags },
            notes: Vec::new(),
        })
    }
}

/// What an answer cost, at the price of the model that gave it, or else of the one that was `asked`.
fn cost_usd(prices: &Prices, answer: &ChatAnswer, asked: &str) -> Option<f64> {
    let tokens = answer.tokens()?;
    let price_of = |model: &str| prices.of_text(model, tokens);
    price_of(answer.model_or(asked)).or_else(|| price_of(asked))
}

/// Whether a failure may be one model's own, and not that of the key, the account or the request.
fn another_model_may_help(error: &TryError) -> bool {
    match error.kind {
        WriteErrorKind::TimedOut
        | WriteErrorKind::RateLimited { .. }
        | WriteErrorKind::Upstream
        | WriteErrorKind::BadAnswer
        | WriteErrorKind::CutOff
        // It may cost less.
        | WriteErrorKind::BudgetTooSmall(_)
        | WriteErrorKind::Paused { .. } => true,
        WriteErrorKind::Refused | WriteErrorKind::RefusedRequest => error.is_model_s_own,
        WriteErrorKind::RefusedContent
        | WriteErrorKind::TooLong
        | WriteErrorKind::OutOfQuota
        | WriteErrorKind::BudgetSpent { .. }
        | WriteErrorKind::BudgetUnknown
        | WriteErrorKind::Storage
        | WriteErrorKind::Busy
        | WriteErrorKind::Held
        | WriteErrorKind::Internal => false,
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
