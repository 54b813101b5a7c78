//! Pictures from the images API: one call a picture, side by side, each checked and stored as it arrives.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::clean::trim_at_sentence;
use super::super::images::{ImageKind, Room};
use super::super::prices::Prices;
use super::super::provider::{Task, Wanted};
use super::super::side_by_side::side_by_side;
use super::super::upstream::address::fetchable;
use super::super::upstream::caller::{Call, admitted};
use super::super::upstream::failure::Failure;
use super::super::upstream::learned::{Refusals, Scope};
use super::super::upstream::retry::Attempts;
use super::super::upstream::transport::{Expects, FromResponse, Outgoing, Response, read_json};
use super::super::upstream::try_error::TryError;
use super::super::{
    Content, ImageName, ImageStore, Pictures, Platform, Requester, Spent, Turn, WriteError, WriteErrorKind, WriteStep,
};
use super::Openai;
use super::picture_request::{Family, PictureDialect};
use super::usage::Usage;

/// Servers differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// As much of an answer as is used.
#[derive(Deserialize)]
struct ImagesAnswer {
    #[serde(default)]
    data: Option<Vec<ImageAnswer>>,
    #[serde(default)]
    usage: Value,
}

impl ImagesAnswer {
    /// What the answer says it cost, in US dollars; `None` where it does not.
    fn cost_usd(&self, prices: &Prices, model: &str) -> Option<f64> {
        prices.of_picture_s_tokens(model, Usage::read(&self.usage).counts()?)
    }
}

impl FromResponse for ImagesAnswer {
    fn from_response(answer: &Response) -> Result<Self, TryError> {
        let read = read_json::<Self>(&answer.body);
        match read {
            Ok(answer) if answer.data.as_ref().is_some_and(|data| !data.is_empty()) => Ok(answer),
            without_picture => Failure::inside(&answer.body).map(TryError::inside).map_or(without_picture, Err),
        }
    }
}

/// One picture: its bytes or where they lie.
#[derive(Deserialize)]
struct ImageAnswer {
    #[serde(default)]
    b64_json: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

/// One picture on its way.
struct PictureJob<'a> {
    openai: &'a Openai,
    prompt: &'a str,
    platform: Platform,
    /// What a request may hold.
    dialect: PictureDialect,
    n_lessons: usize,
    /// What a refusal taught since the last answer.
    untold: Option<PictureDialect>,
    /// For which requests it may hold.
    scope: Scope,
    prices: &'a Arc<Prices>,
    requester: &'a Requester,
    turn: Option<Turn>,
    attempts: Attempts,
    /// Until when it may begin: with half of the time, since a call that ends too late is paid for all the same.
    begin_by: Instant,
    /// How many pictures the server answered with, of use or not.
    n_paid: usize,
    /// What they cost, where that is known.
    paid_usd: Option<f64>,
    has_one_failed: &'a watch::Sender<bool>,
}

/// What became of one picture.
struct Ended {
    variant: usize,
    outcome: Result<ImageName, WriteError>,
    n_paid: usize,
    paid_usd: Option<f64>,
    waited: Duration,
}

impl Ended {
    /// Whether it only found the budget held, and cost nothing.
    fn is_held(&self) -> bool {
        self.n_paid == 0 && self.outcome.as_ref().is_err_and(|error| error.kind == WriteErrorKind::Held)
    }
}

/// A picture as the server gives it.
enum Answered {
    Base64(String),
    Address(String),
}

/// A picture that has arrived, or where it lies.
enum Drawn {
    Bytes(Vec<u8>),
    Address(String),
}

/// How many answers without a picture that can be read end the tries: each may have been paid for.
const MAX_UNREADABLE: u32 = 2;
/// How many refusals may teach one picture what a server takes, beside its tries.
const MAX_LESSONS: usize = 5;

impl Openai {
    /// Draws the wanted pictures and stores them. Each waits for the client's turn, and has room reserved before it
    /// is asked for: one that cannot be stored would be paid for all the same. Once one has failed the others end the
    /// call that they are in, because it is charged in any case, and begin no other.
    pub(super) async fn draw_pictures(
        &self,
        task: &Task<'_>,
        Wanted { content, variants }: Wanted<'_>,
        store: &ImageStore,
    ) -> Result<Pictures, WriteError> {
        let prompt = self.picture_prompt(task, content)?;
        let (checking, n_wanted) = (store.clone(), variants.len());
        on_disk(move || checking.check_room(n_wanted)).await?;
        let has_one_failed = watch::Sender::new(false);
        let now = Instant::now();
        let begin_by = now + task.deadline.saturating_duration_since(now) / 2;
        let draw = |variant| {
            let job = PictureJob {
                openai: self,
                prompt: &prompt,
                platform: task.brief.campaign.platform(),
                dialect: self.picture_dialect.now(task.requester.client),
                n_lessons: 0,
                untold: None,
                scope: Scope::All,
                prices: task.prices,
                requester: task.requester,
                turn: None,
                attempts: Attempts::start(self.config.retry, self.config.image_timeout, task.deadline),
                begin_by,
                n_paid: 0,
                paid_usd: Some(0.0),
                has_one_failed: &has_one_failed,
            };
            job.into_stored(variant, store)
        };
        let again = |one: Ended| if one.is_held() && !*has_one_failed.borrow() { Err(one.variant) } else { Ok(one) };
        let drawing = side_by_side(variants.iter().copied(), n_wanted, draw, again);
        let note_failure = |one: &Ended| {
            if one.outcome.is_err() {
                has_one_failed.send_replace(true);
            }
        };
        let ended: Vec<Ended> = drawing.inspect(note_failure).collect().await;
        let waited = ended.iter().map(|one| one.waited).max().unwrap_or_default();
        let model = self.image_model().to_owned();
        let spent = Spent { cost_usd: ended.iter().map(|one| one.paid_usd).sum(), ..Spent::NOTHING };
        let (mut drawn, mut errors) = (BTreeMap::new(), Vec::new());
        for Ended { variant, outcome, .. } in ended {
            match outcome {
                Ok(name) => {
                    drawn.insert(variant, name);
                }
                Err(error) => errors.push(error),
            }
        }
        // The first to tell is the first that another time may not mend.
        let is_for_now = |error: &WriteError| matches!(error.kind, WriteErrorKind::Held | WriteErrorKind::Busy);
        match errors.into_iter().min_by_key(is_for_now) {
            None => Ok(Pictures { images: drawn.into_values().collect(), model, spent, waited }),
            Some(error) => Err(WriteError { drawn: drawn.into_iter().collect(), ..error.after(waited, spent) }),
        }
    }

    fn picture_prompt(&self, task: &Task<'_>, content: &Content) -> Result<String, WriteError> {
        let internal =
            |e: Box<dyn Error + Send + Sync>| WriteError::new(WriteStep::Draw, WriteErrorKind::Internal).with_source(e);
        let (prompt, slogan) = (content.image_prompt.as_deref(), content.slogan.as_deref());
        let prompt = prompt.ok_or_else(|| internal("there is no image prompt".into()))?;
        let family = Family::of(self.image_model());
        let render = |prompt: &str| {
            let rendered = task.prompts.render_picture(prompt, slogan.unwrap_or_default());
            rendered.map_err(|e| internal(e.into()))
        };
        let mut rendered = render(prompt)?;
        let excess = rendered.chars().count().saturating_sub(family.max_prompt_chars);
        if excess > 0 {
            // The description gives way: what is said of the lettering comes after it and has to stay.
            let room = prompt.chars().count().saturating_sub(excess);
            rendered = render(&trim_at_sentence(prompt, room))?;
        }
        Ok(rendered)
    }
}

impl PictureJob<'_> {
    /// Draws the picture and stores it, however many tries that takes.
    async fn into_stored(mut self, variant: usize, store: &ImageStore) -> Ended {
        let outcome = match self.room(store).await {
            Ok(room) => match self.drawn().await {
                Ok(bytes) => on_disk(move || room.put(&bytes)).await,
                Err(error) => {
                    // Before the turn is given back, which the next one waits for.
                    if error.kind != WriteErrorKind::Held {
                        self.has_one_failed.send_replace(true);
                    }
                    drop(room);
                    Err(error.at(WriteStep::Draw))
                }
            },
            Err(error) => Err(error),
        };
        let Self { n_paid, paid_usd, .. } = self;
        Ended { variant, outcome, n_paid, paid_usd, waited: self.attempts.waited() }
    }

    /// Room for the picture, once it is the client's turn.
    async fn room(&mut self, store: &ImageStore) -> Result<Room, WriteError> {
        let not_begun = |why: &'static str| WriteError::new(WriteStep::Draw, WriteErrorKind::Busy).with_source(why);
        let turn = tokio::select! {
            biased;
            () = self.until_given_up() => return Err(not_begun("another picture has failed")),
            turn = tokio::time::timeout_at(self.begin_by, self.requester.turn()) => turn,
        };
        let turn = turn.map_err(|_| not_begun("as many pictures are being drawn as may be"))?;
        self.turn.clone_from(&turn);
        let reserving = store.clone();
        on_disk(move || reserving.reserve(turn)).await
    }

    /// The bytes of the picture: asked for, and fetched where the answer is an address. Each of the two has its own
    /// tries, because a picture that was paid for should not be drawn twice.
    async fn drawn(&mut self) -> Result<Vec<u8>, TryError> {
        let mut address: Option<String> = None;
        let mut n_unreadable = 0;
        loop {
            let error = match self.once(address.as_deref()).await {
                Ok(Drawn::Address(named)) => {
                    address = Some(named);
                    self.attempts.renew();
                    continue;
                }
                Ok(Drawn::Bytes(bytes)) if ImageKind::of(&bytes).is_some() => return Ok(bytes),
                Ok(Drawn::Bytes(_)) => {
                    TryError::new(WriteErrorKind::BadAnswer, true).because("the answer is not a picture")
                }
                Err(error) if address.is_none() && self.learns_from(&error) => continue,
                Err(error) => error,
            };
            // Both kinds come from answers that were a success to the server.
            if address.is_none() && matches!(error.kind, WriteErrorKind::BadAnswer | WriteErrorKind::CutOff) {
                n_unreadable += 1;
            }
            let is_paused = address.is_none() && self.openai.pictures.refuses(self.requester.client, Instant::now());
            let is_over = n_unreadable >= MAX_UNREADABLE || is_paused || self.is_given_up();
            if is_over || !self.attempts.wait_after(&error).await || self.is_given_up() {
                return Err(error);
            }
        }
    }

    /// One call: for the picture, or for what lies at the address that it was given.
    async fn once(&mut self, address: Option<&str>) -> Result<Drawn, TryError> {
        let transport = &self.openai.caller.transport;
        let no_time = || TryError::new(WriteErrorKind::TimedOut, false);
        if let Some(address) = address {
            let limit = self.attempts.take().ok_or_else(no_time)?;
            let url = fetchable(address, transport.base())
                .map_err(|refused| TryError::new(WriteErrorKind::BadAnswer, false).because(refused))?;
            return self.attempts.waiting(transport.fetch(url, limit)).await.map(Drawn::Bytes);
        }
        let client = self.requester.client;
        let pass = admitted(&self.openai.pictures, client, &mut self.attempts, self.begin_by).await?;
        let limit = self.attempts.take().ok_or_else(no_time)?;
        let model = self.openai.image_model();
        let kind = self.dialect.kind(model, self.platform);
        let worst_usd = self.prices.of_picture(model, kind, self.prompt.len());
        let request = self.dialect.request(model, self.prompt, self.platform);
        let body =
            serde_json::to_vec(&request).map_err(|e| TryError::new(WriteErrorKind::Internal, false).because(e))?;
        let outgoing = Outgoing { url: &self.openai.location.images, expects: Expects::Picture, model, body };
        let (requester, turn) = (self.requester.clone(), self.turn.clone());
        let call = Call { pass, outgoing, limit, worst_usd, requester, turn, teaches: self.teaches() };
        let (prices, asked) = (self.prices.clone(), model.to_owned());
        // An answer without a picture may have been charged all the same.
        let cost = move |answer: &ImagesAnswer| answer.cost_usd(&prices, &asked).or(worst_usd);
        let answer = self.attempts.waiting(self.openai.caller.call(call, cost)).await?;
        let cost_usd = answer.cost_usd(self.prices, model).or(worst_usd);
        let image = answer.data.into_iter().flatten().next().and_then(ImageAnswer::drawn);
        let image = image
            .ok_or_else(|| TryError::new(WriteErrorKind::BadAnswer, true).because("the answer holds no picture"))?;
        if let Some(lesson) = self.untold.take() {
            self.openai.picture_dialect.learn(lesson, self.scope, self.requester.client);
        }
        self.n_paid += 1;
        self.paid_usd = self.paid_usd.zip(cost_usd).map(|(before, cost)| before + cost);
        match image {
            Answered::Address(address) => Ok(Drawn::Address(address)),
            Answered::Base64(text) => decoded(text).await.map(Drawn::Bytes),
        }
    }

    /// Whether a failure of the next call teaches how else to ask.
    fn teaches(&self) -> Box<dyn Fn(&Failure) -> bool + Send> {
        let (dialect, platform, may_learn) = (self.dialect.clone(), self.platform, self.n_lessons < MAX_LESSONS);
        let model = self.openai.image_model().to_owned();
        Box::new(move |failure| may_learn && dialect.after(failure, &model, platform).is_some())
    }

    /// Whether a failure teaches how else to ask, and there is time left to do so. Others learn it once it has helped.
    fn learns_from(&mut self, error: &TryError) -> bool {
        let Some(failure) = error.failure.as_ref().filter(|_| self.n_lessons < MAX_LESSONS) else { return false };
        let after = self.dialect.after(failure, self.openai.image_model(), self.platform);
        let Some(lesson) = after else { return false };
        self.n_lessons += 1;
        self.scope = self.scope.min(failure.scope());
        self.untold = Some(self.untold.take().unwrap_or_default().and(lesson.clone()));
        self.dialect = self.openai.picture_dialect.now(self.requester.client).and(lesson);
        self.attempts.give_back();
        self.attempts.any_left() && !self.is_given_up()
    }

    fn is_given_up(&self) -> bool {
        *self.has_one_failed.borrow()
    }

    async fn until_given_up(&self) {
        // The sender outlives this.
        let _ = self.has_one_failed.subscribe().wait_for(|has_failed| *has_failed).await.is_ok();
    }
}

impl ImageAnswer {
    /// What the answer holds of a picture, if anything; an address may hold the picture itself (RFC 2397).
    fn drawn(self) -> Option<Answered> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let url =
            || given(self.url).map(|url| if is_data(&url) { Answered::Base64(url) } else { Answered::Address(url) });
        given(self.b64_json).map(Answered::Base64).or_else(url)
    }
}

fn is_data(text: &str) -> bool {
    text.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// The bytes of base64, which may be in lines and behind `data:image/png;base64,`.
async fn decoded(text: String) -> Result<Vec<u8>, TryError> {
    // Megabytes: not on a thread that other requests are waiting for.
    let decoding = tokio::task::spawn_blocking(move || {
        let n_before = if is_data(&text) { text.find(',').map_or(text.len(), |comma| comma + 1) } else { 0 };
        // In place: it takes megabytes.
        let mut base64 = text.into_bytes();
        base64.drain(..n_before);
        base64.retain(|byte| !byte.is_ascii_whitespace());
        BASE64.decode(base64)
    });
    let decoded = decoding.await.map_err(|e| TryError::new(WriteErrorKind::Internal, false).because(e))?;
    decoded.map_err(|e| TryError::new(WriteErrorKind::BadAnswer, true).because(e))
}

/// Runs `work` of the store on a blocking thread.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, WriteError> {
    let failed = |kind| WriteError::new(WriteStep::Draw, kind);
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|e| failed(WriteErrorKind::Internal).with_source(e))?;
    done.map_err(|e| failed(WriteErrorKind::Storage).with_source(e))
}
