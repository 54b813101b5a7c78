//! The writer: one request for each brief, and many briefs side by side; the provider behind it does the work.

use std::fmt;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use tokio::time::Instant;

use super::live_prompts::LivePrompts;
use super::offline::{Offline, Posters};
use super::openai::{Openai, is_openai_s_own};
use super::prices::Prices;
use super::prompt::Prompts;
use super::provider::{Probed, Provider, Task};
use super::{
    Brief, Content, ImageName, ImageStore, Payer, Pictures, SmallBudget, WriteError, WriteErrorKind, WriteStep,
    WriterConfig, WriterConfigError, WriterKind, Written,
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
    /// A poster.
    Drawn(Bytes),
}

/// A request for the content of one brief: one snapshot of the prompt templates, one deadline over all tries for texts.
pub struct ContentRequest<'a> {
    writer: &'a Writer,
    brief: &'a Brief,
    prompts: Arc<Prompts>,
    deadline: Instant,
    payer: Option<&'a Payer>,
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
        let (budget, call) = (writer.budget_usd(), writer.least_call_usd());
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

    /// What a day's calls may cost, in US dollars; `None` without a budget.
    pub fn budget_usd(&self) -> Option<f64> {
        self.provider.budget_usd()
    }

    /// What this machine's calls have spent of today, in US dollars; `None` without a budget, or where its file cannot be
    /// read. Blocking.
    pub fn budget_spent_usd(&self) -> Option<f64> {
        self.provider.budget_spent_usd()
    }

    /// What is left of the day's budget, in US dollars; `None` without a budget, where several machines spend it
    /// together, or where its file cannot be read. Blocking.
    pub fn budget_left_usd(&self) -> Option<f64> {
        self.provider.budget_left_usd()
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
        Ok(self.posters.draw(name, &description)?.map(Picture::Drawn))
    }

    /// Takes changed prompt templates over; requests that have begun keep theirs. A change that cannot be used is
    /// logged once, and the templates before it stay. Reads three small files, and so blocks.
    pub fn refresh_prompts(&self) {
        self.prompts.refresh();
    }

    /// Starts a request for a brief; its deadline starts here.
    pub fn request<'a>(&'a self, brief: &'a Brief) -> ContentRequest<'a> {
        let deadline = Instant::now() + self.deadline;
        ContentRequest { writer: self, brief, prompts: self.prompts.snapshot(), deadline, payer: None }
    }
}

impl<'a> ContentRequest<'a> {
    /// With the budget of `payer` beside that of all.
    #[must_use]
    pub fn paid_by(self, payer: Option<&'a Payer>) -> Self {
        Self { payer, ..self }
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
        })
    }

    /// Draws one picture a variant, side by side, and stores them. For campaigns whose output wants pictures.
    ///
    /// # Errors
    /// When one of the pictures is not there within its tries and the time-out for pictures, is no picture, or cannot
    /// be stored; [`WriteError::kind`] says which. Posters of the offline writer are named here and drawn when they are
    /// asked for. Pictures that were finished by then stay in the store.
    pub async fn draw(&self, content: &Content) -> Result<Pictures, WriteError> {
        self.missing(self.pictures(content).await)
    }

    async fn pictures(&self, content: &Content) -> Result<Pictures, WriteError> {
        let deadline = Instant::now() + self.writer.image_timeout;
        self.writer.provider.draw(&self.task(deadline), content, &self.writer.images).await
    }

    /// An error about pictures, with how many are not there.
    fn missing(&self, drawn: Result<Pictures, WriteError>) -> Result<Pictures, WriteError> {
        drawn.map_err(|mut error| {
            error.n_failed = self.brief.campaign.n_variants().saturating_sub(error.drawn.len());
            error
        })
    }

    fn task(&self, deadline: Instant) -> Task<'_> {
        Task { brief: self.brief, prompts: &self.prompts, prices: &self.writer.prices, payer: self.payer, deadline }
    }

    async fn generate(&self) -> Written {
        let content = caught(WriteStep::Call, self.write()).await;
        let pictures = match &content {
            Ok(content) if self.brief.campaign.output().wants_picture() => {
                Some(self.missing(caught(WriteStep::Draw, self.pictures(content)).await))
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
/// brief's turn.
pub fn write_all<'a>(
    writer: &'a Writer,
    briefs: &'a [Brief],
    max_at_once: NonZeroUsize,
) -> BoxStream<'a, (usize, Written)> {
    write_all_paid_by(writer, briefs, max_at_once, None)
}

/// As [`write_all`], with the budget of `payer` beside that of all.
pub fn write_all_paid_by<'a>(
    writer: &'a Writer,
    briefs: &'a [Brief],
    max_at_once: NonZeroUsize,
    payer: Option<&'a Payer>,
) -> BoxStream<'a, (usize, Written)> {
    // Boxed: a stream over a borrowing closure is not `Send` for every lifetime (rust-lang/rust#102211).
    let one =
        move |(index, brief)| async move { (index, writer.request(brief).paid_by(payer).generate().await) }.boxed();
    let writing: Vec<_> = briefs.iter().enumerate().map(one).collect();
    stream::iter(writing).buffer_unordered(max_at_once.get()).boxed()
}

async fn caught<T>(step: WriteStep, work: impl Future<Output = Result<T, WriteError>>) -> Result<T, WriteError> {
    let caught = AssertUnwindSafe(work).catch_unwind().await;
    caught.unwrap_or_else(|_| Err(WriteError::new(step, WriteErrorKind::Internal)))
}

#[cfg(test)]
mod tests {
    use super::super::{CampaignInput, Secret, Spent, sample};
    use super::*;

    /// An offline writer whose pictures go with the folder.
    fn offline() -> (Writer, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let config = WriterConfig { image_dir: dir.path().join("images"), ..WriterConfig::default() };
        (Writer::new(&config).unwrap(), dir)
    }

    fn brief(output: &str, n_variants: i64) -> Brief {
        sample::brief(|input: &mut CampaignInput| {
            input.output = Some(output.to_owned());
            input.n_variants = Some(n_variants);
        })
    }

    #[test]
    fn the_writer_is_chosen_by_kind_and_key() {
        let name = |edit: fn(&mut WriterConfig)| {
            let mut config = WriterConfig { base_url: "http://127.0.0.1:1/v1".to_owned(), ..WriterConfig::default() };
            edit(&mut config);
            Writer::new(&config).map(|writer| writer.name()).map_err(|e| e.to_string())
        };
        assert_eq!(name(|c| c.base_url = WriterConfig::OPENAI_BASE_URL.to_owned()), Ok("offline"));
        assert_eq!(name(|_| {}), Ok("openai"), "a server of one's own is chosen on purpose");
        assert_eq!(name(|c| c.api_key = Secret::new("k")), Ok("openai"));
        assert_eq!(name(|c| c.kind = WriterKind::Openai), Ok("openai"), "a local server may need no key");
        assert_eq!(name(|c| c.kind = WriterKind::Offline), Ok("offline"));
        let without_key = name(|c| {
            c.kind = WriterKind::Openai;
            c.base_url = WriterConfig::OPENAI_BASE_URL.to_owned();
        });
        assert!(without_key.unwrap_err().contains("needs a key"));
        let of_another_kind = name(|c| {
            c.kind = WriterKind::Openai;
            c.base_url = "ftp://example.org".to_owned();
        });
        assert!(of_another_kind.unwrap_err().contains("http:// or https://"));
        assert!(Secret::new(" ").is_none(), "a blank key is a missing one");
    }

    #[tokio::test]
    async fn many_briefs_are_answered_each_under_its_index() {
        let (writer, _dir) = offline();
        let briefs: Vec<Brief> = (1..=7).map(|n| brief("Text", n)).collect();
        let mut written: Vec<_> = write_all(&writer, &briefs, NonZeroUsize::new(2).unwrap()).collect().await;
        written.sort_by_key(|&(index, _)| index);
        let counts: Vec<usize> =
            written.into_iter().map(|(_, written)| written.content.unwrap().variants.len()).collect();
        assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7]);
    }

    #[tokio::test]
    async fn only_what_the_output_asks_for_is_written_and_drawn() {
        let (writer, _dir) = offline();
        for (output, has_text, has_prompt, has_picture) in [
            ("Text", true, false, false),
            ("Image", false, true, true),
            ("Both", true, true, true),
            ("image_prompt", false, true, false),
            ("text_and_prompt", true, true, false),
        ] {
            let briefs = [brief(output, 2)];
            let (_, written) = write_all(&writer, &briefs, NonZeroUsize::MIN).next().await.unwrap();
            let content = written.content.unwrap();
            assert_eq!(content.variants.len(), if has_text { 2 } else { 0 }, "{output}");
            assert_eq!((content.image_prompt.is_some(), content.slogan.is_some()), (has_prompt, has_prompt));
            assert_eq!(written.pictures.map(|drawn| drawn.unwrap().images.len()), has_picture.then_some(2), "{output}");
        }
    }

    #[tokio::test]
    async fn what_the_offline_writer_makes_is_marked_and_free() {
        let (writer, _dir) = offline();
        let brief = brief("Both", 1);
        let request = writer.request(&brief);
        let content = request.write().await.unwrap();
        assert!(content.flags.is_offline && content.model == "offline" && content.prompt_hash.len() == 64);
        assert_eq!((content.spent, content.waited), (Spent::NOTHING, Duration::ZERO));
        let pictures = request.draw(&content).await.unwrap();
        assert_eq!((pictures.model.as_str(), pictures.spent), ("offline", Spent::NOTHING));
        let Some(Picture::Drawn(png)) = writer.picture(&pictures.images[0]).unwrap() else { panic!("no poster") };
        assert_eq!(writer.drawn_lately(&pictures.images[0]), Some(png.clone()));
        assert!(png.starts_with(b"\x89PNG"));
    }

    #[tokio::test]
    async fn a_request_keeps_the_prompts_that_it_began_with() {
        let prompts = tempfile::tempdir().unwrap();
        let config = WriterConfig { prompt_dir: Some(prompts.path().to_owned()), ..WriterConfig::default() };
        let writer = Writer::new(&config).unwrap();
        let brief = brief("Text", 1);
        let begun = writer.request(&brief);
        std::fs::write(prompts.path().join("system.j2"), "Write well.").unwrap();
        writer.refresh_prompts();
        let (before, after) = (begun.write().await.unwrap(), writer.request(&brief).write().await.unwrap());
        assert!(after.prompt_used.starts_with("Write well.") && !before.prompt_used.starts_with("Write well."));
        assert_ne!(before.prompt_hash, after.prompt_hash);
    }

    #[tokio::test]
    async fn a_picture_that_cannot_be_stored_says_so_and_leaves_the_texts() {
        let dir = tempfile::tempdir().unwrap();
        let image_dir = dir.path().join("a-file");
        std::fs::write(&image_dir, "").unwrap();
        let writer = Writer::new(&WriterConfig { image_dir, ..WriterConfig::default() }).unwrap();
        let briefs = [brief("Both", 1)];
        let (_, written) = write_all(&writer, &briefs, NonZeroUsize::MIN).next().await.unwrap();
        assert_eq!(written.content.unwrap().variants.len(), 1);
        let error = written.pictures.unwrap().unwrap_err();
        assert_eq!((error.step, error.kind), (WriteStep::Draw, WriteErrorKind::Storage));
        assert_eq!((error.drawn.len(), error.n_failed), (0, 1));
    }

    #[tokio::test]
    async fn a_panic_while_writing_is_that_brief_s_error() {
        let panics = async { panic!("a fault") };
        let error = caught::<()>(WriteStep::Draw, panics).await.unwrap_err();
        assert_eq!((error.step, error.kind), (WriteStep::Draw, WriteErrorKind::Internal));
    }
}
