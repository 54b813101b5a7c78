//! What the template is given: the report and the fit, in the order and the words of the page.

use std::collections::BTreeMap;

use minijinja::Value;
use serde::Serialize;

use super::checks::GateRow;
use super::comparison;
use super::palette::{Mark, Shape};
use super::verdict::VerdictView;
use crate::customer::{DatePart, FeatureKind, MONTHS};
use crate::pipeline::{
    ColumnDrift, Drift, Fitted, Method, Model, Overview, Scores, Segment, SegmentId, TraitCounts, TraitValue,
};
use crate::retrain::RetrainReport;

/// Values of one trait that are shown, at least; a persona may ask for more.
const MIN_VALUES: usize = 3;

#[derive(Serialize)]
pub(super) struct Page<'a> {
    made: String,
    version: String,
    verdict: VerdictView,
    report: &'a RetrainReport,
    /// Of the model that was fitted.
    scores: Vec<ScoreRow>,
    segments: Vec<SegmentRow>,
    outside: Option<OutsideRow>,
    map: Option<Map>,
    drift: Option<DriftView<'a>>,
    comparison: Option<comparison::View<'a>>,
    gate: Vec<GateRow<'a>>,
    dropped: Vec<(String, usize)>,
    /// The sheets of workbooks that have several, and what each was used for.
    sheets: Vec<(String, String)>,
    notes: Vec<&'a str>,
    params: Vec<(&'static str, Vec<(String, String)>)>,
    seconds: f64,
}

#[derive(Serialize)]
struct MarkView {
    colour: String,
    shape: Shape,
}

#[derive(Serialize)]
struct SegmentRow {
    cluster_id: SegmentId,
    mark: MarkView,
    summary: String,
    /// Customers before and now; `None` where there was, or is, no such segment.
    before: Option<Size>,
    now: Option<Size>,
    fate: String,
    /// How much of it a training on four fifths of the customers found again, 0 to 1.
    found_again: Option<f64>,
    traits: Vec<TraitView>,
}

#[derive(Serialize)]
struct OutsideRow {
    mark: MarkView,
    before: Option<Size>,
    now: Size,
}

#[derive(Serialize)]
struct Size {
    customers: u64,
    share: f64,
}

/// One trait of a segment beside everyone's.
#[derive(Serialize)]
struct TraitView {
    title: String,
    bars: Vec<Bar>,
    /// Of a number: the segment's mean and everyone's.
    means: Option<(String, String)>,
    /// Values that are not shown.
    n_more: usize,
}

#[derive(Serialize)]
struct Bar {
    label: String,
    share: f64,
    everyone: f64,
}

/// The picture of the customers and what is to be said of it.
#[derive(Serialize)]
pub(super) struct Map {
    svg: Value,
    shown: u64,
    profiles: u64,
    variance_share: f64,
    /// `None` where distances between segments are true.
    gap_share: Option<f64>,
}

#[derive(Serialize)]
struct DriftView<'a> {
    level: &'static str,
    unseen_share: f64,
    outside_share: f64,
    columns: Vec<DriftRow<'a>>,
}

#[derive(Serialize)]
struct DriftRow<'a> {
    title: &'a str,
    total_variation: f64,
    level: &'static str,
    /// Of a bar that ends at 0.3.
    width: f64,
    shift: Option<&'a crate::pipeline::Shift>,
}

#[derive(Serialize)]
struct ScoreRow {
    title: &'static str,
    now: String,
    live: Option<String>,
}

impl<'a> Page<'a> {
    /// Puts the page together.
    pub fn new(report: &'a RetrainReport, fitted: Option<&Fitted>, live: Option<&Model>, map: Option<Map>) -> Self {
        let live_scores = report.live.as_ref().map(|live| &live.scores);
        let outside = |scores: &Scores| Size {
            customers: (scores.noise_share * scores.rows as f64).round() as u64,
            share: scores.noise_share,
        };
        let outside = report.scores.as_ref().map(|scores| OutsideRow {
            mark: MarkView::of(None),
            before: live_scores.map(outside),
            now: outside(scores),
        });
        let took = &report.seconds;
        Self {
            made: report.at.strftime("%-d %B %Y, %H:%M UTC").to_string(),
            version: report.at.strftime("%Y%m%dT%H%M%SZ").to_string(),
            verdict: VerdictView::of(report),
            report,
            scores: report.scores.as_ref().map(|scores| score_rows(scores, live_scores)).unwrap_or_default(),
            segments: fitted.map(|fitted| segment_rows(report, fitted, live)).unwrap_or_default(),
            outside,
            map,
            drift: report.drift.as_ref().map(DriftView::of),
            comparison: report.comparison.as_ref().map(comparison::View::of),
            gate: report.gate.iter().map(GateRow::of).collect(),
            dropped: report.cleaning.dropped.iter().map(|(reason, &rows)| (reason.to_string(), rows)).collect(),
            sheets: report.cleaning.sheets.iter().map(|sheet| (sheet.place(), sheet.fate())).collect(),
            notes: report.cleaning.notes.iter().map(|note| note.sentence.as_str()).collect(),
            params: params(report),
            seconds: took.reading + took.fitting + took.judging,
        }
    }
}

impl MarkView {
    fn of(segment: Option<SegmentId>) -> Self {
        let mark = Mark::of(segment);
        Self { colour: mark.css(), shape: mark.shape }
    }
}

impl Map {
    /// The picture, which is taken as it is.
    pub fn new(overview: &Overview, svg: String) -> Self {
        Self {
            svg: Value::from_safe_string(svg),
            shown: overview.points.len() as u64,
            profiles: overview.n_profiles as u64,
            variance_share: overview.variance_share,
            gap_share: Some(overview.gap_share).filter(|&share| share < 1.0),
        }
    }
}

/// The segments of the fit by id, then those that ended.
fn segment_rows(report: &RetrainReport, fitted: &Fitted, live: Option<&Model>) -> Vec<SegmentRow> {
    let customers_before = report.live.as_ref().map_or(0, |live| live.scores.rows).max(1) as f64;
    let size_before = |customers: u64| Size { customers, share: customers as f64 / customers_before };
    let kept: BTreeMap<SegmentId, _> = report.matching.kept.iter().map(|kept| (kept.cluster_id, kept)).collect();
    let of = |segment: &Segment| {
        let kept = kept.get(&segment.cluster_id);
        let is_back = report.matching.returned.iter().any(|back| back.cluster_id == segment.cluster_id);
        SegmentRow {
            cluster_id: segment.cluster_id,
            mark: MarkView::of(Some(segment.cluster_id)),
            summary: segment.summary().to_owned(),
            before: kept.map(|kept| size_before(kept.customers_before)),
            now: Some(Size { customers: segment.customers, share: segment.share }),
            fate: kept.map_or(if is_back { "is back" } else { "new" }.to_owned(), |kept| {
                format!("goes on, {}\u{202f}% shared", share_of(kept.shared, kept.customers))
            }),
            found_again: fitted.refit.as_ref().and_then(|refit| refit.stability_of(segment.cluster_id)),
            traits: traits(segment, fitted),
        }
    };
    let vanished = report.matching.vanished.iter().map(|vanished| SegmentRow {
        cluster_id: vanished.cluster_id,
        mark: MarkView::of(Some(vanished.cluster_id)),
        summary: live
            .and_then(|live| Some(live.segment(vanished.cluster_id)?.summary().to_owned()))
            .unwrap_or_default(),
        before: Some(size_before(vanished.customers_before)),
        now: None,
        fate: "is no more".to_owned(),
        found_again: None,
        traits: Vec::new(),
    });
    fitted.model.segments().iter().map(of).chain(vanished).collect()
}

fn share_of(part: u64, whole: u64) -> u64 {
    (100.0 * part as f64 / whole.max(1) as f64).round() as u64
}

fn traits(segment: &Segment, fitted: &Fitted) -> Vec<TraitView> {
    let own = fitted.clusters.get(&segment.cluster_id).into_iter().flatten();
    let features = fitted.model.schema().features();
    let counts = own.zip(&fitted.everyone).zip(features);
    counts.map(|((own, everyone), feature)| trait_view(feature.kind, own, everyone)).collect()
}

fn trait_view(kind: FeatureKind<'_>, own: &TraitCounts, everyone: &TraitCounts) -> TraitView {
    let title = own.title.replace('_', " ");
    if kind == FeatureKind::Number {
        let mean = |counts: &TraitCounts| counts.told().next().map_or("–".to_owned(), |(mean, _)| mean.to_string());
        return TraitView { title, bars: Vec::new(), means: Some((mean(own), mean(everyone))), n_more: 0 };
    }
    let (n_own, n_everyone) = (own.customers.max(1) as f64, everyone.customers.max(1) as f64);
    let bar = |(value, n): &(TraitValue, u64)| {
        let overall = everyone.counts.iter().find(|(other, _)| other == value).map_or(0, |&(_, n)| n);
        Bar { label: label(kind, value), share: *n as f64 / n_own, everyone: overall as f64 / n_everyone }
    };
    let shown = own.top.max(MIN_VALUES);
    let is_told = everyone.told().next().is_some();
    let bars: Vec<Bar> = own.told().filter(|_| is_told).take(shown).map(bar).collect();
    let n_more = own.counts.len() - bars.len();
    TraitView { title, bars, means: None, n_more }
}

/// A value as people say it: months have names.
fn label(kind: FeatureKind<'_>, value: &TraitValue) -> String {
    let month = match (kind, value) {
        (FeatureKind::DatePart(DatePart::Month), TraitValue::Whole(month)) => usize::try_from(month - 1).ok(),
        _ => None,
    };
    month.and_then(|month| MONTHS.get(month)).map_or_else(|| value.to_string(), ToString::to_string)
}

impl<'a> DriftView<'a> {
    fn of(drift: &'a Drift) -> Self {
        let row = |column: &'a ColumnDrift| DriftRow {
            title: &column.title,
            total_variation: column.total_variation,
            level: column.level.word(),
            width: (column.total_variation / 0.3).min(1.0) * 100.0,
            shift: column.largest_shift.as_ref(),
        };
        Self {
            level: drift.level.word(),
            unseen_share: drift.unseen_share,
            outside_share: drift.outside_share,
            columns: drift.columns.iter().chain(&drift.associations).chain(&drift.segments).map(row).collect(),
        }
    }
}

fn score_rows(now: &Scores, live: Option<&Scores>) -> Vec<ScoreRow> {
    let row = |title, of: fn(&Scores) -> String| ScoreRow { title, now: of(now), live: live.map(of) };
    vec![
        row("Customers", |scores| super::environment::whole(scores.rows as u64)),
        row("Distinct profiles", |scores| super::environment::whole(scores.profiles as u64)),
        row("Segments", |scores| scores.clusters.to_string()),
        row("Customers outside every segment", |scores| super::environment::percent(scores.noise_share)),
        row("Silhouette (1 is best)", |scores| match scores.silhouette_error {
            Some(error) => format!("{} ± {error:.4}, from a sample", super::environment::decimals(scores.silhouette)),
            None => super::environment::decimals(scores.silhouette),
        }),
        row("DBCV (1 is best)", |scores| super::environment::decimals(scores.dbcv)),
        row("Trustworthiness of the map (1 is best)", |scores| super::environment::decimals(scores.trustworthiness)),
    ]
}

/// The parameters by their names in `report.json`, as far as they are set.
fn params(report: &RetrainReport) -> Vec<(&'static str, Vec<(String, String)>)> {
    let of = |part: serde_json::Result<serde_json::Value>| -> Vec<(String, String)> {
        let Ok(serde_json::Value::Object(settings)) = part else { return Vec::new() };
        let text = |value: serde_json::Value| match value {
            serde_json::Value::Null => "by itself".to_owned(),
            serde_json::Value::String(text) => text,
            // Rates and distances are single precision: 0.1, and not 0.10000000149011612.
            serde_json::Value::Number(number) if number.is_f64() => {
                number.as_f64().map_or_else(|| number.to_string(), |number| (number as f32).to_string())
            }
            other => other.to_string(),
        };
        settings.into_iter().map(|(name, value)| (name, text(value))).collect()
    };
    if report.params.method == Method::LatentClasses {
        return vec![("Segments", vec![("method".to_owned(), Method::LatentClasses.to_string())])];
    }
    vec![
        ("Map (UMAP)", of(serde_json::to_value(&report.params.umap))),
        ("Segments (HDBSCAN)", of(serde_json::to_value(&report.params.hdbscan))),
    ]
}
