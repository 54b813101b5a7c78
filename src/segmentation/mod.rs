//! From a table of customers to written segments: what an upload and the `segment` command share.
//!
//! [`group`] is the processor's part (place every row, count every segment's traits), [`Grouped::briefs`] what a writer
//! is asked for, and [`Answer`] what a caller reads. Knows no HTTP and no file format.

mod answer;
mod content;
mod lift;
mod members;
mod regenerate;
mod schema;
mod tracking;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::content::{Audience, Brief, Campaign, WrittenFor};
use crate::customer::{CustomerTable, Schema};
use crate::model_store::ModelVersion;
use crate::pipeline::{
    AssignError, Assignment, Distinction, Drift, MIN_CUSTOMERS, MIN_OBSERVED, Persona, Placement, SegmentId,
    TablePlaces, Tallies,
};

pub use answer::{Answer, AnswerContext, SegmentAnswer};
pub use content::{AddressOf, WrittenAnswer};
pub use lift::{Lift, MeanLift, TraitLift, ValueLift, value_schema};
pub use members::{Entry, Member};
pub use regenerate::Regenerate;
pub use schema::{any_object, persona_schema};
pub use tracking::Tracking;

use lift::Baseline;

/// The rows of one table in the segments of one model version.
#[derive(Debug)]
pub struct Grouped {
    version: Arc<ModelVersion>,
    table: CustomerTable,
    assignment: Assignment,
    groups: Vec<Group>,
    drift: Option<Drift>,
}

/// Whose customers the description is based on: the upload's or the training's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DescribedBy {
    /// These very customers, beside the others of the upload.
    Upload,
    /// The customers of the training, as far as these do not contradict them.
    Training,
}

/// The customers of one segment.
#[derive(Debug)]
pub struct Group {
    /// The trained segment's id; −1 for the customers outside every cluster.
    pub cluster_id: i64,
    /// Their rows, in the table's order.
    pub rows: Vec<u32>,
    /// The trained persona; for the customers outside every cluster, what is observed.
    pub persona: Persona,
    /// What these very customers have in common.
    pub observed: Persona,
    /// How that compares with the whole table.
    pub lift: Lift,
    /// What sets these customers apart: as observed where there are 50 or more, else as trained, as far as 10 or more
    /// of them do not contradict it.
    pub distinction: Distinction,
    /// The same in sentences.
    pub summary: String,
    /// On whom it rests; `None` where nothing can be said.
    pub described_by: Option<DescribedBy>,
}

/// What is said of a model's only segment.
const EVERYONE_IS_ONE: &str = "The model has one segment, everyone: nothing sets these customers apart.";

/// Places every row of `table` and describes the segments that occur in it.
///
/// # Errors
/// As [`crate::pipeline::Model::assign`].
pub fn group(version: Arc<ModelVersion>, table: CustomerTable) -> Result<Grouped, AssignError> {
    let assignment = version.model.assign(&table)?;
    let model = &version.model;
    let outside = model.segments().len();
    let group_of = |place: &Placement| place.segment.and_then(|id| model.position(id)).unwrap_or(outside);
    let group_of_profile: Vec<i32> =
        assignment.placements.iter().map(|place| i32::try_from(group_of(place)).unwrap_or(i32::MAX)).collect();
    let group_of_row: Vec<i32> = assignment
        .profile_of_row
        .iter()
        .map(|&profile| group_of_profile.get(profile as usize).copied().unwrap_or(i32::MAX))
        .collect();
    let mut rows = vec![Vec::new(); outside + 1];
    for (row, &group) in (0_u32..).zip(&group_of_row) {
        if let Some(rows) = usize::try_from(group).ok().and_then(|group| rows.get_mut(group)) {
            rows.push(row);
        }
    }
    let tallies = Tallies::count(&table, &group_of_row, outside + 1);
    let (counts, overall) = tallies.traits();
    let observed_distinctions = tallies.distinctions();
    let baseline = Baseline::new(&table, overall);
    let ids: Vec<Option<SegmentId>> =
        model.segments().iter().map(|segment| Some(segment.cluster_id)).chain([None]).collect();
    // How few have moved would tell what they are.
    let profile = version.profile.as_ref().filter(|_| table.n_customers() >= MIN_CUSTOMERS);
    let drift = profile.map(|profile| profile.drift_of(&tallies, &ids));
    let trained = model.segments().iter().map(Some).chain([None]).enumerate();
    let counted = rows.into_iter().zip(counts.into_iter().zip(observed_distinctions));
    let groups = trained.zip(counted).filter(|(_, (rows, _))| !rows.is_empty());
    let groups = groups
        .map(|((place, trained), (rows, (counts, seen)))| {
            let observed = Persona::from_counts(&counts);
            let lift = baseline.lift(&counts);
            let persona = trained.map_or_else(|| observed.clone(), |segment| segment.persona.clone());
            let cluster_id = SegmentId::code(trained.map(|segment| segment.cluster_id));
            let is_seen = rows.len().min(table.n_rows() - rows.len()) as u64 >= MIN_OBSERVED;
            let n_rows = rows.len() as u64;
            let as_trained = trained.and_then(|segment| segment.distinction.as_ref());
            let (distinction, described_by) = match as_trained.filter(|_| !is_seen) {
                // Too small to speak for itself.
                Some(trained) => (tallies.uncontradicted(place, trained), Some(DescribedBy::Training)),
                None if is_seen => (seen, Some(DescribedBy::Upload)),
                None => (Distinction::default(), None),
            };
            let described_by =
                described_by.filter(|by| *by == DescribedBy::Upload || !distinction.distinguishing.is_empty());
            let summary = match trained {
                Some(segment) if !is_seen && segment.distinction.is_none() => segment.summary().to_owned(),
                // There is nobody else, in this file or in any.
                Some(_) if outside == 1 && described_by.is_none() && n_rows >= MIN_OBSERVED => {
                    EVERYONE_IS_ONE.to_owned()
                }
                _ => summary_of_group(&distinction, model.schema(), n_rows, described_by),
            };
            Group { cluster_id, rows, persona, observed, lift, distinction, summary, described_by }
        })
        .collect();
    Ok(Grouped { version, table, assignment, groups, drift })
}

/// What sets the `n_rows` customers of one segment of a file apart, in sentences.
pub fn summary_of_group(
    distinction: &Distinction,
    schema: &Schema,
    n_rows: u64,
    described_by: Option<DescribedBy>,
) -> String {
    match described_by {
        None => nothing_told(n_rows),
        Some(DescribedBy::Upload) => distinction.summary_within_file(schema, n_rows),
        // The shares are the training's, whatever so few customers are.
        Some(DescribedBy::Training) => {
            format!("In the training: {}", distinction.summary(schema, n_rows.max(MIN_CUSTOMERS)))
        }
    }
}

/// Why nothing is said of a group: it is small, or the rest of its file is.
fn nothing_told(n_rows: u64) -> String {
    match n_rows {
        n if n < MIN_CUSTOMERS => format!("Fewer than {MIN_CUSTOMERS} customers: too few to say anything of them."),
        n if n < MIN_OBSERVED => format!("These {n} customers are too few to say what sets them apart."),
        _ => "The file has too few other customers to say what sets these apart.".to_owned(),
    }
}

impl Grouped {
    /// The customers that were grouped.
    pub fn table(&self) -> &CustomerTable {
        &self.table
    }

    /// The segments that occur, by id; the customers outside every cluster come last.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Where the customers are on the map of the training, in the plane of [`crate::pipeline::Model::overview`]; `None`
    /// where the method has no map.
    ///
    /// # Errors
    /// As [`crate::pipeline::Model::assign`].
    pub fn places(&self, max_points: usize) -> Result<Option<TablePlaces>, AssignError> {
        self.version.model.table_places(&self.table, max_points)
    }

    /// How far the customers have moved from the training's; `None` for a version that was made without any, and for
    /// fewer than 10 customers.
    pub fn drift(&self) -> Option<&Drift> {
        self.drift.as_ref()
    }

    /// For whom a text is that was written for one of the segments.
    pub fn written_for<'a>(&'a self, group: &Group, campaign: &'a Campaign) -> WrittenFor<'a> {
        WrittenFor {
            model_version: self.version.id.as_str(),
            cluster_id: Some(group.cluster_id),
            persona: None,
            campaign,
        }
    }

    /// What is to be written for each segment, in their order.
    pub fn briefs(&self, campaign: &Campaign) -> Vec<Brief> {
        let schema = self.version.model.schema();
        let of = |group: &Group| {
            let mut segments = self.version.model.segments().iter();
            let trained = segments.find(|segment| SegmentId::code(Some(segment.cluster_id)) == group.cluster_id);
            // A small group is described by its segment's traits: the segment's customers are behind them.
            let customers = trained.map_or(0, |segment| segment.customers).max(group.rows.len() as u64);
            let audience = Audience::of_group(schema, &group.persona, &group.distinction, customers, &group.summary);
            Brief { audience, campaign: campaign.clone() }
        };
        self.groups.iter().map(of).collect()
    }
}
