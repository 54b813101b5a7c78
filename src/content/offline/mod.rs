//! The offline provider: deterministic marketing texts and posters without a key or a network. A poster is not stored:
//! its name says what it shows.
//!
//! Data decides what is said: phrases by trade (`trades.json`) and for every trade (`lines.json`), word lists to read
//! an objective by (`words.json`), and how the parts make a post or an image prompt (`post.j2`, `picture.j2`). A hash
//! of the brief chooses among phrases, so the same brief always gives the same texts, and each variant another. A post
//! claims nothing of its reader beyond what is true of most of them, and names no gender.

mod data;
mod dice;
mod facts;
mod objective;
mod phrases;
mod poster;
mod posters;
mod reading;
mod sayable;
mod style;

use std::io;
use std::time::Duration;

use data::Data;
use dice::Dice;
use facts::{Facts, stable_hash};
use futures::FutureExt;
use futures::future::BoxFuture;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use phrases::Phrases;
use poster::Order;

pub(super) use posters::Posters;

use super::prompt::Prompt;
use super::provider::{Draft, Provider, Task, Wanted};
use crate::customer::capitalised;

use super::{
    Brief, Flags, ImageName, ImageStore, Pictures, Spent, WriteError, WriteErrorKind, WriteStep, WriterConfigError,
};

/// How many times a variant that reads like an earlier one is composed anew.
const MAX_REWRITES: usize = 40;

/// The offline provider.
pub(super) struct Offline {
    data: Data,
    templates: Environment<'static>,
}

impl Offline {
    /// Parses data and templates.
    pub(super) fn new() -> Result<Self, WriterConfigError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_filter("upfirst", |text: &str| capitalised(text));
        templates.add_test("finished", |text: &str| text.ends_with(['.', '!', '?']));
        for (name, source) in [("post.j2", include_str!("post.j2")), ("picture.j2", include_str!("picture.j2"))] {
            templates.add_template(name, source).map_err(|e| WriterConfigError::Phrases(e.to_string()))?;
        }
        Ok(Self { data: Data::built_in()?, templates })
    }

    /// Writes the content for a brief.
    fn write_brief(&self, brief: &Brief) -> Result<Draft, minijinja::Error> {
        let facts = Facts::new(&self.data, brief);
        let output = brief.campaign.output();
        let n_variants = if output.wants_text() { brief.campaign.n_variants() } else { 0 };
        let mut variants: Vec<String> = Vec::with_capacity(n_variants);
        let mut turn = 0;
        while variants.len() < n_variants {
            let latest = turn + MAX_REWRITES;
            let mut text = self.render("post.j2", brief, &facts, turn)?;
            while variants.contains(&text) && turn < latest {
                turn += 1;
                text = self.render("post.j2", brief, &facts, turn)?;
            }
            variants.push(text);
            turn += 1;
        }
        let (mut image_prompt, mut slogan) = (None, None);
        if output.wants_image_prompt() {
            image_prompt = Some(self.render("picture.j2", brief, &facts, 0)?.replace("\n\n", " "));
            slogan = Some(facts.slogan().to_owned());
        }
        let flags = Flags { is_offline: true, ..Flags::default() };
        let (model, spent, waited) = (self.name().to_owned(), Spent::NOTHING, Duration::ZERO);
        let notes = facts.notes;
        Ok(Draft { variants, image_prompt, slogan, model, spent, waited, flags, notes })
    }

    /// One text; `turn` numbers the variants.
    fn render(
        &self,
        template: &str,
        brief: &Brief,
        facts: &Facts<'_>,
        turn: usize,
    ) -> Result<String, minijinja::Error> {
        let campaign = &brief.campaign;
        let (slots, seed) = (facts.slots.clone(), facts.seed);
        let pick = move |section: &str, phrases: &Value, act: Option<&str>| -> String {
            // Where a section has no phrases there is nothing to say.
            let Some(phrases) = phrases.downcast_object_ref::<Phrases>() else { return String::new() };
            let choose = |n| index_of(stable_hash(seed, section), turn, n);
            let picked = match act {
                None => phrases.pick(&slots, choose),
                Some(act) => phrases.pick(&slots.with_act(act), choose),
            };
            picked.unwrap_or_default()
        };
        // A name is looked up from the first to the last, so those that a template asks for most come first.
        let text = self.templates.get_template(template)?.render(context! {
            pick => Value::from_function(pick), lines => self.data.lines.clone(), trade => facts.phrases.clone(),
            subject => facts.slots.get("subject"), destination => facts.slots.get("destination"),
            offering => facts.slots.get("offering"), tags => facts.tags.clone(), turn => turn,
            goal => facts.goal, stage => campaign.funnel_stage().name(), tone => campaign.tone().name(),
            engagement => campaign.past_engagement().name(), platform => campaign.platform().name(),
            slogan => facts.slogan(),
            may_join => facts.may_join, is_one => facts.is_one, is_brief => facts.is_brief, is_plain => facts.is_plain,
        })?;
        Ok(tidy(&text))
    }

    /// Names one poster a variant; each is drawn when it is asked for.
    async fn name_posters(
        &self,
        brief: &Brief,
        Wanted { content, variants }: Wanted<'_>,
        store: &ImageStore,
    ) -> Result<Vec<ImageName>, WriteError> {
        let facts = Facts::new(&self.data, brief);
        let slogans = facts.slogans(content.slogan.as_deref().unwrap_or_default());
        let (tone, platform, seed) = (brief.campaign.tone(), brief.campaign.platform(), facts.seed);
        let numbered = slogans.into_iter().cycle().take(brief.campaign.n_variants()).enumerate();
        let numbered = numbered.filter(|(variant, _)| variants.contains(variant));
        let orders = numbered.map(|(variant, slogan)| Order { slogan, tone, platform, seed, variant });
        let orders: Vec<Order> = orders.collect();
        let store = store.clone();
        let naming = move || orders.iter().map(|order| store.name_poster(&order.describe())).collect();
        let failed = |kind| WriteError::new(WriteStep::Draw, kind);
        let named: io::Result<Vec<ImageName>> =
            tokio::task::spawn_blocking(naming).await.map_err(|e| failed(WriteErrorKind::Internal).with_source(e))?;
        named.map_err(|e| failed(WriteErrorKind::Storage).with_source(e))
    }
}

impl Provider for Offline {
    fn name(&self) -> &'static str {
        "offline"
    }

    fn write<'a>(&'a self, task: &'a Task<'a>, _prompt: &'a Prompt) -> BoxFuture<'a, Result<Draft, WriteError>> {
        let failed = |e| WriteError::new(WriteStep::Prompt, WriteErrorKind::Internal).with_source(e);
        async move { self.write_brief(task.brief).map_err(failed) }.boxed()
    }

    fn draw<'a>(
        &'a self,
        task: &'a Task<'a>,
        wanted: Wanted<'a>,
        store: &'a ImageStore,
    ) -> BoxFuture<'a, Result<Pictures, WriteError>> {
        async move {
            let images = self.name_posters(task.brief, wanted, store).await?;
            Ok(Pictures { images, model: "offline".to_owned(), spent: Spent::NOTHING, waited: Duration::ZERO })
        }
        .boxed()
    }
}

/// The lines as paragraphs, without empty ones and doubled blanks; `⏎` breaks a line in one.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        if !tidy.is_empty() {
            tidy.push_str("\n\n");
        }
        tidy.push_str(first);
        for word in words {
            tidy.push(' ');
            tidy.push_str(word);
        }
    }
    if tidy.contains('⏎') { tidy.replace('⏎', "\n") } else { tidy }
}

/// Which of `n` phrases is taken: each once in `n` turns, and every round begins elsewhere, on its own way by section.
fn index_of(hash: u64, turn: usize, n: usize) -> Option<usize> {
    (Dice::new(hash, turn.checked_div(n)?).below(n) + turn).checked_rem(n)
}

#[cfg(test)]
mod tests;
