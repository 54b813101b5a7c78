//! The writer: one request for each brief, and many briefs side by side; the provider behind it does the work.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::live_prompts::LivePrompts;
use super::offline::{Offline, Posters};
use super::openai::{Openai, is_openai_s_own};
use super::prices::Prices;
use super::prompt::Prompts;
use super::provider::{Probed, Provider, Task, Wanted};
use super::side_by_side::side_by_side;
use super::{
    Brief, BudgetState, Content, ImageName, ImageStore, Pictures, Requester, SmallBudget, Spent, WriteError,
    WriteErrorKind, WriteStep, WriterConfig, WriterConfigError, WriterKind, Written,
};
use crate::disk::Keeper;

/// Writes and draws content for briefs. Cheap to share behind an `Arc`; safe to use from many tasks at once.
pub struct Writer {
    prompts: LivePrompts,
    prices: Arc<Prices>,
    images: ImageStore,
    posters: Posters,
    deadline: Duration,
    image_timeout: Duration,
    provider: Box<dyn Provider>,
}

/// A picture, to be served.
#[derive(Debug)]
pub enum Picture {
    /// A file, positioned at its start.
    Stored(File),
    /// A poster, or a picture of another machine that the folder could not take.
    InMemory(Bytes),
}

/// A request for the content of one brief: one snapshot of the prompt templates, one deadline over all tries for texts.
pub struct ContentRequest<'a> {
    writer: &'a Writer,
    brief: &'a Brief,
    prompts: Arc<Prompts>,
    deadline: Instant,
    requester: Requester,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Writer {
    /// Makes the writer that `config` asks for. Opens no connection; trusted root certificates are loaded only for an
    /// `https` address of the openai writer, which takes some tens of milliseconds: make it beside a model's loading.
    ///
    /// # Errors
    /// When the openai writer has no key at OpenAI's own address, its address or key cannot be used, the HTTP client
    /// cannot be built, a prompt template is unreadable or faulty, the table of prices is, or there is a budget whose
    /// file cannot be used, which meets a model without a price, or which is less than one call may cost.
    pub fn new(config: &WriterConfig) -> Result<Self, WriterConfigError> {
        let is_openai = match config.kind {
            // Another server than OpenAI's is chosen on purpose, and many need no key.
            WriterKind::Auto => config.api_key.is_some() || !is_openai_s_own(&config.base_url),
            WriterKind::Openai => true,
            WriterKind::Offline => false,
        };
        let prices = Arc::new(Prices::load(config.prices.as_deref())?);
        let provider: Box<dyn Provider> =
            if is_openai { Box::new(Openai::new(config, &prices)?) } else { Box::new(Offline::new()?) };
        let writer = Self {
            prompts: LivePrompts::load(config.prompt_dir.as_deref())?,
            prices,
            images: ImageStore::with_rules(&config.image_dir, config.image_rules, Keeper::new(0))
                .with_gallery(config.gallery.clone()),
            posters: Posters::new()?,
            deadline: config.deadline,
            image_timeout: config.image_timeout,
            provider,
        };
        let (budget, call) = (writer.budget().and_then(|budget| budget.limit_usd), writer.least_call_usd());
        let small = budget.zip(call).and_then(|(budget, call)| SmallBudget::of(false, budget, call));
        small.map_or(Ok(writer), |small| Err(WriterConfigError::SmallBudget { small }))
    }

    /// `openai` or `offline`.
    pub fn name(&self) -> &'static str {
        self.provider.name()
    }

    /// The models that write, in the order in which they are asked, and the one that draws; empty for the offline
    /// writer.
    pub fn models(&self) -> Vec<&str> {
        self.provider.models()
    }

    /// Whether calls for texts, and those for pictures, are paused because the provider's server kept failing.
    pub fn is_paused(&self) -> (bool, bool) {
        self.provider.is_paused()
    }

    /// Today's budget; `None` without one. Blocking.
    pub fn budget(&self) -> Option<BudgetState> {
        self.provider.budget()
    }

    /// Waits until what goes on after its answers has ended: a process that ends earlier may lose budget that it was
    /// giving back to the shared store.
    pub async fn settled(&self) {
        self.provider.settled().await;
    }

    /// What must be reserved for the cheapest call, in US dollars: a smaller budget never buys one. `None` where calls
    /// cost nothing or their price is not known.
    pub fn least_call_usd(&self) -> Option<f64> {
        self.provider.least_call_usd(&self.prices, self.prompts.snapshot().least_bytes())
    }

    /// Has the budgets of keys bound calls from now on, in a server in which no key had one so far. Blocking.
    ///
    /// # Errors
    /// [`WriterConfigError::NoPrice`] where a model has no price, [`WriterConfigError::Budget`] where the file of what
    /// is spent cannot be used: no key can have a budget then.
    pub fn begin_budgets_of_keys(&self) -> Result<(), WriterConfigError> {
        self.provider.begin_budgets_of_keys(&self.prices)
    }

    /// Asks the server for one token of each model that writes. Empty for the offline writer, which has no server.
    pub async fn probe(&self) -> Vec<Probed> {
        self.provider.probe(&self.prices).await
    }

    /// Where pictures are kept.
    pub fn images(&self) -> &ImageStore {
        &self.images
    }

    /// Reserves room for pictures together with others that write to the same disks.
    pub fn share_disk(&mut self, disk: Keeper) {
        self.images.share_disk(disk);
    }

    /// A poster that was drawn lately.
    pub fn drawn_lately(&self, name: &ImageName) -> Option<Bytes> {
        self.posters.remembered(name)
    }

    /// A picture by its name; `None` where there is none. A poster is drawn. Blocking.
    ///
    /// # Errors
    /// What the disk says, other than that there is no such file.
    pub fn picture(&self, name: &ImageName) -> io::Result<Option<Picture>> {
        if !name.is_poster() {
            return Ok(self.images.open(name)?.map(Picture::Stored));
        }
        let Some(description) = self.images.poster(name)? else { return Ok(None) };
        Ok(self.posters.draw(name, &description)?.map(Picture::InMemory))
    }

    /// Takes changed prompt templates over; requests that have begun keep theirs. A change that cannot be used is
    /// logged once, and the templates before it stay. Reads three small files, and so blocks.
    pub fn refresh_prompts(&self) {
        self.prompts.refresh();
    }

    /// Starts a request for a brief; its deadline starts here.
    pub fn request<'a>(&'a self, brief: &'a Brief) -> ContentRequest<'a> {
        let deadline = Instant::now() + self.deadline;
        ContentRequest {
            writer: self,
            brief,
            prompts: self.prompts.snapshot(),
            deadline,
            requester: Requester::default(),
        }
    }
}

impl ContentRequest<'_> {
    /// The same, for this client.
    #[must_use]
    pub fn on_behalf_of(self, requester: Requester) -> Self {
        Self { requester, ..self }
    }

    /// Writes the texts, the image prompt and the slogan.
    ///
    /// # Errors
    /// The offline writer fails only when a prompt template does. The openai writer fails when no usable answer
    /// arrives within its tries and its deadline; [`WriteError::kind`] says how.
    pub async fn write(&self) -> Result<Content, WriteError> {
        let prompt = self
            .prompts
            .render(self.brief)
            .map_err(|e| WriteError::new(WriteStep::Prompt, WriteErrorKind::Internal).with_source(e))?;
        let draft = self.writer.provider.write(&self.task(self.deadline), &prompt).await?;
        Ok(Content {
            variants: draft.variants,
            image_prompt: draft.image_prompt,
            slogan: draft.slogan,
            prompt_used: prompt.whole(),
            prompt_hash: self.prompts.hash().to_owned(),
            model: draft.model,
            spent: draft.spent,
            waited: draft.waited,
            flags: draft.flags,
            notes: draft.notes,
        })
    }

    /// Draws one picture a variant, side by side, and stores them. For campaigns whose output wants pictures.
    ///
    /// # Errors
    /// When one of the pictures is not there within its tries and the time-out for pictures, is no picture, or cannot
    /// be stored; [`WriteError::kind`] says which. Posters of the offline writer are named here and drawn when they are
    /// asked for. Pictures that were finished by then stay in the store.
    pub async fn draw(&self, content: &Content) -> Result<Pictures, WriteError> {
        self.draw_missing(content, None).await
    }

    /// Draws the pictures that were not drawn `before`, and tells of all together.
    async fn draw_missing(&self, content: &Content, before: Option<WriteError>) -> Result<Pictures, WriteError> {
        let before = before.map(|error| (error.drawn, error.spent, error.waited));
        let (drawn, spent, waited) = before.unwrap_or((Box::default(), Spent::NOTHING, Duration::ZERO));
        let mut drawn: BTreeMap<usize, ImageName> = drawn.into_iter().collect();
        let n_variants = self.brief.campaign.n_variants();
        let missing: Vec<usize> = (0..n_variants).filter(|variant| !drawn.contains_key(variant)).collect();
        let task = self.task(Instant::now() + self.writer.image_timeout);
        let wanted = Wanted { content, variants: &missing };
        let drawing = self.writer.provider.draw(&task, wanted, &self.writer.images);
        match caught(WriteStep::Draw, drawing).await {
            Ok(pictures) => {
                drawn.extend(missing.into_iter().zip(pictures.images));
                let (images, spent) = (drawn.into_values().collect(), spent.and(pictures.spent));
                Ok(Pictures { images, spent, waited: waited + pictures.waited, ..pictures })
            }
            Err(error) => {
                drawn.extend(error.drawn);
                let (spent, waited) = (spent.and(error.spent), waited + error.waited);
                let n_failed = n_variants.saturating_sub(drawn.len());
                Err(WriteError { drawn: drawn.into_iter().collect(), n_failed, spent, waited, ..error })
            }
        }
    }

    fn task(&self, deadline: Instant) -> Task<'_> {
        let (prompts, prices, requester) = (&self.prompts, &self.writer.prices, &self.requester);
        Task { brief: self.brief, prompts, prices, requester, deadline }
    }

    /// Writes and draws what is not there of `begun`, which found the budget held.
    async fn generate(&self, begun: Option<Box<Written>>) -> Written {
        let (content, before) = match begun.map(|begun| *begun) {
            Some(Written { content: Ok(content), pictures: Some(Err(error)) }) => (Ok(content), Some(error)),
            _ => (caught(WriteStep::Call, self.write()).await, None),
        };
        let pictures = match &content {
            Ok(content) if self.brief.campaign.output().wants_picture() => {
                Some(self.draw_missing(content, before).await)
            }
            _ => None,
        };
        Written { content, pictures }
    }
}

/// Writes and draws many briefs side by side, at most `max_at_once` at a time; yields each brief's index with what
/// became of it, in the order of completion.
///
/// Briefs are independent: a failure or a panic in one leaves the others as they are, and each deadline starts with its
/// brief's turn. One that finds the budget held by the others has its turn again after one of them, for the texts or
/// for the pictures that are not there yet.
pub fn write_all<'a>(
    writer: &'a Writer,
    briefs: &'a [Brief],
    max_at_once: NonZeroUsize,
) -> BoxStream<'a, (usize, Written)> {
    write_all_for(&Requester::default(), writer, briefs, max_at_once)
}

/// As [`write_all`], for this client.
pub fn write_all_for<'a>(
    requester: &Requester,
    writer: &'a Writer,
    briefs: &'a [Brief],
    max_at_once: NonZeroUsize,
) -> BoxStream<'a, (usize, Written)> {
    // Boxed: a stream over a borrowing closure is not `Send` for every lifetime (rust-lang/rust#102211).
    let requester = requester.clone();
    let one = move |(index, brief, begun): (usize, &'a Brief, Option<Box<Written>>)| {
        let request = writer.request(brief).on_behalf_of(requester.clone());
        async move { (index, request.generate(begun).await) }.boxed()
    };
    let again = move |(index, written): (usize, Written)| match briefs.get(index).filter(|_| written.is_held()) {
        Some(brief) => Err((index, brief, Some(Box::new(written)))),
        None => Ok((index, written)),
    };
    let jobs = briefs.iter().enumerate().map(|(index, brief)| (index, brief, None));
    side_by_side(jobs, max_at_once.get(), one, again).boxed()
}

async fn caught<T>(step: WriteStep, work: impl Future<Output = Result<T, WriteError>>) -> Result<T, WriteError> {
    let caught = AssertUnwindSafe(work).catch_unwind().await;
    caught.unwrap_or_else(|_| Err(WriteError::new(step, WriteErrorKind::Internal)))
}

#[cfg(test)]
mod tests;
