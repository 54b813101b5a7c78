//! Retraining: the workbooks under `base_data/` and the waiting uploads become a published model version.
//!
//! Every trigger takes one code path, [`retrain`]: collect, fit, match the segments with the live version's, judge,
//! publish, put the uploads away. Where nothing has changed since the live version was trained, the uploads alone are
//! put away. Each step leaves the disk as it was unless all before it went well, and the process may end at any moment:
//! the writer's lock goes with it, what was half written is swept by the next writer, and an upload either still waits
//! or is base data, never both for longer than until the next training (`uploads` has the reasoning). Profiles that a
//! data engine made may take the place of all files. A candidate that the gate refuses is an outcome, not an error.
//!
//! Blocking and heavy on the processor: an async caller runs it on a thread of its own. Knows nothing of HTTP.

mod base_data;
mod collect;
mod comparing;
mod erasing;
mod error;
mod gate;
mod left_out;
mod live;
mod matching;
mod novelty;
mod page;
mod progress;
mod publishing;
mod reach;
mod report;
mod sample;
mod skipped;
mod uploads;
pub mod worker;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::causes::with_causes;
use crate::customer::Schema;
use crate::model_store::{Candidate, ModelStore, ModelVersion, Staged, StoreError, TrainedOn, VersionId, WriterLock};
use crate::pipeline::{
    Comparison, Drift, Encoded, FitError, FitParams, Fitted, GoldenSample, Judged, Method, Model, Scores, SegmentId,
    TrainingProfile,
};
use crate::pseudonyms::Pseudonyms;
use crate::workbook::Reader;

pub use base_data::taken_uploads;
pub use collect::Profiles;
pub use comparing::compare;
pub use erasing::{AlikeRows, EraseError, EraseRequest, ErasedCustomer, FoundRows, KeptBack, erase_customer};
pub use error::{NotPublished, RetrainError};
pub use gate::{Bound, CheckKind, FailedCheck, GateCheck, GateLimits, Verdict};
pub use matching::{KeptSegment, MatchError, Matching, NewSegment, VanishedSegment};
pub use page::{PageError, comparison_page};
pub use progress::{FileInTurn, Progress, Step};
pub use publishing::{Publisher, Together};
pub use report::{LiveVersion, RetrainReport, Seconds, SegmentReport};
pub use sample::is_sample;
pub use skipped::SkippedFile;
pub use uploads::{PutAway, UploadFolder};

use base_data::BaseFiles;
use collect::Collected;
use live::{SeenByLive, is_comparable, is_unchanged, live_version, seen_by_live};
use matching::Before;

/// Versions before the live one in which a segment that is back is looked for.
const MAX_EARLIER: usize = 5;

/// What to train on, and how.
#[derive(Debug, Clone)]
pub struct RetrainRequest<'a> {
    /// The folder whose workbooks are read, with every folder below it.
    pub base_data: &'a Path,
    /// The folder whose waiting uploads are read too, and then moved into the base data; `None` for base data alone.
    pub uploads: Option<UploadFolder<'a>>,
    /// How customers are known beside kept columns, and who was erased; `None` where that was never needed.
    pub pseudonyms: Option<&'a Pseudonyms>,
    /// Customers who are trained on in place of both.
    pub profiles: Option<&'a Profiles>,
    /// The columns to learn from.
    pub schema: Arc<Schema>,
    /// How to train.
    pub params: &'a FitParams,
    /// Reads the workbooks.
    pub reader: &'a Reader,
    /// What a candidate must reach.
    pub gate: GateLimits,
    /// Whether a candidate of poor quality, or one that can be no other than the live version, is published all the
    /// same.
    pub force: bool,
    /// Whether ways to train are compared first, and the best is taken; `params` where none passes.
    pub compare_first: bool,
    /// What a comparison of the same customers found of `params`, where one was made before.
    pub judged: Option<&'a Judged>,
    /// What publishes for other machines as well; `None` where this one is alone.
    pub publisher: Option<&'a dyn Publisher>,
    /// How many versions are kept.
    pub keep: NonZeroUsize,
    /// The time of the training; names the version.
    pub now: Timestamp,
    /// The day after which a date is in the future; names the folder that uploads are put into.
    pub today: Date,
}

/// How a retraining ended.
#[derive(Debug)]
#[must_use]
pub enum RetrainOutcome {
    /// A new version is live.
    Published(Box<Published>),
    /// The candidate did not pass the gate, or there was too little to train on. The live version is as it was, and so
    /// are the uploads.
    Refused(Box<RetrainReport>),
    /// The live version was trained on the same customers, by the same schema, parameters and program: another training
    /// would find the same.
    Unchanged(Box<Unchanged>),
}

/// A training that had nothing to do.
#[derive(Debug)]
pub struct Unchanged {
    /// The live version, which stays.
    pub live: VersionId,
    /// What was read.
    pub report: RetrainReport,
    /// Where the uploads are: the live version knows their customers already.
    pub put_away: PutAway,
}

/// A version that was published, and what was done after it.
#[derive(Debug)]
pub struct Published {
    /// The version.
    pub id: VersionId,
    /// What the retraining did.
    pub report: RetrainReport,
    /// Where the uploads are.
    pub put_away: PutAway,
    /// The old versions that were taken away, or why they could not be.
    pub pruned: Result<Vec<VersionId>, StoreError>,
}

/// Trains on the base data and the waiting uploads, and publishes the result as the current version if it passes the
/// gate; then puts the uploads away and prunes old versions. Nothing is trained where nothing has changed, unless it is
/// forced. The sample is trained on where there is nothing else, and takes the place of own customers by force alone.
///
/// A file that cannot be read is named in the report and left where it is. Where there are profiles, no file is read,
/// and uploads go on waiting.
///
/// # Errors
/// [`RetrainError`]; nothing is then published or moved. [`RetrainError::Store`] when another process is at
/// it, [`RetrainError::Shared`] or [`RetrainError::NotPublished`] when one on another machine was first.
pub fn retrain(
    store: &ModelStore,
    request: &RetrainRequest<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<RetrainOutcome, RetrainError> {
    let lock = store.lock()?;
    store.sweep(&lock)?;
    let base = BaseFiles::swept(request.base_data, &lock)?;
    let (live, live_fault) = live_version(store);
    let started = Instant::now();
    let mut collected = collect::collect(request, Some(base), progress)?;
    let (params, comparison) = comparing::choose_params(request, &collected.table, live.as_ref(), progress)?;
    let schema = Arc::new(request.schema.adjusted(&params.columns));
    collected.table = collected.table.with_schema(schema.clone());
    let request = &RetrainRequest { params: &params, schema, ..request.clone() };
    let trained_on = TrainedOn::new(collected.is_sample, Some(collected.table.fingerprint()));
    let unchanged = live.as_ref().filter(|live| live_fault.is_none() && is_unchanged(live, request, &trained_on));
    let unchanged = unchanged.filter(|_| !request.force).map(|live| live.id.clone());
    let replaces_sample = live.as_ref().is_some_and(|live| live.manifest.is_of_the_sample()) && !trained_on.sample;
    let is_first = live.is_none() || replaces_sample;
    let (live, not_compared) = match live {
        Some(live) if !is_comparable(&live, &trained_on) => (None, Some(live.id)),
        live => (live, None),
    };
    let report = RetrainReport {
        at: request.now,
        verdict: Verdict::Refused,
        gate: Vec::new(),
        limits: request.gate.clone(),
        files: collected.files.clone(),
        skipped: collected.skipped.clone(),
        trained_on_sample: collected.is_sample,
        sample_set_aside: collected.set_aside.clone(),
        unapproved: collected.unapproved.clone(),
        cleaning: collected.table.cleaning().clone(),
        params: request.params.clone(),
        everyone_instead: false,
        comparison,
        scores: None,
        refit: None,
        live: live.as_ref().map(|live| LiveVersion { version: live.id.clone(), scores: live.manifest.scores.clone() }),
        live_not_compared: not_compared,
        live_fault,
        drift: None,
        segments: Vec::new(),
        matching: Matching::default(),
        seconds: Seconds { reading: seconds(started.elapsed()), ..Seconds::default() },
    };
    let run = Run { store, lock, request, live, is_first, trained_on, collected, report, progress };
    match unchanged {
        Some(live) => Ok(run.keep_live(live)),
        None => run.fit(),
    }
}

/// A retraining that has read its files.
struct Run<'a> {
    store: &'a ModelStore,
    lock: WriterLock,
    request: &'a RetrainRequest<'a>,
    /// The version to compare with.
    live: Option<ModelVersion>,
    /// Whether the candidate is better than what is live however poor it is.
    is_first: bool,
    trained_on: TrainedOn,
    collected: Collected,
    report: RetrainReport,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl Run<'_> {
    /// Publishes nothing: `live` stays.
    fn keep_live(mut self, live: VersionId) -> RetrainOutcome {
        self.report.verdict = Verdict::Unchanged;
        let put_away =
            uploads::put_away(&self.collected.uploads, self.request.base_data, self.request.today, self.store.disk());
        RetrainOutcome::Unchanged(Box::new(Unchanged { live, report: self.report, put_away }))
    }

    fn fit(mut self) -> Result<RetrainOutcome, RetrainError> {
        let started = Instant::now();
        let table = &self.collected.table;
        let progress = self.progress;
        let customers = Encoded::of(table)?;
        reach::check(&customers, self.request.params)?;
        let told = |step, done| progress(Progress::fitting(step, done));
        let fit = |params: &FitParams| customers.fit_twice(params, &told);
        let mut fitted = fit(self.request.params);
        // Customers without any segment could be told nothing apart from one another. They are one audience.
        if self.is_first && fitted.as_ref().is_ok_and(|(fitted, _)| fitted.scores.clusters == 0) {
            self.report.params.method = Method::LatentClasses;
            self.report.everyone_instead = true;
            fitted = fit(&self.report.params);
        }
        drop(customers);
        let fitted = fitted.map(|(mut fitted, second)| {
            if let Err(error) = second {
                tracing::warn!(
                    event = "second_training_failed",
                    causes = with_causes(&error),
                    "the second training failed: nothing is known of stability and confidence"
                );
            }
            // A comparison has asked the same on more resamples: what it recommends is not refused for another draw.
            if let Some(judged) = self.judged().filter(|_| !self.report.everyone_instead) {
                (fitted.scores.least_jaccard, fitted.scores.told) = (judged.least_jaccard, judged.bits);
            }
            fitted
        });
        self.report.seconds.fitting = seconds(started.elapsed());
        let n_customers = usize::try_from(table.n_customers()).unwrap_or(usize::MAX);
        match fitted {
            Ok(fitted) => self.judge(fitted),
            Err(FitError::TooFewProfiles { found, needed }) => {
                self.report.gate = gate::check_amount(&self.request.gate, n_customers, found, needed);
                self.refuse(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a comparison found of this way to train.
    fn judged(&self) -> Option<&Judged> {
        self.report.comparison.as_ref().and_then(Comparison::best).or(self.request.judged)
    }

    fn judge(mut self, mut fitted: Fitted) -> Result<RetrainOutcome, RetrainError> {
        (self.progress)(Progress::JUDGING);
        let started = Instant::now();
        let (request, table) = (self.request, &self.collected.table);
        let SeenByLive { segments: places, drift } = seen_by_live(self.live.as_ref(), table)?;
        let elsewhere = self.request.publisher.map_or(SegmentId::new(0), Publisher::next_segment_id);
        let next_id = self.store.next_segment_id()?.max(elsewhere);
        let mut earlier = self.earlier_models();
        let live = self.live.as_ref().map(|live| &live.model);
        let before = Before { live, places: &places, earlier: &mut earlier, next_id };
        let (matching, next_segment_id) = matching::match_segments(before, table, &mut fitted)?;
        let golden = GoldenSample::take(table, &fitted).map_err(FitError::Place)?;
        let profile = TrainingProfile::of(table, &fitted);
        let candidate = Candidate {
            fitted: &fitted,
            params: request.params,
            trained_on: self.trained_on.clone(),
            golden: &golden,
            profile: &profile,
            next_segment_id,
            created_at: request.now,
        };
        let staged = self.store.stage(&self.lock, &candidate)?;
        let checks = self.checks(&fitted, &staged, drift.as_ref())?;
        // A version without segments gains by any.
        let had_none = self.live_scores().is_some_and(|live| live.clusters == 0) && fitted.scores.clusters > 0;
        let report = &mut self.report;
        report.verdict = gate::decide(&checks, self.is_first || had_none, request.force);
        report.gate = checks;
        report.scores = Some(fitted.scores.clone());
        report.refit = fitted.refit.clone();
        report.segments = fitted.model.segments().iter().map(SegmentReport::new).collect();
        report.matching = matching;
        report.drift = drift;
        report.seconds.judging = seconds(started.elapsed());
        if report.verdict == Verdict::Refused {
            drop(staged);
            return self.refuse(Some(&fitted));
        }
        let id = self.publish(staged, &fitted)?;
        let put_away = uploads::put_away(&self.collected.uploads, request.base_data, request.today, self.store.disk());
        let pruned = self.store.prune(&self.lock, request.keep.get());
        request.publisher.iter().for_each(|publisher| publisher.prune(request.keep.get(), request.now));
        Ok(RetrainOutcome::Published(Box::new(Published { id, report: self.report, put_away, pruned })))
    }

    /// What the gate asks of a candidate.
    fn checks(
        &self,
        fitted: &Fitted,
        staged: &Staged<'_>,
        drift: Option<&Drift>,
    ) -> Result<Vec<GateCheck>, RetrainError> {
        let (limits, live) = (&self.request.gate, self.live_scores());
        let is_recommended = self.judged().is_some_and(Judged::passes);
        let mut checks = gate::check_quality(limits, &fitted.scores, is_recommended);
        let live_refit =
            self.live.as_ref().map(|live| live.profile.as_ref().and_then(|profile| profile.refit.as_ref()));
        checks.extend(novelty::check_new_customers(limits, fitted.refit.as_ref(), live_refit));
        checks.extend(gate::check_meaning(limits, &fitted.scores, live));
        if let Some(live) = live {
            let brought = (self.collected.brought.as_slice(), fitted.scores.rows, live.rows);
            checks.extend(novelty::check(limits, brought, drift, self.collected.table.schema()));
        }
        let before = self.live.as_ref().and_then(|live| left_out::Training::of(self.store, &live.id));
        checks.extend(left_out::check(limits, &self.report.cleaning, &self.collected.most_left_out, before.as_ref()));
        checks.extend(before.map(|before| left_out::check_files(limits, &self.collected.skipped, &before)));
        if self.trained_on.sample && !self.is_first && self.live.is_none() {
            checks.push(gate::check_sample());
        }
        checks.extend(gate::check_integrity(staged)?);
        Ok(checks)
    }

    fn live_scores(&self) -> Option<&Scores> {
        self.live.as_ref().map(|live| &live.manifest.scores)
    }

    /// Makes the candidate the current version, with its report.
    fn publish(&self, mut staged: Staged<'_>, fitted: &Fitted) -> Result<VersionId, RetrainError> {
        (self.progress)(Progress::PUBLISHING);
        staged.add_page(&self.page(Some(fitted))?)?;
        let report = serde_json::to_value(&self.report).map_err(RetrainError::Report)?;
        let sealed = staged.seal(&report)?;
        let published = self.request.publisher.map(|publisher| publisher.publish(sealed.id(), &self.report));
        Ok(publishing::make_current(self.store, sealed, published.transpose()?.unwrap_or(false))?)
    }

    /// The models of the versions before the live one, the newest first, that were trained on customers of the same
    /// kind.
    fn earlier_models(&self) -> impl Iterator<Item = Model> + use<> {
        let (store, sample) = (self.store.clone(), self.trained_on.sample);
        let live_at = self.live.as_ref().map(|live| live.manifest.created_at);
        let versions = if live_at.is_some() { store.list().unwrap_or_default() } else { Vec::new() };
        let earlier = versions.into_iter().rev().filter(move |version| {
            let manifest = version.manifest.as_ref().ok();
            let is_earlier = manifest.map(|manifest| manifest.created_at) < live_at;
            let trained_on = manifest.and_then(|manifest| manifest.trained_on.as_ref());
            manifest.is_some() && is_earlier && trained_on.is_none_or(|on| on.sample == sample)
        });
        // A version that cannot be read is passed over: nothing is lost but an id.
        earlier.take(MAX_EARLIER).filter_map(move |version| store.load(&version.id).ok().map(|version| version.model))
    }

    fn refuse(self, fitted: Option<&Fitted>) -> Result<RetrainOutcome, RetrainError> {
        let json = serde_json::to_value(&self.report).map_err(RetrainError::Report)?;
        self.store.keep_refused(&self.lock, self.request.now, &json, &self.page(fitted)?)?;
        Ok(RetrainOutcome::Refused(Box::new(self.report)))
    }

    fn page(&self, fitted: Option<&Fitted>) -> Result<String, PageError> {
        page::render(&self.report, fitted, self.live.as_ref().map(|live| &live.model))
    }
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
