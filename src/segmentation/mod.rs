//! From a table of customers to written segments: what an upload and the `segment` command share.
//!
//! [`group`] is the processor's part (place every row, count every segment's traits), [`Grouped::briefs`] what a writer
//! is asked for, and [`Answer`] what a caller reads. Knows no HTTP and no file format; may import [`crate::content`],
//! [`crate::model_store`], [`crate::pipeline`] and [`crate::customer`].

mod answer;
mod content;
mod lift;
mod members;
mod schema;

use std::sync::Arc;

use crate::content::{Audience, Brief, Campaign};
use crate::customer::CustomerTable;
use crate::model_store::ModelVersion;
use crate::pipeline::{AssignError, Assignment, Persona, count_traits};

pub use answer::{Answer, SegmentAnswer};
pub use content::{AddressOf, WrittenAnswer};
pub use lift::{Lift, MeanLift, TraitLift, ValueLift};
pub use members::{Entry, Member};
pub use schema::persona_schema;

use lift::Baseline;

/// The rows of one table in the segments of one model version.
#[derive(Debug)]
pub struct Grouped {
    version: Arc<ModelVersion>,
    table: CustomerTable,
    assignment: Assignment,
    groups: Vec<Group>,
}

/// The customers of one segment.
#[derive(Debug)]
pub struct Group {
    /// The trained cluster's id; −1 for the customers outside every cluster.
    pub cluster_id: i32,
    /// Their rows, in the table's order.
    pub rows: Vec<u32>,
    /// The trained persona; for the customers outside every cluster, what is observed.
    pub persona: Persona,
    /// What these very customers have in common.
    pub observed: Persona,
    /// How that compares with the whole table.
    pub lift: Lift,
    /// The persona in one sentence.
    pub summary: String,
}

/// Places every row of `table` and describes the segments that occur in it.
///
/// # Errors
/// As [`crate::pipeline::Model::assign`].
pub fn group(version: Arc<ModelVersion>, table: CustomerTable) -> Result<Grouped, AssignError> {
    let assignment = version.model.assign(&table)?;
    let n_clusters = version.model.segments().len();
    let outside = i32::try_from(n_clusters).unwrap_or(i32::MAX);
    let group_of_row: Vec<i32> =
        assignment.labels().into_iter().map(|label| if label < 0 { outside } else { label }).collect();
    let mut rows = vec![Vec::new(); n_clusters + 1];
    for (row, &group) in (0_u32..).zip(&group_of_row) {
        if let Some(rows) = usize::try_from(group).ok().and_then(|group| rows.get_mut(group)) {
            rows.push(row);
        }
    }
    let (counts, overall) = count_traits(&table, &group_of_row, n_clusters + 1);
    let baseline = Baseline::new(&table, overall);
    let groups = rows.into_iter().zip(counts).enumerate().filter(|(_, (rows, _))| !rows.is_empty());
    let groups = groups
        .map(|(id, (rows, counts))| {
            let observed = Persona::from_counts(&counts);
            let lift = baseline.lift(&counts);
            let trained = version.model.segments().get(id);
            let persona = trained.map_or_else(|| observed.clone(), |segment| segment.persona.clone());
            let cluster_id = if trained.is_some() { i32::try_from(id).unwrap_or(i32::MAX) } else { -1 };
            Group { cluster_id, rows, summary: persona.summary(version.model.schema()), persona, observed, lift }
        })
        .collect();
    Ok(Grouped { version, table, assignment, groups })
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

    /// What is to be written for each segment, in their order.
    pub fn briefs(&self, campaign: &Campaign) -> Vec<Brief> {
        let schema = self.version.model.schema();
        let of = |group: &Group| Brief { audience: Audience::new(schema, &group.persona), campaign: campaign.clone() };
        self.groups.iter().map(of).collect()
    }
}
