//! `cluster_profiles.csv`: what each cluster's customers are like, for a spreadsheet.

use std::collections::BTreeMap;

use crate::customer::plain_cell;
use crate::pipeline::{MIN_CUSTOMERS, SegmentId, TraitCounts, TraitValue};

/// What values of fewer customers than may be told of are counted under, together.
const OTHER: &str = "Other";

/// One line a cluster, trait and value (those of fewer than 10 customers together as `Other`): customers, their share
/// of the cluster and of everyone, with a value or without, and the lift (the first share over the second). The whole
/// customer base comes last, as cluster `all`.
pub(super) fn cluster_profiles(
    clusters: &BTreeMap<SegmentId, Vec<TraitCounts>>,
    everyone: &[TraitCounts],
) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["cluster_id", "trait", "value", "customers", "share", "share_of_everyone", "lift"])?;
    let clusters = clusters.iter().map(|(id, counts)| (id.to_string(), counts.as_slice()));
    for (name, counts) in clusters.chain([("all".to_owned(), everyone)]) {
        for (own, all) in counts.iter().zip(everyone) {
            let (own_total, all_total) = (own.customers.max(1) as f64, all.customers.max(1) as f64);
            let everybody = all;
            let (own, all) = (pooled(own), pooled(all));
            for (value, customers) in &own.counts {
                if let TraitValue::Mean(_) = value {
                    // A mean has no share of the customers; everyone's own stands under `all`.
                    let (title, mean) = (plain_cell(&own.title).into_owned(), value.to_string());
                    table.write_record([&name, &title, &mean, &customers.to_string(), "", "", ""])?;
                    continue;
                }
                // What a cluster has few of, all may have many of: `Other` stands for what this cluster's line leaves.
                let of_all = match value.is_other() {
                    true => beside(everybody, &own),
                    false => all.counts.iter().find(|(other, _)| other == value).map_or(0, |&(_, n)| n),
                };
                let (share, share_of_all) = (*customers as f64 / own_total, of_all as f64 / all_total);
                let lift = if of_all == 0 { String::new() } else { format!("{:.3}", share / share_of_all) };
                table.write_record([
                    name.clone(),
                    plain_cell(&own.title).into_owned(),
                    plain_cell(&value.to_string()).into_owned(),
                    customers.to_string(),
                    format!("{share:.4}"),
                    format!("{share_of_all:.4}"),
                    lift,
                ])?;
            }
        }
    }
    table.into_inner().map_err(|e| e.into_error().into())
}

/// How many customers of all have a value that `told` does not list.
fn beside(all: &TraitCounts, told: &TraitCounts) -> u64 {
    let is_listed = |value: &TraitValue| !value.is_other() && told.counts.iter().any(|(told, _)| told == value);
    all.counts.iter().filter(|(value, _)| !is_listed(value)).map(|&(_, customers)| customers).sum()
}

/// The counts with the values of few customers as one; without them where together they are few, too, and without any
/// where the rest would tell how many those are.
fn pooled(counts: &TraitCounts) -> TraitCounts {
    let other = TraitValue::Name(OTHER.to_owned());
    let mut told: Vec<(TraitValue, u64)> = counts.told().cloned().collect();
    if counts.counts.iter().any(|(value, _)| matches!(value, TraitValue::Mean(_))) {
        return TraitCounts { counts: told, ..counts.clone() };
    }
    let untold = counts.counts.iter().filter(|(value, _)| !told.iter().any(|(other, _)| other == value));
    let untold: u64 = untold.map(|&(_, customers)| customers).sum();
    let is_any_told = !told.is_empty();
    match told.iter_mut().find(|(value, _)| *value == other) {
        Some((_, customers)) => *customers += untold,
        None if untold >= MIN_CUSTOMERS && is_any_told => told.push((other, untold)),
        None => {}
    }
    TraitCounts { counts: told, ..counts.clone() }
}
