//! The openai writer: one structured call a brief to any OpenAI-compatible server, its answer checked on arrival, and
//! one call a picture.
//!
//! At most [`RetryPolicy::max_tries`](super::RetryPolicy) calls for the texts of a brief, whatever they are spent on:
//! failures tried again, a server that takes no JSON schema, one repair of a faulty answer. Texts and pictures share
//! one deadline. For the writer beside it alone; no prompt, key or body reaches a log or an error.

mod address;
mod draft;
mod failure;
mod pictures;
mod retry;
mod transport;
mod wire;

use draft::Draft;
use retry::Attempts;
use tokio::time::Instant;
use transport::{Endpoint, Transport, TryError};
use wire::{ChatAnswer, Repair, Words};

use super::prices::Prices;
use super::prompt::{Prompt, Prompts};
use super::writer::Wording;
use super::{
    Campaign, Flags, Spent, TokenCounts, WriteError, WriteErrorKind, WriteStep, WriterConfig, WriterConfigError,
};

/// The openai writer.
pub(super) struct Openai {
    transport: Transport,
    config: WriterConfig,
}

/// What a commission asks for, by which templates, at which prices and until when.
pub(super) struct Task<'a> {
    pub(super) prompts: &'a Prompts,
    pub(super) prices: &'a Prices,
    pub(super) campaign: &'a Campaign,
    pub(super) deadline: Instant,
}

/// The texts of one brief on their way.
struct Job<'a> {
    openai: &'a Openai,
    task: &'a Task<'a>,
    prompt: &'a Prompt,
    attempts: Attempts,
    tokens: TokenCounts,
    is_counted: bool,
    model: Option<String>,
    flags: Flags,
}

/// What a model said, and whether it was allowed to finish.
struct Reply {
    text: String,
    is_cut_off: bool,
}

impl Openai {
    /// Makes the writer; opens no connection.
    pub(super) fn new(config: &WriterConfig) -> Result<Self, WriterConfigError> {
        let is_openai_s_own = config.base_url.contains("://api.openai.com");
        if config.api_key.is_none() && is_openai_s_own {
            return Err(WriterConfigError::NoKey);
        }
        Ok(Self { transport: Transport::new(config)?, config: config.clone() })
    }

    /// The configured image model.
    pub(super) fn image_model(&self) -> &str {
        &self.config.image_model
    }

    /// Writes the content for a prompt.
    pub(super) async fn write(&self, task: &Task<'_>, prompt: &Prompt) -> Result<Wording, WriteError> {
        let mut job = Job {
            openai: self,
            task,
            prompt,
            attempts: Attempts::start(&self.config, task.deadline),
            tokens: TokenCounts::default(),
            is_counted: true,
            model: None,
            flags: Flags::default(),
        };
        let outcome = job.write().await;
        outcome.map_err(|error| error.after(job.attempts.waited(), job.spent()))
    }
}

impl Job<'_> {
    async fn write(&mut self) -> Result<Wording, WriteError> {
        let reply = self.ask(WriteStep::Call, None).await?;
        let (draft, problems) = self.examine(&reply);
        if problems.is_empty() || !self.attempts.any_left() {
            return self.finish(draft, reply.is_cut_off);
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
                finished.or_else(|error| self.finish(draft, reply.is_cut_off).map_err(|_| error))
            }
            // What only was too long is still good once it is cut.
            Err(error) => self.finish(draft, reply.is_cut_off).map_err(|_| error),
        }
    }

    /// Asks until there is a reply, the tries are used up, or trying again cannot help.
    async fn ask(&mut self, step: WriteStep, repair: Option<&Repair>) -> Result<Reply, WriteError> {
        loop {
            let body = self.body(repair)?;
            let Some(limit) = self.attempts.take() else {
                return Err(WriteError::new(step, WriteErrorKind::TimedOut));
            };
            let error = match self.attempts.waiting(self.openai.transport.send(Endpoint::Chat, body, limit)).await {
                Ok(answer) => match self.reply(answer) {
                    Ok(reply) => return Ok(reply),
                    Err(error) => error,
                },
                Err(error) if error.refuses_schema && !self.flags.is_unstructured => {
                    self.flags.is_unstructured = true;
                    if self.attempts.any_left() {
                        continue;
                    }
                    error
                }
                Err(error) => error,
            };
            if !self.attempts.wait_after(&error).await {
                return Err(error.at(step));
            }
        }
    }

    fn body(&self, repair: Option<&Repair>) -> Result<Vec<u8>, WriteError> {
        let internal = |e: &'static str| WriteError::new(WriteStep::Call, WriteErrorKind::Internal).with_source(e);
        let schema = (!self.flags.is_unstructured).then(|| wire::schema(self.task.campaign));
        let request = wire::request(&self.openai.config.model, self.prompt, repair, schema)
            .map_err(|_| internal("the request could not be built"))?;
        serde_json::to_vec(&request).map_err(|_| internal("the request could not be written as JSON"))
    }

    /// The model's words out of an answer, its tokens counted.
    fn reply(&mut self, answer: ChatAnswer) -> Result<Reply, TryError> {
        let usage = answer.usage.unwrap_or_default();
        self.is_counted &= usage.prompt_tokens.is_some() && usage.completion_tokens.is_some();
        self.tokens.prompt += usage.prompt_tokens.unwrap_or_default();
        self.tokens.completion += usage.completion_tokens.unwrap_or_default();
        self.model = answer.model.filter(|model| !model.is_empty()).or(self.model.take());
        let empty = |why: &'static str| TryError::new(WriteErrorKind::BadAnswer, true).because(why);
        let declined = |why: &'static str| TryError::new(WriteErrorKind::RefusedContent, false).because(why);
        let choice = answer.choices.into_iter().next().ok_or_else(|| empty("the answer holds no choice"))?;
        if choice.message.refusal.is_some_and(|refusal| !refusal.is_empty()) {
            return Err(declined("the model declined"));
        }
        if choice.finish_reason.as_deref() == Some("content_filter") {
            return Err(declined("the server's content filter stopped the answer"));
        }
        let text = choice.message.content.map(Words::text).filter(|text| !text.trim().is_empty());
        let text = text.ok_or_else(|| empty("the answer holds no text"))?;
        Ok(Reply { text, is_cut_off: choice.finish_reason.as_deref() == Some("length") })
    }

    /// The model, as it names itself or else as it is configured.
    fn model(&self) -> &str {
        self.model.as_deref().unwrap_or(&self.openai.config.model)
    }

    /// What every answer so far cost, of use or not.
    fn spent(&self) -> Spent {
        let cost_usd = self.task.prices.of_text(self.model(), self.tokens).filter(|_| self.is_counted);
        Spent { tokens: self.tokens, cost_usd }
    }

    /// Reads a reply; what is wrong with it, as sentences for the model.
    fn examine(&self, reply: &Reply) -> (Option<Draft>, Vec<String>) {
        match Draft::read(&reply.text) {
            None => (None, vec!["it is not one JSON object of the format asked for".to_owned()]),
            Some(draft) => {
                let problems = draft.problems(self.task.campaign).sentences;
                (Some(draft), problems)
            }
        }
    }

    /// Content from a draft whose only faults are lengths.
    fn finish(&self, draft: Option<Draft>, is_cut_off: bool) -> Result<Wording, WriteError> {
        let kind = if is_cut_off { WriteErrorKind::CutOff } else { WriteErrorKind::BadAnswer };
        let unusable = |why: String| WriteError::new(WriteStep::Check, kind).with_source(why);
        let mut draft = draft.ok_or_else(|| unusable("the answer is not the JSON asked for".to_owned()))?;
        draft.variants.truncate(self.task.campaign.n_variants());
        let problems = draft.problems(self.task.campaign);
        if !problems.only_lengths {
            return Err(unusable(problems.sentences.join("; ")));
        }
        let mended = draft.mend(self.task.campaign);
        Ok(Wording {
            variants: mended.variants,
            image_prompt: mended.image_prompt,
            slogan: mended.slogan,
            model: self.model().to_owned(),
            spent: self.spent(),
            waited: self.attempts.waited(),
            flags: Flags { is_trimmed: mended.is_trimmed, ..self.flags },
        })
    }
}

#[cfg(test)]
mod tests;
