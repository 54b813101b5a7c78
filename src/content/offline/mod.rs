//! The offline writer: deterministic marketing texts and posters without a key or a network.
//!
//! Texts are composed from phrases (`lines.txt`, `trades.txt`) that a hash of the brief chooses among: the same brief
//! always gives the same texts, each variant another. A post has a hook, a benefit and a call to action; it claims
//! nothing that the brief does not say and names no gender. For the writer beside it alone.

mod compose;
mod facts;
mod gender;
mod goal;
mod image;
mod phrases;
mod poster;
mod subject;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use facts::Facts;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use phrases::Phrases;
use poster::{Order, Painter};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::prompt::Prompt;
use super::provider::{Draft, Provider, Task};
use super::{
    Brief, Content, Flags, ImageName, ImageStore, Pictures, Spent, WriteError, WriteErrorKind, WriteStep,
    WriterConfigError,
};

/// How many times a variant that reads like an earlier one is composed anew.
const MAX_REWRITES: usize = 40;
/// How long a poster waits for a processor, at most.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The offline writer.
#[derive(Debug)]
pub(super) struct Offline {
    phrases: Phrases,
    painter: Arc<Painter>,
    /// As many posters are drawn at a time as there are processors.
    processors: Arc<Semaphore>,
}

impl Offline {
    /// Parses the phrases and the fonts.
    pub(super) fn new() -> Result<Self, WriterConfigError> {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            phrases: Phrases::built_in()?,
            painter: Arc::new(Painter::new()?),
            processors: Arc::new(Semaphore::new(processors)),
        })
    }

    /// Writes the content for a brief.
    fn write_brief(&self, brief: &Brief) -> Draft {
        let facts = Facts::new(&self.phrases, brief);
        let output = brief.campaign.output();
        let variants =
            if output.wants_text() { self.variants(&facts, brief.campaign.n_variants()) } else { Vec::new() };
        let picture = output.wants_image_prompt().then(|| image::picture(&self.phrases, &facts));
        let (image_prompt, slogan) = picture.unzip();
        Draft {
            variants,
            image_prompt,
            slogan,
            model: "offline".to_owned(),
            spent: Spent::NOTHING,
            waited: Duration::ZERO,
            flags: Flags { is_offline: true, ..Flags::default() },
        }
    }

    /// Draws one poster a variant and stores them; none waits for a processor beyond `deadline`.
    async fn draw_posters(
        &self,
        brief: &Brief,
        content: &Content,
        store: &ImageStore,
        deadline: Instant,
    ) -> Result<Vec<ImageName>, WriteError> {
        let facts = Facts::new(&self.phrases, brief);
        let slogans = image::slogans(&self.phrases, &facts, content.slogan.as_deref().unwrap_or_default());
        let orders =
            slogans.into_iter().cycle().take(brief.campaign.n_variants()).enumerate().map(|(variant, slogan)| Order {
                slogan,
                tone: facts.tone,
                platform: facts.platform,
                seed: facts.seed,
                variant,
            });
        let latest = latest_start(Instant::now(), deadline);
        let posters = join_all(orders.map(|order| self.poster(order, store.clone(), latest))).await;
        let stored = |(variant, poster): (usize, &Result<ImageName, _>)| Some((variant, poster.as_ref().ok()?.clone()));
        let drawn = posters.iter().enumerate().filter_map(stored).collect();
        posters.into_iter().collect::<Result<_, _>>().map_err(|error| WriteError { drawn, ..error })
    }

    async fn poster(&self, order: Order, store: ImageStore, latest: Instant) -> Result<ImageName, WriteError> {
        let failed = |kind| WriteError::new(WriteStep::Draw, kind);
        let permit = timeout_at(latest, self.processors.clone().acquire_owned()).await;
        let permit = permit.map_err(|e| failed(WriteErrorKind::Busy).with_source(e))?;
        let permit = permit.map_err(|e| failed(WriteErrorKind::Internal).with_source(e))?;
        let painter = self.painter.clone();
        let drawing = tokio::task::spawn_blocking(move || {
            // Given back when the work ends, also when nobody waits for it any longer.
            let _permit = permit;
            let png = painter.paint(&order).map_err(|e| failed(WriteErrorKind::Internal).with_source(e))?;
            store.put(&png).map_err(|e| failed(WriteErrorKind::Storage).with_source(e))
        });
        drawing.await.map_err(|e| failed(WriteErrorKind::Internal).with_source(e))?
    }

    fn variants(&self, facts: &Facts, n_variants: usize) -> Vec<String> {
        let mut variants: Vec<String> = Vec::with_capacity(n_variants);
        let mut turn = 0;
        while variants.len() < n_variants {
            let mut text = compose::post(&self.phrases, facts, turn);
            for _ in 0..MAX_REWRITES {
                if !variants.contains(&text) {
                    break;
                }
                turn += 1;
                text = compose::post(&self.phrases, facts, turn);
            }
            variants.push(text);
            turn += 1;
        }
        variants
    }
}

impl Provider for Offline {
    fn name(&self) -> &'static str {
        "offline"
    }

    fn write<'a>(&'a self, task: &'a Task<'a>, _prompt: &'a Prompt) -> BoxFuture<'a, Result<Draft, WriteError>> {
        async { Ok(self.write_brief(task.brief)) }.boxed()
    }

    fn draw<'a>(
        &'a self,
        task: &'a Task<'a>,
        content: &'a Content,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Result<Pictures, WriteError>> {
        async move {
            let images = self.draw_posters(task.brief, content, store, task.deadline).await?;
            Ok(Pictures { images, model: "offline".to_owned(), spent: Spent::NOTHING, waited: Duration::ZERO })
        }
        .boxed()
    }
}

/// When a poster that is ordered `now` has to have a processor.
fn latest_start(now: Instant, deadline: Instant) -> Instant {
    deadline.min(now + MAX_WAIT)
}

#[cfg(test)]
mod tests;
