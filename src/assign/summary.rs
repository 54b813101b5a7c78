//! What became of the rows of a stream, for the line at its end.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::customer::{Dropped, MIN_CUSTOMERS, Note};
use crate::pipeline::{Drift, DriftLevel};

/// What became of the rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows in, and rows out.
    pub rows: u64,
    /// Profiles that were placed as new customers'.
    pub new_profiles: u64,
    /// Rows outside every segment.
    pub outside: u64,
    /// Rows that cannot be used, by reason.
    pub faults: Vec<FaultRows>,
    /// The version that placed them.
    pub model_version: String,
    /// How far the rows have moved from the training's customers; `None` where nothing is known of these, and of fewer
    /// than 10 rows.
    pub drift: Option<StreamDrift>,
    /// What a person should know of the columns; absent where there is nothing to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// Rows that cannot be used for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultRows {
    /// The reason and its column.
    #[serde(flatten)]
    pub reason: Dropped,
    /// How many.
    pub rows: u64,
}

/// How far rows have moved from the training's customers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamDrift {
    /// The worst level of any column.
    pub level: DriftLevel,
    /// The share of rows with a value that training never saw, 0 to 1.
    pub unseen_share: f64,
    /// The share of rows outside every segment, 0 to 1.
    pub outside_share: f64,
    /// Rows that were compared: of a stream with very many profiles the first ones.
    pub rows: u64,
}

/// Counts so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: u64,
    pub new_profiles: u64,
    outside: u64,
    faults: BTreeMap<Dropped, u64>,
    /// With the rows that it was measured on.
    pub drift: Option<(Drift, u64)>,
}

impl Tally {
    /// Counts rows; `fault` is why they cannot be used.
    pub fn add(&mut self, rows: u64, is_outside: bool, fault: Option<Dropped>) {
        self.rows += rows;
        match fault {
            Some(fault) => *self.faults.entry(fault).or_default() += rows,
            None if is_outside => self.outside += rows,
            None => {}
        }
    }

    pub fn into_summary(self, version: &str, notes: Vec<Note>) -> Summary {
        // Of fewer than ten customers nothing is said.
        let drift = self.drift.filter(|&(_, rows)| rows >= MIN_CUSTOMERS).map(|(drift, rows)| StreamDrift {
            level: drift.level,
            unseen_share: drift.unseen_share,
            outside_share: drift.outside_share,
            rows,
        });
        Summary {
            rows: self.rows,
            new_profiles: self.new_profiles,
            outside: self.outside,
            faults: self.faults.into_iter().map(|(reason, rows)| FaultRows { reason, rows }).collect(),
            model_version: version.to_owned(),
            drift,
            notes,
        }
    }
}
