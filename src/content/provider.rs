//! What a provider of content does, whichever it is: `openai`, `offline`, or the next one.
//!
//! A new provider is a folder beside these two that implements [`Provider`], and a line in [`super::writer`] that
//! chooses it. Imported by the writer and by the providers.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::prices::Prices;
use super::prompt::{Prompt, Prompts};
use super::{
    Brief, BudgetState, Content, Flags, ImageStore, Pictures, Requester, Spent, WriteError, WriterConfigError,
};
use crate::customer::Note;

/// Writes texts and draws pictures.
pub(super) trait Provider: Send + Sync {
    /// Its name in answers and logs.
    fn name(&self) -> &'static str;

    /// The models that write, in the order in which they are asked, and the one that draws; empty without a server.
    fn models(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Whether calls for texts, and those for pictures, are paused because its server kept failing.
    fn is_paused(&self) -> (bool, bool) {
        (false, false)
    }

    /// Today's budget; `None` without one. Blocking.
    fn budget(&self) -> Option<BudgetState> {
        None
    }

    /// What must be reserved for the cheapest call with a prompt of `prompt_bytes`, in US dollars; `None` where calls
    /// cost nothing or their price is not known.
    fn least_call_usd(&self, _prices: &Prices, _prompt_bytes: usize) -> Option<f64> {
        None
    }

    /// Has the budgets of keys bound its calls from now on. Blocking. Where calls cost nothing there is nothing to do.
    ///
    /// # Errors
    /// [`WriterConfigError::NoPrice`] and [`WriterConfigError::Budget`]: no key can have a budget then.
    fn begin_budgets_of_keys(&self, _prices: &Prices) -> Result<(), WriterConfigError> {
        Ok(())
    }

    /// Waits until what is done behind its calls' backs has ended, such as giving back budget.
    fn settled(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }

    /// Asks its server for one token of each model that writes; empty for a provider without a server.
    fn probe<'a>(&'a self, _prices: &'a Arc<Prices>) -> BoxFuture<'a, Vec<Probed>> {
        async { Vec::new() }.boxed()
    }

    /// Writes the texts, the image prompt and the slogan.
    ///
    /// # Errors
    /// When no usable draft is there before the deadline.
    fn write<'a>(&'a self, task: &'a Task<'a>, prompt: &'a Prompt) -> BoxFuture<'a, Result<Draft, WriteError>>;

    /// Draws the wanted pictures and stores them.
    ///
    /// # Errors
    /// When one of the pictures is not stored before the deadline.
    fn draw<'a>(
        &'a self,
        task: &'a Task<'a>,
        wanted: Wanted<'a>,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Result<Pictures, WriteError>>;
}

/// What a provider is asked for, by which templates, at which prices, for whom and until when.
pub(super) struct Task<'a> {
    pub(super) brief: &'a Brief,
    pub(super) prompts: &'a Prompts,
    pub(super) prices: &'a Arc<Prices>,
    pub(super) requester: &'a Requester,
    pub(super) deadline: Instant,
}

/// The pictures that a provider is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// What they go with.
    pub(super) content: &'a Content,
    /// One for each of these variants, in this order.
    pub(super) variants: &'a [usize],
}

/// What a provider wrote.
pub(super) struct Draft {
    pub(super) variants: Vec<String>,
    pub(super) image_prompt: Option<String>,
    pub(super) slogan: Option<String>,
    pub(super) model: String,
    pub(super) spent: Spent,
    pub(super) waited: Duration,
    pub(super) flags: Flags,
    /// What a marketer should know of what the texts leave out.
    pub(super) notes: Vec<Note>,
}

/// The result of asking one model for one token.
#[derive(Debug)]
pub struct Probed {
    /// The model.
    pub model: String,
    /// Host and port of its server.
    pub server: String,
    /// Whether it answered.
    pub outcome: Result<(), WriteError>,
}
